// SPDX-License-Identifier: GPL-2.0

//! I2C adapters on which a host and its targets are clients of the same kernel.
//!
//! A transfer to the address of a target becomes events for it, in the order in which a controller
//! would report them, with interrupts off:
//!
//! - a write: `WRITE_REQUESTED`, then `WRITE_RECEIVED` for each byte;
//! - a read: `READ_REQUESTED` for the first byte, `READ_PROCESSED` for each further one;
//! - no stop between the messages of a transfer, one `STOP` at its end.
//!
//! What the target answers with an error is not acknowledged: the transfer fails with `EIO`, as soon
//! as the controller would notice. A transfer to nobody fails with `ENXIO`.
//!
//! The first adapter has the clients that the device tree describes.
//!
//! In debugfs there is a folder `i2c_loopback/N` for the bus N:
//!
//! - `controller`: whose habits to imitate, one of [`controller::CONTROLLERS`]; a change holds from the next
//!   transfer on;
//! - `pass`: how many transfers may pass (see [`gate`]);
//! - `sticky`: `true` makes the adapter refuse to let a target go, as controllers without power do;
//! - `without_pm`: `true` makes it let a target go and say `ENOSYS`, as some do without `CONFIG_PM`.

use kernel::{
    bindings,
    debugfs,
    fmt,
    interrupt::{
        local_interrupt_disable,
        LocalInterruptDisabled, //
    },
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    uaccess::UserSliceReader,
    ThisModule, //
};

#[path = "../../rust/kernel/i2c/adapter.rs"]
#[expect(unreachable_pub, reason = "public in the kernel crate")]
mod adapter;
mod controller;
#[cfg(CONFIG_OF)]
mod devicetree;
mod gate;

use adapter::{
    Algorithm,
    Bus,
    Direction,
    Message,
    Release,
    Target, //
};
use controller::{
    Choice,
    Controller, //
};
use gate::Gate;

/// How many adapters there may be.
const ADAPTERS: core::ops::RangeInclusive<u32> = 1..=16;

const READ_REQUESTED: bindings::i2c_slave_event =
    bindings::i2c_slave_event_I2C_SLAVE_READ_REQUESTED;
const READ_PROCESSED: bindings::i2c_slave_event =
    bindings::i2c_slave_event_I2C_SLAVE_READ_PROCESSED;
const WRITE_REQUESTED: bindings::i2c_slave_event =
    bindings::i2c_slave_event_I2C_SLAVE_WRITE_REQUESTED;
const WRITE_RECEIVED: bindings::i2c_slave_event =
    bindings::i2c_slave_event_I2C_SLAVE_WRITE_RECEIVED;
const STOP: bindings::i2c_slave_event = bindings::i2c_slave_event_I2C_SLAVE_STOP;

/// What can be set at run time.
#[pin_data]
struct Settings {
    #[pin]
    controller: Mutex<Choice>,
    sticky: Atomic<bool>,
    without_pm: Atomic<bool>,
    gate: Arc<Gate>,
}

/// The debugfs file `controller`.
struct ControllerFile(Arc<Settings>);

impl fmt::Debug for ControllerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.controller.lock().fmt(f)
    }
}

impl debugfs::Reader for ControllerFile {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        self.0.controller.read_from_slice(reader)
    }
}

/// The debugfs file of a setting that is true or false.
struct FlagFile(Arc<Settings>, fn(&Settings) -> &Atomic<bool>);

impl fmt::Debug for FlagFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1(&self.0).load(Relaxed).fmt(f)
    }
}

impl debugfs::Reader for FlagFile {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        self.1(&self.0).read_from_slice(reader)
    }
}

/// A target, and the controller that talks to it from its interrupt handler.
struct Link<'a> {
    controller: &'static Controller,
    target: &'a Target<'a>,
    irq: LocalInterruptDisabled,
}

impl Link<'_> {
    /// Reports an event, with a byte to or from the target.
    fn event(&self, event: bindings::i2c_slave_event, byte: &mut u8) -> Result {
        let null = event == WRITE_REQUESTED && self.controller.null_at_request
            || event == STOP && self.controller.null_at_stop;

        self.target.event(&self.irq, event, (!null).then_some(byte))
    }

    /// Asks for a byte.
    fn byte(&self, event: bindings::i2c_slave_event) -> Result<u8> {
        let mut byte = 0;
        let answer = self.event(event, &mut byte);
        if event == READ_REQUESTED && self.controller.nack_read {
            answer.map_err(|_| EIO)?;
        }
        Ok(byte)
    }

    fn stop(&self) {
        let _ = self.event(STOP, &mut 0);
    }

    fn write(&self, bytes: &[u8]) -> Result {
        let mut nack = None;
        for _ in 0..if self.controller.address_twice { 2 } else { 1 } {
            if self.event(WRITE_REQUESTED, &mut 0).is_err() {
                nack = self.controller.nack_after_request;
            }
        }

        for (index, byte) in bytes.iter().enumerate() {
            if self.event(WRITE_RECEIVED, &mut byte.clone()).is_err() && nack.is_none() {
                nack = self
                    .controller
                    .nack_after_byte
                    .map(|late| index.saturating_add(late));
            }
            if nack.is_some_and(|nack| nack <= index) {
                return Err(EIO);
            }
        }
        Ok(())
    }

    fn read(&self, reader: &mut adapter::Reader<'_>) -> Result {
        if !self.controller.reads {
            return Err(EIO);
        }

        let mut event = READ_REQUESTED;
        while reader.wants_more() {
            // What the host does not take of a burst is lost.
            for _ in 0..self.controller.burst {
                reader.push(self.byte(event)?)?;
                event = READ_PROCESSED;
            }
        }
        if self.controller.one_too_many {
            self.byte(event)?;
        }
        Ok(())
    }
}

struct Loopback(Arc<Settings>);

impl Algorithm for Loopback {
    const NAME: &'static CStr = c"loopback";
    const FUNCTIONALITY: u32 =
        bindings::I2C_FUNC_I2C | bindings::I2C_FUNC_SMBUS_EMUL_ALL | bindings::I2C_FUNC_SLAVE;

    fn transfer(&self, bus: &Bus<'_>, messages: &mut [Message]) -> Result {
        let Some(address) = messages.first().map(Message::address) else {
            return Ok(());
        };
        self.0.gate.pass()?;
        let controller = self.0.controller.lock().0;
        let target = bus.target(address).ok_or(ENXIO)?;
        // Interrupts are off for the time of a message at most.
        let link = || Link {
            controller,
            target: &target,
            irq: local_interrupt_disable(),
        };

        let mut result = Ok(());
        for (index, message) in messages.iter_mut().enumerate() {
            if index > 0 && controller.stop_at_repeated_start {
                link().stop();
            }
            result = match message.direction() {
                Direction::Write(bytes) => link().write(bytes),
                Direction::Read(mut reader) => link().read(&mut reader),
            };
            if result.is_err() {
                break;
            }
        }

        link().stop();
        if controller.stop_twice {
            link().stop();
        }
        result
    }

    fn release_target(&self) -> Release {
        if self.0.sticky.load(Relaxed) {
            Release::Refused(EBUSY)
        } else if self.0.without_pm.load(Relaxed) {
            Release::DoneWith(ENOSYS)
        } else {
            Release::Done
        }
    }
}

/// The debugfs files of an adapter.
#[pin_data]
struct Files {
    #[pin]
    controller: debugfs::File<ControllerFile>,
    #[pin]
    sticky: debugfs::File<FlagFile>,
    #[pin]
    without_pm: debugfs::File<FlagFile>,
    #[pin]
    pass: debugfs::File<gate::File>,
}

impl Files {
    fn new<'a>(dir: &'a debugfs::Dir, settings: Arc<Settings>) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            controller <- dir.read_write_file(c"controller", ControllerFile(settings.clone())),
            pass <- dir.read_write_file(c"pass", gate::File(settings.gate.clone())),
            without_pm <- dir.read_write_file(
                c"without_pm",
                FlagFile(settings.clone(), |settings| &settings.without_pm),
            ),
            sticky <- dir.read_write_file(
                c"sticky",
                FlagFile(settings, |settings| &settings.sticky),
            ),
        })
    }
}

struct I2cLoopback {
    _files: KVec<Pin<KBox<Files>>>,
    _adapters: KVec<Pin<KBox<adapter::Registration<Loopback>>>>,
}

impl kernel::Module for I2cLoopback {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let count = module_parameters::adapters.value();
        if !ADAPTERS.contains(&count) {
            pr_err!(
                "adapters={count} is not between {} and {}\n",
                ADAPTERS.start(),
                ADAPTERS.end()
            );
            return Err(EINVAL);
        }

        let root = debugfs::Dir::new(c"i2c_loopback");
        let mut files = KVec::new();
        let mut adapters = KVec::new();
        for _ in 0..count {
            let gate = Gate::new()?;
            let settings = Arc::pin_init(
                pin_init!(Settings {
                    controller <- new_mutex!(Choice::default()),
                    sticky: Atomic::new(false),
                    without_pm: Atomic::new(false),
                    gate,
                }),
                GFP_KERNEL,
            )?;
            let adapter = KBox::pin_init(
                adapter::Registration::register(Loopback(settings.clone()), module),
                GFP_KERNEL,
            )?;
            let dir = root.subdir(&CString::try_from_fmt(fmt!("{}", adapter.number()))?);
            files.push(
                KBox::pin_init(Files::new(&dir, settings), GFP_KERNEL)?,
                GFP_KERNEL,
            )?;
            adapters.push(adapter, GFP_KERNEL)?;
        }
        #[cfg(CONFIG_OF)]
        if let Some(first) = adapters.first() {
            devicetree::add_clients(first.number())?;
        }
        Ok(Self {
            _files: files,
            _adapters: adapters,
        })
    }
}

module! {
    type: I2cLoopback,
    name: "i2c_loopback",
    authors: ["The bmc-rust authors"],
    description: "I2C adapters that connect hosts and targets in one kernel",
    license: "GPL",
    params: {
        adapters: u32 {
            default: 1,
            description: "How many adapters (1 to 16)",
        },
    },
}

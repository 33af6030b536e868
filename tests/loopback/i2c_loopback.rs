// SPDX-License-Identifier: GPL-2.0

//! I2C adapters on which a host and its targets are clients of the same kernel.
//!
//! A transfer to the address of a target becomes events for it, in the order in which a controller
//! would report them:
//!
//! - a write: `WRITE_REQUESTED`, then `WRITE_RECEIVED` for each byte;
//! - a read: `READ_REQUESTED` for the first byte, `READ_PROCESSED` for each further one;
//! - no stop between the messages of a transfer, one `STOP` at its end.
//!
//! A byte that the target refuses is not acknowledged: the transfer fails with `EIO`, as soon as the
//! controller would notice. A transfer to an address without a target fails with `ENXIO`.
//!
//! The first adapter has the clients that the device tree describes.
//!
//! In debugfs there is a folder `i2c_loopback/N` for the bus N:
//!
//! - `controller`: the controller to imitate, one of [`controller::CONTROLLERS`]; a change holds from the
//!   next transfer on;
//! - `faults`: transfers that fail or are slow (see [`faults::File`]);
//! - `functionality`: the capabilities of the adapter (see [`functionality`]);
//! - `pass`: how many transfers may pass (see [`gate`]);
//! - `release`: the answer when a target is to be released: `done`; `fails ERRNO`, after releasing it;
//!   `keeps ERRNO` or `keeps ERRNO COUNT`, without releasing it, for ever or that often. A negative
//!   number is a positive result;
//! - `runtime_error`: `true` while runtime power management of the adapter's parent has failed;
//! - `trace`: the transfers (see [`trace::File`]).

use kernel::{
    bindings,
    debugfs,
    device,
    faux,
    fmt,
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Mutex, //
    },
    uaccess::UserSliceReader,
    ThisModule, //
};

mod adapter;
mod controller;
#[cfg(CONFIG_OF)]
mod devicetree;
mod faults;
mod functionality;
mod gate;
mod handler;
mod trace;
mod wire;

use adapter::{
    Algorithm,
    Bus,
    Release,
    Targets,
    Transaction, //
};
use controller::{
    Choice,
    Context, //
};
use faults::Faults;
use functionality::Functionality;
use gate::Gate;
use handler::{
    Handler,
    Thread, //
};
use trace::{
    Entry,
    Trace, //
};
use wire::Route;

/// How many adapters there may be.
const ADAPTERS: core::ops::RangeInclusive<u32> = 1..=32;

/// The answer of a controller that is to release a target.
#[derive(Clone, Copy)]
enum Answer {
    Done,
    Fails(c_int),
    Keeps(c_int, u32),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(f, "done"),
            Self::Fails(errno) => write!(f, "fails {errno}"),
            Self::Keeps(errno, u32::MAX) => write!(f, "keeps {errno}"),
            Self::Keeps(errno, count) => write!(f, "keeps {errno} {count}"),
        }
    }
}

impl core::str::FromStr for Answer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        fn number<T: core::str::FromStr>(word: &str) -> Result<T> {
            word.parse().map_err(|_| EINVAL)
        }

        let mut words = text.split_ascii_whitespace();
        let answer = match (words.next(), words.next(), words.next()) {
            (Some("done"), None, None) => Self::Done,
            (Some("fails"), Some(errno), None) => Self::Fails(number(errno)?),
            (Some("keeps"), Some(errno), None) => Self::Keeps(number(errno)?, u32::MAX),
            (Some("keeps"), Some(errno), Some(count)) => {
                Self::Keeps(number(errno)?, number(count)?)
            }
            _ => return Err(EINVAL),
        };
        words.next().map_or(Ok(answer), |_| Err(EINVAL))
    }
}

impl Answer {
    /// Answers once.
    fn take(&mut self) -> Release {
        match self {
            Self::Done => Release::Done(0),
            Self::Fails(errno) => Release::Done(errno.saturating_neg()),
            Self::Keeps(errno, count) => {
                let kept = Release::Kept(errno.saturating_neg());
                if *count != u32::MAX {
                    *count = count.saturating_sub(1);
                }
                if *count == 0 {
                    *self = Self::Done;
                }
                kept
            }
        }
    }
}

/// The settings that can be changed at run time.
#[pin_data]
struct Settings {
    #[pin]
    controller: Mutex<Choice>,
    #[pin]
    release: Mutex<Answer>,
    #[pin]
    functionality: Mutex<Functionality>,
    faults: Arc<Faults>,
    gate: Arc<Gate>,
    trace: Arc<Trace>,
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

/// The debugfs file `functionality`.
struct FunctionalityFile(Arc<Settings>);

impl fmt::Debug for FunctionalityFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.functionality.lock().fmt(f)
    }
}

impl debugfs::Reader for FunctionalityFile {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        self.0.functionality.read_from_slice(reader)
    }
}

/// The debugfs file `release`.
struct ReleaseFile(Arc<Settings>);

impl fmt::Debug for ReleaseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.release.lock().fmt(f)
    }
}

impl debugfs::Reader for ReleaseFile {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        self.0.release.read_from_slice(reader)
    }
}

/// The parent of an adapter, and the debugfs file `runtime_error`.
struct Parent(Arc<faux::Registration>);

impl Parent {
    /// The errno of the failure, negative, or 0.
    fn runtime_error(&self) -> *mut c_int {
        let dev: &device::Device<device::Bound> = (*self.0).as_ref().as_ref();
        // CAST: `Device` is a transparent wrapper.
        let dev = core::ptr::from_ref(dev)
            .cast_mut()
            .cast::<bindings::device>();
        // SAFETY: The device is valid as long as its registration.
        unsafe { &raw mut (*dev).power.runtime_error }
    }
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: The field is valid; nothing else changes it, since the device has no callbacks.
        (unsafe { self.runtime_error().read_volatile() } != 0).fmt(f)
    }
}

impl debugfs::Reader for Parent {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        let mut text = [0; 2];
        let len = reader.len().min(text.len());
        reader.read_slice(text.get_mut(..len).ok_or(EINVAL)?)?;
        let error = match text {
            [b't', b'r'] => EIO.to_errno(),
            [b'f', b'a'] => 0,
            _ => return Err(EINVAL),
        };
        // SAFETY: As for showing it.
        unsafe { self.runtime_error().write_volatile(error) };
        Ok(())
    }
}

struct Loopback {
    settings: Arc<Settings>,
    handler: Arc<Handler>,
}

impl Loopback {
    fn execute(&self, bus: &Bus<'_>, mut transaction: Transaction) -> Result<Transaction> {
        self.settings.faults.before(&transaction)?;
        let controller = self.settings.controller.lock().0;
        let route = Route::locked(bus, transaction.address)?;

        if controller.context != Context::Interrupt {
            return self.handler.submit(controller, transaction);
        }
        self.handler.report(controller, &route, &mut transaction)?;
        Ok(transaction)
    }
}

impl Algorithm for Loopback {
    const NAME: &'static CStr = c"loopback";

    fn functionality(&self) -> u32 {
        self.settings.functionality.lock().bits()
    }

    fn transfer(&self, bus: &Bus<'_>, transaction: Transaction) -> Result<Transaction> {
        self.settings.gate.pass()?;
        let address = transaction.address;
        let written = faults::written(&transaction);
        let entry = Entry::new(&transaction);
        let result = self.execute(bus, transaction);
        if result.is_ok() {
            self.settings.faults.after(address, written);
        }
        self.settings.trace.add(entry, &result);
        result
    }

    fn release_target(&self) -> Release {
        self.settings.release.lock().take()
    }

    fn released(&self) {
        if self.settings.controller.lock().0.waits {
            self.handler.wait();
            self.handler.reset();
        }
    }
}

/// The debugfs files of an adapter.
#[pin_data]
struct Files {
    #[pin]
    controller: debugfs::File<ControllerFile>,
    #[pin]
    faults: debugfs::File<faults::File>,
    #[pin]
    functionality: debugfs::File<FunctionalityFile>,
    #[pin]
    release: debugfs::File<ReleaseFile>,
    #[pin]
    runtime_error: debugfs::File<Parent>,
    #[pin]
    pass: debugfs::File<gate::File>,
    #[pin]
    trace: debugfs::File<trace::File>,
}

impl Files {
    fn new<'a>(
        dir: &'a debugfs::Dir,
        settings: Arc<Settings>,
        parent: Arc<faux::Registration>,
    ) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            controller <- dir.read_write_file(c"controller", ControllerFile(settings.clone())),
            faults <- dir.read_write_file(c"faults", faults::File(settings.faults.clone())),
            functionality <- dir.read_write_file(c"functionality", FunctionalityFile(settings.clone())),
            trace <- dir.read_write_file(c"trace", trace::File(settings.trace.clone())),
            pass <- dir.read_write_file(c"pass", gate::File(settings.gate.clone())),
            release <- dir.read_write_file(c"release", ReleaseFile(settings)),
            runtime_error <- dir.read_write_file(c"runtime_error", Parent(parent)),
        })
    }
}

/// An adapter, and its files and thread. Removed in the order of the fields.
struct Controlled {
    _files: Pin<KBox<Files>>,
    _adapter: Pin<KBox<adapter::Registration<Loopback>>>,
    _idle: Idle,
    _thread: Thread,
    _parent: Arc<faux::Registration>,
}

impl Controlled {
    fn new(index: u32, root: &debugfs::Dir, module: &'static ThisModule) -> Result<Self> {
        let name = CString::try_from_fmt(fmt!("i2c_loopback.{index}"))?;
        let parent = Arc::new(faux::Registration::new(&name, None)?, GFP_KERNEL)?;
        let targets = Targets::new()?;
        let handler = Handler::new(targets.clone())?;
        let gate = Gate::new()?;
        let (faults, trace) = (Faults::new()?, Trace::new()?);
        let settings = Arc::pin_init(
            pin_init!(Settings {
                controller <- new_mutex!(Choice::default()),
                release <- new_mutex!(Answer::Done),
                functionality <- new_mutex!(Functionality::default()),
                faults,
                gate,
                trace,
            }),
            GFP_KERNEL,
        )?;
        let loopback = Loopback {
            settings: settings.clone(),
            handler: handler.clone(),
        };
        let thread = Thread::new(handler.clone())?;
        let dev: &device::Device<device::Bound> = (*parent).as_ref().as_ref();
        #[cfg(CONFIG_OF)]
        let node = if index == 0 {
            devicetree::node()
        } else {
            core::ptr::null_mut()
        };
        #[cfg(not(CONFIG_OF))]
        let node = core::ptr::null_mut();
        // SAFETY: `devicetree::node()` returns null or a node that stays.
        let adapter =
            unsafe { adapter::Registration::register(loopback, targets, dev, node, module) };
        let adapter = KBox::pin_init(adapter, GFP_KERNEL)?;
        let dir = root.subdir(&CString::try_from_fmt(fmt!("{}", adapter.number()))?);
        Ok(Self {
            _files: KBox::pin_init(Files::new(&dir, settings, parent.clone()), GFP_KERNEL)?,
            _adapter: adapter,
            _idle: Idle(handler),
            _thread: thread,
            _parent: parent,
        })
    }
}

/// Waits for the handler when it is dropped: a work item has a reference of its own.
struct Idle(Arc<Handler>);

impl Drop for Idle {
    fn drop(&mut self) {
        self.0.wait();
    }
}

struct I2cLoopback {
    _adapters: KVec<Controlled>,
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
        let mut adapters = KVec::new();
        for index in 0..count {
            adapters.push(Controlled::new(index, &root, module)?, GFP_KERNEL)?;
        }
        Ok(Self {
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
            description: "How many adapters (1 to 32)",
        },
    },
}

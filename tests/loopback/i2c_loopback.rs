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
//! An error for `WRITE_REQUESTED` or `READ_REQUESTED` becomes a NACK, and the transfer fails with
//! `EIO`; a transfer to nobody fails with `ENXIO`. Errors for other events are not looked at.

use kernel::{
    bindings,
    interrupt::local_interrupt_disable,
    prelude::*,
    ThisModule, //
};

#[path = "../../rust/kernel/i2c/adapter.rs"]
#[expect(unreachable_pub, reason = "public in the kernel crate")]
mod adapter;

use adapter::{
    Algorithm,
    Bus,
    Direction,
    Message,
    Target, //
};

/// How many adapters there may be.
const ADAPTERS: core::ops::RangeInclusive<u32> = 1..=16;

struct Loopback;

impl Loopback {
    /// Moves the bytes of one message.
    fn message(target: &Target<'_>, message: &mut Message) -> Result {
        let event = |event, value: Option<&mut u8>| {
            let irq = local_interrupt_disable();
            target.event(&irq, event, value)
        };

        match message.direction() {
            Direction::Write(bytes) => {
                // The byte on the wire: address and direction.
                let mut value = 0;
                event(
                    bindings::i2c_slave_event_I2C_SLAVE_WRITE_REQUESTED,
                    Some(&mut value),
                )
                .map_err(|_| EIO)?;
                for byte in bytes {
                    let mut value = *byte;
                    let _ = event(
                        bindings::i2c_slave_event_I2C_SLAVE_WRITE_RECEIVED,
                        Some(&mut value),
                    );
                }
            }
            Direction::Read(mut reader) => {
                let mut value = 0;
                event(
                    bindings::i2c_slave_event_I2C_SLAVE_READ_REQUESTED,
                    Some(&mut value),
                )
                .map_err(|_| EIO)?;
                reader.push(value)?;
                while reader.wants_more() {
                    let mut value = 0;
                    let _ = event(
                        bindings::i2c_slave_event_I2C_SLAVE_READ_PROCESSED,
                        Some(&mut value),
                    );
                    reader.push(value)?;
                }
            }
        }
        Ok(())
    }
}

impl Algorithm for Loopback {
    const NAME: &'static CStr = c"loopback";
    const FUNCTIONALITY: u32 =
        bindings::I2C_FUNC_I2C | bindings::I2C_FUNC_SMBUS_EMUL_ALL | bindings::I2C_FUNC_SLAVE;

    fn transfer(&self, bus: &Bus<'_>, messages: &mut [Message]) -> Result {
        let Some(address) = messages.first().map(Message::address) else {
            return Ok(());
        };
        let target = bus.target(address).ok_or(ENXIO)?;

        let result = messages
            .iter_mut()
            .try_for_each(|message| Self::message(&target, message));

        let mut value = 0;
        let irq = local_interrupt_disable();
        let _ = target.event(
            &irq,
            bindings::i2c_slave_event_I2C_SLAVE_STOP,
            Some(&mut value),
        );
        result
    }
}

struct I2cLoopback {
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

        let mut adapters = KVec::new();
        for _ in 0..count {
            let adapter = adapter::Registration::register(Loopback, module);
            adapters.push(KBox::pin_init(adapter, GFP_KERNEL)?, GFP_KERNEL)?;
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
            description: "How many adapters (1 to 16)",
        },
    },
}

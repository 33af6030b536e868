// SPDX-License-Identifier: GPL-2.0

//! The BMC side of the IPMI SMBus system interface (SSIF), IPMI 2.0 section 12.
//!
//! The host writes requests over SMBus and reads the responses; a daemon on the BMC gets and gives
//! them through `/dev/ipmi-ssif-host`. Drop-in for the C driver `drivers/char/ipmi/ssif_bmc.c`.
//!
//! - `protocol` and `machine` are pure logic: wire formats, and the states between them;
//! - `channel` is the character device, and joins it to bus events and the response timer;
//! - `status` shows its state and counters, `events` traces and logs what happens;
//! - this file binds all that to an i2c client, in `Ssif`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![expect(
    unreachable_pub,
    reason = "files in rust/ are written for the kernel crate"
)]
#![cfg_attr(
    not(CONFIG_DEBUG_FS),
    expect(dead_code, reason = "what only the file in debugfs shows")
)]

use kernel::{
    device,
    driver,
    i2c,
    of,
    prelude::*,
    static_lock_class,
    str::CString,
    sync::{
        atomic::{
            AtomicFlag,
            Full,
            Release, //
        },
        Arc, //
    },
    time::msecs_to_jiffies,
    InPlaceModule,
    ThisModule, //
};

use channel::{
    Channel,
    ResponseTimeout, //
};
use timer::Timer;

// What the kernel crate lacks; each file is written to be part of it one day.
#[path = "rust/bindings/lib.rs"]
mod bindings;
#[path = "rust/kernel/debugfs.rs"]
mod debugfs;
#[path = "rust/kernel/miscdevice.rs"]
mod miscdevice;
#[path = "rust/kernel/sync/monitor.rs"]
mod monitor;
#[path = "rust/kernel/i2c/smbus.rs"]
mod smbus;
#[path = "rust/kernel/i2c/target.rs"]
mod target;
#[path = "rust/kernel/timer.rs"]
mod timer;

#[path = "ssif_bmc/channel.rs"]
mod channel;
#[path = "ssif_bmc/events.rs"]
mod events;
#[path = "ssif_bmc/machine.rs"]
mod machine;
#[path = "ssif_bmc/protocol.rs"]
mod protocol;
#[path = "ssif_bmc/status.rs"]
mod status;
#[cfg(CONFIG_SSIF_IPMI_BMC_RUST_KUNIT_TEST)]
#[path = "ssif_bmc/tests.rs"]
mod tests;

/// The name of the driver, of its i2c devices, and of the first device node.
const NAME: &CStr = c"ipmi-ssif-host";

/// Milliseconds between a request and its response that can be asked for.
const TIMEOUT_MS: core::ops::RangeInclusive<u32> = 10..=60_000;

kernel::i2c_device_table!(
    I2C_TABLE,
    <Driver as i2c::Driver>::IdInfo,
    [(i2c::DeviceId::new(NAME), ())]
);

kernel::of_device_table!(
    OF_TABLE,
    <Driver as i2c::Driver>::IdInfo,
    [(of::DeviceId::new(c"ssif-bmc"), ())]
);

/// Whether there is a device node called just [`NAME`].
static NAME_TAKEN: AtomicFlag = AtomicFlag::new(false);

/// The name of a device node: [`NAME`] for one at a time, with the i2c device's name behind it for
/// others. Dropping it frees the name.
struct NodeName {
    first: bool,
}

impl NodeName {
    fn choose() -> Self {
        Self {
            first: !NAME_TAKEN.xchg(true, Full),
        }
    }

    fn render(&self, dev: &device::Device) -> Result<CString> {
        let (dash, suffix) = if self.first {
            ("", c"")
        } else {
            // Unique, since the names on the i2c bus are.
            ("-", dev.name())
        };
        CString::try_from_fmt(fmt!("{NAME}{dash}{suffix}"))
    }
}

impl Drop for NodeName {
    fn drop(&mut self) {
        if self.first {
            // Orders the removal of the node before the next use of its name.
            NAME_TAKEN.store(false, Release);
        }
    }
}

/// Ends the conversation when dropped: what anyone holds of it answers `ENODEV` from then on, and
/// sleepers wake up to hear so.
struct Session(Arc<Channel>);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.revoke();
    }
}

/// What is bound to an i2c client.
///
/// The order of the fields is the order of teardown. When it begins, [`target::Adapter`] has already
/// unregistered the target and waited for its event handlers, so that there are no more events:
///
/// 1. the conversation is revoked, and sleepers are woken;
/// 2. the timer is shut down, and a running callback waited for;
/// 3. the device node is removed, and its name freed;
/// 4. the file in debugfs is removed.
///
/// What is left then is the [`Channel`], as long as a file is open.
#[pin_data]
struct Ssif {
    session: Session,
    #[pin]
    timer: Timer<ResponseTimeout>,
    #[pin]
    _node: miscdevice::Registration<Channel>,
    _name: NodeName,
    _status: debugfs::File<Channel>,
}

struct Driver;

impl i2c::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Ssif;

    const I2C_ID_TABLE: Option<i2c::IdTable<Self::IdInfo>> = Some(&I2C_TABLE);
    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_TABLE);

    fn probe<'bound>(
        client: &'bound i2c::I2cClient<device::Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Ssif, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            let dev: &device::Device<device::Bound> = client.as_ref();
            let target::Address::SevenBit(address) = target::address(client)? else {
                dev_err!(dev, "SSIF has no ten-bit addresses\n");
                return Err(EINVAL);
            };
            let timeout = module_parameters::response_timeout_ms.value();
            let channel = Arc::pin_init(
                Channel::new((&**dev).into(), address, msecs_to_jiffies(timeout)),
                GFP_KERNEL,
            )?;
            let name = NodeName::choose();
            let node_name = name.render(dev)?;
            let debugfs_name = CString::try_from_fmt(fmt!("ssif_bmc-{}", dev.name()))?;

            Ok(try_pin_init!(Ssif {
                // Comes first, since nothing can fail after it. Who opens the device now finds a
                // conversation that the host has not begun.
                _node <- miscdevice::Registration::register(channel.clone(), node_name, dev),
                session: Session(channel.clone()),
                timer <- Timer::new(
                    ResponseTimeout(channel.clone()),
                    c"ssif_bmc_response",
                    static_lock_class!(),
                ),
                _status: debugfs::File::new(&debugfs_name, c"status", channel),
                _: {
                    dev_info!(dev, "response timeout {timeout} ms\n");
                },
                _name: name,
            }))
        })
    }
}

impl target::Driver for Driver {
    fn write_requested(this: Pin<&Ssif>) -> Result {
        this.session.0.write_requested(&this.timer)
    }

    fn write_received(this: Pin<&Ssif>, byte: u8) -> Result {
        this.session.0.write_received(&this.timer, byte)
    }

    fn read_requested(this: Pin<&Ssif>) -> u8 {
        this.session.0.read_requested(&this.timer)
    }

    fn read_processed(this: Pin<&Ssif>) -> u8 {
        this.session.0.read_processed(&this.timer)
    }

    fn stop(this: Pin<&Ssif>) {
        this.session.0.stop(&this.timer);
    }
}

#[pin_data]
struct SsifBmc {
    #[pin]
    _driver: driver::Registration<target::Adapter<Driver>>,
}

impl InPlaceModule for SsifBmc {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let timeout = module_parameters::response_timeout_ms.value();
            if !TIMEOUT_MS.contains(&timeout) {
                pr_err!(
                    "response_timeout_ms={timeout} is not between {} and {}\n",
                    TIMEOUT_MS.start(),
                    TIMEOUT_MS.end()
                );
                return Err(EINVAL);
            }

            Ok(try_pin_init!(Self {
                _driver <- driver::Registration::new(NAME, module),
            }))
        })
    }
}

module! {
    type: SsifBmc,
    name: "ssif_bmc",
    authors: ["The bmc-rust authors"],
    description: "BMC side of the IPMI SMBus system interface (SSIF)",
    license: "GPL",
    params: {
        response_timeout_ms: u32 {
            default: 500,
            description: "Milliseconds until a request without a response is void (10 to 60000)",
        },
    },
}

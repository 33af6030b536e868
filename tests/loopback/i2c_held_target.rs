// SPDX-License-Identifier: GPL-2.0

//! An i2c target whose driver can be held while it handles an event.
//!
//! The driver has found its data when it is held, and uses them when it goes on: if they were dropped
//! meanwhile, KASAN reports a use after free, and so does the driver itself as far as it can tell.
//!
//! In debugfs there is a folder `i2c_held_target`:
//!
//! - `hold`: `true` holds the driver in its next events, for [`LONGEST_HOLD_MS`] at most;
//! - `held`: how many events are being held;
//! - `dropped`: how many times the data of the driver was dropped.

use kernel::{
    debugfs,
    device,
    driver,
    fmt,
    i2c,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
    time::{
        Instant,
        Monotonic, //
    },
    uaccess::UserSliceReader,
    InPlaceModule,
    ThisModule, //
};

#[path = "../../rust/kernel/i2c/target.rs"]
#[expect(dead_code, unreachable_pub, reason = "written for the kernel crate")]
mod target;

const NAME: &CStr = c"i2c-held-target";

/// The driver goes on after this time in any case: it is an RCU reader, which must not take long.
const LONGEST_HOLD_MS: i64 = 5_000;

/// The value that the data have until they are dropped.
const INTACT: u32 = 0x600d_da7a;

static HOLD: Atomic<bool> = Atomic::new(false);
static HELD: Atomic<u32> = Atomic::new(0);
static DROPPED: Atomic<u32> = Atomic::new(0);

kernel::i2c_device_table!(
    I2C_TABLE,
    <Driver as i2c::Driver>::IdInfo,
    [(i2c::DeviceId::new(NAME), ())]
);

/// The debugfs file `hold`.
struct HoldFile;

impl fmt::Debug for HoldFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HOLD.load(Relaxed).fmt(f)
    }
}

impl debugfs::Reader for HoldFile {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        HOLD.read_from_slice(reader)
    }
}

/// The data of the driver.
#[pin_data(PinnedDrop)]
struct Data {
    state: Atomic<u32>,
    received: Atomic<u32>,
}

#[pinned_drop]
impl PinnedDrop for Data {
    fn drop(self: Pin<&mut Self>) {
        self.state.store(0, Relaxed);
        DROPPED.fetch_add(1, Release);
    }
}

struct Driver;

impl i2c::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Data;

    const I2C_ID_TABLE: Option<i2c::IdTable<Self::IdInfo>> = Some(&I2C_TABLE);

    fn probe<'bound>(
        _client: &'bound i2c::I2cClient<device::Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Data, Error> + 'bound {
        try_pin_init!(Data {
            state: Atomic::new(INTACT),
            received: Atomic::new(0),
        }? Error)
    }
}

impl target::Driver for Driver {
    fn write_requested(_this: Pin<&Data>) -> Result {
        Ok(())
    }

    fn write_received(this: Pin<&Data>, _byte: u8) -> Result {
        let begin = Instant::<Monotonic>::now();
        HELD.fetch_add(1, Release);
        while HOLD.load(Acquire) && begin.elapsed().as_millis() < LONGEST_HOLD_MS {
            core::hint::spin_loop();
        }
        HELD.fetch_sub(1, Release);

        this.received.fetch_add(1, Relaxed);
        if this.state.load(Relaxed) != INTACT {
            pr_err!("BUG: an event uses data that were dropped\n");
        }
        Ok(())
    }

    fn read_requested(this: Pin<&Data>) -> u8 {
        let [low, ..] = this.received.load(Relaxed).to_le_bytes();
        low
    }

    fn read_processed(_this: Pin<&Data>) -> u8 {
        0
    }

    fn stop(_this: Pin<&Data>) {}
}

/// Removed in the order of the fields, so that an event is not held when its files are gone.
#[pin_data]
struct HeldTarget {
    #[pin]
    _driver: driver::Registration<target::Adapter<Driver>>,
    #[pin]
    _hold: debugfs::File<HoldFile>,
    #[pin]
    _held: debugfs::File<&'static Atomic<u32>>,
    #[pin]
    _dropped: debugfs::File<&'static Atomic<u32>>,
}

impl InPlaceModule for HeldTarget {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let dir = debugfs::Dir::new(c"i2c_held_target");
            Ok(try_pin_init!(Self {
                _hold <- dir.read_write_file(c"hold", HoldFile),
                _held <- dir.read_only_file(c"held", &HELD),
                _dropped <- dir.read_only_file(c"dropped", &DROPPED),
                _driver <- driver::Registration::new(NAME, module),
            }? Error))
        })
    }
}

module! {
    type: HeldTarget,
    name: "i2c_held_target",
    authors: ["The bmc-rust authors"],
    description: "An i2c target whose driver can be held while it handles an event",
    license: "GPL",
}

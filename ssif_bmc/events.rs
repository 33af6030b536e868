// SPDX-License-Identifier: GPL-2.0

//! What happens, for those who watch: trace events, and a log that a host cannot flood.
//!
//! C header: `events.h`. The events on the bus themselves are traced by the i2c core (`i2c_slave`).

use crate::{
    bindings,
    machine::Abort, //
};
use kernel::{
    bindings::ratelimit_state,
    device::Device,
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// A point that an exchange comes to.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Point {
    Request = bindings::ssif_bmc_point_SSIF_BMC_REQUEST,
    Read = bindings::ssif_bmc_point_SSIF_BMC_READ,
    Response = bindings::ssif_bmc_point_SSIF_BMC_RESPONSE,
    Fetched = bindings::ssif_bmc_point_SSIF_BMC_FETCHED,
    Timeout = bindings::ssif_bmc_point_SSIF_BMC_TIMEOUT,
    Unbound = bindings::ssif_bmc_point_SSIF_BMC_UNBOUND,
}

impl Abort {
    fn code(self) -> u32 {
        match self {
            Self::Command => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_COMMAND,
            Self::Sequence => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_SEQUENCE,
            Self::Overlong => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_OVERLONG,
            Self::Length => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_LENGTH,
            Self::Pec => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_PEC,
            Self::Message => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_MESSAGE,
            Self::Interrupted => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_INTERRUPTED,
        }
    }
}

/// Tells of one target.
///
/// # Invariants
///
/// `limit` is initialised.
#[pin_data]
pub(crate) struct Reporter {
    /// The i2c client.
    dev: ARef<Device>,
    /// For the log: a host that floods it silences no other target.
    #[pin]
    limit: Opaque<ratelimit_state>,
}

// SAFETY: A rate limit has a lock of its own.
unsafe impl Send for Reporter {}

// SAFETY: As for `Send`.
unsafe impl Sync for Reporter {}

impl Reporter {
    pub(crate) fn new(dev: ARef<Device>) -> impl PinInit<Self> {
        // INVARIANT: The function initialises it.
        pin_init!(Self {
            dev,
            // SAFETY: `slot` is valid for writes, and pinned.
            limit <- Opaque::ffi_init(|slot| unsafe { bindings::ssif_bmc_limit_init(slot) }),
        })
    }

    /// Traces that the exchange came to `point`, which is about `len` bytes, or 0.
    pub(crate) fn exchange(&self, point: Point, len: usize) {
        // CAST: the enum has the values of the C one; no message has more than 254 bytes.
        // SAFETY: The function reads the name of the device, which has one as long as there are
        // references to it, and copies that. It may be called from any context. A point that is
        // none of the enum's is printed as a number.
        unsafe { bindings::ssif_bmc_trace_exchange(self.raw(), point as u32, len as u32) };
    }

    /// Traces, and logs if the rate allows, that bytes of the host were dropped.
    #[cold]
    pub(crate) fn abort(&self, why: Abort) {
        // SAFETY: As for `exchange`.
        unsafe { bindings::ssif_bmc_trace_abort(self.raw(), why.code()) };
        if self.may_log() {
            dev_warn!(self.dev, "dropped what the host wrote: {why:?}\n");
        }
    }

    /// Traces, and logs if the rate allows, that a request was not answered in time.
    #[cold]
    pub(crate) fn timeout(&self) {
        self.exchange(Point::Timeout, 0);
        if self.may_log() {
            dev_warn!(self.dev, "no response in time\n");
        }
    }

    /// The device as C has it, for the time of the borrow.
    fn raw(&self) -> *const kernel::bindings::device {
        // CAST: `Device` is a transparent wrapper.
        core::ptr::from_ref::<Device>(&self.dev).cast()
    }

    fn may_log(&self) -> bool {
        // SAFETY: By the type invariants. It only tries its lock, so that it may be called from any
        // context.
        unsafe { bindings::ssif_bmc_may_log(self.limit.get()) }
    }
}

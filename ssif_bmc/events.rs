// SPDX-License-Identifier: GPL-2.0

//! What happens, for those who watch: trace events, and a log that a host cannot flood.
//!
//! C header: `events.h`. The events on the bus themselves are traced by the i2c core (`i2c_slave`).

use crate::{
    bindings,
    machine::Abort, //
};
use kernel::{
    device::Device,
    prelude::*, //
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

/// Traces that the exchange came to `point`, which is about `len` bytes, or 0.
pub(crate) fn exchange(dev: &Device, point: Point, len: usize) {
    // CAST: the enum has the values of the C one; no message has more than 254 bytes.
    c::trace_exchange(dev, point as u32, len as u32);
}

/// Traces, and logs if the rate allows, that bytes of the host were dropped.
#[cold]
pub(crate) fn abort(dev: &Device, why: Abort) {
    c::trace_abort(dev, why.code());
    if c::may_log() {
        dev_warn!(dev, "dropped what the host wrote: {why:?}\n");
    }
}

/// Traces, and logs if the rate allows, that a request was not answered in time.
#[cold]
pub(crate) fn timeout(dev: &Device) {
    exchange(dev, Point::Timeout, 0);
    if c::may_log() {
        dev_warn!(dev, "no response in time\n");
    }
}

/// The functions of `events.c`, which ask for nothing but what their types say here.
mod c {
    use super::*;

    /// The device as C has it, for the time of the borrow.
    fn raw(dev: &Device) -> *const kernel::bindings::device {
        // CAST: `Device` is a transparent wrapper.
        core::ptr::from_ref(dev).cast()
    }

    pub(super) fn trace_exchange(dev: &Device, point: u32, len: u32) {
        // SAFETY: The function reads the name of the device, which has one as long as there are
        // references to it, and copies that. It may be called from any context. A point that is
        // none of the enum's is printed as a number.
        unsafe { bindings::ssif_bmc_trace_exchange(raw(dev), point, len) };
    }

    pub(super) fn trace_abort(dev: &Device, why: u32) {
        // SAFETY: As for `trace_exchange`.
        unsafe { bindings::ssif_bmc_trace_abort(raw(dev), why) };
    }

    pub(super) fn may_log() -> bool {
        // SAFETY: The function takes no arguments, and its rate limit has a lock of its own, which
        // it only tries, so that it may be called from any context.
        unsafe { bindings::ssif_bmc_may_log() }
    }
}

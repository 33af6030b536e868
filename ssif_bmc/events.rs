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

/// A point that an exchange comes to, with the number of bytes that it is about.
#[derive(Clone, Copy)]
pub(crate) enum Point {
    Request(usize),
    Read(usize),
    Response(usize),
    Fetched,
    Timeout,
    Unbound,
}

fn raw(dev: &Device) -> *const kernel::bindings::device {
    // CAST: `Device` is a transparent wrapper.
    core::ptr::from_ref(dev).cast()
}

/// Traces that the exchange came to `point`.
pub(crate) fn exchange(dev: &Device, point: Point) {
    let (point, len) = match point {
        Point::Request(len) => (bindings::ssif_bmc_point_SSIF_BMC_REQUEST, len),
        Point::Read(len) => (bindings::ssif_bmc_point_SSIF_BMC_READ, len),
        Point::Response(len) => (bindings::ssif_bmc_point_SSIF_BMC_RESPONSE, len),
        Point::Fetched => (bindings::ssif_bmc_point_SSIF_BMC_FETCHED, 0),
        Point::Timeout => (bindings::ssif_bmc_point_SSIF_BMC_TIMEOUT, 0),
        Point::Unbound => (bindings::ssif_bmc_point_SSIF_BMC_UNBOUND, 0),
    };
    // CAST: no message has more than 254 bytes.
    // SAFETY: The device is valid for the call.
    unsafe { bindings::ssif_bmc_trace_exchange(raw(dev), point, len as u32) };
}

/// Traces, and logs if the rate allows, that bytes of the host were dropped.
#[cold]
pub(crate) fn abort(dev: &Device, why: Abort) {
    let code = match why {
        Abort::Command => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_COMMAND,
        Abort::Sequence => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_SEQUENCE,
        Abort::Overlong => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_OVERLONG,
        Abort::Length => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_LENGTH,
        Abort::Pec => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_PEC,
        Abort::Message => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_MESSAGE,
        Abort::Interrupted => bindings::ssif_bmc_abort_SSIF_BMC_ABORT_INTERRUPTED,
    };
    // SAFETY: The device is valid for the call.
    unsafe { bindings::ssif_bmc_trace_abort(raw(dev), code) };

    if may_log() {
        dev_warn!(dev, "dropped what the host wrote: {why:?}\n");
    }
}

/// Traces, and logs if the rate allows, that a request was not answered in time.
#[cold]
pub(crate) fn timeout(dev: &Device) {
    exchange(dev, Point::Timeout);
    if may_log() {
        dev_warn!(dev, "no response in time\n");
    }
}

fn may_log() -> bool {
    // SAFETY: It may be called from any context.
    unsafe { bindings::ssif_bmc_may_log() }
}

// SPDX-License-Identifier: GPL-2.0

//! The power state that ACPI has a device in.
//!
//! C header: [`include/linux/acpi.h`](srctree/include/linux/acpi.h)

use crate::bindings::bmc_rust_acpi_dev_state_d0;
use core::ptr;
use kernel::device::{
    Bound,
    Device, //
};

/// Whether ACPI has the device switched on. A device that ACPI does not know is on.
pub fn is_on(dev: &Device<Bound>) -> bool {
    // CAST: `Device` is a transparent wrapper.
    //
    // SAFETY: The device is valid.
    unsafe { bmc_rust_acpi_dev_state_d0(ptr::from_ref(dev).cast_mut().cast()) }
}

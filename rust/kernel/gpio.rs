// SPDX-License-Identifier: GPL-2.0

//! GPIO lines of a consumer.
//!
//! C header: [`include/linux/gpio/consumer.h`](srctree/include/linux/gpio/consumer.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    device::Device,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// A line that is an output, let go of when this is dropped.
///
/// # Invariants
///
/// The descriptor was got by `gpiod_get_optional()`, and is put only by `Drop`.
pub struct Output(NonNull<kernel::bindings::gpio_desc>);

// SAFETY: A descriptor may be used and put by any thread.
unsafe impl Send for Output {}

// SAFETY: The GPIO core serialises what is done with a line.
unsafe impl Sync for Output {}

impl Output {
    /// Gets the line that `dev` calls `name` and asserts it; [`None`] if it has no such line.
    pub fn get_asserted(dev: &Device, name: &CStr) -> Result<Option<Self>> {
        // CAST: `Device` is a transparent wrapper.
        let dev = core::ptr::from_ref(dev).cast_mut().cast();
        // SAFETY: `dev` is a valid device, and `name` a valid string.
        let desc = from_err_ptr(unsafe {
            bindings::bmc_rust_gpiod_get_optional_high(dev, name.as_char_ptr())
        })?;
        // INVARIANT: It was just got.
        Ok(NonNull::new(desc).map(Self))
    }

    /// Asserts the line, or not. May sleep.
    pub fn set(&self, asserted: bool) -> Result {
        // SAFETY: By the type invariants.
        to_result(unsafe {
            bindings::bmc_rust_gpiod_set_value_cansleep(self.0.as_ptr(), asserted.into())
        })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::bmc_rust_gpiod_put(self.0.as_ptr()) };
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Devices that are released by this module and have no reference to it.
//!
//! A device of a provider in this module would keep the module loaded until the provider is unbound, which unloading
//! the module is to do. Such devices are counted instead, and the module's exit function waits for their release.

use crate::bindings;

/// A device that the module's exit function waits for.
///
/// Dropping this is the last thing that the release of the device does in this module: a task that sleeps
/// afterwards is not waited for.
pub struct Counted(());

impl Counted {
    /// Counts a device.
    pub fn new() -> Self {
        // SAFETY: The function has no requirements.
        unsafe { bindings::nvmem_core_count_device() };
        Self(())
    }

    /// Leaves the count to a release function, which takes it over with [`Counted::adopt`].
    #[cfg(CONFIG_NVMEM_RUST_GUARD)]
    pub fn leave(self) {
        core::mem::forget(self);
    }

    /// Takes over a count.
    ///
    /// # Safety
    ///
    /// A count was left by [`Counted::leave`] for the caller.
    #[cfg(CONFIG_NVMEM_RUST_GUARD)]
    pub unsafe fn adopt() -> Self {
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // SAFETY: The device was counted.
        unsafe { bindings::nvmem_core_uncount_device() };
    }
}

/// Waits until all devices that are counted are released. No device is registered any more.
pub fn wait_for_release() {
    // SAFETY: The function has no requirements.
    unsafe { bindings::nvmem_core_wait_for_devices() };
}

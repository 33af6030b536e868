// SPDX-License-Identifier: GPL-2.0

//! Bus types of the driver model.
//!
//! C header: [`include/linux/device/bus.h`](srctree/include/linux/device/bus.h)

use core::{
    ffi::c_void,
    ptr, //
};
use kernel::{
    bindings,
    device::Device,
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// A `struct bus_type`.
#[repr(transparent)]
pub struct Bus(Opaque<bindings::bus_type>);

// SAFETY: A bus type is not changed after it was made.
unsafe impl Sync for Bus {}

impl Bus {
    /// Makes a bus type.
    ///
    /// # Safety
    ///
    /// What `bus` points to is static, and its callbacks do what the driver core expects.
    pub const unsafe fn new(bus: bindings::bus_type) -> Self {
        Self(Opaque::new(bus))
    }

    /// The bus type as C knows it.
    pub const fn as_raw(&'static self) -> *mut bindings::bus_type {
        self.0.get()
    }

    /// Finds the first device on the bus that `matches`.
    pub fn find<F: FnMut(&Device) -> bool>(&'static self, mut matches: F) -> Option<ARef<Device>> {
        extern "C" fn check<F: FnMut(&Device) -> bool>(
            dev: *mut bindings::device,
            data: *const c_void,
        ) -> c_int {
            // SAFETY: `data` is the closure of the caller, who waits.
            let matches = unsafe { &mut *data.cast_mut().cast::<F>() };
            // SAFETY: The bus has a reference to the device, for the call at least.
            matches(unsafe { Device::from_raw(dev) }).into()
        }

        // SAFETY: The bus type is valid, and `check()` gets the closure that it expects. Without a bus
        // of that name there is no device.
        let dev = unsafe {
            bindings::bus_find_device(
                self.as_raw(),
                ptr::null_mut(),
                (&raw mut matches).cast::<c_void>().cast_const(),
                Some(check::<F>),
            )
        };
        // SAFETY: The device comes with a reference. `Device` is a transparent wrapper.
        ptr::NonNull::new(dev.cast()).map(|dev| unsafe { ARef::from_raw(dev) })
    }
}

/// The registration of a [`Bus`], undone when this is dropped.
///
/// # Invariants
///
/// The bus is registered.
pub struct Registration(&'static Bus);

impl Registration {
    /// Registers the bus; `EEXIST` if there is one of this name.
    pub fn new(bus: &'static Bus) -> Result<Self> {
        // SAFETY: The bus type is valid and static.
        to_result(unsafe { bindings::bus_register(bus.as_raw()) })?;
        // INVARIANT: It was just registered.
        Ok(Self(bus))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::bus_unregister(self.0.as_raw()) };
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Bus types of the driver model.
//!
//! C header: [`include/linux/device/bus.h`](srctree/include/linux/device/bus.h)

use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// A type of devices that a [`Bus`] may have.
///
/// # Safety
///
/// The type begins with its `struct device`, whose reference count is that of the type.
pub unsafe trait BusDevice: AlwaysRefCounted + Send + Sync {}

/// A `struct bus_type` for devices of one type.
///
/// # Invariants
///
/// All devices on the bus are of type `D`.
#[repr(transparent)]
pub struct Bus<D>(Opaque<bindings::bus_type>, PhantomData<fn(D)>);

// SAFETY: A bus type is not changed after it was made.
unsafe impl<D> Sync for Bus<D> {}

impl<D> Bus<D> {
    /// Makes a bus type.
    ///
    /// # Safety
    ///
    /// The pointers in `bus` are to static objects, and its callbacks do what the driver core expects. Nobody adds a
    /// device of another type than `D` to the bus.
    pub const unsafe fn new(bus: bindings::bus_type) -> Self {
        // INVARIANT: By the function's requirements.
        Self(Opaque::new(bus), PhantomData)
    }

    /// The bus type as C knows it.
    pub const fn as_raw(&'static self) -> *mut bindings::bus_type {
        self.0.get()
    }
}

impl<D: BusDevice> Bus<D> {
    /// Finds the first device on the bus that `matches`.
    pub fn find<F: FnMut(&D) -> bool>(&'static self, mut matches: F) -> Option<ARef<D>> {
        extern "C" fn check<D: BusDevice, F: FnMut(&D) -> bool>(
            dev: *mut bindings::device,
            data: *const c_void,
        ) -> c_int {
            // SAFETY: `data` is the closure of the caller, who waits.
            let matches = unsafe { &mut *data.cast_mut().cast::<F>() };
            // CAST: By the requirements of `BusDevice`, the type begins with the device.
            // SAFETY: By the type invariants. The bus has a reference to the device, for the call at least.
            matches(unsafe { &*dev.cast::<D>() }).into()
        }

        // SAFETY: The bus type is valid, and `check()` gets the closure that it expects. Without a bus
        // of that name there is no device.
        let dev = unsafe {
            bindings::bus_find_device(
                self.as_raw(),
                ptr::null_mut(),
                (&raw mut matches).cast::<c_void>().cast_const(),
                Some(check::<D, F>),
            )
        };
        // CAST: As above.
        // SAFETY: The device comes with a reference, and is a `D` by the type invariants.
        ptr::NonNull::new(dev.cast()).map(|dev| unsafe { ARef::from_raw(dev) })
    }
}

/// The registration of a [`Bus`], undone when this is dropped.
///
/// # Invariants
///
/// The bus is registered.
pub struct Registration<D: 'static>(&'static Bus<D>);

impl<D> Registration<D> {
    /// Registers the bus; `EEXIST` if there is one of this name.
    pub fn new(bus: &'static Bus<D>) -> Result<Self> {
        // SAFETY: The bus type is valid and static.
        to_result(unsafe { bindings::bus_register(bus.as_raw()) })?;
        // INVARIANT: It was just registered.
        Ok(Self(bus))
    }
}

impl<D> Drop for Registration<D> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::bus_unregister(self.0.as_raw()) };
    }
}

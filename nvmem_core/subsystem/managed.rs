// SPDX-License-Identifier: GPL-2.0

//! The parts of the C API that undo themselves when a device loses its driver (`devm_`).

use crate::{
    bindings,
    consumer::{
        nvmem_cell_get,
        nvmem_cell_put,
        nvmem_device_get,
        nvmem_device_put, //
    },
    exported,
    provider_api::{
        nvmem_register,
        nvmem_unregister, //
    }, //
};
use core::ffi::c_void;
use kernel::{
    bindings::{
        __devres_alloc_node,
        devres_add,
        devres_free,
        devres_release, //
    },
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// A pointer that a device gives back with `put()` when it loses its driver.
trait Managed: Sized {
    const NAME: &'static CStr;

    /// # Safety
    ///
    /// `this` was got by the device.
    unsafe fn put(this: *mut Self);
}

impl Managed for bindings::nvmem_device {
    const NAME: &'static CStr = c"nvmem_device";

    unsafe fn put(this: *mut Self) {
        // SAFETY: By the function's requirements.
        unsafe { nvmem_device_put(this) }
    }
}

impl Managed for bindings::nvmem_cell {
    const NAME: &'static CStr = c"nvmem_cell";

    unsafe fn put(this: *mut Self) {
        // SAFETY: By the function's requirements.
        unsafe { nvmem_cell_put(this) }
    }
}

extern "C" fn release<T: Managed>(_dev: *mut kernel::bindings::device, res: *mut c_void) {
    // SAFETY: `get()` has put the pointer there.
    unsafe { T::put(*res.cast::<*mut T>()) }
}

extern "C" fn is_it<T: Managed>(
    _dev: *mut kernel::bindings::device,
    res: *mut c_void,
    wanted: *mut c_void,
) -> c_int {
    // SAFETY: `get()` has put the pointer there.
    unsafe { *res.cast::<*mut T>() == wanted.cast() }.into()
}

/// Has `dev` give back what `get` gets.
///
/// # Safety
///
/// `dev` is a device that is being bound or bound.
unsafe fn get<T: Managed>(
    dev: *mut kernel::bindings::device,
    get: impl FnOnce() -> *mut T,
) -> *mut T {
    // SAFETY: It allocates; the name is static, and the function is called for what is put there below.
    let res = unsafe {
        __devres_alloc_node(
            Some(release::<T>),
            size_of::<*mut T>(),
            kernel::bindings::GFP_KERNEL,
            kernel::bindings::NUMA_NO_NODE,
            T::NAME.as_char_ptr(),
        )
    };
    if res.is_null() {
        return ENOMEM.to_ptr();
    }
    let got = get();
    // SAFETY: The memory is for this pointer, and is freed or becomes the device's.
    unsafe {
        if from_err_ptr(got).is_err() {
            devres_free(res);
        } else {
            res.cast::<*mut T>().write(got);
            devres_add(dev, res);
        }
    }
    got
}

/// Gives back what [`get`] got, before `dev` does.
///
/// # Safety
///
/// `dev` is a device.
unsafe fn put<T: Managed>(dev: *mut kernel::bindings::device, got: *mut T) {
    // SAFETY: By the function's requirements.
    let ret = unsafe { devres_release(dev, Some(release::<T>), Some(is_it::<T>), got.cast()) };
    // It was not got in this way, or was given back already.
    kernel::warn_on!(ret != 0);
}

exported! {
    /// Registers a device until `dev` loses its driver.
    unsafe fn devm_nvmem_register(
        dev: *mut kernel::bindings::device,
        config: *const bindings::nvmem_config,
    ) -> *mut bindings::nvmem_device {
        extern "C" fn undo(nvmem: *mut c_void) {
            // SAFETY: It was registered below.
            unsafe { nvmem_unregister(nvmem.cast()) }
        }

        // SAFETY: By the C API, the configuration is what `nvmem_register()` expects.
        let nvmem = unsafe { nvmem_register(config) };
        if from_err_ptr(nvmem).is_err() {
            return nvmem;
        }
        // SAFETY: By the C API, `dev` is a device that is being bound. If it fails, it calls `undo()`.
        let added = unsafe {
            kernel::bindings::devm_add_action_or_reset(dev, Some(undo), nvmem.cast())
        };
        to_result(added).map_or_else(|error| error.to_ptr(), |()| nvmem)
    }

    /// Gets a device until `dev` loses its driver.
    unsafe fn devm_nvmem_device_get(
        dev: *mut kernel::bindings::device,
        name: *const c_char,
    ) -> *mut bindings::nvmem_device {
        // SAFETY: By the C API: a device that is being bound or bound, and a string or null.
        unsafe { get(dev, || nvmem_device_get(dev, name)) }
    }

    /// Gives back what `devm_nvmem_device_get()` got.
    unsafe fn devm_nvmem_device_put(
        dev: *mut kernel::bindings::device,
        nvmem: *mut bindings::nvmem_device,
    ) {
        // SAFETY: By the C API, it is a device; what it did not get is not found.
        unsafe { put(dev, nvmem) }
    }

    /// Gets a cell until `dev` loses its driver.
    unsafe fn devm_nvmem_cell_get(
        dev: *mut kernel::bindings::device,
        id: *const c_char,
    ) -> *mut bindings::nvmem_cell {
        // SAFETY: By the C API: a device that is being bound or bound, and a string or null.
        unsafe { get(dev, || nvmem_cell_get(dev, id)) }
    }

    /// Gives back what `devm_nvmem_cell_get()` got.
    unsafe fn devm_nvmem_cell_put(
        dev: *mut kernel::bindings::device,
        cell: *mut bindings::nvmem_cell,
    ) {
        // SAFETY: By the C API, it is a device; what it did not get is not found.
        unsafe { put(dev, cell) }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The providers' part of the C API.
//!
//! C header: [`include/linux/nvmem-provider.h`](srctree/include/linux/nvmem-provider.h)

use crate::{
    bindings, cells,
    consumer::nvmem,
    device::{
        self,
        Device, //
    },
    exported,
    ffi::{
        err_ptr,
        err_unit, //
    },
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

exported! {
    /// Registers a device.
    unsafe fn nvmem_register(config: *const bindings::nvmem_config) -> *mut bindings::nvmem_device {
        // SAFETY: By the C API, all of it is valid, and the callbacks until the device is unregistered.
        let device = unsafe { device::register(&*config) };
        err_ptr(device.map(|device| ARef::into_raw(device).as_ptr().cast()))
    }

    /// Unregisters a device. When this returns, nothing of the provider's is used any more.
    unsafe fn nvmem_unregister(nvmem: *mut bindings::nvmem_device) {
        let Some(nvmem) = NonNull::new(nvmem.cast::<Device>()) else {
            return;
        };
        // SAFETY: By the C API it came from `nvmem_register()`, with a reference that is given back here.
        let device: ARef<Device> = unsafe { ARef::from_raw(nvmem) };
        device::unregister(&device);
    }

    /// Adds a cell to a device. The reference to the node is taken over on success.
    unsafe fn nvmem_add_one_cell(
        nvmem: *mut bindings::nvmem_device,
        info: *const bindings::nvmem_cell_info,
    ) -> c_int {
        // SAFETY: By the C API, the device is held by the caller, and `info` valid.
        err_unit(unsafe { cells::add_info(self::nvmem(nvmem), &*info) })
    }
}

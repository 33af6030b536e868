// SPDX-License-Identifier: GPL-2.0

//! The providers' and layouts' part of the C API.
//!
//! C header: [`include/linux/nvmem-provider.h`](srctree/include/linux/nvmem-provider.h)

use crate::{
    bindings,
    cells,
    consumer::{
        err_int,
        err_ptr,
        nvmem, //
    },
    device::{
        self,
        Device, //
    },
    exported,
    of, //
};
use core::ptr::NonNull;
use kernel::{
    bindings::device_node,
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
    unsafe fn nvmem_add_one_cell(nvmem: *mut bindings::nvmem_device, info: *const bindings::nvmem_cell_info) -> c_int {
        // SAFETY: By the C API, the device is held by the caller, and `info` valid.
        err_int(unsafe { cells::add_info(self::nvmem(nvmem), &*info) }.map(|()| 0))
    }
}

#[cfg(CONFIG_OF)]
exported! {
    /// Adds the cells that the children of a node describe.
    unsafe fn nvmem_add_cells_from_dt(nvmem: *mut bindings::nvmem_device, node: *mut device_node) -> c_int {
        // SAFETY: By the C API, the device and the node are held by the caller.
        let (device, node) = unsafe { (self::nvmem(nvmem), of::Node::from_raw(node)) };
        let added = node.ok_or(EINVAL).and_then(|node| crate::dt::add_cells(device, node));
        err_int(added.map(|()| 0))
    }

    /// The container of a device's layout, with a reference, or null.
    unsafe fn of_nvmem_layout_get_container(nvmem: *mut bindings::nvmem_device) -> *mut device_node {
        // SAFETY: By the C API, the device is held by the caller.
        let device = unsafe { self::nvmem(nvmem) };
        of::node_of(device.as_ref())
            .and_then(|node| node.child(c"nvmem-layout"))
            .map_or(core::ptr::null_mut(), |node| ARef::into_raw(node).as_ptr().cast())
    }

    /// Has a layout add its cells.
    unsafe fn nvmem_layout_register(layout: *mut bindings::nvmem_layout) -> c_int {
        // SAFETY: By the C API, it is a layout device, and this its driver.
        err_int(unsafe { crate::layout::register(layout) }.map(|()| 0))
    }

    /// Removes the cells of a layout.
    unsafe fn nvmem_layout_unregister(layout: *mut bindings::nvmem_layout) {
        // SAFETY: By the C API, it is a layout device.
        unsafe { crate::layout::unregister(layout) };
    }

    /// Registers a layout driver.
    unsafe fn __nvmem_layout_driver_register(
        driver: *mut bindings::nvmem_layout_driver,
        owner: *mut kernel::bindings::module,
    ) -> c_int {
        // SAFETY: By the C API, it stays valid until it is unregistered.
        err_int(unsafe { crate::layout::register_driver(driver, owner) }.map(|()| 0))
    }

    /// Unregisters a layout driver.
    unsafe fn nvmem_layout_driver_unregister(driver: *mut bindings::nvmem_layout_driver) {
        // SAFETY: By the C API, it is registered.
        unsafe { crate::layout::unregister_driver(driver) };
    }
}

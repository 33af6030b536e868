// SPDX-License-Identifier: GPL-2.0

//! The part of the C API that is about the device tree, and about layouts, which are found there.
//!
//! C headers: [`include/linux/nvmem-consumer.h`](srctree/include/linux/nvmem-consumer.h),
//! [`include/linux/nvmem-provider.h`](srctree/include/linux/nvmem-provider.h)

use crate::{
    bindings,
    consumer::nvmem,
    device::Handle,
    dt,
    exported,
    ffi::{
        err_ptr,
        err_unit,
        string, //
    },
    layout,
    of, //
};
use kernel::{
    bindings::device_node,
    prelude::*,
    sync::aref::ARef, //
};

exported! {
    /// Gets the cell that a node refers to.
    unsafe fn of_nvmem_cell_get(
        node: *mut device_node,
        id: *const c_char,
    ) -> *mut bindings::nvmem_cell {
        // SAFETY: By the C API: a node, and a string or null.
        let (node, id) = unsafe { (of::Node::from_raw(node), string(id)) };
        let cell = node.ok_or(ENOENT).and_then(|node| dt::cell_of(node, id));
        err_ptr(cell.map(|cell| KBox::into_raw(cell).cast()))
    }

    /// Gets the device that a node refers to.
    unsafe fn of_nvmem_device_get(
        node: *mut device_node,
        id: *const c_char,
    ) -> *mut bindings::nvmem_device {
        // SAFETY: By the C API: a node, and a string or null.
        let (node, id) = unsafe { (of::Node::from_raw(node), string(id)) };
        let device = node.ok_or(ENOENT).and_then(|node| dt::device_of(node, id));
        err_ptr(device.map(Handle::into_raw))
    }

    /// Adds the cells that the children of a node describe.
    unsafe fn nvmem_add_cells_from_dt(
        nvmem: *mut bindings::nvmem_device,
        node: *mut device_node,
    ) -> c_int {
        // SAFETY: By the C API, the device and the node are held by the caller.
        let (device, node) = unsafe { (self::nvmem(nvmem), of::Node::from_raw(node)) };
        err_unit(node.map_or(Ok(()), |node| dt::add_cells(device, node)))
    }

    /// The container of a device's layout, with a reference, or null: of a device that was unregistered too.
    unsafe fn of_nvmem_layout_get_container(
        nvmem: *mut bindings::nvmem_device,
    ) -> *mut device_node {
        // SAFETY: By the C API, the device is held by the caller.
        let device = unsafe { self::nvmem(nvmem) };
        device
            .node()
            .and_then(|node| node.child(c"nvmem-layout"))
            .map_or(core::ptr::null_mut(), |node| ARef::into_raw(node).as_ptr().cast())
    }

    /// Has a layout add its cells.
    unsafe fn nvmem_layout_register(layout: *mut bindings::nvmem_layout) -> c_int {
        // SAFETY: By the C API, it is a layout device, and this its driver.
        err_unit(unsafe { layout::register(layout) })
    }

    /// Removes the cells of a layout.
    unsafe fn nvmem_layout_unregister(layout: *mut bindings::nvmem_layout) {
        // SAFETY: By the C API, it is a layout device.
        unsafe { layout::unregister(layout) };
    }

    /// Registers a layout driver.
    unsafe fn __nvmem_layout_driver_register(
        driver: *mut bindings::nvmem_layout_driver,
        owner: *mut kernel::bindings::module,
    ) -> c_int {
        // SAFETY: By the C API, it stays valid until it is unregistered.
        err_unit(unsafe { layout::register_driver(driver, owner) })
    }

    /// Unregisters a layout driver.
    unsafe fn nvmem_layout_driver_unregister(driver: *mut bindings::nvmem_layout_driver) {
        // SAFETY: By the C API, it is registered.
        unsafe { layout::unregister_driver(driver) };
    }
}

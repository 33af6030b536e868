// SPDX-License-Identifier: GPL-2.0

//! The consumers' part of the C API.
//!
//! C header: [`include/linux/nvmem-consumer.h`](srctree/include/linux/nvmem-consumer.h)

use crate::{
    bindings,
    cell::{
        self,
        Cell, //
    },
    cells,
    device::{
        self,
        Device,
        Handle, //
    },
    events,
    exported,
    ffi::{
        bytes,
        bytes_mut,
        err_int,
        err_ptr,
        err_unit,
        string, //
    },
    lookup,
    post_process::PostProcess, //
};
use core::{
    ffi::c_void,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    bindings::{
        device as RawDevice,
        notifier_block, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// An nvmem device of the C API.
///
/// # Safety
///
/// `ptr` is an nvmem device that has a reference for `'a`.
pub unsafe fn nvmem<'a>(ptr: *mut bindings::nvmem_device) -> &'a Device {
    // SAFETY: By the function's requirements.
    unsafe { Device::from_raw(ptr.cast()) }
}

/// The device at `ptr`; `EINVAL` if it is null.
///
/// # Safety
///
/// `ptr` is null or an nvmem device that has a reference for `'a`.
unsafe fn some_nvmem<'a>(ptr: *mut bindings::nvmem_device) -> Result<&'a Device> {
    if ptr.is_null() {
        return Err(EINVAL);
    }
    // SAFETY: By the function's requirements.
    Ok(unsafe { nvmem(ptr) })
}

/// A device of the C API.
///
/// # Safety
///
/// `ptr` is a device that has a reference for `'a`.
unsafe fn plain<'a>(ptr: *mut RawDevice) -> &'a kernel::device::Device {
    // SAFETY: By the function's requirements.
    unsafe { kernel::device::Device::from_raw(ptr) }
}

/// Finds the device that a consumer means: by its node's property `nvmem`, or else by name.
fn get_device(dev: &kernel::device::Device, name: Option<&CStr>) -> Result<Handle> {
    #[cfg(CONFIG_OF)]
    // SAFETY: `dev` is the consumer that calls. By the C API it keeps its node meanwhile.
    if let Some(node) = unsafe { crate::of::node_of(dev) } {
        match crate::dt::device_of(&node, name) {
            Err(error) if error != EPROBE_DEFER => {}
            found => return found,
        }
    }
    #[cfg(not(CONFIG_OF))]
    let _ = dev;
    device::find_by_name(name.ok_or(EINVAL)?)
}

/// Finds the cell that a consumer means: by its node's property `nvmem-cells`, or in the look-up tables.
fn get_cell(dev: &kernel::device::Device, id: Option<&CStr>) -> Result<KBox<Cell>> {
    #[cfg(CONFIG_OF)]
    // SAFETY: `dev` is the consumer that calls. By the C API it keeps its node meanwhile.
    if let Some(node) = unsafe { crate::of::node_of(dev) } {
        match crate::dt::cell_of(&node, id) {
            Err(error) if error != EPROBE_DEFER => {}
            found => return found,
        }
    }
    let id = id.ok_or(EINVAL)?;
    // CAST: `Device` is a transparent wrapper.
    let dev = ptr::from_ref(dev).cast();
    // SAFETY: The device is valid, and its name a string if it has one. Tables cannot name a device that has none.
    let name = unsafe { string(kernel::bindings::dev_name(dev)) }.ok_or(ENOENT)?;
    lookup::cell(name, id)
}

/// The cell `id` of a consumer, as a number of exactly `N` bytes in the machine's order.
///
/// # Safety
///
/// `dev` is a device, and `id` null or a string.
unsafe fn read_exact<const N: usize>(dev: *mut RawDevice, id: *const c_char) -> Result<[u8; N]> {
    // SAFETY: By the function's requirements.
    let value = unsafe { get_cell(plain(dev), string(id)) }?.read()?;
    <[u8; N]>::try_from(&value[..]).map_err(|_| EINVAL)
}

/// The cell `id` of a consumer, as a little-endian number of at most `N` bytes.
///
/// # Safety
///
/// `dev` is a device, and `id` null or a string.
unsafe fn read_variable<const N: usize>(dev: *mut RawDevice, id: *const c_char) -> Result<[u8; N]> {
    // SAFETY: By the function's requirements.
    let cell = unsafe { get_cell(plain(dev), string(id)) }?;
    let value = cell.read()?;
    // With bits, the rest of what is read is padding.
    let len = cell.entry.extent.bits.map(|bits| bits.value_bytes());
    let value = value.get(..len.unwrap_or(value.len())).ok_or(EINVAL)?;

    let mut number = [0; N];
    let low = number.get_mut(..value.len()).ok_or(ERANGE)?;
    low.copy_from_slice(value);
    Ok(number)
}

/// Stores a number where the caller wants it.
///
/// # Safety
///
/// `to` may be written.
unsafe fn store<T>(to: *mut T, number: Result<T>) -> c_int {
    match number {
        Ok(number) => {
            // SAFETY: By the function's requirements.
            unsafe { to.write(number) };
            0
        }
        Err(error) => error.to_errno(),
    }
}

exported! {
    /// Gets a cell of `dev`, by the device tree or else by the look-up tables.
    unsafe fn nvmem_cell_get(dev: *mut RawDevice, id: *const c_char) -> *mut bindings::nvmem_cell {
        // SAFETY: By the C API: a device, and a string or null.
        let cell = unsafe { get_cell(plain(dev), string(id)) };
        err_ptr(cell.map(|cell| KBox::into_raw(cell).cast()))
    }

    /// Gives a cell back.
    unsafe fn nvmem_cell_put(cell: *mut bindings::nvmem_cell) {
        if !cell.is_null() {
            // SAFETY: By the C API, it came from one of the functions that get cells.
            let cell = unsafe { KBox::from_raw(cell.cast::<Cell>()) };
            // Frees the box first, and puts the device last: after this has been released, nothing may sleep.
            drop(KBox::into_inner(cell));
        }
    }

    /// Reads a cell into memory that the caller frees.
    unsafe fn nvmem_cell_read(cell: *mut bindings::nvmem_cell, len: *mut usize) -> *mut c_void {
        // SAFETY: By the C API, the cell is held by the caller.
        let value = unsafe { &*cell.cast::<Cell>() }.read();
        err_ptr(value.map(|value| {
            let (buf, count, _) = value.into_raw_parts();
            if !len.is_null() {
                // SAFETY: By the C API, it may be written if it is not null.
                unsafe { len.write(count) };
            }
            buf.cast()
        }))
    }

    /// Writes a cell; returns the length.
    unsafe fn nvmem_cell_write(
        cell: *mut bindings::nvmem_cell,
        buf: *mut c_void,
        len: usize,
    ) -> c_int {
        // SAFETY: By the C API, the cell is held by the caller, and the buffer has this length.
        err_int(unsafe { (*cell.cast::<Cell>()).write(bytes(buf, len)) })
    }

    /// Reads a cell of exactly one byte.
    unsafe fn nvmem_cell_read_u8(dev: *mut RawDevice, id: *const c_char, value: *mut u8) -> c_int {
        // SAFETY: By the C API: a device, a string or null, and where to put the value.
        unsafe { store(value, read_exact(dev, id).map(u8::from_ne_bytes)) }
    }

    /// Reads a cell of exactly two bytes.
    unsafe fn nvmem_cell_read_u16(
        dev: *mut RawDevice,
        id: *const c_char,
        value: *mut u16,
    ) -> c_int {
        // SAFETY: By the C API: a device, a string or null, and where to put the value.
        unsafe { store(value, read_exact(dev, id).map(u16::from_ne_bytes)) }
    }

    /// Reads a cell of exactly four bytes.
    unsafe fn nvmem_cell_read_u32(
        dev: *mut RawDevice,
        id: *const c_char,
        value: *mut u32,
    ) -> c_int {
        // SAFETY: By the C API: a device, a string or null, and where to put the value.
        unsafe { store(value, read_exact(dev, id).map(u32::from_ne_bytes)) }
    }

    /// Reads a cell of exactly eight bytes.
    unsafe fn nvmem_cell_read_u64(
        dev: *mut RawDevice,
        id: *const c_char,
        value: *mut u64,
    ) -> c_int {
        // SAFETY: By the C API: a device, a string or null, and where to put the value.
        unsafe { store(value, read_exact(dev, id).map(u64::from_ne_bytes)) }
    }

    /// Reads a cell of up to four bytes, the lowest first; `ERANGE` if it is longer.
    unsafe fn nvmem_cell_read_variable_le_u32(
        dev: *mut RawDevice,
        id: *const c_char,
        value: *mut u32,
    ) -> c_int {
        // SAFETY: By the C API: a device, a string or null, and where to put the value.
        unsafe { store(value, read_variable(dev, id).map(u32::from_le_bytes)) }
    }

    /// Reads a cell of up to eight bytes, the lowest first; `ERANGE` if it is longer.
    unsafe fn nvmem_cell_read_variable_le_u64(
        dev: *mut RawDevice,
        id: *const c_char,
        value: *mut u64,
    ) -> c_int {
        // SAFETY: By the C API: a device, a string or null, and where to put the value.
        unsafe { store(value, read_variable(dev, id).map(u64::from_le_bytes)) }
    }

    /// Gets a device, by the device tree or else by name.
    unsafe fn nvmem_device_get(
        dev: *mut RawDevice,
        name: *const c_char,
    ) -> *mut bindings::nvmem_device {
        // SAFETY: By the C API: a device, and a string or null.
        err_ptr(unsafe { get_device(plain(dev), string(name)) }.map(Handle::into_raw))
    }

    /// Gets the first device that `matches`.
    unsafe fn nvmem_device_find(
        data: *mut c_void,
        matches: Option<unsafe extern "C" fn(*mut RawDevice, *const c_void) -> c_int>,
    ) -> *mut bindings::nvmem_device {
        let Some(matches) = matches else {
            return EINVAL.to_ptr();
        };
        err_ptr(device::find(|device| {
            // SAFETY: By the C API, the function takes any device, and this data.
            unsafe { matches(device.as_raw(), data) != 0 }
        }).map(Handle::into_raw))
    }

    /// Gives a device back.
    unsafe fn nvmem_device_put(nvmem: *mut bindings::nvmem_device) {
        if let Some(nvmem) = NonNull::new(nvmem) {
            // SAFETY: By the C API, it came from one of the functions that get devices.
            drop(unsafe { Handle::from_raw(nvmem) });
        }
    }

    /// Reads from a device; returns the number of bytes.
    unsafe fn nvmem_device_read(
        nvmem: *mut bindings::nvmem_device,
        offset: c_uint,
        len: usize,
        buf: *mut c_void,
    ) -> c_int {
        err_int((|| {
            // SAFETY: By the C API, the device is held by the caller, and the buffer has this length.
            let (device, buf) = unsafe { (some_nvmem(nvmem)?, bytes_mut(buf, len)) };
            device.access()?.read(offset, buf)?;
            Ok(len)
        })())
    }

    /// Writes to a device, even if it is read-only; returns the number of bytes.
    unsafe fn nvmem_device_write(
        nvmem: *mut bindings::nvmem_device,
        offset: c_uint,
        len: usize,
        buf: *mut c_void,
    ) -> c_int {
        err_int((|| {
            // SAFETY: By the C API, the device is held by the caller, and the buffer has this length.
            let (device, buf) = unsafe { (some_nvmem(nvmem)?, bytes(buf, len)) };
            device.access()?.writer()?.write(offset, buf)?;
            Ok(len)
        })())
    }

    /// Reads the cell that `info` describes; returns its length.
    unsafe fn nvmem_device_cell_read(
        nvmem: *mut bindings::nvmem_device,
        info: *mut bindings::nvmem_cell_info,
        buf: *mut c_void,
    ) -> isize {
        crate::sysfs::count((|| {
            // SAFETY: By the C API, the device is held by the caller, and `info` valid.
            let (device, info) = unsafe { (some_nvmem(nvmem)?, &*info) };
            // SAFETY: The caller's callback may be called during the call.
            let post_process = unsafe { PostProcess::new(info) };
            let extent = extent(device, info)?;
            let provider = device.access()?;
            let value = cell::read(&provider, &extent, post_process.as_ref(), None, 0)?;
            // SAFETY: By the C API, the buffer has room for the cell.
            unsafe { bytes_mut(buf, value.len()) }.copy_from_slice(&value);
            Ok(value.len())
        })())
    }

    /// Writes the cell that `info` describes; returns its length.
    unsafe fn nvmem_device_cell_write(
        nvmem: *mut bindings::nvmem_device,
        info: *mut bindings::nvmem_cell_info,
        buf: *mut c_void,
    ) -> c_int {
        err_int((|| {
            // SAFETY: By the C API, the device is held by the caller, and `info` valid.
            let (device, info) = unsafe { (some_nvmem(nvmem)?, &*info) };
            let extent = extent(device, info)?;
            let provider = device.access()?;
            if device.is_read_only() || info.read_post_process.is_some() {
                return Err(EINVAL);
            }
            // SAFETY: By the C API, the buffer has all of the cell.
            cell::write(&provider, &extent, unsafe { bytes(buf, extent.bytes) })
        })())
    }

    /// The name of a device.
    unsafe fn nvmem_dev_name(nvmem: *mut bindings::nvmem_device) -> *const c_char {
        // SAFETY: By the C API, the device is held by the caller.
        unsafe { self::nvmem(nvmem) }.name().as_char_ptr()
    }

    /// Describes a device for consumers in Rust. All providers can be revoked.
    unsafe fn nvmem_core_hold(
        nvmem: *mut bindings::nvmem_device,
        hold: *mut bindings::nvmem_hold,
    ) -> c_int {
        // SAFETY: By the C API, the device is held by the caller.
        let device = unsafe { self::nvmem(nvmem) };
        let dev: ARef<Device> = device.into();
        // SAFETY: By the C API, it is valid for writes.
        unsafe {
            hold.write(bindings::nvmem_hold {
                dev: ARef::into_raw(dev).as_ptr().cast(),
                stride: device.geometry.stride(),
                word_size: device.geometry.word_size(),
            });
        }
        0
    }

    /// The size of a device, in bytes.
    unsafe fn nvmem_dev_size(nvmem: *mut bindings::nvmem_device) -> usize {
        // SAFETY: By the C API, the device is held by the caller.
        unsafe { self::nvmem(nvmem) }.size
    }

    /// Adds entries to the look-up tables.
    unsafe fn nvmem_add_cell_lookups(entries: *mut bindings::nvmem_cell_lookup, count: usize) {
        // SAFETY: By the C API, they stay valid until they are removed.
        unsafe { lookup::add(entries, count) };
    }

    /// Removes entries from the look-up tables.
    unsafe fn nvmem_del_cell_lookups(entries: *mut bindings::nvmem_cell_lookup, count: usize) {
        // SAFETY: By the C API, they were added before.
        unsafe { lookup::remove(entries, count) };
    }

    /// Has a function called with what happens.
    unsafe fn nvmem_register_notifier(block: *mut notifier_block) -> c_int {
        // SAFETY: By the C API, it stays valid until it is removed.
        err_unit(unsafe { events::chain().register(block) })
    }

    /// Has a function not called any more.
    unsafe fn nvmem_unregister_notifier(block: *mut notifier_block) -> c_int {
        // SAFETY: By the C API, it is valid.
        err_unit(unsafe { events::chain().unregister(block) })
    }
}

/// What a cell that is not in the device's list is.
fn extent(device: &Device, info: &bindings::nvmem_cell_info) -> Result<crate::geometry::Extent> {
    let extent = device.geometry.cell(&cells::request_of(info));
    extent.map_err(|why| cells::refuse(device, c"of a consumer", why))
}

// SPDX-License-Identifier: GPL-2.0

//! Look-up tables: which cells a device uses, where there is no device tree to say so.
//!
//! The list's lock is held for looking at it, and not for what follows from it (H12).

use crate::{
    bindings,
    cell::Cell,
    device, //
};
use core::ptr;
use kernel::{
    prelude::*,
    str::CString,
    sync::{
        Mutex,
        MutexGuard, //
    },
};

/// Locks the list.
fn lock() -> MutexGuard<'static, ()> {
    // SAFETY: It is defined in `linkage.c`.
    unsafe { Mutex::from_raw(&raw mut bindings::nvmem_core_lookups_lock) }.lock()
}

fn head() -> *mut kernel::bindings::list_head {
    &raw mut bindings::nvmem_core_lookups
}

/// Adds entries to the list.
///
/// # Safety
///
/// `entries` has `count` entries, which stay valid and are in no list until they are removed.
pub unsafe fn add(entries: *mut bindings::nvmem_cell_lookup, count: usize) {
    let _list = lock();
    for i in 0..count {
        // SAFETY: By the function's requirements, and by the lock.
        unsafe { kernel::bindings::list_add_tail(&raw mut (*entries.add(i)).node, head()) };
    }
}

/// Removes entries from the list.
///
/// # Safety
///
/// `entries` has `count` entries, which are in the list.
pub unsafe fn remove(entries: *mut bindings::nvmem_cell_lookup, count: usize) {
    let _list = lock();
    for i in 0..count {
        // SAFETY: By the function's requirements, and by the lock.
        unsafe { bindings::bmc_rust_list_del(&raw mut (*entries.add(i)).node) };
    }
}

/// The cell that the device called `dev_id` calls `con_id`; `ENOENT` if there is no entry for it.
pub fn cell(dev_id: &CStr, con_id: &CStr) -> Result<KBox<Cell>> {
    let (device_name, cell_name) = names(dev_id, con_id)?.ok_or(ENOENT)?;
    let handle = device::find_by_name(&device_name)?;
    let entry = handle.entry(|cells| cells.named(&cell_name))?;
    handle.into_cell(entry, Some(con_id), 0)
}

/// The names of the nvmem device and of the cell that the first matching entry has.
fn names(dev_id: &CStr, con_id: &CStr) -> Result<Option<(CString, CString)>> {
    let _list = lock();
    let head = head();

    // SAFETY: Under the lock, the list's entries are valid, and each is part of a lookup, whose strings
    // are valid as well.
    unsafe {
        let mut node = (*head).next;
        while !ptr::eq(node, head) {
            let entry = &*kernel::container_of!(node, bindings::nvmem_cell_lookup, node);
            let is = |name: *const c_char, wanted: &CStr| {
                !name.is_null() && CStr::from_char_ptr(name) == wanted
            };
            if is(entry.dev_id, dev_id) && is(entry.con_id, con_id) {
                if entry.nvmem_name.is_null() || entry.cell_name.is_null() {
                    return Err(EINVAL);
                }
                return Ok(Some((
                    CString::try_from(CStr::from_char_ptr(entry.nvmem_name))?,
                    CString::try_from(CStr::from_char_ptr(entry.cell_name))?,
                )));
            }
            node = (*node).next;
        }
    }
    Ok(None)
}

// SPDX-License-Identifier: GPL-2.0

//! What the nvmem notifier chain is told, and when.
//!
//! A device can be found before the first of its cells is announced, and is announced itself when it is complete,
//! with the cells of its layout if that is bound by then. Its removal is announced first, whoever still holds it,
//! then that of its layout and its cells.
//!
//! A listener may look up and put what it likes: the only lock that is held is the chain's own, for reading. It
//! must not add or remove a listener.

use crate::{
    bindings,
    cell::Entry,
    device::Device,
    notifier::BlockingChain, //
};
use kernel::prelude::*;

/// What happened.
pub enum Event<'a> {
    Add(&'a Device),
    Remove(&'a Device),
    CellAdd(&'a Entry),
    CellRemove(&'a Entry),
    #[cfg(CONFIG_OF)]
    LayoutAdd(&'a crate::layout::Device),
    #[cfg(CONFIG_OF)]
    LayoutRemove(&'a crate::layout::Device),
}

/// The chain, for those who listen.
pub fn chain() -> &'static BlockingChain {
    // SAFETY: It is defined in `linkage.c`.
    unsafe { BlockingChain::from_raw(&raw mut bindings::nvmem_core_notifier) }
}

/// Tells the listeners.
pub fn notify(event: Event<'_>) {
    let (event, data) = match event {
        Event::Add(device) => (bindings::NVMEM_ADD, device.as_raw().cast()),
        Event::Remove(device) => (bindings::NVMEM_REMOVE, device.as_raw().cast()),
        Event::CellAdd(entry) => (bindings::NVMEM_CELL_ADD, raw(entry)),
        Event::CellRemove(entry) => (bindings::NVMEM_CELL_REMOVE, raw(entry)),
        #[cfg(CONFIG_OF)]
        Event::LayoutAdd(layout) => (bindings::NVMEM_LAYOUT_ADD, layout.as_raw().cast()),
        #[cfg(CONFIG_OF)]
        Event::LayoutRemove(layout) => (bindings::NVMEM_LAYOUT_REMOVE, layout.as_raw().cast()),
    };
    // CAST: The number is a small one.
    // SAFETY: A device goes with events of devices and a layout with those of layouts, as in the C API.
    // A cell has no meaning there but its address.
    unsafe { chain().call(event as c_ulong, data) };
}

fn raw(entry: &Entry) -> *mut core::ffi::c_void {
    core::ptr::from_ref(entry).cast_mut().cast()
}

// SPDX-License-Identifier: GPL-2.0

//! Chains of C functions that are told of events.
//!
//! C header: [`include/linux/notifier.h`](srctree/include/linux/notifier.h)

use core::ffi::c_void;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// A notifier chain whose functions may sleep, and must not change the chain.
#[repr(transparent)]
pub struct BlockingChain(Opaque<bindings::blocking_notifier_head>);

// SAFETY: The chain has its own lock.
unsafe impl Sync for BlockingChain {}

impl BlockingChain {
    /// A static chain.
    ///
    /// # Safety
    ///
    /// `ptr` points to what `BLOCKING_NOTIFIER_HEAD()` defines, and stays valid for `'a`.
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::blocking_notifier_head) -> &'a Self {
        // SAFETY: By the function's requirements; `Self` is a transparent wrapper.
        unsafe { &*ptr.cast() }
    }

    /// Adds a block.
    ///
    /// # Safety
    ///
    /// `block` is valid until it has been removed.
    pub unsafe fn register(&self, block: *mut bindings::notifier_block) -> Result {
        // SAFETY: By the type and the function's requirements.
        to_result(unsafe { bindings::blocking_notifier_chain_register(self.0.get(), block) })
    }

    /// Removes a block; `ENOENT` if it is not there.
    ///
    /// # Safety
    ///
    /// `block` is valid.
    pub unsafe fn unregister(&self, block: *mut bindings::notifier_block) -> Result {
        // SAFETY: By the type and the function's requirements.
        to_result(unsafe { bindings::blocking_notifier_chain_unregister(self.0.get(), block) })
    }

    /// Tells all blocks of `event`, which is about `data`. What they answer does not matter.
    ///
    /// # Safety
    ///
    /// `data` is what the chain's users expect with `event`, and valid for the call.
    pub unsafe fn call(&self, event: c_ulong, data: *mut c_void) {
        // SAFETY: By the type and the function's requirements.
        unsafe { bindings::blocking_notifier_call_chain(self.0.get(), event, data) };
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Callbacks that change the bytes of a cell after they were read.

use crate::{
    bindings,
    provider::outcome, //
};
use core::ffi::c_void;
use kernel::prelude::*;

type PostProcessCallback =
    unsafe extern "C" fn(*mut c_void, *const c_char, c_int, c_uint, *mut c_void, usize) -> c_int;

/// A callback for what was read of a cell.
///
/// # Invariants
///
/// The callback may be called with `context` by whoever has a reference to this.
pub struct PostProcess {
    callback: PostProcessCallback,
    context: *mut c_void,
}

// SAFETY: The callback is called by any thread that reads the cell, with the same context.
unsafe impl Send for PostProcess {}

// SAFETY: As for `Send`.
unsafe impl Sync for PostProcess {}

impl PostProcess {
    /// Takes the callback of `info`, if it has one.
    ///
    /// # Safety
    ///
    /// It may be called by whoever gets a reference to what this returns.
    pub unsafe fn new(info: &bindings::nvmem_cell_info) -> Option<Self> {
        let context = info.priv_;
        // INVARIANT: By the function's requirements.
        info.read_post_process
            .map(|callback| Self { callback, context })
    }

    /// Changes the bytes of a cell that were read from `offset`, for the consumer who knows the cell by
    /// `id` and `index`.
    pub fn call(&self, id: Option<&CStr>, index: c_int, offset: u32, buf: &mut [u8]) -> Result {
        let id = id.map_or(core::ptr::null(), |id| id.as_char_ptr());
        // SAFETY: By the type invariants; the buffer is valid, and `id` a string or null.
        let ret = unsafe {
            (self.callback)(
                self.context,
                id,
                index,
                offset,
                buf.as_mut_ptr().cast(),
                buf.len(),
            )
        };
        outcome(ret, 0)
    }
}

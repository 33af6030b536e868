// SPDX-License-Identifier: GPL-2.0

//! Conversions between results and strings of Rust and those of the C API.

use core::{
    ffi::c_void,
    slice, //
};
use kernel::prelude::*;

/// An error as a pointer, or the pointer.
pub fn err_ptr<T>(result: Result<*mut T>) -> *mut T {
    result.unwrap_or_else(|error| error.to_ptr())
}

/// An error as a negative number, or the number.
pub fn err_int(result: Result<usize>) -> c_int {
    // CAST: As in the C API, which gives lengths as `int`.
    result.map_or_else(|error| error.to_errno(), |number| number as c_int)
}

/// An error as a negative number, or zero.
pub fn err_unit(result: Result) -> c_int {
    result.map_or_else(|error| error.to_errno(), |()| 0)
}

/// A string of the C API, if there is one.
///
/// # Safety
///
/// `ptr` is null or a string, for `'a`.
pub unsafe fn string<'a>(ptr: *const c_char) -> Option<&'a CStr> {
    // SAFETY: By the function's requirements.
    (!ptr.is_null()).then(|| unsafe { CStr::from_char_ptr(ptr) })
}

/// A buffer of the C API, to be written.
///
/// # Safety
///
/// `buf` has `len` bytes that may be written, for `'a`, or `len` is zero.
pub unsafe fn bytes_mut<'a>(buf: *mut c_void, len: usize) -> &'a mut [u8] {
    if len == 0 {
        return &mut [];
    }
    // SAFETY: By the function's requirements.
    unsafe { slice::from_raw_parts_mut(buf.cast(), len) }
}

/// A buffer of the C API.
///
/// # Safety
///
/// `buf` has `len` bytes, for `'a`, or `len` is zero.
pub unsafe fn bytes<'a>(buf: *const c_void, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: By the function's requirements.
    unsafe { slice::from_raw_parts(buf.cast(), len) }
}

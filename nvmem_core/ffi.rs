// SPDX-License-Identifier: GPL-2.0

//! Conversions between results and strings of Rust and those of the C API.

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

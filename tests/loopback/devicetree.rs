// SPDX-License-Identifier: GPL-2.0

//! The node of an adapter in the device tree: `compatible = "bmc-rust,i2c-loopback"`.
//!
//! Its children are the clients of the adapter, also those that an overlay adds to it.

use core::ptr;
use kernel::{
    bindings,
    prelude::*, //
};

/// Finds the node; null if there is none.
///
/// The reference to it is never given back: trees from boot keep their nodes for ever.
pub(crate) fn node() -> *mut bindings::device_node {
    // SAFETY: The whole tree is searched, for a string with its end.
    unsafe {
        bindings::of_find_compatible_node(
            ptr::null_mut(),
            ptr::null(),
            c"bmc-rust,i2c-loopback".as_char_ptr(),
        )
    }
}

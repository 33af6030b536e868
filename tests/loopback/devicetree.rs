// SPDX-License-Identifier: GPL-2.0

//! The clients that the device tree has for an adapter.
//!
//! They are the children of the node `compatible = "bmc-rust,i2c-loopback"`; the i2c core takes them
//! away with the adapter. That node is never given back: trees from boot keep theirs for ever.

use core::ptr;
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// A reference to an adapter.
///
/// # Invariants
///
/// `0` is a registered adapter, and is put once.
struct Adapter(*mut bindings::i2c_adapter);

impl Adapter {
    fn get(number: i32) -> Result<Self> {
        // SAFETY: Any number may be asked for.
        let adapter = unsafe { bindings::i2c_get_adapter(number) };
        if adapter.is_null() {
            return Err(ENODEV);
        }
        // INVARIANT: The core found it, and counts this reference.
        Ok(Self(adapter))
    }

    /// # Safety
    ///
    /// `node` is a node of the tree.
    unsafe fn add_client(&self, node: *mut bindings::device_node) -> Result {
        let mut info = bindings::i2c_board_info::default();
        // SAFETY: By the type invariants and the function's requirements.
        unsafe {
            to_result(bindings::of_i2c_get_board_info(
                &raw mut (*self.0).dev,
                node,
                &mut info,
            ))?;
            from_err_ptr(bindings::i2c_new_client_device(self.0, &info))?;
        }
        Ok(())
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::i2c_put_adapter(self.0) };
    }
}

/// Adds the clients to the adapter of this number.
pub(crate) fn add_clients(number: i32) -> Result {
    let adapter = Adapter::get(number)?;
    // SAFETY: The whole tree is searched, for a string with its end.
    let parent = unsafe {
        bindings::of_find_compatible_node(
            ptr::null_mut(),
            ptr::null(),
            c"bmc-rust,i2c-loopback".as_char_ptr(),
        )
    };

    let mut node = ptr::null_mut();
    let mut result = Ok(());
    loop {
        // SAFETY: `parent` is a node or null, and `node` one of its children or null; this gives back
        // the reference to it.
        node = unsafe { bindings::of_get_next_available_child(parent, node) };
        if node.is_null() {
            return result;
        }
        // SAFETY: It is a node, and referenced.
        result = result.and(unsafe { adapter.add_client(node) });
    }
}

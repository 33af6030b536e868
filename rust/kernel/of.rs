// SPDX-License-Identifier: GPL-2.0

//! Nodes of the device tree.
//!
//! C header: [`include/linux/of.h`](srctree/include/linux/of.h)

use crate::bindings as ours;
use core::ptr::NonNull;
use kernel::{
    bindings,
    device::Device,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// A node of the device tree.
///
/// # Invariants
///
/// It is always a valid `struct device_node`, and has a reference as long as Rust has one to it.
#[repr(transparent)]
pub struct Node(Opaque<bindings::device_node>);

// SAFETY: Nodes are reference-counted, and may be put by any thread.
unsafe impl Send for Node {}

// SAFETY: The device tree has its own locks.
unsafe impl Sync for Node {}

// SAFETY: The count is that of `of_node_get()` and `of_node_put()`.
unsafe impl AlwaysRefCounted for Node {
    fn inc_ref(&self) {
        // SAFETY: By the type invariants.
        unsafe { ours::bmc_rust_of_node_get(self.0.get()) };
    }

    unsafe fn dec_ref(node: NonNull<Self>) {
        // SAFETY: By the function's requirements there is a reference to give back.
        unsafe { ours::bmc_rust_of_node_put(node.cast().as_ptr()) };
    }
}

impl Node {
    /// The node at `ptr`; [`None`] if it is null.
    ///
    /// # Safety
    ///
    /// `ptr` is null or a node that has a reference for `'a`.
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::device_node) -> Option<&'a Self> {
        // SAFETY: By the function's requirements; `Self` is a transparent wrapper.
        unsafe { ptr.cast::<Self>().as_ref() }
    }

    /// Takes over a reference; [`None`] if `ptr` is null.
    ///
    /// # Safety
    ///
    /// `ptr` is null or a node with a reference that nobody else gives back.
    pub unsafe fn adopt(ptr: *mut bindings::device_node) -> Option<ARef<Self>> {
        // SAFETY: By the function's requirements.
        NonNull::new(ptr.cast()).map(|node| unsafe { ARef::from_raw(node) })
    }

    /// The node as C knows it.
    pub fn as_raw(&self) -> *mut bindings::device_node {
        self.0.get()
    }
}

/// The node of a device, if it has one.
///
/// A device may give its node back before it is released: some buses do so when they unregister it, as does
/// an [`OwnedDevice`](super::owned_device::OwnedDevice), which has a safe method for this.
///
/// # Safety
///
/// The device keeps its node during the call.
pub unsafe fn node_of(dev: &Device) -> Option<ARef<Node>> {
    // CAST: `Device` is a transparent wrapper.
    let dev: *const bindings::device = core::ptr::from_ref(dev).cast();
    // SAFETY: The device is valid, and by the function's requirements its node is, until the new reference is
    // taken.
    unsafe { Node::from_raw((*dev).of_node) }.map(ARef::from)
}

#[cfg(CONFIG_OF)]
mod tree {
    use super::*;
    use core::slice;
    use kernel::error::to_result;
    use kernel::prelude::*;

    /// The arguments that follow a phandle.
    pub struct Args {
        pub node: ARef<Node>,
        args: [u32; bindings::NR_FWNODE_REFERENCE_ARGS as usize],
        count: usize,
    }

    impl Args {
        pub fn args(&self) -> &[u32] {
            self.args.get(..self.count).unwrap_or(&self.args)
        }
    }

    impl Node {
        /// The node's name, without its unit address.
        pub fn name(&self) -> &[u8] {
            // SAFETY: By the type invariants; a node's name is a string that lives as long as it.
            let full = unsafe { CStr::from_char_ptr((*self.as_raw()).full_name) }.to_bytes();
            let base = full.rsplit(|&byte| byte == b'/').next().unwrap_or(full);
            base.split(|&byte| byte == b'@').next().unwrap_or(base)
        }

        /// The value of a property.
        pub fn property(&self, name: &CStr) -> Option<&[u8]> {
            let mut len = 0;
            // SAFETY: By the type invariants; `name` is a string, `len` is there to be written.
            let value =
                unsafe { bindings::of_get_property(self.as_raw(), name.as_char_ptr(), &mut len) };
            let len = usize::try_from(len).ok()?;
            if value.is_null() {
                return None;
            }
            // SAFETY: A property's value has this length, and lives as long as its node.
            Some(unsafe { slice::from_raw_parts(value.cast(), len) })
        }

        /// The 32-bit number at `index` of a property.
        pub fn u32_at(&self, name: &CStr, index: usize) -> Option<u32> {
            let rest = self.property(name)?.get(index.checked_mul(4)?..)?;
            rest.first_chunk().copied().map(u32::from_be_bytes)
        }

        /// The parent, unless this is the root.
        pub fn parent(&self) -> Option<ARef<Node>> {
            // SAFETY: By the type invariants; the parent comes with a reference.
            unsafe { Node::adopt(bindings::of_get_parent(self.as_raw())) }
        }

        /// The child of this name, without its unit address.
        pub fn child(&self, name: &CStr) -> Option<ARef<Node>> {
            // SAFETY: By the type invariants; the child comes with a reference.
            unsafe {
                Node::adopt(bindings::of_get_child_by_name(
                    self.as_raw(),
                    name.as_char_ptr(),
                ))
            }
        }

        /// The children, one after the other.
        pub fn children(&self) -> impl Iterator<Item = ARef<Node>> + '_ {
            let mut last: Option<ARef<Node>> = None;
            core::iter::from_fn(move || {
                let previous = last.take().map_or(core::ptr::null_mut(), |node| {
                    ARef::into_raw(node).cast().as_ptr()
                });
                // SAFETY: By the type invariants. It takes a reference to the previous child, and
                // returns one to the next.
                last = unsafe { Node::adopt(bindings::of_get_next_child(self.as_raw(), previous)) };
                last.clone()
            })
        }

        /// Where `value` is in a list of strings.
        pub fn index_of(&self, list: &CStr, value: &CStr) -> Result<c_int> {
            // SAFETY: By the type invariants; the others are strings.
            let index = unsafe {
                bindings::of_property_match_string(
                    self.as_raw(),
                    list.as_char_ptr(),
                    value.as_char_ptr(),
                )
            };
            to_result(index).map(|()| index)
        }

        /// The phandle at `index` of a list. With `cells`, that property of the node it names tells the
        /// number of its arguments; there is none otherwise.
        pub fn phandle(&self, list: &CStr, cells: Option<&CStr>, index: c_int) -> Result<Args> {
            let mut out: bindings::of_phandle_args = pin_init::zeroed();
            // SAFETY: By the type invariants; the others are strings or null, and `out` is there to be
            // written.
            to_result(unsafe {
                bindings::__of_parse_phandle_with_args(
                    self.as_raw(),
                    list.as_char_ptr(),
                    cells.map_or(core::ptr::null(), |cells| cells.as_char_ptr()),
                    0,
                    index,
                    &mut out,
                )
            })?;
            // SAFETY: On success it comes with a reference.
            let node = unsafe { Node::adopt(out.np) }.ok_or(ENOENT)?;
            Ok(Args {
                node,
                args: out.args,
                count: usize::try_from(out.args_count).unwrap_or(0),
            })
        }
    }

    /// The right to make devices of the children of a node. Only one holder at a time has it.
    ///
    /// # Invariants
    ///
    /// The node's flag `OF_POPULATED_BUS` was set by this holder.
    pub struct BusClaim(ARef<Node>);

    impl BusClaim {
        /// Claims the node; [`None`] if somebody else has it.
        pub fn new(node: ARef<Node>) -> Option<Self> {
            // SAFETY: By the type invariants of `Node`.
            let claimed = unsafe { ours::bmc_rust_of_node_claim_bus(node.as_raw()) };
            // INVARIANT: The flag was just set.
            claimed.then(|| Self(node))
        }

        /// The node that is claimed.
        pub fn node(&self) -> &Node {
            &self.0
        }
    }

    impl Drop for BusClaim {
        fn drop(&mut self) {
            // SAFETY: By the type invariants.
            unsafe { ours::bmc_rust_of_node_release_bus(self.0.as_raw()) };
        }
    }
}
#[cfg(CONFIG_OF)]
pub use tree::*;

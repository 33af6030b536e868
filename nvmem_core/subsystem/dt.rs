// SPDX-License-Identifier: GPL-2.0

//! What the device tree says: cells of a device, and which ones a consumer uses.
//!
//! Bindings: `Documentation/devicetree/bindings/nvmem/`. All nodes are counted, and given back on every
//! path (H15).

use crate::{
    bindings,
    cell::Cell,
    cells,
    device::{
        self,
        Device,
        Handle, //
    },
    layout,
    names,
    of::Node, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// Adds the cells that the children of `parent` describe.
pub fn add_cells(device: &Device, parent: &Node) -> Result {
    for child in parent.children() {
        if child.property(c"reg").is_some() {
            add_cell(device, child)?;
        }
    }
    Ok(())
}

/// What is known of a cell.
///
/// # Invariants
///
/// `name` is null or a string that `kfree()` frees.
struct Info(bindings::nvmem_cell_info);

impl Info {
    fn new(name: &[u8]) -> Result<Self> {
        let mut info: bindings::nvmem_cell_info = pin_init::zeroed();
        let (name, ..) = names::terminated(&[name])?.into_raw_parts();
        info.name = name.cast();
        // INVARIANT: A `KVec` is memory of `kmalloc()`, and was given up.
        Ok(Self(info))
    }
}

impl Drop for Info {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, and nobody has a reference to the name.
        unsafe { kernel::bindings::kfree(self.0.name.cast()) };
    }
}

fn add_cell(device: &Device, node: ARef<Node>) -> Result {
    let mut info = Info::new(node.name())?;
    let Info(cell) = &mut info;
    let refused = |property| {
        let name = kernel::str::BStr::from_bytes(node.name());
        device.pr_err(fmt!("cell {name} has an invalid property {property}\n"));
        EINVAL
    };
    (cell.offset, cell.bytes) = pair(&node, c"reg").ok_or_else(|| refused("reg"))?;

    if let Some(value) = node.property(c"bits") {
        let bits = pair(&node, c"bits").filter(|_| value.len() == 8);
        if let Some((bit_offset, nbits)) = bits {
            let all = u64::from(cell.bytes).saturating_mul(8);
            let end = u64::from(bit_offset).saturating_add(u64::from(nbits));
            if nbits == 0 || u64::from(bit_offset) >= all || end > all {
                return Err(refused("bits"));
            }
            (cell.bit_offset, cell.nbits) = (bit_offset, nbits);
        }
    }

    // The fixup may put in another name and another node, as it may with the C core: it then frees this name
    // and puts this node.
    let provider = device.access()?;
    cell.np = ARef::into_raw(node).as_ptr().cast();
    if let Some(fixup) = provider.fixup() {
        // SAFETY: The provider is not revoked as long as `provider` exists; both pointers are valid.
        unsafe { fixup(device.as_raw().cast(), cell) };
    }
    // SAFETY: The reference that was given up above, or that of the node which the fixup has put in.
    let node = unsafe { Node::adopt(cell.np) };
    drop(provider);
    // SAFETY: What is not from here is from the provider, whose callbacks may be called until its cells
    // are removed.
    let new = unsafe { cells::NewCell::from_info(cell) }?;
    cells::add(device, new, node)
}

fn pair(node: &Node, name: &CStr) -> Option<(u32, u32)> {
    Some((node.u32_at(name, 0)?, node.u32_at(name, 1)?))
}

/// The device that `node` refers to in its property `nvmem`: the one called `id`, or the first.
pub fn device_of(node: &Node, id: Option<&CStr>) -> Result<Handle> {
    let index = match id {
        Some(id) => node.index_of(c"nvmem-names", id).map_err(|_| ENOENT)?,
        None => 0,
    };
    let provider = node.phandle(c"nvmem", None, index).map_err(|_| ENOENT)?;
    device::find_by_node(&provider.node)
}

/// The cell that `node` refers to in its property `nvmem-cells`: the one called `id`, or the first.
pub fn cell_of(node: &Node, id: Option<&CStr>) -> Result<KBox<Cell>> {
    let index = match id {
        Some(id) => node.index_of(c"nvmem-cell-names", id).map_err(|_| ENOENT)?,
        None => 0,
    };
    let cell = node
        .phandle(c"nvmem-cells", Some(c"#nvmem-cell-cells"), index)
        .map_err(|_| ENOENT)?;
    let part = match cell.args() {
        [] => 0,
        // CAST: The bits are what matters to the callback that gets it.
        [part] => *part as c_int,
        _ => return Err(EINVAL),
    };

    let mut provider = cell.node.parent().ok_or(EINVAL)?;
    if provider.name() == b"nvmem-layout" {
        provider = provider.parent().ok_or(EINVAL)?;
    }
    let handle = device::find_by_node(&provider)?;

    // A layout that is not there yet may bring the cell.
    let has_layout = || handle.device().layout.lock().is_some();
    if has_layout() {
        layout::module_of(handle.device())?;
    }
    match handle.entry(|cells| cells.at_node(&cell.node)) {
        Err(ENOENT) if has_layout() => Err(EPROBE_DEFER),
        entry => handle.into_cell(entry?, id, part),
    }
}

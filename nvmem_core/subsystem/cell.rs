// SPDX-License-Identifier: GPL-2.0

//! Cells: named ranges of a device, as the device lists them and as consumers hold them.
//!
//! An [`Entry`] is shared by the list of its device, its file and the consumers that hold it, and is freed
//! with the last of them. Its callback is called with access to the device only: a removed cell is
//! marked, and one grace period of the device's SRCU ends the calls of any number of removed cells. After
//! that neither a file nor a consumer reaches the text of a layout that was unloaded.

use crate::{
    bits::Bits,
    device::{
        Access,
        Device,
        Handle, //
    },
    geometry::Extent,
    module_ref::ModuleRef,
    post_process::PostProcess,
    provider::Provider,
    srcu_revocable::Attached, //
};
use kernel::{
    alloc::flags::__GFP_NOWARN,
    prelude::*,
    str::CString,
    sync::Arc, //
};

/// A cell of a device.
pub struct Entry {
    pub name: CString,
    pub extent: Extent,
    /// Whether it came with the device's layout, and goes with it.
    pub of_layout: bool,
    /// Its callback, if it has one; detached when the cell is removed.
    post_process: Attached<Option<PostProcess>>,
}

impl Entry {
    /// Makes a cell of the device that is accessed with `access`.
    pub fn new(
        name: &CStr,
        extent: Extent,
        of_layout: bool,
        post_process: Option<PostProcess>,
        access: &Access<'_>,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                name: CString::try_from(name)?,
                extent,
                of_layout,
                post_process: Attached::new(post_process, access),
            },
            GFP_KERNEL,
        )?)
    }

    /// Makes the cell inaccessible. Calls in flight go on: [`Device::synchronize`] waits for them.
    ///
    /// [`Device::synchronize`]: crate::device::Nvmem::synchronize
    pub fn detach(&self) {
        self.post_process.detach();
    }

    /// Reads the cell, for a consumer who knows it by `id` and `index`.
    pub fn read(&self, device: &Device, id: Option<&CStr>, index: c_int) -> Result<KVec<u8>> {
        let provider = device.access()?;
        let post_process = self.post_process.access(&provider).ok_or(ENODEV)?;
        read(&provider, &self.extent, post_process.as_ref(), id, index)
    }

    /// Writes the cell, and returns the length of `value`.
    pub fn write(&self, device: &Device, value: &[u8]) -> Result<usize> {
        let provider = device.access()?;
        let post_process = self.post_process.access(&provider).ok_or(ENODEV)?;
        // What the callback makes of the bytes cannot be undone.
        if device.is_read_only() || post_process.is_some() {
            return Err(EINVAL);
        }
        write(&provider, &self.extent, value)
    }
}

/// Reads what `extent` describes.
pub fn read(
    provider: &Provider,
    extent: &Extent,
    post_process: Option<&PostProcess>,
    id: Option<&CStr>,
    index: c_int,
) -> Result<KVec<u8>> {
    let mut buf = buffer(extent)?;

    let raw = buf.get_mut(..extent.raw_len).ok_or(EINVAL)?;
    provider.read(extent.offset, raw)?;
    if let Some(bits) = extent.bits {
        bits.extract(buf.get_mut(..extent.bytes).ok_or(EINVAL)?);
    }
    if let Some(post_process) = post_process {
        let raw = buf.get_mut(..extent.raw_len).ok_or(EINVAL)?;
        post_process.call(id, index, extent.offset, raw)?;
    }
    buf.truncate(extent.bytes);
    Ok(buf)
}

/// Room for what is stored of a cell and for what a consumer gets. A length that is out of all reason
/// is the caller's mistake, and no cause for the kernel to complain.
fn buffer(extent: &Extent) -> Result<KVec<u8>> {
    let len = extent.raw_len.max(extent.bytes);
    Ok(KVec::from_elem(0, len, GFP_KERNEL | __GFP_NOWARN)?)
}

/// Writes what `extent` describes, and returns the length of `value`.
pub fn write(provider: &Provider, extent: &Extent, value: &[u8]) -> Result<usize> {
    match extent.bits {
        None if value.len() != extent.bytes => return Err(EINVAL),
        None => provider.writer()?.write(extent.offset, value)?,
        Some(bits) => {
            if value.len() != bits.value_bytes() && value.len() != extent.bytes {
                return Err(EINVAL);
            }
            // From before the bytes are read until they are written.
            let writer = if bits.shares_bytes() {
                provider.exclusive_writer()
            } else {
                provider.writer()?
            };
            let stored = merge(provider, extent, bits, value)?;
            writer.write(extent.offset, &stored)?;
        }
    }
    Ok(value.len())
}

/// The stored bytes of a cell with `value` in place of its bits.
fn merge(provider: &Provider, extent: &Extent, bits: Bits, value: &[u8]) -> Result<KVec<u8>> {
    let mut stored = buffer(extent)?;

    if bits.shares_bytes() {
        let raw = stored.get_mut(..extent.raw_len).ok_or(EINVAL)?;
        provider.read(extent.offset, raw)?;
    }
    stored.truncate(extent.bytes);
    bits.insert(&mut stored, value);
    Ok(stored)
}

/// A cell as a consumer holds it.
///
/// What it refers to is let go of in the order of the fields.
pub struct Cell {
    pub entry: Arc<Entry>,
    /// What the consumer calls it, and which part of it is meant.
    id: Option<CString>,
    index: c_int,
    /// Keeps the module of the cell's layout loaded. The reference that was taken is the one that is given back.
    _layout: Option<ModuleRef>,
    device: Handle,
}

impl Cell {
    pub fn new(
        device: Handle,
        layout: Option<ModuleRef>,
        entry: Arc<Entry>,
        id: Option<&CStr>,
        index: c_int,
    ) -> Result<KBox<Self>> {
        let id = id.map(CString::try_from).transpose()?;
        Ok(KBox::new(
            Self {
                entry,
                id,
                index,
                _layout: layout,
                device,
            },
            GFP_KERNEL,
        )?)
    }

    pub fn read(&self) -> Result<KVec<u8>> {
        self.entry
            .read(self.device.device(), self.id.as_deref(), self.index)
    }

    pub fn write(&self, value: &[u8]) -> Result<usize> {
        self.entry.write(self.device.device(), value)
    }
}

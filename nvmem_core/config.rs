// SPDX-License-Identifier: GPL-2.0

//! `struct nvmem_config`, as providers in C fill it.

use crate::{
    bindings,
    keepout::{
        self,
        Keepout, //
    },
};
use kernel::{
    device,
    prelude::*, //
};

/// The device at a pointer of the C API, if there is one.
///
/// # Safety
///
/// `ptr` is null or a device that has a reference for `'a`.
pub unsafe fn device_at<'a>(ptr: *mut kernel::bindings::device) -> Option<&'a device::Device> {
    // SAFETY: By the function's requirements.
    (!ptr.is_null()).then(|| unsafe { device::Device::from_raw(ptr) })
}

/// A copy of the keepouts, which the provider need not keep.
///
/// # Safety
///
/// `config` has an array of `nkeepout` keepouts.
pub unsafe fn keepouts_of(
    config: &bindings::nvmem_config,
    parent: &device::Device,
    word_size: u32,
    stride: u32,
) -> Result<KVec<Keepout>> {
    let mut keepouts = KVec::new();
    for i in 0..config.nkeepout as usize {
        // SAFETY: By the function's requirements.
        let keepout = unsafe { *config.keepout.add(i) };
        keepouts.push(
            Keepout {
                start: keepout.start,
                end: keepout.end,
                value: keepout.value,
            },
            GFP_KERNEL,
        )?;
    }
    keepout::validate(&keepouts, word_size, stride).map_err(|why| {
        dev_err!(parent, "nvmem keepouts are refused: {why:?}\n");
        match why {
            keepout::Invalid::Unsorted | keepout::Invalid::WordSize => ERANGE,
            keepout::Invalid::Backwards | keepout::Invalid::Stride => EINVAL,
        }
    })?;
    Ok(keepouts)
}

// SPDX-License-Identifier: GPL-2.0

//! The file `eeprom` or `fram` of drivers that were there before nvmem, in the folder of the device
//! that they were in.

use crate::{
    attributes, bindings,
    device::Device,
    sysfs::{
        BinFile,
        Contents,
        KeptInSysfs,
        Setup, //
    },
};
use kernel::{
    device,
    prelude::*,
    str::CString,
    sync::aref::ARef, //
};

/// The file. The device that it is in is counted while it is there.
pub struct File {
    _file: Pin<KBox<BinFile<Whole, KeptInSysfs>>>,
}

impl File {
    /// Makes the file in the folder of `base`, which must be there; `ENOSYS` without nvmem in sysfs.
    ///
    /// # Safety
    ///
    /// `base` is in sysfs until the file is dropped.
    pub unsafe fn create(
        device: &ARef<Device>,
        base: Option<&device::Device>,
        kind: c_uint,
    ) -> Result<Self> {
        if !cfg!(CONFIG_NVMEM_SYSFS) {
            return Err(ENOSYS);
        }
        let base = base.ok_or(EINVAL)?;
        let name = match kind {
            bindings::nvmem_type_NVMEM_TYPE_FRAM => c"fram",
            _ => c"eeprom",
        };
        let setup = Setup {
            name: CString::try_from(name)?,
            mode: device.mode,
            size: device.size,
        };
        // SAFETY: By the function's requirements.
        let base = unsafe { KeptInSysfs::new(base.into()) };
        let file = BinFile::in_device(base, setup, Whole(device.clone()))?;
        Ok(Self { _file: file })
    }
}

/// All of a device.
struct Whole(ARef<Device>);

impl Contents for Whole {
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        attributes::read(&self.0, offset, buf)
    }

    fn write(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        attributes::write(&self.0, offset, buf)
    }
}

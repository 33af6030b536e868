// SPDX-License-Identifier: GPL-2.0

//! The files that the C core gives to a device, for the file `eeprom` or `fram` in the directory of the parent.
//!
//! The C core removes its own file of that name when the last consumer puts the device. Until then a driver that is
//! bound again cannot create it, and the parent may be gone. This file is removed when the device is unregistered.
//! Its reads and writes are those of the file `nvmem`.

use crate::{
    bindings as nvmem,
    sysfs::{
        BinFile,
        Contents,
        KeptInSysfs,
        Setup, //
    },
};
use core::ptr;
use kernel::{
    bindings,
    device,
    error::to_result,
    prelude::*,
    str::CString,
    sync::aref::ARef, //
};

/// The file `nvmem` of a device, and `force_ro` if it has one.
///
/// # Invariants
///
/// `nvmem` and `group` are static objects of the C core, for devices like `dev`.
pub struct Files {
    dev: ARef<device::Device>,
    nvmem: *const bindings::bin_attribute,
    group: *const bindings::attribute_group,
}

// SAFETY: The objects are static, and only read.
unsafe impl Send for Files {}

// SAFETY: As for `Send`.
unsafe impl Sync for Files {}

/// The elements of a list of pointers that ends with null; none if the list is null.
///
/// # Safety
///
/// `list` is null or such a list, for `'a`.
unsafe fn elements<'a, T: 'a>(list: *const *const T) -> impl Iterator<Item = &'a T> {
    let mut next = list;
    core::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: By the function's requirements; the end was not passed.
        unsafe {
            let element = (*next).as_ref()?;
            next = next.add(1);
            Some(element)
        }
    })
}

/// Whether an attribute has this name.
fn is_named(attr: &bindings::attribute, name: &CStr) -> bool {
    // SAFETY: Attributes in a list have a name.
    unsafe { CStr::from_char_ptr(attr.name) }.to_bytes() == name.to_bytes()
}

impl Files {
    /// The files of `dev`, an nvmem device; [`None`] without `CONFIG_NVMEM_SYSFS`.
    pub fn of(dev: &device::Device) -> Option<Self> {
        // CAST: `Device` is a transparent wrapper. A list of constant pointers is read like one of others.
        let raw: *const bindings::device = ptr::from_ref(dev).cast();
        // SAFETY: The device is valid. Its groups are static lists.
        let groups = unsafe { elements((*raw).groups.cast_const()) };
        for group in groups {
            // SAFETY: As above.
            let mut files = unsafe { elements(group.bin_attrs) };
            if let Some(nvmem) = files.find(|file| is_named(&file.attr, c"nvmem")) {
                // INVARIANT: They are static.
                return Some(Self {
                    dev: dev.into(),
                    nvmem,
                    group,
                });
            }
        }
        None
    }

    fn kobject(&self) -> *mut bindings::kobject {
        // CAST: `Device` is a transparent wrapper.
        let dev: *mut bindings::device = ptr::from_ref(&*self.dev).cast_mut().cast();
        // SAFETY: The device has a reference.
        unsafe { &raw mut (*dev).kobj }
    }

    /// Sets `force_ro`, as user space can.
    pub fn force_read_only(&self) {
        // SAFETY: By the type invariants; a list of attributes is the same with constant pointers.
        let mut attrs = unsafe {
            elements::<bindings::attribute>(
                (*self.group).__bindgen_anon_2.attrs.cast_const().cast(),
            )
        };
        let Some(attr) = attrs.find(|attr| is_named(attr, c"force_ro")) else {
            return;
        };
        // SAFETY: The attributes of a device are in a `device_attribute` each.
        let attr = unsafe {
            &*kernel::container_of!(ptr::from_ref(attr), bindings::device_attribute, attr)
        };
        // SAFETY: The attribute is one of this device; it gets a string and its length.
        unsafe {
            if let Some(store) = attr.__bindgen_anon_2.store {
                let dev = ptr::from_ref(&*self.dev).cast_mut().cast();
                let attr = ptr::from_ref(attr).cast_mut();
                store(dev, attr, c"1".as_char_ptr(), 1);
            }
        }
    }
}

impl Files {
    /// Removes the file `nvmem` and the directory `cells`, which the C core keeps as long as the device is held. Waits
    /// for calls that are running.
    ///
    /// The C core frees the cells before it removes their files. The device is unregistered afterwards.
    pub fn remove(&self) {
        let mut cells: bindings::attribute_group = pin_init::zeroed();
        cells.name = c"cells".as_char_ptr();
        // SAFETY: The device has a directory: it is registered. The second call looks at the name of the group and at its
        // empty lists. The driver core and the C core tolerate the absence of the files when they remove them later.
        unsafe {
            bindings::sysfs_remove_bin_file(self.kobject(), self.nvmem);
            bindings::sysfs_remove_group(self.kobject(), &cells);
        }
    }
}

/// All of a device, as the file `nvmem` has it.
impl Contents for Files {
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        // SAFETY: By the type invariants, the function is that of the file `nvmem` of this device, and gets what sysfs
        // passes: the directory, the attribute, and a buffer of this length. It does not look at the file, which may be
        // null therefore: the C core finds the device by the directory.
        let done = unsafe {
            let read = (*self.nvmem).read.ok_or(EPERM)?;
            let (offset, data) = (offset.try_into()?, buf.as_mut_ptr().cast());
            read(
                ptr::null_mut(),
                self.kobject(),
                self.nvmem,
                data,
                offset,
                buf.len(),
            )
        };
        count(done)
    }

    fn write(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        // SAFETY: As for `read()`: the same directory and attribute, and a file that is not looked at. The buffer is only
        // read.
        let done = unsafe {
            let write = (*self.nvmem).write.ok_or(EPERM)?;
            let (offset, data) = (offset.try_into()?, buf.as_ptr().cast_mut().cast());
            write(
                ptr::null_mut(),
                self.kobject(),
                self.nvmem,
                data,
                offset,
                buf.len(),
            )
        };
        count(done)
    }
}

/// The result of a file operation.
fn count(done: isize) -> Result<usize> {
    to_result(c_int::try_from(done.min(0)).map_err(|_| EINVAL)?)?;
    usize::try_from(done).map_err(|_| EINVAL)
}

/// The file in the parent's directory.
pub struct Compat(
    #[expect(dead_code, reason = "removed when it is dropped")]
    Pin<KBox<BinFile<Files, KeptInSysfs>>>,
);

impl Compat {
    /// Creates the file in the directory of `base`; `EINVAL` without that, `EEXIST` if it is there.
    ///
    /// # Safety
    ///
    /// `base` is in sysfs until this is dropped.
    pub unsafe fn create(
        files: Files,
        base: Option<&device::Device>,
        kind: c_uint,
    ) -> Result<Self> {
        let base = base.ok_or(EINVAL)?;
        let name = match kind {
            nvmem::nvmem_type_NVMEM_TYPE_FRAM => c"fram",
            _ => c"eeprom",
        };
        let (kobject, nvmem) = (files.kobject(), files.nvmem);
        // SAFETY: By the type invariants, these are the calls that sysfs makes for the file `nvmem`.
        let (mode, size) = unsafe {
            let group = &*files.group;
            let mode = group.is_bin_visible.map(|mode| mode(kobject, nvmem, 0));
            let size = group.bin_size.map(|size| size(kobject, nvmem, 0));
            (
                mode.unwrap_or((*nvmem).attr.mode),
                size.unwrap_or((*nvmem).size),
            )
        };
        let setup = Setup {
            name: CString::try_from(name)?,
            mode,
            size,
        };
        // SAFETY: By the function's requirements.
        let base = unsafe { KeptInSysfs::new(base.into()) };
        Ok(Self(BinFile::in_device(base, setup, files)?))
    }
}

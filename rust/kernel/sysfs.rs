// SPDX-License-Identifier: GPL-2.0

//! Binary files in sysfs that come and go, in folders of devices.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)
//!
//! Removing a file waits for those who read or write it, and whoever still has it open then gets
//! `ENODEV`. What a [`BinFile`] refers to is therefore not used once it is dropped.

use core::{
    marker::PhantomPinned,
    ptr,
    slice, //
};
use kernel::{
    bindings,
    device::Device,
    error::to_result,
    prelude::*,
    str::CString,
    sync::aref::ARef,
    types::Opaque, //
};

/// What keeps a device in sysfs.
///
/// # Safety
///
/// [`as_raw`](Self::as_raw) always returns the same device, of a clone too, and the device is in sysfs as
/// long as `self` or a clone of it exists.
pub unsafe trait InSysfs: Clone {
    /// The device as C knows it.
    fn as_raw(&self) -> *mut bindings::device;
}

/// A device that others keep in sysfs, by an agreement that the compiler does not know.
///
/// # Invariants
///
/// The device is in sysfs as long as `self` or a clone of it exists.
#[derive(Clone)]
pub struct KeptInSysfs(ARef<Device>);

impl KeptInSysfs {
    /// Trusts others to keep the device in sysfs.
    ///
    /// # Safety
    ///
    /// The device is in sysfs until the value that this returns is dropped, and all clones of it.
    pub unsafe fn new(dev: ARef<Device>) -> Self {
        // INVARIANT: By the function's requirements.
        Self(dev)
    }
}

// SAFETY: By the type invariants.
unsafe impl InSysfs for KeptInSysfs {
    fn as_raw(&self) -> *mut bindings::device {
        // CAST: `Device` is a transparent wrapper.
        ptr::from_ref(&*self.0).cast_mut().cast()
    }
}

/// What a file in sysfs contains.
pub trait Contents: Send + Sync + 'static {
    /// Reads what is at `offset` into `buf`, and tells how many bytes that are. The rest of `buf` is not
    /// used. It is zeroed at first.
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// Writes `buf` to `offset`, and tells how many bytes of it.
    fn write(&self, offset: u64, buf: &[u8]) -> Result<usize>;
}

/// A subfolder of the folder of a device.
///
/// # Invariants
///
/// The device's folder has one of this name, made by this.
pub struct Folder<D: InSysfs> {
    dev: D,
    name: &'static CStr,
}

impl<D: InSysfs> Folder<D> {
    /// Makes the subfolder.
    pub fn create(dev: D, name: &'static CStr) -> Result<Self> {
        // SAFETY: The device is in sysfs. The group is valid, and the call does not keep it.
        to_result(unsafe {
            bindings::sysfs_create_group(kobject(&dev), &group(name, &[ptr::null()]))
        })?;
        // INVARIANT: It was just made.
        Ok(Self { dev, name })
    }
}

impl<D: InSysfs> Drop for Folder<D> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants; the device is still in sysfs.
        unsafe {
            bindings::sysfs_remove_group(kobject(&self.dev), &group(self.name, &[ptr::null()]))
        };
    }
}

/// What a new file is to be.
pub struct Setup {
    pub name: CString,
    /// Permissions.
    pub mode: u16,
    /// In bytes. Reads and writes are kept within it, unless it is zero.
    pub size: usize,
}

/// A binary file, which is removed when this is dropped.
///
/// # Invariants
///
/// `attr` describes a file that was made and not yet removed, in the folder of `dev` or in its
/// subfolder `folder`. Its `private` points to `contents`.
#[pin_data(PinnedDrop)]
pub struct BinFile<T: Contents, D: InSysfs> {
    attr: Opaque<bindings::bin_attribute>,
    contents: T,
    dev: D,
    folder: Option<&'static CStr>,
    _name: CString,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: Any thread may remove a file and drop its contents, and `D` may be dropped by any.
unsafe impl<T: Contents, D: InSysfs + Send> Send for BinFile<T, D> {}

// SAFETY: There is no method on `&self`.
unsafe impl<T: Contents, D: InSysfs> Sync for BinFile<T, D> {}

impl<T: Contents, D: InSysfs> BinFile<T, D> {
    /// Makes a file in the folder of `dev`.
    pub fn in_device(dev: D, setup: Setup, contents: T) -> Result<Pin<KBox<Self>>> {
        Self::create(dev, None, setup, contents)
    }

    /// Makes a file in a subfolder. The name must be free there.
    pub fn in_folder(folder: &Folder<D>, setup: Setup, contents: T) -> Result<Pin<KBox<Self>>> {
        Self::create(folder.dev.clone(), Some(folder.name), setup, contents)
    }

    fn create(
        dev: D,
        folder: Option<&'static CStr>,
        setup: Setup,
        contents: T,
    ) -> Result<Pin<KBox<Self>>> {
        let mut attr: bindings::bin_attribute = pin_init::zeroed();
        attr.attr.name = setup.name.as_char_ptr();
        attr.attr.mode = setup.mode;
        attr.size = setup.size;
        attr.read = Some(Self::read);
        attr.write = Some(Self::write);
        #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
        {
            attr.attr.key = kernel::static_lock_class!().as_ptr();
        }

        // Nothing is removed before it is made: the parts become a `Self` at the end.
        let mut slot = KBox::<Self>::new_uninit(GFP_KERNEL)?;
        let this = slot.as_mut_ptr();
        // SAFETY: `this` is valid for writes. The parts are read by nobody yet, and the name does not
        // move with its owner.
        unsafe {
            attr.private = (&raw mut (*this).contents).cast();
            (&raw mut (*this).attr).write(Opaque::new(attr));
            (&raw mut (*this).contents).write(contents);
        }

        // SAFETY: The device is in sysfs. The attribute and the contents stay where they are, in a box that
        // is kept until the file is removed, or that is given up when there is none. The group is used in
        // the call only.
        let made = unsafe {
            let attr = Opaque::cast_into(&raw const (*this).attr);
            match folder {
                None => to_result(bindings::sysfs_create_bin_file(kobject(&dev), attr)),
                Some(name) => to_result(bindings::sysfs_update_group(
                    kobject(&dev),
                    &group(name, &[attr.cast_const(), ptr::null()]),
                )),
            }
        };
        if let Err(error) = made {
            // SAFETY: It was written above, and nobody refers to it.
            unsafe { ptr::drop_in_place(&raw mut (*this).contents) };
            return Err(error);
        }

        // SAFETY: With these, all fields that are not empty are written. INVARIANT: The file was just made.
        unsafe {
            (&raw mut (*this).dev).write(dev);
            (&raw mut (*this).folder).write(folder);
            (&raw mut (*this)._name).write(setup.name);
            Ok(KBox::into_pin(slot.assume_init()))
        }
    }

    extern "C" fn read(
        _file: *mut bindings::file,
        _kobj: *mut bindings::kobject,
        attr: *const bindings::bin_attribute,
        buf: *mut c_char,
        offset: bindings::loff_t,
        len: usize,
    ) -> isize {
        // SAFETY: By the type invariants; the file is not removed during the call.
        let contents = unsafe { &*(*attr).private.cast::<T>() };
        // SAFETY: sysfs gives a buffer of this length, for the call.
        let buf = unsafe { zeroed(buf, len) };
        // As many bytes as are said to be read are copied to user space: no more than there are.
        count(u64::try_from(offset).map_or(Err(EINVAL), |offset| {
            Ok(contents.read(offset, buf)?.min(len))
        }))
    }

    extern "C" fn write(
        _file: *mut bindings::file,
        _kobj: *mut bindings::kobject,
        attr: *const bindings::bin_attribute,
        buf: *mut c_char,
        offset: bindings::loff_t,
        len: usize,
    ) -> isize {
        // SAFETY: By the type invariants; the file is not removed during the call.
        let contents = unsafe { &*(*attr).private.cast::<T>() };
        // SAFETY: sysfs gives a buffer of this length.
        let buf = unsafe { slice::from_raw_parts(buf, len) };
        // The callers of the file's write operation rely on a result that is not above the length.
        let written = u64::try_from(offset)
            .map_or(Err(EINVAL), |offset| contents.write(offset, buf))
            .map(|written| written.min(len));
        count(written)
    }
}

#[pinned_drop]
impl<T: Contents, D: InSysfs> PinnedDrop for BinFile<T, D> {
    fn drop(self: Pin<&mut Self>) {
        let kobj = kobject(&self.dev);
        let attr = self.attr.get();
        // SAFETY: By the type invariants; the device is still in sysfs. It waits for calls that are under way.
        unsafe {
            match self.folder {
                None => bindings::sysfs_remove_bin_file(kobj, attr),
                Some(name) => {
                    bindings::sysfs_remove_file_from_group(kobj, &(*attr).attr, name.as_char_ptr())
                }
            }
        }
    }
}

fn kobject(dev: &impl InSysfs) -> *mut bindings::kobject {
    // SAFETY: By the requirements of the trait, the device is valid.
    unsafe { &raw mut (*dev.as_raw()).kobj }
}

/// The buffer of a callback that reads a file, zeroed.
///
/// It is not initialised by sysfs. What is read is copied to user space, and a callback in C may say that it
/// has read what it has not written.
///
/// # Safety
///
/// `buf` has `len` bytes that may be written, which nobody else uses for `'a`.
pub unsafe fn zeroed<'a>(buf: *mut c_char, len: usize) -> &'a mut [u8] {
    // SAFETY: By the function's requirements.
    unsafe {
        buf.write_bytes(0, len);
        slice::from_raw_parts_mut(buf, len)
    }
}

/// A group of the null-terminated `files`, as an argument.
fn group(
    name: &'static CStr,
    files: &[*const bindings::bin_attribute],
) -> bindings::attribute_group {
    let mut group: bindings::attribute_group = pin_init::zeroed();
    group.name = name.as_char_ptr();
    group.bin_attrs = files.as_ptr();
    group
}

/// What a callback of C that counts bytes returns.
pub fn count(result: Result<usize>) -> isize {
    match result {
        // CAST: Lengths of buffers fit.
        Ok(len) => len as isize,
        Err(error) => error.to_errno() as isize,
    }
}

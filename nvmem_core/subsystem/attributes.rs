// SPDX-License-Identifier: GPL-2.0

//! The files of a device in sysfs: `nvmem`, `type` and `force_ro`.
//!
//! ABI: `Documentation/ABI/stable/sysfs-bus-nvmem`, `Documentation/ABI/testing/sysfs-nvmem-cells`.

use crate::{
    bindings as nvmem,
    device::Device,
    owned_device::Groups,
    sysfs::{
        count,
        zeroed, //
    },
};
use core::{
    ptr,
    slice, //
};
use kernel::{
    bindings,
    prelude::*,
    str::as_char_ptr_in_const_context, //
};

/// Permissions of the file `nvmem` of a device: whether others than root may read it, and root write.
pub fn mode(config: &nvmem::nvmem_config, read_only: bool) -> u16 {
    let mut mode = 0;
    if config.reg_read.is_some() {
        mode |= if config.root_only { 0o400 } else { 0o444 };
    }
    if config.reg_write.is_some() && !read_only {
        mode |= 0o200;
    }
    mode
}

/// Reads whole words of the device.
pub fn read(device: &Device, offset: u64, buf: &mut [u8]) -> Result<usize> {
    let provider = device.access()?;
    let (offset, len) = checked(device, offset, buf.len())?;
    let part = buf.get_mut(..len).ok_or(EINVAL)?;
    provider.read(offset, part).map_err(not_permitted)?;
    Ok(len)
}

/// Writes whole words of the device, unless it is read-only.
pub fn write(device: &Device, offset: u64, buf: &[u8]) -> Result<usize> {
    let provider = device.access()?;
    let (offset, len) = checked(device, offset, buf.len())?;
    if device.is_read_only() {
        return Err(EPERM);
    }
    let part = buf.get(..len).ok_or(EINVAL)?;
    let written = provider.writer()?.write(offset, part);
    written.map_err(not_permitted)?;
    Ok(len)
}

fn checked(device: &Device, offset: u64, len: usize) -> Result<(u32, usize)> {
    device.geometry.whole_words(offset, len).ok_or(EINVAL)
}

/// What the provider cannot do, user space may not.
fn not_permitted(error: Error) -> Error {
    if error == EOPNOTSUPP {
        EPERM
    } else {
        error
    }
}

/// Copies what `contents` has at `offset`, and returns the number of bytes.
pub fn copy_from(contents: &[u8], offset: u64, buf: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok();
    let rest = rest
        .and_then(|offset| contents.get(offset..))
        .unwrap_or(&[]);
    for (to, from) in buf.iter_mut().zip(rest) {
        *to = *from;
    }
    rest.len().min(buf.len())
}

/// The groups of attributes that each device has.
// SAFETY: All of it is static, and the callbacks are for nvmem devices.
pub const GROUPS: Groups = unsafe { Groups::new((&raw const GROUP_LIST.0).cast()) };

/// What the driver core only reads, or locks itself.
#[repr(transparent)]
struct Static<T>(T);

// SAFETY: They are private to this file, which has pointers to them made for the driver core only.
unsafe impl<T> Sync for Static<T> {}

static GROUP_LIST: Static<[*const bindings::attribute_group; 2]> =
    Static([&raw const GROUP.0, ptr::null()]);

static GROUP: Static<bindings::attribute_group> = Static({
    let mut group: bindings::attribute_group = pin_init::zeroed();
    group.__bindgen_anon_1.is_visible = Some(attribute_mode);
    group.__bindgen_anon_2.attrs = (&raw const ATTRIBUTES.0).cast_mut().cast();
    group.is_bin_visible = Some(nvmem_mode);
    group.bin_size = Some(nvmem_size);
    group.bin_attrs = (&raw const BIN_ATTRIBUTES.0).cast();
    group
});

static ATTRIBUTES: Static<[*const bindings::attribute; 3]> = Static([
    &raw const FORCE_RO.0.attr,
    &raw const TYPE.0.attr,
    ptr::null(),
]);

static BIN_ATTRIBUTES: Static<[*const bindings::bin_attribute; 2]> =
    Static([&raw const NVMEM.0, ptr::null()]);

static TYPE: Static<bindings::device_attribute> = Static({
    let mut attr: bindings::device_attribute = pin_init::zeroed();
    attr.attr.name = as_char_ptr_in_const_context(c"type");
    attr.attr.mode = 0o444;
    attr.__bindgen_anon_1.show = Some(type_show);
    attr
});

static FORCE_RO: Static<bindings::device_attribute> = Static({
    let mut attr: bindings::device_attribute = pin_init::zeroed();
    attr.attr.name = as_char_ptr_in_const_context(c"force_ro");
    attr.attr.mode = 0o644;
    attr.__bindgen_anon_1.show = Some(force_ro_show);
    attr.__bindgen_anon_2.store = Some(force_ro_store);
    attr
});

static NVMEM: Static<bindings::bin_attribute> = Static({
    let mut attr: bindings::bin_attribute = pin_init::zeroed();
    attr.attr.name = as_char_ptr_in_const_context(c"nvmem");
    attr.attr.mode = 0o644;
    attr.read = Some(nvmem_read);
    attr.write = Some(nvmem_write);
    attr
});

/// The device of a kobject.
///
/// # Safety
///
/// `kobj` is that of an nvmem device, which stays for `'a`.
unsafe fn device_of<'a>(kobj: *mut bindings::kobject) -> &'a Device {
    // SAFETY: By the function's requirements.
    unsafe { Device::from_raw(kernel::container_of!(kobj, bindings::device, kobj)) }
}

extern "C" fn nvmem_mode(
    kobj: *mut bindings::kobject,
    _attr: *const bindings::bin_attribute,
    _index: c_int,
) -> u16 {
    // SAFETY: The group is that of nvmem devices.
    unsafe { device_of(kobj) }.mode
}

extern "C" fn nvmem_size(
    kobj: *mut bindings::kobject,
    _attr: *const bindings::bin_attribute,
    _index: c_int,
) -> usize {
    // SAFETY: The group is that of nvmem devices.
    unsafe { device_of(kobj) }.size
}

extern "C" fn attribute_mode(
    kobj: *mut bindings::kobject,
    attr: *mut bindings::attribute,
    _index: c_int,
) -> u16 {
    // What cannot be written has no switch for it.
    // SAFETY: The group is that of nvmem devices.
    if ptr::eq(attr, &raw const FORCE_RO.0.attr) && !unsafe { device_of(kobj) }.can_write {
        return 0;
    }
    // SAFETY: It is one of the attributes above.
    unsafe { (*attr).mode }
}

extern "C" fn nvmem_read(
    _file: *mut bindings::file,
    kobj: *mut bindings::kobject,
    _attr: *const bindings::bin_attribute,
    buf: *mut c_char,
    offset: bindings::loff_t,
    len: usize,
) -> isize {
    // SAFETY: The group is that of nvmem devices; sysfs gives a buffer of this length, for the call.
    let (device, buf) = unsafe { (device_of(kobj), zeroed(buf, len)) };
    count(u64::try_from(offset).map_or(Err(EINVAL), |offset| read(device, offset, buf)))
}

extern "C" fn nvmem_write(
    _file: *mut bindings::file,
    kobj: *mut bindings::kobject,
    _attr: *const bindings::bin_attribute,
    buf: *mut c_char,
    offset: bindings::loff_t,
    len: usize,
) -> isize {
    // SAFETY: The group is that of nvmem devices; sysfs gives a buffer of this length.
    let (device, buf) = unsafe { (device_of(kobj), slice::from_raw_parts(buf, len)) };
    count(u64::try_from(offset).map_or(Err(EINVAL), |offset| write(device, offset, buf)))
}

extern "C" fn type_show(
    dev: *mut bindings::device,
    _attr: *mut bindings::device_attribute,
    buf: *mut c_char,
) -> isize {
    // SAFETY: The attribute is that of nvmem devices.
    let name = match unsafe { Device::from_raw(dev) }.kind {
        nvmem::nvmem_type_NVMEM_TYPE_EEPROM => c"EEPROM\n",
        nvmem::nvmem_type_NVMEM_TYPE_OTP => c"OTP\n",
        nvmem::nvmem_type_NVMEM_TYPE_BATTERY_BACKED => c"Battery backed\n",
        nvmem::nvmem_type_NVMEM_TYPE_FRAM => c"FRAM\n",
        _ => c"Unknown\n",
    };
    // SAFETY: sysfs gives a page as buffer.
    unsafe { emit(buf, name) }
}

extern "C" fn force_ro_show(
    dev: *mut bindings::device,
    _attr: *mut bindings::device_attribute,
    buf: *mut c_char,
) -> isize {
    // SAFETY: The attribute is that of nvmem devices.
    let read_only = unsafe { Device::from_raw(dev) }.is_read_only();
    // SAFETY: sysfs gives a page as buffer.
    unsafe { emit(buf, if read_only { c"1\n" } else { c"0\n" }) }
}

extern "C" fn force_ro_store(
    dev: *mut bindings::device,
    _attr: *mut bindings::device_attribute,
    buf: *const c_char,
    len: usize,
) -> isize {
    // SAFETY: sysfs gives a string.
    let text = unsafe { CStr::from_char_ptr(buf) };
    count(kernel::str::kstrtobool(text).map(|read_only| {
        // SAFETY: The attribute is that of nvmem devices.
        unsafe { Device::from_raw(dev) }.set_read_only(read_only);
        len
    }))
}

/// Prints a text as an attribute's value.
///
/// # Safety
///
/// `buf` is what sysfs gives to show an attribute.
unsafe fn emit(buf: *mut c_char, text: &CStr) -> isize {
    // SAFETY: By the function's requirements; the format takes one string.
    let len = unsafe { bindings::sysfs_emit(buf, c"%s".as_char_ptr(), text.as_char_ptr()) };
    // CAST: It is at most a page.
    len as isize
}

// SPDX-License-Identifier: GPL-2.0

//! Non-volatile memory: providers and consumers.
//!
//! C headers: [`include/linux/nvmem-provider.h`](srctree/include/linux/nvmem-provider.h),
//! [`include/linux/nvmem-consumer.h`](srctree/include/linux/nvmem-consumer.h)
//!
//! A [`Provider`] reads and writes a device. A [`Registration`] presents it to consumers until the parent
//! device is unbound at the latest. Consumers may keep a [`Device`] or a [`Cell`] for longer: they get `ENODEV`
//! from then on.
//!
//! The core of Linux 7.3 in C calls a provider that was unregistered as long as a consumer holds it. On a kernel
//! with that core (`CONFIG_NVMEM_RUST_GUARD`), providers are registered with `nvmem_register_guarded()`, which
//! revokes them first, and safe code gets handles of such devices only.

use super::bindings;
use core::{
    ffi::c_void,
    ptr::{
        self,
        NonNull, //
    },
    slice, //
};
use kernel::{
    device::{
        self,
        Bound, //
    },
    devres::Devres,
    error::{
        from_err_ptr,
        from_result,
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    prelude::*,
    sync::aref::ARef, //
};

#[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
use bindings::{
    nvmem_register as register,
    nvmem_unregister as unregister, //
};
#[cfg(CONFIG_NVMEM_RUST_GUARD)]
use bindings::{
    nvmem_register_guarded as register,
    nvmem_unregister_guarded as unregister, //
};

/// Access to a non-volatile memory.
///
/// The callbacks may sleep, and may run at the same time in several threads. A read and a write do not exclude
/// each other; writes exclude each other only if the memory has a write-protect line.
///
/// An access lies within the size of the memory and is not empty. It begins at a multiple of the stride and has a multiple
/// of the word size if it comes from user space or from a consumer in Rust; a consumer in C may ask for anything.
#[vtable]
pub trait Provider: Send + Sync + 'static {
    /// Reads `buf.len()` bytes from `offset`, in bytes, into `buf`.
    ///
    /// `dev` is the parent of the memory, which is bound to its driver. An error is passed to the consumer;
    /// `EOPNOTSUPP` becomes `EPERM` in user space.
    fn read(&self, dev: &device::Device<Bound>, offset: u32, buf: &mut [u8]) -> Result {
        let _ = (dev, offset, buf);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Writes `buf` to `offset`, in bytes. As for [`Provider::read`].
    fn write(&self, dev: &device::Device<Bound>, offset: u32, buf: &[u8]) -> Result {
        let _ = (dev, offset, buf);
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// The number behind the name of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// No number. Registration fails with `EEXIST` if the name is taken.
    None,
    /// A number that no other device has.
    Auto,
    /// This number.
    Number(u16),
}

impl Id {
    fn to_raw(self) -> c_int {
        match self {
            Self::None => bindings::NVMEM_DEVID_NONE,
            Self::Auto => bindings::NVMEM_DEVID_AUTO,
            Self::Number(number) => number.into(),
        }
    }
}

/// The kind of memory, as the file `type` in sysfs shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Type {
    /// `Unknown`
    #[default]
    Unknown = bindings::nvmem_type_NVMEM_TYPE_UNKNOWN,
    /// `EEPROM`
    Eeprom = bindings::nvmem_type_NVMEM_TYPE_EEPROM,
    /// `OTP`: can be programmed once.
    Otp = bindings::nvmem_type_NVMEM_TYPE_OTP,
    /// `Battery backed`
    BatteryBacked = bindings::nvmem_type_NVMEM_TYPE_BATTERY_BACKED,
    /// `FRAM`
    Fram = bindings::nvmem_type_NVMEM_TYPE_FRAM,
}

/// A range of a memory that is never accessed: reads return a value, and writes have no effect.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Keepout(bindings::nvmem_keepout);

impl Keepout {
    /// The range `start..end`, in bytes, which reads as `value`.
    pub const fn new(start: u32, end: u32, value: u8) -> Self {
        Self(bindings::nvmem_keepout { start, end, value })
    }
}

/// A named part of a memory.
#[derive(Clone, Copy)]
pub struct CellInfo<'a> {
    /// The name by which consumers and look-up tables find the cell.
    pub name: &'a CStr,
    /// In bytes; a multiple of the stride.
    pub offset: u32,
    /// In bytes.
    pub bytes: u32,
    /// The first bit of the cell in its first byte, 0 to 7.
    pub bit_offset: u32,
    /// The number of bits; 0 for whole bytes, with a `bit_offset` of 0.
    pub nbits: u32,
}

impl<'a> CellInfo<'a> {
    /// A cell of whole bytes.
    pub const fn new(name: &'a CStr, offset: u32, bytes: u32) -> Self {
        Self {
            name,
            offset,
            bytes,
            bit_offset: 0,
            nbits: 0,
        }
    }

    /// `EINVAL` for a cell that does not lie within `size` bytes, is empty, or has bits beyond its bytes.
    fn to_raw(self, size: u32) -> Result<bindings::nvmem_cell_info> {
        let end = self.offset.checked_add(self.bytes);
        let bits = self.bit_offset.checked_add(self.nbits);
        let has_room = bits.is_some_and(|bits| bits.div_ceil(8) <= self.bytes);
        let is_aligned = self.nbits != 0 || self.bit_offset == 0;
        if self.bytes == 0
            || end.is_none_or(|end| end > size)
            || self.bit_offset > 7
            || !has_room
            || !is_aligned
        {
            return Err(EINVAL);
        }
        let mut info: bindings::nvmem_cell_info = pin_init::zeroed();
        info.name = self.name.as_char_ptr();
        info.offset = self.offset;
        info.bytes = self.bytes;
        info.bit_offset = self.bit_offset;
        info.nbits = self.nbits;
        Ok(info)
    }
}

/// The description of a memory that is to be registered.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    /// The name of the device. Without one it is `nvmem` and a number, and `id` has no effect.
    pub name: Option<&'a CStr>,
    /// The number behind the name.
    pub id: Id,
    /// The kind of memory.
    pub kind: Type,
    /// In bytes, at most `i32::MAX`.
    pub size: u32,
    /// Accesses begin at multiples of this, in bytes.
    pub stride: u32,
    /// Accesses from user space have multiples of this, in bytes.
    pub word_size: u32,
    /// In ascending order, with bounds that are multiples of the stride. Ranges, and gaps between them, have at least
    /// a word.
    pub keepouts: &'a [Keepout],
    /// Cells beside those of the device tree.
    pub cells: &'a [CellInfo<'a>],
    /// The file `nvmem` cannot be written.
    pub read_only: bool,
    /// The file `nvmem` can be read by root only.
    pub root_only: bool,
    /// The parent's directory in sysfs gets a file `eeprom` (`fram` for an FRAM) with the contents of the memory, as
    /// it had before nvmem existed.
    pub compat: bool,
}

impl Config<'_> {
    /// A memory of `size` bytes that is accessed byte by byte.
    pub const fn new(size: u32) -> Self {
        Self {
            name: None,
            id: Id::Auto,
            kind: Type::Unknown,
            size,
            stride: 1,
            word_size: 1,
            keepouts: &[],
            cells: &[],
            read_only: false,
            root_only: false,
            compat: false,
        }
    }
}

/// The registration of a [`Provider`].
///
/// It exists within [`Devres`] only, which drops it before the parent device is unbound. Dropping it waits
/// for callbacks that are running, and then drops the provider, whether or not consumers hold the device. A callback
/// that drops it waits for itself.
///
/// # Invariants
///
/// `nvmem` is registered with a pointer to `target` as its context.
///
/// # Examples
///
/// See `samples/nvmem_ram.rs`, which registers a provider and reads from it as a consumer.
pub struct Registration<P: Provider> {
    nvmem: NonNull<bindings::nvmem_device>,
    // Dropped after `drop()` has unregistered the device.
    _target: Pin<KBox<Target<P>>>,
}

/// The context of the callbacks.
#[pin_data]
struct Target<P> {
    /// The parent. It is bound as long as the callbacks may run.
    dev: ARef<device::Device>,
    size: u32,
    #[pin]
    provider: P,
}

// SAFETY: Any thread may unregister a device, and drop the provider, which is `Send`.
unsafe impl<P: Provider> Send for Registration<P> {}

// SAFETY: There is no method on `&self`.
unsafe impl<P: Provider> Sync for Registration<P> {}

impl<P: Provider> Registration<P> {
    /// Registers `provider` with `dev` as the parent of the memory.
    ///
    /// Errors: `EINVAL` for a size, stride or word size above `i32::MAX`, for cells that do not lie within the size, and for
    /// cells and keepouts that do not fit the stride and the word size, `ERANGE` for keepouts that overlap or are too small, `EEXIST` if the name is taken, `EPROBE_DEFER` if
    /// the write-protect line is not there yet, `ENOMEM`.
    pub fn new<E>(
        dev: &device::Device<Bound>,
        config: &Config<'_>,
        provider: impl PinInit<P, E>,
    ) -> Result<Devres<Self>>
    where
        Error: From<E>,
    {
        let this: Result<Self> = Self::register(dev, config, provider);
        Devres::new::<Error>(dev, this)
    }

    fn register<E>(
        dev: &device::Device<Bound>,
        config: &Config<'_>,
        provider: impl PinInit<P, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        let size = config.size;
        let target = KBox::try_pin_init(
            try_pin_init!(Target {
                dev: dev.into(),
                size,
                provider <- provider,
            }? Error),
            GFP_KERNEL,
        )?;
        let mut cells = KVec::with_capacity(config.cells.len(), GFP_KERNEL)?;
        for cell in config.cells {
            cells.push(cell.to_raw(size)?, GFP_KERNEL)?;
        }
        let int = |value: u32| c_int::try_from(value).map_err(|_| EINVAL);

        let mut raw: bindings::nvmem_config = pin_init::zeroed();
        // CAST: `Device` is a transparent wrapper.
        raw.dev = ptr::from_ref(dev).cast_mut().cast();
        raw.name = config.name.map_or(ptr::null(), |name| name.as_char_ptr());
        // Without a name, the core in C takes this for a number to be chosen, and others would be printed behind no name.
        raw.id = config.name.map_or(0, |_| config.id.to_raw());
        // CAST: The enum has the values of the C one.
        raw.type_ = config.kind as bindings::nvmem_type;
        raw.size = int(size)?;
        raw.stride = int(config.stride)?;
        raw.word_size = int(config.word_size)?;
        // CAST: `Keepout` is a transparent wrapper.
        raw.keepout = config.keepouts.as_ptr().cast();
        raw.nkeepout = config.keepouts.len().try_into().map_err(|_| EINVAL)?;
        raw.cells = if cells.is_empty() {
            ptr::null()
        } else {
            cells.as_ptr()
        };
        raw.ncells = cells.len().try_into().map_err(|_| EINVAL)?;
        raw.read_only = config.read_only;
        raw.root_only = config.root_only;
        raw.compat = config.compat;
        raw.base_dev = raw.dev;
        raw.reg_read = if P::HAS_READ {
            Some(Self::read_callback)
        } else {
            None
        };
        raw.reg_write = if P::HAS_WRITE {
            Some(Self::write_callback)
        } else {
            None
        };
        raw.priv_ = ptr::from_ref(&*target).cast_mut().cast();

        // SAFETY: `raw` is complete, and the call copies it with its strings and arrays. The callbacks may be called
        // until `unregister()` returns: `target` is dropped after that call. Their text is that of the caller, who has the
        // `Devres`, or leaves it to `dev`: as for all that is put into a `Devres`, the module of the caller outlives that,
        // since it has the driver that `dev` is bound to, or drops the `Devres` itself.
        let nvmem = from_err_ptr(unsafe { register(&raw) })?;
        // INVARIANT: It was just registered.
        Ok(Self {
            nvmem: NonNull::new(nvmem).ok_or(ENODEV)?,
            _target: target,
        })
    }

    /// The context of a callback, for the length of an access that lies within the memory.
    ///
    /// # Safety
    ///
    /// `context` is that of a callback which is running.
    unsafe fn target<'a>(
        context: *mut c_void,
        offset: c_uint,
        len: usize,
    ) -> Result<&'a Target<P>> {
        // SAFETY: By the type invariants. It is not dropped while a callback is running.
        let target = unsafe { &*context.cast::<Target<P>>() };
        let end = u32::try_from(len)
            .ok()
            .and_then(|len| offset.checked_add(len));
        if end.is_none_or(|end| end > target.size) {
            return Err(EINVAL);
        }
        Ok(target)
    }

    extern "C" fn read_callback(
        context: *mut c_void,
        offset: c_uint,
        buf: *mut c_void,
        len: usize,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By the type invariants.
            let target = unsafe { Self::target(context, offset, len) }?;
            if len == 0 {
                return Ok(0);
            }
            // SAFETY: nvmem passes a buffer of this length, which nobody else uses meanwhile. Its bytes are
            // initialised, or written by nobody but the callback: the buffer is zeroed for that.
            let buf = unsafe {
                buf.write_bytes(0, len);
                slice::from_raw_parts_mut(buf.cast(), len)
            };
            target.provider.read(target.parent(), offset, buf)?;
            Ok(0)
        })
    }

    extern "C" fn write_callback(
        context: *mut c_void,
        offset: c_uint,
        buf: *mut c_void,
        len: usize,
    ) -> c_int {
        from_result(|| {
            // SAFETY: By the type invariants.
            let target = unsafe { Self::target(context, offset, len) }?;
            if len == 0 {
                return Ok(0);
            }
            // SAFETY: nvmem passes a buffer of this length, which nobody writes meanwhile.
            let buf = unsafe { slice::from_raw_parts(buf.cast(), len) };
            target.provider.write(target.parent(), offset, buf)?;
            Ok(0)
        })
    }
}

impl<P> Target<P> {
    /// The parent, for callbacks.
    fn parent(&self) -> &device::Device<Bound> {
        let dev: *const device::Device = &*self.dev;
        // SAFETY: Contexts are a matter of types only. The parent is bound: callbacks run as long as the registration
        // exists, which `Devres` drops before the parent is unbound.
        unsafe { &*dev.cast() }
    }
}

impl<P: Provider> Drop for Registration<P> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants it is registered. No callback is running or will run afterwards.
        unsafe { unregister(self.nvmem.as_ptr()) };
    }
}

/// A device that a consumer holds.
///
/// Accesses return `ENODEV` as soon as the provider is unregistered. The handle keeps the module of the provider loaded,
/// or beside the core in C nvmem_core, but not the device of the provider bound.
///
/// # Invariants
///
/// `nvmem` has the reference of a consumer, and `_dev` is the device of it. An access to it after its provider was
/// unregistered fails and does not reach the provider.
pub struct Device {
    nvmem: NonNull<bindings::nvmem_device>,
    stride: u32,
    word_size: u32,
    /// A further reference, dropped after `drop()` has put the consumer's. The core in C puts its own reference to the
    /// device before it is done with the device.
    _dev: ARef<device::Device>,
}

// SAFETY: Any thread may use and put a device.
unsafe impl Send for Device {}

// SAFETY: The core serialises accesses as far as is necessary.
unsafe impl Sync for Device {}

impl Device {
    /// Gets the device that the property `nvmem` of `dev` refers to, by its `nvmem-names`, or else the device with
    /// this name.
    ///
    /// Errors: `EPROBE_DEFER` if there is no such device yet, `EINVAL` if the provider's module is being unloaded,
    /// and, on a kernel with the core in C, `EOPNOTSUPP` if the provider is not guarded.
    pub fn get(dev: &device::Device<Bound>, name: &CStr) -> Result<Self> {
        // CAST: `Device` is a transparent wrapper.
        let dev = ptr::from_ref(dev).cast_mut().cast();
        // SAFETY: `dev` is valid, and `name` a string.
        let nvmem = from_err_ptr(unsafe { bindings::nvmem_device_get(dev, name.as_char_ptr()) })?;
        let nvmem = NonNull::new(nvmem).ok_or(ENODEV)?;

        let mut hold: bindings::nvmem_hold = pin_init::zeroed();
        // SAFETY: The caller has the reference that was just taken.
        let held = to_result(unsafe { bindings::nvmem_core_hold(nvmem.as_ptr(), &mut hold) });
        let dev = held.and_then(|()| NonNull::new(hold.dev).ok_or(ENODEV));
        let Ok(dev) = dev.inspect_err(|_| {
            // SAFETY: The reference was taken above.
            unsafe { bindings::nvmem_device_put(nvmem.as_ptr()) }
        }) else {
            return Err(held.err().unwrap_or(ENODEV));
        };
        // INVARIANT: The provider can be revoked, or the function had failed.
        Ok(Self {
            nvmem,
            stride: hold.stride,
            word_size: hold.word_size,
            // CAST: `Device` is a transparent wrapper.
            // SAFETY: The function has taken a reference for the caller.
            _dev: unsafe { ARef::from_raw(dev.cast()) },
        })
    }

    /// The size in bytes.
    pub fn size(&self) -> usize {
        // SAFETY: By the type invariants.
        unsafe { bindings::nvmem_dev_size(self.nvmem.as_ptr()) }
    }

    /// Reads from `offset`, in bytes, into `buf`.
    ///
    /// Errors: `ENODEV` if the provider was unregistered, `EINVAL` beyond the size, for an offset that is no multiple of the
    /// stride and for a length that is no multiple of the word size, `ENOMEM`, and those of the provider.
    pub fn read(&self, offset: u32, buf: &mut [u8]) -> Result {
        self.check(offset, buf.len())?;
        if self.is_aligned(buf) {
            return self.read_aligned(offset, buf);
        }
        let mut aligned = KVec::from_elem(0, buf.len(), GFP_KERNEL)?;
        self.read_aligned(offset, &mut aligned)?;
        buf.iter_mut()
            .zip(&aligned)
            .for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn read_aligned(&self, offset: u32, buf: &mut [u8]) -> Result {
        // SAFETY: By the type invariants; the buffer has this length, which the provider does not exceed: it was checked
        // that it lies within the device, and has whole words.
        let done = unsafe {
            bindings::nvmem_device_read(
                self.nvmem.as_ptr(),
                offset,
                buf.len(),
                buf.as_mut_ptr().cast(),
            )
        };
        all(done, buf.len())
    }

    /// Reads exactly `N` bytes from `offset`. Errors: as for [`Device::read`].
    pub fn read_array<const N: usize>(&self, offset: u32) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a number of four bytes, the least significant one first. Errors: as for [`Device::read`].
    pub fn read_le_u32(&self, offset: u32) -> Result<u32> {
        self.read_array(offset).map(u32::from_le_bytes)
    }

    /// Reads a number of four bytes, the most significant one first. Errors: as for [`Device::read`].
    pub fn read_be_u32(&self, offset: u32) -> Result<u32> {
        self.read_array(offset).map(u32::from_be_bytes)
    }

    /// Writes `buf` to `offset`, in bytes. As for [`Device::read`]; a device that is read-only for user space can be
    /// written.
    pub fn write(&self, offset: u32, buf: &[u8]) -> Result {
        self.check(offset, buf.len())?;
        if self.is_aligned(buf) {
            return self.write_aligned(offset, buf);
        }
        let mut aligned = KVec::new();
        aligned.extend_from_slice(buf, GFP_KERNEL)?;
        self.write_aligned(offset, &aligned)
    }

    fn write_aligned(&self, offset: u32, buf: &[u8]) -> Result {
        // SAFETY: As for reading; the buffer is only read.
        let done = unsafe {
            bindings::nvmem_device_write(
                self.nvmem.as_ptr(),
                offset,
                buf.len(),
                buf.as_ptr().cast_mut().cast(),
            )
        };
        all(done, buf.len())
    }

    /// The C API does not check offset and length.
    fn check(&self, offset: u32, len: usize) -> Result {
        let end = (offset as usize).checked_add(len);
        let has_words = len.checked_rem(self.word_size as usize) == Some(0);
        if len == 0
            || end.is_none_or(|end| end > self.size())
            || offset.checked_rem(self.stride) != Some(0)
            || !has_words
        {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Providers in C may take a buffer for one of words.
    fn is_aligned(&self, buf: &[u8]) -> bool {
        buf.as_ptr().addr().checked_rem(self.word_size as usize) == Some(0)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::nvmem_device_put(self.nvmem.as_ptr()) };
    }
}

/// A cell that a consumer holds.
///
/// Accesses return `ENODEV` as soon as the provider is unregistered.
///
/// # Invariants
///
/// It has the reference of a consumer. An access after the provider was unregistered fails and does not reach the
/// provider, or there is none.
pub struct Cell(NonNull<bindings::nvmem_cell>);

// SAFETY: Any thread may use and put a cell.
unsafe impl Send for Cell {}

// SAFETY: The core serialises accesses as far as is necessary.
unsafe impl Sync for Cell {}

impl Cell {
    /// Gets the cell that the property `nvmem-cells` of `dev` refers to, by its `nvmem-cell-names`, or else the one that
    /// a look-up table has for `dev` and this name.
    ///
    /// Errors: `ENOENT` if there is none, `EPROBE_DEFER` if its device is not there yet.
    ///
    /// The core in C does not tell whether the provider of a cell is guarded. With `CONFIG_NVMEM_RUST_GUARD`, safe
    /// code uses [`Device::read`].
    #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
    pub fn get(dev: &device::Device<Bound>, name: &CStr) -> Result<Self> {
        // SAFETY: The core revokes all providers.
        unsafe { Self::get_unguarded(dev, name) }
    }

    /// Gets a cell of any provider.
    ///
    /// # Safety
    ///
    /// With `CONFIG_NVMEM_RUST_GUARD`, the provider is not unregistered until the handle is dropped, the cell is no cell of a
    /// layout, and its bits lie within its bytes.
    pub unsafe fn get_unguarded(dev: &device::Device<Bound>, name: &CStr) -> Result<Self> {
        // CAST: `Device` is a transparent wrapper.
        let dev = ptr::from_ref(dev).cast_mut().cast();
        // SAFETY: `dev` is valid, and `name` a string.
        let cell = from_err_ptr(unsafe { bindings::nvmem_cell_get(dev, name.as_char_ptr()) })?;
        // INVARIANT: The call has returned a reference; the rest is the caller's promise.
        NonNull::new(cell).map(Self).ok_or(ENODEV)
    }

    /// Reads the cell.
    ///
    /// Errors: `ENODEV` if the provider was unregistered, those of the provider, `ENOMEM`.
    pub fn read(&self) -> Result<KVec<u8>> {
        let mut len = 0;
        // SAFETY: By the type invariants.
        let buf = from_err_ptr(unsafe { bindings::nvmem_cell_read(self.0.as_ptr(), &mut len) })?;
        if len == 0 {
            // SAFETY: The call has returned memory of `kmalloc()`, which a vector of no bytes would not free.
            unsafe { kernel::bindings::kfree(buf) };
            return Ok(KVec::new());
        }
        // SAFETY: The call has returned memory of `kmalloc()`, with `len` initialised bytes.
        Ok(unsafe { KVec::from_raw_parts(buf.cast(), len, len) })
    }

    /// Reads a cell of exactly `N` bytes; `EINVAL` for another length.
    pub fn read_array<const N: usize>(&self) -> Result<[u8; N]> {
        self.read()?.as_slice().try_into().map_err(|_| EINVAL)
    }

    /// Reads a cell of one byte. Errors: as for [`Cell::read_array`].
    pub fn read_u8(&self) -> Result<u8> {
        self.read_array().map(u8::from_ne_bytes)
    }

    /// Reads a cell of two bytes in the byte order of the CPU, as `nvmem_cell_read_u16()` does.
    pub fn read_u16(&self) -> Result<u16> {
        self.read_array().map(u16::from_ne_bytes)
    }

    /// Reads a cell of four bytes in the byte order of the CPU.
    pub fn read_u32(&self) -> Result<u32> {
        self.read_array().map(u32::from_ne_bytes)
    }

    /// Reads a cell of eight bytes in the byte order of the CPU.
    pub fn read_u64(&self) -> Result<u64> {
        self.read_array().map(u64::from_ne_bytes)
    }

    /// Reads a cell as a number in little-endian order; `ERANGE` if it exceeds 64 bits.
    pub fn read_variable_le(&self) -> Result<u64> {
        let bytes = self.read()?;
        let mut value = [0; 8];
        let (low, high) = bytes.split_at_checked(value.len()).unwrap_or((&bytes, &[]));
        if high.iter().any(|&byte| byte != 0) {
            return Err(ERANGE);
        }
        for (to, &from) in value.iter_mut().zip(low) {
            *to = from;
        }
        Ok(u64::from_le_bytes(value))
    }

    /// Writes the whole cell.
    ///
    /// Errors: `EINVAL` for another length than that of the cell and for a cell that is read-only or has a
    /// callback after reads, and as for [`Cell::read`].
    pub fn write(&self, buf: &[u8]) -> Result {
        // SAFETY: By the type invariants; the buffer has this length, and is only read.
        let done = unsafe {
            bindings::nvmem_cell_write(self.0.as_ptr(), buf.as_ptr().cast_mut().cast(), buf.len())
        };
        all(done, buf.len())
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::nvmem_cell_put(self.0.as_ptr()) };
    }
}

/// Fails with `EIO` if fewer bytes than `len` were accessed.
fn all(done: c_int, len: usize) -> Result {
    to_result(done.min(0))?;
    if usize::try_from(done) != Ok(len) {
        return Err(EIO);
    }
    Ok(())
}

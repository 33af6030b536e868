// SPDX-License-Identifier: GPL-2.0

//! Providers that can be revoked, on a kernel with the nvmem core in C.
//!
//! The C core calls the callbacks of a provider as long as a consumer holds the device. A guarded provider is
//! registered with callbacks of a [`Shell`] in its place, which reach the provider through an `SrcuRevocable`, and
//! return `ENODEV` once it was revoked.
//!
//! The C core may call the shell until the device is released. The guard replaces the release function of the device
//! for that: it calls the original one and then drops the shell. If `nvmem_register()` fails there is no handle of the
//! device, which a consumer may have found meanwhile: that shell remains until the module is unloaded.
//!
//! The C core frees the cells of a device before it removes their files, and keeps the files of a device that is held.
//! The guard removes the files that reach the provider when the device is unregistered.

mod files;

use crate::{
    bindings,
    config::{
        device_at,
        keepouts_of, //
    },
    devices::Counted,
    ffi::{
        bytes,
        bytes_mut,
        err_ptr,
        err_unit, //
    },
    of,
    provider::{
        Provider,
        WriteProtect, //
    },
    record::Record,
    srcu_revocable::SrcuRevocable,
};
use core::{
    ffi::c_void,
    ptr::{
        self,
        NonNull, //
    },
    slice, //
};
use files::{
    Compat,
    Files, //
};
use kernel::{
    bindings::device as RawDevice,
    device,
    error::from_err_ptr,
    new_mutex,
    prelude::*,
    static_lock_class,
    sync::{
        aref::ARef,
        global_lock,
        Arc,
        Mutex,
        SetOnce, //
    },
};

global_lock! {
    // SAFETY: `start()` initialises it before any device is registered.
    unsafe(uninit) static SHELLS: Mutex<KVec<Entry>> = KVec::new();
}

/// A shell that the C core may call.
struct Entry {
    shell: Arc<Shell>,
    progress: Progress,
}

/// The progress of a registration.
enum Progress {
    /// `nvmem_register()` is running, or has just returned.
    Registering,
    Registered(Registered),
    /// `nvmem_register()` has failed.
    Failed,
}

impl Entry {
    fn registered(&mut self) -> Option<&mut Registered> {
        match &mut self.progress {
            Progress::Registered(registered) => Some(registered),
            _ => None,
        }
    }
}

/// A device that is registered with the C core, or held by consumers after it was unregistered.
struct Registered {
    nvmem: NonNull<bindings::nvmem_device>,
    dev: NonNull<RawDevice>,
    stride: u32,
    word_size: u32,
    /// Present until the device is unregistered.
    compat: Option<Compat>,
}

// SAFETY: The pointers are compared by any thread, and used by those with a reference to the device.
unsafe impl Send for Registered {}

/// The context of the callbacks that the C core has.
#[pin_data]
struct Shell {
    #[pin]
    provider: SrcuRevocable<Provider>,
    /// Set as soon as the name of the device is known.
    record: SetOnce<Record>,
    /// The parent and the node, which the C core uses without a reference.
    #[pin]
    relatives: Mutex<Option<(ARef<device::Device>, Option<ARef<of::Node>>)>>,
}

impl Shell {
    extern "C" fn read(
        context: *mut c_void,
        offset: c_uint,
        buf: *mut c_void,
        len: usize,
    ) -> c_int {
        // SAFETY: The C core calls this until the device is released, and the shell is dropped after that.
        let shell = unsafe { &*context.cast::<Self>() };
        // SAFETY: The C core passes a buffer of this length, which nobody else uses meanwhile.
        let buf = unsafe { bytes_mut(buf, len) };
        err_unit(
            shell
                .access()
                .and_then(|provider| provider.read(offset, buf)),
        )
    }

    extern "C" fn write(
        context: *mut c_void,
        offset: c_uint,
        buf: *mut c_void,
        len: usize,
    ) -> c_int {
        // SAFETY: As for `read()`.
        let shell = unsafe { &*context.cast::<Self>() };
        // SAFETY: The C core passes a buffer of this length, which nobody writes meanwhile.
        let buf = unsafe { bytes(buf, len) };
        err_unit(
            shell
                .access()
                .and_then(|provider| provider.writer()?.write(offset, buf)),
        )
    }

    fn access(&self) -> Result<crate::srcu_revocable::Guard<'_, Provider>> {
        let access = self.provider.try_access();
        access.ok_or_else(|| self.record.as_ref().map_or(ENODEV, Record::refused))
    }

    /// Revokes the provider.
    fn revoke(&self) {
        if self.provider.revoke() {
            self.recorded(Record::revoked);
        }
    }

    fn recorded(&self, event: impl FnOnce(&Record)) {
        if let Some(record) = self.record.as_ref() {
            event(record);
        }
    }
}

/// Prepares the module. Dropping it waits until the devices are released.
pub struct Guard(());

impl Guard {
    /// Called once, when the module is loaded.
    pub fn new() -> Self {
        // SAFETY: It is called once, before anything else in this file.
        unsafe { SHELLS.init() };
        Self(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nobody has a device that is still registered: the module would be in use.
        crate::devices::wait_for_release();
        // Those that are left are of registrations that failed. A consumer that had found such a device kept this
        // module loaded.
        let left = core::mem::take(&mut *SHELLS.lock());
        drop(left);
    }
}

/// Registers a device with the C core.
///
/// # Safety
///
/// `config` is one that `nvmem_register()` accepts, and its callbacks may be called until [`unregister`] returns, or
/// this function fails.
unsafe fn register(config: &bindings::nvmem_config) -> Result<*mut bindings::nvmem_device> {
    // SAFETY: By the function's requirements.
    let parent = unsafe { device_at(config.dev) }.ok_or(EINVAL)?;
    if config.reg_read.is_none() && config.reg_write.is_none() {
        return Err(EINVAL);
    }
    // SAFETY: By the function's requirements.
    unsafe { refuse_callbacks(config, parent) }?;
    // Zero stands for one.
    let word_size = u32::try_from(config.word_size)?.max(1);
    let stride = u32::try_from(config.stride)?.max(1);
    let write_protect = if config.ignore_wp {
        None
    } else {
        WriteProtect::get(parent)?
    };
    let has_write_protect = write_protect.is_some();
    // SAFETY: By the function's requirements.
    let keepouts = unsafe { keepouts_of(config, parent, word_size, stride) }?;
    // SAFETY: By the function's requirements; the parent is a provider's, and keeps its node.
    let node = unsafe {
        let given = of::Node::from_raw(config.of_node).map(ARef::from);
        given.or_else(|| of::node_of(parent))
    };

    // SAFETY: By the function's requirements: the provider is revoked before `unregister()` returns, or this function
    // fails.
    let provider = unsafe { Provider::new(config, keepouts, write_protect) };
    let shell = Arc::pin_init(
        try_pin_init!(Shell {
            provider <- SrcuRevocable::new(provider, c"nvmem_guard", static_lock_class!()),
            record: SetOnce::new(),
            relatives <- new_mutex!(Some((parent.into(), node)), "nvmem_guard"),
        }? Error),
        GFP_KERNEL,
    )?;
    let entry = Entry {
        shell: shell.clone(),
        progress: Progress::Registering,
    };
    SHELLS.lock().push(entry, GFP_KERNEL)?;

    // SAFETY: It is plain data, which the C core only reads. The module's pointer does not change.
    let (mut guarded, this_module) =
        unsafe { (ptr::from_ref(config).read(), bindings::nvmem_core_module) };
    guarded.owner = this_module;
    guarded.reg_read = config.reg_read.and(Some(Shell::read));
    guarded.reg_write = config.reg_write.and(Some(Shell::write));
    guarded.priv_ = Arc::as_ptr(&shell).cast_mut().cast();
    guarded.ignore_wp = true;
    guarded.keepout = ptr::null();
    guarded.nkeepout = 0;
    guarded.compat = false;

    // SAFETY: The configuration is valid by the function's requirements. The shell is in `SHELLS` until the device is
    // released, and so are the parent and the node.
    let registered = from_err_ptr(unsafe { bindings::nvmem_register(&guarded) })
        .and_then(|nvmem| NonNull::new(nvmem).ok_or(ENODEV));
    let nvmem = match registered {
        Ok(nvmem) => nvmem,
        Err(error) => {
            // A consumer may have the device. The shell remains, without the relatives: the C core has removed the device.
            shell.revoke();
            let relatives = shell.relatives.lock().take();
            drop(relatives);
            set_progress(&shell, Progress::Failed);
            return Err(error);
        }
    };

    // SAFETY: The device was just registered, with this parent.
    let dev =
        unsafe { device_of(config.dev, nvmem).and_then(|dev| hook_release(&dev).map(|()| dev)) };
    let Ok(dev) = dev else {
        // Nothing tells when the device is released: the C core may call this module until then.
        // SAFETY: The function has no requirements.
        unsafe { bindings::nvmem_core_stay() };
        shell.revoke();
        // SAFETY: The device was just registered, and the caller does not know it.
        unsafe { bindings::nvmem_unregister(nvmem.as_ptr()) };
        set_progress(&shell, Progress::Failed);
        return Err(EOPNOTSUPP);
    };
    let registered = Registered {
        nvmem,
        // CAST: `Device` is a transparent wrapper.
        dev: NonNull::from(&*dev).cast(),
        stride,
        word_size,
        compat: None,
    };
    set_progress(&shell, Progress::Registered(registered));

    // SAFETY: By the function's requirements.
    let completed = unsafe { complete(config, &shell, &dev, has_write_protect) };
    match completed {
        Ok(compat) => {
            with_device(nvmem.as_ptr(), |registered| registered.compat = compat);
            shell.recorded(Record::registered);
            Ok(nvmem.as_ptr())
        }
        Err(error) => {
            // SAFETY: The device was just registered, and the caller does not know it.
            unsafe { withdraw(nvmem, &shell, &dev) };
            Err(error)
        }
    }
}

fn set_progress(shell: &Arc<Shell>, progress: Progress) {
    let mut shells = SHELLS.lock();
    if let Some(entry) = shells
        .iter_mut()
        .find(|entry| Arc::ptr_eq(&entry.shell, shell))
    {
        entry.progress = progress;
    }
}

/// Does those things that the C core does for a provider that is not guarded, and returns the file in the directory of
/// the parent, if one is wanted.
///
/// # Safety
///
/// `config` is one that `nvmem_register()` accepts.
unsafe fn complete(
    config: &bindings::nvmem_config,
    shell: &Shell,
    dev: &device::Device,
    has_write_protect: bool,
) -> Result<Option<Compat>> {
    let size = usize::try_from(config.size)?;
    shell.record.populate(Record::new(dev.name(), size)?);

    let files = Files::of(dev);
    let mut compat = None;
    if config.compat {
        let files = Files::of(dev).ok_or(ENOSYS)?;
        // SAFETY: By the function's requirements: the device that the file is in stays registered for longer than this
        // one.
        compat = Some(unsafe { Compat::create(files, device_at(config.base_dev), config.type_) }?);
    }
    // A device with a write-protect line begins protected. The files are those of a device that can be written.
    if let (true, Some(files)) = (has_write_protect, files) {
        files.force_read_only();
    }
    Ok(compat)
}

/// Calls `f` with the device `nvmem`, if it is guarded.
fn with_device<R>(
    nvmem: *const bindings::nvmem_device,
    f: impl FnOnce(&mut Registered) -> R,
) -> Option<R> {
    let mut shells = SHELLS.lock();
    shells
        .iter_mut()
        .filter_map(Entry::registered)
        .find(|registered| ptr::eq(registered.nvmem.as_ptr(), nvmem))
        .map(f)
}

/// Revokes the provider of a device, and unregisters the device.
///
/// # Safety
///
/// [`register`] has returned `nvmem`, which is unregistered once.
unsafe fn unregister(nvmem: NonNull<bindings::nvmem_device>) {
    let mut shells = SHELLS.lock();
    let found = shells.iter_mut().find_map(|entry| {
        let shell = entry.shell.clone();
        let registered = entry.registered()?;
        (registered.nvmem == nvmem).then(|| {
            // SAFETY: The device has the reference of its registration. `Device` is a transparent wrapper.
            let dev: ARef<device::Device> =
                unsafe { device::Device::get_device(registered.dev.as_ptr()) };
            (shell, dev, registered.compat.take())
        })
    });
    drop(shells);

    let Some((shell, dev, compat)) = found else {
        // A driver has mixed the functions of the guard and those of the C core.
        kernel::warn_on!(true);
        return;
    };
    shell.recorded(Record::unregistering);
    drop(compat);
    // SAFETY: By the function's requirements.
    unsafe { withdraw(nvmem, &shell, &dev) };
}

/// Revokes the provider of a device, removes the files that reach it, and unregisters the device.
///
/// # Safety
///
/// The device is registered with the C core, which has called `shell` for it.
unsafe fn withdraw(nvmem: NonNull<bindings::nvmem_device>, shell: &Shell, dev: &device::Device) {
    shell.revoke();
    if let Some(files) = Files::of(dev) {
        files.remove();
    }
    // SAFETY: By the function's requirements.
    unsafe { bindings::nvmem_unregister(nvmem.as_ptr()) };
    // SAFETY: The device has a reference, and was unregistered.
    unsafe { forget_node(dev) };
}

/// Makes a device that consumers still hold unknown to look-ups by its node, so that they find the next device
/// of the same node.
///
/// # Safety
///
/// The device belongs to the C core, which has unregistered it and uses the node only for look-ups.
unsafe fn forget_node(dev: &device::Device) {
    // CAST: `Device` is a transparent wrapper.
    let dev: *mut RawDevice = ptr::from_ref(dev).cast_mut().cast();
    // SAFETY: The device is valid. The driver core reads the pointer without a lock and tolerates null; look-ups
    // compare it.
    unsafe { kernel::bindings::device_set_node(dev, ptr::null_mut()) };
}

/// A callback that the C core calls after the provider was revoked cannot be guarded: those of cells, and that for
/// cells of the device tree, get other arguments.
///
/// # Safety
///
/// `config` has an array of `ncells` cells, unless it has none.
unsafe fn refuse_callbacks(config: &bindings::nvmem_config, parent: &device::Device) -> Result {
    let cells = if config.cells.is_null() {
        &[]
    } else {
        let count = usize::try_from(config.ncells).map_err(|_| EINVAL)?;
        // SAFETY: By the function's requirements.
        unsafe { slice::from_raw_parts(config.cells, count) }
    };
    if config.fixup_dt_cell_info.is_some()
        || cells.iter().any(|cell| cell.read_post_process.is_some())
    {
        dev_err!(
            parent,
            "a guarded nvmem provider cannot have callbacks for cells\n"
        );
        return Err(EINVAL);
    }
    Ok(())
}

/// The device of `nvmem`, which only the C core can convert: the child of `parent` with the same name, not an equal one.
///
/// # Safety
///
/// `nvmem` is registered as a child of `parent`, which is valid.
unsafe fn device_of(
    parent: *mut RawDevice,
    nvmem: NonNull<bindings::nvmem_device>,
) -> Result<ARef<device::Device>> {
    extern "C" fn has_name(dev: *mut RawDevice, name: *const c_void) -> c_int {
        // SAFETY: The driver core passes a valid device, whose bus, if it has one, is valid and has a name.
        let (own, is_nvmem) = unsafe {
            let bus = (*dev).bus;
            let is_nvmem = !bus.is_null() && CStr::from_char_ptr((*bus).name) == c"nvmem";
            (kernel::bindings::dev_name(dev), is_nvmem)
        };
        // A name in read-only data may belong to several devices, on different buses.
        (is_nvmem && ptr::eq(own.cast(), name)).into()
    }

    // SAFETY: By the function's requirements.
    let dev = unsafe {
        let name = bindings::nvmem_dev_name(nvmem.as_ptr());
        kernel::bindings::device_find_child(parent, name.cast(), Some(has_name))
    };
    let dev = NonNull::new(dev).ok_or(ENODEV)?;
    // SAFETY: The call has returned a reference. `Device` is a transparent wrapper.
    Ok(unsafe { ARef::from_raw(dev.cast()) })
}

/// Has [`release`] called when the device is released.
///
/// # Safety
///
/// The device is registered by the C core, and released by the release function of its type.
unsafe fn hook_release(dev: &device::Device) -> Result {
    // CAST: `Device` is a transparent wrapper.
    let dev: *mut RawDevice = ptr::from_ref(dev).cast_mut().cast();
    // SAFETY: The device is valid. The driver core looks at `release` when the last reference is put, and prefers it
    // to that of the type.
    unsafe {
        let type_ = (*dev).type_;
        if (*dev).release.is_some() || type_.is_null() || (*type_).release.is_none() {
            dev_err!(
                device::Device::<device::Normal>::from_raw(dev),
                "the nvmem core of this kernel releases devices in another way\n"
            );
            return Err(EOPNOTSUPP);
        }
        Counted::new().leave();
        (*dev).release = Some(release);
    }
    Ok(())
}

/// Releases a device, and drops its shell.
extern "C" fn release(dev: *mut RawDevice) {
    // SAFETY: `hook_release()` has left one for each device that has this function.
    let _counted = unsafe { Counted::adopt() };

    // Removed before the memory of the device is freed, and its address used again.
    let mut shells = SHELLS.lock();
    let mut entry = None;
    if let Some(index) = shells.iter_mut().position(|entry| {
        let registered = entry.registered();
        registered.is_some_and(|registered| registered.dev.as_ptr() == dev)
    }) {
        entry = shells.remove(index).ok();
    }
    drop(shells);

    // SAFETY: The driver core calls this for a device without references. `hook_release()` has found the function.
    unsafe {
        if let Some(release) = (*(*dev).type_).release {
            release(dev);
        }
    }
    // The C core has no use for the shell any more.
    drop(entry);
}

crate::exported! {
    /// Registers a device whose provider can be revoked.
    unsafe fn nvmem_register_guarded(
        config: *const bindings::nvmem_config,
    ) -> *mut bindings::nvmem_device {
        // SAFETY: By the C API, the configuration is valid, and its callbacks may be called until the device is
        // unregistered.
        err_ptr(unsafe { register(&*config) })
    }

    /// Revokes the provider of a device, and unregisters the device.
    unsafe fn nvmem_unregister_guarded(nvmem: *mut bindings::nvmem_device) {
        if let Some(nvmem) = NonNull::new(nvmem) {
            // SAFETY: By the C API, it is a registered device.
            unsafe { unregister(nvmem) };
        }
    }

    /// Describes a device for consumers in Rust, if it is guarded.
    unsafe fn nvmem_core_hold(
        nvmem: *mut bindings::nvmem_device,
        hold: *mut bindings::nvmem_hold,
    ) -> c_int {
        let found = with_device(nvmem, |registered| {
            // SAFETY: By the C API, the caller has a reference to the device, which is in the list until it is released.
            // The further one belongs to the caller.
            let dev: ARef<device::Device> =
                unsafe { device::Device::get_device(registered.dev.as_ptr()) };
            bindings::nvmem_hold {
                dev: ARef::into_raw(dev).as_ptr().cast(),
                stride: registered.stride,
                word_size: registered.word_size,
            }
        });
        match found {
            Some(found) => {
                // SAFETY: By the C API, it is valid for writes.
                unsafe { hold.write(found) };
                0
            }
            None if is_registering() => EPROBE_DEFER.to_errno(),
            None => EOPNOTSUPP.to_errno(),
        }
    }
}

/// Whether a registration has not been completed, so that its device cannot be told from others.
fn is_registering() -> bool {
    let shells = SHELLS.lock();
    shells
        .iter()
        .any(|entry| matches!(entry.progress, Progress::Registering))
}

// SPDX-License-Identifier: GPL-2.0

//! nvmem devices: how they are registered, found, held and unregistered.
//!
//! The reference count of the `struct device` is the only one (H4). What a registration is made of is
//! a [`Registration`], whose fields are undone in their order when it is dropped: by unregistering,
//! with or without consumers (H1), or when registering fails at any point (H6). Consumers keep the
//! device's memory and the provider's module, and a [`Handle`] gives back the module last (H5). They do
//! not keep the parent, which may go with the provider: the device forgets it (H14).

use crate::{
    attributes,
    bindings,
    bus,
    cell::{
        Cell,
        Entry, //
    },
    cells::{
        self,
        Cells, //
    },
    compat,
    config::{
        device_at,
        keepouts_of, //
    },
    events::{
        self,
        Event, //
    },
    ffi::string,
    geometry::Geometry,
    ida,
    module_ref::{
        ModulePtr,
        ModuleRef, //
    },
    names,
    of::{
        self,
        Node, //
    },
    owned_device::{
        self,
        Groups,
        Name,
        OwnedDevice,
        Setup, //
    },
    provider::{
        Provider,
        WriteProtect, //
    },
    record::Record,
    srcu_revocable::{
        self,
        SrcuRevocable, //
    },
    Keeper, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    device, new_condvar, new_mutex,
    prelude::*,
    static_lock_class,
    str::{
        as_char_ptr_in_const_context,
        CString, //
    },
    sync::{
        aref::ARef,
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        CondVar,
        Mutex, //
    },
};

/// An nvmem device: the `struct nvmem_device` of the C API.
pub type Device = OwnedDevice<Nvmem, Keeper>;

/// Keeps an nvmem device in sysfs.
pub type InSysfs = Arc<owned_device::Registration<Nvmem, Keeper>>;

static BUS_TYPE: bus::Bus<Device> = {
    let mut bus: kernel::bindings::bus_type = pin_init::zeroed();
    bus.name = as_char_ptr_in_const_context(c"nvmem");
    // SAFETY: The name is static, and there is no callback. Only `register()` knows the bus.
    unsafe { bus::Bus::new(bus) }
};

/// Registers the bus of nvmem devices.
pub fn register_bus() -> Result<bus::Registration<Device>> {
    bus::Registration::new(&BUS_TYPE)
}

/// What an nvmem device is, beside being a device.
#[pin_data]
pub struct Nvmem {
    pub record: Record,
    #[pin]
    provider: SrcuRevocable<Provider>,
    #[pin]
    pub cells: Mutex<Cells>,
    /// Woken when a cell was removed from the list.
    #[pin]
    pub cell_removed: CondVar,
    #[cfg(CONFIG_OF)]
    #[pin]
    pub layout: Mutex<Option<ARef<crate::layout::Device>>>,
    #[pin]
    registration: Mutex<Option<KBox<Registration>>>,
    pub geometry: Geometry,
    /// In bytes.
    pub size: usize,
    /// An `enum nvmem_type`.
    pub kind: c_uint,
    /// The permissions of the file `nvmem`.
    pub mode: u16,
    /// Whether there is a callback for it.
    pub can_write: bool,
    read_only: AtomicFlag,
    /// Whether it can be found.
    listed: AtomicFlag,
    /// Valid for who has a reference to it.
    pub owner: ModulePtr,
}

/// Access to the provider of a device.
pub type Access<'a> = srcu_revocable::Guard<'a, Provider>;

impl Nvmem {
    /// Access to the provider; `ENODEV` if it has left.
    pub fn access(&self) -> Result<Access<'_>> {
        let access = self.provider.try_access();
        access.ok_or_else(|| self.record.refused())
    }

    /// Whether the provider may be called now. It stays so as long as the result exists.
    fn available(&self) -> Option<Access<'_>> {
        self.provider.try_access()
    }

    /// Waits for those who access the provider now. A deadlock for those who do.
    pub fn synchronize(&self) {
        self.provider.synchronize();
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Relaxed)
    }

    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Relaxed);
    }
}

/// The registration of a device. The fields are in the order in which they are undone, and filled in
/// the reverse one: what is not there yet need not be undone.
struct Registration {
    listed: Option<Listed>,
    announced: Option<Announced>,
    _available: Available,
    compat: Option<compat::File>,
    #[cfg(CONFIG_OF)]
    layout: Option<crate::layout::Registration>,
    _cells: cells::Registration,
    added: Option<InSysfs>,
    _id: ida::Id,
}

/// While this is there, the device can be found.
struct Listed(ARef<Device>);

impl Listed {
    fn new(device: &ARef<Device>) -> Self {
        device.listed.store(true, Relaxed);
        Self(device.clone())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.listed.store(false, Relaxed);
    }
}

/// While this is there, listeners know of the device.
struct Announced(ARef<Device>);

impl Announced {
    fn new(device: &ARef<Device>) -> Self {
        events::notify(Event::Add(device));
        Self(device.clone())
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        events::notify(Event::Remove(&self.0));
    }
}

/// While this is there, the provider may be called. Dropping it waits until nobody does.
struct Available(ARef<Device>);

impl Drop for Available {
    fn drop(&mut self) {
        if self.0.provider.revoke() {
            self.0.record.revoked();
        }
    }
}

/// Registers a device.
///
/// # Safety
///
/// `config` is what `nvmem_register()` expects, and its callbacks may be called until
/// [`unregister`] returns, or this function fails.
pub unsafe fn register(config: &bindings::nvmem_config) -> Result<ARef<Device>> {
    // SAFETY: By the function's requirements.
    let parent = unsafe { device_at(config.dev) }.ok_or(EINVAL)?;
    if config.reg_read.is_none() && config.reg_write.is_none() {
        return Err(EINVAL);
    }
    let geometry = Geometry::new(config.stride, config.word_size).ok_or(EINVAL)?;
    // CAST: It is an `int`, into which MTD puts sizes of up to 4 GiB.
    let size = config.size as u32 as usize;
    let id = crate::ids().alloc()?;

    let write_protect = if config.ignore_wp {
        None
    } else {
        WriteProtect::get(parent)?
    };
    // SAFETY: By the function's requirements.
    let name = name_of(config, unsafe { string(config.name) }, &id)?;
    // SAFETY: By the function's requirements.
    let keepouts = unsafe { keepouts_of(config, parent, geometry.word_size(), geometry.stride()) }?;
    // SAFETY: By the function's requirements; the parent is a provider's, and keeps its node.
    let node = unsafe {
        let given = Node::from_raw(config.of_node).map(ARef::from);
        given.or_else(|| of::node_of(parent))
    };
    // SAFETY: By the function's requirements.
    let owner = ModulePtr::new(unsafe { owner_of(config) });

    let can_write = config.reg_write.is_some();
    let fixed_read_only = config.read_only || !can_write || has_property(parent, c"read-only");
    // A device with a write-protect line begins protected, and its file may be made writable.
    let read_only = fixed_read_only || write_protect.is_some();
    let mode = attributes::mode(config, fixed_read_only);

    // SAFETY: By the function's requirements: dropping `Available` drops it, and that exists before
    // anybody knows the device.
    let provider = unsafe { Provider::new(config, keepouts, write_protect) };
    let record = Record::new(&name, size)?;
    let unregistered = Device::create(
        Setup {
            parent: parent.into(),
            bus: &BUS_TYPE,
            name: Name::Given(&name, node),
            groups: if cfg!(CONFIG_NVMEM_SYSFS) {
                attributes::GROUPS
            } else {
                Groups::NONE
            },
            keeper: Keeper::new(owner)?,
        },
        try_pin_init!(Nvmem {
            record,
            provider <- SrcuRevocable::new(provider, c"nvmem_provider", static_lock_class!()),
            cells <- new_mutex!(Cells::new(), "nvmem cells"),
            cell_removed <- new_condvar!("nvmem cell removed"),
            #[cfg(CONFIG_OF)]
            layout <- new_mutex!(None, "nvmem layout"),
            registration <- new_mutex!(None, "nvmem registration"),
            geometry,
            size,
            kind: config.type_,
            mode,
            can_write,
            read_only: AtomicFlag::new(read_only),
            listed: AtomicFlag::new(false),
            owner,
        }? Error),
    )?;

    let device = unregistered.clone();

    // From here on, whatever fails undoes what is there.
    let mut registration = KBox::new(
        Registration {
            listed: None,
            announced: None,
            _available: Available(device.clone()),
            compat: None,
            #[cfg(CONFIG_OF)]
            layout: None,
            _cells: cells::Registration::new(&device),
            added: None,
            _id: id,
        },
        GFP_KERNEL,
    )?;

    if config.compat {
        // SAFETY: By the function's requirements: the device that the file is in stays registered for longer
        // than this one, which the file goes with.
        registration.compat = Some(unsafe {
            compat::File::create(&device, device_at(config.base_dev), config.type_)
        }?);
    }
    // SAFETY: By the function's requirements.
    unsafe { cells::add_configured(&device, config) }?;
    #[cfg(CONFIG_OF)]
    if config.add_legacy_fixed_of_cells {
        if let Some(node) = device.node() {
            crate::dt::add_cells(&device, &node)?;
        }
    }

    if find_named(&name).is_some() {
        dev_err!(parent, "there is an nvmem device {} already\n", &*name);
        return Err(EEXIST);
    }
    let in_sysfs = Arc::new(owned_device::Registration::new(unregistered)?, GFP_KERNEL)?;
    registration.added = Some(in_sysfs.clone());
    registration.listed = Some(Listed::new(&device));
    cells::publish(&device, in_sysfs)?;
    #[cfg(CONFIG_OF)]
    {
        registration.layout = crate::layout::populate(&device)?;
    }
    *device.registration.lock() = Some(registration);

    // Last, when the device is complete. Nobody unregisters what has not been returned yet.
    let announced = Announced::new(&device);
    if let Some(registration) = &mut *device.registration.lock() {
        registration.announced = Some(announced);
    }
    device.record.registered();
    Ok(device)
}

/// Undoes the registration of a device, whoever holds it.
///
/// When it returns, no callback of the provider's is running or will run.
pub fn unregister(device: &Device) {
    // Dropped after the lock is given back.
    let registration = device.registration.lock().take();
    if registration.is_some() {
        device.record.unregistering();
    }
    drop(registration);
}

/// Finds the device that `matches`, and keeps its provider loaded.
///
/// `EPROBE_DEFER` if there is none yet, `EINVAL` if the provider is being unloaded. The device has its parent while
/// `matches` looks at it.
pub fn find(mut matches: impl FnMut(&Device) -> bool) -> Result<Handle> {
    // With access to the provider, for which unregistering waits.
    hold(|device| device.available().is_some_and(|_provider| matches(device)))
}

/// Finds the registered device that `is_it` accepts.
fn hold(mut is_it: impl FnMut(&Device) -> bool) -> Result<Handle> {
    let device = BUS_TYPE
        .find(|device| device.listed.load(Relaxed) && is_it(device))
        .ok_or(EPROBE_DEFER)?;

    let owner = device.provider.try_access_with(|_| {
        // SAFETY: The module cannot be freed before its provider is revoked.
        unsafe { device.owner.try_get() }
    });
    let Some(owner) = owner.ok_or(EPROBE_DEFER)? else {
        device.pr_err(fmt!("its provider is being unloaded\n"));
        return Err(EINVAL);
    };
    device.record.held();
    Ok(Handle {
        device,
        _owner: owner,
    })
}

/// Finds a device by its name, which may have a newline behind it.
pub fn find_by_name(name: &CStr) -> Result<Handle> {
    let name = name.to_bytes();
    let name = name.strip_suffix(b"\n").unwrap_or(name);
    hold(|device| device.name().to_bytes() == name)
}

/// Finds a device by its node in the device tree.
#[cfg(CONFIG_OF)]
pub fn find_by_node(node: &Node) -> Result<Handle> {
    hold(|device| device.has_node(node))
}

fn find_named(name: &CStr) -> Option<ARef<Device>> {
    BUS_TYPE.find(|device| device.name() == name)
}

/// A device as a consumer holds it. Given back in the order of the fields: the provider may be
/// unloaded as soon as its module is let go of.
pub struct Handle {
    device: ARef<Device>,
    _owner: ModuleRef,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.device.record.put();
    }
}

impl Handle {
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Leaves the device to a consumer in C, until [`Handle::from_raw`].
    pub fn into_raw(self) -> *mut bindings::nvmem_device {
        // The owning module is recorded in the device.
        ManuallyDrop::new(self).device.as_raw().cast()
    }

    /// Takes a device back from a consumer in C.
    ///
    /// # Safety
    ///
    /// `ptr` came from [`Handle::into_raw`], and is taken back once.
    pub unsafe fn from_raw(ptr: NonNull<bindings::nvmem_device>) -> Self {
        // SAFETY: By the function's requirements, both references were left there.
        unsafe {
            let device: ARef<Device> = ARef::from_raw(ptr.cast());
            let owner = ModuleRef::from_ptr(device.owner);
            Self {
                device,
                _owner: owner,
            }
        }
    }

    /// The cell that `find` finds. If there is none: `ENOENT`, or `EPROBE_DEFER` if the device is only just
    /// being registered, or no longer is.
    pub fn entry(&self, find: impl FnOnce(&Cells) -> Option<Arc<Entry>>) -> Result<Arc<Entry>> {
        // Before the look: what comes meanwhile is not to be taken for absent.
        let registered = self.device.registration.lock().is_some();
        let found = find(&self.device.cells.lock());
        found.ok_or_else(|| {
            if registered && self.device.available().is_some() {
                ENOENT
            } else {
                EPROBE_DEFER
            }
        })
    }

    /// The cell `entry` of this device, which a consumer calls `id`.
    pub fn into_cell(
        self,
        entry: Arc<Entry>,
        id: Option<&CStr>,
        index: c_int,
    ) -> Result<KBox<Cell>> {
        #[cfg(CONFIG_OF)]
        let layout = if entry.of_layout {
            Some(crate::layout::module_of(&self.device)?)
        } else {
            None
        };
        #[cfg(not(CONFIG_OF))]
        let layout = None;
        Cell::new(self, layout, entry, id, index)
    }
}

fn has_property(dev: &device::Device, name: &CStr) -> bool {
    dev.fwnode().is_some_and(|node| node.property_present(name))
}

/// The module whose callbacks these are.
///
/// # Safety
///
/// `config.dev` is a valid device, and bound to its driver if it has one.
unsafe fn owner_of(config: &bindings::nvmem_config) -> *mut kernel::bindings::module {
    // SAFETY: By the function's requirements.
    unsafe {
        let driver = (*config.dev).driver;
        if config.owner.is_null() && !driver.is_null() {
            (*driver).owner
        } else {
            config.owner
        }
    }
}

/// The name of the device: as given, with a number of its own, or with the number that is given.
fn name_of(config: &bindings::nvmem_config, given: Option<&CStr>, id: &ida::Id) -> Result<CString> {
    let number = id.number();

    Ok(match (given, config.id) {
        (Some(name), bindings::NVMEM_DEVID_NONE) => CString::try_from(name)?,
        (Some(name), bindings::NVMEM_DEVID_AUTO) => names::with_suffix(name, fmt!("{number}"))?,
        (Some(name), given) => names::with_suffix(name, fmt!("{given}"))?,
        (None, _) => CString::try_from_fmt(fmt!("nvmem{number}"))?,
    })
}

// SPDX-License-Identifier: GPL-2.0

//! Layouts: drivers that know what is in a device, and add cells for it.
//!
//! A device whose node in the device tree has a container `nvmem-layout` gets a child on the bus
//! `nvmem-layout`, for a driver to bind to. The child has a counted reference to its nvmem device, and
//! finds that revoked (`ENODEV`) if it outlives it. The cells that the driver adds are removed, and calls of
//! their callbacks in flight end, before its `remove()` is called; if its `probe()` fails, they are
//! removed as well, and no others. Whoever holds a cell of a layout keeps its module loaded.

use crate::{
    bindings as nvmem, bus, cells, device, dt,
    events::{
        self,
        Event, //
    },
    module_ref::{
        ModulePtr,
        ModuleRef, //
    },
    of::BusClaim,
    owned_device::{
        self,
        Groups,
        Name,
        OwnedDevice,
        Setup, //
    },
};
use core::mem::offset_of;
use kernel::{
    bindings,
    container_of,
    device_id::{
        IdArray,
        IdTable, //
    },
    error::{
        from_result,
        to_result, //
    },
    new_mutex,
    of::DeviceId,
    prelude::*,
    str::as_char_ptr_in_const_context,
    sync::{
        aref::ARef,
        Mutex, //
    },
    types::Opaque, //
};

/// A layout device: the `struct nvmem_layout` of the C API.
pub type Device = OwnedDevice<Layout, crate::Keeper>;

/// What a layout device is, beside being a device.
#[repr(C)]
#[pin_data]
pub struct Layout {
    /// What C drivers see of it.
    #[pin]
    shared: Opaque<Shared>,
    nvmem: ARef<device::Device>,
    #[pin]
    driver: Mutex<Driver>,
}

/// The part of a `struct nvmem_layout` that follows its device.
#[repr(C)]
struct Shared {
    nvmem: *mut nvmem::nvmem_device,
    add_cells: Option<unsafe extern "C" fn(*mut nvmem::nvmem_layout) -> c_int>,
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "an overflow does not compile"
)]
const _: () = {
    let dev = size_of::<bindings::device>();
    assert!(offset_of!(nvmem::nvmem_layout, nvmem) == dev + offset_of!(Shared, nvmem));
    assert!(offset_of!(nvmem::nvmem_layout, add_cells) == dev + offset_of!(Shared, add_cells));
    assert!(size_of::<nvmem::nvmem_layout>() == dev + size_of::<Shared>());
    assert!(offset_of!(Layout, shared) == 0);
};

// SAFETY: `shared` is written before the device is added, and by the driver that is bound. The task in
// `driver` is only compared.
unsafe impl Send for Layout {}

// SAFETY: As for `Send`.
unsafe impl Sync for Layout {}

/// The state of a layout's driver.
#[derive(Clone, Copy)]
enum Driver {
    /// There is none.
    Absent,
    /// It is being bound, and adds its cells in this task.
    Probing(*mut bindings::task_struct, ModulePtr),
    /// It is bound.
    Bound(ModulePtr),
    /// Its probe has failed or it is being unbound, and its cells are being removed.
    Leaving,
}

static BUS_TYPE: bus::Bus<Device> = {
    let mut bus: bindings::bus_type = pin_init::zeroed();
    bus.name = as_char_ptr_in_const_context(c"nvmem-layout");
    bus.match_ = Some(bus_match);
    bus.probe = Some(bus_probe);
    bus.remove = Some(bus_remove);
    bus.uevent = Some(bus_uevent);
    // SAFETY: The name is static. The callbacks expect layout devices and layout drivers, and only
    // these are registered, by `populate()` and `register_driver()`.
    unsafe { bus::Bus::new(bus) }
};

extern "C" fn bus_match(
    dev: *mut bindings::device,
    driver: *const bindings::device_driver,
) -> c_int {
    // SAFETY: The driver core gives a device of this bus.
    let layout = unsafe { Device::from_raw(dev) };
    // The driver core does not lock the device here. It may just be unregistered, which waits for this.
    let found = layout.with_node(|node| {
        // SAFETY: The driver core gives a driver, whose table is null or ends with an empty entry.
        unsafe { bindings::of_match_node((*driver).of_match_table, node.as_raw()) }
    });
    found.is_some_and(|entry| !entry.is_null()).into()
}

extern "C" fn bus_uevent(
    dev: *const bindings::device,
    env: *mut bindings::kobj_uevent_env,
) -> c_int {
    // SAFETY: The driver core gives a device of this bus, and where to add variables. The device has its
    // node: it sends no event once it is deleted, and its file `uevent` is removed by then.
    let ret = unsafe { bindings::of_device_uevent_modalias(dev, env) };
    if ret == ENODEV.to_errno() {
        0
    } else {
        ret
    }
}

extern "C" fn bus_probe(dev: *mut bindings::device) -> c_int {
    // SAFETY: The device is one of this bus, and bound to a driver of it.
    let (layout, driver) = unsafe { (Device::from_raw(dev), driver_of(dev)) };
    from_result(|| {
        let (Some(probe), Some(_)) = (driver.probe, driver.remove) else {
            return Err(EINVAL);
        };
        let module = ModulePtr::new(driver.driver.owner);
        layout.set_driver(Driver::Probing(current!().as_ptr(), module));
        // SAFETY: The driver expects a layout device that it can be bound to.
        let probed = unsafe { probe(dev.cast()) };
        // The driver core takes a positive result for a failure, too.
        if probed != 0 {
            layout.remove_cells();
            layout.set_driver(Driver::Absent);
            return Ok(probed);
        }
        layout.set_driver(Driver::Bound(module));
        events::notify(Event::LayoutAdd(layout));
        Ok(0)
    })
}

extern "C" fn bus_remove(dev: *mut bindings::device) {
    // SAFETY: The device is one of this bus, and bound to a driver of it.
    let (layout, driver) = unsafe { (Device::from_raw(dev), driver_of(dev)) };
    events::notify(Event::LayoutRemove(layout));
    layout.remove_cells();
    if let Some(remove) = driver.remove {
        // SAFETY: The driver is bound to this device.
        unsafe { remove(dev.cast()) };
    }
    layout.set_driver(Driver::Absent);
}

/// The layout driver that a device is bound to.
///
/// # Safety
///
/// `dev` is a device of this bus, with a driver that stays for `'a`.
unsafe fn driver_of<'a>(dev: *mut bindings::device) -> &'a nvmem::nvmem_layout_driver {
    // SAFETY: By the function's requirements; only layout drivers are registered with this bus.
    unsafe { &*container_of!((*dev).driver, nvmem::nvmem_layout_driver, driver) }
}

impl Layout {
    fn set_driver(&self, driver: Driver) {
        *self.driver.lock() = driver;
    }

    /// Removes the cells that came with the layout, and accepts no more.
    fn remove_cells(&self) {
        // The lock makes those who look for the module wait until it is settled that there is none.
        self.set_driver(Driver::Leaving);
        cells::remove(&self.nvmem, |entry| entry.of_layout);
    }
}

/// Whether a cell that is added to the device now is its layout's.
///
/// It is when the layout's driver adds it while it probes. One with a callback that comes later is taken
/// for the layout's as well, since its callback may be, and refused with `ENODEV` while that is leaving.
/// All others are the device's.
pub fn adds_cell(device: &device::Device, has_callback: bool) -> Result<bool> {
    let Some(layout) = device.layout.lock().clone() else {
        return Ok(false);
    };
    let driver = *layout.driver.lock();
    match driver {
        Driver::Probing(task, _) if task == current!().as_ptr() => Ok(true),
        Driver::Probing(..) | Driver::Bound(_) => Ok(has_callback),
        Driver::Leaving if has_callback => Err(ENODEV),
        Driver::Absent | Driver::Leaving => Ok(false),
    }
}

/// Keeps the module of the device's layout loaded: `EPROBE_DEFER` if that has no driver, or one that is being
/// unbound or unloaded.
///
/// A driver that is being bound will do: its cells may be used as soon as they are added. If it fails after all,
/// they are removed, and whoever holds one gets `ENODEV`.
pub fn module_of(device: &device::Device) -> Result<ModuleRef> {
    let layout = device.layout.lock().clone().ok_or(EPROBE_DEFER)?;
    let driver = layout.driver.lock();
    match *driver {
        Driver::Probing(_, module) | Driver::Bound(module) => {
            // SAFETY: The driver is not unregistered, and its module not freed, before this lock has been taken
            // to change the state: by `bus_remove()`, or by `bus_probe()` when it has failed.
            unsafe { module.try_get() }.ok_or(EPROBE_DEFER)
        }
        Driver::Absent | Driver::Leaving => Err(EPROBE_DEFER),
    }
}

/// The registration of a device's layout, undone in the order of the fields.
pub struct Registration {
    _added: owned_device::Registration<Layout, crate::Keeper>,
    _known: Known,
    _claim: BusClaim,
}

/// While this is there, the nvmem device knows its layout.
struct Known(ARef<device::Device>);

impl Drop for Known {
    fn drop(&mut self) {
        let layout = self.0.layout.lock().take();
        drop(layout);
    }
}

/// Makes a layout device for `device`, if its node has a container for one.
pub fn populate(device: &ARef<device::Device>) -> Result<Option<Registration>> {
    let container = device.node();
    let Some(container) = container.and_then(|node| node.child(c"nvmem-layout")) else {
        return Ok(None);
    };
    if container.property(c"compatible").is_none() {
        return Ok(None);
    }
    let Some(claim) = BusClaim::new(container) else {
        return Ok(None);
    };

    let layout = Device::create(
        Setup {
            parent: device.as_parent(),
            bus: &BUS_TYPE,
            name: Name::OfNode(claim.node().into()),
            groups: Groups::NONE,
            keeper: crate::Keeper::new(device.owner)?,
        },
        pin_init!(Layout {
            shared: Opaque::new(Shared {
                nvmem: device.as_raw().cast(),
                add_cells: None,
            }),
            nvmem: device.clone(),
            driver <- new_mutex!(Driver::Absent, "nvmem layout driver"),
        }),
    )?;

    *device.layout.lock() = Some((*layout).clone());
    let known = Known(device.clone());
    let _paused = SyncStatePaused::new();
    Ok(Some(Registration {
        _added: owned_device::Registration::new(layout)?,
        _known: known,
        _claim: claim,
    }))
}

/// While this is there, suppliers are not told that all their consumers are there. What does that is
/// not exported to modules.
struct SyncStatePaused(());

impl SyncStatePaused {
    fn new() -> Self {
        #[cfg(not(MODULE))]
        // SAFETY: It may be called at any time, if it is undone.
        unsafe {
            bindings::device_links_supplier_sync_state_pause()
        };
        Self(())
    }
}

impl Drop for SyncStatePaused {
    fn drop(&mut self) {
        #[cfg(not(MODULE))]
        // SAFETY: It undoes `new()`.
        unsafe {
            bindings::device_links_supplier_sync_state_resume()
        };
    }
}

/// Has the layout's driver add its cells.
///
/// # Safety
///
/// `layout` is a layout device, and this its driver.
pub unsafe fn register(layout: *mut nvmem::nvmem_layout) -> Result {
    // SAFETY: By the function's requirements.
    let add_cells = unsafe { (*layout).add_cells }.ok_or(EINVAL)?;
    // SAFETY: By the function's requirements.
    let added = to_result(unsafe { add_cells(layout) });
    if added.is_err() {
        // The driver may free what its callbacks use before its `probe()` fails.
        // SAFETY: By the function's requirements.
        let layout = unsafe { Device::from_raw(layout.cast()) };
        cells::remove(&layout.nvmem, |entry| entry.of_layout);
    }
    added
}

/// Removes the cells of a layout.
///
/// # Safety
///
/// `layout` is a layout device.
pub unsafe fn unregister(layout: *mut nvmem::nvmem_layout) {
    // SAFETY: By the function's requirements.
    unsafe { Device::from_raw(layout.cast()) }.remove_cells();
}

/// Registers a layout driver.
///
/// # Safety
///
/// `driver` is valid until it is unregistered, and `owner` its module or null.
pub unsafe fn register_driver(
    driver: *mut nvmem::nvmem_layout_driver,
    owner: *mut bindings::module,
) -> Result {
    // SAFETY: By the function's requirements.
    unsafe {
        (*driver).driver.bus = BUS_TYPE.as_raw();
        (*driver).driver.owner = owner;
        to_result(bindings::driver_register(&mut (*driver).driver))
    }
}

/// Unregisters a layout driver.
///
/// # Safety
///
/// `driver` is registered.
pub unsafe fn unregister_driver(driver: *mut nvmem::nvmem_layout_driver) {
    // SAFETY: By the function's requirements.
    unsafe { bindings::driver_unregister(&mut (*driver).driver) };
}

/// The registration of the bus, and of the layout that is always there. Undone in the order of the
/// fields.
pub struct Core {
    _fixed: FixedLayout,
    _bus: bus::Registration<Device>,
}

impl Core {
    pub fn new() -> Result<Self> {
        let bus = bus::Registration::new(&BUS_TYPE)?;
        Ok(Self {
            _fixed: FixedLayout::new()?,
            _bus: bus,
        })
    }
}

/// The registration of the driver `fixed-layout`, whose cells are all in the device tree.
///
/// # Invariants
///
/// The driver is registered.
struct FixedLayout(Pin<KBox<Opaque<nvmem::nvmem_layout_driver>>>);

// SAFETY: Drivers may be unregistered by any thread.
unsafe impl Send for FixedLayout {}

static FIXED_LAYOUT_IDS: IdArray<DeviceId, (), 1> =
    IdArray::new_without_index([DeviceId::new(c"fixed-layout")]);

impl FixedLayout {
    fn new() -> Result<Self> {
        let mut driver: nvmem::nvmem_layout_driver = pin_init::zeroed();
        driver.driver.name = c"fixed-layout".as_char_ptr();
        driver.driver.of_match_table = FIXED_LAYOUT_IDS.as_ptr();
        driver.probe = Some(fixed_probe);
        driver.remove = Some(fixed_remove);

        let driver = KBox::pin(Opaque::new(driver), GFP_KERNEL)?;
        // SAFETY: It stays in its box until it is unregistered. The module is this one; the pointer to it
        // does not change.
        unsafe { register_driver(driver.get(), nvmem::nvmem_core_module) }?;
        // INVARIANT: It was just registered.
        Ok(Self(driver))
    }
}

impl Drop for FixedLayout {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { unregister_driver(self.0.get()) };
    }
}

extern "C" fn fixed_probe(layout: *mut nvmem::nvmem_layout) -> c_int {
    // SAFETY: The bus gives a layout device that this driver is being bound to.
    from_result(|| unsafe {
        (*layout).add_cells = Some(fixed_add_cells);
        register(layout).map(|()| 0)
    })
}

extern "C" fn fixed_remove(layout: *mut nvmem::nvmem_layout) {
    // SAFETY: The bus gives a layout device that this driver is bound to.
    unsafe { unregister(layout) };
}

extern "C" fn fixed_add_cells(layout: *mut nvmem::nvmem_layout) -> c_int {
    // SAFETY: `register()` gives its layout device.
    let layout = unsafe { Device::from_raw(layout.cast()) };
    from_result(|| {
        let node = layout.node().ok_or(ENOENT)?;
        dt::add_cells(&layout.nvmem, &node).map(|()| 0)
    })
}

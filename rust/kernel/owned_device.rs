// SPDX-License-Identifier: GPL-2.0

//! Devices that Rust code makes, rather than binds to.
//!
//! C header: [`include/linux/device.h`](srctree/include/linux/device.h)
//!
//! An [`OwnedDevice`] is a `struct device` with data behind it. Its reference count is the only one:
//! the data is dropped when the last reference is given back, whoever has that. Being in sysfs and on
//! a bus is another matter, and lasts as long as a [`Registration`]. The device's node in the device tree
//! is given back with the registration too, so that a device-tree overlay can be removed while somebody
//! still holds the device.

use super::{
    bus::{
        Bus,
        BusDevice, //
    },
    module_ref::ModuleRef,
    of::Node,
    sysfs::InSysfs, //
};
use core::{
    mem::offset_of,
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    bindings,
    device::Device,
    error::to_result,
    fmt,
    new_mutex,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        Arc,
        Mutex, //
    },
    types::Opaque, //
};

/// The description of a new device.
pub struct Setup<'a, T: 'static, K: 'static = ModuleRef> {
    pub parent: Parent<'a>,
    pub bus: &'static Bus<OwnedDevice<T, K>>,
    pub name: Name<'a>,
    /// Attributes that the device has from the moment user space hears of it.
    pub groups: Groups,
    /// Keeps the module that this is part of loaded until the device is released, by a reference to the module or in
    /// another way.
    ///
    /// Dropping this is the last thing that `release()` does, and the task that does so may be preempted before it
    /// returns. The module's exit function must wait for that, for example by `synchronize_rcu_tasks()`.
    pub keeper: K,
}

/// The parent of a new device.
pub struct Parent<'a>(&'a Device);

impl<'a> From<&'a Device> for Parent<'a> {
    fn from(dev: &'a Device) -> Self {
        Self(dev)
    }
}

/// The name of a new device, and its node in the device tree.
pub enum Name<'a> {
    /// This name, and this node if the device has one.
    Given(&'a CStr, Option<ARef<Node>>),
    /// This node, and the name that it suggests.
    #[cfg(CONFIG_OF)]
    OfNode(ARef<Node>),
}

/// A null-terminated list of static attribute groups, or none.
#[derive(Clone, Copy)]
pub struct Groups(*const *const bindings::attribute_group);

impl Groups {
    pub const NONE: Self = Self(ptr::null());

    /// # Safety
    ///
    /// `groups` is static and null-terminated, and its callbacks fit the devices that have it.
    pub const unsafe fn new(groups: *const *const bindings::attribute_group) -> Self {
        Self(groups)
    }
}

/// A `struct device` with data.
///
/// # Invariants
///
/// - `dev` was initialised by `device_initialize()`, and is freed with all of this by its `release()`.
/// - While `node` has a node, `dev` points to it. While it has none, nor does `dev`.
/// - `keeper` is there until `release()` takes it.
#[repr(C)]
#[pin_data]
pub struct OwnedDevice<T, K = ModuleRef> {
    #[pin]
    dev: Opaque<bindings::device>,
    /// Directly behind `dev`, for C that knows both as one structure.
    #[pin]
    data: T,
    #[pin]
    node: Mutex<Option<ARef<Node>>>,
    keeper: Option<K>,
}

// SAFETY: Devices are reference-counted, and any thread may drop the data.
unsafe impl<T: Send, K: Send> Send for OwnedDevice<T, K> {}

// SAFETY: The driver core has its own locks.
unsafe impl<T: Sync, K: Send> Sync for OwnedDevice<T, K> {}

// SAFETY: The count is that of `get_device()` and `put_device()`.
unsafe impl<T, K> AlwaysRefCounted for OwnedDevice<T, K> {
    fn inc_ref(&self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::get_device(self.as_raw()) };
    }

    unsafe fn dec_ref(this: NonNull<Self>) {
        // CAST: `dev` comes first.
        // SAFETY: By the function's requirements there is a reference to give back.
        unsafe { bindings::put_device(this.cast().as_ptr()) };
    }
}

impl<T, K> Deref for OwnedDevice<T, K> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

// SAFETY: `dev` comes first, and its count is the only one.
unsafe impl<T: Send + Sync, K: Send> BusDevice for OwnedDevice<T, K> {}

/// A device that is not in sysfs yet.
///
/// # Invariants
///
/// The device was not added. It points to its parent as long as that is kept here.
pub struct Unregistered<T, K = ModuleRef> {
    device: ARef<OwnedDevice<T, K>>,
    parent: Option<ARef<Device>>,
}

impl<T, K> Deref for Unregistered<T, K> {
    type Target = ARef<OwnedDevice<T, K>>;

    fn deref(&self) -> &Self::Target {
        &self.device
    }
}

impl<T, K> Drop for Unregistered<T, K> {
    fn drop(&mut self) {
        if self.parent.is_some() {
            // SAFETY: By the type invariants, the driver core does not know the device.
            unsafe { self.device.forget_relatives() };
        }
    }
}

impl<T: Send + Sync + 'static, K: Send + 'static> OwnedDevice<T, K> {
    /// Makes a device, which nobody sees yet.
    pub fn create<E>(setup: Setup<'_, T, K>, data: impl PinInit<T, E>) -> Result<Unregistered<T, K>>
    where
        Error: From<E>,
    {
        const {
            assert!(offset_of!(Self, dev) == 0);
            assert!(offset_of!(Self, data) == size_of::<bindings::device>());
        };

        let this: Result<Pin<KBox<Self>>> = KBox::try_pin_init(
            try_pin_init!(Self {
                dev: Opaque::zeroed(),
                data <- data,
                node <- new_mutex!(None, "OwnedDevice::node"),
                keeper: Some(setup.keeper),
            }? Error),
            GFP_KERNEL,
        );
        // SAFETY: It does not move out of its box, and is dropped in it.
        let this = KBox::into_raw(unsafe { Pin::into_inner_unchecked(this?) });
        let dev: *mut bindings::device = this.cast();

        // SAFETY: `dev` is zeroed, and nobody else knows it yet. The parent is kept by the `Unregistered`
        // now and by `device_add()` later, all else is static.
        let this: ARef<Self> = unsafe {
            (*dev).release = Some(Self::release);
            (*dev).parent = ptr::from_ref(setup.parent.0).cast_mut().cast();
            (*dev).bus = setup.bus.as_raw();
            (*dev).groups = setup.groups.0.cast_mut();
            bindings::device_initialize(dev);
            // INVARIANT: `dev` is initialised, and the first reference is handed over.
            ARef::from_raw(NonNull::new_unchecked(this))
        };
        // INVARIANT: It has its parent, as of now, and is not added here.
        let this = Unregistered {
            device: this,
            parent: Some(setup.parent.0.into()),
        };

        // INVARIANT: `dev` and `node` get the same node.
        match setup.name {
            Name::Given(name, node) => {
                // SAFETY: The device is valid, and nobody else knows it yet. The format takes one string.
                to_result(unsafe {
                    (*dev).of_node = node.as_ref().map_or(ptr::null_mut(), |node| node.as_raw());
                    bindings::dev_set_name(dev, c"%s".as_char_ptr(), name.as_char_ptr())
                })?;
                *this.node.lock() = node;
            }
            #[cfg(CONFIG_OF)]
            Name::OfNode(node) => {
                // SAFETY: The device is valid, and nobody else knows it yet; the node has a reference.
                unsafe { crate::bindings::bmc_rust_device_set_of_node(dev, node.as_raw()) };
                *this.node.lock() = Some(node);
                // It does not report that there is no memory, or that the root of the tree suggests no name.
                // SAFETY: The device is valid, and nobody else sets its name.
                if unsafe { (*dev).kobj.name }.is_null() {
                    return Err(EINVAL);
                }
            }
        }
        Ok(this)
    }

    /// The device at `ptr`.
    ///
    /// # Safety
    ///
    /// `ptr` points to an `OwnedDevice<T>` that has a reference for `'a`.
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::device) -> &'a Self {
        // CAST: `dev` comes first.
        // SAFETY: By the function's requirements.
        unsafe { &*ptr.cast() }
    }

    extern "C" fn release(dev: *mut bindings::device) {
        // CAST: `dev` comes first.
        // SAFETY: The box was left to the reference count, which is zero.
        let mut this = unsafe { KBox::from_raw(dev.cast::<Self>()) };
        let keeper = this.keeper.take();
        // Dropping may sleep, as freeing may on PREEMPT_RT. Nothing may sleep in this module's text once the module may
        // be unloaded: a task that sleeps is not waited for then.
        drop(this);
        drop(keeper);
    }
}

impl<T, K> OwnedDevice<T, K> {
    /// The device as C knows it.
    pub fn as_raw(&self) -> *mut bindings::device {
        self.dev.get()
    }

    /// The device as the kernel crate knows it.
    ///
    /// Not public: `Device::fwnode()` borrows the node for as long as the device, which gives it back at
    /// unregistering.
    fn dev(&self) -> &Device {
        // SAFETY: By the type invariants it is a device, with a reference for as long as `self`.
        unsafe { Device::from_raw(self.as_raw()) }
    }

    /// The name of the device.
    pub fn name(&self) -> &CStr {
        self.dev().name()
    }

    /// This device as the parent of another one.
    pub fn as_parent(&self) -> Parent<'_> {
        Parent(self.dev())
    }

    /// Prints an error message about the device: `device.pr_err(fmt!(..))`.
    pub fn pr_err(&self, args: fmt::Arguments<'_>) {
        self.dev().pr_err(args);
    }

    /// The device's node, unless it has none or is no longer registered.
    pub fn node(&self) -> Option<ARef<Node>> {
        self.node.lock().clone()
    }

    /// Calls `f` with the device's node, unless it has none or is no longer registered. Unregistering waits
    /// until `f` returns: no reference to the node is left by then.
    pub fn with_node<R>(&self, f: impl FnOnce(&Node) -> R) -> Option<R> {
        self.node.lock().as_deref().map(f)
    }

    /// Whether this is the device's node, and the device is still registered.
    pub fn has_node(&self, node: &Node) -> bool {
        self.with_node(|own| own.as_raw() == node.as_raw())
            .unwrap_or(false)
    }

    /// Gives back the node, and forgets the parent.
    ///
    /// # Safety
    ///
    /// The driver core does not know the device: it was not added, or has been deleted.
    unsafe fn forget_relatives(&self) {
        let dev = self.as_raw();
        let node = {
            let mut node = self.node.lock();
            // SAFETY: By the function's requirements the driver core no longer reads these fields: its files
            // in sysfs are removed, and its last event is sent. An iterator of the bus may still have the
            // device, and gives it to the callbacks of the bus: these get the node by `with_node()`.
            // INVARIANT: `dev` and `node` lose it together.
            unsafe {
                (*dev).parent = ptr::null_mut();
                bindings::device_set_node(dev, ptr::null_mut());
            }
            node.take()
        };
        drop(node);
    }
}

/// The time that a device is in sysfs, and on its bus.
///
/// What is put into the device's folder shares the registration by an [`Arc`], so that the device stays
/// in sysfs as long as that is there.
///
/// # Invariants
///
/// The device was added.
pub struct Registration<T, K = ModuleRef>(ARef<OwnedDevice<T, K>>);

impl<T, K> Registration<T, K> {
    /// Adds the device, and has a driver of its bus bind to it if there is one.
    pub fn new(mut device: Unregistered<T, K>) -> Result<Self> {
        // SAFETY: It is initialised and was not added, by the invariants of `Unregistered`.
        to_result(unsafe { bindings::device_add(device.as_raw()) })?;
        // Now the driver core keeps it.
        device.parent = None;
        // INVARIANT: It was just added.
        Ok(Self(device.device.clone()))
    }
}

impl<T, K> Drop for Registration<T, K> {
    fn drop(&mut self) {
        let dev = self.0.as_raw();
        // SAFETY: By the type invariants. The driver core has no use for the parent and the node afterwards,
        // and has given back its reference to the parent.
        unsafe {
            bindings::device_del(dev);
            self.0.forget_relatives();
        }
    }
}

// SAFETY: The device is deleted when the last clone of the `Arc` is dropped, not before.
unsafe impl<T, K> InSysfs for Arc<Registration<T, K>> {
    fn as_raw(&self) -> *mut bindings::device {
        self.0.as_raw()
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Devices that Rust code makes, rather than binds to.
//!
//! C header: [`include/linux/device.h`](srctree/include/linux/device.h)
//!
//! An [`OwnedDevice`] is a `struct device` with data behind it. Its reference count is the only one:
//! the data is dropped when the last reference is given back, whoever has that. Being in sysfs and on
//! a bus is another matter, and lasts as long as a [`Registration`].

use super::{
    bus::Bus,
    of::Node, //
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
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// What a new device is to be.
pub struct Setup<'a> {
    pub parent: &'a Device,
    pub bus: &'static Bus,
    pub name: Name<'a>,
    /// Attributes that the device has from the moment user space hears of it.
    pub groups: Groups,
    pub node: Option<ARef<Node>>,
}

/// The name of a new device.
pub enum Name<'a> {
    /// This name.
    Given(&'a CStr),
    /// What its node in the device tree suggests.
    #[cfg(CONFIG_OF)]
    OfNode,
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
/// `dev` was initialised by `device_initialize()`, and is freed with all of this by its `release()`.
#[repr(C)]
#[pin_data]
pub struct OwnedDevice<T> {
    #[pin]
    dev: Opaque<bindings::device>,
    /// Directly behind `dev`, for C that knows both as one structure.
    #[pin]
    data: T,
    _node: Option<ARef<Node>>,
}

// SAFETY: Devices are reference-counted, and any thread may drop the data.
unsafe impl<T: Send> Send for OwnedDevice<T> {}

// SAFETY: The driver core has its own locks.
unsafe impl<T: Sync> Sync for OwnedDevice<T> {}

// SAFETY: The count is that of `get_device()` and `put_device()`.
unsafe impl<T> AlwaysRefCounted for OwnedDevice<T> {
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

impl<T> Deref for OwnedDevice<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<T> AsRef<Device> for OwnedDevice<T> {
    fn as_ref(&self) -> &Device {
        // SAFETY: By the type invariants it is a device, with a reference for as long as `self`.
        unsafe { Device::from_raw(self.as_raw()) }
    }
}

/// A device that is not in sysfs yet.
///
/// # Invariants
///
/// The device was not added. It points to its parent as long as that is kept here.
pub struct Unregistered<T> {
    device: ARef<OwnedDevice<T>>,
    parent: Option<ARef<Device>>,
}

impl<T> Deref for Unregistered<T> {
    type Target = ARef<OwnedDevice<T>>;

    fn deref(&self) -> &Self::Target {
        &self.device
    }
}

impl<T> Drop for Unregistered<T> {
    fn drop(&mut self) {
        if self.parent.is_some() {
            // SAFETY: By the type invariants, the driver core does not know the device.
            unsafe { (*self.device.as_raw()).parent = ptr::null_mut() };
        }
    }
}

impl<T: Send + Sync + 'static> OwnedDevice<T> {
    /// Makes a device, which nobody sees yet.
    pub fn create<E>(setup: Setup<'_>, data: impl PinInit<T, E>) -> Result<Unregistered<T>>
    where
        Error: From<E>,
    {
        const {
            assert!(offset_of!(Self, dev) == 0);
            assert!(offset_of!(Self, data) == size_of::<bindings::device>());
        };
        let node = setup.node;
        let node_ptr = node.as_ref().map_or(ptr::null_mut(), |node| node.as_raw());

        let this: Result<Pin<KBox<Self>>> = KBox::try_pin_init(
            try_pin_init!(Self {
                dev: Opaque::zeroed(),
                data <- data,
                _node: node,
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
            (*dev).parent = ptr::from_ref(setup.parent).cast_mut().cast();
            (*dev).bus = setup.bus.as_raw();
            (*dev).groups = setup.groups.0.cast_mut();
            bindings::device_initialize(dev);
            // INVARIANT: `dev` is initialised, and the first reference is handed over.
            ARef::from_raw(NonNull::new_unchecked(this))
        };
        // INVARIANT: It has its parent, as of now, and is not added here.
        let this = Unregistered {
            device: this,
            parent: Some(setup.parent.into()),
        };

        match setup.name {
            Name::Given(name) => {
                // SAFETY: The device is valid; the format takes one string.
                to_result(unsafe {
                    (*dev).of_node = node_ptr;
                    bindings::dev_set_name(dev, c"%s".as_char_ptr(), name.as_char_ptr())
                })?
            }
            #[cfg(CONFIG_OF)]
            // SAFETY: The device and its node are valid.
            Name::OfNode => unsafe { crate::bindings::bmc_rust_device_set_of_node(dev, node_ptr) },
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
        drop(unsafe { KBox::from_raw(dev.cast::<Self>()) });
    }
}

impl<T> OwnedDevice<T> {
    /// The device as C knows it.
    pub fn as_raw(&self) -> *mut bindings::device {
        self.dev.get()
    }
}

/// The time that a device is in sysfs, and on its bus.
///
/// # Invariants
///
/// The device was added.
pub struct Registration<T>(ARef<OwnedDevice<T>>);

impl<T> Registration<T> {
    /// Adds the device, and has a driver of its bus bind to it if there is one.
    pub fn new(mut device: Unregistered<T>) -> Result<Self> {
        // SAFETY: It is initialised and was not added, by the invariants of `Unregistered`.
        to_result(unsafe { bindings::device_add(device.as_raw()) })?;
        // Now the driver core keeps it.
        device.parent = None;
        // INVARIANT: It was just added.
        Ok(Self(device.device.clone()))
    }
}

impl<T> Drop for Registration<T> {
    fn drop(&mut self) {
        let dev = self.0.as_raw();
        // SAFETY: By the type invariants. The driver core has no use for the parent afterwards, and has
        // given back its reference to it.
        unsafe {
            bindings::device_del(dev);
            (*dev).parent = ptr::null_mut();
        }
    }
}

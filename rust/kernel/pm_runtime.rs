// SPDX-License-Identifier: GPL-2.0

//! Runtime power management of a bound device.
//!
//! C header: [`include/linux/pm_runtime.h`](srctree/include/linux/pm_runtime.h)
//!
//! A [`Registration`] enables runtime power management of a device and owns the [`Callbacks`], and so the
//! resources that these switch. An access to the device holds an [`Active`] guard. A driver uses the
//! callbacks of this module by [`OPS`], which bus adapters put into `struct device_driver`.
//!
//! # Lifetime
//!
//! The power management core finds the callbacks through a managed resource of the device, not through the
//! driver's data: they work before the probe has returned, and for as long as the registration exists. A device
//! that is being unbound cannot be resumed any more (`ENODEV`): its managed resources are taken off the device together,
//! before the first of them is released.

use crate::bindings::{
    bmc_rust_pm_runtime_disable,
    bmc_rust_pm_runtime_enable,
    bmc_rust_pm_runtime_put,
    bmc_rust_pm_runtime_resume_and_get,
    bmc_rust_pm_runtime_set_active,
    bmc_rust_pm_runtime_set_suspended, //
};
use core::ptr;
use kernel::{
    bindings,
    device::{
        Bound,
        Device, //
    },
    error::{
        from_result,
        to_result, //
    },
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow,
        Mutex, //
    }, //
};

/// The functions that switch the power of a device.
///
/// They may sleep. No two of them run at the same time. Dropping the value switches the power off.
pub trait Callbacks: Send + 'static {
    /// Switches the power off. On an error the device stays active; `EAGAIN` and `EBUSY` are transient.
    fn suspend(&mut self) -> Result;

    /// Switches the power on. On an error the access that needs it fails with the same error.
    fn resume(&mut self) -> Result;
}

/// The callbacks of a device for as long as its [`Registration`] exists.
#[pin_data]
struct Slot {
    #[pin]
    callbacks: Mutex<Option<KBox<dyn Callbacks>>>,
}

impl Slot {
    /// Calls `function` with the callbacks; [`None`] if there are none any more.
    fn call(&self, function: impl FnOnce(&mut dyn Callbacks) -> Result) -> Option<Result> {
        let mut callbacks = self.callbacks.lock();
        let callbacks = (*callbacks).as_mut()?;
        Some(function(&mut **callbacks))
    }

    /// Adds `slot` to the managed resources of `dev`.
    fn publish(slot: Arc<Self>, dev: &Device<Bound>) -> Result {
        // SAFETY: A resource of this size is allocated; the name has static lifetime.
        let resource = unsafe {
            bindings::__devres_alloc_node(
                Some(Self::release),
                size_of::<*const Self>(),
                bindings::GFP_KERNEL,
                bindings::NUMA_NO_NODE,
                c"pm_runtime".as_char_ptr(),
            )
        };
        if resource.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: The resource has room for a pointer, and is aligned for any type. It was just allocated
        // and is not added yet. The device is bound, so that it is released at the latest when that ends.
        unsafe {
            resource.cast::<*const Self>().write(Arc::into_raw(slot));
            bindings::devres_add(as_raw(dev), resource);
        }
        Ok(())
    }

    /// Frees the resource that [`Self::publish`] added.
    ///
    /// # Safety
    ///
    /// The driver core calls this once for `resource`.
    unsafe extern "C" fn release(_dev: *mut bindings::device, resource: *mut c_void) {
        // SAFETY: `publish()` has written the pointer, which owns a reference, and nobody else takes it.
        drop(unsafe { Arc::from_raw(resource.cast::<*const Self>().read()) });
    }

    /// Takes a reference to the slot that is in `resource`, for [`Self::of`].
    ///
    /// # Safety
    ///
    /// The driver core calls this under its lock, for a resource that [`Self::publish`] has added. `found` must be
    /// valid for writes.
    unsafe extern "C" fn take(
        _dev: *mut bindings::device,
        resource: *mut c_void,
        found: *mut c_void,
    ) -> c_int {
        // SAFETY: `publish()` has written the pointer, which owns a reference. The resource is released only after it
        // was taken off the device, under the same lock.
        let slot = unsafe { ArcBorrow::from_raw(resource.cast::<*const Self>().read()) };
        // SAFETY: By the function's requirements.
        unsafe { *found.cast::<Option<Arc<Self>>>() = Some(slot.into()) };
        1
    }

    /// Finds the slot of a device.
    ///
    /// # Safety
    ///
    /// `dev` must be valid.
    unsafe fn of(dev: *mut bindings::device) -> Option<Arc<Self>> {
        let mut found: Option<Arc<Self>> = None;
        // SAFETY: The device is valid. `release()` is private, so that `publish()` has added the resources for which
        // `take()` is called.
        unsafe {
            bindings::devres_find(
                dev,
                Some(Self::release),
                Some(Self::take),
                (&raw mut found).cast(),
            )
        };
        found
    }
}

/// The power management operations of a driver whose devices have a [`Registration`].
///
/// For system sleep a device is suspended and resumed by the same callbacks, unless it is suspended already.
pub static OPS: bindings::dev_pm_ops = bindings::dev_pm_ops {
    #[cfg(CONFIG_PM_SLEEP)]
    suspend: Some(bindings::pm_runtime_force_suspend),
    #[cfg(CONFIG_PM_SLEEP)]
    resume: Some(bindings::pm_runtime_force_resume),
    #[cfg(CONFIG_PM_SLEEP)]
    freeze: Some(bindings::pm_runtime_force_suspend),
    #[cfg(CONFIG_PM_SLEEP)]
    thaw: Some(bindings::pm_runtime_force_resume),
    #[cfg(CONFIG_PM_SLEEP)]
    poweroff: Some(bindings::pm_runtime_force_suspend),
    #[cfg(CONFIG_PM_SLEEP)]
    restore: Some(bindings::pm_runtime_force_resume),
    runtime_suspend: Some(suspend_callback),
    runtime_resume: Some(resume_callback),
    ..pin_init::zeroed()
};

/// # Safety
///
/// The power management core calls this for a valid device.
unsafe extern "C" fn suspend_callback(dev: *mut bindings::device) -> c_int {
    // SAFETY: By the function's requirements.
    let slot = unsafe { Slot::of(dev) };
    let result = slot.and_then(|slot| slot.call(|callbacks| callbacks.suspend()));
    // Without callbacks the power is off, or about to be.
    from_result(|| result.unwrap_or(Ok(())).map(|()| 0))
}

/// # Safety
///
/// The power management core calls this for a valid device.
unsafe extern "C" fn resume_callback(dev: *mut bindings::device) -> c_int {
    // SAFETY: By the function's requirements.
    let slot = unsafe { Slot::of(dev) };
    let result = slot.and_then(|slot| slot.call(|callbacks| callbacks.resume()));
    from_result(|| result.unwrap_or(Err(ENODEV)).map(|()| 0))
}

/// The power state of a device at the time of its registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The device is powered.
    Active,
    /// The device is switched on by [`Callbacks::resume`] before its first access.
    Suspended,
}

/// Runtime power management of a device, enabled until this is dropped. It must be dropped before the
/// driver is unbound, for which a managed resource of the device is the place.
///
/// # Invariants
///
/// Runtime power management of `dev` has been enabled once for this registration.
pub struct Registration {
    slot: Arc<Slot>,
    dev: ARef<Device>,
}

impl Registration {
    /// Enables runtime power management of `dev`, whose power state is `state`, with these callbacks.
    ///
    /// Fails with `ENOMEM`, or with `EBUSY` if the device cannot be active because its parent is
    /// suspended. `callbacks` are dropped then.
    pub fn new<T: Callbacks>(dev: &Device<Bound>, callbacks: T, state: State) -> Result<Self> {
        let callbacks: KBox<dyn Callbacks> = KBox::new(callbacks, GFP_KERNEL)?;
        let slot = Arc::pin_init(
            pin_init!(Slot {
                callbacks <- new_mutex!(Some(callbacks), "pm_runtime_callbacks"),
            }),
            GFP_KERNEL,
        )?;
        let raw = as_raw(dev);
        if state == State::Active {
            // SAFETY: The device is valid, and its power management is disabled: it is being probed.
            to_result(unsafe { bmc_rust_pm_runtime_set_active(raw) })?;
        }
        let published = Slot::publish(slot.clone(), dev);
        if published.is_err() && state == State::Active {
            // SAFETY: As above.
            unsafe { bmc_rust_pm_runtime_set_suspended(raw) };
        }
        published?;
        // SAFETY: The device is valid.
        unsafe { bmc_rust_pm_runtime_enable(raw) };
        // INVARIANT: It was just enabled.
        Ok(Self {
            slot,
            dev: dev.into(),
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let raw = as_raw(&self.dev);
        // SAFETY: By the type invariants this balances the call in `new()`. It waits for a callback that is
        // running.
        unsafe { bmc_rust_pm_runtime_disable(raw) };
        drop(self.slot.callbacks.lock().take());
        // SAFETY: The device is valid, its power management is disabled, and it is switched off.
        unsafe { bmc_rust_pm_runtime_set_suspended(raw) };
    }
}

/// A device that stays active until this is dropped.
///
/// # Invariants
///
/// The usage count of the device has been incremented once for this guard.
pub struct Active<'a>(&'a Device<Bound>);

/// Resumes `dev`, which may sleep, and keeps it active.
///
/// Fails with the error of [`Callbacks::resume`]; with `ENODEV` if the driver is being unbound; with `EACCES` if runtime power management is disabled and
/// the device is suspended; with `EINVAL` if an earlier callback has failed.
pub fn resume_and_get(dev: &Device<Bound>) -> Result<Active<'_>> {
    // SAFETY: The device is valid. The count is unchanged on an error.
    to_result(unsafe { bmc_rust_pm_runtime_resume_and_get(as_raw(dev)) })?;
    // INVARIANT: The count was incremented.
    Ok(Active(dev))
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        // SAFETY: The device is valid; by the type invariants the count may be decremented.
        unsafe { bmc_rust_pm_runtime_put(as_raw(self.0)) };
    }
}

/// The device as C knows it.
fn as_raw<Ctx: kernel::device::DeviceContext>(dev: &Device<Ctx>) -> *mut bindings::device {
    // CAST: `Device` is a transparent wrapper.
    ptr::from_ref(dev).cast_mut().cast()
}

// SPDX-License-Identifier: GPL-2.0

//! I2C target mode: drivers for devices that a host on the bus addresses.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)
//!
//! Reference: <https://docs.kernel.org/i2c/slave-interface.html>
//!
//! A target driver is an [`i2c::Driver`] that also implements a function for each bus event.
//! [`Adapter`] registers it and ties the events to the binding of the device: the client becomes a
//! target after the driver's data is complete and published, and ceases to be one before any of
//! that data is torn down. An event therefore finds the whole of the data or none of it.
//!
//! # Unbinding
//!
//! Most bus controllers do not wait for their event handler in `unreg_target()`. A handler that
//! runs on another CPU, or in a thread that is preempted, may still be inside of the driver's
//! functions, or about to call them. Every removal therefore goes through the same steps:
//!
//! 1. the controller is asked to release the target;
//! 2. the driver's data is unpublished, so that events that begin now do not find it;
//! 3. RCU grace periods pass: an event runs in an RCU read-side critical section, and a handler that
//!    is about to report one either cannot be preempted or is waited for by RCU-tasks, where the kernel
//!    has that (`CONFIG_TASKS_RCU`);
//! 4. the data is dropped.
//!
//! From the second step on, the callback of the client is a function of the kernel that does nothing.
//! `i2c_slave_unregister()` would clear it, and a late handler would then call address 0. A read that
//! such a handler reports gets no byte from that function: a controller's driver that does not
//! initialise the byte sends a value of its own.
//!
//! A controller may refuse to release its target, for example because it cannot be powered. It goes
//! on to report events, which a function outside of this module refuses; the client stays
//! allocated until a later probe of it has the controller release the target.

use core::{
    mem::{
        offset_of,
        transmute, //
    },
    ptr, //
};
use kernel::{
    bindings,
    device::{
        self,
        CoreInternal, //
    },
    device_id::RawDeviceIdIndex,
    driver,
    error::{
        from_result,
        to_result, //
    },
    i2c::{
        self,
        I2cClient, //
    },
    prelude::*,
    sync::rcu,
    types::{
        ForeignOwnable,
        Opaque, //
    },
    ThisModule, //
};

/// The address by which a host addresses a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// 7 bits.
    SevenBit(u8),
    /// 10 bits, for a client with ten-bit addressing (`I2C_CLIENT_TEN`).
    TenBit(u16),
}

/// Returns the address of a client.
///
/// Fails with `EINVAL` if it does not fit the client's kind of addressing.
pub fn address<Ctx: device::DeviceContext>(client: &I2cClient<Ctx>) -> Result<Address> {
    let raw = ptr::from_ref(client).cast::<bindings::i2c_client>();
    // SAFETY: The client is valid. Its address and its flag for ten-bit addressing are set before it
    // is registered.
    let (address, flags) = unsafe { ((*raw).addr, (*raw).flags) };

    if u32::from(flags) & bindings::I2C_CLIENT_TEN != 0 {
        return Ok(Address::TenBit(address));
    }
    match u8::try_from(address) {
        Ok(address @ 0..0x80) => Ok(Address::SevenBit(address)),
        _ => Err(EINVAL),
    }
}

/// A driver for an i2c target.
///
/// The functions are called from the controller's event handler, so that they must not sleep. A
/// controller reports the events of one transaction in their order; some call the functions from two
/// contexts at a time, such as an interrupt handler and a tasklet.
pub trait Driver: i2c::Driver {
    /// The host addresses the target for a write.
    ///
    /// On an error, controllers that can do not acknowledge the byte that follows. Some do not look at
    /// the result.
    fn write_requested(this: Pin<&Self::Data<'_>>) -> Result;

    /// The host has written `byte`.
    ///
    /// On an error, controllers that can do not acknowledge this byte or the next. Some do not look at
    /// the result.
    fn write_received(this: Pin<&Self::Data<'_>>, byte: u8) -> Result;

    /// The host addresses the target for a read. Returns the first byte to send.
    fn read_requested(this: Pin<&Self::Data<'_>>) -> u8;

    /// The controller has taken the previous byte. Returns the next byte to send, which the host may
    /// or may not fetch: some controllers take several bytes in advance.
    fn read_processed(this: Pin<&Self::Data<'_>>) -> u8;

    /// The host has ended the transaction.
    fn stop(this: Pin<&Self::Data<'_>>);
}

/// The type of the function that the i2c core calls for each event.
type Callback =
    unsafe extern "C" fn(*mut bindings::i2c_client, bindings::i2c_slave_event, *mut u8) -> c_int;

/// Returns the callback of a target that its controller refuses to release.
///
/// The controller may call it for as long as it exists, thus also after this module is gone: it must be
/// a function of the kernel itself, and none is exported that has the type [`Callback`].
/// `noop_direct_IO()` only returns `-EINVAL`, which refuses the bytes of a host.
fn refusing_callback() -> Callback {
    let function: unsafe extern "C" fn(_, _) -> _ = bindings::noop_direct_IO;

    // SAFETY: Both types are of C functions. The two pointers that `noop_direct_IO()` takes are passed
    // like the first two arguments of a callback, and it looks at none. The lower half of its `ssize_t`
    // is the `int` of the same value. Kernels that check the type of a function at an indirect call
    // (`CONFIG_CFI`) are excluded by `Kconfig`.
    unsafe {
        transmute::<
            unsafe extern "C" fn(*mut bindings::kiocb, *mut bindings::iov_iter) -> isize,
            Callback,
        >(function)
    }
}

/// Returns the callback of a target that its controller has released.
///
/// Some controllers may still call it, for the rest of a transaction that was under way. It is a
/// function of the kernel for the same reason as [`refusing_callback`], and another one, so that the
/// two can be told apart. `noop_fsync()` only returns 0.
fn idle_callback() -> Callback {
    let function: unsafe extern "C" fn(_, _, _, _) -> _ = bindings::noop_fsync;

    // SAFETY: As for `refusing_callback()`: `noop_fsync()` looks at none of its arguments.
    unsafe {
        transmute::<
            unsafe extern "C" fn(
                *mut bindings::file,
                bindings::loff_t,
                bindings::loff_t,
                c_int,
            ) -> c_int,
            Callback,
        >(function)
    }
}

/// An adapter for the registration of target drivers, as [`i2c::Adapter`] is for others.
pub struct Adapter<T: Driver>(T);

// SAFETY:
// - `bindings::i2c_driver` is a C type declared as `repr(C)`.
// - `T::Data` is the type of the driver's device private data.
// - `struct i2c_driver` embeds a `struct device_driver` at `DEVICE_DRIVER_OFFSET`.
unsafe impl<T: Driver> driver::DriverLayout for Adapter<T> {
    type DriverType = bindings::i2c_driver;
    type DriverData<'bound> = T::Data<'bound>;
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(Self::DriverType, driver);
}

// SAFETY: `i2c_del_driver()` undoes a successful `i2c_register_driver()`.
unsafe impl<T: Driver> driver::RegistrationOps for Adapter<T>
where
    // Events come at any time.
    for<'b> T::Data<'b>: Sync,
{
    unsafe fn register(
        driver: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        // SAFETY: The driver is not registered yet, so its fields may be set.
        let fields = unsafe { &mut *driver.get() };
        fields.driver.name = name.as_char_ptr();
        fields.probe = Some(Self::probe_callback);
        fields.remove = Some(Self::remove_callback);
        fields.shutdown = Some(Self::shutdown_callback);
        fields.id_table = T::I2C_ID_TABLE.map_or(ptr::null(), |table| table.as_ptr());
        fields.driver.of_match_table = T::OF_ID_TABLE.map_or(ptr::null(), |table| table.as_ptr());
        fields.driver.acpi_match_table =
            T::ACPI_ID_TABLE.map_or(ptr::null(), |table| table.as_ptr());

        // SAFETY: The caller keeps `driver` in place until it calls `unregister`.
        to_result(unsafe { bindings::i2c_register_driver(module.as_ptr(), driver.get()) })
    }

    unsafe fn unregister(driver: &Opaque<Self::DriverType>) {
        // SAFETY: The caller has registered `driver`.
        unsafe { bindings::i2c_del_driver(driver.get()) }
    }
}

impl<T: Driver> driver::Adapter for Adapter<T> {
    type IdInfo = T::IdInfo;

    fn of_id_table() -> Option<kernel::of::IdTable<Self::IdInfo>> {
        T::OF_ID_TABLE
    }

    fn acpi_id_table() -> Option<kernel::acpi::IdTable<Self::IdInfo>> {
        T::ACPI_ID_TABLE
    }
}

impl<T: Driver> Adapter<T>
where
    for<'b> T::Data<'b>: Sync,
{
    extern "C" fn probe_callback(raw: *mut bindings::i2c_client) -> c_int {
        // SAFETY: The i2c core passes a valid client, whose driver is being bound.
        let client = unsafe { &*raw.cast::<I2cClient<CoreInternal<'_>>>() };

        from_result(|| {
            // SAFETY: The client is valid and not bound.
            unsafe { Self::reclaim(raw) }.map_err(|error| {
                dev_err!(
                    client.as_ref(),
                    "the controller still does not release this target: {error:?}\n"
                );
                EBUSY
            })?;
            client
                .as_ref()
                .set_drvdata(T::probe(client, Self::id_info(client)))?;

            // SAFETY: The client is valid, and no controller holds it. The events that come from now
            // on find the driver's data.
            let registered = unsafe {
                (*raw).flags |= bindings::I2C_CLIENT_SLAVE as u16;
                to_result(bindings::i2c_slave_register(
                    raw,
                    Some(Self::event_callback),
                ))
            };
            if registered.is_err() {
                // The controller may have reported events before it failed.
                //
                // SAFETY: The data was set above.
                drop(unsafe { Self::withdraw(raw) });
            }
            registered.map(|()| 0)
        })
    }

    extern "C" fn remove_callback(raw: *mut bindings::i2c_client) {
        // SAFETY: The i2c core passes a valid client, whose driver is being unbound.
        let client = unsafe { &*raw.cast::<I2cClient<CoreInternal<'_>>>() };

        // SAFETY: A client is only removed after a successful probe, which registered it.
        let released = unsafe { release(raw) };

        // SAFETY: As above, the probe was successful, so that the data is set, and of this type.
        T::unbind(client, unsafe { client.as_ref().drvdata_borrow() });

        if !matches!(released, Ok(Released::Certainly)) {
            // SAFETY: The client is valid. `reclaim()` puts the reference when the controller does not
            // use the client any more, or nobody ever does.
            unsafe { bindings::get_device(&raw mut (*raw).dev) };
        }
        // Handlers that are at work call the old callback or the new one, and both may be called until
        // `withdraw()` has waited for them.
        let callback = match released {
            Ok(_) => idle_callback(),
            Err(error) => {
                dev_err!(
                    client.as_ref(),
                    "the controller does not release this target: {error:?}\n"
                );
                refusing_callback()
            }
        };
        // SAFETY: The client is valid.
        unsafe { ptr::write_volatile(&raw mut (*raw).slave_cb, Some(callback)) };

        // SAFETY: The data is set, as above.
        drop(unsafe { Self::withdraw(raw) });
    }

    extern "C" fn shutdown_callback(raw: *mut bindings::i2c_client) {
        // SAFETY: The i2c core passes a valid client that is bound to this driver.
        let client = unsafe { &*raw.cast::<I2cClient<CoreInternal<'_>>>() };

        // SAFETY: The client is bound, so that the data is set, and of this type.
        T::shutdown(client, unsafe { client.as_ref().drvdata_borrow() });
    }

    /// Has the controller release a target that it refused to release when the client was unbound.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid client that is not bound to a driver.
    unsafe fn reclaim(raw: *mut bindings::i2c_client) -> Result {
        // SAFETY: The client is valid.
        let refuses = unsafe { (*raw).slave_cb }
            .is_some_and(|callback| ptr::fn_addr_eq(callback, refusing_callback()));
        if !refuses {
            return Ok(());
        }

        // SAFETY: `remove_callback()` has left the client registered, with a reference to it. The i2c
        // core has another one during the probe.
        unsafe {
            let released = release(raw)?;
            ptr::write_volatile(&raw mut (*raw).slave_cb, Some(idle_callback()));
            if matches!(released, Released::Certainly) {
                bindings::put_device(&raw mut (*raw).dev);
            }
        }
        Ok(())
    }

    /// Unpublishes the driver's data and waits for the event handlers that may have found it.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid client whose data was set by `probe_callback()`, and nobody else may take
    /// that data.
    unsafe fn withdraw(raw: *mut bindings::i2c_client) -> Pin<KBox<T::Data<'static>>> {
        // SAFETY: The client is valid.
        let data = unsafe {
            let slot = &raw mut (*raw).dev.driver_data;
            let data = *slot;
            ptr::write_volatile(slot, ptr::null_mut());
            data
        };
        wait_for_handlers();
        // SAFETY: `set_drvdata()` has made the pointer of a box of this type. The driver core does not
        // find it any more, and no event handler uses it.
        unsafe { Pin::<KBox<T::Data<'static>>>::from_foreign(data.cast()) }
    }

    /// # Safety
    ///
    /// `raw` must be valid, and have been registered as a target of this driver: either still be so,
    /// or be in use by a handler that `withdraw()` waits for. `val` must be null or valid for what
    /// `event` says, and not be used by anybody else during the call.
    unsafe extern "C" fn event_callback(
        raw: *mut bindings::i2c_client,
        event: bindings::i2c_slave_event,
        val: *mut u8,
    ) -> c_int {
        let _reading = rcu::read_lock();
        // SAFETY: The client is valid.
        let data = unsafe { ptr::read_volatile(&raw const (*raw).dev.driver_data) };
        let data = (!data.is_null()).then(|| {
            // SAFETY: The data was set, with this type, before the client was registered as a target,
            // and a controller reports events after it has enabled the target's address, by a lock or an
            // ordered write to its registers. `withdraw()` drops the data after a grace period, which
            // cannot end before `_reading` is dropped.
            unsafe { Pin::<KBox<T::Data<'_>>>::borrow(data.cast()) }
        });
        let val = ptr::NonNull::new(val);

        // While the driver is being unbound there is no data: writes are refused, reads get zeros.
        let result = match (event, val) {
            (bindings::i2c_slave_event_I2C_SLAVE_WRITE_REQUESTED, _) => {
                data.map_or(Err(ENODEV), T::write_requested)
            }
            (bindings::i2c_slave_event_I2C_SLAVE_WRITE_RECEIVED, Some(val)) => {
                // SAFETY: By the function's requirements, the byte that the host wrote.
                let byte = unsafe { val.read() };
                data.map_or(Err(ENODEV), |data| T::write_received(data, byte))
            }
            (bindings::i2c_slave_event_I2C_SLAVE_READ_REQUESTED, Some(val)) => {
                // SAFETY: By the function's requirements, where the byte goes.
                unsafe { val.write(data.map_or(0, T::read_requested)) };
                Ok(())
            }
            (bindings::i2c_slave_event_I2C_SLAVE_READ_PROCESSED, Some(val)) => {
                // SAFETY: As above.
                unsafe { val.write(data.map_or(0, T::read_processed)) };
                Ok(())
            }
            (bindings::i2c_slave_event_I2C_SLAVE_STOP, _) => {
                data.map(T::stop);
                Ok(())
            }
            _ => Err(EINVAL),
        };
        result.map_or_else(Error::to_errno, |()| 0)
    }

    fn id_info<'a>(client: &'a I2cClient<CoreInternal<'_>>) -> Option<&'a T::IdInfo> {
        let by_name = T::I2C_ID_TABLE.and_then(|table| {
            let raw = ptr::from_ref(client).cast::<bindings::i2c_client>();
            // SAFETY: The table is static, the client is valid.
            let id = unsafe { bindings::i2c_match_id(table.as_ptr(), raw) };
            // SAFETY: `id` is null or points into the table, whose entries `DeviceId` wraps.
            let id = unsafe { id.cast::<i2c::DeviceId>().as_ref() }?;
            // SAFETY: The table's entries carry a `T::IdInfo`.
            Some(unsafe { id.info_unchecked() })
        });

        // SAFETY: The driver's tables carry a `T::IdInfo`.
        by_name.or_else(|| unsafe { <Self as driver::Adapter>::id_info(client.as_ref()) })
    }
}

/// Locks the adapter itself rather than a segment behind a multiplexer; bindgen does not evaluate the
/// macro.
const I2C_LOCK_ROOT_ADAPTER: c_uint = 1;

/// How sure it is that a controller has released a target.
enum Released {
    Certainly,
    /// The client has to stay allocated, since the controller may have a pointer to it.
    Perhaps,
}

/// Asks the controller of `raw` to release it. Fails if the controller keeps the target.
///
/// An error alone says little: some controllers release the target and return the result of putting
/// their power management. They are therefore asked a second time, under the same lock: a target that
/// is not registered (`EINVAL`, `ENODEV`, `ENXIO`) has been released by the first call. Power management
/// may return the same numbers for a target that is kept.
///
/// This is `i2c_slave_unregister()` but for the callback, which stays.
///
/// # Safety
///
/// `raw` must be a valid client that was registered as a target and not released since.
unsafe fn release(raw: *mut bindings::i2c_client) -> Result<Released> {
    // SAFETY: The client is valid, and its adapter is at least as long as it is registered. The
    // operations of an adapter are static; those that lock its bus are always set.
    unsafe {
        let adapter = (*raw).adapter;
        let unregister = (*(*adapter).algo).__bindgen_anon_4.unreg_target;
        let (Some(unregister), Some(lock), Some(unlock)) = (
            unregister,
            (*(*adapter).lock_ops).lock_bus,
            (*(*adapter).lock_ops).unlock_bus,
        ) else {
            return Err(EOPNOTSUPP);
        };

        lock(adapter, I2C_LOCK_ROOT_ADAPTER);
        let result = match to_result(unregister(raw)) {
            Ok(()) => Ok(Released::Certainly),
            Err(first) => match to_result(unregister(raw)) {
                Ok(()) => Ok(Released::Certainly),
                // Each request to a device whose power management has failed gets this.
                Err(EINVAL) if has_runtime_error((*adapter).dev.parent) => Err(EINVAL),
                Err(again @ (EINVAL | ENODEV | ENXIO)) => {
                    if again == first && cfg!(CONFIG_PM) {
                        Ok(Released::Perhaps)
                    } else {
                        Ok(Released::Certainly)
                    }
                }
                Err(again) => Err(again),
            },
        };
        unlock(adapter, I2C_LOCK_ROOT_ADAPTER);
        result
    }
}

/// Returns whether runtime power management of `dev` has failed, so that each request is refused
/// with `EINVAL`.
///
/// # Safety
///
/// `dev` must be null or a valid device.
unsafe fn has_runtime_error(dev: *const bindings::device) -> bool {
    #[cfg(CONFIG_PM)]
    // SAFETY: By the function's requirements.
    if let Some(dev) = unsafe { dev.as_ref() } {
        return dev.power.runtime_error != 0;
    }
    #[cfg(not(CONFIG_PM))]
    let _ = dev;
    false
}

/// Waits for event handlers that have read a client's callback or data before.
///
/// Interrupt handlers, threaded by force or not, and handlers that are in [`Adapter::event_callback`]
/// are RCU readers. A handler of a controller's own thread or work item may be preempted before it
/// calls the callback, and after the callback has returned; RCU-tasks waits for that. A preemptible
/// kernel without RCU-tasks (`CONFIG_TASKS_RCU`) leaves these two windows open.
fn wait_for_handlers() {
    rcu::synchronize_rcu();
    #[cfg(CONFIG_TASKS_RCU)]
    // SAFETY: It may be called by any task that may sleep, as a driver's probe and remove may.
    unsafe {
        bindings::synchronize_rcu_tasks()
    };
}

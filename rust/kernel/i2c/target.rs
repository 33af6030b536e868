// SPDX-License-Identifier: GPL-2.0

//! I2C target mode: drivers for devices that a host on the bus addresses.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)
//!
//! Reference: <https://docs.kernel.org/i2c/slave-interface.html>
//!
//! A target driver is an [`i2c::Driver`] that also takes [`Event`]s. [`Adapter`] registers it, and
//! ties the events to the binding of the device: the client becomes a target after the driver's
//! data is complete and published, and ceases to be one before anything of that data is torn down.
//! So an event always finds the whole of the data, and the driver has no order to keep.
//!
//! A controller may refuse to let go of its target, for want of power for example, and goes on to
//! report events. These find nothing then, while the driver's data is torn down as ever; the client
//! and the module stay, which such a controller has pointers to.

use super::module_ref::ModulePtr;
use core::{
    mem::offset_of,
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
    module::this_module,
    prelude::*,
    sync::rcu,
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    },
    ThisModule, //
};

/// What the bus controller reports. Bytes to be sent go through the reference, and are 0 at first.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The host addressed the target for a write.
    WriteRequested,
    /// The host wrote a byte.
    WriteReceived(u8),
    /// The host addressed the target for a read; the first byte is wanted.
    ReadRequested(&'a mut u8),
    /// The byte before is out; the next one is wanted, whether the host will take it or not.
    ReadProcessed(&'a mut u8),
    /// The host ended the transaction.
    Stop,
}

/// Returns the address that the host uses: 7 bits, or 10 for a client with ten-bit addressing.
pub fn address<Ctx: device::DeviceContext>(client: &I2cClient<Ctx>) -> u16 {
    // SAFETY: The client is valid, and its address is set before it is registered.
    unsafe { (*ptr::from_ref(client).cast::<bindings::i2c_client>()).addr }
}

/// A driver for an i2c target.
#[vtable]
pub trait Driver: i2c::Driver {
    /// Called for each event, one at a time, in a context that may be atomic.
    ///
    /// Controllers that can will answer an error with a NACK; which of the events they look at
    /// differs between them.
    fn event(this: Pin<&Self::Data<'_>>, event: Event<'_>) -> Result;
}

/// What the i2c core calls for each event.
type Callback =
    unsafe extern "C" fn(*mut bindings::i2c_client, bindings::i2c_slave_event, *mut u8) -> c_int;

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
            // What other drivers leave there, some controllers have let go of.
            //
            // SAFETY: The client is valid.
            if unsafe { (*raw).slave_cb }.is_some_and(Self::is_deaf) {
                dev_err!(client.as_ref(), "a controller has not let go of it\n");
                return Err(EBUSY);
            }
            client
                .as_ref()
                .set_drvdata(T::probe(client, Self::id_info(client)))?;

            // Should this fail, the driver core drops the data that was just set.
            //
            // SAFETY: The client is valid and, as was just seen, not registered as a target by us. The
            // events that come from now on find the driver's data.
            unsafe {
                (*raw).flags |= bindings::I2C_CLIENT_SLAVE as u16;
                to_result(bindings::i2c_slave_register(
                    raw,
                    Some(Self::event_callback),
                ))?;
            }
            Ok(0)
        })
    }

    extern "C" fn remove_callback(raw: *mut bindings::i2c_client) {
        // SAFETY: The i2c core passes a valid client, whose driver is being unbound.
        let client = unsafe { &*raw.cast::<I2cClient<CoreInternal<'_>>>() };

        // The controller waits for an event that is under way. From here on there are none.
        //
        // SAFETY: A client is only removed after a successful probe, which registered it.
        let released = unsafe { Self::release(raw) };

        // SAFETY: As above, the probe was successful, so that the data is set, and of this type.
        T::unbind(client, unsafe { client.as_ref().drvdata_borrow() });

        if released.is_err() {
            // SAFETY: As above.
            unsafe { Self::abandon(raw) };
        }
    }

    extern "C" fn shutdown_callback(raw: *mut bindings::i2c_client) {
        // SAFETY: The i2c core passes a valid client that is bound to this driver.
        let client = unsafe { &*raw.cast::<I2cClient<CoreInternal<'_>>>() };

        // SAFETY: The client is bound, so that the data is set, and of this type.
        T::shutdown(client, unsafe { client.as_ref().drvdata_borrow() });
    }

    /// Has the controller let go of its target, or fails if it keeps that.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid client that was registered as a target.
    unsafe fn release(raw: *mut bindings::i2c_client) -> Result {
        // SAFETY: By the function's requirements.
        match to_result(unsafe { bindings::i2c_slave_unregister(raw) }) {
            // Some let go, and then tell how they put their power management: this it is without
            // `CONFIG_PM`. The core takes it for a refusal, and leaves the callback.
            Err(ENOSYS) => {
                // SAFETY: The client is valid, and no controller has it any more.
                unsafe { (*raw).slave_cb = None };
                Ok(())
            }
            result => result,
        }
    }

    /// # Safety
    ///
    /// The core and the controller call this only while `raw` is registered as a target of this
    /// driver, with `val` null or valid for what `event` says.
    unsafe extern "C" fn event_callback(
        raw: *mut bindings::i2c_client,
        event: bindings::i2c_slave_event,
        val: *mut u8,
    ) -> c_int {
        // `abandon` waits for it. Where nothing is preempted this is nothing, as in C, but for the calls.
        let _reading = cfg!(CONFIG_PREEMPT_COUNT).then(rcu::read_lock);
        // SAFETY: The client is registered as a target, so that it is valid.
        let data = unsafe { ptr::read_volatile(&raw const (*raw).dev.driver_data) };
        if data.is_null() {
            // The controller would not let go.
            return ENODEV.to_errno();
        }
        // SAFETY: The data was set before the client was registered as a target. It remains what it is
        // until after that was unregistered, or until after all who have found it are done.
        let data = unsafe { Pin::<KBox<T::Data<'_>>>::borrow(data.cast()) };

        // SAFETY: The controller passes null or a byte that is this callback's until it returns.
        let val = unsafe { val.as_mut() };

        let event = match (event, val) {
            (bindings::i2c_slave_event_I2C_SLAVE_WRITE_REQUESTED, _) => Event::WriteRequested,
            (bindings::i2c_slave_event_I2C_SLAVE_WRITE_RECEIVED, Some(val)) => {
                Event::WriteReceived(*val)
            }
            (bindings::i2c_slave_event_I2C_SLAVE_READ_REQUESTED, Some(val)) => {
                *val = 0;
                Event::ReadRequested(val)
            }
            (bindings::i2c_slave_event_I2C_SLAVE_READ_PROCESSED, Some(val)) => {
                *val = 0;
                Event::ReadProcessed(val)
            }
            (bindings::i2c_slave_event_I2C_SLAVE_STOP, _) => Event::Stop,
            _ => return EINVAL.to_errno(),
        };

        T::event(data, event).map_or_else(Error::to_errno, |()| 0)
    }

    /// Makes a controller harmless that would not let go of its target. It may be in the middle of an
    /// event, and report more for as long as it exists: the client stays for ever, and so does this
    /// module, or is not removed until the controller has let go.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid client that was registered as a target, with data of this type.
    #[cold]
    unsafe fn abandon(raw: *mut bindings::i2c_client) {
        // SAFETY: The client is valid, and so is its device; the reference is put at the end, or never.
        // A controller that reads the callback at the same time gets the old one or the new one; both
        // may be called.
        let data = unsafe {
            bindings::get_device(&raw mut (*raw).dev);
            ptr::write_volatile(&raw mut (*raw).slave_cb, Some(Self::deaf_callback));
            let data = (*raw).dev.driver_data;
            ptr::write_volatile(&raw mut (*raw).dev.driver_data, ptr::null_mut());
            data
        };
        rcu::synchronize_rcu();
        // SAFETY: It is the data's owner's pointer, which the driver core does not find any more. Events
        // that had found it are done.
        drop(unsafe { Pin::<KBox<T::Data<'_>>>::from_foreign(data.cast()) });

        let module = ModulePtr::new(this_module::<T::OwnerModule>().as_ptr());
        // SAFETY: It is not freed while it runs this.
        if let Some(module) = unsafe { module.try_get() } {
            module.into_ptr();
            return;
        }
        // It is being removed already, and better hangs than has its code called when that is gone.
        //
        // SAFETY: The reference that was taken above keeps the client valid.
        while unsafe { Self::release(raw) }.is_err() {
            fsleep(Delta::from_millis(500));
        }
        // SAFETY: As above; the controller does not have it any more.
        unsafe { bindings::put_device(&raw mut (*raw).dev) };
    }

    /// # Safety
    ///
    /// It may always be called; its type is that of callbacks.
    unsafe extern "C" fn deaf_callback(
        _client: *mut bindings::i2c_client,
        _event: bindings::i2c_slave_event,
        _val: *mut u8,
    ) -> c_int {
        ENODEV.to_errno()
    }

    fn is_deaf(callback: Callback) -> bool {
        ptr::fn_addr_eq(callback, Self::deaf_callback as Callback)
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

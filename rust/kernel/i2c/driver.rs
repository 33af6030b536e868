// SPDX-License-Identifier: GPL-2.0

//! I2C drivers with runtime power management.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)
//!
//! In the kernel crate this is a part of `i2c::Adapter`: constants of `i2c::Driver` in place of those of
//! [`PmDriver`].

use crate::pm_runtime;
use core::mem::offset_of;
use kernel::{
    bindings,
    driver,
    i2c,
    prelude::*,
    types::Opaque,
    ThisModule, //
};

/// An i2c driver whose devices have a [`pm_runtime::Registration`].
pub trait PmDriver: i2c::Driver {
    /// Whether the firmware may ask for a device to be left switched off when it is probed
    /// (`I2C_DRV_ACPI_WAIVE_D0_PROBE`). The driver has to look at the state of the device then.
    const PROBES_SWITCHED_OFF: bool = false;
}

/// An adapter for the registration of drivers, as [`i2c::Adapter`] is for those without power management.
pub struct PmAdapter<T: PmDriver>(T);

// SAFETY:
// - `bindings::i2c_driver` is a C type declared as `repr(C)`.
// - `T::Data` is the type of the driver's device private data, as `i2c::Adapter` sets it.
// - `struct i2c_driver` embeds a `struct device_driver` at `DEVICE_DRIVER_OFFSET`.
unsafe impl<T: PmDriver> driver::DriverLayout for PmAdapter<T> {
    type DriverType = bindings::i2c_driver;
    type DriverData<'bound> = T::Data<'bound>;
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(Self::DriverType, driver);
}

// SAFETY: Both functions are those of `i2c::Adapter`, for the same driver.
unsafe impl<T: PmDriver> driver::RegistrationOps for PmAdapter<T> {
    unsafe fn register(
        driver: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        // SAFETY: The driver is not registered yet, so its fields may be set.
        let fields = unsafe { &mut *driver.get() };
        fields.driver.pm = &pm_runtime::OPS;
        if T::PROBES_SWITCHED_OFF {
            fields.flags |= bindings::i2c_driver_flags_I2C_DRV_ACPI_WAIVE_D0_PROBE;
        }

        // SAFETY: By the function's own requirements.
        unsafe { i2c::Adapter::<T>::register(driver, name, module) }
    }

    unsafe fn unregister(driver: &Opaque<Self::DriverType>) {
        // SAFETY: By the function's own requirements.
        unsafe { i2c::Adapter::<T>::unregister(driver) }
    }
}

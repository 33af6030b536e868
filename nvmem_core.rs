// SPDX-License-Identifier: GPL-2.0

//! nvmem: providers that can be unregistered while consumers hold them.
//!
//! A provider is reached through an `SrcuRevocable` only, which unregistering revokes.
//!
//! - `provider` has all that can be revoked, `turns` decides which writes may run at the same time, `keepout` splits
//!   accesses;
//! - `subsystem` is the core itself, on kernels without the one in C: the same functions for C, with the same errors, and
//!   the same files in sysfs as `drivers/nvmem/core.c` and `layouts.c`;
//! - `guard` registers providers with the core in C, on kernels that have it;
//! - `eeprom` is a driver for i2c EEPROMs;
//! - `config` and `ffi` convert from and to the C API; `devices` counts devices for unloading the module; `record` has
//!   trace events and the summary in debugfs.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![expect(
    unreachable_pub,
    reason = "files in rust/ are written for the kernel crate"
)]
#![cfg_attr(
    not(CONFIG_OF),
    expect(dead_code, reason = "what only layouts and the device tree need")
)]

use core::ffi::c_void;
use kernel::prelude::*;

// What the kernel crate lacks; each file is written to be part of it one day.
#[cfg(CONFIG_NVMEM_RUST_EEPROM)]
#[path = "rust/kernel/acpi_power.rs"]
mod acpi_power;
#[path = "rust/bindings/lib.rs"]
mod bindings;
#[cfg(CONFIG_NVMEM_RUST_EEPROM)]
#[path = "rust/kernel/capability.rs"]
mod capability;
#[path = "rust/kernel/debugfs.rs"]
mod debugfs;
#[path = "rust/kernel/gpio.rs"]
mod gpio;
#[cfg(CONFIG_NVMEM_RUST_EEPROM)]
#[path = "rust/kernel/i2c/client.rs"]
mod i2c_client;
#[cfg(CONFIG_NVMEM_RUST_EEPROM)]
#[path = "rust/kernel/i2c/driver.rs"]
mod i2c_driver;
#[cfg(CONFIG_NVMEM_RUST_EEPROM)]
#[path = "rust/kernel/i2c/transfer.rs"]
mod i2c_transfer;
#[path = "rust/kernel/nvmem.rs"]
#[allow(dead_code, reason = "consumers are elsewhere")]
mod nvmem;
#[path = "rust/kernel/of.rs"]
#[cfg_attr(
    CONFIG_NVMEM_RUST_GUARD,
    allow(dead_code, unused_imports, reason = "the C core reads the device tree")
)]
mod of;
#[cfg(CONFIG_NVMEM_RUST_EEPROM)]
#[path = "rust/kernel/pm_runtime.rs"]
mod pm_runtime;
#[path = "rust/kernel/sync/srcu_revocable.rs"]
#[cfg_attr(
    CONFIG_NVMEM_RUST_GUARD,
    allow(dead_code, reason = "the C core has the cells")
)]
mod srcu_revocable;
#[path = "rust/kernel/sysfs.rs"]
#[cfg_attr(
    CONFIG_NVMEM_RUST_GUARD,
    allow(dead_code, reason = "the C core has most files")
)]
mod sysfs;

#[path = "nvmem_core/config.rs"]
mod config;
#[path = "nvmem_core/devices.rs"]
mod devices;
#[cfg(CONFIG_NVMEM_RUST_EEPROM)]
#[path = "nvmem_core/eeprom/mod.rs"]
mod eeprom;
#[path = "nvmem_core/ffi.rs"]
#[cfg_attr(
    CONFIG_NVMEM_RUST_GUARD,
    allow(dead_code, reason = "the C core has most of the API")
)]
mod ffi;
#[cfg(CONFIG_NVMEM_RUST_GUARD)]
#[path = "nvmem_core/guard/mod.rs"]
mod guard;
#[path = "nvmem_core/keepout.rs"]
mod keepout;
#[path = "nvmem_core/provider.rs"]
mod provider;
#[path = "nvmem_core/record.rs"]
mod record;
#[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
#[path = "nvmem_core/subsystem/mod.rs"]
mod subsystem;
#[path = "nvmem_core/turns.rs"]
mod turns;

#[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
use subsystem::*;

/// The prefix of this module's messages.
const __LOG_PREFIX: &[u8] = b"nvmem_core\0";

/// This module, as macros of the kernel crate find it. It is linked with a part in C, which `module!` does not expect.
enum LocalModule {}

impl kernel::ModuleMetadata for LocalModule {
    const NAME: &'static CStr = c"nvmem_core";

    #[cfg(MODULE)]
    // SAFETY: The kernel's loader makes `__this_module`, which lives until the module is unloaded.
    const THIS_MODULE: ThisModule =
        unsafe { ThisModule::from_ptr(&raw mut kernel::bindings::__this_module) };

    #[cfg(not(MODULE))]
    // SAFETY: This is the pointer of what is built in.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// Functions for C, whose types are checked against the header that C includes.
macro_rules! exported {
    ($($(#[$attr:meta])* unsafe fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {
        $(
            $(#[$attr])*
            ///
            /// # Safety
            ///
            /// What the C function of this name expects.
            #[no_mangle]
            pub unsafe extern "C" fn $name($($arg: $type),*) $(-> $ret)? $body

            const _: () = {
                if true {
                    $crate::bindings::$name
                } else {
                    $name
                };
            };
        )*
    };
}
use exported;

/// The parts of this module. Dropped in the order of the fields.
struct NvmemCore {
    _summary: record::Summary,
    #[cfg(CONFIG_NVMEM_RUST_GUARD)]
    _guard: guard::Guard,
    #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
    _subsystem: KBox<Core>,
    _records: record::Records,
}

impl NvmemCore {
    fn new() -> Result<KBox<Self>> {
        let records = record::Records::new();
        Ok(KBox::new(
            Self {
                _summary: record::Summary::new(&records)?,
                #[cfg(CONFIG_NVMEM_RUST_GUARD)]
                _guard: guard::Guard::new(),
                #[cfg(not(CONFIG_NVMEM_RUST_GUARD))]
                _subsystem: Core::new()?,
                _records: records,
            },
            GFP_KERNEL,
        )?)
    }
}

/// Starts the module.
#[no_mangle]
extern "C" fn nvmem_core_start() -> *mut c_void {
    ffi::err_ptr(NvmemCore::new().map(|core| KBox::into_raw(core).cast()))
}

/// Stops the module, once it is no longer in use.
///
/// # Safety
///
/// `core` came from [`nvmem_core_start`], and this is called once.
#[no_mangle]
unsafe extern "C" fn nvmem_core_stop(core: *mut c_void) {
    // SAFETY: By the function's requirements.
    drop(unsafe { KBox::from_raw(core.cast::<NvmemCore>()) });
}

// SPDX-License-Identifier: GPL-2.0

//! The core of the nvmem subsystem, for providers that may leave while consumers hold them.
//!
//! Takes the place of `drivers/nvmem/core.c` and `layouts.c`: the same functions for C, with the same
//! errors, and the same files in sysfs. What a provider brings is in a `provider::Provider`, which is
//! reached through an `SrcuRevocable` only.
//!
//! - `bits`, `geometry` and `keepout` are pure logic;
//! - `device` registers, finds and holds devices; `provider` is what can be taken from them; `turns` decides
//!   which writes may run at the same time;
//! - `cell` and `cells` are named parts of devices, `lookup` and `dt` find them for consumers, `names` builds
//!   their names;
//! - `layout` is for drivers that know what is in a device;
//! - `attributes` and `compat` are the files in sysfs, `events` is the notifier chain;
//! - `consumer`, `provider_api`, `tree_api` and `managed` are what C calls, exported by `linkage.c`.

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
#[path = "rust/bindings/lib.rs"]
mod bindings;
#[path = "rust/kernel/bus.rs"]
mod bus;
#[path = "rust/kernel/gpio.rs"]
mod gpio;
#[path = "rust/kernel/ida.rs"]
mod ida;
#[path = "rust/kernel/module_ref.rs"]
mod module_ref;
#[path = "rust/kernel/notifier.rs"]
mod notifier;
#[path = "rust/kernel/of.rs"]
mod of;
#[path = "rust/kernel/owned_device.rs"]
mod owned_device;
#[path = "rust/kernel/sync/srcu_revocable.rs"]
mod srcu_revocable;
#[path = "rust/kernel/sysfs.rs"]
mod sysfs;

#[path = "nvmem_core/attributes.rs"]
mod attributes;
#[path = "nvmem_core/bits.rs"]
mod bits;
#[path = "nvmem_core/cell.rs"]
mod cell;
#[path = "nvmem_core/cells.rs"]
mod cells;
#[path = "nvmem_core/compat.rs"]
mod compat;
#[path = "nvmem_core/consumer.rs"]
mod consumer;
#[path = "nvmem_core/device.rs"]
mod device;
#[cfg(CONFIG_OF)]
#[path = "nvmem_core/dt.rs"]
mod dt;
#[path = "nvmem_core/events.rs"]
mod events;
#[path = "nvmem_core/geometry.rs"]
mod geometry;
#[path = "nvmem_core/keepout.rs"]
mod keepout;
#[cfg(CONFIG_OF)]
#[path = "nvmem_core/layout.rs"]
mod layout;
#[path = "nvmem_core/lookup.rs"]
mod lookup;
#[path = "nvmem_core/managed.rs"]
mod managed;
#[path = "nvmem_core/names.rs"]
mod names;
#[path = "nvmem_core/provider.rs"]
mod provider;
#[path = "nvmem_core/provider_api.rs"]
mod provider_api;
#[cfg(CONFIG_OF)]
#[path = "nvmem_core/tree_api.rs"]
mod tree_api;
#[path = "nvmem_core/turns.rs"]
mod turns;

/// What the messages of this module begin with.
const __LOG_PREFIX: &[u8] = b"nvmem_core\0";

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

/// The numbers of devices.
fn ids() -> &'static ida::Ida {
    // SAFETY: They are defined in `linkage.c`.
    unsafe { ida::Ida::from_raw(&raw mut bindings::nvmem_core_ids) }
}

/// A reference to this module, which has none if it is built in.
///
/// Each device has one until it is released, so that the module cannot be unloaded before. This includes
/// devices that are held by the resources (`devm_`) of a device whose driver was unloaded long ago.
fn this_module() -> Result<module_ref::ModuleRef> {
    // SAFETY: The pointer does not change. The module's memory is not freed while this runs.
    unsafe { module_ref::ModulePtr::new(bindings::nvmem_core_module).try_get() }.ok_or(ENODEV)
}

/// What the core registers with the driver model. Undone in the order of the fields.
struct Core {
    #[cfg(CONFIG_OF)]
    _layouts: layout::Core,
    _bus: bus::Registration,
}

impl Core {
    fn new() -> Result<KBox<Self>> {
        let bus = device::register_bus().inspect_err(|error| {
            if *error == EEXIST {
                pr_err!("this kernel has an nvmem core already: build it with CONFIG_NVMEM=n, or with CONFIG_NVMEM_RUST=y\n");
            }
        })?;
        Ok(KBox::new(
            Self {
                #[cfg(CONFIG_OF)]
                _layouts: layout::Core::new()?,
                _bus: bus,
            },
            GFP_KERNEL,
        )?)
    }
}

/// Starts the core.
#[no_mangle]
extern "C" fn nvmem_core_start() -> *mut c_void {
    consumer::err_ptr(Core::new().map(|core| KBox::into_raw(core).cast()))
}

/// Stops the core. There are no devices any more: each has a reference to the module.
///
/// # Safety
///
/// `core` came from [`nvmem_core_start`], and nobody uses the core any more.
#[no_mangle]
unsafe extern "C" fn nvmem_core_stop(core: *mut c_void) {
    // SAFETY: By the function's requirements.
    drop(unsafe { KBox::from_raw(core.cast::<Core>()) });
}

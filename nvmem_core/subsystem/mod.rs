// SPDX-License-Identifier: GPL-2.0

//! The nvmem subsystem itself, for kernels without the core in C.
//!
//! - [`device`] registers, finds and holds devices;
//! - [`cell`] and [`cells`] are named parts of devices, [`lookup`] and `dt` find them for consumers, [`names`] builds
//!   their names;
//! - [`bits`] and [`geometry`] are pure logic;
//! - `layout` is for drivers that know the contents of a device;
//! - [`attributes`] and [`compat`] are the files in sysfs, [`events`] is the notifier chain;
//! - [`consumer`], [`provider_api`], `tree_api` and [`managed`] are the C API, exported by `linkage.c`.

use crate::{
    bindings,
    devices::{
        self,
        Counted, //
    },
    of,
    sysfs, //
};
use kernel::prelude::*;
use module_ref::{
    ModulePtr,
    ModuleRef, //
};

// Abstractions that nothing else in this module uses.
#[path = "../../rust/kernel/bus.rs"]
pub mod bus;
#[path = "../../rust/kernel/ida.rs"]
pub mod ida;
#[path = "../../rust/kernel/module_ref.rs"]
pub mod module_ref;
#[path = "../../rust/kernel/notifier.rs"]
pub mod notifier;
#[path = "../../rust/kernel/owned_device.rs"]
pub mod owned_device;

pub mod attributes;
pub mod bits;
pub mod cell;
pub mod cells;
pub mod compat;
pub mod consumer;
pub mod device;
#[cfg(CONFIG_OF)]
pub mod dt;
pub mod events;
pub mod geometry;
#[cfg(CONFIG_OF)]
pub mod layout;
pub mod lookup;
pub mod managed;
pub mod names;
pub mod post_process;
pub mod provider_api;
#[cfg(CONFIG_OF)]
pub mod tree_api;

/// The numbers of devices.
pub fn ids() -> &'static ida::Ida {
    // SAFETY: They are defined in `linkage.c`.
    unsafe { ida::Ida::from_raw(&raw mut bindings::nvmem_core_ids) }
}

/// Keeps this module loaded until a device is released.
///
/// This includes devices that are held by the resources (`devm_`) of a device whose driver was unloaded long ago.
pub enum Keeper {
    /// A reference to this module.
    Module(#[expect(dead_code, reason = "given back when it is dropped")] ModuleRef),
    /// The device is one of a provider in this module. The exit function waits for its release.
    Counted(Counted),
}

impl Keeper {
    /// For a device whose provider is in `owner`.
    pub fn new(owner: ModulePtr) -> Result<Self> {
        // SAFETY: The pointer does not change.
        let this = ModulePtr::new(unsafe { bindings::nvmem_core_module });
        if this == owner {
            return Ok(Self::Counted(Counted::new()));
        }
        // SAFETY: The module's memory is not freed while this runs.
        unsafe { this.try_get() }.map(Self::Module).ok_or(ENODEV)
    }
}

/// What the core registers with the driver model. Undone in the order of the fields.
pub struct Core {
    _released: Released,
    #[cfg(CONFIG_OF)]
    _layouts: layout::Core,
    _bus: bus::Registration<device::Device>,
}

impl Core {
    /// Registers the bus of nvmem devices and, with a device tree, that of layouts.
    pub fn new() -> Result<KBox<Self>> {
        let bus = device::register_bus().inspect_err(|error| {
            if *error == EEXIST {
                pr_err!("this kernel has an nvmem core already: build it with CONFIG_NVMEM=n, or with CONFIG_NVMEM_RUST=y\n");
            }
        })?;
        Ok(KBox::new(
            Self {
                _released: Released,
                #[cfg(CONFIG_OF)]
                _layouts: layout::Core::new()?,
                _bus: bus,
            },
            GFP_KERNEL,
        )?)
    }
}

/// Waits for the release of devices when it is dropped.
struct Released;

impl Drop for Released {
    fn drop(&mut self) {
        devices::wait_for_release();
    }
}

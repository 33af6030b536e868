// SPDX-License-Identifier: GPL-2.0

//! The nvmem subsystem itself, for kernels without the core in C.
//!
//! - [`device`] registers, finds and holds devices;
//! - [`cell`] and [`cells`] are named parts of devices, [`lookup`] and `dt` find them for consumers, [`names`] builds
//!   their names;
//! - `layout` is for drivers that know the contents of a device;
//! - [`attributes`] and [`compat`] are the files in sysfs, [`events`] is the notifier chain;
//! - [`consumer`], [`provider_api`], `tree_api` and [`managed`] are the C API, exported by `linkage.c`.

use crate::{
    bindings,
    bus,
    ida,
    module_ref, //
};
use kernel::prelude::*;

pub mod attributes;
pub mod cell;
pub mod cells;
pub mod compat;
pub mod consumer;
pub mod device;
#[cfg(CONFIG_OF)]
pub mod dt;
pub mod events;
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

/// A reference to this module, which has none if it is built in.
///
/// Each device has one until it is released, so that the module cannot be unloaded before. This includes
/// devices that are held by the resources (`devm_`) of a device whose driver was unloaded long ago.
pub fn this_module() -> Result<module_ref::ModuleRef> {
    // SAFETY: The pointer does not change. The module's memory is not freed while this runs.
    unsafe { module_ref::ModulePtr::new(bindings::nvmem_core_module).try_get() }.ok_or(ENODEV)
}

/// What the core registers with the driver model. Undone in the order of the fields.
pub struct Core {
    #[cfg(CONFIG_OF)]
    _layouts: layout::Core,
    _bus: bus::Registration,
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
                #[cfg(CONFIG_OF)]
                _layouts: layout::Core::new()?,
                _bus: bus,
            },
            GFP_KERNEL,
        )?)
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The pure files of the modules, as these compile them, under test on the host.

#![cfg(test)]

#[path = "../../../nvmem_core/subsystem/bits.rs"]
mod bits;
#[path = "../../../nvmem_core/subsystem/geometry.rs"]
mod geometry;
#[path = "../../../nvmem_core/keepout.rs"]
mod keepout;
#[path = "../../../ssif_bmc/machine.rs"]
mod machine;
#[path = "../../../ssif_bmc/protocol.rs"]
mod protocol;

mod bus;
mod eeprom;
mod eeprom_properties;
mod machine_properties;
mod machine_tables;
mod nvmem_properties;
mod protocol_tables;

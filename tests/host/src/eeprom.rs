// SPDX-License-Identifier: GPL-2.0

//! The pure files of the EEPROM driver, which import each other.

#[path = "../../../nvmem_core/eeprom/chip.rs"]
pub mod chip;
#[path = "../../../nvmem_core/eeprom/deadline.rs"]
pub mod deadline;
#[path = "../../../nvmem_core/eeprom/memory.rs"]
pub mod memory;

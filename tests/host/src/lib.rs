// SPDX-License-Identifier: GPL-2.0

//! The pure files of `ssif_bmc`, as the module compiles them, under test on the host.

#![cfg(test)]

#[path = "../../../ssif_bmc/machine.rs"]
mod machine;
#[path = "../../../ssif_bmc/protocol.rs"]
mod protocol;

mod bus;
mod machine_properties;
mod machine_tables;
mod protocol_tables;

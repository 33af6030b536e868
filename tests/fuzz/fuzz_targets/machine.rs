// SPDX-License-Identifier: GPL-2.0

//! The fuzz target: any bytes are a script of steps; see `src/script.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ssif_bmc_fuzz::play(input));

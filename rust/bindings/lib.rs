// SPDX-License-Identifier: GPL-2.0

//! Bindings to C that the kernel's own `bindings` crate lacks, made by bindgen from
//! `bindings_helper.h` when the module is built.

#![allow(
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    reason = "generated code"
)]

use kernel::ffi;
use pin_init::MaybeZeroable;

include!(env!("BINDINGS_GENERATED"));

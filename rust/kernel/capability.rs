// SPDX-License-Identifier: GPL-2.0

//! Capabilities of tasks.
//!
//! C header: [`include/linux/capability.h`](srctree/include/linux/capability.h)

use kernel::{
    bindings,
    prelude::*, //
};

/// Whether the current task has `CAP_SYS_ADMIN` in the initial user namespace.
pub fn has_sys_admin() -> bool {
    // CAST: The constant is small.
    //
    // SAFETY: Any task may ask.
    unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) }
}

// SPDX-License-Identifier: GPL-2.0
/* The functions that nvmem_core exports beside the core in C. They are written in Rust. */

#include <linux/export.h>

#include "../guard.h"
#include "../hold.h"

EXPORT_SYMBOL_GPL(nvmem_register_guarded);
EXPORT_SYMBOL_GPL(nvmem_unregister_guarded);
EXPORT_SYMBOL_GPL(nvmem_core_hold);

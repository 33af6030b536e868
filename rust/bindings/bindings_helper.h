/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The headers whose contents the kernel's own bindings crate lacks. Kbuild lists what of them is
 * wanted.
 */

#include <linux/ipmi_ssif_bmc.h>

#include "../../ssif_bmc/events.h"

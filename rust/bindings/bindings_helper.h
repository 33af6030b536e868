/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The headers whose contents the kernel's own bindings crate lacks. Kbuild lists what of them is
 * wanted.
 */

#include <linux/fs.h>
#include <linux/ipmi_ssif_bmc.h>
#include <linux/nvmem-consumer.h>
#include <linux/nvmem-provider.h>

/* Constants that bindgen does not evaluate. */
const unsigned int bmc_rust_FMODE_NOWAIT = (__force unsigned int)FMODE_NOWAIT;
const unsigned int bmc_rust_IOCB_NOWAIT = (__force unsigned int)IOCB_NOWAIT;

#include "../../nvmem_core/eeprom/start.h"
#include "../../nvmem_core/guard.h"
#include "../../nvmem_core/hold.h"
#include "../../nvmem_core/linkage.h"
#include "../../ssif_bmc/events.h"
#include "../helpers/helpers.h"

#if IS_ENABLED(CONFIG_OF)
/* Not in a header of all: the C core has it in one of its own. */
int nvmem_add_cells_from_dt(struct nvmem_device *nvmem, struct device_node *np);
#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The EEPROM driver's place in the kernel: its parameter, and when it is registered.
 */

#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>

#include "start.h"

unsigned int nvmem_core_eeprom_write_timeout = 25;
module_param_named(eeprom_write_timeout, nvmem_core_eeprom_write_timeout, uint, 0);
MODULE_PARM_DESC(eeprom_write_timeout,
		 "Milliseconds for which an EEPROM is given to store a page (default 25)");

/* In mod.rs. */
void *nvmem_core_eeprom_start(void);
void nvmem_core_eeprom_stop(void *driver);

static void *driver;

int nvmem_core_eeprom_init(void)
{
	driver = nvmem_core_eeprom_start();
	return PTR_ERR_OR_ZERO(driver);
}

#ifdef MODULE
void nvmem_core_eeprom_exit(void)
{
	nvmem_core_eeprom_stop(driver);
}
#else
/* The C driver, if it is there too, has been registered, and gets the devices. */
late_initcall(nvmem_core_eeprom_init);
#endif

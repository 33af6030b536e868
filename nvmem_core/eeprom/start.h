/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The EEPROM driver, as the core's module sees it.
 */
#ifndef NVMEM_CORE_EEPROM_START_H
#define NVMEM_CORE_EEPROM_START_H

extern unsigned int nvmem_core_eeprom_write_timeout;

/* Register and unregister the driver. Built in, it is registered by itself. */
int nvmem_core_eeprom_init(void);
void nvmem_core_eeprom_exit(void);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The C API of the core: exported functions, and static objects.
 *
 * The functions are written in Rust; the headers that are included here are those that their users compile with.
 */

#include <linux/export.h>
#include <linux/nvmem-consumer.h>
#include <linux/nvmem-provider.h>

#include "../hold.h"
#include "../linkage.h"

BLOCKING_NOTIFIER_HEAD(nvmem_core_notifier);
DEFINE_IDA(nvmem_core_ids);
LIST_HEAD(nvmem_core_lookups);
DEFINE_MUTEX(nvmem_core_lookups_lock);

EXPORT_SYMBOL_GPL(nvmem_register);
EXPORT_SYMBOL_GPL(nvmem_unregister);
EXPORT_SYMBOL_GPL(devm_nvmem_register);
EXPORT_SYMBOL_GPL(nvmem_add_one_cell);

EXPORT_SYMBOL_GPL(nvmem_device_get);
EXPORT_SYMBOL_GPL(nvmem_device_find);
EXPORT_SYMBOL_GPL(nvmem_device_put);
EXPORT_SYMBOL_GPL(devm_nvmem_device_get);
EXPORT_SYMBOL_GPL(devm_nvmem_device_put);
EXPORT_SYMBOL_GPL(nvmem_device_read);
EXPORT_SYMBOL_GPL(nvmem_device_write);
EXPORT_SYMBOL_GPL(nvmem_device_cell_read);
EXPORT_SYMBOL_GPL(nvmem_device_cell_write);
EXPORT_SYMBOL_GPL(nvmem_dev_name);
EXPORT_SYMBOL_GPL(nvmem_dev_size);

EXPORT_SYMBOL_GPL(nvmem_cell_get);
EXPORT_SYMBOL_GPL(nvmem_cell_put);
EXPORT_SYMBOL_GPL(devm_nvmem_cell_get);
EXPORT_SYMBOL(devm_nvmem_cell_put);
EXPORT_SYMBOL_GPL(nvmem_cell_read);
EXPORT_SYMBOL_GPL(nvmem_cell_write);
EXPORT_SYMBOL_GPL(nvmem_cell_read_u8);
EXPORT_SYMBOL_GPL(nvmem_cell_read_u16);
EXPORT_SYMBOL_GPL(nvmem_cell_read_u32);
EXPORT_SYMBOL_GPL(nvmem_cell_read_u64);
EXPORT_SYMBOL_GPL(nvmem_cell_read_variable_le_u32);
EXPORT_SYMBOL_GPL(nvmem_cell_read_variable_le_u64);

EXPORT_SYMBOL_GPL(nvmem_add_cell_lookups);
EXPORT_SYMBOL_GPL(nvmem_del_cell_lookups);
EXPORT_SYMBOL_GPL(nvmem_register_notifier);
EXPORT_SYMBOL_GPL(nvmem_unregister_notifier);

/* Declared for the core's own use only. */
int nvmem_add_cells_from_dt(struct nvmem_device *nvmem, struct device_node *np);

#if IS_ENABLED(CONFIG_OF)
EXPORT_SYMBOL_GPL(of_nvmem_device_get);
EXPORT_SYMBOL_GPL(of_nvmem_cell_get);
EXPORT_SYMBOL_GPL(of_nvmem_layout_get_container);
EXPORT_SYMBOL_GPL(__nvmem_layout_driver_register);
EXPORT_SYMBOL_GPL(nvmem_layout_driver_unregister);
#else
/* Without a device tree there are neither nodes nor layouts, and yet these functions. */
int nvmem_add_cells_from_dt(struct nvmem_device *nvmem, struct device_node *np)
{
	return 0;
}

int nvmem_layout_register(struct nvmem_layout *layout)
{
	return -ENODEV;
}

void nvmem_layout_unregister(struct nvmem_layout *layout)
{
}
#endif
EXPORT_SYMBOL_GPL(nvmem_add_cells_from_dt);
EXPORT_SYMBOL_GPL(nvmem_layout_register);
EXPORT_SYMBOL_GPL(nvmem_layout_unregister);

EXPORT_SYMBOL_GPL(nvmem_core_hold);

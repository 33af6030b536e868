// SPDX-License-Identifier: GPL-2.0
/*
 * The core's place in the kernel: when it starts and ends, what it exports, and static objects.
 *
 * The exported functions are written in Rust; the headers that are included here are those that their
 * users compile with.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/nvmem-consumer.h>
#include <linux/nvmem-provider.h>
#include <linux/rcupdate.h>

#include "linkage.h"

struct module *const nvmem_core_module = THIS_MODULE;
BLOCKING_NOTIFIER_HEAD(nvmem_core_notifier);
DEFINE_IDA(nvmem_core_ids);
LIST_HEAD(nvmem_core_lookups);
DEFINE_MUTEX(nvmem_core_lookups_lock);

/*
 * Without CONFIG_TASKS_RCU, synchronize_rcu_tasks() is synchronize_rcu(), which waits for a task in this
 * module's text only where the kernel does not preempt it there. A module without an exit function is not
 * unloaded.
 */
#define NVMEM_CORE_CAN_EXIT (IS_ENABLED(CONFIG_TASKS_RCU) || !IS_ENABLED(CONFIG_PREEMPTION))

/* The memory of DEV is unprotected until the next write succeeds in asserting the line. */
void nvmem_core_line_failed(struct device *dev, int error)
{
	dev_err_ratelimited(dev, "cannot assert the write-protect line after a write: %pe\n", ERR_PTR(error));
}

/* In nvmem_core.rs. */
void *nvmem_core_start(void);
void nvmem_core_stop(void *core);

static void *nvmem_core;

/* Providers are registered from device_initcall on, and before by some. */
static int __init nvmem_core_init(void)
{
	nvmem_core = nvmem_core_start();
	if (IS_ERR(nvmem_core))
		return PTR_ERR(nvmem_core);
	if (nvmem_core_module && !NVMEM_CORE_CAN_EXIT)
		pr_info("this module cannot be unloaded on a preemptible kernel without CONFIG_TASKS_RCU\n");
	return 0;
}
subsys_initcall(nvmem_core_init);

#if NVMEM_CORE_CAN_EXIT
static void __exit nvmem_core_exit(void)
{
	nvmem_core_stop(nvmem_core);
	/* Wait for tasks that have put this module at the end of a device's release, and not yet returned from there. */
	synchronize_rcu_tasks();
}
module_exit(nvmem_core_exit);
#endif

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

MODULE_DESCRIPTION("Core of non-volatile memory, with providers that may leave at any time");
MODULE_AUTHOR("The bmc-rust authors");
MODULE_LICENSE("GPL");

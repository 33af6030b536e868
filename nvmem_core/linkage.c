// SPDX-License-Identifier: GPL-2.0
/* Starting and stopping nvmem_core, and functions that only C can express. */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/wait_bit.h>

#include "eeprom/start.h"
#include "linkage.h"

struct module *const nvmem_core_module = THIS_MODULE;

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

/* Devices that are released by this module without a reference to it. */
static atomic_t nvmem_core_devices = ATOMIC_INIT(0);

void nvmem_core_count_device(void)
{
	atomic_inc(&nvmem_core_devices);
}

void nvmem_core_uncount_device(void)
{
	atomic_dec_and_wake_up(&nvmem_core_devices);
}

void nvmem_core_wait_for_devices(void)
{
	wait_var_event(&nvmem_core_devices, !atomic_read(&nvmem_core_devices));
}

void nvmem_core_stay(void)
{
	__module_get(THIS_MODULE);
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
#if defined(MODULE) && defined(CONFIG_NVMEM_RUST_EEPROM)
	int error = nvmem_core_eeprom_init();

	if (error) {
		nvmem_core_stop(nvmem_core);
		/* As in nvmem_core_exit(): devices may have been bound meanwhile. */
		synchronize_rcu_tasks();
		return error;
	}
#endif
	if (nvmem_core_module && !NVMEM_CORE_CAN_EXIT)
		pr_info("this module cannot be unloaded on a preemptible kernel without CONFIG_TASKS_RCU\n");
	return 0;
}
subsys_initcall(nvmem_core_init);

#if NVMEM_CORE_CAN_EXIT
static void __exit nvmem_core_exit(void)
{
#if defined(MODULE) && defined(CONFIG_NVMEM_RUST_EEPROM)
	nvmem_core_eeprom_exit();
#endif
	nvmem_core_stop(nvmem_core);
	/* Wait for tasks that have put this module at the end of a device's release, and not yet returned from there. */
	synchronize_rcu_tasks();
}
module_exit(nvmem_core_exit);
#endif

MODULE_DESCRIPTION("Core of non-volatile memory, with providers that may leave at any time");
MODULE_AUTHOR("The bmc-rust authors");
MODULE_LICENSE("GPL");

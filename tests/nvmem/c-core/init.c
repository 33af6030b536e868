// SPDX-License-Identifier: GPL-2.0
/*
 * What makes one module of the kernel's own nvmem core and fixed layout, which are built in elsewhere:
 * an init and an exit that call both, and stand-ins for what the kernel does not export.
 */

#include <linux/device.h>
#include <linux/module.h>

/* Named so by the Kbuild file. */
int nvmem_core_init(void);
void nvmem_core_exit(void);
int fixed_layout_init(void);
void fixed_layout_exit(void);

#ifdef CONFIG_OF
void device_links_supplier_sync_state_pause(void)
{
}

void device_links_supplier_sync_state_resume(void)
{
}
#else
int fixed_layout_init(void)
{
	return 0;
}

void fixed_layout_exit(void)
{
}
#endif

/* Not __init, for it may have to undo. */
static int __ref init(void)
{
	int ret;

	ret = nvmem_core_init();
	if (ret)
		return ret;

	ret = fixed_layout_init();
	if (ret)
		nvmem_core_exit();

	return ret;
}
module_init(init);

static void __exit finish(void)
{
	fixed_layout_exit();
	nvmem_core_exit();
}
module_exit(finish);

MODULE_DESCRIPTION("The kernel's own nvmem core as a module");
MODULE_LICENSE("GPL");

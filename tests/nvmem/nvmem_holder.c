// SPDX-License-Identifier: GPL-2.0
/*
 * A platform device without a driver. It does not depend on the nvmem core.
 */

#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_device *holder;

static int __init holder_init(void)
{
	holder = platform_device_register_simple("nvmem_holder", PLATFORM_DEVID_NONE, NULL, 0);

	return PTR_ERR_OR_ZERO(holder);
}
module_init(holder_init);

static void __exit holder_exit(void)
{
	platform_device_unregister(holder);
}
module_exit(holder_exit);

MODULE_DESCRIPTION("A device that managed resources are left to");
MODULE_LICENSE("GPL");

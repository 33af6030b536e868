// SPDX-License-Identifier: GPL-2.0
/*
 * nvmem_provider: a provider in a module of its own, for what happens when that is removed, and when its
 * driver is unbound through sysfs. Memory, post-processing and text all go with the module. Behind the guard there is
 * no post-processing.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/nvmem-provider.h>
#include <linux/platform_device.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/string.h>

#define SIZE 64

static char *name = "provider";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "of the platform device, the driver and the nvmem device");

static bool driverless;
module_param(driverless, bool, 0444);
MODULE_PARM_DESC(driverless, "register when loaded, without a driver, with this module as owner");

static uint delay_ms;
module_param(delay_ms, uint, 0644);
MODULE_PARM_DESC(delay_ms, "how long a read takes");

static int provider_read(void *priv, unsigned int offset, void *val, size_t bytes)
{
	u8 *data = priv;

	if (offset > SIZE || bytes > SIZE - offset)
		return -ENXIO;
	if (delay_ms)
		msleep(delay_ms);
	memcpy(val, data + offset, bytes);

	return 0;
}

static int provider_write(void *priv, unsigned int offset, void *val, size_t bytes)
{
	u8 *data = priv;

	if (offset > SIZE || bytes > SIZE - offset)
		return -ENXIO;
	memcpy(data + offset, val, bytes);

	return 0;
}

static int __maybe_unused provider_post(void *priv, const char *id, int index, unsigned int offset, void *buf, size_t bytes)
{
	u8 *data = priv, *byte = buf;
	size_t i;

	for (i = 0; i < bytes; i++)
		byte[i] ^= data[SIZE - 1];

	return 0;
}

static struct nvmem_device *provide(struct device *dev, struct module *owner)
{
	struct nvmem_cell_info cells[] = {
		{ .name = "plain", .offset = 0, .bytes = 4 },
#ifndef NVMEM_GUARDED
		{ .name = "processed", .offset = 4, .bytes = 4, .read_post_process = provider_post },
#endif
	};
	struct nvmem_config config = {
		.dev = dev,
		.name = name,
		.id = NVMEM_DEVID_NONE,
		.owner = owner,
		.size = SIZE,
		.reg_read = provider_read,
		.reg_write = provider_write,
		.cells = cells,
		.ncells = ARRAY_SIZE(cells),
	};
	struct nvmem_device *nvmem;
	u8 *data;
	int i;

	data = kmalloc(SIZE, GFP_KERNEL);
	if (!data)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < SIZE; i++)
		data[i] = i;
	cells[ARRAY_SIZE(cells) - 1].priv = data;
	config.priv = data;
	dev_set_drvdata(dev, data);

	nvmem = nvmem_register(&config);
	if (IS_ERR(nvmem))
		kfree(data);

	return nvmem;
}

static void unprovide(struct nvmem_device *nvmem, u8 *data)
{
	nvmem_unregister(nvmem);
	memset(data, POISON_FREE, SIZE);
	barrier_data(data);
	kfree(data);
}

static struct platform_device *device;
static struct nvmem_device *provided;

static int provider_probe(struct platform_device *pdev)
{
	provided = provide(&pdev->dev, NULL);
	return PTR_ERR_OR_ZERO(provided);
}

static void provider_remove(struct platform_device *pdev)
{
	unprovide(provided, platform_get_drvdata(pdev));
}

static struct platform_driver driver = {
	.probe = provider_probe,
	.remove = provider_remove,
};

static int __init provider_init(void)
{
	int ret;

	device = platform_device_register_simple(name, PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);

	if (driverless) {
		provided = provide(&device->dev, THIS_MODULE);
		ret = PTR_ERR_OR_ZERO(provided);
	} else {
		driver.driver.name = name;
		ret = platform_driver_register(&driver);
	}
	if (ret)
		platform_device_unregister(device);

	return ret;
}
module_init(provider_init);

static void __exit provider_exit(void)
{
	if (driverless)
		unprovide(provided, platform_get_drvdata(device));
	else
		platform_driver_unregister(&driver);
	platform_device_unregister(device);
}
module_exit(provider_exit);

MODULE_DESCRIPTION("nvmem provider in a module of its own");
MODULE_LICENSE("GPL");

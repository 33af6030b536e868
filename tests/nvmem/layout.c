// SPDX-License-Identifier: GPL-2.0
/*
 * Layout drivers that are registered on command. They add the cells that their text describes, as children
 * of the same name of the layout's node; post-processing uses what is freed when the layout is unbound.
 */

#include <linux/of.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tester.h"

struct layout_driver {
	struct callee callee;
	struct nvmem_layout_driver driver;
	struct of_device_id match[2];
	/* Errnos of probing, and of adding cells after so many. */
	int probe, fail;
	unsigned int after;
	bool no_add, no_unregister, dt;
	/* Bytes to read before cells are added, and what came of it. */
	unsigned int read;
	int read_ret;
	char *cells;
	char text[];
};

struct bound {
	struct post *posts;
};

/* The fixed layout uses it; no header for drivers has it. */
int nvmem_add_cells_from_dt(struct nvmem_device *nvmem, struct device_node *np);

static struct layout_driver *to_layout_driver(struct handle *handle)
{
	return container_of(handle, struct layout_driver, callee.handle);
}

static struct layout_driver *driver_of(struct nvmem_layout *layout)
{
	return container_of(layout->dev.driver, struct layout_driver, driver.driver);
}

static int add_cell(struct nvmem_layout *layout, struct device_node *container, char *text)
{
	struct layout_driver *driver = driver_of(layout);
	struct bound *bound = dev_get_drvdata(&layout->dev);
	struct nvmem_cell_info info;
	const char *post;
	int ret;

	ret = cell_info_parse(text, &info, &post);
	if (!ret && post)
		ret = post_add(&bound->posts, &info, post, &driver->callee);
	if (ret)
		return ret;

	info.np = of_get_child_by_name(container, info.name);
	ret = nvmem_add_one_cell(layout->nvmem, &info);
	if (ret)
		of_node_put(info.np);

	return ret;
}

static int add_cells(struct nvmem_layout *layout)
{
	struct layout_driver *driver = driver_of(layout);
	char *text __free(kfree) = kstrdup(driver->cells, GFP_KERNEL);
	struct device_node *container __free(device_node) = of_nvmem_layout_get_container(layout->nvmem);
	char *rest = text, *key, *value;
	unsigned int added = 0;
	int ret = 0;
	u8 bytes[64];

	if (!text)
		return -ENOMEM;

	if (driver->read)
		driver->read_ret = nvmem_device_read(layout->nvmem, 0, min(driver->read, sizeof(bytes)), bytes);
	if (driver->dt)
		ret = nvmem_add_cells_from_dt(layout->nvmem, container);
	while (!ret && next_option(&rest, &key, &value)) {
		if (strcmp(key, "cell"))
			continue;
		if (driver->fail && added == driver->after)
			break;
		ret = add_cell(layout, container, value);
		added++;
	}

	return ret ?: driver->fail;
}

static int layout_probe(struct nvmem_layout *layout)
{
	struct layout_driver *driver = driver_of(layout);
	struct bound *bound;
	int ret;

	if (driver->probe)
		return driver->probe;

	bound = kzalloc_obj(*bound);
	if (!bound)
		return -ENOMEM;
	dev_set_drvdata(&layout->dev, bound);
	layout->add_cells = driver->no_add ? NULL : add_cells;

	ret = nvmem_layout_register(layout);
	if (ret) {
		posts_free(bound->posts);
		kfree(bound);
	}

	return ret;
}

static void layout_remove(struct nvmem_layout *layout)
{
	struct bound *bound = dev_get_drvdata(&layout->dev);

	if (!driver_of(layout)->no_unregister)
		nvmem_layout_unregister(layout);
	posts_free(bound->posts);
	kfree(bound);
}

static void layout_close(struct handle *handle)
{
	nvmem_layout_driver_unregister(&to_layout_driver(handle)->driver);
}

static void layout_free(struct handle *handle)
{
	kfree(to_layout_driver(handle));
}

static int set_option(struct layout_driver *driver, const char *key, const char *value)
{
	unsigned int number;

	if (!strcmp(key, "cell"))
		return 0;
	if (kstrtouint(value, 0, &number))
		return -EINVAL;

	if (!strcmp(key, "probe"))
		driver->probe = -(int)number;
	else if (!strcmp(key, "fail"))
		driver->fail = -(int)number;
	else if (!strcmp(key, "after"))
		driver->after = number;
	else if (!strcmp(key, "no_add"))
		driver->no_add = number;
	else if (!strcmp(key, "no_unregister"))
		driver->no_unregister = number;
	else if (!strcmp(key, "dt"))
		driver->dt = number;
	else if (!strcmp(key, "read"))
		driver->read = number;
	else
		return -EINVAL;

	return 0;
}

static long run_layout(struct command *c)
{
	char *name = arg_word(c), *compatible = arg_word(c), *options = arg_rest(c), *key, *value;
	size_t options_size = strlen(options) + 1;
	struct layout_driver *driver;
	int ret = 0;

	if (c->error)
		return c->error;

	driver = kzalloc(struct_size(driver, text, options_size + strlen(name) + 1), GFP_KERNEL);
	if (!driver)
		return -ENOMEM;
	callee_init(&driver->callee, LAYOUT, layout_close, layout_free);
	driver->cells = strcpy(driver->text, options);
	driver->driver.driver.name = strcpy(driver->text + options_size, name);
	driver->driver.driver.of_match_table = driver->match;
	driver->driver.probe = layout_probe;
	driver->driver.remove = layout_remove;
	if (strscpy(driver->match[0].compatible, compatible) < 0)
		ret = -EINVAL;

	while (!ret && next_option(&options, &key, &value))
		ret = set_option(driver, key, value);
	if (!ret)
		ret = nvmem_layout_driver_register(&driver->driver);
	if (ret) {
		handle_put(&driver->callee.handle);
		return ret;
	}

	return handle_open(&driver->callee.handle);
}

static long run_layout_read(struct command *c)
{
	struct handle *handle = arg_handle(c, LAYOUT);

	return c->error ?: to_layout_driver(handle)->read_ret;
}

/* Outside of the driver's remove(), as from a work item of the driver. */
static long run_layout_unregister(struct command *c)
{
	struct handle *handle = arg_handle(c, LAYOUT);
	struct device *dev;

	if (c->error)
		return c->error;
	dev = driver_find_next_device(&to_layout_driver(handle)->driver.driver, NULL);
	if (!dev)
		return -ENODEV;
	nvmem_layout_unregister(container_of(dev, struct nvmem_layout, dev));
	put_device(dev);

	return 0;
}

const struct verb layout_verbs[] = {
	{ "layout", "NAME COMPATIBLE probe=ERRNO fail=ERRNO after=COUNT no_add=B no_unregister=B dt=B read=COUNT "
	  "cell=...: a layout driver; fails after so many cells; reads so many bytes first; no_unregister: its "
	  "remove() leaves the cells to the core; dt: cells of the device tree too", run_layout },
	{ "layout_unregister", "LAYOUT: nvmem_layout_unregister for a bound device", run_layout_unregister },
	{ "layout_read", "LAYOUT: what the read before adding cells returned last", run_layout_read },
	{}
};

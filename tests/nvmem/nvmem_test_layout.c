// SPDX-License-Identifier: GPL-2.0
/*
 * nvmem_test_layout: a layout driver in a module of its own, for what happens when that is loaded late and
 * removed. Its one cell is post-processed by the module's text.
 */

#include <linux/module.h>
#include <linux/nvmem-provider.h>
#include <linux/of.h>
#include <linux/slab.h>

static int invert(void *priv, const char *id, int index, unsigned int offset, void *buf, size_t bytes)
{
	const u8 *mask = priv;
	u8 *byte = buf;
	size_t i;

	for (i = 0; i < bytes; i++)
		byte[i] ^= *mask;

	return 0;
}

static int add_cells(struct nvmem_layout *layout)
{
	struct device_node *container __free(device_node) = of_nvmem_layout_get_container(layout->nvmem);
	struct nvmem_cell_info info = {
		.name = "module-cell",
		.bytes = 4,
		.np = of_get_child_by_name(container, "module-cell"),
		.read_post_process = invert,
		.priv = dev_get_drvdata(&layout->dev),
	};
	int ret;

	ret = nvmem_add_one_cell(layout->nvmem, &info);
	if (ret)
		of_node_put(info.np);

	return ret;
}

static int probe(struct nvmem_layout *layout)
{
	u8 *mask = kmalloc(sizeof(*mask), GFP_KERNEL);
	int ret;

	if (!mask)
		return -ENOMEM;
	*mask = 0xff;
	dev_set_drvdata(&layout->dev, mask);
	layout->add_cells = add_cells;

	ret = nvmem_layout_register(layout);
	if (ret)
		kfree(mask);

	return ret;
}

static void remove(struct nvmem_layout *layout)
{
	nvmem_layout_unregister(layout);
	kfree(dev_get_drvdata(&layout->dev));
}

static const struct of_device_id match[] = {
	{ .compatible = "test,module-layout" },
	{}
};
MODULE_DEVICE_TABLE(of, match);

static struct nvmem_layout_driver test_layout = {
	.probe = probe,
	.remove = remove,
	.driver = {
		.name = "nvmem_test_layout",
		.of_match_table = match,
	},
};
module_nvmem_layout_driver(test_layout);

MODULE_DESCRIPTION("nvmem layout in a module of its own");
MODULE_LICENSE("GPL");

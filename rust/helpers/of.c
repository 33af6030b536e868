// SPDX-License-Identifier: GPL-2.0

#include <linux/device.h>
#include <linux/of.h>
#include <linux/of_device.h>
#include <linux/property.h>

#include "helpers.h"

struct device_node *bmc_rust_of_node_get(struct device_node *np)
{
	return of_node_get(np);
}

void bmc_rust_of_node_put(struct device_node *np)
{
	of_node_put(np);
}

#ifdef CONFIG_OF
bool bmc_rust_of_node_claim_bus(struct device_node *np)
{
	return !of_node_test_and_set_flag(np, OF_POPULATED_BUS);
}

void bmc_rust_of_node_release_bus(struct device_node *np)
{
	of_node_clear_flag(np, OF_POPULATED_BUS);
}

void bmc_rust_device_set_of_node(struct device *dev, struct device_node *np)
{
	device_set_node(dev, of_fwnode_handle(np));
	of_device_make_bus_id(dev);
}
#endif

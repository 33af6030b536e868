// SPDX-License-Identifier: GPL-2.0

#include <linux/gpio/consumer.h>

#include "helpers.h"

struct gpio_desc *bmc_rust_gpiod_get_optional_high(struct device *dev, const char *con_id)
{
	return gpiod_get_optional(dev, con_id, GPIOD_OUT_HIGH);
}

int bmc_rust_gpiod_set_value_cansleep(struct gpio_desc *desc, int value)
{
	return gpiod_set_value_cansleep(desc, value);
}

void bmc_rust_gpiod_put(struct gpio_desc *desc)
{
	gpiod_put(desc);
}

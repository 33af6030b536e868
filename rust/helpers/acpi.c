// SPDX-License-Identifier: GPL-2.0

#include <linux/acpi.h>

#include "helpers.h"

bool bmc_rust_acpi_dev_state_d0(struct device *dev)
{
	return acpi_dev_state_d0(dev);
}

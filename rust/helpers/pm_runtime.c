// SPDX-License-Identifier: GPL-2.0

#include <linux/pm_runtime.h>

#include "helpers.h"

void bmc_rust_pm_runtime_enable(struct device *dev)
{
	pm_runtime_enable(dev);
}

void bmc_rust_pm_runtime_disable(struct device *dev)
{
	pm_runtime_disable(dev);
}

int bmc_rust_pm_runtime_set_active(struct device *dev)
{
	return pm_runtime_set_active(dev);
}

void bmc_rust_pm_runtime_set_suspended(struct device *dev)
{
	pm_runtime_set_suspended(dev);
}

int bmc_rust_pm_runtime_resume_and_get(struct device *dev)
{
	return pm_runtime_resume_and_get(dev);
}

void bmc_rust_pm_runtime_put(struct device *dev)
{
	pm_runtime_put(dev);
}

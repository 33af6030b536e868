/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C that Rust cannot call by itself: inline functions and macros, as functions of the same name with
 * bmc_rust_ before it.
 */
#ifndef BMC_RUST_HELPERS_H
#define BMC_RUST_HELPERS_H

#include <linux/types.h>

struct device;
struct device_node;
struct gpio_desc;
struct list_head;

/* of.c */
struct device_node *bmc_rust_of_node_get(struct device_node *np);
void bmc_rust_of_node_put(struct device_node *np);
bool bmc_rust_of_node_claim_bus(struct device_node *np);
void bmc_rust_of_node_release_bus(struct device_node *np);
void bmc_rust_device_set_of_node(struct device *dev, struct device_node *np);

/* gpio.c */
struct gpio_desc *bmc_rust_gpiod_get_optional_high(struct device *dev, const char *con_id);
int bmc_rust_gpiod_set_value_cansleep(struct gpio_desc *desc, int value);
void bmc_rust_gpiod_put(struct gpio_desc *desc);

/* pm_runtime.c */
void bmc_rust_pm_runtime_enable(struct device *dev);
void bmc_rust_pm_runtime_disable(struct device *dev);
int bmc_rust_pm_runtime_set_active(struct device *dev);
void bmc_rust_pm_runtime_set_suspended(struct device *dev);
int bmc_rust_pm_runtime_resume_and_get(struct device *dev);
void bmc_rust_pm_runtime_put(struct device *dev);

/* acpi.c */
bool bmc_rust_acpi_dev_state_d0(struct device *dev);

/* list.c */
void bmc_rust_list_del(struct list_head *entry);

#endif

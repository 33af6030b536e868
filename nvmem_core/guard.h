/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registering providers with the nvmem core of a kernel that has one in C (CONFIG_NVMEM=y), so that unregistering
 * revokes their callbacks. nvmem_core.ko exports these functions on such a kernel.
 */
#ifndef NVMEM_CORE_GUARD_H
#define NVMEM_CORE_GUARD_H

#include <linux/nvmem-provider.h>

/**
 * nvmem_register_guarded() - Register a device whose provider can be revoked.
 * @config: As for nvmem_register(). @owner and @ignore_wp have no effect: consumers keep nvmem_core loaded rather than
 *	the provider, and the write-protect line is taken from the device's "wp-gpios" and released when the device is
 *	unregistered. Cells have no callbacks, and there is no @fixup_dt_cell_info.
 *
 * A registration that fails in nvmem_register() occupies some memory until nvmem_core is unloaded.
 *
 * Context: Process context. May sleep.
 * Return: The device, or an ERR_PTR(): those of nvmem_register(), -EINVAL for callbacks that are not supported, and
 *	-EEXIST if the file that @compat asks for is there.
 */
struct nvmem_device *nvmem_register_guarded(const struct nvmem_config *config);

/**
 * nvmem_unregister_guarded() - Revoke the provider of a device, and unregister the device.
 * @nvmem: The result of nvmem_register_guarded(), or NULL. nvmem_unregister() must not be called for it.
 *
 * Waits for callbacks that are running. No callback runs after this returns, whether or not consumers hold the device:
 * their accesses return -ENODEV.
 *
 * Context: Process context. Sleeps. Must not be called by a callback of the provider.
 */
void nvmem_unregister_guarded(struct nvmem_device *nvmem);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* What consumers in Rust need to know of a device. nvmem_core exports this function in each way to run. */
#ifndef NVMEM_CORE_HOLD_H
#define NVMEM_CORE_HOLD_H

struct device;
struct nvmem_device;

/**
 * struct nvmem_hold - A device for a consumer in Rust.
 * @dev: The device, with a reference for the caller.
 * @stride: In bytes: accesses begin at multiples of it.
 * @word_size: In bytes: accesses have multiples of it.
 */
struct nvmem_hold {
	struct device *dev;
	unsigned int stride;
	unsigned int word_size;
};

/**
 * nvmem_core_hold() - Describe a device whose provider can be revoked, and take a further reference to it.
 * @nvmem: A device that the caller got from nvmem_device_get().
 * @hold: Filled on success.
 *
 * The core in C puts the reference of a consumer to the device before it is done with the device. The further reference
 * is put after nvmem_device_put().
 *
 * Context: Process context.
 * Return: 0, -EOPNOTSUPP if the provider cannot be revoked, or -EPROBE_DEFER while it is being registered.
 */
int nvmem_core_hold(struct nvmem_device *nvmem, struct nvmem_hold *hold);

#endif

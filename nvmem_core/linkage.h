/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core has in C because only C can say it: static objects that macros initialise, and a message with a
 * rate limit, which is a macro too.
 */
#ifndef NVMEM_CORE_LINKAGE_H
#define NVMEM_CORE_LINKAGE_H

#include <linux/device.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>

/* NULL if the core is built in. */
extern struct module *const nvmem_core_module;
extern struct blocking_notifier_head nvmem_core_notifier;
extern struct ida nvmem_core_ids;
extern struct list_head nvmem_core_lookups;
extern struct mutex nvmem_core_lookups_lock;

void nvmem_core_line_failed(struct device *dev, int error);

void nvmem_core_count_device(void);
void nvmem_core_uncount_device(void);
void nvmem_core_wait_for_devices(void);

/* Keeps the module loaded for ever. */
void nvmem_core_stay(void);

/* Trace events of a device. */
void nvmem_core_trace_register(const char *device, size_t size);
void nvmem_core_trace_unregister(const char *device);
void nvmem_core_trace_revoke(const char *device);
void nvmem_core_trace_refused(const char *device);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Trace events of nvmem_core. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvmem

#if !defined(_NVMEM_CORE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NVMEM_CORE_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(nvmem_register,
	TP_PROTO(const char *device, size_t size),
	TP_ARGS(device, size),
	TP_STRUCT__entry(
		__string(device, device)
		__field(size_t, size)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->size = size;
	),
	TP_printk("%s size=%zu", __get_str(device), __entry->size)
);

DECLARE_EVENT_CLASS(nvmem_device,
	TP_PROTO(const char *device),
	TP_ARGS(device),
	TP_STRUCT__entry(
		__string(device, device)
	),
	TP_fast_assign(
		__assign_str(device);
	),
	TP_printk("%s", __get_str(device))
);

/* The device is about to be unregistered. */
DEFINE_EVENT(nvmem_device, nvmem_unregister,
	TP_PROTO(const char *device),
	TP_ARGS(device)
);

/* No access to the provider is running or will run. */
DEFINE_EVENT(nvmem_device, nvmem_revoke,
	TP_PROTO(const char *device),
	TP_ARGS(device)
);

/* An access after the provider was revoked returns ENODEV. */
DEFINE_EVENT(nvmem_device, nvmem_access_refused,
	TP_PROTO(const char *device),
	TP_ARGS(device)
);

#endif /* _NVMEM_CORE_TRACE_H */

/* This part must be outside of the guard. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

// SPDX-License-Identifier: GPL-2.0
/* Trace events of nvmem_core, for code in Rust. */

#include "linkage.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void nvmem_core_trace_register(const char *device, size_t size)
{
	trace_nvmem_register(device, size);
}

void nvmem_core_trace_unregister(const char *device)
{
	trace_nvmem_unregister(device);
}

void nvmem_core_trace_revoke(const char *device)
{
	trace_nvmem_revoke(device);
}

void nvmem_core_trace_refused(const char *device)
{
	trace_nvmem_access_refused(device);
}

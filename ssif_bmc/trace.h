/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of ssif_bmc; the values are those of events.h.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ssif_bmc

#if !defined(_SSIF_BMC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _SSIF_BMC_TRACE_H

#include <linux/device.h>
#include <linux/tracepoint.h>

#include "events.h"

TRACE_EVENT(ssif_bmc_exchange,
	TP_PROTO(const struct device *dev, unsigned int point, unsigned int len),
	TP_ARGS(dev, point, len),
	TP_STRUCT__entry(
		__string(name, dev_name(dev))
		__field(unsigned int, point)
		__field(unsigned int, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->point = point;
		__entry->len = len;
	),
	TP_printk("%s %s len=%u", __get_str(name),
		  __print_symbolic(__entry->point,
				   { SSIF_BMC_REQUEST,	"request" },
				   { SSIF_BMC_READ,	"read" },
				   { SSIF_BMC_RESPONSE,	"response" },
				   { SSIF_BMC_FETCHED,	"fetched" },
				   { SSIF_BMC_TIMEOUT,	"timeout" },
				   { SSIF_BMC_UNBOUND,	"unbound" }),
		  __entry->len)
);

TRACE_EVENT(ssif_bmc_abort,
	TP_PROTO(const struct device *dev, unsigned int why),
	TP_ARGS(dev, why),
	TP_STRUCT__entry(
		__string(name, dev_name(dev))
		__field(unsigned int, why)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->why = why;
	),
	TP_printk("%s %s", __get_str(name),
		  __print_symbolic(__entry->why,
				   { SSIF_BMC_ABORT_COMMAND,	 "command" },
				   { SSIF_BMC_ABORT_SEQUENCE,	 "sequence" },
				   { SSIF_BMC_ABORT_OVERLONG,	 "overlong part" },
				   { SSIF_BMC_ABORT_LENGTH,	 "length" },
				   { SSIF_BMC_ABORT_PEC,	 "pec" },
				   { SSIF_BMC_ABORT_MESSAGE,	 "long message" },
				   { SSIF_BMC_ABORT_INTERRUPTED, "interrupted" }))
);

#endif /* _SSIF_BMC_TRACE_H */

/* This part must be outside of the guard. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

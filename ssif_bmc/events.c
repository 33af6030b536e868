// SPDX-License-Identifier: GPL-2.0
/*
 * Trace events of ssif_bmc, and the rate limit of its log: see events.h.
 */
#include <linux/ratelimit.h>

#include "events.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void ssif_bmc_trace_exchange(const struct device *dev, unsigned int point, unsigned int len)
{
	trace_ssif_bmc_exchange(dev, point, len);
}

void ssif_bmc_trace_abort(const struct device *dev, unsigned int why)
{
	trace_ssif_bmc_abort(dev, why);
}

bool ssif_bmc_may_log(void)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&limit);
}

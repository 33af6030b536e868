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

void ssif_bmc_limit_init(struct ratelimit_state *limit)
{
	ratelimit_default_init(limit);
}

bool ssif_bmc_may_log(struct ratelimit_state *limit)
{
	return __ratelimit(limit);
}

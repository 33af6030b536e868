/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ssif_bmc tells of itself, in C because it takes the kernel's macros: trace events, and the
 * rate limit of its log. The events on the bus are traced by the i2c core, as i2c_slave.
 */
#ifndef _SSIF_BMC_EVENTS_H
#define _SSIF_BMC_EVENTS_H

#include <linux/types.h>

struct device;
struct ratelimit_state;

/* The exchange between host and daemon comes to this point. */
enum ssif_bmc_point {
	SSIF_BMC_REQUEST,	/* a request of len bytes arrived */
	SSIF_BMC_READ,		/* the daemon took it */
	SSIF_BMC_RESPONSE,	/* the daemon answered, with len bytes */
	SSIF_BMC_FETCHED,	/* the host has the whole response, or began another request */
	SSIF_BMC_TIMEOUT,	/* the time to respond is over */
	SSIF_BMC_UNBOUND,	/* the driver goes */
};

/* Bytes of the host were dropped. */
enum ssif_bmc_abort {
	SSIF_BMC_ABORT_COMMAND,
	SSIF_BMC_ABORT_SEQUENCE,
	SSIF_BMC_ABORT_OVERLONG,
	SSIF_BMC_ABORT_LENGTH,
	SSIF_BMC_ABORT_PEC,
	SSIF_BMC_ABORT_MESSAGE,
	SSIF_BMC_ABORT_INTERRUPTED,
};

void ssif_bmc_trace_exchange(const struct device *dev, unsigned int point, unsigned int len);
void ssif_bmc_trace_abort(const struct device *dev, unsigned int why);

/* Ten messages in five seconds. */
void ssif_bmc_limit_init(struct ratelimit_state *limit);

/* Whether a message may go to the log now. */
bool ssif_bmc_may_log(struct ratelimit_state *limit);

#endif /* _SSIF_BMC_EVENTS_H */

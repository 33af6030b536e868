// SPDX-License-Identifier: GPL-2.0
/*
 * The provider's and the layout's side of callbacks. What the core has a pointer to is poisoned and freed
 * the moment it must not be used any more; a callback that comes later, or is still running then, is
 * reported, on kernels without KASAN too. Callbacks can be slowed down, held at a gate, or made to fail.
 */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tester.h"

#define LENT_MAGIC 0x4c454e54

atomic_t calls_after;

void callee_init(struct callee *callee, enum kind kind, void (*close)(struct handle *handle),
		 void (*free)(struct handle *handle))
{
	handle_init(&callee->handle, kind, close, free);
	init_waitqueue_head(&callee->changed);
	spin_lock_init(&callee->lock);
}

int callee_set(struct callee *callee, const char *key, const char *value)
{
	unsigned int number;

	if (kstrtouint(value, 0, &number))
		return -EINVAL;

	if (!strcmp(key, "delay"))
		WRITE_ONCE(callee->delay[ACCESS], number);
	else if (!strcmp(key, "post_delay"))
		WRITE_ONCE(callee->delay[POST], number);
	else if (!strcmp(key, "gate"))
		WRITE_ONCE(callee->gate[ACCESS], number);
	else if (!strcmp(key, "post_gate"))
		WRITE_ONCE(callee->gate[POST], number);
	else if (!strcmp(key, "error"))
		WRITE_ONCE(callee->error, -(int)number);
	else if (!strcmp(key, "lazy"))
		WRITE_ONCE(callee->lazy, number);
	else
		return -ENOENT;
	wake_up_all(&callee->changed);

	return 0;
}

void lend(struct lent *lent, struct callee *callee)
{
	lent->callee = callee;
	WRITE_ONCE(lent->magic, LENT_MAGIC);
}

void take_back(struct lent *lent, size_t size)
{
	struct callee *callee;
	int in_flight;

	if (!lent)
		return;

	callee = lent->callee;
	in_flight = atomic_read(&callee->in_flight);
	if (in_flight) {
		atomic_inc(&callee->late);
		WARN(1, "nvmem_tester: %d callbacks still run with what is freed now\n", in_flight);
	}
	memset(lent, POISON_FREE, size);
	/* Not to be optimised away. */
	barrier_data(lent);
	kfree(lent);
}

static bool is_lent(struct lent *lent)
{
	if (READ_ONCE(lent->magic) == LENT_MAGIC)
		return true;

	atomic_inc(&calls_after);
	WARN_RATELIMIT(1, "nvmem_tester: callback with what is freed\n");
	return false;
}

/* Begins a callback. NULL if it must not be: then nothing that was lent may be touched. */
struct callee *callee_enter(struct lent *lent, enum callback which, struct call call)
{
	struct callee *callee;
	unsigned int delay;

	if (!is_lent(lent))
		return NULL;

	callee = lent->callee;
	handle_get(&callee->handle);
	atomic_inc(call.what == 'r' ? &callee->reads : call.what == 'w' ? &callee->writes : &callee->posts);
	scoped_guard(spinlock, &callee->lock)
		callee->log[callee->logged++ % ARRAY_SIZE(callee->log)] = call;
	atomic_inc(&callee->in_flight);
	wake_up_all(&callee->changed);

	delay = READ_ONCE(callee->delay[which]);
	if (delay)
		fsleep(delay * USEC_PER_MSEC);
	wait_event_idle_timeout(callee->changed, !READ_ONCE(callee->gate[which]), GATE_TIMEOUT);

	if (!is_lent(lent)) {
		callee_leave(callee);
		return NULL;
	}

	return callee;
}

void callee_leave(struct callee *callee)
{
	atomic_dec(&callee->in_flight);
	wake_up_all(&callee->changed);
	handle_put(&callee->handle);
}

static struct callee *arg_callee(struct command *c)
{
	struct handle *handle = arg_handle(c, DEVICE | LAYOUT);

	return handle ? container_of(handle, struct callee, handle) : NULL;
}

static long run_set(struct command *c)
{
	struct callee *callee = arg_callee(c);
	char *rest = arg_rest(c), *key, *value;
	int ret = 0;

	if (c->error)
		return c->error;

	while (!ret && next_option(&rest, &key, &value))
		ret = callee_set(callee, key, value);

	return ret;
}

static long run_await(struct command *c)
{
	struct callee *callee = arg_callee(c);
	unsigned int number = arg_number(c), ms = arg_number(c);

	if (c->error)
		return c->error;

	return wait_event_idle_timeout(callee->changed, atomic_read(&callee->in_flight) >= number,
				       msecs_to_jiffies(ms)) ? 0 : -ETIMEDOUT;
}

static long run_stats(struct command *c)
{
	struct callee *callee = arg_callee(c);

	if (c->error)
		return c->error;

	say(c, "reads=%d writes=%d posts=%d in_flight=%d late=%d after=%d",
	    atomic_read(&callee->reads), atomic_read(&callee->writes), atomic_read(&callee->posts),
	    atomic_read(&callee->in_flight), atomic_read(&callee->late), atomic_read(&calls_after));

	return 0;
}

static long run_calls(struct command *c)
{
	struct callee *callee = arg_callee(c);
	unsigned int i;

	if (c->error)
		return c->error;

	guard(spinlock)(&callee->lock);
	i = callee->logged - min_t(unsigned int, callee->logged, ARRAY_SIZE(callee->log));
	for (; i != callee->logged; i++) {
		struct call *call = &callee->log[i % ARRAY_SIZE(callee->log)];

		say(c, "%s%c:%u+%zu", c->used ? " " : "", call->what, call->offset, call->bytes);
		if (call->what == 'p')
			say(c, ":%d:%s", call->index, call->id);
	}
	callee->logged = 0;

	return 0;
}

const struct verb callee_verbs[] = {
	{ "set", "DEVICE|LAYOUT delay=MS|gate=0/1|error=ERRNO|post_delay=MS|post_gate=0/1...", run_set },
	{ "await", "DEVICE|LAYOUT COUNT MS: waits until so many callbacks run", run_await },
	{ "stats", "DEVICE|LAYOUT: numbers of callbacks; late: freed under them; after: all that came later",
	  run_stats },
	{ "calls", "DEVICE|LAYOUT: the latest 128 callbacks since the last time; r, w: OFFSET+BYTES, "
	  "p: OFFSET+BYTES:INDEX:ID", run_calls },
	{}
};

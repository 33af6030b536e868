// SPDX-License-Identifier: GPL-2.0
/*
 * Notifiers that log what they are told, and may use the API while they are told.
 */

#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tester.h"

#define HELD_MAX 16

struct notifier {
	struct handle handle;
	struct notifier_block nb;
	/* Get a device when it is added, put it when it is removed. */
	bool hold;
	struct nvmem_device *held[HELD_MAX];
	/* Get and put a cell at each event. */
	struct device *dev;
	const char *con_id;
	/* The event that is held up until this is another one. */
	unsigned int gate;
	wait_queue_head_t changed;
	struct mutex lock; /* the log */
	size_t used;
	char log[SZ_8K];
	char options[];
};

static void notifier_hold(struct notifier *n, const char *name)
{
	struct nvmem_device *nvmem = nvmem_device_find((void *)name, device_match_name);
	int i;

	if (IS_ERR(nvmem))
		return;
	for (i = 0; i < HELD_MAX; i++) {
		if (!n->held[i]) {
			n->held[i] = nvmem;
			return;
		}
	}
	nvmem_device_put(nvmem);
}

static void notifier_let_go(struct notifier *n, struct nvmem_device *nvmem)
{
	int i;

	for (i = 0; i < HELD_MAX; i++) {
		if (n->held[i] && (!nvmem || n->held[i] == nvmem)) {
			nvmem_device_put(n->held[i]);
			n->held[i] = NULL;
		}
	}
}

/* What a cell event is about is known to the core alone. */
static const char *event_name(unsigned long event, void *data)
{
	switch (event) {
	case NVMEM_ADD:
	case NVMEM_REMOVE:
		return nvmem_dev_name(data);
	case NVMEM_LAYOUT_ADD:
	case NVMEM_LAYOUT_REMOVE:
		return dev_name(&((struct nvmem_layout *)data)->dev);
	default:
		return "-";
	}
}

static int notified(struct notifier_block *nb, unsigned long event, void *data)
{
	struct notifier *n = container_of(nb, struct notifier, nb);
	struct nvmem_cell *cell;
	long got = 0;

	if (n->dev) {
		cell = nvmem_cell_get(n->dev, n->con_id);
		got = PTR_ERR_OR_ZERO(cell);
		if (!got)
			nvmem_cell_put(cell);
	}

	scoped_guard(mutex, &n->lock) {
		n->used += scnprintf(n->log + n->used, sizeof(n->log) - n->used, "%s%lu:%s",
				     n->used ? " " : "", event, event_name(event, data));
		if (n->dev)
			n->used += scnprintf(n->log + n->used, sizeof(n->log) - n->used, ":%ld", got);
	}

	wait_event_idle_timeout(n->changed, READ_ONCE(n->gate) != event, GATE_TIMEOUT);

	if (n->hold && event == NVMEM_ADD)
		notifier_hold(n, nvmem_dev_name(data));
	else if (n->hold && event == NVMEM_REMOVE)
		notifier_let_go(n, data);

	return NOTIFY_OK;
}

static void notifier_close(struct handle *handle)
{
	struct notifier *n = container_of(handle, struct notifier, handle);

	WRITE_ONCE(n->gate, 0);
	wake_up_all(&n->changed);
	nvmem_unregister_notifier(&n->nb);
	notifier_let_go(n, NULL);
	put_device(n->dev);
}

static void notifier_free(struct handle *handle)
{
	kvfree(container_of(handle, struct notifier, handle));
}

static int notifier_option(struct notifier *n, const char *key, char *value)
{
	struct handle *handle;
	char *word;
	u32 id;

	if (!strcmp(key, "hold"))
		return kstrtobool(value, &n->hold);
	if (!strcmp(key, "priority"))
		return kstrtoint(value, 0, &n->nb.priority);
	if (strcmp(key, "lookup") || n->dev)
		return -EINVAL;

	word = strsep(&value, ",");
	if (kstrtou32(word, 0, &id) || !value)
		return -EINVAL;
	handle = handle_use(id, DEVICE);
	if (!handle)
		return -EBADF;
	n->dev = get_device(to_device(handle));
	n->con_id = value;
	handle_unuse(handle);

	return 0;
}

static long run_notifier(struct command *c)
{
	char *words = arg_rest(c), *rest, *key, *value;
	struct notifier *n;
	int ret = 0;

	n = kvzalloc(struct_size(n, options, strlen(words) + 1), GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	mutex_init(&n->lock);
	init_waitqueue_head(&n->changed);
	n->nb.notifier_call = notified;
	strcpy(n->options, words);
	rest = n->options;
	while (!ret && next_option(&rest, &key, &value))
		ret = notifier_option(n, key, value);
	if (!ret)
		ret = nvmem_register_notifier(&n->nb);
	if (ret) {
		put_device(n->dev);
		kvfree(n);
		return ret;
	}

	handle_init(&n->handle, NOTIFIER, notifier_close, notifier_free);

	return handle_open(&n->handle);
}

static long run_notifier_gate(struct command *c)
{
	struct handle *handle = arg_handle(c, NOTIFIER);
	unsigned long event = arg_number(c);
	struct notifier *n;

	if (c->error)
		return c->error;

	n = container_of(handle, struct notifier, handle);
	WRITE_ONCE(n->gate, event);
	wake_up_all(&n->changed);

	return 0;
}

static long run_events(struct command *c)
{
	struct handle *handle = arg_handle(c, NOTIFIER);
	struct notifier *n;

	if (c->error)
		return c->error;

	n = container_of(handle, struct notifier, handle);
	guard(mutex)(&n->lock);
	say(c, "%.*s", (int)n->used, n->log);
	n->used = 0;

	return 0;
}

const struct verb notifier_verbs[] = {
	{ "notifier", "hold=B lookup=DEVICE,CON-ID priority=N: holds devices from ADD to REMOVE; gets and "
	  "puts a cell at each event", run_notifier },
	{ "notifier_gate", "NOTIFIER EVENT: holds up those who report this event; 0: nobody", run_notifier_gate },
	{ "events", "NOTIFIER: EVENT:NAME[:ERRNO of the cell] since the last time", run_events },
	{}
};

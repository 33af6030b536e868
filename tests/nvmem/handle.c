// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: small numbers for what commands make. Closing one waits for the commands that use it, since
 * consumers and providers that let go of what they use are wrong on any core.
 */

#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/xarray.h>

#include "tester.h"

static DEFINE_XARRAY_ALLOC1(handles);

/* A device's is taken around the driver core's locks, that of what devres puts inside. */
static struct lock_class_key classes[const_ilog2(OVERLAY) + 1];

void handle_init(struct handle *handle, enum kind kind, void (*close)(struct handle *handle),
		 void (*free)(struct handle *handle))
{
	handle->kind = kind;
	handle->close = close;
	handle->free = free;
	kref_init(&handle->refs);
	init_rwsem(&handle->use);
	lockdep_set_class(&handle->use, &classes[ilog2(kind)]);
}

/* Takes over HANDLE: closes it if there is no number for it. */
long handle_open(struct handle *handle)
{
	int ret;

	ret = xa_alloc(&handles, &handle->id, handle, xa_limit_31b, GFP_KERNEL);
	if (ret) {
		handle->close(handle);
		handle_put(handle);
		return ret;
	}

	return handle->id;
}

static void handle_release(struct kref *refs)
{
	struct handle *handle = container_of(refs, struct handle, refs);

	handle->free(handle);
}

void handle_get(struct handle *handle)
{
	kref_get(&handle->refs);
}

void handle_put(struct handle *handle)
{
	kref_put(&handle->refs, handle_release);
}

struct handle *handle_use(u32 id, unsigned int kinds)
{
	struct handle *handle;

	xa_lock(&handles);
	handle = xa_load(&handles, id);
	if (handle && handle->kind & kinds)
		handle_get(handle);
	else
		handle = NULL;
	xa_unlock(&handles);
	if (!handle)
		return NULL;

	down_read(&handle->use);
	if (handle->closed) {
		handle_unuse(handle);
		return NULL;
	}

	return handle;
}

void handle_unuse(struct handle *handle)
{
	up_read(&handle->use);
	handle_put(handle);
}

/* The newest handle that matches, with a reference. */
struct handle *handle_find(bool (*match)(struct handle *handle, void *data), void *data)
{
	struct handle *handle, *found = NULL;
	unsigned long id;

	xa_lock(&handles);
	xa_for_each(&handles, id, handle)
		if (match(handle, data))
			found = handle;
	if (found)
		handle_get(found);
	xa_unlock(&handles);

	return found;
}

/* Takes away the number without closing; false if that was done already. */
bool handle_forget(struct handle *handle)
{
	if (xa_cmpxchg(&handles, handle->id, handle, NULL, 0) != handle)
		return false;

	down_write(&handle->use);
	handle->closed = true;
	up_write(&handle->use);
	handle_put(handle);

	return true;
}

static bool handle_close(struct handle *handle)
{
	if (xa_cmpxchg(&handles, handle->id, handle, NULL, 0) != handle)
		return false;

	down_write(&handle->use);
	handle->closed = true;
	handle->close(handle);
	up_write(&handle->use);
	handle_put(handle);

	return true;
}

static bool has_kind(struct handle *handle, void *data)
{
	return handle->kind == *(enum kind *)data;
}

/* Closes all handles, consumers first, newest first. */
void handles_close(void)
{
	struct handle *handle;
	enum kind kind;

	for (kind = CELL; kind <= OVERLAY; kind <<= 1) {
		while ((handle = handle_find(has_kind, &kind))) {
			handle_close(handle);
			handle_put(handle);
		}
	}
}

static bool has_id(struct handle *handle, void *data)
{
	return handle->id == *(u32 *)data;
}

static long run_close(struct command *c)
{
	u32 id = arg_number(c);
	struct handle *handle;
	bool closed;

	if (c->error)
		return c->error;

	handle = handle_find(has_id, &id);
	if (!handle)
		return -EBADF;
	closed = handle_close(handle);
	handle_put(handle);

	return closed ? 0 : -EBADF;
}

static long run_reset(struct command *c)
{
	handles_close();
	return 0;
}

const struct verb handle_verbs[] = {
	{ "close", "HANDLE: puts, unregisters or removes what it stands for", run_close },
	{ "reset", ": closes all handles", run_reset },
	{}
};

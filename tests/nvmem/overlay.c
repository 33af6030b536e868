// SPDX-License-Identifier: GPL-2.0
/*
 * Device-tree overlays that are applied and removed on command.
 */

#include <linux/of.h>
#include <linux/slab.h>

#include "tester.h"

struct overlay {
	struct handle handle;
	int id;
};

static void overlay_close(struct handle *handle)
{
	struct overlay *overlay = container_of(handle, struct overlay, handle);
	int ret;

	ret = of_overlay_remove(&overlay->id);
	WARN(ret, "the overlay cannot be removed: %d\n", ret);
}

static void overlay_free(struct handle *handle)
{
	kfree(container_of(handle, struct overlay, handle));
}

static long run_overlay(struct command *c)
{
	struct overlay *overlay;
	size_t len;
	u8 *blob;
	int ret;

	blob = arg_bytes(c, &len, 0);
	if (c->error)
		return c->error;

	overlay = kzalloc_obj(*overlay);
	if (!overlay)
		return -ENOMEM;
	handle_init(&overlay->handle, OVERLAY, overlay_close, overlay_free);
	ret = of_overlay_fdt_apply(blob, len, &overlay->id, NULL);
	if (ret) {
		handle_put(&overlay->handle);
		return ret;
	}

	return handle_open(&overlay->handle);
}

const struct verb overlay_verbs[] = {
	{ "overlay", "HEX: applies a device-tree overlay, which is removed when it is closed", run_overlay },
	{}
};

// SPDX-License-Identifier: GPL-2.0
/*
 * The consumer's side: nvmem devices and cells that are got, used and put, look-up tables.
 */

#include <linux/list.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tester.h"

/* A held nvmem device or cell. */
struct held {
	struct handle handle;
	struct device *dev; /* that it was got for, by a devm_ function */
	bool forgets; /* as soon as devres puts it */
	union {
		struct nvmem_device *nvmem;
		struct nvmem_cell *cell;
	};
};

static struct held *to_held(struct handle *handle)
{
	return container_of(handle, struct held, handle);
}

/* Devres does this just before it puts what is held. */
static void forget(void *data)
{
	struct held *held = data;

	handle_forget(&held->handle);
	handle_put(&held->handle);
}

static void held_close(struct handle *handle)
{
	struct held *held = to_held(handle);

	if (held->forgets)
		devm_release_action(held->dev, forget, held);
	if (handle->kind == NVMEM && held->dev)
		devm_nvmem_device_put(held->dev, held->nvmem);
	else if (handle->kind == NVMEM)
		nvmem_device_put(held->nvmem);
	else if (held->dev)
		devm_nvmem_cell_put(held->dev, held->cell);
	else
		nvmem_cell_put(held->cell);
}

static void held_free(struct handle *handle)
{
	kfree(to_held(handle));
}

/* A handle for what was got, which may be an error. DEV is that of a devm_ function. */
static long hold(struct held *held, enum kind kind, void *got, struct device *dev)
{
	long id;

	if (IS_ERR_OR_NULL(got)) {
		kfree(held);
		return got ? PTR_ERR(got) : -ENODATA;
	}

	held->nvmem = got;
	held->dev = dev;
	handle_init(&held->handle, kind, held_close, held_free);
	id = handle_open(&held->handle);
	if (id > 0 && dev) {
		handle_get(&held->handle);
		if (devm_add_action(dev, forget, held))
			handle_put(&held->handle);
		else
			held->forgets = true;
	}

	return id;
}

static struct held *new_held(struct command *c)
{
	struct held *held = NULL;

	if (!c->error) {
		held = kzalloc_obj(*held);
		if (!held)
			c->error = -ENOMEM;
	}

	return held;
}

static struct device *arg_device(struct command *c)
{
	struct handle *handle = arg_handle(c, DEVICE);

	return handle ? to_device(handle) : NULL;
}

/* Devres lets go of what an unbound device has only when it frees the device. */
static struct device *arg_bound(struct command *c)
{
	struct device *dev = arg_device(c);

	if (dev && !dev->driver)
		c->error = -ENXIO;

	return dev;
}

static struct device_node *arg_node(struct command *c)
{
	const char *path = arg_word(c);
	struct device_node *np = path ? of_find_node_by_path(path) : NULL;

	if (path && !np)
		c->error = -ENXIO;
	c->node = np;

	return np;
}

/* A held one, or the provider's own. */
static struct nvmem_device *arg_nvmem(struct command *c)
{
	struct handle *handle = arg_handle(c, NVMEM | DEVICE);
	struct nvmem_device *nvmem;

	if (!handle)
		return NULL;
	nvmem = handle->kind == NVMEM ? to_held(handle)->nvmem : to_provided(handle);
	if (!nvmem)
		c->error = -EBADF;

	return nvmem;
}

static struct nvmem_cell *arg_cell(struct command *c)
{
	struct handle *handle = arg_handle(c, CELL);

	return handle ? to_held(handle)->cell : NULL;
}

/* Devices. */

static long run_get(struct command *c)
{
	struct device *dev = arg_device(c);
	const char *name = arg_string(c);
	struct held *held = new_held(c);

	return held ? hold(held, NVMEM, nvmem_device_get(dev, name), NULL) : c->error;
}

static long run_devm_get(struct command *c)
{
	struct device *dev = arg_bound(c);
	const char *name = arg_string(c);
	struct held *held = new_held(c);

	return held ? hold(held, NVMEM, devm_nvmem_device_get(dev, name), dev) : c->error;
}

/* For a platform device that is not the tester's: its resources stay when the tester is unloaded. */
static struct device *arg_foreign(struct command *c)
{
	const char *name = arg_word(c);
	struct device *dev = name ? bus_find_device_by_name(&platform_bus_type, NULL, name) : NULL;

	if (name && !dev)
		c->error = -ENXIO;

	return dev;
}

static long run_leave(struct command *c)
{
	struct device *dev = arg_foreign(c);
	const char *name = arg_word(c);
	struct nvmem_device *nvmem;

	if (c->error)
		return c->error;
	nvmem = devm_nvmem_device_get(dev, name);
	put_device(dev);

	return PTR_ERR_OR_ZERO(nvmem);
}

static long run_leave_cell(struct command *c)
{
	struct device *dev = arg_foreign(c);
	const char *id = arg_word(c);
	struct nvmem_cell *cell;

	if (c->error)
		return c->error;
	cell = devm_nvmem_cell_get(dev, id);
	put_device(dev);

	return PTR_ERR_OR_ZERO(cell);
}

static long run_of_get(struct command *c)
{
	struct device_node *np = arg_node(c);
	const char *name = arg_string(c);
	struct held *held = new_held(c);

	return held ? hold(held, NVMEM, of_nvmem_device_get(np, name), NULL) : c->error;
}

/* Some drivers know their nvmem device by what it is on. */
static int is_on_something_and_has_name(struct device *dev, const void *name)
{
	return dev_name(dev->parent) && device_match_name(dev, name);
}

static long run_find(struct command *c)
{
	char *name = arg_word(c);
	struct held *held = new_held(c);

	return held ? hold(held, NVMEM, nvmem_device_find(name, is_on_something_and_has_name), NULL) : c->error;
}

static long run_find_node(struct command *c)
{
	struct device_node *np = arg_node(c);
	struct held *held = new_held(c);

	return held ? hold(held, NVMEM, nvmem_device_find(np, device_match_of_node), NULL) : c->error;
}

static long run_read(struct command *c)
{
	struct nvmem_device *nvmem = arg_nvmem(c);
	unsigned int offset = arg_number(c);
	size_t len = arg_number(c);
	u8 *bytes = buffer(c, len);
	int ret;

	if (c->error)
		return c->error;

	ret = nvmem_device_read(nvmem, offset, len, bytes);
	if (ret > 0)
		say_bytes(c, bytes, min(ret, len));

	return ret;
}

static long run_write(struct command *c)
{
	struct nvmem_device *nvmem = arg_nvmem(c);
	unsigned int offset = arg_number(c);
	size_t len;
	u8 *bytes = arg_bytes(c, &len, 0);

	return c->error ?: nvmem_device_write(nvmem, offset, len, bytes);
}

static long run_visit(struct command *c)
{
	struct device *dev = arg_device(c);
	const char *name = arg_string(c);
	unsigned int offset = arg_number(c);
	size_t len = arg_number(c);
	u8 *bytes = buffer(c, len);
	struct nvmem_device *nvmem;
	int ret;

	if (c->error)
		return c->error;

	nvmem = nvmem_device_get(dev, name);
	if (IS_ERR(nvmem))
		return PTR_ERR(nvmem);
	ret = nvmem_device_read(nvmem, offset, len, bytes);
	nvmem_device_put(nvmem);

	return ret;
}

static long run_name(struct command *c)
{
	struct nvmem_device *nvmem = arg_nvmem(c);

	if (c->error)
		return c->error;
	say(c, "%s", nvmem_dev_name(nvmem));

	return 0;
}

static long run_size(struct command *c)
{
	struct nvmem_device *nvmem = arg_nvmem(c);

	return c->error ?: nvmem_dev_size(nvmem);
}

/* Cells that a consumer describes itself. */

static struct nvmem_cell_info *arg_info(struct command *c, struct nvmem_cell_info *info, const char **post)
{
	char *text = arg_word(c);
	int ret;

	if (text) {
		ret = cell_info_parse(text, info, post);
		if (ret)
			c->error = ret;
	}

	return info;
}

/* What any core may read or write for it, whatever it makes of word sizes. */
static size_t info_space(const struct nvmem_cell_info *info)
{
	return info->raw_len + info->bytes + (info->bit_offset + info->nbits) / 8 + 64;
}

static long run_info_read(struct command *c)
{
	struct nvmem_device *nvmem = arg_nvmem(c);
	struct nvmem_cell_info info = {};
	const char *post;
	u8 *bytes;
	ssize_t ret;

	arg_info(c, &info, &post);
	bytes = buffer(c, info_space(&info));
	if (c->error)
		return c->error;

	ret = nvmem_device_cell_read(nvmem, &info, bytes);
	if (ret > 0)
		say_bytes(c, bytes, min(ret, info_space(&info)));

	return ret;
}

#ifdef CONFIG_OF
static long run_container(struct command *c)
{
	struct nvmem_device *nvmem = arg_nvmem(c);

	if (c->error)
		return c->error;
	c->node = of_nvmem_layout_get_container(nvmem);

	return !!c->node;
}
#endif

static long run_info_write(struct command *c)
{
	struct nvmem_device *nvmem = arg_nvmem(c);
	struct nvmem_cell_info info = {};
	const char *post;
	u8 *bytes;
	size_t len;

	arg_info(c, &info, &post);
	bytes = arg_bytes(c, &len, info_space(&info));

	return c->error ?: nvmem_device_cell_write(nvmem, &info, bytes);
}

static long run_add_cell(struct command *c)
{
	struct handle *handle = arg_handle(c, NVMEM | DEVICE);
	struct nvmem_cell_info info = {};
	const char *post;

	arg_info(c, &info, &post);
	if (c->error)
		return c->error;
	if (handle->kind == DEVICE)
		return provider_add_cell(handle, &info, post);

	return post ? -EINVAL : nvmem_add_one_cell(to_held(handle)->nvmem, &info);
}

/* Cells. */

static long run_cell_get(struct command *c)
{
	struct device *dev = arg_device(c);
	const char *id = arg_string(c);
	struct held *held = new_held(c);

	return held ? hold(held, CELL, nvmem_cell_get(dev, id), NULL) : c->error;
}

static long run_devm_cell_get(struct command *c)
{
	struct device *dev = arg_bound(c);
	const char *id = arg_string(c);
	struct held *held = new_held(c);

	return held ? hold(held, CELL, devm_nvmem_cell_get(dev, id), dev) : c->error;
}

static long run_of_cell_get(struct command *c)
{
	struct device_node *np = arg_node(c);
	const char *id = arg_string(c);
	struct held *held = new_held(c);

	return held ? hold(held, CELL, of_nvmem_cell_get(np, id), NULL) : c->error;
}

static long run_cell_read(struct command *c)
{
	struct nvmem_cell *cell = arg_cell(c);
	size_t len = 0;
	u8 *bytes;

	if (c->error)
		return c->error;

	bytes = nvmem_cell_read(cell, &len);
	if (IS_ERR(bytes))
		return PTR_ERR(bytes);
	say_bytes(c, bytes, len);
	kfree(bytes);

	return len;
}

static long run_cell_write(struct command *c)
{
	struct nvmem_cell *cell = arg_cell(c);
	size_t len;
	u8 *bytes = arg_bytes(c, &len, 0);

	return c->error ?: nvmem_cell_write(cell, bytes, len);
}

#define READ_VERB(name, type, function)					\
static long run_##name(struct command *c)				\
{									\
	struct device *dev = arg_device(c);				\
	const char *id = arg_string(c);					\
	type value = 0;							\
	int ret;							\
									\
	if (c->error)							\
		return c->error;					\
	ret = function(dev, id, &value);				\
	if (!ret)							\
		say(c, "%llu", (unsigned long long)value);		\
	return ret;							\
}

READ_VERB(read_u8, u8, nvmem_cell_read_u8)
READ_VERB(read_u16, u16, nvmem_cell_read_u16)
READ_VERB(read_u32, u32, nvmem_cell_read_u32)
READ_VERB(read_u64, u64, nvmem_cell_read_u64)
READ_VERB(read_le_u32, u32, nvmem_cell_read_variable_le_u32)
READ_VERB(read_le_u64, u64, nvmem_cell_read_variable_le_u64)

/* Look-up tables. */

#define ENTRIES_MAX 8

struct table {
	struct handle handle;
	size_t count;
	struct nvmem_cell_lookup entries[ENTRIES_MAX];
	char text[];
};

static void table_close(struct handle *handle)
{
	struct table *table = container_of(handle, struct table, handle);

	nvmem_del_cell_lookups(table->entries, table->count);
}

static void table_free(struct handle *handle)
{
	kfree(container_of(handle, struct table, handle));
}

static bool next_entry(char **text, struct nvmem_cell_lookup *entry)
{
	entry->nvmem_name = strsep(text, " ");
	entry->cell_name = strsep(text, " ");
	entry->dev_id = strsep(text, " ");
	entry->con_id = strsep(text, " ");

	return entry->con_id;
}

static long run_lookup(struct command *c)
{
	char *words = arg_rest(c), *rest;
	struct table *table;

	table = kzalloc(struct_size(table, text, strlen(words) + 1), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	strcpy(table->text, words);
	rest = table->text;
	while (rest && table->count < ENTRIES_MAX && next_entry(&rest, &table->entries[table->count]))
		table->count++;
	if (!table->count) {
		kfree(table);
		return -EINVAL;
	}
	nvmem_add_cell_lookups(table->entries, table->count);

	handle_init(&table->handle, LOOKUP, table_close, table_free);

	return handle_open(&table->handle);
}

const struct verb consumer_verbs[] = {
	{ "get", "DEVICE NAME|-: nvmem_device_get", run_get },
	{ "devm_get", "DEVICE NAME|-: for a bound device", run_devm_get },
	{ "leave", "PLATFORM-DEVICE NAME: devm_nvmem_device_get for a device that need not be bound", run_leave },
	{ "leave_cell", "PLATFORM-DEVICE CON-ID: devm_nvmem_cell_get", run_leave_cell },
	{ "of_get", "NODE NAME|-", run_of_get },
	{ "find", "NAME", run_find },
	{ "find_node", "NODE", run_find_node },
	{ "read", "NVMEM OFFSET COUNT", run_read },
	{ "write", "NVMEM OFFSET HEX", run_write },
	{ "visit", "DEVICE NAME|- OFFSET COUNT: get, read, put", run_visit },
	{ "name", "NVMEM", run_name },
	{ "size", "NVMEM", run_size },
#ifdef CONFIG_OF
	{ "container", "NVMEM: 1 if of_nvmem_layout_get_container finds one", run_container },
#endif
	{ "info_read", "NVMEM CELL-INFO: nvmem_device_cell_read; CELL-INFO as cell= of provider", run_info_read },
	{ "info_write", "NVMEM CELL-INFO HEX: nvmem_device_cell_write", run_info_write },
	{ "add_cell", "NVMEM|DEVICE CELL-INFO: nvmem_add_one_cell", run_add_cell },
	{ "cell_get", "DEVICE CON-ID|-: nvmem_cell_get", run_cell_get },
	{ "devm_cell_get", "DEVICE CON-ID|-: for a bound device", run_devm_cell_get },
	{ "of_cell_get", "NODE CON-ID|-", run_of_cell_get },
	{ "cell_read", "CELL", run_cell_read },
	{ "cell_write", "CELL HEX", run_cell_write },
	{ "read_u8", "DEVICE CON-ID: the value", run_read_u8 },
	{ "read_u16", "DEVICE CON-ID", run_read_u16 },
	{ "read_u32", "DEVICE CON-ID", run_read_u32 },
	{ "read_u64", "DEVICE CON-ID", run_read_u64 },
	{ "read_le_u32", "DEVICE CON-ID: nvmem_cell_read_variable_le_u32", run_read_le_u32 },
	{ "read_le_u64", "DEVICE CON-ID", run_read_le_u64 },
	{ "lookup", "NVMEM-NAME CELL-NAME DEV-ID CON-ID...: a table of up to 8", run_lookup },
	{}
};

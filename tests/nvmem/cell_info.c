// SPDX-License-Identifier: GPL-2.0
/*
 * Cells as text, "NAME,offset:4,bytes:2,...", and what post-processes their data: "post:HOW" or
 * "post:HOW/NUMBER". What a post-processing function gets as priv is lent, see callee.c.
 */

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tester.h"

static void reverse(u8 *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len / 2; i++)
		swap(bytes[i], bytes[len - 1 - i]);
}

static int process(const struct post *post, const char *id, int index, u8 *bytes, size_t len)
{
	size_t i;

	if (!strcmp(post->how, "reverse")) {
		reverse(bytes, len);
	} else if (!strcmp(post->how, "xor")) {
		for (i = 0; i < len; i++)
			bytes[i] ^= post->argument;
	} else if (!strcmp(post->how, "index")) {
		for (i = 0; i < len; i++)
			bytes[i] += index;
	} else if (!strcmp(post->how, "id")) {
		memset(bytes, 0, len);
		memcpy(bytes, id ?: "", min(len, strlen(id ?: "")));
	} else if (!strcmp(post->how, "fail")) {
		return -(int)post->argument;
	}

	return 0;
}

static int post_process(void *priv, const char *id, int index, unsigned int offset, void *buf,
			size_t bytes)
{
	struct post *post = priv;
	struct call call = { .what = 'p', .index = index, .offset = offset, .bytes = bytes };
	struct callee *callee;
	int ret;

	strscpy(call.id, id ?: "-");
	callee = callee_enter(&post->lent, POST, call);
	if (!callee)
		return -EFAULT;
	ret = process(post, id, index, buf, bytes);
	callee_leave(callee);

	return ret;
}

/* Makes the cell's data be post-processed, and adds what that uses to POSTS. */
int post_add(struct post **posts, struct nvmem_cell_info *info, const char *how, struct callee *callee)
{
	static const char *const known[] = { "reverse", "xor", "index", "id", "fail", "none" };
	struct post *post;
	char *slash;

	post = kzalloc_obj(*post);
	if (!post)
		return -ENOMEM;
	lend(&post->lent, callee);
	post->next = *posts;
	*posts = post;

	if (strscpy(post->how, how) < 0)
		return -EINVAL;
	slash = strchr(post->how, '/');
	if (slash) {
		*slash = '\0';
		if (kstrtouint(slash + 1, 0, &post->argument))
			return -EINVAL;
	}
	if (match_string(known, ARRAY_SIZE(known), post->how) < 0)
		return -EINVAL;
	info->read_post_process = post_process;
	info->priv = post;

	return 0;
}

void posts_free(struct post *posts)
{
	struct post *next;

	for (; posts; posts = next) {
		next = posts->next;
		take_back(&posts->lent, sizeof(*posts));
	}
}

/* Cells from device trees are reversed by this, with data that lives as long as the module. */
void cell_info_fixup(struct nvmem_device *nvmem, struct nvmem_cell_info *info)
{
	static struct callee callee = {
		.handle.refs = KREF_INIT(1),
		.changed = __WAIT_QUEUE_HEAD_INITIALIZER(callee.changed),
		.lock = __SPIN_LOCK_UNLOCKED(callee.lock),
	};
	static struct post post = { .how = "reverse" };

	lend(&post.lent, &callee);
	info->read_post_process = post_process;
	info->priv = &post;
}

static int set_field(struct nvmem_cell_info *info, const char *key, const char *value)
{
	unsigned int number;

	if (!strcmp(key, "np")) {
		info->np = of_find_node_by_path(value);
		return info->np ? 0 : -ENOENT;
	}

	if (kstrtouint(value, 0, &number))
		return -EINVAL;
	if (!strcmp(key, "offset"))
		info->offset = number;
	else if (!strcmp(key, "bytes"))
		info->bytes = number;
	else if (!strcmp(key, "raw_len"))
		info->raw_len = number;
	else if (!strcmp(key, "bit_offset"))
		info->bit_offset = number;
	else if (!strcmp(key, "nbits"))
		info->nbits = number;
	else
		return -EINVAL;

	return 0;
}

/* INFO points into TEXT afterwards, as does POST, which is NULL if there is none. */
int cell_info_parse(char *text, struct nvmem_cell_info *info, const char **post)
{
	char *name = strsep(&text, ","), *key, *value;
	int ret = 0;

	*info = (struct nvmem_cell_info){ .name = strcmp(name, "-") ? name : NULL };
	*post = NULL;

	while (!ret && (value = strsep(&text, ","))) {
		key = strsep(&value, ":");
		if (!value)
			ret = -EINVAL;
		else if (!strcmp(key, "post"))
			*post = value;
		else
			ret = set_field(info, key, value);
	}

	return ret;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A provider's configuration as text: "size=64 stride=4 cell=NAME,offset:4,bytes:2 keepout=0-4:255 ...".
 */

#include <linux/module.h>
#include <linux/of.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tester.h"

static int parse_keepout(struct setup *s, char *value)
{
	struct nvmem_keepout *keepout = &s->keepouts[s->config.nkeepout];
	unsigned int start, end;
	u8 fill;

	if (s->config.nkeepout == KEEPOUTS_MAX ||
	    sscanf(value, "%u-%u:%hhu", &start, &end, &fill) != 3)
		return -EINVAL;
	*keepout = (struct nvmem_keepout){ .start = start, .end = end, .value = fill };
	s->config.nkeepout++;

	return 0;
}

static int parse_cell(struct setup *s, char *value)
{
	int i = s->config.ncells;

	if (i == CELLS_MAX)
		return -EINVAL;
	s->config.cells = s->cells;
	s->config.ncells++;

	return cell_info_parse(value, &s->cells[i], &s->posts[i]);
}

/* 1 if KEY is none of these. */
static int parse_text(struct setup *s, const char *key, char *value)
{
	struct nvmem_config *config = &s->config;

	if (!strcmp(key, "name")) {
		config->name = value;
	} else if (!strcmp(key, "dev")) {
		/* The device's own is there already. */
		if (strcmp(value, "none"))
			return -EINVAL;
		config->dev = NULL;
	} else if (!strcmp(key, "base")) {
		if (!strcmp(value, "self"))
			s->base_self = true;
		else
			return kstrtou32(value, 0, &s->base);
	} else if (!strcmp(key, "through")) {
		s->through_self = !strcmp(value, "self");
		s->through_bits = !strcmp(value, "bits");
		return s->through_self || s->through_bits ? 0 : kstrtou32(value, 0, &s->through);
	} else if (!strcmp(key, "owner")) {
		if (strcmp(value, "tester"))
			return -EINVAL;
		config->owner = THIS_MODULE;
	} else if (!strcmp(key, "of_node")) {
		config->of_node = of_find_node_by_path(value);
		if (!config->of_node)
			return -ENOENT;
	} else if (!strcmp(key, "ops")) {
		s->reads = strchr(value, 'r');
		s->writes = strchr(value, 'w');
	} else if (!strcmp(key, "cell")) {
		return parse_cell(s, value);
	} else if (!strcmp(key, "keepout")) {
		return parse_keepout(s, value);
	} else {
		return 1;
	}

	return 0;
}

static int parse_number(struct setup *s, const char *key, const char *value)
{
	struct nvmem_config *config = &s->config;
	int number;

	if (kstrtoint(value, 0, &number))
		return -EINVAL;

	if (!strcmp(key, "id"))
		config->id = number;
	else if (!strcmp(key, "size"))
		config->size = number;
	else if (!strcmp(key, "stride"))
		config->stride = number;
	else if (!strcmp(key, "word_size"))
		config->word_size = number;
	else if (!strcmp(key, "type"))
		config->type = number;
	else if (!strcmp(key, "read_only"))
		config->read_only = number;
	else if (!strcmp(key, "root_only"))
		config->root_only = number;
	else if (!strcmp(key, "ignore_wp"))
		config->ignore_wp = number;
	else if (!strcmp(key, "compat"))
		config->compat = number;
	else if (!strcmp(key, "legacy"))
		config->add_legacy_fixed_of_cells = number;
	else if (!strcmp(key, "fixup"))
		config->fixup_dt_cell_info = number ? cell_info_fixup : NULL;
	else if (!strcmp(key, "layout"))
		config->layout = (struct nvmem_layout *)(long)number;
	else if (!strcmp(key, "devm"))
		s->devm = number;
	else
		return -EINVAL;

	return 0;
}

/* The configuration that TEXT describes; error pointer if it does not. */
struct setup *setup_make(const char *text, struct device *dev)
{
	char *rest, *key, *value;
	struct setup *s;
	size_t size = struct_size(s, text, strlen(text) + 1);
	int ret = 0;

	s = kzalloc(size, GFP_KERNEL);
	if (!s)
		return ERR_PTR(-ENOMEM);
	s->size = size;
	strcpy(s->text, text);
	s->config.dev = dev;
	s->config.id = NVMEM_DEVID_NONE;
	s->reads = true;
	s->writes = true;
	s->config.size = 256;

	rest = s->text;
	while (!ret && next_option(&rest, &key, &value)) {
		ret = parse_text(s, key, value);
		if (ret > 0)
			ret = parse_number(s, key, value);
	}
	if (!ret && s->config.size < 0)
		ret = -EINVAL;
	if (ret) {
		of_node_put(s->config.of_node);
		kfree(s);
		return ERR_PTR(ret);
	}

	return s;
}

void setup_free(struct setup *s)
{
	of_node_put(s->config.of_node);
	/* What the core kept of it is to be seen. */
	memset(s, POISON_FREE, s->size);
	barrier_data(s);
	kfree(s);
}

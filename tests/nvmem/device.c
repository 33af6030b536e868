// SPDX-License-Identifier: GPL-2.0
/*
 * Platform devices that are made on command: consumers, and providers with any configuration. A provider
 * registers when the driver "nvmem_tester" is bound to its device, on command or through sysfs, or without
 * a driver. What nvmem_register() has no right to keep is freed when it returns; what is the core's until
 * nvmem_unregister() (keepouts, priv with the bytes) is freed right behind that. The bytes are kept for
 * the next registration.
 */

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "tester.h"

struct tester_device {
	struct callee callee;
	struct platform_device *pdev;
	bool devm;
	/* The configuration as text; NULL if this is no provider. */
	char *options;
	size_t size;
	u8 *image;
	struct mutex lock; /* what follows */
	struct memory *memory;
	struct nvmem_device *nvmem;
};

/* What the core has until nvmem_unregister(): the priv of reg_read() and reg_write(). */
struct memory {
	struct lent lent;
	struct post *posts;
	/* Of a provider that is written to as well, and stays. */
	struct nvmem_device *through;
	/* Writes below THROUGH_SELF are done there too, by the callback: all of it, or some bits. */
	bool through_self, through_bits;
	struct nvmem_keepout keepouts[KEEPOUTS_MAX];
	size_t size;
	u8 data[];
};

#define THROUGH_SELF 64

static struct tester_device *to_tester(struct handle *handle)
{
	return container_of(handle, struct tester_device, callee.handle);
}

struct device *to_device(struct handle *handle)
{
	return &to_tester(handle)->pdev->dev;
}

struct nvmem_device *to_provided(struct handle *handle)
{
	return READ_ONCE(to_tester(handle)->nvmem);
}

/* Callbacks. */

static struct callee *begin(struct memory *memory, char what, unsigned int offset, size_t bytes, int *ret)
{
	struct callee *callee;

	callee = callee_enter(&memory->lent, ACCESS,
			      (struct call){ .what = what, .offset = offset, .bytes = bytes });
	if (!callee)
		*ret = -EFAULT;
	else if (callee->error)
		*ret = callee->error;
	else if (offset > memory->size || bytes > memory->size - offset)
		*ret = -ENXIO;
	else
		*ret = 0;

	return callee;
}

static int tester_read(void *priv, unsigned int offset, void *val, size_t bytes)
{
	struct memory *memory = priv;
	struct callee *callee;
	int ret;

	callee = begin(memory, 'r', offset, bytes, &ret);
	if (!ret && !READ_ONCE(callee->lazy))
		memcpy(val, memory->data + offset, bytes);
	if (callee)
		callee_leave(callee);

	return ret;
}

/* What a callback writes to its own device. */
static int write_self(struct memory *memory, struct callee *callee, unsigned int offset, void *val, size_t bytes)
{
	struct nvmem_device *nvmem = to_provided(&callee->handle);
	struct nvmem_cell_info info = {
		.offset = offset + THROUGH_SELF,
		.bytes = 1,
		.bit_offset = 2,
		.nbits = 3,
	};

	if (!nvmem || offset >= THROUGH_SELF)
		return 0;
	if (memory->through_bits)
		return nvmem_device_cell_write(nvmem, &info, val);

	return nvmem_device_write(nvmem, offset + THROUGH_SELF, bytes, val);
}

static int tester_write(void *priv, unsigned int offset, void *val, size_t bytes)
{
	struct memory *memory = priv;
	struct callee *callee;
	int ret;

	callee = begin(memory, 'w', offset, bytes, &ret);
	if (!ret)
		memcpy(memory->data + offset, val, bytes);
	if (!ret && memory->through)
		ret = min(nvmem_device_write(memory->through, offset, bytes, val), 0);
	if (!ret && (memory->through_self || memory->through_bits))
		ret = min(write_self(memory, callee, offset, val, bytes), 0);
	if (callee)
		callee_leave(callee);

	return ret;
}

/* Registration. */

static void take_memory_back(struct tester_device *d)
{
	struct memory *memory;

	guard(mutex)(&d->lock);
	memory = d->memory;
	if (!memory)
		return;
	d->memory = NULL;
	d->nvmem = NULL;
	memcpy(d->image, memory->data, d->size);
	posts_free(memory->posts);
	take_back(&memory->lent, struct_size(memory, data, memory->size));
}

static void take_memory_back_action(void *data)
{
	take_memory_back(data);
}

static bool has_id(struct handle *handle, void *data)
{
	return handle->kind == DEVICE && handle->id == *(u32 *)data;
}

static int lend_memory(struct tester_device *d, struct setup *s)
{
	struct handle *through;
	struct memory *memory;
	int i, ret = 0;

	memory = kzalloc(struct_size(memory, data, d->size), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	lend(&memory->lent, &d->callee);
	memory->size = d->size;
	memory->through_self = s->through_self;
	memory->through_bits = s->through_bits;
	through = handle_find(has_id, &s->through);
	if (through) {
		memory->through = to_provided(through);
		handle_put(through);
	}
	memcpy(memory->data, d->image, d->size);
	memcpy(memory->keepouts, s->keepouts, sizeof(memory->keepouts));
	s->config.reg_read = s->reads ? tester_read : NULL;
	s->config.reg_write = s->writes ? tester_write : NULL;
	s->config.keepout = s->config.nkeepout ? memory->keepouts : NULL;
	s->config.priv = memory;

	for (i = 0; !ret && i < s->config.ncells; i++)
		if (s->posts[i])
			ret = post_add(&memory->posts, &s->cells[i], s->posts[i], &d->callee);

	scoped_guard(mutex, &d->lock) {
		if (!ret && d->memory)
			ret = -EBUSY;
		if (!ret)
			d->memory = memory;
	}
	if (ret) {
		posts_free(memory->posts);
		take_back(&memory->lent, struct_size(memory, data, memory->size));
	}

	return ret;
}

static int provide(struct tester_device *d, bool driver)
{
	struct device *dev = &d->pdev->dev;
	struct nvmem_device *nvmem;
	struct handle *base;
	struct setup *s;
	int ret;

	s = setup_make(d->options, dev);
	if (IS_ERR(s))
		return PTR_ERR(s);

	ret = lend_memory(d, s);
	if (ret)
		goto free;

	base = handle_find(has_id, &s->base);
	s->config.base_dev = s->base_self ? dev : base ? to_device(base) : NULL;

	d->devm = driver && s->devm;
	if (d->devm) {
		/* Comes after the core's own action, and if registering fails. */
		ret = devm_add_action_or_reset(dev, take_memory_back_action, d);
		nvmem = ret ? ERR_PTR(ret) : devm_nvmem_register(dev, &s->config);
	} else {
		nvmem = nvmem_register(&s->config);
		if (IS_ERR(nvmem))
			take_memory_back(d);
	}
	ret = PTR_ERR_OR_ZERO(nvmem);
	if (!ret)
		WRITE_ONCE(d->nvmem, nvmem);
	if (base)
		handle_put(base);

free:
	setup_free(s);
	return ret;
}

static int unprovide(struct tester_device *d)
{
	struct nvmem_device *nvmem;

	scoped_guard(mutex, &d->lock) {
		nvmem = d->nvmem;
		d->nvmem = NULL;
	}
	if (!nvmem)
		return -ENODEV;

	nvmem_unregister(nvmem);
	take_memory_back(d);

	return 0;
}

int provider_add_cell(struct handle *handle, struct nvmem_cell_info *info, const char *post)
{
	struct tester_device *d = to_tester(handle);
	struct nvmem_device *nvmem;
	int ret = 0;

	scoped_guard(mutex, &d->lock) {
		nvmem = d->nvmem;
		if (!nvmem)
			ret = -ENODEV;
		else if (post)
			ret = post_add(&d->memory->posts, info, post, &d->callee);
	}

	return ret ?: nvmem_add_one_cell(nvmem, info);
}

/* The driver. */

static bool has_device(struct handle *handle, void *data)
{
	return handle->kind == DEVICE && to_tester(handle)->pdev == data;
}

static void put_action(void *data)
{
	handle_put(data);
}

static int tester_probe(struct platform_device *pdev)
{
	struct handle *handle = handle_find(has_device, pdev);
	struct tester_device *d;
	int ret;

	if (!handle)
		return -ENODEV;
	d = to_tester(handle);
	platform_set_drvdata(pdev, d);

	ret = devm_add_action_or_reset(&pdev->dev, put_action, handle);
	if (!ret && d->options)
		ret = provide(d, true);

	return ret;
}

static void tester_remove(struct platform_device *pdev)
{
	struct tester_device *d = platform_get_drvdata(pdev);

	if (!d->devm)
		unprovide(d);
}

static struct platform_driver driver = {
	.probe = tester_probe,
	.remove = tester_remove,
	.driver.name = "nvmem_tester",
};

int devices_init(void)
{
	return platform_driver_register(&driver);
}

void devices_exit(void)
{
	platform_driver_unregister(&driver);
}

/* Commands. */

static void device_close(struct handle *handle)
{
	struct tester_device *d = to_tester(handle);

	if (!d->pdev->dev.driver)
		unprovide(d);
	platform_device_del(d->pdev);
}

static void device_free(struct handle *handle)
{
	struct tester_device *d = to_tester(handle);

	platform_device_put(d->pdev);
	kfree(d->options);
	kvfree(d->image);
	kfree(d);
}

static int make_image(struct tester_device *d, const char *options)
{
	struct setup *s;
	size_t i;

	d->options = kstrdup(options, GFP_KERNEL);
	if (!d->options)
		return -ENOMEM;
	s = setup_make(options, NULL);
	if (IS_ERR(s))
		return PTR_ERR(s);
	d->size = s->config.size;
	setup_free(s);

	d->image = kvmalloc(d->size, GFP_KERNEL);
	if (!d->image)
		return -ENOMEM;
	for (i = 0; i < d->size; i++)
		d->image[i] = 7 * i + (i >> 8);

	return 0;
}

static int make_device(struct tester_device *d, const char *name, const char *node)
{
	struct platform_device *pdev;
	struct device_node *np = NULL;
	int ret;

	if (node) {
		np = of_find_node_by_path(node);
		if (!np)
			return -ENOENT;
	}

	pdev = platform_device_alloc(name, PLATFORM_DEVID_NONE);
	if (!pdev) {
		of_node_put(np);
		return -ENOMEM;
	}
	device_set_node(&pdev->dev, of_fwnode_handle(np));

	/* The driver matches afterwards only, so that nobody but a command or sysfs binds it. */
	ret = platform_device_add(pdev);
	if (ret) {
		platform_device_put(pdev);
		return ret;
	}
	ret = device_set_driver_override(&pdev->dev, driver.driver.name);
	if (ret) {
		platform_device_unregister(pdev);
		return ret;
	}
	d->pdev = pdev;

	return 0;
}

static long make(struct command *c, bool provider)
{
	char *name = arg_word(c), *node = arg_string(c), *options = arg_rest(c);
	struct tester_device *d;
	int ret = 0;

	if (c->error)
		return c->error;

	d = kzalloc_obj(*d);
	if (!d)
		return -ENOMEM;
	callee_init(&d->callee, DEVICE, device_close, device_free);
	mutex_init(&d->lock);

	if (provider)
		ret = make_image(d, options);
	if (!ret)
		ret = make_device(d, name, node);
	if (ret) {
		handle_put(&d->callee.handle);
		return ret;
	}

	return handle_open(&d->callee.handle);
}

static long run_device(struct command *c)
{
	return make(c, false);
}

static long run_provider(struct command *c)
{
	return make(c, true);
}

static struct tester_device *arg_device(struct command *c)
{
	struct handle *handle = arg_handle(c, DEVICE);

	return handle ? to_tester(handle) : NULL;
}

static void say_name(struct command *c, struct tester_device *d)
{
	guard(mutex)(&d->lock);
	if (d->nvmem)
		say(c, "%s", nvmem_dev_name(d->nvmem));
}

static long run_bind(struct command *c)
{
	struct tester_device *d = arg_device(c);
	int ret;

	if (c->error)
		return c->error;

	ret = device_driver_attach(&driver.driver, &d->pdev->dev);
	if (!ret)
		say_name(c, d);

	return ret;
}

static long run_unbind(struct command *c)
{
	struct tester_device *d = arg_device(c);

	if (c->error)
		return c->error;
	if (!d->pdev->dev.driver)
		return -ENODEV;

	device_release_driver(&d->pdev->dev);

	return 0;
}

static long run_register(struct command *c)
{
	struct tester_device *d = arg_device(c);
	int ret;

	if (c->error)
		return c->error;
	if (d->pdev->dev.driver)
		return -EBUSY;
	if (!d->options)
		return -EINVAL;

	ret = provide(d, false);
	if (!ret)
		say_name(c, d);

	return ret;
}

static long run_unregister(struct command *c)
{
	struct tester_device *d = arg_device(c);

	if (c->error)
		return c->error;

	return d->pdev->dev.driver ? -EBUSY : unprovide(d);
}

static long run_unregister_null(struct command *c)
{
	nvmem_unregister(NULL);
	return 0;
}

/* The bytes themselves, past the core. */
static long raw(struct command *c, bool write)
{
	struct tester_device *d = arg_device(c);
	unsigned long offset = arg_number(c);
	size_t len;
	u8 *bytes, *data;

	if (write)
		bytes = arg_bytes(c, &len, 0);
	else
		len = arg_number(c);
	if (c->error)
		return c->error;
	if (offset > d->size || len > d->size - offset)
		return -EINVAL;

	guard(mutex)(&d->lock);
	data = (d->memory ? d->memory->data : d->image) + offset;
	if (write)
		memcpy(data, bytes, len);
	else
		say_bytes(c, data, len);

	return len;
}

static long run_peek(struct command *c)
{
	return raw(c, false);
}

static long run_poke(struct command *c)
{
	return raw(c, true);
}

const struct verb device_verbs[] = {
	{ "device", "NAME NODE|-: a platform device", run_device },
	{ "provider", "NAME NODE|- name=S id=N size=N stride=N word_size=N type=N read_only=B root_only=B "
	  "ignore_wp=B compat=B base=DEVICE|self legacy=B fixup=B layout=N devm=B dev=none owner=tester "
	  "of_node=PATH ops=rw|r|w|- through=DEVICE|self|bits keepout=START-END:VALUE... cell=NAME,offset:N,bytes:N,raw_len:N,"
	  "bit_offset:N,nbits:N,np:PATH,post:reverse|xor/N|index|id|fail/ERRNO|none...", run_provider },
	{ "bind", "DEVICE: to the driver, whose probe registers a provider; says the nvmem device's name",
	  run_bind },
	{ "unbind", "DEVICE", run_unbind },
	{ "register", "DEVICE: without a driver", run_register },
	{ "unregister", "DEVICE", run_unregister },
	{ "unregister_null", ": nvmem_unregister(NULL)", run_unregister_null },
	{ "peek", "DEVICE OFFSET COUNT: the bytes themselves, past the core", run_peek },
	{ "poke", "DEVICE OFFSET HEX", run_poke },
	{}
};

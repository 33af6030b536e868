// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the nvmem API, as its users in C see it.
 *
 * The suite nvmem_core holds for every implementation of the API, the kernel's own C core among
 * them. The suite nvmem_core_lifetime asks for more: that a provider or a layout may go while it
 * is in use, and that bit cells are written right. The C core of Linux 7.3 fails it, in places by
 * use after free, which is why it is a suite of its own.
 */

#include <kunit/device.h>
#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gpio/driver.h>
#include <linux/gpio/machine.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/nvmem-consumer.h>
#include <linux/nvmem-provider.h>
#include <linux/of.h>
#include <linux/property.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#define MEMORY_NAME "kunit-memory"
#define MEMORY_SIZE 64
#define ECHO 32
/* What a provider has behind its size, for accesses that go past it. */
#define MEMORY_ROOM (2 * PAGE_SIZE)

/* Where a provider's callback can be made to wait. */
enum gate { OPEN, AT_READ, AT_WRITE, AT_PROCESS };

/* A provider, a consumer of it, and a record of what was asked of the provider. */
struct memory {
	struct kunit *test;
	struct device *dev, *consumer;
	struct nvmem_config config;
	struct nvmem_device *nvmem;
	u8 *bytes;

	/* The latest access, and the number and size of all. */
	unsigned int offset;
	size_t len, longest;
	int reads, writes;

	/* The latest post-processing. */
	char id[16];
	int index, processed;
	unsigned int processed_offset;
	size_t processed_len;

	/* What callbacks answer, and whether they sleep. */
	int error;
	bool slow;
	/* Writes below ECHO are done there too, by the callback. */
	bool echo;
	enum gate gate;
	struct completion entered, opened;
	/* An end to what runs beside the test. */
	bool stop;

	/* Unregistered: callbacks from then on are late. */
	bool gone;
	atomic_t late;

	/* The write-protect line, and what it was in the latest write. */
	struct gpio_chip *chip;
	int wp, wp_in_write, wp_error, unprotected;

	/* What a consumer keeps across the provider's end. */
	struct nvmem_device *held;
	struct nvmem_cell *cell, *bits, *inverted;
	struct file *file, *cell_file, *compat_file;

	/* The devices' places in sysfs. */
	char sys[64], parent_sys[96];
};

static void pass_gate(struct memory *mem, enum gate gate)
{
	if (READ_ONCE(mem->gate) == gate) {
		complete(&mem->entered);
		wait_for_completion(&mem->opened);
	}
	if (READ_ONCE(mem->slow))
		usleep_range(20, 100);
	if (READ_ONCE(mem->gone))
		atomic_inc(&mem->late);
}

static int memory_access(struct memory *mem, unsigned int offset, size_t len)
{
	if (mem->error)
		return mem->error;
	if (offset + len > MEMORY_ROOM)
		return -ENXIO;
	mem->offset = offset;
	mem->len = len;
	mem->longest = max(mem->longest, len);
	return 0;
}

static int memory_read(void *priv, unsigned int offset, void *val, size_t bytes)
{
	struct memory *mem = priv;
	int ret;

	mem->reads++;
	ret = memory_access(mem, offset, bytes);
	if (!ret)
		memcpy(val, mem->bytes + offset, bytes);
	pass_gate(mem, AT_READ);
	return ret;
}

static int memory_write(void *priv, unsigned int offset, void *val, size_t bytes)
{
	struct memory *mem = priv;
	int ret;

	mem->writes++;
	pass_gate(mem, AT_WRITE);
	if (mem->echo && offset < ECHO)
		nvmem_device_write(mem->held, offset + ECHO, bytes, val);
	mem->wp_in_write = mem->wp;
	if (mem->wp)
		mem->unprotected++;
	ret = memory_access(mem, offset, bytes);
	if (!ret)
		memcpy(mem->bytes + offset, val, bytes);
	return ret;
}

/* A post-processing that inverts all that was read. */
static int memory_invert(void *priv, const char *id, int index, unsigned int offset, void *buf,
			 size_t bytes)
{
	struct memory *mem = priv;
	u8 *byte = buf;
	size_t i;

	mem->processed++;
	pass_gate(mem, AT_PROCESS);
	strscpy(mem->id, id ?: "");
	mem->index = index;
	mem->processed_offset = offset;
	mem->processed_len = bytes;
	for (i = 0; i < bytes; i++)
		byte[i] = ~byte[i];
	return 0;
}

static int memory_refuse(void *priv, const char *id, int index, unsigned int offset, void *buf,
			 size_t bytes)
{
	return -EBADMSG;
}

/* memory_create() - A provider named @name, ready to be changed and registered. */
static struct memory *memory_create(struct kunit *test, const char *name)
{
	struct memory *mem = kunit_kzalloc(test, sizeof(*mem), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, mem);
	mem->test = test;
	mem->bytes = kunit_kmalloc(test, MEMORY_ROOM, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem->bytes);
	for (i = 0; i < MEMORY_ROOM; i++)
		mem->bytes[i] = 37 * i + 11;
	init_completion(&mem->entered);
	init_completion(&mem->opened);

	mem->dev = kunit_device_register(test, name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mem->dev);
	snprintf(mem->sys, sizeof(mem->sys), "bus/nvmem/devices/%s", name);
	snprintf(mem->parent_sys, sizeof(mem->parent_sys), "bus/kunit/devices/%s",
		 dev_name(mem->dev));

	mem->config = (struct nvmem_config) {
		.dev = mem->dev,
		.name = name,
		.id = NVMEM_DEVID_NONE,
		.owner = THIS_MODULE,
		.type = NVMEM_TYPE_EEPROM,
		.reg_read = memory_read,
		.reg_write = memory_write,
		.size = MEMORY_SIZE,
		.priv = mem,
	};
	return mem;
}

static int memory_init(struct kunit *test)
{
	struct memory *mem = memory_create(test, MEMORY_NAME);

	mem->consumer = kunit_device_register(test, "consumer");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mem->consumer);
	test->priv = mem;
	return 0;
}

static void unplug_action(void *priv)
{
	struct memory *mem = priv;

	nvmem_unregister(mem->nvmem);
	WRITE_ONCE(mem->gone, true);
}

static void plug(struct memory *mem)
{
	WRITE_ONCE(mem->gone, false);
	mem->nvmem = nvmem_register(&mem->config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(mem->test, mem->nvmem);
	KUNIT_ASSERT_EQ(mem->test,
			kunit_add_action_or_reset(mem->test, unplug_action, mem), 0);
}

static void unplug(struct memory *mem)
{
	kunit_release_action(mem->test, unplug_action, mem);
}

/* plug_error() - What nvmem_register() answers, with nothing left registered. */
static int plug_error(struct memory *mem)
{
	struct nvmem_device *nvmem = nvmem_register(&mem->config);

	if (IS_ERR(nvmem))
		return PTR_ERR(nvmem);
	nvmem_unregister(nvmem);
	return 0;
}

static void lookup_del_action(void *lookup)
{
	nvmem_del_cell_lookups(lookup, 1);
}

/* look_up() - Lets the consumer find the cell @cell under that name. */
static void look_up(struct memory *mem, const char *cell)
{
	struct nvmem_cell_lookup *lookup;

	lookup = kunit_kzalloc(mem->test, sizeof(*lookup), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(mem->test, lookup);
	lookup->nvmem_name = mem->config.name;
	lookup->cell_name = cell;
	lookup->dev_id = dev_name(mem->consumer);
	lookup->con_id = cell;
	nvmem_add_cell_lookups(lookup, 1);
	KUNIT_ASSERT_EQ(mem->test,
			kunit_add_action_or_reset(mem->test, lookup_del_action, lookup), 0);
}

static void plug_cells(struct memory *mem, const struct nvmem_cell_info *cells, int ncells)
{
	int i;

	mem->config.cells = cells;
	mem->config.ncells = ncells;
	plug(mem);
	/* The core copies them: from here on they may go. */
	mem->config.cells = NULL;
	mem->config.ncells = 0;
	for (i = 0; i < ncells; i++)
		look_up(mem, cells[i].name);
}

#define CELL(...) ((const struct nvmem_cell_info) { .name = "cell", __VA_ARGS__ })
#define plug_cell(mem, ...) plug_cells(mem, &CELL(__VA_ARGS__), 1)

KUNIT_DEFINE_ACTION_WRAPPER(device_put_action, nvmem_device_put, struct nvmem_device *);
KUNIT_DEFINE_ACTION_WRAPPER(cell_put_action, nvmem_cell_put, struct nvmem_cell *);

static struct nvmem_device *keep_device(struct memory *mem, struct nvmem_device *nvmem)
{
	KUNIT_ASSERT_NOT_ERR_OR_NULL(mem->test, nvmem);
	KUNIT_ASSERT_EQ(mem->test,
			kunit_add_action_or_reset(mem->test, device_put_action, nvmem), 0);
	return nvmem;
}

static struct nvmem_device *hold_device(struct memory *mem)
{
	return keep_device(mem, nvmem_device_get(mem->consumer, mem->config.name));
}

static void put_device_early(struct memory *mem, struct nvmem_device *nvmem)
{
	kunit_release_action(mem->test, device_put_action, nvmem);
}

/* device_error() - What a look-up answered, with nothing held. */
static int device_error(struct nvmem_device *nvmem)
{
	if (IS_ERR(nvmem))
		return PTR_ERR(nvmem);
	nvmem_device_put(nvmem);
	return 0;
}

static int device_get_error(struct memory *mem, const char *name)
{
	return device_error(nvmem_device_get(mem->consumer, name));
}

static struct nvmem_cell *keep_cell(struct memory *mem, struct nvmem_cell *cell)
{
	KUNIT_ASSERT_NOT_ERR_OR_NULL(mem->test, cell);
	KUNIT_ASSERT_EQ(mem->test,
			kunit_add_action_or_reset(mem->test, cell_put_action, cell), 0);
	return cell;
}

static struct nvmem_cell *hold_cell(struct memory *mem, const char *id)
{
	return keep_cell(mem, nvmem_cell_get(mem->consumer, id));
}

static void put_cell_early(struct memory *mem, struct nvmem_cell *cell)
{
	kunit_release_action(mem->test, cell_put_action, cell);
}

static int cell_error(struct nvmem_cell *cell)
{
	if (IS_ERR(cell))
		return PTR_ERR(cell);
	nvmem_cell_put(cell);
	return 0;
}

static int cell_get_error(struct memory *mem, const char *id)
{
	return cell_error(nvmem_cell_get(mem->consumer, id));
}

static int cell_read_error(struct nvmem_cell *cell)
{
	void *buf = nvmem_cell_read(cell, NULL);

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	kfree(buf);
	return 0;
}

static void expect_cell(struct memory *mem, struct nvmem_cell *cell, const void *want, size_t len)
{
	size_t got = 0;
	void *buf = nvmem_cell_read(cell, &got);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(mem->test, buf);
	KUNIT_EXPECT_EQ(mem->test, got, len);
	KUNIT_EXPECT_MEMEQ(mem->test, buf, want, len);
	kfree(buf);
}

/* A view of sysfs that needs no user space. */
static struct vfsmount *sysfs;

static int mount_sysfs(struct kunit_suite *suite)
{
	struct file_system_type *type = get_fs_type("sysfs");

	if (!type)
		return 0;
	sysfs = kern_mount(type);
	module_put(type->owner);
	return PTR_ERR_OR_ZERO(sysfs);
}

static void unmount_sysfs(struct kunit_suite *suite)
{
	if (!IS_ERR_OR_NULL(sysfs))
		kern_unmount(sysfs);
	sysfs = NULL;
}

#ifdef CONFIG_NVMEM_SYSFS

/* attr_inode() - The mode and size of an attribute, or what finding it answers. */
static int attr_inode(const char *dir, const char *name, umode_t *mode, loff_t *size)
{
	struct path path;
	char full[160];
	int ret;

	snprintf(full, sizeof(full), "%s/%s", dir, name);
	ret = vfs_path_lookup(sysfs->mnt_root, sysfs, full, LOOKUP_FOLLOW, &path);
	if (ret)
		return ret;
	*mode = d_inode(path.dentry)->i_mode;
	*size = d_inode(path.dentry)->i_size;
	path_put(&path);
	return 0;
}

static int attr_mode(const char *dir, const char *name)
{
	umode_t mode;
	loff_t size;

	return attr_inode(dir, name, &mode, &size) ?: mode & 07777;
}

static loff_t attr_size(const char *dir, const char *name)
{
	umode_t mode;
	loff_t size;

	return attr_inode(dir, name, &mode, &size) ?: size;
}

static struct file *attr_open(const char *dir, const char *name, int flags)
{
	char full[160];

	snprintf(full, sizeof(full), "%s/%s", dir, name);
	return file_open_root_mnt(sysfs, full, flags, 0);
}

static ssize_t attr_read(const char *dir, const char *name, void *buf, size_t len, loff_t pos)
{
	struct file *file = attr_open(dir, name, O_RDONLY);
	ssize_t ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = kernel_read(file, buf, len, &pos);
	__fput_sync(file);
	return ret;
}

static ssize_t attr_write(const char *dir, const char *name, const void *buf, size_t len,
			  loff_t pos)
{
	struct file *file = attr_open(dir, name, O_WRONLY);
	ssize_t ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = kernel_write(file, buf, len, &pos);
	__fput_sync(file);
	return ret;
}

KUNIT_DEFINE_ACTION_WRAPPER(file_close_action, __fput_sync, struct file *);

static struct file *hold_attr(struct memory *mem, const char *dir, const char *name, int flags)
{
	struct file *file = attr_open(dir, name, flags);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(mem->test, file);
	KUNIT_ASSERT_EQ(mem->test,
			kunit_add_action_or_reset(mem->test, file_close_action, file), 0);
	return file;
}

#endif /* CONFIG_NVMEM_SYSFS */

/* A function of the test that runs beside it. */
struct call {
	struct work_struct work;
	struct memory *mem;
	int (*go)(struct memory *mem);
	int ret;
};

static void call_work(struct work_struct *work)
{
	struct call *call = container_of(work, struct call, work);

	call->ret = call->go(call->mem);
}

static void open_gate(struct memory *mem)
{
	WRITE_ONCE(mem->gate, OPEN);
	complete_all(&mem->opened);
}

static void close_gate(struct memory *mem, enum gate gate)
{
	reinit_completion(&mem->entered);
	reinit_completion(&mem->opened);
	WRITE_ONCE(mem->gate, gate);
}

static void call_finish_action(void *priv)
{
	struct call *call = priv;

	open_gate(call->mem);
	WRITE_ONCE(call->mem->stop, true);
	flush_work(&call->work);
}

static struct call *start(struct memory *mem, int (*go)(struct memory *mem))
{
	struct call *call = kunit_kzalloc(mem->test, sizeof(*call), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(mem->test, call);
	call->mem = mem;
	call->go = go;
	INIT_WORK(&call->work, call_work);
	queue_work(system_dfl_wq, &call->work);
	KUNIT_ASSERT_EQ(mem->test,
			kunit_add_action_or_reset(mem->test, call_finish_action, call), 0);
	return call;
}

static int join(struct call *call)
{
	flush_work(&call->work);
	return call->ret;
}

static void await_callback(struct memory *mem)
{
	KUNIT_ASSERT_NE(mem->test, wait_for_completion_timeout(&mem->entered, 10 * HZ), 0);
}

/* The events of the notifier chain, in their order. */
struct events {
	struct notifier_block nb;
	struct memory *mem;
	void (*react)(struct events *events, unsigned long event, void *data);
	struct {
		unsigned long event;
		void *data;
	} seen[48];
	unsigned int count;
};

static int note_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct events *events = container_of(nb, struct events, nb);

	if (events->count < ARRAY_SIZE(events->seen)) {
		events->seen[events->count].event = event;
		events->seen[events->count++].data = data;
	}
	if (events->react)
		events->react(events, event, data);
	return NOTIFY_OK;
}

static void unwatch_action(void *nb)
{
	nvmem_unregister_notifier(nb);
}

static struct events *watch(struct memory *mem)
{
	struct events *events = kunit_kzalloc(mem->test, sizeof(*events), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(mem->test, events);
	events->mem = mem;
	events->nb.notifier_call = note_event;
	KUNIT_ASSERT_EQ(mem->test, nvmem_register_notifier(&events->nb), 0);
	KUNIT_ASSERT_EQ(mem->test,
			kunit_add_action_or_reset(mem->test, unwatch_action, &events->nb), 0);
	return events;
}

static int seen(struct events *events, unsigned long event)
{
	unsigned int i;
	int count = 0;

	for (i = 0; i < events->count; i++)
		count += events->seen[i].event == event;
	return count;
}

/* Registration. */

static void register_wants_a_device_and_a_callback(struct kunit *test)
{
	struct memory *mem = test->priv;

	mem->config.dev = NULL;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);
	mem->config.dev = mem->dev;
	mem->config.reg_read = NULL;
	KUNIT_EXPECT_EQ(test, plug_error(mem), 0);
	mem->config.reg_write = NULL;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);
	mem->config.reg_read = memory_read;
	KUNIT_EXPECT_EQ(test, plug_error(mem), 0);
}

static void name_is_as_given_without_id(struct kunit *test)
{
	struct memory *mem = test->priv;

	plug(mem);
	KUNIT_EXPECT_STREQ(test, nvmem_dev_name(mem->nvmem), MEMORY_NAME);
	KUNIT_EXPECT_EQ(test, nvmem_dev_size(mem->nvmem), MEMORY_SIZE);
}

static void size_of_up_to_4_gib_is_kept(struct kunit *test)
{
	struct memory *mem = test->priv;

	/* What mtd_nvmem_add() makes of 2 GiB. */
	mem->config.size = INT_MIN;
	plug(mem);
	KUNIT_EXPECT_EQ(test, nvmem_dev_size(mem->nvmem), SZ_2G);
}

static void name_ends_with_id(struct kunit *test)
{
	struct memory *mem = test->priv;

	mem->config.id = 7;
	plug(mem);
	KUNIT_EXPECT_STREQ(test, nvmem_dev_name(mem->nvmem), MEMORY_NAME "7");
}

/* number_after() - The number that follows @prefix in @name, or an error. */
static int number_after(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);
	unsigned int number;

	if (strncmp(name, prefix, len))
		return -EINVAL;
	return kstrtouint(name + len, 10, &number) ?: number;
}

static void automatic_ids_differ(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct memory *other = memory_create(test, "other");
	int first, second;

	mem->config.id = NVMEM_DEVID_AUTO;
	other->config.id = NVMEM_DEVID_AUTO;
	other->config.name = mem->config.name;
	plug(mem);
	plug(other);
	first = number_after(nvmem_dev_name(mem->nvmem), MEMORY_NAME);
	second = number_after(nvmem_dev_name(other->nvmem), MEMORY_NAME);
	KUNIT_EXPECT_GE(test, first, 0);
	KUNIT_EXPECT_GE(test, second, 0);
	KUNIT_EXPECT_NE(test, first, second);
}

static void no_name_makes_a_numbered_one(struct kunit *test)
{
	struct memory *mem = test->priv;

	mem->config.name = NULL;
	mem->config.id = 12345;
	plug(mem);
	KUNIT_EXPECT_GE(test, number_after(nvmem_dev_name(mem->nvmem), "nvmem"), 0);
	KUNIT_EXPECT_STRNEQ(test, nvmem_dev_name(mem->nvmem), "nvmem12345");
}

static void second_of_a_name_is_eexist(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct memory *other = memory_create(test, "other");
	struct nvmem_device *held;
	u8 byte;

	other->config.name = mem->config.name;
	plug(mem);
	KUNIT_EXPECT_EQ(test, plug_error(other), -EEXIST);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 3, 1, &byte), 1);
	KUNIT_EXPECT_EQ(test, byte, mem->bytes[3]);
}

static void name_can_be_used_again(struct kunit *test)
{
	struct memory *mem = test->priv;
	int i;

	for (i = 0; i < 10; i++) {
		plug_cell(mem, .bytes = 1);
		unplug(mem);
	}
}

static void unregister_takes_null(struct kunit *test)
{
	nvmem_unregister(NULL);
}

static void managed_device_goes_with_its_parent(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *nvmem;

	nvmem = devm_nvmem_register(mem->dev, &mem->config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, nvmem);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), 0);
	kunit_device_unregister(test, mem->dev);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), -EPROBE_DEFER);
}

static void managed_device_passes_errors_on(struct kunit *test)
{
	struct memory *mem = test->priv;

	mem->config.reg_read = NULL;
	mem->config.reg_write = NULL;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(devm_nvmem_register(mem->dev, &mem->config)),
			-EINVAL);
}

static void failed_register_leaves_nothing(struct kunit *test)
{
	static const struct nvmem_cell_info cells[] = {
		{ .name = "good", .offset = 0, .bytes = 4 },
		{ .name = "unaligned", .offset = 6, .bytes = 4 },
	};
	struct memory *mem = test->priv;

	mem->config.stride = 4;
	mem->config.cells = cells;
	mem->config.ncells = ARRAY_SIZE(cells);
	look_up(mem, "good");
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "good"), -EPROBE_DEFER);
	mem->config.ncells = 1;
	plug(mem);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "good"), 0);
}

struct keepout_case {
	const char *desc;
	int word_size, stride;
	unsigned int nkeepout;
	struct nvmem_keepout keepout[3];
	int want;
};

static const struct keepout_case keepout_cases[] = {
	{ "sorted, adjoining", 1, 1, 3, { { 2, 4 }, { 4, 6 }, { 10, 12 } }, 0 },
	{ "words", 4, 4, 2, { { 0, 4 }, { 8, 16 } }, 0 },
	{ "overlapping", 1, 1, 2, { { 2, 6 }, { 4, 8 } }, -ERANGE },
	{ "unsorted", 1, 1, 2, { { 8, 10 }, { 2, 4 } }, -ERANGE },
	{ "end before start", 1, 1, 1, { { 6, 4 } }, -EINVAL },
	{ "empty", 1, 1, 1, { { 4, 4 } }, -ERANGE },
	{ "less than a word", 4, 1, 1, { { 4, 6 } }, -ERANGE },
	{ "less than a word before the first", 4, 1, 1, { { 2, 8 } }, -ERANGE },
	{ "less than a word between", 4, 1, 2, { { 4, 8 }, { 10, 16 } }, -ERANGE },
	{ "start off the stride", 1, 4, 1, { { 2, 8 } }, -EINVAL },
	{ "end off the stride", 1, 4, 1, { { 4, 6 } }, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(keepouts, keepout_cases, desc);

static void keepouts_are_checked(struct kunit *test)
{
	const struct keepout_case *param = test->param_value;
	struct memory *mem = test->priv;

	mem->config.word_size = param->word_size;
	mem->config.stride = param->stride;
	mem->config.keepout = param->keepout;
	mem->config.nkeepout = param->nkeepout;
	KUNIT_EXPECT_EQ(test, plug_error(mem), param->want);
}

/* Access by device. */

static void device_access_returns_the_count(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *held;
	u8 buf[8], data[] = { 1, 2, 3 };

	plug(mem);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 5, sizeof(buf), buf), sizeof(buf));
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes + 5, sizeof(buf));
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 9, sizeof(data), data), sizeof(data));
	KUNIT_EXPECT_MEMEQ(test, mem->bytes + 9, data, sizeof(data));
	KUNIT_EXPECT_EQ(test, mem->offset, 9);
	KUNIT_EXPECT_EQ(test, mem->len, sizeof(data));
	KUNIT_EXPECT_EQ(test, mem->reads + mem->writes, 2);
}

static void device_access_checks_no_bounds(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *held;
	u8 byte = 0;

	plug(mem);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, MEMORY_SIZE + 1, 1, &byte), 1);
	KUNIT_EXPECT_EQ(test, byte, mem->bytes[MEMORY_SIZE + 1]);
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, MEMORY_ROOM, 1, &byte), -ENXIO);
}

static void device_access_passes_errors_on(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell_info info = { .offset = 0, .bytes = 1 };
	struct nvmem_device *held;
	u8 byte = 0;

	plug(mem);
	held = hold_device(mem);
	mem->error = -EREMOTEIO;
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 0, 1, &byte), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 0, 1, &byte), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_read(held, &info, &byte), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_write(held, &info, &byte), -EREMOTEIO);
}

static void device_access_wants_a_device(struct kunit *test)
{
	struct nvmem_cell_info info = { .offset = 0, .bytes = 1 };
	u8 byte = 0;

	KUNIT_EXPECT_EQ(test, nvmem_device_read(NULL, 0, 1, &byte), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_device_write(NULL, 0, 1, &byte), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_read(NULL, &info, &byte), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_write(NULL, &info, &byte), -EINVAL);
}

static void missing_callback_is_eopnotsupp(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *held;
	u8 byte = 0;

	mem->config.reg_write = NULL;
	plug(mem);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 0, 1, &byte), -EOPNOTSUPP);
	put_device_early(mem, held);
	unplug(mem);

	mem->config.reg_read = NULL;
	mem->config.reg_write = memory_write;
	plug(mem);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 0, 1, &byte), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 0, 1, &byte), 1);
}

static void read_only_binds_cells_not_the_device(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell_info info = { .offset = 0, .bytes = 1 };
	struct nvmem_device *held;
	u8 byte = 0xa5;

	mem->config.read_only = true;
	plug_cell(mem, .bytes = 1);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(hold_cell(mem, "cell"), &byte, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_write(held, &info, &byte), -EINVAL);
	KUNIT_EXPECT_EQ(test, mem->writes, 0);
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 0, 1, &byte), 1);
	KUNIT_EXPECT_EQ(test, mem->bytes[0], 0xa5);
}

static void read_only_by_property(struct kunit *test)
{
	static const struct property_entry properties[] = {
		PROPERTY_ENTRY_BOOL("read-only"),
		{ }
	};
	struct memory *mem = test->priv;
	u8 byte = 0;

	KUNIT_ASSERT_EQ(test,
			device_create_managed_software_node(mem->dev, properties, NULL), 0);
	plug_cell(mem, .bytes = 1);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(hold_cell(mem, "cell"), &byte, 1), -EINVAL);
}

static void keepouts_fill_reads_and_skip_writes(struct kunit *test)
{
	static const struct nvmem_keepout keepout[] = { { 4, 8, 0xaa }, { 8, 9, 0xbb },
							{ 12, 16, 0xcc } };
	struct memory *mem = test->priv;
	struct nvmem_device *held;
	unsigned int offset, len, i, k;
	u8 filled[20], before[20], data[20], buf[20];

	mem->config.keepout = keepout;
	mem->config.nkeepout = ARRAY_SIZE(keepout);
	plug(mem);
	held = hold_device(mem);

	for (offset = 0; offset < 20; offset++) {
		for (len = 1; offset + len <= 20; len++) {
			memcpy(before, mem->bytes, 20);
			memcpy(filled, mem->bytes, 20);
			for (k = 0; k < ARRAY_SIZE(keepout); k++)
				memset(filled + keepout[k].start, keepout[k].value,
				       keepout[k].end - keepout[k].start);
			KUNIT_ASSERT_EQ(test, nvmem_device_read(held, offset, len, buf), len);
			KUNIT_ASSERT_MEMEQ(test, buf, filled + offset, len);

			memset(data, offset * 20 + len, 20);
			KUNIT_ASSERT_EQ(test, nvmem_device_write(held, offset, len, data), len);
			memcpy(before + offset, data, len);
			for (k = 0; k < ARRAY_SIZE(keepout); k++)
				for (i = keepout[k].start; i < keepout[k].end; i++)
					before[i] = 37 * i + 11;
			KUNIT_ASSERT_MEMEQ(test, mem->bytes, before, 20);
		}
	}

	mem->reads = 0;
	mem->writes = 0;
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 4, 5, buf), 5);
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 12, 4, data), 4);
	KUNIT_EXPECT_EQ(test, mem->reads + mem->writes, 0);
	mem->error = -EREMOTEIO;
	KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 2, 10, buf), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 2, 10, data), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, mem->reads, 1);
	KUNIT_EXPECT_EQ(test, mem->writes, 1);
}

static void device_cell_access_by_description(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell_info info = { .offset = 8, .bytes = 4 };
	struct nvmem_cell_info bits = { .offset = 12, .bytes = 1, .bit_offset = 2, .nbits = 4 };
	struct nvmem_cell_info unaligned = { .offset = 9, .bytes = 4 };
	struct nvmem_cell_info ragged = { .offset = 8, .bytes = 4, .raw_len = 3 };
	struct nvmem_device *held;
	u8 buf[4], data[] = { 9, 8, 7, 6 };

	mem->config.stride = 4;
	plug(mem);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_read(held, &info, buf), 4);
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes + 8, 4);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_write(held, &info, data), 4);
	KUNIT_EXPECT_MEMEQ(test, mem->bytes + 8, data, 4);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_read(held, &unaligned, buf), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_write(held, &unaligned, data), -EINVAL);

	mem->bytes[12] = 0xd7;
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_read(held, &bits, buf), 1);
	KUNIT_EXPECT_EQ(test, buf[0], 0x5);
	data[0] = 0xa;
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_write(held, &bits, data), 1);
	KUNIT_EXPECT_EQ(test, mem->bytes[12], 0xeb);

	put_device_early(mem, held);
	unplug(mem);
	mem->config.word_size = 4;
	plug(mem);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_read(held, &ragged, buf), -EINVAL);
}

/* Finding devices. */

static void absent_device_is_deferred(struct kunit *test)
{
	struct memory *mem = test->priv;

	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), -EPROBE_DEFER);
	plug(mem);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), 0);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, "no-such-memory"), -EPROBE_DEFER);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), -EPROBE_DEFER);
}

static int match_parent(struct device *dev, const void *data)
{
	return dev->parent == data;
}

static void device_is_found_by_a_match(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct memory *other = memory_create(test, "other");
	struct nvmem_device *held;

	plug(mem);
	plug(other);
	held = keep_device(mem, nvmem_device_find(other->dev, match_parent));
	KUNIT_EXPECT_PTR_EQ(test, held, other->nvmem);
	KUNIT_EXPECT_STREQ(test, nvmem_dev_name(held), "other");
	KUNIT_EXPECT_EQ(test, device_error(nvmem_device_find(mem->consumer, match_parent)),
			-EPROBE_DEFER);
}

/* A name that is free shows that no handle was left behind. */
static void expect_balanced(struct memory *mem)
{
	unplug(mem);
	KUNIT_EXPECT_EQ(mem->test, plug_error(mem), 0);
}

static void handles_balance(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *held;
	struct nvmem_cell *cell;

	plug_cell(mem, .bytes = 4);
	held = hold_device(mem);
	cell = hold_cell(mem, "cell");
	put_device_early(mem, held);
	put_cell_early(mem, cell);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "no-such-cell"), -ENOENT);
	expect_balanced(mem);
}

static void managed_handles_go_with_the_consumer(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *nvmem;
	struct nvmem_cell *cell;

	plug_cell(mem, .bytes = 4);
	nvmem = devm_nvmem_device_get(mem->consumer, MEMORY_NAME);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, nvmem);
	cell = devm_nvmem_cell_get(mem->consumer, "cell");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cell);
	expect_cell(mem, cell, mem->bytes, 4);
	kunit_device_unregister(test, mem->consumer);
	expect_balanced(mem);
}

static void managed_handles_are_put_early(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *nvmem;
	struct nvmem_cell *cell;

	plug_cell(mem, .bytes = 4);
	nvmem = devm_nvmem_device_get(mem->consumer, MEMORY_NAME);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, nvmem);
	cell = devm_nvmem_cell_get(mem->consumer, "cell");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cell);
	devm_nvmem_cell_put(mem->consumer, cell);
	devm_nvmem_device_put(mem->consumer, nvmem);
	expect_balanced(mem);
}

static void managed_gets_pass_errors_on(struct kunit *test)
{
	struct memory *mem = test->priv;

	KUNIT_EXPECT_EQ(test,
			PTR_ERR_OR_ZERO(devm_nvmem_device_get(mem->consumer, MEMORY_NAME)),
			-EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(devm_nvmem_cell_get(mem->consumer, "cell")),
			-ENOENT);
}

#ifdef CONFIG_MODULE_UNLOAD

/* module_create() - As much of a module as its reference counting looks at. */
static struct module *module_create(struct kunit *test)
{
	struct module *module = kunit_kzalloc(test, sizeof(*module), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, module);
	module->state = MODULE_STATE_LIVE;
	atomic_set(&module->refcnt, 1);
	return module;
}

static void handles_pin_the_owner(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct module *owner = module_create(test);
	struct nvmem_device *held;
	struct nvmem_cell *cell;

	mem->config.owner = owner;
	plug_cell(mem, .bytes = 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->refcnt), 1);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->refcnt), 2);
	cell = hold_cell(mem, "cell");
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->refcnt), 3);
	put_device_early(mem, held);
	put_cell_early(mem, cell);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "no-such-cell"), -ENOENT);
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->refcnt), 1);
}

static void owner_is_the_driver_s_by_default(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct module *owner = module_create(test);
	struct device_driver *driver = mem->dev->driver;
	struct module *real;
	struct nvmem_device *held;

	KUNIT_ASSERT_NOT_NULL(test, driver);
	real = driver->owner;
	driver->owner = owner;
	mem->config.owner = NULL;
	plug(mem);
	driver->owner = real;
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->refcnt), 2);
	put_device_early(mem, held);
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->refcnt), 1);
}

static void unloading_owner_is_einval(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct module *owner = module_create(test);

	mem->config.owner = owner;
	plug_cell(mem, .bytes = 4);
	owner->state = MODULE_STATE_GOING;
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), -EINVAL);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "cell"), -EINVAL);
	KUNIT_EXPECT_EQ(test, device_error(nvmem_device_find(mem->dev, match_parent)),
			-EINVAL);
	owner->state = MODULE_STATE_LIVE;
	KUNIT_EXPECT_EQ(test, atomic_read(&owner->refcnt), 1);
	expect_balanced(mem);
}
#else

static void no_owners(struct kunit *test)
{
	kunit_skip(test, "modules have no reference counts without CONFIG_MODULE_UNLOAD");
}
#endif

/* Cells. */

static void cell_look_ups_say_what_is_missing(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell_lookup lookups[] = {
		{ .nvmem_name = MEMORY_NAME, .cell_name = "cell", .con_id = "first",
		  .dev_id = dev_name(mem->consumer) },
		{ .nvmem_name = MEMORY_NAME, .cell_name = "none", .con_id = "second",
		  .dev_id = dev_name(mem->consumer) },
		{ .nvmem_name = MEMORY_NAME, .cell_name = "cell", .con_id = "third",
		  .dev_id = "another-consumer" },
	};

	KUNIT_EXPECT_EQ(test, cell_get_error(mem, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "first"), -ENOENT);
	nvmem_add_cell_lookups(lookups, ARRAY_SIZE(lookups));
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "first"), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "second"), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "third"), -ENOENT);
	plug_cell(mem, .bytes = 4);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "first"), 0);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "second"), -ENOENT);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "third"), -ENOENT);
	nvmem_del_cell_lookups(lookups, ARRAY_SIZE(lookups));
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "first"), -ENOENT);
}

static void device_without_a_name_has_no_cells(struct kunit *test)
{
	struct device *nameless = kunit_kzalloc(test, sizeof(*nameless), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, nameless);
	KUNIT_EXPECT_EQ(test, cell_error(nvmem_cell_get(nameless, "cell")), -ENOENT);
}

static void cell_is_read_and_written(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell *cell;
	u8 data[] = { 1, 2, 3, 4, 5, 6 };

	plug_cell(mem, .offset = 10, .bytes = 6);
	cell = hold_cell(mem, "cell");
	expect_cell(mem, cell, mem->bytes + 10, 6);
	KUNIT_EXPECT_EQ(test, cell_read_error(cell), 0);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, data, 6), 6);
	KUNIT_EXPECT_MEMEQ(test, mem->bytes + 10, data, 6);
	KUNIT_EXPECT_EQ(test, mem->writes, 1);
}

static void cell_write_wants_the_exact_length(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell *cell;
	u8 data[8] = { };

	plug_cell(mem, .offset = 10, .bytes = 6);
	cell = hold_cell(mem, "cell");
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, data, 5), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, data, 7), -EINVAL);
	KUNIT_EXPECT_EQ(test, mem->writes, 0);
}

static void cell_access_passes_errors_on(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell *cell;
	u32 data = 0;

	plug_cell(mem, .bytes = 4);
	cell = hold_cell(mem, "cell");
	mem->error = -EREMOTEIO;
	KUNIT_EXPECT_EQ(test, cell_read_error(cell), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, &data, 4), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u32(mem->consumer, "cell", &data), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_variable_le_u32(mem->consumer, "cell", &data),
			-EREMOTEIO);
}

static void cell_access_without_callbacks(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell *cell;
	u8 byte = 0;

	mem->config.reg_write = NULL;
	plug_cell(mem, .bytes = 1);
	cell = hold_cell(mem, "cell");
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, &byte, 1), -EINVAL);
	put_cell_early(mem, cell);
	unplug(mem);

	mem->config.reg_read = NULL;
	mem->config.reg_write = memory_write;
	plug_cell(mem, .bytes = 1);
	cell = hold_cell(mem, "cell");
	KUNIT_EXPECT_EQ(test, cell_read_error(cell), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, &byte, 1), 1);
}

static void cell_offset_is_aligned_to_the_stride(struct kunit *test)
{
	struct memory *mem = test->priv;
	const struct nvmem_cell_info aligned = CELL(.offset = 8, .bytes = 3);
	const struct nvmem_cell_info unaligned = CELL(.offset = 6, .bytes = 3);

	mem->config.stride = 4;
	mem->config.ncells = 1;
	mem->config.cells = &aligned;
	KUNIT_EXPECT_EQ(test, plug_error(mem), 0);
	mem->config.cells = &unaligned;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);
}

static void cell_raw_length_is_whole_words(struct kunit *test)
{
	struct memory *mem = test->priv;
	const struct nvmem_cell_info ragged = CELL(.bytes = 3, .raw_len = 6);

	mem->config.word_size = 4;
	mem->config.ncells = 1;
	mem->config.cells = &ragged;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);

	/* That which is not given is rounded up. */
	plug_cell(mem, .offset = 8, .bytes = 5);
	expect_cell(mem, hold_cell(mem, "cell"), mem->bytes + 8, 5);
	KUNIT_EXPECT_EQ(test, mem->len, 8);
}

static void cell_is_added_later(struct kunit *test)
{
	struct memory *mem = test->priv;

	mem->config.stride = 2;
	plug(mem);
	look_up(mem, "cell");
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "cell"), -ENOENT);
	KUNIT_EXPECT_EQ(test, nvmem_add_one_cell(mem->nvmem, &CELL(.offset = 3, .bytes = 2)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "cell"), -ENOENT);
	KUNIT_EXPECT_EQ(test, nvmem_add_one_cell(mem->nvmem, &CELL(.offset = 4, .bytes = 2)), 0);
	expect_cell(mem, hold_cell(mem, "cell"), mem->bytes + 4, 2);
}

static void first_cell_of_a_name_is_found(struct kunit *test)
{
	static const struct nvmem_cell_info cells[] = {
		{ .name = "other", .offset = 0, .bytes = 1 },
		{ .name = "cell", .offset = 4, .bytes = 2 },
		{ .name = "cell", .offset = 8, .bytes = 3 },
	};
	struct memory *mem = test->priv;

	plug_cells(mem, cells, ARRAY_SIZE(cells));
	expect_cell(mem, hold_cell(mem, "cell"), mem->bytes + 4, 2);
}

static void post_processing_gets_the_raw_cell(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell *cell;
	u8 want[3], byte = 0;
	int i;

	mem->config.word_size = 2;
	plug_cell(mem, .offset = 12, .bytes = 3, .raw_len = 10,
		  .read_post_process = memory_invert, .priv = mem);
	for (i = 0; i < 3; i++)
		want[i] = ~mem->bytes[12 + i];
	cell = hold_cell(mem, "cell");
	expect_cell(mem, cell, want, 3);
	KUNIT_EXPECT_EQ(test, mem->len, 10);
	KUNIT_EXPECT_STREQ(test, mem->id, "cell");
	KUNIT_EXPECT_EQ(test, mem->index, 0);
	KUNIT_EXPECT_EQ(test, mem->processed_offset, 12);
	KUNIT_EXPECT_EQ(test, mem->processed_len, 10);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, &byte, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, want, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, mem->writes, 0);
}

static void post_processing_may_lengthen(struct kunit *test)
{
	struct memory *mem = test->priv;
	u8 want[8] = { };
	int i;

	plug_cell(mem, .offset = 12, .bytes = 8, .raw_len = 2,
		  .read_post_process = memory_invert, .priv = mem);
	for (i = 0; i < 2; i++)
		want[i] = ~mem->bytes[12 + i];
	expect_cell(mem, hold_cell(mem, "cell"), want, 8);
}

static void post_processing_fails_the_read(struct kunit *test)
{
	struct memory *mem = test->priv;

	plug_cell(mem, .bytes = 4, .read_post_process = memory_refuse);
	KUNIT_EXPECT_EQ(test, cell_read_error(hold_cell(mem, "cell")), -EBADMSG);
}

struct bits_case {
	unsigned int offset, nbits;
};

static void bits_desc(const struct bits_case *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bits from bit %u", param->nbits, param->offset);
}

static bool bit_of(const u8 *bytes, unsigned int bit)
{
	return bytes[bit / 8] & BIT(bit % 8);
}

static const struct bits_case bits_read_cases[] = {
	{ 0, 1 }, { 0, 5 }, { 0, 8 }, { 0, 12 }, { 0, 16 }, { 1, 7 }, { 1, 15 }, { 2, 4 },
	{ 3, 7 }, { 4, 8 }, { 5, 32 }, { 7, 1 }, { 7, 9 }, { 8, 8 }, { 9, 3 }, { 9, 16 },
	{ 12, 12 }, { 16, 4 },
};

KUNIT_ARRAY_PARAM(bits_read, bits_read_cases, bits_desc);

static void bits_are_shifted_down_and_masked(struct kunit *test)
{
	const struct bits_case *param = test->param_value;
	struct memory *mem = test->priv;
	u8 want[8] = { };
	unsigned int i;

	for (i = 0; i < param->nbits; i++)
		if (bit_of(mem->bytes + 20, param->offset + i))
			want[i / 8] |= BIT(i % 8);
	plug_cell(mem, .offset = 20, .bytes = 8, .bit_offset = param->offset,
		  .nbits = param->nbits);
	expect_cell(mem, hold_cell(mem, "cell"), want,
		    DIV_ROUND_UP(param->offset + param->nbits, 8));
}

/*
 * expect_bits_written() - Writes @nbits from bit @offset over every kind of neighbour, and checks
 * each bit there. With @excess, the value has more bits than the cell.
 */
static void expect_bits_written(struct memory *mem, const struct bits_case *param, bool excess)
{
	static const u8 fills[] = { 0x00, 0xff, 0xa5 };
	static const u8 values[] = { 0x00, 0xff, 0x5a, 0xc3 };
	struct kunit *test = mem->test;
	unsigned int len = BITS_TO_BYTES(param->nbits), fill, value, i;
	struct nvmem_cell *cell;

	plug_cell(mem, .offset = 20, .bytes = 8, .bit_offset = param->offset,
		  .nbits = param->nbits);
	cell = hold_cell(mem, "cell");
	for (fill = 0; fill < ARRAY_SIZE(fills); fill++) {
		for (value = 0; value < ARRAY_SIZE(values); value++) {
			u8 data[8], want[16];

			memset(data, values[value], sizeof(data));
			if (!excess && param->nbits % 8)
				data[len - 1] &= GENMASK(param->nbits % 8 - 1, 0);
			memset(want, fills[fill], sizeof(want));
			memset(mem->bytes + 16, fills[fill], sizeof(want));
			for (i = 0; i < param->nbits; i++) {
				unsigned int at = 32 + param->offset + i;

				want[at / 8] &= ~BIT(at % 8);
				if (bit_of(data, i))
					want[at / 8] |= BIT(at % 8);
			}
			KUNIT_ASSERT_EQ(test, nvmem_cell_write(cell, data, len), len);
			KUNIT_ASSERT_MEMEQ(test, mem->bytes + 16, want, sizeof(want));
		}
	}
}

static const struct bits_case bits_write_cases[] = {
	{ 0, 1 }, { 0, 5 }, { 0, 8 }, { 0, 16 }, { 2, 4 }, { 3, 5 }, { 4, 4 }, { 7, 1 },
};

KUNIT_ARRAY_PARAM(bits_write, bits_write_cases, bits_desc);

static void bits_are_merged_into_their_byte(struct kunit *test)
{
	expect_bits_written(test->priv, test->param_value, false);
}

static void bits_write_length_is_checked(struct kunit *test)
{
	static const struct nvmem_cell_info cells[] = {
		{ .name = "shifted", .offset = 0, .bytes = 1, .bit_offset = 4, .nbits = 8 },
		{ .name = "aligned", .offset = 4, .bytes = 1, .nbits = 5 },
	};
	struct memory *mem = test->priv;
	struct nvmem_cell *shifted, *aligned;
	u8 data[4] = { };

	plug_cells(mem, cells, ARRAY_SIZE(cells));
	shifted = hold_cell(mem, "shifted");
	aligned = hold_cell(mem, "aligned");
	/* As many bytes as the bits fill, or as they touch. */
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(shifted, data, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(shifted, data, 1), 1);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(shifted, data, 2), 2);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(shifted, data, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(aligned, data, 1), 1);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(aligned, data, 2), -EINVAL);
}

static void plug_cells_of_all_lengths(struct memory *mem)
{
	static const struct nvmem_cell_info cells[] = {
		{ .name = "one", .offset = 0, .bytes = 1 },
		{ .name = "two", .offset = 2, .bytes = 2 },
		{ .name = "three", .offset = 4, .bytes = 3 },
		{ .name = "four", .offset = 8, .bytes = 4 },
		{ .name = "seven", .offset = 12, .bytes = 7 },
		{ .name = "eight", .offset = 20, .bytes = 8 },
		{ .name = "nine", .offset = 28, .bytes = 9 },
		{ .name = "bits", .offset = 40, .bytes = 5, .bit_offset = 7, .nbits = 30 },
	};

	plug_cells(mem, cells, ARRAY_SIZE(cells));
}

static void integers_want_the_exact_length(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct device *dev = mem->consumer;
	u16 u16_value, u16_want;
	u32 u32_value, u32_want;
	u64 u64_value, u64_want;
	u8 u8_value;

	plug_cells_of_all_lengths(mem);
	memcpy(&u16_want, mem->bytes + 2, 2);
	memcpy(&u32_want, mem->bytes + 8, 4);
	memcpy(&u64_want, mem->bytes + 20, 8);

	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u8(dev, "one", &u8_value), 0);
	KUNIT_EXPECT_EQ(test, u8_value, mem->bytes[0]);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u16(dev, "two", &u16_value), 0);
	KUNIT_EXPECT_EQ(test, u16_value, u16_want);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u32(dev, "four", &u32_value), 0);
	KUNIT_EXPECT_EQ(test, u32_value, u32_want);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u64(dev, "eight", &u64_value), 0);
	KUNIT_EXPECT_EQ(test, u64_value, u64_want);

	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u8(dev, "two", &u8_value), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u16(dev, "one", &u16_value), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u16(dev, "three", &u16_value), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u32(dev, "three", &u32_value), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u64(dev, "four", &u64_value), -EINVAL);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u64(dev, "nine", &u64_value), -EINVAL);

	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u8(dev, "none", &u8_value), -ENOENT);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u16(dev, NULL, &u16_value), -EINVAL);
	expect_balanced(mem);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u32(dev, "four", &u32_value), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_u64(dev, "eight", &u64_value), -EPROBE_DEFER);
}

static u64 little_endian(const u8 *bytes, unsigned int len)
{
	u64 value = 0;

	while (len--)
		value = value << 8 | bytes[len];
	return value;
}

static void variable_integers_take_up_to_their_length(struct kunit *test)
{
	static const struct {
		const char *name;
		unsigned int offset, len;
	} cells[] = { { "one", 0, 1 }, { "two", 2, 2 }, { "three", 4, 3 }, { "four", 8, 4 },
		      { "seven", 12, 7 }, { "eight", 20, 8 } };
	struct memory *mem = test->priv;
	struct device *dev = mem->consumer;
	u64 u64_value, bits;
	u32 u32_value;
	int i;

	/* Bit 31 set: no sign may spread. */
	mem->bytes[11] = 0xff;
	plug_cells_of_all_lengths(mem);
	for (i = 0; i < ARRAY_SIZE(cells); i++) {
		u64 want = little_endian(mem->bytes + cells[i].offset, cells[i].len);

		KUNIT_EXPECT_EQ(test,
				nvmem_cell_read_variable_le_u64(dev, cells[i].name, &u64_value), 0);
		KUNIT_EXPECT_EQ(test, u64_value, want);
		KUNIT_EXPECT_EQ(test,
				nvmem_cell_read_variable_le_u32(dev, cells[i].name, &u32_value),
				cells[i].len <= 4 ? 0 : -ERANGE);
		if (cells[i].len <= 4)
			KUNIT_EXPECT_EQ(test, u32_value, want);
	}
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_variable_le_u64(dev, "nine", &u64_value), -ERANGE);

	/* 30 bits fit, though the bytes that they touch do not. */
	bits = little_endian(mem->bytes + 40, 5) >> 7 & GENMASK(29, 0);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_variable_le_u32(dev, "bits", &u32_value), 0);
	KUNIT_EXPECT_EQ(test, u32_value, bits);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_variable_le_u64(dev, "bits", &u64_value), 0);
	KUNIT_EXPECT_EQ(test, u64_value, bits);

	KUNIT_EXPECT_EQ(test, nvmem_cell_read_variable_le_u32(dev, "none", &u32_value), -ENOENT);
	KUNIT_EXPECT_EQ(test, nvmem_cell_read_variable_le_u64(dev, "none", &u64_value), -ENOENT);
	expect_balanced(mem);
}

/* Sysfs. */

#ifdef CONFIG_NVMEM_SYSFS

struct mode_case {
	const char *desc;
	bool read_only, root_only, no_read, no_write;
	int want;
};

static const struct mode_case mode_cases[] = {
	{ "plain", .want = 0644 },
	{ "read-only", .read_only = true, .want = 0444 },
	{ "root-only", .root_only = true, .want = 0600 },
	{ "read-only and root-only", .read_only = true, .root_only = true, .want = 0400 },
	{ "no write callback", .no_write = true, .want = 0444 },
	{ "no read callback", .no_read = true, .want = 0200 },
};

KUNIT_ARRAY_PARAM_DESC(mode, mode_cases, desc);

static void file_modes_follow_the_config(struct kunit *test)
{
	const struct mode_case *param = test->param_value;
	struct memory *mem = test->priv;

	mem->config.read_only = param->read_only;
	mem->config.root_only = param->root_only;
	if (param->no_read)
		mem->config.reg_read = NULL;
	if (param->no_write)
		mem->config.reg_write = NULL;
	mem->config.compat = true;
	mem->config.base_dev = mem->dev;
	plug_cell(mem, .offset = 0x1c, .bytes = 3, .bit_offset = 2, .nbits = 9);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "nvmem"), param->want);
	KUNIT_EXPECT_EQ(test, attr_size(mem->sys, "nvmem"), MEMORY_SIZE);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->parent_sys, "eeprom"), param->want);
	KUNIT_EXPECT_EQ(test, attr_size(mem->parent_sys, "eeprom"), MEMORY_SIZE);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/cell@1c,2"), 0444 & param->want);
	KUNIT_EXPECT_EQ(test, attr_size(mem->sys, "cells/cell@1c,2"), 2);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "type"), 0444);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "force_ro"),
			param->no_write ? -ENOENT : 0644);
}

struct type_case {
	const char *name;
	enum nvmem_type type;
};

static const struct type_case type_cases[] = {
	{ "Unknown", NVMEM_TYPE_UNKNOWN },
	{ "EEPROM", NVMEM_TYPE_EEPROM },
	{ "OTP", NVMEM_TYPE_OTP },
	{ "Battery backed", NVMEM_TYPE_BATTERY_BACKED },
	{ "FRAM", NVMEM_TYPE_FRAM },
};

KUNIT_ARRAY_PARAM_DESC(type, type_cases, name);

static void type_is_told_by_name(struct kunit *test)
{
	const struct type_case *param = test->param_value;
	struct memory *mem = test->priv;
	char want[20], buf[20] = "";

	mem->config.type = param->type;
	plug(mem);
	snprintf(want, sizeof(want), "%s\n", param->name);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "type", buf, sizeof(buf) - 1, 0),
			strlen(want));
	KUNIT_EXPECT_STREQ(test, buf, want);
}

static void file_reads_and_writes(struct kunit *test)
{
	struct memory *mem = test->priv;
	u8 buf[MEMORY_SIZE + 8], data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	plug(mem);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, sizeof(buf), 0), MEMORY_SIZE);
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes, MEMORY_SIZE);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 5, 7), 5);
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes + 7, 5);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 5, MEMORY_SIZE), 0);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", data, 8, 9), 8);
	KUNIT_EXPECT_MEMEQ(test, mem->bytes + 9, data, 8);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", data, 8, MEMORY_SIZE - 4), 4);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", data, 8, MEMORY_SIZE), -EFBIG);
	mem->error = -EREMOTEIO;
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 5, 0), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", data, 5, 0), -EREMOTEIO);
}

static void file_access_is_in_words_at_strides(struct kunit *test)
{
	struct memory *mem = test->priv;
	u8 buf[16], data[16] = { 1, 2, 3, 4, 5, 6, 7 };

	mem->config.word_size = 4;
	mem->config.stride = 2;
	plug(mem);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 4, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", data, 4, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 3, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", data, 3, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, mem->reads + mem->writes, 0);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 7, 2), 4);
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes + 2, 4);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", data, 7, 6), 4);
	KUNIT_EXPECT_EQ(test, mem->len, 4);
	KUNIT_EXPECT_MEMEQ(test, mem->bytes + 6, data, 4);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 4, MEMORY_SIZE - 2), -EINVAL);
}

static void file_access_is_a_page_at_most(struct kunit *test)
{
	struct memory *mem = test->priv;
	u8 *buf = kunit_kmalloc(test, MEMORY_ROOM, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	mem->config.size = MEMORY_ROOM;
	plug(mem);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, MEMORY_ROOM, 0), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", buf, MEMORY_ROOM, 0), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, mem->longest, PAGE_SIZE);
}

static void file_fills_keepouts(struct kunit *test)
{
	static const struct nvmem_keepout keepout = { 4, 8, 0xaa };
	struct memory *mem = test->priv;
	u8 buf[12], want[12];

	mem->config.keepout = &keepout;
	mem->config.nkeepout = 1;
	plug(mem);
	memcpy(want, mem->bytes, 12);
	memset(want + 4, 0xaa, 4);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "nvmem", buf, 12, 0), 12);
	KUNIT_EXPECT_MEMEQ(test, buf, want, 12);
}

static void force_ro_protects_the_file_and_cells(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_cell *cell;
	char buf[4] = "";
	u8 byte = 0;

	plug_cell(mem, .bytes = 1);
	cell = hold_cell(mem, "cell");
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "force_ro", buf, 3, 0), 2);
	KUNIT_EXPECT_STREQ(test, buf, "0\n");
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "force_ro", "maybe\n", 6, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "force_ro", "1\n", 2, 0), 2);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "force_ro", buf, 3, 0), 2);
	KUNIT_EXPECT_STREQ(test, buf, "1\n");
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", &byte, 1, 0), -EPERM);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, &byte, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, mem->writes, 0);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "force_ro", "0\n", 2, 0), 2);
	KUNIT_EXPECT_EQ(test, attr_write(mem->sys, "nvmem", &byte, 1, 0), 1);
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(cell, &byte, 1), 1);
}

static void cell_files_show_cells(struct kunit *test)
{
	struct memory *mem = test->priv;
	const struct nvmem_cell_info cells[] = {
		{ .name = "plain", .offset = 0x10, .bytes = 6 },
		{ .name = "bits", .offset = 0x20, .bytes = 2, .bit_offset = 4, .nbits = 8 },
		{ .name = "inverted", .offset = 0x28, .bytes = 2, .raw_len = 2,
		  .read_post_process = memory_invert, .priv = mem },
		{ .name = "refused", .offset = 0x30, .bytes = 2,
		  .read_post_process = memory_refuse },
	};
	u8 buf[8], want[2];

	plug_cells(mem, cells, ARRAY_SIZE(cells));
	KUNIT_EXPECT_EQ(test, attr_size(mem->sys, "cells/plain@10,0"), 6);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "cells/plain@10,0", buf, 8, 0), 6);
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes + 0x10, 6);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "cells/plain@10,0", buf, 8, 4), 2);
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes + 0x14, 2);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "cells/plain@10,0", buf, 8, 6), 0);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "cells/bits@20,4", buf, 8, 0), 2);
	want[0] = mem->bytes[0x20] >> 4 | mem->bytes[0x21] << 4;
	want[1] = 0;
	KUNIT_EXPECT_MEMEQ(test, buf, want, 2);
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "cells/inverted@28,0", buf, 8, 0), 2);
	want[0] = ~mem->bytes[0x28];
	want[1] = ~mem->bytes[0x29];
	KUNIT_EXPECT_MEMEQ(test, buf, want, 2);
	KUNIT_EXPECT_STREQ(test, mem->id, "inverted");
	KUNIT_EXPECT_EQ(test, attr_read(mem->sys, "cells/refused@30,0", buf, 8, 0), -EBADMSG);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/none@0,0"), -ENOENT);
}

static void compat_file_is_beside_the_device(struct kunit *test)
{
	struct memory *mem = test->priv;
	u8 buf[4], data[4] = { 1, 2, 3, 4 };

	mem->config.compat = true;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);
	mem->config.base_dev = mem->dev;
	plug(mem);
	KUNIT_EXPECT_EQ(test, attr_read(mem->parent_sys, "eeprom", buf, 4, 5), 4);
	KUNIT_EXPECT_MEMEQ(test, buf, mem->bytes + 5, 4);
	KUNIT_EXPECT_EQ(test, attr_write(mem->parent_sys, "eeprom", data, 4, 5), 4);
	KUNIT_EXPECT_MEMEQ(test, mem->bytes + 5, data, 4);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->parent_sys, "eeprom"), -ENOENT);

	mem->config.type = NVMEM_TYPE_FRAM;
	plug(mem);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->parent_sys, "fram"), 0644);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->parent_sys, "eeprom"), -ENOENT);
}

static void files_go_with_the_device(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct file *file, *cell_file;
	loff_t pos = 0;
	u8 byte;

	plug_cell(mem, .bytes = 1);
	file = hold_attr(mem, mem->sys, "nvmem", O_RDONLY);
	cell_file = hold_attr(mem, mem->sys, "cells/cell@0,0", O_RDONLY);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, ""), -ENOENT);
	KUNIT_EXPECT_EQ(test, kernel_read(file, &byte, 1, &pos), -ENODEV);
	KUNIT_EXPECT_EQ(test, kernel_read(cell_file, &byte, 1, &pos), -ENODEV);
	KUNIT_EXPECT_EQ(test, mem->reads, 0);
}
#else

static void compat_wants_sysfs(struct kunit *test)
{
	struct memory *mem = test->priv;

	mem->config.compat = true;
	mem->config.base_dev = mem->dev;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -ENOSYS);
}

static void no_files(struct kunit *test)
{
	kunit_skip(test, "sysfs has no files without CONFIG_NVMEM_SYSFS");
}
#endif

/* Events. */

static void events_tell_of_devices_and_cells(struct kunit *test)
{
	static const struct nvmem_cell_info cells[] = {
		{ .name = "one", .offset = 0, .bytes = 1 },
		{ .name = "two", .offset = 2, .bytes = 2 },
	};
	struct memory *mem = test->priv;
	struct events *events = watch(mem);
	unsigned int i;

	plug_cells(mem, cells, ARRAY_SIZE(cells));
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_ADD), 1);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_ADD), 2);
	KUNIT_EXPECT_EQ(test, nvmem_add_one_cell(mem->nvmem, &CELL(.offset = 4, .bytes = 4)), 0);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_ADD), 3);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_REMOVE), 1);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_REMOVE), 3);
	KUNIT_EXPECT_EQ(test, events->count, 8);
	for (i = 0; i < events->count; i++) {
		if (events->seen[i].event == NVMEM_ADD || events->seen[i].event == NVMEM_REMOVE)
			KUNIT_EXPECT_PTR_EQ(test, events->seen[i].data, (void *)mem->nvmem);
		else
			KUNIT_EXPECT_NOT_NULL(test, events->seen[i].data);
	}
}

static void events_end_with_the_notifier(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct events *events = watch(mem);

	plug(mem);
	KUNIT_EXPECT_EQ(test, events->count, 1);
	kunit_remove_action(test, unwatch_action, &events->nb);
	KUNIT_EXPECT_EQ(test, nvmem_unregister_notifier(&events->nb), 0);
	KUNIT_EXPECT_EQ(test, nvmem_unregister_notifier(&events->nb), -ENOENT);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, events->count, 1);
}

/* The write-protect line. */

#if IS_ENABLED(CONFIG_GPIOLIB)

static int wp_set(struct gpio_chip *chip, unsigned int offset, int value)
{
	struct memory *mem = gpiochip_get_data(chip);

	if (value && mem->wp_error)
		return mem->wp_error;
	mem->wp = value;
	return 0;
}

static int wp_get(struct gpio_chip *chip, unsigned int offset)
{
	struct memory *mem = gpiochip_get_data(chip);

	return mem->wp;
}

static int wp_get_direction(struct gpio_chip *chip, unsigned int offset)
{
	return GPIO_LINE_DIRECTION_OUT;
}

KUNIT_DEFINE_ACTION_WRAPPER(chip_remove_action, gpiochip_remove, struct gpio_chip *);
KUNIT_DEFINE_ACTION_WRAPPER(table_remove_action, gpiod_remove_lookup_table,
			    struct gpiod_lookup_table *);

/* wp_create() - A write-protect line for the provider. */
static void wp_create(struct memory *mem)
{
	struct kunit *test = mem->test;
	struct gpiod_lookup_table *table;

	mem->chip = kunit_kzalloc(test, sizeof(*mem->chip), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem->chip);
	mem->chip->label = "kunit-wp";
	mem->chip->base = -1;
	mem->chip->ngpio = 1;
	mem->chip->can_sleep = true;
	mem->chip->set = wp_set;
	mem->chip->get = wp_get;
	mem->chip->get_direction = wp_get_direction;
	mem->chip->direction_output = wp_set;
	KUNIT_ASSERT_EQ(test, gpiochip_add_data(mem->chip, mem), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, chip_remove_action, mem->chip), 0);

	table = kunit_kzalloc(test, struct_size(table, table, 2), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	table->dev_id = dev_name(mem->dev);
	table->table[0] = GPIO_LOOKUP("kunit-wp", 0, "wp", GPIO_ACTIVE_HIGH);
	gpiod_add_lookup_table(table);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, table_remove_action, table), 0);
}

static bool wp_is_requested(struct memory *mem)
{
	char *label = gpiochip_dup_line_label(mem->chip, 0);

	KUNIT_ASSERT_FALSE(mem->test, IS_ERR(label));
	kfree(label);
	return label;
}

static void wp_is_high_but_in_writes(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct nvmem_device *held;
	u8 byte = 0xa5;

	wp_create(mem);
	plug_cell(mem, .bytes = 1);
	held = hold_device(mem);
	KUNIT_EXPECT_EQ(test, mem->wp, 1);
	mem->wp_in_write = -1;
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 0, 1, &byte), 1);
	KUNIT_EXPECT_EQ(test, mem->wp_in_write, 0);
	KUNIT_EXPECT_EQ(test, mem->wp, 1);
	mem->error = -EREMOTEIO;
	KUNIT_EXPECT_EQ(test, nvmem_device_write(held, 0, 1, &byte), -EREMOTEIO);
	KUNIT_EXPECT_EQ(test, mem->wp, 1);
	/* With such a line, a device is read-only until told otherwise. */
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(hold_cell(mem, "cell"), &byte, 1), -EINVAL);
}

static void wp_is_let_go_at_the_end(struct kunit *test)
{
	static const struct nvmem_keepout bad = { 6, 4 };
	struct memory *mem = test->priv;

	wp_create(mem);
	mem->config.keepout = &bad;
	mem->config.nkeepout = 1;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);
	KUNIT_EXPECT_FALSE(test, wp_is_requested(mem));
	mem->config.nkeepout = 0;
	plug(mem);
	KUNIT_EXPECT_TRUE(test, wp_is_requested(mem));
	unplug(mem);
	KUNIT_EXPECT_FALSE(test, wp_is_requested(mem));
}

static void wp_can_be_ignored(struct kunit *test)
{
	struct memory *mem = test->priv;
	u8 byte = 0;

	wp_create(mem);
	mem->config.ignore_wp = true;
	plug_cell(mem, .bytes = 1);
	KUNIT_EXPECT_FALSE(test, wp_is_requested(mem));
	KUNIT_EXPECT_EQ(test, nvmem_cell_write(hold_cell(mem, "cell"), &byte, 1), 1);
}

static void wp_in_use_fails_the_register(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct gpio_desc *taken;

	wp_create(mem);
	taken = gpiod_get(mem->dev, "wp", GPIOD_OUT_LOW);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, taken);
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EBUSY);
	gpiod_put(taken);
	KUNIT_EXPECT_EQ(test, plug_error(mem), 0);
}
#else

static void no_wp(struct kunit *test)
{
	kunit_skip(test, "there is no write-protect line without CONFIG_GPIOLIB");
}
#endif

/* The device tree. */

#ifdef CONFIG_OF_DYNAMIC

/* Exported for layouts, and declared in no header of theirs. */
int nvmem_add_cells_from_dt(struct nvmem_device *nvmem, struct device_node *np);

#define TREE_PHANDLE 0x6b756e00

/* A provider with cells and a consumer, as nodes below /nvmem-kunit. */
struct tree {
	struct memory *mem;
	struct of_changeset changes;
	bool planted;
	struct device_node *nodes[16];
	unsigned int count;
	/* Some of the nodes; the cells are below @cells. */
	struct device_node *memory, *cells, *consumer;
};

static struct device_node *tree_node(struct tree *tree, struct device_node *parent,
				     const char *name)
{
	struct device_node *np = of_changeset_create_node(&tree->changes, parent, name);

	KUNIT_ASSERT_NOT_NULL(tree->mem->test, np);
	KUNIT_ASSERT_LT(tree->mem->test, tree->count, ARRAY_SIZE(tree->nodes));
	tree->nodes[tree->count++] = np;
	return np;
}

/* tree_phandle() - The phandle that @np will have once it is planted. */
static u32 tree_phandle(struct tree *tree, struct device_node *np)
{
	unsigned int i;

	for (i = 0; i < tree->count; i++)
		if (tree->nodes[i] == np)
			return TREE_PHANDLE + i;
	KUNIT_FAIL_AND_ABORT(tree->mem->test, "no such node");
}

static void tree_words(struct tree *tree, struct device_node *np, const char *name,
		       const u32 *words, size_t count)
{
	KUNIT_ASSERT_EQ(tree->mem->test,
			of_changeset_add_prop_u32_array(&tree->changes, np, name, words, count),
			0);
}

#define tree_property(tree, np, name, ...) \
	tree_words(tree, np, name, (const u32[]){ __VA_ARGS__ }, \
		   sizeof((const u32[]){ __VA_ARGS__ }) / sizeof(u32))

static struct device_node *tree_cell(struct tree *tree, const char *name, u32 offset, u32 bytes)
{
	struct device_node *np = tree_node(tree, tree->cells, name);

	tree_property(tree, np, "reg", offset, bytes);
	return np;
}

static void tree_remove_action(void *priv)
{
	struct tree *tree = priv;

	tree->mem->dev->of_node = NULL;
	tree->mem->consumer->of_node = NULL;
	if (tree->planted)
		of_changeset_revert(&tree->changes);
	of_changeset_destroy(&tree->changes);
	while (tree->count--)
		of_node_put(tree->nodes[tree->count]);
}

/* tree_create() - The tree, with cells in a layout that is @compatible, or in none. */
static struct tree *tree_create(struct memory *mem, const char *compatible)
{
	static const char * const names[] = { "word", "bits", "indexed", "wide", "comment" };
	struct device_node *root, *word, *bits, *indexed, *wide, *comment;
	struct kunit *test = mem->test;
	struct tree *tree;

	if (!of_root)
		kunit_skip(test, "the kernel has no device tree");
	tree = kunit_kzalloc(test, sizeof(*tree), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tree);
	tree->mem = mem;
	of_changeset_init(&tree->changes);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, tree_remove_action, tree), 0);

	root = tree_node(tree, of_root, "nvmem-kunit");
	/* No platform device is wanted for it. */
	of_node_set_flag(root, OF_POPULATED);
	tree->memory = tree_node(tree, root, "memory");
	tree->cells = tree->memory;
	if (compatible) {
		tree->cells = tree_node(tree, tree->memory, "nvmem-layout");
		KUNIT_ASSERT_EQ(test,
				of_changeset_add_prop_string(&tree->changes, tree->cells,
							     "compatible", compatible), 0);
	}
	comment = tree_node(tree, tree->cells, "comment");
	wide = tree_cell(tree, "wide@10", 0x10, 1);
	tree_property(tree, wide, "#nvmem-cell-cells", 2);
	indexed = tree_cell(tree, "indexed@c", 0xc, 2);
	tree_property(tree, indexed, "#nvmem-cell-cells", 1);
	bits = tree_cell(tree, "bits@8", 8, 2);
	tree_property(tree, bits, "bits", 3, 7);
	word = tree_cell(tree, "word@4", 4, 4);

	tree->consumer = tree_node(tree, root, "consumer");
	tree_property(tree, tree->consumer, "nvmem", tree_phandle(tree, tree->memory));
	KUNIT_ASSERT_EQ(test,
			of_changeset_add_prop_string(&tree->changes, tree->consumer,
						     "nvmem-names", "memory"), 0);
	tree_property(tree, tree->consumer, "nvmem-cells",
		      tree_phandle(tree, word), tree_phandle(tree, bits),
		      tree_phandle(tree, indexed), 5, tree_phandle(tree, wide), 1, 2,
		      tree_phandle(tree, comment));
	KUNIT_ASSERT_EQ(test,
			of_changeset_add_prop_string_array(&tree->changes, tree->consumer,
							   "nvmem-cell-names", names,
							   ARRAY_SIZE(names)), 0);
	return tree;
}

static void tree_plant(struct tree *tree)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(tree->mem->test, of_changeset_apply(&tree->changes), 0);
	tree->planted = true;
	for (i = 0; i < tree->count; i++)
		tree->nodes[i]->phandle = TREE_PHANDLE + i;
	tree->mem->dev->of_node = tree->memory;
	tree->mem->consumer->of_node = tree->consumer;
}

static struct tree *tree_with(struct memory *mem, const char *compatible)
{
	struct tree *tree = tree_create(mem, compatible);

	tree_plant(tree);
	return tree;
}

static int tree_cell_error(struct tree *tree, const char *id)
{
	return cell_error(of_nvmem_cell_get(tree->consumer, id));
}

static void tree_device_is_found_by_phandle(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, NULL);
	struct nvmem_device *held;

	KUNIT_EXPECT_EQ(test, device_error(of_nvmem_device_get(tree->consumer, NULL)),
			-EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, "memory"), -EPROBE_DEFER);
	plug(mem);
	held = keep_device(mem, of_nvmem_device_get(tree->consumer, NULL));
	KUNIT_EXPECT_PTR_EQ(test, held, mem->nvmem);
	held = keep_device(mem, of_nvmem_device_get(tree->consumer, "memory"));
	KUNIT_EXPECT_PTR_EQ(test, held, mem->nvmem);
	KUNIT_EXPECT_EQ(test, device_error(of_nvmem_device_get(tree->consumer, "none")),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, device_error(of_nvmem_device_get(tree->memory, NULL)), -ENOENT);
	/* By the tree's name, and, what the tree does not know, by the device's. */
	KUNIT_EXPECT_EQ(test, device_get_error(mem, "memory"), 0);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), 0);
}

static void tree_node_of_the_config_comes_first(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, NULL);

	mem->dev->of_node = tree->consumer;
	mem->config.of_node = tree->memory;
	plug(mem);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, "memory"), 0);
}

static void tree_cells_are_found_by_phandle(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, NULL);
	u8 bits[2];

	mem->config.add_legacy_fixed_of_cells = true;
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	plug(mem);
	expect_cell(mem, keep_cell(mem, of_nvmem_cell_get(tree->consumer, "word")),
		    mem->bytes + 4, 4);
	expect_cell(mem, keep_cell(mem, of_nvmem_cell_get(tree->consumer, NULL)),
		    mem->bytes + 4, 4);
	expect_cell(mem, hold_cell(mem, "word"), mem->bytes + 4, 4);
	expect_cell(mem, hold_cell(mem, NULL), mem->bytes + 4, 4);
	bits[0] = little_endian(mem->bytes + 8, 2) >> 3 & 0x7f;
	bits[1] = 0;
	expect_cell(mem, hold_cell(mem, "bits"), bits, 2);

	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "none"), -ENOENT);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "comment"), -ENOENT);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "wide"), -EINVAL);
	KUNIT_EXPECT_EQ(test, cell_error(of_nvmem_cell_get(tree->memory, NULL)), -ENOENT);
}

static void tree_defers_and_tables_complete_it(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct memory *other = memory_create(test, "other");
	static const struct nvmem_cell_info cells[] = {
		{ .name = "word", .offset = 1, .bytes = 1 },
		{ .name = "beyond", .offset = 2, .bytes = 1 },
	};

	tree_with(mem, NULL);
	other->consumer = mem->consumer;
	plug_cells(other, cells, ARRAY_SIZE(cells));
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "word"), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "beyond"), 0);
}

static struct memory *fixed_up;
static int fixups;

static void fix_up(struct nvmem_device *nvmem, struct nvmem_cell_info *cell)
{
	fixups++;
	if (!strcmp(cell->name, "indexed")) {
		cell->read_post_process = memory_invert;
		cell->priv = fixed_up;
	}
}

static void tree_index_reaches_the_post_processing(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, NULL);
	u8 want[2];

	fixed_up = mem;
	fixups = 0;
	mem->config.add_legacy_fixed_of_cells = true;
	mem->config.fixup_dt_cell_info = fix_up;
	plug(mem);
	KUNIT_EXPECT_EQ(test, fixups, 4);
	want[0] = ~mem->bytes[0xc];
	want[1] = ~mem->bytes[0xd];
	expect_cell(mem, keep_cell(mem, of_nvmem_cell_get(tree->consumer, "indexed")), want, 2);
	KUNIT_EXPECT_STREQ(test, mem->id, "indexed");
	KUNIT_EXPECT_EQ(test, mem->index, 5);
}

static void rename_cell(struct nvmem_device *nvmem, struct nvmem_cell_info *cell)
{
	const char *name = kasprintf(GFP_KERNEL, "renamed-%s", cell->name);

	if (name) {
		kfree(cell->name);
		cell->name = name;
	}
}

static void tree_names_are_the_fixup_s(struct kunit *test)
{
	struct memory *mem = test->priv;

	tree_with(mem, NULL);
	mem->config.add_legacy_fixed_of_cells = true;
	mem->config.fixup_dt_cell_info = rename_cell;
	plug(mem);
	look_up(mem, "renamed-word");
	mem->consumer->of_node = NULL;
	expect_cell(mem, hold_cell(mem, "renamed-word"), mem->bytes + 4, 4);
}

struct bad_node_case {
	const char *desc;
	size_t reg_words;
	u32 bits[2];
};

static const struct bad_node_case bad_node_cases[] = {
	{ "no length", 1, { 0, 8 } },
	{ "no bits", 2, { 0, 0 } },
	{ "bits from behind the cell", 2, { 8, 1 } },
	{ "more bits than the cell", 2, { 4, 5 } },
};

KUNIT_ARRAY_PARAM_DESC(bad_node, bad_node_cases, desc);

static void tree_bad_cells_fail_the_register(struct kunit *test)
{
	const struct bad_node_case *param = test->param_value;
	struct memory *mem = test->priv;
	struct tree *tree = tree_create(mem, NULL);
	struct device_node *np = tree_node(tree, tree->cells, "bad@14");
	static const u32 reg[] = { 0x14, 1 };

	tree_words(tree, np, "reg", reg, param->reg_words);
	tree_words(tree, np, "bits", param->bits, 2);
	tree_plant(tree);
	KUNIT_EXPECT_EQ(test, plug_error(mem), 0);
	mem->config.add_legacy_fixed_of_cells = true;
	KUNIT_EXPECT_EQ(test, plug_error(mem), -EINVAL);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), -EPROBE_DEFER);
}

/* Layouts. */

#define LAYOUT_COMPATIBLE "kunit,nvmem-layout"

static const struct of_device_id layout_matches[] = {
	{ .compatible = LAYOUT_COMPATIBLE },
	{ }
};

/* A layout driver that adds the cells of the tree, and one that the tree does not have. */
struct layout_driver {
	struct nvmem_layout_driver base;
	struct nvmem_layout *layout;
	int probes, removes;
	/* What is to go wrong. */
	bool no_add_cells;
	int add_error, probe_result;
	int register_error;
};

static struct layout_driver *layout_driver_of(struct nvmem_layout *layout)
{
	return container_of(layout->dev.driver, struct layout_driver, base.driver);
}

static int layout_add_cells(struct nvmem_layout *layout)
{
	struct device_node *container = of_nvmem_layout_get_container(layout->nvmem);
	const struct nvmem_cell_info tail = { .name = "tail", .offset = 0x20, .bytes = 4 };
	int ret;

	if (!container)
		return -ENOENT;
	ret = nvmem_add_cells_from_dt(layout->nvmem, container);
	of_node_put(container);
	if (!ret)
		ret = nvmem_add_one_cell(layout->nvmem, &tail);
	return ret ?: layout_driver_of(layout)->add_error;
}

static int layout_probe(struct nvmem_layout *layout)
{
	struct layout_driver *driver = layout_driver_of(layout);

	driver->probes++;
	if (!driver->no_add_cells)
		layout->add_cells = layout_add_cells;
	driver->register_error = nvmem_layout_register(layout);
	if (!driver->register_error && !driver->probe_result)
		driver->layout = layout;
	return driver->register_error ?: driver->probe_result;
}

static void layout_remove(struct nvmem_layout *layout)
{
	struct layout_driver *driver = layout_driver_of(layout);

	driver->removes++;
	driver->layout = NULL;
	nvmem_layout_unregister(layout);
}

static struct layout_driver *layout_driver_create(struct kunit *test)
{
	struct layout_driver *driver = kunit_kzalloc(test, sizeof(*driver), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, driver);
	driver->base.driver.name = "kunit-nvmem-layout";
	driver->base.driver.of_match_table = layout_matches;
	driver->base.probe = layout_probe;
	driver->base.remove = layout_remove;
	return driver;
}

static void layout_driver_remove_action(void *driver)
{
	nvmem_layout_driver_unregister(driver);
}

static void layout_driver_add(struct kunit *test, struct layout_driver *driver)
{
	KUNIT_ASSERT_EQ(test, nvmem_layout_driver_register(&driver->base), 0);
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, layout_driver_remove_action,
						  &driver->base), 0);
}

static void layout_driver_remove(struct kunit *test, struct layout_driver *driver)
{
	kunit_release_action(test, layout_driver_remove_action, &driver->base);
}

static void layout_container_is_found(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct memory *other = memory_create(test, "other");
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct device_node *np;

	plug(mem);
	np = of_nvmem_layout_get_container(mem->nvmem);
	KUNIT_EXPECT_PTR_EQ(test, np, tree->cells);
	of_node_put(np);
	plug(other);
	KUNIT_EXPECT_NULL(test, of_nvmem_layout_get_container(other->nvmem));
}

static void layout_fixed_is_built_in(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, "fixed-layout");
	struct nvmem_cell *cell;
	int i;

	for (i = 0; i < 2; i++) {
		plug(mem);
		cell = keep_cell(mem, of_nvmem_cell_get(tree->consumer, "word"));
		expect_cell(mem, cell, mem->bytes + 4, 4);
		KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "comment"), -EPROBE_DEFER);
#ifdef CONFIG_NVMEM_SYSFS
		KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/word@4,0"), 0444);
		KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/bits@8,3"), 0444);
#endif
		put_cell_early(mem, cell);
		unplug(mem);
	}
}

static void layout_without_compatible_is_none(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_create(mem, NULL);

	tree_node(tree, tree->memory, "nvmem-layout");
	tree_plant(tree);
	plug(mem);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -ENOENT);
}

static void layout_cells_are_deferred_until_it_is_there(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct layout_driver *driver = layout_driver_create(test);

	plug(mem);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	layout_driver_add(test, driver);
	KUNIT_EXPECT_EQ(test, driver->probes, 1);
	KUNIT_ASSERT_NOT_NULL(test, driver->layout);
	KUNIT_EXPECT_PTR_EQ(test, driver->layout->nvmem, mem->nvmem);
	expect_cell(mem, keep_cell(mem, of_nvmem_cell_get(tree->consumer, "word")),
		    mem->bytes + 4, 4);
#ifdef CONFIG_NVMEM_SYSFS
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/word@4,0"), 0444);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/tail@20,0"), 0444);
#endif
}

static void layout_is_removed_with_the_device(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct layout_driver *driver = layout_driver_create(test);
	int i;

	layout_driver_add(test, driver);
	for (i = 1; i <= 2; i++) {
		plug(mem);
		KUNIT_EXPECT_EQ(test, driver->probes, i);
		KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), 0);
		unplug(mem);
		KUNIT_EXPECT_EQ(test, driver->removes, i);
		KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	}
}

static void layout_wants_add_cells(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct layout_driver *driver = layout_driver_create(test);

	driver->no_add_cells = true;
	layout_driver_add(test, driver);
	plug(mem);
	KUNIT_EXPECT_EQ(test, driver->register_error, -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	/* The device is there all the same. */
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), 0);
}

static void layout_passes_errors_on(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct layout_driver *driver = layout_driver_create(test);

	driver->add_error = -EBADMSG;
	layout_driver_add(test, driver);
	plug(mem);
	KUNIT_EXPECT_EQ(test, driver->register_error, -EBADMSG);
	KUNIT_EXPECT_NULL(test, driver->layout);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
}

static void layout_with_a_positive_result_is_not_bound(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct layout_driver *driver = layout_driver_create(test);

	driver->probe_result = 1;
	layout_driver_add(test, driver);
	plug(mem);
	KUNIT_EXPECT_EQ(test, driver->probes, 1);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, driver->removes, 0);
}

static void layout_driver_wants_probe_and_remove(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct layout_driver *driver = layout_driver_create(test);

	driver->base.remove = NULL;
	layout_driver_add(test, driver);
	plug(mem);
	KUNIT_EXPECT_EQ(test, driver->probes, 0);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
}
#else

static void no_tree(struct kunit *test)
{
	kunit_skip(test, "a device tree cannot be changed without CONFIG_OF_DYNAMIC");
}
#endif

static struct kunit_case nvmem_core_cases[] = {
	KUNIT_CASE(register_wants_a_device_and_a_callback),
	KUNIT_CASE(name_is_as_given_without_id),
	KUNIT_CASE(size_of_up_to_4_gib_is_kept),
	KUNIT_CASE(name_ends_with_id),
	KUNIT_CASE(automatic_ids_differ),
	KUNIT_CASE(no_name_makes_a_numbered_one),
	KUNIT_CASE(second_of_a_name_is_eexist),
	KUNIT_CASE(name_can_be_used_again),
	KUNIT_CASE(unregister_takes_null),
	KUNIT_CASE(managed_device_goes_with_its_parent),
	KUNIT_CASE(managed_device_passes_errors_on),
	KUNIT_CASE(failed_register_leaves_nothing),
	KUNIT_CASE_PARAM(keepouts_are_checked, keepouts_gen_params),
	KUNIT_CASE(device_access_returns_the_count),
	KUNIT_CASE(device_access_checks_no_bounds),
	KUNIT_CASE(device_access_passes_errors_on),
	KUNIT_CASE(device_access_wants_a_device),
	KUNIT_CASE(missing_callback_is_eopnotsupp),
	KUNIT_CASE(read_only_binds_cells_not_the_device),
	KUNIT_CASE(read_only_by_property),
	KUNIT_CASE(keepouts_fill_reads_and_skip_writes),
	KUNIT_CASE(device_cell_access_by_description),
	KUNIT_CASE(absent_device_is_deferred),
	KUNIT_CASE(device_is_found_by_a_match),
	KUNIT_CASE(handles_balance),
	KUNIT_CASE(managed_handles_go_with_the_consumer),
	KUNIT_CASE(managed_handles_are_put_early),
	KUNIT_CASE(managed_gets_pass_errors_on),
#ifdef CONFIG_MODULE_UNLOAD
	KUNIT_CASE(handles_pin_the_owner),
	KUNIT_CASE(owner_is_the_driver_s_by_default),
	KUNIT_CASE(unloading_owner_is_einval),
#else
	KUNIT_CASE(no_owners),
#endif
	KUNIT_CASE(cell_look_ups_say_what_is_missing),
	KUNIT_CASE(device_without_a_name_has_no_cells),
	KUNIT_CASE(cell_is_read_and_written),
	KUNIT_CASE(cell_write_wants_the_exact_length),
	KUNIT_CASE(cell_access_passes_errors_on),
	KUNIT_CASE(cell_access_without_callbacks),
	KUNIT_CASE(cell_offset_is_aligned_to_the_stride),
	KUNIT_CASE(cell_raw_length_is_whole_words),
	KUNIT_CASE(cell_is_added_later),
	KUNIT_CASE(first_cell_of_a_name_is_found),
	KUNIT_CASE(post_processing_gets_the_raw_cell),
	KUNIT_CASE(post_processing_may_lengthen),
	KUNIT_CASE(post_processing_fails_the_read),
	KUNIT_CASE_PARAM(bits_are_shifted_down_and_masked, bits_read_gen_params),
	KUNIT_CASE_PARAM(bits_are_merged_into_their_byte, bits_write_gen_params),
	KUNIT_CASE(bits_write_length_is_checked),
	KUNIT_CASE(integers_want_the_exact_length),
	KUNIT_CASE(variable_integers_take_up_to_their_length),
#ifdef CONFIG_NVMEM_SYSFS
	KUNIT_CASE_PARAM(file_modes_follow_the_config, mode_gen_params),
	KUNIT_CASE_PARAM(type_is_told_by_name, type_gen_params),
	KUNIT_CASE(file_reads_and_writes),
	KUNIT_CASE(file_access_is_in_words_at_strides),
	KUNIT_CASE(file_access_is_a_page_at_most),
	KUNIT_CASE(file_fills_keepouts),
	KUNIT_CASE(force_ro_protects_the_file_and_cells),
	KUNIT_CASE(cell_files_show_cells),
	KUNIT_CASE(compat_file_is_beside_the_device),
	KUNIT_CASE(files_go_with_the_device),
#else
	KUNIT_CASE(compat_wants_sysfs),
	KUNIT_CASE(no_files),
#endif
	KUNIT_CASE(events_tell_of_devices_and_cells),
	KUNIT_CASE(events_end_with_the_notifier),
#if IS_ENABLED(CONFIG_GPIOLIB)
	KUNIT_CASE(wp_is_high_but_in_writes),
	KUNIT_CASE(wp_is_let_go_at_the_end),
	KUNIT_CASE(wp_can_be_ignored),
	KUNIT_CASE(wp_in_use_fails_the_register),
#else
	KUNIT_CASE(no_wp),
#endif
#ifdef CONFIG_OF_DYNAMIC
	KUNIT_CASE(tree_device_is_found_by_phandle),
	KUNIT_CASE(tree_node_of_the_config_comes_first),
	KUNIT_CASE(tree_cells_are_found_by_phandle),
	KUNIT_CASE(tree_defers_and_tables_complete_it),
	KUNIT_CASE(tree_index_reaches_the_post_processing),
	KUNIT_CASE(tree_names_are_the_fixup_s),
	KUNIT_CASE_PARAM(tree_bad_cells_fail_the_register, bad_node_gen_params),
	KUNIT_CASE(layout_container_is_found),
	KUNIT_CASE(layout_fixed_is_built_in),
	KUNIT_CASE(layout_without_compatible_is_none),
	KUNIT_CASE(layout_cells_are_deferred_until_it_is_there),
	KUNIT_CASE(layout_is_removed_with_the_device),
	KUNIT_CASE(layout_wants_add_cells),
	KUNIT_CASE(layout_passes_errors_on),
	KUNIT_CASE(layout_with_a_positive_result_is_not_bound),
	KUNIT_CASE(layout_driver_wants_probe_and_remove),
#else
	KUNIT_CASE(no_tree),
#endif
	{ }
};

static struct kunit_suite nvmem_core_suite = {
	.name = "nvmem_core",
	.suite_init = mount_sysfs,
	.suite_exit = unmount_sysfs,
	.init = memory_init,
	.test_cases = nvmem_core_cases,
};

/* Lifetime: the ways in which a consumer reaches a provider. */

static int by_device_read(struct memory *mem)
{
	u8 buf[4];

	return nvmem_device_read(mem->held, 0, sizeof(buf), buf);
}

static int by_device_write(struct memory *mem)
{
	u8 buf[4] = { };

	return nvmem_device_write(mem->held, 0, sizeof(buf), buf);
}

static int by_device_cell_read(struct memory *mem)
{
	struct nvmem_cell_info info = { .offset = 0, .bytes = 4 };
	u8 buf[4];

	return nvmem_device_cell_read(mem->held, &info, buf);
}

static int by_device_cell_write(struct memory *mem)
{
	struct nvmem_cell_info info = { .offset = 0, .bytes = 4 };
	u8 buf[4] = { };

	return nvmem_device_cell_write(mem->held, &info, buf);
}

static int by_cell_read(struct memory *mem)
{
	return cell_read_error(mem->cell);
}

static int by_cell_write(struct memory *mem)
{
	u8 buf[4] = { };

	return nvmem_cell_write(mem->cell, buf, sizeof(buf));
}

static int by_bit_cell_read(struct memory *mem)
{
	return cell_read_error(mem->bits);
}

static int by_bit_cell_write(struct memory *mem)
{
	u8 byte = 0;

	return nvmem_cell_write(mem->bits, &byte, 1);
}

static int by_post_processing(struct memory *mem)
{
	return cell_read_error(mem->inverted);
}

#ifdef CONFIG_NVMEM_SYSFS

static int by_file_read(struct memory *mem)
{
	loff_t pos = 0;
	u8 buf[4];

	return kernel_read(mem->file, buf, sizeof(buf), &pos);
}

static int by_file_write(struct memory *mem)
{
	loff_t pos = 0;
	u8 buf[4] = { };

	return kernel_write(mem->file, buf, sizeof(buf), &pos);
}

static int by_compat_file_read(struct memory *mem)
{
	loff_t pos = 0;
	u8 buf[4];

	return kernel_read(mem->compat_file, buf, sizeof(buf), &pos);
}

static int by_cell_file_read(struct memory *mem)
{
	loff_t pos = 0;
	u8 buf[4];

	return kernel_read(mem->cell_file, buf, sizeof(buf), &pos);
}

#endif

struct way {
	const char *name;
	int (*go)(struct memory *mem);
	/* The last of the provider's callbacks on this way. */
	enum gate last;
};

static const struct way ways[] = {
	{ "nvmem_device_read", by_device_read, AT_READ },
	{ "nvmem_device_write", by_device_write, AT_WRITE },
	{ "nvmem_device_cell_read", by_device_cell_read, AT_READ },
	{ "nvmem_device_cell_write", by_device_cell_write, AT_WRITE },
	{ "nvmem_cell_read", by_cell_read, AT_READ },
	{ "nvmem_cell_write", by_cell_write, AT_WRITE },
	{ "nvmem_cell_read of bits", by_bit_cell_read, AT_READ },
	{ "nvmem_cell_write of bits", by_bit_cell_write, AT_WRITE },
	{ "nvmem_cell_read, post-processed", by_post_processing, AT_PROCESS },
#ifdef CONFIG_NVMEM_SYSFS
	{ "nvmem file, read", by_file_read, AT_READ },
	{ "nvmem file, write", by_file_write, AT_WRITE },
	{ "eeprom file, read", by_compat_file_read, AT_READ },
	{ "cell file, read", by_cell_file_read, AT_READ },
#endif
};

KUNIT_ARRAY_PARAM_DESC(way, ways, name);

/* hold_all() - Registers the provider, and takes hold of it in all ways. */
static void hold_all(struct memory *mem)
{
	const struct nvmem_cell_info cells[] = {
		{ .name = "cell", .offset = 0, .bytes = 4 },
		{ .name = "inverted", .offset = 4, .bytes = 4, .raw_len = 4,
		  .read_post_process = memory_invert, .priv = mem },
		{ .name = "bits", .offset = 8, .bytes = 1, .bit_offset = 2, .nbits = 4 },
	};

	if (IS_ENABLED(CONFIG_NVMEM_SYSFS)) {
		mem->config.compat = true;
		mem->config.base_dev = mem->dev;
	}
	plug_cells(mem, cells, ARRAY_SIZE(cells));
	mem->held = hold_device(mem);
	mem->cell = hold_cell(mem, "cell");
	mem->inverted = hold_cell(mem, "inverted");
	mem->bits = hold_cell(mem, "bits");
#ifdef CONFIG_NVMEM_SYSFS
	mem->file = hold_attr(mem, mem->sys, "nvmem", O_RDWR);
	mem->compat_file = hold_attr(mem, mem->parent_sys, "eeprom", O_RDWR);
	mem->cell_file = hold_attr(mem, mem->sys, "cells/cell@0,0", O_RDONLY);
#endif
}

static int unplug_call(struct memory *mem)
{
	unplug(mem);
	return 0;
}

static void access_after_unregister_is_enodev(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct memory *mem = test->priv;

	hold_all(mem);
	KUNIT_EXPECT_GE(test, way->go(mem), 0);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, way->go(mem), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->late), 0);
}

static void unregister_waits_for_access(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct memory *mem = test->priv;
	struct call *access, *end;

	hold_all(mem);
	close_gate(mem, way->last);
	access = start(mem, way->go);
	await_callback(mem);
	end = start(mem, unplug_call);
	msleep(50);
	KUNIT_EXPECT_TRUE(test, work_busy(&end->work));
	KUNIT_EXPECT_FALSE(test, READ_ONCE(mem->gone));
	open_gate(mem);
	KUNIT_EXPECT_GE(test, join(access), 0);
	join(end);
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->late), 0);
	KUNIT_EXPECT_EQ(test, way->go(mem), -ENODEV);
}

static void results_that_are_no_errors_are_einval(struct kunit *test)
{
	struct memory *mem = test->priv;

	hold_all(mem);
	mem->error = -MAX_ERRNO;
	KUNIT_EXPECT_EQ(test, by_device_read(mem), -MAX_ERRNO);
	mem->error = -MAX_ERRNO - 1;
	KUNIT_EXPECT_EQ(test, by_device_read(mem), -EINVAL);
	KUNIT_EXPECT_EQ(test, by_cell_read(mem), -EINVAL);
	mem->error = INT_MIN;
	KUNIT_EXPECT_EQ(test, by_cell_write(mem), -EINVAL);
}

static void device_cell_read_fills_what_it_returns(struct kunit *test)
{
	struct nvmem_cell_info info = { .offset = 4, .bytes = 1 };
	struct memory *mem = test->priv;
	u8 buf[4] = { 0xaa, 0xaa, 0xaa, 0xaa }, want[4] = { mem->bytes[4], 0xaa, 0xaa, 0xaa };

	/* The cell's raw length is a word. */
	mem->config.word_size = 4;
	plug(mem);
	KUNIT_EXPECT_EQ(test, nvmem_device_cell_read(hold_device(mem), &info, buf), 1);
	KUNIT_EXPECT_MEMEQ(test, buf, want, sizeof(buf));
}

static void handles_are_put_after_the_end(struct kunit *test)
{
	struct memory *mem = test->priv;

	hold_all(mem);
	unplug(mem);
	put_cell_early(mem, mem->cell);
	put_cell_early(mem, mem->inverted);
	put_cell_early(mem, mem->bits);
	put_device_early(mem, mem->held);
	KUNIT_EXPECT_EQ(test, mem->reads + mem->writes, 0);
	plug(mem);
}

static void name_and_size_outlive_the_device(struct kunit *test)
{
	struct memory *mem = test->priv;

	hold_all(mem);
	unplug(mem);
	KUNIT_EXPECT_STREQ(test, nvmem_dev_name(mem->held), MEMORY_NAME);
	KUNIT_EXPECT_EQ(test, nvmem_dev_size(mem->held), MEMORY_SIZE);
}

static void held_device_is_not_found(struct kunit *test)
{
	struct memory *mem = test->priv;

	hold_all(mem);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, device_get_error(mem, MEMORY_NAME), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, device_error(nvmem_device_find(mem->dev, match_parent)),
			-EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "cell"), -EPROBE_DEFER);
}

static void name_of_a_held_device_is_free(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct memory *next = memory_create(test, "next");
	struct nvmem_device *held;
	int i;
	u8 byte;

	next->config.name = mem->config.name;
	next->consumer = mem->consumer;
	next->bytes[0] = ~mem->bytes[0];
	hold_all(mem);
	unplug(mem);
	for (i = 0; i < 50; i++) {
		plug(next);
		held = hold_device(next);
		KUNIT_EXPECT_PTR_NE(test, held, mem->held);
		KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 0, 1, &byte), 1);
		KUNIT_EXPECT_EQ(test, byte, next->bytes[0]);
		KUNIT_EXPECT_EQ(test, by_device_read(mem), -ENODEV);
		unplug(next);
		KUNIT_EXPECT_EQ(test, nvmem_device_read(held, 0, 1, &byte), -ENODEV);
		if (i % 2)
			put_device_early(next, held);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->late) + atomic_read(&next->late), 0);
}

static void parent_of_a_held_device_may_go(struct kunit *test)
{
	struct memory *mem = test->priv;

	hold_all(mem);
	unplug(mem);
	kunit_device_unregister(test, mem->dev);
	KUNIT_EXPECT_EQ(test, by_device_read(mem), -ENODEV);
	KUNIT_EXPECT_EQ(test, by_cell_write(mem), -ENODEV);
}

#ifdef CONFIG_NVMEM_SYSFS

static void files_of_a_held_device_are_gone(struct kunit *test)
{
	struct memory *mem = test->priv;

	hold_all(mem);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, ""), -ENOENT);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "nvmem"), -ENOENT);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/cell@0,0"), -ENOENT);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->parent_sys, "eeprom"), -ENOENT);
}
#endif

static void remove_is_told_while_held(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct events *events = watch(mem);

	hold_all(mem);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_REMOVE), 1);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_REMOVE), 3);
	put_cell_early(mem, mem->cell);
	put_cell_early(mem, mem->inverted);
	put_cell_early(mem, mem->bits);
	put_device_early(mem, mem->held);
	KUNIT_EXPECT_EQ(test, events->count, 8);
}

static void let_go_on_remove(struct events *events, unsigned long event, void *data)
{
	struct memory *mem = events->mem;

	if (event != NVMEM_REMOVE || !mem->held)
		return;
	/* The device is no longer found, and can still be read. */
	KUNIT_EXPECT_EQ(mem->test, device_get_error(mem, MEMORY_NAME), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(mem->test, by_device_read(mem), 4);
	put_cell_early(mem, mem->cell);
	put_device_early(mem, mem->held);
	mem->held = NULL;
}

static void consumer_lets_go_when_told(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct events *events = watch(mem);

	events->react = let_go_on_remove;
	plug_cell(mem, .bytes = 4);
	mem->held = hold_device(mem);
	mem->cell = hold_cell(mem, "cell");
	unplug(mem);
	KUNIT_EXPECT_NULL(test, mem->held);
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->late), 0);
}

static void device_is_told_when_it_is_complete(struct kunit *test)
{
	static const unsigned long want[] = {
		NVMEM_CELL_ADD, NVMEM_CELL_ADD, NVMEM_ADD,
		NVMEM_REMOVE, NVMEM_CELL_REMOVE, NVMEM_CELL_REMOVE,
	};
	static const struct nvmem_cell_info cells[] = {
		{ .name = "one", .offset = 0, .bytes = 1 },
		{ .name = "two", .offset = 2, .bytes = 2 },
	};
	struct memory *mem = test->priv;
	struct events *events = watch(mem);
	int i;

	plug_cells(mem, cells, ARRAY_SIZE(cells));
	unplug(mem);
	KUNIT_ASSERT_EQ(test, events->count, ARRAY_SIZE(want));
	for (i = 0; i < ARRAY_SIZE(want); i++)
		KUNIT_EXPECT_EQ(test, events->seen[i].event, want[i]);
}

static const struct bits_case bits_right_cases[] = {
	{ 0, 4 }, { 0, 12 }, { 0, 13 }, { 1, 15 }, { 2, 4 }, { 3, 7 }, { 4, 8 }, { 5, 32 },
	{ 7, 9 }, { 8, 8 }, { 9, 3 }, { 9, 16 }, { 12, 12 }, { 16, 4 },
};

KUNIT_ARRAY_PARAM(bits_right, bits_right_cases, bits_desc);

static void bits_across_bytes_are_written_right(struct kunit *test)
{
	expect_bits_written(test->priv, test->param_value, false);
}

static void bits_beyond_the_cell_are_ignored(struct kunit *test)
{
	expect_bits_written(test->priv, test->param_value, true);
}

/* hammer() - Writes to a cell of four bits, and counts what is not found there again. */
static int hammer(struct nvmem_cell *cell)
{
	int i, lost = 0;
	u8 value, *got;

	for (i = 0; i < 100; i++) {
		value = i * 5 & 0xf;
		if (nvmem_cell_write(cell, &value, 1) != 1)
			return -EIO;
		/* Time for another's write that began before this one. */
		usleep_range(20, 100);
		got = nvmem_cell_read(cell, NULL);
		if (IS_ERR(got))
			return PTR_ERR(got);
		lost += *got != value;
		kfree(got);
	}
	return lost;
}

static int hammer_low(struct memory *mem)
{
	return hammer(mem->cell);
}

static int hammer_high(struct memory *mem)
{
	return hammer(mem->bits);
}

static void bits_of_one_byte_have_two_writers(struct kunit *test)
{
	static const struct nvmem_cell_info cells[] = {
		{ .name = "low", .offset = 0, .bytes = 1, .nbits = 4 },
		{ .name = "high", .offset = 0, .bytes = 1, .bit_offset = 4, .nbits = 4 },
	};
	struct memory *mem = test->priv;
	struct call *low, *high;

	plug_cells(mem, cells, ARRAY_SIZE(cells));
	mem->cell = hold_cell(mem, "low");
	mem->bits = hold_cell(mem, "high");
	mem->slow = true;
	low = start(mem, hammer_low);
	high = start(mem, hammer_high);
	KUNIT_EXPECT_EQ(test, join(low), 0);
	KUNIT_EXPECT_EQ(test, join(high), 0);
}

#if IS_ENABLED(CONFIG_GPIOLIB)

static void wp_of_a_held_device_is_let_go(struct kunit *test)
{
	struct memory *mem = test->priv;

	wp_create(mem);
	plug(mem);
	mem->held = hold_device(mem);
	unplug(mem);
	KUNIT_EXPECT_FALSE(test, wp_is_requested(mem));
	plug(mem);
}

static int write_often(struct memory *mem)
{
	int i;

	for (i = 0; i < 100; i++)
		if (by_device_write(mem) != 4)
			return -EIO;
	return 0;
}

static void wp_is_low_for_two_writers(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct call *first, *second;

	wp_create(mem);
	plug(mem);
	mem->held = hold_device(mem);
	mem->slow = true;
	first = start(mem, write_often);
	second = start(mem, write_often);
	KUNIT_EXPECT_EQ(test, join(first), 0);
	KUNIT_EXPECT_EQ(test, join(second), 0);
	KUNIT_EXPECT_EQ(test, mem->unprotected, 0);
}

static void wp_is_low_for_a_callback_that_writes(struct kunit *test)
{
	static const u8 written[4] = { };
	struct memory *mem = test->priv;

	wp_create(mem);
	plug(mem);
	mem->held = hold_device(mem);
	mem->echo = true;
	KUNIT_EXPECT_EQ(test, by_device_write(mem), 4);
	KUNIT_EXPECT_EQ(test, mem->writes, 2);
	KUNIT_EXPECT_EQ(test, mem->unprotected, 0);
	KUNIT_EXPECT_EQ(test, mem->wp, 1);
	KUNIT_EXPECT_MEMEQ(test, mem->bytes, written, sizeof(written));
	KUNIT_EXPECT_MEMEQ(test, mem->bytes + ECHO, written, sizeof(written));
}

static void wp_failure_does_not_hide_a_write(struct kunit *test)
{
	struct memory *mem = test->priv;

	wp_create(mem);
	plug(mem);
	mem->held = hold_device(mem);
	mem->wp_error = -EREMOTEIO;
	KUNIT_EXPECT_EQ(test, by_device_write(mem), 4);
}
#endif

#ifdef CONFIG_OF_DYNAMIC

static void tree_nodes_are_counted(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	unsigned int before[ARRAY_SIZE(tree->nodes)], unused, i;
	struct layout_driver *driver = layout_driver_create(test);
	struct nvmem_device *held;
	struct nvmem_cell *cell;

	for (i = 0; i < tree->count; i++)
		before[i] = kref_read(&tree->nodes[i]->kobj.kref);
	unused = kref_read(&tree->memory->kobj.kref);
	layout_driver_add(test, driver);
	plug(mem);
	KUNIT_EXPECT_GT(test, kref_read(&tree->memory->kobj.kref), unused);
	held = keep_device(mem, of_nvmem_device_get(tree->consumer, NULL));
	cell = keep_cell(mem, of_nvmem_cell_get(tree->consumer, "word"));
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "none"), -ENOENT);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "wide"), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "comment"), -EPROBE_DEFER);
	unplug(mem);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	put_device_early(mem, held);
	put_cell_early(mem, cell);
	layout_driver_remove(test, driver);
	for (i = 0; i < tree->count; i++)
		KUNIT_EXPECT_EQ_MSG(test, kref_read(&tree->nodes[i]->kobj.kref), before[i],
				    "references to %s", tree->nodes[i]->full_name);
}

/* layout_held() - A device with a layout, a cell of which is held. */
static struct layout_driver *layout_held(struct memory *mem, struct tree **tree)
{
	struct layout_driver *driver = layout_driver_create(mem->test);

	*tree = tree_with(mem, LAYOUT_COMPATIBLE);
	layout_driver_add(mem->test, driver);
	plug_cell(mem, .bytes = 4);
	look_up(mem, "tail");
	KUNIT_ASSERT_NOT_NULL(mem->test, driver->layout);
	mem->cell = keep_cell(mem, of_nvmem_cell_get((*tree)->consumer, "word"));
	return driver;
}

static void layout_cells_go_with_it(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree;
	struct layout_driver *driver = layout_held(mem, &tree);
	struct events *events = watch(mem);
	struct nvmem_layout *layout = driver->layout;

	device_release_driver(&driver->layout->dev);
	KUNIT_EXPECT_EQ(test, driver->removes, 1);
	KUNIT_EXPECT_EQ(test, by_cell_read(mem), -ENODEV);
	KUNIT_EXPECT_EQ(test, by_cell_write(mem), -ENODEV);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "tail"), -ENOENT);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_REMOVE), 5);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_LAYOUT_REMOVE), 1);
	/* The device's own cell stays. */
	expect_cell(mem, hold_cell(mem, "cell"), mem->bytes, 4);
#ifdef CONFIG_NVMEM_SYSFS
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/word@4,0"), -ENOENT);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/tail@20,0"), -ENOENT);
	KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/cell@0,0"), 0444);
#endif
	KUNIT_EXPECT_EQ(test, device_attach(&layout->dev), 1);
}

static void layout_cells_are_not_doubled(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree;
	struct layout_driver *driver = layout_held(mem, &tree);
	struct events *events = watch(mem);
	int i;

	for (i = 0; i < 3; i++) {
		layout_driver_remove(test, driver);
		KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
		layout_driver_add(test, driver);
		KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_ADD), 5 * (i + 1));
		KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_REMOVE), 5 * (i + 1));
		KUNIT_EXPECT_EQ(test, by_cell_read(mem), -ENODEV);
		KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), 0);
		KUNIT_EXPECT_EQ(test, cell_get_error(mem, "tail"), 0);
#ifdef CONFIG_NVMEM_SYSFS
		KUNIT_EXPECT_EQ(test, attr_mode(mem->sys, "cells/tail@20,0"), 0444);
#endif
	}
}

static void layout_goes_while_the_device_is_held(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree;
	struct layout_driver *driver = layout_held(mem, &tree);

	unplug(mem);
	KUNIT_EXPECT_EQ(test, driver->removes, 1);
	KUNIT_EXPECT_EQ(test, by_cell_read(mem), -ENODEV);
	plug(mem);
	KUNIT_EXPECT_EQ(test, driver->probes, 2);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), 0);
}

static void layout_driver_finds_no_dead_device(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct layout_driver *driver = layout_driver_create(test);

	tree_with(mem, LAYOUT_COMPATIBLE);
	plug(mem);
	mem->held = hold_device(mem);
	unplug(mem);
	layout_driver_add(test, driver);
	KUNIT_EXPECT_EQ(test, driver->probes, 0);
	layout_driver_remove(test, driver);
}

static void layout_that_fails_takes_its_cells_along(struct kunit *test)
{
	struct memory *mem = test->priv;
	struct tree *tree = tree_with(mem, LAYOUT_COMPATIBLE);
	struct layout_driver *driver = layout_driver_create(test);
	struct events *events = watch(mem);

	driver->add_error = -EBADMSG;
	layout_driver_add(test, driver);
	plug_cell(mem, .bytes = 4);
	look_up(mem, "tail");
	KUNIT_EXPECT_EQ(test, driver->register_error, -EBADMSG);
	KUNIT_EXPECT_EQ(test, tree_cell_error(tree, "word"), -EPROBE_DEFER);
	KUNIT_EXPECT_EQ(test, cell_get_error(mem, "tail"), -ENOENT);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_ADD) - seen(events, NVMEM_CELL_REMOVE), 1);
	expect_cell(mem, hold_cell(mem, "cell"), mem->bytes, 4);
}

static void layout_is_told_after_its_cells(struct kunit *test)
{
	static const unsigned long want[] = {
		NVMEM_CELL_ADD,
		NVMEM_CELL_ADD, NVMEM_CELL_ADD, NVMEM_CELL_ADD, NVMEM_CELL_ADD, NVMEM_CELL_ADD,
		NVMEM_LAYOUT_ADD, NVMEM_ADD,
	};
	struct memory *mem = test->priv;
	struct layout_driver *driver = layout_driver_create(test);
	struct events *events = watch(mem);
	struct nvmem_layout *layout;
	int i;

	tree_with(mem, LAYOUT_COMPATIBLE);
	layout_driver_add(test, driver);
	plug_cell(mem, .bytes = 4);
	layout = driver->layout;
	KUNIT_ASSERT_EQ(test, events->count, ARRAY_SIZE(want));
	for (i = 0; i < ARRAY_SIZE(want); i++)
		KUNIT_EXPECT_EQ(test, events->seen[i].event, want[i]);
	KUNIT_EXPECT_PTR_EQ(test, events->seen[i - 2].data, (void *)layout);

	unplug(mem);
	KUNIT_EXPECT_EQ(test, events->count, 2 * ARRAY_SIZE(want));
	KUNIT_EXPECT_EQ(test, events->seen[i].event, NVMEM_REMOVE);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_LAYOUT_REMOVE), 1);
	KUNIT_EXPECT_EQ(test, seen(events, NVMEM_CELL_REMOVE), 6);
}
#endif

/* storm() - Finds, reads and lets go without pause; returns how often the answer was wrong. */
static int storm(struct memory *mem)
{
	int ret, wrong = 0;
	u8 buf[4];

	while (!READ_ONCE(mem->stop)) {
		struct nvmem_device *nvmem = nvmem_device_get(mem->consumer, MEMORY_NAME);
		struct nvmem_cell *cell;

		if (!IS_ERR(nvmem)) {
			ret = nvmem_device_read(nvmem, 0, sizeof(buf), buf);
			wrong += ret != sizeof(buf) && ret != -ENODEV;
			nvmem_device_put(nvmem);
		} else {
			wrong += PTR_ERR(nvmem) != -EPROBE_DEFER;
		}
		cell = nvmem_cell_get(mem->consumer, "cell");
		if (!IS_ERR(cell)) {
			ret = cell_read_error(cell);
			wrong += ret && ret != -ENODEV;
			nvmem_cell_put(cell);
		} else {
			/* A device is never found without its cells. */
			wrong += PTR_ERR(cell) != -EPROBE_DEFER;
		}
#ifdef CONFIG_NVMEM_SYSFS
		ret = attr_read(mem->sys, "cells/cell@0,0", buf, sizeof(buf), 0);
		wrong += ret != sizeof(buf) && ret != -ENOENT && ret != -ENODEV;
#endif
		cond_resched();
	}
	return wrong;
}

static void consumers_storm_a_provider_that_comes_and_goes(struct kunit *test)
{
	struct memory *mem = test->priv;
	const struct nvmem_cell_info cell = CELL(.bytes = 4);
	struct call *calls[4];
	int i;

	mem->slow = true;
	mem->config.cells = &cell;
	mem->config.ncells = 1;
	look_up(mem, "cell");
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i] = start(mem, storm);
	for (i = 0; i < 200; i++) {
		plug(mem);
		usleep_range(100, 2000);
		unplug(mem);
		usleep_range(300, 500);
	}
	WRITE_ONCE(mem->stop, true);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		KUNIT_EXPECT_EQ(test, join(calls[i]), 0);
	KUNIT_EXPECT_GT(test, mem->reads, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&mem->late), 0);
}

static struct kunit_case nvmem_core_lifetime_cases[] = {
	KUNIT_CASE_PARAM(access_after_unregister_is_enodev, way_gen_params),
	KUNIT_CASE_PARAM(unregister_waits_for_access, way_gen_params),
	KUNIT_CASE(results_that_are_no_errors_are_einval),
	KUNIT_CASE(device_cell_read_fills_what_it_returns),
	KUNIT_CASE(handles_are_put_after_the_end),
	KUNIT_CASE(name_and_size_outlive_the_device),
	KUNIT_CASE(held_device_is_not_found),
	KUNIT_CASE(name_of_a_held_device_is_free),
	KUNIT_CASE(parent_of_a_held_device_may_go),
#ifdef CONFIG_NVMEM_SYSFS
	KUNIT_CASE(files_of_a_held_device_are_gone),
#else
	KUNIT_CASE(no_files),
#endif
	KUNIT_CASE(remove_is_told_while_held),
	KUNIT_CASE(consumer_lets_go_when_told),
	KUNIT_CASE(device_is_told_when_it_is_complete),
	KUNIT_CASE_PARAM(bits_across_bytes_are_written_right, bits_right_gen_params),
	KUNIT_CASE_PARAM(bits_beyond_the_cell_are_ignored, bits_right_gen_params),
	KUNIT_CASE(bits_of_one_byte_have_two_writers),
#if IS_ENABLED(CONFIG_GPIOLIB)
	KUNIT_CASE(wp_of_a_held_device_is_let_go),
	KUNIT_CASE(wp_is_low_for_two_writers),
	KUNIT_CASE(wp_is_low_for_a_callback_that_writes),
	KUNIT_CASE(wp_failure_does_not_hide_a_write),
#else
	KUNIT_CASE(no_wp),
#endif
#ifdef CONFIG_OF_DYNAMIC
	KUNIT_CASE(tree_nodes_are_counted),
	KUNIT_CASE(layout_cells_go_with_it),
	KUNIT_CASE(layout_cells_are_not_doubled),
	KUNIT_CASE(layout_goes_while_the_device_is_held),
	KUNIT_CASE(layout_driver_finds_no_dead_device),
	KUNIT_CASE(layout_that_fails_takes_its_cells_along),
	KUNIT_CASE(layout_is_told_after_its_cells),
#else
	KUNIT_CASE(no_tree),
#endif
	KUNIT_CASE(consumers_storm_a_provider_that_comes_and_goes),
	{ }
};

static struct kunit_suite nvmem_core_lifetime_suite = {
	.name = "nvmem_core_lifetime",
	.suite_init = mount_sysfs,
	.suite_exit = unmount_sysfs,
	.init = memory_init,
	.test_cases = nvmem_core_lifetime_cases,
};

kunit_test_suites(&nvmem_core_suite, &nvmem_core_lifetime_suite);

MODULE_DESCRIPTION("KUnit tests of the nvmem API");
MODULE_LICENSE("GPL");

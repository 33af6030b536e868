// SPDX-License-Identifier: GPL-2.0
/*
 * nvmem_tester: plays nvmem provider, consumer and layout on command. A command is one write to
 * /dev/nvmem_tester, its result what is read there afterwards: a number, which is a negative errno or
 * what the kernel's function returned, and text. Each open file has its own results, so that threads can
 * have commands running at the same time. "help" lists the commands.
 */

#include <linux/fs.h>
#include <linux/hex.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "tester.h"

static const struct verb *const verbs[] = {
	handle_verbs, callee_verbs, device_verbs, consumer_verbs, notifier_verbs,
#ifdef CONFIG_OF
	layout_verbs,
#endif
#ifdef CONFIG_OF_OVERLAY
	overlay_verbs,
#endif
};

char *arg_word(struct command *c)
{
	char *word;

	do {
		word = strsep(&c->rest, " \n");
	} while (word && !*word);
	if (!word && !c->error)
		c->error = -EINVAL;

	return word;
}

char *arg_string(struct command *c)
{
	char *word = arg_word(c);

	return word && strcmp(word, "-") ? word : NULL;
}

char *arg_rest(struct command *c)
{
	char *rest = c->rest;

	c->rest = NULL;
	return rest ? strstrip(rest) : "";
}

unsigned long arg_number(struct command *c)
{
	char *word = arg_word(c);
	unsigned long number = 0;

	if (word && kstrtoul(word, 0, &number))
		c->error = -EINVAL;

	return number;
}

struct handle *arg_handle(struct command *c, unsigned int kinds)
{
	u32 id = arg_number(c);
	struct handle *handle;
	int i;

	if (c->error)
		return NULL;

	handle = handle_use(id, kinds);
	if (!handle) {
		c->error = -EBADF;
		return NULL;
	}
	for (i = 0; c->handles[i]; i++)
		;
	c->handles[i] = handle;

	return handle;
}

u8 *buffer(struct command *c, size_t len)
{
	u8 *bytes;
	int i;

	if (c->error)
		return NULL;
	if (len > COMMAND_MAX / 2 - 32) {
		c->error = -E2BIG;
		return NULL;
	}

	bytes = kzalloc(len, GFP_KERNEL);
	if (!bytes) {
		c->error = -ENOMEM;
		return NULL;
	}
	for (i = 0; c->buffers[i]; i++)
		;
	c->buffers[i] = bytes;

	return bytes;
}

u8 *arg_bytes(struct command *c, size_t *len, size_t padded)
{
	char *word = arg_string(c);
	u8 *bytes;

	*len = word ? strlen(word) / 2 : 0;
	bytes = buffer(c, max(*len, padded));
	if (bytes && word && (strlen(word) % 2 || hex2bin(bytes, word, *len)))
		c->error = -EINVAL;

	return bytes;
}

void say(struct command *c, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	c->used += vscnprintf(c->out + c->used, COMMAND_MAX - c->used, format, list);
	va_end(list);
}

void say_bytes(struct command *c, const u8 *bytes, size_t len)
{
	if (WARN_ON(c->used + 2 * len > COMMAND_MAX))
		return;
	c->used = bin2hex(c->out + c->used, bytes, len) - c->out;
}

bool next_option(char **text, char **key, char **value)
{
	char *word;

	do {
		word = strsep(text, " \n");
	} while (word && !*word);
	if (!word)
		return false;

	*key = strsep(&word, "=");
	*value = word ?: "1";

	return true;
}

static void help(struct command *c)
{
	const struct verb *verb;
	int i;

	say(c, "repeat COUNT COMMAND...\n");
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		for (verb = verbs[i]; verb->name; verb++)
			say(c, "%s %s\n", verb->name, verb->arguments);
}

static const struct verb *find(const char *name)
{
	const struct verb *verb;
	int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		for (verb = verbs[i]; verb->name; verb++)
			if (!strcmp(verb->name, name))
				return verb;

	return NULL;
}

static long run(char *line, char *out, size_t *used)
{
	struct command c = { .rest = line, .out = out };
	const struct verb *verb;
	char *name;
	long ret;
	int i;

	name = arg_word(&c);
	if (!name)
		return c.error;
	verb = find(name);
	if (verb) {
		ret = verb->run(&c);
	} else if (!strcmp(name, "help")) {
		help(&c);
		ret = 0;
	} else {
		ret = -ENOTTY;
	}

	for (i = 0; i < ARRAY_SIZE(c.buffers); i++)
		kfree(c.buffers[i]);
	of_node_put(c.node);
	for (i = 0; i < ARRAY_SIZE(c.handles); i++)
		if (c.handles[i])
			handle_unuse(c.handles[i]);
	*used = c.used;

	return ret;
}

/* Says how often the command had which result. */
static long repeat(char *rest, char *scratch, char *out, size_t *used)
{
	struct {
		long ret;
		unsigned long times;
	} seen[8] = {};
	struct command c = { .rest = rest, .out = out };
	unsigned long count = arg_number(&c), done;
	char *line = arg_rest(&c);
	size_t ignored;
	long ret;
	int i;

	if (c.error)
		return c.error;

	for (done = 0; done < count && !fatal_signal_pending(current); done++) {
		strscpy(scratch, line, COMMAND_MAX);
		ret = run(scratch, out, &ignored);
		for (i = 0; i < ARRAY_SIZE(seen) - 1 && seen[i].times && seen[i].ret != ret; i++)
			;
		seen[i].ret = ret;
		seen[i].times++;
		cond_resched();
	}

	for (i = 0; i < ARRAY_SIZE(seen) && seen[i].times; i++)
		say(&c, "%s%ld:%lu", i ? " " : "", seen[i].ret, seen[i].times);
	*used = c.used;

	return done;
}

struct session {
	struct mutex lock;
	long ret;
	size_t used;
	char line[COMMAND_MAX];
	char scratch[COMMAND_MAX];
	char out[COMMAND_MAX];
	char result[COMMAND_MAX + 32];
};

static int session_open(struct inode *inode, struct file *file)
{
	struct session *session = kvzalloc_obj(*session);

	if (!session)
		return -ENOMEM;
	mutex_init(&session->lock);
	file->private_data = session;

	return 0;
}

static int session_release(struct inode *inode, struct file *file)
{
	kvfree(file->private_data);
	return 0;
}

static ssize_t session_write(struct file *file, const char __user *text, size_t count, loff_t *pos)
{
	struct session *s = file->private_data;
	char *line;

	if (count >= COMMAND_MAX)
		return -E2BIG;

	guard(mutex)(&s->lock);
	if (copy_from_user(s->line, text, count))
		return -EFAULT;
	s->line[count] = '\0';

	s->used = 0;
	line = strim(s->line);
	s->ret = str_has_prefix(line, "repeat ")
		? repeat(line + strlen("repeat "), s->scratch, s->out, &s->used)
		: run(line, s->out, &s->used);
	*pos = 0;

	return count;
}

static ssize_t session_read(struct file *file, char __user *text, size_t count, loff_t *pos)
{
	struct session *s = file->private_data;
	size_t len;

	guard(mutex)(&s->lock);
	len = scnprintf(s->result, sizeof(s->result), "%ld", s->ret);
	if (s->used)
		len += scnprintf(s->result + len, sizeof(s->result) - len, " %.*s", (int)s->used, s->out);
	s->result[len++] = '\n';

	return simple_read_from_buffer(text, count, pos, s->result, len);
}

static const struct file_operations session_operations = {
	.owner = THIS_MODULE,
	.open = session_open,
	.release = session_release,
	.write = session_write,
	.read = session_read,
	.llseek = default_llseek,
};

static struct miscdevice tester = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "nvmem_tester",
	.fops = &session_operations,
};

static int __init tester_init(void)
{
	int ret;

	ret = devices_init();
	if (ret)
		return ret;

	ret = misc_register(&tester);
	if (ret)
		devices_exit();

	return ret;
}
module_init(tester_init);

static void __exit tester_exit(void)
{
	misc_deregister(&tester);
	handles_close();
	devices_exit();
}
module_exit(tester_exit);

MODULE_DESCRIPTION("nvmem provider, consumer and layout on command");
MODULE_LICENSE("GPL");

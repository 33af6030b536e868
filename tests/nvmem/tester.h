/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of nvmem_tester share: commands, handles, and what is lent to the nvmem core.
 */

#ifndef NVMEM_TESTER_H
#define NVMEM_TESTER_H

#include <linux/kref.h>
#include <linux/nvmem-consumer.h>
#include <linux/nvmem-provider.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

/* command.c: a line of words, and the text of its result. */

#define COMMAND_MAX SZ_64K

struct handle;

struct command {
	char *rest;
	char *out;
	size_t used;
	int error;
	/* Let go when the command ends. */
	struct handle *handles[3];
	void *buffers[2];
	struct device_node *node;
};

/* The next word as what it shall be. A word that is not makes the command fail with its error. */
char *arg_word(struct command *c);
char *arg_string(struct command *c); /* "-" is NULL */
char *arg_rest(struct command *c);
unsigned long arg_number(struct command *c);
struct handle *arg_handle(struct command *c, unsigned int kinds);
u8 *arg_bytes(struct command *c, size_t *len, size_t padded);
/* A buffer of exactly this size, so that a core that goes beyond is seen. */
u8 *buffer(struct command *c, size_t len);

__printf(2, 3) void say(struct command *c, const char *format, ...);
void say_bytes(struct command *c, const u8 *bytes, size_t len);

/* The next of "key=value" words; false at the end. */
bool next_option(char **text, char **key, char **value);

struct verb {
	const char *name;
	const char *arguments;
	long (*run)(struct command *c);
};

extern const struct verb handle_verbs[], callee_verbs[], device_verbs[], consumer_verbs[], notifier_verbs[],
	layout_verbs[], overlay_verbs[];

/* handle.c: numbers for what commands make. */

enum kind {
	CELL = BIT(0),
	NVMEM = BIT(1),
	NOTIFIER = BIT(2),
	LOOKUP = BIT(3),
	LAYOUT = BIT(4),
	DEVICE = BIT(5),
	OVERLAY = BIT(6),
};

struct handle {
	enum kind kind;
	u32 id;
	struct kref refs;
	/* For reading while a command uses it, for writing once, when it is closed. */
	struct rw_semaphore use;
	bool closed;
	void (*close)(struct handle *handle);
	void (*free)(struct handle *handle);
};

void handle_init(struct handle *handle, enum kind kind, void (*close)(struct handle *handle),
		 void (*free)(struct handle *handle));
long handle_open(struct handle *handle);
struct handle *handle_use(u32 id, unsigned int kinds);
void handle_unuse(struct handle *handle);
struct handle *handle_find(bool (*match)(struct handle *handle, void *data), void *data);
void handle_get(struct handle *handle);
void handle_put(struct handle *handle);
bool handle_forget(struct handle *handle);
void handles_close(void);

/* Longest time at a gate: a test that forgot to open it ends all the same. */
#define GATE_TIMEOUT (30 * HZ)

/* callee.c: who is called back by the core, and what it lends for that. */

enum callback { ACCESS, POST, CALLBACKS };

struct call {
	char what;
	int index;
	unsigned int offset;
	size_t bytes;
	char id[16];
};

struct callee {
	struct handle handle;
	unsigned int delay[CALLBACKS];
	bool gate[CALLBACKS];
	int error;
	bool lazy; /* reads succeed and write nothing to the buffer */
	atomic_t in_flight, reads, writes, posts, late;
	wait_queue_head_t changed;
	spinlock_t lock; /* the log */
	unsigned int logged;
	struct call log[128];
};

/* At the head of what the core has a pointer to, until it is taken back. */
struct lent {
	u32 magic;
	struct callee *callee;
};

void callee_init(struct callee *callee, enum kind kind, void (*close)(struct handle *handle),
		 void (*free)(struct handle *handle));
int callee_set(struct callee *callee, const char *key, const char *value);
struct callee *callee_enter(struct lent *lent, enum callback which, struct call call);
void callee_leave(struct callee *callee);
void lend(struct lent *lent, struct callee *callee);
/* Poisons and frees LENT, after a complaint if a callback still uses it. */
void take_back(struct lent *lent, size_t size);

/* How many calls came with what had been taken back. */
extern atomic_t calls_after;

/* cell_info.c: cells as text. */

struct post {
	struct lent lent;
	struct post *next;
	char how[16];
	unsigned int argument;
};

int cell_info_parse(char *text, struct nvmem_cell_info *info, const char **post);
int post_add(struct post **posts, struct nvmem_cell_info *info, const char *how, struct callee *callee);
void posts_free(struct post *posts);
void cell_info_fixup(struct nvmem_device *nvmem, struct nvmem_cell_info *info);

/* setup.c: configurations of providers as text. */

#define CELLS_MAX 16
#define KEEPOUTS_MAX 16

/* What the core has while nvmem_register() runs. Names point into the text. */
struct setup {
	struct nvmem_config config;
	bool devm, reads, writes;
	struct nvmem_cell_info cells[CELLS_MAX];
	const char *posts[CELLS_MAX];
	struct nvmem_keepout keepouts[KEEPOUTS_MAX];
	u32 base; /* handle of base_dev */
	bool base_self;
	u32 through; /* handle of a provider that is written to as well */
	bool through_self, through_bits;
	size_t size;
	char text[];
};

struct setup *setup_make(const char *text, struct device *dev);
void setup_free(struct setup *setup);

/* device.c: platform devices, which may be providers. */

struct device *to_device(struct handle *handle);
struct nvmem_device *to_provided(struct handle *handle);
int provider_add_cell(struct handle *handle, struct nvmem_cell_info *info, const char *post);
int devices_init(void);
void devices_exit(void);

#endif

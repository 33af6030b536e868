// SPDX-License-Identifier: GPL-2.0
/*
 * Times what an SSIF target does, on a loopback adapter: nanoseconds for one i2c event of a write,
 * one of a read, and for a whole 32-byte request with its response. Prints the three figures.
 *
 * With a number of seconds as third argument: microseconds for an exchange while someone else unbinds
 * and binds the driver, as median, 99th percentile and maximum of those that went through, and how
 * many did not.
 *
 * Events are timed many in one transfer, so that system calls weigh little; the adapter's own part,
 * which is the same for every driver, is in the figures.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	ADDRESS = 0x10,
	BLOCK = 32,
	MESSAGES = 42, /* I2C_RDWR_IOCTL_MAX_MSGS */
	TRANSFERS = 200,
	EXCHANGES = 2000,
};

static int bus, device;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int try_transfer(struct i2c_msg *messages, int count)
{
	struct i2c_rdwr_ioctl_data data = { .msgs = messages, .nmsgs = count };

	return ioctl(bus, I2C_RDWR, &data);
}

static void transfer(struct i2c_msg *messages, int count)
{
	if (try_transfer(messages, count) < 0)
		die("transfer");
}

static unsigned char request[2 + BLOCK] = { 0x02, BLOCK };
static unsigned char response[4 + BLOCK] = { BLOCK };
static unsigned char command[] = { 0x03 };

/* A request arrives, and the daemon answers it. */
static int try_ask(void)
{
	struct i2c_msg message = { ADDRESS, 0, sizeof(request), request };
	unsigned char taken[260];

	return try_transfer(&message, 1) == 1 &&
	       read(device, taken, sizeof(taken)) == 4 + BLOCK &&
	       write(device, response, sizeof(response)) == sizeof(response);
}

static void ask(void)
{
	if (!try_ask())
		die("request and response");
}

/* The host fetches the response. */
static int try_fetch(void)
{
	unsigned char block[1 + BLOCK];
	struct i2c_msg messages[] = {
		{ ADDRESS, 0, sizeof(command), command },
		{ ADDRESS, I2C_M_RD, sizeof(block), block },
	};

	return try_transfer(messages, 2) == 2 && block[0] == BLOCK;
}

static void fetch(void)
{
	if (!try_fetch())
		die("fetch");
}

/* Parts that are begun anew before they end, so that nothing is ever delivered. */
static double write_event(void)
{
	static unsigned char nonsense[] = { 0xff };
	struct i2c_msg messages[MESSAGES];
	int events = 0;
	double start;

	for (int i = 0; i < MESSAGES - 1; i++) {
		messages[i] = (struct i2c_msg){ ADDRESS, 0, sizeof(request), request };
		events += 1 + sizeof(request);
	}
	messages[MESSAGES - 1] = (struct i2c_msg){ ADDRESS, 0, sizeof(nonsense), nonsense };
	events += 1 + sizeof(nonsense) + 1;

	start = now();
	for (int i = 0; i < TRANSFERS; i++)
		transfer(messages, MESSAGES);
	return (now() - start) / TRANSFERS / events;
}

/* A response that is read but for its last byte, again and again. */
static double read_event(void)
{
	unsigned char block[BLOCK];
	struct i2c_msg messages[MESSAGES];
	double spent = 0;
	int events = 0;

	for (int i = 0; i < MESSAGES; i += 2) {
		messages[i] = (struct i2c_msg){ ADDRESS, 0, sizeof(command), command };
		messages[i + 1] = (struct i2c_msg){ ADDRESS, I2C_M_RD, sizeof(block), block };
		events += 1 + sizeof(command) + sizeof(block);
	}
	for (int i = 0; i < TRANSFERS; i++) {
		double start;

		ask();
		start = now();
		transfer(messages, MESSAGES);
		spent += now() - start;
	}
	return spent / TRANSFERS / (events + 1);
}

static double exchange(void)
{
	double start = now();

	for (int i = 0; i < EXCHANGES; i++) {
		ask();
		fetch();
	}
	return (now() - start) / EXCHANGES;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Exchanges as they come through while the driver comes and goes. */
static void latency(const char *node, int seconds)
{
	enum { MOST = 1000000 };
	double *spent = calloc(MOST, sizeof(*spent));
	double end = now() + seconds * 1e9;
	int count = 0, lost = 0;

	if (!spent)
		die("memory");
	while (now() < end && count < MOST) {
		double start = now();

		if (try_ask() && try_fetch()) {
			spent[count++] = (now() - start) / 1000;
			continue;
		}
		lost++;
		close(device);
		while ((device = open(node, O_RDWR | O_NONBLOCK)) < 0 && now() < end)
			usleep(100);
	}
	if (!count)
		die("no exchange went through");
	qsort(spent, count, sizeof(*spent), compare);
	printf("%.1f %.1f %.1f %d %d\n", spent[count / 2], spent[count - 1 - count / 100],
	       spent[count - 1], count, lost);
}

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: %s /dev/i2c-N /dev/ipmi-ssif-host [SECONDS]\n", argv[0]);
		return 2;
	}
	bus = open(argv[1], O_RDWR);
	device = open(argv[2], O_RDWR | O_NONBLOCK);
	/* The driver may be away just now, if it comes and goes. */
	if (bus < 0 || (device < 0 && argc == 3))
		die("open");
	memset(request + 2, 0x18, BLOCK);
	memset(response + 4, 0x1c, BLOCK);

	if (argc == 4) {
		latency(argv[2], atoi(argv[3]));
		return 0;
	}
	exchange(); /* warm up */
	printf("%.2f %.2f %.2f\n", write_event(), read_event(), exchange());
	return 0;
}

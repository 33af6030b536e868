// SPDX-License-Identifier: GPL-2.0
/*
 * Times what an SSIF target does, on a loopback adapter: nanoseconds for one i2c event of a write,
 * one of a read, and for a whole 32-byte request with its response. Prints the three figures.
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

static void transfer(struct i2c_msg *messages, int count)
{
	struct i2c_rdwr_ioctl_data data = { .msgs = messages, .nmsgs = count };

	if (ioctl(bus, I2C_RDWR, &data) < 0)
		die("transfer");
}

static unsigned char request[2 + BLOCK] = { 0x02, BLOCK };
static unsigned char response[4 + BLOCK] = { BLOCK };
static unsigned char command[] = { 0x03 };

/* A request arrives, and the daemon answers it. */
static void ask(void)
{
	struct i2c_msg message = { ADDRESS, 0, sizeof(request), request };
	unsigned char taken[260];

	transfer(&message, 1);
	if (read(device, taken, sizeof(taken)) != 4 + BLOCK)
		die("read");
	if (write(device, response, sizeof(response)) != sizeof(response))
		die("write");
}

/* The host fetches the response. */
static void fetch(void)
{
	unsigned char block[1 + BLOCK];
	struct i2c_msg messages[] = {
		{ ADDRESS, 0, sizeof(command), command },
		{ ADDRESS, I2C_M_RD, sizeof(block), block },
	};

	transfer(messages, 2);
	if (block[0] != BLOCK)
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

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s /dev/i2c-N /dev/ipmi-ssif-host\n", argv[0]);
		return 2;
	}
	bus = open(argv[1], O_RDWR);
	device = open(argv[2], O_RDWR | O_NONBLOCK);
	if (bus < 0 || device < 0)
		die("open");
	memset(request + 2, 0x18, BLOCK);
	memset(response + 4, 0x1c, BLOCK);

	exchange(); /* warm up */
	printf("%.2f %.2f %.2f\n", write_event(), read_event(), exchange());
	return 0;
}

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The trace events of ssif_bmc, and the i2c core's beside them.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"
plan 5

tracing=/sys/kernel/tracing

bring_up() {
	[ -e "$tracing" ] || { echo "no CONFIG_EVENT_TRACING"; return 4; }
	mount -t tracefs tracefs "$tracing"
	load_loopback && load_target && add_target &&
		echo 1 >"$tracing/events/ssif_bmc/enable" &&
		echo 1 >"$tracing/events/i2c_slave/enable"
}
check "trace events can be turned on" bring_up

exchange() {
	PYTHONPATH=$guest python3 - <<-'END'
		import os, struct, time
		import i2c
		host = i2c.Host()
		device = os.open("/dev/ipmi-ssif-host", os.O_RDWR | os.O_NONBLOCK)
		host.send(b"\x18\x01")
		os.read(device, 258)
		os.write(device, struct.pack("=I", 3) + b"\x1c\x01\0")
		host.fetch()
		host.write([0x02, 1, 0x18, 0])
		host.send(b"\x18\x01")
		time.sleep(0.8)
	END
	echo 0-1010 >"$driver/unbind"
	cp "$tracing/trace" "$OUT/trace"
}
check "an exchange, an abort, a time-out, an unbind" exchange

points() {
	sed -n 's/.*ssif_bmc_exchange: 0-1010 //p' "$OUT/trace" | tr '\n' ';'
}
check "the exchange's points, in order" expect \
	"request len=2;read len=2;response len=3;fetched len=0;request len=2;timeout len=0;unbound len=0;" points
check "the abort, with its cause" has 'ssif_bmc_abort: 0-1010 pec$' cat "$OUT/trace"
check "the events on the bus" has 'i2c_slave: i2c-0 a=010 ' cat "$OUT/trace"

finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Unbinding at any instant: scripts/ssif-unbind-stress under traffic, for $CYCLES cycles, then a
# look for leaks; and failing allocations all through binding.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"
plan 4

leaks=/sys/kernel/debug/kmemleak

bring_up() {
	load_loopback && load_target && add_target
}
check "one target" bring_up

stress() {
	# The traffic holds the adapter most of the time: it takes some tries to find it free.
	remove='tries=0; until rmmod i2c_loopback 2>/dev/null; do
		tries=$((tries + 1)); [ $tries -lt 300 ] || exit 1; sleep 0.01; done'
	restore="insmod $MODULES/tests/loopback/i2c_loopback.ko &&
		echo ipmi-ssif-host 0x1010 >$devices/i2c-0/new_device"
	PYTHONPATH=$guest "$root/scripts/ssif-unbind-stress" -n "${CYCLES:-1000}" \
		-m "$MODULES/ssif_bmc.ko" -M 50 -R 100 -r "$remove" -i "$restore" \
		-t "python3 $guest/traffic.py 0" -p "python3 $guest/poller.py" 0-1010
}
check "${CYCLES:-1000} cycles" stress

# Each allocation of a bind fails in turn, until one bind meets no failure.
failing_allocations() {
	slab=/sys/kernel/debug/failslab
	[ -e "$slab" ] || { echo "no CONFIG_FAILSLAB"; return 4; }
	# Allocations that may wait are spared otherwise, which is all of them.
	echo N >"$slab/ignore-gfp-wait" && echo 0 >"$slab/verbose" || return
	python3 "$guest/fail_nth.py" 0-1010
}
check "each allocation of a bind fails once" failing_allocations

no_leaks() {
	[ -e "$leaks" ] || { echo "no CONFIG_DEBUG_KMEMLEAK"; return 4; }
	delete_target && rmmod ssif_bmc && rmmod i2c_loopback || return
	# Objects are looked at when they are five seconds old. What "swapper" and "mount" allocated is the
	# kernel's own, from before the module came.
	sleep 6
	echo scan >"$leaks"
	echo scan >"$leaks"
	expect "" awk '/^unreferenced/ { object = $0 }
		/^  comm/ && !/swapper|mount/ { print object $0; ours = 1 }
		/^    \[/ && ours { print }
		/^    \[/ { next } { ours = ours && /^ / }' "$leaks"
}
check "no leaks" no_leaks

finish

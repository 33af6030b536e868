#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Unbinding at any instant: scripts/ssif-unbind-stress under traffic, for $CYCLES cycles, then a
# look for leaks; and failing allocations all through binding.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"
plan 6

bring_up() {
	load_loopback && load_target && add_target
}
check "one target" bring_up

# The traffic holds the adapter most of the time: it takes some tries to find it free.
remove='tries=0; until rmmod i2c_loopback 2>/dev/null; do
	tries=$((tries + 1)); [ $tries -lt 300 ] || exit 1; sleep 0.01; done'
restore="insmod $MODULES/tests/loopback/i2c_loopback.ko &&
	echo ipmi-ssif-host 0x1010 >$devices/i2c-0/new_device"
python=$(command -v python3)

stress() { # COMMAND... [OPTION...]
	PYTHONPATH=$guest "$@" -m "$MODULES/ssif_bmc.ko" -r "$remove" -i "$restore" \
		-t "$python $guest/traffic.py 0" 0-1010
}
check "${CYCLES:-1000} cycles" stress "$root/scripts/ssif-unbind-stress" -n "${CYCLES:-1000}" \
	-M 50 -R 100 -p "$python $guest/poller.py"

# With nothing but busybox, as on many a BMC.
on_busybox() {
	command -v busybox >/dev/null || { echo "no busybox"; return 4; }
	applets=$TMPDIR/applets
	mkdir "$applets" && "$(command -v busybox)" --install -s "$applets" || return
	(PATH=$applets && stress ash "$root/scripts/ssif-unbind-stress" -n 40 -M 10 -R 20)
}
check "40 cycles with busybox" on_busybox

# Each allocation of a bind fails in turn, until one bind meets no failure.
failing_allocations() {
	slab=/sys/kernel/debug/failslab
	[ -e "$slab" ] || { echo "no CONFIG_FAILSLAB"; return 4; }
	# Allocations that may wait are spared otherwise, which is all of them.
	echo N >"$slab/ignore-gfp-wait" && echo 0 >"$slab/verbose" || return
	python3 "$guest/fail_nth.py" 0-1010
}
check "each allocation of a bind fails once" failing_allocations

check "everything unloads" eval 'delete_target && rmmod ssif_bmc && rmmod i2c_loopback'
check "no leaks" no_leaks

finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The C driver and ours, loaded in turn on one loopback adapter: $RUNS times each, one run a line.
# Then ours alone, at rest and while it is unbound and bound a hundred times a second.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

load_loopback || exit
for run in $(seq "$RUNS"); do
	# Who is first changes, so that neither gains by it.
	if [ $((run % 2)) -eq 0 ]; then order="c rust"; else order="rust c"; fi
	for who in $order; do
		case $who in
		c) module=$KERNEL/drivers/char/ipmi/ssif_bmc.ko ;;
		rust) module=$MODULES/ssif_bmc.ko ;;
		esac
		insmod "$module" && add_target || exit
		figures=$("$BENCH" /dev/i2c-0 /dev/ipmi-ssif-host) || exit
		echo "$who $figures" >>"$OUT/figures"
		delete_target && rmmod ssif_bmc || exit
	done
done

load_target && add_target || exit
"$BENCH" /dev/i2c-0 /dev/ipmi-ssif-host 10 >"$OUT/latency" || exit
while :; do
	echo 0-1010 >"$driver/unbind"
	echo 0-1010 >"$driver/bind"
	sleep 0.01
done &
stress=$!
"$BENCH" /dev/i2c-0 /dev/ipmi-ssif-host 10 >>"$OUT/latency"
status=$?
kill "$stress"
exit $status

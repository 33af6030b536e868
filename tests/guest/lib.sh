# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What is defined here is used by those who source it, with arguments or without.
# shellcheck disable=SC2034,SC2119,SC2120
#
# What guest tests share: KTAP results, modules, i2c devices. Sourced by the tests.

guest=${HOST_TEST%/*}
root=${guest%/tests/guest*}

# Results: plan N first, then `check NAME COMMAND...` N times. A command passes when it succeeds;
# its output becomes a diagnosis. Status 4 is a skip, with a reason as its last line of output.
count=0
failures=0

report() {
	echo "$*"
	echo "$*" >>"$OUT/results.ktap"
}

plan() {
	: >"$OUT/results.ktap"
	report "KTAP version 1"
	report "1..$1"
}

check() {
	name=$1
	shift
	count=$((count + 1))
	echo "# $name"
	"$@" >"$TMPDIR/output" 2>&1
	status=$?
	sed 's/^/# /' "$TMPDIR/output"
	case $status in
	0) report "ok $count $name" ;;
	4) report "ok $count $name # SKIP $(tail -n 1 "$TMPDIR/output")" ;;
	*)
		sed 's/^/# /' "$TMPDIR/output" >>"$OUT/results.ktap"
		report "not ok $count $name"
		failures=$((failures + 1))
		;;
	esac
}

finish() {
	report "# Totals: pass:$((count - failures)) fail:$failures"
	[ "$failures" -eq 0 ]
	exit
}

# expect WANTED COMMAND...: passes when COMMAND succeeds and prints WANTED.
expect() {
	wanted=$1
	shift
	got=$("$@" 2>&1)
	set -- $?
	[ "$1" -eq 0 ] && [ "$got" = "$wanted" ] && return
	printf 'wanted: %s\ngot:    %s (status %s)\n' "$wanted" "$got" "$1"
	return 1
}

# has PATTERN COMMAND...: passes when COMMAND succeeds and prints a line that matches.
has() {
	pattern=$1
	shift
	"$@" >"$TMPDIR/has" 2>&1
	has_status=$?
	cat "$TMPDIR/has"
	[ "$has_status" -eq 0 ] && grep -qE "$pattern" "$TMPDIR/has"
}

# fails COMMAND...: passes when COMMAND fails.
fails() {
	! "$@"
}

# wait_for SECONDS COMMAND...: passes as soon as COMMAND succeeds.
wait_for() {
	tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# no_leaks: a check for the end, when all that was loaded is gone.
no_leaks() {
	[ -e /sys/kernel/debug/kmemleak ] || { echo "no CONFIG_DEBUG_KMEMLEAK"; return 4; }
	expect "" env PYTHONPATH="$guest" python3 -c \
		'import kernel_log; print(*kernel_log.leaks(), sep="\n", end="")'
}

# hex FIRST COUNT: COUNT bytes that differ from their neighbours, as 0x.. words.
hex() {
	awk -v first="$1" -v count="$2" \
		'BEGIN { for (i = 0; i < count; i++) printf "0x%02x ", (first + 7 * i) % 256 }'
}

# plain WORDS...: 0x.. words as ipmitool prints what it got.
plain() {
	echo "$*" | sed 's/0x//g'
}

# flat COMMAND...: its output on one line, single-spaced, without a space at either end.
flat() {
	"$@" 2>&1 | tr -s ' \n' '  ' | sed 's/^ //; s/ $//'
}

# Modules: ours are in $MODULES, the kernel's own in $KERNEL.
load_host() {
	insmod "$KERNEL/drivers/char/ipmi/ipmi_msghandler.ko" &&
		insmod "$KERNEL/drivers/char/ipmi/ipmi_devintf.ko" &&
		insmod "$KERNEL/drivers/char/ipmi/ipmi_ssif.ko" trydmi=0 tryacpi=0
}

load_target() { # [PARAMETER...]
	insmod "$MODULES/ssif_bmc.ko" "$@"
}

load_loopback() { # [PARAMETER...]
	insmod "$MODULES/tests/loopback/i2c_loopback.ko" "$@"
}

# The BMC's side and the host's side of the bus, at address 10h.
devices=/sys/bus/i2c/devices
driver=/sys/bus/i2c/drivers/ipmi-ssif-host
debugfs=/sys/kernel/debug/i2c_loopback

add_target() { # [BUS [ADDRESS]]
	echo ipmi-ssif-host "${2:-0x1010}" >"$devices/i2c-${1:-0}/new_device"
}

delete_target() { # [BUS [ADDRESS]]
	echo "${2:-0x1010}" >"$devices/i2c-${1:-0}/delete_device"
}

add_host() { # [BUS]
	echo ipmi_ssif 0x10 >"$devices/i2c-${1:-0}/new_device"
}

# opened COUNT: whether this many device nodes are open.
opened() {
	[ "$(find /proc/[0-9]*/fd -lname '/dev/ipmi-ssif-host*' 2>/dev/null | wc -l)" -eq "$1" ]
}

# A simulated BMC behind the target: ipmi_sim, and the bridge to it.
start_bmc() { # [BRIDGE ARGUMENT...]
	mkdir -p "$TMPDIR/bmc"
	ipmi_sim -c "$guest/bmc/lan.conf" -f "$guest/bmc/sim.emu" -s "$TMPDIR/bmc" -n \
		>"$OUT/ipmi_sim.log" 2>&1 </dev/null &
	sim=$!
	start_bridge "$@"
}

start_bridge() { # [BRIDGE ARGUMENT...]
	"$root/scripts/ssif-bridge" --connect 127.0.0.1:9015 --wait 10 "$@" \
		>>"$OUT/bridge.log" 2>&1 </dev/null &
	bridge=$!
}

stop_bridge() {
	kill "$bridge"
	wait "$bridge"
}

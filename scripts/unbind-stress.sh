#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The common part of ssif-unbind-stress and nvmem-unbind-stress, which source this file from their own folder:
# options, cycles, module reloads, bus removals, traffic, and the check of the kernel log. It needs a POSIX shell
# and busybox's commands only.
#
# The script that sources it sets `program`, and after parse_options() `folder`, the device's folder in sysfs, and
# `driver`, its driver's. It defines usage() and run_cycle(). Files in the folder `work` are removed at the end, and
# the processes in `workers` are killed.
# shellcheck disable=SC2034,SC2154 # variables of that script

# parse_options ARGUMENT...: sets the options' variables and `device`. `more` names further options, which
# more_options() takes.
parse_options() {
	cycles=100 seconds=0 module='' reload=10 remove='' removal=25 restore='' traffic='' holder_command=''
	while getopts "n:s:m:M:r:R:i:t:p:h${more:-}" option; do
		case $option in
		n) cycles=$OPTARG ;;
		s) seconds=$OPTARG ;;
		m) module=$OPTARG ;;
		M) reload=$OPTARG ;;
		r) remove=$OPTARG ;;
		R) removal=$OPTARG ;;
		i) restore=$OPTARG ;;
		t) traffic=$OPTARG ;;
		p) holder_command=$OPTARG ;;
		h) usage && exit 0 ;;
		\?) usage_error ;;
		*) more_options "$option" ;;
		esac
	done
	shift $((OPTIND - 1))
	[ $# -eq 1 ] || usage_error
	device=$1
	for number in "$cycles" "$seconds" "$reload" "$removal"; do
		case $number in
		'' | *[!0-9]*) usage_error ;;
		esac
	done
	case $reload,$removal in
	0,* | *,0) usage_error ;;
	esac
	[ -z "$remove" ] || [ -n "$restore" ] || usage_error
	if [ "$cycles" -eq 0 ] && [ "$seconds" -eq 0 ]; then
		echo "$program: give a limit: -n or -s" >&2
		exit 2
	fi
	if [ -n "$module" ] && [ ! -r "$module" ]; then
		echo "$program: no module file $module" >&2
		exit 2
	fi
}

usage_error() {
	usage >&2
	exit 2
}

complain() {
	echo "$program: cycle $cycle: $*" >&2
	errors=$((errors + 1))
}

nap() {
	sleep 0.05 2>/dev/null || sleep 1
}

# ends SECONDS PID: whether the process ends in time. It is a child of ours.
ends() {
	tries=$(($1 * 20))
	while kill -0 "$2" 2>/dev/null; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		nap
	done
	wait "$2" 2>/dev/null
	return 0
}

# watch_log: counts the kernel's complaints since the last time, between two marks. Its log may lose what is
# older than the first, but not what is newer.
watch_log() {
	since=$mark
	set_mark
	new=$(dmesg | awk -v since="$since" -v mark="$mark" 'index($0, mark) { exit }
		index($0, since) { count = 0; next }
		/BUG:|WARNING:|KASAN|ODEBUG|Oops|refcount_t:|blocked for more than|Call Trace/ { count++ }
		END { print count + 0 }')
	complaints=$((complaints + new))
}

set_mark() {
	marks=$((marks + 1))
	mark="$program $$: mark $marks."
	echo "$mark" >/dev/kmsg
}

# restore_all: leaves the device with its driver, and nothing running.
restore_all() {
	trap - EXIT INT TERM
	# The holder wakes up when the driver is unbound.
	[ -z "$holder" ] || { kill "$holder"; echo "$device_name" >"$driver/unbind"; } 2>/dev/null
	# shellcheck disable=SC2086 # a list
	[ -z "$workers" ] || kill $workers 2>/dev/null
	rm -rf "$work"
	[ -e "$folder" ] || [ -z "$restore" ] || sh -c "$restore"
	[ -e "$driver" ] || [ -z "$module" ] || insmod "$module"
	[ -e "$folder/driver" ] || echo "$device_name" >"$driver/bind"
}

# unbind: takes the driver from the device, in the way that is this cycle's turn.
unbind() {
	if [ -n "$remove" ] && [ $((cycle % removal)) -eq 0 ]; then
		sh -c "$remove" || complain "cannot remove the bus"
		removals=$((removals + 1))
	else
		echo "$device_name" >"$driver/unbind" || complain "cannot unbind"
	fi
}

# bind: gives it back, by way of the module if that is this cycle's turn.
bind() {
	if [ -n "$remove" ] && [ $((cycle % removal)) -eq 0 ]; then
		sh -c "$restore" || complain "cannot restore the bus"
	elif [ -n "$module" ] && [ $((cycle % reload)) -eq 0 ]; then
		# The module goes as soon as its last user does; debug kernels release some objects seconds later.
		tries=400
		until rmmod "$(basename "$module" .ko)" 2>/dev/null; do
			tries=$((tries - 1))
			[ "$tries" -gt 0 ] || { complain "cannot remove the module"; break; }
			nap
		done
		# Debug kernels keep its driver's folder for some seconds more.
		tries=400
		while [ -e "$driver" ] && [ "$tries" -gt 0 ]; do
			tries=$((tries - 1))
			nap
		done
		insmod "$module" || complain "cannot insert the module"
		reloads=$((reloads + 1))
	else
		echo "$device_name" >"$driver/bind" || complain "cannot bind"
	fi
}

# end_holder: the process `holder` must end now that the driver is unbound.
end_holder() {
	[ -n "$holder" ] || return 0
	if ends 5 "$holder"; then
		woken=$((woken + 1))
	else
		complain "process $holder was not woken"
		kill -9 "$holder" 2>/dev/null
	fi
	holder=''
}

# start: checks that the device has its driver, and watches the log.
start() {
	if [ ! -e "$driver" ] || [ ! -e "$folder" ]; then
		echo "$program: no device $device, or no driver in $driver" >&2
		exit 1
	fi
	device_name=$(basename "$folder")
	cycle=0 errors=0 woken=0 reloads=0 removals=0 complaints=0 marks=0 holder='' workers=''
	if ! dmesg >/dev/null || ! set_mark; then
		echo "$program: cannot watch the kernel's log" >&2
		exit 1
	fi
	work=$(mktemp -d) || exit 1
	trap restore_all EXIT
	trap 'exit 1' INT TERM
	began=$(date +%s)
}

# start_traffic: runs the command of -t again and again.
start_traffic() {
	[ -n "$traffic" ] || return 0
	{
		trap 'kill "$child"; exit' TERM
		while :; do
			sh -c "$traffic" &
			child=$!
			wait "$child"
		done
	} >/dev/null 2>&1 &
	workers="$workers $!"
}

# run_cycles: calls run_cycle until a limit is reached, beside the traffic.
run_cycles() {
	start_traffic
	while [ "$cycles" -eq 0 ] || [ "$cycle" -lt "$cycles" ]; do
		[ "$seconds" -eq 0 ] || [ $(($(date +%s) - began)) -lt "$seconds" ] || break
		cycle=$((cycle + 1))
		run_cycle
		# Not each time: reading it takes as long as a cycle.
		[ $((cycle % 20)) -ne 0 ] || watch_log
	done
}

# summarise COUNT...: the last checks, and the summary line. Returns whether there were no errors.
summarise() {
	watch_log
	[ "$complaints" -eq 0 ] || complain "$complaints complaints in the kernel log"
	echo "$program: $cycle cycles in $(($(date +%s) - began)) s, $reloads reloads, $removals bus removals, $*, $errors errors"
	[ "$errors" -eq 0 ]
}

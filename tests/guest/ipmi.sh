#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A whole conversation: ipmitool and the kernel's own ipmi_ssif as the host, our driver and a
# simulated BMC as the other side, on one loopback adapter.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

plan 16

ipmi() {
	timeout 60 ipmitool -I open "$@"
}

bring_up() {
	load_loopback && load_target && add_target &&
		start_bmc --pec && load_host && wait_for 10 test -e /dev/ipmi-ssif-host &&
		wait_for 60 opened 1 &&
		add_host && wait_for 60 test -e /dev/ipmi0
}
check "the host driver finds the BMC" bring_up

check "mc info" has 'Manufacturer ID +: 32473' ipmi mc info
check "sdr list has four readings" expect 4 sh -c 'ipmitool -I open sdr list | grep -c "| ok"'
check "sel list has four entries" expect 4 sh -c 'ipmitool -I open sel list | grep -c "|.*|"'
check "fru print" has 'Board Mfg +: Example Maker' ipmi fru print
check "sensor thresholds" has 'CPU Temp .*degrees C .*ok' ipmi sensor list

# The FRU's second half is free. 200 bytes make a request of seven parts.
data=$(hex 0x42 200)
# shellcheck disable=SC2086 # words
check "a request in seven parts" expect "c8" flat ipmi raw 0x0a 0x12 0 0x00 0x01 $data
read_back() {
	for offset in 0 34 68 102 136 170; do
		at=$((256 + offset))
		len=$((200 - offset < 34 ? 200 - offset : 34))
		flat ipmi raw 0x0a 0x11 0 $((at % 256)) $((at / 256)) "$len" | sed 's/^[^ ]* //; s/$/ /'
	done
}
# shellcheck disable=SC2086 # words
check "responses in two blocks bring it back" expect "$(plain $data)" flat read_back

# The simulated BMC gives no more than 36 bytes at a time; an echo takes its place.
echo_both_ways() {
	stop_bridge
	python3 "$guest/tiny_bmc.py" >"$OUT/echo.log" 2>&1 &
	echo=$!
	status=0
	for len in 30 31 32 33 61 62 63 200 245; do
		data=$(hex "$len" "$len")
		# shellcheck disable=SC2086 # words
		expect "$(plain $data)" flat ipmi raw 0x30 0x01 $data || status=1
	done
	kill "$echo"
	wait "$echo"
	start_bridge --pec
	return "$status"
}
check "messages of up to 247 bytes both ways" echo_both_ways

many_commands() {
	awk 'BEGIN { for (i = 0; i < 300; i++) print "raw 0x06 0x01" }' >"$TMPDIR/commands"
	ipmi exec "$TMPDIR/commands" >"$TMPDIR/answers" 2>&1 || return
	wanted=$(ipmi raw 0x06 0x01) || return
	expect 300 grep -cxF "$(echo "$wanted" | head -n 1)" "$TMPDIR/answers"
}
check "300 commands in one session" many_commands

# The driver is unbound while commands go on, and bound again.
unbind_during_commands() {
	timeout 60 ipmitool -I open exec "$TMPDIR/commands" >"$TMPDIR/answers" 2>&1 &
	commands=$!
	sleep 1
	echo 0-1010 >"$driver/unbind" || return
	sleep 0.5
	echo 0-1010 >"$driver/bind" || return
	kill "$commands"
	wait "$commands"
	return 0
}
check "unbind and bind during commands" unbind_during_commands
check "the bridge opened the new node" wait_for 60 opened 1
check "the conversation goes on" wait_for 30 has 'Manufacturer ID' ipmi mc info
check "sel list again" expect 4 sh -c 'ipmitool -I open sel list | grep -c "|.*|"'

tear_down() {
	rmmod ipmi_devintf && rmmod ipmi_ssif && rmmod ipmi_msghandler &&
		stop_bridge && kill "$sim" &&
		delete_target && rmmod ssif_bmc && rmmod i2c_loopback
}
check "everything unloads" tear_down
check "no leaks" no_leaks

finish

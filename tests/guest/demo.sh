#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The demonstration, inside the guest: a host's conversation with a BMC through our driver. The
# transcript is for people; every step must succeed all the same.

# shellcheck source-path=SCRIPTDIR source=demo-lib.sh
. "${HOST_TEST%/*}/demo-lib.sh"

heading "The BMC's side"
load_loopback || fail "the loopback adapter"
say "An i2c bus, $(sed 's/.*: *//' $devices/i2c-0/name), and ssif_bmc.ko as a target on it:"
load_target || fail "ssif_bmc.ko"
show "echo ipmi-ssif-host 0x1010 > $devices/i2c-0/new_device"
show "ls /dev/ipmi-ssif-host"
start_bmc --pec
wait_for 10 grep -q ipmi-ssif-host.*open "$OUT/bridge.log" || fail "the bridge"
say "Behind it the daemon: ssif-bridge, which asks OpenIPMI's simulated BMC."

heading "The host's side"
say "The kernel's own host driver, ipmi_ssif, on the same bus:"
load_host || fail "ipmi_ssif"
show "echo ipmi_ssif 0x10 > $devices/i2c-0/new_device"
wait_for 30 test -e /dev/ipmi0 || fail "the host found no BMC"
show "dmesg | grep 'ipmi_ssif 0-0010' | tail -n 2"

heading "A conversation"
show "ipmitool -I open mc info | head -n 8"
show "ipmitool -I open sdr list"
show "ipmitool -I open sel list"
show "ipmitool -I open fru print | head -n 9"

heading "A request in four parts"
say "100 bytes go into the FRU's free half: SSIF moves 32 at a time, each part with its PEC."
bytes=$(awk 'BEGIN { for (i = 0; i < 100; i++) printf "%d ", i }')
show "ipmitool -I open raw 0x0a 0x12 0 0 1 $bytes"

heading "Unbinding in the middle of it all"
say "The daemon has the device open, and the host goes on asking:"
show "echo 0-1010 > $driver/unbind"
wait_for 10 grep -q 'hung up' "$OUT/bridge.log" || fail "the bridge was not told"
show "grep 'hung up' $OUT/bridge.log"
say "The daemon was woken and told. Nothing that it holds is the driver's. Back again:"
show "echo 0-1010 > $driver/bind"
wait_for 10 sh -c "tail -n 1 $OUT/bridge.log | grep -q open" || fail "the bridge did not come back"
wait_for 30 ipmitool -I open mc info || fail "the conversation did not go on"
show "ipmitool -I open mc info | head -n 3"

heading "What this shows"
quiet
say "A host driver that knows nothing of us talked to a BMC that knows nothing of us, in both" \
	"directions, in one part and in several; unbinding took the device from an open file" \
	"without a complaint from the kernel, and binding gave it back."

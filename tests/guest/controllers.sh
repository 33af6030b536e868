#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Every controller's habits, each on an adapter of its own with a target and the kernel's host
# driver: the host finds the BMC, and long messages pass both ways. See tests/loopback.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

controllers='plain aspeed gxp rcar stm32f7 mlxbf bcm-iproc pxa npcm designware designware-unmarked'
controllers="$controllers imx imx-lpi2c at91 cadence thread"
# shellcheck disable=SC2086 # words
set -- $controllers
plan $((3 + 3 * $#))

bring_up() {
	load_loopback "adapters=$(($# + 1))" && load_target && load_host || return
	bus=0
	for controller in "$@" amd-asf; do
		echo "$controller" >"$debugfs/$bus/controller" &&
			expect "$controller" cat "$debugfs/$bus/controller" &&
			add_target "$bus" || return
		bus=$((bus + 1))
	done
	# shellcheck disable=SC2012 # plain names
	nodes=$(ls /dev/ipmi-ssif-host* | wc -l)
	expect "$bus" echo "$nodes" || return
	python3 "$guest/tiny_bmc.py" /dev/ipmi-ssif-host* >"$OUT/tiny_bmc.log" 2>&1 &
	wait_for 30 opened "$nodes"
}

check "a target on each controller, with a node of its own" bring_up "$@"

bus=0
for controller in "$@"; do
	check "$controller: the host driver finds the BMC" sh -c \
		"echo ipmi_ssif 0x10 >$devices/i2c-$bus/new_device && test -e /dev/ipmi$bus"
	for len in 20 200; do
		data=$(hex $len $len)
		# shellcheck disable=SC2086 # words
		check "$controller: $len bytes both ways" expect "$(plain $data)" \
			flat timeout 60 ipmitool -I open -d $bus raw 0x30 0x01 $data
	done
	bus=$((bus + 1))
done

# A controller that reports no reads: requests arrive, responses cannot be fetched.
writes_only() {
	python3 - "$bus" <<-'END'
		import errno, os, sys, time
		sys.path.insert(0, os.environ["HOST_TEST"].rsplit("/", 1)[0])
		import i2c
		host = i2c.Host(int(sys.argv[1]))
		host.send(b"\xc0\x01")
		time.sleep(0.2)
		try:
		    host.fetch()
		except OSError as error:
		    assert error.errno == errno.EIO, error
		else:
		    sys.exit("fetched a response")
		host.send(b"\xc0\x01")
	END
}
check "amd-asf: requests arrive, responses cannot be fetched" writes_only

unknown() {
	fails sh -c "echo nonsense >$debugfs/0/controller" && expect plain cat "$debugfs/0/controller"
}
check "an unknown controller is refused" unknown

finish

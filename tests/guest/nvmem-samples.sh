#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The samples in samples/ load and print the results that they document. Without MODULES/nvmem_core.ko the core is in
# the kernel.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"
core=$MODULES/nvmem_core.ko
device=/sys/bus/nvmem/devices/ram0

load() {
	{ [ ! -e "$core" ] || insmod "$core"; } && insmod "$MODULES/samples/nvmem_ram.ko"
}

unload() {
	rmmod nvmem_ram && { [ ! -e "$core" ] || rmmod nvmem_core; }
}

file() {
	expect "Battery backed" cat "$device/type" &&
		expect "02000000002a" sh -c "od -An -tx1 -j 16 -N 6 $device/nvmem | tr -d ' '"
}

plan 6
check "the core and the sample load" load
check "the consumer reads a cell" has "nvmem_ram: MAC address \[02, 00, 00, 00, 00, 2a\]" dmesg
check "the consumer reads the value of a keepout" has "nvmem_ram: bytes 0xee to 0xf1: \[00, 00, ff, ff\]" dmesg
check "user space reads the device" file
check "they unload" unload
check "the consumer gets ENODEV after the provider was unregistered" \
	has "nvmem_ram: ENODEV after the provider was unregistered" dmesg
finish

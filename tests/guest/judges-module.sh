#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A kernel that has an nvmem core, and nvmem_core.ko, which is for one that has none: FOREIGN is built for such a
# kernel, MODULES for this one, and LOG is what was said meanwhile. The two must be told apart, in words, and
# the core in the kernel go on serving.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

not_built() {
	[ ! -e "$MODULES/nvmem_core.ko" ] && has 'nvmem_core: not built: .*\(CONFIG_NVMEM(_RUST)?=y\)' cat "$LOG"
}

serves() {
	insmod "$KERNEL/drivers/mtd/devices/mtdram.ko" &&
		expect 131072 stat -c %s /sys/bus/nvmem/devices/mtd0/nvmem &&
		expect ffffffff flat od -A n -N 4 -t x4 /sys/bus/nvmem/devices/mtd0/nvmem &&
		rmmod mtdram &&
		fails test -e /sys/bus/nvmem/devices/mtd0
}

insmod "$KERNEL/drivers/mtd/mtd.ko" || exit
plan 5
check 'for this kernel no module is built, and it is said why' not_built
check 'the core in the kernel serves' serves
check 'a module for a kernel without is refused' fails insmod "$FOREIGN"
check 'and the log says why' has \
	'nvmem_core: exports duplicate symbol .*owned by kernel' dmesg
check 'the core in the kernel still serves' serves
finish

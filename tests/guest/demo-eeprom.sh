#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The demonstration of nvmem, inside the guest: an EEPROM that is unplugged during a read. With DEMO=c the driver is
# at24, and the core the one in C, which ends in a report of the kernel. NVMEM is the folder that
# scripts/nvmem-c-core prints. The guest wants a device tree, as supplies are optional then only.

# shellcheck source-path=SCRIPTDIR source=demo-lib.sh
. "${HOST_TEST%/*}/demo-lib.sh"

chip=$devices/0-1050/slave-eeprom
eeprom=/sys/bus/nvmem/devices/0-00500/nvmem
eeprom_driver=$MODULES/nvmem_core.ko
if [ "${DEMO:-}" = c ]; then
	insmod "$KERNEL/drivers/base/regmap/regmap-i2c.ko"
	eeprom_driver=$KERNEL/drivers/nvmem/at24.ko
fi

load() { # MODULE...
	for module; do
		insmod "$module" || fail "$module"
	done
}

# plug: the bus with the chip, and the driver's device on it.
plug() {
	load_loopback || fail "the loopback adapter"
	echo slave-24c512 0x1050 >$devices/i2c-0/new_device || fail "the chip"
	# A new chip is empty.
	[ ! -e "$TMPDIR/chip" ] || cat "$TMPDIR/chip" >$chip
	echo 24c512 0x50 >$devices/i2c-0/new_device || fail "the EEPROM"
}

# consumer COMMAND: has the consumer in the kernel run it, and prints the result.
consumer() {
	echo "$1" >&4
	cat <&4
}

heading "An EEPROM"
load "$KERNEL/drivers/i2c/i2c-slave-eeprom.ko" "$eeprom_driver" "$NVMEM/tests/nvmem_tester.ko"
exec 4<>/dev/nvmem_tester
plug
say "A chip of 64 KiB on the bus, and $(basename "$eeprom_driver") as its driver:"
show "ls -l $eeprom"
show "echo 'board 42, made on a Tuesday' | dd of=$eeprom bs=64 conv=notrunc status=none"
show "head -c 28 $eeprom"
cat $chip >"$TMPDIR/chip"

heading "Unplugged during a read"
held=$(consumer "find 0-00500")
say "A driver in the kernel holds the EEPROM, and a program reads all of it over a slow bus:"
# Microseconds for each byte: it takes 2.6 s or more.
echo "pace 40" >"$debugfs/0/faults"
echo "    \$ dd if=$eeprom of=/dev/null bs=4096 &"
dd if="$eeprom" of=/dev/null bs=4096 2>"$TMPDIR/reader" &
reader=$!
sleep 0.5
show "rmmod i2c_loopback"
wait "$reader" && fail "the reader was not told"
grep -v records "$TMPDIR/reader" | sed 's/^/      /'

say "The driver in the kernel, which still holds it, reads 16 bytes:"
result=$(consumer "read $held 0 16")
[ "${DEMO:-}" != c ] || exit 0
[ "$result" = -19 ] || fail "the consumer got $result"
say "  ENODEV (-19)" "Plugged in again:"
plug
show "head -c 28 /sys/bus/nvmem/devices/0-0050*/nvmem"
consumer "close $held" >/dev/null

heading "What this shows"
quiet
say "The read that was under way ended with an error of the bus, and whoever still held the EEPROM got" \
	"ENODEV from then on, without a complaint from the kernel. \`make demo DEMO=c\` shows the same with the" \
	"C driver and the C core."

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# scripts/nvmem-unbind-stress on our EEPROM driver: $CYCLES cycles under readers, writers and consumers, with the
# adapter removed now and then, then with busybox only and with the module reloaded; and the script reports what it
# is there to find. The chip is the kernel's i2c-slave-eeprom. NVMEM is the folder that scripts/nvmem-c-core prints;
# GUARDED=1 says that the core is the one in C.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"
plan 11

stress=$root/scripts/nvmem-unbind-stress
chip=$devices/0-1050/slave-eeprom
eeprom=$devices/0-0050
image=$TMPDIR/image
python3 -c 'import sys; sys.stdout.buffer.write(bytes((7 * i + i // 256) % 256 for i in range(4096)))' >"$image"

# An adapter's chip is empty when it is new: it is filled before the driver binds.
plug="insmod $MODULES/tests/loopback/i2c_loopback.ko &&
	echo slave-24c32 0x1050 >$devices/i2c-0/new_device && cat $image >$chip &&
	echo 24c32 0x50 >$devices/i2c-0/new_device"
unplug='rmmod i2c_loopback'

bring_up() {
	insmod "$KERNEL/drivers/i2c/i2c-slave-eeprom.ko" && insmod "$MODULES/nvmem_core.ko" && eval "$plug" &&
		cmp "$eeprom"/*/nvmem "$image"
}
check "an EEPROM" bring_up

python="env PYTHONPATH=$guest $(command -v python3) $guest/nvmem_holder.py"

# Consumers in the kernel hold the device beside the files. With the C core they may not: what they hold stays.
cycles() {
	set -- -n "${CYCLES:-1000}" -r "$unplug" -R 100 -i "$plug"
	if [ -z "${GUARDED:-}" ]; then
		insmod "$NVMEM/tests/nvmem_tester.ko" || return
		set -- "$@" -t "$python 0-0050" -p "$python"
	fi
	"$stress" "$@" 0-0050
	set -- $?
	# The traffic is about to end.
	[ -n "${GUARDED:-}" ] || wait_for 10 rmmod nvmem_tester || return
	return "$1"
}
check "${CYCLES:-1000} cycles" cycles

# With nothing but busybox, as on many a BMC. The module can be removed only while nobody uses it.
on_busybox() {
	command -v busybox >/dev/null || { echo "no busybox"; return 4; }
	applets=$TMPDIR/applets
	mkdir "$applets" && "$(command -v busybox)" --install -s "$applets" || return
	(PATH=$applets && ash "$stress" -n 40 -m "$MODULES/nvmem_core.ko" -M 10 -r "$unplug" -R 20 -i "$plug" 0-0050)
}
check "40 cycles with busybox" on_busybox

# reports TEXT [OPTION...]: the script fails with a complaint that has TEXT.
reports() {
	text=$1
	shift
	"$stress" -n 4 "$@" 0-0050 >"$TMPDIR/report" 2>&1
	set -- $?
	cat "$TMPDIR/report"
	[ "$1" -eq 1 ] && grep -q "$text" "$TMPDIR/report" && grep -q "[1-9][0-9]* errors$" "$TMPDIR/report"
}

# What a command changes all the time has been put right at the end.
changed_bytes() {
	reports "wrong bytes: .* differ: char 101" -t "printf x | dd of=$chip bs=1 seek=100 conv=notrunc" &&
		sleep 0.2 && cat "$image" >"$chip" && reports "the bytes have changed" -o \
		-R 4 -r "$unplug" -i "$plug && printf x >$chip" && expect "" cmp "$chip" "$image"
}
check "it reports changed bytes, and writes them back" changed_bytes

# The driver core has no trace of this one, as a level below the console's is logged.
check "it reports a complaint of the kernel" \
	reports "complaints in the kernel log" -t 'echo "<7>BUG: a test" >/dev/kmsg; sleep 0.05'

left_over() {
	reports "1 nvmem devices are left over" -t "insmod $NVMEM/tests/nvmem_provider.ko; sleep 1" && rmmod nvmem_provider
}
check "it reports a device that is left over" left_over

check "it reports a holder that does not end" reports "was not woken" -p "tail -s 60 -f /dev/null"

no_return() {
	reports "no nvmem device" -R 2 -r "$unplug" -i true && eval "$plug" && cmp "$eeprom"/*/nvmem "$image"
}
check "it reports a device that does not come back" no_return

usage_errors() {
	for arguments in "" "-n x 0-0050" "-n 0 0-0050" "-r true 0-0050" "-x 0-0050" "-m none 0-0050"; do
		# shellcheck disable=SC2086 # a list
		"$stress" $arguments
		[ $? -eq 2 ] || { echo "not refused: $arguments"; return 1; }
	done
	"$stress" 0-0077
	[ $? -eq 1 ]
}
check "it refuses wrong usage" usage_errors

unload() {
	rmmod i2c_loopback && rmmod i2c-slave-eeprom && wait_for 30 rmmod nvmem_core
}
check "everything unloads" unload
check "no leaks" no_leaks

finish

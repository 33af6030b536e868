#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest with so much memory that modules lie more than 2 GiB from the kernel's text, out of reach of 32-bit
# relocations: both modules and the loopback adapter load, work and unload.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"
export PYTHONPATH="$guest"

load() {
	load_loopback && load_target && insmod "$MODULES/nvmem_core.ko" && insmod "$NVMEM/tests/nvmem_tester.ko"
}

far_away() {
	python3 - <<-'END'
		symbols = [line.split() for line in open("/proc/kallsyms")]
		text = next(int(address, 16) for address, _, name, *_ in symbols if name == "_stext")
		for module in "ssif_bmc", "nvmem_core", "i2c_loopback":
		    distance = min(int(words[0], 16) for words in symbols if words[3:] == [f"[{module}]"]) - text
		    print(f"{module}: {distance:#x}")
		    assert distance > 1 << 31, module
	END
}

exchange() {
	add_target && python3 - <<-'END' && delete_target
		import os, i2c
		host, bmc = i2c.Host(), os.open("/dev/ipmi-ssif-host", os.O_RDWR)
		host.send(b"\x18\x01")
		assert os.read(bmc, 258) == b"\2\0\0\0\x18\x01"
		os.write(bmc, b"\3\0\0\0\x1c\x01\0")
		assert host.fetch() == b"\x1c\x01\0"
	END
}

provider() {
	python3 - <<-'END'
		import nvmem
		with nvmem.Provider("p0") as provider:
		    provider.register()
		    assert nvmem.read_file(f"{nvmem.SYSFS}/p0/nvmem", 4) == nvmem.pattern(4)
		    provider.unregister()
	END
}

plan 5
check "both modules and the loopback adapter load" load
check "they are more than 2 GiB from the kernel's text" far_away
check "ssif_bmc binds, and passes a request and a response" exchange
check "nvmem_core registers a provider, which is read" provider
check "all of them unload" rmmod nvmem_tester nvmem_core ssif_bmc i2c_loopback
finish

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Providers and layouts that leave while they are in use, on a kernel that has an nvmem core: see nvmem-lifetime.py.
# NVMEM is the folder that scripts/nvmem-c-core prints. With GUARDED=1 its test modules register through the guard
# of nvmem_core.ko.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

slab=/sys/kernel/debug/failslab
# Allocations that may wait are spared otherwise, which is all of them.
echo N >"$slab/ignore-gfp-wait" && echo 0 >"$slab/verbose" || exit
if [ -n "${GUARDED:-}" ]; then
	insmod "$MODULES/nvmem_core.ko" && insmod "$NVMEM/guarded/nvmem_tester.ko" || exit
else
	insmod "$NVMEM/tests/nvmem_tester.ko" || exit
fi
PYTHONPATH=$guest python3 "$guest/nvmem-lifetime.py"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The guard beside the C core: see nvmem-guard.py. Afterwards all modules unload, and nothing is lost.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

slab=/sys/kernel/debug/failslab
# Allocations that may wait are spared otherwise, which is all of them.
echo N >"$slab/ignore-gfp-wait" && echo 0 >"$slab/verbose" || exit
insmod "$MODULES/nvmem_core.ko" && insmod "$NVMEM/guarded/nvmem_tester.ko" || exit
PYTHONPATH=$guest python3 "$guest/nvmem-guard.py"

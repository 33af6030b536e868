#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Providers, layouts and consumers that leave while others hold them: see nvmem-hazards.py. NVMEM is the
# folder that scripts/nvmem-c-core prints, CORE an nvmem_core.ko, or ours.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

slab=/sys/kernel/debug/failslab
if [ -e "$slab" ]; then
	# Allocations that may wait are spared otherwise, which is all of them.
	echo N >"$slab/ignore-gfp-wait" && echo 0 >"$slab/verbose" || exit
fi
insmod "${CORE:-$MODULES/nvmem_core.ko}" && insmod "$NVMEM/tests/nvmem_tester.ko" || exit
PYTHONPATH=$guest python3 "$guest/nvmem-hazards.py"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The nvmem test modules at work: see nvmem-smoke.py. NVMEM is the folder that scripts/nvmem-c-core
# prints, CORE an nvmem_core.ko, or ours.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

insmod "${CORE:-$MODULES/nvmem_core.ko}" && insmod "$NVMEM/tests/nvmem_tester.ko" || exit
PYTHONPATH=$guest python3 "$guest/nvmem-smoke.py"

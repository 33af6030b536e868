#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Providers and layouts that come and go under consumers, for $CYCLES cycles: see nvmem-stress.py. NVMEM is
# the folder that scripts/nvmem-c-core prints, CORE an nvmem_core.ko, or ours.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

insmod "${CORE:-$MODULES/nvmem_core.ko}" && insmod "$NVMEM/tests/nvmem_tester.ko" || exit
PYTHONPATH=$guest python3 "$guest/nvmem-stress.py"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Unloading nvmem_core.ko: see nvmem-unload.py. NVMEM is the folder that scripts/nvmem-c-core prints.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

PYTHONPATH=$guest python3 "$guest/nvmem-unload.py"

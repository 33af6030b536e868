#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Random nvmem devices and accesses on the kernel's own core and on ours: see nvmem-differential.py. NVMEM
# is the folder that scripts/nvmem-c-core prints, whose nvmem.dtb is the guest's device tree (dtb=FILE).
# SCENARIOS says how many there are (1000), SEED names the random numbers (1), SCENARIO is the only one to play,
# SHOW how many differences to print (5). CORE is an nvmem_core.ko instead of ours.

PYTHONPATH=${HOST_TEST%/*} python3 "${HOST_TEST%.sh}.py"

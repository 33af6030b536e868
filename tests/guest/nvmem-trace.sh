#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Trace events and the summary in debugfs: see nvmem-trace.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

mount -t tracefs tracefs /sys/kernel/tracing
insmod "$MODULES/nvmem_core.ko" && insmod "$NVMEM/tests/nvmem_tester.ko" || exit
PYTHONPATH=$guest python3 "$guest/nvmem-trace.py"

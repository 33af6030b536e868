#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own nvmem providers, layouts and consumers: see judges.py. The guest is booted with the
# device tree of judges.dts; with fw_devlink=off as well, consumers outlive their providers.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

PYTHONPATH=$guest python3 "$guest/judges.py"

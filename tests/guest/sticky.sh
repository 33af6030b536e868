#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A controller that keeps its target when the driver is unbound: see sticky.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

load_loopback || exit
PYTHONPATH=$guest python3 "$guest/sticky.py"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Controllers that keep their target when the driver is unbound, or say so: see sticky.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

load_loopback || exit
PYTHONPATH=$guest python3 "$guest/sticky.py"

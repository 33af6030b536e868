#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Random transactions on the C driver and on ours: see differential.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

load_loopback || exit
PYTHONPATH=$guest python3 "$guest/differential.py"

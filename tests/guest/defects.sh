#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The defects of the C driver, on $DRIVER or ours: see defects.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

load_loopback || exit
PYTHONPATH=$guest python3 "$guest/defects.py"

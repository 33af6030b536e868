#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Unbinding while an event handler is inside of the driver: see held.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

load_loopback || exit
PYTHONPATH=$guest python3 "$guest/held.py"

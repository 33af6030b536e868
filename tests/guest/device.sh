#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The character device and its life, on a loopback adapter: see device.py.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

load_loopback || exit
PYTHONPATH=$guest python3 "$guest/device.py"

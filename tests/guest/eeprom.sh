#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# I2C EEPROMs on the loopback adapter, by our driver: see eeprom.py. Where the kernel has one, the guest is booted with
# the device tree of eeprom.dts, and OVERLAY is that of eeprom.dtso. Without MODULES/nvmem_core.ko the driver is in the
# kernel.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"

PYTHONPATH=$guest python3 "$guest/eeprom.py"

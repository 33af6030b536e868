# SPDX-License-Identifier: GPL-2.0
"""Removing modules.

CONFIG_DEBUG_KOBJECT_RELEASE delays the removal of a driver's directory from sysfs by up to 4 s after rmmod. Until
then, its module cannot be inserted again.
"""

import os
import subprocess

from background import wait_for


def rmmod(name):
    """Remove a module; the status is not 0 while it is in use."""
    drivers = [entry.split(":", 1) for entry in os.listdir(f"/sys/module/{name}/drivers")] \
        if os.path.isdir(f"/sys/module/{name}/drivers") else []
    removed = subprocess.run(["rmmod", name], capture_output=True, text=True)
    for bus, driver in drivers if not removed.returncode else []:
        wait_for(f"{driver} is removed", lambda: not os.path.exists(f"/sys/bus/{bus}/drivers/{driver}"))
    return removed

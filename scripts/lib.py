# SPDX-License-Identifier: GPL-2.0
"""What the Python scripts share: where things are, and what other scripts print."""

import functools
import pathlib
import subprocess
import sys

# The kernel's own ssif_bmc, in its build folder.
C_DRIVER = "drivers/char/ipmi/ssif_bmc.ko"

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"


def output(*command):
    """What a command prints; its messages go to the terminal. Ends this script if it fails."""
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if run.returncode:
        sys.exit(run.returncode)
    return run.stdout.strip()


def setting(name):
    """A setting of lib.sh."""
    return output("sh", "-c", f'. scripts/lib.sh; echo "${name}"')


def guest_kernel(name):
    """The build folders of a guest kernel and of the modules for it, both brought up to date."""
    kernel = pathlib.Path(output(SCRIPTS / "kernel-build", name))
    return kernel, pathlib.Path(output(SCRIPTS / "modules-build", kernel))


@functools.cache
def nvmem_variables(kernel):
    """What a guest of nvmem gets: the folder of the C core and the test modules, a device tree."""
    folder = pathlib.Path(output(SCRIPTS / "nvmem-c-core", kernel))
    tree = folder / "nvmem.dtb"
    return [f"NVMEM={folder}"] + [f"dtb={tree}"] * tree.exists()


def judges_variables(suite, kernel, modules):
    """What a guest gets that has the kernel's own nvmem drivers, or a module for another kernel."""
    if suite == "judges-module":
        folder = output(ROOT / "tests/judges/foreign-module", kernel)
        return [f"FOREIGN={folder}/nvmem_core.ko", f"LOG={setting('cache')}/log/modules-{modules.name}.log"]
    tree = modules / "judges.dtb"
    output(kernel / "scripts/dtc/dtc", "-q", "-o", tree, ROOT / "tests/guest/judges.dts")
    tests, *_ = nvmem_variables(kernel)
    # The EEPROMs are at24's. Without links between devices, consumers keep what they hold when its provider leaves.
    return [f"dtb={tree}", tests, "initcall_blacklist=nvmem_core_eeprom_init"] + \
        ["fw_devlink=off"] * (suite == "judges-unlinked")


def eeprom_variables(kernel, modules):
    """What a guest of EEPROMs gets: nvmem's test modules, and its own device tree and overlay."""
    tests, *_ = nvmem_variables(kernel)
    if "CONFIG_OF=y" not in (kernel / ".config").read_text().splitlines():
        return [tests]
    trees = []
    for source, tree in ("eeprom.dts", "eeprom.dtb"), ("eeprom.dtso", "eeprom.dtbo"):
        trees.append(modules / tree)
        output(kernel / "scripts/dtc/dtc", "-q", "-o", trees[-1], ROOT / "tests/guest" / source)
    return [tests, f"dtb={trees[0]}", f"OVERLAY={trees[1]}"]

# SPDX-License-Identifier: GPL-2.0

# Builds the modules against a kernel, and runs what shows that they work. `make help` tells more.

# The build folder of the kernel.
KDIR ?= /lib/modules/$(shell uname -r)/build

# The modules' own build folder, if not beside the sources.
MO ?=

# Kbuild in KDIR for a folder here, with the arguments that this kernel needs.
kbuild = set -e; args="$$(scripts/check-kernel '$(KDIR)')"; \
	$(MAKE) -C '$(KDIR)' M='$(CURDIR)$(1)' $(if $(MO),MO='$(abspath $(MO))$(1)') $$args

sources = $(or $(shell git ls-files --cached --others --exclude-standard '*.rs'),$(error \
	no Rust sources: is git installed, and may it read this checkout? `git status` tells))

modules:         ## build the modules that fit KDIR (the default target)
	@$(call kbuild) modules

modules_install: ## install them into /lib/modules, below INSTALL_MOD_PATH
	@$(call kbuild) modules_install

clean:           ## remove what a build made
	@$(call kbuild) clean
	@$(call kbuild,/tests/loopback) clean

clippy:          ## the kernel's lints; a warning is an error
	@$(call kbuild) CLIPPY=1 W=e modules
	@$(call kbuild,/tests/loopback) CLIPPY=1 W=e modules

rustdoc:         ## documentation of the modules, with private items, in doc/
	@$(call kbuild) BMC_RUSTDOC=y modules

rust-analyzer:   ## rust-project.json for editors
	@$(call kbuild) rust-analyzer

fmt:             ## format all Rust sources
	@. scripts/lib.sh; "$$RUSTFMT" $(sources)

fmt-check:       ## say which Rust sources are not formatted
	@. scripts/lib.sh; "$$RUSTFMT" --check $(sources)

demo:            ## set up everything, and show both modules (DEMO=c: the C code for nvmem)
	@scripts/setup && scripts/demo $(DEMO)

test:            ## set up everything, and run all tests that need no hardware (SUITES="...": some)
	@scripts/setup && scripts/test $(SUITES)

fuzz:            ## fuzz the state machine, for FUZZ_SECONDS (600)
	@scripts/setup && scripts/fuzz $(FUZZ_SECONDS)

baseline:        ## what is wrong in the C code, on that and on ours: tables
	@scripts/setup && scripts/baseline

bench:           ## our driver and the C driver: nanoseconds, and bytes
	@scripts/setup && scripts/bench

kunit:           ## run the KUnit suites on User-Mode Linux
	@scripts/kunit

help:            ## this list
	@sed -n 's/^\([a-z_-]*:\) *## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18
	@echo
	@echo 'KDIR=$(KDIR)'
	@echo 'is the build folder of the kernel, MO= one for the modules. LLVM=, RUSTC=, BINDGEN=,'
	@echo 'ARCH= and CROSS_COMPILE= are taken from the kernel there if not given.'

.PHONY: modules modules_install clean clippy rustdoc rust-analyzer fmt fmt-check demo test fuzz baseline bench kunit help

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the demonstrations share: their transcript, which is for people. Sourced by them.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${HOST_TEST%/*}/lib.sh"
exec >"$OUT/transcript" 2>&1

heading() {
	printf '\n== %s\n\n' "$1"
}

# show COMMAND: prints it, runs it, indents what it prints.
show() {
	echo "    \$ $1"
	sh -c "$1" >"$TMPDIR/shown" 2>&1
	shown=$?
	sed 's/^/      /' "$TMPDIR/shown"
	[ "$shown" -eq 0 ] || fail "$1"
}

fail() {
	echo "FAILED: $1"
	exit 1
}

say() {
	printf '%s\n' "$@" | sed 's/^/    /'
}

# quiet: the last step, as a kernel that complained has not shown it.
quiet() {
	dmesg | grep -E 'BUG|WARNING|Call Trace' && fail "the kernel complained"
}

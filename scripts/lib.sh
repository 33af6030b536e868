#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the scripts share: the cache folder, the tools' paths, messages, and long
# steps that show how far they are. It is sourced: . "$(dirname "$0")/lib.sh"

# Tools' messages are matched below: have them in English.
export LC_ALL=C
unset CDPATH

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Downloads, tools and kernel builds, outside the checkout. Make splits at spaces and colons.
cache=${BMC_RUST_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/bmc-rust}
case $cache in
[!/]* | *[[:space:]:]*) die "the cache folder '$cache' must be an absolute path without spaces or colons: set BMC_RUST_CACHE" ;;
esac

# The kernels that these modules are built against.
supported='7.3'

# Debian's toolchain by full path: a rustup toolchain may come first in PATH, and lacks
# the sources of core. The tools that belong to RUSTC are found beside it.
RUSTC=${RUSTC:-/usr/bin/rustc}
RUSTDOC=${RUSTDOC:-${RUSTC%rustc*}rustdoc${RUSTC##*rustc}}
RUSTFMT=${RUSTFMT:-${RUSTC%rustc*}rustfmt${RUSTC##*rustc}}
CLIPPY_DRIVER=${CLIPPY_DRIVER:-${RUSTC%rustc*}clippy-driver${RUSTC##*rustc}}
CARGO=${CARGO:-/usr/bin/cargo}
bindgen_version=0.72.1
BINDGEN=${BINDGEN:-$cache/tools/bindgen-$bindgen_version/bin/bindgen}
LLVM=${LLVM:--19}

have() { command -v "$1" >/dev/null 2>&1; }

# clang_of LLVM: the clang that kbuild takes for this LLVM= value.
clang_of() {
	case $1 in
	*/) echo "$1clang" ;;
	-*) echo "clang$1" ;;
	*) echo clang ;;
	esac
}

# kernel_version DIR: what the kernel source in DIR calls itself, such as 7.3.4.
kernel_version() {
	awk '/^(VERSION|PATCHLEVEL|SUBLEVEL) =/ { v = v dot $3; dot = "." }
	     /^NAME =/ { print v; exit }' "$1/Makefile"
}

# is_supported VERSION: such as 7.3.4, 7.3.0-rc1 or 7.3.4+deb13-amd64.
is_supported() {
	for known in $supported; do
		case $1 in "$known" | "$known"[.+-]*) return 0 ;; esac
	done
	return 1
}

# get_root CMD...: says what will run as root, and ends here if it cannot.
get_root() {
	[ "$(id -u)" -ne 0 ] || return 0
	have sudo || die "this needs root and there is no sudo; run as root: $*"
	say "as root: $*"
	sudo true || die "sudo did not let us; run as root: $*"
}

# as_root CMD...: runs CMD as root, through sudo if need be.
as_root() {
	get_root "$@"
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		# It keeps little of the environment.
		sudo env ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} "$@"
	fi
}

# free_mib DIR: the free space where DIR is or will be.
free_mib() {
	free_dir=$1
	until [ -d "$free_dir" ]; do free_dir=$(dirname "$free_dir"); done
	df -Pk "$free_dir" | awk 'NR == 2 { print int($4 / 1024) }'
}

# need_space DIR GIB
need_space() {
	[ "$(free_mib "$1")" -ge $(($2 * 1024)) ] ||
		die "$1 needs $2 GiB and has $(free_mib "$1") MiB free: make room, or set BMC_RUST_CACHE to a folder elsewhere"
}

# build_name KERNEL CHECKOUT: what to call a build of the checkout's modules for a kernel. Checkouts do not
# share one: Kbuild's dependencies name their sources.
build_name() {
	printf '%s-%s\n' "$(basename "$1")" "$(printf %s "$2" | sha256sum | cut -c 1-8)"
}

# lock NAME: one run at a time; held until this script ends or takes another lock.
lock() {
	mkdir -p "$cache/lock" 2>/dev/null ||
		die "cannot write to the cache folder $cache: make room there, or set BMC_RUST_CACHE"
	exec 9>"$cache/lock/$1"
	flock -n 9 || {
		say "waiting for another run that has locked $cache/lock/$1"
		flock 9
	}
}

# uml_tmpdir: has User-Mode Linux keep its memory in the cache folder if /dev/shm cannot: it wants to
# execute from there, which containers forbid, and has to fit in.
uml_tmpdir() {
	[ -z "${TMPDIR-}" ] || return 0
	! awk '$2 == "/dev/shm"' /proc/mounts | tail -n 1 | grep -q noexec &&
		[ "$(free_mib /dev/shm)" -ge 2048 ] && return
	TMPDIR=$cache/tmp
	mkdir -p "$TMPDIR"
	export TMPDIR
}

# cause LOG: one line on why a step failed, if it is a known reason; else fails.
cause() {
	for full_dir in "$cache" "${TMPDIR:-/tmp}" /; do
		[ "$(free_mib "$full_dir")" -gt 0 ] || break
		full_dir=
	done
	if [ -n "$full_dir" ] || grep -qs 'No space left on device' "$1"; then
		echo "No space left on device: ${full_dir:-$cache} is full"
	elif grep -qsE '(Could not|Couldn.t) (resolve|connect)|Temporary failure resolving|Connection (failed|timed out)|Unable to connect' "$1"; then
		echo "the network cannot be reached"
	elif grep -qsE 'Could not get lock|Unable to acquire the dpkg' "$1"; then
		echo "another package manager is running: try again when it has ended"
	else
		return 1
	fi
}

# step WHAT LOG CMD...: runs a long CMD with its output in LOG, and shows that it advances.
# On failure says why, or shows the end of LOG, and returns CMD's status.
step() (
	what=$1 log=$2
	shift 2
	say "$what (log: $log)"
	mkdir -p "$(dirname "$log")" || return
	start=$(date +%s)
	show_advance "$log" 9>&- &
	shower=$!
	status=0
	"$@" >"$log" 2>&1 </dev/null || status=$?
	kill "$shower" 2>/dev/null || true
	wait "$shower" 2>/dev/null || true
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$status" -eq 0 ]; then
		say "  done in $(($(date +%s) - start)) s"
	elif why=$(cause "$log"); then
		say "error: $what: $why (log: $log)"
	else
		tail -n 20 "$log" | sed 's/^/  | /' >&2
		say "error: $what: failed with status $status, see $log"
	fi
	return "$status"
)

# show_advance LOG: rewrites a line each second on a terminal, else adds one each 30.
# It runs in the background, until killed or its script is gone.
show_advance() {
	seconds=0
	while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		seconds=$((seconds + 1))
		if [ -t 2 ]; then
			last=$(tail -n 1 "$1" | tr -cd ' -~' | cut -c 1-50)
			printf '\r\033[K  %s s, %s log lines: %s' "$seconds" "$(wc -l <"$1")" "$last" >&2
		elif [ $((seconds % 30)) -eq 0 ]; then
			say "  $seconds s, $(wc -l <"$1") log lines"
		fi
	done
}

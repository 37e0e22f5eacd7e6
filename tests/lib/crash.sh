#!/bin/bash
# crash.sh - stop a command at each of its state-changing system calls, and see what is left.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A scenario is three functions and a command line.  Source this file after tap.sh and say
#
#   setup() { cp "$TOP/tests/fixtures/x" "$1/x"; }         # fills the empty directory $1
#   observe() { cat "$1/x"; }                              # prints the end state; default: crash_tree
#   invariant() { grep -qx -e old -e new "$1/x"; }         # optional: true of $1 at every moment
#   ok "set survives a kill at any system call" crash_kill "$BIN/prog" set -f @DIR@/x k=v
#   ok "set survives a power cut at any system call" crash_power "$BIN/prog" set -f @DIR@/x k=v
#   ok "set survives a full or broken disk" crash_fault "$BIN/prog" set -f @DIR@/x k=v
#
# @DIR@ in a word becomes the directory, which has the same path in every run.  The command must be a
# program that ends by itself; its children are part of it, and are killed with it and after it.
#
#   crash_kill CMD...    for each point: setup, kill all of it there, invariant, run again undisturbed
#                        (its status must be the one of the undisturbed run), compare observe with
#                        the undisturbed end state
#   crash_power CMD...   the same on an ext4 of its own whose power is cut right after the kill, once
#                        with the journal written (what was not synced has no data) and once
#                        without (what was not synced is not there); and after the command's end:
#                        what it reported as done must have survived.  setup runs only once.  As root
#   crash_fault CMD...   for each point and each of ENOSPC, EIO, EINTR, "ENOSPC+" (the disk stays
#                        full): the command fails by itself with a message, the invariant holds and a
#                        second run reaches the end state; or it succeeds, with the end state and the
#                        output of the undisturbed run
#   crash_can_power      0, or the reason on stdout why crash_power cannot run here
#   crash_tree DIR       prints what is in DIR: type, mode, owner, link target, SHA-256, extended attributes
#
# Each prints one line per bad point and a summary; 0 = no bad point, 1 = some, 2 = could not sweep.
# Sets CRASH_POINTS and CRASH_BAD.  A point is named "N CALL PATH", as crashpoint.c counts it.
#
# Environment: CRASH_STDIN (file; /dev/null), CRASH_STATUS (expected of the undisturbed run; 0),
# CRASH_TIMEOUT (seconds a run; 120), CRASH_MAX (points at most, evenly spread; all),
# CRASH_SKIP (extended regular expression: points not to take), CRASH_SIZE (of the ext4; 64M), CRASH_DURABLE=no (the command does not promise that its result survives a power cut),
# CRASH_STDOUT=no (output differs from run to run), CRASH_ERRORS ("ENOSPC EIO EINTR ENOSPC+").
#
# Without a test: `crash.sh kill|power|fault FILE`, FILE defining the functions and command=(...).

_crash_dir=''
_crash_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/owner.sh
. "$_crash_lib/owner.sh"

_crash_say() { printf '%s\n' "$*"; }

crash_tree() {
	(
		cd "$1" || exit 2
		find . -mindepth 1 \( -type l -printf '%p %y %U:%G -> %l\n' -o -printf '%p %y %m %U:%G\n' \) | LC_ALL=C sort
		find . -type f -exec sha256sum {} + | LC_ALL=C sort
		if command -v getfattr >/dev/null; then getfattr -R -h -d -m - . 2>/dev/null; fi
	)
}

_crash_begin() {     # CMD...: sets argv, dir
	[ $# -gt 0 ] || { _crash_say "no command given"; return 2; }
	test_program crashpoint || return
	_crash_point=$REPLY
	CRASH_POINTS=0 CRASH_BAD=0
	_crash_since=$EPOCHREALTIME
	_crash_work=$_crash_dir/w
	argv=("${@//@DIR@/"$dir"}")
}

# In memory, if there is room and TMPDIR says nothing else: an fsync costs nothing there, and the power
# cut is in the kernel, not in the medium.
_crash_scratch() {
	local TMPDIR=${TMPDIR:-}
	if [ -z "$TMPDIR" ]; then
		TMPDIR=/tmp
		[ "$(stat -f -c %T /dev/shm 2>/dev/null)" != tmpfs ] || [ ! -w /dev/shm ] || TMPDIR=/dev/shm
	fi
	scratch_dir _crash_dir
}

_crash_bad() {     # HOW POINT WHAT [FILE to show]
	CRASH_BAD=$((CRASH_BAD + 1))
	[ "$CRASH_BAD" -le 20 ] || return 0
	_crash_say "bad: $1 at $2: $3"
	[ -z "${4:-}" ] || head -n 8 "$4" | sed 's/^/     /'
}

_crash_finish() {     # HOW
	local ms
	ms=$(((${EPOCHREALTIME/[.,]/} - ${_crash_since/[.,]/}) / 1000))
	local text="$1: $CRASH_POINTS points swept, $CRASH_BAD bad, $((ms / (CRASH_POINTS ? CRASH_POINTS : 1))) ms a point"
	if declare -F note >/dev/null; then note "$text"; fi
	_crash_say "$text"
	[ "$CRASH_POINTS" -gt 0 ] || { _crash_say "$1: nothing was swept"; return 2; }
	[ "$CRASH_BAD" = 0 ]
}

# Runs the command under crashpoint; leaves out, err, log in the work directory.
_crash_run() {     # OPTION...
	"$_crash_point" "$@" -t "${CRASH_TIMEOUT:-120}" -l "$_crash_dir/log" -- "${argv[@]}" \
		<"${CRASH_STDIN:-/dev/null}" >"$_crash_dir/out" 2>"$_crash_dir/err"
}

_crash_observe() {
	if declare -F observe >/dev/null; then observe "$dir"; else crash_tree "$dir"; fi
}

_crash_setup() {
	rm -rf "$dir" && mkdir "$dir" && setup "$dir" </dev/null >"$_crash_dir/setup" 2>&1 ||
		{ _crash_say "setup failed:"; cat "$_crash_dir/setup"; return 2; }
}

# The undisturbed run: end state in want, output in want.out, points in the array points.
_crash_reference() {     # OPTION...
	local status
	_crash_run "$@"
	status=$?
	if [ $status != "${CRASH_STATUS:-0}" ]; then
		_crash_say "the undisturbed run exits $status, not ${CRASH_STATUS:-0}:"
		cat "$_crash_dir/err"
		return 2
	fi
	mapfile -t points < <(grep -v '^end ' "$_crash_dir/log" | grep -Ev -e "${CRASH_SKIP:-^$}")
	cp "$_crash_dir/out" "$_crash_dir/want.out"
	_crash_observe >"$_crash_dir/want" 2>&1 || { _crash_say "observe fails:"; cat "$_crash_dir/want"; return 2; }
	if declare -F invariant >/dev/null && ! invariant "$dir" >"$_crash_dir/inv" 2>&1; then
		_crash_say "the invariant does not hold even after an undisturbed run:"
		cat "$_crash_dir/inv"
		return 2
	fi
	_crash_thin
}

# Keeps CRASH_MAX of the points, evenly spread.
_crash_thin() {
	local all=("${points[@]}") i max=${CRASH_MAX:-0}
	{ [ "$max" -gt 0 ] && [ ${#all[@]} -gt "$max" ]; } || return 0
	points=()
	for ((i = 0; i < max; i++)); do points+=("${all[i * ${#all[@]} / max]}"); done
	_crash_say "taking $max of ${#all[@]} points"
}

# What must be true of the directory now; then a second run has to reach the end state.
_crash_check_invariant() {     # HOW POINT
	declare -F invariant >/dev/null || return 0
	invariant "$dir" >"$_crash_dir/inv" 2>&1 || { _crash_bad "$1" "$2" "the invariant does not hold" "$_crash_dir/inv"; return 1; }
}

_crash_check_end() {     # HOW POINT WHEN
	_crash_observe >"$_crash_dir/got" 2>&1
	cmp -s "$_crash_dir/got" "$_crash_dir/want" && return 0
	diff "$_crash_dir/want" "$_crash_dir/got" >"$_crash_dir/diff"
	_crash_bad "$1" "$2" "$3 the end state is another one (< undisturbed, > now)" "$_crash_dir/diff"
	return 1
}

_crash_check_rerun() {     # HOW POINT
	local status
	timeout -k 1 "${CRASH_TIMEOUT:-120}" "${argv[@]}" <"${CRASH_STDIN:-/dev/null}" \
		>"$_crash_dir/out" 2>"$_crash_dir/err"
	status=$?
	if [ $status != "${CRASH_STATUS:-0}" ]; then
		_crash_bad "$1" "$2" "the second run exits $status" "$_crash_dir/err"
		return 1
	fi
	_crash_check_end "$1" "$2" "after the second run"
}

# Now, not in a subshell that a sweep may run in: only this shell removes it.
_crash_scratch || exit 2

# ---------------------------------------------------------------- kill

crash_kill() {
	local argv dir points point
	_crash_open_plain "$@" || return 2
	_crash_reference || return
	for point in "${points[@]}"; do
		CRASH_POINTS=$((CRASH_POINTS + 1))
		_crash_setup || return
		_crash_run -n "${point%% *}" -k
		_crash_check_invariant kill "$point" && _crash_check_rerun kill "$point"
	done
	_crash_finish kill
}

_crash_open_plain() {
	dir=$_crash_dir/w/d
	_crash_begin "$@" && mkdir -p "$_crash_work" && _crash_setup
}

# ---------------------------------------------------------------- faults

crash_fault() {
	local argv dir points point error letters
	_crash_open_plain "$@" && _crash_reference -s || return 2
	for error in ${CRASH_ERRORS:-ENOSPC EIO EINTR ENOSPC+}; do
		for point in "${points[@]}"; do
			letters=${point#* * }
			letters=${letters%% *}
			case $error:$letters in ENOSPC*:*S* | EINTR:*I* | EIO:*) ;; *) continue ;; esac
			CRASH_POINTS=$((CRASH_POINTS + 1))
			_crash_fault_point "$error" "$point" || return
		done
	done
	_crash_finish fault
}

_crash_fault_point() {     # ERROR POINT: fails only if setup does
	local error=$1 point=$2 status more=()
	case $error in *+) more=(-f) ;; esac
	_crash_setup || return
	_crash_run -s -n "${point%% *}" -e "${error%+}" "${more[@]}"
	status=$?
	if [ $status = "${CRASH_STATUS:-0}" ]; then
		if _crash_check_invariant "$error" "$point" && _crash_check_end "$error" "$point" "it reports success, but" &&
			[ "${CRASH_STDOUT:-yes}" = yes ] && ! cmp -s "$_crash_dir/out" "$_crash_dir/want.out"; then
			_crash_bad "$error" "$point" "it reports success, but its output is another one" "$_crash_dir/out"
		fi
	elif [ $status -ge 124 ]; then
		_crash_bad "$error" "$point" "it did not end by itself (status $status, 124 is time out)" "$_crash_dir/err"
	elif [ ! -s "$_crash_dir/err" ]; then
		_crash_bad "$error" "$point" "it exits $status without a message"
	else
		_crash_check_invariant "$error" "$point" && _crash_check_rerun "$error" "$point"
	fi
	return 0
}

# ---------------------------------------------------------------- power

crash_can_power() {
	[ "$(id -u)" = 0 ] || { echo "power cuts need root"; return 1; }
	command -v mkfs.ext4 >/dev/null || { echo "power cuts need mkfs.ext4 (e2fsprogs)"; return 1; }
	grep -qw ext4 /proc/filesystems || { echo "this kernel has no ext4"; return 1; }
	losetup -f >/dev/null 2>&1 || { echo "no loop device to be had"; return 1; }
}

# Commit=300: nothing reaches the journal by the clock.  noauto_da_alloc: without ext4's habit of
# flushing replaced files, as on other file systems, so that a missing fsync shows.
_crash_mount() { mount -o loop,noauto_da_alloc,commit=300 "$_crash_image" "$_crash_work"; }

crash_power() {
	local argv dir points point flag why
	why=$(crash_can_power) || { _crash_say "$why"; return 2; }
	_crash_open_power "$@" || { _crash_close_power; return 2; }
	for flag in 1 2; do
		for point in "${points[@]}" "end - - -"; do
			CRASH_POINTS=$((CRASH_POINTS + 1))
			_crash_power_point "$flag" "$point" || { _crash_close_power; return 2; }
		done
	done
	_crash_close_power
	_crash_finish power
}

_crash_open_power() {
	_crash_gold=$_crash_dir/gold _crash_image=$_crash_dir/image
	dir=$_crash_dir/w/d
	_crash_begin "$@" && test_program fsdown || return
	_crash_fsdown=$REPLY
	mkdir -p "$_crash_work" && rm -f "$_crash_image" && truncate -s "${CRASH_SIZE:-64M}" "$_crash_image" &&
		mkfs.ext4 -q -F -m 0 "$_crash_image" >&2 && _crash_mount && _crash_setup && unmount_loop "$_crash_work" &&
		cp --sparse=always "$_crash_image" "$_crash_gold" && _crash_mount && _crash_reference && unmount_loop "$_crash_work"
}

_crash_close_power() {
	! mountpoint -q "$_crash_work" || unmount_loop "$_crash_work"
	rm -f "$_crash_gold" "$_crash_image"
}

_crash_power_point() {     # FLAG POINT: fails only if the stage cannot be set
	local flag=$1 point=$2 how status=137
	how="power cut (flag $flag)"
	cp --sparse=always "$_crash_gold" "$_crash_image" && _crash_mount || return
	if [ "${point%% *}" = end ]; then
		_crash_run
		status=$?
	else
		_crash_run -n "${point%% *}" -k
	fi
	"$_crash_fsdown" "$_crash_work" "$flag" >&2 && unmount_loop "$_crash_work" && _crash_mount || return
	if _crash_check_invariant "$how" "$point"; then
		if [ "${point%% *}" != end ] || [ "${CRASH_DURABLE:-yes}" != yes ]; then
			_crash_check_rerun "$how" "$point"
		elif [ $status != "${CRASH_STATUS:-0}" ]; then
			_crash_bad "$how" "the end" "the run before the cut exits $status" "$_crash_dir/err"
		else
			_crash_check_end "$how" "the end" "what was reported as done did not survive:"
		fi
	fi
	unmount_loop "$_crash_work"
}

# ---------------------------------------------------------------- called

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	case $1 in kill | power | fault) ;; *) echo "usage: crash.sh kill|power|fault FILE" >&2; exit 2 ;; esac
	command=()
	# shellcheck disable=SC1090
	. "$2" || exit 2
	"crash_$1" "${command[@]}"
	exit
fi

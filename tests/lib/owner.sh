# shellcheck shell=bash
# owner.sh - what lab.sh, tap.sh and crash.sh share: what a test owns goes away with it.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it; it may be sourced any number of times.
#
#   at_exit COMMAND     run COMMAND (one string, evaluated) when this shell ends, however it ends
#                       short of SIGKILL; the last registered runs first; the script's exit status
#                       is kept.  A trap for EXIT that was set before is kept and runs last.
#                       Subshells do not run it: bash clears traps there, and that is what we want.
#   scratch_dir VAR     make a directory of this shell's own (0755, under TMPDIR), put its path in
#                       VAR, remove it at exit with whatever is mounted below it; KEEP=1 keeps it.
#                       Directories that dead shells left behind are removed first.
#   owner_born PID      when that process began, in clock ticks since boot; with the pid this names
#                       a process for good, a pid alone may have been given to another since
#   owner_alive "PID BORN"   is that very process still there (and no zombie)?
#   remove_tree DIR     unmount what is mounted below DIR, then remove it, staying in its file system
#   unmount_loop DIR    unmount a file system that lies in a file, and wait until the kernel let go of
#                       the file: a mount before that would find the old, dead superblock
#   test_program NAME   path, in REPLY, of tests/lib/NAME.c compiled: by the build, or else here

if ! declare -F at_exit >/dev/null; then

_owner_commands=()
_owner_trap_before=$(trap -p EXIT)

at_exit() {
	_owner_commands+=("$1")
	trap _owner_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

_owner_end() {
	local rc=$? i
	trap '' HUP INT TERM
	set +e
	for ((i = ${#_owner_commands[@]} - 1; i >= 0; i--)); do
		eval "${_owner_commands[i]}"
	done
	trap - EXIT
	if [ -n "$_owner_trap_before" ]; then
		eval "$_owner_trap_before"    # it reads: trap -- 'COMMAND' EXIT
	fi
	exit "$rc"
}

owner_born() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
	stat=${stat##*) }    # the command's name, in parentheses, may hold blanks
	# shellcheck disable=SC2086
	set -- $stat
	echo "${20}"
}

owner_alive() {
	local pid born
	read -r pid born <<<"$1"
	[ -n "$pid" ] && [ -n "$born" ] && [ "$(owner_born "$pid")" = "$born" ] &&
		! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null
}

remove_tree() {
	[ -e "$1" ] || return 0
	local m
	awk -v p="$1/" 'index($5 "/", p) == 1 { print $5 }' /proc/self/mountinfo | tac |
		while read -r m; do umount "$m" 2>/dev/null || umount -l "$m"; done
	rm -rf --one-file-system "$1"
}

unmount_loop() {
	local file i
	file=$(findmnt -n -o SOURCE --mountpoint "$1") && file=$(losetup -n -O BACK-FILE "$file") || return
	umount "$1" || return
	for ((i = 0; i < 6000; i++)); do
		[ -n "$(losetup -j "$file")" ] || return 0
		sleep .005
	done
	echo "the loop device of '$file' does not go away" >&2
	return 2
}

test_program() {
	local lib
	lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
	REPLY=${BUILD:-$lib/../../build}/tests/$1
	[ ! -x "$REPLY" ] || return 0
	[ -n "${_owner_programs:-}" ] || scratch_dir _owner_programs || return
	REPLY=$_owner_programs/$1
	[ -x "$REPLY" ] || "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -o "$REPLY" "$lib/$1.c" >&2 ||
		{ echo "cannot compile '$lib/$1.c'" >&2; return 2; }
}

scratch_dir() {
	local base=${TMPDIR:-/tmp}/maintkit-t. d owner
	for d in "$base"*; do
		[ -O "$d" ] || continue
		owner=${d#"$base"}
		owner=${owner%.*}
		owner_alive "${owner/-/ }" || remove_tree "$d"
	done
	d=$(mktemp -d "$base$$-$(owner_born $$).XXXXXX") || return
	chmod 755 "$d"
	printf -v "$1" %s "$d"
	at_exit "if [ \"\${KEEP:-}\" = 1 ]; then echo '# kept: $d' >&2; else remove_tree '$d'; fi"
}

fi

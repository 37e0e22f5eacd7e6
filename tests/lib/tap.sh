# shellcheck shell=bash
# tap.sh - a shell test that prints TAP, for prove.
# SPDX-License-Identifier: GPL-2.0-or-later
#
#   #!/bin/bash
#   # proves: what this test proves
#   . "$(dirname "$0")/../lib/tap.sh"
#   ok "true is true" true
#   done_testing
#
# Tests (each prints one line, says why on failure with "# ", and returns 0 or 1):
#   ok DESC CMD...          CMD exits 0            nok DESC CMD...    CMD exits 1..125
#   rc_is N DESC CMD...     CMD exits N
#   is GOT WANT DESC        equal strings          isnt GOT OTHER DESC
#   like GOT ERE DESC       matches                unlike GOT ERE DESC
#   same GOTFILE WANTFILE DESC    equal bytes
#   pass DESC, fail DESC    when the test decided by itself
#   skip REASON DESC        counts as passed, listed at the end of a run: give a real reason
# Flow:
#   run CMD...              no test: runs CMD, sets rc, out, err (without the last newlines)
#   done_testing            must come last: prints the plan.  A script that ends before is a failure
#   skip_all REASON         before the first test: nothing of this script can run here
#   BAIL REASON             stop the whole run
#   diag TEXT, note TEXT    "# TEXT" on stderr (always seen), on stdout (seen with prove -v)
# CMD runs in this shell, so it may be a function; its output is captured and shown only on failure.
# After ok, nok and rc_is: rc, out and err are set as by run.
#
# Set for the test: TOP (root of the sources), BUILD (absolute; environment BUILD, else TOP/build),
# BIN (BUILD/bin), T (an empty directory of its own, removed at exit; KEEP=1 keeps it).
# OWN_MOUNTS=1, set before this file is sourced: run in a mount namespace of our own (as root), for
# tests that mount and must be sure that an unmount is one (crash_power).
# The environment is made plain: C.UTF-8, UTC, umask 022, no DPKG_* or DEBIAN_*, stdin not closed.

[ -e /proc/self/fd/0 ] || exec </dev/null

# A machine that another test starts meanwhile copies the host's mounts and would
# keep ours alive after we unmounted them.
if [ "${OWN_MOUNTS:-}" = 1 ] && [ -z "${_tap_own_mounts:-}" ] && [ "$(id -u)" = 0 ]; then
	export _tap_own_mounts=1
	exec unshare --mount --propagation slave -- "$0" "$@"
fi

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/owner.sh
. "$TOP/tests/lib/owner.sh"

BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac
BIN=$BUILD/bin
export TOP BUILD BIN

unset "${!DPKG_@}" "${!DEBIAN_@}" "${!DEBCONF_@}" "${!MAINTKIT_@}" CDPATH LANGUAGE "${!LC_@}"
export LC_ALL=C.UTF-8 LANG=C.UTF-8 TZ=UTC
umask 022

_tap_count=0 _tap_failed=0 _tap_state=running _tap_capture=''
rc=0 out='' err=''

# Our own copy of stdout: a test may call us with stdout redirected.
exec {_tap_fd}>&1

# Registered before the directories, so that it runs after they are gone.
at_exit _tap_end
scratch_dir T && scratch_dir _tap_capture || { echo "Bail out! no scratch directory"; exit 2; }

_tap_print() { printf '%s\n' "$1" >&"$_tap_fd"; }

diag() { printf '%s\n' "$*" | sed 's/^/# /' >&2; }
note() { printf '%s\n' "$*" | sed 's/^/# /' >&"$_tap_fd"; }

pass() {
	_tap_print "ok $((++_tap_count)) - ${1//#/\\#}"
}

fail() {
	_tap_failed=$((_tap_failed + 1))
	_tap_print "not ok $((++_tap_count)) - ${1//#/\\#}"
	diag "failed: $1 (${0##*/}, line $(_tap_line))"
	return 1
}

# The line of the script that called into this file.
_tap_line() {
	local i
	for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
		[ "${BASH_SOURCE[i]}" = "${BASH_SOURCE[0]}" ] || { echo "${BASH_LINENO[i - 1]}"; return; }
	done
}

skip() {
	_tap_print "ok $((++_tap_count)) - ${2:-skipped} # SKIP $1"
}

skip_all() {
	[ "$_tap_count" = 0 ] || BAIL "${0##*/}: skip_all after a test"
	_tap_state=over
	_tap_print "1..0 # SKIP $1"
	exit 0
}

BAIL() {
	_tap_state=over
	_tap_print "Bail out! $*"
	exit 255
}

done_testing() {
	_tap_state=over
	_tap_print "1..$_tap_count"
	[ "$_tap_failed" = 0 ] && [ "$_tap_count" -gt 0 ]
	exit
}

_tap_end() {
	[ "$_tap_state" = running ] || return 0
	_tap_print "not ok $((++_tap_count)) - ${0##*/} ends with done_testing"
	diag "it ended after test $((_tap_count - 1))"
	_tap_print "1..$_tap_count"
	exit 1
}

run() {
	# not in a subshell: CMD may be a function that sets variables, and errexit must not act in it
	if "$@" >"$_tap_capture/out" 2>"$_tap_capture/err"; then rc=0; else rc=$?; fi
	out=$(tr -d '\0' <"$_tap_capture/out")
	err=$(tr -d '\0' <"$_tap_capture/err")
}

_tap_show_run() {
	local IFS=' '
	diag "command: $*"
	diag "exit status: $rc"
	[ -z "$out" ] || { diag "stdout:"; head -c 4000 <<<"$out" | sed 's/^/#   /' >&2; }
	[ -z "$err" ] || { diag "stderr:"; head -c 4000 <<<"$err" | sed 's/^/#   /' >&2; }
	return 1
}

ok() {
	local desc=$1
	shift
	[ $# -gt 0 ] || BAIL "${0##*/}, line $(_tap_line): ok needs a command"
	run "$@"
	if [ "$rc" = 0 ]; then pass "$desc"; else fail "$desc" || _tap_show_run "$@"; fi
}

nok() {
	local desc=$1
	shift
	[ $# -gt 0 ] || BAIL "${0##*/}, line $(_tap_line): nok needs a command"
	run "$@"
	# 126 and more: it could not be run, or a signal ended it; that is not the refusal asked for
	if [ "$rc" -gt 0 ] && [ "$rc" -lt 126 ]; then pass "$desc"; else fail "$desc" || _tap_show_run "$@"; fi
}

rc_is() {
	local want=$1 desc=$2
	shift 2
	[ $# -gt 0 ] || BAIL "${0##*/}, line $(_tap_line): rc_is needs a command"
	run "$@"
	if [ "$rc" = "$want" ]; then
		pass "$desc"
	else
		fail "$desc" || { diag "wanted exit status: $want"; _tap_show_run "$@"; }
	fi
}

_tap_show() { diag "$1:"; head -c 4000 <<<"$2" | sed 's/^/#   /' >&2; return 1; }

is() {
	if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" || { _tap_show got "$1"; _tap_show want "$2"; }; fi
}

isnt() {
	if [ "$1" != "$2" ]; then pass "$3"; else fail "$3" || _tap_show "got what must not be" "$1"; fi
}

like() {
	if [[ $1 =~ $2 ]]; then pass "$3"; else fail "$3" || { _tap_show got "$1"; _tap_show "want a match of" "$2"; }; fi
}

unlike() {
	if [[ ! $1 =~ $2 ]]; then pass "$3"; else fail "$3" || { _tap_show got "$1"; _tap_show "want no match of" "$2"; }; fi
}

same() {
	if cmp -s -- "$1" "$2"; then
		pass "$3"
	else
		fail "$3" || { diff -u --label got --label want -- "$1" "$2" | head -n 40 | sed 's/^/#   /' >&2; return 1; }
	fi
}

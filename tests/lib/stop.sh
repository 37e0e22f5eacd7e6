# shellcheck shell=bash
# stop.sh - stop or kill a program that another one runs, on its way, not before and not after it.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it behind tap.sh. Gives:
#   stop_below PID NAME BYTES   stop the program NAME below a process when it has read more than BYTES; it is
#                    $victim then. Fails when PID ends before, or it does not get so far in five minutes.
#                    A program that is stopped hears no signal but KILL and CONT: whoever ends its parent ends it, too
#   end_victim       SIGKILL to it
#   until_ok WHAT CMD...   until CMD succeeds; not within five minutes: the run stops and names WHAT
#   in_time CMD...   until CMD succeeds; its status, 1 when it does not within a minute

until_ok() {
	local what=$1 end=$((SECONDS + 300))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || BAIL "waited five minutes in vain for $what"
		sleep 0.02
	done
}
in_time() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# No process is started while we look: what is looked for may be a matter of milliseconds. All of that name are looked at,
# each time: a program is run for this and for that, and one that has ended may be there until its parent asks for it.
_stop_look() { # PID NAME BYTES: stop the first that has read more; it is $victim
	local p kids='' comm='' name='' value=''
	{ read -r kids <"/proc/$1/task/$1/children"; } 2>/dev/null
	for p in $kids; do
		comm='' value=''
		{ read -r comm <"/proc/$p/comm" && read -r name value <"/proc/$p/io"; } 2>/dev/null	# "rchar: BYTES"
		if [ "$comm" = "$2" ] && [ "${value:--1}" -gt "$3" ] && kill -STOP "$p" 2>/dev/null; then
			victim=$p
			return 0
		fi
		_stop_look "$p" "$2" "$3" && return 0
	done
	return 1
}
stop_below() {
	local until=$((SECONDS + 300))
	victim=
	while [ "$SECONDS" -lt "$until" ] && kill -0 "$1" 2>/dev/null; do
		if _stop_look "$1" "$2" "$3"; then return 0; fi
	done
	return 1
}
end_victim() { [ -z "$victim" ] || kill -KILL "$victim" 2>/dev/null; }

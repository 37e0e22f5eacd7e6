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

# No process is started while we look: what is looked for may be a matter of milliseconds.
_stop_find() { # PID NAME: sets victim to the last one
	local p kids='' comm=''
	{ read -r kids <"/proc/$1/task/$1/children"; } 2>/dev/null
	for p in $kids; do
		comm=''
		{ read -r comm <"/proc/$p/comm"; } 2>/dev/null
		[ "$comm" != "$2" ] || victim=$p
		_stop_find "$p" "$2"
	done
}
stop_below() {
	local name value until=$((SECONDS + 300))
	# one that ends before may not be the one: a program is run for this and for that
	while [ "$SECONDS" -lt "$until" ] && kill -0 "$1" 2>/dev/null; do
		victim=
		_stop_find "$1" "$2"
		while [ -n "$victim" ] && [ "$SECONDS" -lt "$until" ] && read -r name value <"/proc/$victim/io"; do	# "rchar: BYTES"
			if [ "$value" -gt "$3" ]; then kill -STOP "$victim" && return 0; fi
		done 2>/dev/null
	done
	victim=
	return 1
}
end_victim() { [ -z "$victim" ] || kill -KILL "$victim" 2>/dev/null; }

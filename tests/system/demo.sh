#!/bin/bash
# The life cycle of oscar-emr in a throwaway Debian machine, told step by step.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run by "make demo", as root. Nothing on this machine is touched but apt
# packages that building and booting need, and the cache of base trees. Exit 0
# only if every check of every step held.
#
# Environment: DEMO_SUITE (bookworm), DEBS (a directory with the packages of an
# earlier run, instead of building them).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 2
# shellcheck source=tests/lib/lab.sh
. "$top/tests/lib/lab.sh"
# shellcheck source=tests/system/lifecycle.sh
. "$top/tests/system/lifecycle.sh"

SUITE=${DEMO_SUITE:-bookworm}
BUILD=${BUILD:-$top/build}
scratch_dir WORK

# ---- telling ----------------------------------------------------------------
bold= plain= good= bad=
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m' good=$'\e[32m' bad=$'\e[31m'; fi
titles=() results=() times=()
failed=0 started=0

step() {
	end_step
	titles+=("$1")
	failed=0 started=$SECONDS
	printf '\n%s%2d. %s%s\n' "$bold" "${#titles[@]}" "$1" "$plain"
}
end_step() {
	[ "${#titles[@]}" -gt "${#results[@]}" ] || return 0
	results+=("$failed")
	times+=($((SECONDS - started)))
}
say() { printf '    %s\n' "$*"; }

# The tester of lifecycle.sh: DESC CMD...
ok() {
	local desc=$1 rc
	shift
	"$@" >"$WORK/out" 2>&1 && rc=0 || rc=$?	# in this shell: it may set variables
	# What "show" printed is part of the story.
	if [ "$1" = show ]; then cat "$WORK/out"; fi
	if [ "$rc" -eq 0 ]; then
		printf '    %s[ok]%s %s\n' "$good" "$plain" "$desc"
		return 0
	fi
	failed=$((failed + 1))
	printf '    %s[FAILED]%s %s (status %s)\n' "$bad" "$plain" "$desc" "$rc"
	tail -n 25 "$WORK/out" | sed 's/^/        | /'
	return 1
}
# Show a command as a person would type it in the machine, and what it says.
show() {
	local out rc
	printf '    clinic# %s\n' "$1"
	out=$(in_clinic sh -c "$1" 2>&1) && rc=0 || rc=$?
	printf '%s\n' "$out" | grep -Ev '^(\(Reading database|Preparing to|Selecting prev|Reading pack|Building dep|Reading state|Get:|Fetched|NEEDRESTART|\s*$)' |
		head -n "${SHOW_LINES:-30}" | sed 's/^/        /'
	return "$rc"
}

summary() {
	local i all=0
	end_step
	printf '\n%s  #  result  seconds  step%s\n' "$bold" "$plain"
	for i in "${!titles[@]}"; do
		local word="${good}ok    $plain"
		[ "${results[i]}" -eq 0 ] || { word="${bad}FAILED$plain" all=1; }
		printf ' %2d  %s  %7d  %s\n' $((i + 1)) "$word" "${times[i]}" "${titles[i]}"
	done
	return "$all"
}

# ---- the story ----------------------------------------------------------------
step "Build the packages"
if [ -n "${DEBS:-}" ]; then
	say "using the packages in $DEBS"
else
	ok "maintkit and oscar-emr 1:19.0-1, 1:19.1-1, 1:19.1-2, and 1:15.0-1 which reads only old data" \
		lifecycle_debs || exit 2
fi

step "Boot a clinic's server (Debian $SUITE: systemd, MariaDB, Tomcat's code, ufw, sshd)"
ok "the machine is up" lifecycle_boot "$SUITE" || exit 2

lifecycle_run
summary

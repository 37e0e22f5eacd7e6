#!/bin/bash
# proves: status tells each area from what the other programs say, and never takes silence for well-being
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

r=$T/root
mkdir -p "$r/usr/share/pkg" "$r/var/lib/dpkg/info" "$T/bin"
cat >"$r/usr/share/pkg/maintkit.conf" <<'EOF2'
[package]
name = pkg
[backup]
dir = /var/backups/pkg
[data]
patients = SELECT 1
EOF2
printf 'Package: pkg\nStatus: install ok installed\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' \
	>"$r/var/lib/dpkg/status"
status() { "${bin:-$BIN}/maintkit-status" -p pkg --root "$r" "$@"; }

# ---- with the real programs
rc_is 0 "one screen" status
like "$out" "^pkg 1:2.0-1 installed" "begins with the version"
like "$out" "ok       pending        nothing" "nothing is pending"
like "$out" "wrong    backups        none.*run 'maintkit -p pkg backup create'" "no backup is wrong, and how to mend it"
unlike "$out" "firewall" "an area without a section is not asked for"
rc_is 1 "--check" status --check
is "$out" "pkg: backups: none" "one line that names it"
like "$(status)" "note     backup keys    nothing outside this machine opens them.*run 'maintkit -p pkg backup recovery'" "a key for the backups is missing"
ok "--json" status --json
like "$out" '"well": false' "not well"
mkdir -p "$r/var/backups/pkg"
rc_is 2 "an argument" status more
like "$err" "'status' takes no argument" "said"

# ---- with programs that answer as we like
for c in status pending; do cp "$BIN/maintkit-$c" "$T/bin/"; done
bin=$T/bin
rc_is 0 "programs that are not there" status
like "$out" "unknown  backups        not known now: '.*/maintkit-backup' is not installed" "are named"
kept='[]'
answer() { # PROGRAM SHELL; what a restore keeps is another question
	printf '#!/bin/sh\ncase " $* " in *" kept "*) printf "%%s\\n" '"'%s'"'; exit 0 ;; esac\n%s\n' "$kept" "$2" >"$T/bin/maintkit-$1"
	chmod +x "$T/bin/maintkit-$1"
}
answer data 'echo "[]"'
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
answer backup "printf '[\n  {\n    \"name\": \"a\",\n    \"created\": \"$now\",\n    \"verified\": \"$now\"\n  }\n]\n'"
rc_is 0 "--check when all is well" status --check
is "$out" "pkg: all well" "says so"
for state in restored loading swapping; do
	kept=$(printf '[\n  {\n    "since": "20261122T080000Z",\n    "state": "%s"\n  }\n]' $state)
	answer backup "printf '[\n  {\n    \"name\": \"a\",\n    \"created\": \"$now\",\n    \"verified\": \"$now\"\n  }\n]\n'"
	case $state in
	restored) like "$(status)" "note     restore        the former state is kept since 20261122T080000Z.*--confirm" "what a restore keeps is a note" ;;
	loading) like "$(status)" "wrong    restore        interrupted while loading.*--discard" "one that was cut off before it is wrong" ;;
	*) like "$(status)" "wrong    restore        interrupted while swapping.*--continue" "or in the middle" ;;
	esac
done
kept='[]'
answer backup "printf '[\n  {\n    \"name\": \"a\",\n    \"created\": \"$now\"\n  }\n]\n'"
rc_is 1 "a backup that nobody verified" status --check
like "$(status)" "wrong    backups        1, newest of .*, none is verified.*run 'maintkit -p pkg backup verify'" "is wrong"
answer backup "printf '[\n  {\n    \"name\": \"b\",\n    \"created\": \"2020-01-01T00:00:00Z\",\n    \"verified\": \"2020-01-01T00:00:00Z\"\n  },\n  {\n    \"name\": \"a\",\n    \"created\": \"$now\"\n  }\n]\n'"
rc_is 1 "the last verified one is old" status --check
like "$out" "newest verified of 2020" "is wrong"
answer backup "printf '[\n  {\n    \"name\": \"a\",\n    \"created\": \"2020-01-01T00:00:00Z\"\n  }\n]\n'"
rc_is 1 "an old backup" status --check
like "$out" "backups: 1, newest of 2020" "is wrong"
answer backup "printf '[\n  {\n    \"name\": \"a\",\n    \"created\": \"2199-01-01T00:00:00Z\",\n    \"verified\": \"2199-01-01T00:00:00Z\"\n  }\n]\n'"
rc_is 1 "a backup of a time that has not come yet" status --check
like "$out" "backups: 1, newest of 2199-[^,]*, a time that has not come yet" "does not count as fresh until then"
answer backup 'echo "maintkit-backup: error: the disk is gone; do this" >&2; exit 2'
rc_is 1 "a program that fails" status --check
is "$out" "pkg: backups: the disk is gone; do this; backup keys: the disk is gone; do this" "is wrong, with its own reason"
answer backup 'echo "maintkit-backup: error: the database is down" >&2; exit 3'
rc_is 0 "a backend that is absent, below another root" status --check
like "$(status)" "unknown  backups        not known now: the database is down" "is unknown"
rc_is 1 "the same on a booted system" env MAINTKIT_ASSUME_BOOTED=1 "$T/bin/maintkit-status" -p pkg --root "$r" --check
answer backup 'kill -9 $$'
rc_is 1 "a program that is killed" status --check
answer backup 'printf "\033[31mno json"; exit 0'
rc_is 1 "a program that talks nonsense" status --check
unlike "$out" $'\033' "its bytes do not reach the terminal"
answer data "printf '[\n  {\n    \"database\": \"d\\\\\"q\",\n    \"patients\": 7\n  }\n]\n'"
like "$(status)" "note     retained data  of a purge: database 'd\"q', 7 patients" "retained data is a note"


# ---- data migrations: what is due is a remark, what was cut off is wrong
printf '[migrate]\nbackup-hours = 24\n' >>"$r/usr/share/pkg/maintkit.conf"
migrations() { # NAME STATE WARNING ... as src/core/json.c writes it
	local sep=''
	{
		echo '['
		while [ $# -gt 0 ]; do
			printf '%s  {\n    "name": "%s",\n    "state": "%s",\n    "warning": %s,\n' "$sep" "$1" "$2" "$3"
			printf '    "runs": [\n      {\n        "state": "done"\n      }\n    ]\n  }'
			sep=$',\n'
			shift 3
		done
		printf '\n]\n'
	} >"$T/migrations"
	answer migrate "cat '$T/migrations'"
}
migrations a 'not needed' null b 'not possible' null
like "$(status)" "ok       migrations     none is needed" "nothing to migrate"
migrations a done null b due null c 'due again' null
like "$(status)" "note     migrations     a done; b due; c due again.*run 'maintkit -p pkg migrate plan b'" "something is due: look at it first"
migrations a due null b interrupted null
like "$(status)" "wrong    migrations     a due; b interrupted.*run 'maintkit -p pkg migrate run b'" "a run was cut off"
migrations a 'undo interrupted' null b interrupted null
like "$(status)" "wrong    migrations     .*run 'maintkit -p pkg migrate undo a'" "an undo was cut off"
migrations a done '"the web tool was run"'
like "$(status)" "note     migrations     a done: the web tool was run" "what speaks against it is told"
done_testing

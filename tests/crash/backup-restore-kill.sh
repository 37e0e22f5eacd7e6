#!/bin/bash
# proves: a restore that is killed anywhere leaves the old state, the new one, or a plan by which the next run gets there
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/restore.sh"
. "$TOP/tests/lib/crash.sh"
restore_system
: "${R:?}" "${T:?}"
restore_world 20 8 || BAIL "no data to work with"
B=$(newest)
mv "$B" "$T/backup.gpg" && mv "$B.sha256" "$T/backup.gpg.sha256"
sed -i "s,  .*,  backup.gpg," "$T/backup.gpg.sha256"
world=$R

# The databases as they are, to be loaded again; and the files.
databases() { mariadb_sql "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'demo%'"; }
keep_stage() { # NAME
	local list
	mapfile -t list < <(databases)
	mariadb-dump --no-defaults --socket="$MARIADB_SOCKET" --routines --triggers --events --hex-blob --databases "${list[@]}" >"$T/$1.sql" &&
		cp -a "$world" "$T/$1.root"
}
setup_stage() { # NAME DIR
	local list
	mapfile -t list < <(databases)
	[ ${#list[@]} = 0 ] || mariadb_sql "$(printf 'DROP DATABASE `%s`; ' "${list[@]}")"
	mariadb_sql <"$T/$1.sql" && cp -a "$T/$1.root" "$2/root"
}
timeless() { sed 's/[0-9]\{8\}[Tt][0-9]\{6\}[Zz]/TIME/g'; }
observe() {
	R=$1/root D=$1/root/var/lib/demo/documents
	state | timeless
	left_over | sed "s,$1,," | timeless | LC_ALL=C sort
	phase "$1"
	ls "$R/var/lib/maintkit/demo/pending" 2>&1 | sed "s,$1,,"
}
phase() { awk -F'\t' '$1 ~ / restore$/ { print $4 }' "$1/root/var/lib/maintkit/demo/restore" 2>/dev/null; }
# Whatever is not half way is one or the other.
invariant() {
	local now want
	R=$1/root D=$1/root/var/lib/demo/documents
	now=$(phase "$1")
	case $now in
	swapping | reverting) grep -q restore "$1/root/var/lib/maintkit/demo/pending"; return ;;
	restored) want=good ;;
	reverted) want=later ;;
	dropping | '') want=$quiet ;;
	*) want=$quiet ;;
	esac
	state | cmp -s - "$T/$want.state" || { echo "phase '$now', but not the state '$want'"; return 1; }
}

state >"$T/good.state"
mariadb_sql "INSERT INTO demo.visit (patient) VALUES (1), (2); DROP TABLE demo.old_engine; CREATE TABLE demo.newer (a INT)"
echo later >"$D/sub/later.txt"
mk guard mark --level 19 --min 18 --reason upgrade 2>/dev/null
state >"$T/later.state"
keep_stage later
backup restore "$T/backup.gpg" 2>/dev/null || BAIL "it is not restored"
keep_stage restored
R=$world
export CRASH_TIMEOUT=60 CRASH_STDOUT=no

soak() { if [ -n "${SOAK:-}" ]; then echo "$1"; else echo "$2"; fi; }

quiet=later
setup() { setup_stage later "$1"; }
CRASH_MAX=$(soak 200 5) ok "restore" crash_kill "$BIN/maintkit-backup" --root @DIR@/root -p demo restore "$T/backup.gpg"

# Back again without gpg in between, so that more points fall on the exchange itself. A second --revert
# would exchange once more, so what was interrupted is finished by --continue, and else begun.
quiet=good
setup() { setup_stage restored "$1"; }
cat >"$T/revert" <<-E
	#!/bin/sh
	case \$(cut -f 4 <"\$1/var/lib/maintkit/demo/restore" | head -n 1) in
	reverting | reverted) set -- "\$1" --continue ;;
	*) set -- "\$1" --revert ;;
	esac
	exec "$BIN/maintkit-backup" --root "\$1" -p demo restore "\$2"
E
chmod +x "$T/revert"
CRASH_MAX=$(soak 200 10) ok "revert" crash_kill "$T/revert" @DIR@/root
CRASH_MAX=$(soak 60 3) ok "confirm" crash_kill "$BIN/maintkit-backup" --root @DIR@/root -p demo restore --confirm
done_testing

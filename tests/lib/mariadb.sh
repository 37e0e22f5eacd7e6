# shellcheck shell=bash
# mariadb.sh - a private MariaDB server in a temporary directory, as an unprivileged user, for service tests.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it (after tests/lib/owner.sh, which it sources itself when needed).
#
#   mariadb_here          is there a server program on this machine? (its reason is in $mariadb_why)
#   mariadb_new           make data directory and start; sets MARIADB_DIR, MARIADB_SOCKET and exports
#                         MAINTKIT_DB_SOCKET and MAINTKIT_ASSUME_BOOTED=1; all gone at exit
#   mariadb_start         start (again) on the same data; waits until it answers
#   mariadb_stop          orderly shutdown
#   mariadb_kill          SIGKILL, as the out-of-memory killer does it
#   mariadb_sql [ARGS]    the client as root, batch mode, no column names; SQL from arguments or stdin
#   await WHAT SQL        until SQL says 1; not within five minutes: the run stops and names WHAT (needs tap.sh)
#   mariadb_dump DB       the database as text without dates and without maintkit's own tables
#
# MARIADB_TREE names a root tree with another MariaDB in it (a lab tree): its programs are run by
# chroot then, with the data directory bound into it. MARIADB_OPTIONS: more options for the server.
# The server runs with flush at every commit, as a real one does, unless MARIADB_FAST=1.

. "$(dirname "${BASH_SOURCE[0]}")/owner.sh"

MARIADB_DIR='' MARIADB_PID='' mariadb_why=''

mariadb_here() {
	mariadb_why=''
	if [ -n "${MARIADB_TREE:-}" ]; then
		[ -x "$MARIADB_TREE/usr/sbin/mariadbd" ] && [ "$(id -u)" = 0 ] && return 0
		mariadb_why="no server in $MARIADB_TREE, or not root"
		return 1
	fi
	command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null && return 0
	[ -x /usr/sbin/mariadbd ] && return 0
	mariadb_why='mariadb-server is not installed'
	return 1
}

# Run a program of the server's package, in its tree when there is one: below an overlay, because
# nothing may be written into a tree that machines use.
_mariadb_run() {
	if [ -n "${MARIADB_TREE:-}" ]; then
		unshare -m -- sh -c '
			tree=$1 dir=$2; shift 2
			mount -t tmpfs tmpfs /mnt && mkdir /mnt/up /mnt/work /mnt/root &&
			mount -t overlay overlay -o "lowerdir=$tree,upperdir=/mnt/up,workdir=/mnt/work" /mnt/root &&
			mkdir -p "/mnt/root$dir" && mount --bind "$dir" "/mnt/root$dir" &&
			mount -t proc proc /mnt/root/proc && mount --bind /dev /mnt/root/dev &&
			exec chroot /mnt/root "$@"' - "$MARIADB_TREE" "$MARIADB_DIR" "$@"
	else
		PATH=$PATH:/usr/sbin "$@"
	fi
}

mariadb_new() {
	scratch_dir MARIADB_DIR
	MARIADB_SOCKET=$MARIADB_DIR/sock
	at_exit mariadb_end
	MARIADB_USER=$(id -un)
	if [ "$MARIADB_USER" = root ]; then
		MARIADB_USER=nobody
		chown nobody "$MARIADB_DIR"
	fi
	chmod 755 "$MARIADB_DIR"
	# Its own directory for temporary files: a server that starts removes those of others.
	TMPDIR=$MARIADB_DIR _mariadb_run mariadb-install-db --no-defaults --datadir="$MARIADB_DIR/data" --user="$MARIADB_USER" \
		--auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" --skip-test-db \
		--innodb-log-file-size=16M --innodb-flush-log-at-trx-commit=0 \
		>"$MARIADB_DIR/install.log" 2>&1 || { cat "$MARIADB_DIR/install.log" >&2; return 1; }
	export MAINTKIT_DB_SOCKET=$MARIADB_SOCKET MAINTKIT_ASSUME_BOOTED=1
	mariadb_start
}

mariadb_start() {
	local i fast=()
	[ -z "${MARIADB_FAST:-}" ] || fast=(--innodb-flush-log-at-trx-commit=0 --sync-binlog=0)
	# shellcheck disable=SC2086
	_mariadb_run mariadbd --no-defaults --user="$MARIADB_USER" --datadir="$MARIADB_DIR/data" \
		--socket="$MARIADB_SOCKET" --pid-file="$MARIADB_DIR/pid" --skip-networking \
		--innodb-log-file-size=48M --innodb-buffer-pool-size=128M --tmpdir="$MARIADB_DIR" \
		"${fast[@]}" ${MARIADB_OPTIONS:-} >>"$MARIADB_DIR/log" 2>&1 </dev/null &
	MARIADB_JOB=$!
	for ((i = 0; i < 1800; i++)); do
		mariadb_sql 'SELECT 1' >/dev/null 2>&1 && break
		kill -0 "$MARIADB_JOB" 2>/dev/null || break
		sleep 0.1
	done
	MARIADB_PID=$(cat "$MARIADB_DIR/pid" 2>/dev/null) || { cat "$MARIADB_DIR/log" >&2; return 1; }
}

mariadb_stop() {
	[ -n "$MARIADB_PID" ] || return 0
	kill -TERM "$MARIADB_PID" 2>/dev/null
	wait "$MARIADB_JOB" 2>/dev/null
	MARIADB_PID=''
}

mariadb_kill() {
	kill -KILL "$MARIADB_PID"
	wait "$MARIADB_JOB" 2>/dev/null
	rm -f "$MARIADB_DIR/pid"
	MARIADB_PID=''
}

mariadb_end() {
	[ -n "$MARIADB_DIR" ] || return 0
	[ -z "$MARIADB_PID" ] || mariadb_kill
}

mariadb_sql() {
	if [ $# -gt 0 ]; then
		mariadb --no-defaults --socket="$MARIADB_SOCKET" -N -B -e "$*"
	else
		mariadb --no-defaults --socket="$MARIADB_SOCKET" -N -B
	fi
}

await() {
	local i
	for ((i = 0; i < 3000; i++)); do
		[ "$(mariadb_sql "$2" 2>/dev/null)" = 1 ] && return 0
		sleep 0.1
	done
	BAIL "waited five minutes in vain for $1"
}

mariadb_dump() {
	mariadb-dump --no-defaults --socket="$MARIADB_SOCKET" --skip-dump-date --skip-comments --routines --triggers --events \
		--hex-blob --ignore-table="$1.maintkit_meta" --ignore-table="$1.maintkit_script" \
		--ignore-table="$1.maintkit_statement" --ignore-table="$1.maintkit_counter" "$@"
}

# shellcheck shell=bash
# galera.sh - a real Galera cluster of three MariaDB nodes on the loopback of a network namespace of the test's own.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it first, instead of tap.sh: it begins the test anew in a network namespace (whose ports are
# all free) and sources tap.sh there.
#
#   galera_here           can a cluster run here? (the reason is in $galera_why)
#   galera_new            make and start nodes 1, 2, 3; sets GALERA_DIR, exports MAINTKIT_ASSUME_BOOTED=1.
#                         All of it goes away at exit. Node N: port 330N of 127.0.0.1
#   galera_start N        start a node that was stopped or killed; it catches up by itself
#   galera_stop N         orderly; galera_kill N: SIGKILL
#   galera_ready N [S]    wait until node N answers as a synced member (S seconds, 300)
#   galera_sql N [ARGS]   the client as root on node N, batch mode, no column names
#   galera_socket N       path of its socket
#
# The account clinic with password galera may do everything and comes by TCP.
#
# Nodes 2 and 3 begin as copies of node 1, its position in the history included: so the cluster is there
# in seconds, without a state transfer.

if [ -z "${_galera_net:-}" ] && unshare --net true 2>/dev/null; then
	export _galera_net=1
	exec unshare --net -- "$0" "$@"
fi
# shellcheck source=tests/lib/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

GALERA_DIR='' galera_why=''
_galera_provider=/usr/lib/galera/libgalera_smm.so
_galera_job=()

galera_here() {
	galera_why=''
	[ "$(id -u)" = 0 ] || galera_why='not root'
	[ -n "${_galera_net:-}" ] || galera_why='no network namespace can be made'
	[ -e "$_galera_provider" ] || galera_why='galera-4 is not installed'
	command -v rsync >/dev/null || galera_why='rsync is not installed'
	[ -x /usr/sbin/mariadbd ] || galera_why='mariadb-server is not installed'
	[ -z "$galera_why" ]
}

galera_socket() { echo "$GALERA_DIR/$1/sock"; }

galera_sql() {
	local node=$1
	shift
	if [ $# -gt 0 ]; then
		mariadb --no-defaults --socket="$GALERA_DIR/$node/sock" --connect-timeout=30 -N -B -e "$*"
	else
		mariadb --no-defaults --socket="$GALERA_DIR/$node/sock" --connect-timeout=30 -N -B
	fi
}

_galera_run() {	# N OPTION...
	local n=$1
	shift
	exec /usr/sbin/mariadbd --no-defaults --user=nobody --datadir="$GALERA_DIR/$n/data" --socket="$GALERA_DIR/$n/sock" \
		--pid-file="$GALERA_DIR/$n/pid" --tmpdir="$GALERA_DIR/$n" --port=330"$n" --bind-address=127.0.0.1 \
		--innodb-log-file-size=16M --innodb-buffer-pool-size=48M --innodb-flush-log-at-trx-commit=0 \
		--binlog-format=ROW --innodb-autoinc-lock-mode=2 --wsrep-on=ON --wsrep-provider=$_galera_provider \
		--wsrep-cluster-name=maintkit-test --wsrep-node-name="node$n" --wsrep-node-address=127.0.0.1:45"$n"7 \
		--wsrep-provider-options="base_port=45${n}7;ist.recv_addr=127.0.0.1:46${n}8;gcache.size=16M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT4S;evs.inactive_timeout=PT8S" \
		--wsrep-sst-receive-address=127.0.0.1:47"$n"9 --wsrep-sst-method=rsync "$@" \
		>>"$GALERA_DIR/$n/log" 2>&1 </dev/null
}

galera_start() {	# N [OPTION...]
	local n=$1 members=gcomm://127.0.0.1:4517,127.0.0.1:4527,127.0.0.1:4537
	shift
	_galera_run "$n" --wsrep-cluster-address="$members" "$@" &
	_galera_job[n]=$!
}

galera_ready() {
	local i
	for ((i = 0; i < ${2:-300} * 10; i++)); do
		[ "$(galera_sql "$1" "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'WSREP_LOCAL_STATE_COMMENT'" 2>/dev/null)" = Synced ] && return 0
		kill -0 "${_galera_job[$1]}" 2>/dev/null || break
		sleep 0.1
	done
	tail -30 "$GALERA_DIR/$1/log" >&2
	return 1
}

galera_stop() {
	kill -TERM "${_galera_job[$1]}" 2>/dev/null
	wait "${_galera_job[$1]}" 2>/dev/null
	unset "_galera_job[$1]"
}

galera_kill() {
	kill -KILL "${_galera_job[$1]}" 2>/dev/null
	wait "${_galera_job[$1]}" 2>/dev/null
	unset "_galera_job[$1]"
}

galera_end() {
	local n
	for n in "${!_galera_job[@]}"; do galera_kill "$n"; done
}

galera_new() {
	local n
	ip link set lo up || return
	scratch_dir GALERA_DIR || return
	at_exit galera_end
	mkdir "$GALERA_DIR"/{1,2,3} && chown nobody "$GALERA_DIR"/{1,2,3}
	TMPDIR=$GALERA_DIR/1 mariadb-install-db --no-defaults --datadir="$GALERA_DIR/1/data" --user=nobody --auth-root-authentication-method=socket \
		--auth-root-socket-user=root --skip-test-db --innodb-log-file-size=16M --innodb-flush-log-at-trx-commit=0 \
		>"$GALERA_DIR/install.log" 2>&1 || { cat "$GALERA_DIR/install.log" >&2; return 1; }
	chown -R nobody "$GALERA_DIR"
	export MAINTKIT_ASSUME_BOOTED=1
	galera_start 1 --wsrep-new-cluster
	galera_ready 1 || return
	galera_sql 1 "CREATE USER clinic@'%' IDENTIFIED BY 'galera'; GRANT ALL ON *.* TO clinic@'%' WITH GRANT OPTION" || return
	galera_stop 1
	for n in 2 3; do cp -a "$GALERA_DIR/1/data" "$GALERA_DIR/$n/"; done
	galera_start 1 --wsrep-new-cluster
	galera_ready 1 || return
	for n in 2 3; do galera_start $n; done
	for n in 2 3; do galera_ready $n || return; done
}

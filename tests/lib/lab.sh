#!/bin/bash
# lab.sh - throw-away Debian machines (systemd as PID 1, MariaDB, ufw, sshd) from plain shell.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it, or call it: `tests/lib/lab.sh COMMAND ARGS` runs the function lab_COMMAND.
# Needs root, overlayfs, a writable cgroup file system.  No terminal and no stdin needed.
#
# A machine is a tree made by mmdebstrap (read only, cached, shared), an overlay on it, a pair of
# network namespaces, and systemd-nspawn.  It has no way to any network but its own outside client.
#
#   lab_need                        install what is missing on the host; sweep what dead runs left
#   lab_base SUITE                  print the path of the cached tree, build it first if need be
#   lab_layer NAME SUITE WHAT...    print the path of a cached layer over that tree.  WHAT is one file
#                                   (fed to `sh -eu -s` in the tree, with network) or package names
#   lab_new NAME SUITE [LOWER]      make a machine; LOWER = layers "TOP:NEXT:..." over the tree
#   lab_net NAME                    (re)make its network: LAB_IP4/LAB_IP6 is the machine, the
#                                   outside client is LAB_CLIENT_IP4/LAB_CLIENT_IP6
#   lab_start NAME [NSPAWN-ARG...]  boot it, always in a fresh network; arguments are kept for reboots
#   lab_wait NAME [SECONDS]         until booted; prints running; 1 = degraded, 2 = dead, 3 = time is up
#   lab_up NAME SUITE [LOWER]       new + start + wait
#   lab_enter NAME ARGV...          run in the machine, clean environment, the machine's capability
#                                   bounds; fast (7 ms); exit status as it is; stdin is passed on
#   lab_exec NAME ARGV...           run as a transient service of the machine's PID 1, killed as a whole
#                                   after LAB_TIMEOUT seconds (300); 124 = time was up; 255 = a signal
#   lab_client NAME ARGV...         run a host program in the outside client's network namespace
#   lab_put SRC NAME:DST            copy in, owner root (running or not); DST/ = into that directory
#   lab_get NAME:SRC DST            copy one file out
#   lab_root NAME                   print where the machine's file system is seen from the host
#   lab_stop NAME [SECONDS]         clean power off; killed after SECONDS (120) and then returns 1
#   lab_kill NAME                   SIGKILL everything in it at once (a crash, not a power loss)
#   lab_powercut NAME [1|2]         cut the power of a machine that was made with LAB_DISK (flags: see
#                                   fsdown.c; 2); its disk is mounted again, lab_start boots it
#   lab_reboot NAME                 stop, fresh network, start, wait
#   lab_rm NAME                     remove the machine without a trace
#   lab_snapshot NAME DIR           stop it, copy what it changed into DIR, print a LOWER for lab_new
#   lab_list                        machines that exist: id, owner alive or dead
#   lab_sweep                       remove the machines of dead owners
#   lab_prune                       remove the trees of older recipes, and all layers, that no machine uses
#   lab_cleanup_all                 remove the machines of this owner (runs by itself at exit)
#
# Names: NAME is private to the owner: a script that sources this file gets a fresh LAB_ID, exported,
# so that `lab.sh` called from that script sees its machines.  Without LAB_ID the command form uses
# the id "cli": such machines belong to nobody and live until `lab.sh rm`.
#
# Environment: LAB_CACHE (trees; ${XDG_CACHE_HOME:-~/.cache}/maintkit-lab), LAB_RUN (state), LAB_UPPER
# (where changes go; tmpfs), LAB_DISK (size: lab_new puts the changes on an ext4 of the machine's own, the
# only ones whose power can be cut), LAB_MIRROR (another archive for mmdebstrap), LAB_TIMEOUT
# (lab_exec).
#
# Failures are reported on stderr and by status 2; stdout carries only what was asked for.

[ -e /proc/self/fd/0 ] || exec </dev/null

_lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/owner.sh
. "$_lab_dir/owner.sh"

LAB_CACHE=${LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/maintkit-lab}
LAB_RUN=${LAB_RUN:-/run/maintkit-lab}
LAB_IP4=192.0.2.1 LAB_CLIENT_IP4=192.0.2.9
LAB_IP6=2001:db8::1 LAB_CLIENT_IP6=2001:db8::9
export LAB_CACHE LAB_RUN LAB_IP4 LAB_IP6 LAB_CLIENT_IP4 LAB_CLIENT_IP6

_lab_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

_lab_say() { printf 'lab: %s\n' "$*" >&2; }
_lab_die() { _lab_say "$@"; return 2; }

# ---------------------------------------------------------------- the trees

# Packages of a suite, one line.  The same on all, but for names that differ.
_lab_packages() {
	local common="systemd systemd-sysv dbus mariadb-server ufw iproute2 gnupg openssl curl
		netcat-openbsd procps libmariadb-java strace faketime ca-certificates unzip apt-utils
		debconf default-jre-headless openssh-server logrotate oathtool python3-minimal
		libmariadb3 libqrencode4 libinih1 libzstd1 libxml2 pgpgpg"
	local own
	case $1 in
	bullseye) own="tomcat9-common libgpgme11 liboath0 libarchive13" ;;
	bookworm) own="tomcat10-common tomcat-jakartaee-migration libgpgme11 liboath0 libarchive13" ;;
	trixie) own="tomcat10-common tomcat-jakartaee-migration libgpgme11t64 liboath0t64
		libarchive13t64" ;;
	*) _lab_die "suite '$1' is not known; there are bullseye, bookworm and trixie"; return ;;
	esac
	# shellcheck disable=SC2086
	echo $common $own
}

# What decides the content of a tree.  Change the number when the way of building changes.
_lab_recipe() {
	local packages
	packages=$(_lab_packages "$1") || return
	printf 'recipe 1 %s %s %s\n' "$1" "$(dpkg --print-architecture)" "$packages"
}

# An archive that the host itself uses and that serves SUITE; for hosts behind a private mirror.
_lab_host_mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }'
}

_lab_mmdebstrap() {     # SUITE DIR [MIRROR]
	local suite=$1 dir=$2 packages
	packages=$(_lab_packages "$suite") || return
	shift 2
	nice -n 5 mmdebstrap --quiet --mode=root --variant=minbase \
		--include="${packages// /,}" "$suite" "$dir" "$@" </dev/null >&2
}

lab_base() {
	local suite=$1 recipe key tree tmp mirror
	recipe=$(_lab_recipe "$suite") || return
	key=$(sha256sum <<<"$recipe")
	tree=$LAB_CACHE/$suite-${key:0:16}
	if [ ! -d "$tree" ]; then
		lab_need && mkdir -p "$LAB_CACHE" || return
		(
			flock 9 || exit 2
			[ -d "$tree" ] && exit 0    # another process built it while we waited
			_lab_say "building the $suite tree, once, about a minute"
			tmp=$tree.tmp
			remove_tree "$tmp" || exit
			# shellcheck disable=SC2086
			if ! _lab_mmdebstrap "$suite" "$tmp" ${LAB_MIRROR:-}; then
				mirror=$(_lab_host_mirror)
				remove_tree "$tmp"
				[ -z "${LAB_MIRROR:-}" ] && [ -n "$mirror" ] || exit 2
				_lab_say "trying again with the archive that this host uses"
				_lab_mmdebstrap "$suite" "$tmp" "$mirror" || exit 2
			fi
			echo "$recipe" >"$tmp/etc/maintkit-lab-recipe"
			mv -T "$tmp" "$tree"
		) 9>"$LAB_CACHE/$suite.lock" || { _lab_die "cannot build the $suite tree"; return; }
	fi
	echo "$tree"
}

lab_layer() {
	local name=$1 suite=$2 base key layer
	shift 2
	[ $# -gt 0 ] || { _lab_die "layer '$name': nothing to put in; name a script or packages"; return; }
	base=$(lab_base "$suite") || return
	if [ $# = 1 ] && [ -f "$1" ]; then
		key=$({ echo "$base"; cat "$1"; } | sha256sum)
	else
		key=$({ echo "$base"; printf '%s\n' "$@"; } | sha256sum)
	fi
	layer=$LAB_CACHE/layer-$name-$suite-${key:0:16}
	if [ ! -d "$layer" ]; then
		lab_need || return
		(
			flock 9 || exit 2
			[ -d "$layer" ] && exit 0
			_lab_say "building layer '$name' on $suite"
			remove_tree "$layer.tmp"
			mkdir -p "$layer.tmp/up" "$layer.tmp/work" "$layer.tmp/root" || exit 2
			_lab_layer_fill "$base" "$layer.tmp" "$@" </dev/null >&2 || exit 2
			mv -T "$layer.tmp/up" "$layer" && rm -rf "$layer.tmp"
		) 9>"$LAB_CACHE/layer-$name-$suite.lock" ||
			{ _lab_die "cannot build layer '$name' on $suite"; return; }
	fi
	echo "$layer"
}

# In a mount and pid namespace of its own, so that nothing stays mounted or running whatever happens.
_lab_layer_fill() {     # BASE DIR WHAT...
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
		bash -euc '
		base=$1 dir=$2; shift 2
		root=$dir/root
		mount -t overlay layer -o "lowerdir=$base,upperdir=$dir/up,workdir=$dir/work" "$root"
		mount -t proc proc "$root/proc"
		mount -t tmpfs -o mode=755 dev "$root/dev"
		for d in null zero full random urandom tty; do
			: >"$root/dev/$d"; mount --bind "/dev/$d" "$root/dev/$d"
		done
		ln -s /proc/self/fd "$root/dev/fd"
		mkdir "$root/dev/shm" "$root/dev/pts"
		mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
		ln -s pts/ptmx "$root/dev/ptmx"
		mount -t tmpfs tmpfs "$root/tmp"
		cp -L /etc/resolv.conf "$root/tmp/resolv.conf"
		had=yes; [ -e "$root/etc/resolv.conf" ] || { had=no; : >"$root/etc/resolv.conf"; }
		mount --bind "$root/tmp/resolv.conf" "$root/etc/resolv.conf"
		printf "#!/bin/sh\nexit 101\n" >"$root/usr/sbin/policy-rc.d"
		chmod 755 "$root/usr/sbin/policy-rc.d"
		run() { env -i PATH='"$_lab_path"' HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			${http_proxy:+"http_proxy=$http_proxy"} chroot "$root" "$@"; }
		if [ $# = 1 ] && [ -f "$1" ]; then
			run sh -eu -s <"$1"
		else
			run apt-get -q update
			run apt-get -q -y --no-install-recommends install "$@"
		fi
		run apt-get clean
		rm -rf "$root"/var/lib/apt/lists/* "$root/usr/sbin/policy-rc.d"
		umount "$root/etc/resolv.conf"
		[ $had = yes ] || rm "$root/etc/resolv.conf"
	' lab-layer "$@"
}

lab_prune() {
	local keep=" " suite tree key used
	for suite in bullseye bookworm trixie; do
		key=$(_lab_recipe "$suite" | sha256sum)
		keep+="$LAB_CACHE/$suite-${key:0:16} "
	done
	for tree in "$LAB_CACHE"/*-????????????????; do
		[ -d "$tree" ] || continue
		case $keep in *" $tree "*) continue ;; esac
		used=$(grep -cF "$tree" /proc/self/mountinfo)
		[ "$used" = 0 ] || { _lab_say "$tree is in use"; continue; }
		_lab_say "removing $tree"
		remove_tree "$tree"
	done
}

# ---------------------------------------------------------------- the host

lab_need() {
	[ -z "${_lab_ready:-}" ] || return 0
	[ "$(id -u)" = 0 ] ||
		{ _lab_die "machines need root (overlayfs, network namespaces, nspawn); run the test as root"; return; }
	local pair missing=() cg
	for pair in mmdebstrap:mmdebstrap systemd-nspawn:systemd-container ip:iproute2 mkfs.ext4:e2fsprogs \
		strace:strace nsenter:util-linux setpriv:util-linux flock:util-linux losetup:mount curl:curl nc:netcat-openbsd; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		_lab_say "installing on this host: ${missing[*]}"
		{ flock 9; _lab_apt "${missing[@]}"; } 9>/run/maintkit-lab-apt.lock ||
			{ _lab_die "cannot install ${missing[*]}; install them by hand"; return; }
	fi
	grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
		{ _lab_die "this kernel has no overlayfs"; return; }
	for cg in $(_lab_cgroups probe); do
		[ -w "${cg%/*}" ] || { _lab_die "'${cg%/*}' is not writable; machines need a cgroup of their own"; return; }
	done
	if [ -z "${LAB_UPPER:-}" ]; then
		LAB_UPPER=$LAB_RUN/upper
		[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && LAB_UPPER=/dev/shm/maintkit-lab
		export LAB_UPPER
	fi
	mkdir -p "$LAB_RUN" "$LAB_UPPER" && chmod 700 "$LAB_RUN" "$LAB_UPPER" || return 2
	_lab_ready=1
	lab_sweep
}

_lab_apt() {
	local get=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
	{ "${get[@]}" install --no-install-recommends "$@" ||
		{ "${get[@]}" update && "${get[@]}" install --no-install-recommends "$@"; }; } </dev/null >&2
}

# The cgroup directories of machine ID-NAME: one on a cgroup2 host, two on a hybrid one (the named
# hierarchy and the cgroup2 tree that systemd keeps beside the v1 controllers).
_lab_cgroups() {
	if [ -e /sys/fs/cgroup/cgroup.procs ]; then
		echo "/sys/fs/cgroup/maintkit-lab-$1"
	else
		local d
		for d in unified systemd; do
			[ -d "/sys/fs/cgroup/$d" ] && echo "/sys/fs/cgroup/$d/maintkit-lab-$1"
		done
	fi
}

_lab_read() { { IFS= read -r REPLY <"$1"; } 2>/dev/null; }     # first line of a file into REPLY

# ---------------------------------------------------------------- machines

# Sets: id (ID-NAME), d (its state directory).  Fails when there is no such machine.
# shellcheck disable=SC2034
_lab_find() {
	id=$LAB_ID-$1 d=$LAB_RUN/$LAB_ID-$1
	[ -d "$d" ] || _lab_die "there is no machine '$1'"
}

lab_new() {
	local name=$1 suite=$2 above=${3:-} id=$LAB_ID-$1 d=$LAB_RUN/$LAB_ID-$1 base up
	[[ $name =~ ^[a-z][a-z0-9-]{0,20}$ ]] ||
		{ _lab_die "machine name '$name': want a-z, 0-9 and -, at most 21 characters"; return; }
	lab_need && base=$(lab_base "$suite") || return
	up=$LAB_UPPER/$id
	mkdir "$d" 2>/dev/null || { _lab_die "machine '$name' exists already; remove it first: lab_rm $name"; return; }
	echo "$LAB_OWNER" >"$d/owner"
	echo "$up" >"$d/upper"
	echo "$above" >"$d/above"
	echo "${above:+$above:}$base" >"$d/lower"
	echo "$name" >"$d/name"
	: >"$d/args"
	if ! mkdir -p "$up/fs" "$d/root" || ! _lab_disk "$up" || ! _lab_mount "$id"; then
		lab_rm "$name"
		_lab_die "cannot mount the file system of machine '$name'"
		return
	fi
	echo "$name" >"$d/root/etc/hostname"
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n' "$name" >"$d/root/etc/hosts"
	rm -f "$d/root/etc/resolv.conf"
	: >"$d/root/etc/resolv.conf"
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | sed 's/$/\n/' >"$d/root/etc/machine-id"
}

# With LAB_DISK the machine's changes go to an ext4 of its own, as quick to lose what nobody synced as can be.
_lab_disk() {     # UPPER
	[ -z "${LAB_DISK:-}" ] || {
		truncate -s "$LAB_DISK" "$1/disk" && mkfs.ext4 -q -F -m 0 "$1/disk" >&2 && _lab_disk_mount "$1"
	} || return
	mkdir -p "$1/fs/up" "$1/fs/work"
}

_lab_disk_mount() { mount -o loop,noauto_da_alloc,commit=300 "$1/disk" "$1/fs"; }

_lab_mount() {     # ID-NAME
	local d=$LAB_RUN/$1 lower up
	_lab_read "$d/lower" && lower=$REPLY
	_lab_read "$d/upper" && up=$REPLY/fs
	mount -t overlay "maintkit-lab-$1" -o "lowerdir=$lower,upperdir=$up/up,workdir=$up/work" "$d/root"
}

lab_net() {
	local id d ns
	_lab_find "$1" || return
	_lab_net_del "$id"
	rm -f "$d/net-used"
	ip netns add "mkl-$id" && ip netns add "mkl-$id-c" &&
		ip link add eth0 netns "mkl-$id" type veth peer name eth0 netns "mkl-$id-c" &&
		ip -n "mkl-$id" addr add "$LAB_IP4/24" dev eth0 &&
		ip -n "mkl-$id" addr add "$LAB_IP6/64" dev eth0 nodad &&
		ip -n "mkl-$id-c" addr add "$LAB_CLIENT_IP4/24" dev eth0 &&
		ip -n "mkl-$id-c" addr add "$LAB_CLIENT_IP6/64" dev eth0 nodad || return 2
	for ns in "mkl-$id" "mkl-$id-c"; do
		ip -n "$ns" link set lo up && ip -n "$ns" link set eth0 up || return 2
	done
}

_lab_net_del() {
	local ns
	for ns in "mkl-$1" "mkl-$1-c"; do
		[ ! -e "/run/netns/$ns" ] || ip netns del "$ns"
	done
}

_lab_cgroup_del() {
	local c i
	for c in $(_lab_cgroups "$1"); do
		for ((i = 0; i < 100; i++)); do
			[ -d "$c" ] || break
			find "$c" -depth -type d -exec rmdir {} + 2>/dev/null && break
			sleep .05
		done
		[ ! -d "$c" ] || _lab_say "cgroup '$c' is still in use"
	done
}

lab_start() {
	local name=$1 id d
	_lab_find "$name" || return
	shift
	! _lab_running "$d" || { _lab_die "machine '$name' runs already"; return; }
	if [ $# -gt 0 ]; then printf '%s\0' "$@" >"$d/args"; fi
	# firewall rules live in the network namespace: never boot twice in the same one
	if [ -e "$d/net-used" ] || [ ! -e "/run/netns/mkl-$id" ]; then
		lab_net "$name" || { _lab_die "cannot make the network of '$name'"; return; }
	fi
	: >"$d/net-used"
	_lab_cgroup_del "$id"
	# shellcheck disable=SC2046
	mkdir -p $(_lab_cgroups "$id") || return 2
	rm -f "$d/pid" "$d/leader" "$d/rc"
	_lab_boot "$name" "$id" "$d" </dev/null >"$d/console.log" 2>&1 &
	disown
	_lab_find_leader "$d" || { _lab_say "machine '$name' does not start:"; cat "$d/console.log" >&2; return 2; }
}

# Runs in the background for as long as the machine does.
_lab_boot() {
	local name=$1 id=$2 d=$3 c args fd
	trap '' HUP INT
	# the test's own descriptors (a pipe to prove, a lock) must not live as long as the machine
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || eval "exec $fd>&-"
	done
	mapfile -d '' -t args <"$d/args"
	for c in $(_lab_cgroups "$id"); do echo "$BASHPID" >"$c/cgroup.procs" || return; done
	export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
	cd / || return
	# register=no, keep-unit: no systemd or D-Bus on the host is asked.  memlock: gpg locks memory.
	# CAP_NET_ADMIN is not automatic when the network namespace is given from outside.
	setsid systemd-nspawn -q -D "$d/root" -M "maintkit-lab-$id" --hostname="$name" \
		--network-namespace-path="/run/netns/mkl-$id" --register=no --keep-unit \
		--console=read-only --resolv-conf=off --timezone=off --link-journal=no \
		--capability=CAP_NET_ADMIN,CAP_IPC_LOCK,CAP_SYS_RESOURCE --system-call-filter=@memlock \
		"${args[@]}" -b &
	echo "$! $(owner_born $!)" >"$d/pid"
	wait $!
	echo $? >"$d/rc"
}

# The leader is the machine's PID 1 as the host numbers it.
_lab_find_leader() {
	local d=$1 i pid k
	for ((i = 0; i < 4000; i++)); do
		if _lab_read "$d/pid"; then
			pid=${REPLY%% *}
			[ ! -e "$d/rc" ] || return 2
			# shellcheck disable=SC2013
			for k in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
				if [ "$(awk '/^NSpid:/ { print NF - 1 ":" $NF }' "/proc/$k/status" 2>/dev/null)" = 2:1 ] &&
					[ "$(cat "/proc/$k/comm" 2>/dev/null)" = systemd ]; then
					echo "$k $(owner_born "$k")" >"$d/leader"
					return 0
				fi
			done
		fi
		sleep .03
	done
	return 2
}

_lab_running() { _lab_read "$1/pid" && owner_alive "$REPLY"; }

# Sets the array _lab_ns: the words that bring a command into the machine.
_lab_into() {
	local id d leader
	[ -e /proc/self/fd/0 ] || exec </dev/null    # systemd-run --pipe fails on a closed stdin
	_lab_find "$1" || return
	if ! _lab_read "$d/leader" || ! owner_alive "$REPLY"; then
		_lab_die "machine '$1' does not run"
		return
	fi
	leader=${REPLY%% *}
	_lab_ns=(nsenter -t "$leader" -m -u -i -n -p -C --)
	_lab_caps=$(_lab_bounds "$leader")
}

# The leader's capability bounds in setpriv's words.  nsenter alone would keep the host's: `date -s`
# in a "machine" would set the clock of the host.
_lab_bounds() {
	local bits n words=-all
	bits=$(awk '/^CapBnd:/ { print $2 }' "/proc/$1/status")
	for ((n = 0; n <= $(cat /proc/sys/kernel/cap_last_cap); n++)); do
		(((16#$bits >> n) & 1)) && words+=,+cap_$n
	done
	echo "$words"
}

lab_wait() {
	local name=$1 id d end=$((SECONDS + ${2:-300})) state='' _lab_ns _lab_caps
	_lab_find "$name" || return
	while [ $SECONDS -lt $end ]; do
		_lab_running "$d" || { _lab_say "machine '$name' is dead"; tail -n 20 "$d/console.log" >&2; return 2; }
		_lab_into "$name" 2>/dev/null || { sleep .1; continue; }
		state=$(timeout $((end - SECONDS + 1)) "${_lab_ns[@]}" systemctl is-system-running --wait </dev/null 2>/dev/null)
		case $state in
		running) echo running; return 0 ;;
		degraded | maintenance)
			echo "$state"
			lab_enter "$name" systemctl --failed --no-legend --plain </dev/null >&2
			return 1 ;;
		esac
		sleep .05
	done
	_lab_say "machine '$name' is not up after ${2:-300} s (state '$state')"
	return 3
}

lab_up() {
	lab_new "$@" && lab_start "$1" && lab_wait "$1" >/dev/null
}

lab_enter() {
	local _lab_ns _lab_caps name=$1
	_lab_into "$name" || return
	shift
	"${_lab_ns[@]}" /usr/bin/setpriv --bounding-set="$_lab_caps" /usr/bin/env -i PATH="$_lab_path" \
		HOME=/root USER=root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive "$@"
}

lab_exec() {
	local _lab_ns _lab_caps name=$1 limit=${LAB_TIMEOUT:-300} begin=$SECONDS rc
	_lab_into "$name" || return
	shift
	# systemd expands $NAME, ${NAME} and $$ in the words of a service; doubling each $ keeps them as given
	timeout -k 5 $((limit + 20)) "${_lab_ns[@]}" /usr/bin/env -i PATH="$_lab_path" HOME=/root LANG=C.UTF-8 \
		systemd-run -q --pipe --wait --collect --service-type=exec -p RuntimeMaxSec="$limit" -p TimeoutStopSec=2 \
		-E HOME=/root -E USER=root -E LANG=C.UTF-8 -E TERM=dumb -E DEBIAN_FRONTEND=noninteractive \
		-E PATH="$_lab_path" -- "${@//\$/\$\$}"
	rc=$?
	[ $rc -eq 0 ] || [ $((SECONDS - begin)) -lt "$limit" ] || rc=124
	return $rc
}

lab_client() {
	local id d
	_lab_find "$1" || return
	shift
	ip netns exec "mkl-$id-c" "$@"
}

# Runs argv in the machine's tree, whether it runs or not.
_lab_inside() {
	local name=$1 id d
	_lab_find "$name" || return
	if _lab_running "$d"; then
		lab_enter "$@"
	else
		shift
		env -i PATH="$_lab_path" chroot "$d/root" "$@"
	fi
}

lab_put() {
	local src=$1 name=${2%%:*} dst=${2#*:} mode
	[ -e "$src" ] || { _lab_die "'$src' is not there"; return; }
	case $dst in */) dst=$dst$(basename "$src") ;; esac
	if [ -d "$src" ]; then
		_lab_inside "$name" mkdir -p "$dst" </dev/null &&
			tar -C "$src" --owner=0 --group=0 --numeric-owner -c . |
			_lab_inside "$name" tar -C "$dst" --no-same-owner -p -x
	else
		mode=$(stat -L -c %a "$src")
		# shellcheck disable=SC2016
		_lab_inside "$name" sh -ec 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"' put "$dst" "$mode" <"$src"
	fi || { _lab_die "cannot put '$src' into '$2'"; return; }
}

lab_get() {
	_lab_inside "${1%%:*}" cat "${1#*:}" </dev/null >"$2" || _lab_die "cannot get '$1'"
}

lab_root() {
	local id d
	_lab_find "$1" && echo "$d/root"
}

lab_stop() {
	local name=$1 id d i
	_lab_find "$name" || return
	_lab_running "$d" || return 0
	_lab_read "$d/pid"
	kill -TERM "${REPLY%% *}"
	for ((i = 0; i < ${2:-120} * 25; i++)); do
		_lab_running "$d" || { rm -f "$d/pid" "$d/leader"; return 0; }
		sleep .04
	done
	_lab_say "machine '$name' did not stop in time; killing it"
	lab_kill "$name"
	return 1
}

lab_kill() {
	local id d i
	_lab_find "$1" || return
	# the leader's death ends its whole pid namespace.  Not cgroup.kill: when that cgroup is used again
	# systemd 257 has every service killed as it is spawned
	if _lab_read "$d/leader" && owner_alive "$REPLY"; then kill -KILL "${REPLY%% *}"; fi
	for ((i = 0; i < 100; i++)); do
		_lab_running "$d" || break
		[ $i != 60 ] || { _lab_read "$d/pid" && kill -KILL "${REPLY%% *}"; }
		sleep .02
	done
	rm -f "$d/pid" "$d/leader"
}

lab_powercut() {
	local name=$1 flag=${2:-2} id d up
	_lab_find "$name" || return
	_lab_read "$d/upper" && up=$REPLY
	[ -e "$up/disk" ] || { _lab_die "machine '$name' has no disk of its own; make it with LAB_DISK=4G"; return; }
	test_program fsdown && "$REPLY" "$up/fs" "$flag" >&2 || return 2
	lab_kill "$name"
	umount "$d/root" && unmount_loop "$up/fs" && _lab_disk_mount "$up" && _lab_mount "$id" ||
		_lab_die "the disk of '$name' does not come back"
}

lab_reboot() {
	lab_stop "$1" && lab_start "$1" && lab_wait "$1" >/dev/null
}

lab_rm() {
	local id d
	_lab_find "$1" 2>/dev/null || return 0
	_lab_remove "$id"
}

_lab_remove() {     # ID-NAME
	local id=$1 d=$LAB_RUN/$1 up=''
	_lab_read "$d/upper" && up=$REPLY
	LAB_ID=${id%%-*} lab_kill "${id#*-}"
	if mountpoint -q "$d/root"; then umount "$d/root" 2>/dev/null || umount -l "$d/root"; fi
	_lab_cgroup_del "$id"
	_lab_net_del "$id"
	rmdir "/run/systemd/nspawn/propagate/maintkit-lab-$id" 2>/dev/null
	[ -z "$up" ] || remove_tree "$up"
	rm -rf --one-file-system "$d"
}

lab_snapshot() {
	local name=$1 dir=$2 id d up above rc
	_lab_find "$name" && lab_stop "$name" || return
	[ ! -e "$dir" ] || { _lab_die "'$dir' exists already"; return; }
	_lab_read "$d/upper" && up=$REPLY
	_lab_read "$d/above" && above=$REPLY
	# the overlay must not be mounted while its upper directory is read
	umount "$d/root" || { _lab_die "machine '$name' is in use on the host"; return; }
	mkdir -p "$dir" && cp -a "$up/fs/up/." "$dir/"
	rc=$?
	_lab_mount "$id"
	[ $rc = 0 ] || { _lab_die "cannot copy '$name' to '$dir'"; return; }
	echo "$(cd "$dir" && pwd)${above:+:$above}"
}

lab_list() {
	local m state owner
	for m in "$LAB_RUN"/*-*; do
		[ -d "$m" ] || continue
		_lab_read "$m/owner" && owner=$REPLY
		state=owned
		[ "$owner" = none ] && state=free
		[ "$owner" = none ] || owner_alive "$owner" || state=orphan
		printf '%s %s %s\n' "${m##*/}" "$state" "$(_lab_running "$m" && echo running || echo stopped)"
	done
}

lab_sweep() {
	[ -d "$LAB_RUN" ] || return 0
	local m
	(
		flock 9
		for m in "$LAB_RUN"/*-*; do
			[ -d "$m" ] || continue
			# no owner file: its maker died between two steps, or is between them now
			if ! _lab_read "$m/owner"; then
				[ -z "$(find "$m" -maxdepth 0 -mmin +1)" ] || _lab_remove "${m##*/}"
				continue
			fi
			[ "$REPLY" = none ] || owner_alive "$REPLY" || {
				_lab_say "removing '${m##*/}', its owner is gone"
				_lab_remove "${m##*/}"
			}
		done
	) 9>"$LAB_RUN/sweep.lock"
}

lab_cleanup_all() {
	local m
	for m in "$LAB_RUN/$LAB_ID"-*; do
		[ ! -d "$m" ] || _lab_remove "${m##*/}"
	done
}

# ---------------------------------------------------------------- sourced or called

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	case ${1:-} in
	'' | -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
	declare -F "lab_$1" >/dev/null || { _lab_say "no command '$1'; see: $0 --help"; exit 2; }
	LAB_ID=${LAB_ID:-cli} LAB_OWNER=${LAB_OWNER:-none}
	[[ $LAB_ID =~ ^[a-z0-9]{1,16}$ ]] || { _lab_say "LAB_ID '$LAB_ID': want a-z and 0-9, at most 16"; exit 2; }
	_lab_command=lab_$1
	shift
	"$_lab_command" "$@"
	exit
else
	LAB_ID=t$$
	LAB_OWNER="$$ $(owner_born $$)"
	export LAB_ID LAB_OWNER
	at_exit lab_cleanup_all
fi

#!/bin/bash
# proves: the crash driver passes a right atomic replace and catches each way of getting it wrong
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2317
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/crash.sh"

# One program, right when built plainly; each -D takes one duty away.
cat >"$T/replace.c" <<'EOF'
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
#ifndef SILENT
	fprintf(stderr, "replace: %s: %s\n", what, strerror(errno));
#endif
	unlink("x.new");
	exit(2);
}

static void put(int fd)
{
	static char page[4096];
	for (int i = 0; i < 2; i++) {
		ssize_t n;
		memset(page, 'n', sizeof page);
		do n = write(fd, page, sizeof page); while (n < 0 && errno == EINTR);
#ifndef UNCHECKED_WRITE
		if (n != sizeof page) fail("write");
#endif
	}
}

static void replace(void)
{
	char name[64] = "x.new";
	int fd, dir = open(".", O_RDONLY | O_DIRECTORY);
#ifdef IN_PLACE
	fd = open("x", O_WRONLY | O_TRUNC);
	if (fd < 0) fail("open");
	put(fd);
	if (fsync(fd) || close(fd)) fail("fsync");
	return;
#endif
#ifdef LITTER
	snprintf(name, sizeof name, "x.%d", (int)getpid());
#endif
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0) fail("open");
	put(fd);
#ifndef NO_FSYNC
	if (fsync(fd)) fail("fsync");
#endif
	if (close(fd)) fail("close");
	if (rename(name, "x")) fail("rename");
#ifndef NO_DIR_FSYNC
	if (fsync(dir)) fail("fsync of the directory");
#endif
	close(dir);
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1])) fail("chdir");
#ifdef IN_CHILD
	int status;
	if (fork() == 0) { replace(); _exit(0); }
	if (wait(&status) < 0 || status) return 2;
#else
	replace();
#endif
#ifdef UNCHECKED_STDOUT
	puts("replaced");
	return 0;
#else
	if (puts("replaced") < 0 || fflush(stdout)) fail("stdout");
	return 0;
#endif
}
EOF

setup() { head -c 8192 /dev/zero | tr '\0' o >"$1/x"; }
invariant() {
	local size kinds
	size=$(stat -c %s "$1/x") kinds=$(tr -d '\n' <"$1/x" | fold -w 1 | sort -u | tr -d '\n')
	[ "$size:$kinds" = 8192:o ] || [ "$size:$kinds" = 8192:n ] || { echo "size $size, bytes '$kinds'"; return 1; }
}

variant() {     # NAME -DFLAG...
	local name=$1
	shift
	"${CC:-cc}" -std=gnu11 -w "$@" -o "$T/$name" "$T/replace.c" || BAIL "cannot compile $name"
}

# catches MODE DESC PATTERN PROGRAM: the sweep must fail, and for this reason
catches() {
	run "crash_$1" "$T/$4" @DIR@
	if [ "$rc" = 1 ] && [[ $out =~ $3 ]]; then pass "$2"; else fail "$2" || diag "status $rc, wanted 1 and '$3':" "$out" "$err"; fi
}

power=yes
why=$(crash_can_power) || power=no
power_catches() { if [ $power = yes ]; then catches power "$@"; else skip "$why" "$1"; fi; }
power_ok() { if [ $power = yes ]; then ok "$1" crash_power "$2" @DIR@; else skip "$why" "$1"; fi; }

variant right
ok "kill: the right one passes" crash_kill "$T/right" @DIR@
is "$CRASH_POINTS" 6 "kill: open, write, write, fsync, rename, fsync are its points"
ok "fault: the right one passes" crash_fault "$T/right" @DIR@
power_ok "power: the right one passes" "$T/right"

variant child -DIN_CHILD
ok "kill: the right one passes when a child does it" crash_kill "$T/child" @DIR@
is "$CRASH_POINTS" 6 "kill: the child's calls are points"

variant in_place -DIN_PLACE
catches kill "kill: catches writing in place" "bad: kill at 2 write .*invariant" in_place
catches fault "fault: catches writing in place" "bad: ENOSPC at 2 write .*invariant" in_place
power_catches "power: catches writing in place" "bad: power cut" in_place

variant child_in_place -DIN_CHILD -DIN_PLACE
catches kill "kill: catches a child that writes in place" "bad: kill at 3 write .*invariant" child_in_place

variant litter -DLITTER
catches kill "kill: catches temporary files that no later run sweeps" "end state is another one" litter

variant no_fsync -DNO_FSYNC
ok "kill: cannot see a missing fsync, the page cache survives" crash_kill "$T/no_fsync" @DIR@
power_catches "power: catches a missing fsync of the file" "flag 1.*invariant does not hold" no_fsync

variant no_dir_fsync -DNO_DIR_FSYNC
power_catches "power: catches a missing fsync of the directory" "flag 2.*did not survive" no_dir_fsync
if [ $power = yes ]; then
	CRASH_DURABLE=no run crash_power "$T/no_dir_fsync" @DIR@
	is "$rc" 0 "power: which is all right for a command that promises no durability"
else
	skip "$why" "power: no durability promised"
fi

variant unchecked -DUNCHECKED_WRITE
catches fault "fault: catches an unchecked write" "ENOSPC at 2 write .*(invariant|end state)" unchecked
variant stdout -DUNCHECKED_STDOUT
catches fault "fault: catches output that is lost without a word" "its output is another one" stdout
variant silent -DSILENT
catches fault "fault: catches failure without a message" "without a message" silent

rc_is 2 "a command that changes nothing is no sweep" crash_kill true
rc_is 2 "a command that fails undisturbed is no sweep" crash_kill "$T/right" @DIR@/none
(setup() { false; }; crash_kill "$T/right" @DIR@ >/dev/null)
is $? 2 "a setup that fails is no sweep"
CRASH_MAX=3 run crash_kill "$T/right" @DIR@
is "$CRASH_POINTS" 3 "CRASH_MAX limits the points"

# what crashpoint promises
crashpoint=$_crash_point
# shellcheck disable=SC2016
"$crashpoint" -l "$T/log" -n 1 -k -- sh -c 'setsid sleep "$2" & trap "" TERM; sleep .2; : >"$1"' sh "$T/made" 9$$
is $? 137 "killed at a point: 137"
nok "the call was not carried out" test -e "$T/made"
is "$(pgrep -c -x -f "sleep 9$$")" 0 "no process is left, not even one in a session of its own"
run "$crashpoint" -l "$T/log" -t 1 -- sleep 30
is "$rc" 124 "time out: 124"
rc_is 7 "the command's status is passed on" "$crashpoint" -l "$T/log" -- sh -c 'exit 7'
rc_is 143 "so is a signal" "$crashpoint" -l "$T/log" -- sh -c 'kill -TERM $$'
is "$(losetup -a | grep -c "$_crash_dir")" 0 "no loop device is left"

done_testing

#!/bin/bash
# proves: a step whose backend is absent is recorded with its options and its secret, waits in order, and is done later
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

# A command of our own on the real tool.c: it is "absent" until the file $T/up exists.
cat >"$T/probe.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd/tool.h"
static bool stdin_wanted, flag;
static const char *value;
static int run(struct tool *t, int argc, char **argv, struct err *err)
{
	FILE *f;
	if (access(UP, F_OK) != 0)
		return err_set(err, ERR_BACKEND, "the backend is down");
	if (stdin_wanted && tool_read_input(t, 1000, err) < 0)
		return -1;
	f = fopen(UP, "a");
	fprintf(f, "%s%s[%s]%s", stdin_wanted ? t->input.p : "", flag ? " flag" : "", value ? value : "", argc ? "" : " -");
	for (int i = 0; i < argc; i++)
		fprintf(f, " <%s>", argv[i]);
	fprintf(f, "\n");
	fclose(f);
	return argc && strcmp(argv[0], "fail") == 0 ? err_set(err, ERR_FAIL, "asked to fail") : 0;
}
static const struct opt opts[] = {
	{ "secret-stdin", 0, OPT_FLAG, &stdin_wanted, NULL, "" }, { "flag", 'f', OPT_FLAG, &flag, NULL, "" },
	{ "value", 'V', OPT_STRING, &value, "X", "" }, { 0 },
};
static const struct verb verbs[] = {
	{ .name = "go", .help = "", .flags = VERB_DEFER | VERB_DRY_RUN | VERB_LOCK, .max_args = -1, .opts = opts, .run = run }, { 0 },
};
static const struct command command = { "probe", "", verbs };
int main(int argc, char **argv) { return tool_main(&command, argc, argv); }
C
mkdir "$T/bin"
cp "$BIN/maintkit" "$BIN/maintkit-pending" "$T/bin/"
# the objects' own flags (a sanitized build wants its library again)
san=$(nm "$BUILD/libbase.a" 2>/dev/null | grep -q __asan && echo -fsanitize=address,undefined)
# shellcheck disable=SC2086
ok "the probe is built" gcc -std=gnu11 -D_GNU_SOURCE -DUP="\"$T/up\"" -I"$TOP/src" $san -o "$T/bin/maintkit-probe" "$T/probe.c" \
	"$BUILD"/cmd/tool.o "$BUILD"/cmd/tool_lock.o "$BUILD"/ext/{profile,statefile,effects,pending}.o "$BUILD"/libcore.a "$BUILD"/libbase.a -l:libinih.a
[ "$rc" = 0 ] || { done_testing; }
r=$T/root
mkdir -p "$r/usr/share/pkg"
printf '[package]\nname = pkg\n' >"$r/usr/share/pkg/maintkit.conf"
probe() { "$T/bin/maintkit-probe" --root "$r" go "$@"; }
# `pending run` needs root, or another root directory: this is one
pending() { "$T/bin/maintkit-pending" --root "$r" "$@"; }

rc_is 3 "without --defer the absence is the answer" probe a
like "$err" "the backend is down" "with its reason"
printf 's3cret\n' >"$T/secret"
rc_is 0 "with --defer it is left" probe --secret-stdin -fV x --def=c1 u -- --odd - <"$T/secret"
like "$err" "'probe go' is left for the next boot: the backend is down" "and said"
rc_is 0 "the same again" probe --secret-stdin --flag --value x u --defer c1 -- --odd - <"$T/secret"
rc_is 0 "a later step of the chain" probe --defer=c1 second
like "$err" "steps that come before it are waiting" "waits for the first"
: >"$T/up"
rc_is 0 "also when the backend is back" probe --defer=c1 third
is "$(cat "$T/up")" "" "nothing ran early"
rc_is 0 "another chain goes at once" probe --defer=c2 free
is "$(cat "$T/up")" "[] <free>" "it ran"
rc_is 0 "list" pending list
is "$(grep -c waits <<<"$out")" 3 "three steps wait"
unlike "$out$(cat "$r"/var/lib/maintkit/pkg/pending)" "s3cret" "no secret is shown, or in the list"
is "$(stat -c %a "$r"/var/lib/maintkit/pkg/pending.d/*)" 600 "it lies in a file of mode 0600"
ok "list --json" pending list --json
is "$(grep -c '"chain": "c1"' <<<"$out")" 3 "the same three"
rm "$T/up"
rc_is 3 "run while the backend is down" pending run
like "$err" "still waits; mend what it said above, then run 'maintkit -p pkg pending run'" "says what to do"
is "$(ls "$r"/var/lib/maintkit/pkg/pending.d | wc -l)" 1 "the secret is kept for the next try"
: >"$T/up"
rc_is 0 "run --dry-run" pending run --dry-run
is "$(cat "$T/up")" "" "does nothing"
rc_is 0 "run" pending run
is "$(cat "$T/up")" "s3cret flag[x] <u> <--odd> <->
[] <second>
[] <third>" "in order, with options, arguments and the secret"
is "$(find "$r/var/lib/maintkit/pkg/pending.d" -type f | wc -l)" 0 "the secret is gone"
nok "and the list, so that the unit does not start" test -e "$r/var/lib/maintkit/pkg/pending"
rc_is 0 "run again" pending run
like "$err" "nothing is pending" "has nothing to do"

# ---- a configuration that is repeated when the backend is back does its own steps
rm "$T/up"
for a in one two; do probe --defer=c1 "$a" 2>/dev/null; done
: >"$T/up"
rc_is 0 "the first step of the chain, asked for again" probe --defer=c1 one
is "$(cat "$T/up")" "[] <one>" "is done, not put behind itself"
rc_is 0 "then the second" probe --defer=c1 two
nok "nothing is left" test -e "$r/var/lib/maintkit/pkg/pending"

# ---- at boot: whoever restarts the application holds the lock until we are done
rm "$T/up"
probe --defer=c1 late 2>/dev/null
: >"$T/up"
exec 8>"$r/var/lib/maintkit/pkg/lock"
flock 8
rc_is 0 "run --boot while another command holds the lock" pending run --boot
like "$err" "another maintkit command is at work" "does not wait for it"
is "$(cat "$T/up")" "" "and leaves the step"
exec 8>&-
rc_is 0 "run --boot" pending run --boot
is "$(cat "$T/up")" "[] <late>" "does it"

# ---- a step that fails stops its chain, not the others
rm "$T/up"
for a in fail behind; do probe --defer=c1 "$a" 2>/dev/null; done
probe --defer=c2 other 2>/dev/null
: >"$T/up"
rc_is 2 "a step that fails" pending run
is "$(cat "$T/up")" "[] <fail>
[] <other>" "stops what comes behind it, not the other chain"
run pending list
is "$(grep -c waits <<<"$out")" 2 "both still wait"
rc_is 2 "--defer with a closed stdin that a secret should come from" probe --defer=c3 --secret-stdin u <&-
rc_is 0 "--dry-run never defers" probe --dry-run --defer=c9 x
run pending list
unlike "$out" "c9" "nothing is recorded"
rm "$r"/var/lib/maintkit/pkg/pending

# ---- a script that is run again asks for its steps anew
rm -f "$T/up"
for s in one two three; do probe --defer=c9 "$s" 2>/dev/null; done
probe --defer=admin theirs 2>/dev/null
ok "renew" pending renew c9
rc_is 3 "in between nothing of it is run" pending run
like "$out$err" "run 'dpkg --configure pkg'" "... it says what is due"
: >"$T/up"
ok "a step that was asked for before, now that the backend is back" probe --defer=c9 two
is "$(cat "$T/up")" "[] <two>" "... is done at once"
rm "$T/up"
ok "a new one waits" probe --defer=c9 four
ok "an old one waits behind it" probe --defer=c9 three
ok "renewed" pending renewed c9
rc_is 0 "list" pending list
is "$(sed -n 's/^\([a-z0-9]*\) *probe go/\1/p' <<<"$out" | xargs)" "admin theirs c9 four c9 three" "what was not asked for again is forgotten, and only that"
: >"$T/up"
ok "the rest is run" pending run
is "$(xargs <"$T/up")" "[] <theirs> [] <four> [] <three>" "... in its new order"

ln -sf /etc "$r/var/lib/maintkit/pkg/pending.d2"
rm -rf "$r/var/lib/maintkit/pkg/pending"
mkdir "$r/var/lib/maintkit/pkg/pending"
rc_is 2 "a step that cannot be recorded is an error" probe --defer=c1 x

done_testing

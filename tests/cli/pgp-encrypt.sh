#!/bin/bash
# proves: the program behind PGP_BIN encrypts as OSCAR calls it, or fails with nothing left behind
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/stop.sh"
command -v gpg >/dev/null || skip_all "gpg is not installed"

prog=$BIN/maintkit-pgp-encrypt
H=$T/home W=$T/work
mkdir -m 700 "$H" "$W"
at_exit "gpgconf --homedir '$H' --kill all"
g() { gpg --homedir "$H" --batch --quiet --pinentry-mode loopback --passphrase '' "$@"; }
g --quick-gen-key 'Clinique Éléphant (PHI) <clinic@example.org>' rsa2048 cert,sign never 2>/dev/null
fpr=$(g --with-colons -K | awk -F: '/^fpr/ { print $10; exit }')
g --quick-add-key "$fpr" rsa2048 encr never 2>/dev/null
gpgconf --homedir "$H" --kill all
cd "$W" || exit

# exactly as Runtime.exec does: four words, one variable, stdin an open pipe that says nothing
pgp_bin() {
	local r
	exec {hold}<> <(:)
	env -i GNUPGHOME="$H" "$prog" "$@" <&"$hold"
	r=$?
	exec {hold}>&-
	return $r
}
only() { [ "$(ls -A "$W")" = "$1" ]; }
# what was told to end has a moment for it
no_agent() { ! pgrep -f "^gpg-agent --homedir $H" >/dev/null; }
# who runs this command line is stopped when the temporary file has something in it
half_way() { # JOB PATTERN [PARENT]
	until_ok "the program to write" begun "$1"
	victim=$(pgrep ${3:+-P "$3"} -f "$2") && kill -STOP "$victim"
}
begun() {
	local f
	kill -0 "$1" 2>/dev/null || return 0
	for f in "$W"/.maintkit-encrypt*; do [ ! -s "$f" ] || return 0; done
	return 1
}

: >null.tmp
ok "OSCAR's check: an empty file" pgp_bin -e null.tmp "$fpr"
ok "leaves null.tmp.pgp" test -s null.tmp.pgp
is "$out$err" "" "and says nothing"
ok "no agent was needed" in_time no_agent
rm -f null.tmp*

head -c 300000 /dev/urandom >export.zip
for key in "$fpr" 'Clinique Éléphant (PHI) <clinic@example.org>' clinic@example.org 'clinic@example.org '; do
	rm -f export.zip.pgp
	ok "key '$key'" pgp_bin -e export.zip "$key"
	g -d export.zip.pgp 2>/dev/null >"$T/back"
	same "$T/back" export.zip "comes back"
done
rm -f export.zip.pgp
ok "a command with a blank behind it" pgp_bin '-e ' export.zip "$fpr"
is "$(stat -c %a export.zip.pgp)" 600 "the result is private"
for name in -x 'with blank' $'with\nnewline' ; do
	echo "$name" >"$T/f" && cp "$T/f" "./$name"
	ok "file name ${name@Q}" pgp_bin -e "$name" "$fpr"
	g -d <"./$name.pgp" 2>/dev/null >"$T/back"
	same "$T/back" "$T/f" "comes back"
	rm -f "./$name" "./$name.pgp"
done

rm -f export.zip.pgp
refused() {
	local what=$1 why=$2
	shift 2
	rc_is 2 "$what" "$@"
	like "$err" "$why" "... because: $why"
	is "$(find "$W" -name '*.pgp' -o -name '.*maintkit*')" "" "... and there is no result"
}
refused "an unknown key" "no key matches" pgp_bin -e export.zip nobody@example.org
refused "no key" "no key is named" pgp_bin -e export.zip ''
refused "an unknown command" "neither -e nor -c" pgp_bin -ea export.zip "$fpr"
refused "the manual's symmetric command" "neither -e nor -c" pgp_bin '-c --batch --passphrase s' export.zip ''
refused "too few arguments" "three" pgp_bin -e export.zip
refused "a file that is not there" "No such file" pgp_bin -e nothing "$fpr"
ln -s export.zip link
refused "a symbolic link" "link" pgp_bin -e link "$fpr"
rm link; mkfifo fifo
refused "a pipe" "not a regular file" pgp_bin -e fifo "$fpr"
rm fifo; mkdir export.zip.pgp
rc_is 2 "a directory in place of the result" pgp_bin -e export.zip "$fpr"
like "$err" "is a directory" "is named"
rmdir export.zip.pgp
refused "no GNUPGHOME" "correct PGP_ENV" env -i "$prog" -e export.zip "$fpr"
ln -s "$H" "$T/hlink"
refused "a home that is a link" "symbolic link" env -i GNUPGHOME="$T/hlink" "$prog" -e export.zip "$fpr"
chmod 755 "$H"
refused "a home open to others" "open to others" pgp_bin -e export.zip "$fpr"
chmod 700 "$H"
echo "$fpr" >"$H/maintkit-recipients"; echo 0123456789012345678901234567890123456789 >>"$H/maintkit-recipients"
refused "a further recipient whose key is not there" "no key matches" pgp_bin -e export.zip "$fpr"
rm "$H/maintkit-recipients"
refused "symmetric mode without a passphrase" "no passphrase" pgp_bin -c export.zip ''
echo secret >"$H/maintkit-passphrase"
refused "a passphrase that others can read" "open to others" pgp_bin -c export.zip ''
g --quick-gen-key 'Clinique deux <clinic@example.org>' rsa2048 cert,sign never 2>/dev/null
refused "a key named so that two match" "matches 2 keys" pgp_bin -e export.zip clinic@example.org
second=$(g --with-colons -K | awk -F: '/^fpr/ { print $10 }' | tail -1)
refused "a key that cannot encrypt" "no usable encryption subkey" pgp_bin -e export.zip "$second"
g --faked-system-time 20200101T000000! --quick-gen-key 'Old <old@example.org>' default default 1y 2>/dev/null
refused "an expired key" "expired on 2020-12-31" pgp_bin -e export.zip old@example.org
g --command-fd 0 --pinentry-mode loopback --expert --edit-key "$fpr" >/dev/null 2>&1 <<<$'disable\nsave'
refused "a disabled key" "disabled" pgp_bin -e export.zip "$fpr"
g --command-fd 0 --edit-key "$fpr" >/dev/null 2>&1 <<<$'enable\nsave'
if [ "$(id -u)" = 0 ]; then
	chown 65534 "$H"
	refused "another's home" "belongs to user" pgp_bin -e export.zip "$fpr"
	chown 0 "$H"
	if mkdir "$T/small" && mount -t tmpfs -o size=64k tmpfs "$T/small" 2>/dev/null; then
		cd "$T/small" || exit
		truncate -s 100M big; head -c 20000 /dev/urandom | dd of=big conv=notrunc status=none
		rc_is 2 "a full disk" pgp_bin -e big "$fpr"
		like "$err" "No space left" "is named"
		is "$(ls -A)" big "and leaves nothing"
		cd "$W" || exit
		umount "$T/small"
	else
		skip "no tmpfs can be mounted here" "a full disk"
	fi
else
	skip "not root" "another's home, a full disk"
fi

chmod 400 "$H/maintkit-passphrase"
ok "symmetric mode" pgp_bin -c export.zip ''
gpg --homedir "$H" --batch --quiet --pinentry-mode loopback --passphrase secret -d export.zip.pgp 2>/dev/null >"$T/back"
same "$T/back" export.zip "comes back with the passphrase"
gpgconf --homedir "$H" --kill all
rm export.zip.pgp
for i in 1 2 3 4; do cp export.zip "p$i"; pgp_bin -c "p$i" '' 2>"$T/said$i" & done
failed=0; for j in $(jobs -p); do wait "$j" || failed=1; done
is "$failed" 0 "four at once" || diag "$(cat "$T"/said[1-4])"
ok "and no agent stays behind" in_time no_agent
rm -f p?

# an old result is replaced, or stays as it was
echo old >export.zip.pgp
ok "a result that is there already is replaced" pgp_bin -e export.zip "$fpr"
nok "by a new one" grep -qx old export.zip.pgp
echo old >export.zip.pgp
pgp_bin -e export.zip nobody@example.org 2>/dev/null
is "$(cat export.zip.pgp)" old "an error leaves the old result alone"
rm -f ./*.pgp
ln -s "$T/victim" export.zip.pgp
ok "a link in place of the result" pgp_bin -e export.zip "$fpr"
nok "is not followed" test -e "$T/victim"
rm -f ./*.pgp

# killed half-way: gpg, then we
truncate -s 3G big
pgp_bin -e big "$fpr" 2>"$T/said" &
job=$!
half_way $job "gpg.*--homedir $H.*--encrypt"
end_victim
wait $job; is $? 2 "gpg killed half-way is an error"
like "$(cat "$T/said")" "before it had finished|Broken pipe" "that is named"
is "$(find "$W" -name '*.pgp' -o -name '.*maintkit*')" "" "and leaves nothing"
pgp_bin -e big "$fpr" &
job=$!
half_way $job "^$prog -e big" "$job"
end_victim; wait $job 2>/dev/null
nok "killed itself, there is no result" test -e big.pgp
ok "the next run" pgp_bin -e export.zip "$fpr"
is "$(find "$W" -name '.*maintkit*')" "" "sweeps what the killed one left"
rm -f big

# the source changes, shrinks or vanishes half-way
during() { # WANTED CMD...: CMD runs while gpg is held in the middle
	local wanted=$1 job
	shift
	truncate -s 512M big
	pgp_bin -e big "$fpr" 2>"$T/said" &
	job=$!
	half_way $job "gpg.*--homedir $H.*--encrypt"
	"$@"
	kill -CONT "$victim"
	wait $job; is $? 2 "half-way: $*"
	like "$(cat "$T/said")" "$wanted" "that is named"
	is "$(find "$W" -name '*.pgp' -o -name '.*maintkit*')" "" "and leaves nothing"
}
rm -f ./*.pgp
during "'big' was changed" truncate -s 8M big
during "'big' was changed" touch -d '2020-01-01' big
during "'big' was removed" rm big

# the agent, which only symmetric mode needs
agent_of() { python3 -c 'import os, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8); print("up", flush=True); time.sleep(float(sys.argv[2]))' "$H/S.gpg-agent" "$1"; }
rm -f "$H/S.gpg-agent"
agent_of 0 >/dev/null
ok "an agent that died and left its socket is no matter" pgp_bin -c export.zip ''
rm -f ./*.pgp "$H/S.gpg-agent"
agent_of 300 >"$T/up" &
hung=$!
until_ok "a deaf agent" test -s "$T/up"
refused "an agent that does not answer" "agent behind '.*' does not answer" timeout 240 env -i GNUPGHOME="$H" "$prog" -c export.zip ''
ok "to a key it is no matter" pgp_bin -e export.zip "$fpr"
kill $(pgrep -P $hung); wait $hung 2>/dev/null
rm -f "$H/S.gpg-agent" ./*.pgp

cd "$T" || exit
mkdir sub && cp "$W/export.zip" sub/
ok "a file in another directory" pgp_bin -e sub/export.zip "$fpr"
ok "is encrypted there" test -s sub/export.zip.pgp
done_testing

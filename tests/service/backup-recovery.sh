#!/bin/bash
# proves: a backup opens without this machine: by a recovery passphrase that somebody has proven to have, or an off-site key, with plain tools
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
backup_system

mariadb_sql "CREATE DATABASE demo; CREATE TABLE demo.demographic (id INT PRIMARY KEY, name VARCHAR(30)); INSERT INTO demo.demographic VALUES (1, 'Ann'), (2, 'Bob')"
mkdir -p "$R/var/lib/demo/documents"; echo scan >"$R/var/lib/demo/documents/scan.txt"

rc_is 2 "no key, no passphrase" backup create
like "$err" "backup recovery" "both ways out are named"
ok "the clinic's key" pgp ensure
ok "by hand a backup to it is made" backup create
for o in --scheduled --archive; do
	rc_is 4 "not with $o" backup create $o
	like "$err" "only this machine could open it.*backup recovery.*\[backup\] recipients" "and the ways out are named"
done
rc_is 4 "nor is one scheduled" backup schedule
like "$(backup recipients)" "clinic +[0-9A-F]{40} .*secret: this machine: /var/lib/maintkit/demo/clinic-secret.asc" "who opens it, and where the secret is"
like "$(backup recipients)" "Only this machine can open" "and that this is not enough"
unlike "$(backup recipients --json)" '"off_machine": true' "also for programs"
is "$(ls "$B"/.[!.]* "$R"/run/* 2>/dev/null)" "" "nothing is left behind"

# ---- made without a terminal
pass=$STATE/recovery.passphrase
ok "without a terminal one is made" backup recovery </dev/null
is "$(stat -c '%a %u' "$pass")" "400 0" "for root alone"
unlike "$out$err" "$(cat "$pass")" "and not shown"
unlike "$(cat "$R"/var/log/maintkit/* 2>/dev/null)" "$(cat "$pass")" "nor logged"
rc_is 4 "it does not count" backup create --scheduled
like "$err" "nobody has confirmed" "and why"
rc_is 2 "a wrong one does not confirm it" backup recovery --confirm <<<"aaaaa-bbbbb-ccccc-ddddd-eeeee-fffff"
rc_is 2 "nor an empty one" backup recovery --confirm </dev/null
tr 'a-z-' 'A-Z ' <"$pass" >"$T/typed"
ok "typed from paper, in capitals and with blanks, it does" backup recovery --confirm <"$T/typed"
sleep 1.1
ok "now it counts" backup create --scheduled
like "$err" "opened with the recovery passphrase" "and is said"
P=$(last)
is "$(backup list --json | python3 -c 'import json,sys; b=json.load(sys.stdin)[-1]; print(b["purpose"], b["recipient2"])')" "scheduled recovery passphrase" "and noted"
like "$(backup list)" " [0-9A-F]{8} recovery" "and listed"
ok "the clinic's key opens it" backup verify "$P"
ok "so does the passphrase" backup verify --recovery-stdin "$P" <"$T/typed"
rc_is 2 "a wrong one does not" backup verify --recovery-stdin "$P" <<<"aaaaa-bbbbb-ccccc-ddddd-eeeee-fffff"
is "$(backup list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[-1]["failed"])')" None "which is no fault of the backup"
mv "$STATE/clinic-secret.asc" "$T/"
ok "without the clinic's secret the kept passphrase opens it" backup verify "$P"
rc_is 2 "but not those before it" backup verify "$(ls "$B"/*.gpg | head -1)"
mv "$T/clinic-secret.asc" "$STATE/"

# ---- on a terminal
cat >"$T/person.py" <<'PY'
# Runs a command on a terminal, writes the passphrase down, answers with what is asked for (or nonsense).
import os, pty, re, sys
good = sys.argv[1] == "good"
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen, at, paper = "", 0, None
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data.decode()
    new = seen[at:]
    if "press Enter: " in new:
        paper = re.sub(r"\x1b\[[0-9]*m", "", new)
        paper = ["".join(g.split()) for g in re.findall(r"(?:[a-z2-8] ){4}[a-z2-8]\b", paper)]
        at = len(seen)
        os.write(fd, b"\n")
    m = re.search(r"Type group (\d) of 6 from your paper: $", new)
    if m:
        at = len(seen)
        os.write(fd, (paper[int(m.group(1)) - 1].upper() if good else "wrong").encode() + b"\n")
print("-".join(paper or []))
print("cleared" if "\033[2J" in seen else "still on the screen")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
old=$(cat "$pass")
person() { python3 "$T/person.py" "$1" "$BIN/maintkit-backup" --root "$R" -p demo recovery "${@:2}"; }
rc_is 2 "who has not written it down" person bad --new
like "$out" "cleared" "does not see it again"
rc_is 4 "and it does not count" backup create --scheduled
ok "shown again, because nobody has it" person good
is "$(head -1 <<<"$out")" "$(cat "$pass")" "what is on paper is what is kept"
like "$out" "cleared" "the screen is cleared"
isnt "$(cat "$pass")" "$old" "--new made another"
ok "asked for once more" person good
is "$(head -1 <<<"$out")" "" "it is not shown again"
ok "status of it" backup recipients
like "$out" "passphrase recovery passphrase.*on paper, confirmed" "is known"
rc_is 2 "the old backup does not open with the new one" backup verify --recovery-stdin "$P" <"$pass"
ok "but with the old" backup verify --recovery-stdin "$P" <<<"$old"

# ---- an off-site key
rm -f "$pass" "$STATE/recovery.confirmed"
plain_gpg "$T/off" --passphrase '' --quick-gen-key 'Off-site <off@example.org>' rsa2048 default never 2>/dev/null
fpr=$(plain_gpg "$T/off" --with-colons -K | awk -F: '/^fpr/ { print $10; exit }')
plain_gpg "$T/off" --passphrase '' --quick-add-key "$fpr" rsa2048 encr never 2>/dev/null
plain_gpg "$T/off" --armor --export >"$R/etc/demo/off.asc"
printf '[backup]\nrecipients = /var/lib/maintkit/demo/clinic.asc\n' >"$R/etc/demo/maintkit.conf"
rc_is 4 "the clinic's own key named as off-site" backup create --scheduled
printf '[backup]\nrecipients = /etc/demo/off.asc\n' >"$R/etc/demo/maintkit.conf"
sleep 1.1
ok "a key from elsewhere" backup create --archive
O=$(last)
like "$(backup recipients)" "off-site +$fpr .*secret: elsewhere" "is told apart"

# ---- plain tools, as somebody else, on another machine
plain() {	# NAME GPG-ARGS: what is in the backup, by another user with nothing of ours
	rm -rf "$T/$1"; mkdir -p "$T/$1/home" "$T/$1/out"; cp "$2" "$T/$1/backup"; chmod 700 "$T/$1/home"
	[ -z "$3" ] || cp "$3" "$T/$1/key"
	chown -R nobody "$T/$1"; chmod 755 "$T" "$T/$1"
	setpriv --reuid=nobody --regid=nogroup --clear-groups env -i PATH="$PATH" HOME="$T/$1/home" GNUPGHOME="$T/$1/home" bash -c '
		set -o pipefail; cd "$1/out"
		[ ! -e ../key ] || gpg --batch -q --import ../key || exit 1
		gpg --batch -q --pinentry-mode loopback --passphrase-fd 3 -d ../backup 3< <(printf %s "$2") | zstd -dq | tar x || exit 1
		gpgconf --kill all' - "$T/$1" "$4" 2>"$T/plain.err"
}
ok "gpg -d | zstd -d | tar x with the passphrase" plain paper "$P" '' "$old"
is "$(cat "$T/paper/out/files/var/lib/demo/documents/scan.txt")" scan "the document is there"
mariadb_sql "CREATE DATABASE plain"
ok "the dump loads" eval 'cat "$T"/paper/out/database/*.sql | mariadb --no-defaults --socket="$MARIADB_SOCKET" plain'
is "$(mariadb_sql 'SELECT COUNT(*) FROM plain.demographic')" 2 "with its rows"
ok "with the off-site key" eval 'plain_gpg "$T/off" --armor --export-secret-keys >"$T/off-secret.asc"; plain off "$O" "$T/off-secret.asc" ""'
is "$(cat "$T/off/../off/out/files/var/lib/demo/documents/scan.txt")" scan "the same"
ok "with the clinic's exported key" plain clinic "$P" "$STATE/clinic-secret.asc" "$(cat "$STATE/pgp.passphrase")"
is "$(cat "$T/clinic/out/files/var/lib/demo/documents/scan.txt")" scan "the same"
rc_is 1 "without a key nothing" plain none "$O" '' ''
is "$(ls "$T/none/out")" "" "comes out"
is "$(agents)" 0 "no agent stays behind"
done_testing

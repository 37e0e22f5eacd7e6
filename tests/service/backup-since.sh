#!/bin/bash
# proves: a backup since another holds what changed, is whole only together with it, and names it when it is missing
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
backup_system

newest() { names | tail -n 1; }
# the whole tree: names, kinds, modes, owners, times of files, content
tree() { (cd "$1" && find . -mindepth 1 \( -type f -printf '%P f %m %U %G %T@ ' -exec sha256sum {} \; -o -printf '%P %y %m %U %G %l\n' \) | sed 's/\.[0-9]* / /' | LC_ALL=C sort); }

ok "a key" pgp ensure
second_key; key=$T/second-secret.asc
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demo.demographic (id INT PRIMARY KEY, name VARCHAR(30)); INSERT INTO demo.demographic SELECT seq, seq FROM seq_1_to_100"
mkdir -p "$D/sub" "$D/empty"
for i in $(seq 300); do head -c $((i * 40)) /dev/urandom >"$D/sub/doc$i"; done
head -c 3000000 /dev/urandom >"$D/big"
printf x >"$D/sub/"$'caf\xe9'; printf y >"$D/sub/"$'new\nline'; ln -s doc1 "$D/sub/link"
chown -R 65534:65534 "$D"; sleep 3.1

ok "nothing to go back to" backup create --documents=since
like "$err" "no full backup of the last 30 days" "is said"
full=$(newest)
is "$(info "$full" documents) $(info "$full" files)" "full 303" "and it is a full one"
is "$(stat -c '%a' "$B/$full.index")" 600 "its index is root's alone"
nok "and has no names" grep -aq doc1 "$B/$full.index"
tick
ok "nothing changed" backup create --documents=since
first=$(newest)
like "$err" "303 of 303 documents are left to '$full'" "all documents are left to it"
is "$(info "$first" documents) $(info "$first" base)" "since $full" "and that is noted"
ok "it is small" [ "$(stat -c %s "$B/$first")" -lt 1000000 ]
ok "verify reads both" backup verify --key "$key" "$first"
like "$out" "303 documents that are in $full, whole too" "and says so"

# changes of each kind
echo new >"$D/sub/doc301"; echo more >>"$D/sub/doc5"; rm "$D/sub/doc6"; mv "$D/sub/doc7" "$D/sub/renamed"
chmod 600 "$D/sub/doc8"; chown 1:1 "$D/sub/doc9"; cp -p "$D/sub/doc10" "$D/c" && mv "$D/c" "$D/sub/doc10"
touch -d 2001-01-01 "$D/sub/doc11"; old=$(stat -c %y "$D/sub/doc12"); printf ZZZZZZZZ | dd of="$D/sub/doc12" conv=notrunc status=none; touch -d "$old" "$D/sub/doc12"
tick
ok "changes" backup create --documents=since
second=$(newest)
like "$err" "29[0-9] of 303 documents are left" "what changed is in it, also when size and time were put back"
tree "$D" >"$T/want"
ok "restore" backup restore --key "$key" --to "$T/back" --database back "$second"
tree "$T/back/files/var/lib/demo/documents" >"$T/got"
same "$T/got" "$T/want" "all documents are as they were, with mode, owner and time"
is "$(mariadb_sql 'SELECT COUNT(*) FROM back.demographic')" 100 "and the database"
is "$(find "$STATE" -name '.backup-wanted*')" "" "no table of wanted documents stays"

# the base: missing, another, damaged
mkdir "$T/away"; mv "$B/$full" "$T/away/"
rc_is 2 "without the base" backup verify --key "$key" "$second"
like "$err" "it goes back to '$full' \(sha256 [0-9a-f]{64}\), which is missing; put that file into '$B'" "it is named"
rc_is 2 "nothing is restored" backup restore --key "$key" --to "$T/half" --database half "$second"
is "$(find "$T" -maxdepth 1 -name '*half*')$(mariadb_sql "SHOW DATABASES LIKE 'half'")" "" "not even in part"
is "$(info "$second" failed | head -c 2)" "20" "that is noted"
cp "$B/$second"* "$T/away/"
ok "both in another directory" backup verify --key "$key" "$T/away/$second"
cp "$B/$first" "$B/$full"
rc_is 2 "another one in its place" backup verify --key "$key" "$second"
cp "$T/away/$full" "$B/$full"; printf x | dd of="$B/$full" bs=1 seek=100000 conv=notrunc status=none
rc_is 2 "a damaged one" backup verify --key "$key" "$second"
like "$err" "$full.*is not what was written" "is named"
cp "$T/away/$full" "$B/$full"
ok "mended" backup verify --key "$key" "$second"

# in place
rm -rf "$D"; mkdir -p "$D/sub"; echo later >"$D/sub/later"; chown -R 65534:65534 "$D"
mariadb_sql "DELETE FROM demo.demographic WHERE id > 50"
ok "restore in place" backup restore --key "$key" "$second"
tree "$D" >"$T/got"
same "$T/got" "$T/want" "gives back all documents, its own and the base's, and no others"
is "$(mariadb_sql 'SELECT COUNT(*) FROM demo.demographic')" 100 "and the database"
ok "revert" backup restore --revert
is "$(ls "$D/sub") $(mariadb_sql 'SELECT COUNT(*) FROM demo.demographic')" "later 50" "is what was"
ok "and forth" backup restore --revert
ok "confirm" backup restore --confirm
mv "$B/$full" "$T/away/base"
mariadb_sql "DELETE FROM demo.demographic WHERE id > 50"
rc_is 2 "without the base not in place" backup restore --key "$key" "$second"
like "$err" "it goes back to '$full'.*which is missing" "which is named"
rc_is 2 "nor only its documents" backup restore --key "$key" --only documents "$second"
like "$err" "it goes back to '$full'.*which is missing" "which is named"
tree "$D" >"$T/got"
same "$T/got" "$T/want" "nothing was touched"
for part in keys properties database; do
	ok "but only its $part" backup restore --key "$key" --only $part "$second"
	ok "confirm" backup restore --confirm
done
is "$(mariadb_sql 'SELECT COUNT(*) FROM demo.demographic')" 100 "need no base"
ok "nor does a new database" backup restore --key "$key" --database alone "$second"
is "$(mariadb_sql 'SELECT COUNT(*) FROM alone.demographic')" 100 "of all rows"
tree "$D" >"$T/got"
same "$T/got" "$T/want" "the documents are not touched by that"
# a part that lies in a tree of documents
mkdir "$D/inner"; echo one >"$D/inner/setting"; chown -R 65534:65534 "$D"; mv "$T/away/base" "$B/$full"
sed -i 's,^configuration = .*,& /var/lib/demo/documents/inner,' "$R/usr/share/demo/maintkit.conf"
tick; sleep 3
ok "a full one" backup create --documents=full
inner=$(newest)
tick
ok "and one since" backup create --documents=since
third=$(newest)
mv "$B/$inner" "$T/away/base"
rc_is 2 "some of it is left to the base" backup restore --key "$key" --only properties "$third"
mv "$T/away/base" "$B/$inner"
echo two >"$D/inner/setting"
ok "with it" backup restore --key "$key" --only properties "$third"
is "$(cat "$D/inner/setting")" one "it comes back"
ok "confirm" backup restore --confirm
rm -rf "$D/inner"; sed -i 's, /var/lib/demo/documents/inner$,,' "$R/usr/share/demo/maintkit.conf"
rm "$B/$inner"* "$B/$third"*

rm "$B/$full.sha256"
ok "without its checksum it is known by its content" backup verify --key "$key" "$second"
ok "prune keeps it for them" backup prune --dry-run
like "$out" "keep +$full: .*needed by" "and says why"

# the index is advice only
tick; cp "$B/$full.index" "$T/index"; printf 'garbage' >"$B/$full.index"
ok "a damaged index" backup create --documents=since
like "$err" "is damaged.*no full backup" "is not used"
is "$(info "$(newest)" documents)" full "the next is full"
rm "$B/$(newest)"*; cp "$T/index" "$B/$full.index"
truncate -s -64 "$B/$full.index"; tick
ok "a cut one" backup create --documents=since
is "$(info "$(newest)" documents)" full "neither"
rm "$B/$(newest)"*; cp "$T/index" "$B/$full.index"
printf '[backup]\ndocuments = since\nfull-every = 1\n' >"$R/etc/demo/maintkit.conf"; tick
ok "as the profile says" backup create
is "$(info "$(newest)" documents)" since "it goes back"
sed -i 's/^created=.*/created=2026-01-01T00:00:00Z/' "$B/$full.info"; tick
ok "the full one is old" backup create
is "$(info "$(newest)" documents)" full "another full one is made"
rc_is 2 "another word" backup create --documents=some
like "$err" "none of full, since, hardlink" "is refused"
done_testing

#!/bin/bash
# proves: migrate hrm writes what the reports say, row by row as the table has it, finds files where they are and nowhere else, and can be taken back byte by byte
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server

F=$TOP/tests/fixtures/hrm
docs=/srv/doc/oscar/document
world() {
	migrate_world '[properties]' 'file = /etc/demo/demo.properties' 'encoding = latin1' '[app]' 'contexts = oscar=oscar.war' "$@"
	mkdir -p "$R$docs" "$R/srv/doc/oscar/hrm/sftp_downloads/07052014/decrypted"
	echo 'BASE_DOCUMENT_DIR=/srv/doc' >"$R/etc/demo/demo.properties"
	q "INSERT INTO provider (provider_no, last_name, first_name, lastUpdateDate, practitionerNo, practitionerNoType) VALUES
		('101','A','B',NOW(),'012345','CPSO'), ('100','A','B',NOW(),'12345678','cnornp '), ('102','A','B',NOW(),'012345','CPSO'),
		('103','C','D',NOW(),'12345','CPSO'), ('104','E','F',NOW(),'765432','')"
}
row() { q "INSERT INTO HRMDocument (id, reportFile, timeReceived, description) VALUES ($1, $2, '2014-05-07 10:00:00', 'kept')"; }
columns="sourceFacilityReportNo, formattedName, dob, gender, hcn, className, subClassName, recipientId, recipientName"
run_hrm() { migrate run hrm --without-backup "a test" "$@"; }

# ---- every fixture ----
world
id=0
while IFS=$'\t' read -r file _; do
	[ "${file:0:1}" = '#' ] && continue
	cp "$F/$file" "$R$docs/"
	row $((++id)) "'$file'"
done <"$F/expected.tsv"
q "UPDATE HRMDocument SET recipientProviderNo = 'old' WHERE reportFile = 'recipient-none.xml'"
tables_dump >"$T/before"
ok "plan" migrate plan hrm --csv "$T/plan.csv" --samples 1000
cp "$T/plan.csv" "$T/first.csv"
tables_dump >"$T/planned"
same "$T/planned" "$T/before" "changes nothing"
ok "run" run_hrm
sed -n '/^[^#]/{s/^\([^\t]*\)\t[^\t]*\t/\1\t/;s/\t-\t-\t-\t-\t-\t-\t-\t-\t-$/\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N/;p}' "$F/expected.tsv" >"$T/want"
q "SELECT reportFile, $columns FROM HRMDocument ORDER BY id" | sed 's/\bNULL\b/\\N/g' >"$T/got"
same "$T/got" "$T/want" "every row as the table says"
verdicts() { sed -n "s/^\"$1\",\"HRMDocument\",\"\([0-9]*\)\".*/\1/p" "$T/first.csv" | sort -nu; }
for v in recovered over-long unparsable; do
	is "$(verdicts $v)" "$(awk -F'\t' -v v=$v '!/^#/ { n++; if ($2 == v) print n }' "$F/expected.tsv")" "the verdict '$v' is told of these rows"
done
is "$(q "SELECT GROUP_CONCAT(DISTINCT recipientProviderNo ORDER BY 1) FROM HRMDocument WHERE recipientId = 'D012345'")" 101 \
	"the first of two physicians with the number"
is "$(q "SELECT recipientProviderNo FROM HRMDocument WHERE recipientId = 'N12345678'")" 100 "a nurse, whatever the case of the type"
is "$(q "SELECT recipientProviderNo FROM HRMDocument WHERE reportFile = 'recipient-none.xml'")" old "none found: the old value stays"
is "$(q "SELECT COUNT(*) FROM HRMDocument WHERE BINARY recipientId IN ('d012345','D') AND recipientProviderNo IS NOT NULL")" 0 "no number, no lookup"
is "$(q "SELECT COUNT(*) FROM HRMDocument WHERE timeReceived <> '2014-05-07 10:00:00' OR description <> 'kept'")" 0 "other columns stay"
tables_dump >"$T/after"
ok "once more" run_hrm
tables_dump >"$T/again"
same "$T/again" "$T/after" "is the same as once"
ok "verify" migrate verify hrm
like "$(migrate status hrm)" "hrm +done.* of [0-9]+ hospital reports have no name yet, [0-9]+ of them could not be read the last time" "reports that cannot be read do not make it due again"
ok "undo" migrate undo hrm
tables_dump >"$T/undone"
same "$T/undone" "$T/before" "takes back every byte"

# ---- as the page: rows that it fails at stay, the other ones have its values ----
ok "compat" run_hrm --compat
is "$(q "SELECT GROUP_CONCAT(CONCAT(reportFile, '=', dob) ORDER BY 1) FROM HRMDocument WHERE reportFile LIKE 'dob%' AND formattedName IS NOT NULL")" \
	"dob-datetime.xml=1980-05-07,dob-month.xml=1980-05-0-,dob-year-80.xml=80-05-07,dob-year.xml=1980-0-214" "dates as the page stores them"
is "$(q "SELECT GROUP_CONCAT(reportFile ORDER BY 1) FROM HRMDocument WHERE formattedName IS NULL AND reportFile REGEXP '^(card|class|gender|version|namespace|report|recip|names)'")" \
	"card-none.xml,class-blanks.xml,class-none.xml,class-unknown.xml,gender-blanks.xml,gender-word.xml,names-missing-first.xml,namespace-none.xml,namespace-one.xml,namespace-undeclared.xml,recipient-letter-only.xml,recipient-long.xml,version-1.0.xml" \
	"what the page refuses or stops at is left"
nok "verify knows garbage when it is not asked for it" migrate verify hrm
# without their files the garbled dates are mended all the same
mv "$R$docs" "$R$docs.away"; mkdir "$R$docs"
ok "run without the files" run_hrm
is "$(q "SELECT GROUP_CONCAT(CONCAT(reportFile, '=', dob) ORDER BY 1) FROM HRMDocument WHERE reportFile IN ('dob-month.xml','dob-year.xml')")" \
	"dob-month.xml=1980-05,dob-year.xml=1980" "mends garbled dates"
is "$(q "SELECT COUNT(*) FROM HRMDocument WHERE formattedName IS NOT NULL")" "$(q "SELECT COUNT(*) FROM HRMDocument WHERE dob <> '' OR hcn <> ''")" \
	"and takes nothing away"
rmdir "$R$docs"; mv "$R$docs.away" "$R$docs"

# ---- types of providers filled in later ----
q "UPDATE provider SET practitionerNoType = '' WHERE provider_no IN ('101','102'); UPDATE HRMDocument SET recipientProviderNo = NULL"
ok "providers only, without types" run_hrm --providers-only
is "$(q "SELECT COUNT(*) FROM HRMDocument WHERE recipientId = 'D012345' AND recipientProviderNo IS NOT NULL")" 0 "finds nobody"
like "$err" "providers without type: 3" "and says why"
ok "guessed" run_hrm --providers-only --guess-provider-types
is "$(q "SELECT DISTINCT recipientProviderNo FROM HRMDocument WHERE BINARY recipientId = 'D012345'")" 101 "finds them"
q "UPDATE HRMDocument SET recipientProviderNo = NULL; ALTER TABLE provider MODIFY provider_no varchar(40); UPDATE provider SET provider_no = CONCAT(provider_no, REPEAT('x', 30)) WHERE provider_no = '101'"
ok "with a provider's number that the column cannot hold" run_hrm --providers-only --guess-provider-types
like "$err" "recipient: HRMDocument" "it is told"
is "$(q "SELECT COUNT(*) FROM HRMDocument WHERE recipientProviderNo LIKE '%x%'")" 0 "and no part of it is written"
q "UPDATE provider SET provider_no = '101' WHERE provider_no LIKE '101x%'; UPDATE HRMDocument SET recipientProviderNo = NULL"
ok "again with the right one" run_hrm --providers-only --guess-provider-types
is "$(q "SELECT practitionerNoType FROM provider WHERE provider_no = '101'")" "" "provider is only read"

# ---- where files are ----
world '[migrate]' 'roots = /srv/old' 'working-dir = /srv/old/tomcat'
mkdir -p "$R/srv/old/deep" "$R/srv/old/tomcat/x" "$R/srv/outside" "$R$docs/sub" "$R$docs$docs"
good=$F/version-1.1.1.xml
cp "$good" "$R$docs/plain.xml"; cp "$good" "$R$docs/sub/in.xml"; cp "$good" "$R$docs/moved.xml"; cp "$good" "$R$docs$docs/twice.xml"
cp "$good" "$R/srv/old/deep/full.xml"; cp "$good" "$R/srv/old/tomcat/x/relative.xml"; cp "$good" "$R/srv/outside/secret.xml"
cp "$good" "$R/srv/doc/oscar/hrm/sftp_downloads/07052014/decrypted/download.xml"
ln -s ../../../outside/secret.xml "$R$docs/link.xml"; ln -s ../../../outside "$R$docs/linkdir"; chown -h nobody "$R$docs/link.xml" "$R$docs/linkdir"
mkfifo "$R$docs/fifo.xml"; mkdir "$R$docs/dir.xml"
truncate -s 65M "$R$docs/huge.xml"
n=0
while read -r name _; do
	n=$((n + 1))
	case $name in NULL) row $n NULL ;; EMPTY) row $n "''" ;; *) row $n "'$name'" ;; esac
done >/dev/null <<EOT
plain.xml
sub/in.xml
./plain.xml
$docs/plain.xml
/srv/old/deep/full.xml
x/relative.xml
/usr/share/oscar-emr/OscarDocument/oscar/document/moved.xml
download.xml
/elsewhere/download.xml
link.xml
linkdir/secret.xml
/srv/outside/secret.xml
../../../outside/secret.xml
fifo.xml
dir.xml
huge.xml
nothing.xml
NULL
EMPTY
..
/
$docs/twice.xml
EOT
ok "plan of places" migrate plan hrm --csv "$T/places.csv" --samples 100
of() { sed -n "s/^\"\([a-z-]*\)\",\"HRMDocument\",\"$1\",.*/\1/p" "$T/places.csv" | sort -u | tr '\n' ' '; }
for i in 1 2 3 22; do is "$(of $i)" "filled recipient " "row $i: where the page looks"; done
for i in 4 5 6 7 8 9; do is "$(of $i)" "filled recipient recovered " "row $i: found elsewhere"; done
for i in 10 11 13 14 15 16 20 21; do is "$(of $i)" "refused-file " "row $i: refused"; done
for i in 12 17 18 19; do is "$(of $i)" "missing-file " "row $i: missing"; done
ok "compat looks only where the page does" run_hrm --compat
is "$(q "SELECT GROUP_CONCAT(id ORDER BY id) FROM HRMDocument WHERE formattedName IS NOT NULL")" 1,2,3,22 "and finds these"

# ---- characters and lengths that the table cannot hold; nothing is left to sql_mode ----
world
q "ALTER TABLE HRMDocument MODIFY className varchar(12), MODIFY hcn varchar(20) CHARACTER SET latin1"
sed 's/Doe/D\xf0\x9f\x98\x80e/; s/1234567890/1\xce\xa92\xc3\xa9/' "$good" >"$R$docs/wide.xml"
row 1 "'wide.xml'"
row 2 "'none.xml'"
ok "run" run_hrm
is "$(q "SELECT formattedName, className, HEX(hcn) FROM HRMDocument WHERE id = 1")" "D?e, Jane	Diagnostic I	313F32E9" "'?' and cut"
like "$err" "over-long" "told"
like "$err" "character" "told"

# ---- what is missing ----
q "ALTER TABLE HRMDocument DROP COLUMN dob"
rc_is 2 "a column is missing" run_hrm
like "$err" "HRMDocument.dob.*update-2019-03-11.sql" "and the script that adds it is named"
rm -r "$R/srv"
q "ALTER TABLE HRMDocument ADD COLUMN dob varchar(10)"
rc_is 2 "no directory of documents" run_hrm
like "$err" "/srv/doc/oscar/document" "is named"
done_testing

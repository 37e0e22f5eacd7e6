#!/bin/bash
# proves: deploy unpacks each version once, below its own path, refuses bad WARs and versions, and survives a half-done run
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

for p in unzip openssl python3; do command -v $p >/dev/null || skip_all "$p is not installed"; done
R=$T/root
profile=$R/usr/share/oscar-emr/maintkit.conf
code=$R/var/lib/oscar-emr/webapp
mkdir -p "$R"/usr/share/oscar-emr/{war,tomcat} "$R"/usr/share/tomcat9/{bin,lib} "$R"/etc "$R"/var/lib
cp "$TOP/debian/oscar-emr.maintkit" "$profile"
cp "$TOP"/hooks/oscar-emr/tomcat/* "$R/usr/share/oscar-emr/tomcat/"
echo "oscar-emr:x:$(id -u):$(id -g)::/:/bin/false" >"$R/etc/passwd"
echo "oscar-emr:x:$(id -g):" >"$R/etc/group"
app() { "$BIN/maintkit-app" -p oscar-emr --root "$R" "$@"; }
# war NAME=CONTENT... : names as they are, also bad ones
war() {
	python3 - "$R/usr/share/oscar-emr/war/oscar.war" "$@" <<-'X'
		import sys, zipfile
		with zipfile.ZipFile(sys.argv[1], 'w') as z:
		    for a in sys.argv[2:]:
		        name, content = a.split('=', 1)
		        i = zipfile.ZipInfo(name)
		        i.external_attr = (0o120777 if content.startswith('->') else 0o100666) << 16
		        z.writestr(i, content.removeprefix('->'))
	X
}

war index.jsp=one WEB-INF/web.xml='<web-app/>'
rc_is 2 'without any Tomcat nothing is deployed' app deploy --version 1:1.0
like "$err" 'install tomcat10-common' '... and the message says what to install'
touch "$R"/usr/share/tomcat9/bin/{catalina.sh,bootstrap.jar} "$R"/usr/share/tomcat9/lib/catalina.jar

ok 'dry run' app deploy --dry-run --version 1:1.0
nok '... changes nothing' [ -e "$code" ]
ok 'a version is deployed' app deploy --version 1:1.0
is "$(cat "$code/1_1.0/oscar/index.jsp")" one '... unpacked'
is "$(find "$code" -perm /022)" '' '... writable by nobody else, whatever the archive says'
is "$(find "$code" -name '.*')" '' '... no temporary is left'
like "$(cat "$code/1_1.0/oscar.deployed")" '^[0-9a-f]{64} javax$' '... with its mark beside it, not in what is served'
inode=$(stat -c %i "$code/1_1.0/oscar")
ok 'deployed again' app deploy --version 1:1.0
like "$err" 'already' '... it says so'
is "$(stat -c %i "$code/1_1.0/oscar")" "$inode" '... and leaves it'

war index.jsp=two
ok 'another WAR under the same version' app deploy --version 1:1.0
is "$(ls "$code/1_1.0/oscar")$(cat "$code/1_1.0/oscar/index.jsp")" index.jsptwo '... replaces it whole'
ok 'another version' app deploy --version 1:1.1
is "$(ls "$code" | xargs)" '1_1.0 1_1.1' '... lies beside it'

# what a killed run leaves
nok 'dpkg knows no levels: none are written' [ -e "$code/1_1.1/release" ]
mkdir -p "$R/var/lib/dpkg"
printf 'Package: oscar-emr\nStatus: install ok unpacked\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\nVersion: 1:1.0-1\nMaintkit-Level: 20\nMaintkit-Reads: 15-20\n' >"$R/var/lib/dpkg/status"
ok 'dpkg knows them' app deploy --version 1:1.0
like "$(cat "$code/1_1.0/release")" $'^[0-9a-f]{8} 1:1.0-1\t20\t15-20$' '... so they lie beside the code'
rm -r "$R/var/lib/dpkg"

rm "$code/1_1.1/oscar.deployed"; rm -r "$code/1_1.1/oscar"; mkdir "$code/1_1.1/.new-oscar" "$code/1_1.1/.old-oscar"
touch "$code/1_1.1/.new-oscar/half"
ok 'a half-done deployment is done again' app deploy --version 1:1.1
is "$(ls -A "$code/1_1.1" | xargs)" 'oscar oscar.deployed' '... and its leftovers are gone'
rm "$code/1_1.1/oscar.deployed"; echo broken >"$code/1_1.1/oscar/index.jsp"
ok 'one without its mark, too' app deploy --version 1:1.1
is "$(cat "$code/1_1.1/oscar/index.jsp")" two '... the content is right again'

# bad archives: the version that was there stays
for bad in '../../evil=x' 'link=->/etc/passwd' '/abs=x'; do
	war index.jsp=three "$bad"
	rc_is 2 "a WAR with '${bad%%=*}' is refused" app deploy --version 1:1.1
	is "$(cat "$code/1_1.1/oscar/index.jsp")" two '... what was there stays'
done
is "$(find "$R" -name evil -o -name abs)" '' '... and nothing landed outside'
head -c 200 /dev/urandom >"$R/usr/share/oscar-emr/war/oscar.war"
rc_is 2 'a file that is no archive' app deploy --version 1:1.1
rm "$R/usr/share/oscar-emr/war/oscar.war"
rc_is 2 'no WAR at all' app deploy --version 1:1.1

# bad words
for v in '' ../1 '1/../../etc' 'x' '1 2' '1;id' "$(printf '1\n2')" "1$(printf 'a%.0s' {1..300})"; do
	rc_is 2 "version $(printf %q "${v:0:20}") is refused" app deploy --version "$v"
done
sed -i 's,^contexts = .*,contexts = a/b=x.war,' "$profile"
rc_is 2 'a hostile context is refused' app deploy --version 1:1.1
cp "$TOP/debian/oscar-emr.maintkit" "$profile"

# certificate
ok 'a certificate is made' app certificate --self-signed-if-missing
is "$(stat -c %a "$R"/etc/oscar-emr/tls.* | xargs)" '640 640' '... closed to others'
text=$(openssl pkcs12 -in "$R/etc/oscar-emr/tls.p12" -passin "file:$R/etc/oscar-emr/tls.password" -nokeys 2>/dev/null | openssl x509 -noout -text)
like "$text" 'CA:FALSE' '... it is no certificate authority'
like "$text" 'DNS:localhost' '... and has alternative names'
rc_is 2 'half a pair' app certificate --cert "$T/x"
rc_is 2 'a pair and self-signed' app certificate --cert "$T/x" --key "$T/y" --self-signed-if-missing
rc_is 2 'files that are not there' app certificate --cert "$T/x" --key "$T/y"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=own -keyout "$T/k" -out "$T/c" -days 5 2>/dev/null
openssl ec -aes128 -passout pass:secret -in "$T/k" -out "$T/k.enc" 2>/dev/null
rc_is 2 'an encrypted key asks nobody' timeout 120 "$BIN/maintkit-app" -p oscar-emr --root "$R" certificate --cert "$T/c" --key "$T/k.enc"
ln -s c "$T/c.link"
ok 'a pair is taken over, by links too (certbot has links)' app certificate --cert "$T/c.link" --key "$T/k"
run app status --json
like "$out" '"certificate_subject": "CN ?= ?own"' '... status shows it'
ok 'not ours: it is not renewed although it expires soon' app certificate --self-signed-if-missing
like "$err" 'already' '... and stays'
nok 'the journal has no secret' grep -qf "$R/etc/oscar-emr/tls.password" "$R/var/lib/maintkit/oscar-emr/effects"

# no system manager below another root
rc_is 3 'activate' app activate --version 1:1.1
ok 'activate --defer' app activate --version 1:1.1 --defer schema
ok 'deactivate' app deactivate
ok 'resume' app resume
# the settings go where a package of another make looks, and come back
S=/usr/share/tomcat9/oscar.properties
mkdir -p "$R/etc/oscar-emr"
printf 'db_password=geheim\n' >"$R/etc/oscar-emr/oscar.properties"
printf 'theirs\n' >"$R$S"
run app hand-over
is "$(cat "$R$S")" db_password=geheim 'hand-over: the settings are there'
is "$(stat -c %a "$R$S")" 600 '... for nobody else to read'
is "$(cat "$R$S.before-maintkit")" theirs '... what was there before is kept'
is "$(stat -c %a "$R$S.before-maintkit")" 600 '... also to itself'
sum=$(cd "$R/usr/share/tomcat9" && sha256sum oscar*)
run app hand-over
is "$(cd "$R/usr/share/tomcat9" && sha256sum oscar*)" "$sum" 'again: the same'
unlike "$(cat "$R/var/lib/maintkit/oscar-emr/effects")" geheim 'no secret is journalled'

done_testing

#!/bin/bash
# proves: the passphrase for exports is asked twice until both are equal, never where nobody answers, and held once
. "$(dirname "$0")/../lib/tap.sh"
command -v debconf-communicate >/dev/null || skip_all "debconf is not installed"
[ ! -e /var/lib/oscar-emr/gnupg ] || skip_all "oscar-emr is installed here"

cat >"$T/rc" <<X
Config: c
Templates: t

Name: c
Driver: File
Filename: $T/config.dat

Name: t
Driver: File
Filename: $T/templates.dat
X
sed -e '/^#/d' -e 's/^_*\(Description\|Choices\):/\1:/' "$TOP/debian/oscar-emr.templates" >"$T/templates"
export DEBIAN_FRONTEND=teletype DEBCONF_SYSTEMRC=$T/rc DEBIAN_PRIORITY=medium TERM=dumb LC_ALL=C.UTF-8
fresh() {
	rm -f "$T"/*.dat*
	echo "X_LOADTEMPLATEFILE $T/templates oscar-emr" | debconf-communicate -fnoninteractive oscar-emr >"$T/said" || cat "$T/said"
	debconf-set-selections <<-'X'
		oscar-emr oscar-emr/clinic-name string Clinic
		oscar-emr oscar-emr/clinic-email string clinic@example.org
		oscar-emr oscar-emr/firewall boolean false
	X
}
answer() { # ANSWER...: to the questions of config, on a terminal
	python3 "$TOP/tests/lib/on-a-terminal.py" "$T/shown" "${@/#/HIDDEN }" -- timeout --foreground 240 debconf -fteletype -ooscar-emr \
		sh "$TOP/debian/oscar-emr.config" configure ''
}
held() { # QUESTION: its value in the database
	awk -v q="Name: oscar-emr/$1" '$0 == q { here = 1 } /^$/ { here = 0 } here && sub(/^Value: ?/, "")' "$T/config.dat"
}

fresh
ok "twice the same" answer 'blue whale 7' 'blue whale 7'
is "$(held export-passphrase)" 'blue whale 7' "is held for postinst"
is "$(grep -c 'blue whale' "$T/config.dat")" 1 "once"
nok "it was not shown while it was typed" grep -q whale "$T/shown"
fresh
ok "two that differ, then two that do not" answer 'one' 'two' 'three' 'three'
like "$(cat "$T/shown")" 'two passphrases differ' "the person is told"
is "$(held export-passphrase)" three "and asked again"
fresh
ok "three times two that differ" answer a b c d e f
is "$(held export-passphrase)$(held export-passphrase-again)" '' "hold nothing: one will be made up"
fresh
ok "left empty" answer '' ''
is "$(held export-passphrase)" '' "holds nothing"
fresh
ok "where nobody answers" env DEBIAN_FRONTEND=noninteractive timeout 240 debconf -fnoninteractive -ooscar-emr sh "$TOP/debian/oscar-emr.config" configure '' </dev/null
is "$(held export-passphrase)" '' "nothing is asked and nothing held"
fresh
printf 'oscar-emr oscar-emr/export-passphrase password pre seeded\n' | debconf-set-selections
ok "a preseeded one" env DEBIAN_FRONTEND=noninteractive timeout 240 debconf -fnoninteractive -ooscar-emr sh "$TOP/debian/oscar-emr.config" configure '' </dev/null
is "$(held export-passphrase)" 'pre seeded' "is taken as it is"
done_testing

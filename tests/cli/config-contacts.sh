#!/bin/bash
# proves: whether relationships are to be copied is asked on upgrades from before 19 and on no others, preseeded answers hold, and the question is complete in French
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
command -v debconf-communicate >/dev/null || skip_all "debconf is not installed"
[ ! -e /var/lib/oscar-emr/gnupg ] || skip_all "oscar-emr is installed here"
printf '%s\n' 'Config: c' 'Templates: t' '' 'Name: c' 'Driver: File' "Filename: $T/config.dat" '' 'Name: t' 'Driver: File' "Filename: $T/templates.dat" >"$T/rc"
sed -e '/^#/d' -e 's/^_*\(Description\|Choices\):/\1:/' "$TOP/debian/oscar-emr.templates" >"$T/templates"
export DEBIAN_FRONTEND=noninteractive DEBCONF_SYSTEMRC=$T/rc TERM=dumb LC_ALL=C.UTF-8
asked() { # VERSION: how config, told that this one was configured before, asks; then the answer that postinst gets
	rm -f "$T"/*.dat*
	echo "X_LOADTEMPLATEFILE $T/templates oscar-emr" | debconf-communicate -fnoninteractive oscar-emr >"$T/said" || cat "$T/said"
	[ -z "${2:-}" ] || echo "oscar-emr oscar-emr/migrate-contacts boolean $2" | debconf-set-selections
	DEBCONF_DEBUG=developer timeout 240 debconf -fnoninteractive -ooscar-emr sh "$TOP/debian/oscar-emr.config" configure "$1" </dev/null >"$T/log" 2>&1 ||
		{ echo "failed: $(tail -n 3 "$T/log")"; return; }
	grep -io 'input [a-z]* oscar-emr/migrate-contacts' "$T/log"
	echo "GET oscar-emr/migrate-contacts" | debconf-communicate -fnoninteractive oscar-emr
}
for v in 15-88~844 15-97final858 18alpha-7~928 18beta-1~859 1:15.0-1; do
	is "$(asked "$v" | tr 'A-Z\n' 'a-z ')" "input high oscar-emr/migrate-contacts 0 true " "from $v: asked, yes is suggested"
done
for v in '' 19-97~3743 19beta-1~932 1:19.0-1 1:20.1-2 junk; do
	is "$(asked "$v" | grep -ci input)" 0 "from '$v': not asked"
done
is "$(asked 15-88~844 false | tail -n 1)" "0 false" "a preseeded no holds"
msgfmt --statistics -c -o /dev/null "$TOP/debian/po/fr.po" 2>"$T/po" || true
if command -v msgfmt >/dev/null; then
	like "$(cat "$T/po")" '^[0-9]+ translated messages\.$' "every question is there in French"
else
	skip "gettext is not installed" "every question is there in French"
fi
done_testing

#!/bin/bash
# proves: maintkit.conf(5) has every section and key of the shipped profile and every key that the programs read
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
page=$TOP/src/man/maintkit.conf.5

# "section key" of the manual
sed -n -e 's/^\.Ss \[\(.*\)\]/S \1/p' -e 's/^\.It Ic /K /p' "$page" | while read -r what words; do
	if [ "$what" = S ]; then
		section=$words
	else
		for key in ${words//,/ }; do echo "$section $key"; done
	fi
done | sort -u >"$T/manual"
# of the profile, where [sql:2fa] is [sql:NAME]
awk '/^\[/ { gsub(/[][]/, ""); sub(/:.*/, ":NAME"); s = $0 } /^;?[a-z-]+ *= / { sub(/^;/, ""); sub(/ *=.*/, ""); print s, $0 }' \
	"$TOP/debian/oscar-emr.maintkit" | sort -u >"$T/profile"
is "$(comm -13 "$T/manual" "$T/profile")" "" "no key of the profile is undocumented"
# what the sources ask for by literal names
grep -rhoE 'profile_(get|get_or|require|int|bool|words)\([^"()]*, "[a-z]+", "[a-z-]+"' "$TOP/src" --include='*.c' |
	sed 's/.*, "\(.*\)", "\(.*\)"/\1 \2/' | sort -u >"$T/sources"
[ "$(wc -l <"$T/sources")" -gt 40 ] || BAIL "the sources' calls are written in another way now"
is "$(comm -13 "$T/manual" "$T/sources")" "" "no key that the programs read is undocumented"
done_testing

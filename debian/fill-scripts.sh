#!/bin/sh
# Put version, levels and profile into the maintainer scripts that need them
# before the package is unpacked.
# usage: fill-scripts.sh PAYLOAD VERSION LEVEL READS MIN_LEVEL
set -eu

payload=$1 version=$2 level=$3 reads=$4 min=$5

# The code's own name: the upstream version and what is really in it, so that a
# new revision of the package with the same code serves on undisturbed.
upstream=${version#*:}
code=${upstream%-*}+$(cat "$payload"/war/*.war | sha256sum | cut -c1-8)

# They end up in shell scripts and control fields: nothing but what belongs there.
check() {
	printf '%s\n' "$2" | grep -Eq "^($3)\$" || {
		echo "fill-scripts.sh: error: $1 '$2' is malformed" >&2
		exit 2
	}
}
check version "$version" '[0-9A-Za-z.+:~-]+'
check level "$level" '[0-9]+'
check reads "$reads" '[0-9]+-[0-9]+'
check min_level "$min" '[0-9]+'

for script in preinst postinst; do
	sed -e "s/@VERSION@/$version/; s/@LEVEL@/$level/; s/@READS@/$reads/; s/@MIN_LEVEL@/$min/; s/@CODE@/$code/" \
		-e '/^@PROFILE@$/{' -e 'r debian/oscar-emr.maintkit' -e 'd' -e '}' \
		"debian/oscar-emr.$script.in" >"debian/oscar-emr.$script"
done

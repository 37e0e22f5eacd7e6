#!/bin/sh
# Print what a package is built from as a tar archive: tracked files and new ones
# that are not ignored; where there is no git, all but build/.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu
cd "$(dirname "$0")/../.."
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files -z --cached --others --exclude-standard |
		xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
		tar -c --null -T - -f -
else
	tar -c --exclude=./build .
fi

# shellcheck shell=bash
# pgp.sh - a system below $T/root with a package "demo", its web user nobody, and a profile, for tests of pgp and backup.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it behind tap.sh.  Gives:
#   R           the root directory, HOME_DIR the web user's GNUPGHOME, STATE the state directory
#   pgp ARGS    maintkit-pgp for that package
#   plain_gpg HOME ARGS   gpg as a person would run it, without agent trouble; agents are stopped at the end
#   quick_home DIR UID    a GNUPGHOME of that user whose agent does not spend a second on each passphrase
#   second_key  make backups also to a key without a passphrase, secret in $T/second-secret.asc: with --key its
#               backups are read without the second that gpg spends on a passphrase
#   agents      how many gpg-agents run in our directories; those that were told to end have a minute for it
#   agents_of DIR...   the same, of any

[ "$(id -u)" = 0 ] || skip_all "needs root: works as another user"
command -v gpg >/dev/null || skip_all "gpg is not installed"

R=$T/root
HOME_DIR=$R/var/lib/demo/gnupg
STATE=$R/var/lib/maintkit/demo
export MAINTKIT_ASSUME_BOOTED=1

pgp_system() {
	mkdir -p "$R"/{etc/demo,usr/share/demo,var/lib/demo,var/backups,run,tmp}
	chmod 1777 "$R/tmp"
	# the web user may not be able to reach the build directory
	mkdir "$T/bin" && cp "$BIN/maintkit-pgp-encrypt" "$T/bin/"
	printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n' >"$R/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$R/etc/group"
	printf '# shipped\nPGP_BIN: /usr/bin/pgpgpg\n#PGP_KEY: Name <mail>\nother=1\n' >"$R/usr/share/demo/demo.properties"
	cat >"$R/usr/share/demo/maintkit.conf" <<-E
	[package]
	name = demo
	title = Demonstration
	user = nobody
	[properties]
	file = /etc/demo/demo.properties
	default = /usr/share/demo/demo.properties
	group = nogroup
	[database]
	name = demo
	[pgp]
	home = /var/lib/demo/gnupg
	algorithm = ${1:-rsa2048}
	expire-days = 730
	property-key = PGP_KEY
	property-env = PGP_ENV
	property-command = PGP_CMD
	property-program = PGP_BIN
	property-directory = TMP_DIR
	property-encrypted-only = demographic.export.encryptedOnly
	command = -e
	program = $T/bin/maintkit-pgp-encrypt
	settings = demographic.export.encryptedOnly=true
	public-copy = /var/lib/maintkit/demo/clinic.asc
	secret-copy = /var/lib/maintkit/demo/clinic-secret.asc
	passphrase-file = /var/lib/maintkit/demo/pgp.passphrase
	[data]
	patients = SELECT COUNT(*) FROM demographic
	documents = /var/lib/demo/documents
	keys = /var/lib/demo/gnupg
	configuration = /etc/demo
	[backup]
	dir = /var/backups/demo
	E
}

pgp() { "$BIN/maintkit-pgp" --root "$R" -p demo "$@"; }

_pgp_homes=()
plain_gpg() {
	local home=$1
	shift
	[ -d "$home" ] || { mkdir -m 700 "$home"; _pgp_homes+=("$home"); }
	gpg --homedir "$home" --batch --quiet "$@"
}

quick_home() {
	install -d -m 700 -o "$2" "$1" && echo "s2k-count 65536" >"$1/gpg-agent.conf" && chown "$2" "$1/gpg-agent.conf"
}

second_key() {
	local fpr
	plain_gpg "$T/second" --passphrase '' --quick-gen-key 'Second <s@example.org>' rsa2048 default never 2>/dev/null
	fpr=$(plain_gpg "$T/second" --with-colons -K | awk -F: '/^fpr/ { print $10; exit }')
	plain_gpg "$T/second" --passphrase '' --quick-add-key "$fpr" rsa2048 encr never 2>/dev/null
	plain_gpg "$T/second" --armor --export >"$R/etc/demo/second.asc" &&
		plain_gpg "$T/second" --armor --export-secret-keys >"$T/second-secret.asc" &&
		sed -i 's,^\[backup\]$,&\nrecipients = /etc/demo/second.asc,' "$R/usr/share/demo/maintkit.conf"
}

agents_of() {
	local end=$((SECONDS + 60)) n
	while n=$(pgrep -fc "^gpg-agent --homedir $1") && [ "$SECONDS" -lt "$end" ]; do sleep 0.1; done
	echo "$n"
}
agents() { agents_of "$R/"; }

# shellcheck disable=SC2317
_pgp_end() {
	local h
	for h in "${_pgp_homes[@]}"; do gpgconf --homedir "$h" --kill all; done
}
at_exit _pgp_end

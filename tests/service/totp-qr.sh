#!/bin/bash
# proves: the QR code, as PNG, SVG, sheet and terminal text, is read by zbarimg as the address; a person can enrol on a terminal
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/totp.sh"

[ "$(id -u)" = 0 ] || skip_all "totp is for root"
mariadb_here || skip_all "$mariadb_why"
for program in oathtool zbarimg python3; do
	command -v "$program" >/dev/null || skip_all "$program is not installed"
done
totp_setup && totp_columns || BAIL "no database"
decode() { zbarimg -q --raw --oneshot -Sdisable -Sqrcode.enable "$1" 2>/dev/null; }
terminal() { python3 "$TOP/tests/lib/on-a-terminal.py" "$@"; }

# Draw half blocks, black on white, as a bitmap of 4 pixels a module.
draw() {
	perl -CSD -ne '
		next unless /^\e\[30;47;107m(.*)\e\[0m\r?$/;
		my ($up, $low) = ("", "");
		for my $c (split //, $1) { my $i = index " \x{2584}\x{2580}\x{2588}", $c; die "what is <$c>" if $i < 0; $up .= $i >> 1; $low .= $i & 1 }
		push @rows, $up, $low;
		END { printf "P1\n%d %d\n", 4 * length $rows[0], 4 * @rows;
		      for (@rows) { my $r = join " ", map { ($_) x 4 } split //; print "$r\n" x 4 } }' "$1"
}

# Draw the rectangles of an SVG's path the same way (no SVG reader is needed for those).
draw_svg() {
	perl -ne 'next unless /viewBox="0 0 (\d+) \1".* d="([^"]*)"/; my ($n, $d) = ($1, $2); my @m = map { [(0) x $n] } 1 .. $n;
		$d =~ s/M(\d+) (\d+)h(\d+)v1h-\3z/@{$m[$2]}[$1 .. $1 + $3 - 1] = (1) x $3; ""/ge; die "left: $d" if $d ne "";
		printf "P1\n%d %d\n", 4 * $n, 4 * $n; for my $r (@m) { my $l = join " ", map { ($_) x 4 } @$r; print "$l\n" x 4 }' "$1"
}

wanted="otpauth://totp/OSCAR:oscardoc?secret=$SECRET&issuer=OSCAR&algorithm=SHA1&digits=6&period=30"
OUT=$ROOT/out
mkdir "$OUT"
exec 7>"$T/uri"
ok "enroll with PNG, SVG and descriptor" totp enroll oscardoc --secret-stdin --png /out/q.png --svg /out/q.svg --uri-fd 7 <<<"$SECRET"
exec 7>&-
is "$(cat "$T/uri")" "$wanted" "the address"
is "$(decode "$OUT/q.png")" "$wanted" "the PNG says the same"
is "$(stat -c %a "$OUT/q.png" "$OUT/q.svg" | paste -sd' ')" "600 600" "both files are private"
draw_svg "$OUT/q.svg" >"$T/svg.pbm"
is "$(decode "$T/svg.pbm")" "$wanted" "the SVG says the same"
unlike "$out$err" "$SECRET" "nothing of it on stdout or stderr"

# every algorithm, digits and period, and a name that needs percent signs, in one picture each
add_user "Zoë & co/ä" 1 || BAIL "user"
ok "a name with blanks, accents and slashes" totp enroll "Zoë & co/ä" --secret-stdin --algorithm sha512 --digits 8 --period 60 --png /out/z.png <<<"$SECRET"
is "$(decode "$OUT/z.png")" "otpauth://totp/OSCAR:Zo%C3%AB%20%26%20co%2F%C3%A4?secret=$SECRET&issuer=OSCAR&algorithm=SHA512&digits=8&period=60" "is percent-encoded"

# ---- on a terminal
wait_early
ok "a person enrols: QR, wrong code, right code" terminal "$T/tty" 000000 CODE -- "$TOTP" --root "$ROOT" -p oscar-emr enroll oscardoc
is "$(sec totp_enabled)" 1 "it is on"
like "$(cat "$T/tty")" "does not match" "the wrong code was refused"
key=$(sec totp_secret)
is "${#key}" 48 "30 bytes of secret"
isnt "$key" "$SECRET" "a new one"
draw "$T/tty" >"$T/tty.pbm"
is "$(decode "$T/tty.pbm")" "${wanted/$SECRET/$key}" "the code on the terminal, drawn, says the address"
ok "show --secret on a terminal" terminal "$T/tty2" -- "$TOTP" --root "$ROOT" -p oscar-emr show oscardoc --secret
draw "$T/tty2" >"$T/tty2.pbm"
is "$(decode "$T/tty2.pbm")" "${wanted/$SECRET/$key}" "shows the same"
ok "disable" totp disable oscardoc
rc_is 2 "three wrong codes" terminal "$T/tty3" 1 2 3 -- "$TOTP" --root "$ROOT" -p oscar-emr enroll oscardoc
is "$(sec totp_enabled,totp_secret,pin)" "0		1117" "switch nothing on"

# ---- a whole role, with sheets
add_user nurse1 5555
mariadb_sql "UPDATE oscar_15.security SET provider_no='100003' WHERE user_name='nurse1'"
mariadb_sql "UPDATE oscar_15.security SET provider_no='100001' WHERE user_name LIKE 'Zo%'"
rc_is 2 "a role without sheets is refused" totp enroll --all doctor
rc_is 2 "a role that nobody has" totp enroll --all plumber --sheets /out/sheets
ok "a role with sheets" totp enroll --all doctor --sheets /out/sheets --recovery-codes 2
is "$(stat -c %a "$OUT/sheets")" 700 "the directory is private"
is "$(find "$OUT/sheets" -type f -perm 600 | wc -l)" 2 "two sheets, private"
is "$(sec totp_enabled)" 0 "nobody is switched on before a code of theirs matched"
sheet=$OUT/sheets/totp-oscardoc.html
key=$(sed -n 's/.*<code>\([A-Z2-7 ]*\)<.*/\1/p' "$sheet" | tr -d ' ')
wait_early
ok "the key on the sheet confirms" totp confirm oscardoc <<<"$(code "$key")"
ok "a recovery code on the sheet works" totp check oscardoc <<<"$(sed -n 's/.*<pre>//p' "$sheet")"
draw_svg "$sheet" >"$T/sheet.pbm"
is "$(decode "$T/sheet.pbm")" "${wanted/$SECRET/$key}" "its picture says the address"
mkdir -m 755 "$OUT/open"
rc_is 2 "sheets do not go where others can look: the role is not enrolled" totp enroll --all nurse --sheets /out/open
is "$(ls -A "$OUT/open")" "" "no sheet was written"

done_testing

/* maintkit-pgp: the web user's OpenPGP key, and everything a person was told to do with gpg by hand.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pgp.h"

struct pgp_options pgp_options = { .days = -1 };

#define PASSPHRASE_OPT { "passphrase-stdin", 0, OPT_FLAG, &pgp_options.passphrase_stdin, NULL, \
			 "read the secret key's passphrase from standard input" }
#define OUTPUT_OPT { "output", 'o', OPT_STRING, &pgp_options.output, "FILE", "write to FILE" }

static const struct opt ensure_opts[] = {
	{ "name", 0, OPT_STRING, &pgp_options.name, "NAME", "name of a new key; default: title and host" },
	{ "email", 0, OPT_STRING, &pgp_options.email, "MAIL", "mail address of a new key" },
	{ "key", 0, OPT_STRING, &pgp_options.key, "KEY", "which of several keys in the directory to use" },
	{ "symmetric", 0, OPT_FLAG, &pgp_options.symmetric, NULL,
	  "exports are encrypted to the passphrase on standard input, not to a key" },
	{ "no-symmetric", 0, OPT_FLAG, &pgp_options.no_symmetric, NULL, "back to the key" },
	{ "passphrase-stdin", 0, OPT_FLAG, &pgp_options.passphrase_stdin, NULL,
	  "protect a new key with the passphrase on standard input; default: one is generated and kept for root" },
	{ 0 },
};
static const struct opt verify_opts[] = { PASSPHRASE_OPT, { 0 } };
static const struct opt extend_opts[] = {
	{ "days", 0, OPT_INT, &pgp_options.days, "N", "new expiry, from now; default: the profile's expire-days" },
	PASSPHRASE_OPT, { 0 },
};
static const struct opt export_opts[] = {
	{ "secret", 0, OPT_FLAG, &pgp_options.secret, NULL, "the secret key, protected by its passphrase" },
	{ "new-passphrase-stdin", 0, OPT_FLAG, &pgp_options.new_passphrase_stdin, NULL,
	  "with --secret: under another passphrase, from standard input (the second line, with --passphrase-stdin)" },
	{ "paper", 0, OPT_FLAG, &pgp_options.paper, NULL, "what of the secret key is secret, as text to print and type in again" },
	OUTPUT_OPT, PASSPHRASE_OPT, { 0 },
};
static const struct opt decrypt_opts[] = { OUTPUT_OPT, PASSPHRASE_OPT, { 0 } };

static const struct verb verbs[] = {
	{ "ensure", "", "See to it that there is a usable key and that the application uses it.",
	  VERB_DRY_RUN | VERB_DEFER | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, ensure_opts, pgp_run_ensure },
	{ "verify", "", "Check every link of the export chain by a round trip as the web user.",
	  VERB_JSON, 0, 0, verify_opts, pgp_run_verify },
	{ "exports", "", "Tell whether an export can leave unencrypted, from the settings.",
	  VERB_JSON, 0, 0, NULL, pgp_run_exports },
	{ "probe", "", "What verify runs inside the sandbox of the application's unit; prints records.",
	  0, 0, 0, NULL, pgp_run_probe },
	{ "show", "", "Show the keys, their expiry and where the secret is.", VERB_JSON, 0, 0, NULL, pgp_run_show },
	{ "extend", "", "Give the key a new expiry without making a new key.",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, extend_opts, pgp_run_extend },
	{ "export", "", "Print the public key, or the secret key for safe keeping.", 0, 0, 0, export_opts, pgp_run_export },
	{ "encrypt", "FILE [KEY]", "Encrypt FILE to FILE.pgp as the application does, as the web user.",
	  0, 1, 2, NULL, pgp_run_encrypt },
	{ "decrypt", "FILE", "Decrypt FILE.pgp to FILE (0600), or to --output.", 0, 1, 1, decrypt_opts, pgp_run_decrypt },
	{ 0 },
};

static const struct command command = {
	.name = "pgp",
	.summary = "The web user's OpenPGP key: made, checked, prolonged; files encrypted and decrypted with it.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}

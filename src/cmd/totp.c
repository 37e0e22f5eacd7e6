/* maintkit-totp: a second factor at login, by one-time codes of a phone.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>
#include "totp.h"

struct totp_options totp_options = { .window = 1 };

int64_t totp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

int totp_conf_load(struct totp_conf *c, const struct profile *p, struct err *err)
{
	const char *unit = profile_get(p, "totp", "unit");
	const char *algorithm = profile_get_or(p, "totp", "algorithm", "sha1");
	long digits, period;

	*c = (struct totp_conf){
		.issuer = profile_get_or(p, "totp", "issuer", profile_get_or(p, "package", "title", profile_package(p))),
		.adapter = profile_get_or(p, "totp", "adapter", "security"),
		.property = profile_get(p, "totp", "property"),
		.encrypted_property = profile_get(p, "totp", "pin-encrypted-property"),
		.account = profile_get_or(p, "totp", "account", "maintkit-totp"),
	};
	if (profile_int(p, "totp", "digits", OTP_DIGITS_MIN, OTP_DIGITS_MAX, 6, &digits, err) < 0 ||
	    profile_int(p, "totp", "period", OTP_PERIOD_MIN, OTP_PERIOD_MAX, 30, &period, err) < 0 ||
	    otp_algorithm_parse(algorithm, &c->params.algorithm, err) < 0)
		return -1;
	c->params.digits = (unsigned)digits;
	c->params.period = (unsigned)period;
	c->unit = unit ? xstrdup(unit) : xasprintf("maintkit-totp@%s.service", profile_package(p));
	return 0;
}

void totp_conf_release(struct totp_conf *c)
{
	free(c->unit);
	c->unit = NULL;
}

#define SHOW_OPTS \
	{ "no-confirm", 0, OPT_FLAG, &totp_options.no_confirm, NULL, "switch on at once, without asking for a code" }, \
	{ "secret-stdin", 0, OPT_FLAG, &totp_options.secret_stdin, NULL, "adopt the base32 secret on stdin (a second line: its first code)" }, \
	{ "png", 0, OPT_STRING, &totp_options.show.png, "FILE", "write the QR code to FILE (0600)" }, \
	{ "svg", 0, OPT_STRING, &totp_options.show.svg, "FILE", "write the QR code to FILE (0600)" }, \
	{ "uri-fd", 0, OPT_INT, &totp_options.show.uri_fd, "N", "write the otpauth:// address to descriptor N" }, \
	{ "recovery-codes", 0, OPT_INT, &totp_options.recovery, "N", "make N single-use codes and print them once" }, \
	{ "algorithm", 0, OPT_STRING, &totp_options.algorithm, "NAME", "sha1, sha256 or sha512" }, \
	{ "digits", 0, OPT_INT, &totp_options.digits, "N", "6 to 8" }, \
	{ "period", 0, OPT_INT, &totp_options.period, "SECONDS", "15 to 60" }

static const struct opt enroll_opts[] = {
	SHOW_OPTS,
	{ "all", 0, OPT_STRING, &totp_options.all, "ROLE", "enroll every user with this role" },
	{ "sheets", 0, OPT_STRING, &totp_options.show.sheets, "DIR", "write a page to print for each user into DIR (0700)" },
	{ 0 },
};
static const struct opt rotate_opts[] = {
	SHOW_OPTS,
	{ "sheets", 0, OPT_STRING, &totp_options.show.sheets, "DIR", "write a page to print into DIR (0700)" },
	{ 0 },
};
static const struct opt check_opts[] = {
	{ "window", 0, OPT_INT, &totp_options.window, "N", "accept codes of N steps before and after (1)" },
	{ "skew", 0, OPT_INT, &totp_options.skew, "SECONDS", "the phone's clock is ahead by so much" },
	{ 0 },
};
static const struct opt show_opts[] = {
	{ "secret", 0, OPT_FLAG, &totp_options.show_secret, NULL, "also QR code and key, on a terminal only" },
	{ 0 },
};
static const struct opt tick_opts[] = {
	{ "cover", 0, OPT_INT, &totp_options.cover, "SECONDS", "go on to the end of the minute so far away; then see that somebody took over" },
	{ 0 },
};

#define CHANGES (VERB_DRY_RUN | VERB_NEEDS_ROOT)

static const struct verb verbs[] = {
	{ "enroll", "USER", "give a user a second factor", CHANGES | VERB_DEFER, 0, 1, enroll_opts, totp_enroll },
	{ "confirm", "USER", "switch on a secret that waits for its first code (on stdin)", VERB_NEEDS_ROOT, 1, 1, NULL, totp_confirm },
	{ "check", "USER", "is the code on stdin right now? each works once", VERB_NEEDS_ROOT, 1, 1, check_opts, totp_check },
	{ "show", "USER", "how a user is enrolled", VERB_NEEDS_ROOT, 1, 1, show_opts, totp_show_verb },
	{ "list", "", "all enrolled users", VERB_JSON | VERB_NEEDS_ROOT, 0, 0, NULL, totp_list },
	{ "rotate", "USER", "give an enrolled user a new secret", CHANGES, 1, 1, rotate_opts, totp_rotate },
	{ "disable", "USER", "take the second factor away and put the former PIN back", CHANGES, 1, 1, NULL, totp_disable },
	{ "tick", "", "write the codes of this moment once (for cron)", CHANGES, 0, 0, tick_opts, totp_tick },
	{ "serve", "", "write the codes at every period boundary, until stopped", 0, 0, 0, NULL, totp_serve },
	{ "close", "", "shut the login of enrolled users until the next refresh", 0, 0, 0, NULL, totp_close },
	{ "prepare", "", "make the database account and procedure of 'serve'", CHANGES, 0, 0, NULL, totp_prepare_verb },
	{ "adopt", "", "take over from the legacy script: users enrolled by hand, crontab lines", CHANGES | VERB_DEFER, 0, 0, NULL, totp_adopt },
	{ 0 },
};

static const struct command command = { "totp", "Two-factor login by one-time codes.", verbs };

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}

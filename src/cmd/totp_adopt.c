/* adopt: take over from the legacy way: its crontab line goes, who was enrolled by hand is served by the unit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "../base/atomic.h"
#include "../ext/effects.h"
#include "totp.h"

#define CRON_MAX (1u << 20)
#define MARK "#maintkit: "

static bool is_comment(const char *line, size_t len)
{
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	return !len || *line == '#';
}

/* The script as a word of its own: "/x/2FA.sh.old" is another program. */
static bool calls(const char *line, size_t len, const char *script)
{
	size_t n = strlen(script);

	if (is_comment(line, len))
		return false;
	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(line + i, script, n) == 0 && (i + n == len || strchr(" \t;&|>)\"'\r", line[i + n])))
			return true;
	return false;
}

/* Copy text with the lines that call the script commented out; the first of them to *found. */
static size_t comment_out(const struct buf *text, const char *script, struct buf *out, char **found)
{
	size_t changed = 0;

	for (size_t at = 0; at < text->len;) {
		const char *line = text->p + at, *nl = memchr(line, '\n', text->len - at);
		size_t len = nl ? (size_t)(nl - line) : text->len - at;

		if (calls(line, len, script)) {
			buf_adds(out, MARK);
			if (!changed++)
				*found = xstrndup(line, len);
		}
		buf_add(out, line, len + (nl != NULL));
		at += len + (nl != NULL);
	}
	return changed;
}

/* One crontab. A file that is not there has no line. Returns how many lines went. */
static int adopt_file(struct tool *t, const char *path, const char *script, struct err *err)
{
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	AUTO_FREE char *line = NULL;
	struct err e = ERR_INIT;
	AUTO_FD int lock = -1;
	struct stat st;
	size_t n;

	if (path_read_file(&t->root, path, &text, CRON_MAX, &st, &e) < 0) {
		if (e.kind != ERR_ABSENT)
			log_warn("%s", e.text);
		return 0;
	}
	n = comment_out(&text, script, &out, &line);
	if (!n)
		return 0;
	if (t->dry_run) {
		log_info("'%s': '%s' would be commented out", path, line);
		return (int)n;
	}
	o.keep = true;
	o.expect = &st;
	lock = totp_lock(t, err);
	if (lock < 0 ||
	    effect_intend(t->profile, &t->root, EFFECT_HOST, "cron-line", path, line, MARK, err) < 0 ||
	    atomic_replace(&t->root, path, out.p, out.len, &o, err) < 0 ||
	    effect_done(t->profile, &t->root, EFFECT_HOST, "cron-line", path, line, MARK, err) < 0)
		return -1;
	log_info("'%s': '%s' is commented out, the unit does its work", path, line);
	return (int)n;
}

static int adopt_dir(struct tool *t, const char *dir, const char *script, struct err *err)
{
	AUTO_STRV names = STRV_INIT;

	if (path_list(&t->root, dir, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names.v[i]);
		struct stat st;

		if (path_stat(&t->root, path, &st, NULL) == 0 && S_ISREG(st.st_mode) &&
		    adopt_file(t, path, script, err) < 0)
			return -1;
	}
	return 0;
}

int totp_adopt(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;
	const char *script = profile_get(t->profile, "totp", "legacy-script");
	int64_t enabled;

	if (totp_conf_load(&c, t->profile, err) < 0)
		return -1;
	if (totp_store_open(&s, t, &c, err) < 0) {
		if (err->kind != ERR_ABSENT)
			return -1;
		log_debug("nothing to take over: %s", err->text);	/* no database yet, or no columns */
		err_clear(err);
		return 0;
	}
	if (totp_security_count(&s, &enabled, err) < 0)
		return -1;
	/* The unit first: between the two both may write, which does no harm; neither would. */
	if (enabled && !t->dry_run && totp_switch(t, &c, &s, err) < 0)
		return -1;
	if (enabled && s.adapter == TOTP_PIN && !t->dry_run && !totp_unit_active(t, &c)) {
		log_info("'%s' does not run, so crontab lines stay as they are", c.unit);
		return 0;
	}
	if (!script)
		return 0;
	return adopt_file(t, "/etc/crontab", script, err) < 0 || adopt_dir(t, "/etc/cron.d", script, err) < 0 ||
	       adopt_dir(t, "/var/spool/cron/crontabs", script, err) < 0 ? -1 : 0;
}

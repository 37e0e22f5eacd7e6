/* pgp exports: can an export leave unencrypted? From the settings alone, so that a status screen can ask often.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Source: OSCAR's DemographicExportAction4.java. Where encryption does not
 * work, a CMS4 export is refused only if the property is exactly "true" (no
 * other spelling, no blank behind it); other exports leave in plain text then.
 */
#include <string.h>
#include "../core/json.h"
#include "../ext/propsfile.h"
#include "pgp_probe.h"

bool settings_check_program(const struct settings *s, struct buf *why)
{
	struct stat st;

	if (!*s->program || s->program[0] != '/' || stat(s->program, &st) < 0)
		buf_addf(why, "'%s' is not there; run 'pgp ensure'", s->program);
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		buf_addf(why, "'%s' is not a program", s->program);
	else if (st.st_mode & 022)
		buf_addf(why, "'%s' can be replaced by others (mode %04o)", s->program, st.st_mode & 07777u);
	return !why->len;
}

bool settings_check_names(const struct settings *s, const struct place *p, struct buf *why)
{
	AUTO_FREE char *env = xasprintf("GNUPGHOME=%s", p->home);

	if (strcmp(s->env, env) != 0)
		buf_addf(why, "the environment is '%s' and must be '%s'; run 'pgp ensure'", s->env, env);
	else if (strcmp(s->command, "-c") != 0 && strcmp(s->command, "-e") != 0)
		buf_addf(why, "the command is '%s' and must be -e or -c; run 'pgp ensure'", s->command);
	else if (strcmp(s->command, "-c") != 0 && !*s->key)
		buf_adds(why, "no key is named; run 'pgp ensure'");
	return !why->len;
}

/* The gate: what the property says; "" when the profile knows of none. */
static int check_gate(struct tool *t, struct buf *why, struct err *err)
{
	const char *key = profile_get(t->profile, "pgp", "property-encrypted-only");
	AUTO_FREE char *value = NULL;
	struct err absent = ERR_INIT;

	if (!key)
		return 0;
	if (propsfile_get(t->profile, &t->root, key, &value, &absent) < 0) {
		if (absent.kind != ERR_ABSENT) {
			*err = absent;
			return -1;
		}
		buf_addf(why, "'%s' is not set and must be 'true'; run 'pgp ensure'", key);
	} else if (strcmp(value, "true") != 0) {
		buf_addf(why, "'%s' is '%s' and must be exactly 'true'; run 'pgp ensure'", key, value);
	}
	return 0;
}

int pgp_run_exports(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	CLEANUP(settings_release) struct settings s = SETTINGS_INIT;
	AUTO_BUF gate = BUF_INIT;
	AUTO_BUF chain = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	if (place_find(&p, t, err) < 0 || settings_read(t, &s, err) < 0 || check_gate(t, &gate, err) < 0)
		return -1;
	if (settings_check_program(&s, &chain))
		settings_check_names(&s, &p, &chain);
	bool possible = gate.len || chain.len;

	if (t->json) {
		json_object(&j, NULL);
		json_string(&j, "mode", strcmp(s.command, "-c") == 0 ? "passphrase" : "key");
		json_bool(&j, "plaintext_possible", possible);
		json_string(&j, "setting", gate.len ? gate.p : NULL);
		json_string(&j, "chain", chain.len ? chain.p : NULL);
		json_end(&j);
	} else {
		buf_addf(&out, "%s\n", possible ? "exports can leave unencrypted" :
			 strcmp(s.command, "-c") == 0 ? "exports are encrypted to a passphrase" : "exports are encrypted to a key");
		if (gate.len)
			buf_addf(&out, "%s\n", gate.p);
		if (chain.len)
			buf_addf(&out, "%s\n", chain.p);
	}
	if (tool_print(&out, err) < 0)
		return -1;
	return possible ? 1 : 0;
}

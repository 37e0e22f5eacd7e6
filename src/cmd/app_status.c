/* maintkit-app status: which version is served, by what, and whether a restart is due.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "app.h"

#include <string.h>

#include "../core/json.h"

struct report {
	char *unit_state, *unit_enabled;	/* NULL: no system manager */
	char *subject, *until, *certificate_error;
	struct strv deployed;			/* directories of code */
	int restart_due;			/* -1: cannot tell */
};

static void report_release(struct report *r)
{
	free(r->unit_state);
	free(r->unit_enabled);
	free(r->subject);
	free(r->until);
	free(r->certificate_error);
	strv_release(&r->deployed);
}

static int collect(struct app *a, struct report *r, struct err *err)
{
	struct err e = ERR_INIT;
	struct app_unit u = { NULL };
	const char *why;

	if (path_list(a->root, a->code, &r->deployed, &e) < 0 && e.kind != ERR_ABSENT) {
		*err = e;
		return -1;
	}
	err_clear(&e);
	if (app_certificate_describe(a, &r->subject, &r->until, &e) < 0)
		r->certificate_error = xstrdup(e.text);
	r->restart_due = -1;
	if (!script_is_booted(a->root, &why))
		return 0;
	if (app_unit_read(a, a->unit, &u, err) < 0)
		return -1;
	r->unit_state = xstrdup(u.active);
	r->unit_enabled = xstrdup(u.file_state);
	app_unit_release(&u);
	if (a->active.version[0] && a->home) {
		AUTO_FREE char *inputs = app_instance_inputs(a, err);

		if (!inputs)
			return -1;
		r->restart_due = strcmp(inputs, a->active.inputs) != 0;
	}
	return 0;
}

static void as_json(const struct app *a, const struct report *r, struct buf *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "version", a->active.version[0] ? a->active.version : NULL);
	json_string(&j, "previous", a->active.previous[0] ? a->active.previous : NULL);
	json_string(&j, "tomcat", a->home);
	json_string(&j, "unit", a->unit);
	json_string(&j, "unit_state", r->unit_state);
	json_string(&j, "unit_enabled", r->unit_enabled);
	if (r->restart_due >= 0)
		json_bool(&j, "restart_due", r->restart_due);
	json_string(&j, "certificate_subject", r->subject);
	json_string(&j, "certificate_until", r->until);
	json_string(&j, "certificate_error", r->certificate_error);
	json_array(&j, "deployed");
	for (size_t i = 0; i < r->deployed.n; i++)
		json_string(&j, NULL, r->deployed.v[i]);
	json_end(&j);
	json_end(&j);
}

static void as_text(const struct app *a, const struct report *r, struct buf *out)
{
	buf_addf(out, "serves       %s\n", a->active.version[0] ? a->active.version : "nothing yet");
	if (a->active.previous[0])
		buf_addf(out, "before       %s\n", a->active.previous);
	buf_addf(out, "tomcat       %s\n", a->home ? a->home : "none");
	buf_addf(out, "unit         %s: %s%s%s\n", a->unit, r->unit_state ? r->unit_state : "no system manager runs here",
		 r->unit_enabled ? ", " : "", r->unit_enabled ? r->unit_enabled : "");
	if (r->restart_due > 0)
		buf_addf(out, "restart due  run '%s app activate'\n", profile_package(a->profile));
	if (r->subject)
		buf_addf(out, "certificate  %s, until %s\n", r->subject, r->until);
	else
		buf_addf(out, "certificate  %s\n", r->certificate_error);
	buf_adds(out, "code        ");
	for (size_t i = 0; i < r->deployed.n; i++)
		buf_addf(out, " %s", r->deployed.v[i]);
	buf_addc(out, '\n');
}

int app_status(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	CLEANUP(report_release) struct report r = { NULL };
	AUTO_BUF out = BUF_INIT;

	if (app_open(&a, t, NULL, APP_ANY_VERSION, err) < 0)
		return -1;
	(void)(app_find_tomcat(&a, NULL) < 0);	/* none is a thing to report */
	if (collect(&a, &r, err) < 0)
		return -1;
	if (t->json)
		as_json(&a, &r, &out);
	else
		as_text(&a, &r, &out);
	return tool_print(&out, err);
}

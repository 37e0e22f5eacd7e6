/* Undoing what was done to the system at every purge: firewall, units, crontab lines, links and files elsewhere.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Only what we did, and only as we left it; what somebody changed since is
 * named and stays. A failure here never keeps the purge from going on.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../base/child.h"
#include "../base/script.h"
#include "../core/sha256.h"
#include "data.h"

#define EFFECT_FILE_MAX (16u << 20)
#define CRON_MAX (1u << 20)

static bool is_there(struct tool *t, const char *path)
{
	struct stat st;

	return path_stat(&t->root, path, &st, NULL) == 0;
}

static void undone(struct tool *t, const struct effect *e)
{
	struct err err = ERR_INIT;

	if (effect_undone(t->profile, &t->root, e->kind, e->id, &err) < 0)
		log_warn("%s", err.text);
}

/* ---- links and files outside of our own trees ---- */

static bool link_is_ours(struct tool *t, const char *path, const char *target)
{
	char now[PATH_MAX];
	const char *name;
	AUTO_FD int dir = path_open_parent(&t->root, path, 0, &name, NULL);
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, name, now, sizeof now - 1);

	if (n < 0)
		return false;
	now[n] = '\0';
	return strcmp(now, target) == 0;
}

static bool file_is_ours(struct tool *t, const char *path, const char *value)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	char hex[SHA256_HEX_SIZE];

	if (strncmp(value, "sha256:", 7) != 0 ||
	    path_read_file(&t->root, path, &text, EFFECT_FILE_MAX, NULL, NULL) < 0)
		return false;
	sha256_hex(text.p, text.len, hex);
	return strcmp(hex, value + 7) == 0;
}

static void undo_path(struct tool *t, const struct effect *e, bool ours)
{
	struct err err = ERR_INIT;

	/* in a tree of ours it goes or stays with that tree */
	if (data_is_below_ours(t, e->id) || !is_there(t, e->id))
		return;
	if (!ours || strcmp(e->old, EFFECT_ABSENT) != 0) {
		log_warn("'%s' was changed since we wrote it: left as it is", e->id);
		return;
	}
	if (path_unlink(&t->root, e->id, &err) < 0)
		log_warn("%s", err.text);
	else
		undone(t, e);
}

/* ---- other programs ---- */

/* Fills out with what it says; a status other than 0 is told. */
static int run_helper(const char *program, const char *const *args, struct buf *out)
{
	AUTO_STRV argv = STRV_INIT;
	AUTO_STRV env = STRV_INIT;
	struct child c = { .timeout_ms = 120000, .out = out, .errs = out };
	struct err err = ERR_INIT;
	int status;

	strv_add(&argv, program);
	for (; *args; args++)
		strv_add(&argv, *args);
	data_child_env(&env);
	c.argv = (const char *const *)argv.v;
	c.env = (const char *const *)env.v;
	if (!out)
		c.out_fd = STDERR_FILENO;
	status = child_run(&c, &err);
	if (status < 0)
		log_warn("%s", err.text);
	return status;
}

char *data_find_program(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n > 0) {
		self[n] = '\0';
		AUTO_FREE char *dir = path_dirname(self);
		AUTO_FREE char *beside = xasprintf("%s/%s", dir, name);

		if (access(beside, X_OK) == 0)
			return MOVE_PTR(beside);
	}
	AUTO_FREE char *installed = xasprintf("%s/%s", LIBEXECDIR, name);

	return access(installed, X_OK) == 0 ? MOVE_PTR(installed) : NULL;
}

void data_child_env(struct strv *env)
{
	static const char *const passed[] = { "MAINTKIT_DB_SOCKET", "MAINTKIT_ASSUME_BOOTED" };

	for (const char *const *e = tool_child_env(); *e; e++)
		strv_add(env, *e);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (getenv(passed[i]))
			strv_addf(env, "%s=%s", passed[i], getenv(passed[i]));
}

/* ufw in a chroot changes the kernel's rules: only on a running system. */
static void undo_firewall(struct tool *t, const struct data_facts *f)
{
	AUTO_FREE char *program = data_find_program("maintkit-firewall");
	const char *const args[] = { "-p", t->package, "remove", NULL };
	bool any = false;
	int status;

	for (size_t i = 0; i < f->n_effects; i++)
		any = any || strncmp(f->effects[i].kind, "ufw-", 4) == 0;
	if (!any)
		return;
	if (script_is_booted(&t->root, NULL) && program) {
		status = run_helper(program, args, NULL);
		if (status > 0)
			log_warn("the firewall rules could not be taken away (status %d)", status);
		return;
	}
	for (size_t i = 0; i < f->n_effects; i++)
		if (strcmp(f->effects[i].kind, "ufw-rule") == 0)
			log_warn("firewall rule left in place: %s; remove it with 'ufw status numbered' and 'ufw delete'",
				 f->effects[i].id);
}

/* ---- units ---- */

/* What "systemctl enable" made, for when the unit file is gone and systemctl
 * knows nothing of it any more: DIR/TARGET.wants/UNIT and DIR/TARGET.requires/UNIT. */
static void unlink_wants(struct tool *t, const char *unit)
{
	static const char dir[] = "/etc/systemd/system";
	AUTO_STRV names = STRV_INIT;

	if (path_list(&t->root, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		const char *dot = strrchr(names.v[i], '.');
		AUTO_FREE char *path = xasprintf("%s/%s/%s", dir, names.v[i], unit);
		AUTO_FREE char *parent = xasprintf("%s/%s", dir, names.v[i]);
		struct err err = ERR_INIT;
		struct stat st;

		if (!dot || (strcmp(dot, ".wants") != 0 && strcmp(dot, ".requires") != 0) ||
		    path_stat(&t->root, path, &st, NULL) < 0 || !S_ISLNK(st.st_mode))
			continue;
		if (path_unlink(&t->root, path, &err) < 0) {
			log_warn("%s", err.text);
			continue;
		}
		const char *name;
		AUTO_FD int fd = path_open_parent(&t->root, parent, 0, &name, NULL);

		if (fd >= 0)	/* as systemctl does: not when another unit is wanted there */
			unlinkat(fd, name, AT_REMOVEDIR);
	}
}

static void undo_unit(struct tool *t, const struct effect *e)
{
	const char *const stop[] = { "stop", e->id, NULL };
	const char *const reload[] = { "daemon-reload", NULL };
	AUTO_BUF said = BUF_INIT;
	bool booted = script_is_booted(&t->root, NULL);

	if (strcmp(e->old, EFFECT_ABSENT) != 0)
		return;
	/* with its unit file gone, a unit that runs is still stopped by name */
	if (booted && run_helper("systemctl", stop, &said) > 0)
		log_debug("systemctl: %s", said.p);
	unlink_wants(t, e->id);
	if (booted)
		run_helper("systemctl", reload, &said);
	undone(t, e);
}

/* A unit of another package that we disabled, since it had our port. It is not
 * started: what it served is what is being purged. */
static void undo_disabled(struct tool *t, const struct effect *e)
{
	const char *const enable[] = { "enable", e->id, NULL };
	AUTO_BUF said = BUF_INIT;

	if (strcmp(e->old, "enabled") == 0) {
		if (!script_is_booted(&t->root, NULL) || run_helper("systemctl", enable, &said) != 0) {
			log_warn("'%s' is still disabled, as we left it: 'systemctl enable %s' if it is wanted", e->id, e->id);
			return;
		}
		log_info("'%s' is enabled again, and starts with the machine", e->id);
	}
	undone(t, e);
}

/* ---- crontab lines ---- */

/* The program that a crontab line calls: its first word that is a path; to be freed. */
static char *program_of(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t n = 0;

		if (line[i] != '/' || (i && !strchr(" \t", line[i - 1])) || (i && line[i - 1] == '*'))
			continue;
		while (i + n < len && !strchr(" \t;&|<>)\"'\r", line[i + n]))
			n++;
		return xstrndup(line + i, n);
	}
	return NULL;
}

/* Lines that "totp adopt" commented out, as they were. A line whose program is
 * gone stays a comment: cron would fail every minute. */
static size_t bring_back(struct tool *t, const char *path, const struct buf *text, const char *mark, struct buf *out,
			 size_t *stay)
{
	size_t n = 0, skip = strlen(mark);

	for (size_t at = 0; at < text->len;) {
		const char *line = text->p + at, *nl = memchr(line, '\n', text->len - at);
		size_t len = nl ? (size_t)(nl - line) : text->len - at;
		bool ours = len > skip && strncmp(line, mark, skip) == 0;
		AUTO_FREE char *program = ours ? program_of(line + skip, len - skip) : NULL;

		if (ours && program && is_there(t, program)) {
			n++;
			buf_add(out, line + skip, len - skip + (nl != NULL));
		} else {
			*stay += ours;
			if (ours)
				log_warn("'%s': the line '%.*s' stays commented out: '%s' is not there", path,
					 (int)(len - skip), line + skip, program ? program : "its program");
			buf_add(out, line, len + (nl != NULL));
		}
		at += len + (nl != NULL);
	}
	return n;
}

static void undo_cron(struct tool *t, const struct effect *e)
{
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	struct err err = ERR_INIT;
	size_t stay = 0;
	struct stat st;

	if (path_read_file(&t->root, e->id, &text, CRON_MAX, &st, &err) < 0) {
		if (err.kind != ERR_ABSENT)
			log_warn("%s", err.text);
		return;
	}
	o.keep = true;
	o.expect = &st;
	if (bring_back(t, e->id, &text, e->new_value, &out, &stay)) {
		if (atomic_replace(&t->root, e->id, out.p, out.len, &o, &err) < 0) {
			log_warn("%s", err.text);
			return;
		}
		log_info("'%s': '%s' is back", e->id, e->old);
	}
	if (!stay)
		undone(t, e);
}

void data_undo_host(struct tool *t, const struct data_facts *f)
{
	undo_firewall(t, f);
	for (size_t i = 0; i < f->n_effects; i++) {
		const struct effect *e = &f->effects[i];

		if (strcmp(e->kind, "unit") == 0)
			undo_unit(t, e);
		else if (strcmp(e->kind, "unit-disabled") == 0)
			undo_disabled(t, e);
		else if (strcmp(e->kind, "link") == 0)
			undo_path(t, e, link_is_ours(t, e->id, e->new_value));
		else if (strcmp(e->kind, "file") == 0 || strcmp(e->kind, "certificate") == 0)
			undo_path(t, e, file_is_ours(t, e->id, e->new_value));
		else if (strcmp(e->kind, "cron-line") == 0)
			undo_cron(t, e);
	}
}

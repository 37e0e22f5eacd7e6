/* maintkit-props: merge, diff and check, the verbs that compare with the shipped defaults.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/stat.h>
#include "../core/json.h"
#include "../ext/propsbase.h"
#include "props.h"

struct reporting {
	struct tool *t;
	struct propsfile *f;
	struct buf *out;
	struct json json;
	size_t differing;
};

/* ---- merge ---- */

static const char *const merge_words[] = { "took", "added", "conflict", "dropped", "out", "differs" };

static void say_merge(const struct reporting *r, const struct props_merge_note *n)
{
	const char *theirs = n->latest ? props_shown(r->t, n->key, n->latest) : NULL;
	const char *would = r->t->dry_run ? "would be " : "";

	switch (n->what) {
	case PROPS_MERGE_TOOK:
		log_info("%s: '%s' %sset to the new default '%s'", r->f->path, n->key, would, theirs);
		break;
	case PROPS_MERGE_ADDED:
		log_info("%s: '%s' is new, %sadded with '%s'", r->f->path, n->key, would, theirs);
		break;
	case PROPS_MERGE_CONFLICT:
		log_warn("%s: '%s' keeps your value; the new default is '%s' (noted above it)", r->f->path, n->key, theirs);
		break;
	case PROPS_MERGE_DROPPED:
		log_warn("%s: '%s' is no longer among the shipped defaults; kept", r->f->path, n->key);
		break;
	case PROPS_MERGE_OUT:
		log_warn("%s: '%s', which you took out, has the new default '%s'; left out", r->f->path, n->key, theirs);
		break;
	case PROPS_MERGE_DIFFERS:
		break;
	}
}

static void on_merge(const struct props_merge_note *n, void *arg)
{
	struct reporting *r = arg;

	r->differing += n->what == PROPS_MERGE_DIFFERS;
	if (n->what == PROPS_MERGE_TOOK || n->what == PROPS_MERGE_ADDED)
		propsfile_note(r->f, n->key, n->mine, n->latest);
	say_merge(r, n);
	if (!r->t->json)
		return;
	json_object(&r->json, NULL);
	json_string(&r->json, "key", n->key);
	json_string(&r->json, "what", merge_words[n->what]);
	json_string(&r->json, "mine", n->mine ? props_shown(r->t, n->key, n->mine) : NULL);
	json_string(&r->json, "new", n->latest ? props_shown(r->t, n->key, n->latest) : NULL);
	json_end(&r->json);
}

/* --base, or what we remember; *out stays NULL when nobody knows. */
static int read_base(struct tool *t, const struct propsfile *f, enum props_encoding enc, struct props **out,
		     struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (props_absolute(t, props_opt.base, &path, err) < 0)
		return -1;
	if (path)
		return propsfile_read(&t->root, path, enc, out, NULL, NULL, err);
	return f->journal && propsbase_read(t->profile, &t->root, f->path, enc, out, err) < 0 ? -1 : 0;
}

/* --new, --defaults, or the profile's. 0 none given (*out NULL), 1 read. */
static int read_defaults(struct tool *t, const char *given, enum props_encoding enc, struct props **out,
			 struct buf *text, struct err *err)
{
	AUTO_FREE char *path = NULL;
	struct err why = ERR_INIT;

	*out = NULL;
	if (props_absolute(t, given, &path, err) < 0)
		return -1;
	if (!path && t->profile && profile_get(t->profile, "properties", "default"))
		path = xstrdup(profile_get(t->profile, "properties", "default"));
	if (!path)
		return 0;
	if (propsfile_read(&t->root, path, enc, out, text, NULL, &why) == 0)
		return 1;
	if (why.kind == ERR_ABSENT && !given)
		return 0;
	*err = why;
	return -1;
}

static int merge_into(struct tool *t, struct propsfile *f, struct reporting *r, const struct props *base,
		      const struct buf *latest_text, struct props *latest, enum props_encoding enc, struct err *err)
{
	if (!f->st.st_ino) {
		/* No file yet: the defaults themselves, comments and all. */
		props_free(MOVE_PTR(f->props));
		if (props_parse(&f->props, latest_text->p, latest_text->len, enc, err) < 0)
			return -1;
	} else if (props_merge(f->props, base, latest, on_merge, r, err) < 0) {
		return -1;
	}
	int changed = t->dry_run ? 0 : propsfile_commit(f, err);

	if (changed < 0)
		return -1;
	if (!t->dry_run)
		log_info("%s: %s", f->path, changed ? "merged with the new defaults" : "nothing to merge");
	if (r->differing)
		log_info("%s: %zu setting%s from the default; 'props diff' shows them", f->path, r->differing,
			 r->differing == 1 ? " differs" : "s differ");
	/* Only now: a run that is killed before merges again from the old base. */
	return f->journal && !t->dry_run ? propsbase_save(t->profile, &t->root, f->path, latest_text, err) : 0;
}

int props_run_merge(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	CLEANUP(props_cleanup) struct props *base = NULL;
	CLEANUP(props_cleanup) struct props *latest = NULL;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF out = BUF_SECRET_INIT;
	AUTO_FD int lock = -1;
	enum props_encoding enc;
	struct reporting r = { .t = t, .f = &f, .out = &out, .json = { .out = &out } };

	if (propsfile_encoding(t->profile, props_opt.encoding, &enc, err) < 0 ||
	    props_open(t, &f, props_opt.file ? 0 : PROPSFILE_CREATE, &lock, err) < 0 ||
	    read_base(t, &f, enc, &base, err) < 0)
		return -1;
	int rc = read_defaults(t, props_opt.latest, enc, &latest, &text, err);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_USAGE, "name the new defaults with --new");
	if (t->json)
		json_array(&r.json, NULL);
	if (merge_into(t, &f, &r, base, &text, latest, enc, err) < 0)
		return -1;
	if (!t->json)
		return 0;
	json_end(&r.json);
	return tool_print(&out, err);
}

/* ---- diff ---- */

struct comparing {
	struct reporting *r;
	const struct props *other;	/* the side that is looked up */
	bool defaults;			/* the side that is walked is the defaults: only what mine lacks */
};

static void diff_line(const struct reporting *r, char sign, const char *key, const char *value)
{
	if (!value)
		return;
	buf_addc(r->out, sign);
	buf_addc(r->out, ' ');
	props_format(r->out, key, props_shown(r->t, key, value));
	buf_addc(r->out, '\n');
}

static int compare(const char *key, const char *value, void *arg)
{
	struct comparing *c = arg;
	struct reporting *r = c->r;
	const char *other = props_get(c->other, key);
	const char *mine = c->defaults ? other : value, *theirs = c->defaults ? value : other;

	if (c->defaults ? other != NULL : other && strcmp(other, value) == 0)
		return 0;
	if (!r->t->json) {
		diff_line(r, '-', key, theirs);
		diff_line(r, '+', key, mine);
		return 0;
	}
	json_object(&r->json, NULL);
	json_string(&r->json, "key", key);
	json_string(&r->json, "default", theirs ? props_shown(r->t, key, theirs) : NULL);
	json_string(&r->json, "mine", mine ? props_shown(r->t, key, mine) : NULL);
	json_end(&r->json);
	return 0;
}

int props_run_diff(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	CLEANUP(props_cleanup) struct props *defaults = NULL;
	AUTO_BUF out = BUF_SECRET_INIT;
	enum props_encoding enc;
	struct reporting r = { .t = t, .f = &f, .out = &out, .json = { .out = &out } };

	if (propsfile_encoding(t->profile, props_opt.encoding, &enc, err) < 0 ||
	    props_open(t, &f, 0, NULL, err) < 0)
		return -1;
	int rc = read_defaults(t, props_opt.defaults, enc, &defaults, NULL, err);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_USAGE, "there are no shipped defaults to compare with; name a file with --defaults");
	if (t->json)
		json_array(&r.json, NULL);
	props_each(f.props, compare, &(struct comparing){ &r, defaults, false });
	props_each(defaults, compare, &(struct comparing){ &r, f.props, true });
	if (t->json)
		json_end(&r.json);
	return tool_print(&out, err);
}

/* ---- check ---- */

static void on_finding(const struct props_finding *n, void *arg)
{
	struct reporting *r = arg;

	if (!r->t->json) {
		buf_addf(r->out, "%s%s:%zu: %s: %s; %s\n", r->t->root.prefix, r->f->path, n->line,
			 props_lint_name(n->lint), n->text, n->fix);
		return;
	}
	json_object(&r->json, NULL);
	json_int(&r->json, "line", (int64_t)n->line);
	json_string(&r->json, "finding", props_lint_name(n->lint));
	json_string(&r->json, "key", n->key);
	json_string(&r->json, "text", n->text);
	json_string(&r->json, "fix", n->fix);
	json_end(&r->json);
}

struct secret_search {
	const struct tool *t;
	bool found;
};

static int is_set_secret(const char *key, const char *value, void *arg)
{
	struct secret_search *s = arg;

	s->found |= *value && propsfile_is_secret(s->t->profile, key);
	return s->found;
}

/* Returns the number of findings: 0 or 1. */
static size_t check_mode(struct reporting *r)
{
	struct secret_search s = { r->t, false };

	if (!(r->f->st.st_mode & 0007))
		return 0;
	props_each(r->f->props, is_set_secret, &s);
	if (!s.found)
		return 0;
	if (r->t->json) {
		json_object(&r->json, NULL);
		json_int(&r->json, "line", 0);
		json_string(&r->json, "finding", "mode");
		json_string(&r->json, "key", "");
		json_string(&r->json, "text", "every user can read the secrets in this file");
		json_string(&r->json, "fix", "chmod o= FILE");
		json_end(&r->json);
	} else {
		buf_addf(r->out, "%s%s: mode: every user can read the secrets in this file; chmod o= %s%s\n",
			 r->t->root.prefix, r->f->path, r->t->root.prefix, r->f->path);
	}
	return 1;
}

int props_run_check(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	CLEANUP(props_cleanup) struct props *defaults = NULL;
	AUTO_BUF out = BUF_SECRET_INIT;
	enum props_encoding enc;
	struct reporting r = { .t = t, .f = &f, .out = &out, .json = { .out = &out } };

	if (propsfile_encoding(t->profile, props_opt.encoding, &enc, err) < 0 ||
	    props_open(t, &f, 0, NULL, err) < 0 ||
	    read_defaults(t, props_opt.defaults, enc, &defaults, NULL, err) < 0)
		return -1;
	if (t->json)
		json_array(&r.json, NULL);
	size_t found = check_mode(&r) + props_check(f.props, defaults, on_finding, &r);

	if (t->json)
		json_end(&r.json);
	if (tool_print(&out, err) < 0)
		return -1;
	return found ? 1 : 0;
}

/* maintkit-props: read and edit Java .properties files.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "../base/lock.h"
#include "../core/json.h"
#include "../ext/statefile.h"
#include "props.h"

#define INPUT_MAX (4u << 20)
#define LOCK_WAIT_MS 60000

struct props_options props_opt;

int props_absolute(const struct tool *t, const char *path, char **out, struct err *err)
{
	*out = NULL;
	if (!path)
		return 0;
	if (path[0] == '/') {
		*out = xstrdup(path);
		return 0;
	}
	if (root_is_foreign(&t->root))
		return err_set(err, ERR_USAGE, "'%s': below another root, paths must be absolute", path);
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	AUTO_FREE char *real = realpath(dir, NULL);

	if (!real)
		return err_sys(err, errno, "'%s'", dir);
	*out = xasprintf("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	return 0;
}

/* The profile's own file, and whatever a maintainer script changes. What an
 * admin does to other files by hand is not ours to take back at purge. */
static bool is_journalled(const struct tool *t, const char *path)
{
	const char *own = t->profile ? profile_get(t->profile, "properties", "file") : NULL;
	struct script script;

	script_read(&script);
	return t->profile && (!path || script.package || (own && strcmp(own, path) == 0));
}

int props_open(struct tool *t, struct propsfile *f, unsigned flags, int *lock, struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (props_absolute(t, props_opt.file, &path, err) < 0)
		return -1;
	if (is_journalled(t, path)) {
		flags |= PROPSFILE_JOURNAL;
		if (lock && !t->dry_run) {
			AUTO_FREE char *name = profile_state_path(t->profile, "lock");

			if (statefile_make_dir(t->profile, &t->root, err) < 0)
				return -1;
			*lock = lock_file(&t->root, name, LOCK_WAIT_MS, err);
			if (*lock < 0)
				return -1;
		}
	}
	return propsfile_open(f, t->profile, &t->root, path, props_opt.encoding, flags, err);
}

const char *props_shown(const struct tool *t, const char *key, const char *value)
{
	return !props_opt.show_secrets && propsfile_is_secret(t->profile, key) ? "(hidden)" : value;
}

static bool equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int props_finish(struct tool *t, struct propsfile *f, const char *done, struct err *err)
{
	int changed = 0;

	if (!t->dry_run && (changed = propsfile_commit(f, err)) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (equal(f->changes[i].old, f->changes[i].new_value))
			log_debug("%s: '%s' is so already", f->path, f->changes[i].key);
		else
			log_info("%s: '%s' %s%s", f->path, f->changes[i].key, t->dry_run ? "would be " : "", done);
	if (!t->dry_run && !changed)
		log_info("%s: nothing to change", f->path);
	return 0;
}

/* ---- get, list ---- */

static int run_get(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	AUTO_BUF out = BUF_SECRET_INIT;

	if (props_open(t, &f, 0, NULL, err) < 0)
		return -1;
	const char *value = props_get(f.props, argv[0]);

	if (!value)
		return 1;
	buf_adds(&out, value);
	buf_addc(&out, '\n');
	return tool_print(&out, err);
}

struct listing {
	const struct tool *t;
	struct buf *out;
	struct json json;
};

static int list_line(const char *key, const char *value, void *arg)
{
	struct listing *l = arg;

	props_format(l->out, key, props_shown(l->t, key, value));
	buf_addc(l->out, '\n');
	return 0;
}

static int list_object(const char *key, const char *value, void *arg)
{
	struct listing *l = arg;
	bool secret = propsfile_is_secret(l->t->profile, key);

	json_object(&l->json, NULL);
	json_string(&l->json, "key", key);
	json_string(&l->json, "value", secret && !props_opt.show_secrets ? NULL : value);
	json_bool(&l->json, "secret", secret);
	json_end(&l->json);
	return 0;
}

static int run_list(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	AUTO_BUF out = BUF_SECRET_INIT;
	struct listing l = { .t = t, .out = &out, .json = { .out = &out } };

	if (props_open(t, &f, 0, NULL, err) < 0)
		return -1;
	if (t->json)
		json_array(&l.json, NULL);
	props_each(f.props, t->json ? list_object : list_line, &l);
	if (t->json)
		json_end(&l.json);
	return tool_print(&out, err);
}

/* ---- set, unset ---- */

/* The content of FILE, a path of the caller's (also /dev/fd/N), without its last line end. */
static int read_value_file(const char *file, struct buf *value, struct err *err)
{
	AUTO_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, errno, "'%s'", file);
	if (buf_read_fd(value, fd, INPUT_MAX, err) < 0) {
		err_prefix(err, "'%s'", file);
		return -1;
	}
	if (value->len && value->p[value->len - 1] == '\n')
		buf_truncate(value, value->len - 1);
	if (value->len && value->p[value->len - 1] == '\r')
		buf_truncate(value, value->len - 1);
	if (memchr(value->p, '\0', value->len))
		return err_set(err, ERR_FAIL, "'%s': a NUL byte cannot be part of a setting", file);
	return 0;
}

/* KEY=VALUE, KEY=@FILE, or KEY=@@VALUE for a value that begins with '@'. */
static int set_word(struct tool *t, struct propsfile *f, const char *word, struct err *err)
{
	const char *sign = strchr(word, '=');
	AUTO_BUF value = BUF_SECRET_INIT;

	if (!sign)
		return err_set(err, ERR_USAGE, "'%s' is not KEY=VALUE", word);
	AUTO_FREE char *key = xstrndup(word, (size_t)(sign - word));

	if (sign[1] == '@' && sign[2] != '@') {
		if (read_value_file(sign + 2, &value, err) < 0)
			return -1;
	} else if (propsfile_is_secret(t->profile, key)) {
		return err_set(err, ERR_USAGE, "'%s' is a secret, and every user can see a command line; "
			       "use %s=@FILE or --stdin", key, key);
	} else {
		buf_adds(&value, sign + 1 + (sign[1] == '@'));
	}
	return propsfile_set(f, key, value.p, err);
}

struct setting {
	struct propsfile *f;
	struct err *err;
};

static int set_line(const char *key, const char *value, void *arg)
{
	struct setting *s = arg;

	return propsfile_set(s->f, key, value, s->err) < 0 ? -1 : 0;
}

static int set_stdin(struct tool *t, struct propsfile *f, struct err *err)
{
	CLEANUP(props_cleanup) struct props *lines = NULL;
	struct setting s = { f, err };

	if (tool_read_input(t, INPUT_MAX, err) < 0)
		return -1;
	if (props_parse(&lines, t->input.p, t->input.len, PROPS_UTF8, err) < 0) {
		err_prefix(err, "standard input");
		return -1;
	}
	return props_each(lines, set_line, &s);
}

static int run_set(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	AUTO_FD int lock = -1;
	bool create = props_opt.create || !props_opt.file;

	if (!argc && !props_opt.stdin_lines)
		return err_set(err, ERR_USAGE, "'props set' needs KEY=VALUE or --stdin");
	if (props_open(t, &f, create ? PROPSFILE_CREATE : 0, &lock, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		if (set_word(t, &f, argv[i], err) < 0)
			return -1;
	if (props_opt.stdin_lines && set_stdin(t, &f, err) < 0)
		return -1;
	return props_finish(t, &f, "set", err);
}

static int run_unset(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	AUTO_FD int lock = -1;
	bool any = false;

	if (props_open(t, &f, 0, &lock, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++) {
		int rc = propsfile_set(&f, argv[i], NULL, err);

		if (rc < 0)
			return -1;
		any |= rc;
	}
	if (props_finish(t, &f, "commented out", err) < 0)
		return -1;
	if (any)
		log_info("a key that is not set has the value that is built into the application; "
			 "to have it empty, set it to nothing (KEY=)");
	return 0;
}

static int run_revert(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	int n = propsfile_undo(t->profile, &t->root, t->dry_run, err);

	if (n < 0)
		return -1;
	log_info("%d setting%s %sput back", n, n == 1 ? "" : "s", t->dry_run ? "would be " : "");
	return 0;
}

/* ---- tables ---- */

#define FILE_OPTS \
	{ "file", 'f', OPT_STRING, &props_opt.file, "FILE", "the properties file (default: the package's)" }, \
	{ "encoding", 0, OPT_STRING, &props_opt.encoding, "NAME", "latin1 or utf8 (default: by the profile)" }
#define SHOW_OPT \
	{ "show-secrets", 0, OPT_FLAG, &props_opt.show_secrets, NULL, "show the values of secret keys too" }
#define DEFAULTS_OPT \
	{ "defaults", 0, OPT_STRING, &props_opt.defaults, "FILE", "the shipped defaults (default: by the profile)" }

static const struct opt file_opts[] = { FILE_OPTS, { 0 } };
static const struct opt set_opts[] = {
	FILE_OPTS,
	{ "stdin", 0, OPT_FLAG, &props_opt.stdin_lines, NULL, "read lines KEY=VALUE, escaped as in a properties file, in UTF-8" },
	{ "create", 0, OPT_FLAG, &props_opt.create, NULL, "make FILE when there is none" },
	{ 0 },
};
static const struct opt list_opts[] = { FILE_OPTS, SHOW_OPT, { 0 } };
static const struct opt merge_opts[] = {
	FILE_OPTS, SHOW_OPT,
	{ "base", 0, OPT_STRING, &props_opt.base, "FILE", "the defaults that FILE was made from (default: those of the last merge)" },
	{ "new", 0, OPT_STRING, &props_opt.latest, "FILE", "the new defaults (default: by the profile)" },
	{ 0 },
};
static const struct opt diff_opts[] = { FILE_OPTS, SHOW_OPT, DEFAULTS_OPT, { 0 } };
static const struct opt check_opts[] = { FILE_OPTS, DEFAULTS_OPT, { 0 } };

static const struct verb verbs[] = {
	{ "get", "KEY", "Print the value that Java would see; exit 1 when it is not set.",
	  VERB_PROFILE_OPTIONAL, 1, 1, file_opts, run_get },
	{ "set", "KEY=VALUE|KEY=@FILE...", "Set keys, all or none.",
	  VERB_PROFILE_OPTIONAL | VERB_DRY_RUN, 0, -1, set_opts, run_set },
	{ "unset", "KEY...", "Comment keys out.",
	  VERB_PROFILE_OPTIONAL | VERB_DRY_RUN, 1, -1, file_opts, run_unset },
	{ "list", "", "Print all keys and values, secrets hidden.",
	  VERB_PROFILE_OPTIONAL | VERB_JSON, 0, 0, list_opts, run_list },
	{ "merge", "", "Take over new defaults, keeping what the admin has changed.",
	  VERB_PROFILE_OPTIONAL | VERB_DRY_RUN | VERB_JSON, 0, 0, merge_opts, props_run_merge },
	{ "diff", "", "Show what differs from the shipped defaults.",
	  VERB_PROFILE_OPTIONAL | VERB_JSON, 0, 0, diff_opts, props_run_diff },
	{ "check", "", "Find what is probably not meant; exit 1 when something was found.",
	  VERB_PROFILE_OPTIONAL | VERB_JSON, 0, 0, check_opts, props_run_check },
	{ "revert", "", "Put back the settings that we changed and nobody has changed since.",
	  VERB_LOCK | VERB_DRY_RUN, 0, 0, NULL, run_revert },
	{ 0 },
};

static const struct command command = {
	.name = "props",
	.summary = "Read and edit Java .properties files.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}

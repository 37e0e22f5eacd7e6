/* Which installation this is: one random id, in the state directory and in the database.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "../base/atomic.h"
#include "identity.h"
#include "statefile.h"

#define ID_BYTES 16
#define ID_HEX (2 * ID_BYTES)

static bool well_formed(const char *id)
{
	return strlen(id) == ID_HEX && strspn(id, "0123456789abcdef") == ID_HEX;
}

static int random_id(char out[ID_HEX + 1], struct err *err)
{
	unsigned char raw[ID_BYTES];

	if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
		return err_sys(err, errno, "random numbers");
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

int identity_get(const struct profile *p, const struct root *root, char **id, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(p, "identity");
	AUTO_BUF text = BUF_INIT;

	*id = NULL;
	if (path_read_file(root, path, &text, 4096, NULL, err) < 0)
		return -1;
	buf_trim_end(&text);
	if (!well_formed(text.p))
		return err_set(err, ERR_FAIL, "'%s' does not hold %d hexadecimal digits", path, ID_HEX);
	*id = buf_steal(&text);
	return 0;
}

static int write_id(const struct profile *p, const struct root *root, const char *id, bool replace, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(p, "identity"), *line = xasprintf("%s\n", id);
	struct stat none = { 0 };
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	o.mode = 0600;
	o.expect = replace ? NULL : &none;
	if (statefile_make_dir(p, root, err) < 0)
		return -1;
	return atomic_replace(root, path, line, strlen(line), &o, err) < 0 ? -1 : 0;
}

int identity_create(const struct profile *p, const struct root *root, const char *id, char **out, struct err *err)
{
	AUTO_FREE char *old = NULL;
	char fresh[ID_HEX + 1];
	struct err e = ERR_INIT;

	if (identity_get(p, root, &old, &e) < 0) {
		if (e.kind != ERR_ABSENT) {
			if (err)
				*err = e;
			return -1;
		}
		if (!id && random_id(fresh, err) < 0)
			return -1;
		if (write_id(p, root, id ? id : fresh, false, err) < 0)
			return -1;
		old = xstrdup(id ? id : fresh);
	}
	if (out)
		*out = MOVE_PTR(old);
	return 0;
}

/* ERR_ABSENT is an answer here, not an error: *id stays NULL. */
static int optional(int rc, struct err *e, struct err *err)
{
	if (rc < 0 && e->kind != ERR_ABSENT) {
		if (err)
			*err = *e;
		return -1;
	}
	return 0;
}

int identity_bind(const struct profile *p, const struct root *root, struct db *db, bool adopt, struct err *err)
{
	AUTO_FREE char *ours = NULL, *theirs = NULL;
	struct err e = ERR_INIT;
	int bound;

	if (optional(identity_get(p, root, &ours, &e), &e, err) < 0 ||
	    optional(db_meta_get(db, "instance_id", &theirs, &e), &e, err) < 0)
		return -1;
	if (ours && theirs && !strcmp(ours, theirs))
		return IDENTITY_SAME;
	if (theirs && !well_formed(theirs))
		return err_set(err, ERR_FAIL, "maintkit_meta 'instance_id' of the database is damaged: '%.40s'", theirs);
	if (ours && theirs && !adopt)
		return err_set(err, ERR_POLICY, "this database belongs to another installation (instance %s, this one is %s); "
			       "check [database] and db.cnf; to take the database over: sql create --adopt", theirs, ours);
	if (theirs) {
		if (write_id(p, root, theirs, ours != NULL, err) < 0)
			return -1;
		return IDENTITY_ADOPTED;
	}
	bound = ours ? IDENTITY_GIVEN : IDENTITY_NEW;
	if (!ours && identity_create(p, root, NULL, &ours, err) < 0)
		return -1;
	return db_meta_set(db, "instance_id", ours, NULL, err) < 0 ? -1 : bound;
}

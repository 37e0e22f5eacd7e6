/* What the crash sweeps run: one atomic replacement, one journal entry or one pending step in a directory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *	atomic-drive replace DIR	/d/f becomes two pages of 'n' (directories are made)
 *	atomic-drive journal DIR	an effect: intended, then the file /made, then done
 *	atomic-drive pending DIR	two steps of a chain, one with input; then the first is done
 */
#include <stdio.h>
#include <string.h>
#include "base/atomic.h"
#include "ext/effects.h"
#include "ext/pending.h"

static int replace(const struct root *root, struct err *err)
{
	static char page[8192];
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	memset(page, 'n', sizeof(page));
	o.keep = true;
	if (path_mkdirs(root, "/d/sub", 0750, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	if (atomic_replace(root, "/d/f", page, sizeof(page), &o, err) < 0)
		return -1;
	return atomic_replace(root, "/d/sub/new", page, sizeof(page), &o, err);
}

static int journal(const struct root *root, const struct profile *p, struct err *err)
{
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	if (effect_intend(p, root, EFFECT_HOST, "file", "/made", EFFECT_ABSENT, "new", err) < 0 ||
	    atomic_replace(root, "/made", "new", 3, &o, err) < 0 ||
	    effect_done(p, root, EFFECT_HOST, "file", "/made", EFFECT_ABSENT, "new", err) < 0)
		return -1;
	return effects_compact(p, root, err);
}

static int pending(const struct root *root, const struct profile *p, struct err *err)
{
	AUTO_STRV first = STRV_INIT, second = STRV_INIT;
	AUTO_BUF input = BUF_INIT;

	strv_split(&first, "sql apply", " ");
	strv_split(&second, "totp enroll u --secret-stdin", " ");
	buf_adds(&input, "secret");
	if (pending_add(p, root, "c", "down", &first, NULL, err) < 0 ||
	    pending_add(p, root, "c", "down", &second, &input, err) < 0)
		return -1;
	return pending_remove(p, root, &first, err);
}

int main(int argc, char **argv)
{
	struct root root = ROOT_INIT;
	struct profile *p = NULL;
	struct err err = ERR_INIT;
	int rc = argc == 3 ? root_init(&root, argv[2], &err) : err_set(&err, ERR_USAGE, "usage");

	if (rc == 0 && strcmp(argv[1], "replace") == 0)
		rc = replace(&root, &err);
	else if (rc == 0)
		rc = profile_load(&p, &root, "pkg", NULL, &err);
	if (rc == 0 && strcmp(argv[1], "journal") == 0)
		rc = journal(&root, p, &err);
	if (rc == 0 && strcmp(argv[1], "pending") == 0)
		rc = pending(&root, p, &err);
	profile_free(p);
	root_release(&root);
	if (rc < 0)
		fprintf(stderr, "atomic-drive: error: %s\n", err.text);
	return rc < 0 ? 2 : 0;
}

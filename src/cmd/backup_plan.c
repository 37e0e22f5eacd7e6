/* The plan of a restore in place: what it exchanges, how far it is, and what it keeps aside.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * File "restore" in the state directory, records of core/record.h:
 *	restore 1 ID PHASE STEP FILE SHA256 CREATED FLAGS
 *	database NAME FRESH OLD HAD
 *	tree COMPONENT PATH FRESH OLD HAD [WAY]
 * replaced as a whole at every change. The first line's 1 is a 2 when a tree has
 * another WAY than "whole", of which a maintkit before knows nothing.
 */
#include <string.h>
#include "../core/record.h"
#include "../ext/pending.h"
#include "../ext/statefile.h"
#include "backup_restore.h"

#define LEAF "restore"

static const char *const phases[] = {
	[PLAN_NONE] = "none", [PLAN_LOADING] = "loading", [PLAN_SWAPPING] = "swapping", [PLAN_RESTORED] = "restored",
	[PLAN_REVERTING] = "reverting", [PLAN_REVERTED] = "reverted", [PLAN_DROPPING] = "dropping",
};
static const char *const ways[] = {
	[WAY_WHOLE] = "whole", [WAY_ENTRIES] = "entries", [WAY_MOUNT] = "mount", [WAY_STAYS] = "stays",
};

void plan_release(struct restore_plan *p)
{
	char *own[] = { p->id, p->file, p->sha256, p->created, p->database, p->fresh, p->old };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		free(own[i]);
	for (size_t i = 0; i < p->n; i++) {
		free(p->tree[i].component);
		free(p->tree[i].path);
		free(p->tree[i].fresh);
		free(p->tree[i].old);
	}
	free(p->tree);
	*p = (struct restore_plan)RESTORE_PLAN_INIT;
}

char *plan_path(struct tool *t, const char *leaf)
{
	AUTO_FREE char *below = xasprintf("%s%s%s", RESTORE_DIR, *leaf ? "/" : "", leaf);

	return profile_state_path(t->profile, below);
}

/* ---- on disk --------------------------------------------------------------------- */
void plan_add_tree(struct restore_plan *p, const char *component, const char *path, char *fresh, char *old, bool had,
		   enum restore_way way)
{
	p->tree = xreallocarray(p->tree, p->n + 1, sizeof *p->tree);
	p->tree[p->n++] = (struct restore_tree){ xstrdup(component), xstrdup(path), fresh, old, had, way };
}

/* False: no way that we know. */
static bool find_way(const char *word, enum restore_way *way)
{
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (strcmp(word, ways[i]) == 0) {
			*way = (enum restore_way)i;
			return true;
		}
	return false;
}

static bool take_head(struct restore_plan *p, char **f)
{
	p->id = xstrdup(f[2]);
	for (size_t i = 1; i < ARRAY_LEN(phases); i++)
		if (strcmp(f[3], phases[i]) == 0)
			p->phase = (enum restore_phase)i;
	p->step = atoi(f[4]);
	p->file = xstrdup(f[5]);
	p->sha256 = xstrdup(f[6]);
	p->created = xstrdup(f[7]);
	p->adopt = strchr(f[8], 'a') != NULL;
	p->stopped = strchr(f[8], 's') != NULL;
	p->fresh_kept = strchr(f[8], 'f') != NULL;
	return p->phase != PLAN_NONE && (strcmp(f[1], "1") == 0 || strcmp(f[1], "2") == 0);
}

static int on_record(const struct strv *f, void *arg, struct err *err)
{
	struct restore_plan *p = arg;
	enum restore_way way = WAY_WHOLE;

	if (strcmp(f->v[0], "restore") == 0 && f->n >= 9 && !p->id && take_head(p, f->v))
		return 0;
	if (strcmp(f->v[0], "database") == 0 && f->n >= 5 && !p->database) {
		p->database = xstrdup(f->v[1]);
		p->fresh = xstrdup(f->v[2]);
		p->old = xstrdup(f->v[3]);
		p->had = strcmp(f->v[4], "1") == 0;
		return 0;
	}
	if (strcmp(f->v[0], "tree") == 0 && f->n >= 6 && (f->n == 6 || find_way(f->v[6], &way))) {
		plan_add_tree(p, f->v[1], f->v[2], xstrdup(f->v[3]), xstrdup(f->v[4]), strcmp(f->v[5], "1") == 0, way);
		return 0;
	}
	return err_set(err, ERR_FAIL, "the plan of the last restore is of an unknown format; it was made by another maintkit");
}

int plan_read(struct restore_plan *p, struct tool *t, struct err *err)
{
	if (statefile_read(t->profile, &t->root, LEAF, on_record, p, err) < 0)
		return -1;
	return !p->n && !p->database ? 0 : p->id ? 0 :
	       err_set(err, ERR_FAIL, "the plan of the last restore is damaged: its first line is missing");
}

/* Is there a tree that is not simply renamed? */
static bool is_special(const struct restore_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->tree[i].way != WAY_WHOLE)
			return true;
	return false;
}

int plan_write(const struct restore_plan *p, struct tool *t, struct err *err)
{
	AUTO_FREE char *step = xasprintf("%d", p->step);
	AUTO_FREE char *flags = xasprintf("-%s%s%s", p->adopt ? "a" : "", p->stopped ? "s" : "", p->fresh_kept ? "f" : "");
	const char *head[] = { "restore", is_special(p) ? "2" : "1", p->id, phases[p->phase], step, p->file, p->sha256, p->created, flags };
	const char *database[] = { "database", p->database, p->fresh, p->old, p->had ? "1" : "0" };
	AUTO_BUF text = BUF_INIT;

	record_format(&text, head, ARRAY_LEN(head));
	if (p->database)
		record_format(&text, database, ARRAY_LEN(database));
	for (size_t i = 0; i < p->n; i++) {
		const struct restore_tree *r = &p->tree[i];
		const char *f[] = { "tree", r->component, r->path, r->fresh, r->old, r->had ? "1" : "0", ways[r->way] };

		record_format(&text, f, ARRAY_LEN(f) - (r->way == WAY_WHOLE));
	}
	return statefile_write(t->profile, &t->root, LEAF, &text, err);
}

int plan_forget(struct restore_plan *p, struct tool *t, struct err *err)
{
	const struct buf none = BUF_INIT;

	plan_release(p);
	return statefile_write(t->profile, &t->root, LEAF, &none, err);
}

/* ---- at boot -------------------------------------------------------------------------- */
/* Steps of the chain "restore" keep the application down (guard start-check). */
static void pending_words(struct strv *argv)
{
	strv_add(argv, "backup");
	strv_add(argv, "restore");
	strv_add(argv, "--continue");
}

int plan_pend(struct tool *t, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;

	pending_words(&argv);
	return pending_add(t->profile, &t->root, "restore", "a restore was interrupted", &argv, NULL, err);
}

int plan_unpend(struct tool *t, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;

	pending_words(&argv);
	return pending_remove(t->profile, &t->root, &argv, err) < 0 ? -1 : 0;
}

/* ---- for people ------------------------------------------------------------------------ */
void plan_tell(const struct restore_plan *p, struct tool *t)
{
	const char *package = t->package;

	switch (p->phase) {
	case PLAN_NONE:
		return;
	case PLAN_LOADING:
		log_info("a restore was interrupted before anything in use was touched; throw away what it left: "
			 "maintkit -p %s backup restore --discard", package);
		return;
	case PLAN_SWAPPING:
	case PLAN_REVERTING:
		log_warn("a restore was interrupted half way; the application does not start until it is finished:\n"
			 "  maintkit -p %s backup restore --continue%s", package,
			 p->phase == PLAN_SWAPPING ? "\nor undone:\n  ... backup restore --revert" : "");
		return;
	case PLAN_DROPPING:
		log_info("dropping what a restore kept was interrupted; finish it: maintkit -p %s backup restore --confirm", package);
		return;
	case PLAN_RESTORED:
	case PLAN_REVERTED:
		break;
	}
	bool restored = p->phase == PLAN_RESTORED;

	log_info("%s is kept aside since %s:", restored ? "what was in use before the restore" : "what had been restored", p->id);
	if (p->database && (p->had || !restored))
		log_info("  database '%s'", restored ? p->old : p->fresh);
	for (size_t i = 0; i < p->n; i++)
		if (p->tree[i].way != WAY_STAYS && (!restored || p->tree[i].had))
			log_info("  %s", restored ? p->tree[i].old : p->tree[i].fresh);
	log_info("drop it when all is well:  maintkit -p %s backup restore --confirm", package);
	log_info("or change places again:    maintkit -p %s backup restore --revert", package);
}

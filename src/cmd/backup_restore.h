/* Restoring: unpacking and loading, and putting the result in place of what is in use.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In place: everything goes into a new database and new directories beside the
 * ones in use and is checked there. What follows is only renaming, by a plan
 * that is on disk before the first of it (file "restore" in the state
 * directory): a run that was killed is finished or undone by the next. What was
 * in use is kept aside until it is confirmed.
 *
 * A directory that cannot be renamed (the top of a file system, one with a mount
 * below, one in a directory that cannot be written) stays, and its entries change
 * places one by one with those of a directory inside it; see backup_entries.c.
 */
#ifndef MAINTKIT_CMD_BACKUP_RESTORE_H
#define MAINTKIT_CMD_BACKUP_RESTORE_H

#include "../ext/effects.h"
#include "backup.h"

#define RESTORE_CHUNK (256u << 10)
#define RESTORE_DIR "restore.d"	/* in the state directory: single files aside, definitions of views, triggers ... */

struct restore_options {
	const char *only, *deb;
	const char *version;	/* that will be installed afterwards; NULL: none */
	bool adopt, stop_app, to_version, confirm, discard, revert, finish, yes;
};
extern struct restore_options restore_options;
extern const struct opt restore_opts[], rollback_opts[];

/* ---- files (backup_unpack.c) ------------------------------------------------- */
/* Member m as path, relative to directory dir; directories above it are made,
 * no link is followed. A path that leads elsewhere is refused. */
int unpack_member(int dir, const char *path, struct reader *r, const struct archive_member *m, unsigned char *chunk,
		  struct err *err) MUST_CHECK;

/* ---- the dump (backup_load.c) ---------------------------------------------------- */
struct loaded_table {
	char *name;
	uint64_t rows;
};
struct loader {
	struct tool *t;
	struct db *db;
	const char *database;	/* to be made; must not exist */
	bool made;		/* and not yet kept: goes away on release */
	char *where;
	struct userproc client;
	int pipe;
	struct loaded_table *table;	/* what the dump has, for loader_check() */
	size_t n;
	bool differs;		/* loader_check(): what arrived is not what the dump has */
};
#define LOADER_INIT { .client = USERPROC_INIT, .pipe = -1 }
/* Connect; ERR_FAIL when the database exists. */
int loader_open(struct loader *l, struct tool *t, const char *database, struct err *err) MUST_CHECK;
/* A piece of the dump. info: of the backup; the first piece makes the database. */
int loader_piece(struct loader *l, const struct buf *info, struct reader *r, unsigned char *chunk, struct err *err) MUST_CHECK;
int loader_end(struct loader *l, struct err *err) MUST_CHECK;
void loader_table(struct loader *l, const char *table, uint64_t rows);
/* Are exactly these tables there, with so many rows each? */
int loader_check(struct loader *l, struct err *err) MUST_CHECK;
/* It is not dropped any more. */
int loader_keep(struct loader *l, struct err *err) MUST_CHECK;
void loader_release(struct loader *l);

/* ---- the plan (backup_plan.c, backup_planned.c) ------------------------------------------------------ */
enum restore_phase {
	PLAN_NONE,
	PLAN_LOADING,	/* nothing in use was touched */
	PLAN_SWAPPING,	/* towards the backup's state; killed: goes on */
	PLAN_RESTORED,	/* the backup's state is in use, the former one is kept */
	PLAN_REVERTING,
	PLAN_REVERTED,	/* the former state is in use, the restored one is kept */
	PLAN_DROPPING,	/* what is kept goes away */
};

enum restore_way {
	WAY_WHOLE,	/* by renaming it */
	WAY_ENTRIES,	/* entry by entry; other trees of the plan below it stay where they are */
	WAY_MOUNT,	/* the same, and something is mounted there: not at all while it is not */
	WAY_STAYS,	/* the backup holds nothing of it, and the tree above must leave it alone */
};

struct restore_tree {
	char *component;	/* "documents", "keys", "properties" */
	char *path;		/* in use; a directory, or a single file */
	char *fresh, *old;	/* where the restored and the former one lie when they are not in use */
	bool had;		/* there was a former one */
	enum restore_way way;
};

struct restore_plan {
	enum restore_phase phase;
	char *id;		/* time it began, in names */
	char *file, *sha256, *created;	/* the backup, and when it was made */
	char *database, *fresh, *old;	/* database NULL: not part of it */
	bool had;		/* there was a former database */
	int step;		/* of the exchange: 0 nothing, 1 what was in use is out, 2 the other is in */
	bool adopt, stopped;	/* stopped: by us; is started again */
	bool fresh_kept;	/* with PLAN_DROPPING: the restored one is what goes */
	struct restore_tree *tree;
	size_t n;
};
#define RESTORE_PLAN_INIT { .phase = PLAN_NONE }
void plan_release(struct restore_plan *p);
/* No plan: PLAN_NONE. */
int plan_read(struct restore_plan *p, struct tool *t, struct err *err) MUST_CHECK;
int plan_write(const struct restore_plan *p, struct tool *t, struct err *err) MUST_CHECK;
int plan_forget(struct restore_plan *p, struct tool *t, struct err *err) MUST_CHECK;
/* Takes fresh and old over. */
void plan_add_tree(struct restore_plan *p, const char *component, const char *path, char *fresh, char *old, bool had,
		   enum restore_way way);
/* Names for everything, unused so far; trees of the components (NULL: all). */
int plan_make(struct restore_plan *p, struct tool *t, const char *only, struct err *err) MUST_CHECK;
/* The tree that path lies in, the innermost. */
struct restore_tree *plan_tree_of(const struct restore_plan *p, const char *path);
/* "RESTORE_DIR/LEAF" in the state directory, to be freed. */
char *plan_path(struct tool *t, const char *leaf);
/* The step that finishes it at boot and keeps the application down until then. */
int plan_pend(struct tool *t, struct err *err) MUST_CHECK;
int plan_unpend(struct tool *t, struct err *err) MUST_CHECK;
/* What is kept and how to go on, for people; nothing when there is no plan. */
void plan_tell(const struct restore_plan *p, struct tool *t);

/* Is there room for what a backup with this info says it holds, beside what is in use? db: NULL when no dump is loaded. */
int space_check(const struct restore_plan *p, struct tool *t, struct db *db, const struct buf *info, struct err *err) MUST_CHECK;

/* The same, unpacked into a directory below dir (NULL: only the dump is loaded). */
int space_check_in(const char *dir, struct db *db, const struct buf *info, struct err *err) MUST_CHECK;

/* ---- doing it (backup_inplace.c, backup_swap.c) ---------------------------------------- */
int restore_in_place(struct tool *t, const char *file, struct err *err) MUST_CHECK;
/* --continue, --revert, and --confirm or --discard */
int restore_finish(struct tool *t, struct err *err) MUST_CHECK;
int restore_revert(struct tool *t, struct err *err) MUST_CHECK;
int restore_confirm(struct tool *t, bool discard, struct err *err) MUST_CHECK;
/* Finish the exchange that the plan is in. */
int swap_run(struct restore_plan *p, struct tool *t, struct err *err) MUST_CHECK;
/* Write the definitions of both databases' views, triggers, routines and events down. */
int swap_prepare(const struct restore_plan *p, struct tool *t, struct err *err) MUST_CHECK;
/* Drop what is not in use. */
int swap_drop(struct restore_plan *p, struct tool *t, struct err *err) MUST_CHECK;
/* ---- entry by entry (backup_entries.c) ---- */
bool tree_by_entries(const struct restore_tree *r);
/* The directory inside r->path in which fresh and old lie, to be freed. */
char *entries_aside(const struct restore_tree *r);
/* Remove what is left of making that directory. */
int entries_sweep(struct tool *t, const struct restore_tree *r, struct err *err) MUST_CHECK;
/* Is mounted what was when the plan was made? ERR_BACKEND. */
int entries_require_mounted(struct tool *t, const struct restore_tree *r, struct err *err) MUST_CHECK;
/* Bring the restored entries (forward) or the former ones into use, from wherever a run before stopped, in either direction. */
int entries_swap(const struct restore_plan *p, struct tool *t, const struct restore_tree *r, bool forward, struct err *err) MUST_CHECK;
/* ---- the database's part (backup_swapdb.c) ---- */
int swapdb_prepare(struct db *db, struct tool *t, const char *database, const char *side, bool strict, struct err *err) MUST_CHECK;
/* All of database from into to. side names the definitions of what moves; events: run them there. */
int swapdb_move(struct db *db, struct tool *t, const char *from, const char *to, const char *side, bool in_use,
		struct err *err) MUST_CHECK;
int swapdb_drop(struct db *db, struct tool *t, const char *database, struct err *err) MUST_CHECK;

/* ---- others (backup_around.c) ------------------------------------------------------- */
/* Run another program of ours with these words behind "-p PACKAGE". Its exit status becomes the error's kind. */
int around_run(struct tool *t, const char *program, const char *const *words, struct err *err) MUST_CHECK;
/* 1 the application's unit runs, 0 it does not, or there is none on this system. */
int around_app_runs(struct tool *t, struct err *err) MUST_CHECK;
/* Nobody is connected to the database: ERR_POLICY names who is. */
int around_nobody_connected(struct db *db, const char *database, struct err *err) MUST_CHECK;
/* Documents below old that are not in now, or are others there: how many; names go to the list file. */
int around_compare(struct tool *t, const struct restore_plan *p, uint64_t *n, struct err *err) MUST_CHECK;

/* ---- back to an older version (backup_rollback.c) ------------------------------------- */
/* The package of that version, to be freed: --deb, else in apt's cache or the
 * backup directory. ERR_FAIL says where was looked. */
char *rollback_find_deb(struct tool *t, const char *version, struct err *err);
/* Ask, unless told not to; ERR_POLICY when nobody can be asked. */
int rollback_ask(const char *text, struct err *err) MUST_CHECK;
/* Restore file, then install version from deb; t's lock is not held. */
int rollback_run(struct tool *t, const char *file, const char *version, const char *deb, struct err *err) MUST_CHECK;
int backup_run_rollback(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_kept(struct tool *t, int argc, char **argv, struct err *err);

#endif

/* What backups there are in the backup directory, and what is known about each.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>
#include "backup.h"

void backup_set_release(struct backup_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		free(s->v[i].file);
		buf_release(&s->v[i].info);
	}
	free(s->v);
	*s = (struct backup_set)BACKUP_SET_INIT;
}

static bool is_backup(const char *name)
{
	size_t len = strlen(name), suffix = strlen(BACKUP_SUFFIX);

	return name[0] != '.' && len > suffix && strcmp(name + len - suffix, BACKUP_SUFFIX) == 0;
}

void backup_time_text(char text[BACKUP_TIME_SIZE])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, BACKUP_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void take(struct backup_set *s, struct tool *t, const char *name)
{
	struct backup_item *i;
	struct err why = ERR_INIT;

	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	i = &s->v[s->n++];
	*i = (struct backup_item){ .name = xstrdup(name), .info = BUF_INIT };
	i->file = xasprintf("%s%s/%s", t->root.prefix, backup_dir(t), name);
	if (backup_read_info(i->file, &i->info, &why) < 0)
		buf_reset(&i->info);
	i->age = backup_age_of(&i->info);
}

static int older_first(const void *pa, const void *pb)
{
	const struct backup_item *a = pa, *b = pb;

	int rc = backup_age_compare(&a->age, &b->age);

	return rc ? rc : strcmp(a->name, b->name);
}

int backup_set_load(struct backup_set *s, struct tool *t, struct err *err)
{
	AUTO_STRV names = STRV_INIT;
	struct err why = ERR_INIT;

	if (path_list(&t->root, backup_dir(t), &names, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < names.n; i++)
		if (is_backup(names.v[i]))
			take(s, t, names.v[i]);
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), older_first);
	return 0;
}

const struct backup_item *backup_set_find(const struct backup_set *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

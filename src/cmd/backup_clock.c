/* Has the database server's clock gone on evenly since a backup was made?
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A table's time of change is the server's; compared with the time of a backup
 * it tells something only if nobody has set that clock in between, and if both
 * times are of one clock. So both are noted together: the server's, and what
 * this machine has counted since its boot, which nobody can set, before and
 * after asking.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "backup.h"

#define SLACK_MS 100
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct moment {
	char boot[40];
	long long server, before, after;	/* milliseconds */
};

static long long counted_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int take_moment(struct moment *m, struct db *db, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_BUF boot = BUF_INIT;
	int64_t ms;

	if (root_init(&real, "/", err) < 0 || path_read_file(&real, BOOT_ID, &boot, 64, NULL, err) < 0)
		return -1;
	snprintf(m->boot, sizeof(m->boot), "%.*s", (int)strcspn(boot.p, "\n"), boot.p);
	m->before = counted_ms();
	if (db_get_int(db, "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000", NULL, 0, &ms, err) < 0)
		return -1;
	m->server = ms;
	m->after = counted_ms();
	return 0;
}

int backup_clock_note(struct db *db, struct buf *info, struct err *err)
{
	struct moment m;

	if (take_moment(&m, db, err) < 0)
		return -1;
	info_add(info, "server_clock", "%lld %lld %lld %s", m.server, m.before, m.after, m.boot);
	return 0;
}

int backup_clock_even(struct db *db, const struct buf *info, long long *then, struct err *err)
{
	AUTO_FREE char *text = info_get(info, "server_clock");
	struct moment was, is;

	if (!text || sscanf(text, "%lld %lld %lld %39s", &was.server, &was.before, &was.after, was.boot) != 4)
		return 0;
	if (take_moment(&is, db, err) < 0)
		return -1;
	*then = was.server / 1000;
	long long passed = is.server - was.server;

	return strcmp(was.boot, is.boot) == 0 && passed >= is.before - was.after - SLACK_MS && passed <= is.after - was.before + SLACK_MS;
}

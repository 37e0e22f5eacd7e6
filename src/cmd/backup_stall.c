/* How long a program may get no further before it is stopped: a stuck one must not hold up an upgrade at night for ever.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Work that goes on has no limit, whatever its size. What tells is whether
 * bytes move; and of a client that waits for the server, whether that works.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../base/child.h"
#include "backup_stall.h"

#define DEFAULT_S 600
#define ASK_MS 30000

int stall_limit(struct tool *t, int *ms, struct err *err)
{
	long seconds;

	if (profile_int(t->profile, "backup", "stalled-after", 1, 86400, DEFAULT_S, &seconds, err) < 0)
		return -1;
	*ms = (int)seconds * 1000;
	return 0;
}

void stall_alarm(int ms)
{
	alarm((unsigned)(ms + 999) / 1000);
}

/* Bytes that wait in a pipe; -1: cannot tell. */
static int waiting_in(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n) < 0 ? -1 : n;
}

int stall_source_init(struct stall_source *s, int out, struct err *err)
{
	void *page = mmap(NULL, sizeof(*s->taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return err_sys(err, errno, "share memory");
	*s = (struct stall_source){ .taken = page, .out = out };
	return 0;
}

void stall_source_release(struct stall_source *s)
{
	if (s->taken)
		munmap((void *)(uintptr_t)s->taken, sizeof(*s->taken));
	s->taken = NULL;
}

bool stall_source_gets_on(void *arg)
{
	struct stall_source *s = arg;
	uint64_t taken = *s->taken;
	bool on = taken != s->seen || waiting_in(s->out) > 0;	/* full: it is we who are slow */

	s->seen = taken;
	return on;
}

/* Its own connection does something that is no waiting for others. */
static bool server_works(const struct stall_client *c)
{
	static const char sql[] = "SELECT COUNT(*) FROM information_schema.processlist WHERE command <> 'Sleep' "
		"AND COALESCE(state, '') NOT LIKE 'Waiting for %' AND id <> CONNECTION_ID() AND db = ";
	AUTO_BUF ask = BUF_INIT, out = BUF_INIT, errs = BUF_INIT;

	buf_adds(&ask, sql);
	buf_adds(&ask, "'");
	for (const char *p = c->database; *p; p++)	/* as SQL knows it in any sql_mode */
		buf_adds(&ask, *p == '\'' ? "''" : (char[]){ *p, '\0' });
	buf_adds(&ask, "'");
	const char *argv[] = { "mariadb", c->where, "--batch", "--skip-column-names", NULL };
	struct child ch = { .argv = argv, .in = ask.p, .in_len = ask.len, .out = &out, .errs = &errs, .timeout_ms = ASK_MS };

	return child_run(&ch, NULL) == 0 && atoi(out.p) > 0;
}

bool stall_client_gets_on(void *arg)
{
	struct stall_client *c = arg;
	struct pollfd in = { .fd = c->in, .events = POLLIN };
	int waiting = waiting_in(c->in);
	bool moved = waiting != c->seen, idle = waiting == 0 && poll(&in, 1, 0) == 0;

	c->seen = waiting;
	return moved || idle || server_works(c);
}

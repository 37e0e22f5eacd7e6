/* Readers of hospital reports: children that parse what they are handed, one file each at a time.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A socket pair for each reader (SOCK_SEQPACKET). To it: an id with the file's
 * descriptor. Back: struct answer, then a packed report or nothing. Answers
 * come in the order of the questions, so when a reader dies it died of the
 * oldest; the others go to its successor.
 */
#include "hrmxml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/userproc.h"

#define WINDOW 8u		/* files handed to a reader before its first answer */
#define READERS_MAX 16u
#define FILE_SECONDS 60u
#define HELLO UINT64_MAX	/* id of the answer that a reader begins with */
#define PACKED_MAX (sizeof(uint32_t) + HRM_FIELDS * (sizeof(uint32_t) + HRM_FIELD_MAX))

struct question { uint64_t id; int fd; };

struct answer {
	uint64_t id;
	int failed;
	char why[256];
};

struct reader {
	struct hrmxml_pool *pool;
	struct userproc proc;
	int sock, theirs;
	struct question asked[WINDOW];	/* oldest first */
	unsigned n;
};

struct hrmxml_pool {
	struct hrmxml_options o;
	char *schema;
	hrmxml_fn *done;
	void *arg;
	struct reader r[READERS_MAX];
	unsigned n;
};

/* ---- in the child ---- */

static ssize_t receive(int sock, uint64_t *id, int *fd)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec iov = { id, sizeof *id };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			      .msg_controllen = sizeof control.room };
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	*fd = -1;
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n;
}

static int reply(int sock, uint64_t id, const struct hrm_report *report, const struct err *e)
{
	struct answer a = { .id = id, .failed = e != NULL };
	AUTO_BUF out = BUF_INIT;
	ssize_t n;

	if (e)
		snprintf(a.why, sizeof a.why, "%.250s", e->text);
	buf_add(&out, &a, sizeof a);
	if (!e)
		hrm_report_pack(&out, report);
	do
		n = send(sock, out.p, out.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)out.len ? 0 : -1;
}

static int reader_main(void *arg, struct buf *out UNUSED, struct err *err)
{
	struct reader *r = arg;
	struct hrmxml_schema *schema;
	struct hrm_report report = HRM_REPORT_INIT;
	uint64_t id;
	int fd, rc = 0;

	hrmxml_limit_memory();
	xmlInitParser();
	signal(SIGALRM, SIG_DFL);
	schema = r->pool->schema ? hrmxml_schema_load(r->pool->schema) : NULL;
	rc = reply(r->theirs, HELLO, &report, NULL);
	while (rc == 0 && receive(r->theirs, &id, &fd) == sizeof id) {
		struct err e = ERR_INIT;

		alarm(r->pool->o.file_seconds);
		rc = fd < 0 ? err_set(&e, ERR_FAIL, "no descriptor") : hrmxml_read(fd, schema, &report, &e);
		alarm(0);
		if (fd >= 0)
			close(fd);
		rc = reply(r->theirs, id, &report, rc < 0 ? &e : NULL);
		hrm_report_release(&report);
	}
	hrmxml_schema_free(schema);
	return rc < 0 ? err_set(err, ERR_FAIL, "the reader's socket is gone") : 0;
}

/* ---- in the parent ---- */

/* False when the reader ended before: its user cannot be had, no memory. */
static bool says_hello(struct reader *r)
{
	char packet[sizeof(struct answer) + PACKED_MAX];
	struct answer a = { 0 };
	ssize_t n;

	do
		n = recv(r->sock, packet, sizeof packet, 0);
	while (n < 0 && errno == EINTR);
	if (n >= (ssize_t)sizeof a)
		memcpy(&a, packet, sizeof a);
	return a.id == HELLO;
}

static void reader_stop(struct reader *r)
{
	if (r->sock >= 0)
		close(r->sock);
	r->sock = -1;
	userproc_stop(&r->proc);
}

static int reader_start(struct reader *r, struct err *err)
{
	const struct hrmxml_options *o = &r->pool->o;
	struct userproc_opts u = { .drop = o->drop, .uid = o->uid, .gid = o->gid, .timeout_ms = -1 };
	int sv[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_sys(err, errno, "cannot make a socket for a reader");
	r->sock = sv[0];
	r->theirs = u.keep[0] = sv[1];
	r->proc = (struct userproc)USERPROC_INIT;
	rc = userproc_start(&r->proc, &u, reader_main, r, err);
	close(sv[1]);
	r->theirs = -1;
	if (rc == 0 && says_hello(r))
		return 0;
	if (rc == 0 && userproc_wait(&r->proc, NULL, err) >= 0)
		err_set(err, ERR_FAIL, "a reader ended before it began");
	err_prefix(err, "start a reader of reports");
	reader_stop(r);
	return -1;
}

static int hand_over(struct reader *r, const struct question *q)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(sizeof(int))]; } control;
	uint64_t id = q->id;
	struct iovec iov = { &id, sizeof id };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			      .msg_controllen = sizeof control.room };
	struct cmsghdr *c;
	ssize_t n;

	memset(&control, 0, sizeof control);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &q->fd, sizeof(int));
	do
		n = sendmsg(r->sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == sizeof id ? 0 : -1;
}

/* The oldest question is answered: forget it. */
static void drop_oldest(struct reader *r)
{
	close(r->asked[0].fd);
	r->n--;
	memmove(r->asked, r->asked + 1, r->n * sizeof r->asked[0]);
}

/* It died of its oldest file, which is told; a new one gets the others. */
static int bury(struct reader *r, struct err *err)
{
	struct hrm_report none = HRM_REPORT_INIT;
	struct err e = ERR_INIT;
	int rc = 0;

	reader_stop(r);
	if (r->n) {
		uint64_t id = r->asked[0].id;

		err_set(&e, ERR_FAIL, "the reader died of it, or took longer than %u s", r->pool->o.file_seconds);
		drop_oldest(r);
		rc = r->pool->done(r->pool->arg, id, &none, &e);
	}
	if (reader_start(r, err) < 0)
		return -1;
	/* should this one die at once, the next answer tells */
	for (unsigned i = 0; i < r->n; i++)
		if (hand_over(r, &r->asked[i]) < 0)
			break;
	return rc;
}

static int take_answer(struct reader *r, struct err *err)
{
	struct hrm_report report = HRM_REPORT_INIT;
	char packet[sizeof(struct answer) + PACKED_MAX];
	struct err e = ERR_INIT;
	struct answer a;
	ssize_t n;
	int rc;

	do
		n = recv(r->sock, packet, sizeof packet, 0);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof a || !r->n)
		return bury(r, err);
	memcpy(&a, packet, sizeof a);
	if (a.id != r->asked[0].id)	/* not ours any more: it does not follow its program */
		return bury(r, err);
	a.why[sizeof a.why - 1] = '\0';
	if (a.failed)
		err_set(&e, ERR_FAIL, "%s", hrm_chars(a.why) < 0 ? "not readable" : a.why);
	else if (hrm_report_unpack(&report, packet + sizeof a, (size_t)n - sizeof a, &e) < 0)
		a.failed = 1;
	drop_oldest(r);
	rc = r->pool->done(r->pool->arg, a.id, &report, a.failed ? &e : NULL);
	hrm_report_release(&report);
	return rc;
}

/* Take what answers there are; wait for at least one. */
static int take_answers(struct hrmxml_pool *p, struct err *err)
{
	struct pollfd fds[READERS_MAX];
	int rc;

	for (unsigned i = 0; i < p->n; i++)
		fds[i] = (struct pollfd){ .fd = p->r[i].n ? p->r[i].sock : -1, .events = POLLIN };
	do
		rc = poll(fds, p->n, -1);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return err_sys(err, errno, "poll");
	for (unsigned i = 0; i < p->n; i++)
		if (fds[i].revents && take_answer(&p->r[i], err) < 0)
			return -1;
	return 0;
}

int hrmxml_pool_open(struct hrmxml_pool **out, const struct hrmxml_options *o, hrmxml_fn *done, void *arg,
		     struct err *err)
{
	struct hrmxml_pool *p = xcalloc(1, sizeof *p);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	p->o = *o;
	p->done = done;
	p->arg = arg;
	p->schema = o->schema ? xstrdup(o->schema) : NULL;
	if (!p->o.file_seconds)
		p->o.file_seconds = FILE_SECONDS;
	p->n = o->readers ? o->readers : cores > 0 ? (unsigned)cores : 1;
	if (p->n > READERS_MAX)
		p->n = READERS_MAX;
	*out = p;
	for (unsigned i = 0; i < p->n; i++)
		p->r[i] = (struct reader){ .pool = p, .proc = USERPROC_INIT, .sock = -1, .theirs = -1 };
	for (unsigned i = 0; i < p->n; i++)
		if (reader_start(&p->r[i], err) < 0) {
			hrmxml_pool_cleanup(out);
			return -1;
		}
	return 0;
}

int hrmxml_pool_add(struct hrmxml_pool *p, uint64_t id, int fd, struct err *err)
{
	struct reader *least = &p->r[0];

	for (;;) {
		for (unsigned i = 0; i < p->n; i++)
			if (p->r[i].n < least->n)
				least = &p->r[i];
		if (least->n < WINDOW)
			break;
		if (take_answers(p, err) < 0) {
			close(fd);
			return -1;
		}
	}
	least->asked[least->n++] = (struct question){ id, fd };
	/* a reader that is gone is noticed where its answers are taken */
	(void)hand_over(least, &least->asked[least->n - 1]);
	return 0;
}

int hrmxml_pool_drain(struct hrmxml_pool *p, struct err *err)
{
	for (;;) {
		unsigned open = 0;

		for (unsigned i = 0; i < p->n; i++)
			open += p->r[i].n;
		if (!open)
			return 0;
		if (take_answers(p, err) < 0)
			return -1;
	}
}

void hrmxml_pool_close(struct hrmxml_pool *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		reader_stop(&p->r[i]);
		while (p->r[i].n)
			drop_oldest(&p->r[i]);
	}
	free(p->schema);
	free(p);
}

void hrmxml_pool_cleanup(struct hrmxml_pool **p)
{
	hrmxml_pool_close(*p);
	*p = NULL;
}

/* Waiting for gpg's pipes ourselves, because gpgme's own loop does not see a gpg that died.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gpgme (1.18) polls for POLLOUT only: when gpg ends while its input pipe is
 * full, poll(2) says POLLERR, gpgme looks away, and the two go on for ever.
 * Source of the interface: gpgme manual, "Using External Event Loops".
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "pgp_internal.h"

#define STALL_MS 30000	/* gpg moves megabytes a second; this long without a byte means that it hangs */

static gpgme_error_t watch_add(void *arg, int fd, int dir, gpgme_io_cb_t fnc, void *data, void **tag)
{
	struct pgp *p = arg;

	for (size_t i = 0; i < PGP_WATCHES; i++) {
		struct pgp_watch *w = &p->watch[i];

		if (w->fnc)
			continue;
		*w = (struct pgp_watch){ .fd = fd, .reads = dir, .fnc = fnc, .data = data };
		*tag = w;
		return 0;
	}
	return gpgme_error(GPG_ERR_ENOMEM);
}

static void watch_remove(void *tag)
{
	struct pgp_watch *w = tag;

	w->fnc = NULL;
}

static void on_event(void *arg, gpgme_event_io_t type, void *data)
{
	struct pgp *p = arg;

	if (type != GPGME_EVENT_DONE)
		return;
	const struct gpgme_io_event_done_data *done = data;

	p->done = true;
	p->result = done->err ? done->err : done->op_err;
}

/* Only for the one operation: listing keys and the like use gpgme's own loop. */
void pgp_loop_enter(struct pgp *p)
{
	struct gpgme_io_cbs cbs = {
		.add = watch_add, .add_priv = p, .remove = watch_remove, .event = on_event, .event_priv = p,
	};

	p->done = false;
	p->result = 0;
	memset(p->watch, 0, sizeof(p->watch));
	gpgme_set_io_cbs(p->ctx, &cbs);
}

void pgp_loop_leave(struct pgp *p)
{
	struct gpgme_io_cbs none = { .add = NULL };

	gpgme_set_io_cbs(p->ctx, &none);
}

gpgme_error_t pgp_loop_run(struct pgp *p)
{
	while (!p->done) {
		struct pollfd fds[PGP_WATCHES];
		struct pgp_watch *of[PGP_WATCHES];
		nfds_t n = 0;

		for (size_t i = 0; i < PGP_WATCHES; i++) {
			if (!p->watch[i].fnc)
				continue;
			fds[n] = (struct pollfd){ .fd = p->watch[i].fd, .events = p->watch[i].reads ? POLLIN : POLLOUT };
			of[n++] = &p->watch[i];
		}
		int ready = n ? poll(fds, n, STALL_MS) : 0;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0) {
			gpgme_cancel(p->ctx);
			return gpgme_error(GPG_ERR_TIMEOUT);
		}
		for (nfds_t i = 0; i < n && !p->done; i++)
			if (fds[i].revents && of[i]->fnc && of[i]->fd == fds[i].fd)
				of[i]->fnc(of[i]->data, fds[i].fd);
	}
	return p->result;
}

/* How far something long is, and when to say so.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include "progress.h"

#define MB 1000000.0

void progress_begin(struct progress *p, uint64_t total, bool terminal, double now)
{
	*p = (struct progress){ .total = total, .begun = now, .terminal = terminal, .step = terminal ? 0.5 : 5 };
	p->next = now + p->step;
}

bool progress_due(struct progress *p, double now)
{
	if (now < p->next)
		return false;
	if (!p->terminal)
		p->step = p->step < 60 ? (p->step > 30 ? 60 : p->step * 2) : 60;
	p->next = now + p->step;
	return true;
}

static void add_left(struct buf *out, double seconds)
{
	unsigned s = (unsigned)(seconds + 0.5);

	if (s < 100)
		buf_addf(out, ", %u s left", s);
	else if (s < 6000)
		buf_addf(out, ", %u min left", (s + 30) / 60);
	else
		buf_addf(out, ", %u h %u min left", s / 3600, s % 3600 / 60);
}

void progress_text(const struct progress *p, double now, struct buf *out)
{
	double passed = now - p->begun, speed = passed > 0 ? (double)p->done / passed : 0;
	/* an estimate that was passed is none any more; 100 % is said by the end alone */
	bool known = p->total && p->done < p->total;

	if (known)
		buf_addf(out, "%u %%, %.0f of about %.0f MB", (unsigned)(p->done * 100.0 / (double)p->total), (double)p->done / MB,
			 (double)p->total / MB);
	else
		buf_addf(out, "%.0f MB", (double)p->done / MB);
	buf_addf(out, ", %.0f MB/s", speed / MB);
	if (known && p->done >= p->total / 100 && speed > 0)	/* before that it would be a guess, and a frightening one */
		add_left(out, (double)(p->total - p->done) / speed);
}

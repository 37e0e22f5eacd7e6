/* Preloaded: the wall clock is ahead by as many seconds as the file $CLOCK_SHIFT_FILE says, for tests of what happens when it is set.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static long shift(void)
{
	const char *path = getenv("CLOCK_SHIFT_FILE");
	FILE *f = path ? fopen(path, "re") : NULL;
	long seconds = 0;

	if (f) {
		if (fscanf(f, "%ld", &seconds) != 1)
			seconds = 0;
		fclose(f);
	}
	return seconds;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += shift();
	return rc;
}

/* Absolute times are the program's, the kernel's clock is the real one. */
int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	struct itimerspec real = *at;

	if ((flags & TFD_TIMER_ABSTIME) && real.it_value.tv_sec > shift())
		real.it_value.tv_sec -= shift();
	return (int)syscall(SYS_timerfd_settime, fd, flags, &real, old);
}

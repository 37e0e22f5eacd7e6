/* Telling systemd that we are ready, alive and what we do: sd_notify(3)'s protocol, one datagram a message.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Written by hand: the protocol is stable by systemd's promise, and a daemon
 * that holds secrets links as little as it can.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "totp.h"

void totp_notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_BUF text = BUF_INIT;
	AUTO_FD int fd = -1;
	size_t len = path ? strlen(path) : 0;
	va_list ap;

	if (!len || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';	/* abstract name space */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && sendto(fd, text.p, text.len, MSG_NOSIGNAL, (struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_debug("systemd was not told '%s'", text.p);
}

long long totp_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && *pid && strtoll(pid, NULL, 10) != (long long)getpid()))
		return 0;
	return strtoll(usec, NULL, 10);
}

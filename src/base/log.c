/* What a program says: to the person on stderr, to the package's log file and to syslog.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "log.h"

static const char *program = "maintkit";
static enum log_level shown = LOG_INFO_LEVEL;
static int file = -1;

void log_init(const char *name)
{
	program = name;
}

void log_set_level(enum log_level level)
{
	shown = level;
}

/* The group that reads logs in Debian; -1 where it does not exist. */
static gid_t log_group(const struct root *root)
{
	if (root_is_foreign(root))
		return (gid_t)-1;
	struct group *adm = getgrnam("adm");

	return adm ? adm->gr_gid : (gid_t)-1;
}

void log_open_file(const struct root *root, const char *path)
{
	struct err err = ERR_INIT;

	file = path_open(root, path, O_WRONLY | O_APPEND | O_CREAT, 0640, 0, &err);
	if (file < 0)
		return;
	if (geteuid() == 0 && fchown(file, 0, log_group(root)) < 0)
		return;	/* stays root's own: stricter than wanted */
}

static void to_file(const char *level, const char *text)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	AUTO_BUF line = BUF_INIT;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_addf(&line, "%s %s[%ld]: %s%s\n", stamp, program, (long)getpid(), level, text);
	/* One write, so that lines of two programs do not mix. */
	ssize_t ignored = write(file, line.p, line.len);
	(void)ignored;
}

static void say(enum log_level level, const char *word, int priority, const char *fmt, va_list ap)
{
	AUTO_BUF text = BUF_INIT;

	if (level > shown && (level == LOG_DEBUG_LEVEL || file < 0))
		return;
	buf_vaddf(&text, fmt, ap);
	if (level <= shown) {
		fprintf(stderr, "%s: %s%s\n", program, word, text.p);
		fflush(stderr);
	}
	if (file < 0 || level == LOG_DEBUG_LEVEL)
		return;
	to_file(word, text.p);
	openlog(program, LOG_PID, LOG_DAEMON);
	syslog(priority, "%s%s", word, text.p);
	closelog();
}

#define SAY(level, word, priority) do { \
		va_list ap_; \
		va_start(ap_, fmt); \
		say(level, word, priority, fmt, ap_); \
		va_end(ap_); \
	} while (0)

void log_error(const char *fmt, ...)
{
	SAY(LOG_ERR_LEVEL, "error: ", LOG_ERR);
}

void log_warn(const char *fmt, ...)
{
	SAY(LOG_WARN_LEVEL, "warning: ", LOG_WARNING);
}

void log_info(const char *fmt, ...)
{
	SAY(LOG_INFO_LEVEL, "", LOG_INFO);
}

void log_debug(const char *fmt, ...)
{
	SAY(LOG_DEBUG_LEVEL, "debug: ", LOG_DEBUG);
}

void log_err(const struct err *err)
{
	log_error("%s", err->text[0] ? err->text : "failed without saying why");
}

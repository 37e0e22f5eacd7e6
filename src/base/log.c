/* What a program says: to the person on stderr, to the package's log file and to syslog.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "log.h"

static const char *program = "maintkit";
static enum log_level shown = LOG_INFO_LEVEL;
static int file = -1;
static bool own_system = true;

void log_init(const char *name)
{
	program = name;
}

void log_set_level(enum log_level level)
{
	shown = level;
}

bool log_shows(enum log_level level)
{
	return level <= shown;
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
	struct stat st;

	own_system = !root_is_foreign(root);
	/* O_NONBLOCK: a FIFO in its place must not hang us. */
	file = path_open(root, path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0640, 0, &err);
	if (file < 0)
		return;
	if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
		mem_close_cleanup(&file);
		return;
	}
	if (geteuid() == 0 && fchown(file, 0, log_group(root)) < 0)
		return;	/* stays root's own: stricter than wanted */
}

/* Text with its control characters made visible: C0, DEL and, in UTF-8, C1. */
static void add_clean(struct buf *out, const char *text, const char *line_end)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '\n')
			buf_adds(out, line_end);
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			buf_addf(out, "\\x%02x", *++p);
		else if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
			buf_addf(out, "\\x%02x", *p);
		else
			buf_addc(out, (char)*p);
	}
}

static void write_whole(int fd, const struct buf *line)
{
	/* One write, so that lines of two programs do not mix. Where it fails
	 * there is nobody left to tell. */
	ssize_t ignored = write(fd, line->p, line->len);
	(void)ignored;
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
	write_whole(file, &line);
}

static void say(enum log_level level, const char *word, int priority, const char *fmt, va_list ap)
{
	AUTO_BUF text = BUF_INIT;

	if (level > shown && (level == LOG_DEBUG_LEVEL || file < 0))
		return;
	buf_vaddf(&text, fmt, ap);
	if (level <= shown) {
		AUTO_BUF line = BUF_INIT;

		buf_addf(&line, "%s: %s", program, word);
		add_clean(&line, text.p, "\n");
		buf_addc(&line, '\n');
		write_whole(STDERR_FILENO, &line);
	}
	if (file < 0 || level == LOG_DEBUG_LEVEL)
		return;
	AUTO_BUF flat = BUF_INIT;

	add_clean(&flat, text.p, " | ");
	to_file(word, flat.p);
	if (!own_system)
		return;
	openlog(program, LOG_PID, LOG_DAEMON);
	syslog(priority, "%s%s", word, flat.p);
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

/* Where a new secret is shown: QR code on the terminal, PNG, SVG, a printable sheet, a descriptor.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Never on stdout (a maintainer script's stdout belongs to debconf, a cron
 * job's is mailed), never in the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../ext/qr.h"
#include "totp.h"

#define PNG_SCALE 8

int totp_show_possible(const struct totp_show *o, bool known, struct err *err)
{
	if (o->uri_fd && (o->uri_fd < 3 || fcntl((int)o->uri_fd, F_GETFD) < 0))
		return err_set(err, ERR_USAGE, "--uri-fd %ld is not an open descriptor from 3 on", o->uri_fd);
	if (known || o->png || o->svg || o->sheets || o->uri_fd || isatty(STDERR_FILENO))
		return 0;
	return err_set(err, ERR_USAGE, "the new secret could be seen nowhere; run this on a terminal, or give --png FILE, --svg FILE, --sheets DIR, --uri-fd N or --secret-stdin");
}

static int make_uri(const struct totp_conf *c, const struct totp_shown *w, struct buf *uri, struct err *err)
{
	return otpauth_uri(uri, w->params, c->issuer, w->user, w->secret, err);
}

static char *absolute(const char *path)
{
	AUTO_FREE char *cwd = NULL;

	if (path[0] == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	return xasprintf("%s/%s", cwd && strcmp(cwd, "/") ? cwd : "", path);
}

static int write_private(struct tool *t, const char *path, const struct buf *data, struct err *err)
{
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_FREE char *full = absolute(path);

	o.mode = 0600;
	o.uid = geteuid();
	o.gid = getegid();
	return atomic_replace(&t->root, full, data->p, data->len, &o, err) < 0 ? -1 : 0;
}

/* A user name may hold a slash; %XX of everything unusual makes one file name of it. */
static char *sheet_path(const char *dir, const char *user)
{
	AUTO_BUF name = BUF_INIT;
	AUTO_FREE char *full = absolute(dir);

	otpauth_percent(&name, user);
	return xasprintf("%s/totp-%s.html", full, name.p);
}

static int check_sheets_dir(struct tool *t, const char *dir, struct err *err)
{
	AUTO_FREE char *full = absolute(dir);
	struct stat st;

	if (path_mkdirs(&t->root, full, 0700, (uid_t)-1, (gid_t)-1, err) < 0 || path_stat(&t->root, full, &st, err) < 0)
		return -1;
	if (st.st_mode & 077)
		return err_set(err, ERR_POLICY, "others can look into '%s', and the sheets hold secrets; run: chmod 700 '%s'", dir, dir);
	return 0;
}

static int show_sheet(struct tool *t, const struct totp_conf *c, const struct totp_show *o,
		      const struct totp_shown *w, const struct qr *qr, struct err *err)
{
	CLEANUP(buf_release) struct buf svg = BUF_SECRET_INIT;
	CLEANUP(buf_release) struct buf html = BUF_SECRET_INIT;
	AUTO_FREE char *path = sheet_path(o->sheets, w->user);

	if (check_sheets_dir(t, o->sheets, err) < 0)
		return -1;
	qr_svg(&svg, qr);
	totp_sheet(&html, c->issuer, svg.p, w);
	return write_private(t, path, &html, err);
}

int totp_show_files(struct tool *t, const struct totp_conf *c, struct totp_show *o,
		    const struct totp_shown *w, struct err *err)
{
	CLEANUP(buf_release) struct buf uri = BUF_SECRET_INIT;
	CLEANUP(buf_release) struct buf data = BUF_SECRET_INIT;
	CLEANUP(qr_release) struct qr qr = QR_INIT;

	if (make_uri(c, w, &uri, err) < 0 || qr_encode(&qr, uri.p, err) < 0)
		return -1;
	if (o->png) {
		qr_png(&data, &qr, PNG_SCALE);
		if (write_private(t, o->png, &data, err) < 0)
			return -1;
		o->png_written = true;
	}
	if (o->svg) {
		buf_reset(&data);
		qr_svg(&data, &qr);
		if (write_private(t, o->svg, &data, err) < 0)
			return -1;
		o->svg_written = true;
	}
	o->sheet_written = false;
	if (o->sheets) {
		if (show_sheet(t, c, o, w, &qr, err) < 0)
			return -1;
		o->sheet_written = true;
	}
	if (!o->uri_fd)
		return 0;
	buf_addc(&uri, '\n');
	return buf_write_fd(&uri, (int)o->uri_fd, err);
}

void totp_show_withdraw(struct tool *t, const struct totp_show *o, const char *user)
{
	const char *files[] = { o->png_written ? o->png : NULL, o->svg_written ? o->svg : NULL };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FREE char *full = files[i] ? absolute(files[i]) : NULL;

		if (full && path_unlink(&t->root, full, NULL) < 0)
			log_warn("'%s' shows a secret that is not in force; remove it", full);
	}
	if (o->sheet_written) {
		AUTO_FREE char *sheet = sheet_path(o->sheets, user);

		if (path_unlink(&t->root, sheet, NULL) < 0)
			log_warn("'%s' shows a secret that is not in force; remove it", sheet);
	}
}

int totp_show_terminal(const struct totp_conf *c, const struct totp_shown *w, struct err *err)
{
	CLEANUP(buf_release) struct buf uri = BUF_SECRET_INIT;
	CLEANUP(buf_release) struct buf text = BUF_SECRET_INIT;
	CLEANUP(qr_release) struct qr qr = QR_INIT;

	if (!isatty(STDERR_FILENO))
		return 0;
	if (make_uri(c, w, &uri, err) < 0 || qr_encode(&qr, uri.p, err) < 0)
		return -1;
	qr_terminal(&text, &qr);
	buf_adds(&text, "scan this with the authenticator app, or type this key into it:\n ");
	for (size_t i = 0; w->secret[i]; i++)
		buf_addf(&text, "%s%c", i % 4 ? "" : " ", w->secret[i]);
	buf_addf(&text, "\n  (%s, %u digits, %u seconds)\n", otp_algorithm_name(w->params->algorithm), w->params->digits, w->params->period);
	return buf_write_fd(&text, STDERR_FILENO, err);
}

int totp_read_line(const char *prompt, struct buf *out, struct err *err)
{
	char c;

	if (isatty(STDIN_FILENO) && write(STDERR_FILENO, prompt, strlen(prompt)) < 0)
		return err_sys(err, errno, "terminal");
	while (out->len < 256) {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "standard input");
		if (n == 0 || c == '\n')
			break;
		buf_addc(out, c);
	}
	buf_trim_end(out);
	return 0;
}

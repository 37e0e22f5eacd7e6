/* maintkit-app certificate: the key and certificate of the https port, as a PKCS#12 file.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private keys go from one openssl to the next through our memory, never
 * through a temporary file; passwords go by file, never on a command line.
 */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../base/child.h"
#include "../ext/effects.h"

#define PEM_MAX (1u << 20)
#define SELF_SIGNED_DAYS "825"		/* the longest that Apple's systems take */
#define OWN_ALIAS "maintkit-self-signed"	/* the entry's name tells ours from others */
#define RENEW_SECONDS "2592000"		/* 30 days */

struct place {
	const char *file, *password;
	uid_t uid;
	gid_t gid;
};

static int find_place(const struct app *a, struct place *p, struct err *err)
{
	uid_t user;

	p->file = profile_require(a->profile, "app", "certificate", err);
	p->password = p->file ? profile_require(a->profile, "app", "certificate-password", err) : NULL;
	p->uid = geteuid();
	return p->password ? profile_user(a->profile, a->root, &user, &p->gid, err) : -1;
}

/* Read by the web user, written by root only. */
static struct atomic_opts file_opts(const struct place *p)
{
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	o.mode = 0640;
	o.uid = p->uid;
	o.gid = p->gid;
	return o;
}

static int openssl(const char *const *argv, const struct buf *in, struct buf *out, struct err *err)
{
	AUTO_BUF errs = BUF_INIT;
	struct child c = { .argv = argv, .in = in ? in->p : NULL, .in_len = in ? in->len : 0, .out = out, .errs = &errs };

	return child_check(&c, err) < 0 ? -1 : 0;
}

/* The password of the PKCS#12 file: made once. */
static int ensure_password(const struct app *a, const struct place *p, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	struct atomic_opts opts = file_opts(p);
	AUTO_FREE char *dir = path_dirname(p->password);
	unsigned char raw[24];
	struct stat st;

	if (path_mkdirs(a->root, dir, 0755, p->uid, (gid_t)-1, err) < 0)
		return -1;
	if (path_stat(a->root, p->password, &st, err) == 0)
		return 0;
	if (err->kind != ERR_ABSENT)
		return -1;
	err_clear(err);
	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return err_sys(err, errno, "no random bytes");
	for (size_t i = 0; i < sizeof(raw); i++)
		buf_addf(&text, "%02x", raw[i]);
	buf_addc(&text, '\n');
	explicit_bzero(raw, sizeof(raw));
	return atomic_replace(a->root, p->password, text.p, text.len, &opts, err) < 0 ? -1 : 0;
}

static bool is_host_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

	return n > 0 && n <= 253 && s[n] == '\0';
}

/* Fully qualified where the resolver knows it, else the bare name. */
static char *host_name(void)
{
	const char *argv[] = { "hostname", "--fqdn", NULL };
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	struct child c = { .argv = argv, .out = &out, .errs = &errs, .timeout_ms = 10000 };
	char name[256] = "localhost";

	if (child_run(&c, NULL) == 0) {
		buf_trim_end(&out);
		if (is_host_name(out.p))
			return buf_steal(&out);
	}
	if (gethostname(name, sizeof(name) - 1) < 0 || !is_host_name(name))
		return xstrdup("localhost");
	return xstrdup(name);
}

/* Key and certificate as PEM into out. The request's configuration is ours,
 * not /etc/ssl/openssl.cnf, whose default makes a certificate authority of it. */
static int make_self_signed(struct buf *out, struct err *err)
{
	const char *argv[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
			       "-config", "/dev/stdin", "-keyout", "-", "-out", "-", "-days", SELF_SIGNED_DAYS, NULL };
	AUTO_FREE char *host = host_name();
	AUTO_BUF conf = BUF_INIT;

	/* A common name has at most 64 characters (X.520); browsers look for
	 * the whole name among the alternative ones. */
	buf_addf(&conf, "[req]\nprompt=no\ndistinguished_name=name\nx509_extensions=ext\n"
		 "[name]\nCN=%.64s\n[ext]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
		 "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\n", host, host);
	return openssl(argv, &conf, out, err);
}

/* A file that root named on the command line: links are followed, certbot's
 * live/NAME/ consists of them. */
static int read_named(const char *path, struct buf *out, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, errno, "'%s'", path);
	if (buf_read_fd(out, fd, PEM_MAX, err) < 0) {
		err_prefix(err, "'%s'", path);
		return -1;
	}
	if (out->len && out->p[out->len - 1] != '\n')
		buf_addc(out, '\n');
	return 0;
}

static int read_pair(struct buf *pem, struct err *err)
{
	AUTO_BUF cert = BUF_INIT;
	const char *argv[] = { "openssl", "x509", "-noout", "-checkend", "0", NULL };
	AUTO_BUF said = BUF_INIT;

	if (read_named(app_opt_key, pem, err) < 0 || read_named(app_opt_cert, &cert, err) < 0)
		return -1;
	if (openssl(argv, &cert, &said, err) < 0) {
		err_prefix(err, "'%s' is no certificate or has expired", app_opt_cert);
		return -1;
	}
	buf_add(pem, cert.p, cert.len);
	return 0;
}

/* openssl refuses a key that is not the certificate's; an encrypted key fails
 * with the empty -passin instead of asking a terminal. */
static int make_pkcs12(const struct app *a, const struct place *p, const struct buf *pem, struct buf *out,
		       struct err *err)
{
	const char *alias = app_opt_cert ? "tomcat" : OWN_ALIAS;
	AUTO_FREE char *host = app_host_path(a, p->password);
	AUTO_FREE char *pass = xasprintf("file:%s", host);
	const char *argv[] = { "openssl", "pkcs12", "-export", "-passin", "pass:", "-passout", pass, "-name", alias,
			       NULL };

	return openssl(argv, pem, out, err);
}

/* The certificate in force as PEM. */
static int read_current(const struct app *a, const struct place *p, struct buf *pem, struct err *err)
{
	AUTO_FREE char *host = app_host_path(a, p->password);
	AUTO_FREE char *pass = xasprintf("file:%s", host);
	const char *argv[] = { "openssl", "pkcs12", "-nokeys", "-clcerts", "-passin", pass, NULL };
	AUTO_BUF file = BUF_SECRET_INIT;

	if (path_read_file(a->root, p->file, &file, PEM_MAX, NULL, err) < 0)
		return -1;
	return openssl(argv, &file, pem, err);
}

/* Is there one that need not be made anew? Only our own self-signed one is
 * renewed by us, when it is about to expire. */
static int good_enough(const struct app *a, const struct place *p, struct err *err)
{
	const char *end[] = { "openssl", "x509", "-noout", "-checkend", RENEW_SECONDS, NULL };
	AUTO_BUF pem = BUF_INIT, ignored = BUF_INIT;
	struct stat st;

	if (path_stat(a->root, p->file, &st, err) < 0) {
		if (err->kind != ERR_ABSENT)
			return -1;
		err_clear(err);
		return 0;
	}
	if (read_current(a, p, &pem, err) < 0) {
		err_prefix(err, "'%s'", p->file);
		return -1;
	}
	if (!strstr(pem.p, "friendlyName: " OWN_ALIAS "\n") || openssl(end, &pem, &ignored, NULL) == 0)
		return 1;
	log_info("the self-signed certificate expires within 30 days and is renewed");
	return 0;
}

static int put_file(const struct app *a, const struct place *p, const struct buf *pem, struct err *err)
{
	AUTO_BUF p12 = BUF_SECRET_INIT, old = BUF_SECRET_INIT;
	AUTO_FREE char *sum = NULL, *value = NULL, *old_sum = NULL, *old_value = NULL;
	struct atomic_opts opts = file_opts(p);

	if (make_pkcs12(a, p, pem, &p12, err) < 0)
		return -1;
	sum = app_sha256(&p12);
	value = xasprintf("sha256:%s", sum);
	if (path_read_file(a->root, p->file, &old, PEM_MAX, NULL, NULL) == 0) {
		old_sum = app_sha256(&old);
		old_value = xasprintf("sha256:%s", old_sum);
	}
	if (effect_intend(a->profile, a->root, EFFECT_HOST, "certificate", p->file,
			  old_value ? old_value : EFFECT_ABSENT, value, err) < 0 ||
	    atomic_replace(a->root, p->file, p12.p, p12.len, &opts, err) < 0)
		return -1;
	return effect_done(a->profile, a->root, EFFECT_HOST, "certificate", p->file,
			   old_value ? old_value : EFFECT_ABSENT, value, err);
}

int app_certificate(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	AUTO_BUF pem = BUF_SECRET_INIT;
	struct place p;
	int rc;

	if (app_opt_if_missing == (app_opt_cert || app_opt_key) || !app_opt_cert != !app_opt_key)
		return err_set(err, ERR_USAGE, "give --self-signed-if-missing, or --cert FILE and --key FILE");
	if (app_open(&a, t, NULL, APP_ANY_VERSION, err) < 0 || find_place(&a, &p, err) < 0)
		return -1;
	if (app_opt_if_missing) {
		rc = good_enough(&a, &p, err);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			log_info("there is a certificate already, '%s'", p.file);
			return 0;
		}
	}
	if (t->dry_run) {
		log_info("would write '%s'", p.file);
		return 0;
	}
	if ((app_opt_cert ? read_pair(&pem, err) : make_self_signed(&pem, err)) < 0)
		return -1;
	if (ensure_password(&a, &p, err) < 0 || put_file(&a, &p, &pem, err) < 0)
		return -1;
	log_info("wrote the %scertificate '%s'; 'app activate' puts it into service", app_opt_cert ? "" : "self-signed ", p.file);
	return 0;
}

int app_certificate_describe(const struct app *a, char **subject, char **until, struct err *err)
{
	const char *argv[] = { "openssl", "x509", "-noout", "-subject", "-enddate", NULL };
	AUTO_BUF pem = BUF_INIT, said = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;
	struct place p;

	if (find_place(a, &p, err) < 0 || read_current(a, &p, &pem, err) < 0 || openssl(argv, &pem, &said, err) < 0)
		return -1;
	strv_split(&lines, said.p, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		if (strncmp(lines.v[i], "subject=", 8) == 0 && !*subject)
			*subject = xstrdup(lines.v[i] + 8 + strspn(lines.v[i] + 8, " "));
		else if (strncmp(lines.v[i], "notAfter=", 9) == 0 && !*until)
			*until = xstrdup(lines.v[i] + 9);
	}
	return *subject && *until ? 0 : err_set(err, ERR_FAIL, "'%s': openssl does not describe it", p.file);
}

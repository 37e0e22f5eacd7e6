/* What will make the package's own preinst stop later, told while nothing has been touched yet.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A version of a higher level makes a backup before it is unpacked, and stops
 * without one. Over a package that is not built on maintkit such a stop leaves
 * a mess (its "postinst abort-upgrade" fails). It is only told, never a ground
 * for status 4: the incoming package decides what it needs. By files alone, and
 * only in this case.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "../base/log.h"
#include "../ext/mirror.h"
#include "hook.h"

#define SPARE (64ULL << 20)	/* "backup create" leaves that much free (backup_create.c) */

enum phrase { P_HEAD, P_SERVER, P_KEY, P_SPACE };

static const char *const phrases[][2] = {
	[P_HEAD] = { "%s %s changes the data and stops unless a backup can be made first; as things stand it will stop:",
		     "%s %s modifie les données et s'arrête si une sauvegarde n'est pas possible avant ; en l'état il s'arrêtera :" },
	[P_SERVER] = { "the database server does not run ('%s' is not there): systemctl start mariadb",
		       "le serveur de base de données ne tourne pas (« %s » n'existe pas) : systemctl start mariadb" },
	[P_KEY] = { "there is no key to encrypt a backup to: maintkit -p %s pgp ensure",
		    "il n'y a pas de clé pour chiffrer une sauvegarde : maintkit -p %s pgp ensure" },
	[P_SPACE] = { "'%s' has %llu MiB free; the last backup has %llu MiB, and %llu must be left over",
		      "« %s » a %llu Mio libres ; la dernière sauvegarde fait %llu Mio, et il doit en rester %llu" },
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"	/* the table above holds the formats */
static void add(struct buf *out, enum policy_lang lang, enum phrase p, ...)
{
	va_list ap;

	if (p != P_HEAD)
		buf_adds(out, "\n  - ");
	va_start(ap, p);
	buf_vaddf(out, phrases[p][lang], ap);
	va_end(ap);
}
#pragma GCC diagnostic pop

static bool is_there(const struct root *root, const char *path)
{
	struct stat st;

	return path_stat(root, path, &st, NULL) == 0;
}

static void look_at_server(struct buf *out, const struct root *root, const struct policy_state *s, enum policy_lang lang)
{
	if (s->db_socket && !is_there(root, s->db_socket))
		add(out, lang, P_SERVER, s->db_socket);
}

static void look_for_key(struct buf *out, const struct root *root, const struct policy_state *s, enum policy_lang lang)
{
	for (size_t i = 0; i < s->backup_keys.n; i++)
		if (is_there(root, s->backup_keys.v[i]))
			return;
	if (s->backup_keys.n)
		add(out, lang, P_KEY, s->package);
}

static void look_for_space(struct buf *out, const struct root *root, const struct policy_state *s, enum policy_lang lang)
{
	AUTO_FREE char *last = s->backup_dir ? mirror_newest_file(root, s->backup_dir) : NULL;
	AUTO_FREE char *host = last ? xasprintf("%s%s", root->prefix, s->backup_dir) : NULL;
	unsigned long long have;
	struct statvfs v;
	struct stat st;

	if (!last || path_stat(root, last, &st, NULL) < 0 || statvfs(host, &v) < 0)
		return;
	have = (unsigned long long)v.f_bavail * v.f_frsize;
	if (have < (unsigned long long)st.st_size + SPARE)
		add(out, lang, P_SPACE, s->backup_dir, have >> 20, (unsigned long long)st.st_size >> 20, SPARE >> 20);
}

void hook_preflight(const struct root *root, const struct policy_state *s, const struct policy_incoming *in,
		    const struct policy_result *r, enum policy_lang lang)
{
	AUTO_BUF text = BUF_INIT;
	size_t head;

	if (!s->known || r->kind != POLICY_OURS || s->schema_level == 0 || r->level <= s->schema_level)
		return;
	add(&text, lang, P_HEAD, s->package, in->version);
	head = text.len;
	look_at_server(&text, root, s, lang);
	look_for_key(&text, root, s, lang);
	look_for_space(&text, root, s, lang);
	if (text.len > head)
		log_warn("%s", text.p);
}

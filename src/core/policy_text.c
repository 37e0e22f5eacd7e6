/* May this version be put over that data? The words for the decision, in English and French.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "policy.h"

#include <string.h>
#include <time.h>

#define TIME_TEXT 40
#define SHOWN_MAX 100	/* bytes of a foreign text that are shown */

/* The sentences, by language; %s and %ld as noted. Kept together so that a
 * translator sees one table, and the test can compare the two columns. */
enum phrase {
	P_REFUSE,	/* package, version */
	P_ALLOW_ONCE,	/* package, version, reason of the allowance */
	P_WARN,		/* package, version */
	P_ALLOW,	/* package, version */
	P_WHAT, P_SINCE, P_WHY, P_OLDEST, P_WAYS,
	P_BELOW_MIN,	/* level, minimum */
	P_NEWER_DATA,	/* schema level, reads from, to */
	P_OLDER_DATA,	/* schema level, reads from, to */
	P_ENV_FLOOR,	/* environment, floor */
	P_ENV_NEVER,	/* environment */
	P_BAD_FIELDS, P_UNPLACED,
	P_FRESH, P_FITS,
	P_UNKNOWN_TIME, P_NOT_RECORDED,
	P_OLDEST_LEVEL,	/* level */
	P_OLDEST_PRODUCT,	/* product number */
	P_OLDEST_HERE,	/* version */
	P_OLDEST_LEGACY,	/* version */
	P_WAY_BACKUP,	/* time, package, file */
	P_WAY_BACKUPS,	/* package */
	P_WAY_NEWER,	/* package */
	P_WAY_UNDO,	/* package, package, migration */
	P_WAY_BETWEEN,
	P_WAY_ALLOW,	/* package, version */
	P_R_DATA, P_R_PLACE, P_R_MIN, P_R_READS, P_R_ENV, P_R_ALLOW,
	P_HAND_OVER,	/* package, version, package, package */
	P_YES, P_NO, P_SKIPPED,
	P_IS_OURS,	/* level, from, to */
	P_IS_LEGACY,	/* product */
	P_COUNT
};

static const char *const phrases[P_COUNT][2] = {
	[P_REFUSE] = { "refused: %s %s cannot be used with the data that is here",
		       "refusé : %s %s ne peut pas être utilisé avec les données présentes" },
	[P_ALLOW_ONCE] = { "allowed once: %s %s (%s); without that:",
			   "autorisé une fois : %s %s (%s) ; sinon :" },
	[P_WARN] = { "%s %s may not work on this machine",
		     "%s %s pourrait ne pas fonctionner sur cette machine" },
	[P_ALLOW] = { "%s %s may be installed", "%s %s peut être installé" },
	[P_WHAT] = { "what", "quoi" },
	[P_SINCE] = { "since", "depuis" },
	[P_WHY] = { "why", "pourquoi" },
	[P_OLDEST] = { "oldest allowed", "minimum autorisé" },
	[P_WAYS] = { "ways out", "solutions" },
	[P_BELOW_MIN] = { "it is of level %ld and would read and write this data wrongly: level %ld or newer is needed",
			  "il est de niveau %ld et lirait et écrirait mal ces données : il faut le niveau %ld ou plus" },
	[P_NEWER_DATA] = { "the data has level %ld; it reads only %ld to %ld and would fail or write it wrongly",
			   "les données sont de niveau %ld ; il ne lit que %ld à %ld et échouerait ou les écrirait mal" },
	[P_OLDER_DATA] = { "the data has level %ld; it reads only %ld to %ld, so an upgrade in between is missing",
			   "les données sont de niveau %ld ; il ne lit que %ld à %ld, une mise à niveau intermédiaire manque" },
	[P_ENV_FLOOR] = { "with %s nothing older than %s runs", "avec %s, rien de plus ancien que %s ne fonctionne" },
	[P_ENV_NEVER] = { "no legacy package runs with %s", "aucun ancien paquet ne fonctionne avec %s" },
	[P_BAD_FIELDS] = { "its fields Maintkit-Level and Maintkit-Reads make no sense, so nothing is known about it",
			   "ses champs Maintkit-Level et Maintkit-Reads n'ont pas de sens, on ne sait donc rien de lui" },
	[P_UNPLACED] = { "it does not say which data it reads, and its version is not one of the known series",
			 "il ne dit pas quelles données il lit, et sa version n'est pas d'une série connue" },
	[P_FRESH] = { "no data is recorded on this machine", "aucune donnée n'est enregistrée sur cette machine" },
	[P_FITS] = { "it reads this data", "il lit ces données" },
	[P_UNKNOWN_TIME] = { "not recorded", "non enregistré" },
	[P_NOT_RECORDED] = { "not recorded", "non enregistré" },
	[P_OLDEST_LEVEL] = { "any version of level %ld or newer", "toute version de niveau %ld ou plus" },
	[P_OLDEST_PRODUCT] = { "product %ld, any build of it", "produit %ld, n'importe quelle version" },
	[P_OLDEST_HERE] = { "; %s was installed here before", " ; %s a déjà été installé ici" },
	[P_OLDEST_LEGACY] = { "%s", "%s" },
	[P_WAY_BACKUP] = { "go back to the backup of %s; what was entered since is lost:\n"
			   "      maintkit -p %s backup restore --stop-app %s",
			   "revenir à la sauvegarde du %s ; ce qui a été saisi depuis est perdu :\n"
			   "      maintkit -p %s backup restore --stop-app %s" },
	[P_WAY_BACKUPS] = { "go back to data that it reads; no backup here is known to hold such, see for yourself:\n"
			    "      maintkit -p %s backup list",
			    "revenir à des données qu'il lit ; aucune sauvegarde connue ici n'en contient, voyez :\n"
			    "      maintkit -p %s backup list" },
	[P_WAY_NEWER] = { "install a newer package instead, from a file or from the archive:\n"
			  "      apt-get install %s",
			  "installer plutôt un paquet plus récent, d'un fichier ou de l'archive :\n"
			  "      apt-get install %s" },
	[P_WAY_UNDO] = {
		"take back the data migrations that are done, the last one first; nothing else is lost:\n      maintkit -p %s migrate status\n      maintkit -p %s migrate undo %s",
		"reprendre les migrations de données faites, la dernière d'abord ; rien d'autre n'est perdu :\n      maintkit -p %s migrate status\n      maintkit -p %s migrate undo %s" },
	[P_WAY_BETWEEN] = { "install a version in between first", "installer d'abord une version intermédiaire" },
	[P_WAY_ALLOW] = { "if you know better, allow it once (recorded with your reason):\n      maintkit -p %s guard allow '%s' --reason 'WHY'",
			  "si vous savez ce que vous faites, l'autoriser une fois (noté avec la raison) :\n      maintkit -p %s guard allow '%s' --reason 'RAISON'" },
	[P_R_DATA] = { "is there data", "y a-t-il des données" },
	[P_R_PLACE] = { "where does the package stand", "où se situe le paquet" },
	[P_R_MIN] = { "is it new enough for the data", "est-il assez récent pour les données" },
	[P_R_READS] = { "is the data in the range it reads", "les données sont-elles dans ce qu'il lit" },
	[P_R_ENV] = { "does it run with Java and Tomcat here", "fonctionne-t-il avec Java et Tomcat d'ici" },
	[P_R_ALLOW] = { "was it allowed by hand", "a-t-il été autorisé à la main" },
	[P_HAND_OVER] = {
		"%s %s is not built on maintkit: our instance stops, and that package finds the settings where it looks for "
		"them; when '%s' is not installed at the moment, run this first: maintkit -p %s app hand-over",
		"%s %s n'est pas fait pour maintkit : notre instance s'arrête, et ce paquet trouve les réglages là où il les "
		"cherche ; si « %s » n'est pas installé en ce moment, lancez d'abord : maintkit -p %s app hand-over" },
	[P_YES] = { "yes", "oui" },
	[P_NO] = { "no", "non" },
	[P_SKIPPED] = { "not asked", "non examiné" },
	[P_IS_OURS] = { "level %ld, reads %ld to %ld", "niveau %ld, lit %ld à %ld" },
	[P_IS_LEGACY] = { "legacy, product %ld", "ancien paquet, produit %ld" },
};

static const char *say(enum phrase p, enum policy_lang lang)
{
	return phrases[p][lang];
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"	/* the table above holds the formats */
static void add(struct buf *out, enum policy_lang lang, enum phrase p, ...)
{
	va_list ap;

	va_start(ap, p);
	buf_vaddf(out, say(p, lang), ap);
	va_end(ap);
}
#pragma GCC diagnostic pop

/* Text that comes out of a .deb or a database may hold terminal commands or
 * be a screenful: printable ASCII and UTF-8, shortened; quotes are taken out
 * because the text stands in a command to copy. */
static char *shown(const char *text)
{
	AUTO_BUF b = BUF_INIT;

	for (const char *p = text ? text : ""; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (b.len >= SHOWN_MAX && (c & 0xc0) != 0x80) {
			buf_adds(&b, "...");
			break;
		}
		buf_addc(&b, c < 0x20 || c == 0x7f || c == '\'' ? '?' : *p);
	}
	return buf_steal(&b);
}

enum policy_lang policy_language(const char *lc_all, const char *lc_messages, const char *lang)
{
	const char *value = lc_all && *lc_all ? lc_all : lc_messages && *lc_messages ? lc_messages : lang;

	return value && strncmp(value, "fr", 2) == 0 && strchr("_.@", value[2]) ? POLICY_FR : POLICY_EN;
}

static void label(struct buf *out, enum policy_lang lang, enum phrase p)
{
	buf_addf(out, "  %s: ", say(p, lang));
}

static bool time_text(char *text, long long t)
{
	time_t seconds = (time_t)t;
	struct tm tm;

	return t > 0 && gmtime_r(&seconds, &tm) && strftime(text, TIME_TEXT, "%Y-%m-%d %H:%M UTC", &tm);
}

static void add_time(struct buf *out, long long t, enum policy_lang lang)
{
	char text[TIME_TEXT];

	buf_adds(out, time_text(text, t) ? text : say(P_UNKNOWN_TIME, lang));
}

/* One sentence for a reason. */
static void add_why(struct buf *out, const struct policy_state *s, const struct policy_result *r,
		    enum policy_why why, enum policy_lang lang)
{
	AUTO_FREE char *env = shown(s->env_note);

	switch (why) {
	case POLICY_BELOW_MIN:
		add(out, lang, P_BELOW_MIN, r->level, s->min_level);
		break;
	case POLICY_NEWER_DATA:
		add(out, lang, P_NEWER_DATA, s->schema_level, r->reads_min, r->reads_max);
		break;
	case POLICY_OLDER_DATA:
		add(out, lang, P_OLDER_DATA, s->schema_level, r->reads_min, r->reads_max);
		break;
	case POLICY_ENV_FLOOR:
		add(out, lang, P_ENV_FLOOR, env, s->env_floor);
		break;
	case POLICY_ENV_NEVER:
		add(out, lang, P_ENV_NEVER, env);
		break;
	case POLICY_BAD_FIELDS:
		add(out, lang, P_BAD_FIELDS);
		break;
	case POLICY_UNPLACED:
		add(out, lang, P_UNPLACED);
		break;
	case POLICY_FRESH:
		add(out, lang, P_FRESH);
		break;
	case POLICY_FITS:
	case POLICY_BY_ALLOWANCE:
		add(out, lang, P_FITS);
		break;
	}
}

/* The release installed here before that is the lowest of those that still fit. */
static const struct policy_release *oldest_release(const struct policy_state *s)
{
	const struct policy_release *best = NULL;

	for (size_t i = 0; i < s->n_release; i++) {
		const struct policy_release *r = &s->release[i];

		if (r->level < s->min_level || r->reads_max < s->schema_level)
			continue;
		if (!best || r->level < best->level)
			best = r;
	}
	return best;
}

/* Where legacy versions count, people know their product numbers; only
 * packages of ours read data that has gone beyond a level. */
static bool by_product(const struct policy_state *s, enum policy_why why)
{
	return s->lineage && strcmp(s->lineage, LINEAGE_OSCAR) == 0 && why == POLICY_BELOW_MIN;
}

static void add_oldest(struct buf *out, const struct policy_state *s, enum policy_why why,
		       enum policy_lang lang)
{
	const struct policy_release *old = oldest_release(s);
	long level = s->min_level > 0 ? s->min_level : 1;

	label(out, lang, P_OLDEST);
	if (why == POLICY_ENV_FLOOR) {
		add(out, lang, P_OLDEST_LEGACY, s->env_floor);
	} else {
		if (why == POLICY_NEWER_DATA && s->schema_level > level)
			level = s->schema_level;
		add(out, lang, by_product(s, why) ? P_OLDEST_PRODUCT : P_OLDEST_LEVEL, level);
		if (old)
			add(out, lang, P_OLDEST_HERE, old->version);
	}
	buf_addc(out, '\n');
}

/* "data migration NAME was run": the name, to be freed; NULL: another reason, or a text that nobody of us wrote. */
static char *migration_of(const char *reason)
{
	size_t prefix = strlen(POLICY_REASON_MIGRATION), len;

	if (!reason || strncmp(reason, POLICY_REASON_MIGRATION, prefix) != 0)
		return NULL;
	len = strspn(reason + prefix, "abcdefghijklmnopqrstuvwxyz-");
	if (!len || len > 32 || strcmp(reason + prefix + len, " was run") != 0)
		return NULL;
	return xstrndup(reason + prefix, len);
}

static void add_ways(struct buf *out, const struct policy_state *s, const struct policy_incoming *in,
		     enum policy_why why, const struct policy_backup *backup, enum policy_lang lang)
{
	AUTO_FREE char *version = shown(in->version);
	char when[TIME_TEXT];

	buf_addf(out, "  %s:\n    - ", say(P_WAYS, lang));
	if (why == POLICY_OLDER_DATA) {
		add(out, lang, P_WAY_BETWEEN);
	} else {
		AUTO_FREE char *migration = why == POLICY_BELOW_MIN ? migration_of(s->reason) : NULL;

		add(out, lang, P_WAY_NEWER, s->package);
		if (migration) {
			buf_adds(out, "\n    - ");
			add(out, lang, P_WAY_UNDO, s->package, s->package, migration);
		}
		if (why != POLICY_ENV_FLOOR) {
			buf_adds(out, "\n    - ");
			if (backup)
				add(out, lang, P_WAY_BACKUP, time_text(when, backup->made) ? when : "?", s->package, backup->file);
			else
				add(out, lang, P_WAY_BACKUPS, s->package);
		}
	}
	buf_adds(out, "\n    - ");
	add(out, lang, P_WAY_ALLOW, s->package, version);
	buf_addc(out, '\n');
}

static void add_facts(struct buf *out, const struct policy_state *s, const struct policy_result *r,
		      enum policy_why why, enum policy_lang lang)
{
	label(out, lang, P_WHAT);
	add_why(out, s, r, why, lang);
	buf_addc(out, '\n');
	if (why == POLICY_BELOW_MIN || why == POLICY_NEWER_DATA) {
		AUTO_FREE char *reason = shown(s->reason);

		label(out, lang, P_SINCE);
		add_time(out, s->since, lang);
		buf_addc(out, '\n');
		label(out, lang, P_WHY);
		buf_adds(out, *reason ? reason : say(P_NOT_RECORDED, lang));
		buf_addc(out, '\n');
	}
}

void policy_text(struct buf *out, const struct policy_state *s, const struct policy_incoming *in,
		 const struct policy_result *r, const struct policy_backup *backup, enum policy_lang lang)
{
	AUTO_FREE char *version = shown(in->version);
	const char *name = s->package ? s->package : "?";

	switch (r->verdict) {
	case POLICY_ALLOW:
		if (r->why == POLICY_BY_ALLOWANCE) {
			AUTO_FREE char *reason = shown(r->allowance->reason);

			add(out, lang, P_ALLOW_ONCE, name, version, reason);
			buf_addc(out, '\n');
			add_facts(out, s, r, r->refused, lang);
			return;
		}
		add(out, lang, P_ALLOW, name, version);
		buf_addf(out, "; ");
		add_why(out, s, r, r->why, lang);
		buf_addc(out, '\n');
		return;
	case POLICY_WARN:
		add(out, lang, P_WARN, name, version);
		buf_addc(out, '\n');
		add_facts(out, s, r, r->why, lang);
		return;
	case POLICY_REFUSE:
		add(out, lang, P_REFUSE, name, version);
		buf_addc(out, '\n');
		add_facts(out, s, r, r->why, lang);
		add_oldest(out, s, r->why, lang);
		add_ways(out, s, in, r->why, backup, lang);
		return;
	}
}

void policy_handover_text(struct buf *out, const struct policy_state *s, const struct policy_incoming *in,
			  enum policy_lang lang)
{
	AUTO_FREE char *version = shown(in->version);

	add(out, lang, P_HAND_OVER, s->package, version, s->package, s->package);
}

static void rule(struct buf *out, enum policy_lang lang, enum phrase name, enum phrase outcome)
{
	buf_addf(out, "- %s: %s", say(name, lang), say(outcome, lang));
}

static void explain_place(struct buf *out, const struct policy_result *r, enum policy_why why,
			  enum policy_lang lang)
{
	buf_addf(out, "- %s: ", say(P_R_PLACE, lang));
	if (why == POLICY_BAD_FIELDS)
		add(out, lang, P_BAD_FIELDS);
	else if (r->kind == POLICY_OURS)
		add(out, lang, P_IS_OURS, r->level, r->reads_min, r->reads_max);
	else if (r->kind == POLICY_LEGACY)
		add(out, lang, P_IS_LEGACY, r->level);
	else
		add(out, lang, P_UNPLACED);
	buf_addc(out, '\n');
}

void policy_explain(struct buf *out, const struct policy_state *s, const struct policy_incoming *in,
		    const struct policy_result *r, enum policy_lang lang)
{
	enum policy_why why = r->why == POLICY_BY_ALLOWANCE ? r->refused : r->why;
	bool placed = why != POLICY_BAD_FIELDS && r->kind != POLICY_UNKNOWN;
	bool ours = r->kind == POLICY_OURS, open = s->known && placed;
	bool reads_ask = open && ours && why != POLICY_BELOW_MIN;
	bool env_ask = open && !ours && why != POLICY_BELOW_MIN;

	rule(out, lang, P_R_DATA, s->known ? P_YES : P_NO);
	if (s->known)
		buf_addf(out, " (schema_level %ld, min_app_level %ld)", s->schema_level, s->min_level);
	buf_addc(out, '\n');
	explain_place(out, r, why, lang);
	rule(out, lang, P_R_MIN, !open ? P_SKIPPED : why == POLICY_BELOW_MIN ? P_NO : P_YES);
	if (open)
		buf_addf(out, " (%ld %s %ld)", r->level, why == POLICY_BELOW_MIN ? "<" : ">=", s->min_level);
	buf_addc(out, '\n');
	rule(out, lang, P_R_READS, !reads_ask ? P_SKIPPED :
	     why == POLICY_NEWER_DATA || why == POLICY_OLDER_DATA ? P_NO : P_YES);
	buf_addc(out, '\n');
	rule(out, lang, P_R_ENV, !env_ask ? P_SKIPPED :
	     why == POLICY_ENV_FLOOR || why == POLICY_ENV_NEVER ? P_NO : P_YES);
	if (env_ask && s->env_note)
		buf_addf(out, " (%s)", s->env_note);
	buf_addc(out, '\n');
	rule(out, lang, P_R_ALLOW, r->why == POLICY_BY_ALLOWANCE ? P_YES :
	     r->verdict == POLICY_REFUSE ? P_NO : P_SKIPPED);
	buf_adds(out, "\n\n");
	policy_text(out, s, in, r, NULL, lang);
}

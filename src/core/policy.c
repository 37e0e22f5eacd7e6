/* May this version be put over that data? The decision, without any system call.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "policy.h"

#include <string.h>

#define CLOCK_SLACK_S 3600	/* two clocks of one clinic may differ by this much */

static void allowance_release(struct policy_allowance *a)
{
	free(a->version);
	free(a->instance);
	free(a->reason);
}

void policy_state_release(struct policy_state *s)
{
	for (size_t i = 0; i < s->n_allow; i++)
		allowance_release(&s->allow[i]);
	for (size_t i = 0; i < s->n_release; i++)
		free(s->release[i].version);
	free(s->allow);
	free(s->release);
	free(s->package);
	free(s->title);
	free(s->lineage);
	free(s->instance);
	free(s->reason);
	free(s->env_floor);
	free(s->env_note);
	free(s->backup_dir);
	free(s->db_socket);
	strv_release(&s->backup_keys);
	*s = (struct policy_state){ 0 };
}

void policy_state_add_allowance(struct policy_state *s, const struct policy_allowance *a)
{
	s->allow = xreallocarray(s->allow, s->n_allow + 1, sizeof *s->allow);
	s->allow[s->n_allow] = *a;
	s->allow[s->n_allow].version = xstrdup(a->version);
	s->allow[s->n_allow].instance = xstrdup(a->instance ? a->instance : "");
	s->allow[s->n_allow].reason = xstrdup(a->reason ? a->reason : "");
	s->n_allow++;
}

void policy_state_add_release(struct policy_state *s, const struct policy_release *r)
{
	for (size_t i = 0; i < s->n_release; i++)
		if (strcmp(s->release[i].version, r->version) == 0) {
			s->release[i].level = r->level;
			s->release[i].reads_min = r->reads_min;
			s->release[i].reads_max = r->reads_max;
			return;
		}
	s->release = xreallocarray(s->release, s->n_release + 1, sizeof *s->release);
	s->release[s->n_release] = *r;
	s->release[s->n_release++].version = xstrdup(r->version);
}

void policy_state_merge(struct policy_state *s, const struct policy_state *other)
{
	if (!other->known)
		return;
	s->known = true;
	if (other->schema_level > s->schema_level)
		s->schema_level = other->schema_level;
	if (other->min_level > s->min_level || (other->min_level == s->min_level && !s->reason)) {
		s->min_level = other->min_level;
		free(s->reason);
		s->reason = other->reason ? xstrdup(other->reason) : NULL;
		s->since = other->since;
	}
	if (!s->instance && other->instance)
		s->instance = xstrdup(other->instance);
}

static bool parse_number(const char *s, size_t len, long *out)
{
	long n = 0;

	if (len == 0 || len > 6)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (s[i] - '0');
	}
	*out = n;
	return true;
}

bool policy_parse_level(const char *text, long *level)
{
	long n;

	if (!text || !parse_number(text, strlen(text), &n) || n < 1)
		return false;
	*level = n;
	return true;
}

bool policy_parse_reads(const char *text, long *min, long *max)
{
	const char *dash;
	long a, b;

	if (!text)
		return false;
	dash = strchr(text, '-');
	if (!parse_number(text, dash ? (size_t)(dash - text) : strlen(text), &a))
		return false;
	b = a;
	if (dash && !parse_number(dash + 1, strlen(dash + 1), &b))
		return false;
	if (a > b)
		return false;
	*min = a;
	*max = b;
	return true;
}

/* What kind of package is it, and what does it read? A release that was
 * installed here before needs no fields: they are remembered. */
static bool place(const struct policy_state *s, const struct policy_incoming *in,
		  struct lineage *legacy, struct policy_result *r)
{
	r->kind = POLICY_UNKNOWN;
	if (in->level_field || in->reads_field) {
		r->kind = POLICY_OURS;
		/* what it reads goes at least up to its own level: less is a lie */
		return policy_parse_level(in->level_field, &r->level) &&
		       policy_parse_reads(in->reads_field, &r->reads_min, &r->reads_max) &&
		       r->reads_max >= r->level;
	}
	if (s->lineage && strcmp(s->lineage, LINEAGE_OSCAR) == 0 && lineage_parse(legacy, in->version)) {
		r->kind = POLICY_LEGACY;
		r->level = legacy->product;
		return true;
	}
	for (size_t i = 0; i < s->n_release; i++)
		if (strcmp(s->release[i].version, in->version) == 0) {
			r->kind = POLICY_OURS;
			r->level = s->release[i].level;
			r->reads_min = s->release[i].reads_min;
			r->reads_max = s->release[i].reads_max;
			return true;
		}
	return true;
}

static enum policy_why judge(const struct policy_state *s, const struct policy_result *r,
			     const struct lineage *legacy)
{
	struct lineage floor;

	if (r->kind == POLICY_UNKNOWN)
		return POLICY_UNPLACED;
	if (r->level < s->min_level)
		return POLICY_BELOW_MIN;
	if (r->kind == POLICY_OURS) {
		if (s->schema_level > r->reads_max)
			return POLICY_NEWER_DATA;
		if (s->schema_level > 0 && s->schema_level < r->reads_min)
			return POLICY_OLDER_DATA;
		return POLICY_FITS;
	}
	if (s->env_floor && lineage_parse(&floor, s->env_floor) && lineage_compare(legacy, &floor) < 0)
		return POLICY_ENV_FLOOR;
	return s->env_no_legacy ? POLICY_ENV_NEVER : POLICY_FITS;
}

static enum policy_verdict verdict_of(enum policy_why why)
{
	switch (why) {
	case POLICY_FRESH:
	case POLICY_FITS:
	case POLICY_BY_ALLOWANCE:
		return POLICY_ALLOW;
	case POLICY_ENV_NEVER:
	case POLICY_BAD_FIELDS:
	case POLICY_UNPLACED:
		return POLICY_WARN;
	case POLICY_BELOW_MIN:
	case POLICY_NEWER_DATA:
	case POLICY_OLDER_DATA:
	case POLICY_ENV_FLOOR:
		break;
	}
	return POLICY_REFUSE;
}

const char *policy_allowance_flaw(const struct policy_state *s, const struct policy_allowance *a,
				  long long now, bool running)
{
	if (strcmp(a->instance, s->instance ? s->instance : "") != 0)
		return "other instance";
	if (a->schema_level != s->schema_level || a->min_level != s->min_level)
		return "level raised";
	if (running)
		return NULL;
	if (now + CLOCK_SLACK_S < a->made)
		return "not yet valid";
	return now >= a->expires ? "expired" : NULL;
}

static const struct policy_allowance *find_allowance(const struct policy_state *s, const char *version,
						     long long now, bool running)
{
	for (size_t i = 0; i < s->n_allow; i++)
		if (strcmp(s->allow[i].version, version) == 0 &&
		    !policy_allowance_flaw(s, &s->allow[i], now, running))
			return &s->allow[i];
	return NULL;
}

void policy_decide(const struct policy_state *s, const struct policy_incoming *in, long long now,
		   bool running, struct policy_result *r)
{
	struct lineage legacy = { 0 };
	bool sound;

	*r = (struct policy_result){ 0 };
	sound = place(s, in, &legacy, r);
	if (!s->known)
		r->why = POLICY_FRESH;
	else if (!sound)
		r->why = POLICY_BAD_FIELDS;
	else
		r->why = judge(s, r, &legacy);
	r->verdict = verdict_of(r->why);
	if (r->verdict != POLICY_REFUSE)
		return;
	r->allowance = find_allowance(s, in->version, now, running);
	if (r->allowance) {
		r->refused = r->why;
		r->why = POLICY_BY_ALLOWANCE;
		r->verdict = POLICY_ALLOW;
	}
}

bool policy_backup_helps(const struct policy_state *s, const struct policy_result *r,
			 const struct policy_backup *b)
{
	if (!b->levels_known)	/* made over a database without levels: by its age */
		return s->since > 0 && b->made > 0 && b->made < s->since;
	if (r->kind == POLICY_UNKNOWN || r->level < b->min_level)
		return false;
	return r->kind == POLICY_LEGACY || !b->schema_level ||
	       (b->schema_level >= r->reads_min && b->schema_level <= r->reads_max);
}

const char *policy_why_name(enum policy_why why)
{
	static const char *const names[] = {
		[POLICY_FRESH] = "no-data", [POLICY_FITS] = "fits", [POLICY_BY_ALLOWANCE] = "allowed-once",
		[POLICY_BELOW_MIN] = "below-minimum", [POLICY_NEWER_DATA] = "data-newer",
		[POLICY_OLDER_DATA] = "data-older", [POLICY_ENV_FLOOR] = "environment-floor",
		[POLICY_ENV_NEVER] = "environment-never", [POLICY_BAD_FIELDS] = "bad-fields",
		[POLICY_UNPLACED] = "unplaced",
	};

	return names[why];
}

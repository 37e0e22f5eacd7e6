/* Placing a legacy OSCAR version: product, stage and build number out of its version text.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "lineage.h"

#include <string.h>

#define PRODUCT_MAX 99
#define NUMBER_MAX 9999999	/* seven digits; builds seen have three and four */

/* Decimal digits at *s; false when there are none or the number is too large. */
static bool take_number(const char **s, long max, long *out)
{
	const char *p = *s;
	long n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (*p - '0');
		if (n > max)
			return false;
	}
	*s = p;
	*out = n;
	return true;
}

static bool take_stage(const char **s, enum lineage_stage *stage)
{
	static const struct { const char *word; enum lineage_stage stage; } words[] = {
		{ "alpha", LINEAGE_ALPHA }, { "beta", LINEAGE_BETA }, { "final", LINEAGE_FINAL },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(*s, words[i].word, n) == 0) {
			*stage = words[i].stage;
			*s += n;
			return true;
		}
	}
	return false;
}

bool lineage_parse(struct lineage *l, const char *version)
{
	const char *s = version;
	struct lineage v = { .stage = LINEAGE_PLAIN, .revision = -1, .build = -1 };
	bool staged;
	long n;

	if (!version || strnlen(version, LINEAGE_VERSION_MAX + 1) > LINEAGE_VERSION_MAX)
		return false;
	if (strncmp(s, "0:", 2) == 0)
		s += 2;
	if (!take_number(&s, PRODUCT_MAX, &n) || n == 0)
		return false;
	v.product = (int)n;
	staged = take_stage(&s, &v.stage);
	if (*s == '-' || *s == '.') {
		s++;
		if (!take_number(&s, NUMBER_MAX, &n))
			return false;
		v.revision = (int)n;
		/* 15-97final858 has its build there; the 15 of 14-10alpha15 only counts alphas */
		if (!staged && take_stage(&s, &v.stage) && take_number(&s, NUMBER_MAX, &n) &&
		    v.stage == LINEAGE_FINAL)
			v.build = n;
	}
	if (*s == '~') {
		s++;
		if (!take_number(&s, NUMBER_MAX, &n))
			return false;
		v.build = n;
	}
	if (*s != '\0')
		return false;
	*l = v;
	return true;
}

static int order(long a, long b)
{
	return (a > b) - (a < b);
}

static int stage_rank(enum lineage_stage stage)
{
	return stage == LINEAGE_FINAL ? LINEAGE_PLAIN : (int)stage;
}

int lineage_compare(const struct lineage *a, const struct lineage *b)
{
	int c = order(a->product, b->product);

	if (c)
		return c;
	if (a->build >= 0 && b->build >= 0)
		return order(a->build, b->build);
	c = order(stage_rank(a->stage), stage_rank(b->stage));
	return c ? c : order(a->revision, b->revision);
}

/* Placing a legacy OSCAR version: product, stage and build number out of its version text.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dpkg's order is wrong for these: `19beta-1~932` sorts above `19-97~3743`
 * (letters sort after the end of a part, only `~` sorts before; deb-version(7)),
 * so the manual's own downgrade command is an upgrade to dpkg. What is monotone
 * over all versions seen is the product number, and in it the build number
 * behind `~` (691 ... 3743); some finals carry it behind the word instead
 * (`15-97final858`).
 *
 * Accepted: [0:]PRODUCT[alpha|beta|final][(-|.)REVISION][(alpha|beta|final)[BUILD]][~BUILD]
 * and nothing else; an epoch other than 0 is not a legacy version.
 */
#ifndef MAINTKIT_LINEAGE_H
#define MAINTKIT_LINEAGE_H

#include <stdbool.h>

enum lineage_stage { LINEAGE_ALPHA, LINEAGE_BETA, LINEAGE_PLAIN, LINEAGE_FINAL };

struct lineage {
	int product;		/* 15, 18, 19; 1 to 99 */
	enum lineage_stage stage;
	int revision;		/* -1: none */
	long build;		/* -1: none */
};

#define LINEAGE_OSCAR "oscar"	/* name of this scheme in a profile: [guard] lineage */
#define LINEAGE_VERSION_MAX 128	/* a longer text is no version of ours */

/* False when the text is not a legacy version; *l is then unchanged. */
bool lineage_parse(struct lineage *l, const char *version);

/* < 0: a is older. Product first; then the builds when both have one; else
 * stage (alpha < beta < plain = final), then revision. */
int lineage_compare(const struct lineage *a, const struct lineage *b);

#endif

/* Taking second names out of a first_name column, so that no part of a name is lost.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * OSCAR's manual gives three statements for this; they split blindly and drop a
 * second name where a middle name stands already. Here a name that a person
 * had better look at is held instead. names_as_manual() is what the three
 * statements do, to the byte.
 *
 * Between words stand U+0020, TAB, LF, CR, U+00A0, U+1680, U+2000 to U+200A,
 * U+202F, U+205F, U+3000, any number of them. Text is UTF-8.
 */
#ifndef MAINTKIT_NAMES_H
#define MAINTKIT_NAMES_H

#include <stdbool.h>
#include "../base/buf.h"

enum names_verdict {
	NAMES_KEEP,	/* as it should be already */
	NAMES_WRITE,	/* first and middle are what to write */
	NAMES_HOLD,	/* not to be decided by a program; first and middle are what a split would give */
};
struct names {
	enum names_verdict verdict;
	const char *why;	/* static text, of a hold */
	bool zero_width;	/* characters that nobody sees are in it, and stay */
	struct buf first, middle;
};
#define NAMES_INIT { .first = BUF_INIT, .middle = BUF_INIT }
void names_release(struct names *n);

struct names_rules {
	const struct strv *compound;	/* first words of double names ("Jean"); NULL: the built-in list */
	bool join;			/* where the middle name differs: both, instead of a hold */
	bool force;			/* split also what would be held; only bytes that are no UTF-8 are still held */
};
/* middle NULL: SQL NULL, which becomes ''. */
void names_split(struct names *n, const struct names_rules *rules, const char *first, size_t first_len,
		 const char *middle, size_t middle_len);
void names_as_manual(struct names *n, const char *first, size_t first_len, const char *middle, size_t middle_len);

/* Does every word of the old pair occur in the new one (case does not matter)? */
bool names_lossless(const char *first, const char *middle, const char *new_first, const char *new_middle);
/* The built-in list, words separated by blanks. */
extern const char names_compound[];

#endif

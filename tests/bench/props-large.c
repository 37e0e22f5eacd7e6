/* Time and memory of parsing, editing and merging large properties files in memory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "../../src/core/props.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int rc, const struct err *err)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	exit(1);
}

static void run(size_t megabytes)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	struct err err = ERR_INIT;
	struct props *p, *latest;
	struct rusage use;

	for (size_t i = 0; text.len < megabytes << 20; i++)
		buf_addf(&text, "# about %zu\nkey.number.%zu = value \\u00e9 number\\\n   %zu\n", i, i, i);
	double start = now();

	must(props_parse(&p, text.p, text.len, PROPS_LATIN1, &err), &err);
	double parsed = now();

	for (int i = 0; i < 30; i++) {
		char key[40];

		snprintf(key, sizeof(key), "key.number.%d", i * 100);
		must(props_set(p, key, "changed", &err), &err);
		snprintf(key, sizeof(key), "new.%d", i);
		must(props_set(p, key, "changed", &err), &err);
	}
	props_text(p, &out);
	double edited = now();

	must(props_parse(&latest, text.p, text.len, PROPS_LATIN1, &err), &err);
	double before_merge = now();

	must(props_merge(p, latest, latest, NULL, NULL, &err), &err);
	double merged = now();

	getrusage(RUSAGE_SELF, &use);
	printf("%4zu MB: parse %5.2f s (%.1f ms/MB), 60 edits %5.2f s (%.1f ms/MB), merge %5.2f s (%.1f ms/MB), peak %ld MB\n",
	       megabytes, parsed - start, (parsed - start) * 1e3 / (double)megabytes,
	       edited - parsed, (edited - parsed) * 1e3 / (double)megabytes,
	       merged - before_merge, (merged - before_merge) * 1e3 / (double)megabytes, use.ru_maxrss >> 10);
	props_free(p);
	props_free(latest);
}

int main(void)
{
	run(10);
	run(50);
	run(100);
	return 0;
}

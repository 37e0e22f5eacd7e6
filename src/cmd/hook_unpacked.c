/* Which of our packages dpkg has unpacked and is about to configure, out of its status file.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Between "dpkg --unpack" and "dpkg --configure" (that is how apt works) the
 * data may have been changed, or the first of the two was let through because
 * the hook was not there. A configuration is the last moment before old code
 * meets the data.
 */
#include <string.h>

#include "../ext/debfile.h"
#include "hook.h"

/* "NAME" or "NAME:ARCH" */
static bool is_named(const struct hook_plan *p, const char *package)
{
	size_t len = strlen(package);

	if (!p->configure.n)
		return true;
	for (size_t i = 0; i < p->configure.n; i++)
		if (strncmp(p->configure.v[i], package, len) == 0 &&
		    (!p->configure.v[i][len] || p->configure.v[i][len] == ':'))
			return true;
	return false;
}

static bool awaits_configuration(const char *paragraph)
{
	AUTO_FREE char *status = debfile_field(paragraph, "Status");
	const char *last = status ? strrchr(status, ' ') : NULL;

	return last && (strcmp(last, " unpacked") == 0 || strcmp(last, " half-configured") == 0);
}

static void look_at(const char *paragraph, const char *package, hook_found *found, void *arg)
{
	AUTO_FREE char *version = debfile_field(paragraph, "Version");
	AUTO_FREE char *level = debfile_field(paragraph, "Maintkit-Level");
	AUTO_FREE char *reads = debfile_field(paragraph, "Maintkit-Reads");
	struct policy_incoming in = { version ? version : "", level, reads };

	if (awaits_configuration(paragraph))
		found(arg, package, &in);
}

void hook_unpacked(const struct hook_plan *p, const char *status, const struct strv *ours, hook_found *found, void *arg)
{
	for (size_t i = 0; i < ours->n; i++) {
		AUTO_FREE char *line = xasprintf("\nPackage: %s\n", ours->v[i]);
		const char *at = strncmp(status, line + 1, strlen(line + 1)) == 0 ? status : strstr(status, line);
		const char *end = at ? strstr(at + 1, "\n\n") : NULL;
		AUTO_FREE char *paragraph = !at ? NULL : end ? xstrndup(at, (size_t)(end - at)) : xstrdup(at);

		if (paragraph && is_named(p, ours->v[i]))
			look_at(paragraph, ours->v[i], found, arg);
	}
}

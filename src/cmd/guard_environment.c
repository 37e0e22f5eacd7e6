/* Java and Tomcat as dpkg has them installed, against the floors that the profile gives for legacy packages.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Profile, section [guard]:
 *	environment-java, environment-tomcat  from these versions on ...
 *	environment-floor                     ... no legacy package older than this one runs
 *	environment-last-tomcat               the last Tomcat that legacy packages run on at all
 */
#include <stdio.h>
#include <string.h>

#include "guard.h"

/* "8.5.75-1~deb9u1" or "1:8.5" -> 805; 0 when it does not start with a number. */
static long version_number(const char *v)
{
	const char *colon = strchr(v, ':');
	int major = 0, minor = 0;

	if (sscanf(colon ? colon + 1 : v, "%4d.%2d", &major, &minor) < 1)
		return 0;
	return major * 100L + minor;
}

static void keep_lowest(long *lowest, long n)
{
	if (n > 0 && (!*lowest || n < *lowest))
		*lowest = n;
}

/* The oldest of each that is installed decides: an old package may use it. */
static int installed(struct tool *t, long *java, long *tomcat)
{
	static const char *const patterns[] = { "openjdk-*-jre-headless", "tomcat[0-9]*-common", "tomcat[0-9]*" };
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV words = STRV_INIT;
	int major;

	*java = *tomcat = 0;
	if (guard_dpkg_query(t, "${db:Status-Status} ${Package} v${Version}\\n", patterns, ARRAY_LEN(patterns),
			     &out, NULL) < 0)
		return -1;
	strv_split(&words, out.p, " \n");
	for (size_t i = 0; i + 2 < words.n; i += 3) {
		const char *name = words.v[i + 1];
		size_t digits;

		if (strcmp(words.v[i], "installed") != 0)
			continue;
		if (sscanf(name, "openjdk-%4d-", &major) == 1) {
			keep_lowest(java, major * 100L);
		} else if (strncmp(name, "tomcat", 6) == 0) {
			digits = strspn(name + 6, "0123456789");
			if (digits && (!name[6 + digits] || strcmp(name + 6 + digits, "-common") == 0))
				keep_lowest(tomcat, version_number(words.v[i + 2] + 1));
		}
	}
	return 0;
}

void guard_environment(struct policy_state *s, struct tool *t)
{
	const char *floor = profile_get(t->profile, "guard", "environment-floor");
	const char *java_from = profile_get(t->profile, "guard", "environment-java");
	const char *tomcat_from = profile_get(t->profile, "guard", "environment-tomcat");
	const char *last = profile_get(t->profile, "guard", "environment-last-tomcat");
	long java, tomcat;

	if ((!floor && !last) || installed(t, &java, &tomcat) < 0)
		return;
	free(s->env_floor);
	free(s->env_note);
	s->env_floor = NULL;
	s->env_note = xasprintf("Java %ld, Tomcat %ld.%ld", java / 100, tomcat / 100, tomcat % 100);
	if (floor && java_from && tomcat_from && java >= version_number(java_from) &&
	    tomcat >= version_number(tomcat_from))
		s->env_floor = xstrdup(floor);
	s->env_no_legacy = last && tomcat / 100 > version_number(last) / 100;
}

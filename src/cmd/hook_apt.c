/* Reading apt's list of what it is about to do (DPkg::Pre-Install-Pkgs, protocol version 3).
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * apt.conf(5): "VERSION 3", configuration lines, an empty line, then a line for
 * each package: NAME OLD ARCH MULTIARCH DIRECTION NEW ARCH MULTIARCH ACTION, where
 * ACTION is the path of a .deb, **CONFIGURE** or **REMOVE**.
 */
#include <string.h>

#include "hook.h"

#define INPUT_MAX (32u << 20)
#define FIELDS_BEFORE_ACTION 8

/* The path is the rest of the line behind eight words; it may hold blanks. */
static const char *action_of(const char *line)
{
	for (int i = 0; i < FIELDS_BEFORE_ACTION; i++) {
		line += strcspn(line, " ");
		if (!*line)
			return NULL;
		line++;
	}
	return line;
}

static void take_package(struct hook_plan *p, const char *line)
{
	AUTO_FREE char *name = xstrndup(line, strcspn(line, " :"));
	const char *action = action_of(line);

	if (!action || *action != '/')
		return;
	strv_add(&p->debs, action);
	strv_add(&p->packages, name);
}

int hook_plan_apt(struct hook_plan *p, int fd, struct err *err)
{
	static const char rootdir[] = "RootDir=";
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	p->root = xstrdup("");
	if (buf_read_fd(&text, fd, INPUT_MAX, err) < 0)
		return -1;
	if (!text.len)
		return 0;
	if (strncmp(text.p, "VERSION 3\n", 10) != 0)
		return err_set(err, ERR_FAIL, "apt does not speak version 3 of its hook protocol");
	strv_split(&lines, text.p, "\n");
	for (size_t i = 1; i < lines.n; i++) {
		/* configuration lines are NAME=VALUE; a package line has a blank first */
		if (strncmp(lines.v[i], rootdir, sizeof rootdir - 1) == 0) {
			free(p->root);
			p->root = xstrdup(lines.v[i] + sizeof rootdir - 1);
		} else if (strcspn(lines.v[i], " ") < strcspn(lines.v[i], "=")) {
			take_package(p, lines.v[i]);
		}
	}
	return p->debs.n > 0;
}

/* The defaults that a properties file was last merged with, remembered for the next merge.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "propsbase.h"
#include "propsfile.h"
#include "statefile.h"

static char *leaf_for(const struct profile *p, const char *path)
{
	const char *own = profile_get(p, "properties", "file");
	char *leaf;

	if (own && strcmp(own, path) == 0)
		return xstrdup("props-base");
	leaf = xasprintf("props-base%s", path);
	for (char *s = leaf; (s = strchr(s, '/')); )
		*s = '-';
	return leaf;
}

int propsbase_read(const struct profile *p, const struct root *root, const char *path,
		   enum props_encoding enc, struct props **out, struct err *err)
{
	AUTO_FREE char *leaf = leaf_for(p, path);
	AUTO_FREE char *file = profile_state_path(p, leaf);
	struct err why = ERR_INIT;

	*out = NULL;
	if (propsfile_read(root, file, enc, out, NULL, NULL, &why) == 0)
		return 1;
	if (why.kind == ERR_ABSENT)
		return 0;
	if (err)
		*err = why;
	return -1;
}

int propsbase_save(const struct profile *p, const struct root *root, const char *path,
		   const struct buf *defaults, struct err *err)
{
	AUTO_FREE char *leaf = leaf_for(p, path);

	return statefile_write(p, root, leaf, defaults, err);
}

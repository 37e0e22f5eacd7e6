/* Names and templates of a Tomcat instance: pure text rules.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_WEBAPP_H
#define MAINTKIT_WEBAPP_H

#include <stdbool.h>
#include "../base/buf.h"

/* The directory name for a package version (Policy 5.6.12), to be freed:
 * ':' becomes "_" and '+' becomes "_p_", because a ':' ends an entry of Java's
 * class path and many libraries decode '+' in URLs as a blank; '_' is not
 * allowed in versions, so two versions never share a name. NULL and err when
 * the version is not one (empty, other characters, does not start with a digit). */
char *webapp_dirname(const char *version, struct err *err) MUST_CHECK;

/* "NAME=FILE.war": a context name (letters, digits, '-', '_'; no path) and a
 * file name without '/'. Both members are owned. */
struct webapp_context { char *name, *war; };
int webapp_context_parse(const char *word, struct webapp_context *out, struct err *err) MUST_CHECK;
void webapp_context_release(struct webapp_context *c);

/* May the word be given to catalina.sh in JAVA_OPTS? It evaluates the text in
 * a shell, so only characters that a shell leaves alone are let through. */
bool webapp_java_option_ok(const char *word);

/* Append s with XML's five special characters escaped; control characters
 * (not allowed in XML 1.0) become '?'. */
void webapp_xml_escape(struct buf *out, const char *s);

/* Copy a template; @NAME@ (capitals, digits and '_') is replaced by the value of NAME,
 * XML-escaped unless raw. A name that is not in the table is an error
 * "line N: ..."; an '@' that starts no such name stays. */
struct webapp_var { const char *name, *value; bool raw; };
int webapp_expand(struct buf *out, const char *text, size_t len,
		  const struct webapp_var *vars, size_t n, struct err *err) MUST_CHECK;

/* Has a server.xml, outside of comments, a Connector with this port? */
bool webapp_has_connector(const char *text, size_t len, long port);

#endif

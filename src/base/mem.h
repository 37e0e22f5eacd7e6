/* Memory that cannot fail, scope-bound release and wiping of secrets.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Running out of memory ends the program with exit status 2: nothing of ours
 * is half written then, because every write goes through atomic.h or the
 * database. Pointers that the x functions return are never NULL and are
 * released by free().
 */
#ifndef MAINTKIT_MEM_H
#define MAINTKIT_MEM_H

#include <stddef.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Run fn(&variable) when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define AUTO_FREE CLEANUP(mem_free_cleanup)
#define AUTO_FD CLEANUP(mem_close_cleanup)

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
/* Grow to count elements of size bytes, multiplication checked. */
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t max);
void *xmemdup(const void *p, size_t size);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

/* Overwrite a string or block in a way the compiler may not drop, then free
 * it. NULL is allowed. */
void mem_wipe_string(char *s);
void mem_wipe(void *p, size_t size);

void mem_free_cleanup(void *variable);	/* for AUTO_FREE: any T * variable */
void mem_close_cleanup(int *fd);	/* for AUTO_FD: closes when >= 0, keeps errno */

/* Move a value out of a scope-bound variable. */
#define MOVE_PTR(p) (__extension__ ({ __typeof__(p) moved_ = (p); (p) = NULL; moved_; }))
#define MOVE_FD(fd) (__extension__ ({ int moved_ = (fd); (fd) = -1; moved_; }))

#endif

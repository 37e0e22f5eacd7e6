/* Cut SQL text into statements exactly as the mariadb client does, from a stream, in constant memory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a statement is, is not written in any standard: it is what the client
 * program does with a file (`mariadb < FILE`), and files are written so that it
 * works with that. So this is a model of the client's line reader in batch
 * mode, without --binary-mode and --comments: comments are dropped (except
 * the server's own conditional comments), the line end of DOS files and a byte
 * order mark too; a line that is one of the client's commands (DELIMITER, USE, SOURCE ...)
 * counts as one only where no statement has begun; "--x" is a comment at the
 * start of a statement only; a backslash before a line end inside a string
 * goes. The text sent is the same byte for byte; the tests compare it with what the
 * server says it was sent by the real client.
 *
 * Pure: bytes in, statements out. The caller reads the files:
 *
 *	struct sqlsplit *sp = sqlsplit_new(SQLSPLIT_UTF8);
 *	for (;;)
 *		switch (sqlsplit_next(sp, &item, err)) {
 *		case SQLSPLIT_MORE: sqlsplit_feed(sp, data, n); break;	(n == 0: end of file)
 *		case SQLSPLIT_STATEMENT: ... item.text ...; break;
 *		case SQLSPLIT_COMMAND: ... item.command, item.text = its argument ...; break;
 *		case SQLSPLIT_END: done
 *		case SQLSPLIT_ERROR: err
 *		}
 */
#ifndef MAINTKIT_SQLSPLIT_H
#define MAINTKIT_SQLSPLIT_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

/* How bytes above 0x7f are read: only in UTF-8 do they form characters here. */
enum sqlsplit_charset { SQLSPLIT_UTF8, SQLSPLIT_LATIN1 };

enum sqlsplit_result { SQLSPLIT_MORE, SQLSPLIT_STATEMENT, SQLSPLIT_COMMAND, SQLSPLIT_END, SQLSPLIT_ERROR };

/* Client commands that the caller has to act upon. DELIMITER, go, clear and the
 * ones that only change the client's output are dealt with inside; those that
 * would run programs or write files are an error. */
enum sqlsplit_command { SQLSPLIT_NO_COMMAND, SQLSPLIT_USE, SQLSPLIT_SOURCE, SQLSPLIT_CHARSET };

#define SQLSPLIT_LINE_MAP 4096

struct sqlsplit_item {
	enum sqlsplit_command command;
	const char *text;	/* statement or argument, NUL-terminated; valid until the next call */
	size_t len;
	uint64_t line, column;	/* of its first byte in the file, from 1; columns are bytes */
	uint64_t end_line;
	uint64_t offset;	/* bytes of the file consumed so far */
};

struct sqlsplit;

struct sqlsplit *sqlsplit_new(enum sqlsplit_charset charset);
void sqlsplit_free(struct sqlsplit *sp);
void sqlsplit_cleanup(struct sqlsplit **sp);

/* More bytes of the file; len 0 says that it ends here. */
void sqlsplit_feed(struct sqlsplit *sp, const void *data, size_t len);
/* err: "LINE:COLUMN: reason" (ERR_FAIL). */
enum sqlsplit_result sqlsplit_next(struct sqlsplit *sp, struct sqlsplit_item *item, struct err *err);

/* The session's sql_mode decides what a backslash is inside a string and
 * whether "x" is a string; to be told after each statement that may change it. */
void sqlsplit_set_modes(struct sqlsplit *sp, bool no_backslash_escapes, bool ansi_quotes);
void sqlsplit_set_charset(struct sqlsplit *sp, enum sqlsplit_charset charset);
/* A statement longer than this is an error (0: 1 GiB, what the protocol carries). */
void sqlsplit_set_limit(struct sqlsplit *sp, size_t bytes);
/* The delimiter outlives a file: give a sourced file the one in force, and take it back afterwards. */
void sqlsplit_inherit(struct sqlsplit *sp, const struct sqlsplit *from);

/* Which line of the file holds line `n` (from 1) of the latest statement's
 * text: dropped comments make them differ. For "at line N" of server errors. */
uint64_t sqlsplit_file_line(const struct sqlsplit *sp, uint64_t n);

#endif

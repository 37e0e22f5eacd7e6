/* Which columns of its row a trigger assigns to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A BEFORE trigger may change what is written: SET NEW.column = value. Read
 * from the body as information_schema.triggers has it (MariaDB manual, CREATE
 * TRIGGER). What a procedure does that is handed NEW.column is not seen here.
 */
#ifndef MAINTKIT_TRIGGERSET_H
#define MAINTKIT_TRIGGERSET_H

#include <stdbool.h>
#include "../base/buf.h"

/* Append the columns to out, as they are written there, each once. The two modes are those the trigger was made in. */
void triggerset_columns(const char *body, bool ansi_quotes, bool no_backslash, struct strv *out);

#endif

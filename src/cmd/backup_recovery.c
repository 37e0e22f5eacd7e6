/* backup recovery: a passphrase on paper that opens the backups when this machine is gone.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Backups are made at night, so the passphrase must be here to encrypt with:
 * /var/lib/maintkit/PKG/recovery.passphrase, root's alone, in the directory
 * that has the clinic's secret key too. That copy is worth nothing when the
 * machine is lost, so the passphrase counts as a recipient outside of it only
 * after a person has proven to have it: by two of its groups on the terminal
 * that it was shown on, or by the whole of it later. Made without a terminal
 * it is kept and not shown, and does not count.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/passphrase.h"
#include "../ext/statefile.h"
#include "backup.h"

#define LEAF "recovery.passphrase"
#define CONFIRMED "recovery.confirmed"
#define TEXT_MAX 1024
#define TRIES 3

int recovery_read(struct tool *t, struct buf *passphrase, bool *confirmed, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, LEAF), *mark = profile_state_path(t->profile, CONFIRMED);
	struct err why = ERR_INIT;
	struct stat st;

	*confirmed = false;
	if (path_read_file(&t->root, path, passphrase, TEXT_MAX, NULL, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		return -1;
	}
	buf_trim_end(passphrase);
	if (!passphrase->len)
		return err_set(err, ERR_FAIL, "'%s' is empty; run 'backup recovery --new'", path);
	*confirmed = path_stat(&t->root, mark, &st, NULL) == 0;
	return 1;
}

static int write_leaf(struct tool *t, const char *leaf, const char *text, mode_t mode, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, leaf);
	AUTO_BUF line = BUF_SECRET_INIT;
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	o.mode = mode;
	buf_addf(&line, "%s\n", text);
	return atomic_replace(&t->root, path, line.p, line.len, &o, err) < 0 ? -1 : 0;
}

/* The mark goes first: it must never stand beside a passphrase that it is not about. */
static int make(struct tool *t, struct buf *passphrase, struct err *err)
{
	AUTO_FREE char *mark = profile_state_path(t->profile, CONFIRMED);

	buf_reset(passphrase);
	passphrase_invent(passphrase);
	return statefile_make_dir(t->profile, &t->root, err) < 0 || path_unlink(&t->root, mark, err) < 0 ||
	       write_leaf(t, LEAF, passphrase->p, 0400, err) < 0 ? -1 : 0;
}

int recovery_make(struct tool *t, struct err *err)
{
	AUTO_BUF passphrase = BUF_SECRET_INIT;

	return make(t, &passphrase, err);
}

static int confirm(struct tool *t, struct err *err)
{
	char now[BACKUP_TIME_SIZE];

	backup_time_text(now);
	if (write_leaf(t, CONFIRMED, now, 0600, err) < 0)
		return -1;
	log_info("confirmed; backups from now on can be opened with it");
	return 0;
}

static void say(int tty, const char *text)
{
	size_t len = strlen(text);

	/* a terminal that has gone cannot confirm either */
	if (write(tty, text, len) != (ssize_t)len)
		log_debug("the terminal does not take all of it");
}

/* A line without its end; false: there is no more. */
static bool read_line(int tty, struct buf *line)
{
	char c;
	ssize_t n;

	buf_reset(line);
	while ((n = read(tty, &c, 1)) == 1 && c != '\n' && line->len < TEXT_MAX)
		buf_addc(line, c);
	buf_trim_end(line);
	return n == 1;
}

static void show(int tty, struct tool *t, const struct buf *passphrase)
{
	AUTO_BUF text = BUF_SECRET_INIT;

	buf_addf(&text, "\n  RECOVERY PASSPHRASE for the backups of %s\n\n\n\033[1m", profile_package(t->profile));
	for (size_t i = 0; i < passphrase->len; i += PASSPHRASE_GROUP_LEN + 1) {
		buf_addf(&text, i % 18 == 0 ? "\n      " : "   -   ");
		for (size_t k = 0; k < PASSPHRASE_GROUP_LEN; k++)
			buf_addf(&text, "%s%c", k ? " " : "", passphrase->p[i + k]);
	}
	buf_adds(&text, "\033[0m\n\n\n  Write it down, with the dashes, and keep it away from this machine.\n"
		 "  Who has it and a backup can read all patient data; without it, and without\n"
		 "  this machine or an off-site key, nobody can. It is not shown again.\n\n"
		 "  When it is on paper, press Enter: ");
	say(tty, text.p);
}

/* Two groups, so that what was written is looked at. */
static bool ask_group(int tty, const struct buf *passphrase, unsigned number)
{
	AUTO_BUF line = BUF_SECRET_INIT;
	char question[64];

	snprintf(question, sizeof(question), "  Type group %u of %d from your paper: ", number + 1, PASSPHRASE_GROUPS);
	for (int i = 0; i < TRIES; i++) {
		say(tty, question);
		if (!read_line(tty, &line))
			return false;
		for (size_t k = 0; k < line.len; k++)
			if (line.p[k] >= 'A' && line.p[k] <= 'Z')
				line.p[k] += 'a' - 'A';
		if (line.len == PASSPHRASE_GROUP_LEN &&
		    strncmp(line.p, passphrase->p + number * (PASSPHRASE_GROUP_LEN + 1), PASSPHRASE_GROUP_LEN) == 0)
			return true;
		say(tty, "  That is not it.\n");
	}
	return false;
}

static int on_terminal(int tty, struct tool *t, const struct buf *passphrase, struct err *err)
{
	AUTO_BUF line = BUF_SECRET_INIT;
	unsigned char r[2];

	if (passphrase->len != PASSPHRASE_GROUPS * (PASSPHRASE_GROUP_LEN + 1) - 1)
		return err_set(err, ERR_FAIL, "the recovery passphrase that is kept is none of ours; run 'backup recovery --new'");
	while (getrandom(r, sizeof(r), 0) != sizeof(r))
		;
	unsigned first = r[0] % (PASSPHRASE_GROUPS / 2), second = PASSPHRASE_GROUPS / 2 + r[1] % (PASSPHRASE_GROUPS / 2);

	show(tty, t, passphrase);
	bool there = read_line(tty, &line);

	say(tty, "\033[2J\033[3J\033[H");	/* away from the screen and what can be scrolled back to */
	if (there && ask_group(tty, passphrase, first) && ask_group(tty, passphrase, second))
		return confirm(t, err);
	return err_set(err, ERR_FAIL, "nobody has confirmed to have the recovery passphrase, so it does not count; "
		       "run 'backup recovery' again");
}

static int confirm_from_stdin(struct tool *t, const struct buf *passphrase, struct err *err)
{
	AUTO_BUF typed = BUF_SECRET_INIT;

	if (!passphrase->len)
		return err_set(err, ERR_FAIL, "there is no recovery passphrase to confirm; run 'backup recovery'");
	if (tool_read_input(t, TEXT_MAX, err) < 0)
		return -1;
	buf_add(&typed, t->input.p, t->input.len);
	passphrase_tidy(&typed);
	return strcmp(typed.p, passphrase->p) == 0 ? confirm(t, err) :
	       err_set(err, ERR_FAIL, "that is not the recovery passphrase");
}

int backup_run_recovery(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	AUTO_FREE char *path = profile_state_path(t->profile, LEAF);
	bool confirmed;
	int have = recovery_read(t, &passphrase, &confirmed, err);

	if (have < 0 && !backup_options.renew)
		return -1;
	if (backup_options.confirm)
		return confirm_from_stdin(t, &passphrase, err);
	if (have > 0 && confirmed && !backup_options.renew) {
		log_info("there is one, and somebody has confirmed to have it; --new makes another");
		return 0;
	}
	if (have > 0 && backup_options.renew)
		log_warn("backups made before open with the old passphrase: keep that paper as long as them");
	if ((have <= 0 || backup_options.renew) && make(t, &passphrase, err) < 0)
		return -1;
	AUTO_FD int tty = isatty(STDIN_FILENO) ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;

	if (tty >= 0)
		return on_terminal(tty, t, &passphrase, err);
	log_warn("there is no terminal to show the recovery passphrase on: it is in '%s%s', for root only", t->root.prefix, path);
	log_warn("it does not count until somebody has it elsewhere: run 'backup recovery' on a terminal, "
		 "or 'backup recovery --confirm' with it on standard input");
	return 0;
}

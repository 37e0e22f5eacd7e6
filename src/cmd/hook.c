/* maintkit-hook: stop dpkg or apt when a .deb is positively known not to read the data that is here.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It runs in every dpkg call of the machine, so it may never break one. The
 * hook's line is `maintkit-hook dpkg || test $? -ne 4`: only status 4, a
 * refusal, stops dpkg. Everything that goes wrong here ends with a warning and
 * status 0, and a timer ends what hangs. It reads the mirror only, never a
 * database, and no process is started however many .debs there are.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../base/log.h"
#include "../ext/backups.h"
#include "../ext/debfile.h"
#include "../ext/mirror.h"
#include "hook.h"

#define WAIT_MS 100	/* until the list of .debs is there, and for each .deb that is not by name ours */
#define OURS_MS 1000	/* for a .deb whose name says it is about us: a slow disk must not open the guard */
#define KEEP_S 300
#define STATUS_MAX (256u << 20)
#define ALLOW_STATUS 0
#define REFUSE_STATUS 4

struct guarded {
	struct policy_state *states;
	size_t n;
};

/* What was found out so far: a .deb that hangs must not undo a refusal. */
static volatile sig_atomic_t verdict = ALLOW_STATUS;

/* Nanoseconds that we stood in the queue for a processor; 0 when the kernel does
 * not tell (proc(5), schedstat: "TIME-ON-CPU WAITING RUNS"). */
static long long time_queued(void)
{
	char text[96];
	int fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	long long sum = 0;
	const char *p;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strchr(text, ' ');
	for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9'; p++)
		sum = sum * 10 + (*p - '0');
	return sum;
}

static long long queued_at_start;

static void set_timer(long long ms)
{
	struct itimerval t = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void arm(long ms)
{
	queued_at_start = time_queued();
	set_timer(ms);
}

/* Only what a signal handler may do. Time in which others had the processors is
 * given back: a busy machine must not open the guard. */
static void on_timeout(int signo)
{
	static const char text[] = "maintkit-hook: warning: gave up after too long a wait; nothing was checked further\n";
	long long queued = time_queued(), lost = (queued - queued_at_start) / 1000000;

	(void)signo;
	if (lost > 0) {
		queued_at_start = queued;
		set_timer(lost);
		return;
	}
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(verdict);
	_exit(verdict);
}

static void watch(void)
{
	struct sigaction a = { .sa_handler = on_timeout, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &a, NULL);
	arm(WAIT_MS);
}

static void guarded_release(struct guarded *g)
{
	for (size_t i = 0; i < g->n; i++)
		policy_state_release(&g->states[i]);
	free(g->states);
}

/* A mirror that cannot be read is told and left out: no ground for a refusal. */
static void read_mirrors(struct guarded *g, const struct root *root, const struct strv *names)
{
	g->states = xcalloc(names->n ? names->n : 1, sizeof *g->states);
	for (size_t i = 0; i < names->n; i++) {
		struct err err = ERR_INIT;

		if (mirror_read(root, names->v[i], &g->states[g->n], &err) == 0) {
			g->n++;
			continue;
		}
		policy_state_release(&g->states[g->n]);
		log_warn("%s", err.text);
	}
}

static const struct policy_state *state_of(const struct guarded *g, const char *package)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->states[i].package, package) == 0)
			return &g->states[i];
	return NULL;
}

/* Does the file's name begin like one of our packages? Legacy files are named
 * oscar_emr19-97~3743.deb, so '_' and '-' count as the same. */
static bool named_like_ours(const struct guarded *g, const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	for (size_t i = 0; i < g->n; i++) {
		const char *a = g->states[i].package, *b = name;

		while (*a && (*a == *b || (*a == '-' && *b == '_'))) {
			a++;
			b++;
		}
		if (!*a)
			return true;
	}
	return false;
}

static enum policy_lang language(void)
{
	return policy_language(getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"));
}

static int decide(const struct root *root, const struct policy_state *s, const struct policy_incoming *in,
		  bool no_act)
{
	struct policy_backup backup = { NULL };
	AUTO_BUF text = BUF_INIT;
	struct policy_result r;
	bool way_out;

	policy_decide(s, in, time(NULL), false, &r);
	if (r.verdict == POLICY_ALLOW && r.why != POLICY_BY_ALLOWANCE)
		return ALLOW_STATUS;
	way_out = r.verdict == POLICY_REFUSE && backups_way_out(root, s, &r, &backup);
	policy_text(&text, s, in, &r, way_out ? &backup : NULL, language());
	free(backup.file);
	buf_trim_end(&text);
	if (r.verdict == POLICY_REFUSE && !no_act) {
		log_error("%s", text.p);
		return REFUSE_STATUS;
	}
	log_warn("%s", text.p);
	return ALLOW_STATUS;
}

/* A package that is let in: what its coming means, and what it will stop at. */
static void tell_ahead(const struct root *root, const struct policy_state *s, const struct policy_incoming *in)
{
	AUTO_BUF text = BUF_INIT;
	struct policy_result r;

	policy_decide(s, in, time(NULL), false, &r);
	if (r.kind == POLICY_LEGACY) {
		policy_handover_text(&text, s, in, language());
		log_info("%s", text.p);
	}
	hook_preflight(root, s, in, &r, language());
}

/* A file that dpkg itself will not be able to read is dpkg's to complain about. */
static int check_deb(const struct root *root, const struct guarded *g, const char *path, bool no_act)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_BUF control = BUF_INIT;
	struct stat st;
	struct err err = ERR_INIT;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return ALLOW_STATUS;
	if (debfile_read_control(fd, &control, &err) < 0) {
		if (named_like_ours(g, path))
			log_warn("'%s': %s; not checked", path, err.text);
		return ALLOW_STATUS;
	}
	AUTO_FREE char *package = debfile_field(control.p, "Package");
	const struct policy_state *s = package ? state_of(g, package) : NULL;

	if (!s)
		return ALLOW_STATUS;
	AUTO_FREE char *version = debfile_field(control.p, "Version");
	AUTO_FREE char *level = debfile_field(control.p, "Maintkit-Level");
	AUTO_FREE char *reads = debfile_field(control.p, "Maintkit-Reads");
	struct policy_incoming in = { version ? version : "", level, reads };
	int status = decide(root, s, &in, no_act);

	if (status == ALLOW_STATUS)
		tell_ahead(root, s, &in);
	return status;
}

/* The ones with our name first, so that a time limit met among 500 others
 * does not keep them from being looked at. */
static int check_all(const struct root *root, const struct guarded *g, const struct hook_plan *plan)
{
	for (int ours = 1; ours >= 0; ours--)
		for (size_t i = 0; i < plan->debs.n; i++) {
			if (named_like_ours(g, plan->debs.v[i]) != (bool)ours ||
			    (plan->packages.n && !state_of(g, plan->packages.v[i])))
				continue;
			arm(ours ? OURS_MS : WAIT_MS);
			if (check_deb(root, g, plan->debs.v[i], plan->no_act) == REFUSE_STATUS)
				verdict = REFUSE_STATUS;
		}
	return verdict;
}

struct configuring {
	const struct root *root;
	const struct guarded *g;
	bool no_act;
};

static void on_unpacked(void *arg, const char *package, const struct policy_incoming *in)
{
	const struct configuring *c = arg;
	const struct policy_state *s = state_of(c->g, package);

	if (s && decide(c->root, s, in, c->no_act) == REFUSE_STATUS)
		verdict = REFUSE_STATUS;
}

static int check_unpacked(const struct root *root, const struct guarded *g, const struct hook_plan *plan,
			  const struct strv *names, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/status", plan->admindir);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct configuring c = { root, g, plan->no_act };
	AUTO_BUF text = BUF_INIT;

	if (fd < 0)
		return err_sys(err, errno, "'%s'", path);
	arm(OURS_MS);
	if (buf_read_fd(&text, fd, STATUS_MAX, err) < 0)
		return -1;
	hook_unpacked(plan, text.p, names, on_unpacked, &c);
	return verdict;
}

static int check_plan(const struct hook_plan *plan, struct err *err)
{
	CLEANUP(root_release) struct root root = ROOT_INIT;
	CLEANUP(guarded_release) struct guarded g = { 0 };
	AUTO_STRV names = STRV_INIT;

	if (root_init(&root, plan->root, err) < 0 || mirror_packages(&root, &names, err) < 0)
		return -1;
	if (!names.n)
		return ALLOW_STATUS;
	read_mirrors(&g, &root, &names);
	if (!g.n)
		return ALLOW_STATUS;
	return plan->configures ? check_unpacked(&root, &g, plan, &names, err) : check_all(&root, &g, plan);
}

static int run_dpkg(struct err *err)
{
	CLEANUP(hook_plan_release) struct hook_plan plan = HOOK_PLAN_INIT;
	int rc = hook_plan_dpkg(&plan, err);

	return rc > 0 ? check_plan(&plan, err) : rc;
}

/* apt's list is read to its end in every case, so that apt does not write into a closed pipe. */
static int run_apt(struct err *err)
{
	CLEANUP(hook_plan_release) struct hook_plan plan = HOOK_PLAN_INIT;
	const char *text = getenv("APT_HOOK_INFO_FD");
	int fd = text && *text ? atoi(text) : STDIN_FILENO;
	int rc = hook_plan_apt(&plan, fd, err);

	return rc > 0 ? check_plan(&plan, err) : rc;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int status;

	log_init("maintkit-hook");
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "keep") == 0) {
		alarm(KEEP_S);	/* to copy a file must not hold dpkg up for ever */
		hook_keep(argv[2], argv[3], argv[4]);
		return 0;
	}
	if (argc == 2 && (strcmp(argv[1], "dpkg") == 0 || strcmp(argv[1], "apt") == 0)) {
		watch();
		status = strcmp(argv[1], "dpkg") == 0 ? run_dpkg(&err) : run_apt(&err);
	} else {
		fprintf(stderr, "Usage: maintkit-hook dpkg | apt | keep PACKAGE VERSION [VERSION-BEFORE]\nRun by dpkg and apt; see maintkit-hook(8).\n");
		return 2;
	}
	if (status < 0) {
		log_warn("%s; not checked", err.text);
		status = ALLOW_STATUS;
	}
	return status;
}

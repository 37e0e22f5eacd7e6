/* Differential test of the properties editor: random hostile files, edited, and read by java.util.Properties.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * usage: props-java CASES SEED PropsOracle.java [FILE...]
 * Each case: a text (or a mutation of a FILE); Java and we must read the same
 * from it; then some edits, after each of which Java must read exactly what was
 * meant, and lines that the edit has nothing to do with must be the same bytes.
 * Prints a summary; on the first difference the case, and exits 1.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../../src/core/props.h"

#define MAX_KEYS 4096

/* ---- random numbers (xorshift64*), so that a case can be repeated from its seed ---- */

static uint64_t state;

static uint32_t rnd(uint32_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 2685821657736338717ull) >> 33) % n;
}

/* ---- a map of keys, as Java or the model sees it ---- */

struct pair {
	char *key, *value;
};
struct map {
	struct pair *v;
	size_t n;
};

static void map_free(struct map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].key);
		free(m->v[i].value);
	}
	free(m->v);
	*m = (struct map){ 0 };
}

static struct pair *map_find(const struct map *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].key, key) == 0)
			return &m->v[i];
	return NULL;
}

static const char *map_get(const struct map *m, const char *key)
{
	const struct pair *p = map_find(m, key);

	return p ? p->value : NULL;
}

static void map_put(struct map *m, const char *key, const char *value)
{
	struct pair *p = map_find(m, key);

	if (p) {
		free(p->value);
		p->value = xstrdup(value);
		return;
	}
	m->v = xreallocarray(m->v, m->n + 1, sizeof(*m->v));
	m->v[m->n++] = (struct pair){ xstrdup(key), xstrdup(value) };
}

static void map_drop(struct map *m, const char *key)
{
	struct pair *p = map_find(m, key);

	if (!p)
		return;
	free(p->key);
	free(p->value);
	*p = m->v[--m->n];
}

/* ---- Java ---- */

static FILE *to_java, *from_java;
static unsigned long asked;

static void start_java(const char *source)
{
	int in[2], out[2];

	if (pipe(in) < 0 || pipe(out) < 0)
		exit(2);
	pid_t pid = fork();

	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execlp("java", "java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", source, (char *)NULL);
		perror("java");
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	to_java = fdopen(in[1], "w");
	from_java = fdopen(out[0], "r");
}

static void gone(void)
{
	fprintf(stderr, "java went away\n");
	exit(2);
}

static uint32_t read_length(void)
{
	unsigned char b[4];

	if (fread(b, 4, 1, from_java) != 1)
		gone();
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static char *read_string(void)
{
	uint32_t n = read_length();
	char *s = xcalloc(1, n + 1);

	if (n && fread(s, n, 1, from_java) != 1)
		gone();
	return s;
}

/* 'O' with the map, 'E', or 'W'. */
static int java_read(const struct buf *text, enum props_encoding enc, struct map *m)
{
	uint32_t n = (uint32_t)text->len;

	*m = (struct map){ 0 };
	asked++;
	fputc(enc == PROPS_LATIN1 ? 'L' : 'U', to_java);
	for (int shift = 24; shift >= 0; shift -= 8)
		fputc((int)(n >> shift & 0xff), to_java);
	fwrite(text->p, 1, n, to_java);
	fflush(to_java);
	int answer = fgetc(from_java);

	if (answer == EOF)
		gone();
	if (answer != 'O')
		return answer;
	m->n = read_length();
	m->v = xcalloc(m->n + 1, sizeof(*m->v));
	for (size_t i = 0; i < m->n; i++) {
		m->v[i].key = read_string();
		m->v[i].value = read_string();
	}
	return answer;
}

/* ---- failing ---- */

static struct {
	uint64_t seed;
	unsigned long number;
	const struct buf *before, *after;
	char what[512];
} now;

static void show(const char *name, const struct buf *b)
{
	if (!b)
		return;
	fprintf(stderr, "%s: \"", name);
	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->p[i];

		if (c == '\n')
			fputs("\\n", stderr);
		else if (c == '\r')
			fputs("\\r", stderr);
		else if (c == '\t')
			fputs("\\t", stderr);
		else if (c == '\f')
			fputs("\\f", stderr);
		else if (c == '\\' || c == '"')
			fprintf(stderr, "\\%c", c);
		else if (c < 32 || c > 126)
			fprintf(stderr, "\\x%02x", c);
		else
			fputc(c, stderr);
	}
	fputs("\"\n", stderr);
}

static void differ(const char *why)
{
	fprintf(stderr, "case %lu (seed %llu): %s: %s\n", now.number, (unsigned long long)now.seed, now.what, why);
	show("before", now.before);
	show("after ", now.after);
	exit(1);
}

/* ---- texts ---- */

static const char *const safe_tokens[] = {
	"a", "b", "c", "key", "k1", "k2", "x.y", "=", "=", ":", " ", " ", "\t", "\f", "\\\\", "\\\n", "\\\r\n", "\\\r",
	"\n", "\n", "\n", "\r\n", "\r", "#", "!", "#k1=", "# k2 : z\n", "\\u0041", "\\u00e9", "\\u20AC", "\\ud83d\\ude00",
	"\\n", "\\t", "\\r", "\\f", "\\=", "\\:", "\\ ", "\\#", "  ", "k1=1\n", "k2: 2\n", "k3 3\n", "\\\n  \\\n",
	"a=\\\n", "\\", "\\\\\\", "value", "${x}", "\"", "'", "\n\n", "\\q", "\\\n#", "\\\n!x", "\\\n\n", "\\u00\\\n 41",
};
static const char *const bad_tokens[] = { "\\u", "\\u12", "\\uxyzw", "\\ud83d", "\\ude00", "\\u0000", "\\u123" };
static const char *const high_latin1[] = { "\xe9", "\xff", "\x80", "\x85", "\xa0" };
static const char *const high_utf8[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc2\x85", "\xe2\x80\xa8" };

#define PICK(list) ((list)[rnd(ARRAY_LEN(list))])

static void random_text(struct buf *b, enum props_encoding enc)
{
	uint32_t n = rnd(4) ? rnd(30) : rnd(120);
	bool bad = rnd(12) == 0;

	for (uint32_t i = 0; i < n; i++) {
		if (bad && rnd(12) == 0)
			buf_adds(b, PICK(bad_tokens));
		else if (rnd(25) == 0)
			buf_adds(b, enc == PROPS_LATIN1 ? PICK(high_latin1) : PICK(high_utf8));
		else
			buf_adds(b, PICK(safe_tokens));
	}
}

/* Settings as people write them, with overlap between two calls, for merge. */
static void random_settings(struct buf *b, enum props_encoding enc)
{
	static const char *const seps[] = { "=", " = ", ": ", " ", ":" };
	static const char *const values[] = { "", "1", "2", "true", "a b", "x\\\n   y", "\\u00e9", "=q", "C:\\\\d\\\\", "z\\\n\n", "v " };
	static const char *const comments[] = { "# about it\n", "# more\n", "! note\n", "#k3=old\n", "\n", "\n", "  # in\n" };
	const char *eol = rnd(4) ? "\n" : "\r\n";
	uint32_t n = rnd(14);

	for (uint32_t i = 0; i < n; i++) {
		while (rnd(3) == 0)
			buf_adds(b, PICK(comments));
		buf_addf(b, "%sk%u%s%s", rnd(10) ? "" : "  ", rnd(12), PICK(seps), PICK(values));
		if (rnd(30) == 0)
			buf_adds(b, enc == PROPS_LATIN1 ? PICK(high_latin1) : PICK(high_utf8));
		buf_adds(b, eol);
	}
	if (b->len && rnd(5) == 0)
		buf_truncate(b, b->len - 1);
}

static void mutate(struct buf *b, const struct buf *file)
{
	size_t from = file->len > 4000 ? rnd((uint32_t)file->len - 4000) : 0;
	size_t len = file->len - from < 4000 ? file->len - from : 4000;

	buf_add(b, file->p + from, len);
	for (uint32_t n = rnd(6); n && b->len; n--) {
		static const char bytes[] = "\\\\=: \n\r\t#!ukx1";

		b->p[rnd((uint32_t)b->len)] = bytes[rnd(sizeof(bytes) - 1)];
	}
}

static void random_string(struct buf *b, bool key)
{
	static const char *const parts[] = {
		"a", "b", "k", "1", "x", " ", "=", ":", "#", "!", "\\", "\t", "\n", "\r", "\f", "\xc3\xa9", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "u0041", "\x7f", "\x01", "\xc2\x80", "\xef\xbf\xbf", "  ", "\\\\", "value", "\"", "\v",
	};

	buf_reset(b);
	for (uint32_t n = rnd(key ? 5 : 9); n; n--)
		buf_adds(b, PICK(parts));
}

/* ---- lines ---- */

struct lines {
	struct buf part[2048];
	size_t n;
};

static void split(const struct buf *b, struct lines *l)
{
	l->n = 0;
	for (size_t pos = 0; pos < b->len && l->n < ARRAY_LEN(l->part);) {
		size_t end = pos;

		while (end < b->len && b->p[end] != '\n' && b->p[end] != '\r')
			end++;
		if (end < b->len)
			end += b->p[end] == '\r' && end + 1 < b->len && b->p[end + 1] == '\n' ? 2 : 1;
		l->part[l->n++] = (struct buf){ .p = b->p + pos, .len = end - pos };
		pos = end;
	}
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

static bool continued(const struct buf *line)
{
	size_t n = line->len, back = 0;

	while (n && (line->p[n - 1] == '\n' || line->p[n - 1] == '\r'))
		n--;
	while (back < n && line->p[n - 1 - back] == '\\')
		back++;
	return back & 1;
}

/* The lines that differ between old and new text: first, and how many in each. */
static void changed_lines(const struct lines *o, const struct lines *n, size_t *first, size_t *old_n, size_t *new_n)
{
	size_t from = 0, tail = 0;

	while (from < o->n && from < n->n && same(&o->part[from], &n->part[from]))
		from++;
	while (tail + from < o->n && tail + from < n->n && same(&o->part[o->n - 1 - tail], &n->part[n->n - 1 - tail]))
		tail++;
	while (from && continued(&o->part[from - 1]))
		from--;
	*first = from;
	*old_n = o->n - tail - from;
	*new_n = n->n - tail - from;
}

static struct lines old_lines, new_lines;

/* What changed may only be lines of this one key. */
static void only_key_changed(const char *key, enum props_encoding enc, bool existed)
{
	size_t first, old_n, new_n;
	struct map m;

	split(now.before, &old_lines);
	split(now.after, &new_lines);
	changed_lines(&old_lines, &new_lines, &first, &old_n, &new_n);
	if (!existed) {
		const struct buf *o = &old_lines.part[first], *n = &new_lines.part[first];
		bool only_end = old_n == 1 && first == old_lines.n - 1 && n->len > o->len && memcmp(o->p, n->p, o->len) == 0;
		/* An insertion next to equal lines, or the last line got its end. */
		size_t inserted = new_lines.n - old_lines.n;

		if (!only_end && inserted != 1)
			differ("a new key changed more than one line");
		return;
	}
	if (!old_n)
		return;
	const char *from = old_lines.part[first].p;
	struct buf piece = { .p = (char *)(uintptr_t)from,
			     .len = (size_t)(old_lines.part[first + old_n - 1].p - from) + old_lines.part[first + old_n - 1].len };

	if (java_read(&piece, enc, &m) != 'O' || m.n != 1 || strcmp(m.v[0].key, key) != 0)
		differ("lines that do not belong to the key have changed");
	map_free(&m);
}

/* Every line of the old text is in the new one, in order, but for skip of them. */
static void lines_kept(size_t skip)
{
	size_t k = 0, lost = 0;

	split(now.before, &old_lines);
	split(now.after, &new_lines);
	for (size_t i = 0; i < old_lines.n; i++) {
		size_t at = k;

		while (at < new_lines.n && !same(&old_lines.part[i], &new_lines.part[at]))
			at++;
		if (at < new_lines.n)
			k = at + 1;
		else
			lost++;
	}
	if (lost > skip)
		differ("lines of the admin got lost in the merge");
}

/* ---- comparing ---- */

struct walk {
	const struct map *m;
	size_t n;
};

static int same_as_java(const char *key, const char *value, void *arg)
{
	struct walk *w = arg;
	const char *java = map_get(w->m, key);

	w->n++;
	if (!java || strcmp(java, value) != 0)
		differ("Java reads another value than we do");
	return 0;
}

static void compare_maps(const struct map *want, const struct map *java)
{
	if (want->n != java->n)
		differ("Java finds another number of keys than was meant");
	for (size_t i = 0; i < want->n; i++) {
		const char *value = map_get(java, want->v[i].key);

		if (!value || strcmp(value, want->v[i].value) != 0)
			differ("Java reads another value than was meant");
	}
}

/* Java's and our reading of the text as it stands are what the model says. */
static void check_text(const struct buf *text, const struct props *p, const struct map *want, enum props_encoding enc)
{
	struct map java;
	struct walk w = { &java, 0 };

	if (java_read(text, enc, &java) != 'O')
		differ("Java cannot read what we wrote");
	compare_maps(want, &java);
	props_each(p, same_as_java, &w);
	if (w.n != java.n)
		differ("we do not have the keys that Java has");
	map_free(&java);
}

/* ---- edits ---- */

static unsigned long sets, unsets, merges;

static void pick_key(const struct map *m, struct buf *key)
{
	buf_reset(key);
	if (m->n && rnd(3)) {
		buf_adds(key, m->v[rnd((uint32_t)m->n)].key);
	} else if (rnd(2)) {
		buf_addf(key, "k%u", rnd(6));
	} else {
		random_string(key, true);
	}
}

static void edit_set(struct props *p, struct map *m, enum props_encoding enc, struct buf *after)
{
	AUTO_BUF key = BUF_INIT;
	AUTO_BUF value = BUF_INIT;
	struct err err = ERR_INIT;

	pick_key(m, &key);
	random_string(&value, false);
	bool existed = map_find(m, key.p) != NULL;
	bool equal = existed && strcmp(map_get(m, key.p), value.p) == 0;

	snprintf(now.what, sizeof(now.what), "set '%s' to '%s'", key.p, value.p);
	if (props_set(p, key.p, value.p, &err) != !equal)
		differ(err.text[0] ? err.text : "set returned the wrong value");
	map_put(m, key.p, value.p);
	props_text(p, after);
	check_text(after, p, m, enc);
	if (equal && !same(now.before, after))
		differ("an equal value was written");
	if (!equal)
		only_key_changed(key.p, enc, existed);
	sets++;
}

static void edit_unset(struct props *p, struct map *m, enum props_encoding enc, struct buf *after, int how)
{
	static int (*const fn[])(struct props *, const char *, struct err *) = { props_unset, props_unset_secret, props_remove };
	AUTO_BUF key = BUF_INIT;
	struct err err = ERR_INIT;

	pick_key(m, &key);
	snprintf(now.what, sizeof(now.what), "unset (%d) '%s'", how, key.p);
	if (fn[how](p, key.p, &err) != (map_find(m, key.p) != NULL))
		differ(err.text[0] ? err.text : "unset returned the wrong value");
	map_drop(m, key.p);
	props_text(p, after);
	check_text(after, p, m, enc);
	unsets++;
}

struct merging {
	size_t took_lines, notes;
};

static void on_note(const struct props_merge_note *n, void *arg)
{
	struct merging *g = arg;

	g->notes++;
	if (n->what == PROPS_MERGE_TOOK)
		g->took_lines += 64;	/* a value may have been on several lines */
	if (n->what == PROPS_MERGE_CONFLICT)
		g->took_lines++;	/* an older note of ours may be replaced */
}

/* The rule of the merge, written a second time. */
static void model_merge(struct map *m, const struct map *base, bool has_base, const struct map *latest, const struct props *p)
{
	struct map before = { 0 };

	for (size_t i = 0; i < m->n; i++)
		map_put(&before, m->v[i].key, m->v[i].value);
	for (size_t i = 0; i < latest->n; i++) {
		const char *key = latest->v[i].key, *mine = map_get(&before, key);
		const char *old = has_base ? map_get(base, key) : NULL;

		if (mine ? has_base && old && strcmp(mine, old) == 0 : !old && (has_base || props_get(p, key)))
			map_put(m, key, latest->v[i].value);
	}
	map_free(&before);
}

static void edit_merge(struct props *p, struct map *m, enum props_encoding enc, struct buf *after)
{
	AUTO_BUF base_text = BUF_INIT;
	AUTO_BUF latest_text = BUF_INIT;
	AUTO_BUF again = BUF_INIT;
	struct map base_map, latest_map;
	CLEANUP(props_cleanup) struct props *base = NULL;
	CLEANUP(props_cleanup) struct props *latest = NULL;
	struct merging g = { 0 };
	struct err err = ERR_INIT;
	bool has_base = rnd(5) != 0;

	if (rnd(2))
		buf_add(&base_text, now.before->p, now.before->len);
	else
		random_settings(&base_text, enc);
	if (rnd(3))
		random_settings(&latest_text, enc);
	else
		random_text(&latest_text, enc);
	if (java_read(&base_text, enc, &base_map) != 'O' || props_parse(&base, base_text.p, base_text.len, enc, &err) < 0)
		return;
	if (java_read(&latest_text, enc, &latest_map) != 'O' ||
	    props_parse(&latest, latest_text.p, latest_text.len, enc, &err) < 0) {
		map_free(&base_map);
		return;
	}
	snprintf(now.what, sizeof(now.what), "merge (%s)", has_base ? "base" : "no base");
	if (props_merge(p, has_base ? base : NULL, latest, on_note, &g, &err) < 0)
		differ(err.text);
	props_text(p, after);
	model_merge(m, &base_map, has_base, &latest_map, p);
	check_text(after, p, m, enc);
	lines_kept(g.took_lines + 1);	/* the last line may have got its end */
	if (props_merge(p, has_base ? base : NULL, latest, NULL, NULL, &err) != 0)
		differ("merging twice changes something");
	props_text(p, &again);
	if (!same(after, &again))
		differ("merging twice changes the text");
	map_free(&base_map);
	map_free(&latest_map);
	merges++;
}

/* ---- a case ---- */

static unsigned long refused;

static void run_edits(struct props *p, struct map *m, const struct buf *text, enum props_encoding enc)
{
	AUTO_BUF before = BUF_INIT;

	buf_add(&before, text->p, text->len);
	for (uint32_t n = 1 + rnd(4); n; n--) {
		AUTO_BUF after = BUF_INIT;

		now.before = &before;
		now.after = &after;
		switch (rnd(6)) {
		case 0: case 1: case 2:
			edit_set(p, m, enc, &after);
			break;
		case 3:
			edit_unset(p, m, enc, &after, (int)rnd(3));
			break;
		default:
			edit_merge(p, m, enc, &after);
			if (!after.len)
				props_text(p, &after);
		}
		buf_reset(&before);
		buf_add(&before, after.p, after.len);
	}
}

static void run_case(const struct buf *files, size_t nfiles)
{
	enum props_encoding enc = rnd(3) ? PROPS_LATIN1 : PROPS_UTF8;
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	struct map m;
	CLEANUP(props_cleanup) struct props *p = NULL;
	struct err err = ERR_INIT;

	if (nfiles && rnd(6) == 0)
		mutate(&text, &files[rnd((uint32_t)nfiles)]);
	else if (rnd(3) == 0)
		random_settings(&text, enc);
	else
		random_text(&text, enc);
	/* Java's decoder replaces what is not UTF-8; we refuse it. */
	if (enc == PROPS_UTF8 && !props_valid(text.p))
		enc = PROPS_LATIN1;
	now.before = &text;
	now.after = NULL;
	snprintf(now.what, sizeof(now.what), "reading");
	int answer = java_read(&text, enc, &m), rc = props_parse(&p, text.p, text.len, enc, &err);

	if ((answer == 'O') != (rc == 0))
		differ(rc < 0 ? err.text : "we read what Java refuses");
	if (rc < 0) {
		refused++;
		return;
	}
	check_text(&text, p, &m, enc);
	props_text(p, &out);
	if (!same(&text, &out))
		differ("the text changes without an edit");
	run_edits(p, &m, &text, enc);
	map_free(&m);
}

static void read_files(char **names, struct buf *files)
{
	for (size_t i = 0; names[i]; i++) {
		struct err err = ERR_INIT;
		AUTO_FD int fd = open(names[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 || buf_read_fd(&files[i], fd, 1u << 20, &err) < 0) {
			perror(names[i]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct buf files[16] = { 0 };
	size_t nfiles = argc > 4 ? (size_t)argc - 4 : 0;

	if (argc < 4 || nfiles > ARRAY_LEN(files))
		return 2;
	unsigned long cases = strtoul(argv[1], NULL, 10);
	uint64_t seed = strtoull(argv[2], NULL, 10);

	for (size_t i = 0; i < nfiles; i++)
		files[i] = (struct buf)BUF_INIT;
	read_files(argv + 4, files);
	start_java(argv[3]);
	for (now.number = 1; now.number <= cases; now.number++) {
		now.seed = seed + now.number;
		state = now.seed * 0x9e3779b97f4a7c15ull | 1;
		for (int i = 0; i < 4; i++)
			rnd(2);
		run_case(files, nfiles);
	}
	for (size_t i = 0; i < nfiles; i++)
		buf_release(&files[i]);
	printf("%lu cases, %lu files read by Java, %lu sets, %lu unsets, %lu merges, %lu refused by both; seed %llu\n",
	       cases, asked, sets, unsets, merges, refused, (unsigned long long)seed);
	return 0;
}

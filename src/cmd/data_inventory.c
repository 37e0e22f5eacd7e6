/* inventory: what patient data is where, as a table and as JSON.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>

#include "../core/json.h"
#include "data.h"

static const char *base_word(const struct data_database *b)
{
	static const char *const words[] = {
		[DATA_DB_ABSENT] = "absent", [DATA_DB_OURS] = "ours", [DATA_DB_FOREIGN] = "not ours",
		[DATA_DB_UNKNOWN] = "unknown",
	};

	return words[b->state];
}

const char *data_state_word(enum consent_data data)
{
	return data == CONSENT_DATA_NONE ? "none" : data == CONSENT_DATA_PRESENT ? "present" : "unknown";
}

/* ---- JSON ---- */

static void count_json(struct json *j, const char *key, const struct tree_count *c)
{
	json_object(j, key);
	json_int(j, "files", (int64_t)c->files);
	json_int(j, "bytes", (int64_t)c->bytes);
	json_end(j);
}

static void databases_json(struct json *j, const struct data_facts *f)
{
	json_array(j, "databases");
	for (size_t i = 0; i < f->n_base; i++) {
		json_object(j, NULL);
		json_string(j, "name", f->base[i].name);
		json_string(j, "state", base_word(&f->base[i]));
		json_string(j, "note", f->base[i].note);
		json_int(j, "bytes", f->base[i].bytes);
		json_int(j, "tables", f->base[i].tables);
		json_end(j);
	}
	json_end(j);
	json_array(j, "copies");
	for (size_t i = 0; i < f->copies.n; i++)
		json_string(j, NULL, f->copies.v[i]);
	json_end(j);
}

static void places_json(struct json *j, const struct data_facts *f)
{
	json_array(j, "places");
	for (size_t i = 0; i < f->n_place; i++) {
		const struct data_place *p = &f->place[i];

		json_object(j, NULL);
		json_string(j, "kind", p->kind);
		json_string(j, "path", p->path);
		json_int(j, "files", (int64_t)p->count.files);
		json_int(j, "bytes", (int64_t)p->count.bytes);
		json_int(j, "mounts", (int64_t)p->count.mounts);
		json_string(j, "note", p->note);
		json_end(j);
	}
	json_end(j);
}

static void retained_json(struct json *j, const struct data_retained *r)
{
	json_bool(j, "retained", r->host != NULL);
	if (r->host) {
		json_int(j, "retained_since", r->since);
		json_int(j, "retained_patients", r->patients);
	}
}

static void inventory_json(struct buf *out, const struct data_facts *f, const struct data_retained *r)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "host", f->host);
	json_string(&j, "instance", f->instance);
	json_string(&j, "data", data_state_word(f->data));
	json_string(&j, "trouble", f->trouble);
	json_bool(&j, "remote", f->db.remote);
	json_int(&j, "patients", f->patients);
	databases_json(&j, f);
	count_json(&j, "documents", &f->documents);
	count_json(&j, "keys", &f->keys);
	count_json(&j, "backups", &f->backups);
	places_json(&j, f);
	json_string(&j, "newest_backup", f->newest_backup);
	json_string(&j, "verified_backup", f->verified_backup);
	json_string(&j, "verified", f->verified);
	retained_json(&j, r);
	json_end(&j);
}

/* ---- text ---- */

static void databases_text(struct buf *out, const struct data_facts *f)
{
	for (size_t i = 0; i < f->n_base; i++) {
		const struct data_database *b = &f->base[i];

		buf_addf(out, "%-14s %s (%s%s%s)", i ? "" : "databases:", b->name, base_word(b), b->note ? ": " : "",
			 b->note ? b->note : "");
		if (b->bytes >= 0)
			buf_addf(out, " %" PRId64 " tables, %" PRId64 " bytes", b->tables, b->bytes);
		buf_addc(out, '\n');
	}
	for (size_t i = 0; i < f->copies.n; i++)
		buf_addf(out, "%-14s %s (carries the same instance: renamed, or a copy)\n", "", f->copies.v[i]);
	if (f->patients >= 0)
		buf_addf(out, "%-14s %" PRId64 "\n", "patients:", f->patients);
	else
		buf_addf(out, "%-14s not known\n", "patients:");
}

static void places_text(struct buf *out, const struct data_facts *f)
{
	const char *last = "";

	for (size_t i = 0; i < f->n_place; i++) {
		const struct data_place *p = &f->place[i];
		AUTO_FREE char *label = xasprintf("%s:", p->kind);

		buf_addf(out, "%-14s %s: %" PRIu64 " files, %" PRIu64 " bytes", p->kind == last ? "" : label, p->path,
			 p->count.files, p->count.bytes);
		if (p->count.mounts)
			buf_addf(out, ", and something is mounted below");
		buf_addf(out, "%s%s\n", p->note ? "; " : "", p->note ? p->note : "");
		last = p->kind;
	}
}

static void inventory_text(struct buf *out, const struct data_facts *f, const struct data_retained *r)
{
	buf_addf(out, "%-14s %s\n%-14s %s\n", "host:", f->host, "instance:", f->instance ? f->instance : "-");
	databases_text(out, f);
	places_text(out, f);
	if (f->backups.files && f->verified)
		buf_addf(out, "%-14s %s, %s\n", "last verified:", f->verified, f->verified_backup);
	else if (f->backups.files)
		buf_addf(out, "%-14s none\n", "last verified:");
	buf_addf(out, "%-14s patient data: %s%s%s\n", "in all:", data_state_word(f->data), f->trouble ? "; " : "",
		 f->trouble ? f->trouble : "");
	if (r->host)
		buf_addf(out, "%-14s since a purge, to be taken over or destroyed\n", "retained:");
}

int data_inventory(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(data_facts_release) struct data_facts f = DATA_FACTS_INIT;
	CLEANUP(data_retained_release) struct data_retained r = { 0 };
	struct err why = ERR_INIT;
	AUTO_BUF out = BUF_INIT;

	if (data_facts_gather(&f, t, err) < 0)
		return -1;
	if (data_retained_read(t, &r, &why) < 0 && why.kind != ERR_ABSENT)
		log_warn("%s", why.text);
	if (t->json)
		inventory_json(&out, &f, &r);
	else
		inventory_text(&out, &f, &r);
	return tool_print(&out, err);
}

/* onar: was the Ontario antenatal record split into its three tables? Detection only.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * OSCAR's page (pregnancy/migrateToSplitOnArEnhancedForm.jsp) says "Done"
 * whatever happened. Four numbers tell what is so.
 */
#include <inttypes.h>

#include "migrate.h"

enum { OLD, RECORD, EXT1, EXT2, LOG };

static const struct migrate_table tables[] = {
	[OLD] = { .name = "formONAREnhanced", .pk = "ID", .reads = "demographic_no", .optional = true },
	[RECORD] = { .name = "formONAREnhancedRecord", .pk = "ID", .reads = "demographic_no", .optional = true },
	[EXT1] = { .name = "formONAREnhancedRecordExt1", .pk = "ID", .optional = true },
	[EXT2] = { .name = "formONAREnhancedRecordExt2", .pk = "ID", .optional = true },
	[LOG] = { .name = "log", .pk = "id", .reads = "action", .optional = true },
	{ 0 },
};

static int look(struct migrate *m, struct err *err)
{
	int64_t old, copied = 0, half = 0, other = 0, ran = 0;

	if (!migrate_has(m, OLD, NULL)) {
		buf_adds(&m->need.evidence, "there is no table 'formONAREnhanced'");
		return 0;
	}
	if (db_get_int(m->db, "SELECT COUNT(*) FROM formONAREnhanced", NULL, 0, &old, err) < 0)
		return -1;
	if (migrate_has(m, RECORD, NULL) && migrate_has(m, EXT1, NULL) && migrate_has(m, EXT2, NULL)) {
		if (db_get_int(m->db, "SELECT COUNT(*) FROM formONAREnhanced o JOIN formONAREnhancedRecord r ON r.ID = o.ID", NULL, 0, &copied, err) < 0 ||
		    db_get_int(m->db, "SELECT COUNT(*) FROM formONAREnhancedRecord r WHERE NOT EXISTS (SELECT 1 FROM formONAREnhancedRecordExt1 a"
			       " WHERE a.ID = r.ID) OR NOT EXISTS (SELECT 1 FROM formONAREnhancedRecordExt2 b WHERE b.ID = r.ID)",
			       NULL, 0, &half, err) < 0 ||
		    db_get_int(m->db, "SELECT COUNT(*) FROM formONAREnhanced o JOIN formONAREnhancedRecord r ON r.ID = o.ID"
			       " WHERE NOT (r.demographic_no <=> o.demographic_no)", NULL, 0, &other, err) < 0)
			return -1;
	}
	if (migrate_has(m, LOG, NULL) && db_get_int(m->db, "SELECT EXISTS (SELECT 1 FROM log WHERE action = 'migrateToSplitOnArEnhancedForm')",
						    NULL, 0, &ran, err) < 0)
		return -1;
	m->need.rows = old - copied;
	m->need.needed = old > copied;
	buf_addf(&m->need.evidence, "%" PRId64 " old forms; the numbers of %" PRId64 " are in the new table, %" PRId64
		 " of them with another patient's form; %" PRId64 " are half copied%s", old, copied, other, half, ran ? "; OSCAR's page was run" : "");
	if (m->need.needed)
		buf_adds(&m->need.warning, "this is not migrated here: use OSCAR's own page, with a backup, and look at these numbers again after it");
	if (half || other)
		buf_addf(&m->need.warning, "%sthat page passes over forms that are half copied or whose number is taken: look at those by hand",
			 m->need.warning.len ? "; " : "");
	return 0;
}

const struct migration migrate_onar = {
	.name = "onar", .summary = "Ontario antenatal records in three tables (detection only)", .tables = tables, .look = look,
};

#include "backup/manifest.h"
#include "backup/restore.h"
#include "base/interrupt.h"
#include "sql/quote.h"
#include "sql/script.h"

struct verify {
  struct arena *arena;
  struct place *place;
  const struct archive *archive;
  const char *id;
  struct backup_tables tables;
  struct map *by_identity; /* of them */
  struct verify_report report;
};

/* ---- expand ---- */

static int check_member(struct verify *v, const struct archive_entry *e, struct err *err)
{
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  if (interrupt_check(err) < 0 || archive_read(v->archive, e, &raw, err) < 0)
    return -1;
  if (strcmp(e->kind, "sql") == 0) {
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct sql_script *script;
    if (sql_script_read(arena, e->object, raw.data, raw.len, &script, err) < 0)
      return err_recode(err, ERR_DAMAGED);
  }
  if (strcmp(e->kind, "data") != 0)
    return 0;
  /* a member that belongs to no table is named by backup_check_rows */
  const struct backup_table *table = map_get(v->by_identity, e->object);
  int64_t rows = chunks_count_rows(table ? table->format : CHUNKS_TEXT, raw.data, raw.len);
  if (rows < 0)
    return err_set(err, ERR_DAMAGED, "member %s (%s, part %d) ends in the middle of a row", e->id,
                   e->object, e->part);
  if (rows != e->rows)
    return err_set(err, ERR_DAMAGED,
                   "member %s (%s, part %d) holds %" PRId64 " rows, the manifest says %" PRId64,
                   e->id, e->object, e->part, rows, e->rows);
  return 0;
}

static int check_sql_members(const struct verify *v, struct err *err)
{
  static const char *const needed[] = {"pre-data", "sequences", "post-data"};
  for (size_t n = 0; n < COUNT_OF(needed); n++) {
    bool found = false;
    for (size_t i = 0; i < v->archive->entries.len; i++) {
      const struct archive_entry *e = &v->archive->entries.at[i];
      found = found || (strcmp(e->kind, "sql") == 0 && strcmp(e->object, needed[n]) == 0);
    }
    if (!found)
      return err_set(err, ERR_DAMAGED, "%s: there is no member \"%s\"", v->archive->prefix,
                     needed[n]);
  }
  return 0;
}

static int check_members(struct verify *v, struct err *err)
{
  v->by_identity = map_new(v->arena);
  for (size_t i = 0; i < v->tables.len; i++)
    map_put(v->by_identity, v->tables.at[i].identity, &v->tables.at[i]);
  for (size_t i = 0; i < v->archive->entries.len; i++)
    if (check_member(v, &v->archive->entries.at[i], err) < 0)
      return -1;
  if (check_sql_members(v, err) < 0)
    return -1;
  return backup_check_rows(v->arena, v->archive, &v->tables, err);
}

/* ---- restore ---- */

/* Tables that are loaded through the same root are compared as one: a hash may put a row
 * elsewhere on another server. */
static int check_table_rows(struct verify *v, struct db_conn *conn, size_t index, struct err *err)
{
  const struct backup_table *t = &v->tables.at[index];
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(text_clear) struct text leaves = TEXT_INIT; /* other partitions are loaded directly */
  int64_t expected = 0;
  for (size_t i = 0; i < v->tables.len; i++) {
    if (strcmp(v->tables.at[i].load_into, t->load_into) != 0)
      continue;
    if (i < index)
      return 0; /* done already */
    expected += v->tables.at[i].rows;
    text_printf(&leaves, "%s%s::pg_catalog.regclass", leaves.len ? ", " : "WHERE tableoid IN (",
                sql_literal(v->arena, v->tables.at[i].identity));
  }
  text_putc(&leaves, ')');
  bool root = strcmp(t->load_into, t->identity) != 0;
  const char *sql = arena_printf(v->arena, "SELECT pg_catalog.count(*) FROM %s%s %s",
                                 root ? "" : "ONLY ", t->load_into,
                                 root           ? leaves.data
                                 : t->condition ? t->condition
                                                : "");
  if (db_query(conn, &r, err, sql, NULL) < 0)
    return err_wrap(err, "counting the rows of %s", t->load_into);
  if (db_int(r, 0, 0) == expected)
    return 0;
  return err_set(err, ERR_DAMAGED,
                 "the restored %s holds %" PRId64 " rows, the manifest says %" PRId64, t->load_into,
                 db_int(r, 0, 0), expected);
}

/* All statements of the backup's schema, one after the other. */
static int read_schema(const struct verify *v, struct text *ret_sql, struct err *err)
{
  for (size_t i = 0; i < v->archive->entries.len; i++) {
    const struct archive_entry *e = &v->archive->entries.at[i];
    CLEANUP(text_clear) struct text part = TEXT_INIT;
    if (strcmp(e->kind, "sql") != 0)
      continue;
    if (archive_read(v->archive, e, &part, err) < 0)
      return -1;
    text_append(ret_sql, part.data, part.len);
  }
  return 0;
}

/* The first statement that would make the restored schema and is not in the backup: a person's
 * first clue. */
static void explain_difference(const struct verify *v, const struct catalog *restored,
                               struct err *err)
{
  enum { SHOWN = 400 };
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  struct catalog_script script = {0};
  if (read_schema(v, &sql, &ignored) < 0 ||
      catalog_ddl(v->arena, restored, CATALOG_ALL, &script, &ignored) < 0)
    return;
  for (size_t i = 0; i < script.len; i++)
    if (!strstr(sql.data, script.at[i].sql)) {
      err_detail(err, "restored, but not in the backup: %.*s", SHOWN, script.at[i].sql);
      return;
    }
}

static int check_fingerprint(struct verify *v, struct db_conn *conn, struct err *err)
{
  static const struct catalog_options options = {0};
  bool owners = v->report.missing_roles.len == 0;
  const char *key = owners ? "fingerprint" : "fingerprint_without_owner";
  const char *expected = backup_string(v->archive, key);
  struct catalog *c;
  char found[65];
  if (catalog_read(v->arena, conn, &options, &c, err) < 0)
    return err_wrap(err, "reading the restored schema");
  catalog_fingerprint(c, owners ? 0 : CATALOG_IGNORE_OWNER, found);
  if (expected && strcmp(found, expected) == 0)
    return 0;
  err_set(err, ERR_DAMAGED,
          "the restored schema is not the one that was backed up: its fingerprint is %s, the"
          " manifest says %s",
          found, expected ? expected : "nothing");
  explain_difference(v, c, err);
  return -1;
}

static int check_restored(struct verify *v, const struct restore_options *options, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  const struct restore restore = {.arena = v->arena, .options = options, .archive = v->archive};
  if (restore_connect(&restore, &conn, err) < 0)
    return -1;
  for (size_t i = 0; i < v->tables.len; i++)
    if (interrupt_check(err) < 0 || check_table_rows(v, conn, i, err) < 0)
      return -1;
  return check_fingerprint(v, conn, err);
}

int backup_check_restored(struct arena *arena, const struct restore_options *options, bool owners,
                          struct err *err)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  struct verify v = {.arena = arena, .place = options->place};
  if (archive_open(arena, options->place, options->prefix, &archive, err) < 0 ||
      backup_read_tables(arena, archive, &v.tables, err) < 0)
    return -1;
  v.archive = archive;
  if (!owners)
    vec_push(arena, &v.report.missing_roles, "");
  return check_restored(&v, options, err);
}

static int check_by_restore(struct verify *v, const struct db_target *target, struct err *err)
{
  enum { JOBS = 2 };
  const struct restore_options options = {.target = target,
                                          .place = v->place,
                                          .prefix = v->archive->prefix,
                                          .into = arena_printf(v->arena, "belay_verify_%s", v->id),
                                          .jobs = JOBS,
                                          .no_analyze = true,
                                          .replace_unfinished = true};
  struct restore_report report;
  if (backup_restore(v->arena, &options, &report, err) < 0) {
    if (err->code == ERR_REFUSED)
      err_hint(err, "If %s is left over from a verify that was killed, drop it and verify again.",
               options.into);
    return -1;
  }
  v->report.missing_roles = report.missing_roles;
  int rc = check_restored(v, &options, err);
  struct err failed = ERR_INIT;
  if (restore_drop_database(target, options.into, &failed) == 0)
    return rc;
  if (rc == 0)
    err_move(err, &failed);
  err_clear(&failed);
  return -1;
}

int backup_verify(struct arena *arena, struct place *place, const char *prefix,
                  enum backup_level level, const struct db_target *target,
                  struct verify_report *ret, struct err *err)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  struct backup_info info;
  if (archive_open(arena, place, prefix, &archive, err) < 0 ||
      backup_read_info(arena, archive, &info, err) < 0)
    return -1;
  struct verify v = {.arena = arena, .place = place, .archive = archive, .id = info.id};
  v.report = (struct verify_report){.level = level,
                                    .members = (int64_t)archive->entries.len,
                                    .tables = info.tables,
                                    .rows = info.rows,
                                    .bytes = info.bytes};
  if (backup_read_tables(arena, archive, &v.tables, err) < 0 ||
      archive_check_hashes(archive, err) < 0 ||
      (level >= BACKUP_EXPAND && check_members(&v, err) < 0) ||
      (level >= BACKUP_RESTORE && check_by_restore(&v, target, err) < 0))
    return err_wrap(err, "verifying %s", info.id);
  *ret = v.report;
  return 0;
}

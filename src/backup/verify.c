#include <stdatomic.h>

#include "backup/manifest.h"
#include "backup/marks.h"
#include "backup/restore.h"
#include "backup/session.h"
#include "backup/template.h"
#include "backup/workers.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "catalog/large_objects.h"
#include "sql/quote.h"

struct verify {
  struct arena *arena;
  const struct verify_options *options;
  const struct archive *archive;
  bool is_template; /* what is restored is a scratch copy: without what belongs to the database */
  struct backup_tables tables;
  struct verify_report report;
};

/* What the workers share: each takes the next item. */
struct group;
VEC_TYPE(groups, struct group *);
struct checking {
  struct verify *verify;
  struct workers *workers;
  atomic_size_t next;
  struct map *by_identity;       /* expand: struct found of a table */
  const struct restore *restore; /* restore: how to connect */
  const struct groups *groups;
};

static int check_all(struct checking *checking, const struct workers_job *job, struct err *err)
{
  CLEANUP(workers_freep) struct workers *workers = workers_new();
  struct workers_job mine = *job;
  mine.count = checking->verify->options->jobs;
  mine.context = checking;
  checking->workers = workers;
  return workers_run(workers, &mine, err);
}

/* The names of tables that cannot be compared by their content. */
static void note_uncompared(struct verify *v, const char *identity)
{
  for (size_t i = 0; i < v->report.uncompared.len; i++)
    if (strcmp(v->report.uncompared.at[i], identity) == 0)
      return;
  vec_push(v->arena, &v->report.uncompared, identity);
}

/* The copy beside the manifest is the one that people follow; the manifest knows that in the
 * first segment. */
static int check_recover_text(struct verify *v, struct err *err)
{
  static const char name[] = "RECOVER.txt";
  const char *key = arena_printf(v->arena, "%s/%s", v->archive->prefix, name);
  CLEANUP(text_clear) struct text kept = TEXT_INIT;
  char *beside = NULL;
  size_t len = 0;
  for (size_t i = 0; i < v->archive->entries.len; i++) {
    const struct archive_entry *e = &v->archive->entries.at[i];
    if (strcmp(e->object, name) != 0 || strcmp(e->kind, "text") != 0)
      continue;
    if (archive_read(v->archive, e, &kept, err) < 0)
      return -1;
    if (!place_exists(v->options->place, key))
      return err_set(err, ERR_DAMAGED, "%s is missing", key);
    if (place_get(v->options->place, v->arena, key, &beside, &len, err) < 0)
      return -1;
    if (len == kept.len && memcmp(beside, kept.data, len) == 0)
      return 0;
    err_set(err, ERR_DAMAGED, "%s was changed: it is not the one in the first segment", key);
    return err_hint(err, "Take the member %s of segment-0001.tar in its place.", name);
  }
  return 0;
}

/* ---- expand ---- */

struct found {
  const struct backup_table *table;
  struct chunks_content content; /* of its members; under the lock */
};

static int check_data(struct checking *checking, const struct archive_entry *e, struct err *err)
{
  const struct archive *archive = checking->verify->archive;
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  struct chunks_content content;
  struct found *found = map_get(checking->by_identity, e->object);
  if (!found)
    return err_set(err, ERR_DAMAGED, "%s/manifest.json: member %s belongs to no table (%s)",
                   archive->prefix, e->id, e->object);
  if (archive_read(archive, e, &raw, err) < 0)
    return -1;
  if (!chunks_part_content(found->table->format, raw.data, raw.len, &content))
    return err_set(err, ERR_DAMAGED,
                   "member %s (%s, part %d) is no %s COPY data, or ends in the middle of a row",
                   e->id, e->object, e->part,
                   found->table->format == CHUNKS_BINARY ? "binary" : "text");
  if (content.rows != e->rows)
    return err_set(err, ERR_DAMAGED,
                   "member %s (%s, part %d) holds %" PRId64 " rows, the manifest says %" PRId64,
                   e->id, e->object, e->part, content.rows, e->rows);
  workers_lock(checking->workers);
  chunks_content_add(&found->content, &content);
  workers_unlock(checking->workers);
  return 0;
}

static int check_members_work(void *context, struct db_conn *conn, int number, struct err *err)
{
  UNUSED(conn);
  UNUSED(number);
  struct checking *checking = context;
  const struct archive_entries *entries = &checking->verify->archive->entries;
  for (size_t i; !workers_stopped(checking->workers) &&
                 (i = atomic_fetch_add(&checking->next, 1)) < entries->len;)
    if (strcmp(entries->at[i].kind, "data") == 0 && check_data(checking, &entries->at[i], err) < 0)
      return -1;
  return 0;
}

/* As a restore would: the SQL members are there and can be read, and no table is forgotten. */
static int check_sql_members(struct verify *v, struct err *err)
{
  struct restore restore = {.arena = v->arena, .archive = v->archive, .tables = v->tables};
  return restore_read_items(&restore, err);
}

static int check_digest(struct verify *v, const struct found *found, struct err *err)
{
  const struct backup_table *t = found->table;
  if (!t->has_digest)
    note_uncompared(v, t->identity);
  if (!t->has_digest || found->content.digest == t->digest)
    return 0;
  return err_set(err, ERR_DAMAGED,
                 "the members of %s hold other rows than were backed up: their digest is"
                 " %016" PRIx64 ", its table entry says %016" PRIx64,
                 t->identity, found->content.digest, t->digest);
}

static int check_members(struct verify *v, struct err *err)
{
  struct checking checking = {.verify = v, .by_identity = map_new(v->arena)};
  for (size_t i = 0; i < v->tables.len; i++) {
    struct found *found = ARENA_NEW(v->arena, struct found);
    found->table = &v->tables.at[i];
    map_put(checking.by_identity, found->table->identity, found);
  }
  if (backup_check_rows(v->arena, v->archive, &v->tables, err) < 0 ||
      check_sql_members(v, err) < 0 ||
      check_all(&checking, &(struct workers_job){.work = check_members_work}, err) < 0)
    return -1;
  for (size_t i = 0; i < map_len(checking.by_identity); i++)
    if (check_digest(v, map_value_at(checking.by_identity, i), err) < 0)
      return -1;
  return 0;
}

/* ---- restore ---- */

/* Tables loaded through one root are compared as one: a hash may put a row elsewhere on another
 * server. The root may have other partitions, which are loaded directly. */
struct group {
  struct backup_table table; /* the first of them, its condition naming them all */
  struct chunks_content expected;
  bool same_format; /* else there is no digest to compare */
};

static void add_to_group(struct verify *v, struct group *g, const struct backup_table *t)
{
  const struct chunks_content content = {t->rows, t->digest};
  chunks_content_add(&g->expected, &content);
  g->same_format = g->same_format && t->has_digest && t->format == g->table.format;
  if (strcmp(t->load_into, t->identity) == 0)
    return;
  g->table.condition = arena_printf(
      v->arena, "%s%s::pg_catalog.regclass)",
      g->table.condition ? arena_printf(v->arena, "%.*s, ", (int)strlen(g->table.condition) - 1,
                                        g->table.condition)
                         : "WHERE tableoid IN (",
      sql_literal(v->arena, t->identity));
}

static void find_groups(struct verify *v, struct groups *ret)
{
  struct map *by_target = map_new(v->arena);
  for (size_t i = 0; i < v->tables.len; i++) {
    const struct backup_table *t = &v->tables.at[i];
    struct group *g = map_get(by_target, t->load_into);
    if (!g) {
      g = ARENA_NEW(v->arena, struct group);
      g->table = *t;
      g->same_format = true;
      if (strcmp(t->load_into, t->identity) != 0)
        g->table.condition = NULL;
      map_put(by_target, t->load_into, g);
      vec_push(v->arena, ret, g);
    }
    add_to_group(v, g, t);
  }
}

static int read_content(struct checking *checking, struct db_conn *conn, const struct group *g,
                        struct chunks_content *ret, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char *sql = NULL;
  if (!backup_is_large_objects(&g->table))
    sql = backup_content_sql(arena, checking->verify->archive, &g->table);
  else if (large_objects_content_sql(arena, conn, &sql, err) < 0)
    return -1;
  return chunks_read_content(conn, sql, g->table.format, ret, err);
}

static int check_group(struct checking *checking, struct db_conn *conn, const struct group *g,
                       struct err *err)
{
  struct chunks_content found;
  if (read_content(checking, conn, g, &found, err) < 0)
    return err_wrap(err, "reading the restored %s", g->table.load_into);
  if (found.rows != g->expected.rows)
    return err_set(err, ERR_DAMAGED,
                   "the restored %s holds %" PRId64 " rows, the manifest says %" PRId64,
                   g->table.load_into, found.rows, g->expected.rows);
  if (g->same_format && found.digest != g->expected.digest)
    return err_set(err, ERR_DAMAGED,
                   "the restored %s holds other rows than were backed up: the digest of its content"
                   " is %016" PRIx64 ", the manifest says %016" PRIx64,
                   g->table.load_into, found.digest, g->expected.digest);
  return 0;
}

/* All statements of the backup's SQL members of that name (NULL: of all), one after the other. */
static int read_sql(const struct verify *v, const char *object, struct text *ret_sql,
                    struct err *err)
{
  for (size_t i = 0; i < v->archive->entries.len; i++) {
    const struct archive_entry *e = &v->archive->entries.at[i];
    CLEANUP(text_clear) struct text part = TEXT_INIT;
    if (strcmp(e->kind, "sql") != 0 || (object && strcmp(e->object, object) != 0))
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
  if (read_sql(v, NULL, &sql, &ignored) < 0 ||
      catalog_ddl(v->arena, restored, CATALOG_ALL, &script, &ignored) < 0)
    return;
  for (size_t i = 0; i < script.len; i++)
    if (!strstr(sql.data, script.at[i].sql)) {
      err_detail(err, "restored, but not in the backup: %.*s", SHOWN, script.at[i].sql);
      return;
    }
}

/* In the transaction that finishes the restored database. */
static int check_fingerprint(void *context, struct db_conn *conn,
                             const struct strings *missing_roles, struct err *err)
{
  struct verify *v = context;
  static const struct catalog_options options = {0};
  bool owners = missing_roles->len == 0;
  const char *key = v->is_template ? "fingerprint_without_database"
                    : owners       ? "fingerprint"
                                   : "fingerprint_without_owner";
  int flags = v->is_template ? CATALOG_IGNORE_DATABASE : owners ? 0 : CATALOG_IGNORE_OWNER;
  const char *expected = backup_string(v->archive, key);
  struct catalog *c;
  char found[65];
  if (catalog_read(v->arena, conn, &options, &c, err) < 0)
    return err_wrap(err, "reading the restored schema");
  catalog_fingerprint(c, CATALOG_IGNORE_CHILD_ORDER | flags, found);
  if (expected && strcmp(found, expected) == 0)
    return 0;
  /* Another major words some definitions in another way, and has properties of its own. */
  v->report.schema_uncompared = backup_major(v->archive) != db_server_major(conn);
  if (v->report.schema_uncompared)
    return 0;
  err_set(err, ERR_DAMAGED,
          "the restored schema is not the one that was backed up: its fingerprint is %s, the"
          " manifest says %s",
          found, expected ? expected : "nothing");
  explain_difference(v, c, err);
  return -1;
}

static int connect_scratch(void *context, struct db_conn **ret_conn, struct err *err)
{
  const struct checking *checking = context;
  return restore_connect(checking->restore, ret_conn, err);
}

static int check_groups_work(void *context, struct db_conn *conn, int number, struct err *err)
{
  UNUSED(number);
  struct checking *checking = context;
  const struct groups *groups = checking->groups;
  for (size_t i; !workers_stopped(checking->workers) &&
                 (i = atomic_fetch_add(&checking->next, 1)) < groups->len;)
    if (check_group(checking, conn, groups->at[i], err) < 0)
      return -1;
  return 0;
}

/* What makes the restored large objects is what the backup says, word by word. */
struct comparing {
  struct text made;
  const char *rest;
};

static int compare_statement(void *context, enum catalog_purpose purpose, const char *objects,
                             const char *sql, struct err *err)
{
  enum { SHOWN = 400 };
  struct comparing *c = context;
  text_reset(&c->made);
  mark_write_large_objects(&c->made, purpose, objects, sql);
  if (strncmp(c->rest, c->made.data, c->made.len) == 0) {
    c->rest += c->made.len;
    return 0;
  }
  err_set(err, ERR_DAMAGED, "the restored large objects are not those that were backed up");
  return err_detail(err, "restored, but not in the backup: %.*s", SHOWN, sql);
}

static int check_large_objects(struct verify *v, const struct restore *restore, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  CLEANUP(text_clear) struct text expected = TEXT_INIT;
  struct comparing c = {.made = TEXT_INIT};
  if (read_sql(v, "large objects", &expected, err) < 0 ||
      restore_connect(restore, &conn, err) < 0 || db_exec(conn, "BEGIN READ ONLY", err) < 0)
    return -1;
  c.rest = expected.data;
  int rc = large_objects_statements(conn, compare_statement, &c, err);
  text_clear(&c.made);
  if (rc < 0)
    return -1;
  if (*c.rest)
    return err_set(err, ERR_DAMAGED,
                   "the restored large objects lack something that was backed up");
  return 0;
}

/* owners: nothing was left out because its role does not exist. */
static int check_contents(struct verify *v, const struct restore_options *options, bool owners,
                          struct err *err)
{
  const struct restore restore = {.arena = v->arena, .options = options, .archive = v->archive};
  struct groups groups = {0};
  find_groups(v, &groups);
  for (size_t i = 0; i < groups.len; i++)
    if (!groups.at[i]->same_format)
      note_uncompared(v, groups.at[i]->table.load_into);
  struct checking checking = {.verify = v, .restore = &restore, .groups = &groups};
  const struct workers_job job = {.connect = connect_scratch, .work = check_groups_work};
  if (check_all(&checking, &job, err) < 0)
    return -1;
  return owners && backup_has_large_objects(&v->tables) ? check_large_objects(v, &restore, err) : 0;
}

static int check_restored(struct verify *v, const struct restore_options *options,
                          const struct strings *missing_roles, struct err *err)
{
  const struct restore restore = {.arena = v->arena, .options = options, .archive = v->archive};
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  if (restore_connect(&restore, &conn, err) < 0 ||
      check_fingerprint(v, conn, missing_roles, err) < 0)
    return -1;
  return check_contents(v, options, missing_roles->len == 0, err);
}

int backup_check_restored(struct arena *arena, const struct restore_options *options, bool owners,
                          bool *ret_schema_compared, struct err *err)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  const struct verify_options verify = {.place = options->place, .jobs = options->jobs};
  struct verify v = {.arena = arena, .options = &verify};
  struct strings missing_roles = {0};
  if (archive_open(arena, options->place, options->prefix, &archive, err) < 0 ||
      backup_read_tables(arena, archive, &v.tables, err) < 0)
    return -1;
  v.archive = archive;
  if (!owners)
    vec_push(arena, &missing_roles, "");
  if (check_restored(&v, options, &missing_roles, err) < 0)
    return -1;
  *ret_schema_compared = !v.report.schema_uncompared;
  return 0;
}

/* Of a template's scratch copy: each row can be read, whatever it holds. */
static int read_all_rows(struct verify *v, const struct restore_options *options, struct err *err)
{
  const struct restore restore = {.arena = v->arena, .options = options, .archive = v->archive};
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (restore_connect(&restore, &conn, err) < 0 ||
      db_query(conn, &r, err,
               "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c"
               " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " WHERE (c.relkind = 'r' OR (c.relkind = 'm' AND c.relispopulated))"
               " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1",
               NULL) < 0)
    return -1;
  v->report.rows = 0;
  for (int i = 0; i < db_rows(r); i++) {
    const char *name = db_value(r, i, 0);
    const char *sql = arena_printf(v->arena, "COPY (SELECT * FROM ONLY %s) TO STDOUT", name);
    struct chunks_content content;
    if (interrupt_check(err) < 0)
      return -1;
    if (chunks_read_content(conn, sql, CHUNKS_TEXT, &content, err) < 0) {
      if (err->code == ERR_SQL)
        err_recode(err, ERR_DAMAGED);
      return err_wrap(err, "reading %s in a copy of the template", name);
    }
    v->report.rows += content.rows;
  }
  return 0;
}

static void keep_note(void *context, const char *line)
{
  struct verify *v = context;
  vec_push(v->arena, &v->report.notes, arena_strdup(v->arena, line));
}

static int check_in_scratch(struct verify *v, struct err *err)
{
  const struct restore_options options = {
      .target = v->options->target,
      .place = v->options->place,
      .prefix = v->archive->prefix,
      .into = arena_printf(v->arena, RESTORE_SCRATCH_PREFIX "%s", clock_new_id(v->arena)),
      .jobs = v->options->jobs,
      .no_analyze = true,
      .check = check_fingerprint,
      .check_context = v,
      .note = keep_note,
      .note_context = v,
      .scratch = true};
  struct restore_report report;
  if (backup_restore(v->arena, &options, &report, err) < 0)
    return -1;
  v->report.missing_roles = report.missing_roles;
  bool owners = report.missing_roles.len == 0;
  int rc = !v->is_template                     ? check_contents(v, &options, owners, err)
           : v->report.level == BACKUP_RESTORE ? read_all_rows(v, &options, err)
                                               : 0;
  struct err failed = ERR_INIT;
  if (restore_drop_database(options.target, options.into, &failed) == 0)
    return rc;
  if (rc == 0)
    err_move(err, &failed);
  err_clear(&failed);
  return -1;
}

static int check_by_restore(struct verify *v, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *owner = NULL;
  if (backup_open_maintenance(v->options->target, RESTORE_SCRATCH_OWNER, &owner, err) < 0)
    return -1;
  restore_sweep_scratch(v->options->target, owner);
  return check_in_scratch(v, err);
}

static int check_archive(struct verify *v, struct err *err)
{
  if ((!v->archive->locked && backup_read_tables(v->arena, v->archive, &v->tables, err) < 0) ||
      archive_check_hashes(v->archive, err) < 0 || check_recover_text(v, err) < 0)
    return -1;
  return v->report.level >= BACKUP_EXPAND ? check_members(v, err) : 0;
}

/* The template is never opened for this: whoever came in could change it. What is inside is read
 * from a copy: its schema for EXPAND, its rows too for RESTORE. */
static int check_template(struct verify *v, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct template_note note;
  if (backup_open_maintenance(v->options->target, RESTORE_SCRATCH_OWNER, &conn, err) < 0 ||
      template_find(v->arena, v->archive->place, v->archive->prefix, conn, &note, err) < 0)
    return -1;
  if (!v->archive->locked && !json_is_object(json_object_get(v->archive->manifest, "properties")))
    return err_set(err, ERR_DAMAGED, "%s/manifest.json: the properties of the database are missing",
                   v->archive->prefix);
  return 0;
}

int backup_verify(struct arena *arena, const struct verify_options *options,
                  struct verify_report *ret, struct err *err)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  struct backup_info info;
  if (options->jobs < 1 || options->jobs > BACKUP_JOBS_MAX)
    return err_set(err, ERR_USAGE, "a verify takes 1 to %d jobs, not %d", BACKUP_JOBS_MAX,
                   options->jobs);
  if (archive_look(arena, options->place, options->prefix, &archive, err) < 0 ||
      backup_read_info(arena, archive, &info, err) < 0)
    return -1;
  if (archive->locked && options->level > BACKUP_HASH) {
    archive_say_locked(archive, err);
    return err_hint(err, "Give an identity of one of them: --identity FILE, or BELAY_IDENTITY. What"
                         " can be checked without: --level hash.");
  }
  struct verify v = {
      .arena = arena, .options = options, .archive = archive, .is_template = info.template != NULL};
  v.report = (struct verify_report){.level = options->level,
                                    .locked = archive->locked,
                                    .members = (int64_t)archive->entries.len,
                                    .tables = info.tables,
                                    .rows = info.rows,
                                    .bytes = info.bytes};
  enum backup_level restored_from = v.is_template ? BACKUP_EXPAND : BACKUP_RESTORE;
  if ((v.is_template ? check_template(&v, err) : check_archive(&v, err)) < 0 ||
      (options->level >= restored_from && check_by_restore(&v, err) < 0))
    return err_wrap(err, "verifying %s", info.id);
  *ret = v.report;
  return 0;
}

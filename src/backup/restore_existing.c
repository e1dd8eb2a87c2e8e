/* Into a database that is there and in use: one transaction, so that it has all of it or none. */
#include "backup/restore.h"

#include "backup/session.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/term.h"
#include "sql/quote.h"

enum { LOOK_TRIES = 20, LOOK_PAUSE_MS = 500 };

/* ---- tables that do not exist ---- */

static struct catalog_object *find(const struct catalog *c, const struct mark *m)
{
  for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++)
    if (mark_is_kind(m, (enum catalog_kind)kind))
      return catalog_find_name(c, (enum catalog_kind)kind, m->object);
  return NULL;
}

/* What is there already stays as it is; of the tables none may be. */
static int leave_out_existing(struct restore *restore, const struct catalog *c,
                              struct restore_items *items, struct err *err)
{
  for (size_t i = 0; i < items->len; i++) {
    struct restore_item *item = &items->at[i];
    if (item->left_out || !item->mark.kind || !find(c, &item->mark))
      continue;
    if (mark_is_kind(&item->mark, CATALOG_TABLE)) {
      err_set(err, ERR_REFUSED, "table %s exists in %s; a restore never touches an existing table",
              item->mark.object, restore->options->into);
      return err_hint(err, "Restore it into a new database with --into NEWDB, or rename the table"
                           " that is there.");
    }
    if (mark_is_for(&item->mark, CATALOG_FOR_CREATE))
      restore_note(restore, "%s %s exists and is left as it is", item->mark.kind,
                   item->mark.object);
    item->left_out = true;
  }
  return 0;
}

static int compare_with(struct restore *restore, struct err *err)
{
  static const struct catalog_options options = {0};
  struct catalog *c;
  if (catalog_read(restore->arena, restore->conn, &options, &c, err) < 0)
    return err_wrap(err, "reading the schema of %s", restore->options->into);
  if (leave_out_existing(restore, c, &restore->pre_data, err) < 0)
    return -1;
  return leave_out_existing(restore, c, &restore->values, err);
}

/* ---- rows only ---- */

static int refuse_table(const char *table, const char *why, struct err *err)
{
  err_set(err, ERR_REFUSED, "table %s %s", table, why);
  return err_hint(err, "Rows are restored into tables that exist and are empty; to make the tables"
                       " as well, restore into a new database with --into NEWDB.");
}

static int check_empty(struct restore *restore, const struct backup_table *t, struct err *err)
{
  struct arena *arena = restore->arena;
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(db_result_clear) struct db_result *rows = NULL;
  bool root = strcmp(t->load_into, t->identity) != 0;
  if (db_query(restore->conn, &r, err, "SELECT pg_catalog.to_regclass($1) IS NOT NULL",
               t->load_into, NULL) < 0)
    return -1;
  if (!db_bool(r, 0, 0))
    return refuse_table(t->load_into, "does not exist", err);
  if (db_execf(restore->conn, err, "LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE", t->load_into) <
      0)
    return -1;
  const char *sql = arena_printf(arena, "SELECT FROM %s%s %s LIMIT 1", root ? "" : "ONLY ",
                                 t->load_into, t->condition ? t->condition : "");
  if (db_query(restore->conn, &rows, err, sql, NULL) < 0)
    return -1;
  return db_rows(rows) ? refuse_table(t->load_into, "holds rows", err) : 0;
}

/* The tables as an array for queries. */
static char *identities(struct restore *restore)
{
  json_t *list = json_array();
  for (size_t i = 0; i < restore->tables.len; i++)
    json_array_append_new(list, json_string(restore->tables.at[i].load_into));
  CLEANUP(free_ptr) char *json = json_dumps(list, JSON_COMPACT);
  json_decref(list);
  return arena_strdup(restore->arena, json);
}

/* With the partitions of those that are loaded through their root. */
#define THESE_TABLES                                                                               \
  "(SELECT pg_catalog.to_regclass(name)::oid"                                                      \
  " FROM pg_catalog.json_array_elements_text($1::json) AS name"                                    \
  " UNION SELECT t.relid FROM pg_catalog.json_array_elements_text($1::json) AS name,"              \
  " pg_catalog.pg_partition_tree(pg_catalog.to_regclass(name)) AS t)"

/* Triggers that would change rows on their way in. As replica only those fire that were told to. */
static int refuse_triggers(struct restore *restore, bool replica, struct err *err)
{
  const char *names = NULL;
  const char *sql = arena_printf(
      restore->arena,
      "SELECT pg_catalog.string_agg(pg_catalog.format('%%I on %%s', t.tgname, t.tgrelid::"
      "pg_catalog.regclass), ', ') FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND"
      " t.tgrelid IN " THESE_TABLES " AND t.tgenabled IN (%s)",
      replica ? "'A', 'R'" : "'A', 'O'");
  if (db_query_value(restore->conn, restore->arena, &names, err, sql, identities(restore), NULL) <
      0)
    return -1;
  if (!names)
    return 0;
  err_set(err, ERR_REFUSED, "triggers would fire while rows are restored: %s", names);
  return err_hint(err, "Disable them first: ALTER TABLE ... DISABLE TRIGGER ...;%s",
                  replica ? "" : " or restore as a superuser.");
}

/* Foreign keys hold in the backup, but the tables here may have others. Their rows are looked for,
 * whether or not triggers fired. Not those that the server keeps for each partition of a referenced
 * table: the rows need only be in one of them. */
static const char orphans_query[] =
    "SELECT pg_catalog.format('%I on %s', k.conname, k.conrelid::pg_catalog.regclass),"
    " pg_catalog.format('SELECT FROM %s a WHERE %s AND NOT EXISTS (SELECT FROM %s b WHERE %s)"
    " LIMIT 1', k.conrelid::pg_catalog.regclass,"
    "   pg_catalog.string_agg(pg_catalog.format('a.%I IS NOT NULL', x.attname), ' AND '),"
    "   k.confrelid::pg_catalog.regclass, pg_catalog.string_agg(pg_catalog.format("
    "'a.%I OPERATOR(%I.%s) b.%I', x.attname, n.nspname, o.oprname, y.attname), ' AND '))"
    " FROM pg_catalog.pg_constraint k, unnest(k.conkey, k.confkey, k.conpfeqop)"
    "   AS c (here, there, equal)"
    " JOIN pg_catalog.pg_operator o ON o.oid = c.equal"
    " JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace,"
    " pg_catalog.pg_attribute x, pg_catalog.pg_attribute y"
    " WHERE k.contype = 'f' AND k.convalidated AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint"
    " above WHERE above.oid = k.conparentid AND above.conrelid = k.conrelid)"
    " AND k.conrelid IN " THESE_TABLES
    " AND x.attrelid = k.conrelid AND x.attnum = c.here AND y.attrelid = k.confrelid"
    " AND y.attnum = c.there GROUP BY k.oid, k.conname, k.conrelid, k.confrelid";

static int check_foreign_keys(struct restore *restore, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(restore->conn, &r, err, orphans_query, identities(restore), NULL) < 0)
    return err_wrap(err, "reading the foreign keys");
  for (int i = 0; i < db_rows(r); i++) {
    CLEANUP(db_result_clear) struct db_result *orphan = NULL;
    if (interrupt_check(err) < 0 ||
        db_query(restore->conn, &orphan, err, db_value(r, i, 1), NULL) < 0)
      return -1;
    if (db_rows(orphan))
      return err_set(err, ERR_REFUSED, "rows of the backup do not satisfy the foreign key %s here",
                     db_value(r, i, 0));
  }
  return 0;
}

/* What is deferrable is checked by triggers of the server, which do not fire either. It checks the
 * same when it builds the index anew. */
static int check_deferrable(struct restore *restore, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(restore->conn, &r, err,
               "SELECT pg_catalog.format('%I on %s', k.conname, k.conrelid::pg_catalog.regclass),"
               " k.conindid::pg_catalog.regclass FROM pg_catalog.pg_constraint k"
               " JOIN pg_catalog.pg_class c ON c.oid = k.conindid AND c.relkind = 'i'"
               " WHERE k.condeferrable AND k.contype IN ('p', 'u', 'x')"
               " AND k.conrelid IN " THESE_TABLES,
               identities(restore), NULL) < 0)
    return err_wrap(err, "reading the deferrable constraints");
  for (int i = 0; i < db_rows(r); i++) {
    if (interrupt_check(err) == 0 &&
        db_execf(restore->conn, err, "REINDEX INDEX %s", db_value(r, i, 1)) == 0)
      continue;
    if (err_sqlstate_is(err, "23"))
      err_recode(err, ERR_REFUSED);
    return err_wrap(err, "rows of the backup do not satisfy the constraint %s here",
                    db_value(r, i, 0));
  }
  return 0;
}

/* Without the right to switch the checks off: each table after those it refers to. */
static int sort_by_foreign_keys(struct restore *restore, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(restore->conn, &r, err,
               "SELECT DISTINCT k.conrelid::pg_catalog.regclass::text,"
               " k.confrelid::pg_catalog.regclass::text FROM pg_catalog.pg_constraint k WHERE"
               " k.contype = 'f' AND k.conrelid IN " THESE_TABLES,
               identities(restore), NULL) < 0)
    return err_wrap(err, "reading the foreign keys");
  struct backup_tables sorted = {0};
  struct map *done = map_new(restore->arena), *open = map_new(restore->arena);
  for (size_t i = 0; i < restore->tables.len; i++)
    map_put(open, restore->tables.at[i].load_into, restore);
  for (size_t before = SIZE_MAX; sorted.len < restore->tables.len;) {
    if (before == sorted.len) {
      err_set(err, ERR_REFUSED,
              "foreign keys refer to each other in a circle, so no order of"
              " loading satisfies them");
      return err_hint(err, "Restore the rows as a superuser, whose session may load them"
                           " unchecked; they are checked afterwards.");
    }
    before = sorted.len;
    for (size_t i = 0; i < restore->tables.len; i++) {
      const struct backup_table *t = &restore->tables.at[i];
      bool ready = !map_get(done, t->identity);
      for (int k = 0; ready && k < db_rows(r); k++)
        ready = strcmp(db_value(r, k, 0), t->load_into) != 0 || !map_get(open, db_value(r, k, 1)) ||
                map_get(done, db_value(r, k, 1));
      if (!ready)
        continue;
      map_put(done, t->identity, restore);
      vec_push(restore->arena, &sorted, *t);
    }
  }
  restore->tables = sorted;
  return 0;
}

/* ret_replica: the session's triggers and foreign keys are switched off meanwhile. */
static int prepare_rows(struct restore *restore, bool *ret_replica, struct err *err)
{
  const char *super = NULL;
  if (db_query_value(restore->conn, restore->arena, &super, err,
                     "SELECT rolsuper::text FROM pg_catalog.pg_roles WHERE rolname ="
                     " current_user",
                     NULL) < 0)
    return -1;
  bool replica = super && strcmp(super, "true") == 0;
  for (size_t i = 0; i < restore->tables.len; i++)
    if (interrupt_check(err) < 0 || (!backup_is_large_objects(&restore->tables.at[i]) &&
                                     check_empty(restore, &restore->tables.at[i], err) < 0))
      return -1;
  if (refuse_triggers(restore, replica, err) < 0 || restore_check_sequences(restore, err) < 0)
    return -1;
  *ret_replica = replica;
  if (!replica)
    return sort_by_foreign_keys(restore, err);
  return db_exec(restore->conn, "SET LOCAL session_replication_role = replica", err);
}

/* ---- both ---- */

struct parts_of_table {
  const struct archive_entries *entries;
  size_t next;
  const char *table;
};

static const struct archive_entry *next_part(void *context)
{
  struct parts_of_table *parts = context;
  while (parts->next < parts->entries->len) {
    const struct archive_entry *e = &parts->entries->at[parts->next++];
    if (strcmp(e->kind, "data") == 0 && strcmp(e->object, parts->table) == 0)
      return e;
  }
  return NULL;
}

static int load_rows(struct restore *restore, struct err *err)
{
  for (size_t i = 0; i < restore->tables.len; i++) {
    const struct backup_table *t = &restore->tables.at[i];
    struct parts_of_table parts = {.entries = &restore->archive->entries, .table = t->identity};
    term_progress("restoring tables", i, restore->tables.len, "tables");
    const struct archive_entry *first = next_part(&parts);
    if (first && restore_put_rows(restore, restore->conn, t, first, next_part, &parts, err) < 0)
      return -1;
  }
  term_progress_clear();
  return 0;
}

/* Only what refreshes materialized views. */
static void leave_out_all_but_refresh(struct restore_items *items)
{
  for (size_t i = 0; i < items->len; i++)
    if (!mark_is_for(&items->at[i].mark, CATALOG_FOR_REFRESH))
      items->at[i].left_out = true;
}

/* What may be refused is refused in here; until it is over a rollback undoes all of it. */
static int fill(struct restore *restore, struct err *err)
{
  bool data_only = restore->options->data_only, replica = false;
  if (db_exec(restore->conn, "BEGIN", err) < 0 ||
      (data_only ? prepare_rows(restore, &replica, err) : compare_with(restore, err)) < 0)
    return -1;
  if (!data_only && restore_run_within(restore, &restore->pre_data, "pre-data", err) < 0)
    return -1;
  if ((data_only && restore_add_large_objects(restore, err) < 0) || load_rows(restore, err) < 0)
    return -1;
  if (replica && (db_exec(restore->conn, "SET LOCAL session_replication_role = DEFAULT", err) < 0 ||
                  check_deferrable(restore, err) < 0))
    return -1;
  if (data_only && check_foreign_keys(restore, err) < 0)
    return -1;
  if (data_only)
    leave_out_all_but_refresh(&restore->post_data);
  if (restore_run_within(restore, &restore->post_data, "post-data", err) < 0)
    return -1;
  return db_exec(restore->conn, "SET CONSTRAINTS ALL IMMEDIATE", err);
}

/* Sequences that were made in this transaction have nothing to lose. */
static int set_sequences(struct restore *restore, struct err *err)
{
  return restore->options->data_only
             ? restore_set_sequences(restore, err)
             : restore_run_within(restore, &restore->values, "sequences", err);
}

/* The COMMIT was sent and no answer came: the server knows what became of it. The session goes on
 * in a new connection, if there is one. */
static int look_again(struct restore *restore, const char *xid, struct err *err)
{
  for (int i = 0; i < LOOK_TRIES; i++) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    const char *status = NULL;
    db_close(TAKE(restore->conn));
    if (restore_connect(restore, &restore->conn, &ignored) == 0 &&
        db_query_value(restore->conn, restore->arena, &status, &ignored,
                       "SELECT pg_catalog.pg_xact_status($1::xid8)", xid, NULL) == 0 &&
        status && strcmp(status, "committed") == 0) {
      db_cancel_on_signal(restore->conn, true);
      err_clear(err);
      return 0;
    }
    if (status && strcmp(status, "aborted") == 0)
      return -1;
    clock_sleep_ms(LOOK_PAUSE_MS); /* also where it is still in progress */
  }
  const char *into = restore->options->into;
  err_recode(err, ERR_CHANGED);
  err_hint(err,
           "When the server is back, type in %s: SELECT pg_xact_status('%s'); if it says aborted,"
           " nothing was changed and you can restore again.",
           into, xid);
  return err_wrap(err, "it is not known whether %s was changed: the server does not answer", into);
}

/* The session runs without synchronous_commit; this flushes everything that it has written. */
static int commit(struct restore *restore, struct err *err)
{
  const char *xid = NULL;
  if (db_exec(restore->conn, "SET LOCAL synchronous_commit = on", err) < 0 ||
      db_query_value(restore->conn, restore->arena, &xid, err,
                     "SELECT pg_catalog.pg_current_xact_id()::text", NULL) < 0)
    return -1;
  if (db_exec(restore->conn, "COMMIT", err) == 0)
    return 0;
  return db_is_lost(restore->conn) ? look_again(restore, xid, err) : -1;
}

static int say_unchanged(const struct restore *restore, bool sequences, struct err *err)
{
  restore_explain_full(err);
  backup_explain_lost("Nothing of it is left", "restore again", err);
  return err_wrap(err, "nothing was changed in %s%s", restore->options->into,
                  sequences ? ", but that sequences may have moved forwards" : "");
}

int restore_existing(struct restore *restore, struct err *err)
{
  if (!restore->marked)
    return err_set(err, ERR_REFUSED,
                   "the backup was made by an older belay; it can only be restored whole");
  if (restore_connect(restore, &restore->conn, err) < 0)
    return -1;
  db_cancel_on_signal(restore->conn, true);
  if (fill(restore, err) < 0) /* the end of the session takes all of it back */
    return say_unchanged(restore, false, err);
  if (set_sequences(restore, err) < 0 || commit(restore, err) < 0)
    return err->code == ERR_CHANGED
               ? -1
               : say_unchanged(restore, restore->options->data_only && restore->values.len, err);
  if (restore->options->no_analyze)
    return 0;
  for (size_t i = 0; i < restore->tables.len; i++)
    if (db_execf(restore->conn, err, "ANALYZE %s", restore->tables.at[i].load_into) < 0)
      return err_wrap(err, "after a whole restore: analyzing");
  return 0;
}

#include "backup/take.h"

#include "backup/marks.h"
#include "base/interrupt.h"
#include "sql/quote.h"

enum { SCHEMA_LANE = 0, SCHEMA_PART_BYTES = 4 * 1024 * 1024, SEQUENCE_BATCH = 100, NAMES_MAX = 10 };

/* A growing SQL member: cut into parts between statements. */
struct member {
  struct take *take;
  const char *object;
  struct text text;
  int part;
  const struct catalog_statement *marked; /* the one that the last mark in text stands for */
};

static int member_flush(struct member *m, struct err *err)
{
  if (archive_add(m->take->archive, SCHEMA_LANE, "sql", m->object, m->part, 0, m->text.data,
                  m->text.len, err) < 0)
    return err_wrap(err, "storing the schema (%s)", m->object);
  m->part++;
  text_reset(&m->text);
  m->marked = NULL;
  return 0;
}

static int member_add(struct member *m, const char *sql, struct err *err)
{
  text_puts(&m->text, sql);
  return m->text.len < SCHEMA_PART_BYTES ? 0 : member_flush(m, err);
}

/* At least one part, also when there is nothing to say: an absent member is damage. */
static int member_end(struct member *m, struct err *err)
{
  int rc = m->text.len || m->part == 0 ? member_flush(m, err) : 0;
  text_clear(&m->text);
  return rc;
}

static int refuse_unknown(struct take *take, struct err *err)
{
  const struct catalog_unknowns *unknown = &take->catalog->unknown;
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  size_t count = 0;
  for (size_t i = 0; i < unknown->len; i++) {
    if (count++ < NAMES_MAX)
      text_printf(&names, "%s%s %s", names.len ? ", " : "", unknown->at[i].kind,
                  unknown->at[i].identity);
  }
  if (count == 0)
    return 0;
  if (count > NAMES_MAX)
    text_printf(&names, " and %zu more", count - NAMES_MAX);
  err_set(err, ERR_BACKUP, "the database holds objects that belay cannot back up: %s", names.data);
  return err_hint(err, "Back this database up with pg_dump, or drop what is not needed and run"
                       " belay backup again.");
}

static int add_statement(struct member *m, const struct catalog_statement *s, struct err *err)
{
  const struct catalog_statement *marked = m->marked;
  if (!marked || marked->object != s->object || marked->purpose != s->purpose) {
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    mark_write(&m->text, arena, m->take->catalog, s);
    m->marked = s;
  }
  return member_add(m, s->sql, err);
}

/* Event triggers go last: restored earlier they would fire on the rest. */
static int add_section(struct take *take, const struct catalog_script *script,
                       enum catalog_section section, const char *object, struct err *err)
{
  struct member m = {.take = take, .object = object, .text = TEXT_INIT};
  int rc = 0;
  for (int last = 0; rc == 0 && last < 2; last++)
    for (size_t i = 0; rc == 0 && i < script->len; i++) {
      const struct catalog_statement *s = &script->at[i];
      if (s->section == section && (s->object->kind == CATALOG_EVENT_TRIGGER) == (last == 1))
        rc = add_statement(&m, s, err);
    }
  if (rc == 0)
    return member_end(&m, err);
  text_clear(&m.text);
  return rc;
}

static int add_large_objects(void *context, enum catalog_purpose purpose, const char *objects,
                             const char *sql, struct err *err)
{
  struct member *m = context;
  mark_write_large_objects(&m->text, purpose, objects, sql);
  return member_add(m, "", err);
}

static int make_large_objects(struct take *take, struct err *err)
{
  struct member m = {.take = take, .object = "large objects", .text = TEXT_INIT};
  bool wanted = false;
  for (size_t i = 0; i < take->tables.len; i++)
    wanted = wanted || (take->tables.at[i].is_large_objects && take->tables.at[i].has_rows);
  if (!wanted)
    return 0;
  if (large_objects_statements(take->leader, add_large_objects, &m, err) == 0)
    return member_end(&m, err);
  text_clear(&m.text);
  return -1;
}

/* Large objects first: they need nothing, and no event trigger is there yet. */
int take_schema(struct take *take, struct err *err)
{
  static const struct catalog_options options = {.secrets = true};
  if (catalog_read(take->arena, take->leader, &options, &take->catalog, err) < 0)
    return err_wrap(err, "reading the schema");
  if (refuse_unknown(take, err) < 0 || take_scope(take, err) < 0 ||
      make_large_objects(take, err) < 0)
    return -1;
  struct catalog_script script = {0};
  if (catalog_ddl(take->arena, take->catalog, CATALOG_ALL, &script, err) < 0)
    return err_wrap(err, "writing the schema as SQL");
  if (interrupt_check(err) < 0 || add_section(take, &script, CATALOG_PRE_DATA, "pre-data", err) < 0)
    return -1;
  return add_section(take, &script, CATALOG_POST_DATA, "post-data", err);
}

/* Sequences of extensions count when the extension declares them as configuration, like its
 * tables. */
static const char sequences_query[] =
    "SELECT pg_catalog.format('SELECT %L, last_value, is_called, %L FROM %I.%I',"
    "   pg_catalog.format('%I.%I', n.nspname, c.relname), (SELECT pg_catalog.format('%I.%I',"
    "   tn.nspname, t.relname) FROM pg_catalog.pg_depend i JOIN pg_catalog.pg_class t ON t.oid ="
    "   i.refobjid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace WHERE i.classid ="
    "   'pg_catalog.pg_class'::pg_catalog.regclass AND i.objid = c.oid AND i.refclassid ="
    "   'pg_catalog.pg_class'::pg_catalog.regclass AND i.refobjsubid > 0 AND i.deptype = 'i'),"
    "   n.nspname, c.relname)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'S' AND c.relpersistence <> 't'"
    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND (NOT EXISTS (SELECT FROM pg_catalog.pg_depend d"
    "   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
    "   AND d.objsubid = 0 AND d.deptype = 'e')"
    "  OR c.oid IN (SELECT pg_catalog.unnest(extconfig) FROM pg_catalog.pg_extension))"
    " ORDER BY n.nspname, c.relname";

static int add_values(struct member *m, const char *sql, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(m->take->leader, &r, err, sql, NULL) < 0)
    return err_wrap(err, "reading the values of the sequences");
  for (int i = 0; i < db_rows(r); i++) {
    mark_write_value(&m->text, db_value(r, i, 0), db_value(r, i, 3));
    const char *line = arena_printf(arena, "SELECT pg_catalog.setval(%s, %" PRId64 ", %s);\n",
                                    sql_literal(arena, db_value(r, i, 0)), db_int(r, i, 1),
                                    db_bool(r, i, 2) ? "true" : "false");
    if (member_add(m, line, err) < 0)
      return -1;
  }
  return 0;
}

static int add_sequences(struct member *m, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  if (db_query(m->take->leader, &r, err, sequences_query, NULL) < 0)
    return err_wrap(err, "reading the list of sequences");
  for (int i = 0; i < db_rows(r); i++) {
    text_printf(&sql, "%s%s", sql.len ? " UNION ALL " : "", db_value(r, i, 0));
    if ((i + 1) % SEQUENCE_BATCH != 0 && i + 1 < db_rows(r))
      continue;
    if (add_values(m, sql.data, err) < 0)
      return -1;
    text_reset(&sql);
  }
  return 0;
}

/* Sequences stand outside the snapshot: read after the rows, so that no value in a table is
 * handed out again. */
int take_sequences(struct take *take, struct err *err)
{
  struct member m = {.take = take, .object = "sequences", .text = TEXT_INIT};
  if (add_sequences(&m, err) < 0) {
    text_clear(&m.text);
    return -1;
  }
  return member_end(&m, err);
}

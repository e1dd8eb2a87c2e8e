#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backup/marks.h"
#include "base/fs.h"
#include "backup_support.h"
#include "sql/script.h"

static const char odd_schema[] =
    "CREATE SCHEMA \"a \"\"b\"\"\n-- belay {}\";"
    "CREATE TABLE \"a \"\"b\"\"\n-- belay {}\".\"t\nt\" (id int, \"x y\" text DEFAULT lower('A'),"
    " CONSTRAINT \"p\nk\" PRIMARY KEY (id) INCLUDE (\"x y\") DEFERRABLE INITIALLY DEFERRED,"
    " CONSTRAINT u UNIQUE NULLS NOT DISTINCT (\"x y\") WITH (fillfactor = 70));"
    "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent);"
    "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);"
    "CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100);"
    "CREATE TABLE counted (id serial);"
    "COMMENT ON TABLE child IS E'one\n-- belay {\"kind\":\"no\"}\ntwo';"
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS E'BEGIN\n-- belay {\"a\":1}\nRETURN 1;"
    " END';"
    "INSERT INTO parts SELECT generate_series(0, 99); INSERT INTO counted SELECT FROM"
    " generate_series(1, 7)";

/* The SQL members, one text. */
static void sql_of(struct fixture *f, const struct archive *archive, struct text *ret)
{
  CLEANUP(text_clear) struct text part = TEXT_INIT;
  for (size_t i = 0; i < archive->entries.len; i++) {
    if (strcmp(archive->entries.at[i].kind, "sql") != 0)
      continue;
    ok(f, archive_read(archive, &archive->entries.at[i], &part, &f->err));
    text_append(ret, part.data, part.len);
  }
}

static void marks_tell_what_each_statement_is(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source", odd_schema);
  struct backup_info info = take(f, 2);
  CLEANUP(archive_closep) struct archive *archive = NULL;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  ok(f, archive_open(f->arena, f->place, info.prefix, &archive, &f->err));
  sql_of(f, archive, &sql);
  struct sql_script *script;
  ok(f, sql_script_read(f->arena, "schema", sql.data, sql.len, &script, &f->err));
  struct map *found = map_new(f->arena);
  for (size_t i = 0; i < script->comments.len; i++) {
    struct mark mark;
    assert_true(mark_is(script->comments.at[i].text));
    ok(f, mark_read(f->arena, script->comments.at[i].text, &mark, &f->err));
    map_put(found, arena_printf(f->arena, "%s %s", mark.purpose, mark_title(f->arena, &mark)),
            ARENA_NEW(f->arena, struct mark));
    *(struct mark *)map_get(
        found, arena_printf(f->arena, "%s %s", mark.purpose, mark_title(f->arena, &mark))) = mark;
  }
  static const char pk[] = "create constraint \"a \"\"b\"\"\n-- belay {}\".\"t\nt\".\"p\nk\"";
  const struct mark *m = map_get(found, pk);
  assert_non_null(m);
  assert_string_equal(m->table, "\"a \"\"b\"\"\n-- belay {}\".\"t\nt\"");
  assert_string_equal(m->split_index,
                      "CREATE UNIQUE INDEX \"p\nk\" ON \"a \"\"b\"\"\n-- belay {}\".\"t\nt\""
                      " USING btree (id) INCLUDE (\"x y\");\n");
  assert_non_null(
      strstr(m->split_constraint, "USING INDEX \"p\nk\" DEFERRABLE INITIALLY DEFERRED"));
  m = map_get(found, "create constraint public.child.child_id_fkey");
  assert_non_null(m);
  assert_string_equal(m->references, "public.parent");
  assert_null(m->split_index);
  m = map_get(found, "create constraint public.parts.parts_pkey");
  assert_non_null(m);
  assert_null(m->split_index); /* the server cannot, on a partitioned table */
  m = map_get(found, "attach table public.part1");
  assert_non_null(m);
  assert_string_equal(m->table, "public.parts");
  m = map_get(found, "owned by sequence public.counted_id_seq");
  assert_non_null(m);
  assert_string_equal(m->table, "public.counted");
  assert_non_null(map_get(found, "value sequence public.counted_id_seq"));
  assert_non_null(map_get(found, "owner table public.child"));
  assert_non_null(map_get(found, "comment table public.child"));
}

/* The same backup as an older version wrote it: without the lines of the marks. */
static const char *without_marks(struct fixture *f, const struct archive *from)
{
  const char *prefix = arena_printf(f->arena, "%s-old", from->prefix);
  CLEANUP(archive_freep) struct archive_writer *w = NULL;
  CLEANUP(text_clear) struct text raw = TEXT_INIT;
  ok(f, archive_create(f->place, prefix, 1, 1, &w, &f->err));
  for (size_t i = 0; i < from->entries.len; i++) {
    const struct archive_entry *e = &from->entries.at[i];
    CLEANUP(text_clear) struct text kept = TEXT_INIT;
    if (strcmp(e->kind, "text") == 0)
      continue;
    ok(f, archive_read(from, e, &raw, &f->err));
    bool is_sql = strcmp(e->kind, "sql") == 0;
    for (const char *line = raw.data, *end = raw.data + raw.len, *next; line < end; line = next) {
      next = memchr(line, '\n', (size_t)(end - line));
      next = next ? next + 1 : end;
      static const char begin[] = "-- belay {\"kind\":\"";
      bool mark = strncmp(line, begin, strlen(begin)) == 0;
      if (!is_sql || !mark || strncmp(line + strlen(begin), "no\"", 3) == 0)
        text_append(&kept, line, (size_t)(next - line));
    }
    ok(f, archive_add(w, 0, e->kind, e->object, e->part, e->rows, kept.data, kept.len, &f->err));
  }
  json_t *extra = json_copy(from->manifest);
  json_object_set_new(extra, "id", json_string(fs_basename(prefix)));
  json_object_del(extra, "format");
  json_object_del(extra, "entries");
  json_object_del(extra, "segments");
  json_object_del(extra, "self");
  ok(f, archive_commit(w, extra, &f->err));
  json_decref(extra);
  return prefix;
}

static const char *schema_of(struct fixture *f, const char *database)
{
  return output_of(f, NULL,
                   (const char *const[]){"pg_dump", "--restrict-key=x",
                                         "--exclude-table-data=shop.hashed_*", "-d", database,
                                         NULL});
}

static void a_backup_without_marks_restores_the_same(void **state)
{
  struct fixture *f = *state;
  load_file(f, "source", "backup_fixture.sql");
  run_sql(f, "source", odd_schema);
  struct backup_info info = take(f, 2);
  CLEANUP(archive_closep) struct archive *archive = NULL;
  ok(f, archive_open(f->arena, f->place, info.prefix, &archive, &f->err));
  struct backup_info old = info;
  old.prefix = without_marks(f, archive);
  restore_into(f, &info, "marked");
  restore_into(f, &old, "unmarked");
  assert_string_equal(schema_of(f, "marked"), schema_of(f, "unmarked"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SERVER(marks_tell_what_each_statement_is),
      WITH_SERVER(a_backup_without_marks_restores_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

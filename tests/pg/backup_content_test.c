/* What the parts of a table hold: their format, ranges of a big table, the digest of its rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backup/chunks.h"
#include "backup/manifest.h"
#include "backup_support.h"

static struct backup_tables tables_of(struct fixture *f, const struct backup_info *info,
                                      struct archive **ret_archive)
{
  struct backup_tables tables = {0};
  ok(f, archive_open(f->arena, f->place, info->prefix, ret_archive, &f->err));
  ok(f, backup_read_tables(f->arena, *ret_archive, &tables, &f->err));
  return tables;
}

static const struct backup_table *find(const struct backup_tables *tables, const char *identity)
{
  for (size_t i = 0; i < tables->len; i++)
    if (strcmp(tables->at[i].identity, identity) == 0)
      return &tables->at[i];
  fail_msg("%s is not in the manifest", identity);
  return NULL;
}

/* Of everything that is loaded into the same table, against what a database holds there. */
static void assert_content(struct fixture *f, const char *database, const struct archive *archive,
                           const struct backup_tables *tables)
{
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, database);
  ok(f, db_exec(conn, "SET TimeZone = 'UTC'; SET search_path = ''", &f->err));
  for (size_t i = 0; i < tables->len; i++) {
    const struct backup_table *t = &tables->at[i];
    struct chunks_content expected = {0}, found = {0};
    for (size_t k = 0; k < tables->len; k++)
      if (strcmp(tables->at[k].load_into, t->load_into) == 0)
        chunks_content_add(&expected, &(struct chunks_content){.rows = tables->at[k].rows,
                                                               .digest = tables->at[k].digest});
    assert_true(t->has_digest);
    ok(f, chunks_read_content(conn, backup_content_sql(f->arena, archive, t), t->format, &found,
                              &f->err));
    if (found.rows != expected.rows || found.digest != expected.digest)
      fail_msg("%s in %s: %d rows of other content", t->load_into, database, (int)found.rows);
  }
}

static void the_format_follows_the_types(void **state)
{
  struct fixture *f = *state;
  run_sql(
      f, "source",
      "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE pair AS (a int, b int);"
      "CREATE DOMAIN amount AS numeric(12,2) CHECK (VALUE > 0);"
      "CREATE DOMAIN feeling AS mood;"
      "CREATE TABLE plain (a int, b text[], c jsonb, d amount, e feeling, f int4range, g money);"
      "INSERT INTO plain SELECT i, ARRAY['x', NULL], '{\"k\": 1}', i, 'glad', '[1,5)', i"
      "  FROM generate_series(1, 10) i;"
      "CREATE TABLE moods (m mood[]); INSERT INTO moods VALUES ('{sad,glad}');"
      "CREATE TABLE pairs (p pair); INSERT INTO pairs VALUES ('(1,2)');"
      "CREATE TABLE relations (r regclass); INSERT INTO relations VALUES ('plain');"
      "CREATE TABLE empty (a int);"
      "CREATE TABLE hashed (a int, b text, c timestamptz) PARTITION BY HASH (a);"
      "CREATE TABLE hashed_0 (c timestamptz, b text, a int);"
      "ALTER TABLE hashed ATTACH PARTITION hashed_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
      "CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
      "INSERT INTO hashed SELECT i, 'row ' || i, '2026-01-01Z' FROM generate_series(1, 99) i");
  struct backup_info info = take(f, 2);
  CLEANUP(archive_closep) struct archive *archive = NULL;
  struct backup_tables tables = tables_of(f, &info, &archive);
  assert_int_equal(find(&tables, "public.plain")->format, CHUNKS_BINARY);
  assert_int_equal(find(&tables, "public.empty")->format, CHUNKS_BINARY);
  assert_int_equal(find(&tables, "public.hashed_0")->format, CHUNKS_BINARY);
  assert_int_equal(find(&tables, "public.moods")->format, CHUNKS_TEXT);
  assert_int_equal(find(&tables, "public.pairs")->format, CHUNKS_TEXT);
  assert_int_equal(find(&tables, "public.relations")->format, CHUNKS_TEXT);
  restore_into(f, &info, "again");
  assert_content(f, "source", archive, &tables);
  assert_content(f, "again", archive, &tables);
  struct verify_report report;
  ok(f, verify_to(f, &info, BACKUP_EXPAND, &report));
}

/* Ranges of blocks, on several connections: no row twice, none missing, none of a child. */
static void a_big_table_is_copied_in_ranges(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE TABLE big (id int, filler text, body text);"
          "ALTER TABLE big ALTER body SET STORAGE EXTERNAL, ALTER filler SET STORAGE PLAIN;"
          "INSERT INTO big SELECT i, repeat('f', 1500), repeat('b', 200000)"
          "  FROM generate_series(1, 210) i;"
          "DELETE FROM big WHERE id % 10 = 0;"
          "CREATE TABLE child () INHERITS (big); INSERT INTO child VALUES (1000, 'c', 'c');"
          "CREATE RULE no_insert AS ON INSERT TO child DO INSTEAD NOTHING");
  struct backup_info info = take(f, 3);
  CLEANUP(archive_closep) struct archive *archive = NULL;
  struct backup_tables tables = tables_of(f, &info, &archive);
  const struct backup_table *big = find(&tables, "public.big");
  assert_int_equal(big->rows, 189);
  assert_int_equal(find(&tables, "public.child")->rows, 1);
  restore_into(f, &info, "again");
  assert_content(f, "source", archive, &tables);
  assert_content(f, "again", archive, &tables);
  run_sql(f, "again", "UPDATE big SET body = 'other' WHERE id = 1");
  struct chunks_content found = {0};
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, "again");
  ok(f, chunks_read_content(conn, backup_content_sql(f->arena, archive, big), big->format, &found,
                            &f->err));
  assert_int_equal(found.rows, 189);
  assert_true(found.digest != big->digest);
}

static void rows_are_counted_only_in_whole_parts(void **state)
{
  (void)state;
  static const char two[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
                            "\0\1\0\0\0\2ab\0\1\377\377\377\377\377\377";
  size_t len = sizeof(two) - 1;
  assert_int_equal(chunks_count_rows(CHUNKS_BINARY, two, len), 2);
  for (size_t cut = 0; cut < len; cut++)
    assert_int_equal(chunks_count_rows(CHUNKS_BINARY, two, cut), -1);
  assert_int_equal(chunks_count_rows(CHUNKS_BINARY, two, len + 1), -1); /* the NUL */
  assert_int_equal(chunks_count_rows(CHUNKS_TEXT, "a\nb\n", 4), 2);
  assert_int_equal(chunks_count_rows(CHUNKS_TEXT, "a\nb", 3), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SERVER(the_format_follows_the_types),
      WITH_SERVER(a_big_table_is_copied_in_ranges),
      cmocka_unit_test(rows_are_counted_only_in_whole_parts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

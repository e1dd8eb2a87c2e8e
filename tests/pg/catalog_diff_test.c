/* Changes by address: a rename is told from drop and create, and what the server re-makes is no
 * change. */
#include "catalog_support.h"

static const char base[] =
    "CREATE SCHEMA other; CREATE TYPE mood AS ENUM ('a');"
    "CREATE TABLE t (id integer PRIMARY KEY, name varchar(10) DEFAULT 'x' CHECK (name <> ''),"
    " price integer, CONSTRAINT fk FOREIGN KEY (price) REFERENCES t (id));"
    "CREATE INDEX t_name ON t (name); CREATE UNIQUE INDEX t_price ON t (price);"
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    "CREATE TRIGGER trg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"
    "CREATE VIEW v AS SELECT id, name FROM t; CREATE SEQUENCE s;"
    "CREATE TABLE u (a integer, b integer)";

struct expected {
  const char *sql;
  const char *changes[8]; /* "+table public.x", "-...", "~kind before: properties"; NULL ends */
};

static const struct expected cases[] = {
    {"SELECT 1", {NULL}},
    {"ALTER TABLE u RENAME TO u2", {"~table public.u: name", NULL}},
    {"DROP TABLE u; CREATE TABLE u2 (a integer, b integer)",
     {"-table public.u", "-column public.u.a", "-column public.u.b", "+table public.u2",
      "+column public.u2.a", "+column public.u2.b", NULL}},
    {"ALTER TABLE u RENAME a TO c", {"~column public.u.a: name", NULL}},
    {"ALTER TABLE u DROP a; ALTER TABLE u ADD c integer",
     {"-column public.u.a", "+column public.u.c", NULL}},
    {"ALTER TABLE u SET SCHEMA other", {"~table public.u: schema", NULL}},
    /* the server makes index, constraint and default anew: only the column differs */
    {"ALTER TABLE t ALTER price TYPE bigint", {"~column public.t.price: type", NULL}},
    {"ALTER TABLE u ALTER a SET NOT NULL", {"~column public.u.a: not_null", NULL}},
    {"DROP INDEX t_name; CREATE INDEX t_name ON t (name)", {NULL}},
    {"DROP INDEX t_name; CREATE INDEX t_name ON t (name DESC)",
     {"~index public.t.t_name: definition", NULL}},
    {"ALTER TABLE t DROP CONSTRAINT fk; ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (price) "
     "REFERENCES t (id)",
     {NULL}},
    {"CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
     {"~function public.f(): definition", NULL}},
    {"DROP VIEW v; CREATE VIEW v AS SELECT id, name FROM t", {NULL}},
    {"DROP SEQUENCE s; CREATE SEQUENCE s INCREMENT 2",
     {"-sequence public.s", "+sequence public.s", NULL}},
    {"DROP TABLE u; CREATE TABLE u (a integer, b bigint)",
     {"-column public.u.b", "+column public.u.b", NULL}},
    /* positions of columns are not compared: a re-added column is the column */
    {"ALTER TABLE u DROP a; ALTER TABLE u ADD a integer", {NULL}},
    {"ALTER TRIGGER trg ON t RENAME TO trg2", {"~trigger public.t.trg: definition,name", NULL}},
    {"ALTER TABLE t DISABLE TRIGGER trg", {"~trigger public.t.trg: enabled", NULL}},
    {"ALTER TYPE mood ADD VALUE 'b'", {"~enum public.mood: labels", NULL}},
    {"ALTER TABLE t DROP CONSTRAINT t_name_check", {"-constraint public.t.t_name_check", NULL}},
    {"COMMENT ON TABLE u IS 'x'", {"~table public.u: comment", NULL}},
};

/* A name that the server gave to a NOT NULL is no difference of its own, another is. */
static const struct expected cases_18[] = {
    {"ALTER TABLE u ADD CONSTRAINT present NOT NULL a",
     {"~column public.u.a: not_null,not_null_name", NULL}},
    {"ALTER TABLE t RENAME CONSTRAINT t_id_not_null TO present",
     {"~column public.t.id: not_null_name", NULL}},
};

static char *described(struct arena *arena, const struct catalog_change *change)
{
  const struct catalog_object *o = change->before ? change->before : change->after;
  if (change->type != CATALOG_CHANGED)
    return arena_printf(arena, "%c%s %s", change->type == CATALOG_CREATED ? '+' : '-',
                        catalog_kind_name(o->kind), o->identity);
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  for (size_t i = 0; i < change->properties.len; i++)
    text_printf(&names, "%s%s", i ? "," : "", change->properties.at[i]);
  return arena_printf(arena, "~%s %s: %s", catalog_kind_name(o->kind), o->identity, names.data);
}

static int compare(const struct expected *expected, const struct strings *found)
{
  size_t count = 0;
  bool wrong = false;
  for (; expected->changes[count]; count++) {
    bool has = false;
    for (size_t i = 0; i < found->len; i++)
      has = has || strcmp(found->at[i], expected->changes[count]) == 0;
    wrong = wrong || !has;
  }
  if (!wrong && count == found->len)
    return 0;
  print_error("%s\n", expected->sql);
  for (size_t i = 0; i < found->len; i++)
    print_error("  found %s\n", found->at[i]);
  return 1;
}

static int compare_all(struct arena *arena, struct db_conn *conn, const struct expected *expected,
                       size_t count)
{
  struct err err = ERR_INIT;
  int wrong = 0;
  for (size_t i = 0; i < count; i++) {
    OK(db_exec(conn, "BEGIN", &err));
    struct catalog *before = support_read(arena, conn);
    OK(db_exec(conn, expected[i].sql, &err));
    struct catalog *after = support_read(arena, conn);
    OK(db_exec(conn, "ROLLBACK", &err));
    struct catalog_changes changes;
    catalog_diff(arena, before, after, &changes);
    struct strings found = {0};
    for (size_t k = 0; k < changes.len; k++)
      vec_push(arena, &found, described(arena, &changes.at[k]));
    wrong += compare(&expected[i], &found);
  }
  return wrong;
}

static void test_diff(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  support_create(arena, "diff_db");
  CLEANUP(db_closep) struct db_conn *conn = support_open(arena, "diff_db");
  OK(db_exec(conn, base, &err));
  int wrong = compare_all(arena, conn, cases, COUNT_OF(cases));
  if (db_server_major(conn) >= 18)
    wrong += compare_all(arena, conn, cases_18, COUNT_OF(cases_18));
  assert_int_equal(wrong, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_diff),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Reading: parents, children, dependencies, row keys, what is left out, and the caller's
 * transaction. */
#include "catalog_support.h"

static struct db_conn *fresh(struct arena *arena, const char *database, const char *sql)
{
  struct err err = ERR_INIT;
  support_create(arena, database);
  struct db_conn *conn = support_open(arena, database);
  OK(db_exec(conn, sql, &err));
  return conn;
}

static bool depends(const struct catalog_object *o, enum catalog_kind kind, const char *identity)
{
  for (size_t i = 0; i < o->depends_on_count; i++)
    if (o->depends_on[i]->kind == kind && strcmp(o->depends_on[i]->identity, identity) == 0)
      return true;
  return false;
}

static const struct catalog_object *object(const struct catalog *c, enum catalog_kind kind,
                                           const char *identity)
{
  const struct catalog_object *o = catalog_find_name(c, kind, identity);
  if (!o)
    fail_msg("%s %s not found", catalog_kind_name(kind), identity);
  return o;
}

static void test_dependencies(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn = fresh(
      arena, "depends_db",
      "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id serial PRIMARY KEY, m mood, ms mood[]);"
      "CREATE FUNCTION d() RETURNS integer LANGUAGE sql AS 'SELECT 1';"
      "CREATE TABLE u (t_id integer DEFAULT d() REFERENCES t, i integer GENERATED ALWAYS AS "
      "IDENTITY); CREATE VIEW v AS SELECT m FROM t; CREATE VIEW w AS SELECT * FROM v;"
      "CREATE FUNCTION of_t(t) RETURNS t[] LANGUAGE sql AS 'SELECT NULL::t[]';"
      "CREATE INDEX i ON t (m); CREATE VIEW g AS SELECT id, m, count(*) FROM t GROUP BY id;"
      "CREATE PUBLICATION p FOR TABLE t");
  struct catalog *c = support_read(arena, conn);
  const struct catalog_object *t = object(c, CATALOG_TABLE, "public.t");
  assert_true(depends(t, CATALOG_SCHEMA, "public"));
  const struct catalog_object *id = object(c, CATALOG_COLUMN, "public.t.id");
  assert_ptr_equal(id->parent, t);
  assert_true(depends(id, CATALOG_TABLE, "public.t"));
  assert_true(depends(id, CATALOG_SEQUENCE, "public.t_id_seq")); /* default */
  assert_false(depends(object(c, CATALOG_SEQUENCE, "public.t_id_seq"), CATALOG_COLUMN,
                       "public.t.id")); /* OWNED BY would be a circle */
  assert_true(depends(object(c, CATALOG_COLUMN, "public.t.m"), CATALOG_ENUM, "public.mood"));
  assert_true(depends(object(c, CATALOG_COLUMN, "public.t.ms"), CATALOG_ENUM, "public.mood"));
  assert_true(depends(object(c, CATALOG_COLUMN, "public.u.t_id"), CATALOG_FUNCTION, "public.d()"));
  assert_true(depends(object(c, CATALOG_SEQUENCE, "public.u_i_seq"), CATALOG_COLUMN, "public.u.i"));
  const struct catalog_object *fk = object(c, CATALOG_CONSTRAINT, "public.u.u_t_id_fkey");
  assert_true(depends(fk, CATALOG_CONSTRAINT, "public.t.t_pkey")); /* by its index */
  assert_true(catalog_is(fk, "referenced", "public.t"));
  assert_true(depends(object(c, CATALOG_VIEW, "public.v"), CATALOG_COLUMN, "public.t.m"));
  assert_true(depends(object(c, CATALOG_VIEW, "public.w"), CATALOG_COLUMN, "public.v.m"));
  assert_true(depends(object(c, CATALOG_VIEW, "public.g"), CATALOG_CONSTRAINT, "public.t.t_pkey"));
  assert_true(
      depends(object(c, CATALOG_FUNCTION, "public.of_t(public.t)"), CATALOG_TABLE, "public.t"));
  assert_true(depends(object(c, CATALOG_INDEX, "public.t.i"), CATALOG_COLUMN, "public.t.m"));
  assert_true(depends(object(c, CATALOG_PUBLICATION, "p"), CATALOG_TABLE, "public.t"));
  assert_null(catalog_find_name(c, CATALOG_INDEX, "public.t.t_pkey"));
  assert_ptr_equal(catalog_find(c, CATALOG_TABLE, t->oid, 0), t);
  assert_ptr_equal(catalog_find(c, CATALOG_COLUMN, t->oid, 1), id);
  assert_null(catalog_find(c, CATALOG_VIEW, t->oid, 0));
}

static void assert_key(struct arena *arena, const struct catalog *c, const char *table,
                       const char *expected)
{
  struct strings key = catalog_row_key(arena, c, object(c, CATALOG_TABLE, table));
  CLEANUP(text_clear) struct text text = TEXT_INIT;
  for (size_t i = 0; i < key.len; i++)
    text_printf(&text, "%s%s", i ? "," : "", key.at[i]);
  assert_string_equal(text.data, expected);
}

static void test_row_keys(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn = fresh(
      arena, "keys_db",
      "CREATE TABLE pk (x integer, b integer, a integer NOT NULL UNIQUE, PRIMARY KEY (b, x));"
      "CREATE TABLE uq (a integer UNIQUE, b integer NOT NULL, c integer NOT NULL, UNIQUE (c, b));"
      "CREATE TABLE ix (a integer NOT NULL, b integer); CREATE UNIQUE INDEX ON ix (a) INCLUDE (b);"
      "CREATE TABLE no_1 (a integer NOT NULL); CREATE UNIQUE INDEX ON no_1 (a) WHERE a > 5;"
      "CREATE TABLE no_2 (a integer NOT NULL); CREATE UNIQUE INDEX ON no_2 ((a + 1));"
      "CREATE TABLE no_3 (a integer UNIQUE); CREATE TABLE no_4 (a integer NOT NULL);"
      "CREATE UNIQUE INDEX no_4_a ON no_4 (a);"
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'no_4_a'::regclass;"
      "CREATE TABLE no_5 (a integer NOT NULL); CREATE INDEX ON no_5 (a)");
  struct catalog *c = support_read(arena, conn);
  assert_key(arena, c, "public.pk", "b,x");
  assert_key(arena, c, "public.uq", "c,b");
  assert_key(arena, c, "public.ix", "a");
  for (int i = 1; i <= 5; i++)
    assert_key(arena, c, arena_printf(arena, "public.no_%d", i), "");
}

static void test_ignored_tables(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn = fresh(arena, "ignore_db", "CREATE TABLE kept (a serial)");
  char before[65], after[65];
  catalog_fingerprint(support_read(arena, conn), 0, before);
  OK(db_exec(conn,
             "CREATE TABLE _ledger (id serial PRIMARY KEY, n integer GENERATED ALWAYS AS IDENTITY, "
             "t text CHECK (t <> '')); CREATE INDEX ON _ledger (t); CREATE STATISTICS st ON id, t "
             "FROM _ledger; CREATE RULE r AS ON DELETE TO _ledger DO INSTEAD NOTHING;"
             "ALTER TABLE _ledger ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON _ledger;"
             "CREATE TRIGGER tr BEFORE UPDATE ON _ledger FOR EACH ROW EXECUTE FUNCTION "
             "suppress_redundant_updates_trigger()",
             &err));
  const char *names[] = {"public._ledger", "public.never_was"};
  struct strings ignored = {.at = names, .len = 2};
  struct catalog_options options = {.ignore_tables = &ignored};
  struct catalog *c;
  OK(catalog_read(arena, conn, &options, &c, &err));
  for (size_t i = 0; i < c->object_count; i++)
    if (strstr(c->objects[i]->identity, "_ledger"))
      fail_msg("%s is there", c->objects[i]->identity);
  assert_int_equal(c->unknown.len, 0); /* left out on purpose is not unknown */
  catalog_fingerprint(c, 0, after);
  assert_string_equal(before, after);
  catalog_fingerprint(support_read(arena, conn), 0, after);
  assert_string_not_equal(before, after);
}

static void test_transaction(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn =
      fresh(arena, "transact_db", "CREATE SCHEMA mine; SET search_path TO mine, public");
  const char *value;
  support_read(arena, conn);
  assert_int_equal(db_transaction_status(conn), 'I');
  OK(db_query_value(conn, arena, &value, &err, "SHOW search_path", NULL));
  assert_string_equal(value, "mine, public");
  /* in the caller's transaction: sees its changes, keeps it open, puts the settings back */
  OK(db_exec(conn,
             "BEGIN; CREATE TABLE uncommitted (a integer); SET LOCAL TimeZone TO 'Asia/Tokyo'",
             &err));
  struct catalog *c = support_read(arena, conn);
  object(c, CATALOG_TABLE, "mine.uncommitted");
  assert_int_equal(db_transaction_status(conn), 'T');
  OK(db_query_value(conn, arena, &value, &err, "SHOW search_path", NULL));
  assert_string_equal(value, "mine, public");
  OK(db_query_value(conn, arena, &value, &err, "SHOW TimeZone", NULL));
  assert_string_equal(value, "Asia/Tokyo");
  OK(db_exec(conn, "ROLLBACK", &err));
  OK(db_query_value(conn, arena, &value, &err, "SHOW search_path", NULL));
  assert_string_equal(value, "mine, public");
  assert_null(catalog_find_name(support_read(arena, conn), CATALOG_TABLE, "mine.uncommitted"));
}

/* A server error comes back as such and leaves no transaction of ours open. */
static void test_error(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT, cause = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn =
      fresh(arena, "error_db", "CREATE TABLE t (a integer); SET statement_timeout TO '1ms'");
  struct catalog *c = NULL;
  assert_int_equal(catalog_read(arena, conn, NULL, &c, &err), -1);
  assert_null(c);
  assert_true(err_sqlstate_is(&err, "57014"));
  assert_int_equal(db_transaction_status(conn), 'I');
  CLEANUP(db_closep) struct db_conn *other = support_open(arena, "error_db");
  assert_int_equal(db_exec(other, "BEGIN; SELECT 1/0", &cause), -1);
  struct err failed = ERR_INIT;
  assert_int_equal(catalog_read(arena, other, NULL, &c, &failed), -1);
  err_clear(&failed);
}

/* Not only superusers read schemas. */
static void test_plain_role(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn = fresh(arena, "plain_db",
                               "CREATE ROLE nobody_special; CREATE TABLE t (a serial PRIMARY KEY);"
                               "REVOKE ALL ON SCHEMA public FROM PUBLIC");
  char as_superuser[65], as_role[65];
  catalog_fingerprint(support_read(arena, conn), 0, as_superuser);
  OK(db_exec(conn, "SET ROLE nobody_special", &err));
  catalog_fingerprint(support_read(arena, conn), 0, as_role);
  assert_string_equal(as_superuser, as_role);
}

static void test_sizes(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn = fresh(
      arena, "sizes_db",
      "CREATE TABLE p (a integer, b text) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p "
      "FOR VALUES FROM (0) TO (100) PARTITION BY LIST (a); CREATE TABLE p1_1 PARTITION OF p1 "
      "DEFAULT; CREATE TABLE p2 PARTITION OF p DEFAULT; INSERT INTO p SELECT i, repeat('x', 100) "
      "FROM generate_series(1, 1000) i; ANALYZE p1_1; ANALYZE p2; CREATE TABLE new (a integer)");
  struct catalog *c = support_read(arena, conn);
  const struct catalog_object *root = object(c, CATALOG_TABLE, "public.p");
  const struct catalog_object *leaf = object(c, CATALOG_TABLE, "public.p1_1");
  const struct catalog_object *rest = object(c, CATALOG_TABLE, "public.p2");
  assert_int_equal((int)root->row_estimate, 1000);
  assert_int_equal((int)object(c, CATALOG_TABLE, "public.p1")->row_estimate, 99);
  assert_true(root->bytes == leaf->bytes + rest->bytes && leaf->bytes > 0);
  assert_int_equal(root->relfilenode, 0);
  assert_true(leaf->relfilenode > 0);
  assert_true(object(c, CATALOG_TABLE, "public.new")->row_estimate < 0);
}

/* No query an object: 2,000 tables are read in seconds. */
static void test_many_tables(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(db_closep)
  struct db_conn *conn =
      fresh(arena, "many_db",
            "DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%s (id serial PRIMARY "
            "KEY, a text NOT NULL, b integer DEFAULT 3, c timestamptz, d numeric(10,2) CHECK (d > "
            "0), e jsonb)', i); EXECUTE format('CREATE INDEX ON t%s (a, b)', i); IF i % 200 = 0 "
            "THEN COMMIT; END IF; END LOOP; END $$");
  struct catalog *c = support_read(arena, conn);
  assert_int_equal(c->unknown.len, 0);
  size_t tables = 0;
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->kind == CATALOG_TABLE) {
      tables++;
      assert_int_equal(catalog_children(arena, c, c->objects[i], CATALOG_COLUMN).len, 6);
    }
  assert_int_equal(tables, 2000);
  struct catalog_script script;
  OK(catalog_ddl(arena, c, CATALOG_ALL, &script, &err));
  assert_true(script.len > 8000);
  struct catalog_changes changes;
  catalog_diff(arena, c, c, &changes);
  assert_int_equal(changes.len, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dependencies),   cmocka_unit_test(test_row_keys),
      cmocka_unit_test(test_ignored_tables), cmocka_unit_test(test_transaction),
      cmocka_unit_test(test_error),          cmocka_unit_test(test_plain_role),
      cmocka_unit_test(test_sizes),          cmocka_unit_test(test_many_tables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

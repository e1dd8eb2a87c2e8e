/* What the digest knows of statements that make things: enough to replay them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sql_fixture.h"

static const char *joined(const struct strings *all)
{
  const char *text = "";
  for (size_t i = 0; i < all->len; i++)
    text = arena_printf(arena, "%s%s%s", text, i ? "," : "", all->at[i] ? all->at[i] : "?");
  return text;
}

static const char *names(const struct sql_names *all)
{
  const char *text = "";
  for (size_t i = 0; i < all->len; i++)
    text = arena_printf(arena, "%s%s%s%s%s", text, i ? "," : "",
                        all->at[i].schema ? all->at[i].schema : "", all->at[i].schema ? "." : "",
                        all->at[i].name);
  return text;
}

/* "n > 5; t in 'a','b'" */
static const char *conditions(const char *check)
{
  const struct sql_tree *t = digest(arena_printf(arena, "CREATE TABLE x (CHECK (%s))", check));
  const struct sql_conditions *all = &t->constraints.at[0].check.conditions;
  const char *text = "";
  for (size_t i = 0; i < all->len; i++)
    text = arena_printf(arena, "%s%s%s %s %s", text, i ? "; " : "",
                        all->at[i].column ? all->at[i].column : "?",
                        all->at[i].op ? all->at[i].op : "?", joined(&all->at[i].values));
  return text;
}

static void test_conditions(void **state)
{
  UNUSED(state);
  assert_string_equal(conditions("n > 5 AND 10 >= n AND n <> m"), "n > 5; n <= 10; ? ? ");
  assert_string_equal(conditions("(d IS NOT NULL) AND ((d >= 200) AND (d < 300))"),
                      "d is not null ; d >= 200; d < 300");
  assert_string_equal(conditions("t IN ('a', 'b')"), "t in 'a','b'");
  assert_string_equal(
      conditions("t::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[])"),
      "t in 'a','b'");
  assert_string_equal(conditions("t IN ('a', lower('B'))"), "? ? ");
  assert_string_equal(conditions("t NOT IN ('a')"), "? ? ");
  assert_string_equal(conditions("n BETWEEN 1 AND 5"), "n >= 1; n <= 5");
  assert_string_equal(conditions("n = -1 OR n = 2"), "? ? ");
  assert_string_equal(conditions("t = 'it''s'::text AND d IS NULL"), "t = 'it''s'; d is null ");
  assert_string_equal(conditions("n::text = '5'"), "n = '5'");
  assert_string_equal(conditions("n::int = 5"), "? ? ");
}

static void test_create_table(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest(
      "CREATE UNLOGGED TABLE IF NOT EXISTS s.t (a int GENERATED ALWAYS AS IDENTITY (START 5), b "
      "text "
      "COLLATE \"C\" CONSTRAINT k CHECK (b <> '' AND length(b) < a) NO INHERIT, c int REFERENCES p "
      "(x) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, LIKE l INCLUDING ALL EXCLUDING "
      "INDEXES, "
      "EXCLUDE USING gist (a WITH =, (b || 'x') WITH <>) WHERE (a > 0), d int GENERATED ALWAYS AS "
      "(a * 2) STORED, UNIQUE NULLS NOT DISTINCT (a, d) INCLUDE (b), CONSTRAINT f FOREIGN KEY (a, "
      "d) "
      "REFERENCES q ON UPDATE SET NULL) INHERITS (u, v.w) USING heap WITH (fillfactor = 70, "
      "toast.autovacuum_enabled = off) TABLESPACE ts");
  assert_true(t->unlogged && t->if_not_exists && !t->temporary);
  assert_int_equal(t->columns.len, 4);
  const struct sql_column *c = t->columns.at;
  assert_true(c[0].identity_always);
  assert_string_equal(c[0].sequence.at[0].name, "start");
  assert_string_equal(c[0].sequence.at[0].value, "5");
  assert_string_equal(c[1].collation, "C");
  assert_string_equal(c[1].constraints.at[0].text, "CHECK (b <> '' AND length(b) < a)");
  assert_string_equal(joined(&c[1].constraints.at[0].check.columns), "b,a");
  assert_true(c[1].constraints.at[0].no_inherit);
  assert_int_equal(c[2].constraints.at[0].on_delete, 'c');
  assert_true(c[2].constraints.at[0].initially_deferred);
  assert_string_equal(joined(&c[2].constraints.at[0].referenced_columns), "x");
  assert_string_equal(joined(&c[3].generated_as->columns), "a");
  assert_int_equal(t->constraints.len, 3);
  const struct sql_constraint *k = t->constraints.at;
  assert_int_equal(k[0].keys.len, 2);
  assert_string_equal(k[0].keys.at[0].column, "a");
  assert_null(k[0].keys.at[1].column);
  assert_string_equal(k[0].method, "gist");
  assert_non_null(k[0].where);
  assert_true(k[1].nulls_not_distinct);
  assert_string_equal(joined(&k[1].include), "b");
  assert_int_equal(k[2].on_update, 'n');
  assert_string_equal(names(&t->inherits), "u,v.w");
  assert_int_equal(t->likes.len, 1);
  assert_true(t->likes.at[0].defaults && t->likes.at[0].constraints && !t->likes.at[0].indexes);
  assert_string_equal(t->storage.access_method, "heap");
  assert_string_equal(t->storage.tablespace, "ts");
  assert_string_equal(t->storage.options.at[1].name, "toast.autovacuum_enabled");
  assert_string_equal(t->storage.options.at[1].value, "off");
  assert_string_equal(digest("CREATE TABLE t OF s.ty")->of_type->name, "ty");
}

static void test_partitions(void **state)
{
  UNUSED(state);
  const struct sql_tree *t =
      digest("CREATE TABLE t (a int) PARTITION BY RANGE (a, lower(b) COLLATE \"C\")");
  assert_string_equal(t->partition_key->strategy, "range");
  assert_string_equal(t->partition_key->keys.at[0].column, "a");
  assert_null(t->partition_key->keys.at[1].column);
  t = digest("CREATE TABLE p PARTITION OF s.t FOR VALUES FROM (MINVALUE, 'a') TO (5, MAXVALUE)");
  assert_string_equal(t->partition_of.name, "t");
  assert_int_equal(t->inherits.len, 0);
  assert_string_equal(t->bound->text, "FOR VALUES FROM (MINVALUE, 'a') TO (5, MAXVALUE)");
  assert_string_equal(joined(&t->bound->upper), "5,MAXVALUE");
  t = digest("CREATE TABLE p PARTITION OF t FOR VALUES IN (1, NULL, 'x'::text)");
  assert_string_equal(t->bound->text, "FOR VALUES IN (1, NULL, 'x')");
  t = digest("CREATE TABLE p PARTITION OF t DEFAULT PARTITION BY HASH (a)");
  assert_true(t->bound->is_default);
  assert_string_equal(t->bound->text, "DEFAULT");
  assert_string_equal(t->partition_key->strategy, "hash");
  t = digest("ALTER TABLE t ATTACH PARTITION p FOR VALUES WITH (MODULUS 4, REMAINDER 1)");
  assert_true(t->actions.at[0].bound->hash);
  assert_string_equal(t->actions.at[0].bound->text, "FOR VALUES WITH (modulus 4, remainder 1)");
}

static void test_index(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest(
      "CREATE UNIQUE INDEX i ON t USING gin (a COLLATE \"C\" text_pattern_ops DESC, lower(b)) "
      "INCLUDE (c, d) WITH (fastupdate = off) TABLESPACE ts WHERE a IS NOT NULL");
  assert_string_equal(t->storage.access_method, "gin");
  assert_string_equal(t->keys.at[0].column, "a");
  assert_string_equal(t->keys.at[0].collation, "C");
  assert_string_equal(t->keys.at[0].opclass, "text_pattern_ops");
  assert_string_equal(joined(&t->keys.at[1].expression.columns), "b");
  assert_string_equal(joined(&t->include), "c,d");
  assert_string_equal(t->where->not_null_column, "a");
  assert_string_equal(t->storage.tablespace, "ts");
  assert_null(digest("CREATE INDEX ON t (a)")->storage.access_method);
}

static void test_queries(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest(
      "CREATE OR REPLACE VIEW v (x) AS WITH t AS (SELECT * FROM t), u AS (SELECT id FROM t) "
      "SELECT a.id, b.n + 1, count(*), b.m AS q FROM s.a JOIN b ON a.id = b.id, u WHERE EXISTS "
      "(SELECT FROM u)");
  assert_true(t->replace);
  assert_string_equal(names(&t->reads), "t,s.a,b"); /* the first t is the table */
  assert_string_equal(joined(&t->targets), "x,?column?,count,q");
  assert_string_equal(joined(&t->read_columns), "*,id,n,m");
  t = digest("CREATE VIEW v AS WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT n FROM r) TABLE r");
  assert_int_equal(t->reads.len, 0);
  assert_string_equal(joined(&t->targets), "*");
  t = digest("SELECT a, b::int INTO TEMP x FROM y");
  assert_int_equal(t->kind, SQL_CREATE_TABLE_AS);
  assert_true(t->temporary && t->with_data);
  assert_string_equal(names(&t->reads), "y");
  assert_string_equal(joined(&t->targets), "a,b");
  t = digest("CREATE MATERIALIZED VIEW m AS SELECT 1 AS one UNION SELECT 2 WITH NO DATA");
  assert_string_equal(joined(&t->targets), "one");
  assert_false(t->with_data);
  t = digest("CREATE RULE r AS ON INSERT TO t DO INSTEAD INSERT INTO u SELECT * FROM v");
  assert_int_equal(t->object, SQL_OBJECT_RULE);
  assert_string_equal(names(&t->reads), "u,v");
}

static void test_routines(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest(
      "CREATE OR REPLACE FUNCTION s.f(a int, OUT b int) RETURNS int LANGUAGE SQL IMMUTABLE STRICT "
      "SECURITY DEFINER SET search_path = '' AS 'select random() + a'");
  const struct sql_routine *r = t->routine;
  assert_int_equal(t->object, SQL_OBJECT_FUNCTION);
  assert_string_equal(r->language, "sql");
  assert_string_equal(r->volatility, "immutable");
  assert_true(r->strict && r->security_definer && t->replace && !r->returns_set);
  assert_string_equal(joined(&r->settings), "search_path");
  assert_int_equal(r->parameters, 1);
  assert_string_equal(r->result->functions.at[0].name, "random");
  assert_null(
      digest("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1 from t'")->routine->result);
  assert_null(digest("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1; select 2'")
                  ->routine->result);
  assert_null(
      digest("CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql AS 'select 1'")->routine->result);
  assert_null(digest("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'begin return 1; end'")
                  ->routine->result);
  assert_non_null(digest("CREATE FUNCTION f() RETURNS int RETURN 1")->routine->result);
  t = digest("ALTER FUNCTION f(int) VOLATILE");
  assert_int_equal(t->kind, SQL_ALTER_ROUTINE);
  assert_string_equal(t->routine->volatility, "volatile");
  t = digest(
      "CREATE CONSTRAINT TRIGGER g AFTER INSERT OR UPDATE OF a, b ON s.t FROM u FOR EACH ROW "
      "WHEN (NEW.a > 1) EXECUTE FUNCTION x.f()");
  assert_string_equal(t->member, "g");
  assert_string_equal(t->trigger->function.name, "f");
  assert_string_equal(t->trigger->referenced.name, "u");
  assert_string_equal(joined(&t->trigger->columns), "a,b");
  assert_true(t->trigger->constraint && t->trigger->row && t->trigger->on_insert &&
              t->trigger->on_update && !t->trigger->on_delete && !t->trigger->before);
  t = digest("CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO PUBLIC, r USING (a = 1)");
  assert_int_equal(t->object, SQL_OBJECT_POLICY);
  assert_true(t->policy->restrictive);
  assert_string_equal(t->policy->command, "select");
  assert_string_equal(joined(&t->policy->roles), "public,r");
  assert_non_null(t->policy->using);
  assert_null(t->policy->check);
}

static void test_types(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest("CREATE DOMAIN s.d AS varchar(5) COLLATE \"C\" DEFAULT 'x' NOT "
                                    "NULL CONSTRAINT k CHECK (VALUE <> '')");
  assert_string_equal(t->domain->type.text, "character varying(5)");
  assert_true(t->domain->not_null);
  assert_string_equal(t->domain->collation, "C");
  assert_string_equal(t->domain->constraints.at[0].name, "k");
  assert_string_equal(joined(&t->domain->constraints.at[0].check.columns), "value");
  t = digest("ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE > 0) NOT VALID");
  assert_int_equal(t->kind, SQL_ALTER_DOMAIN);
  assert_int_equal(t->actions.at[0].kind, SQL_ADD_CONSTRAINT);
  assert_true(t->actions.at[0].constraint->not_valid);
  assert_int_equal(digest("ALTER DOMAIN d SET NOT NULL")->actions.at[0].kind, SQL_SET_NOT_NULL);
  assert_int_equal(digest("ALTER DOMAIN d DROP DEFAULT")->actions.at[0].kind, SQL_DROP_DEFAULT);
  assert_int_equal(digest("ALTER DOMAIN d VALIDATE CONSTRAINT k")->actions.at[0].kind,
                   SQL_VALIDATE_CONSTRAINT);
  t = digest("ALTER DOMAIN d RENAME CONSTRAINT k TO l");
  assert_int_equal(t->object, SQL_OBJECT_DOMAIN_CONSTRAINT);
  assert_string_equal(t->name.name, "d");
  assert_string_equal(t->member, "k");
  t = digest("CREATE SEQUENCE s.q AS int START 5 NO CYCLE OWNED BY s.t.c");
  assert_string_equal(t->sequence->type, "int4");
  assert_string_equal(t->sequence->owned_by.schema, "s");
  assert_string_equal(t->sequence->owned_by.name, "t");
  assert_string_equal(t->sequence->owned_by_column, "c");
  t = digest("ALTER SEQUENCE q OWNED BY NONE RESTART");
  assert_true(t->sequence->owned);
  assert_null(t->sequence->owned_by.name);
  assert_string_equal(t->sequence->options.at[0].name, "restart");
  assert_string_equal(joined(&digest("CREATE TYPE e AS ENUM ('a', 'b')")->values), "a,b");
  t = digest("ALTER TYPE e ADD VALUE 'c' AFTER 'a'");
  assert_string_equal(t->neighbor, "a");
  assert_true(t->after);
  t = digest("CREATE TYPE c AS (a int, b text)");
  assert_int_equal(t->object, SQL_OBJECT_TYPE);
  assert_int_equal(t->columns.len, 2);
}

static void test_actions(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest(
      "ALTER TABLE t REPLICA IDENTITY USING INDEX i, REPLICA IDENTITY FULL, INHERIT s.p, CLUSTER "
      "ON i, "
      "SET (fillfactor = 70), OWNER TO r, SET TABLESPACE x, ALTER a SET STORAGE plain, ALTER "
      "CONSTRAINT k DEFERRABLE, ENABLE ROW LEVEL SECURITY, ALTER a SET (n_distinct = 5)");
  const struct sql_action *a = t->actions.at;
  assert_int_equal(a[0].kind, SQL_REPLICA_IDENTITY);
  assert_string_equal(a[0].text, "INDEX");
  assert_string_equal(a[0].name, "i");
  assert_string_equal(a[1].text, "FULL");
  assert_int_equal(a[2].kind, SQL_ADD_INHERIT);
  assert_string_equal(a[2].partition.name, "p");
  assert_int_equal(a[3].kind, SQL_CLUSTER_ON);
  assert_string_equal(a[3].name, "i");
  assert_string_equal(a[4].options.at[0].value, "70");
  assert_string_equal(a[5].text, "r");
  assert_string_equal(a[6].text, "x");
  assert_string_equal(a[7].text, "plain");
  assert_int_equal(a[8].kind, SQL_ALTER_CONSTRAINT);
  assert_string_equal(a[8].name, "k");
  assert_int_equal(a[9].kind, SQL_ENABLE_ROW_SECURITY);
  assert_int_equal(a[10].kind, SQL_SET_ATTRIBUTES);
}

static void test_others(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest("SET LOCAL search_path TO a, \"B\", 'c'");
  assert_true(t->local && !t->reset);
  assert_string_equal(joined(&t->values), "a,B,c");
  assert_string_equal(joined(&digest("SET TIME ZONE 'UTC'")->values), "UTC");
  assert_string_equal(digest("SET TIME ZONE 'UTC'")->setting, "timezone");
  assert_true(digest("RESET search_path")->reset);
  assert_null(digest("RESET ALL")->setting);
  t = digest("CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT a FROM t");
  assert_int_equal(t->elements.len, 2);
  assert_int_equal(t->elements.at[0]->kind, SQL_CREATE_TABLE);
  assert_int_equal(t->elements.at[1]->kind, SQL_CREATE_VIEW);
  t = digest("REVOKE SELECT, UPDATE ON s.t, u FROM PUBLIC CASCADE");
  assert_true(t->revoke && t->cascade);
  assert_string_equal(joined(&t->values), "select,update");
  assert_string_equal(joined(&t->grantees), "public");
  assert_string_equal(names(&t->names), "s.t,u");
  t = digest("CREATE EXTENSION IF NOT EXISTS e WITH SCHEMA x VERSION '1.2'");
  assert_int_equal(t->object, SQL_OBJECT_EXTENSION);
  assert_string_equal(t->name.name, "e");
  assert_string_equal(t->options.at[1].value, "1.2");
  t = digest("CREATE STATISTICS st ON a, b FROM s.t");
  assert_int_equal(t->object, SQL_OBJECT_STATISTICS);
  assert_string_equal(names(&t->names), "s.t");
  t = digest("CREATE PUBLICATION p FOR TABLE t, u");
  assert_string_equal(names(&t->names), "t,u");
  t = digest("ALTER FUNCTION f(int) OWNER TO r");
  assert_int_equal(t->kind, SQL_ALTER_OWNER);
  assert_string_equal(t->role, "r");
  assert_string_equal(digest("CLUSTER t USING i")->member, "i");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_conditions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_create_table, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_partitions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_index, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_queries, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_routines, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_types, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_actions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_others, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

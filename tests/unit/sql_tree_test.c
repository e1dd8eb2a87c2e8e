#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sql_fixture.h"

static void assert_name(struct sql_name name, const char *schema, const char *expected)
{
  if (schema)
    assert_string_equal(name.schema, schema);
  else
    assert_null(name.schema);
  assert_string_equal(name.name, expected);
}

static void assert_range(struct sql_range range, const char *expected)
{
  assert_int_equal(range.end - range.start, strlen(expected));
  assert_memory_equal(statement->text + range.start, expected, strlen(expected));
}

static void test_alter_table(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest(
      "ALTER TABLE IF EXISTS \"S\".t * ADD COLUMN IF NOT EXISTS a numeric(10, 2) NOT NULL "
      "DEFAULT round(random(), 2), DROP b CASCADE, ALTER c TYPE varchar(5) USING c::varchar(5), "
      "ADD CONSTRAINT k CHECK (d IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT k, ALTER e SET "
      "DEFAULT "
      "1, ALTER e DROP DEFAULT");
  assert_int_equal(t->kind, SQL_ALTER_TABLE);
  assert_int_equal(t->object, SQL_OBJECT_TABLE);
  assert_name(t->name, "S", "t");
  assert_true(t->if_exists);
  assert_int_equal(t->actions.len, 7);
  const struct sql_action *a = t->actions.at;
  assert_int_equal(a[0].kind, SQL_ADD_COLUMN);
  assert_true(a[0].if_exists);
  assert_string_equal(a[0].column->type.text, "numeric(10,2)");
  assert_true(a[0].column->not_null);
  assert_int_equal(a[0].column->default_value->functions.len, 2);
  assert_name(a[0].column->default_value->functions.at[1], NULL, "random");
  assert_range(a[1].range, "DROP b CASCADE");
  assert_true(a[1].cascade);
  assert_int_equal(a[2].kind, SQL_ALTER_TYPE);
  assert_string_equal(a[2].using->cast_column, "c");
  assert_string_equal(a[2].using->cast_type, a[2].type->text);
  assert_int_equal(a[3].constraint->kind, SQL_CHECK);
  assert_string_equal(a[3].constraint->check.not_null_column, "d");
  assert_true(a[3].constraint->not_valid);
  assert_range(a[3].range, "ADD CONSTRAINT k CHECK (d IS NOT NULL) NOT VALID");
  assert_int_equal(a[4].kind, SQL_VALIDATE_CONSTRAINT);
  assert_string_equal(a[4].name, "k");
  assert_int_equal(a[5].kind, SQL_SET_DEFAULT);
  assert_int_equal(a[6].kind, SQL_DROP_DEFAULT);
}

static void test_constraints(void **state)
{
  UNUSED(state);
  const struct sql_tree *t =
      digest("create table s.t (id bigserial primary key, a int references o (x) unique check (a > "
             "0), b int generated always as identity, c int generated always as (a * 2) stored, "
             "foreign key (a, c) references s.p (x, y), exclude using gist (a with =))");
  assert_int_equal(t->kind, SQL_CREATE_TABLE);
  assert_int_equal(t->columns.len, 4);
  assert_true(t->columns.at[0].serial);
  assert_true(t->columns.at[0].not_null);
  assert_int_equal(t->columns.at[1].constraints.len, 3);
  assert_name(t->columns.at[1].constraints.at[0].referenced, NULL, "o");
  assert_int_equal(t->columns.at[2].generated, SQL_GENERATED_IDENTITY);
  assert_int_equal(t->columns.at[3].generated, SQL_GENERATED_STORED);
  assert_int_equal(t->constraints.len, 2);
  assert_int_equal(t->constraints.at[0].kind, SQL_FOREIGN_KEY);
  assert_int_equal(t->constraints.at[0].columns.len, 2);
  assert_name(t->constraints.at[0].referenced, "s", "p");
  assert_int_equal(t->constraints.at[1].kind, SQL_EXCLUDE);
  t = digest("alter table t add constraint u unique using index i");
  assert_string_equal(t->actions.at[0].constraint->using_index, "i");
}

static void test_partitions(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest("alter table t attach partition s.p default");
  assert_int_equal(t->actions.at[0].kind, SQL_ATTACH_PARTITION);
  assert_name(t->actions.at[0].partition, "s", "p");
  assert_true(t->actions.at[0].partition_default);
  t = digest("alter table t detach partition p concurrently");
  assert_true(t->actions.at[0].concurrently);
  t = digest("alter table t detach partition p finalize");
  assert_int_equal(t->actions.at[0].kind, SQL_DETACH_PARTITION);
  assert_true(t->actions.at[0].finalize);
  t = digest("create table p partition of t for values in (1)");
  assert_name(t->partition_of, NULL, "t");
}

static void test_drop(void **state)
{
  UNUSED(state);
  static const struct {
    const char *sql;
    enum sql_object object;
    const char *schema, *name, *member;
  } cases[] = {
      {"drop table if exists s.a, b cascade", SQL_OBJECT_TABLE, "s", "a", NULL},
      {"drop index concurrently i", SQL_OBJECT_INDEX, NULL, "i", NULL},
      {"drop schema s", SQL_OBJECT_SCHEMA, NULL, "s", NULL},
      {"drop function s.f(int)", SQL_OBJECT_FUNCTION, "s", "f", NULL},
      {"drop type s.e", SQL_OBJECT_TYPE, "s", "e", NULL},
      {"drop domain d", SQL_OBJECT_DOMAIN, NULL, "d", NULL},
      {"drop trigger g on s.t", SQL_OBJECT_TRIGGER, "s", "t", "g"},
      {"drop policy p on t", SQL_OBJECT_POLICY, NULL, "t", "p"},
      {"drop extension x", SQL_OBJECT_EXTENSION, NULL, "x", NULL},
      {"drop materialized view m", SQL_OBJECT_MATVIEW, NULL, "m", NULL},
      {"drop cast (int as text)", SQL_OBJECT_OTHER, NULL, NULL, NULL},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const struct sql_tree *t = digest(cases[i].sql);
    assert_int_equal(t->kind, SQL_DROP);
    assert_int_equal(t->object, cases[i].object);
    if (cases[i].name)
      assert_name(t->name, cases[i].schema, cases[i].name);
    if (cases[i].member)
      assert_string_equal(t->member, cases[i].member);
  }
  const struct sql_tree *t = digest(cases[0].sql);
  assert_int_equal(t->names.len, 2);
  assert_true(t->cascade && t->if_exists);
  assert_true(digest(cases[1].sql)->concurrently);
}

static void test_rename(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest("alter table s.a rename to b");
  assert_int_equal(t->object, SQL_OBJECT_TABLE);
  assert_name(t->name, "s", "a");
  assert_string_equal(t->new_name, "b");
  t = digest("alter table a rename column x to y");
  assert_int_equal(t->object, SQL_OBJECT_COLUMN);
  assert_string_equal(t->member, "x");
  t = digest("alter schema a rename to b");
  assert_int_equal(t->object, SQL_OBJECT_SCHEMA);
  assert_string_equal(t->name.name, "a");
  assert_null(t->member);
  t = digest("alter type e rename value 'x' to 'y'");
  assert_int_equal(t->kind, SQL_RENAME);
  assert_string_equal(t->member, "x");
  assert_string_equal(t->new_name, "y");
  t = digest("alter type s.e add value if not exists 'x' before 'y'");
  assert_int_equal(t->kind, SQL_ALTER_ENUM);
  assert_string_equal(t->member, "x");
  t = digest("alter type e rename to f");
  assert_int_equal(t->object, SQL_OBJECT_TYPE);
  assert_null(t->member);
  t = digest("alter table a set schema b");
  assert_int_equal(t->kind, SQL_SET_SCHEMA);
  assert_string_equal(t->new_name, "b");
  t = digest("alter function f(int) set schema b");
  assert_name(t->name, NULL, "f");
}

static void test_changes(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest(
      "with x as (delete from a returning *), y as (update b set c = 1 where d) insert into s.e "
      "select * from x");
  assert_int_equal(t->kind, SQL_INSERT);
  assert_int_equal(t->changes.len, 3);
  assert_int_equal(t->changes.at[0].kind, SQL_INSERT);
  assert_true(t->changes.at[0].from_select);
  assert_name(t->changes.at[0].relation, "s", "e");
  size_t deletes = 0;
  for (size_t i = 0; i < 3; i++) {
    if (t->changes.at[i].kind == SQL_DELETE)
      deletes += !t->changes.at[i].where;
    if (t->changes.at[i].kind == SQL_UPDATE)
      assert_true(t->changes.at[i].where);
  }
  assert_int_equal(deletes, 1);
  assert_false(digest("delete from a where true")->changes.at[0].where);
  assert_false(digest("delete from a where 't'::bool")->changes.at[0].where);
  assert_true(digest("delete from a where false")->changes.at[0].where);
  assert_false(digest("insert into a values (1), (2)")->changes.at[0].from_select);
  assert_int_equal(digest("explain (analyze) delete from a")->changes.len, 1);
  assert_int_equal(digest("explain delete from a")->changes.len, 0);
  assert_int_equal(digest("copy (delete from a returning *) to '/x'")->changes.len, 1);
  assert_int_equal(digest("select 1 from a")->changes.len, 0);
  assert_int_equal(digest("create rule r as on insert to a do delete from b")->changes.len, 0);
}

static void test_maintenance(void **state)
{
  UNUSED(state);
  const struct sql_tree *t = digest("vacuum (full, analyze) a, s.b");
  assert_true(t->full);
  assert_int_equal(t->names.len, 2);
  assert_false(digest("vacuum (full off) a")->full);
  assert_false(digest("analyze a")->full);
  t = digest("reindex (verbose, concurrently) index s.i");
  assert_true(t->concurrently);
  assert_int_equal(t->object, SQL_OBJECT_INDEX);
  t = digest("reindex schema s");
  assert_string_equal(t->name.name, "s");
  t = digest("lock table a in share mode");
  assert_string_equal(t->member, "SHARE");
  assert_string_equal(digest("lock a")->member, "ACCESS EXCLUSIVE");
  assert_true(digest("refresh materialized view concurrently m")->concurrently);
  assert_string_equal(digest("set local search_path to a")->setting, "search_path");
  t = digest("do $$ begin -- drop\n perform 1; execute 'x'; end $$");
  assert_string_equal(t->body_verb, "perform");
  assert_null(digest("do $$ begin raise notice 'drop'; end $$")->body_verb);
  t = digest("select f(1), s.g('x')");
  assert_int_equal(t->functions.len, 2);
  assert_string_equal(t->strings.at[0], "x");
  assert_int_equal(digest("call s.p(1)")->kind, SQL_CALL);
  assert_true(digest("create index on only t (a)")->only);
  assert_int_equal(digest("select 1 into temp x")->kind, SQL_CREATE_TABLE_AS);
  assert_int_equal(digest("create materialized view m as select 1")->kind, SQL_CREATE_MATVIEW);
}

static void test_types(void **state)
{
  UNUSED(state);
  static const struct {
    const char *text, *name, *expected;
    int count;
  } cases[] = {
      {"character varying(20)", "varchar", "character varying(20)", 1},
      {"varchar", "varchar", "character varying", 0},
      {"int", "int4", "integer", 0},
      {"decimal(10,2)", "numeric", "numeric(10,2)", 2},
      {"timestamp(3) with time zone", "timestamptz", "timestamp with time zone(3)", 1},
      {"timestamptz(3)", "timestamptz", "timestamp with time zone(3)", 1},
      {"char", "bpchar", "character(1)", 1},
      {"\"char\"", "char", "char", 0},
      {"text[]", "text", "text[]", 0},
  };
  struct sql_type type;
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    assert_int_equal(sql_type_read(arena, cases[i].text, &type), 0);
    assert_name(type.name, NULL, cases[i].name);
    assert_string_equal(type.text, cases[i].expected);
    assert_int_equal(type.modifier_count, cases[i].count);
  }
  assert_int_equal(sql_type_read(arena, "public.mood", &type), 0);
  assert_name(type.name, "public", "mood");
  assert_int_equal(sql_type_read(arena, "interval second(3)", &type), 0);
  assert_true(type.odd_modifiers);
  assert_int_equal(sql_type_read(arena, "int; drop table x", &type), -1);
  assert_int_equal(sql_type_read(arena, "not a type(", &type), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_alter_table), cmocka_unit_test(test_constraints),
      cmocka_unit_test(test_partitions),  cmocka_unit_test(test_drop),
      cmocka_unit_test(test_rename),      cmocka_unit_test(test_changes),
      cmocka_unit_test(test_maintenance), cmocka_unit_test(test_types),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

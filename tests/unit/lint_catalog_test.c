/* Lint with a catalog: built by hand here, so that no server is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"
#include "sql/quote.h"

static struct catalog_object *add(struct fixture *f, enum catalog_kind kind, const char *schema,
                                  const char *name, struct catalog_object *parent)
{
  assert_true(f->catalog.object_count < FIXTURE_OBJECTS_MAX);
  struct catalog_object *object = ARENA_NEW(arena, struct catalog_object);
  object->kind = kind;
  object->schema = schema;
  object->name = name;
  object->parent = parent;
  object->identity = parent ? arena_printf(arena, "%s.%s", parent->identity, name)
                            : sql_qualified(arena, schema, name);
  object->row_estimate = -1;
  object->properties = arena_alloc(arena, FIXTURE_PROPERTIES_MAX * sizeof(struct catalog_property));
  f->objects[f->catalog.object_count++] = object;
  return object;
}

/* Properties must be set in the order of their names. */
static void set(struct catalog_object *object, const char *name, const char *value)
{
  assert_true(object->property_count < FIXTURE_PROPERTIES_MAX);
  object->properties[object->property_count++] =
      (struct catalog_property){.name = name, .value = value};
}

static struct catalog_object *add_table(struct fixture *f, const char *schema, const char *name,
                                        double rows)
{
  struct catalog_object *table = add(f, CATALOG_TABLE, schema, name, NULL);
  set(table, "persistence", "p");
  set(table, "relkind", "r");
  table->row_estimate = rows;
  table->bytes = 3 * 1024 * 1024;
  return table;
}

static void add_column(struct fixture *f, struct catalog_object *table, const char *name,
                       const char *type, bool not_null)
{
  struct catalog_object *column = add(f, CATALOG_COLUMN, table->schema, name, table);
  set(column, "not_null", not_null ? "t" : NULL);
  set(column, "type", type);
}

static struct fixture new_fixture(void)
{
  struct fixture f = {.with_catalog = true, .settings = {.large_table_rows = 1000}};
  f.catalog.server_version = 150000;
  return f;
}

static void test_sizes(void **state)
{
  UNUSED(state);
  struct fixture f = new_fixture();
  add_table(&f, "public", "big", 2.5e6);
  add_table(&f, "public", "small", 20);
  add_table(&f, "public", "fresh", -1);
  assert_string_equal(lint_one(&f, "create index on big (a);\ncreate index on small (a);\n"
                                   "create index on fresh (a);\nalter table small drop a;\n"
                                   "alter table small add b uuid default gen_random_uuid();\n"
                                   "alter table small add c int not null"),
                      "index-create-not-concurrent:w@1 index-create-not-concurrent:i@2 "
                      "index-create-not-concurrent:w@3 drop-column:e@4 "
                      "drop-column-takes-objects:w@4 "
                      "add-column-volatile-default:w@5 add-column-required:e@6");
  const struct lint_finding *finding = f.report.findings.at;
  assert_int_equal(finding[0].depth, LINT_CATALOG);
  assert_string_equal(finding[0].relation, "public.big");
  assert_string_equal(finding[0].detail, "public.big: about 2.5 million rows, 3.0 MiB");
  assert_string_equal(finding[1].detail, "public.small: about 20 rows, 3.0 MiB");
  assert_string_equal(finding[2].detail, "public.fresh: row count not known, 3.0 MiB");
  f.settings.large_table_rows = 0;
  assert_string_equal(lint_one(&f, "create index on small (a)"), "index-create-not-concurrent:w@1");
}

static void test_unknown_table(void **state)
{
  UNUSED(state);
  struct fixture f = new_fixture();
  assert_string_equal(lint_one(&f, "create index on nowhere (a);\ndrop table if exists gone;\n"
                                   "alter table nowhere alter a type text, alter b set not null"),
                      "index-create-not-concurrent:w@1 type-change-rewrite:e@3 not-null-scan:w@3");
  assert_int_equal(f.report.findings.at[0].depth, LINT_STATIC);
  assert_string_equal(f.report.findings.at[0].detail, "nowhere is not in the database");
}

static void test_names(void **state)
{
  UNUSED(state);
  struct fixture f = new_fixture();
  add_table(&f, "app", "only_here", 5e6);
  add_table(&f, "app", "twice", 5e6);
  add_table(&f, "public", "twice", 10);
  add_table(&f, "a", "shared", 5e6);
  add_table(&f, "b", "shared", 5e6);
  assert_string_equal(lint_one(&f, "create index on only_here (a);\ncreate index on twice (a);\n"
                                   "create index on app.twice (a);\ncreate index on shared (a);"),
                      "index-create-not-concurrent:w@1 index-create-not-concurrent:i@2 "
                      "index-create-not-concurrent:w@3 index-create-not-concurrent:w@4");
  assert_string_equal(f.report.findings.at[0].relation, "app.only_here");
  assert_int_equal(f.report.findings.at[3].depth, LINT_STATIC);
  /* what is made under a name does not hide the other */
  assert_string_equal(lint_one(&f, "create table only_here (a int);\ntruncate app.only_here;\n"
                                   "truncate only_here"),
                      "truncate:e@2");
  assert_string_equal(lint_one(&f, "create table if not exists twice (a int);\ntruncate twice;"),
                      "if-not-exists-noop:w@1 truncate:e@2");
}

static void test_types(void **state)
{
  UNUSED(state);
  static const struct {
    const char *from, *to;
    bool rewrites;
  } cases[] = {
      {"character varying(10)", "varchar(20)", false},
      {"character varying(10)", "varchar(10)", false},
      {"character varying(10)", "varchar(5)", true},
      {"character varying(10)", "varchar", false},
      {"character varying(10)", "text", false},
      {"text", "varchar", false},
      {"text", "varchar(10)", true},
      {"character varying", "varchar(10)", true},
      {"character(5)", "text", true},
      {"character(5)", "char(10)", true},
      {"integer", "bigint", true},
      {"smallint", "int", true},
      {"integer", "int4", false},
      {"real", "double precision", true},
      {"numeric(10,2)", "numeric(12,2)", false},
      {"numeric(10,2)", "numeric(12,3)", true},
      {"numeric(10,2)", "numeric(8,2)", true},
      {"numeric(10,0)", "numeric(12)", false},
      {"numeric(10,2)", "numeric", false},
      {"numeric", "numeric(10,2)", true},
      {"bit varying(5)", "varbit(10)", false},
      {"bit(5)", "varbit(5)", true},
      {"cidr", "inet", false},
      {"inet", "cidr", true},
      {"timestamp(3) without time zone", "timestamp(6)", false},
      {"timestamp without time zone", "timestamp(6)", false},
      {"timestamp without time zone", "timestamp(3)", true},
      {"timestamp without time zone", "timestamptz", true},
      {"json", "jsonb", true},
      {"text[]", "text[]", false},
      {"text[]", "varchar[]", true},
      {"interval second(3)", "interval second(3)", false},
      {"interval(3)", "interval(6)", false},
      {"interval", "interval day to second", false},
      {"interval(6)", "interval(3)", true},
      {"interval second(3)", "interval minute", true},
      {"public.mood", "public.mood", false},
      {"public.mood", "text", true},
      {"text", "free_text", false},        /* a domain without constraints */
      {"text", "public.short_text", true}, /* one with a check */
      {"public.free_text", "text", false},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct fixture f = new_fixture();
    struct catalog_object *free_text = add(&f, CATALOG_DOMAIN, "public", "free_text", NULL);
    set(free_text, "type", "text");
    struct catalog_object *short_text = add(&f, CATALOG_DOMAIN, "public", "short_text", NULL);
    set(short_text, "type", "text");
    add(&f, CATALOG_CONSTRAINT, "public", "short", short_text);
    add_column(&f, add_table(&f, "public", "t", 5e6), "c", cases[i].from, false);
    static const char *const about[] = {"type-change-rewrite", NULL};
    lint_one(&f, arena_printf(arena, "alter table t alter c type %s", cases[i].to));
    const char *found = lint_text_about(&f, about);
    if (strcmp(found, cases[i].rewrites ? "type-change-rewrite:e@1" : "") != 0)
      fail_msg("%s to %s: %s", cases[i].from, cases[i].to, found);
  }
}

static void test_not_null(void **state)
{
  UNUSED(state);
  struct fixture f = new_fixture();
  struct catalog_object *table = add_table(&f, "public", "t", 5e6);
  add_column(&f, table, "plain", "integer", false);
  add_column(&f, table, "set", "integer", true);
  add_column(&f, table, "Proven", "integer", false);
  add_column(&f, table, "hoped", "integer", false);
  struct catalog_object *check = add(&f, CATALOG_CONSTRAINT, "public", "k", table);
  set(check, "definition", "CHECK ((\"Proven\" IS NOT NULL))");
  set(check, "validated", "t");
  check = add(&f, CATALOG_CONSTRAINT, "public", "h", table);
  set(check, "definition", "CHECK ((hoped IS NOT NULL)) NOT VALID");
  set(check, "validated", NULL);
  assert_string_equal(lint_one(&f, "alter table t alter plain set not null;\n"
                                   "alter table t alter set set not null;\n"
                                   "alter table t alter \"Proven\" set not null;\n"
                                   "alter table t alter hoped set not null"),
                      "not-null-scan:w@1 not-null-scan:w@4");
  assert_string_equal(lint_one(&f, "alter table t validate constraint h;\n"
                                   "alter table t alter hoped set not null"),
                      "");
  assert_string_equal(
      lint_one(&f, "alter table t alter \"Proven\" set not null, drop constraint k"),
      "not-null-drops-its-proof:w@1");
  assert_string_equal(lint_one(&f, "alter table t drop constraint k;\n"
                                   "alter table t alter \"Proven\" set not null"),
                      "not-null-scan:w@2");
}

static void test_functions(void **state)
{
  UNUSED(state);
  struct fixture f = new_fixture();
  add_table(&f, "public", "t", 5e6);
  set(add(&f, CATALOG_FUNCTION, "public", "calm", NULL), "definition",
      "CREATE OR REPLACE FUNCTION public.calm()\n RETURNS integer\n LANGUAGE sql\n STABLE\n"
      "AS $function$ select 1 $function$\n");
  set(add(&f, CATALOG_FUNCTION, "public", "wild", NULL), "definition",
      "CREATE OR REPLACE FUNCTION public.wild()\n RETURNS integer\n LANGUAGE sql\n"
      "AS $function$\n STABLE $function$\n");
  assert_string_equal(lint_one(&f, "alter table t add a int default calm();\n"
                                   "alter table t add b int default wild();\nselect calm();\n"
                                   "select public.wild()"),
                      "add-column-volatile-default:e@2 execute-opaque:i@4");
  assert_string_equal(f.report.findings.at[0].message,
                      "column b of public.t has a default that calls wild(): every row is written");
}

static void test_indexes_and_partitions(void **state)
{
  UNUSED(state);
  struct fixture f = new_fixture();
  struct catalog_object *parent = add(&f, CATALOG_TABLE, "public", "parent", NULL);
  set(parent, "relkind", "p");
  struct catalog_object *rest = add(&f, CATALOG_TABLE, "public", "rest", NULL);
  set(rest, "partition_bound", "DEFAULT");
  set(rest, "partition_of", "public.parent");
  struct catalog_object *small = add_table(&f, "public", "small", 5);
  add(&f, CATALOG_INDEX, "public", "small_idx", small);
  assert_string_equal(lint_one(&f, "drop index small_idx;\ncreate index on only parent (a);\n"
                                   "create index on only small (a);\ncreate index on parent (a);\n"
                                   "create table p (a int);\n"
                                   "alter table parent attach partition p for values in (1);\n"
                                   "alter table parent attach partition small for values in (2)"),
                      "index-drop-not-concurrent:i@1 index-create-not-concurrent:i@3 "
                      "index-partitioned-fanout:w@4 partition-attach-scan:w@6 "
                      "partition-attach-scan:i@7");
  assert_string_equal(f.report.findings.at[0].detail, "public.small: about 5 rows, 3.0 MiB");
  assert_string_equal(f.report.findings.at[2].detail, "public.parent is partitioned");
}

static void test_used_and_invalid_indexes(void **state)
{
  UNUSED(state);
  static const char *const about[] = {"index-drop-slows", "index-left", NULL};
  struct fixture f = new_fixture();
  struct catalog_object *t = add_table(&f, "public", "t", 5);
  struct catalog_object *used = add(&f, CATALOG_INDEX, "public", "used", t);
  set(used, "definition", "CREATE INDEX used ON public.t USING btree (a)");
  set(used, "valid", "t");
  used->scans = 12;
  struct catalog_object *broken = add(&f, CATALOG_INDEX, "public", "broken", t);
  set(broken, "definition", "CREATE INDEX broken ON public.t USING btree (b)");
  set(broken, "valid", "f");
  lint_one(&f, "drop index concurrently broken;\ndrop index concurrently used");
  assert_string_equal(lint_text_about(&f, about), "index-drop-slows-queries:w@2");
  lint_one(&f, "alter table t add c int;\nreindex index concurrently broken");
  assert_string_equal(lint_text_about(&f, about), "index-left-invalid:w@1");
  lint_one(&f, "drop index concurrently broken;\nalter table t add c int");
  assert_string_equal(lint_text_about(&f, about), "");
}

static void test_others(void **state)
{
  UNUSED(state);
  struct fixture f = new_fixture();
  struct catalog_object *table = add_table(&f, "public", "t", 5e6);
  add_column(&f, table, "a", "integer", false);
  assert_string_equal(lint_one(&f, "alter table t set logged;\nalter table t set unlogged;\n"
                                   "alter table t add column if not exists a serial;\n"
                                   "-- belay:ignore truncate not needed here\nselect 1"),
                      "set-logged-unlogged:w@2");
  const char *use = "create type e as enum ('a');\nalter type e add value 'b';\nselect 'b'::e";
  assert_string_equal(lint_one(&f, use), "enum-value-same-transaction:e@3");
  f.catalog.server_version = 170002;
  assert_string_equal(lint_one(&f, use), "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_unknown_table),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_types),
      cmocka_unit_test(test_not_null),
      cmocka_unit_test(test_functions),
      cmocka_unit_test(test_indexes_and_partitions),
      cmocka_unit_test(test_used_and_invalid_indexes),
      cmocka_unit_test(test_others),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Rules about new columns and changed types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const char *const about[] = {"add-column-", "default-change-", "type-", NULL};

static const struct lint_case cases[] = {
    /* defaults */
    {NULL, "alter table t alter a set default 1, alter b drop default",
     "default-change-app-cache:i@1 default-change-app-cache:i@1"},
    {NULL, "create table t (a int);\nalter table t alter a set default 1", ""},
    {NULL, "alter table t add a int;\nalter table t alter a set default 1", ""},
    /* json, in new tables too */
    {NULL, "create table t (a json, b jsonb, c my.json)", "type-unsupported-ops:i@1"},
    {NULL, "alter table t add a json", "type-unsupported-ops:i@1"},
    {NULL, "create table t (a text);\nalter table t alter a type json using a::json",
     "type-unsupported-ops:i@2"},
    /* domains */
    {"create domain d as int check (value > 0);", "alter table t add a d",
     "add-column-constrained-domain:e@1"},
    {"create domain d as int not null;\ncreate domain e as d;", "alter table t add a e",
     "add-column-constrained-domain:e@1"},
    {"create domain d as int check (value > 0);", "alter table t add a d[]", ""},
    {"create domain d as int;", "alter table t add a d", ""},
    {NULL, "alter table t add a d", ""},
    {"create domain d as int default random() * 6;", "alter table t add a d",
     "add-column-volatile-default:e@1"},
    {"create domain d as timestamptz default now();", "alter table t add a d", ""},
    {"create domain d as int default random() * 6;", "alter table t add a d default 1", ""},
    /* what stands on a column whose type changes */
    {"create table t (a varchar(5), b int);\ncreate index i on t (a);",
     "alter table t alter a type varchar(10)", ""},
    {"create table t (a varchar(5), b int);\ncreate index i on t (lower(a));",
     "alter table t alter a type varchar(10)", "type-change-index-rebuild:w@1"},
    {"create table t (a varchar(5), b int);\ncreate index i on t (a) where b > 0;",
     "alter table t alter a type varchar(10)", "type-change-index-rebuild:w@1"},
    {"create table t (a varchar(5), b int);\ncreate index i on t (b) where b > 0;",
     "alter table t alter a type varchar(10)", ""},
    {"create table t (a text);\ncreate index i on t (a);",
     "alter table t alter a type text collate \"C\"", "type-change-index-rebuild:w@1"},
    {"create table t (a varchar(5) check (a <> ''));", "alter table t alter a type varchar(10)",
     "type-change-rechecks:w@1"},
    {"create table t (a varchar(5), constraint k check (a <> ''));\nalter table t drop constraint "
     "k;",
     "alter table t alter a type varchar(10)", ""},
    {"create table t (a varchar(5));\nalter table t add check (a <> '') not valid;",
     "alter table t alter a type varchar(10)", ""},
    {"create table o (a int primary key);\ncreate table t (a int references o);",
     "alter table t alter a type bigint", "type-change-rewrite:e@1 type-change-rechecks:w@1"},
    {"create table o (a int primary key);\ncreate table t (a int references o);",
     "alter table o alter a type bigint", "type-change-rewrite:e@1 type-change-rechecks:w@1"},
    {"create table t (a varchar(5), b int);\ncreate view v as select a from t;",
     "alter table t alter a type varchar(10), alter b type bigint",
     "type-change-blocked-by-view:e@1 type-change-rewrite:e@1"},
    {"create table t (a varchar(5), b int);\ncreate view v as select a from t;",
     "drop view v;\nalter table t alter a type varchar(10);", ""},
    {"create table t (a varchar(5));\ncreate table o (a int);\n"
     "create rule r as on insert to o do also insert into t values (new.a);",
     "alter table t alter a type varchar(10)", "type-change-blocked-by-view:e@1"},
    {"create table t (a varchar(5));\ncreate table o (a int);\n"
     "create rule r as on insert to o do also insert into t values (new.a);",
     "drop rule r on o;\nalter table t alter a type varchar(10)", ""},
    {"create table t (a interval(3));", "alter table t alter a type interval", ""},
    {"create table t (a interval);", "alter table t alter a type interval(3)",
     "type-change-rewrite:e@1"},
    {"create table t (a int, b int generated always as (a * 2) stored);",
     "alter table t alter a type bigint",
     "type-change-rewrite:e@1 type-change-blocked-by-view:e@1"},
    {"create table t (a serial);", "alter table t alter a type bigint",
     "type-change-rewrite:e@1 type-change-leaves-sequence:w@1"},
    {"create table t (a serial);",
     "alter table t alter a type bigint;\nalter sequence t_a_seq as bigint;",
     "type-change-rewrite:e@1"},
    {"create table t (a int generated always as identity);", "alter table t alter a type bigint",
     "type-change-rewrite:e@1"},
    {"create table t (a bigserial);", "alter table t alter a type bigint", ""},
    /* columns that are there already */
    {"create table t (a int);", "alter table t add if not exists a int not null", ""},
    {NULL, "alter table t add a serial;\nalter table t add if not exists a serial",
     "add-column-serial:e@1"},
};

/* From the first type to the second. */
static const struct {
  const char *from, *to;
  bool narrows;
} types[] = {
    {"int", "bigint", false},
    {"bigint", "int", true},
    {"int", "smallint", true},
    {"numeric(10,2)", "numeric(12,2)", false},
    {"numeric(10,2)", "numeric(12,1)", true},
    {"numeric(10,2)", "numeric(10,4)", true},
    {"numeric(10,2)", "numeric(12,4)", false},
    {"numeric", "numeric(10,2)", true},
    {"numeric(10,2)", "numeric", false},
    {"numeric(10,2)", "int", true},
    {"int", "numeric", false},
    {"float8", "float4", true},
    {"float4", "float8", false},
    {"float8", "bigint", true},
    {"varchar(20)", "varchar(10)", true},
    {"varchar(10)", "varchar(20)", false},
    {"text", "varchar(10)", true},
    {"text", "char(10)", true},
    {"varchar(10)", "text", false},
    {"varchar(10)", "varchar(10)", false},
    {"timestamptz", "timestamptz(0)", true},
    {"timestamptz(3)", "timestamptz", false},
    {"timestamptz", "date", true},
    {"timestamptz", "time", true},
    {"timestamptz", "timestamp", false},
    {"date", "timestamptz", false},
    {"bit(8)", "bit(4)", true},
    {"public.a", "int", false},
    {"int[]", "int", false},
};

static void test_cases(void **state)
{
  UNUSED(state);
  lint_cases(&(struct fixture){0}, cases, COUNT_OF(cases), about);
}

static void test_narrowing(void **state)
{
  UNUSED(state);
  static const char *const narrows[] = {"type-change-narrows", NULL};
  for (size_t i = 0; i < COUNT_OF(types); i++) {
    struct fixture f = {0};
    lint_one(&f, arena_printf(arena, "alter table t add a %s;\nalter table t alter a type %s",
                              types[i].from, types[i].to));
    const char *found = lint_text_about(&f, narrows);
    if (strcmp(found, types[i].narrows ? "type-change-narrows:w@2" : "") != 0)
      fail_msg("%s to %s: %s", types[i].from, types[i].to, found);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_narrowing),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

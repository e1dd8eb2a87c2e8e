/* Rules about indexes, and what fails if the rows are not as hoped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const char *const about[] = {"index-", "reindex-", NULL};

static const struct lint_case cases[] = {
    {NULL, "create index concurrently if not exists i on t (a)",
     "index-concurrent-if-not-exists:w@1"},
    {NULL, "create index concurrently i on t (a)", ""},
    {NULL, "create index if not exists i on t (a)", "index-create-not-concurrent:w@1"},
    {NULL, "drop index i;\ncreate index i on t (a, b);",
     "index-drop-not-concurrent:w@1 index-create-not-concurrent:w@2 index-replace-drop-first:w@2"},
    {NULL, "create index j on t (a);\ndrop index i;",
     "index-create-not-concurrent:w@1 index-drop-not-concurrent:w@2"},
    {NULL, "drop index concurrently i", ""},
    {NULL, "reindex (concurrently) table t;\nreindex index concurrently i;", ""},
    {NULL, "reindex table t", "reindex-not-concurrent:w@1"},
    {NULL, "create table t (a int);\nreindex table t", ""},
    /* of constraints */
    {"create table t (a int primary key, b int unique);",
     "drop index t_pkey;\ndrop index concurrently t_b_key;",
     "index-drop-backs-constraint:e@1 index-drop-backs-constraint:e@2"},
    {"create table t (a int primary key, b int unique);",
     "alter table t drop constraint t_b_key;\ncreate unique index concurrently t_b_key on t (b)",
     ""},
    /* one replaces another */
    {"create table t (a int, b int);\ncreate index i on t (a);",
     "drop index concurrently i;\ncreate index concurrently j on t (a, b);",
     "index-replace-drop-first:w@2"},
    {"create table t (a int, b int);\ncreate index i on t (a);",
     "drop index concurrently i;\ncreate index concurrently j on t (b);", ""},
    {"create table t (a int, b int);\ncreate index i on t (a);",
     "create index concurrently j on t (a, b);\ndrop index concurrently i;", "index-redundant:i@1"},
    /* what is not needed */
    {"create table t (a int primary key, b int);", "create index concurrently i on t (a)",
     "index-redundant:i@1"},
    {"create table t (a int primary key, b int);", "create index concurrently i on t (a, b)", ""},
    {"create table t (a int, b int);\ncreate index j on t (a) where b > 0;",
     "create index concurrently i on t (a)", ""},
    {"create table t (a text);\ncreate index j on t (lower(a));",
     "create index concurrently i on t (a);\ncreate index concurrently k on t (lower(a))", ""},
    {"create table t (a text);\ncreate index j on t (a);",
     "create index concurrently i on t using gin (a);\ncreate index concurrently k on t (a collate "
     "\"C\");\ncreate index concurrently l on t (a text_pattern_ops)",
     ""},
    {"create table t (a int);\ncreate index j on t (a);",
     "create unique index concurrently i on t (a);", "index-redundant:i@1"},
    {"create table t (a int);\ncreate index j on t (a);", "create index if not exists j on t (a);",
     ""},
};

static void test_cases(void **state)
{
  UNUSED(state);
  lint_cases(&(struct fixture){0}, cases, COUNT_OF(cases), about);
}

static void test_flawed_server(void **state)
{
  UNUSED(state);
  struct fixture f = {.with_catalog = true};
  static const struct {
    int version;
    bool flawed;
  } versions[] = {
      {130010, false}, {140000, true}, {140003, true}, {140004, false}, {150000, false}};
  for (size_t i = 0; i < COUNT_OF(versions); i++) {
    f.catalog.server_version = versions[i].version;
    assert_string_equal(lint_one(&f, "create index concurrently i on t (a)"),
                        versions[i].flawed ? "index-concurrent-corruption:e@1" : "");
    lint_one(&f, "reindex table concurrently t;");
    assert_int_equal(f.report.errors, versions[i].flawed);
    assert_string_equal(lint_one(&f, "drop index concurrently i"), "");
  }
}

static const char *const about_rows[] = {"may-fail-", NULL};

static const struct lint_case row_cases[] = {
    {NULL, "create unique index i on t (a);", "may-fail-unique:i@1"},
    {NULL, "create index i on t (a);", ""},
    {NULL,
     "create table t (a int);\ncreate unique index i on t (a);\nalter table t alter a set not null",
     ""},
    {NULL, "alter table t add unique (a)", "may-fail-unique:i@1"},
    {NULL, "alter table t add constraint u unique using index i", ""},
    {NULL, "alter table t add primary key (a, b)",
     "may-fail-unique:i@1 may-fail-not-null:i@1 may-fail-not-null:i@1"},
    {NULL, "alter table t add exclude using gist (r with &&)", "may-fail-unique:i@1"},
    {NULL, "alter table t alter a set not null", "may-fail-not-null:i@1"},
    {NULL,
     "alter table t add constraint k check (a is not null) not valid;\nalter table t validate "
     "constraint k;\nalter table t alter a set not null",
     "may-fail-check-fk:i@2"},
    {NULL, "alter table t add check (a > 0), add foreign key (b) references o",
     "may-fail-check-fk:i@1 may-fail-check-fk:i@1"},
    {NULL, "alter table t add check (a > 0) not valid, add foreign key (b) references o not valid",
     ""},
    {NULL, "alter table t alter a type int using a::int", "may-fail-cast:i@1"},
    {NULL, "alter table t add a int;\nalter table t alter a type bigint", ""},
    {NULL, "alter table t add a bigint;\nalter table t alter a type int", "may-fail-cast:i@2"},
    {NULL, "alter table t add a int;\nalter table t alter a type text", ""},
    {NULL, "alter table t add a int unique", ""},
    {NULL, "alter table t add a int default 1 unique", "may-fail-unique:i@1"},
    {NULL, "alter table t add a int check (a is not null)", "may-fail-check-fk:i@1"},
    {NULL, "alter table t add a int references o", ""},
    {NULL, "alter table t add a int default 1 references o", "may-fail-check-fk:i@1"},
};

static void test_rows(void **state)
{
  UNUSED(state);
  lint_cases(&(struct fixture){.with_may_fail = true}, row_cases, COUNT_OF(row_cases), about_rows);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_flawed_server),
      cmocka_unit_test(test_rows),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

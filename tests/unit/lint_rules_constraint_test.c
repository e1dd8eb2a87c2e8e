/* Rules about constraints, foreign keys and NOT NULL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const char *const about[] = {
    "check-",       "foreign-key-", "constraint-", "exclusion-",    "not-null-",
    "primary-key-", "unique-",      "domain-",     "drop-not-null", NULL};

static const struct lint_case cases[] = {
    /* foreign keys */
    {NULL, "create table t (a int references o);", "foreign-key-locks-parent:i@1"},
    {NULL, "create table o (a int primary key);\ncreate table t (a int references o);", ""},
    {NULL, "create table t (a int, foreign key (a) references t)", ""},
    {NULL, "create table t (a int);\nalter table t add foreign key (a) references o;",
     "foreign-key-locks-parent:i@2"},
    {NULL, "create table t (a int references o, b int references p)",
     "foreign-key-locks-parent:i@1 foreign-key-locks-parent:i@1 foreign-key-multiple:i@1"},
    {NULL, "create table t (a int references o, b int references o)",
     "foreign-key-locks-parent:i@1"},
    {NULL,
     "create table t (a int references o);\ncreate table u (a int references p);\ncreate table v "
     "(a int references q)",
     "foreign-key-locks-parent:i@1 foreign-key-locks-parent:i@2 foreign-key-multiple:i@2 "
     "foreign-key-locks-parent:i@3"},
    {NULL, "create table t (a int references o);\ncreate table u (a int references p);\nvacuum x",
     "foreign-key-locks-parent:i@1 foreign-key-locks-parent:i@2"},
    {NULL, "alter table t drop constraint t_a_fkey;\nalter table t drop constraint k",
     "foreign-key-dropped:i@1"},
    {NULL, "create table t (a int references o);\nalter table t drop constraint t_a_fkey",
     "foreign-key-locks-parent:i@1"},
    {"create table o (a int primary key);\ncreate table t (a int references o, b int);",
     "alter table t drop constraint t_a_fkey;",
     "foreign-key-dropped:i@1 foreign-key-drop-locks-parent:w@1"},
    {"create table o (a int primary key);\ncreate table t (a int references o, b int);",
     "alter table t drop b;\nalter table t drop a;", "foreign-key-drop-locks-parent:w@2"},
    {"create table o (a int primary key);\ncreate table t (a int references o, b int);",
     "drop table t", "foreign-key-drop-locks-parent:w@1"},
    {"create table o (a int primary key);\ncreate table t (a int references o, b int);",
     "drop table t, o", ""},
    {"create table o (a int primary key);\ncreate table t (a int references o, b int);",
     "alter table t drop constraint t_a_fkey;\ndrop table t;",
     "foreign-key-dropped:i@1 foreign-key-drop-locks-parent:w@1"},
    {"create table t (id int primary key, a int references t);", "alter table t drop a", ""},
    {"create table t (a int, constraint k check (a > 0));", "alter table t drop constraint k", ""},
    /* constraints that are left */
    {NULL, "alter table t add constraint k check (a > 0) not valid",
     "constraint-left-not-valid:i@1"},
    {NULL,
     "alter table t add constraint k check (a > 0) not valid;\nalter table u validate constraint k",
     "constraint-left-not-valid:i@1"},
    {NULL, "alter table t add constraint k check (a > 0) not valid;\ndrop table t", ""},
    {NULL,
     "alter table t add check (a > 0) not valid;\nalter table t validate constraint t_a_check",
     "constraint-validate-same-transaction:w@2"},
    {NULL, "create table t (a int);\nalter table t add constraint k check (a > 0) not valid", ""},
    /* what is not enforced */
    {NULL, "alter table t add constraint k check (a > 0) not enforced;",
     "constraint-not-enforced:w@1"},
    {NULL, "create table t (a int check (a > 0) NOT /* x */ ENFORCED);",
     "constraint-not-enforced:w@1"},
    {NULL, "alter table t alter constraint k not enforced", "constraint-not-enforced:w@1"},
    {NULL, "alter table t alter constraint k enforced", ""},
    /* volatile checks, on new tables too */
    {NULL, "create table t (a timestamptz check (a < clock_timestamp()))", "check-volatile:w@1"},
    {NULL, "create table t (a timestamptz check (a < now()))", ""},
    {NULL, "create table t (a int, check (a < my_function()))", ""},
    {NULL, "alter table t add column b float check (b < random())", "check-volatile:w@1"},
    /* not null */
    {NULL, "alter table t alter a drop not null", "drop-not-null:i@1"},
    {NULL, "create table t (a int not null);\nalter table t alter a drop not null", ""},
    {NULL, "alter table t add a int default 1, alter a set not null", "not-null-scan:w@1"},
    {NULL,
     "alter table t add constraint k check (a is not null);\nalter table t drop constraint k, "
     "alter a set not null",
     "check-not-valid:w@1 not-null-drops-its-proof:w@2"},
    {NULL, "alter foreign table t alter a set not null", ""},
    {NULL, "alter view v alter a set default 1", ""},
    {"create table t (a int, constraint k check (a is not null));",
     "alter table t alter a set not null;\nalter table t drop constraint k;", ""},
    {"create table t (a int, constraint k check (a is not null));",
     "alter table t alter a set not null, drop constraint k;", "not-null-drops-its-proof:w@1"},
    {"create table t (a int, constraint k check (a > 0));", "alter table t alter a set not null",
     "not-null-scan:w@1"},
    {"create table t (a int primary key);", "alter table t alter a set not null", ""},
    {"create table t (a int);\nalter table t add constraint k check (a is not null) not valid;",
     "alter table t alter a set not null", "not-null-scan:w@1"},
    /* domains */
    {NULL, "create domain d as int check (value > 0)", "domain-create-constraint:i@1"},
    {NULL, "create domain d as int not null", "domain-create-constraint:i@1"},
    {NULL, "create domain d as int default 1", ""},
    {NULL, "alter domain d add constraint k check (value > 0)", "domain-constraint-scan:w@1"},
    {NULL,
     "alter domain d add constraint k check (value > 0) not valid;\nalter domain d validate "
     "constraint k",
     ""},
    {NULL, "alter domain d set not null", "domain-set-not-null:w@1"},
    {NULL, "alter domain d drop not null", ""},
    {"create domain d as int;\ncreate table t (a d);\ncreate table u (a d);\ncreate table v (a "
     "int);",
     "alter domain d add check (value > 0)",
     "domain-constraint-scan:w@1 domain-constraint-scan:w@1"},
    {"create domain d as int;\ncreate table t (a int);", "alter domain d set not null", ""},
    {"create domain d as int;", "create table t (a d);\nalter domain d set not null", ""},
    /* indexes that are there already */
    {"create table t (a int, b int not null);\ncreate unique index i on t (a);\ncreate unique "
     "index j on t (b);",
     "alter table t add primary key using index i;\nalter table t add primary key using index j",
     "primary-key-using-index-nullable:w@1"},
    {"create table t (a int check (a is not null));\ncreate unique index i on t (a);",
     "alter table t add primary key using index i", ""},
    {NULL, "alter table t add constraint u unique using index i", ""},
    {NULL, "alter table t add constraint p primary key using index i",
     "primary-key-using-index-nullable:i@1"},
};

static void test_cases(void **state)
{
  UNUSED(state);
  lint_cases(&(struct fixture){0}, cases, COUNT_OF(cases), about);
}

static void test_several_files(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  const char *files[] = {"alter table t add constraint k check (a > 0) not valid",
                         "alter table t add constraint l check (a > 1) not valid",
                         "alter table t validate constraint k"};
  lint_files(&f, files, COUNT_OF(files));
  assert_string_equal(lint_text_about(&f, about), "constraint-left-not-valid:i@1");
  assert_string_equal(f.report.findings.at[0].file, "2.sql");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_several_files),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

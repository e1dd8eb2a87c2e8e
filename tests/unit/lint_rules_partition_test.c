/* Rules about partitioned tables and inheritance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const char *const about[] = {"partition-", "index-", "foreign-key-", "not-null-", NULL};

#define PARTS                                                                                      \
  "create table p (a int not null, b int) partition by range (a);\n"                               \
  "create table p1 partition of p for values from (0) to (10);\n"
#define REST "create table rest partition of p default;\n"

static const struct lint_case cases[] = {
    /* partitions that come */
    {PARTS, "create table p2 partition of p for values from (10) to (20)",
     "partition-create-of:i@1"},
    {PARTS REST, "create table p2 partition of p for values from (10) to (20)",
     "partition-create-of:w@1"},
    {NULL, "create table p2 partition of p for values from (10) to (20)",
     "partition-create-of:i@1"},
    {NULL, PARTS REST, ""},
    {PARTS,
     "create table p2 (like p);\nalter table p attach partition p2 for values from (10) to (20)",
     ""},
    {PARTS REST,
     "create table p2 (like p);\nalter table p attach partition p2 for values from (10) to (20)",
     "partition-attach-scan:w@2"},
    {PARTS "create table p2 (a int not null, b int);",
     "alter table p attach partition p2 for values from (10) to (20)", "partition-attach-scan:w@1"},
    {NULL, "alter table p attach partition p2 for values from (10) to (20)",
     "partition-attach-scan:w@1"},
    /* partitions that go */
    {PARTS, "drop table p1", "partition-drop-direct:w@1"},
    {PARTS, "drop table p1, p", ""},
    {PARTS, "drop table p", ""},
    {PARTS, "alter table p detach partition p1;\ndrop table p1",
     "partition-detach-not-concurrent:w@1"},
    {PARTS, "alter table p detach partition p1 concurrently", ""},
    {PARTS REST, "alter table p detach partition p1 concurrently",
     "partition-detach-concurrent-default:e@1"},
    {PARTS, "alter table p detach partition p1 finalize", ""},
    /* keys */
    {NULL, "create table t (a int primary key, b int) partition by range (b)",
     "partition-key-not-in-pk:e@1"},
    {NULL, "create table t (a int, b int, primary key (b, a)) partition by range (b)", ""},
    {NULL, "create table t (a int unique, b int) partition by list (a)", ""},
    {NULL, "create table t (a int primary key) partition by range ((a + 1))",
     "partition-key-not-in-pk:e@1"},
    {PARTS, "alter table p add unique (b)", "partition-fanout:i@1 partition-key-not-in-pk:e@1"},
    {PARTS, "alter table only p add unique (b, a)", ""},
    {PARTS, "create unique index on only p (b)", "partition-key-not-in-pk:e@1"},
    {PARTS, "create index on only p (b)", ""},
    /* many at once */
    {PARTS, "alter table p add c int", "partition-fanout:i@1"},
    {PARTS, "alter table p alter b set default 1", ""},
    {PARTS, "alter table p1 add constraint k check (b > 0) not valid", ""},
    {PARTS, "alter table p alter b set not null", "partition-fanout:i@1 not-null-scan:w@1"},
    {PARTS "alter table p add constraint k check (b is not null);",
     "alter table p alter b set not null", "partition-fanout:i@1"},
    /* indexes */
    {PARTS, "create index i on p (b)", "index-partitioned-fanout:w@1"},
    {"create table p (a int) partition by range (a)", "create index i on p (a)", ""},
    {PARTS, "create index concurrently i on p (b)", "index-concurrent-on-partitioned:e@1"},
    {PARTS, "create index concurrently i on p1 (b)", ""},
    {PARTS "create index i on p (b);", "drop index concurrently i",
     "index-concurrent-on-partitioned:e@1"},
    /* foreign keys */
    {PARTS "create table o (a int primary key);",
     "alter table p add foreign key (b) references o not valid",
     "partition-fanout:i@1 foreign-key-partitioned-not-valid:e@1"},
    {PARTS "create table o (a int primary key);",
     "alter table p1 add foreign key (b) references o not valid", ""},
    /* a new parent can have old children */
    {"create table old (a int not null, b int);",
     "create table p (a int not null, b int) partition by range (a);\nalter table p attach "
     "partition "
     "old for values from (0) to (10);\nalter table p alter b set not null",
     "not-null-scan:w@3"},
    {"create table old (a int, b int);",
     "create table base (a int);\nalter table old inherit base;\nalter table base alter a set not "
     "null",
     "not-null-scan:w@3"},
    {"create table base (a int);",
     "create table young () inherits (base);\nalter table young alter a set not null", ""},
};

static void test_cases(void **state)
{
  UNUSED(state);
  lint_cases(&(struct fixture){0}, cases, COUNT_OF(cases), about);
}

static void test_majors(void **state)
{
  UNUSED(state);
  static const struct lint_case keys[] = {
      {PARTS "create table o (a int primary key);",
       "alter table p add foreign key (b) references o not valid", ""}};
  static const char *const keys_only[] = {"foreign-key-", NULL};
  lint_cases(&(struct fixture){.target_major = 18}, keys, COUNT_OF(keys), keys_only);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_majors),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

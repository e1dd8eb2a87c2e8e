/* What goes along with what is dropped or emptied, by name as far as it is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

static const char schema[] =
    "create table o (id bigint constraint o_key primary key, a int, b int, unique (a, b));\n"
    "create index o_b on o (b);\n"
    "create table i (o bigint constraint i_o references o, n serial);\n"
    "create view v as select id from o;";

/* The message of the rule's first finding in a file that runs on the schema; NULL: none. */
static const char *message(const char *rule, const char *sql)
{
  struct fixture f = {.known = 1};
  const char *files[] = {schema, sql};
  lint_files(&f, files, 2);
  for (size_t i = 0; i < f.report.findings.len; i++)
    if (strcmp(f.report.findings.at[i].rule->id, rule) == 0)
      return f.report.findings.at[i].message;
  return NULL;
}

static void test_cascade(void **state)
{
  UNUSED(state);
  assert_string_equal(message("drop-cascade", "drop table o cascade"),
                      "DROP ... CASCADE of o also drops view v, foreign key i_o of i");
  assert_string_equal(message("drop-cascade", "drop table elsewhere cascade"),
                      "DROP ... CASCADE also drops what depends on elsewhere");
  assert_null(message("drop-cascade", "drop table o"));
  assert_string_equal(message("truncate-cascade", "truncate o cascade"),
                      "TRUNCATE ... CASCADE of o also empties table i and whatever refers to them");
  assert_null(message("truncate-cascade", "truncate o"));
}

static void test_columns(void **state)
{
  UNUSED(state);
  assert_string_equal(message("drop-column-takes-objects", "alter table o drop b"),
                      "with column b of o go index o_b, constraint o_a_b_key");
  assert_null(message("drop-column-takes-objects",
                      "alter table o drop constraint o_a_b_key;\nalter table o drop a"));
  assert_null(message("drop-column-takes-objects", "alter table i drop n"));
}

static void test_keys(void **state)
{
  UNUSED(state);
  assert_non_null(message("drop-primary-key", "alter table o drop constraint o_key"));
  assert_null(message("drop-primary-key", "alter table o drop constraint o_a_b_key"));
  assert_null(message("drop-primary-key", "alter table elsewhere drop constraint o_key"));
}

static void test_numbers(void **state)
{
  UNUSED(state);
  assert_non_null(message("insert-explicit-serial", "insert into i (n) values (7)"));
  assert_null(message("insert-explicit-serial", "insert into i (o) values (7)"));
  assert_null(message("insert-explicit-serial",
                      "insert into i (n) values (7);\nselect setval('i_n_seq', max(n)) from i"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cascade), cmocka_unit_test(test_columns),
                                     cmocka_unit_test(test_keys), cmocka_unit_test(test_numbers)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Many scripts read at once, by threads: each is what it would be alone, in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sql/script.h"

enum { MANY = 700 };

/* Every seventh cannot be read. */
static const char *text_of(struct arena *arena, size_t i)
{
  if (i % 7 == 3)
    return arena_printf(arena, "SELECT %zu;\nSELECT 'open", i);
  return arena_printf(arena, "SELECT %zu;\nCREATE TABLE t%zu (id int);", i, i);
}

static void check(const struct sql_script_job *job, size_t i)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  if (i % 7 == 3) {
    assert_null(job->script);
    assert_non_null(strstr(job->err.message, arena_printf(arena, "f%zu.sql:2:", i)));
    return;
  }
  assert_non_null(job->script);
  assert_string_equal(job->script->name, arena_printf(arena, "f%zu.sql", i));
  assert_int_equal(job->script->statements.len, 2);
  const struct sql_statement *second = &job->script->statements.at[1];
  assert_non_null(second->tree);
  assert_string_equal(second->text, arena_printf(arena, "CREATE TABLE t%zu (id int)", i));
}

static void read_and_check(size_t count)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct sql_script_job *jobs = arena_alloc(arena, (count + 1) * sizeof(*jobs));
  for (size_t i = 0; i < count; i++) {
    const char *text = text_of(arena, i);
    jobs[i] = (struct sql_script_job){
        .name = arena_printf(arena, "f%zu.sql", i), .bytes = text, .len = strlen(text)};
  }
  sql_scripts_read_psql(arena, jobs, count);
  for (size_t i = 0; i < count; i++) {
    check(&jobs[i], i);
    err_clear(&jobs[i].err);
  }
}

static void test_each_is_as_if_alone(void **state)
{
  UNUSED(state);
  static const size_t counts[] = {0, 1, 15, 16, 17, 130, MANY};
  for (size_t i = 0; i < COUNT_OF(counts); i++)
    read_and_check(counts[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_is_as_if_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "migration/migration.h"
#include "store/stream.h"

#define T1 "2026-01-01T00:00:00.000000Z"
#define T2 "2026-01-02T00:00:00.000000Z"
#define T3 "2026-01-03T00:00:00.000000Z"

struct fixture {
  struct arena *arena;
  struct migrations files;
  struct ledger_rows rows;
};

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  arena_free(f->arena);
  free(f);
  return 0;
}

static const char *hex_of(struct fixture *f, const char *text)
{
  char hex[STORE_SHA256_HEX];
  store_sha256(text, strlen(text), hex);
  return arena_strdup(f->arena, hex);
}

static void file(struct fixture *f, const char *name, const char *sql)
{
  struct migration *m = vec_add(f->arena, &f->files);
  m->name = name;
  m->path = name;
  m->bytes = sql;
  m->len = strlen(sql);
  store_sha256(sql, m->len, m->checksum);
}

/* A row for a file that read `sql`; NULL times as the ledger has them. */
static void row(struct fixture *f, const char *name, const char *sql, const char *started,
                const char *finished, const char *rolled_back)
{
  struct ledger_row *r = vec_add(f->arena, &f->rows);
  r->id = arena_printf(f->arena, "%zu", f->rows.len);
  r->name = name;
  r->checksum = hex_of(f, sql);
  r->started_at = started;
  r->finished_at = finished;
  r->rolled_back_at = rolled_back;
}

/* "name=state#row name=state" */
static void check(struct fixture *f, const char *expected)
{
  struct migration_statuses statuses;
  migration_compare(f->arena, &f->files, &f->rows, &statuses);
  CLEANUP(text_clear)
  struct text out = TEXT_INIT;
  for (size_t i = 0; i < statuses.len; i++) {
    const struct migration_status *s = &statuses.at[i];
    text_printf(&out, "%s%s=%s", i ? " " : "", s->name, migration_state_name(s->state));
    if (s->row)
      text_printf(&out, "#%s", s->row->id);
    if (s->migration)
      assert_string_equal(s->migration->name, s->name);
    else
      assert_true(s->state == MIGRATION_MISSING || s->state == MIGRATION_FAILED);
  }
  assert_string_equal(out.data, expected);
}

static void test_empty(void **state)
{
  check(*state, "");
}

static void test_pending_applied_edited_missing(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "a");
  file(f, "2", "b");
  file(f, "4", "d");
  file(f, "5", "e");
  row(f, "1", "a", T1, T1, NULL);
  row(f, "2", "B", T1, T1, NULL);
  row(f, "3", "c", T1, T1, NULL);
  check(f, "1=applied#1 2=edited#2 3=missing#3 4=pending 5=pending");
}

static void test_out_of_order(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "a");
  file(f, "2", "b");
  file(f, "3", "c");
  row(f, "2", "b", T1, T1, NULL);
  check(f, "1=out-of-order 2=applied#1 3=pending");
  row(f, "9", "x", T2, T2, NULL); /* missing, but applied */
  check(f, "1=out-of-order 2=applied#1 3=out-of-order 9=missing#2");
}

static void test_failed_does_not_make_others_out_of_order(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "a");
  file(f, "2", "b");
  row(f, "2", "b", T1, NULL, NULL);
  row(f, "7", "gone", T1, NULL, NULL);
  check(f, "1=pending 2=failed#1 7=failed#2");
}

static void test_rolled_back_rows_do_not_count(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "a");
  file(f, "2", "b");
  row(f, "1", "a", T1, NULL, T2); /* failed, resolved, deployed again */
  row(f, "1", "a", T2, T3, NULL);
  row(f, "2", "b", T1, T1, T1); /* finished, then undone */
  row(f, "2", "b", T2, T2, T3);
  row(f, "3", "gone", T1, T1, T2);
  check(f, "1=applied#2 2=rolled-back#4");
}

static void test_rolled_back_and_older_than_an_applied_one(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "a");
  file(f, "2", "b");
  row(f, "1", "a", T1, T1, T3);
  row(f, "2", "b", T2, T2, NULL);
  check(f, "1=out-of-order#1 2=applied#2");
}

static void test_newest_row_wins_in_any_order(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "a");
  row(f, "1", "a", T2, NULL, NULL);
  row(f, "1", "a", T1, T1, NULL);
  check(f, "1=failed#1");
  row(f, "1", "changed", T3, T3, NULL);
  check(f, "1=edited#3");
}

static void test_line_ends_do_not_count(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "a\nb\n");
  file(f, "2", "a\r\nb\r\n");
  file(f, "3", "a\r\nb\n");
  file(f, "4", "a\rb\n");
  row(f, "1", "a\r\nb\r\n", T1, T1, NULL);
  row(f, "2", "a\nb\n", T1, T1, NULL);
  row(f, "3", "a\r\nb\r\n", T1, T1, NULL);
  row(f, "4", "a\nb\n", T1, T1, NULL); /* a lone CR is a change */
  check(f, "1=applied#1 2=applied#2 3=applied#3 4=edited#4");
}

static void test_old_checksums_without_leading_zeros(void **state)
{
  struct fixture *f = *state;
  file(f, "1", "abc"); /* ba7816bf8f01cfea... */
  row(f, "1", "abc", T1, T1, NULL);
  f->rows.at[0].checksum = "ba7816bf8f1cfea414140de5dae2223b0361a396177a9cb410ff61f2015ad";
  check(f, "1=applied#1");
  f->rows.at[0].checksum = NULL;
  check(f, "1=edited#1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_empty),
      TEST(test_pending_applied_edited_missing),
      TEST(test_out_of_order),
      TEST(test_failed_does_not_make_others_out_of_order),
      TEST(test_rolled_back_rows_do_not_count),
      TEST(test_rolled_back_and_older_than_an_applied_one),
      TEST(test_newest_row_wins_in_any_order),
      TEST(test_line_ends_do_not_count),
      TEST(test_old_checksums_without_leading_zeros),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

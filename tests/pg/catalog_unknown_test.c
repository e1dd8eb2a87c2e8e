/* Nothing is skipped in silence: what the model does not hold is listed by name. */
#include "catalog_support.h"

struct known_gap {
  const char *sql, *kind, *identity;
};

static const struct known_gap gaps[] = {
    {"CREATE TYPE app.span AS RANGE (SUBTYPE = float8); COMMENT ON TYPE app._span IS 'x'",
     "comment", "type app.span[]"},
};

static void test_gaps(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  support_create(arena, "gaps_db");
  CLEANUP(db_closep) struct db_conn *conn = support_open(arena, "gaps_db");
  OK(db_exec(conn,
             "CREATE SCHEMA app; CREATE TEMPORARY TABLE not_mine (a serial);"
             "CREATE FUNCTION app.cmp(bigint, text) RETURNS integer LANGUAGE sql AS 'SELECT 1';"
             "CREATE FUNCTION app.lt(bigint, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
             "CREATE OPERATOR app.< (FUNCTION = app.lt, LEFTARG = bigint, RIGHTARG = text)",
             &err));
  assert_int_equal(support_read(arena, conn)->unknown.len, 0);
  int wrong = 0;
  for (size_t i = 0; i < COUNT_OF(gaps); i++) {
    OK(db_exec(conn, "BEGIN", &err));
    OK(db_exec(conn, gaps[i].sql, &err));
    struct catalog *c = support_read(arena, conn);
    OK(db_exec(conn, "ROLLBACK", &err));
    bool named = false;
    for (size_t k = 0; k < c->unknown.len; k++)
      named = named || (strcmp(c->unknown.at[k].kind, gaps[i].kind) == 0 &&
                        strcmp(c->unknown.at[k].identity, gaps[i].identity) == 0);
    if (named)
      continue;
    wrong++;
    print_error("not listed: %s %s\n", gaps[i].kind, gaps[i].identity);
    for (size_t k = 0; k < c->unknown.len; k++)
      print_error("  listed: %s %s\n", c->unknown.at[k].kind, c->unknown.at[k].identity);
  }
  assert_int_equal(wrong, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gaps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

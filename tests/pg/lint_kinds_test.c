/* Migrations that make an object of every kind and then use, change, rename or drop it, in the same
 * file and in the next: lint with a catalog, and lint without one, against the server at hand. A
 * failure that is not there must never be told, nor that of another statement than the server's;
 * of those that are there most are told. BELAY_KINDS=all shows those that are not. */
#include "lint_says.h"

enum { STEPS_MAX = 64 };

struct kind {
  const char *make;
  const char *steps[STEPS_MAX];
  size_t count;
};

struct world {
  struct db_conn *conn;
  struct lint_input against, alone; /* without scripts */
  struct sql_script *before;        /* makes the world; what is alone knows it */
  bool loud;
  int asked, failed, told, told_alone, untrue;
};

static void judge(struct world *w, struct said server, struct said ours, const char *how,
                  const char *text)
{
  if (ours.message && (!server.message || ours.statement < server.statement)) {
    print_message("untrue %s: %s\n  said of %zu: %s\n  the server of %zu: %s\n", how, text,
                  ours.statement, ours.message, server.statement,
                  server.message ? server.message : "takes all");
    w->untrue++;
  } else if (w->loud && server.message &&
             (!ours.message || strcmp(server.message, ours.message) != 0)) {
    print_message("%s %s: %s\n  the server of %zu: %s\n", ours.message ? "other words" : "silent",
                  how, text, server.statement, server.message);
    if (ours.message)
      print_message("  said of %zu: %s\n", ours.statement, ours.message);
  }
}

/* second: NULL, or a second file. */
static void check(struct world *w, const char *first, const char *second)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct sql_script *scripts[] = {w->before, says_script(arena, "1.sql", first),
                                  second ? says_script(arena, "2.sql", second) : NULL};
  size_t count = second ? 2 : 1;
  const char *text = second ? arena_printf(arena, "%s | %s", first, second) : first;
  struct said server = says_server(arena, w->conn, scripts + 1, count);
  struct said against = says_lint(arena, w->against, scripts + 1, count);
  struct said alone = says_lint(arena, w->alone, scripts, count + 1);
  judge(w, server, against, "against", text);
  judge(w, server, alone, "alone", text);
  w->asked++;
  w->failed += server.message != NULL;
  w->told += server.message && against.message && against.statement == server.statement;
  w->told_alone += server.message && alone.message && alone.statement == server.statement;
}

static void check_kind(struct world *w, const struct kind *kind)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  check(w, arena_printf(arena, "%s; %s", kind->make, kind->make), NULL);
  for (size_t i = 0; i < kind->count; i++) {
    check(w, kind->steps[i], NULL);
    check(w, kind->make, kind->steps[i]);
    for (size_t k = 0; k < kind->count; k++)
      check(w, arena_printf(arena, "%s; %s; %s", kind->make, kind->steps[i], kind->steps[k]), NULL);
    check(w, arena_printf(arena, "%s; %s; %s", kind->make, kind->steps[i], kind->make), NULL);
  }
}

/* The world is what stands above "-- kinds". */
static char *read_world(struct arena *arena, char **ret_kinds)
{
  struct err err = ERR_INIT;
  const char *path = arena_printf(arena, "%s/fixtures/kinds.sql", getenv("BELAY_TESTS"));
  char *world = NULL;
  size_t len;
  OK(fs_read(arena, path, &world, &len, &err));
  char *kinds = strstr(world, "-- kinds\n");
  assert_non_null(kinds);
  *kinds = '\0';
  *ret_kinds = kinds + strlen("-- kinds\n");
  return world;
}

static void check_kinds(struct world *w, char *lines)
{
  struct kind kind = {0};
  char *rest = NULL;
  for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (line[0] == ' ') {
      assert_true(kind.count < STEPS_MAX);
      kind.steps[kind.count++] = line + 2;
      continue;
    }
    if (kind.make)
      check_kind(w, &kind);
    kind = (struct kind){.make = line};
  }
  check_kind(w, &kind);
}

static void test_kinds(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *loud = getenv("BELAY_KINDS");
  struct world w = {.loud = loud && strcmp(loud, "all") == 0};
  char *kinds, *world = read_world(arena, &kinds);
  support_create(arena, "kinds");
  w.conn = support_open(arena, "kinds");
  OK(db_exec(w.conn, world, &err));
  w.against.catalog = support_read(arena, w.conn);
  OK(lint_names_read(arena, w.conn, &w.against.names, &err));
  w.before = says_script(arena, "0.sql", world);
  w.alone =
      (struct lint_input){.known = 1, .target_major = w.against.catalog->server_version / 10000};
  check_kinds(&w, kinds);
  OK(db_exec(w.conn, "DROP OWNED BY kinds_reader; DROP ROLE kinds_reader", &err));
  db_close(w.conn);
  support_drop(arena, "kinds");
  print_message("%d migrations: %d fail, %d told with a catalog, %d without; %d untrue\n", w.asked,
                w.failed, w.told, w.told_alone, w.untrue);
  assert_int_equal(w.untrue, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

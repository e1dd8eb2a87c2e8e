/* Which statements fail, and what the server says then: lint with the catalog against the server at
 * hand, on the lines of fixtures/fails.sql. A failure that is not there must never be told; those
 * that are not told have a "? " before them there. */
#include "lint_says.h"

struct world {
  struct arena *arena;
  struct db_conn *conn;
  struct lint_input input; /* without scripts */
  int asked, failed, told, worded, untrue, unexpected;
};

static void check_line(struct world *w, const char *line, bool may_be_silent)
{
  struct sql_script *script = says_script(w->arena, "line.sql", line);
  const char *server = says_server(w->arena, w->conn, &script, 1).message;
  const char *ours = says_lint(w->arena, w->input, &script, 1).message;
  w->asked++;
  w->failed += server != NULL;
  w->told += server && ours;
  w->worded += server && ours && strcmp(server, ours) == 0;
  if (ours && !server) {
    print_message("untrue: %s\n  said: %s\n", line, ours);
    w->untrue++;
  } else if (server && !ours) {
    print_message("silent: %s\n  the server: %s\n", line, server);
    w->unexpected += !may_be_silent;
  } else if (server && strcmp(server, ours) != 0) {
    print_message("other words: %s\n  the server: %s\n  said: %s\n", line, server, ours);
  }
}

/* The world is what stands above "-- statements". */
static char *read_corpus(struct arena *arena, char **ret_lines)
{
  struct err err = ERR_INIT;
  const char *path = arena_printf(arena, "%s/fixtures/fails.sql", getenv("BELAY_TESTS"));
  char *world = NULL;
  size_t len;
  OK(fs_read(arena, path, &world, &len, &err));
  char *lines = strstr(world, "-- statements\n");
  assert_non_null(lines);
  *lines = '\0';
  *ret_lines = lines + strlen("-- statements\n");
  return world;
}

static void test_corpus(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct world w = {.arena = arena};
  char *lines, *world = read_corpus(arena, &lines), *rest = NULL;
  static const struct lint_session session = {
      .role = "belay", .superuser = true, .search_path = "\"$user\", public"};
  w.input.session = &session;
  support_create(arena, "fails");
  w.conn = support_open(arena, "fails");
  OK(db_exec(w.conn, world, &err));
  w.input.catalog = support_read(arena, w.conn);
  OK(lint_names_read(arena, w.conn, &w.input.names, &err));
  for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
    if (strncmp(line, "--", 2) != 0)
      check_line(&w, *line == '?' ? line + 2 : line, *line == '?');
  OK(db_exec(w.conn,
             "DROP OWNED BY fails_reader, fails_writer; DROP ROLE fails_reader, fails_writer",
             &err));
  db_close(w.conn);
  support_drop(arena, "fails");
  print_message("%d lines: %d fail, %d told, %d of them in the server's words; %d untrue, %d "
                "silent without a reason\n",
                w.asked, w.failed, w.told, w.worded, w.untrue, w.unexpected);
  assert_int_equal(w.untrue, 0);
  assert_int_equal(w.unexpected, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup_support.h"
#include "base/clock.h"
#include "base/interrupt.h"

enum { PATIENCE_MS = 20000 };

/* Until the query gives true. On a connection of its own: inside a transaction pg_stat_activity
 * stands still. */
static void wait_for(struct fixture *f, const char *sql)
{
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, "source");
  for (int64_t end = clock_monotonic_ms() + PATIENCE_MS; clock_monotonic_ms() < end;) {
    const char *value = NULL;
    ok(f, db_query_value(conn, f->arena, &value, &f->err, sql, NULL));
    if (value && strcmp(value, "t") == 0)
      return;
    clock_sleep_ms(1);
  }
  fail_msg("never true: %s", sql);
}

/* backup_take in a thread of its own. */
struct taking {
  struct backup_options options;
  struct arena *arena;
  struct backup_info info;
  struct err err;
  int status;
  pthread_t thread;
};

static void *taking_main(void *arg)
{
  struct taking *t = arg;
  t->status = backup_take(t->arena, &t->options, &t->info, &t->err);
  return NULL;
}

static struct taking *start_taking(struct fixture *f, int jobs)
{
  struct taking *t = ARENA_NEW(f->arena, struct taking);
  t->options = options_of(f, jobs);
  t->arena = arena_new();
  t->err = ERR_INIT;
  pthread_create(&t->thread, NULL, taking_main, t);
  return t;
}

static void end_taking(struct fixture *f, struct taking *t)
{
  pthread_join(t->thread, NULL);
  if (t->status < 0)
    err_move(&f->err, &t->err);
  t->info.prefix = arena_strdup(f->arena, t->info.prefix);
  arena_free(t->arena);
}

static json_int_t attempts_of(struct fixture *f, const struct backup_info *info)
{
  CLEANUP(archive_closep) struct archive *archive = NULL;
  ok(f, archive_open(f->arena, f->place, info->prefix, &archive, &f->err));
  return json_integer_value(json_object_get(archive->manifest, "attempts"));
}

/* ---- one snapshot ---- */

struct writer {
  struct db_conn *conn;
  atomic_bool stop;
  atomic_int moves;
  struct err err;
  pthread_t thread;
};

/* Moves money between two tables, always in one transaction. */
static void *write_main(void *arg)
{
  struct writer *w = arg;
  while (!atomic_load(&w->stop)) {
    if (db_execf(w->conn, &w->err,
                 "BEGIN; UPDATE checking SET balance = balance - 7 WHERE id = %d;"
                 "INSERT INTO moves VALUES (7);"
                 "UPDATE saving SET balance = balance + 7 WHERE id = %d; COMMIT",
                 w->moves % 50, w->moves % 49) < 0)
      break;
    w->moves++;
  }
  return NULL;
}

static void a_backup_is_one_moment(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE TABLE checking AS SELECT i AS id, 1000 AS balance, repeat('x', 500) AS pad"
          "  FROM generate_series(0, 9999) i;"
          "CREATE INDEX ON checking (id);"
          "CREATE TABLE saving AS SELECT i AS id, 1000 AS balance FROM generate_series(0, 99) i;"
          "CREATE TABLE moves (amount int);");
  struct writer w = {.conn = connect_to(f, "source"), .err = ERR_INIT};
  pthread_create(&w.thread, NULL, write_main, &w);
  while (w.moves == 0 && !err_is_set(&w.err))
    clock_sleep_ms(1);
  struct backup_info infos[3];
  for (size_t i = 0; i < COUNT_OF(infos); i++)
    infos[i] = take(f, 4);
  atomic_store(&w.stop, true);
  pthread_join(w.thread, NULL);
  db_close(w.conn);
  assert_false(err_is_set(&w.err));
  assert_true(w.moves > 10);
  for (size_t i = 0; i < COUNT_OF(infos); i++) {
    const char *copy = arena_printf(f->arena, "copy%zu", i);
    restore_into(f, &infos[i], copy);
    assert_string_equal(value_of(f, copy,
                                 "SELECT (SELECT sum(balance) FROM checking) +"
                                 " (SELECT sum(balance) FROM saving)"),
                        "10100000");
    assert_string_equal(value_of(f, copy,
                                 "SELECT sum(balance) - 100000 ="
                                 " (SELECT coalesce(sum(amount), 0) FROM moves) FROM saving"),
                        "t");
  }
}

/* ---- between learning and the snapshot ---- */

static const char backup_waits[] =
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE"
    " application_name = 'belay backup' AND wait_event_type = 'Lock')";

static void a_table_truncated_while_locking_makes_it_try_again(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE TABLE t AS SELECT generate_series(1, 10) AS a;"
          "CREATE TABLE u AS SELECT generate_series(1, 5) AS a");
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, "source");
  ok(f, db_exec(conn, "BEGIN; TRUNCATE t; INSERT INTO t VALUES (1)", &f->err));
  struct taking *t = start_taking(f, 2);
  wait_for(f, backup_waits);
  ok(f, db_exec(conn, "COMMIT", &f->err));
  end_taking(f, t);
  ok(f, t->status);
  assert_int_equal(attempts_of(f, &t->info), 2);
  assert_int_equal(t->info.rows, 6);
}

static void a_table_created_while_locking_is_in_the_backup(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source", "CREATE TABLE t (a int); CREATE TABLE going (a int)");
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, "source");
  ok(f, db_exec(conn,
                "BEGIN; LOCK TABLE t; DROP TABLE going;"
                "CREATE TABLE coming AS SELECT 1 AS a",
                &f->err));
  struct taking *t = start_taking(f, 1);
  wait_for(f, backup_waits);
  ok(f, db_exec(conn, "COMMIT", &f->err));
  end_taking(f, t);
  ok(f, t->status);
  assert_int_equal(attempts_of(f, &t->info), 2);
  assert_int_equal(t->info.tables, 2);
  assert_int_equal(t->info.rows, 1);
}

static void a_lock_that_does_not_come_ends_it(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source", "CREATE TABLE t (a int)");
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, "source");
  ok(f, db_exec(conn, "BEGIN; LOCK TABLE t", &f->err));
  struct backup_options options = options_of(f, 1);
  struct backup_info info;
  options.lock_timeout_ms = 100;
  assert_int_equal(backup_take(f->arena, &options, &info, &f->err), -1);
  assert_non_null(strstr(f->err.detail, "t is locked by process"));
  fails(f, -1, ERR_BACKUP, "locking the tables");
  assert_nothing_left(f);
}

/* The ALTER waits for the leader, a worker would wait for the ALTER: for ever. */
static void a_waiting_alter_does_not_hang_it(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source", "CREATE TABLE t AS SELECT generate_series(1, 10) AS a");
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, "source");
  struct taking *t = start_taking(f, 2);
  wait_for(f, "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND granted"
              " AND mode = 'AccessShareLock' AND pid <> pg_backend_pid())");
  ok(f, db_exec(conn, "SET lock_timeout = '20s'; ALTER TABLE t ADD COLUMN b int", &f->err));
  end_taking(f, t);
  ok(f, t->status);
  assert_int_equal(t->info.rows, 10);
  CLEANUP(archive_closep) struct archive *archive = NULL;
  ok(f, archive_open(f->arena, f->place, t->info.prefix, &archive, &f->err));
  for (size_t i = 0; i < archive->entries.len; i++)
    if (strcmp(archive->entries.at[i].object, "public.t") == 0)
      assert_int_equal(archive->entries.at[i].segment, 1); /* the leader's */
}

/* ---- refusals ---- */

static void a_kind_that_it_does_not_know_is_refused_by_name(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "CREATE TABLE t (a int); CREATE TYPE mood AS ENUM ('good');"
          "COMMENT ON TYPE _mood IS 'x'");
  struct backup_options options = options_of(f, 1);
  struct backup_info info;
  fails(f, backup_take(f->arena, &options, &info, &f->err), ERR_BACKUP, "mood[]");
  assert_nothing_left(f);
}

static void a_pooler_is_refused(void **state)
{
  struct fixture *f = *state;
  f->source.pooled = true;
  struct backup_options options = options_of(f, 1);
  struct backup_info info;
  fails(f, backup_take(f->arena, &options, &info, &f->err), ERR_BACKUP, "transaction-mode pooler");
  f->source.pooled = false;
  options.jobs = 0;
  fails(f, backup_take(f->arena, &options, &info, &f->err), ERR_USAGE, "1 to 16 jobs");
  assert_nothing_left(f);
}

static void rows_that_the_role_cannot_see_are_not_left_out(void **state)
{
  struct fixture *f = *state;
  run_sql(f, "source",
          "DROP ROLE IF EXISTS half_blind; CREATE ROLE half_blind LOGIN;"
          "ALTER DATABASE source OWNER TO half_blind; GRANT CREATE ON SCHEMA public TO half_blind;"
          "SET ROLE half_blind; CREATE TABLE t AS SELECT generate_series(1, 10) AS a;"
          "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;"
          "CREATE POLICY half ON t USING (a > 5)");
  struct db_target server = f->source;
  server.conninfo = arena_printf(f->arena, "host='%s' port='%s' dbname=source user=half_blind",
                                 getenv("PGHOST"), getenv("PGPORT"));
  struct backup_options options = options_of(f, 1);
  struct backup_info info;
  options.target = &server;
  fails(f, backup_take(f->arena, &options, &info, &f->err), ERR_BACKUP, "row-level security");
  assert_nothing_left(f);
}

/* ---- failures on the way ---- */

static void fill_big(struct fixture *f)
{
  run_sql(f, "source",
          "CREATE TABLE big AS SELECT i, md5(i::text) || md5((i + 1)::text) AS t"
          "  FROM generate_series(1, 400000) i; CREATE TABLE small AS SELECT 1 AS a");
}

static const char copy_runs[] = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE"
                                " application_name = 'belay backup' AND state = 'active'"
                                " AND query ~ '^COPY (public.big|.*FROM ONLY public.big)')";

static void a_full_store_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  fill_big(f);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit before, small;
  getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 1 << 20;
  setrlimit(RLIMIT_FSIZE, &small);
  struct backup_options options = options_of(f, 2);
  struct backup_info info;
  int status = backup_take(f->arena, &options, &info, &f->err);
  setrlimit(RLIMIT_FSIZE, &before);
  fails(f, status, ERR_STORE, "copying public.big");
  assert_nothing_left(f);
}

static void a_lost_worker_ends_it(void **state)
{
  struct fixture *f = *state;
  fill_big(f);
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, "source");
  struct taking *t = start_taking(f, 2);
  wait_for(f, copy_runs);
  ok(f, db_exec(conn,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
                " application_name = 'belay backup' AND query ~ '^COPY (public.big|.*FROM ONLY "
                "public.big)'",
                &f->err));
  end_taking(f, t);
  assert_int_equal(t->status, -1);
  if (f->err.code != ERR_CONNECT && f->err.code != ERR_BACKUP)
    fail_msg("%s: %s", err_code_name(f->err.code), f->err.message);
  assert_non_null(strstr(f->err.message, "copying public.big"));
  err_clear(&f->err);
  assert_nothing_left(f);
}

/* A child takes the backup and is signalled while a COPY runs. Its status as waitpid gives it. */
static int signal_a_child(struct fixture *f, int signo)
{
  fill_big(f);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    interrupt_install();
    struct backup_options options = options_of(f, 2);
    struct backup_info info;
    struct err err = ERR_INIT;
    _exit(backup_take(f->arena, &options, &info, &err) == 0 ? 0 : err_exit_code(err.code));
  }
  wait_for(f, copy_runs);
  kill(pid, signo);
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

static void an_interrupt_leaves_nothing(void **state)
{
  struct fixture *f = *state;
  int status = signal_a_child(f, SIGTERM);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 143);
  assert_nothing_left(f);
}

static void a_killed_backup_is_not_listed(void **state)
{
  struct fixture *f = *state;
  int status = signal_a_child(f, SIGKILL);
  assert_true(WIFSIGNALED(status));
  struct backup_infos infos = {0};
  ok(f, backup_list(f->arena, f->place, NULL, &infos, &f->err));
  assert_int_equal(infos.len, 0);
  struct backup_info info = take(f, 2);
  ok(f, backup_list(f->arena, f->place, "source", &infos, &f->err));
  assert_int_equal(infos.len, 1);
  assert_string_equal(infos.at[0].id, info.id);
}

static void an_interrupted_restore_drops_its_database(void **state)
{
  struct fixture *f = *state;
  fill_big(f);
  struct backup_info info = take(f, 2);
  const struct restore_options options = {.target = &f->server,
                                          .place = f->place,
                                          .prefix = info.prefix,
                                          .into = named(f, "copy"),
                                          .jobs = 2};
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    interrupt_install();
    struct restore_report report;
    struct err err = ERR_INIT;
    _exit(backup_restore(f->arena, &options, &report, &err) == 0 ? 0 : err_exit_code(err.code));
  }
  wait_for(f, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE"
              " application_name = 'belay restore' AND query ~ '^COPY (public.big|.*FROM ONLY "
              "public.big)')");
  kill(pid, SIGINT);
  int status = 0;
  waitpid(pid, &status, 0);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 130);
  assert_string_equal(
      value_of(f, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'copy'"), "0");
}

static void a_backup_is_found_by_the_beginning_of_its_id(void **state)
{
  struct fixture *f = *state;
  struct backup_info info = take(f, 1), other, found;
  fails(f, backup_find(f->arena, f->place, "nothing", "latest", INT64_MAX, &found, &f->err),
        ERR_USAGE, "holds no backup \"latest\" under nothing");
  ok(f, backup_find(f->arena, f->place, NULL, info.id, INT64_MAX, &found, &f->err));
  ok(f, backup_find(f->arena, f->place, "source", arena_strndup(f->arena, info.id, 19), INT64_MAX,
                    &found, &f->err));
  fails(f, backup_find(f->arena, f->place, NULL, info.id, 0, &found, &f->err), ERR_USAGE,
        "from before that time");
  make_database(f, "Other/Database", "");
  ok(f, db_target_with_database(f->arena, &f->server, "Other/Database", &f->source, &f->err));
  other = take(f, 1);
  assert_string_equal(other.database, "Other/Database");
  fails(f, backup_find(f->arena, f->place, NULL, "latest", INT64_MAX, &found, &f->err), ERR_USAGE,
        "more than one database");
  ok(f, backup_find(f->arena, f->place, "Other=2fDatabase", "latest", INT64_MAX, &found, &f->err));
  assert_string_equal(found.id, other.id);
  fails(f, backup_find(f->arena, f->place, NULL, "20", INT64_MAX, &found, &f->err), ERR_USAGE,
        "beginning of several");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SERVER(a_backup_is_one_moment),
      WITH_SERVER(a_table_truncated_while_locking_makes_it_try_again),
      WITH_SERVER(a_table_created_while_locking_is_in_the_backup),
      WITH_SERVER(a_lock_that_does_not_come_ends_it),
      WITH_SERVER(a_waiting_alter_does_not_hang_it),
      WITH_SERVER(a_kind_that_it_does_not_know_is_refused_by_name),
      WITH_SERVER(a_pooler_is_refused),
      WITH_SERVER(rows_that_the_role_cannot_see_are_not_left_out),
      WITH_SERVER(a_full_store_leaves_nothing),
      WITH_SERVER(a_lost_worker_ends_it),
      WITH_SERVER(an_interrupt_leaves_nothing),
      WITH_SERVER(a_killed_backup_is_not_listed),
      WITH_SERVER(an_interrupted_restore_drops_its_database),
      WITH_SERVER(a_backup_is_found_by_the_beginning_of_its_id),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The observer against what six servers were measured to do (fixtures/lock-matrix.json): locks,
 * files made anew, scans and failure of every statement, on empty tables where the measured ones
 * held rows. */
#define _DEFAULT_SOURCE
#include "catalog_support.h"

#include <jansson.h>

#include "lint/observe.h"

enum { NAMES_MAX = 64 };

struct world_of {
  struct arena *arena;
  const char *database;
};

static int open_session(void *context, struct db_conn **ret, struct err *err)
{
  struct world_of *w = context;
  struct db_target target = support_target(w->arena);
  return db_open_other(&target, w->database, "observe test", ret, err);
}

static const char *outside(void *context, struct arena *arena, const struct sql_statement *st)
{
  UNUSED(context);
  UNUSED(arena);
  return strncmp(st->text, "ALTER SYSTEM", 12) == 0 ? "ALTER SYSTEM" : NULL;
}

static struct lint_sights observe(struct arena *arena, const char *database, const char *sql)
{
  struct err err = ERR_INIT;
  struct world_of w = {arena, database};
  struct lint_shadow shadow = {open_session, outside, &w};
  struct lint_observation *seen;
  struct sql_script *script;
  OK(sql_script_read(arena, "a.sql", sql, strlen(sql), &script, &err));
  const struct catalog some = {.server_version = 150000};
  struct lint_input input = {.scripts = &script, .count = 1, .catalog = &some};
  OK(lint_observe(arena, &shadow, &input, &seen, &err));
  assert_int_equal(seen->count, 1);
  assert_int_equal(seen->scripts[0].len, script->statements.len);
  return seen->scripts[0];
}

/* ---- a set of words as one text, sorted ---- */

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct words {
  const char *at[NAMES_MAX];
  size_t len;
};

static void add(struct words *w, const char *word)
{
  assert_true(w->len < NAMES_MAX);
  for (size_t i = 0; i < w->len; i++)
    if (strcmp(w->at[i], word) == 0)
      return;
  w->at[w->len++] = word;
}

static const char *joined(struct arena *arena, struct words *w)
{
  const char *all = "";
  qsort(w->at, w->len, sizeof(w->at[0]), by_text);
  for (size_t i = 0; i < w->len; i++)
    all = arena_printf(arena, "%s%s%s", all, i ? " " : "", w->at[i]);
  return all;
}

static const char *code_of(enum lint_lock_mode mode)
{
  static const char *const codes[] = {"", "AS", "RS", "RX", "SUX", "S", "SRX", "X", "AX"};
  return codes[mode];
}

static const char *locks_text(struct arena *arena, const struct lint_sights *sights, size_t first)
{
  struct {
    struct sql_name name;
    enum lint_lock_mode mode;
  } all[NAMES_MAX];
  size_t count = 0;
  struct words words = {0};
  for (size_t s = first; s < sights->len; s++) {
    for (size_t i = 0; i < sights->at[s].locks.len; i++) {
      const struct lint_seen_lock *lock = &sights->at[s].locks.at[i];
      size_t k = 0;
      while (k < count && strcmp(all[k].name.name, lock->relation.name) != 0)
        k++;
      assert_true(k < NAMES_MAX);
      if (k == count) {
        all[count].name = lock->relation;
        all[count++].mode = lock->mode;
      } else if (all[k].mode < lock->mode) {
        all[k].mode = lock->mode;
      }
    }
  }
  for (size_t k = 0; k < count; k++)
    add(&words, arena_printf(arena, "%s:%s", all[k].name.name, code_of(all[k].mode)));
  return joined(arena, &words);
}

static const char *names_text(struct arena *arena, const struct lint_sights *sights, size_t first,
                              bool scans)
{
  struct words words = {0};
  for (size_t s = first; s < sights->len; s++) {
    const struct lint_seen_relations *names =
        scans ? &sights->at[s].scans : &sights->at[s].rewrites;
    for (size_t i = 0; i < names->len; i++)
      add(&words, names->at[i].at.name);
  }
  return joined(arena, &words);
}

/* ---- the matrix ---- */

static const char *measured_locks(struct arena *arena, json_t *locks)
{
  struct words words = {0};
  const char *relation;
  json_t *mode;
  json_object_foreach(locks, relation, mode)
      add(&words, arena_printf(arena, "%s:%s", relation, json_string_value(mode)));
  return joined(arena, &words);
}

static const char *measured_names(struct arena *arena, json_t *list)
{
  struct words words = {0};
  const char *name;
  json_t *item;
  size_t i;
  if (json_is_object(list))
    json_object_foreach(list, name, item) add(&words, name);
  json_array_foreach(list, i, item) add(&words, json_string_value(item));
  return joined(arena, &words);
}

static int differ(const char *sql, const char *what, const char *measured, const char *seen)
{
  if (strcmp(measured, seen) == 0)
    return 0;
  print_message("%s\n  %s measured: %s\n  %s seen:     %s\n", sql, what, measured, what, seen);
  return 1;
}

static const char *failure(const struct lint_sights *sights, size_t first)
{
  for (size_t i = first; i < sights->len; i++) {
    if (sights->at[i].fails)
      return sights->at[i].fails;
    if (sights->at[i].unseen)
      return sights->at[i].unseen;
  }
  return "";
}

static size_t statements_of(struct arena *arena, const char *sql)
{
  struct err err = ERR_INIT;
  struct sql_script *script;
  OK(sql_script_read(arena, "a.sql", sql, strlen(sql), &script, &err));
  return script->statements.len;
}

/* The schema of the matrix belonged to the user postgres. */
static void make_schema(struct arena *arena, const json_t *matrix)
{
  struct err err = ERR_INIT;
  struct db_conn *conn = support_open(arena, "matrix");
  OK(db_exec(conn,
             "SET client_min_messages = warning; DROP SCHEMA IF EXISTS s2 CASCADE;"
             "DROP SCHEMA public CASCADE; DROP PUBLICATION IF EXISTS pb; SET ROLE postgres;"
             "CREATE SCHEMA public; CREATE TABLE parent2(id smallint PRIMARY KEY)",
             &err));
  OK(db_exec(conn, json_string_value(json_object_get(matrix, "schema_sql")), &err));
  db_close(conn);
}

/* The minor version that was measured; another one may take ACCESS SHARE locks elsewhere: since
 * 15.20 what a new object depends on is locked. */
static int measured_minor(const json_t *matrix, int major)
{
  const char *about = json_string_value(json_object_get(matrix, "about"));
  char prefix[16];
  snprintf(prefix, sizeof(prefix), " %d.", major);
  const char *at = strstr(about, prefix);
  assert_non_null(at);
  return (int)strtol(at + strlen(prefix), NULL, 10);
}

/* Leaves out of `measured` the ACCESS SHARE locks that were not seen. */
static const char *without_unseen_shares(struct arena *arena, const char *measured,
                                         const char *seen)
{
  struct words words = {0};
  char *copy = arena_strdup(arena, measured), *rest = copy;
  for (char *word; (word = strsep(&rest, " "));) {
    size_t len = strlen(word);
    bool share = len > 3 && strcmp(word + len - 3, ":AS") == 0;
    if (len > 0 && (!share || strstr(seen, word)))
      add(&words, word);
  }
  return joined(arena, &words);
}

struct measure {
  const char *major;
  bool older; /* than the server that was measured */
};

static int replay_case(struct arena *arena, const json_t *one, const struct measure *on)
{
  const char *sql = json_string_value(json_object_get(one, "sql"));
  const char *setup = json_string_value(json_object_get(one, "setup"));
  const json_t *want = json_object_get(json_object_get(one, "by_version"), on->major);
  const char *error = json_string_value(json_object_get(want, "error"));
  bool early = error && strncmp(error, "PRE ", 4) == 0; /* the setup fails already */
  size_t first = setup && !early ? statements_of(arena, setup) : 0;
  assert_non_null(want);
  struct lint_sights seen =
      observe(arena, "matrix", setup ? arena_printf(arena, "%s;\n%s", setup, sql) : sql);
  int bad = differ(sql, "failure", error ? error + (early ? 4 : 0) : "", failure(&seen, first));
  if (error)
    return bad;
  const char *locks = locks_text(arena, &seen, first);
  const char *measured = measured_locks(arena, json_object_get(want, "locks"));
  if (on->older)
    measured = without_unseen_shares(arena, measured, locks);
  bad += differ(sql, "locks", measured, locks);
  bad += differ(sql, "files", measured_names(arena, json_object_get(want, "new_filenode")),
                names_text(arena, &seen, first, false));
  return bad + differ(sql, "scans", measured_names(arena, json_object_get(want, "seq_scans")),
                      names_text(arena, &seen, first, true));
}

static void replays_the_matrix(void **state)
{
  UNUSED(state);
  struct err err = ERR_INIT;
  json_error_t json_err;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *path = arena_printf(arena, "%s/fixtures/lock-matrix.json", getenv("BELAY_TESTS"));
  json_t *matrix = json_load_file(path, 0, &json_err);
  assert_non_null(matrix);
  support_create(arena, "matrix");
  struct db_conn *conn = support_open(arena, "matrix");
  int major = db_server_major(conn);
  struct measure on = {arena_printf(arena, "%d", major),
                       db_server_version(conn) % 10000 < measured_minor(matrix, major)};
  OK(db_exec(conn, "CREATE ROLE postgres SUPERUSER", &err));
  db_close(conn);
  size_t i;
  json_t *one;
  int bad = 0;
  json_array_foreach(json_object_get(matrix, "cases"), i, one)
  {
    CLEANUP(arena_freep) struct arena *own = arena_new();
    make_schema(own, matrix);
    bad += replay_case(own, one, &on);
  }
  assert_true(i >= 141);
  json_decref(matrix);
  support_drop(arena, "matrix");
  if (bad)
    fail_msg("%d of what was measured on PostgreSQL %s is seen otherwise", bad, on.major);
}

/* ---- statements that cannot run in a transaction ---- */

static const struct {
  const char *sql, *locks, *scans, *files, *drops;
  int since; /* major */
} bare[] = {
    {"CREATE INDEX CONCURRENTLY ix ON t (n)", "t:SUX", "t", "", "", 13},
    {"CREATE UNIQUE INDEX CONCURRENTLY ix ON t (n)", "t:SUX", "t", "", "", 13},
    {"DROP INDEX CONCURRENTLY t_n", "t:SUX t_n:SUX", "", "", "index public.t_n", 13},
    {"REINDEX INDEX CONCURRENTLY t_n", "t:SUX t_n:SUX", "t", "", "", 13},
    {"VACUUM FULL t", "t:AX", "t", "t t_n t_pkey", "", 13},
    {"VACUUM t", "t:SUX", "", "", "", 13},
    {"VACUUM (ANALYZE) t, o", "o:SUX t:SUX", "", "", "", 13},
    {"ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", "p1:AX p:SUX", "", "", "", 14},
    {"DO $$ BEGIN CREATE INDEX ix ON t (n); COMMIT; END $$", "t:S", "t", "", "", 13},
};

static int make_tables(struct arena *arena)
{
  struct err err = ERR_INIT;
  struct db_conn *conn = support_open(arena, "bare");
  OK(db_exec(conn,
             "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
             "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE INDEX t_n ON t (n);"
             "CREATE TABLE o (id int); CREATE TABLE p (d int) PARTITION BY RANGE (d);"
             "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
             &err));
  int major = db_server_major(conn);
  db_close(conn);
  return major;
}

static void sees_what_runs_outside_transactions(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  support_create(arena, "bare");
  int bad = 0;
  for (size_t i = 0; i < COUNT_OF(bare); i++) {
    if (make_tables(arena) < bare[i].since)
      continue;
    struct lint_sights seen =
        observe(arena, "bare", arena_printf(arena, "%s; VACUUM o", bare[i].sql));
    seen.len = 1;
    struct words drops = {0};
    for (size_t k = 0; k < seen.at[0].drops.len; k++)
      add(&drops, seen.at[0].drops.at[k]);
    bad += differ(bare[i].sql, "failure", "", failure(&seen, 0));
    bad += differ(bare[i].sql, "locks", bare[i].locks, locks_text(arena, &seen, 0));
    bad += differ(bare[i].sql, "scans", bare[i].scans, names_text(arena, &seen, 0, true));
    bad += differ(bare[i].sql, "files", bare[i].files, names_text(arena, &seen, 0, false));
    bad += differ(bare[i].sql, "drops", bare[i].drops, joined(arena, &drops));
  }
  support_drop(arena, "bare");
  assert_int_equal(bad, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sees_what_runs_outside_transactions),
      cmocka_unit_test(replays_the_matrix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* backup_support.h: databases, a place, and short words for the backup tests. Include the cmocka
 * headers first. */
#pragma once

#include "backup/backup.h"
#include "base/base.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "sql/quote.h"

struct fixture {
  struct arena *arena;
  char *dir;           /* removed after the test */
  struct place *place; /* dir/store */
  struct db_target server, source;
  struct strings databases; /* dropped after the test */
  struct err err;           /* clear between calls */
};

static inline void ok(struct fixture *f, int status)
{
  if (status < 0)
    fail_msg("%s (%s) %s", f->err.message, err_code_name(f->err.code),
             f->err.detail ? f->err.detail : "");
}

static inline void fails(struct fixture *f, int status, enum err_code code, const char *part)
{
  if (status != -1)
    fail_msg("it did not fail: %s", part);
  if (f->err.code != code || !strstr(f->err.message, part))
    fail_msg("%s: \"%s\" does not say \"%s\"", err_code_name(f->err.code), f->err.message, part);
  err_clear(&f->err);
}

static inline struct db_conn *connect_to(struct fixture *f, const char *database)
{
  struct db_conn *conn = NULL;
  ok(f, db_open_other(&f->server, database, "belay test", &conn, &f->err));
  return conn;
}

static inline void run_sql(struct fixture *f, const char *database, const char *sql)
{
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, database);
  ok(f, db_exec(conn, sql, &f->err));
}

static inline const char *value_of(struct fixture *f, const char *database, const char *sql)
{
  CLEANUP(db_closep) struct db_conn *conn = connect_to(f, database);
  const char *value = NULL;
  ok(f, db_query_value(conn, f->arena, &value, &f->err, sql, NULL));
  return value ? value : "NULL";
}

/* Remembered, so that it is dropped after the test. */
static inline const char *named(struct fixture *f, const char *name)
{
  vec_push(f->arena, &f->databases, name);
  return name;
}

static inline void make_database(struct fixture *f, const char *name, const char *options)
{
  run_sql(f, "postgres",
          arena_printf(f->arena, "CREATE DATABASE %s TEMPLATE template0 %s",
                       sql_ident(f->arena, named(f, name)), options));
}

/* Standard output and error of a program that must succeed. */
static inline const char *output_of(struct fixture *f, const char *dir, const char *const *argv)
{
  struct spawn spec = {.argv = argv, .dir = dir, .capture = true};
  struct spawn_result result = {0};
  ok(f, spawn_run(f->arena, &spec, &result, &f->err));
  if (result.exit_code != 0)
    fail_msg("%s: exit code %d: %s", argv[0], result.exit_code, result.output);
  return result.output;
}

static inline void load_file(struct fixture *f, const char *database, const char *file)
{
  const char *path = arena_printf(f->arena, "%s/pg/%s", getenv("BELAY_TESTS"), file);
  output_of(f, NULL,
            (const char *const[]){"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null",
                                  "-d", database, "-f", path, NULL});
}

static inline int set_up(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  *state = f;
  if (db_target_parse(f->arena, getenv("DATABASE_URL"), "DATABASE_URL", &f->server, &f->err) < 0 ||
      db_target_with_database(f->arena, &f->server, "source", &f->source, &f->err) < 0 ||
      fs_temp_dir(f->arena, "belay-backup-", &f->dir, &f->err) < 0 ||
      place_open(arena_printf(f->arena, "file:%s/store", f->dir), &f->place, &f->err) < 0) {
    print_error("%s\n", f->err.message);
    return -1;
  }
  make_database(f, "source", "");
  return 0;
}

static inline int tear_down(void **state)
{
  struct fixture *f = *state;
  err_clear(&f->err);
  for (size_t i = 0; i < f->databases.len; i++)
    run_sql(f, "postgres",
            arena_printf(f->arena, "DROP DATABASE IF EXISTS %s WITH (FORCE)",
                         sql_ident(f->arena, f->databases.at[i])));
  place_close(f->place);
  int status = fs_remove_tree(f->dir, &f->err);
  arena_free(f->arena);
  free(f);
  return status;
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static inline struct backup_options options_of(struct fixture *f, int jobs)
{
  return (struct backup_options){.target = &f->source,
                                 .place = f->place,
                                 .jobs = jobs,
                                 .level = 1,
                                 .lock_timeout_ms = 5000,
                                 .reason = "a test"};
}

static inline struct backup_info take(struct fixture *f, int jobs)
{
  struct backup_options options = options_of(f, jobs);
  struct backup_info info = {0};
  ok(f, backup_take(f->arena, &options, &info, &f->err));
  return info;
}

static inline struct restore_report restore_into(struct fixture *f, const struct backup_info *info,
                                                 const char *name)
{
  struct restore_options options = {.target = &f->server,
                                    .place = f->place,
                                    .prefix = info->prefix,
                                    .into = named(f, name),
                                    .jobs = 3};
  struct restore_report report = {0};
  ok(f, backup_restore(f->arena, &options, &report, &f->err));
  return report;
}

static inline int verify_to(struct fixture *f, const struct backup_info *info,
                            enum backup_level level, struct verify_report *ret)
{
  const struct verify_options options = {f->place, info->prefix, level, &f->server, 2};
  return backup_verify(f->arena, &options, ret, &f->err);
}

static inline void assert_nothing_left(struct fixture *f)
{
  struct backup_infos infos = {0};
  struct place_entries entries = {0};
  ok(f, backup_list(f->arena, f->place, NULL, &infos, &f->err));
  assert_int_equal(infos.len, 0);
  ok(f, place_list(f->place, f->arena, "", &entries, &f->err));
  if (entries.len)
    fail_msg("%s is left", entries.at[0].key);
}

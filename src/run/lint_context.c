#include "run/lint_context.h"

#include <limits.h>
#include <stdlib.h>

#include "base/fs.h"

/* ---- the session ---- */

int run_lint_role(struct arena *arena, struct db_conn *conn, struct lint_session *session,
                  struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), "
               "rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'USAGE')",
               NULL) < 0)
    return err_wrap(err, "reading what the role may do");
  for (int i = 0; i < db_rows(r); i++) {
    session->role = arena_strdup(arena, db_value(r, i, 0));
    session->superuser = strcmp(db_value(r, i, 1), "t") == 0;
    vec_push(arena, &session->member_of, arena_strdup(arena, db_value(r, i, 2)));
  }
  return 0;
}

/* reset_val: what the role, the database or the server says, whatever this session was set to. */
int run_lint_timeouts(struct db_conn *conn, struct lint_session *session, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT name, reset_val FROM pg_settings WHERE name IN ('lock_timeout', "
               "'statement_timeout', 'idle_in_transaction_session_timeout')",
               NULL) < 0)
    return err_wrap(err, "reading the timeouts of sessions");
  session->timeouts_known = true;
  for (int i = 0; i < db_rows(r); i++) {
    int64_t ms = strtoll(db_value(r, i, 1), NULL, 10);
    const char *name = db_value(r, i, 0);
    if (strcmp(name, "lock_timeout") == 0)
      session->lock_timeout_ms = ms;
    else if (strcmp(name, "statement_timeout") == 0)
      session->statement_timeout_ms = ms;
    else
      session->idle_timeout_ms = ms;
  }
  return 0;
}

int run_lint_defaults(struct arena *arena, struct db_conn *conn, struct lint_session *session,
                      struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT name, reset_val FROM pg_settings WHERE name = 'search_path' OR "
               "(name = 'TimeZone' AND source <> 'client')",
               NULL) < 0)
    return err_wrap(err, "reading what sessions begin with");
  for (int i = 0; i < db_rows(r); i++) {
    bool path = strcmp(db_value(r, i, 0), "search_path") == 0;
    *(path ? &session->search_path : &session->timezone) = arena_strdup(arena, db_value(r, i, 1));
  }
  return 0;
}

void run_lint_policy_timeouts(const struct policy *policy, struct lint_session *session)
{
  session->timeouts_known = true;
  session->lock_timeout_ms = policy->apply.lock_timeout_ms;
  session->statement_timeout_ms = policy->apply.statement_timeout_ms;
  session->idle_timeout_ms = policy->apply.max_lock_hold_ms;
  session->lock_hold_ms = policy->apply.max_lock_hold_ms;
}

/* ---- the files ---- */

static const char *real_path(struct arena *arena, const char *path)
{
  char real[PATH_MAX];
  return arena_strdup(arena, realpath(path, real) ? real : path);
}

static enum lint_applied applied_of(enum migration_state state)
{
  switch (state) {
  case MIGRATION_APPLIED:
    return LINT_APPLIED;
  case MIGRATION_EDITED:
    return LINT_EDITED;
  case MIGRATION_OUT_OF_ORDER:
    return LINT_OUT_OF_ORDER;
  default:
    return LINT_PENDING;
  }
}

int run_lint_ledger(const struct run_env *env, struct db_conn *conn, const char *schema,
                    struct migration_statuses **ret, struct err *err)
{
  bool exists = false;
  struct migrations migrations = {0};
  struct ledger_rows rows = {0};
  if (!env->format || !env->format->ledger_table)
    return 0;
  if (env->format->ledger_exists(conn, schema, &exists, err) < 0)
    return -1;
  if (!exists)
    return 0;
  if (env->format->read_dir(env->arena, env->migrations_dir, &migrations, err) < 0 ||
      env->format->ledger_read(env->arena, conn, schema, &rows, err) < 0)
    return err_wrap(err, "reading the ledger %s", env->format->ledger_table);
  *ret = ARENA_NEW(env->arena, struct migration_statuses);
  migration_compare(env->arena, &migrations, &rows, *ret);
  return 0;
}

/* NAME.down.sql for NAME.up.sql and NAME.sql, down.sql for migration.sql. */
static bool has_down(struct arena *arena, const char *path)
{
  static const char *const ends[][2] = {
      {"/migration.sql", "/down.sql"}, {".up.sql", ".down.sql"}, {".sql", ".down.sql"}};
  size_t len = strlen(path);
  for (size_t i = 0; i < COUNT_OF(ends); i++) {
    size_t end = strlen(ends[i][0]);
    if (len <= end || strcmp(path + len - end, ends[i][0]) != 0)
      continue;
    return fs_exists(arena_printf(arena, "%.*s%s", (int)(len - end), path, ends[i][1]));
  }
  return false;
}

/* Statuses of files by the real path, as lint may have been given another way to them. */
static struct map *by_path(struct arena *arena, const struct migration_statuses *statuses)
{
  struct map *map = map_new(arena);
  for (size_t i = 0; statuses && i < statuses->len; i++)
    if (statuses->at[i].migration)
      map_put(map, real_path(arena, statuses->at[i].migration->path), &statuses->at[i]);
  return map;
}

void run_lint_files(struct arena *arena, const struct migration_statuses *ledger,
                    struct lint_input *input)
{
  struct map *known = by_path(arena, ledger);
  size_t count = input->count + input->back_count;
  struct lint_file *files = arena_alloc(arena, (count + 1) * sizeof(*files));
  for (size_t i = 0; i < count; i++) {
    const char *path = input->scripts[i]->name;
    files[i] = (struct lint_file){.has_down = i >= input->count || has_down(arena, path)};
    const struct migration_status *status =
        ledger && i < input->count ? map_get(known, real_path(arena, path)) : NULL;
    if (status)
      files[i].applied = applied_of(status->state);
  }
  input->files = files;
}

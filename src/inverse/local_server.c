#define _GNU_SOURCE
#include "inverse/local_server.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "db/db.h"
#include "inverse/local_stale.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

enum {
  START_MS = 60000,
  STOP_MS = 10000,
  VERSION_MS = 10000,
  INITDB_MS = 120000,
  LOG_TAIL_MAX = 2000,
};

struct local_server {
  struct arena *arena;
  char *dir;
  const char *user, *superuser;
  int lock_fd;
  pid_t pid;
};

/* what of our environment must not reach the server's programs */
static const char *const clean_env[] = {"LC_ALL=C",  "PGDATA", "PGPORT",           "PGHOST",
                                        "PGOPTIONS", "PGUSER", "PGDATABASE",       "PGSERVICE",
                                        "PGTZ",      "TZ=UTC", "PGCLIENTENCODING", NULL};

static const char *server_user(void)
{
  if (geteuid() != 0)
    return NULL;
  return getpwnam("postgres") ? "postgres" : "nobody";
}

static bool is_major(struct arena *arena, const char *dir, int major)
{
  if (!dir || !dir[0])
    return false;
  const char *postgres = fs_join(arena, dir, "postgres");
  if (access(postgres, X_OK) < 0 || access(fs_join(arena, dir, "initdb"), X_OK) < 0)
    return false;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  const char *const argv[] = {postgres, "--version", NULL};
  struct spawn spec = {.argv = argv, .env = clean_env, .capture = true, .timeout_ms = VERSION_MS};
  struct spawn_result result;
  if (spawn_run(arena, &spec, &result, &ignored) < 0 || result.exit_code != 0)
    return false;
  const char *version = strstr(result.output, ") ");
  return version && strtol(version + 2, NULL, 10) == major;
}

static const char *ask_pg_config(struct arena *arena)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (!spawn_find(arena, "pg_config"))
    return NULL;
  const char *const argv[] = {"pg_config", "--bindir", NULL};
  struct spawn spec = {.argv = argv, .capture = true, .timeout_ms = VERSION_MS};
  struct spawn_result result;
  if (spawn_run(arena, &spec, &result, &ignored) < 0 || result.exit_code != 0)
    return NULL;
  result.output[strcspn(result.output, "\n")] = '\0';
  return result.output;
}

const char *local_server_programs(struct arena *arena, int major)
{
  const char *in_path = spawn_find(arena, "postgres");
  const char *candidates[] = {
      getenv("BELAY_PG_BIN"),
      arena_printf(arena, "/usr/lib/postgresql/%d/bin", major),
      ask_pg_config(arena),
      in_path ? fs_dirname(arena, in_path) : NULL,
  };
  for (size_t i = 0; i < COUNT_OF(candidates); i++)
    if (is_major(arena, candidates[i], major))
      return arena_strdup(arena, candidates[i]);
  return NULL;
}

static int run_initdb(struct local_server *s, const char *programs, struct err *err)
{
  const char *const argv[] = {fs_join(s->arena, programs, "initdb"),
                              "-D",
                              fs_join(s->arena, s->dir, "data"),
                              "-U",
                              s->superuser,
                              "-A",
                              "trust",
                              "-E",
                              "UTF8",
                              "--locale=C",
                              "--no-sync",
                              "--no-instructions",
                              NULL};
  struct spawn spec = {.argv = argv,
                       .env = clean_env,
                       .dir = s->dir,
                       .as_user = s->user,
                       .capture = true,
                       .own_group = true,
                       .timeout_ms = INITDB_MS};
  struct spawn_result result;
  if (spawn_run(s->arena, &spec, &result, err) < 0)
    return -1;
  if (result.exit_code == 0)
    return 0;
  err_set(err, ERR_UNEXPECTED, "initdb for a throw-away server failed with exit code %d",
          result.exit_code);
  return err_detail(err, "%s", result.output);
}

static int launch(struct local_server *s, const char *programs, struct err *err)
{
  const char *setpriv = spawn_find(s->arena, "setpriv");
  const char *const argv[] = {setpriv, "--pdeathsig",
                              "QUIT",  fs_join(s->arena, programs, "postgres"),
                              "-D",    fs_join(s->arena, s->dir, "data"),
                              "-p",    "5432",
                              "-k",    s->dir,
                              "-c",    "listen_addresses=",
                              "-c",    "fsync=off",
                              "-c",    "synchronous_commit=off",
                              "-c",    "full_page_writes=off",
                              "-c",    "autovacuum=off",
                              "-c",    "shared_buffers=16MB",
                              "-c",    "max_connections=20",
                              "-c",    "max_locks_per_transaction=2048",
                              "-c",    "jit=off",
                              NULL};
  struct spawn spec = {.argv = setpriv ? argv : argv + 3,
                       .env = clean_env,
                       .dir = s->dir,
                       .as_user = s->user,
                       .own_group = true};
  return spawn_start(&spec, fs_join(s->arena, s->dir, "log"), &s->pid, err);
}

static int did_not_start(struct local_server *s, const char *why, struct err *err)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  char *log;
  size_t len;
  err_set(err, ERR_UNEXPECTED, "the throw-away server did not start: %s", why);
  if (fs_read(s->arena, fs_join(s->arena, s->dir, "log"), &log, &len, &ignored) == 0 && len)
    err_detail(err, "%s", len > LOG_TAIL_MAX ? log + len - LOG_TAIL_MAX : log);
  return -1;
}

static int wait_until_ready(struct local_server *s, struct err *err)
{
  int64_t deadline = clock_monotonic_ms() + START_MS;
  struct db_target target;
  if (db_target_parse(s->arena, local_server_conninfo(s->arena, s, "postgres"), "throw-away server",
                      &target, err) < 0)
    return -1;
  for (;;) {
    CLEANUP(err_clear) struct err attempt = ERR_INIT;
    CLEANUP(err_clear) struct err alive = ERR_INIT;
    CLEANUP(db_closep) struct db_conn *conn = NULL;
    int exit_code;
    if (db_open(&target, "belay shadow", &conn, &attempt) == 0)
      return 0;
    if (spawn_wait(s->pid, 0, &exit_code, &alive) == 0) {
      s->pid = 0;
      return did_not_start(s, "it ended at once", err);
    }
    if (clock_monotonic_ms() >= deadline)
      return did_not_start(s, attempt.message, err);
    clock_sleep_ms(30);
  }
}

int local_server_start(struct arena *arena, int major, const char *superuser,
                       struct local_server **ret_server, struct err *err)
{
  const char *user = server_user();
  local_dir_clean_stale(arena, user);
  const char *programs = local_server_programs(arena, major);
  if (!programs)
    return err_set(err, ERR_REFUSED, "the programs of PostgreSQL %d are not installed here", major);
  struct local_server *s = x_calloc(1, sizeof(*s));
  s->arena = arena_new();
  s->lock_fd = -1;
  s->user = user;
  s->superuser = arena_strdup(s->arena, superuser);
  if (local_dir_make(s->arena, user, &s->dir, &s->lock_fd, err) < 0 ||
      run_initdb(s, programs, err) < 0 || launch(s, programs, err) < 0 ||
      wait_until_ready(s, err) < 0) {
    local_server_stop(s);
    return err_wrap(err, "starting a throw-away PostgreSQL %d", major);
  }
  *ret_server = s;
  return 0;
}

const char *local_server_dir(const struct local_server *server)
{
  return server->dir;
}

pid_t local_server_pid(const struct local_server *server)
{
  return server->pid;
}

/* 'value' of a conninfo string */
static char *conninfo_value(struct arena *arena, const char *value)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  text_putc(&t, '\'');
  for (const char *c = value; *c; c++) {
    if (*c == '\'' || *c == '\\')
      text_putc(&t, '\\');
    text_putc(&t, *c);
  }
  text_putc(&t, '\'');
  return arena_strdup(arena, t.data);
}

char *local_server_conninfo(struct arena *arena, const struct local_server *server,
                            const char *database)
{
  return arena_printf(arena, "host=%s port=5432 user=%s dbname=%s",
                      conninfo_value(arena, server->dir), conninfo_value(arena, server->superuser),
                      conninfo_value(arena, database));
}

void local_server_stop(struct local_server *server)
{
  if (!server)
    return;
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  int exit_code;
  if (server->pid > 0) {
    kill(server->pid, SIGQUIT);
    if (spawn_wait(server->pid, STOP_MS, &exit_code, &ignored) < 0) {
      kill(-server->pid, SIGKILL);
      err_clear(&ignored);
      spawn_wait(server->pid, STOP_MS, &exit_code, &ignored);
    }
  }
  err_clear(&ignored);
  if (server->dir)
    fs_remove_tree(server->dir, &ignored);
  close_fd(&server->lock_fd);
  arena_free(server->arena);
  free(server);
}

#include "run/doctor.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "inverse/shadow.h"

#define CLOCK_MAX_US INT64_C(10000000)

struct doctor {
  struct arena *arena;
  const struct run_options *options;
  struct run_env env;
  struct db_conn *conn; /* NULL: not reached */
  struct doctor_report report;
};

const char *doctor_state_name(enum doctor_state state)
{
  static const char *const names[] = {"ok", "warning", "failed", "skipped"};
  return names[state];
}

static void add(struct doctor *d, enum doctor_state state, const char *name, const char *what,
                const char *fix)
{
  d->report.warnings += state == DOCTOR_WARNING;
  d->report.failed += state == DOCTOR_FAILED;
  vec_push(d->arena, &d->report.checks,
           ((struct doctor_check){.name = name, .state = state, .what = what, .fix = fix}));
}

static void failed(struct doctor *d, const char *name, struct err *err)
{
  add(d, DOCTOR_FAILED, name, arena_strdup(d->arena, err->message),
      arena_strdup(d->arena, err->hint));
  d->report.checks.at[d->report.checks.len - 1].code = err->code;
  err_clear(err);
}

/* ---- what preflight asks, too ---- */

int doctor_server(struct arena *arena, const struct db_target *target, struct db_conn *conn,
                  const char **ret_server, struct err *err)
{
  const char *standby, *plpgsql;
  if (target->pooled) {
    err_set(err, ERR_PREFLIGHT, "the URL goes through a connection pooler (pgbouncer=true)");
    return err_hint(err, "Set DIRECT_URL to the server's own address: a run needs sessions, "
                         "advisory locks and snapshots.");
  }
  if (db_query_value(conn, arena, &standby, err, "SELECT pg_is_in_recovery()", NULL) < 0)
    return -1;
  if (standby[0] == 't') {
    err_set(err, ERR_PREFLIGHT, "the server is a standby: it cannot be migrated");
    return err_hint(err, "Point the URL to the primary.");
  }
  if (db_query_value(conn, arena, &plpgsql, err,
                     "SELECT count(*) FROM pg_extension WHERE extname = 'plpgsql'", NULL) < 0)
    return -1;
  /* fails when the server's packages were upgraded under the running server */
  if (plpgsql[0] == '1' && db_exec(conn, "DO $$ BEGIN END $$", err) < 0) {
    err_wrap(err, "a trivial plpgsql block fails");
    return err_hint(err, "Were the server's packages upgraded without a restart?");
  }
  *ret_server = arena_printf(arena, "PostgreSQL %d.%d", db_server_major(conn),
                             db_server_version(conn) % 10000);
  return 0;
}

int doctor_store(const struct run_env *env, struct db_conn *conn, uint64_t *ret_free_bytes,
                 struct err *err)
{
  const char *size = "0";
  if (conn && db_query_value(conn, env->arena, &size, err,
                             "SELECT pg_database_size(current_database())", NULL) < 0)
    return -1;
  if (place_probe(env->place, ret_free_bytes, err) < 0)
    return err_wrap(err, "the store %s cannot be used", place_name(env->place));
  /* measured: a level-1 archive is a third of the COPY text, and that is smaller than the database
   * on disk */
  bool archive = env->policy.backup.kind != BACKUP_TEMPLATE;
  uint64_t need =
      (archive ? strtoull(size, NULL, 10) / 2 : 0) + env->policy.preflight.min_free_bytes;
  if (*ret_free_bytes >= need)
    return 0;
  err_set(err, ERR_STORE, "the store %s has %" PRIu64 " MiB free, the run may need %" PRIu64 " MiB",
          place_name(env->place), *ret_free_bytes >> 20, need >> 20);
  return err_hint(err,
                  "Make room, use another --store, or lower preflight.min_free in the policy.");
}

/* ---- one question after the other ---- */

static void look_at_migrations(struct doctor *d)
{
  struct err err = ERR_INIT;
  struct migrations found = {0};
  if (run_env_migrations(&d->env, d->options, &err) < 0) {
    failed(d, "migrations", &err);
    return;
  }
  if (!d->env.format) {
    add(d, DOCTOR_WARNING, "migrations", "no migrations directory was found",
        "Name it with --dir, or under `migrations: {dir: ...}` in belay.yaml.");
    return;
  }
  if (d->env.format->read_dir(d->arena, d->env.migrations_dir, &found, &err) < 0) {
    failed(d, "migrations", &err);
    return;
  }
  add(d, DOCTOR_OK, "migrations",
      arena_printf(d->arena, "%zu in %s (%s)", found.len, d->env.migrations_dir,
                   d->env.format->name),
      NULL);
}

static void look_at_database(struct doctor *d)
{
  struct err err = ERR_INIT;
  const char *server;
  if (run_env_target(&d->env, d->options, &err) < 0 ||
      db_open(&d->env.target, "belay doctor", &d->conn, &err) < 0 ||
      doctor_server(d->arena, &d->env.target, d->conn, &server, &err) < 0) {
    failed(d, "database", &err);
    return;
  }
  add(d, DOCTOR_OK, "database",
      arena_printf(d->arena, "%s, %s (from %s)", d->env.target.shown, server, d->env.target.source),
      NULL);
}

static void look_at_clock(struct doctor *d)
{
  struct err err = ERR_INIT;
  const char *text;
  if (!d->conn) {
    add(d, DOCTOR_SKIPPED, "clock", "the database was not reached", NULL);
    return;
  }
  if (db_query_value(d->conn, d->arena, &text, &err,
                     "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
                     NULL) < 0) {
    failed(d, "clock", &err);
    return;
  }
  int64_t off_us = clock_wall_us() - strtoll(text, NULL, 10);
  bool good = off_us > -CLOCK_MAX_US && off_us < CLOCK_MAX_US;
  add(d, good ? DOCTOR_OK : DOCTOR_WARNING, "clock",
      good ? "agrees with the server's"
           : arena_printf(d->arena, "%s %s the server's",
                          clock_duration(d->arena, (off_us < 0 ? -off_us : off_us) / 1000),
                          off_us < 0 ? "behind" : "ahead of"),
      good ? NULL
           : "Set the clock of this machine or the server's: ids and retention go by it, and "
             "buckets refuse requests of another time.");
}

static void look_at_shadow(struct doctor *d)
{
  struct err err = ERR_INIT;
  struct db_target target;
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  const char *url = d->env.shadow_url, *programs;
  if (url) {
    if (db_target_parse(d->arena, url, "shadow", &target, &err) < 0 ||
        db_open(&target, "belay doctor", &conn, &err) < 0)
      failed(d, "shadow", &err);
    else
      add(d, DOCTOR_OK, "shadow", arena_printf(d->arena, "on %s", target.shown), NULL);
    return;
  }
  if (!d->conn) {
    add(d, DOCTOR_SKIPPED, "shadow", "the database was not reached, so its version is not known",
        NULL);
    return;
  }
  int major = db_server_major(d->conn);
  programs = shadow_programs(d->arena, major);
  if (programs || d->env.policy.inverse.shadow_on_target)
    add(d, DOCTOR_OK, "shadow",
        programs ? arena_printf(d->arena, "programs of PostgreSQL %d in %s", major, programs)
                 : "on the target, as the policy allows",
        NULL);
  else
    add(d, DOCTOR_WARNING, "shadow",
        arena_printf(d->arena, "no programs of PostgreSQL %d are installed: nothing can be proven",
                     major),
        arena_printf(d->arena, "Install postgresql-%d, or name a server with --shadow URL.",
                     major));
}

static void look_at_store(struct doctor *d)
{
  struct err err = ERR_INIT;
  uint64_t free_bytes;
  struct place_advices advices = {0};
  if (run_env_store(&d->env, d->options, &err) < 0 ||
      doctor_store(&d->env, d->conn, &free_bytes, &err) < 0) {
    failed(d, "store", &err);
    return;
  }
  const char *denied = place_denied(d->env.place, d->arena);
  const char *room = free_bytes == UINT64_MAX
                         ? ""
                         : arena_printf(d->arena, ", %" PRIu64 " MiB free", free_bytes >> 20);
  if (denied)
    add(d, DOCTOR_WARNING, "store",
        arena_printf(d->arena, "%s can be written; not allowed is: %s", place_name(d->env.place),
                     denied),
        "That does for runs; restore, verify and prune need credentials that may do so.");
  else
    add(d, DOCTOR_OK, "store",
        arena_printf(d->arena, "%s: written, read back, listed, deleted%s",
                     place_name(d->env.place), room),
        NULL);
  if (place_advise(d->env.place, d->arena, &advices, &err) < 0)
    failed(d, "store", &err);
  for (size_t i = 0; i < advices.len; i++)
    add(d, advices.at[i].warning ? DOCTOR_WARNING : DOCTOR_OK, advices.at[i].name,
        advices.at[i].what, advices.at[i].fix);
}

static void look_at_identity(struct doctor *d, struct keys *keys)
{
  struct err err = ERR_INIT;
  size_t count;
  bool opens = false;
  struct stat st;
  const char *file = keys_identity_file(keys);
  if (keys_load(keys, &count, &err) < 0 || keys_open_own(keys, &opens, &err) < 0) {
    failed(d, "identity", &err);
    return;
  }
  if (file && stat(file, &st) == 0 && st.st_mode & 077)
    add(d, DOCTOR_WARNING, "identity", arena_printf(d->arena, "others can read %s", file),
        arena_printf(d->arena, "Make it yours alone: chmod 600 %s", file));
  if (!count)
    add(d, DOCTOR_OK, "identity",
        "none here: backups and runs do without; restore and rollback need one", NULL);
  else if (keys_encrypt(keys) && !opens)
    add(d, DOCTOR_WARNING, "identity", "the identity opens nothing of what is encrypted now",
        "Add its recipient (age-keygen -y FILE), or name the identity of one of the recipients.");
  else
    add(d, DOCTOR_OK, "identity",
        arena_printf(d->arena, "%zu, %s", count,
                     opens ? "and what is encrypted opens with it"
                           : "for what is encrypted already"),
        NULL);
}

static void look_at_encryption(struct doctor *d)
{
  struct err err = ERR_INIT;
  struct keys *keys = NULL;
  if (run_open_keys(d->arena, &d->env.config, d->options, &keys, &err) < 0) {
    failed(d, "encryption", &err);
    return;
  }
  const struct strings to = keys_recipients(d->arena, keys);
  if (to.len)
    add(d, DOCTOR_OK, "encryption",
        arena_printf(d->arena, "for %s%s", to.at[0],
                     to.len > 1 ? arena_printf(d->arena, " and %zu more", to.len - 1) : ""),
        NULL);
  else if (d->env.policy.backup.encryption == ENCRYPTION_REQUIRED) {
    err_set(&err, ERR_REFUSED, "the policy wants encrypted artifacts, and there is no recipient");
    err_hint(&err, "Name one under `encryption: {recipients: [age1...]}` in belay.yaml.");
    failed(d, "encryption", &err);
  } else
    add(d, DOCTOR_OK, "encryption", "none: artifacts hold rows as they are", NULL);
  look_at_identity(d, keys);
  keys_free(keys);
}

void doctor_look(struct arena *arena, const struct run_options *options, struct doctor_report *ret)
{
  struct err err = ERR_INIT;
  struct doctor d = {.arena = arena, .options = options, .env = {.arena = arena}};
  if (run_env_config(&d.env, options, &err) < 0) {
    failed(&d, "configuration", &err);
  } else {
    add(&d, DOCTOR_OK, "configuration",
        arena_printf(arena, "%s, policy %s (%s)",
                     d.env.config.path ? d.env.config.path : "no belay.yaml", d.env.policy.name,
                     d.env.policy.source),
        NULL);
    look_at_migrations(&d);
    look_at_database(&d);
    look_at_clock(&d);
    look_at_shadow(&d);
    look_at_encryption(&d);
    look_at_store(&d);
  }
  db_close(d.conn);
  run_env_close(&d.env);
  *ret = d.report;
}

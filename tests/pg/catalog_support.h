/* What the catalog tests share: the server of the harness, fixtures, scratch databases. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/spawn.h"
#include "catalog/catalog.h"
#include "db/target.h"

#define OK(call)                                                                                   \
  do {                                                                                             \
    if ((call) < 0)                                                                                \
      fail_msg("%s: %s (%s)", #call, err.message, err.detail ? err.detail : "");                   \
  } while (0)

static inline struct db_target support_target(struct arena *arena)
{
  struct err err = ERR_INIT;
  struct db_target target;
  OK(db_target_parse(arena, getenv("DATABASE_URL"), "DATABASE_URL", &target, &err));
  return target;
}

static inline struct db_conn *support_open(struct arena *arena, const char *database)
{
  struct err err = ERR_INIT;
  struct db_target target = support_target(arena);
  struct db_conn *conn = NULL;
  OK(db_open_other(&target, database, "catalog test", &conn, &err));
  return conn;
}

static inline void support_create(struct arena *arena, const char *database)
{
  struct err err = ERR_INIT;
  struct db_conn *conn = support_open(arena, "postgres");
  OK(db_execf(conn, &err, "CREATE DATABASE %s TEMPLATE template0", database));
  db_close(conn);
}

static inline void support_drop(struct arena *arena, const char *database)
{
  struct err err = ERR_INIT;
  struct db_conn *conn = support_open(arena, "postgres");
  OK(db_execf(conn, &err, "DROP DATABASE %s", database));
  db_close(conn);
}

static inline void support_copy(struct arena *arena, const char *from, const char *to)
{
  struct err err = ERR_INIT;
  struct db_conn *conn = support_open(arena, "postgres");
  OK(db_execf(conn, &err, "CREATE DATABASE %s TEMPLATE %s", to, from));
  db_close(conn);
}

static inline char *support_fixture(struct arena *arena, const char *name)
{
  return arena_printf(arena, "%s/fixtures/catalog/%s", getenv("BELAY_TESTS"), name);
}

static inline void support_load(struct arena *arena, const char *database, const char *fixture)
{
  struct err err = ERR_INIT;
  const char *argv[] = {"psql",
                        "-q",
                        "-X",
                        "-v",
                        "ON_ERROR_STOP=1",
                        "-d",
                        database,
                        "-f",
                        support_fixture(arena, fixture),
                        NULL};
  struct spawn spawn = {.argv = argv, .capture = true};
  struct spawn_result result;
  OK(spawn_run(arena, &spawn, &result, &err));
  if (result.exit_code != 0)
    fail_msg("loading %s: %s", fixture, result.output);
}

static inline struct catalog *support_read(struct arena *arena, struct db_conn *conn)
{
  struct err err = ERR_INIT;
  struct catalog *c = NULL;
  OK(catalog_read(arena, conn, NULL, &c, &err));
  return c;
}

/* Runs DDL like a restore does. */
static inline void support_run(struct db_conn *conn, const struct catalog_script *script)
{
  struct err err = ERR_INIT;
  OK(db_exec(conn, "SET check_function_bodies = off; SET search_path = ''", &err));
  for (size_t i = 0; i < script->len; i++)
    if (db_exec(conn, script->at[i].sql, &err) < 0)
      fail_msg("%s: %s\n%s", script->at[i].object->identity, err.message, script->at[i].sql);
}

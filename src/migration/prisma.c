/* Prisma Migrate 2 to 7: NAME/migration.sql, applied by name; migration_lock.toml says the
 * provider. Ledger `_prisma_migrations`, rows as the engine writes them. */
#include "migration/files.h"
#include "migration/ledger.h"

enum { PRISMA_NAME_MAX = 255 }; /* migration_name varchar(255) */

static const struct ledger_layout layout = {
    .table = "_prisma_migrations",
    .columns = "id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL,"
               " finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text,"
               " rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),"
               " applied_steps_count integer NOT NULL DEFAULT 0",
    .name = "migration_name",
    .finished_at = "finished_at",
    .steps = "applied_steps_count",
    .new_id = "pg_catalog.gen_random_uuid()::pg_catalog.text",
};

#define LEDGER(conn, schema) ((struct ledger){&layout, (conn), (schema)})

static bool detect(const char *dir)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (fs_exists(fs_join(arena, dir, "migration_lock.toml")))
    return true;
  struct fs_entries entries;
  if (migration_list(arena, dir, &entries, &ignored) < 0)
    return false;
  for (size_t i = 0; i < entries.len; i++)
    if (entries.at[i].is_dir &&
        fs_exists(fs_join(arena, fs_join(arena, dir, entries.at[i].name), "migration.sql")))
      return true;
  return false;
}

/* provider = "postgresql" # comment; NULL when the line is another key or not understood */
static const char *provider_of_line(struct arena *arena, const char *line)
{
  line += strspn(line, " \t");
  if (strncmp(line, "provider", 8) != 0)
    return NULL;
  line += 8 + strspn(line + 8, " \t");
  if (*line++ != '=')
    return NULL;
  line += strspn(line, " \t");
  const char *end = *line == '"' || *line == '\'' ? strchr(line + 1, *line) : NULL;
  return end ? arena_strndup(arena, line + 1, (size_t)(end - line - 1)) : NULL;
}

/* A missing lock file is fine (so it is for Prisma). */
static int check_provider(struct arena *arena, const char *dir, struct err *err)
{
  const char *path = fs_join(arena, dir, "migration_lock.toml");
  char *bytes;
  size_t len;
  if (!fs_exists(path))
    return 0;
  if (fs_read(arena, path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  const char *provider = NULL;
  for (const char *at = bytes; *at && !provider;) {
    size_t line_len = strcspn(at, "\n");
    provider = provider_of_line(arena, arena_strndup(arena, at, line_len));
    at += line_len + (at[line_len] == '\n');
  }
  if (!provider)
    return err_set(err, ERR_USAGE, "%s: has no line provider = \"...\"", path);
  if (strcmp(provider, "postgresql") != 0 && strcmp(provider, "postgres") != 0)
    return err_set(err, ERR_USAGE, "%s: the migrations are for %s, not for postgresql (P3019)",
                   path, provider);
  return 0;
}

static int read_dir(struct arena *arena, const char *dir, struct migrations *ret, struct err *err)
{
  struct fs_entries entries;
  struct migrations files = {0};
  if (migration_list(arena, dir, &entries, err) < 0 || check_provider(arena, dir, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++) {
    const char *name = entries.at[i].name, *sub = fs_join(arena, dir, name);
    if (!entries.at[i].is_dir)
      continue; /* the lock file, a README: Prisma looks at directories only */
    const char *path = fs_join(arena, sub, "migration.sql");
    if (!fs_exists(path)) {
      err_set(err, ERR_USAGE, "%s: the migration has no migration.sql (P3015)", sub);
      return err_hint(err, "Bring the file back, or remove the directory %s.", sub);
    }
    if (strlen(name) > PRISMA_NAME_MAX)
      return err_set(err, ERR_USAGE, "%s: the name is longer than %d bytes", sub, PRISMA_NAME_MAX);
    if (migration_add_file(arena, name, path, &files, err) < 0)
      return -1;
  }
  *ret = files;
  return 0;
}

static int ledger_exists(struct db_conn *conn, const char *schema, bool *ret, struct err *err)
{
  return ledger_look_up(&LEDGER(conn, schema), ret, err);
}

static int ledger_create(struct db_conn *conn, const char *schema, struct err *err)
{
  return ledger_make(&LEDGER(conn, schema), err);
}

static int ledger_read(struct arena *arena, struct db_conn *conn, const char *schema,
                       struct ledger_rows *ret, struct err *err)
{
  return ledger_rows_read(&LEDGER(conn, schema), arena, ret, err);
}

static int ledger_add(struct db_conn *conn, const char *schema, const struct migration *m,
                      const char *started_at, struct err *err)
{
  return ledger_row_add(&LEDGER(conn, schema), m, started_at, err);
}

static int ledger_start(struct arena *arena, struct db_conn *conn, const char *schema,
                        const struct migration *m, const char **ret_row_id, struct err *err)
{
  return ledger_row_start(&LEDGER(conn, schema), arena, m, ret_row_id, err);
}

static int ledger_finish(struct db_conn *conn, const char *schema, const char *row_id,
                         struct err *err)
{
  return ledger_row_finish(&LEDGER(conn, schema), row_id, err);
}

static int ledger_fail(struct db_conn *conn, const char *schema, const char *row_id,
                       const char *log, struct err *err)
{
  return ledger_row_fail(&LEDGER(conn, schema), row_id, log, err);
}

static int ledger_back(struct db_conn *conn, const char *schema, const char *name, bool whole,
                       struct err *err)
{
  return ledger_rows_back(&LEDGER(conn, schema), name, whole, err);
}

static const char *ledger_back_sql(struct arena *arena, const char *schema, const char *name,
                                   bool whole)
{
  return ledger_rows_back_sql(&LEDGER(NULL, schema), arena, name, whole);
}

const struct migration_format migration_prisma = {
    .name = "prisma",
    .ledger_table = "_prisma_migrations",
    .lock_key = 72707369,
    .detect = detect,
    .read_dir = read_dir,
    .ledger_exists = ledger_exists,
    .ledger_create = ledger_create,
    .ledger_read = ledger_read,
    .ledger_add = ledger_add,
    .ledger_start = ledger_start,
    .ledger_finish = ledger_finish,
    .ledger_fail = ledger_fail,
    .ledger_back = ledger_back,
    .ledger_back_sql = ledger_back_sql,
};

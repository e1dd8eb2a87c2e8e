/* A directory of SQL files applied by name: NAME.sql, or NAME/up.sql. Such a project has no ledger
 * of its own, so belay keeps one: belay_migrations. Directories of tools that mean something else
 * by the same shape (down parts in the file or beside it, undo files, numbers without padding) are
 * refused: applying them by name would run the wrong SQL. */
#include "migration/files.h"
#include "migration/ledger.h"

#include <ctype.h>

static const struct ledger_layout layout = {
    .table = "belay_migrations",
    .columns = "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,"
               " checksum text NOT NULL, started_at timestamptz NOT NULL DEFAULT now(),"
               " applied_at timestamptz, rolled_back_at timestamptz, logs text",
    .name = "name",
    .finished_at = "applied_at",
    .new_id = "DEFAULT",
};

#define LEDGER(conn, schema) ((struct ledger){&layout, (conn), (schema)})

static bool ends_with(const char *name, const char *suffix)
{
  size_t len = strlen(name), suffix_len = strlen(suffix);
  return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static bool detect(const char *dir)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  struct fs_entries entries;
  if (migration_list(arena, dir, &entries, &ignored) < 0)
    return false;
  for (size_t i = 0; i < entries.len; i++)
    if (ends_with(entries.at[i].name, ".sql") ||
        (entries.at[i].is_dir &&
         fs_exists(fs_join(arena, fs_join(arena, dir, entries.at[i].name), "up.sql"))))
      return true;
  return false;
}

/* Lines that begin a down part in one file with the up part. */
static const struct {
  const char *line, *tool, *command;
} down_marks[] = {
    {"-- migrate:down", "dbmate", "dbmate up"},
    {"-- +goose Down", "goose", "goose up"},
    {"-- Down Migration", "node-pg-migrate", "npx node-pg-migrate up"},
    {"-- +migrate Down", "sql-migrate", "sql-migrate up"},
};

static int refuse_layout(const char *path, const char *what, const char *tool, const char *command,
                         struct err *err)
{
  err_set(err, ERR_USAGE, "%s: %s (%s), which the format plain would apply as well", path, what,
          tool);
  return err_hint(err,
                  "belay lints these files and does not apply them: run the tool's own command "
                  "under belay, as in `belay run -- %s`.",
                  command);
}

static int check_content(const struct migration *m, struct err *err)
{
  for (const char *line = m->bytes; *line;) {
    for (size_t i = 0; i < COUNT_OF(down_marks); i++)
      if (strncasecmp(line, down_marks[i].line, strlen(down_marks[i].line)) == 0)
        return refuse_layout(m->path, "holds a down part", down_marks[i].tool,
                             down_marks[i].command, err);
    line += strcspn(line, "\n");
    line += *line == '\n';
  }
  return 0;
}

static int check_file_name(const char *path, const char *name, struct err *err)
{
  if (ends_with(name, ".down.sql"))
    return refuse_layout(path, "is a down file", "golang-migrate and others", "migrate up", err);
  bool digit = name[0] && isdigit((unsigned char)name[1]);
  if (digit && name[0] == 'U' && strstr(name, "__"))
    return refuse_layout(path, "is an undo file", "Flyway", "flyway migrate", err);
  if (strncmp(name, "R__", 3) == 0)
    return refuse_layout(path, "is a repeatable file", "Flyway", "flyway migrate", err);
  return 0;
}

/* 9_x.sql, 10_y.sql: by name the tenth comes first. Digits behind an optional V. */
static int check_numbering(const struct migrations *files, const char *dir, struct err *err)
{
  for (size_t i = 1; i < files->len; i++) {
    const char *before = files->at[i - 1].name, *after = files->at[i].name;
    before += *before == 'V';
    after += *after == 'V';
    const char *a = before + strspn(before, "0"), *b = after + strspn(after, "0");
    size_t a_len = strspn(a, "0123456789"), b_len = strspn(b, "0123456789");
    if (!isdigit((unsigned char)*before) || !isdigit((unsigned char)*after) || a_len <= b_len)
      continue;
    err_set(err, ERR_USAGE, "%s: by name %s comes before %s, by number after it", dir,
            files->at[i - 1].name, files->at[i].name);
    return err_hint(err, "Pad the numbers with zeros to one width, so that both orders agree.");
  }
  return 0;
}

static int add_directory(struct arena *arena, const char *sub, const char *name,
                         struct migrations *files, struct err *err)
{
  const char *path = fs_join(arena, sub, "up.sql");
  if (fs_exists(path))
    return migration_add_file(arena, name, path, files, err);
  err_set(err, ERR_USAGE, "%s: the migration has no up.sql", sub);
  if (fs_exists(fs_join(arena, sub, "migration.sql")))
    return err_hint(err, "It looks like Prisma's: set migrations: {format: prisma}.");
  return err_hint(err, "Add %s, or move the directory out of the migrations directory.", path);
}

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct migration *)a)->name, ((const struct migration *)b)->name);
}

/* Sorted again because "a.sql" loses its suffix: the names are a-b, a; the files were a-b.sql,
 * a.sql. */
static int sort_and_check(struct migrations *files, const char *dir, struct err *err)
{
  if (files->len)
    qsort(files->at, files->len, sizeof(*files->at), by_name);
  for (size_t i = 1; i < files->len; i++)
    if (strcmp(files->at[i - 1].name, files->at[i].name) == 0)
      return err_set(err, ERR_USAGE, "%s: two migrations are called %s: %s and %s", dir,
                     files->at[i].name, files->at[i - 1].path, files->at[i].path);
  for (size_t i = 0; i < files->len; i++)
    if (check_content(&files->at[i], err) < 0)
      return -1;
  return check_numbering(files, dir, err);
}

static int read_dir(struct arena *arena, const char *dir, struct migrations *ret, struct err *err)
{
  struct fs_entries entries;
  struct migrations files = {0};
  if (migration_list(arena, dir, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++) {
    const char *name = entries.at[i].name, *path = fs_join(arena, dir, name);
    if (entries.at[i].is_dir) {
      if (add_directory(arena, path, name, &files, err) < 0)
        return -1;
    } else if (ends_with(name, ".sql")) {
      size_t suffix = ends_with(name, ".up.sql") ? 7 : 4;
      const char *stem = arena_strndup(arena, name, strlen(name) - suffix);
      if (check_file_name(path, name, err) < 0 ||
          migration_add_file(arena, stem, path, &files, err) < 0)
        return -1;
    }
  }
  if (sort_and_check(&files, dir, err) < 0)
    return -1;
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

const struct migration_format migration_plain = {
    .name = "plain",
    .ledger_table = "belay_migrations",
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

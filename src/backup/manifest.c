#include "backup/manifest.h"

#include "base/fs.h"
#include "catalog/large_objects.h"
#include "sql/quote.h"

const char *backup_string(const struct archive *archive, const char *key)
{
  return json_string_value(json_object_get(archive->manifest, key));
}

static int damaged(const struct archive *archive, const char *what, struct err *err)
{
  return err_set(err, ERR_DAMAGED, "%s/manifest.json: %s", archive->prefix, what);
}

static int read_strings(struct arena *arena, const struct archive *archive, const json_t *object,
                        const char *key, struct strings *ret, struct err *err)
{
  const json_t *list = json_object_get(object, key);
  struct strings strings = {0};
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *s = json_string_value(json_array_get(list, i));
    if (!s)
      return damaged(archive, arena_printf(arena, "an item of \"%s\" is not a string", key), err);
    vec_push(arena, &strings, arena_strdup(arena, s));
  }
  if (!json_is_array(list))
    return damaged(archive, arena_printf(arena, "the list \"%s\" is missing", key), err);
  *ret = strings;
  return 0;
}

static int read_left_out(struct arena *arena, const struct archive *archive, const json_t *list,
                         struct strings *ret, struct err *err)
{
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i), *rows = json_object_get(item, "rows_estimate");
    const char *table = json_string_value(json_object_get(item, "table"));
    if (!table)
      return damaged(archive, "a table that is left out has no name", err);
    vec_push(arena, ret,
             json_is_integer(rows) ? arena_printf(arena, "%s (about %" PRId64 " rows)", table,
                                                  (int64_t)json_integer_value(rows))
                                   : arena_strdup(arena, table));
  }
  if (ret->len == 0)
    return damaged(archive, "a scope that leaves nothing out", err);
  return 0;
}

/* Older manifests have no scope: they are whole. */
static int read_scope(struct arena *arena, const struct archive *archive, struct backup_info *info,
                      struct err *err)
{
  const json_t *scope = json_object_get(archive->manifest, "scope");
  if (!scope || json_is_null(scope))
    return 0;
  info->scope = arena_strdup(arena, json_string_value(json_object_get(scope, "kind")));
  if (!info->scope)
    return damaged(archive, "a scope without a kind", err);
  if (archive->locked)
    return 0;
  if (read_left_out(arena, archive, json_object_get(scope, "left_out"), &info->left_out, err) < 0 ||
      read_strings(arena, archive, scope, "not_valid", &info->not_valid, err) < 0)
    return -1;
  return read_strings(arena, archive, scope, "widened", &info->widened, err);
}

struct map *backup_left_out(struct arena *arena, const struct archive *archive)
{
  struct map *left_out = map_new(arena);
  const json_t *scope = json_object_get(archive->manifest, "scope");
  json_t *list = json_object_get(scope, "left_out");
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_t *item = json_array_get(list, i);
    const char *table = json_string_value(json_object_get(item, "table"));
    if (table)
      map_put(left_out, table, item);
  }
  return left_out;
}

int backup_major(const struct archive *archive)
{
  const json_t *number = json_object_get(archive->manifest, "server_version_num");
  return (int)(json_integer_value(number) / 10000);
}

int backup_read_info(struct arena *arena, const struct archive *archive,
                     struct backup_info *ret_info, struct err *err)
{
  const char *kind = backup_string(archive, "kind");
  bool is_template = kind && strcmp(kind, "template") == 0;
  if (!kind || (!is_template && strcmp(kind, "backup") != 0))
    return damaged(archive, "it is not the manifest of a backup", err);
  const json_t *totals = json_object_get(archive->manifest, "totals");
  struct backup_info info = {
      .id = arena_strdup(arena, backup_string(archive, "id")),
      .prefix = arena_strdup(arena, archive->prefix),
      .database = arena_strdup(arena, backup_string(archive, "database")),
      .created_at = arena_strdup(arena, backup_string(archive, "created_at")),
      .server_version = arena_strdup(arena, backup_string(archive, "server_version")),
      .run_id = arena_strdup(arena, backup_string(archive, "run_id")),
      .reason = arena_strdup(arena, backup_string(archive, "reason")),
      .fingerprint = arena_strdup(arena, backup_string(archive, "fingerprint")),
      .tables = json_integer_value(json_object_get(totals, "tables")),
      .rows = json_integer_value(json_object_get(totals, "rows")),
      .duration_ms = json_integer_value(json_object_get(archive->manifest, "duration_ms")),
  };
  info.sealed = archive->sealed;
  info.locked = archive->locked;
  info.recipients = archive->recipients;
  if (is_template) {
    info.rows = -1;
    info.template = arena_strdup(arena, backup_string(archive, "template"));
    info.bytes = info.raw_bytes = (uint64_t)json_integer_value(json_object_get(totals, "bytes"));
    if (!info.template || archive->entries.len)
      return damaged(archive, "a template backup without database, or with members", err);
  }
  if (!info.id || !info.database || !info.created_at || !info.server_version ||
      (!info.fingerprint && !info.locked) || !totals)
    return damaged(archive,
                   "id, database, created_at, server_version, fingerprint or totals is"
                   " missing",
                   err);
  if (strcmp(info.id, fs_basename(archive->prefix)) != 0)
    return damaged(archive, arena_printf(arena, "it is the manifest of backup %s", info.id), err);
  for (size_t i = 0; i < archive->entries.len; i++) {
    info.raw_bytes += archive->entries.at[i].raw_size;
    info.bytes += archive->entries.at[i].size;
  }
  if (read_scope(arena, archive, &info, err) < 0)
    return -1;
  *ret_info = info;
  return 0;
}

static const char *quoted_columns(struct arena *arena, const json_t *names)
{
  const char *columns = "";
  for (size_t i = 0; i < json_array_size(names); i++) {
    const char *name = json_string_value(json_array_get(names, i));
    if (!name)
      return NULL;
    columns = arena_printf(arena, "%s%s%s", columns, i ? ", " : "", sql_ident(arena, name));
  }
  return columns;
}

/* Backups made by belay 0.1 say neither format nor content: all text. */
static bool read_content(const json_t *item, struct backup_table *t)
{
  const json_t *content = json_object_get(item, "content"),
               *format = json_object_get(item, "format");
  t->has_digest = content != NULL;
  if (content) {
    const char *hex = json_string_value(content);
    if (!hex || strlen(hex) != 16 || strspn(hex, "0123456789abcdef") != 16)
      return false;
    t->digest = strtoull(hex, NULL, 16);
  }
  if (!format)
    return true;
  const char *name = json_string_value(format);
  t->format = name && strcmp(name, "binary") == 0 ? CHUNKS_BINARY : CHUNKS_TEXT;
  return name && (t->format == CHUNKS_BINARY || strcmp(name, "text") == 0);
}

int backup_read_tables(struct arena *arena, const struct archive *archive,
                       struct backup_tables *ret, struct err *err)
{
  const json_t *list = json_object_get(archive->manifest, "tables");
  if (!json_is_array(list))
    return damaged(archive, "the list of tables is missing", err);
  struct backup_tables tables = {0};
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *item = json_array_get(list, i), *rows = json_object_get(item, "rows");
    struct backup_table *t = vec_add(arena, &tables);
    t->identity = arena_strdup(arena, json_string_value(json_object_get(item, "identity")));
    t->copy = arena_strdup(arena, json_string_value(json_object_get(item, "copy")));
    t->load_into = arena_strdup(arena, json_string_value(json_object_get(item, "load_into")));
    t->condition = arena_strdup(arena, json_string_value(json_object_get(item, "condition")));
    t->before = arena_strdup(arena, json_string_value(json_object_get(item, "before")));
    t->after = arena_strdup(arena, json_string_value(json_object_get(item, "after")));
    t->columns = quoted_columns(arena, json_object_get(item, "columns"));
    t->rows = json_integer_value(rows);
    if (!t->identity || !t->copy || !t->load_into || !t->columns || !json_is_integer(rows))
      return damaged(archive, "a table without identity, copy, load_into, columns or rows", err);
    if (!read_content(item, t))
      return damaged(archive,
                     arena_printf(arena, "impossible format or content of %s", t->identity), err);
  }
  *ret = tables;
  return 0;
}

bool backup_is_large_objects(const struct backup_table *table)
{
  return strcmp(table->identity, LARGE_OBJECTS_TABLE) == 0;
}

bool backup_has_large_objects(const struct backup_tables *tables)
{
  for (size_t i = 0; i < tables->len; i++)
    if (backup_is_large_objects(&tables->at[i]))
      return true;
  return false;
}

static const char *copy_options(struct arena *arena, const struct archive *archive,
                                const struct backup_table *table)
{
  const char *encoding = backup_string(archive, "encoding");
  return table->format == CHUNKS_BINARY
             ? "(FORMAT binary)"
             : arena_printf(arena, "(ENCODING %s)",
                            sql_literal(arena, encoding ? encoding : "UTF8"));
}

void backup_load_into(struct arena *arena, const struct archive *archive,
                      struct backup_table *table, const char *target)
{
  const char *columns = table->columns[0] ? arena_printf(arena, "(%s)", table->columns) : "";
  table->root = table->load_into;
  table->load_into = target;
  table->copy = arena_printf(arena, "COPY %s %s FROM STDIN WITH %s", target, columns,
                             copy_options(arena, archive, table));
}

char *backup_content_sql(struct arena *arena, const struct archive *archive,
                         const struct backup_table *table)
{
  bool root = strcmp(table->load_into, table->identity) != 0;
  return arena_printf(arena, "COPY (SELECT %s FROM %s%s %s) TO STDOUT WITH %s", table->columns,
                      root ? "" : "ONLY ", table->load_into,
                      table->condition ? table->condition : "",
                      copy_options(arena, archive, table));
}

int backup_read_strings(struct arena *arena, const struct archive *archive, const char *key,
                        struct strings *ret, struct err *err)
{
  return read_strings(arena, archive, archive->manifest, key, ret, err);
}

struct sum {
  int64_t rows;
  int parts;
};

static int add_up(struct arena *arena, const struct archive *archive,
                  const struct backup_tables *tables, struct map *sums, struct err *err)
{
  for (size_t i = 0; i < tables->len; i++)
    if (map_put(sums, tables->at[i].identity, ARENA_NEW(arena, struct sum)))
      return damaged(archive, arena_printf(arena, "%s is listed twice", tables->at[i].identity),
                     err);
  for (size_t i = 0; i < archive->entries.len; i++) {
    const struct archive_entry *e = &archive->entries.at[i];
    if (strcmp(e->kind, "data") != 0)
      continue;
    struct sum *sum = map_get(sums, e->object);
    if (!sum)
      return damaged(archive,
                     arena_printf(arena, "member %s belongs to no table (%s)", e->id, e->object),
                     err);
    sum->rows += e->rows;
    sum->parts++;
  }
  return 0;
}

int backup_check_rows(struct arena *arena, const struct archive *archive,
                      const struct backup_tables *tables, struct err *err)
{
  struct map *sums = map_new(arena);
  int64_t total = 0;
  if (add_up(arena, archive, tables, sums, err) < 0)
    return -1;
  for (size_t i = 0; i < tables->len; i++) {
    const struct backup_table *t = &tables->at[i];
    const struct sum *sum = map_get(sums, t->identity);
    if (sum->parts == 0)
      return damaged(archive, arena_printf(arena, "no member holds %s", t->identity), err);
    if (sum->rows != t->rows)
      return damaged(archive,
                     arena_printf(arena,
                                  "the members of %s hold %" PRId64 " rows, its table entry says"
                                  " %" PRId64,
                                  t->identity, sum->rows, t->rows),
                     err);
    total += t->rows;
  }
  const json_t *totals = json_object_get(archive->manifest, "totals");
  if (total != json_integer_value(json_object_get(totals, "rows")) ||
      (int64_t)tables->len != json_integer_value(json_object_get(totals, "tables")))
    return damaged(archive, "the totals are not the sum of the tables", err);
  return 0;
}

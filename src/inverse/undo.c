#include "inverse/undo_private.h"

#include <stdlib.h>

/* ---- reading the manifest of a capture ---- */

static int damaged(const struct undo *u, const char *what, struct err *err)
{
  return err_set(err, ERR_DAMAGED, "%s: the manifest is not that of a capture: %s",
                 u->archive->prefix, what);
}

static const char *string_of(struct undo *u, const json_t *o, const char *key)
{
  return arena_strdup(u->arena, json_string_value(json_object_get(o, key)));
}

static const char *item_of(struct undo *u, const json_t *array, size_t i)
{
  return arena_strdup(u->arena, json_string_value(json_array_get(array, i)));
}

static int read_how(const char *name, enum capture_how *ret)
{
  static const struct {
    const char *name;
    enum capture_how how;
  } names[] = {{"columns", CAPTURE_COLUMNS}, {"rows", CAPTURE_ROWS}, {"changed", CAPTURE_CHANGED}};
  for (size_t i = 0; name && i < COUNT_OF(names); i++) {
    if (strcmp(names[i].name, name) == 0) {
      *ret = names[i].how;
      return 0;
    }
  }
  return -1;
}

/* json_array_size: it is not in it */
static size_t index_in(const json_t *array, const char *s)
{
  size_t i = 0;
  for (; i < json_array_size(array); i++) {
    const char *item = json_string_value(json_array_get(array, i));
    if (item && strcmp(item, s) == 0)
      break;
  }
  return i;
}

/* Captures of earlier versions have none. */
static struct strings read_names(struct undo *u, const json_t *o, const char *key)
{
  struct strings names = {0};
  const json_t *array = json_object_get(o, key);
  for (size_t i = 0; i < json_array_size(array); i++)
    vec_push(u->arena, &names, item_of(u, array, i));
  return names;
}

static int read_columns(struct undo *u, const json_t *o, struct undo_table *t, struct err *err)
{
  const json_t *names = json_object_get(o, "columns"), *after = json_object_get(o, "columns_after");
  const json_t *types = json_object_get(o, "types"), *now = json_object_get(o, "types_after");
  const json_t *key = json_object_get(o, "key"), *key_after = json_object_get(o, "key_after");
  if (json_array_size(names) != json_array_size(types) ||
      json_array_size(names) != json_array_size(after))
    return damaged(u, t->before, err);
  bool keyed = t->after ? json_array_size(key_after) > 0 : json_array_size(key) > 0;
  for (size_t i = 0; i < json_array_size(names); i++) {
    struct undo_column c = {.name = item_of(u, names, i),
                            .name_after = item_of(u, after, i),
                            .type = item_of(u, types, i),
                            .type_after = item_of(u, now, i)};
    if (!c.name || !c.type || (c.name_after && !c.type_after))
      return damaged(u, t->before, err);
    c.key_rank = index_in(key, c.name);
    c.key = keyed && c.key_rank < json_array_size(key);
    t->key_count += c.key;
    vec_push(u->arena, &t->columns, c);
  }
  return 0;
}

static int read_table(struct undo *u, const json_t *o, struct err *err)
{
  struct undo_table t = {.number = u->tables.len,
                         .before = string_of(u, o, "before"),
                         .after = string_of(u, o, "after"),
                         .partitioned = json_is_true(json_object_get(o, "partitioned")),
                         .before_rows = json_integer_value(json_object_get(o, "before_rows")),
                         .after_rows = json_integer_value(json_object_get(o, "after_rows")),
                         .doomed_only = json_is_true(json_object_get(o, "doomed_only")),
                         .reworded = json_is_true(json_object_get(o, "reworded")),
                         .whole_row = json_is_true(json_object_get(o, "whole_row")),
                         .apart = read_names(u, o, "apart"),
                         .apart_after = read_names(u, o, "apart_after")};
  if (!t.before || read_how(json_string_value(json_object_get(o, "how")), &t.how) < 0)
    return damaged(u, "a table without name or kind", err);
  if (read_columns(u, o, &t, err) < 0)
    return -1;
  if (t.key_count == 0 && t.after && !t.whole_row) {
    err_set(err, ERR_REFUSED, "%s has no key by which its copied rows could be put back", t.before);
    return err_hint(err, "They are all in %s of the store, as COPY text.", u->archive->prefix);
  }
  vec_push(u->arena, &u->tables, t);
  return 0;
}

static int read_position(const json_t *o, struct undo_position *ret)
{
  const char *value = json_string_value(json_object_get(o, "last_value"));
  if (!value)
    return -1;
  char *end = NULL;
  ret->last_value = strtoll(value, &end, 10);
  ret->is_called = json_is_true(json_object_get(o, "is_called"));
  return *value && !*end ? 0 : -1;
}

static int read_sequence(struct undo *u, const json_t *o, struct err *err)
{
  struct undo_sequence s = {.identity = string_of(u, o, "identity"),
                            .oid = (uint32_t)json_integer_value(json_object_get(o, "oid"))};
  const json_t *after = json_object_get(o, "after");
  s.has_after = json_is_object(after);
  if (!s.identity || read_position(json_object_get(o, "before"), &s.before) < 0 ||
      (s.has_after && read_position(after, &s.after) < 0))
    return damaged(u, "a sequence without name or position", err);
  vec_push(u->arena, &u->sequences, s);
  return 0;
}

static int read_large_object(struct undo *u, const json_t *o, struct err *err)
{
  json_int_t oid = json_integer_value(json_object_get(o, "oid"));
  struct capture_large_object large = {
      .oid = (uint32_t)oid, .before = string_of(u, o, "before"), .after = string_of(u, o, "after")};
  if (oid <= 0 || oid > UINT32_MAX || (!large.before && !large.after))
    return damaged(u, "a large object without number or state", err);
  vec_push(u->arena, &u->large, large);
  return 0;
}

static int read_manifest(struct undo *u, struct err *err)
{
  const json_t *m = u->archive->manifest;
  const char *kind = json_string_value(json_object_get(m, "kind"));
  if (!kind || strcmp(kind, "undo") != 0 || json_integer_value(json_object_get(m, "schema")) != 1)
    return damaged(u, "kind or schema", err);
  u->xid = json_integer_value(json_object_get(m, "xid"));
  const json_t *tables = json_object_get(m, "tables");
  for (size_t i = 0; i < json_array_size(tables); i++)
    if (read_table(u, json_array_get(tables, i), err) < 0)
      return -1;
  const json_t *sequences = json_object_get(m, "sequences");
  for (size_t i = 0; i < json_array_size(sequences); i++)
    if (read_sequence(u, json_array_get(sequences, i), err) < 0)
      return -1;
  const json_t *large = json_object_get(m, "large_objects");
  for (size_t i = 0; i < json_array_size(large); i++)
    if (read_large_object(u, json_array_get(large, i), err) < 0)
      return -1;
  return 0;
}

int undo_open(struct arena *arena, struct place *place, const char *prefix, struct undo **ret,
              struct err *err)
{
  struct undo *u = ARENA_NEW(arena, struct undo);
  u->arena = arena;
  if (archive_open(arena, place, prefix, &u->archive, err) < 0)
    return err_wrap(err, "captured rows");
  if (read_manifest(u, err) < 0) {
    undo_close(u);
    return -1;
  }
  *ret = u;
  return 0;
}

void undo_close(struct undo *u)
{
  if (!u)
    return;
  archive_close(u->archive);
  u->archive = NULL;
}

void undo_closep(struct undo **u)
{
  undo_close(*u);
  *u = NULL;
}

#include "store/archive_private.h"

static bool plain_name_is_valid(const char *name)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return strspn(name, letters) > 0 && name[strspn(name, all)] == '\0';
}

int archive_member_name(const struct archive_entry *entry, bool sealed, char *name)
{
  int n = -1;
  const char *tail = sealed ? ".age" : "";
  if (strcmp(entry->kind, "data") == 0 || strcmp(entry->kind, ARCHIVE_WITHDRAWN) == 0)
    n = snprintf(name, ARCHIVE_NAME_MAX, "%s.copy.zst%s", entry->id, tail);
  else if (strcmp(entry->kind, "sql") == 0)
    n = snprintf(name, ARCHIVE_NAME_MAX, "%s.sql.zst%s", entry->id, tail);
  else if (strcmp(entry->kind, "text") == 0 && plain_name_is_valid(entry->object))
    n = snprintf(name, ARCHIVE_NAME_MAX, "%s", entry->object);
  return n < 0 || n >= ARCHIVE_NAME_MAX ? -1 : 0;
}

char *archive_segment_key(struct arena *arena, const char *prefix, int number)
{
  return arena_printf(arena, "%s/segment-%04d.tar", prefix, number);
}

char *archive_manifest_key(struct arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s/manifest.json", prefix);
}

char *archive_sealed_key(struct arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s/manifest.json.age", prefix);
}

static void copy_keys(json_t *to, json_t *from, const char *const *keys, size_t count)
{
  for (size_t i = 0; i < count; i++)
    json_object_set(to, keys[i], json_object_get(from, keys[i])); /* fails for what is not there */
}

json_t *archive_clear_part(json_t *manifest)
{
  static const char *const keys[] = {ARCHIVE_CLEAR_KEYS, "format", "segments", "encryption"};
  static const char *const of_entry[] = {"id", "kind", "size", "segment", "offset", "sha256"};
  json_t *clear = json_object(), *entries = json_array(), *entry;
  json_t *scope = json_object_get(manifest, "scope");
  size_t i;
  copy_keys(clear, manifest, keys, COUNT_OF(keys));
  if (json_is_object(scope))
    json_object_set_new(clear, "scope", json_pack("{sO}", "kind", json_object_get(scope, "kind")));
  json_array_foreach(json_object_get(manifest, "entries"), i, entry)
  {
    json_t *one = json_object();
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    copy_keys(one, entry, of_entry, COUNT_OF(of_entry));
    if (kind && strcmp(kind, "text") == 0)
      json_object_set(one, "object", json_object_get(entry, "object"));
    json_array_append_new(entries, one);
  }
  json_object_set_new(clear, "entries", entries);
  return clear;
}

static int hash_piece(const char *bytes, size_t len, void *hash)
{
  store_hash_add(hash, bytes, len);
  return 0;
}

void archive_self_hash(json_t *manifest, char ret_hex[STORE_SHA256_HEX])
{
  CLEANUP(json_decrefp) json_t *rest = json_object();
  const char *key;
  json_t *value;
  json_object_foreach(manifest, key, value)
  {
    if (strcmp(key, "self") != 0)
      json_object_set(rest, key, value);
  }
  struct store_hash *hash = store_hash_new();
  json_dump_callback(rest, hash_piece, hash, JSON_COMPACT | JSON_SORT_KEYS);
  store_hash_end(hash, ret_hex);
}

static int by_part(const void *a, const void *b)
{
  const struct archive_entry *x = *(const struct archive_entry *const *)a;
  const struct archive_entry *y = *(const struct archive_entry *const *)b;
  int c = strcmp(x->kind, y->kind);
  c = c ? c : strcmp(x->object, y->object);
  return c ? c : (x->part > y->part) - (x->part < y->part);
}

int archive_check_parts(const struct archive_entry *entries, size_t count, struct err *err)
{
  CLEANUP(free_ptr) const struct archive_entry **sorted = x_calloc(count, sizeof(*sorted));
  for (size_t i = 0; i < count; i++)
    sorted[i] = &entries[i];
  qsort(sorted, count, sizeof(*sorted), by_part);
  int expected = 0;
  for (size_t i = 0; i < count; i++) {
    const struct archive_entry *e = sorted[i];
    bool same = i > 0 && strcmp(e->kind, sorted[i - 1]->kind) == 0 &&
                strcmp(e->object, sorted[i - 1]->object) == 0;
    expected = same ? expected + 1 : 0;
    if (e->part != expected)
      return err_set(err, ERR_DAMAGED, "%s %s: part %d is %s", e->kind, e->object,
                     e->part < expected ? e->part : expected,
                     e->part < expected ? "there twice" : "missing");
  }
  return 0;
}

#include "catalog/model.h"
#include "store/stream.h"

enum { VALUE_SHOWN_BYTES_MAX = 160 };

static bool object_counts(const struct catalog_object *o, int flags)
{
  return !((flags & CATALOG_IGNORE_OWNER) && o->kind == CATALOG_DEFAULT_ACL) &&
         !((flags & CATALOG_IGNORE_DATABASE) && o->kind == CATALOG_DATABASE);
}

static bool property_counts(const struct catalog_object *o, const char *name, int flags)
{
  if (catalog_is_state(name) || catalog_is_secret(name))
    return false;
  bool of_roles = strcmp(name, "owner") == 0 || strcmp(name, "acl") == 0 ||
                  (o->kind == CATALOG_DATABASE && strcmp(name, "settings") == 0);
  if ((flags & CATALOG_IGNORE_OWNER) && of_roles)
    return false;
  if (o->kind != CATALOG_COLUMN || strcmp(name, "position") != 0 ||
      (o->parent && o->parent->kind != CATALOG_TABLE))
    return true;
  bool child = o->parent && catalog_get(o->parent, "inherits");
  return !(flags & CATALOG_IGNORE_COLUMN_ORDER) && !((flags & CATALOG_IGNORE_CHILD_ORDER) && child);
}

/* With its NUL, so that no two sequences of strings are the same bytes. */
static void add_string(struct store_hash *hash, const char *s)
{
  store_hash_add(hash, s, strlen(s) + 1);
}

void catalog_fingerprint(const struct catalog *c, int flags, char ret_hex[65])
{
  struct store_hash *hash = store_hash_new();
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    if (!object_counts(o, flags))
      continue;
    add_string(hash, catalog_kind_name(o->kind));
    add_string(hash, o->identity);
    for (size_t k = 0; k < o->property_count; k++) {
      const struct catalog_property *p = &o->properties[k];
      if (!p->value || !property_counts(o, p->name, flags))
        continue;
      add_string(hash, p->name);
      add_string(hash, p->value);
    }
    add_string(hash, "");
  }
  store_hash_end(hash, ret_hex);
}

struct comparison {
  struct arena *arena;
  struct strings lines;
  size_t max;
  int flags;
};

/* "table public.orders: column fee" */
static char *place(struct arena *arena, const struct catalog_object *o)
{
  if (!o->parent)
    return catalog_object_title(arena, o);
  return arena_printf(arena, "%s: %s %s", catalog_object_title(arena, o->parent),
                      catalog_kind_name(o->kind), o->name);
}

static char *shown(struct arena *arena, const char *value)
{
  if (!value)
    return arena_strdup(arena, "absent");
  size_t len = strlen(value);
  bool cut = len > VALUE_SHOWN_BYTES_MAX;
  if (cut) {
    len = VALUE_SHOWN_BYTES_MAX;
    while (len && ((unsigned char)value[len] & 0xC0) == 0x80) /* not inside a character */
      len--;
  }
  char *text = arena_printf(arena, "\"%.*s%s\"", (int)len, value, cut ? "..." : "");
  for (char *p = text; *p; p++)
    if (*p == '\n')
      *p = ' ';
  return text;
}

static void add_line(struct comparison *cmp, char *line)
{
  if (cmp->lines.len < cmp->max)
    vec_push(cmp->arena, &cmp->lines, line);
}

/* Where two long values part: both shown from there. */
static void shorten(struct arena *arena, const char **a, const char **b)
{
  enum { CONTEXT_BYTES = 40 };
  if (!*a || !*b || (strlen(*a) <= VALUE_SHOWN_BYTES_MAX && strlen(*b) <= VALUE_SHOWN_BYTES_MAX))
    return;
  size_t same = 0;
  while ((*a)[same] && (*a)[same] == (*b)[same])
    same++;
  if (same <= CONTEXT_BYTES)
    return;
  same -= CONTEXT_BYTES;
  while (same && ((unsigned char)(*a)[same] & 0xC0) == 0x80)
    same--;
  *a = arena_printf(arena, "...%s", *a + same);
  *b = arena_printf(arena, "...%s", *b + same);
}

static void compare_one(struct comparison *cmp, const struct catalog_object *expected,
                        const char *property, const char *value, const char *found)
{
  if (value == found || (value && found && strcmp(value, found) == 0) ||
      !property_counts(expected, property, cmp->flags))
    return;
  shorten(cmp->arena, &value, &found);
  add_line(cmp, arena_printf(cmp->arena, "%s: %s is %s, expected %s", place(cmp->arena, expected),
                             property, shown(cmp->arena, found), shown(cmp->arena, value)));
}

static void compare_properties(struct comparison *cmp, const struct catalog_object *expected,
                               const struct catalog_object *found)
{
  for (size_t i = 0; i < expected->property_count; i++)
    compare_one(cmp, expected, expected->properties[i].name, expected->properties[i].value,
                catalog_get(found, expected->properties[i].name));
  for (size_t i = 0; i < found->property_count; i++)
    if (!catalog_get(expected, found->properties[i].name))
      compare_one(cmp, expected, found->properties[i].name, NULL, found->properties[i].value);
}

/* Objects of `a` that `b` does not have; the children of such are not listed on top. */
static void list_absent(struct comparison *cmp, const struct catalog *a, const struct catalog *b,
                        const char *what)
{
  for (size_t i = 0; i < a->object_count; i++) {
    const struct catalog_object *o = a->objects[i];
    if (!object_counts(o, cmp->flags) || catalog_find_name(b, o->kind, o->identity) ||
        (o->parent && !catalog_find_name(b, o->parent->kind, o->parent->identity)))
      continue;
    add_line(cmp, arena_printf(cmp->arena, "%s %s", place(cmp->arena, o), what));
  }
}

struct strings catalog_differences(struct arena *arena, const struct catalog *expected,
                                   const struct catalog *found, int flags, size_t max)
{
  struct comparison cmp = {.arena = arena, .max = max, .flags = flags};
  list_absent(&cmp, expected, found, "missing");
  list_absent(&cmp, found, expected, "not expected");
  for (size_t i = 0; i < expected->object_count && cmp.lines.len < max; i++) {
    const struct catalog_object *o = expected->objects[i];
    const struct catalog_object *other = catalog_find_name(found, o->kind, o->identity);
    if (other && object_counts(o, flags))
      compare_properties(&cmp, o, other);
  }
  return cmp.lines;
}

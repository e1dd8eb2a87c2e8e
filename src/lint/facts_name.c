#include "lint/facts_private.h"

/* Names: where they lead, and those that the server gives. */

enum { NAME_BYTES_MAX = 63 };

/* ---- lists of names ---- */

bool facts_strings_hold(const struct strings *all, const char *s)
{
  for (size_t i = 0; i < all->len; i++)
    if (all->at[i] && strcmp(all->at[i], s) == 0)
      return true;
  return false;
}

struct strings facts_strings_copy(struct lint_facts *f, const struct strings *all)
{
  struct strings copy = {0};
  for (size_t i = 0; i < all->len; i++)
    vec_push(f->arena, &copy, all->at[i]);
  return copy;
}

void facts_strings_add(struct lint_facts *f, struct strings *all, const char *s)
{
  if (!facts_strings_hold(all, s))
    vec_push(f->arena, all, s);
}

bool facts_strings_equal(const struct strings *a, const struct strings *b)
{
  bool equal = a->len == b->len;
  for (size_t i = 0; equal && i < a->len; i++)
    equal = strcmp(a->at[i], b->at[i]) == 0;
  return equal;
}

void facts_strings_rename(struct strings *all, const char *from, const char *to)
{
  for (size_t i = 0; i < all->len; i++)
    if (all->at[i] && strcmp(all->at[i], from) == 0)
      all->at[i] = to;
}

/* ---- look-ups ---- */

struct facts_space facts_space_new(struct arena *arena)
{
  return (struct facts_space){.by_key = map_new(arena), .by_name = map_new(arena)};
}

static const char *key_of(const struct lint_facts *f, const char *schema, const char *name)
{
  return arena_printf(f->arena, "%s\n%s", schema, name);
}

const char *facts_creation_schema(const struct lint_facts *f, const char *written)
{
  return written ? written : f->path.len > 0 ? f->path.at[0] : "";
}

struct facts_slot *facts_slot_at(struct lint_facts *f, struct facts_space *space,
                                 struct sql_name at)
{
  const char *key = key_of(f, at.schema, at.name);
  struct facts_slot *slot = map_get(space->by_key, key);
  if (slot)
    return slot;
  slot = ARENA_NEW(f->arena, struct facts_slot);
  slot->schema = at.schema;
  map_put(space->by_key, key, slot);
  struct facts_slots *slots = map_get(space->by_name, at.name);
  if (!slots) {
    slots = ARENA_NEW(f->arena, struct facts_slots);
    map_put(space->by_name, at.name, slots);
  }
  vec_push(f->arena, slots, slot);
  return slot;
}

void facts_bind(struct lint_facts *f, struct facts_space *space, struct sql_name at, void *item)
{
  struct facts_slot *slot = facts_slot_at(f, space, at);
  slot->item = item;
  slot->firm = item;
  slot->old = item && !facts_is_news(f);
}

static struct facts_slot *in_schema(const struct facts_slots *slots, const char *schema)
{
  for (size_t i = 0; i < slots->len; i++)
    if (slots->at[i]->item && strcmp(slots->at[i]->schema, schema) == 0)
      return slots->at[i];
  return NULL;
}

struct facts_slot *facts_find(const struct lint_facts *f, const struct facts_space *space,
                              struct sql_name name)
{
  const struct facts_slots *slots = name.name ? map_get(space->by_name, name.name) : NULL;
  if (!slots)
    return NULL;
  if (name.schema)
    return in_schema(slots, name.schema);
  struct facts_slot *found = in_schema(slots, "pg_temp"), *loose = NULL, *only = NULL;
  for (size_t i = 0; i < f->path.len && !(found && found->firm); i++) {
    found = in_schema(slots, f->path.at[i]);
    loose = loose ? loose : found;
  }
  if (found && found->firm)
    return found;
  size_t count = 0;
  for (size_t i = 0; i < slots->len; i++)
    if (slots->at[i]->item && slots->at[i]->firm && slots->at[i]->old) {
      only = slots->at[i];
      count++;
    }
  return count == 1 ? only : loose ? loose : in_schema(slots, "");
}

/* ---- search_path ---- */

/* Whose session it is decides the path: only of that which applies the files is it certain. A
 * schema that is called like a role may be "$user". */
bool lint_facts_is_visible(const struct lint_facts *f, const char *schema)
{
  const struct lint_session *session = f->input->session;
  if (!session || !session->role || !session->search_path || !schema ||
      strncmp(schema, "pg_", 3) == 0)
    return true;
  return facts_strings_hold(&f->path, schema) || !f->input->names ||
         lint_names_find(f->input->names, SQL_USE_ROLE, schema);
}

static void add_schemas(struct lint_facts *f, const char *list)
{
  while (*list) {
    size_t skip = strspn(list, " ,\"'\t\n");
    size_t len = strcspn(list + skip, " ,\"'\t\n");
    if (len > 0 && list[skip] != '$') /* "$user" has no schema as a rule */
      vec_push(f->arena, &f->path, arena_strndup(f->arena, list + skip, len));
    list += skip + len;
  }
}

static bool calls(const struct sql_tree *tree, const char *function)
{
  for (size_t i = 0; i < tree->functions.len; i++)
    if (strcmp(tree->functions.at[i].name, function) == 0)
      return true;
  return false;
}

/* A schema of the role's own name is not looked for. */
void facts_begin_path(struct lint_facts *f)
{
  const struct lint_session *session = f->input->session;
  f->path = (struct strings){0};
  add_schemas(f, session && session->search_path ? session->search_path : "public");
}

void facts_set_path(struct lint_facts *f, const struct sql_tree *tree)
{
  bool sets = tree->kind == SQL_SET &&
              (tree->setting ? strcmp(tree->setting, "search_path") == 0 : tree->reset);
  if (sets) {
    facts_begin_path(f);
    if (!tree->reset)
      f->path = (struct strings){0};
    for (size_t i = 0; i < tree->values.len; i++)
      if (*tree->values.at[i] && *tree->values.at[i] != '$')
        vec_push(f->arena, &f->path, tree->values.at[i]);
  } else if (tree->kind == SQL_SELECT && tree->strings.len > 0 && calls(tree, "set_config") &&
             strcmp(tree->strings.at[0], "search_path") == 0) {
    f->path = (struct strings){0};
    if (tree->strings.len == 2)
      add_schemas(f, tree->strings.at[1]);
  }
}

/* ---- names that the server gives ---- */

/* At most `len` bytes, not in the middle of a character. */
static size_t clipped(const char *s, size_t len)
{
  if (strlen(s) <= len)
    return strlen(s);
  while (len > 0 && ((unsigned char)s[len] & 0xC0) == 0x80)
    len--;
  return len;
}

static const char *object_name(struct lint_facts *f, const char *one, const char *two,
                               const char *label)
{
  size_t rest = NAME_BYTES_MAX - strlen(label) - 1 - (two ? 1 : 0);
  size_t len_one = strlen(one), len_two = two ? strlen(two) : 0;
  while (len_one + len_two > rest)
    --*(len_one > len_two ? &len_one : &len_two);
  len_one = clipped(one, len_one);
  if (!two)
    return arena_printf(f->arena, "%.*s_%s", (int)len_one, one, label);
  len_two = clipped(two, len_two);
  return arena_printf(f->arena, "%.*s_%.*s_%s", (int)len_one, one, (int)len_two, two, label);
}

static bool is_taken(struct lint_facts *f, const char *schema, const char *name, int taken)
{
  const char *key = key_of(f, schema, name);
  const struct facts_slot *slot = map_get(f->relations.by_key, key);
  if ((taken & FACTS_RELATIONS) && slot && slot->item && slot->firm)
    return true;
  const int *count = map_get(f->constraint_names, key);
  return (taken & FACTS_CONSTRAINTS) && count && *count > 0;
}

const char *facts_choose_name(struct lint_facts *f, const struct lint_relation *table,
                              const struct strings *columns, const char *label, int taken)
{
  CLEANUP(text_clear) struct text joined = TEXT_INIT;
  for (size_t i = 0; columns && i < columns->len && joined.len <= NAME_BYTES_MAX; i++)
    text_printf(&joined, "%s%s", i > 0 ? "_" : "", columns->at[i]);
  const char *two = columns && columns->len > 0 ? joined.data : NULL;
  const char *name = object_name(f, table->at.name, two, label);
  for (int pass = 1; is_taken(f, table->at.schema, name, taken); pass++)
    name = object_name(f, table->at.name, two, arena_printf(f->arena, "%s%d", label, pass));
  return name;
}

void facts_count_constraint(struct lint_facts *f, const char *schema, const char *name, int by)
{
  const char *key = key_of(f, schema, name);
  int *count = map_get(f->constraint_names, key);
  if (!count) {
    count = ARENA_NEW(f->arena, int);
    map_put(f->constraint_names, key, count);
  }
  *count += by;
}

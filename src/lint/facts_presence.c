#include "lint/facts_private.h"

#include "base/map.h"

/* What is no relation, by name: what the server has (names.h), and what the scripts did to that. */

/* ---- what the scripts do ---- */

static struct facts_changes *changes_of(struct lint_facts *f, enum sql_use_kind kind,
                                        const char *name)
{
  struct facts_changes *changes = map_get(f->changes[kind], name);
  if (!changes) {
    changes = ARENA_NEW(f->arena, struct facts_changes);
    map_put(f->changes[kind], name, changes);
  }
  return changes;
}

static bool is_procedure(const struct sql_use *use)
{
  return use->word && strcmp(use->word, "procedure") == 0;
}

static bool has_schema(enum sql_use_kind kind)
{
  switch (kind) {
  case SQL_USE_TYPE:
  case SQL_USE_FUNCTION:
  case SQL_USE_COLLATION:
  case SQL_USE_STATISTICS:
  case SQL_USE_CONVERSION:
  case SQL_USE_SEARCH_CONFIGURATION:
  case SQL_USE_SEARCH_DICTIONARY:
  case SQL_USE_SEARCH_PARSER:
  case SQL_USE_SEARCH_TEMPLATE:
    return true;
  default:
    return false;
  }
}

/* Told apart by it, and not by their schema. */
static bool has_method(enum sql_use_kind kind)
{
  return kind == SQL_USE_OPCLASS || kind == SQL_USE_OPFAMILY;
}

static bool is_any_routine(const struct sql_use *use)
{
  return use->word && strcmp(use->word, "routine") == 0;
}

static bool same(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_dropped(const struct facts_changes *changes, const struct lint_named *named)
{
  for (size_t i = 0; changes && i < changes->len; i++)
    if (!changes->at[i].made && same(changes->at[i].named.schema, named->schema))
      return true;
  return false;
}

/* All of that name that are there, made ones last. */
static struct lint_named_vec all_named(struct lint_facts *f, enum sql_use_kind kind,
                                       const char *name)
{
  struct lint_named_vec all = {0};
  const struct facts_changes *changes = map_get(f->changes[kind], name);
  const struct lint_named_vec *known =
      f->input->names ? lint_names_find(f->input->names, kind, name) : NULL;
  for (size_t i = 0; known && i < known->len; i++)
    if (!is_dropped(changes, &known->at[i]))
      vec_push(f->arena, &all, known->at[i]);
  for (size_t i = 0; changes && i < changes->len; i++)
    if (changes->at[i].made)
      vec_push(f->arena, &all, changes->at[i].named);
  return all;
}

static void learn_made(struct lint_facts *f, const struct sql_use *use)
{
  const char *schema = has_schema(use->kind)   ? facts_creation_schema(f, use->name.schema)
                       : has_method(use->kind) ? use->method
                                               : NULL;
  struct facts_change change = {.made = true,
                                .named = {.schema = schema,
                                          .count = 1,
                                          .least = use->least,
                                          .most = use->most,
                                          .procedures = is_procedure(use)}};
  vec_push(f->arena, changes_of(f, use->kind, use->name.name), change);
  if (!is_any_routine(use))
    return;
  change.named.procedures = true; /* it may be either */
  vec_push(f->arena, changes_of(f, use->kind, use->name.name), change);
}

/* Which of several is meant is not looked for: they count as being there still. */
static void learn_dropped(struct lint_facts *f, const struct sql_use *use)
{
  struct lint_named_vec all = all_named(f, use->kind, use->name.name);
  struct lint_named gone = {0};
  size_t count = 0;
  for (size_t i = 0; i < all.len; i++) {
    if (use->name.schema && has_schema(use->kind) && !same(use->name.schema, all.at[i].schema))
      continue;
    if (has_method(use->kind) && !same(use->method, all.at[i].schema))
      continue;
    gone = all.at[i];
    count += (size_t)gone.count;
  }
  if (count != 1)
    return;
  struct facts_changes *changes = changes_of(f, use->kind, use->name.name);
  for (size_t i = 0; i < changes->len; i++)
    if (changes->at[i].made && same(changes->at[i].named.schema, gone.schema))
      changes->at[i].made = false;
  if (!is_dropped(changes, &gone))
    vec_push(f->arena, changes, ((struct facts_change){.named = gone}));
}

void facts_learn_uses(struct lint_facts *f, const struct sql_tree *tree)
{
  bool drops = false;
  for (size_t i = 0; i < tree->uses.len; i++) {
    const struct sql_use *use = &tree->uses.at[i];
    drops = drops || use->way == SQL_DROPS;
    if (use->way == SQL_MAKES)
      learn_made(f, use);
    else if (use->way == SQL_DROPS)
      learn_dropped(f, use);
    if (use->way == SQL_DROPS && (use->kind == SQL_USE_EXTENSION || use->kind == SQL_USE_OPFAMILY))
      f->loses_more = true;
  }
  if (tree->kind == SQL_DROP_OWNED || (tree->cascade && (drops || tree->kind == SQL_DROP)))
    f->loses_more = true;
}

/* ---- what is there ---- */

static bool fits(const struct lint_facts *f, const struct sql_use *use,
                 const struct lint_named *named)
{
  bool routine = use->word && !is_any_routine(use);
  if (has_method(use->kind))
    return same(use->method, named->schema);
  if (use->name.schema && has_schema(use->kind) && !same(use->name.schema, named->schema))
    return false;
  if (!use->name.schema && has_schema(use->kind) && !lint_facts_is_visible(f, named->schema))
    return false;
  if (routine && is_procedure(use) != named->procedures)
    return false;
  if (use->kind != SQL_USE_FUNCTION || named->most < 0)
    return true;
  return (use->least < 0 || use->least >= named->least) &&
         (use->most < 0 || use->most <= named->most);
}

static bool is_there(struct lint_facts *f, const struct sql_use *use)
{
  struct lint_named_vec all = all_named(f, use->kind, use->name.name);
  for (size_t i = 0; i < all.len; i++)
    if (fits(f, use, &all.at[i]))
      return true;
  return false;
}

static bool is_column(struct lint_facts *f, const char *name)
{
  for (size_t i = 0; i < f->all.len; i++)
    if (facts_find_column(f->all.at[i], name))
      return true;
  return false;
}

enum { MULTIRANGES_SINCE = 14 };

/* Names that the server makes up: of arrays, of multiranges and their functions. */
static bool may_come_along(struct lint_facts *f, const struct sql_use *use)
{
  const char *name = use->name.name;
  if (use->kind != SQL_USE_TYPE && use->kind != SQL_USE_FUNCTION)
    return false;
  int major = lint_facts_major(f);
  return (strstr(name, "multirange") && (major == 0 || major >= MULTIRANGES_SINCE)) ||
         (name[0] == '_' && map_get(f->changes[SQL_USE_TYPE], name + 1));
}

static bool may_be_call(struct lint_facts *f, const struct sql_use *use)
{
  struct sql_use cast = {.kind = SQL_USE_TYPE, .name = use->name};
  if (use->way != SQL_NEEDS || use->least != 1)
    return false;
  return is_there(f, &cast) || (use->row && is_column(f, use->name.name));
}

static bool is_temporary(const char *schema)
{
  return strncmp(schema, "pg_temp", strlen("pg_temp")) == 0;
}

/* A schema that the scripts made or renamed holds what is not looked for. */
static bool schema_changed(struct lint_facts *f, const char *schema)
{
  return schema && (map_get(f->changes[SQL_USE_SCHEMA], schema) || is_temporary(schema));
}

bool lint_facts_is_ambiguous(struct lint_facts *f, const struct sql_use *use)
{
  struct lint_named_vec all = all_named(f, use->kind, use->name.name);
  int count = 0;
  for (size_t i = 0; i < all.len; i++)
    count += fits(f, use, &all.at[i]) ? all.at[i].count : 0;
  return all.len == 1 && count > 1;
}

bool lint_facts_lacks_schema(struct lint_facts *f, const char *schema)
{
  const struct sql_use use = {.kind = SQL_USE_SCHEMA, .name = {.name = schema}};
  return schema && lint_facts_presence(f, &use) == LINT_ABSENT;
}

static enum lint_presence presence_of_new(struct lint_facts *f, const struct sql_use *use)
{
  struct sql_use at = *use;
  if (has_schema(use->kind))
    at.name.schema = facts_creation_schema(f, use->name.schema);
  if (!is_there(f, &at))
    return f->may_hide ? LINT_PERHAPS : LINT_ABSENT;
  return f->loses_more || f->may_hide ? LINT_PERHAPS : LINT_PRESENT;
}

enum lint_presence lint_facts_presence(struct lint_facts *f, const struct sql_use *use)
{
  if (use->way == SQL_MAKES)
    return presence_of_new(f, use);
  if (is_there(f, use))
    return LINT_PRESENT;
  if (!f->input->names || f->may_hide)
    return LINT_PERHAPS;
  if (has_schema(use->kind) && schema_changed(f, use->name.schema))
    return LINT_PERHAPS;
  if (use->kind == SQL_USE_SCHEMA && is_temporary(use->name.name))
    return LINT_PERHAPS;
  if (may_come_along(f, use))
    return LINT_PERHAPS;
  if (use->kind == SQL_USE_FUNCTION && may_be_call(f, use))
    return LINT_PERHAPS;
  return LINT_ABSENT;
}

#include "lint/effects_private.h"

/* What the statement names and is no relation: it fails if that is not there, or there already. */

static const char *kind_words(enum sql_use_kind kind)
{
  static const char *const words[SQL_USE_KINDS] = {
      [SQL_USE_TYPE] = "type",
      [SQL_USE_FUNCTION] = "function",
      [SQL_USE_ROLE] = "role",
      [SQL_USE_TABLESPACE] = "tablespace",
      [SQL_USE_OPCLASS] = "operator class",
      [SQL_USE_OPFAMILY] = "operator family",
      [SQL_USE_COLLATION] = "collation",
      [SQL_USE_SCHEMA] = "schema",
      [SQL_USE_LANGUAGE] = "language",
      [SQL_USE_ACCESS_METHOD] = "access method",
      [SQL_USE_EXTENSION] = "extension",
      [SQL_USE_EXTENSION_FILES] = "extension",
      [SQL_USE_SERVER] = "server",
      [SQL_USE_WRAPPER] = "foreign-data wrapper",
      [SQL_USE_PUBLICATION] = "publication",
      [SQL_USE_EVENT_TRIGGER] = "event trigger",
      [SQL_USE_STATISTICS] = "statistics object",
      [SQL_USE_CONVERSION] = "conversion",
      [SQL_USE_SUBSCRIPTION] = "subscription",
      [SQL_USE_SEARCH_CONFIGURATION] = "text search configuration",
      [SQL_USE_SEARCH_DICTIONARY] = "text search dictionary",
      [SQL_USE_SEARCH_PARSER] = "text search parser",
      [SQL_USE_SEARCH_TEMPLATE] = "text search template",
  };
  return words[kind];
}

static const char *full_name(struct effecting *e, struct sql_name name)
{
  return name.schema ? arena_printf(e->arena, "%s.%s", name.schema, name.name) : name.name;
}

static const char *encoding(const struct effecting *e)
{
  return e->input->names ? e->input->names->encoding : "UTF8";
}

/* ---- what is not there ---- */

static void fail_function(struct effecting *e, const struct sql_use *use)
{
  const char *name = full_name(e, use->name), *word = use->word ? use->word : "function";
  if (strcmp(word, "routine") == 0)
    word = "function";
  if (use->arguments)
    effect_fail_name(e, "%s %s(%s) does not exist", word, name, use->arguments);
  else if (use->way == SQL_DROPS || use->least < 0)
    effect_fail(e, "could not find a %s named \"%s\"", word, name);
  else
    effect_fail_name(e, "%s %s with %d argument%s does not exist", word, name, use->least,
                     use->least == 1 ? "" : "s");
}

static void fail_absent(struct effecting *e, const struct sql_use *use)
{
  const char *name = full_name(e, use->name);
  bool calls = use->kind == SQL_USE_FUNCTION && use->way == SQL_NEEDS && use->least >= 0;
  if (!use->method && lint_facts_lacks_schema(e->facts, use->name.schema) && !calls)
    effect_fail_name(e, "schema \"%s\" does not exist", use->name.schema);
  switch (use->kind) {
  case SQL_USE_TYPE:
    for (int i = 0; i < use->dimensions; i++)
      name = arena_printf(e->arena, "%s[]", name);
    effect_fail_name(e, "type \"%s\" does not exist", name);
    break;
  case SQL_USE_FUNCTION:
    fail_function(e, use);
    break;
  case SQL_USE_OPCLASS:
  case SQL_USE_OPFAMILY:
    effect_fail_name(e, "%s \"%s\" does not exist for access method \"%s\"", kind_words(use->kind),
                     name, use->method);
    break;
  case SQL_USE_COLLATION:
    effect_fail_name(e, "collation \"%s\" for encoding \"%s\" does not exist", name, encoding(e));
    break;
  case SQL_USE_EXTENSION_FILES:
    effect_fail(e, "extension \"%s\" is not available", name);
    break;
  default:
    effect_fail_name(e, "%s \"%s\" does not exist", kind_words(use->kind), name);
  }
}

/* ---- what is there already ---- */

static bool is_reserved(const struct sql_use *use)
{
  return strncmp(use->name.name, "pg_", 3) == 0;
}

/* A type that gets the name of another; where it is is known of one that the scripts can name. */
static void check_renamed_type(struct effecting *e, const struct sql_use *use)
{
  struct sql_name old = e->tree->name, new = {.schema = old.schema, .name = use->name.name};
  if (lint_facts_has_type(e->facts, old) && lint_facts_has_type(e->facts, new))
    effect_fail_name(e, "type \"%s\" already exists", new.name);
}

static void check_new(struct effecting *e, const struct sql_use *use)
{
  const char *name = use->name.name;
  bool renamed = e->tree->kind == SQL_RENAME;
  if (use->kind == SQL_USE_SCHEMA && is_reserved(use))
    effect_fail(e, "unacceptable schema name \"%s\"", name);
  if (use->kind == SQL_USE_ROLE && is_reserved(use))
    effect_fail(e, "role name \"%s\" is reserved", name);
  if (use->kind == SQL_USE_FUNCTION) {
    if (lint_facts_has_function(e->facts, use->name, use->arguments))
      effect_fail_name(e, "function \"%s\" already exists with same argument types", name);
    return;
  }
  if (use->kind == SQL_USE_TYPE && renamed)
    check_renamed_type(e, use);
  if (use->kind == SQL_USE_TYPE || (use->kind == SQL_USE_SCHEMA && !renamed))
    return; /* relations have a type, too: effects_refuse.c */
  if (lint_facts_presence(e->facts, use) != LINT_PRESENT)
    return;
  if (use->method)
    effect_fail_name(e, "%s \"%s\" for access method \"%s\" already exists", kind_words(use->kind),
                     name, use->method);
  else
    effect_fail_name(e, "%s \"%s\" already exists", kind_words(use->kind), name);
}

/* ---- values of enums ---- */

const struct lint_enum *effect_enum(struct effecting *e, struct sql_name name)
{
  struct sql_use use = {.kind = SQL_USE_TYPE, .name = name};
  return lint_facts_presence(e->facts, &use) == LINT_PRESENT ? lint_facts_known_enum(e->facts, name)
                                                             : NULL;
}

static void check_labels(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  bool renames = tree->kind == SQL_RENAME && tree->object == SQL_OBJECT_TYPE && tree->member;
  if (!renames && tree->kind != SQL_ALTER_ENUM)
    return;
  if (lint_facts_domain(e->facts, tree->name) ||
      lint_facts_relation(e->facts, tree->name)->kind == LINT_COMPOSITE)
    effect_fail(e, "%s is not an enum", tree->name.name);
  const struct lint_enum *labels = effect_enum(e, tree->name);
  const char *new = renames ? tree->new_name : tree->member;
  const char *old = renames ? tree->member : tree->neighbor;
  if (!labels)
    return;
  bool there = new &&effect_names(&labels->values, new);
  if (there && !renames && tree->if_not_exists)
    return;
  if (there && !renames)
    effect_fail_name(e, "enum label \"%s\" already exists", new);
  if (old && !effect_names(&labels->values, old))
    effect_fail(e, "\"%s\" is not an existing enum label", old);
  if (there)
    effect_fail_name(e, "enum label \"%s\" already exists", new);
}

/* ---- all ---- */

/* ADD COLUMN IF NOT EXISTS of a column that is there does nothing. */
static bool does_nothing(struct effecting *e, size_t action)
{
  if (action == 0 || action > e->tree->actions.len)
    return false;
  const struct sql_action *a = &e->tree->actions.at[action - 1];
  if (a->kind != SQL_ADD_COLUMN || !a->if_exists)
    return false;
  const struct lint_relation *table = lint_facts_relation(e->facts, e->tree->name);
  for (size_t i = 0; i < table->columns.len; i++)
    if (!table->columns.at[i]->dropped && strcmp(table->columns.at[i]->name, a->name) == 0)
      return true;
  return !table->complete;
}

/* The whole statement does nothing: IF EXISTS and it is not there, IF NOT EXISTS and it is. */
static bool is_void(struct effecting *e)
{
  const struct sql_tree *tree = e->tree;
  bool makes_relation = tree->kind == SQL_CREATE_TABLE || tree->kind == SQL_CREATE_TABLE_AS ||
                        tree->kind == SQL_CREATE_MATVIEW;
  if (makes_relation && tree->if_not_exists)
    return lint_facts_in_place(e->facts, tree);
  if (tree->kind == SQL_CREATE_INDEX && tree->if_not_exists && tree->index_name) {
    struct sql_name name = {.schema = lint_facts_relation(e->facts, tree->name)->at.schema,
                            .name = tree->index_name};
    const struct lint_relation *known = lint_facts_relation(e->facts, name);
    return known->kind != LINT_UNKNOWN_RELATION && !known->dropped;
  }
  return tree->kind == SQL_ALTER_TABLE && tree->if_exists && effect_is_absent(e, tree->name);
}

/* CREATE EXTENSION IF NOT EXISTS looks for no files then. */
static bool is_installed(struct effecting *e, const struct sql_use *use)
{
  struct sql_use extension = {.kind = SQL_USE_EXTENSION, .name = use->name};
  return use->kind == SQL_USE_EXTENSION_FILES &&
         lint_facts_presence(e->facts, &extension) != LINT_ABSENT;
}

static void check_needed(struct effecting *e, const struct sql_use *use)
{
  bool bare = use->kind == SQL_USE_FUNCTION && !use->arguments && use->least < 0 && use->most < 0;
  if (lint_facts_presence(e->facts, use) == LINT_ABSENT && !is_installed(e, use))
    fail_absent(e, use);
  else if (bare && e->tree->object == SQL_OBJECT_FUNCTION && lint_facts_is_ambiguous(e->facts, use))
    effect_fail(e, "%s name \"%s\" is not unique", use->word, full_name(e, use->name));
}

/* What the statement makes itself, before it needs it. */
static bool is_own(const struct effecting *e, const struct sql_use *use)
{
  for (size_t i = 0; i < e->tree->uses.len; i++) {
    const struct sql_use *made = &e->tree->uses.at[i];
    if (made->way == SQL_MAKES && made->kind == use->kind &&
        strcmp(made->name.name, use->name.name) == 0)
      return true;
  }
  return false;
}

void effects_names(struct effecting *e)
{
  if (is_void(e))
    return;
  for (size_t i = 0; i < e->tree->uses.len; i++) {
    const struct sql_use *use = &e->tree->uses.at[i];
    if (use->way == SQL_MAKES && !use->optional)
      check_new(e, use);
    if (use->way == SQL_MAKES || use->optional || is_own(e, use) || does_nothing(e, use->action))
      continue;
    check_needed(e, use);
  }
  check_labels(e);
}

#include "lint/facts_private.h"

#include "sql/quote.h"

static void learn_columns(struct lint_facts *f, struct lint_relation *table,
                          const struct sql_column *column)
{
  struct lint_column *known = lint_facts_column(f, table, column->name);
  *known = (struct lint_column){
      .created = true, .type = &column->type, .not_null = column->not_null || column->serial};
}

static void learn_constraint(struct lint_facts *f, const struct lint_relation *table,
                             const struct sql_constraint *constraint, struct lint_moment now)
{
  struct lint_constraint *known = lint_facts_constraint(f, table, constraint->name);
  *known = (struct lint_constraint){.not_null_column = constraint->check.not_null_column,
                                    .added = true,
                                    .added_at = now,
                                    .valid = !constraint->not_valid};
}

/* CREATE of any relation. IF NOT EXISTS makes nothing new where the catalog has one already. */
static struct lint_relation *learn_relation(struct lint_facts *f, struct sql_name name,
                                            bool if_not_exists)
{
  struct lint_relation *relation = lint_facts_relation(f, name);
  if (if_not_exists && (relation->object || relation->created))
    return relation;
  relation = lint_facts_new_relation(f, lint_facts_key(f, name), name);
  relation->created = true;
  return relation;
}

static void learn_table(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *table = learn_relation(f, tree->name, tree->if_not_exists);
  if (!table->created)
    return;
  for (size_t i = 0; i < tree->columns.len; i++)
    learn_columns(f, table, &tree->columns.at[i]);
}

static void learn_index(struct lint_facts *f, const struct sql_tree *tree)
{
  if (!tree->index_name)
    return;
  const struct lint_relation *table = lint_facts_relation(f, tree->name);
  const char *schema = table->table ? table->table->schema : tree->name.schema;
  learn_relation(f, (struct sql_name){.schema = schema, .name = tree->index_name},
                 tree->if_not_exists);
}

static void learn_schema(struct lint_facts *f, const struct sql_tree *tree)
{
  const char *name = tree->name.name;
  if (!name)
    return;
  for (size_t i = 0; f->catalog && i < f->catalog->object_count; i++)
    if (f->catalog->objects[i]->kind == CATALOG_SCHEMA &&
        strcmp(f->catalog->objects[i]->name, name) == 0)
      return;
  map_put(f->schemas, name, arena_strdup(f->arena, name));
}

/* VALIDATE of a constraint that only the catalog knows: it may become the proof of a NOT NULL. */
static void learn_valid(struct lint_facts *f, const struct lint_relation *table, const char *name)
{
  static const char before[] = "CHECK ((", after[] = " IS NOT NULL)) NOT VALID";
  struct lint_constraint *known = lint_facts_constraint(f, table, name);
  known->valid = true;
  const struct catalog_object *object =
      lint_facts_child(f, table->object, CATALOG_CONSTRAINT, name);
  const char *definition = object ? catalog_get(object, "definition") : NULL;
  if (known->added || !definition)
    return;
  size_t len = strlen(definition), around = strlen(before) + strlen(after);
  if (len <= around || strncmp(definition, before, strlen(before)) != 0 ||
      strcmp(definition + len - strlen(after), after) != 0)
    return;
  char *column = arena_strndup(f->arena, definition + strlen(before), len - around);
  if (strchr(column, '"') == NULL) /* a quoted name stays unproven: a needless finding is no harm */
    known->not_null_column = column;
}

static void learn_action(struct lint_facts *f, struct lint_relation *table,
                         const struct sql_action *action, struct lint_moment now)
{
  switch (action->kind) {
  case SQL_ADD_COLUMN:
    if (!action->if_exists || !lint_facts_child(f, table->object, CATALOG_COLUMN, action->name))
      learn_columns(f, table, action->column);
    break;
  case SQL_ALTER_TYPE:
    lint_facts_column(f, table, action->name)->type = action->type;
    break;
  case SQL_SET_NOT_NULL:
    lint_facts_column(f, table, action->name)->not_null = true;
    break;
  case SQL_DROP_NOT_NULL:
    lint_facts_column(f, table, action->name)->not_null = false;
    break;
  case SQL_ADD_CONSTRAINT:
    if (action->constraint)
      learn_constraint(f, table, action->constraint, now);
    break;
  case SQL_VALIDATE_CONSTRAINT:
    learn_valid(f, table, action->name);
    break;
  case SQL_DROP_CONSTRAINT:
    *lint_facts_constraint(f, table, action->name) = (struct lint_constraint){.dropped = true};
    break;
  default:
    break;
  }
}

static void learn_alter(struct lint_facts *f, struct lint_moment now, const struct sql_tree *tree)
{
  struct lint_relation *table = lint_facts_relation(f, tree->name);
  table->altered = true;
  table->altered_at = now;
  for (size_t i = 0; i < tree->actions.len; i++)
    learn_action(f, table, &tree->actions.at[i], now);
}

/* The table stays what it was and can be found under its new name. */
static void learn_new_name(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *relation = lint_facts_relation(f, tree->name);
  struct sql_name name = tree->name;
  if (tree->kind == SQL_SET_SCHEMA)
    name.schema = tree->new_name;
  else
    name.name = tree->new_name;
  relation->name = sql_qualified(f->arena, name.schema, name.name);
  map_put(f->relations, lint_facts_key(f, name), relation);
}

static void learn_rename(struct lint_facts *f, const struct sql_tree *tree)
{
  switch (tree->object) {
  case SQL_OBJECT_COLUMN: {
    const struct lint_relation *table = lint_facts_relation(f, tree->name);
    struct lint_column *from = lint_facts_column(f, table, tree->member);
    *lint_facts_column(f, table, tree->new_name) = *from;
    break;
  }
  case SQL_OBJECT_TABLE:
  case SQL_OBJECT_VIEW:
  case SQL_OBJECT_MATVIEW:
  case SQL_OBJECT_INDEX:
    learn_new_name(f, tree);
    break;
  default:
    break;
  }
}

static void learn_drop(struct lint_facts *f, const struct sql_tree *tree)
{
  bool relations = tree->object == SQL_OBJECT_TABLE || tree->object == SQL_OBJECT_VIEW ||
                   tree->object == SQL_OBJECT_MATVIEW || tree->object == SQL_OBJECT_INDEX;
  for (size_t i = 0; relations && i < tree->names.len; i++)
    lint_facts_new_relation(f, lint_facts_key(f, tree->names.at[i]), tree->names.at[i]);
}

static bool sets_search_path(const struct sql_tree *tree)
{
  if (tree->kind == SQL_SET)
    return tree->setting && strcmp(tree->setting, "search_path") == 0;
  bool sets = false;
  for (size_t i = 0; i < tree->functions.len; i++)
    sets = sets || strcmp(tree->functions.at[i].name, "set_config") == 0;
  for (size_t i = 0; sets && i < tree->strings.len; i++)
    if (strcmp(tree->strings.at[i], "search_path") == 0)
      return true;
  return false;
}

void lint_facts_learn(struct lint_facts *f, struct lint_moment now, const struct sql_tree *tree)
{
  struct lint_enum *type;
  f->search_path_set = f->search_path_set || sets_search_path(tree);
  switch (tree->kind) {
  case SQL_CREATE_TABLE:
    learn_table(f, tree);
    break;
  case SQL_CREATE_TABLE_AS:
  case SQL_CREATE_MATVIEW:
  case SQL_CREATE_VIEW:
    learn_relation(f, tree->name, tree->if_not_exists);
    break;
  case SQL_CREATE_OTHER:
    if (tree->object == SQL_OBJECT_SEQUENCE)
      learn_relation(f, tree->name, tree->if_not_exists);
    break;
  case SQL_CREATE_INDEX:
    learn_index(f, tree);
    break;
  case SQL_CREATE_SCHEMA:
    learn_schema(f, tree);
    break;
  case SQL_CREATE_ENUM:
    type = lint_facts_enum(f, tree->name);
    *type = (struct lint_enum){.created = true, .created_at = now};
    break;
  case SQL_ALTER_ENUM:
    type = lint_facts_enum(f, tree->name);
    if (type->added_at.script != now.script)
      type->added_values = (struct strings){0};
    vec_push(f->arena, &type->added_values, tree->member);
    type->added_at = now;
    break;
  case SQL_ALTER_TABLE:
    learn_alter(f, now, tree);
    break;
  case SQL_RENAME:
    learn_rename(f, tree);
    break;
  case SQL_SET_SCHEMA:
    if (tree->object == SQL_OBJECT_TABLE || tree->object == SQL_OBJECT_VIEW)
      learn_new_name(f, tree);
    break;
  case SQL_DROP:
    learn_drop(f, tree);
    break;
  default:
    break;
  }
}

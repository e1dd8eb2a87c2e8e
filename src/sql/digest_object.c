#include "sql/digest.h"

/* DROP, RENAME, SET SCHEMA, COMMENT: one statement of many kinds of objects. */

enum sql_object digest_object_type(PgQuery__ObjectType type)
{
#define OBJECT(theirs, ours)                                                                       \
  case PG_QUERY__OBJECT_TYPE__OBJECT_##theirs:                                                     \
    return SQL_OBJECT_##ours
  switch (type) {
    OBJECT(TABLE, TABLE);
    OBJECT(FOREIGN_TABLE, FOREIGN_TABLE);
    OBJECT(COLUMN, COLUMN);
    OBJECT(TABCONSTRAINT, CONSTRAINT);
    OBJECT(INDEX, INDEX);
    OBJECT(VIEW, VIEW);
    OBJECT(MATVIEW, MATVIEW);
    OBJECT(SEQUENCE, SEQUENCE);
    OBJECT(SCHEMA, SCHEMA);
    OBJECT(TYPE, TYPE);
    OBJECT(DOMAIN, DOMAIN);
    OBJECT(FUNCTION, FUNCTION);
    OBJECT(PROCEDURE, FUNCTION);
    OBJECT(ROUTINE, FUNCTION);
    OBJECT(AGGREGATE, FUNCTION);
    OBJECT(TRIGGER, TRIGGER);
    OBJECT(EXTENSION, EXTENSION);
    OBJECT(DATABASE, DATABASE);
  default:
    return SQL_OBJECT_OTHER;
  }
#undef OBJECT
}

/* Objects whose name is written as NAME ON table: the list ends with their own name. */
static bool is_table_child(PgQuery__ObjectType type)
{
  return type == PG_QUERY__OBJECT_TYPE__OBJECT_TRIGGER ||
         type == PG_QUERY__OBJECT_TYPE__OBJECT_RULE ||
         type == PG_QUERY__OBJECT_TYPE__OBJECT_POLICY ||
         type == PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN ||
         type == PG_QUERY__OBJECT_TYPE__OBJECT_TABCONSTRAINT;
}

static struct sql_name object_name(struct digest *d, PgQuery__ObjectType type,
                                   const PgQuery__Node *node, const char **ret_member)
{
  if (NODE_IS(node, LIST)) {
    size_t count = node->list->n_items;
    PgQuery__Node *const *items = node->list->items;
    if (is_table_child(type) && count > 1) {
      *ret_member = digest_string_node(d, items[count - 1]);
      count--;
    }
    return digest_name_list(d, items, count);
  }
  if (NODE_IS(node, TYPE_NAME))
    return digest_name_list(d, node->type_name->names, node->type_name->n_names);
  if (NODE_IS(node, OBJECT_WITH_ARGS))
    return digest_name_list(d, node->object_with_args->objname, node->object_with_args->n_objname);
  const char *plain = digest_string_node(d, node);
  return (struct sql_name){.name = plain ? plain : "?"};
}

void digest_drop(struct digest *d, const PgQuery__DropStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_DROP;
  tree->object = digest_object_type(stmt->remove_type);
  tree->cascade = stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
  tree->if_exists = stmt->missing_ok;
  tree->concurrently = stmt->concurrent;
  for (size_t i = 0; i < stmt->n_objects; i++)
    vec_push(d->arena, &tree->names,
             object_name(d, stmt->remove_type, stmt->objects[i], &tree->member));
  if (tree->names.len > 0)
    tree->name = tree->names.at[0];
}

void digest_rename(struct digest *d, const PgQuery__RenameStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_RENAME;
  tree->object = digest_object_type(stmt->rename_type);
  tree->if_exists = stmt->missing_ok;
  tree->new_name = digest_string(d, stmt->newname);
  tree->member = digest_string(d, stmt->subname);
  if (stmt->relation)
    tree->name = digest_range_var(d, stmt->relation);
  else if (stmt->object)
    tree->name = object_name(d, stmt->rename_type, stmt->object, &tree->member);
  if (tree->object == SQL_OBJECT_SCHEMA || tree->object == SQL_OBJECT_DATABASE) {
    tree->name = (struct sql_name){.name = tree->member};
    tree->member = NULL;
  }
}

void digest_set_schema(struct digest *d, const PgQuery__AlterObjectSchemaStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_SET_SCHEMA;
  tree->object = digest_object_type(stmt->object_type);
  tree->if_exists = stmt->missing_ok;
  tree->new_name = digest_string(d, stmt->newschema);
  tree->name = stmt->relation ? digest_range_var(d, stmt->relation)
                              : object_name(d, stmt->object_type, stmt->object, &tree->member);
}

void digest_comment(struct digest *d, const PgQuery__CommentStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_COMMENT;
  tree->object = digest_object_type(stmt->objtype);
  tree->name = object_name(d, stmt->objtype, stmt->object, &tree->member);
}

void digest_alter_enum(struct digest *d, const PgQuery__AlterEnumStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->name = digest_name_list(d, stmt->type_name, stmt->n_type_name);
  tree->object = SQL_OBJECT_TYPE;
  tree->if_not_exists = stmt->skip_if_new_val_exists;
  if (stmt->old_val && *stmt->old_val) { /* RENAME VALUE */
    tree->kind = SQL_RENAME;
    tree->member = digest_string(d, stmt->old_val);
    tree->new_name = arena_strdup(d->arena, stmt->new_val);
  } else {
    tree->kind = SQL_ALTER_ENUM;
    tree->member = arena_strdup(d->arena, stmt->new_val);
  }
}

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
    OBJECT(POLICY, POLICY);
    OBJECT(RULE, RULE);
    OBJECT(STATISTIC_EXT, STATISTICS);
    OBJECT(PUBLICATION, PUBLICATION);
    OBJECT(DOMCONSTRAINT, DOMAIN_CONSTRAINT);
    OBJECT(ATTRIBUTE, ATTRIBUTE);
    OBJECT(FOREIGN_SERVER, SERVER);
    OBJECT(FDW, WRAPPER);
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
    if (count > 0 && NODE_IS(items[0], TYPE_NAME)) { /* a constraint of a domain */
      *ret_member = digest_last_name(d, items, count);
      return object_name(d, type, items[0], ret_member);
    }
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

static void digest_drop(struct digest *d, const PgQuery__DropStmt *stmt)
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

static void digest_rename(struct digest *d, const PgQuery__RenameStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_RENAME;
  tree->object = digest_object_type(stmt->rename_type);
  tree->if_exists = stmt->missing_ok;
  tree->new_name = digest_string(d, stmt->newname);
  tree->cascade = stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
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

static void digest_set_schema(struct digest *d, const PgQuery__AlterObjectSchemaStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_SET_SCHEMA;
  tree->object = digest_object_type(stmt->object_type);
  tree->if_exists = stmt->missing_ok;
  tree->new_name = digest_string(d, stmt->newschema);
  tree->name = stmt->relation ? digest_range_var(d, stmt->relation)
                              : object_name(d, stmt->object_type, stmt->object, &tree->member);
}

static void digest_comment(struct digest *d, const PgQuery__CommentStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_COMMENT;
  tree->object = digest_object_type(stmt->objtype);
  tree->name = object_name(d, stmt->objtype, stmt->object, &tree->member);
}

static void digest_owner(struct digest *d, const PgQuery__AlterOwnerStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_ALTER_OWNER;
  tree->object = digest_object_type(stmt->object_type);
  tree->name = object_name(d, stmt->object_type, stmt->object, &tree->member);
  tree->role = digest_role(d, stmt->newowner);
}

static void digest_grant(struct digest *d, const PgQuery__GrantStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_GRANT;
  tree->object = digest_object_type(stmt->objtype);
  tree->revoke = !stmt->is_grant;
  tree->all_in_schema = stmt->targtype == PG_QUERY__GRANT_TARGET_TYPE__ACL_TARGET_ALL_IN_SCHEMA;
  tree->cascade = stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
  tree->grantees = digest_roles(d, stmt->grantees, stmt->n_grantees);
  for (size_t i = 0; i < stmt->n_privileges; i++)
    if (NODE_IS(stmt->privileges[i], ACCESS_PRIV))
      vec_push(d->arena, &tree->values,
               arena_strdup(d->arena, stmt->privileges[i]->access_priv->priv_name));
  for (size_t i = 0; i < stmt->n_objects; i++) {
    const PgQuery__Node *node = stmt->objects[i];
    vec_push(d->arena, &tree->names,
             NODE_IS(node, RANGE_VAR) ? digest_range_var(d, node->range_var)
                                      : object_name(d, stmt->objtype, node, &tree->member));
  }
}

static void digest_extension(struct digest *d, const PgQuery__Node *node)
{
  struct sql_tree *tree = d->tree;
  tree->object = SQL_OBJECT_EXTENSION;
  if (NODE_IS(node, CREATE_EXTENSION_STMT)) {
    const PgQuery__CreateExtensionStmt *stmt = node->create_extension_stmt;
    tree->kind = SQL_CREATE_OTHER;
    tree->name.name = digest_string(d, stmt->extname);
    tree->if_not_exists = stmt->if_not_exists;
    tree->options = digest_options(d, stmt->options, stmt->n_options);
  } else {
    const PgQuery__AlterExtensionStmt *stmt = node->alter_extension_stmt;
    tree->kind = SQL_ALTER_EXTENSION;
    tree->name.name = digest_string(d, stmt->extname);
    tree->options = digest_options(d, stmt->options, stmt->n_options);
  }
}

static void digest_relation_names(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const PgQuery__Node *node = nodes[i];
    if (NODE_IS(node, PUBLICATION_OBJ_SPEC) && node->publication_obj_spec->pubtable)
      vec_push(d->arena, &d->tree->names,
               digest_range_var(d, node->publication_obj_spec->pubtable->relation));
    else if (NODE_IS(node, RANGE_VAR))
      vec_push(d->arena, &d->tree->names, digest_range_var(d, node->range_var));
  }
}

/* Objects that stand beside tables and name them. */
static bool digest_companion(struct digest *d, const PgQuery__Node *node)
{
  struct sql_tree *tree = d->tree;
  if (NODE_IS(node, CREATE_STATS_STMT)) {
    const PgQuery__CreateStatsStmt *stmt = node->create_stats_stmt;
    tree->kind = SQL_CREATE_OTHER;
    tree->object = SQL_OBJECT_STATISTICS;
    tree->name = digest_name_list(d, stmt->defnames, stmt->n_defnames);
    tree->if_not_exists = stmt->if_not_exists;
    digest_relation_names(d, stmt->relations, stmt->n_relations);
    for (size_t i = 0; i < stmt->n_exprs; i++)
      if (NODE_IS(stmt->exprs[i], STATS_ELEM) && *stmt->exprs[i]->stats_elem->name)
        vec_push(d->arena, &tree->read_columns,
                 arena_strdup(d->arena, stmt->exprs[i]->stats_elem->name));
  } else if (NODE_IS(node, CREATE_PUBLICATION_STMT)) {
    const PgQuery__CreatePublicationStmt *stmt = node->create_publication_stmt;
    tree->kind = SQL_CREATE_OTHER;
    tree->object = SQL_OBJECT_PUBLICATION;
    tree->name.name = digest_string(d, stmt->pubname);
    digest_relation_names(d, stmt->pubobjects, stmt->n_pubobjects);
  } else if (NODE_IS(node, ALTER_PUBLICATION_STMT)) {
    const PgQuery__AlterPublicationStmt *stmt = node->alter_publication_stmt;
    tree->object = SQL_OBJECT_PUBLICATION;
    tree->name.name = digest_string(d, stmt->pubname);
    digest_relation_names(d, stmt->pubobjects, stmt->n_pubobjects);
  } else if (NODE_IS(node, CREATE_FOREIGN_SERVER_STMT)) {
    const PgQuery__CreateForeignServerStmt *stmt = node->create_foreign_server_stmt;
    tree->kind = SQL_CREATE_OTHER;
    tree->object = SQL_OBJECT_SERVER;
    tree->name.name = digest_string(d, stmt->servername);
    tree->member = digest_string(d, stmt->fdwname);
    tree->if_not_exists = stmt->if_not_exists;
  } else {
    return false;
  }
  return true;
}

/* What a schema is made with is made in it. */
static void digest_create_schema(struct digest *d, const PgQuery__CreateSchemaStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_CREATE_SCHEMA;
  tree->object = SQL_OBJECT_SCHEMA;
  tree->if_not_exists = stmt->if_not_exists;
  tree->role = digest_role(d, stmt->authrole);
  tree->name.name = digest_string(d, stmt->schemaname);
  if (!tree->name.name)
    tree->name.name = tree->role;
  for (size_t i = 0; i < stmt->n_schema_elts; i++)
    digest_inside(d, stmt->schema_elts[i]);
}

bool digest_object_statement(struct digest *d, const PgQuery__Node *node)
{
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_DROP_STMT:
    digest_drop(d, node->drop_stmt);
    return true;
  case PG_QUERY__NODE__NODE_RENAME_STMT:
    digest_rename(d, node->rename_stmt);
    return true;
  case PG_QUERY__NODE__NODE_ALTER_OBJECT_SCHEMA_STMT:
    digest_set_schema(d, node->alter_object_schema_stmt);
    return true;
  case PG_QUERY__NODE__NODE_COMMENT_STMT:
    digest_comment(d, node->comment_stmt);
    return true;
  case PG_QUERY__NODE__NODE_ALTER_OWNER_STMT:
    digest_owner(d, node->alter_owner_stmt);
    return true;
  case PG_QUERY__NODE__NODE_GRANT_STMT:
    digest_grant(d, node->grant_stmt);
    return true;
  case PG_QUERY__NODE__NODE_CREATE_EXTENSION_STMT:
  case PG_QUERY__NODE__NODE_ALTER_EXTENSION_STMT:
    digest_extension(d, node);
    return true;
  case PG_QUERY__NODE__NODE_CREATE_SCHEMA_STMT:
    digest_create_schema(d, node->create_schema_stmt);
    return true;
  default:
    return digest_companion(d, node);
  }
}

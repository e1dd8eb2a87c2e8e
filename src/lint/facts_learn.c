#include "lint/facts_private.h"
#include "lint/runner.h"

#include "sql/quote.h"

/* What a statement makes. */

/* A view of temporary relations is one, too. */
static bool is_temporary(struct lint_facts *f, const struct sql_tree *tree)
{
  bool temporary = tree->temporary;
  for (size_t i = 0; f->has_temporary && tree->kind == SQL_CREATE_VIEW && i < tree->reads.len; i++)
    temporary = temporary || lint_facts_relation(f, tree->reads.at[i])->persistence == 't';
  return temporary || (tree->name.schema && strcmp(tree->name.schema, "pg_temp") == 0);
}

struct sql_name facts_place_of(struct lint_facts *f, const struct sql_tree *tree)
{
  return (struct sql_name){
      .schema = is_temporary(f, tree) ? "pg_temp" : facts_creation_schema(f, tree->name.schema),
      .name = tree->name.name};
}

/* The entry for CREATE; NULL: IF NOT EXISTS, and it is there. */
static struct lint_relation *make(struct lint_facts *f, const struct sql_tree *tree,
                                  enum lint_relation_kind kind)
{
  const struct sql_name at = facts_place_of(f, tree);
  bool temporary = strcmp(at.schema, "pg_temp") == 0;
  struct lint_relation *old = facts_slot_at(f, &f->relations, at)->item;
  bool there = facts_is_there(old) || (old && old->altered && !old->dropped);
  if (tree->if_not_exists && there)
    return NULL;
  if (facts_is_there(old))
    facts_replace(f, old);
  struct lint_relation *relation = facts_relation_new(f, at, kind, tree->name.schema || f->reading);
  relation->persistence = temporary ? 't' : tree->unlogged ? 'u' : 'p';
  f->has_temporary = f->has_temporary || temporary;
  relation->tablespace = tree->storage.tablespace;
  relation->access_method = tree->storage.access_method;
  return relation;
}

static enum lint_relation_kind table_kind(const struct sql_tree *tree)
{
  return tree->object == SQL_OBJECT_FOREIGN_TABLE ? LINT_FOREIGN_TABLE
         : tree->partition_key                    ? LINT_PARTITIONED_TABLE
                                                  : LINT_TABLE;
}

static void learn_partition_key(struct lint_facts *f, struct lint_relation *table,
                                const struct sql_partition_key *key)
{
  table->partition_strategy = key ? key->strategy : NULL;
  for (size_t i = 0; key && i < key->keys.len; i++) {
    const char *column = key->keys.at[i].column;
    vec_push(f->arena, &table->partition_key, column ? column : "");
  }
}

/* Columns of a typed table. */
static void learn_of_type(struct lint_facts *f, struct lint_relation *table,
                          const struct sql_name *name)
{
  struct lint_relation *type = lint_facts_relation(f, *name);
  table->of_type = type;
  for (size_t i = 0; i < type->columns.len; i++)
    if (!type->columns.at[i]->dropped)
      facts_copy_column(f, table, type->columns.at[i]);
  table->complete = table->complete && type->complete;
}

/* Keys first, then what may refer to them. */
static void learn_constraints(struct lint_facts *f, struct lint_relation *table,
                              const struct sql_tree *tree)
{
  for (int keys = 1; keys >= 0; keys--)
    for (size_t i = 0; i < tree->constraints.len; i++) {
      const struct sql_constraint *constraint = &tree->constraints.at[i];
      if ((constraint->kind != SQL_FOREIGN_KEY) == (keys == 1))
        facts_add_constraint(f, table, constraint, NULL, true);
    }
}

static void learn_table(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *table = make(f, tree, table_kind(tree));
  if (!table)
    return;
  table->server = table->kind == LINT_FOREIGN_TABLE ? tree->member : NULL;
  learn_partition_key(f, table, tree->partition_key);
  for (size_t i = 0; i < tree->inherits.len; i++)
    facts_inherit(f, table, lint_facts_relation(f, tree->inherits.at[i]));
  if (tree->of_type)
    learn_of_type(f, table, tree->of_type);
  for (size_t i = 0; i < tree->likes.len; i++)
    facts_copy_like(f, table, &tree->likes.at[i]);
  if (tree->partition_of.name)
    facts_become_partition(f, table, lint_facts_relation(f, tree->partition_of), tree->bound);
  for (size_t i = 0; i < tree->columns.len; i++)
    facts_add_column(f, table, &tree->columns.at[i], true);
  learn_constraints(f, table, tree);
}

static void learn_index(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *table = lint_facts_relation(f, tree->name);
  if (tree->if_not_exists && tree->index_name) {
    const struct sql_name at = {.schema = table->at.schema, .name = tree->index_name};
    if (facts_is_there(facts_slot_at(f, &f->relations, at)->item))
      return;
  }
  struct facts_index index = facts_index_of(tree);
  facts_add_index(f, table, &index);
}

static void learn_query(struct lint_facts *f, const struct sql_tree *tree,
                        enum lint_relation_kind kind)
{
  struct lint_relation *relation = NULL;
  if (tree->replace) {
    relation = lint_facts_relation(f, tree->name);
    if (!facts_is_there(relation) || relation->kind != kind)
      relation = NULL;
  }
  if (!relation)
    relation = make(f, tree, kind);
  if (relation)
    facts_read_view(f, relation, tree);
  if (relation && kind == LINT_TABLE) {
    relation->reads = (struct lint_relations){0}; /* it did once */
    relation->read_columns = (struct strings){0};
  }
}

static void learn_schema(struct lint_facts *f, const struct sql_tree *tree)
{
  const char *name = tree->name.name;
  if (!name)
    return;
  const struct facts_schema *old = map_get(f->schemas, name);
  if (!old || old->dropped) {
    struct facts_schema *schema = ARENA_NEW(f->arena, struct facts_schema);
    schema->created = facts_is_news(f);
    schema->created_at = f->now;
    map_put(f->schemas, name, schema);
  }
  struct strings path = f->path;
  f->path = (struct strings){0};
  vec_push(f->arena, &f->path, name);
  for (size_t i = 0; i < path.len; i++)
    vec_push(f->arena, &f->path, path.at[i]);
  for (size_t i = 0; i < tree->elements.len; i++)
    facts_learn_tree(f, tree->elements.at[i]);
  f->path = path;
}

static void learn_trigger(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *table = lint_facts_relation(f, tree->name);
  for (size_t i = 0; i < table->triggers.len; i++)
    if (strcmp(table->triggers.at[i]->name, tree->member) == 0)
      table->triggers.at[i]->dropped = true; /* OR REPLACE */
  facts_trigger_new(f, table, tree->member, tree->trigger);
}

static void learn_sequence(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *sequence = tree->kind == SQL_ALTER_SEQUENCE
                                       ? lint_facts_relation(f, tree->name)
                                       : make(f, tree, LINT_SEQUENCE);
  const struct sql_sequence *from = tree->sequence;
  if (!sequence)
    return;
  if (from->type)
    sequence->sequence_type = strcmp(from->type, "int4") == 0   ? "integer"
                              : strcmp(from->type, "int2") == 0 ? "smallint"
                                                                : "bigint";
  else if (tree->kind != SQL_ALTER_SEQUENCE)
    sequence->sequence_type = "bigint";
  if (from->owned)
    facts_own_sequence(f, sequence,
                       from->owned_by.name ? lint_facts_relation(f, from->owned_by) : NULL,
                       from->owned_by_column);
}

static void learn_composite(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *relation = make(f, tree, LINT_COMPOSITE);
  for (size_t i = 0; relation && i < tree->columns.len; i++)
    facts_add_column(f, relation, &tree->columns.at[i], true);
}

static void learn_other(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_relation *relation = NULL;
  switch (tree->object) {
  case SQL_OBJECT_SEQUENCE:
    learn_sequence(f, tree);
    break;
  case SQL_OBJECT_TYPE:
    facts_learn_type(f, tree);
    if (strcmp(tree->node, "CompositeTypeStmt") == 0)
      learn_composite(f, tree);
    break;
  case SQL_OBJECT_DOMAIN:
    facts_learn_type(f, tree);
    break;
  case SQL_OBJECT_FUNCTION:
    facts_learn_function(f, tree);
    break;
  case SQL_OBJECT_TRIGGER:
    learn_trigger(f, tree);
    break;
  case SQL_OBJECT_POLICY:
    relation = lint_facts_relation(f, tree->name);
    facts_add_policy(f, relation, tree->member, tree->policy);
    break;
  case SQL_OBJECT_RULE:
    relation = lint_facts_relation(f, tree->name);
    facts_add_rule(f, relation, tree->member, tree);
    break;
  case SQL_OBJECT_SERVER:
    if (tree->member)
      map_put(f->servers, tree->name.name, (void *)(uintptr_t)tree->member);
    break;
  default:
    break;
  }
}

/* TimeZone decides whether a timestamp can become a timestamptz as it is. */
static bool is_utc(const char *zone)
{
  static const char *const zones[] = {"utc",       "gmt",           "uct",       "zulu",
                                      "etc/utc",   "etc/gmt",       "etc/uct",   "etc/zulu",
                                      "universal", "etc/universal", "greenwich", "0"};
  for (size_t i = 0; zone && i < COUNT_OF(zones); i++)
    if (strcasecmp(zones[i], zone) == 0)
      return true;
  return false;
}

void facts_begin_zone(struct lint_facts *f)
{
  f->utc = f->input->session && is_utc(f->input->session->timezone);
  f->utc_is_local = false;
}

static void learn_timezone(struct lint_facts *f, const struct sql_tree *tree)
{
  bool about = !tree->setting || strcasecmp(tree->setting, "timezone") == 0;
  const struct lint_tool *tool = f->input->tool;
  bool alone = tool && tool->runs == LINT_RUNS_STATEMENTS && !f->in_block;
  if (!about || (tree->local && alone))
    return;
  if (tree->reset)
    facts_begin_zone(f);
  else
    f->utc = tree->values.len == 1 && is_utc(tree->values.at[0]);
  f->utc_is_local = tree->local;
}

/* CREATE EXTENSION IF NOT EXISTS of one that is there does nothing. */
static bool makes_extension(const struct lint_facts *f, const struct sql_tree *tree)
{
  bool extension = tree->object == SQL_OBJECT_EXTENSION && tree->kind == SQL_CREATE_OTHER;
  return extension && !(tree->if_not_exists && f->input->names &&
                        lint_names_find(f->input->names, SQL_USE_EXTENSION, tree->name.name));
}

static bool calls_unknown(const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->functions.len; i++)
    if (lint_known_volatility(tree->functions.at[i]) == LINT_VOLATILITY_UNKNOWN ||
        strncmp(tree->functions.at[i].name, "dblink", strlen("dblink")) == 0)
      return true;
  return false;
}

static bool runs_code(const struct lint_facts *f, const struct sql_tree *tree)
{
  return makes_extension(f, tree) || tree->kind == SQL_DO || tree->kind == SQL_CALL ||
         tree->kind == SQL_EXECUTE || (tree->kind == SQL_SELECT && calls_unknown(tree)) ||
         tree->kind == SQL_ALTER_EXTENSION ||
         (tree->kind == SQL_SET_SCHEMA && tree->object == SQL_OBJECT_EXTENSION) ||
         strcmp(tree->node, "ImportForeignSchemaStmt") == 0;
}

static void learn_session(struct lint_facts *f, const struct sql_tree *tree)
{
  facts_set_path(f, tree);
  if (tree->kind == SQL_SET)
    learn_timezone(f, tree);
  if (tree->analyze && tree->elements.len == 1)
    facts_learn_tree(f, tree->elements.at[0]); /* EXPLAIN ANALYZE runs it */
  if (strcmp(tree->node, "PrepareStmt") == 0 && tree->elements.len == 1)
    map_put(f->prepared, tree->name.name, (void *)(uintptr_t)tree->elements.at[0]);
  if (tree->kind != SQL_TRANSACTION)
    return;
  f->in_block = !f->in_block;
  if (f->utc_is_local)
    facts_begin_zone(f);
}

void facts_learn_tree(struct lint_facts *f, const struct sql_tree *tree)
{
  switch (tree->kind) {
  case SQL_CREATE_TABLE:
    learn_table(f, tree);
    break;
  case SQL_CREATE_TABLE_AS:
    learn_query(f, tree, LINT_TABLE);
    break;
  case SQL_CREATE_MATVIEW:
    learn_query(f, tree, LINT_MATVIEW);
    break;
  case SQL_CREATE_VIEW:
    learn_query(f, tree, LINT_VIEW);
    break;
  case SQL_CREATE_INDEX:
    learn_index(f, tree);
    break;
  case SQL_CREATE_SCHEMA:
    learn_schema(f, tree);
    break;
  case SQL_CREATE_ENUM:
  case SQL_ALTER_ENUM:
  case SQL_ALTER_DOMAIN:
    facts_learn_type(f, tree);
    break;
  case SQL_CREATE_OTHER:
    learn_other(f, tree);
    break;
  case SQL_CLUSTER:
    if (tree->name.name && tree->member)
      facts_cluster_on(lint_facts_relation(f, tree->name), tree->member);
    break;
  case SQL_ALTER_ROUTINE:
    facts_learn_function(f, tree);
    break;
  case SQL_ALTER_SEQUENCE:
    learn_sequence(f, tree);
    break;
  case SQL_ALTER_TABLE:
    facts_learn_alter(f, tree);
    break;
  case SQL_RENAME:
  case SQL_SET_SCHEMA:
    facts_learn_rename(f, tree);
    break;
  case SQL_DROP:
    facts_learn_drop(f, tree);
    break;
  default:
    learn_session(f, tree);
  }
}

void lint_facts_learn(struct lint_facts *f, struct lint_moment now, const struct sql_tree *tree)
{
  lint_facts_at(f, now);
  f->may_hide = f->may_hide || runs_code(f, tree);
  facts_learn_uses(f, tree);
  facts_learn_tree(f, tree);
}

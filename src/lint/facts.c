#include "lint/facts_private.h"

#include "sql/quote.h"

/* ---- beginning, and where we are ---- */

struct lint_facts *lint_facts_new(struct arena *arena, const struct lint_input *input)
{
  struct lint_facts *f = ARENA_NEW(arena, struct lint_facts);
  f->arena = arena;
  f->input = input;
  f->catalog = input->catalog;
  f->relations = facts_space_new(arena);
  f->types = facts_space_new(arena);
  f->routines = facts_space_new(arena);
  f->constraint_names = map_new(arena);
  f->schemas = map_new(arena);
  f->type_texts = map_new(arena);
  f->prepared = map_new(arena);
  f->servers = map_new(arena);
  f->temporary = map_new(arena);
  for (size_t i = 0; i < COUNT_OF(f->changes); i++)
    f->changes[i] = map_new(arena);
  facts_begin_path(f);
  facts_begin_zone(f);
  if (f->catalog)
    facts_read_catalog(f);
  return f;
}

/* Temporary tables do not outlive the session; whether that of a script is the next one's, too, is
 * not known. */
static void drop_temporary(struct lint_facts *f)
{
  for (size_t i = 0; i < f->all.len; i++) {
    struct lint_relation *relation = f->all.at[i];
    if (strcmp(relation->at.schema, "pg_temp") != 0 || relation->dropped)
      continue;
    facts_bind(f, &f->relations, relation->at, NULL);
    map_put(f->temporary, relation->at.name, relation);
    relation->dropped = true;
  }
}

void lint_facts_at(struct lint_facts *f, struct lint_moment now)
{
  bool next = now.script != f->now.script;
  f->now = now;
  if (!next)
    return;
  facts_begin_path(f);
  f->in_block = false;
  facts_begin_zone(f);
  f->prepared = map_new(f->arena);
  if (f->has_temporary)
    drop_temporary(f);
  f->has_temporary = false;
}

int lint_facts_major(const struct lint_facts *f)
{
  return f->catalog ? f->catalog->server_version / 10000 : f->input->target_major;
}

bool lint_facts_is_new(const struct lint_facts *f, bool created, struct lint_moment at)
{
  return created && (f->catalog || at.script == f->now.script);
}

bool lint_rule_is_there(const struct lint_rule_use *use)
{
  return !use->table->dropped && !use->gone;
}

bool lint_is_new(const struct lint_relation *relation)
{
  return lint_facts_is_new(relation->facts, relation->created, relation->created_at);
}

bool lint_is_partitioned(const struct lint_relation *relation)
{
  return relation->kind == LINT_PARTITIONED_TABLE;
}

bool lint_facts_schema_is_new(const struct lint_facts *f, const char *name)
{
  const struct facts_schema *schema = name ? map_get(f->schemas, name) : NULL;
  return schema && lint_facts_is_new(f, schema->created, schema->created_at);
}

/* ---- look-ups ---- */

struct lint_relation *lint_facts_relation(struct lint_facts *f, struct sql_name name)
{
  const char *written = name.name ? name.name : "";
  const struct facts_slot *slot =
      facts_find(f, &f->relations, (struct sql_name){.schema = name.schema, .name = written});
  if (slot)
    return slot->item;
  const struct sql_name at = {.schema = facts_creation_schema(f, name.schema), .name = written};
  struct lint_relation *relation =
      facts_relation_new(f, at, LINT_UNKNOWN_RELATION, name.schema != NULL);
  const struct facts_schema *schema = map_get(f->schemas, at.schema);
  if (schema && schema->created) { /* what is in a new schema is new */
    relation->created = true;
    relation->created_at = schema->created_at;
  }
  return relation;
}

const struct lint_relation *lint_facts_in_place(struct lint_facts *f, const struct sql_tree *tree)
{
  const struct lint_relation *there =
      facts_slot_at(f, &f->relations, facts_place_of(f, tree))->item;
  return facts_is_there(there) ? there : NULL;
}

bool lint_facts_may_be_temporary(const struct lint_facts *f, struct sql_name name)
{
  return (!name.schema || strcmp(name.schema, "pg_temp") == 0) && map_get(f->temporary, name.name);
}

struct lint_column *lint_facts_column(struct lint_facts *f, const struct lint_relation *table,
                                      const char *name)
{
  struct lint_column *column = facts_find_column(table, name);
  if (column)
    return column;
  column = ARENA_NEW(f->arena, struct lint_column);
  column->name = name;
  if (!table->complete) /* there, as a statement says */
    vec_push(f->arena, &f->all.at[table->number]->columns, column);
  return column;
}

struct lint_constraint *lint_facts_constraint(struct lint_facts *f,
                                              const struct lint_relation *table, const char *name)
{
  struct lint_constraint *constraint = facts_find_constraint(table, name);
  if (constraint)
    return constraint;
  constraint = ARENA_NEW(f->arena, struct lint_constraint);
  constraint->name = name;
  constraint->enforced = true;
  if (!table->complete && name)
    vec_push(f->arena, &f->all.at[table->number]->constraints, constraint);
  return constraint;
}

struct lint_constraints lint_facts_referencing(struct lint_facts *f,
                                               const struct lint_relation *table)
{
  struct lint_constraints all = {0};
  for (size_t i = 0; i < table->referencing.len; i++)
    if (!table->referencing.at[i]->dropped)
      vec_push(f->arena, &all, table->referencing.at[i]);
  return all;
}

struct lint_relations lint_facts_relations(struct lint_facts *f)
{
  return f->all;
}

const struct sql_tree *lint_facts_prepared(const struct lint_facts *f, const char *name)
{
  return name ? map_get(f->prepared, name) : NULL;
}

bool lint_facts_may_hide(const struct lint_facts *f)
{
  return f->may_hide;
}

void lint_facts_doubt(struct lint_facts *f)
{
  f->may_hide = true;
}

bool lint_facts_has_type(struct lint_facts *f, struct sql_name name)
{
  const struct sql_name at = {.schema = facts_creation_schema(f, name.schema), .name = name.name};
  const struct facts_slot *type = facts_slot_at(f, &f->types, at);
  const struct lint_relation *relation = facts_slot_at(f, &f->relations, at)->item;
  bool has_rows =
      facts_is_there(relation) && relation->kind != LINT_INDEX && relation->kind != LINT_SEQUENCE;
  return (type->item && type->firm) || has_rows;
}

bool lint_facts_has_schema(const struct lint_facts *f, const char *name)
{
  const struct facts_schema *schema = name ? map_get(f->schemas, name) : NULL;
  return schema && !schema->dropped;
}

const char *lint_facts_wrapper(const struct lint_facts *f, const char *server)
{
  return server ? map_get(f->servers, server) : NULL;
}

/* ---- questions ---- */

static bool drops_constraint(const struct sql_tree *statement, const char *name)
{
  for (size_t i = 0; i < statement->actions.len; i++) {
    const struct sql_action *action = &statement->actions.at[i];
    if (action->kind == SQL_DROP_CONSTRAINT && action->name && strcmp(action->name, name) == 0)
      return true;
  }
  return false;
}

bool lint_facts_proves_not_null(struct lint_facts *f, const struct lint_relation *table,
                                const char *column, const struct sql_tree *statement)
{
  UNUSED(f);
  for (size_t i = 0; i < table->constraints.len; i++) {
    const struct lint_constraint *constraint = table->constraints.at[i];
    if (constraint->valid && !constraint->dropped && constraint->name &&
        facts_strings_hold(&constraint->proves_not_null, column) &&
        !drops_constraint(statement, constraint->name))
      return true;
  }
  return false;
}

const struct sql_tree *facts_parse(struct lint_facts *f, const char *text)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT; /* what is not read is not known */
  struct sql_script *script = NULL;
  if (sql_script_read(f->arena, "catalog", text, strlen(text), &script, &ignored) < 0)
    return NULL;
  return script->statements.len == 1 ? script->statements.at[0].tree : NULL;
}

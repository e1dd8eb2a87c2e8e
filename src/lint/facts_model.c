#include "lint/facts_private.h"

#include "sql/quote.h"

/* What statements and catalog objects do to the model. */

bool facts_is_news(const struct lint_facts *f)
{
  const struct lint_input *input = f->input;
  bool history = input->history && f->now.script < input->count && input->history[f->now.script];
  enum lint_applied applied = input->files && f->now.script < input->count
                                  ? input->files[f->now.script].applied
                                  : LINT_APPLIED_UNKNOWN;
  if (f->catalog && (applied == LINT_PENDING || applied == LINT_OUT_OF_ORDER))
    history = false; /* the database does not have it yet */
  return !f->reading && f->now.script >= input->known && !history;
}

bool facts_is_there(const struct lint_relation *relation)
{
  return relation && relation->kind != LINT_UNKNOWN_RELATION && !relation->dropped;
}

/* ---- relations ---- */

struct lint_relation *facts_relation_new(struct lint_facts *f, struct sql_name at,
                                         enum lint_relation_kind kind, bool qualified)
{
  struct lint_relation *relation = ARENA_NEW(f->arena, struct lint_relation);
  *relation = (struct lint_relation){
      .number = f->all.len,
      .name = sql_qualified(f->arena, qualified ? at.schema : NULL, at.name),
      .at = at,
      .kind = kind,
      .facts = f,
      .rows = -1,
      .bytes = -1,
  };
  bool known = kind != LINT_UNKNOWN_RELATION;
  if (known) {
    relation->complete = true;
    relation->created = facts_is_news(f);
    relation->created_at = f->now;
    relation->persistence = 'p';
  }
  vec_push(f->arena, &f->all, relation);
  facts_bind(f, &f->relations, at, relation);
  facts_slot_at(f, &f->relations, at)->firm = known;
  return relation;
}

static void count_constraints(struct lint_facts *f, const struct lint_relation *relation, int by)
{
  for (size_t i = 0; i < relation->constraints.len; i++)
    if (!relation->constraints.at[i]->dropped)
      facts_count_constraint(f, relation->at.schema, relation->constraints.at[i]->name, by);
}

void facts_move(struct lint_facts *f, struct lint_relation *relation, const char *schema,
                const char *name)
{
  bool qualified = strcmp(relation->name, sql_ident(f->arena, relation->at.name)) != 0;
  if (facts_slot_at(f, &f->relations, relation->at)->item == relation)
    facts_bind(f, &f->relations, relation->at, NULL);
  count_constraints(f, relation, -1);
  relation->at = (struct sql_name){.schema = schema, .name = name};
  relation->name = sql_qualified(f->arena, qualified ? schema : NULL, name);
  count_constraints(f, relation, 1);
  facts_bind(f, &f->relations, relation->at, relation);
}

void facts_unlink(struct lint_relations *relations, const struct lint_relation *relation)
{
  size_t kept = 0;
  for (size_t i = 0; i < relations->len; i++)
    if (relations->at[i] != relation)
      relations->at[kept++] = relations->at[i];
  relations->len = kept;
}

/* ---- columns ---- */

struct lint_column *facts_find_column(const struct lint_relation *relation, const char *name)
{
  for (size_t i = relation->columns.len; i-- > 0;)
    if (name && strcmp(relation->columns.at[i]->name, name) == 0 &&
        (!relation->columns.at[i]->dropped || !relation->complete))
      return relation->columns.at[i];
  return NULL;
}

struct lint_column *facts_column_new(struct lint_facts *f, struct lint_relation *relation,
                                     const char *name)
{
  struct lint_column *column = ARENA_NEW(f->arena, struct lint_column);
  column->name = name;
  column->created = facts_is_news(f);
  column->created_at = f->now;
  vec_push(f->arena, &relation->columns, column);
  return column;
}

static const char *serial_type(const struct sql_column *column)
{
  const char *name = column->type.name.name;
  if (column->serial)
    return strstr(name, "small") || strcmp(name, "serial2") == 0 ? "smallint"
           : strstr(name, "big") || strcmp(name, "serial8") == 0 ? "bigint"
                                                                 : "integer";
  return column->type.text;
}

void facts_default_sequence(struct lint_facts *f, struct lint_column *column,
                            const struct sql_expression *value)
{
  bool takes = false;
  for (size_t i = 0; value && i < value->functions.len; i++)
    takes = takes || strcmp(value->functions.at[i].name, "nextval") == 0;
  if (takes && value->sequence.name)
    column->sequence = lint_facts_relation(f, value->sequence);
}

static void add_children(struct lint_facts *f, struct lint_relation *relation,
                         const struct sql_column *column)
{
  for (size_t i = 0; i < relation->children.len; i++) {
    struct lint_relation *child = relation->children.at[i];
    if (!facts_find_column(child, column->name))
      facts_add_column(f, child, column, false);
    facts_find_column(child, column->name)->inherited = true;
  }
}

void facts_add_column(struct lint_facts *f, struct lint_relation *relation,
                      const struct sql_column *column, bool creating)
{
  struct lint_column *known = facts_find_column(relation, column->name);
  bool merged = known && !known->dropped && (known->inherited || column->type.text[0] == '\0');
  if (!merged) {
    known = facts_column_new(f, relation, column->name);
    known->type = facts_type_of(f, &column->type);
    known->collation = column->collation;
  }
  known->not_null = known->not_null || column->not_null || column->serial;
  known->has_default = known->has_default || column->default_value || column->serial;
  known->generated = column->generated;
  if (column->generated_as)
    known->generated_from = facts_strings_copy(f, &column->generated_as->columns);
  facts_default_sequence(f, known, column->default_value);
  if (column->serial || column->generated == SQL_GENERATED_IDENTITY)
    facts_make_sequence(f, relation, column->name, serial_type(column));
  for (int keys = 1; keys >= 0; keys--) /* the primary key first */
    for (size_t i = 0; i < column->constraints.len; i++)
      if ((column->constraints.at[i].kind == SQL_PRIMARY_KEY) == (keys == 1))
        facts_add_constraint(f, relation, &column->constraints.at[i], column->name, creating);
  if (!creating)
    add_children(f, relation, column);
}

struct lint_column *facts_copy_column(struct lint_facts *f, struct lint_relation *to,
                                      const struct lint_column *column)
{
  struct lint_column *copy = facts_column_new(f, to, column->name);
  copy->type = column->type;
  copy->collation = column->collation;
  copy->not_null = column->not_null;
  return copy;
}

/* ---- sequences ---- */

void facts_own_sequence(struct lint_facts *f, struct lint_relation *sequence,
                        struct lint_relation *table, const char *column)
{
  if (sequence->owned_by)
    facts_unlink(&sequence->owned_by->sequences, sequence);
  sequence->owned_by = table;
  sequence->owned_by_column = table ? column : NULL;
  if (table)
    vec_push(f->arena, &table->sequences, sequence);
}

char facts_sequence_persistence(const struct lint_relation *table)
{
  enum { UNLOGGED_SEQUENCES_SINCE = 15 };
  int major = lint_facts_major(table->facts);
  bool always_logged = major > 0 && major < UNLOGGED_SEQUENCES_SINCE;
  return table->persistence == 'u' && always_logged ? 'p' : table->persistence;
}

void facts_make_sequence(struct lint_facts *f, struct lint_relation *table, const char *column,
                         const char *type)
{
  const struct strings columns = {.at = &column, .len = 1};
  const char *name = facts_choose_name(f, table, &columns, "seq", FACTS_RELATIONS);
  bool qualified = strcmp(table->name, sql_ident(f->arena, table->at.name)) != 0;
  struct lint_relation *sequence = facts_relation_new(
      f, (struct sql_name){.schema = table->at.schema, .name = name}, LINT_SEQUENCE, qualified);
  sequence->sequence_type = type;
  sequence->persistence = facts_sequence_persistence(table);
  facts_own_sequence(f, sequence, table, column);
  lint_facts_column(f, table, column)->sequence = sequence;
}

/* ---- constraints ---- */

struct lint_constraint *facts_find_constraint(const struct lint_relation *relation,
                                              const char *name)
{
  for (size_t i = relation->constraints.len; i-- > 0;)
    if (name && relation->constraints.at[i]->name &&
        strcmp(relation->constraints.at[i]->name, name) == 0)
      return relation->constraints.at[i];
  return NULL;
}

void facts_read_check(struct lint_facts *f, const struct sql_expression *check,
                      struct lint_constraint *ret)
{
  struct sql_expression *kept = ARENA_NEW(f->arena, struct sql_expression);
  *kept = *check; /* the caller's may not last */
  ret->check = kept;
  ret->not_null_column = check->not_null_column;
  for (size_t i = 0; i < check->conditions.len; i++)
    if (check->conditions.at[i].op && strcmp(check->conditions.at[i].op, "is not null") == 0)
      facts_strings_add(f, &ret->proves_not_null, check->conditions.at[i].column);
}

static struct strings columns_of(struct lint_facts *f, const struct sql_constraint *constraint,
                                 const char *column)
{
  struct strings columns = {0};
  if (constraint->kind == SQL_CHECK)
    return facts_strings_copy(f, &constraint->check.columns);
  for (size_t i = 0; i < constraint->keys.len; i++)
    if (constraint->keys.at[i].column)
      facts_strings_add(f, &columns, constraint->keys.at[i].column);
  for (size_t i = 0; i < constraint->columns.len; i++)
    vec_push(f->arena, &columns, constraint->columns.at[i]);
  if (columns.len == 0 && column)
    vec_push(f->arena, &columns, column);
  return columns;
}

static void make_not_null(struct lint_relation *table, const struct strings *columns)
{
  for (size_t i = 0; i < columns->len; i++) {
    struct lint_column *column = facts_find_column(table, columns->at[i]);
    if (column)
      column->not_null = true;
  }
}

static const char *chosen_name(struct lint_facts *f, const struct lint_relation *table,
                               const struct lint_constraint *constraint)
{
  switch (constraint->kind) {
  case SQL_FOREIGN_KEY:
    return facts_choose_name(f, table, &constraint->columns, "fkey", FACTS_CONSTRAINTS);
  case SQL_NOT_NULL:
    return facts_choose_name(f, table, &constraint->columns, "not_null", FACTS_CONSTRAINTS);
  default:
    return facts_choose_name(f, table, constraint->columns.len == 1 ? &constraint->columns : NULL,
                             "check", FACTS_CONSTRAINTS);
  }
}

/* The index of UNIQUE, PRIMARY KEY and EXCLUDE; the constraint has its name. */
static void add_key(struct lint_facts *f, struct lint_relation *table,
                    const struct sql_constraint *from, const char *column,
                    struct lint_constraint *constraint)
{
  struct lint_relation *index = NULL;
  if (from->using_index) {
    const struct sql_name at = {.schema = table->at.schema, .name = from->using_index};
    index = lint_facts_relation(f, at);
    constraint->columns = facts_strings_copy(f, &index->index_columns);
    if (from->name && strcmp(from->name, index->at.name) != 0)
      facts_move(f, index, index->at.schema, from->name);
    index->constraint = constraint;
    index->primary = from->kind == SQL_PRIMARY_KEY;
  } else {
    struct facts_index definition = facts_index_of_constraint(f, from->name, from, column);
    definition.constraint = constraint;
    index = facts_add_index(f, table, &definition);
  }
  constraint->name = index->at.name;
  constraint->index = index;
  if (from->kind == SQL_PRIMARY_KEY)
    make_not_null(table, &constraint->columns);
}

static struct strings primary_key(struct lint_facts *f, const struct lint_relation *table)
{
  for (size_t i = 0; i < table->indexes.len; i++)
    if (table->indexes.at[i]->primary)
      return facts_strings_copy(f, &table->indexes.at[i]->index_columns);
  return (struct strings){0};
}

static void fill(struct lint_facts *f, struct lint_relation *table,
                 const struct sql_constraint *from, struct lint_constraint *constraint)
{
  if (from->kind == SQL_CHECK) {
    facts_read_check(f, &from->check, constraint);
    constraint->definition = from->text;
  } else if (from->kind == SQL_FOREIGN_KEY) {
    constraint->referenced = lint_facts_relation(f, from->referenced);
    constraint->on_delete = from->on_delete;
    constraint->on_update = from->on_update;
    constraint->referenced_columns = from->referenced_columns.len > 0
                                         ? facts_strings_copy(f, &from->referenced_columns)
                                         : primary_key(f, constraint->referenced);
    vec_push(f->arena, &constraint->referenced->referencing, constraint);
  } else if (from->kind == SQL_NOT_NULL && constraint->columns.len > 0) {
    constraint->not_null_column = constraint->columns.at[0];
    facts_strings_add(f, &constraint->proves_not_null, constraint->not_null_column);
    if (constraint->valid)
      make_not_null(table, &constraint->columns);
  }
}

/* UNIQUE without a name over the columns of a key that the same CREATE TABLE has is left out. */
static bool is_repeated(const struct lint_relation *table, const struct sql_constraint *from,
                        const struct strings *columns)
{
  if (from->kind != SQL_UNIQUE || from->name)
    return false;
  for (size_t i = 0; i < table->indexes.len; i++) {
    const struct lint_relation *index = table->indexes.at[i];
    if (index->constraint && index->unique && !index->parent && index->index_include.len == 0 &&
        from->include.len == 0 && facts_strings_equal(&index->index_columns, columns))
      return true;
  }
  return false;
}

struct lint_constraint *facts_add_constraint(struct lint_facts *f, struct lint_relation *table,
                                             const struct sql_constraint *from, const char *column,
                                             bool creating)
{
  struct strings columns = columns_of(f, from, column);
  if (creating && is_repeated(table, from, &columns))
    return NULL;
  struct lint_constraint *constraint = ARENA_NEW(f->arena, struct lint_constraint);
  *constraint = (struct lint_constraint){.kind = from->kind,
                                         .relation = table,
                                         .columns = columns,
                                         .added = facts_is_news(f),
                                         .added_at = f->now,
                                         .enforced = !from->not_enforced,
                                         .deferrable = from->deferrable,
                                         .no_inherit = from->no_inherit};
  constraint->valid = constraint->enforced && (creating || !from->not_valid);
  if (from->kind == SQL_UNIQUE || from->kind == SQL_PRIMARY_KEY || from->kind == SQL_EXCLUDE)
    add_key(f, table, from, column, constraint);
  else
    constraint->name = from->name ? from->name : chosen_name(f, table, constraint);
  fill(f, table, from, constraint);
  vec_push(f->arena, &table->constraints, constraint);
  facts_count_constraint(f, table->at.schema, constraint->name, 1);
  for (size_t i = 0; i < table->children.len; i++)
    facts_pass_on_constraint(f, table->children.at[i], constraint);
  return constraint;
}

/* ---- triggers and policies ---- */

static void add_columns(struct lint_facts *f, struct strings *columns,
                        const struct sql_expression *expression)
{
  for (size_t i = 0; expression && i < expression->columns.len; i++)
    facts_strings_add(f, columns, expression->columns.at[i]);
}

struct lint_trigger *facts_trigger_new(struct lint_facts *f, struct lint_relation *table,
                                       const char *name, const struct sql_trigger *from)
{
  struct lint_trigger *trigger = ARENA_NEW(f->arena, struct lint_trigger);
  trigger->name = name;
  vec_push(f->arena, &table->triggers, trigger);
  if (!from)
    return trigger;
  trigger->function = from->function.name;
  trigger->constraint = from->constraint;
  trigger->row = from->row;
  trigger->columns = facts_strings_copy(f, &from->columns);
  add_columns(f, &trigger->columns, from->when);
  return trigger;
}

void facts_drop_rule(struct lint_relation *table, const char *name)
{
  size_t kept = 0;
  for (size_t i = 0; i < table->rules.len; i++)
    if (strcmp(table->rules.at[i], name) != 0)
      table->rules.at[kept++] = table->rules.at[i];
  table->rules.len = kept;
  for (size_t i = 0; i < table->rule_uses.len; i++)
    if (table->rule_uses.at[i]->table == table && strcmp(table->rule_uses.at[i]->rule, name) == 0)
      table->rule_uses.at[i]->gone = true;
}

void facts_rename_rule(struct lint_relation *table, const char *from, const char *to)
{
  facts_strings_rename(&table->rules, from, to);
  for (size_t i = 0; i < table->rule_uses.len; i++)
    if (table->rule_uses.at[i]->table == table && strcmp(table->rule_uses.at[i]->rule, from) == 0)
      table->rule_uses.at[i]->rule = to;
}

/* In the place of one of that name, if there is one. */
void facts_add_rule(struct lint_facts *f, struct lint_relation *table, const char *name,
                    const struct sql_tree *tree)
{
  static const char every[] = "*";
  facts_drop_rule(table, name);
  struct lint_rule_use *use = ARENA_NEW(f->arena, struct lint_rule_use);
  *use = (struct lint_rule_use){.rule = arena_strdup(f->arena, name), .table = table, .from = tree};
  facts_strings_add(f, &table->rules, use->rule);
  if (tree)
    use->columns = facts_strings_copy(f, &tree->read_columns);
  else
    vec_push(f->arena, &use->columns, every);
  vec_push(f->arena, &table->rule_uses, use);
  for (size_t i = 0; tree && i < tree->reads.len; i++) {
    struct lint_relation *other = lint_facts_relation(f, tree->reads.at[i]);
    if (other != table)
      vec_push(f->arena, &other->rule_uses, use);
  }
}

void facts_add_policy(struct lint_facts *f, struct lint_relation *table, const char *name,
                      const struct sql_policy *policy)
{
  facts_strings_add(f, &table->policy_names, name);
  table->policies = (int)table->policy_names.len;
  if (!policy)
    return;
  add_columns(f, &table->policy_columns, policy->using);
  add_columns(f, &table->policy_columns, policy->check);
}

/* ---- views ---- */

static void read_targets(struct lint_facts *f, struct lint_relation *view,
                         const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->targets.len; i++) {
    const char *name = tree->targets.at[i];
    const struct lint_relation *only = view->reads.len == 1 ? view->reads.at[0] : NULL;
    if (strcmp(name, "*") == 0 && tree->targets.len == 1 && only && only->complete) {
      for (size_t j = 0; j < only->columns.len; j++)
        if (!only->columns.at[j]->dropped)
          facts_copy_column(f, view, only->columns.at[j])->not_null = false;
    } else if (strcmp(name, "*") == 0) {
      view->complete = false;
    } else if (!facts_find_column(view, name)) {
      facts_column_new(f, view, name);
    }
  }
  struct lint_columns results;
  for (size_t i = 0; lint_facts_results(f, tree, &results) && i < results.len; i++) {
    struct lint_column *column = facts_find_column(view, results.at[i]->name);
    if (!column)
      continue;
    if (!column->type)
      column->type = results.at[i]->type;
    column->collation = results.at[i]->collation;
    column->collation_known = results.at[i]->collation_known;
  }
}

/* CREATE OR REPLACE may read other tables than the view did before. */
void facts_read_view(struct lint_facts *f, struct lint_relation *view, const struct sql_tree *tree)
{
  for (size_t i = 0; i < view->reads.len; i++)
    facts_unlink(&view->reads.at[i]->readers, view);
  view->reads = (struct lint_relations){0};
  view->read_columns = facts_strings_copy(f, &tree->read_columns);
  for (size_t i = 0; i < tree->reads.len; i++) {
    struct lint_relation *read = lint_facts_relation(f, tree->reads.at[i]);
    facts_unlink(&view->reads, read);
    vec_push(f->arena, &view->reads, read);
    if (view->kind == LINT_VIEW || view->kind == LINT_MATVIEW) {
      facts_unlink(&read->readers, view);
      vec_push(f->arena, &read->readers, view);
    }
  }
  read_targets(f, view, tree);
}

/* The light catalog as text, so that two of them can be compared: relations by name, what they have
 * by name. */
#pragma once

#include "lint/facts.h"

struct facts_text {
  struct arena *arena;
  struct text out;
};

static int compare_lines(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_sorted(struct facts_text *t, const struct strings *lines, const char *between)
{
  if (lines->len > 0)
    qsort(lines->at, lines->len, sizeof(lines->at[0]), compare_lines);
  for (size_t i = 0; i < lines->len; i++)
    text_printf(&t->out, "%s%s", i > 0 ? between : "", lines->at[i]);
}

static const char *joined_names(struct arena *arena, const struct strings *names)
{
  const char *all = "";
  for (size_t i = 0; i < names->len; i++)
    all = arena_printf(arena, "%s%s%s", all, i > 0 ? "," : "", *names->at[i] ? names->at[i] : "?");
  return all;
}

static const char *at_text(struct arena *arena, const struct lint_relation *relation)
{
  return arena_printf(arena, "%s.%s", relation->at.schema, relation->at.name);
}

static const char *column_line(struct arena *arena, const struct lint_column *column)
{
  const struct sql_type *type = column->type;
  const char *name = type && type->name.schema
                         ? arena_printf(arena, "%s.%s%s", type->name.schema, type->name.name,
                                        type->array_dimensions > 0 ? "[]" : "")
                     : type ? type->text
                            : "?";
  static const char *const generated[] = {"", " stored", " identity"};
  return arena_printf(
      arena, "%s %s%s%s%s%s%s%s%s", column->name, name, column->collation ? " collate " : "",
      column->collation ? column->collation : "", column->not_null ? " not null" : "",
      column->has_default ? " default" : "", generated[column->generated],
      column->inherited ? " inherited" : "",
      column->generated_from.len > 0
          ? arena_printf(arena, " from %s", joined_names(arena, &column->generated_from))
          : "");
}

static const char *constraint_line(struct arena *arena, const struct lint_constraint *constraint)
{
  static const char *const kinds[] = {"check",       "not null",    "unique",
                                      "primary key", "foreign key", "exclude"};
  struct strings proves = constraint->proves_not_null;
  return arena_printf(
      arena, "%s %s(%s)%s%s%s%s%s%s%s%s%s%s", constraint->name, kinds[constraint->kind],
      joined_names(arena, &constraint->columns), constraint->referenced ? " to " : "",
      constraint->referenced ? at_text(arena, constraint->referenced) : "",
      constraint->referenced_columns.len > 0 ? " columns " : "",
      joined_names(arena, &constraint->referenced_columns), constraint->index ? " by " : "",
      constraint->index ? constraint->index->at.name : "", proves.len > 0 ? " proves " : "",
      joined_names(arena, &proves), constraint->valid ? "" : " not valid",
      constraint->inherited ? " inherited" : "");
}

static const char *index_line(struct arena *arena, const struct lint_relation *index)
{
  return arena_printf(
      arena, "%s %s%s%s(%s)%s%s%s%s%s%s", index->at.name,
      index->primary  ? "primary "
      : index->unique ? "unique "
                      : "",
      index->index_method, index->partial ? " partial " : "",
      joined_names(arena, &index->index_columns), index->index_uses.len > 0 ? " uses " : "",
      joined_names(arena, &index->index_uses), index->index_valid ? "" : " invalid",
      index->parent ? " of " : "", index->parent ? index->parent->at.name : "",
      index->constraint ? arena_printf(arena, " for %s", index->constraint->name) : "");
}

static void put_parts(struct facts_text *t, const struct lint_relation *relation)
{
  struct arena *arena = t->arena;
  struct strings constraints = {0}, indexes = {0}, others = {0};
  for (size_t i = 0; i < relation->constraints.len; i++)
    if (!relation->constraints.at[i]->dropped)
      vec_push(arena, &constraints,
               arena_printf(arena, "\n  %s", constraint_line(arena, relation->constraints.at[i])));
  for (size_t i = 0; i < relation->indexes.len; i++)
    vec_push(arena, &indexes,
             arena_printf(arena, "\n  index %s", index_line(arena, relation->indexes.at[i])));
  for (size_t i = 0; i < relation->triggers.len; i++)
    if (!relation->triggers.at[i]->dropped)
      vec_push(arena, &others,
               arena_printf(arena, "\n  trigger %s calls %s", relation->triggers.at[i]->name,
                            relation->triggers.at[i]->function));
  for (size_t i = 0; i < relation->readers.len; i++)
    vec_push(arena, &others,
             arena_printf(arena, "\n  read by %s", at_text(arena, relation->readers.at[i])));
  for (size_t i = 0; i < relation->children.len; i++)
    vec_push(arena, &others,
             arena_printf(arena, "\n  child %s", at_text(arena, relation->children.at[i])));
  for (size_t i = 0; i < relation->referencing.len; i++)
    if (!relation->referencing.at[i]->dropped)
      vec_push(arena, &others,
               arena_printf(arena, "\n  referenced by %s of %s", relation->referencing.at[i]->name,
                            at_text(arena, relation->referencing.at[i]->relation)));
  for (size_t i = 0; i < relation->policy_names.len; i++)
    vec_push(arena, &others, arena_printf(arena, "\n  policy %s", relation->policy_names.at[i]));
  for (size_t i = 0; i < relation->rules.len; i++)
    vec_push(arena, &others, arena_printf(arena, "\n  rule %s", relation->rules.at[i]));
  put_sorted(t, &constraints, "");
  put_sorted(t, &indexes, "");
  put_sorted(t, &others, "");
}

/* Types of a view's columns are known from the catalog only. */
static const char *column_text(struct arena *arena, const struct lint_relation *relation,
                               const struct lint_column *column)
{
  return relation->kind == LINT_VIEW || relation->kind == LINT_MATVIEW ? column->name
                                                                       : column_line(arena, column);
}

static const char *relation_text(struct arena *arena, const struct lint_relation *relation)
{
  static const char *const kinds[] = {"unknown",       "table",    "partitioned table",
                                      "foreign table", "view",     "matview",
                                      "index",         "sequence", "composite"};
  struct facts_text t = {.arena = arena, .out = TEXT_INIT};
  struct strings columns = {0};
  text_printf(&t.out, "%s%s %s", relation->complete ? "" : "incomplete ", kinds[relation->kind],
              at_text(arena, relation));
  for (size_t i = 0; i < relation->columns.len; i++)
    if (!relation->columns.at[i]->dropped)
      vec_push(arena, &columns, column_text(arena, relation, relation->columns.at[i]));
  text_puts(&t.out, columns.len > 0 ? " (" : "");
  put_sorted(&t, &columns, ", ");
  text_puts(&t.out, columns.len > 0 ? ")" : "");
  if (relation->persistence == 'u' || relation->persistence == 't')
    text_puts(&t.out, relation->persistence == 'u' ? " unlogged" : " temporary");
  if (relation->partition_strategy)
    text_printf(&t.out, " by %s(%s)", relation->partition_strategy,
                joined_names(arena, &relation->partition_key));
  if (relation->parent && relation->kind != LINT_INDEX)
    text_printf(&t.out, " of %s %s", at_text(arena, relation->parent), relation->bound);
  if (relation->default_partition)
    text_printf(&t.out, " default %s", at_text(arena, relation->default_partition));
  if (relation->kind == LINT_SEQUENCE)
    text_printf(&t.out, " %s%s%s%s%s", relation->sequence_type, relation->owned_by ? " of " : "",
                relation->owned_by ? at_text(arena, relation->owned_by) : "",
                relation->owned_by ? "." : "", relation->owned_by ? relation->owned_by_column : "");
  text_puts(&t.out, relation->row_security ? " row security" : "");
  put_parts(&t, relation);
  const char *text = arena_strdup(arena, t.out.data);
  text_clear(&t.out);
  return text;
}

/* All that is there, indexes with their tables. */
static const char *facts_as_text(struct arena *arena, struct lint_facts *facts)
{
  struct facts_text t = {.arena = arena, .out = TEXT_INIT};
  struct lint_relations all = lint_facts_relations(facts);
  struct strings lines = {0};
  for (size_t i = 0; i < all.len; i++)
    if (!all.at[i]->dropped && all.at[i]->kind != LINT_UNKNOWN_RELATION &&
        all.at[i]->kind != LINT_INDEX)
      vec_push(arena, &lines, relation_text(arena, all.at[i]));
  put_sorted(&t, &lines, "\n");
  const char *text = arena_strdup(arena, t.out.data);
  text_clear(&t.out);
  return text;
}

#include "lint/observe.h"

const struct lint_sight *lint_observation_of(const struct lint_observation *observation,
                                             size_t script, size_t statement)
{
  if (!observation || script >= observation->count || statement >= observation->scripts[script].len)
    return NULL;
  return &observation->scripts[script].at[statement];
}

static void add_lock(struct arena *arena, struct lint_locks *locks, struct lint_relation *relation,
                     enum lint_lock_mode mode)
{
  for (size_t i = 0; i < locks->len; i++) {
    if (locks->at[i].relation != relation)
      continue;
    if (locks->at[i].mode < mode)
      locks->at[i].mode = mode;
    return;
  }
  vec_push(arena, locks, ((struct lint_lock){relation, mode}));
}

static void add_relations(struct arena *arena, struct lint_facts *facts,
                          const struct lint_seen_relations *seen, struct lint_relations *ret)
{
  for (size_t i = 0; i < seen->len; i++) {
    struct lint_relation *relation = lint_facts_relation(facts, seen->at[i].at);
    if (relation->kind == LINT_UNKNOWN_RELATION)
      relation->kind = seen->at[i].kind;
    bool is_in = false;
    for (size_t k = 0; k < ret->len; k++)
      is_in = is_in || ret->at[k] == relation;
    if (!is_in)
      vec_push(arena, ret, relation);
  }
}

static void add_strings(struct arena *arena, const struct strings *from, struct strings *ret)
{
  for (size_t i = 0; i < from->len; i++) {
    bool is_in = false;
    for (size_t k = 0; k < ret->len; k++)
      is_in = is_in || strcmp(ret->at[k], from->at[i]) == 0;
    if (!is_in)
      vec_push(arena, ret, from->at[i]);
  }
}

/* ADD COLUMN ... NOT NULL without a value passes on an empty table only. */
static const char *fails_with_rows(struct arena *arena, struct lint_facts *facts,
                                   const struct lint_sight *sight)
{
  for (size_t i = 0; i < sight->needs_empty.len; i++) {
    const struct lint_unfilled_column *c = &sight->needs_empty.at[i];
    if (lint_facts_relation(facts, c->table)->rows > 0)
      return arena_printf(arena, "column \"%s\" of relation \"%s\" contains null values", c->column,
                          c->table.name);
  }
  return NULL;
}

void lint_effects_observe(struct arena *arena, struct lint_facts *facts,
                          const struct lint_sight *sight, struct lint_effects *effects)
{
  if (sight->unseen)
    return;
  effects->source = LINT_OBSERVED;
  if (!effects->fails)
    effects->fails = sight->fails ? sight->fails : fails_with_rows(arena, facts, sight);
  if (sight->fails)
    return; /* what it would have done otherwise was not seen */
  if (sight->all_locks && !sight->by_rows)
    effects->locks = (struct lint_locks){0};
  if (!sight->by_rows) {
    effects->rewrites = effects->scans = (struct lint_relations){0};
    effects->drops = (struct strings){0};
  }
  for (size_t i = 0; i < sight->locks.len; i++)
    add_lock(arena, &effects->locks, lint_facts_relation(facts, sight->locks.at[i].relation),
             sight->locks.at[i].mode);
  add_relations(arena, facts, &sight->rewrites, &effects->rewrites);
  add_relations(arena, facts, &sight->scans, &effects->scans);
  add_strings(arena, &sight->drops, &effects->drops);
  effects->unknown =
      sight->by_rows ? "what it does may depend on rows, and the shadow has none" : NULL;
}

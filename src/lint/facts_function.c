#include "lint/facts_private.h"

/* Functions: which one a name means, and whether a call is volatile. */

enum { INLINE_DEPTH_MAX = 8 };

void facts_add_function(struct lint_facts *f, struct sql_name name, struct facts_function function,
                        bool replace)
{
  const struct sql_name at = {.schema = facts_creation_schema(f, name.schema), .name = name.name};
  const struct facts_slot *slot = facts_slot_at(f, &f->routines, at);
  if (!slot->item)
    facts_bind(f, &f->routines, at, ARENA_NEW(f->arena, struct facts_functions));
  struct facts_functions *all = slot->item;
  for (size_t i = 0; replace && i < all->len; i++) {
    const char *signature = all->at[i].signature;
    if (signature && function.signature && strcmp(signature, function.signature) == 0) {
      all->at[i] = function;
      return;
    }
  }
  vec_push(f->arena, all, function);
}

static const struct sql_routine *routine_of(struct lint_facts *f, struct facts_function *function)
{
  if (function->routine || !function->object)
    return function->routine;
  const char *definition = catalog_get(function->object, "definition");
  const struct sql_tree *tree = definition ? facts_parse(f, definition) : NULL;
  if (tree && tree->routine) {
    function->routine = tree->routine;
    function->signature = tree->routine->signature;
  }
  function->object = NULL;
  return function->routine;
}

bool lint_facts_has_function(struct lint_facts *f, struct sql_name name, const char *signature)
{
  const struct sql_name at = {.schema = facts_creation_schema(f, name.schema), .name = name.name};
  struct facts_functions *all = facts_slot_at(f, &f->routines, at)->item;
  for (size_t i = 0; all && signature && i < all->len; i++) {
    routine_of(f, &all->at[i]);
    if (all->at[i].signature && strcmp(all->at[i].signature, signature) == 0)
      return true;
  }
  return false;
}

/* Which of several functions is meant is known by its parameters only: all that could be are
 * changed where that makes them volatile, else only a single one. */
static void learn_alter_function(struct lint_facts *f, const struct sql_tree *tree)
{
  const struct facts_slot *slot = facts_find(f, &f->routines, tree->name);
  struct facts_functions *all = slot ? slot->item : NULL;
  const char *volatility = tree->routine->volatility;
  for (size_t i = 0; all && volatility && i < all->len; i++) {
    const struct sql_routine *routine = routine_of(f, &all->at[i]);
    bool meant = routine && strcmp(routine->signature, tree->routine->signature) == 0;
    if (!routine || !(meant || all->len == 1 || strcmp(volatility, "volatile") == 0))
      continue;
    struct sql_routine *changed = ARENA_NEW(f->arena, struct sql_routine);
    *changed = *routine;
    changed->volatility = volatility;
    all->at[i].routine = changed;
  }
}

void facts_learn_function(struct lint_facts *f, const struct sql_tree *tree)
{
  if (tree->kind == SQL_ALTER_ROUTINE) {
    learn_alter_function(f, tree);
    return;
  }
  const struct facts_slot *slot = facts_find(f, &f->routines, tree->name);
  struct facts_functions *all = slot && tree->replace ? slot->item : NULL;
  for (size_t i = 0; all && i < all->len; i++)
    routine_of(f, &all->at[i]); /* their signatures */
  facts_add_function(
      f, tree->name,
      (struct facts_function){.routine = tree->routine, .signature = tree->routine->signature},
      tree->replace);
}

void facts_rename_function(struct lint_facts *f, const struct sql_tree *tree)
{
  const struct facts_slot *slot = facts_find(f, &f->routines, tree->name);
  const struct facts_functions *all = slot ? slot->item : NULL;
  if (!all)
    return;
  const struct sql_name from = {.schema = slot->schema, .name = tree->name.name};
  struct sql_name to = from;
  *(tree->kind == SQL_SET_SCHEMA ? &to.schema : &to.name) = tree->new_name;
  if (strcmp(to.schema, from.schema) == 0 && strcmp(to.name, from.name) == 0)
    return; /* where it is already */
  for (size_t i = 0; i < all->len; i++)
    facts_add_function(f, to, all->at[i], false);
  if (all->len == 1) /* else it is not known which one is left */
    facts_bind(f, &f->routines, from, NULL);
}

void facts_drop_functions(struct lint_facts *f, const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct facts_slot *slot = facts_find(f, &f->routines, tree->names.at[i]);
    const struct facts_functions *all = slot ? slot->item : NULL;
    if (all && all->len == 1) /* of several it is not known which one */
      facts_bind(f, &f->routines,
                 (struct sql_name){.schema = slot->schema, .name = tree->names.at[i].name}, NULL);
  }
}

/* ---- volatility ---- */

static enum lint_volatility volatility(struct lint_facts *f, struct sql_name name, int depth);

static enum lint_volatility worse(enum lint_volatility a, enum lint_volatility b)
{
  return a == LINT_VOLATILE || b == LINT_VOLATILE ? LINT_VOLATILE : a > b ? a : b;
}

/* The planner puts the expression of a simple SQL function in the place of a call, and looks at
 * that. Of a STRICT one only if nothing in it could turn NULL into a value. */
static bool is_inlined(const struct sql_routine *routine)
{
  return routine->result && !routine->security_definer && routine->settings.len == 0 &&
         (!routine->strict || (routine->parameters == 0 && routine->result->functions.len == 0));
}

static enum lint_volatility routine_volatility(struct lint_facts *f,
                                               const struct sql_routine *routine, int depth)
{
  if (!routine)
    return LINT_VOLATILITY_UNKNOWN;
  if (routine->volatility && strcmp(routine->volatility, "volatile") != 0)
    return LINT_NOT_VOLATILE;
  if (!is_inlined(routine) || depth >= INLINE_DEPTH_MAX)
    return LINT_VOLATILE;
  enum lint_volatility worst = LINT_NOT_VOLATILE;
  for (size_t i = 0; i < routine->result->functions.len; i++)
    worst = worse(worst, volatility(f, routine->result->functions.at[i], depth + 1));
  return worst;
}

static enum lint_volatility volatility(struct lint_facts *f, struct sql_name name, int depth)
{
  enum lint_volatility built_in = lint_known_volatility(name);
  const struct facts_slot *slot = facts_find(f, &f->routines, name);
  struct facts_functions *all = slot ? slot->item : NULL;
  if (!all || all->len == 0)
    return built_in;
  enum lint_volatility worst = LINT_NOT_VOLATILE;
  for (size_t i = 0; i < all->len; i++)
    worst = worse(worst, routine_volatility(f, routine_of(f, &all->at[i]), depth));
  /* A name of the server's own may still mean that one. */
  return built_in == LINT_VOLATILE && !name.schema ? built_in : worst;
}

enum lint_volatility lint_facts_volatility(struct lint_facts *f, struct sql_name function)
{
  return volatility(f, function, 0);
}

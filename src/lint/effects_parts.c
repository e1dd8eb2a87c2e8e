#include "lint/effects_private.h"

/* What hangs on a relation and is named with it: columns, constraints, triggers, policies,
 * rules. */

/* From 18 on NOT NULL is a constraint, too, with a name that the server may have given. */
static bool has_constraint(struct effecting *e, const struct lint_relation *relation,
                           const char *name)
{
  for (size_t i = 0; i < relation->constraints.len; i++)
    if (!relation->constraints.at[i]->dropped && relation->constraints.at[i]->name &&
        strcmp(relation->constraints.at[i]->name, name) == 0)
      return true;
  return (e->major == 0 || e->major >= 18) && strstr(name, "not_null");
}

/* Partitions have those of the partitioned table, too. */
static bool has_trigger(const struct lint_relation *relation, const char *name)
{
  for (const struct lint_relation *at = relation; at; at = at->parent)
    for (size_t i = 0; i < at->triggers.len; i++)
      if (!at->triggers.at[i]->dropped && strcmp(at->triggers.at[i]->name, name) == 0)
        return true;
  return false;
}

static bool has_part(struct effecting *e, const struct lint_relation *relation,
                     enum sql_object object, const char *name)
{
  switch (object) {
  case SQL_OBJECT_COLUMN:
    return effect_column(relation, name) != NULL;
  case SQL_OBJECT_CONSTRAINT:
    return has_constraint(e, relation, name);
  case SQL_OBJECT_TRIGGER:
    return has_trigger(relation, name);
  case SQL_OBJECT_POLICY:
    return effect_names(&relation->policy_names, name);
  case SQL_OBJECT_RULE:
    return effect_names(&relation->rules, name) || strcmp(name, "_RETURN") == 0;
  default:
    return true;
  }
}

bool effect_lacks_part(struct effecting *e, const struct lint_relation *relation,
                       enum sql_object object, const char *name)
{
  return name && relation && relation->complete && !has_part(e, relation, object, name);
}

void effect_need_part(struct effecting *e, const struct lint_relation *relation,
                      enum sql_object object, const char *name)
{
  if (!effect_lacks_part(e, relation, object, name))
    return;
  const char *of = relation->at.name;
  if (object == SQL_OBJECT_COLUMN)
    effect_fail_name(e, "column \"%s\" of relation \"%s\" does not exist", name, of);
  else if (object == SQL_OBJECT_CONSTRAINT)
    effect_fail_name(e, "constraint \"%s\" for table \"%s\" does not exist", name, of);
  else if (object == SQL_OBJECT_TRIGGER)
    effect_fail_name(e, "trigger \"%s\" for table \"%s\" does not exist", name, of);
  else if (object == SQL_OBJECT_POLICY)
    effect_fail_name(e, "policy \"%s\" for table \"%s\" does not exist", name, of);
  else
    effect_fail_name(e, "rule \"%s\" for relation \"%s\" does not exist", name, of);
}

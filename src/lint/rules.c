#include "base/suggest.h"
#include "lint/check.h"

extern const struct lint_family lint_family_destructive, lint_family_data, lint_family_index,
    lint_family_constraint, lint_family_foreign_key, lint_family_not_null, lint_family_column,
    lint_family_type, lint_family_partition, lint_family_may_fail, lint_family_rename,
    lint_family_maintenance, lint_family_transaction, lint_family_meta, lint_family_enum,
    lint_family_matview, lint_family_trigger, lint_family_style;

/* In the order of `belay explain`. */
const struct lint_family *const lint_families[] = {
    &lint_family_destructive, &lint_family_data,     &lint_family_index,   &lint_family_constraint,
    &lint_family_foreign_key, &lint_family_not_null, &lint_family_column,  &lint_family_type,
    &lint_family_partition,   &lint_family_may_fail, &lint_family_rename,  &lint_family_maintenance,
    &lint_family_transaction, &lint_family_enum,     &lint_family_matview, &lint_family_trigger,
    &lint_family_style,       &lint_family_meta,
};
const size_t lint_family_count = COUNT_OF(lint_families);

const struct lint_rule *lint_rule_next(const struct lint_rule *rule)
{
  bool found = rule == NULL;
  for (size_t f = 0; f < COUNT_OF(lint_families); f++) {
    for (size_t i = 0; i < lint_families[f]->rule_count; i++) {
      if (found)
        return &lint_families[f]->rules[i];
      found = &lint_families[f]->rules[i] == rule;
    }
  }
  return NULL;
}

const struct lint_rule *lint_rule_find(const char *id)
{
  for (size_t f = 0; f < COUNT_OF(lint_families); f++)
    for (size_t i = 0; i < lint_families[f]->rule_count; i++)
      if (strcmp(lint_families[f]->rules[i].id, id) == 0)
        return &lint_families[f]->rules[i];
  return NULL;
}

enum { PART_LEN_MIN = 4, RULES_MAX = 256 }; /* shorter pieces are in too many names */

const char *lint_rule_suggest(const char *id)
{
  const char *ids[RULES_MAX];
  size_t count = 0;
  for (const struct lint_rule *r = lint_rule_next(NULL); r && count < RULES_MAX;
       r = lint_rule_next(r))
    ids[count++] = r->id;
  for (size_t i = 0; i < count && strlen(id) >= PART_LEN_MIN; i++)
    if (strstr(ids[i], id))
      return ids[i];
  return suggest_word(id, ids, count);
}

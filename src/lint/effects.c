#include "lint/effects.h"

static const char *const lock_names[][2] = {
    [LINT_NO_LOCK] = {"", ""},
    [LINT_ACCESS_SHARE] = {"AccessShareLock", "ACCESS SHARE"},
    [LINT_ROW_SHARE] = {"RowShareLock", "ROW SHARE"},
    [LINT_ROW_EXCLUSIVE] = {"RowExclusiveLock", "ROW EXCLUSIVE"},
    [LINT_SHARE_UPDATE_EXCLUSIVE] = {"ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"},
    [LINT_SHARE] = {"ShareLock", "SHARE"},
    [LINT_SHARE_ROW_EXCLUSIVE] = {"ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"},
    [LINT_EXCLUSIVE] = {"ExclusiveLock", "EXCLUSIVE"},
    [LINT_ACCESS_EXCLUSIVE] = {"AccessExclusiveLock", "ACCESS EXCLUSIVE"},
};

const char *lint_lock_name(enum lint_lock_mode mode)
{
  return lock_names[mode][0];
}

const char *lint_lock_words(enum lint_lock_mode mode)
{
  return lock_names[mode][1];
}

void lint_effects_of(struct lint_facts *facts, const struct sql_statement *statement,
                     struct lint_effects *ret)
{
  UNUSED(facts);
  UNUSED(statement);
  *ret = (struct lint_effects){.unknown = "not looked at"};
}

enum lint_lock_mode lint_effects_lock(const struct lint_effects *effects,
                                      const struct lint_relation *relation)
{
  for (size_t i = 0; i < effects->locks.len; i++)
    if (effects->locks.at[i].relation == relation)
      return effects->locks.at[i].mode;
  return LINT_NO_LOCK;
}

static bool holds(const struct lint_relations *relations, const struct lint_relation *relation)
{
  for (size_t i = 0; i < relations->len; i++)
    if (relations->at[i] == relation)
      return true;
  return false;
}

bool lint_effects_rewrites(const struct lint_effects *effects, const struct lint_relation *relation)
{
  return holds(&effects->rewrites, relation);
}

bool lint_effects_scans(const struct lint_effects *effects, const struct lint_relation *relation)
{
  return holds(&effects->scans, relation);
}

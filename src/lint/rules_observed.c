/* What was seen on a shadow and no rule has found in the text. */
#define _GNU_SOURCE
#include "lint/check.h"

#include <strings.h>

static const struct lint_rule rules[] = {
    {.id = "observed-failure",
     .severity = LINT_ERROR,
     .summary = "the server refused the statement on the shadow",
     .hazard = "It fails in the same way when the migration is applied, and what follows it does "
               "not run.",
     .safe = "Correct the statement.",
     .needs = LINT_NEEDS_OBSERVATION},
    {.id = "observed-rewrite",
     .severity = LINT_ERROR,
     .summary = "the server wrote a table anew",
     .hazard = "Nobody can read or write the table until all of it and its indexes are written.",
     .lock = LOCK_AX,
     .safe = "Add a new column or table, fill it in batches, then swap the names.",
     .needs = LINT_NEEDS_OBSERVATION},
    {.id = "observed-blocking-scan",
     .severity = LINT_WARNING,
     .summary = "the server read a whole table under a lock that stops writers",
     .hazard = "Writes, and with ACCESS EXCLUSIVE reads as well, wait until every row was read.",
     .lock = "SHARE or more",
     .safe = "Add constraints NOT VALID and validate them later; build indexes CONCURRENTLY.",
     .needs = LINT_NEEDS_OBSERVATION},
    {.id = "observed-access-exclusive",
     .severity = LINT_INFO,
     .summary = "code took an ACCESS EXCLUSIVE lock",
     .hazard = "It waits for every running query on the table, and every new one waits behind it.",
     .lock = LOCK_AX,
     .safe = "Set lock_timeout, and keep the transaction short.",
     .needs = LINT_NEEDS_OBSERVATION},
    {.id = "observed-drop",
     .severity = LINT_ERROR,
     .summary = "something was dropped that the statement does not name",
     .hazard = "CASCADE, or code, takes along what others use; rows in it are lost.",
     .safe = "Drop each object by its name, after nothing uses it.",
     .needs = LINT_NEEDS_OBSERVATION},
    {.id = "observed-invalid",
     .severity = LINT_ERROR,
     .summary = "an invalid index was left behind",
     .hazard = "Every write has to keep it up to date and no query uses it; IF NOT EXISTS takes it "
               "for a good one.",
     .safe = "Drop it and build it again.",
     .needs = LINT_NEEDS_OBSERVATION},
    {.id = "not-observed",
     .severity = LINT_INFO,
     .summary = "a statement could not be watched on the shadow",
     .hazard = "What is said of it rests on its text alone.",
     .safe = "Read the reason; let belay prove the migration before it is applied.",
     .needs = LINT_NEEDS_OBSERVATION},
};

/* Code that other rules cannot read. */
static bool is_opaque(const struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  return !tree || tree->kind == SQL_DO || tree->kind == SQL_CALL || tree->kind == SQL_EXECUTE ||
         tree->kind == SQL_SELECT;
}

/* A rule about locks has said something of the relation already. */
static bool is_told(const struct lint *lint, const struct lint_relation *relation)
{
  const struct lint_findings *findings = &lint->report->findings;
  for (size_t i = findings->len; i > 0 && findings->at[i - 1].script == lint->now.script; i--) {
    const struct lint_finding *f = &findings->at[i - 1];
    if (f->statement == lint->now.statement && f->rule->lock && f->relation &&
        strcmp(f->relation, relation->name) == 0)
      return true;
  }
  return false;
}

static bool holds_rows(const struct lint_relation *relation)
{
  return relation->kind != LINT_INDEX && relation->kind != LINT_SEQUENCE;
}

static void check_rewrites(struct lint *lint)
{
  for (size_t i = 0; i < lint->effects->rewrites.len; i++) {
    const struct lint_relation *table = lint->effects->rewrites.at[i];
    struct lint_at at = {.relation = table, .eases = true};
    if (holds_rows(table) && !lint_is_new(table) && !is_told(lint, table))
      lint_add(lint, "observed-rewrite", at, "%s is written anew", table->name);
  }
}

static void check_scans(struct lint *lint)
{
  for (size_t i = 0; i < lint->effects->scans.len; i++) {
    const struct lint_relation *table = lint->effects->scans.at[i];
    enum lint_lock_mode mode = lint_effects_lock(lint->effects, table);
    struct lint_at at = {.relation = table, .eases = true};
    if (mode >= LINT_SHARE && !lint_is_new(table) && !is_told(lint, table))
      lint_add(lint, "observed-blocking-scan", at, "all of %s is read under a lock of %s",
               table->name, lint_lock_words(mode));
  }
}

static void check_locks(struct lint *lint)
{
  for (size_t i = 0; i < lint->effects->locks.len; i++) {
    const struct lint_lock *lock = &lint->effects->locks.at[i];
    struct lint_at at = {.relation = lock->relation};
    if (lock->mode == LINT_ACCESS_EXCLUSIVE && holds_rows(lock->relation) &&
        !lint_is_new(lock->relation) && !is_told(lint, lock->relation))
      lint_add(lint, "observed-access-exclusive", at, "%s is locked ACCESS EXCLUSIVE",
               lock->relation->name);
  }
}

static bool starts_with(const char *text, const char *prefix)
{
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "index public.orders_total", "constraint total on public.orders": the name without its schema */
static const char *bare_name(struct arena *arena, const char *object)
{
  static const char *const two_words[] = {"materialized ", "foreign "};
  for (size_t i = 0; i < COUNT_OF(two_words); i++)
    if (starts_with(object, two_words[i]))
      object += strlen(two_words[i]);
  const char *name = object + strcspn(object, " ");
  name += *name == ' ';
  size_t len = strcspn(name, " (");
  size_t start = len;
  while (start > 0 && name[start - 1] != '.')
    start--;
  return arena_strndup(arena, name + start, len - start);
}

/* Rows go with it; else only what can be made again. */
static int harm_lower(const char *object)
{
  static const char *const with_rows[] = {"table ", "column ", "foreign table "};
  static const char *const small[] = {"index ", "statistics ", "sequence ", "materialized view "};
  for (size_t i = 0; i < COUNT_OF(with_rows); i++)
    if (starts_with(object, with_rows[i]))
      return 0;
  for (size_t i = 0; i < COUNT_OF(small); i++)
    if (starts_with(object, small[i]))
      return 2;
  return 1;
}

static void check_drops(struct lint *lint)
{
  for (size_t i = 0; i < lint->sight->drops.len; i++) {
    const char *object = lint->sight->drops.at[i];
    bool named = !is_opaque(lint) &&
                 strcasestr(lint->statement->text, bare_name(lint->arena, object)) != NULL;
    if (!named)
      lint_add(lint, "observed-drop", (struct lint_at){.lower = harm_lower(object)},
               "%s is dropped", object);
  }
}

static void check(struct lint *lint)
{
  const struct lint_sight *sight = lint->sight;
  if (sight->unseen) {
    lint_add(lint, "not-observed", (struct lint_at){0}, "not watched: %s", sight->unseen);
    return;
  }
  if (sight->fails) {
    lint_add(lint, "observed-failure", (struct lint_at){0}, "the server says: %s", sight->fails);
    return;
  }
  for (size_t i = 0; i < sight->invalid.len; i++)
    if (starts_with(sight->invalid.at[i], "index "))
      lint_add(lint, "observed-invalid", (struct lint_at){0}, "%s is invalid",
               sight->invalid.at[i]);
  check_rewrites(lint);
  check_scans(lint);
  check_drops(lint);
  if (is_opaque(lint))
    check_locks(lint);
}

const struct lint_family lint_family_observed = {rules, COUNT_OF(rules), .seen = check};

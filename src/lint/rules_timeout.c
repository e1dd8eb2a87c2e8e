/* Timeouts of the session that applies the file. */
#include "lint/check.h"

#include <stdlib.h>
#include <strings.h>

static const struct lint_rule rules[] = {
    {.id = "require-lock-timeout",
     .severity = LINT_INFO,
     .summary = "a strong lock is waited for without a lock_timeout",
     .hazard = "While it waits behind one long transaction, every new query of the table queues "
               "behind it.",
     .lock = "SHARE or stronger",
     .safe = "Begin the file with SET lock_timeout and try again when it fails; belay run does "
             "both."},
    {.id = "lock-timeout-too-late",
     .severity = LINT_WARNING,
     .summary = "lock_timeout is set behind the first lock, or longer than the policy's",
     .hazard = "The lock before it may be waited for without end.",
     .lock = "SHARE or stronger",
     .safe = "Set it in the first line, no longer than applications can stand still."},
    {.id = "require-statement-timeout",
     .severity = LINT_INFO,
     .summary = "a long statement runs without a statement_timeout",
     .hazard = "It takes as long as it takes, with its locks, and nobody stops it.",
     .safe = "Set statement_timeout; belay run does."},
    {.id = "require-idle-timeout",
     .severity = LINT_INFO,
     .summary = "a transaction of the file may be left open without a timeout",
     .hazard =
         "When the client hangs between two statements its locks stay until somebody notices.",
     .safe = "Set idle_in_transaction_session_timeout, or transaction_timeout from 17 on."},
};

/* ---- reading ---- */

/* A duration as the server reads it, in ms where no unit is written; 0 is none, -1 not known. */
static int64_t milliseconds(const char *value)
{
  static const struct {
    const char *unit;
    int64_t ms;
  } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
  char *end;
  double n = strtod(value, &end);
  while (*end == ' ')
    end++;
  for (size_t i = 0; end != value && i < COUNT_OF(units); i++)
    if (strcmp(end, units[i].unit) == 0)
      return (int64_t)(n * (double)units[i].ms);
  return -1;
}

static int kind_of(const char *setting)
{
  static const char *const names[LINT_TIMEOUT_COUNT] = {
      [LINT_TIMEOUT_LOCK] = "lock_timeout",
      [LINT_TIMEOUT_STATEMENT] = "statement_timeout",
      [LINT_TIMEOUT_IDLE] = "idle_in_transaction_session_timeout"};
  for (int i = 0; i < LINT_TIMEOUT_COUNT; i++)
    if (strcasecmp(setting, names[i]) == 0)
      return i;
  return strcasecmp(setting, "transaction_timeout") == 0 ? LINT_TIMEOUT_IDLE : -1;
}

/* SELECT set_config('lock_timeout', '2s', true) */
static bool reads_config(const struct sql_tree *tree, const char **ret_name, const char **ret_value)
{
  for (size_t i = 0; i < tree->functions.len && tree->strings.len >= 2; i++) {
    if (strcmp(tree->functions.at[i].name, "set_config") != 0)
      continue;
    *ret_name = tree->strings.at[0];
    *ret_value = tree->strings.at[1];
    return true;
  }
  return false;
}

static bool reads_set(const struct sql_tree *tree, const char **ret_name, const char **ret_value)
{
  if (tree->kind != SQL_SET || !tree->setting)
    return reads_config(tree, ret_name, ret_value);
  *ret_name = tree->setting;
  *ret_value = tree->reset || tree->values.len == 0 ? "0" : tree->values.at[0];
  return true;
}

/* ---- what is set ---- */

static bool session_has(const struct lint *lint, enum lint_timeout timeout)
{
  const struct lint_session *session = lint->input->session;
  if (!session || !session->timeouts_known)
    return false;
  return (timeout == LINT_TIMEOUT_LOCK        ? session->lock_timeout_ms
          : timeout == LINT_TIMEOUT_STATEMENT ? session->statement_timeout_ms
                                              : session->idle_timeout_ms) > 0;
}

static void check_longer(struct lint *lint, const char *value)
{
  const struct lint_session *session = lint->input->session;
  int64_t policy = session && session->timeouts_known ? session->lock_timeout_ms : 0;
  if (policy > 0 && milliseconds(value) > policy)
    lint_add(lint, "lock-timeout-too-late", (struct lint_at){0},
             "lock_timeout becomes %s, longer than the %g s of whoever applies the file", value,
             (double)policy / 1000);
}

static void learn_setting(struct lint *lint)
{
  const char *name, *value;
  if (!reads_set(lint->tree, &name, &value))
    return;
  int kind = kind_of(name);
  if (kind < 0 || (lint->tree->local && !lint_in_transaction(lint)))
    return; /* SET LOCAL outside of a transaction does nothing */
  struct lint_timeouts *timeouts = &lint->timeouts;
  timeouts->set[kind] = milliseconds(value) != 0;
  if (kind == LINT_TIMEOUT_LOCK && timeouts->set[kind])
    check_longer(lint, value);
  bool late =
      kind == LINT_TIMEOUT_LOCK && timeouts->set[kind] && timeouts->lacks[kind] && !timeouts->late;
  if (!late)
    return;
  timeouts->late = true;
  lint_add(lint, "lock-timeout-too-late", (struct lint_at){0},
           "lock_timeout is set behind the first statement that waits for a lock, in line %d",
           lint->script->statements.at[timeouts->first[kind]].start.line);
}

static void lacks(struct lint *lint, enum lint_timeout timeout)
{
  struct lint_timeouts *timeouts = &lint->timeouts;
  if (timeouts->lacks[timeout] || timeouts->set[timeout] || session_has(lint, timeout))
    return;
  timeouts->lacks[timeout] = true;
  timeouts->first[timeout] = lint->now.statement;
}

/* ---- what needs it ---- */

static bool waits(const struct lint_effects *effects)
{
  for (size_t i = 0; i < effects->locks.len; i++)
    if (effects->locks.at[i].mode >= LINT_SHARE && !lint_is_new(effects->locks.at[i].relation))
      return true;
  return false;
}

static bool has_old(const struct lint_relations *relations)
{
  for (size_t i = 0; i < relations->len; i++)
    if (!lint_is_new(relations->at[i]))
      return true;
  return false;
}

static bool is_long(struct lint *lint)
{
  const struct sql_changes *changes = &lint->tree->changes;
  for (size_t i = 0; i < changes->len; i++)
    if ((changes->at[i].kind != SQL_INSERT || changes->at[i].from_select) &&
        !lint_is_new(lint_facts_relation(lint->facts, changes->at[i].relation)))
      return true;
  return has_old(&lint->effects->rewrites) || has_old(&lint->effects->scans);
}

static void check(struct lint *lint)
{
  learn_setting(lint);
  bool strong = waits(lint->effects);
  if (strong)
    lacks(lint, LINT_TIMEOUT_LOCK);
  if (strong && lint->in_block)
    lacks(lint, LINT_TIMEOUT_IDLE);
  if (!lint->statement->bare && is_long(lint)) /* what is bare may take its time */
    lacks(lint, LINT_TIMEOUT_STATEMENT);
}

static void end(struct lint *lint)
{
  static const struct {
    const char *rule, *message;
  } missing[LINT_TIMEOUT_COUNT] = {
      [LINT_TIMEOUT_LOCK] = {"require-lock-timeout",
                             "this waits for its lock as long as it takes, and all new queries "
                             "behind it: no lock_timeout is set"},
      [LINT_TIMEOUT_STATEMENT] = {"require-statement-timeout",
                                  "this may run as long as it takes: no statement_timeout is set"},
      [LINT_TIMEOUT_IDLE] = {"require-idle-timeout",
                             "locks stay if the client hangs before COMMIT: no "
                             "idle_in_transaction_session_timeout is set"}};
  const struct lint_timeouts *timeouts = &lint->timeouts;
  for (int i = 0; i < LINT_TIMEOUT_COUNT; i++) {
    if (!timeouts->lacks[i] || (i == LINT_TIMEOUT_LOCK && timeouts->late))
      continue;
    lint_turn_to(lint, timeouts->first[i]);
    lint_add(lint, missing[i].rule, (struct lint_at){0}, "%s", missing[i].message);
  }
}

static void begin(struct lint *lint)
{
  lint->timeouts = (struct lint_timeouts){0};
}

const struct lint_family lint_family_timeout = {rules, COUNT_OF(rules), .script = begin,
                                                .statement = check, .script_end = end};

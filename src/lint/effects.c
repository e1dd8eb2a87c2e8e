#include "lint/effects_private.h"

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

/* ---- gathering ---- */

/* Nobody waits for what the same script made, and what it dropped is not there. */
static bool counts(const struct effecting *e, const struct lint_relation *relation)
{
  if (!relation || relation->dropped || lint_is_new(relation))
    return false;
  return !relation->created || relation->created_at.script != e->input->now.script;
}

static bool holds(const struct lint_relations *relations, const struct lint_relation *relation)
{
  for (size_t i = 0; i < relations->len; i++)
    if (relations->at[i] == relation)
      return true;
  return false;
}

void effect_lock(struct effecting *e, struct lint_relation *relation, enum lint_lock_mode mode)
{
  if (!counts(e, relation) || mode == LINT_NO_LOCK)
    return;
  for (size_t i = 0; i < e->ret->locks.len; i++) {
    struct lint_lock *lock = &e->ret->locks.at[i];
    if (lock->relation != relation)
      continue;
    lock->mode = mode > lock->mode ? mode : lock->mode;
    return;
  }
  vec_push(e->arena, &e->ret->locks, ((struct lint_lock){.relation = relation, .mode = mode}));
}

void effect_rewrite(struct effecting *e, struct lint_relation *relation)
{
  if (counts(e, relation) && !holds(&e->ret->rewrites, relation))
    vec_push(e->arena, &e->ret->rewrites, relation);
}

void effect_scan(struct effecting *e, struct lint_relation *table)
{
  if (counts(e, table) && !holds(&e->ret->scans, table))
    vec_push(e->arena, &e->ret->scans, table);
}

bool effect_is_gone(const struct effecting *e, const struct lint_relation *relation)
{
  return holds(&e->gone, relation);
}

void effect_gone(struct effecting *e, struct lint_relation *relation)
{
  if (relation && !effect_is_gone(e, relation))
    vec_push(e->arena, &e->gone, relation);
}

const char *effect_kind_word(enum lint_relation_kind kind)
{
  switch (kind) {
  case LINT_VIEW:
    return "view";
  case LINT_MATVIEW:
    return "materialized view";
  case LINT_INDEX:
    return "index";
  case LINT_SEQUENCE:
    return "sequence";
  case LINT_FOREIGN_TABLE:
    return "foreign table";
  case LINT_COMPOSITE:
    return "type";
  default:
    return "table";
  }
}

void effect_drop(struct effecting *e, struct lint_relation *relation)
{
  if (!relation || effect_is_gone(e, relation))
    return;
  effect_gone(e, relation);
  if (counts(e, relation))
    effect_drop_object(e, effect_kind_word(relation->kind), relation->name);
}

void effect_drop_object(struct effecting *e, const char *kind, const char *name)
{
  vec_push(e->arena, &e->ret->drops, arena_printf(e->arena, "%s %s", kind, name));
}

void effect_fail(struct effecting *e, const char *fmt, ...)
{
  if (e->ret->fails)
    return;
  va_list args;
  va_start(args, fmt);
  e->ret->fails = arena_vprintf(e->arena, fmt, args);
  va_end(args);
}

void effect_fail_name(struct effecting *e, const char *fmt, ...)
{
  if (e->ret->fails || lint_facts_may_hide(e->facts))
    return;
  va_list args;
  va_start(args, fmt);
  e->ret->fails = arena_vprintf(e->arena, fmt, args);
  va_end(args);
}

void effect_unknown(struct effecting *e, const char *fmt, ...)
{
  if (e->ret->unknown)
    return;
  va_list args;
  va_start(args, fmt);
  e->ret->unknown = arena_vprintf(e->arena, fmt, args);
  va_end(args);
}

/* ---- one statement ---- */

static void dispatch(struct effecting *e)
{
  switch (e->tree->kind) {
  case SQL_ALTER_TABLE:
    effects_alter(e);
    break;
  case SQL_CREATE_INDEX:
  case SQL_REINDEX:
    effects_index(e);
    break;
  case SQL_DROP:
  case SQL_DROP_OWNED:
    effects_drop(e);
    break;
  case SQL_RENAME:
  case SQL_SET_SCHEMA:
    effects_rename(e);
    break;
  case SQL_SELECT:
  case SQL_INSERT:
  case SQL_UPDATE:
  case SQL_DELETE:
  case SQL_MERGE:
  case SQL_COPY:
    effects_data(e);
    break;
  case SQL_TRUNCATE:
  case SQL_VACUUM:
  case SQL_CLUSTER:
  case SQL_REFRESH:
  case SQL_LOCK:
    effects_maintenance(e);
    break;
  case SQL_CREATE_TABLE:
  case SQL_CREATE_TABLE_AS:
  case SQL_CREATE_MATVIEW:
  case SQL_CREATE_VIEW:
  case SQL_CREATE_SCHEMA:
  case SQL_CREATE_OTHER:
    effects_create(e);
    break;
  default:
    effects_other(e);
  }
}

void effect_inside(struct effecting *e, const struct sql_tree *tree)
{
  const struct sql_tree *whole = e->tree;
  e->tree = tree;
  dispatch(e);
  e->tree = whole;
}

void lint_effects_of(const struct lint_effects_input *input, struct lint_effects *ret)
{
  const struct sql_statement *statement = input->statement;
  *ret = (struct lint_effects){.source = input->catalog ? LINT_CATALOG : LINT_STATIC};
  struct effecting e = {.facts = input->facts,
                        .arena = input->arena,
                        .input = input,
                        .statement = statement,
                        .tree = statement->tree,
                        .major = input->major,
                        .ret = ret};
  if (!e.tree) {
    ret->unknown = "not understood";
    return;
  }
  const struct sql_newest *newest = &e.tree->newest;
  if (newest->major > e.major && e.major > 0)
    effect_fail(&e, "syntax error: %s is known to servers from %d on", newest->clause,
                newest->major);
  if (statement->bare && input->in_transaction)
    effect_fail(&e, "%s cannot run inside a transaction block", statement->bare);
  effects_refuse(&e);
  if (e.tree->kind == SQL_ALTER_TABLE && !effect_is_absent(&e, e.tree->name))
    effects_names(&e);
  dispatch(&e);
  effects_names(&e);
  effects_columns(&e);
  if (ret->fails)
    *ret = (struct lint_effects){.source = ret->source, .fails = ret->fails};
}

/* ---- asking ---- */

enum lint_lock_mode lint_effects_lock(const struct lint_effects *effects,
                                      const struct lint_relation *relation)
{
  for (size_t i = 0; i < effects->locks.len; i++)
    if (effects->locks.at[i].relation == relation)
      return effects->locks.at[i].mode;
  return LINT_NO_LOCK;
}

bool lint_effects_rewrites(const struct lint_effects *effects, const struct lint_relation *relation)
{
  return holds(&effects->rewrites, relation);
}

bool lint_effects_scans(const struct lint_effects *effects, const struct lint_relation *relation)
{
  return holds(&effects->scans, relation);
}

#include "inverse/round.h"

#include "sql/quote.h"

static void before_data(struct round *r, const struct catalog_change *c, const char *alter)
{
  const enum inverse_phase phase = INVERSE_BEFORE_DATA;
  const struct catalog_object *goal = c->before;
  const char *type = catalog_get(goal, "of_type"), *method = catalog_get(goal, "access_method");
  const char *tablespace = catalog_get(goal, "tablespace");
  if (round_changed(c, "persistence"))
    round_emit(r, phase, round_note(r, goal, "is written anew"), "%s SET %s", alter,
               catalog_is(goal, "persistence", "u") ? "UNLOGGED" : "LOGGED");
  if (round_changed(c, "of_type"))
    round_emit(r, phase, NULL, type ? "%s OF %s" : "%s NOT OF%s", alter, type ? type : "");
  if (round_changed(c, "access_method"))
    round_emit(r, phase, NULL, "%s SET ACCESS METHOD %s", alter,
               method ? sql_ident(r->arena, method) : "heap");
  if (round_changed(c, "tablespace"))
    round_emit(r, phase, round_note(r, goal, "is written anew"), "%s SET TABLESPACE %s", alter,
               tablespace ? sql_ident(r->arena, tablespace) : "pg_default");
}

/* Marks that name an index wait until it is there. */
static bool index_is_there(const struct round *r, const struct catalog_object *table,
                           const char *name)
{
  const enum catalog_kind kinds[] = {CATALOG_INDEX, CATALOG_CONSTRAINT};
  for (size_t k = 0; k < COUNT_OF(kinds); k++) {
    struct catalog_objects list = catalog_children(r->arena, r->from, table, kinds[k]);
    for (size_t i = 0; i < list.len; i++)
      if (strcmp(list.at[i]->name, name) == 0 ||
          strcmp(sql_ident(r->arena, list.at[i]->name), name) == 0)
        return true;
  }
  return false;
}

static void index_marks(struct round *r, const struct catalog_change *c, const char *alter)
{
  static const char using[] = "USING INDEX ";
  const enum inverse_phase phase = INVERSE_AFTER_DATA;
  const char *cluster = catalog_get(c->before, "cluster_on");
  const char *replica = catalog_get(c->before, "replica_identity");
  if (round_changed(c, "cluster_on") && !cluster)
    round_emit(r, phase, NULL, "%s SET WITHOUT CLUSTER", alter);
  if (round_changed(c, "cluster_on") && cluster && index_is_there(r, c->after, cluster))
    round_emit(r, phase, NULL, "%s CLUSTER ON %s", alter, sql_ident(r->arena, cluster));
  bool names_index = replica && strncmp(replica, using, strlen(using)) == 0;
  if (round_changed(c, "replica_identity") &&
      (!names_index || index_is_there(r, c->after, replica + strlen(using))))
    round_emit(r, phase, NULL, "%s REPLICA IDENTITY %s", alter, replica ? replica : "DEFAULT");
}

/* Of the trigger that a clone on this table comes from. */
static const char *state_above(struct round *r, const struct catalog_object *table,
                               const char *trigger)
{
  const struct catalog_object *found = NULL;
  const char *above = catalog_get(table, "partition_of");
  while (above && !found) {
    const struct catalog_object *t = catalog_find_name(r->from, CATALOG_TABLE, above);
    if (!t)
      break;
    found = catalog_find_name(r->from, CATALOG_TRIGGER,
                              arena_printf(r->arena, "%s.%s", above, sql_ident(r->arena, trigger)));
    above = catalog_get(t, "partition_of");
  }
  return found ? catalog_get(found, "enabled") : NULL;
}

static const char *state_in(const struct strings *states, const char *trigger)
{
  for (size_t i = 0; i + 1 < states->len; i += 2)
    if (strcmp(states->at[i], trigger) == 0)
      return states->at[i + 1];
  return NULL;
}

static void back_to_trigger_states(struct round *r, const struct catalog_change *c)
{
  struct strings lists[] = {round_json_strings(r->arena, catalog_get(c->after, "trigger_states")),
                            round_json_strings(r->arena, catalog_get(c->before, "trigger_states"))};
  for (size_t k = 0; k < COUNT_OF(lists); k++)
    for (size_t i = 0; i + 1 < lists[k].len; i += 2) {
      const char *trigger = lists[k].at[i], *goal = state_in(&lists[1], trigger);
      const char *above = state_above(r, c->after, trigger);
      bool twice = k == 0 && goal;
      if (above && !twice)
        round_emit(r, INVERSE_AFTER_DATA, round_note(r, c->before, "had a trigger switched"),
                   "ALTER TABLE ONLY %s %s TRIGGER %s", c->before->identity,
                   catalog_enable_words(goal ? goal : above), sql_ident(r->arena, trigger));
    }
}

static void after_data(struct round *r, const struct catalog_change *c, const char *alter)
{
  const enum inverse_phase phase = INVERSE_AFTER_DATA;
  static const char *const options[] = {"options", "toast_options"};
  for (size_t i = 0; i < COUNT_OF(options); i++)
    if (round_changed(c, options[i]))
      alter_options(r, phase, alter, catalog_get(c->after, options[i]),
                    catalog_get(c->before, options[i]));
  index_marks(r, c, alter);
  if (round_changed(c, "row_security"))
    round_emit(r, phase, round_note(r, c->before, "had row security switched"),
               "%s %s ROW LEVEL SECURITY", alter,
               catalog_get(c->before, "row_security") ? "ENABLE" : "DISABLE");
  if (round_changed(c, "force_row_security"))
    round_emit(r, phase, NULL, "%s %s ROW LEVEL SECURITY", alter,
               catalog_get(c->before, "force_row_security") ? "FORCE" : "NO FORCE");
  if (round_changed(c, "trigger_states"))
    back_to_trigger_states(r, c);
  alter_foreign_options(r, c, alter);
}

void alter_table(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  const char *alter = arena_printf(r->arena, "ALTER TABLE %s", c->before->identity);
  if (phase == INVERSE_BEFORE_DATA)
    before_data(r, c, alter);
  else
    after_data(r, c, alter);
}

static char *index_name(struct round *r, const struct catalog_object *o)
{
  return sql_qualified(r->arena, o->parent && o->parent->schema ? o->parent->schema : o->schema,
                       o->name);
}

/* {"1": 100} */
static void alter_index_statistics(struct round *r, const struct catalog_change *c,
                                   const char *property)
{
  const char *current = catalog_get(c->after, property), *goal = catalog_get(c->before, property);
  const char *const texts[] = {current, goal};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    for (const char *p = texts[i]; p && (p = strchr(p, '"')); p = strchr(p + 1, '"') + 1) {
      char *colon;
      long column = strtol(p + 1, &colon, 10);
      const char *value = strchr(colon, ':');
      round_emit(r, INVERSE_AFTER_DATA, NULL, "ALTER INDEX %s ALTER COLUMN %ld SET STATISTICS %ld",
                 index_name(r, c->before), column,
                 i == 0 || !value ? -1L : strtol(value + 1, NULL, 10));
    }
  }
}

static void attach_index(struct round *r, const struct catalog_change *c)
{
  const char *identity = catalog_get(c->before, "partition_parent");
  const struct catalog_object *whole = NULL;
  if (identity)
    whole = catalog_find_name(r->from, CATALOG_INDEX, identity);
  if (identity && !whole)
    whole = catalog_find_name(r->from, CATALOG_CONSTRAINT, identity);
  if (whole)
    round_emit(r, INVERSE_AFTER_DATA, NULL, "ALTER INDEX %s ATTACH PARTITION %s",
               index_name(r, whole), index_name(r, c->before));
}

static void alter_index_options(struct round *r, const struct catalog_change *c)
{
  const char *now, *goal;
  if (round_index_options(r, c, &now, &goal))
    alter_options(r, INVERSE_AFTER_DATA,
                  arena_printf(r->arena, "ALTER INDEX %s", index_name(r, c->before)), now, goal);
}

void alter_constraint(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  const struct catalog_object *goal = c->before;
  if (phase != INVERSE_AFTER_DATA)
    return;
  if (round_changed(c, "definition"))
    round_emit(r, phase, round_note(r, goal, "was valid"), "ALTER %s %s VALIDATE CONSTRAINT %s",
               goal->parent->kind == CATALOG_DOMAIN ? "DOMAIN" : "TABLE", round_table_of(goal),
               sql_ident(r->arena, goal->name));
  alter_index_options(r, c);
  if (round_changed(c, "index_statistics"))
    alter_index_statistics(r, c, "index_statistics");
  if (round_changed(c, "partition_parent"))
    attach_index(r, c);
  if (round_changed(c, "index_comment"))
    round_emit(r, phase, NULL, "COMMENT ON INDEX %s IS %s", index_name(r, goal),
               sql_literal(r->arena, catalog_get(goal, "index_comment")));
}

void alter_index(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  const char *tablespace = catalog_get(c->before, "tablespace");
  if (phase != INVERSE_AFTER_DATA)
    return;
  alter_index_options(r, c);
  if (round_changed(c, "statistics"))
    alter_index_statistics(r, c, "statistics");
  if (round_changed(c, "tablespace"))
    round_emit(r, phase, NULL, "ALTER INDEX %s SET TABLESPACE %s", index_name(r, c->before),
               tablespace ? sql_ident(r->arena, tablespace) : "pg_default");
  if (round_changed(c, "partition_parent"))
    attach_index(r, c);
}

/* The plan for a rollback's own capture, and plans as JSON: a plan is made when the inverse is
 * proven and used when the run is rolled back, by another process. */
#include "inverse/capture_fate.h"
#include "inverse/round.h"

static void add_all(struct arena *arena, struct strings *to, const struct strings *from)
{
  for (size_t i = 0; i < from->len; i++)
    vec_push(arena, to, from->at[i]);
}

static bool holds(const struct strings *list, const char *s)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

static bool inherits_one(struct arena *arena, const struct catalog_object *table,
                         const struct strings *parents)
{
  struct strings own = round_json_strings(arena, catalog_get(table, "inherits"));
  for (size_t i = 0; i < own.len; i++)
    if (holds(parents, own.at[i]))
      return true;
  return false;
}

static void add_heirs(struct arena *arena, const struct catalog *c, struct strings *tables)
{
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < c->object_count; i++) {
      const struct catalog_object *o = c->objects[i];
      if (o->kind != CATALOG_TABLE || holds(tables, o->identity) || !inherits_one(arena, o, tables))
        continue;
      vec_push(arena, tables, o->identity);
      more = true;
    }
  }
}

/* The tables of an "ALTER TABLE [ONLY] name ..." step, as the catalog calls them; none of other
 * steps. */
static struct strings altered_tables(struct arena *arena, const struct inverse *inverse,
                                     const char *sql)
{
  static const char alter[] = "ALTER TABLE ", only[] = "ONLY ";
  struct strings tables = {0};
  if (strncmp(sql, alter, sizeof(alter) - 1) != 0)
    return tables;
  sql += sizeof(alter) - 1;
  bool alone = strncmp(sql, only, sizeof(only) - 1) == 0;
  if (alone)
    sql += sizeof(only) - 1;
  size_t len = 0;
  for (bool quoted = false; sql[len] && (quoted || sql[len] != ' '); len++)
    quoted = quoted != (sql[len] == '"');
  vec_push(arena, &tables, arena_strndup(arena, sql, len));
  if (!alone) {
    add_heirs(arena, inverse->after, &tables);
    add_heirs(arena, inverse->before, &tables);
  }
  return tables;
}

/* Gives the table another file, although the migration need not have. */
static bool rewrites(const char *sql)
{
  static const char *const words[] = {" TYPE ", " SET LOGGED", " SET UNLOGGED",
                                      " SET ACCESS METHOD "};
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (strstr(sql, words[i]))
      return true;
  /* a default may be volatile */
  return strstr(sql, " ADD COLUMN ") && (strstr(sql, " GENERATED ") || strstr(sql, " DEFAULT "));
}

void capture_plan_reverse(struct arena *arena, const struct inverse *inverse,
                          const struct capture_plan *forward, struct capture_plan *ret_plan)
{
  struct shadow_effect effect = {0};
  for (size_t i = 0; i < forward->tables.len; i++) {
    const struct capture_table *t = &forward->tables.at[i];
    if (t->standby || !t->after)
      continue;
    vec_push(arena, &effect.written, t->after);
  }
  for (size_t i = 0; i < inverse->effects.len; i++) {
    add_all(arena, &effect.written, &inverse->effects.at[i].written);
    add_all(arena, &effect.exclusive, &inverse->effects.at[i].exclusive);
    add_all(arena, &effect.rewritten, &inverse->effects.at[i].rewritten);
    effect.large_objects = effect.large_objects || inverse->effects.at[i].large_objects;
  }
  /* as columns of an enum that is rebuilt */
  for (size_t i = 0; i < inverse->steps.len; i++) {
    struct strings tables = altered_tables(arena, inverse, inverse->steps.at[i].sql);
    add_all(arena, &effect.exclusive, &tables);
    if (rewrites(inverse->steps.at[i].sql))
      add_all(arena, &effect.rewritten, &tables);
  }
  /* DROP CONSTRAINT and the like lock more than the migration did: with schema steps, a table that
   * is written back to is copied whole, before the first of them */
  if (inverse->steps.len)
    add_all(arena, &effect.exclusive, &effect.written);
  for (size_t i = 0; i < effect.written.len; i++)
    if (planner_is_switched(arena, inverse->before, effect.written.at[i]) ||
        planner_is_switched(arena, inverse->after, effect.written.at[i]))
      vec_push(arena, &effect.exclusive, effect.written.at[i]);
  struct inverse reversed = {
      .name = inverse->name, .before = inverse->after, .after = inverse->before};
  vec_push(arena, &reversed.effects, effect);
  capture_plan_copies(arena, &reversed, ret_plan);
  for (size_t i = 0; i < inverse->rebuilt.len; i++)
    vec_push(
        arena, &ret_plan->rebuilt,
        ((struct capture_rebuilt){inverse->rebuilt.at[i].table_now, inverse->rebuilt.at[i].table}));
}

size_t capture_plan_count(const struct capture_plan *plan)
{
  size_t count = plan->large_objects;
  for (size_t i = 0; i < plan->tables.len; i++)
    count += !plan->tables.at[i].standby;
  return count;
}

static json_t *names_json(const struct strings *names)
{
  json_t *array = json_array();
  for (size_t i = 0; i < names->len; i++)
    json_array_append_new(array, names->at[i] ? json_string(names->at[i]) : json_null());
  return array;
}

json_t *capture_plan_to_json(const struct capture_plan *plan)
{
  json_t *tables = json_array();
  for (size_t i = 0; i < plan->tables.len; i++) {
    const struct capture_table *t = &plan->tables.at[i];
    json_array_append_new(
        tables,
        json_pack("{s:i,s:s,s:s?,s:b,s:b,s:b,s:b,s:b,s:s?,s:o,s:o,s:o,s:o,s:o,s:o}", "how",
                  (int)t->how, "before", t->before, "after", t->after, "partitioned",
                  t->partitioned, "whole_row", t->whole_row, "reworded", t->reworded, "doomed_only",
                  t->doomed_only, "standby", t->standby, "why", t->why, "key", names_json(&t->key),
                  "key_after", names_json(&t->key_after), "columns", names_json(&t->columns),
                  "columns_after", names_json(&t->columns_after), "apart", names_json(&t->apart),
                  "apart_after", names_json(&t->apart_after)));
  }
  json_t *rebuilt = json_array();
  for (size_t i = 0; i < plan->rebuilt.len; i++)
    json_array_append_new(rebuilt, json_pack("{s:s,s:s}", "before", plan->rebuilt.at[i].before,
                                             "after", plan->rebuilt.at[i].after));
  return json_pack("{s:o,s:o,s:o,s:b}", "tables", tables, "refusals", names_json(&plan->refusals),
                   "rebuilt", rebuilt, "large_objects", plan->large_objects);
}

static int names_from(struct arena *arena, const json_t *array, struct strings *ret)
{
  size_t i;
  json_t *item;
  if (!json_is_array(array))
    return -1;
  json_array_foreach(array, i, item)
      vec_push(arena, ret, arena_strdup(arena, json_string_value(item)));
  return 0;
}

static int table_from(struct arena *arena, const json_t *json, struct capture_table *t)
{
  int how = (int)json_integer_value(json_object_get(json, "how"));
  *t = (struct capture_table){
      .how = (enum capture_how)how,
      .before = arena_strdup(arena, json_string_value(json_object_get(json, "before"))),
      .after = arena_strdup(arena, json_string_value(json_object_get(json, "after"))),
      .why = arena_strdup(arena, json_string_value(json_object_get(json, "why"))),
      .partitioned = json_is_true(json_object_get(json, "partitioned")),
      .whole_row = json_is_true(json_object_get(json, "whole_row")),
      .reworded = json_is_true(json_object_get(json, "reworded")),
      .doomed_only = json_is_true(json_object_get(json, "doomed_only")),
      .standby = json_is_true(json_object_get(json, "standby")),
  };
  return t->before && how >= CAPTURE_COLUMNS && how <= CAPTURE_CHANGED &&
                 names_from(arena, json_object_get(json, "key"), &t->key) == 0 &&
                 names_from(arena, json_object_get(json, "key_after"), &t->key_after) == 0 &&
                 names_from(arena, json_object_get(json, "columns"), &t->columns) == 0 &&
                 names_from(arena, json_object_get(json, "columns_after"), &t->columns_after) ==
                     0 &&
                 (!json_object_get(json, "apart") ||
                  (names_from(arena, json_object_get(json, "apart"), &t->apart) == 0 &&
                   names_from(arena, json_object_get(json, "apart_after"), &t->apart_after) == 0))
             ? 0
             : -1;
}

/* Plans of earlier versions have none. */
static bool rebuilt_from(struct arena *arena, const json_t *array, struct capture_rebuilts *ret)
{
  size_t i;
  json_t *item;
  json_array_foreach(array, i, item)
  {
    const char *before = json_string_value(json_object_get(item, "before"));
    const char *after = json_string_value(json_object_get(item, "after"));
    if (!before || !after)
      return false;
    vec_push(arena, ret,
             ((struct capture_rebuilt){arena_strdup(arena, before), arena_strdup(arena, after)}));
  }
  return true;
}

int capture_plan_from_json(struct arena *arena, const json_t *json, struct capture_plan *ret_plan,
                           struct err *err)
{
  struct capture_plan plan = {0};
  size_t i;
  json_t *table;
  bool good = json_is_array(json_object_get(json, "tables")) &&
              names_from(arena, json_object_get(json, "refusals"), &plan.refusals) == 0 &&
              rebuilt_from(arena, json_object_get(json, "rebuilt"), &plan.rebuilt);
  plan.large_objects = json_is_true(json_object_get(json, "large_objects"));
  json_array_foreach(json_object_get(json, "tables"), i, table) good =
      good && table_from(arena, table, vec_add(arena, &plan.tables)) == 0;
  if (!good)
    return err_set(err, ERR_DAMAGED, "a capture plan in the record of a run is not readable");
  *ret_plan = plan;
  return 0;
}

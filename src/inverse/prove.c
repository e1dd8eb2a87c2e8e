#include "inverse/exact_order.h"

#include "base/interrupt.h"
#include "sql/script.h"

enum {
  ROUNDS_MAX = 32,
  NAMED_MAX = 20,
};

struct proof {
  struct arena *arena;
  struct db_conn *conn;
  const struct catalog_options *options;
  const struct catalog *to;
  struct strings *refusals;
  struct round_state state;
  struct inverse_steps run; /* in the order in which they were found */
};

const char *inverse_verdict_name(enum inverse_verdict verdict)
{
  static const char *const names[] = {"exact", "column-order", "lossy", "none"};
  return names[verdict];
}

static void refuse(struct proof *p, const char *sentence)
{
  struct strings *list = p->refusals;
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], sentence) == 0)
      return;
  vec_push(p->arena, list, arena_strdup(p->arena, sentence));
}

/* 0 ran; 1 the server refused it, *refusal says why; -1 err. */
static int try_statement(struct proof *p, const char *sql, struct err *refusal, struct err *err)
{
  if (interrupt_check(err) < 0 || db_exec(p->conn, "SAVEPOINT belay_step", err) < 0)
    return -1;
  if (db_run_statement(p->conn, p->arena, sql, NULL, NULL, refusal) == 0)
    return db_exec(p->conn, "RELEASE SAVEPOINT belay_step", err);
  if (db_is_lost(p->conn)) {
    err_move(err, refusal);
    return -1;
  }
  static const char back[] = "ROLLBACK TO SAVEPOINT belay_step; RELEASE SAVEPOINT belay_step";
  return db_exec(p->conn, back, err) < 0 ? -1 : 1;
}

static void keep(struct proof *p, const struct inverse_step *step, const char *sql)
{
  bool late = p->state.order && p->state.order->begun;
  vec_push(p->arena, &p->run,
           ((struct inverse_step){.phase = late ? INVERSE_AFTER_DATA : step->phase,
                                  .sql = arena_strdup(p->arena, sql),
                                  .note = arena_strdup(p->arena, step->note)}));
}

/* The statement or one of its alternatives; 1 = none works, which is a refusal unless the object
 * can be made anew. */
static int run_step(struct proof *p, const struct round_step *s, struct err *err)
{
  CLEANUP(err_clear) struct err first = ERR_INIT;
  int result = try_statement(p, s->step.sql, &first, err);
  const char *worked = s->step.sql;
  for (size_t i = 0; i < ROUND_OTHERWISE_MAX && result == 1 && s->otherwise[i]; i++) {
    CLEANUP(err_clear) struct err again = ERR_INIT;
    worked = s->otherwise[i];
    result = try_statement(p, worked, &again, err);
  }
  if (result < 0)
    return -1;
  if (result == 0) {
    keep(p, &s->step, worked);
    return 0;
  }
  if (s->replace && !map_get(p->state.replace, s->replace)) {
    map_put(p->state.replace, s->replace, p);
    return 0;
  }
  refuse(p, arena_printf(p->arena, "the statement \"%s\" fails: %s", s->step.sql, first.message));
  return 1;
}

static char *batch_text(struct arena *arena, const struct round_steps *steps)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (size_t i = 0; i < steps->len; i++)
    text_printf(&t, "%s;\n", steps->at[i].step.sql);
  return arena_strdup(arena, t.data);
}

/* One round. *ret_done: nothing more to do, or no way on. */
static int one_round(struct proof *p, char **last_batch, bool *ret_done, struct err *err)
{
  CLEANUP(arena_freep) struct arena *scratch = arena_new();
  struct catalog *now;
  if (catalog_read(scratch, p->conn, p->options, &now, err) < 0)
    return err_wrap(err, "reading the shadow's schema");
  struct round r = {.arena = scratch, .from = now, .to = p->to, .state = &p->state};
  CLEANUP(err_clear) struct err cause = ERR_INIT;
  if (round_run(&r, &cause) < 0) {
    refuse(p, cause.message);
    *ret_done = true;
    return 0;
  }
  for (size_t i = 0; i < r.refusals.len; i++)
    refuse(p, r.refusals.at[i]);
  char *batch = batch_text(p->arena, &r.steps);
  *ret_done = r.steps.len == 0 || (*last_batch && strcmp(*last_batch, batch) == 0);
  *last_batch = batch;
  int result = 0;
  for (size_t i = 0; i < r.steps.len && !*ret_done && result == 0; i++)
    result = run_step(p, &r.steps.at[i], err);
  if (result == 1)
    *ret_done = true;
  return result < 0 ? -1 : 0;
}

static bool makes_routine(const struct inverse_steps *steps)
{
  for (size_t i = 0; i < steps->len; i++)
    if (strncmp(steps->at[i].sql, "CREATE OR REPLACE FUNCTION", 26) == 0 ||
        strncmp(steps->at[i].sql, "CREATE OR REPLACE PROCEDURE", 27) == 0)
      return true;
  return false;
}

/* All of BEFORE_DATA, then all of AFTER_DATA. */
static void put_in_order(struct proof *p, struct inverse_steps *steps)
{
  if (makes_routine(&p->run))
    vec_push(p->arena, steps,
             ((struct inverse_step){INVERSE_BEFORE_DATA, "SET LOCAL check_function_bodies = off",
                                    "bodies of functions are taken as they were"}));
  for (int phase = INVERSE_BEFORE_DATA; phase <= INVERSE_AFTER_DATA; phase++)
    for (size_t i = 0; i < p->run.len; i++)
      if ((int)p->run.at[i].phase == phase)
        vec_push(p->arena, steps, p->run.at[i]);
  if (p->state.order)
    exact_order_analyze(p->state.order, p->to, steps);
}

/* The steps in their final order, from the state after the migration. */
static int run_in_order(struct proof *p, const struct inverse_steps *steps, struct err *err)
{
  if (db_exec(p->conn, "ROLLBACK TO SAVEPOINT belay_proof; SET LOCAL check_function_bodies = on",
              err) < 0)
    return -1;
  for (size_t i = 0; i < steps->len; i++) {
    CLEANUP(err_clear) struct err refusal = ERR_INIT;
    int result = try_statement(p, steps->at[i].sql, &refusal, err);
    if (result < 0)
      return -1;
    if (result == 1) {
      refuse(p, arena_printf(p->arena, "in the order of a rollback the statement \"%s\" fails: %s",
                             steps->at[i].sql, refusal.message));
      return 0;
    }
  }
  return 0;
}

/* Differences that lose nothing an application can see. */
static bool is_minor(const char *property)
{
  static const char *const minor[] = {"comment",       "index_comment",    "attribute_comments",
                                      "storage",       "compression",      "statistics",
                                      "cluster_on",    "index_statistics", "target",
                                      "position",      "inherited",        "populated",
                                      "not_null_name", "not_null_comment", "not_null_inherited"};
  for (size_t i = 0; i < COUNT_OF(minor); i++)
    if (strcmp(minor[i], property) == 0)
      return true;
  return false;
}

static bool differs_only_in_minor(const struct catalog_object *a, const struct catalog_object *b)
{
  for (size_t i = 0; i < a->property_count; i++)
    if (!round_text_equal(a->properties[i].value, catalog_get(b, a->properties[i].name)) &&
        !is_minor(a->properties[i].name))
      return false;
  return true;
}

/* An index that a failed CONCURRENTLY left invalid serves nobody. */
static bool is_leftover(const struct catalog_object *o)
{
  return o->kind == CATALOG_INDEX && catalog_is(o, "valid", "f");
}

static bool only_minor_is_lost(const struct catalog *goal, const struct catalog *found)
{
  for (size_t i = 0; i < goal->object_count; i++) {
    const struct catalog_object *g = goal->objects[i];
    const struct catalog_object *f = catalog_find_name(found, g->kind, g->identity);
    if (f ? !differs_only_in_minor(g, f) || !differs_only_in_minor(f, g) : !is_leftover(g))
      return false;
  }
  for (size_t i = 0; i < found->object_count; i++)
    if (!catalog_find_name(goal, found->objects[i]->kind, found->objects[i]->identity))
      return false;
  return true;
}

static void name_differences(struct proof *p, struct inverse *inverse, const struct catalog *found,
                             int flags, const char *refusal)
{
  struct strings lines = catalog_differences(p->arena, p->to, found, flags, NAMED_MAX);
  inverse->differences = lines;
  for (size_t i = 0; i < lines.len && refusal; i++)
    refuse(p, arena_printf(p->arena, "%s: %s", refusal, lines.at[i]));
}

static void refuse_unknown(struct proof *p, const struct catalog *found)
{
  for (size_t i = 0; i < found->unknown.len; i++)
    refuse(p, arena_printf(p->arena, "the migration makes a kind belay does not model yet: %s %s",
                           found->unknown.at[i].kind, found->unknown.at[i].identity));
}

/* No part of the fingerprint, but nobody can read a materialized view without rows. */
static void refuse_unpopulated(struct proof *p, const struct catalog *found)
{
  for (size_t i = 0; i < p->to->object_count; i++) {
    const struct catalog_object *g = p->to->objects[i];
    const struct catalog_object *f = catalog_find_name(found, g->kind, g->identity);
    if (g->kind == CATALOG_MATVIEW && f && catalog_get(g, "populated") &&
        !catalog_get(f, "populated"))
      refuse(p, arena_printf(p->arena, "%s would stay without rows", g->identity));
  }
}

static int judge(struct proof *p, struct inverse *inverse, struct err *err)
{
  CLEANUP(arena_freep) struct arena *scratch = arena_new();
  struct catalog *found;
  char exact[65], ordered[65], unordered[65], wanted[65];
  if (catalog_read(scratch, p->conn, p->options, &found, err) < 0)
    return err_wrap(err, "reading the shadow's schema");
  catalog_fingerprint(found, 0, exact);
  catalog_fingerprint(inverse->before, 0, ordered);
  catalog_fingerprint(found, CATALOG_IGNORE_COLUMN_ORDER, unordered);
  catalog_fingerprint(inverse->before, CATALOG_IGNORE_COLUMN_ORDER, wanted);
  refuse_unknown(p, found);
  refuse_unpopulated(p, found);
  bool refused = inverse->refusals.len > 0;
  if (!refused && strcmp(exact, ordered) == 0) {
    inverse->verdict = INVERSE_EXACT;
  } else if (!refused && strcmp(unordered, wanted) == 0) {
    inverse->verdict = INVERSE_COLUMN_ORDER;
    name_differences(p, inverse, found, 0, NULL);
  } else if (!refused && only_minor_is_lost(inverse->before, found)) {
    inverse->verdict = INVERSE_LOSSY;
    name_differences(p, inverse, found, CATALOG_IGNORE_COLUMN_ORDER, "does not come back");
  } else {
    name_differences(p, inverse, found, CATALOG_IGNORE_COLUMN_ORDER, "would still differ");
  }
  return 0;
}

static int find_way_back(struct proof *p, struct err *err)
{
  char *last_batch = NULL;
  bool done = false;
  for (int rounds = 0; rounds < ROUNDS_MAX && !done; rounds++)
    if (one_round(p, &last_batch, &done, err) < 0)
      return -1;
  if (!done)
    refuse(p, arena_printf(p->arena, "no way back was found in %d rounds", ROUNDS_MAX));
  return 0;
}

int inverse_converge(struct arena *arena, struct db_conn *conn,
                     const struct catalog_options *catalog_options, const struct catalog *to,
                     struct inverse_steps *ret_steps, struct strings *ret_refusals, struct err *err)
{
  struct catalog *now;
  if (db_exec(conn, "SET LOCAL check_function_bodies = off", err) < 0 ||
      catalog_read(arena, conn, catalog_options, &now, err) < 0)
    return -1;
  struct proof p = {.arena = arena,
                    .conn = conn,
                    .options = catalog_options,
                    .to = to,
                    .refusals = ret_refusals,
                    .state = {.after = now, .replace = map_new(arena)}};
  if (find_way_back(&p, err) < 0)
    return -1;
  *ret_steps = p.run;
  return 0;
}

static int prove_and_judge(struct proof *p, struct inverse *inverse, struct err *err)
{
  if (find_way_back(p, err) < 0)
    return -1;
  put_in_order(p, &inverse->steps);
  if (inverse->refusals.len == 0 && run_in_order(p, &inverse->steps, err) < 0)
    return -1;
  if (judge(p, inverse, err) < 0)
    return -1;
  return p->state.order ? exact_order_cost(p->state.order, p->conn, inverse, err) : 0;
}

/* Writing tables anew did not lead back: the same without, and why. */
static int prove_without_order(struct proof *p, struct inverse *inverse, struct err *err)
{
  const struct strings refusals = inverse->refusals;
  for (size_t i = 0; i < refusals.len; i++)
    vec_push(
        p->arena, &p->state.order->refusals,
        arena_printf(p->arena, "the columns do not come back in their order: %s", refusals.at[i]));
  inverse->refusals = inverse->differences = inverse->exclusive = (struct strings){0};
  inverse->steps = p->run = (struct inverse_steps){0};
  inverse->rebuilt = (struct inverse_rebuilds){0};
  p->state.replace = map_new(p->arena);
  p->state.order = NULL;
  if (db_exec(p->conn, "ROLLBACK TO SAVEPOINT belay_proof", err) < 0)
    return -1;
  return prove_and_judge(p, inverse, err);
}

static int prove_as_wanted(struct proof *p, struct inverse *inverse, struct err *err)
{
  struct exact_order *order = p->state.order;
  int result = prove_and_judge(p, inverse, err);
  if (result == 0 && order && order->rebuilt.len && inverse->verdict > INVERSE_COLUMN_ORDER)
    result = prove_without_order(p, inverse, err);
  for (size_t i = 0; result == 0 && order && i < order->refusals.len; i++)
    refuse(p, order->refusals.at[i]);
  return result;
}

static int prove_in_transaction(struct proof *p, struct inverse *inverse, struct err *err)
{
  if (db_exec(p->conn,
              "BEGIN; SET LOCAL client_min_messages = warning;"
              "SET LOCAL check_function_bodies = off; SAVEPOINT belay_proof",
              err) < 0)
    return -1;
  int result = prove_as_wanted(p, inverse, err);
  CLEANUP(err_clear) struct err second = ERR_INIT;
  if (db_exec(p->conn, "ROLLBACK", &second) < 0 && result == 0) {
    err_move(err, &second);
    return -1;
  }
  return result;
}

static int prove(struct arena *arena, struct shadow *shadow, struct proof *p,
                 const struct sql_script *script, struct inverse **ret_inverse, struct err *err)
{
  struct inverse *inverse = ARENA_NEW(arena, struct inverse);
  struct catalog_options options = p->options ? *p->options : (struct catalog_options){0};
  struct catalog *before, *after;
  enum sql_shape shape;
  size_t first, last;
  options.secrets = true; /* what the migration itself sets: those of the target are not here */
  inverse->name = arena_strdup(arena, script->name);
  inverse->verdict = INVERSE_NONE;
  if (sql_script_shape(script, &shape, &first, &last, err) < 0 ||
      catalog_read(arena, shadow_conn(shadow), &options, &before, err) < 0 ||
      shadow_run(arena, shadow, script, &inverse->effects, &inverse->outside, err) < 0 ||
      catalog_read(arena, shadow_conn(shadow), &options, &after, err) < 0)
    return -1;
  inverse->bare = shape == SQL_SHAPE_BARE;
  inverse->before = before;
  inverse->after = after;
  catalog_fingerprint(before, CATALOG_IGNORE_CHILD_ORDER, inverse->fingerprint_before);
  catalog_fingerprint(after, CATALOG_IGNORE_CHILD_ORDER, inverse->fingerprint_after);
  p->arena = arena;
  p->conn = shadow_conn(shadow);
  p->options = &options;
  p->to = before;
  p->refusals = &inverse->refusals;
  p->state.after = after;
  p->state.replace = map_new(arena);
  if (prove_in_transaction(p, inverse, err) < 0)
    return err_wrap(err, "proving the inverse of %s", script->name);
  *ret_inverse = inverse;
  return 0;
}

int inverse_prove(struct arena *arena, struct shadow *shadow,
                  const struct catalog_options *catalog_options, const struct sql_script *script,
                  struct inverse **ret_inverse, struct err *err)
{
  struct proof p = {.options = catalog_options};
  return prove(arena, shadow, &p, script, ret_inverse, err);
}

int inverse_prove_exact_order(struct arena *arena, struct shadow *shadow,
                              const struct catalog_options *catalog_options,
                              const struct sql_script *script, struct inverse **ret_inverse,
                              struct err *err)
{
  struct proof p = {.options = catalog_options, .state = {.order = exact_order_new(arena)}};
  return prove(arena, shadow, &p, script, ret_inverse, err);
}

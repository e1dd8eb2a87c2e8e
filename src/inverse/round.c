#include "inverse/round.h"

#include "sql/script.h"

const char *round_key(struct arena *arena, const struct catalog_object *object)
{
  return arena_printf(arena, "%d %s", (int)object->kind, object->identity);
}

const char *round_table_of(const struct catalog_object *child)
{
  return child->parent ? child->parent->identity : "";
}

char *round_note(const struct round *r, const struct catalog_object *object, const char *what)
{
  return arena_printf(r->arena, "%s %s %s", catalog_kind_name(object->kind), object->identity,
                      what);
}

static struct round_step *add_step(struct round *r, enum inverse_phase phase, const char *note,
                                   const char *sql)
{
  struct round_step *s = vec_add(r->arena, &r->steps);
  s->step = (struct inverse_step){.phase = phase, .sql = sql, .note = note};
  return s;
}

struct round_step *round_emit(struct round *r, enum inverse_phase phase, const char *note,
                              const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *sql = arena_vprintf(r->arena, fmt, args);
  va_end(args);
  return add_step(r, phase, note, sql);
}

void round_emit_script(struct round *r, enum inverse_phase phase, const char *note, const char *sql)
{
  struct sql_script *script;
  if (r->failed || !sql || !sql[0])
    return;
  if (sql_script_read(r->arena, "inverse", sql, strlen(sql), &script, r->err) < 0) {
    r->failed = true;
    return;
  }
  for (size_t i = 0; i < script->statements.len; i++)
    add_step(r, phase, i == 0 ? note : NULL, script->statements.at[i].text);
}

static void alter_one(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  switch (c->after->kind) {
  case CATALOG_TABLE:
    return alter_table(r, c, phase);
  case CATALOG_COLUMN:
    return alter_column(r, c, phase);
  case CATALOG_CONSTRAINT:
    return alter_constraint(r, c, phase);
  case CATALOG_INDEX:
    return alter_index(r, c, phase);
  case CATALOG_TRIGGER:
  case CATALOG_EVENT_TRIGGER:
  case CATALOG_RULE:
    return alter_trigger(r, c, phase);
  case CATALOG_VIEW:
  case CATALOG_MATVIEW:
    return alter_view(r, c, phase);
  case CATALOG_FUNCTION:
    return alter_routine(r, c, phase);
  case CATALOG_SEQUENCE:
    return alter_sequence(r, c, phase);
  case CATALOG_ENUM:
  case CATALOG_DOMAIN:
  case CATALOG_COMPOSITE:
    return alter_type(r, c, phase);
  case CATALOG_FOREIGN_WRAPPER:
  case CATALOG_FOREIGN_SERVER:
  case CATALOG_USER_MAPPING:
  case CATALOG_SUBSCRIPTION:
    return alter_foreign(r, c, phase);
  default:
    return alter_other(r, c, phase);
  }
}

void round_alters(struct round *r, enum inverse_phase phase)
{
  for (size_t i = 0; i < r->changes.len; i++) {
    const struct catalog_change *c = &r->changes.at[i];
    if (c->type != CATALOG_CHANGED || round_must_replace(r, c))
      continue;
    alter_one(r, c, phase);
    alter_common(r, c, phase);
  }
}

static void alters_before(struct round *r)
{
  round_alters(r, INVERSE_BEFORE_DATA);
}

static void creates_before(struct round *r)
{
  round_creates(r, INVERSE_BEFORE_DATA);
}

static void alters_after(struct round *r)
{
  round_alters(r, INVERSE_AFTER_DATA);
}

static void creates_after(struct round *r)
{
  round_creates(r, INVERSE_AFTER_DATA);
}

int round_run(struct round *r, struct err *err)
{
  static void (*const parts[])(struct round *) = {
      round_rename_schemas, round_create_schemas, round_rename_objects, round_rename_children,
      round_detach,         round_drops,          alters_before,        creates_before,
      round_attach,         round_exact_order,    alters_after,         creates_after,
      round_populate,
  };
  r->err = err;
  round_diff(r);
  round_doom(r);
  for (size_t i = 0; i < COUNT_OF(parts) && r->steps.len == 0 && !r->failed; i++)
    parts[i](r);
  return r->failed ? -1 : 0;
}

int inverse_round(struct arena *arena, const struct catalog *from, const struct catalog *to,
                  struct inverse_steps *ret_steps, struct strings *ret_refusals, struct err *err)
{
  struct round r = {.arena = arena, .from = from, .to = to};
  if (round_run(&r, err) < 0)
    return -1;
  for (size_t i = 0; i < r.steps.len; i++)
    vec_push(arena, ret_steps, r.steps.at[i].step);
  for (size_t i = 0; i < r.refusals.len; i++)
    vec_push(arena, ret_refusals, r.refusals.at[i]);
  return 0;
}

#include "inverse/round.h"

#include "sql/quote.h"

enum tier { TIER_SCHEMAS, TIER_OBJECTS, TIER_CHILDREN };

struct mover {
  const struct catalog_object *current, *goal;
};
VEC_TYPE(movers, struct mover);

struct renaming {
  struct round *r;
  enum tier tier;
  struct movers movers;
  struct map *occupants; /* name key -> object that has the name now */
  struct map *aside;     /* round_key -> its temporary name */
  bool table_moves;      /* a table goes to another schema and takes its sequences along */
};

static enum tier tier_of(const struct catalog_object *o)
{
  if (o->kind == CATALOG_SCHEMA)
    return TIER_SCHEMAS;
  return o->parent ? TIER_CHILDREN : TIER_OBJECTS;
}

static bool shares_relation_names(const struct catalog_object *o)
{
  switch (o->kind) {
  case CATALOG_BASE_TYPE:
  case CATALOG_RANGE:
  case CATALOG_ENUM:
  case CATALOG_DOMAIN:
  case CATALOG_COMPOSITE:
  case CATALOG_SEQUENCE:
  case CATALOG_TABLE:
  case CATALOG_VIEW:
  case CATALOG_MATVIEW:
  case CATALOG_INDEX:
    return true;
  case CATALOG_CONSTRAINT:
    return catalog_is(o, "type", "p") || catalog_is(o, "type", "u") || catalog_is(o, "type", "x");
  default:
    return false;
  }
}

static const char *schema_of(const struct catalog_object *o)
{
  if (o->parent && o->parent->schema)
    return o->parent->schema;
  return o->schema ? o->schema : "";
}

/* Two objects with one key cannot exist at the same time. */
static const char *name_key(struct round *r, const struct catalog_object *o)
{
  if (shares_relation_names(o))
    return arena_printf(r->arena, "relation %s", sql_qualified(r->arena, schema_of(o), o->name));
  return round_key(r->arena, o);
}

/* "ALTER ... <reference>" for RENAME TO and SET SCHEMA; `name` may be a temporary one. */
static char *alter_reference(struct round *r, const struct catalog_object *o, const char *name)
{
  struct arena *a = r->arena;
  static const char *const keyword[CATALOG_KIND_COUNT] = {
      [CATALOG_EXTENSION] = "EXTENSION",
      [CATALOG_COLLATION] = "COLLATION",
      [CATALOG_BASE_TYPE] = "TYPE",
      [CATALOG_RANGE] = "TYPE",
      [CATALOG_ENUM] = "TYPE",
      [CATALOG_DOMAIN] = "DOMAIN",
      [CATALOG_COMPOSITE] = "TYPE",
      [CATALOG_SEQUENCE] = "SEQUENCE",
      [CATALOG_TABLE] = "TABLE",
      [CATALOG_VIEW] = "VIEW",
      [CATALOG_MATVIEW] = "MATERIALIZED VIEW",
      [CATALOG_STATISTICS] = "STATISTICS",
      [CATALOG_INDEX] = "INDEX",
      [CATALOG_SCHEMA] = "SCHEMA",
      [CATALOG_EVENT_TRIGGER] = "EVENT TRIGGER",
      [CATALOG_PUBLICATION] = "PUBLICATION",
      [CATALOG_FOREIGN_WRAPPER] = "FOREIGN DATA WRAPPER",
      [CATALOG_FOREIGN_SERVER] = "SERVER",
      [CATALOG_TRIGGER] = "TRIGGER",
      [CATALOG_RULE] = "RULE",
      [CATALOG_POLICY] = "POLICY",
  };
  if (o->kind == CATALOG_FUNCTION) {
    size_t qualified = strlen(sql_qualified(a, o->schema, o->name));
    return arena_printf(a, "ALTER ROUTINE %s%s", sql_qualified(a, o->schema, name),
                        o->identity + qualified);
  }
  if (!keyword[o->kind])
    return NULL;
  if (o->kind == CATALOG_INDEX)
    return arena_printf(a, "ALTER INDEX %s", sql_qualified(a, schema_of(o), name));
  if (o->kind == CATALOG_TRIGGER || o->kind == CATALOG_RULE || o->kind == CATALOG_POLICY)
    return arena_printf(a, "ALTER %s %s ON %s", keyword[o->kind], sql_ident(a, name),
                        o->parent->identity);
  return arena_printf(a, "ALTER %s %s", keyword[o->kind], sql_qualified(a, o->schema, name));
}

static void emit_rename(struct round *r, const struct catalog_object *o, const char *name,
                        const char *new_name, const char *note)
{
  struct arena *a = r->arena;
  const char *what = o->kind == CATALOG_COLUMN ? "COLUMN" : "CONSTRAINT";
  if (o->kind == CATALOG_COLUMN || o->kind == CATALOG_CONSTRAINT) {
    static const char *const of[CATALOG_KIND_COUNT] = {[CATALOG_TABLE] = "TABLE",
                                                       [CATALOG_VIEW] = "VIEW",
                                                       [CATALOG_MATVIEW] = "MATERIALIZED VIEW",
                                                       [CATALOG_DOMAIN] = "DOMAIN"};
    const char *parent = of[o->parent->kind];
    round_emit(r, INVERSE_BEFORE_DATA, note, "ALTER %s %s RENAME %s %s TO %s",
               parent ? parent : "TABLE", o->parent->identity, what, sql_ident(a, name),
               sql_ident(a, new_name));
    return;
  }
  char *alter = alter_reference(r, o, name);
  if (alter)
    round_emit(r, INVERSE_BEFORE_DATA, note, "%s RENAME TO %s", alter, sql_ident(a, new_name));
}

static const char *name_now(const struct renaming *w, const struct catalog_object *o)
{
  const char *aside = map_get(w->aside, round_key(w->r->arena, o));
  return aside ? aside : o->name;
}

static void move_aside(struct renaming *w, const struct catalog_object *o, const char *why)
{
  if (map_get(w->aside, round_key(w->r->arena, o)))
    return;
  char *name = arena_printf(w->r->arena, "belay_aside_%u_%d", o->oid, (int)o->subid);
  emit_rename(w->r, o, o->name, name, round_note(w->r, o, why));
  map_put(w->aside, round_key(w->r->arena, o), name);
}

/* Server and parent rename these by themselves. */
static bool follows_another(const struct catalog_object *o)
{
  if (!catalog_is(o, "inherited", "t"))
    return false;
  return o->kind == CATALOG_COLUMN || (o->kind == CATALOG_CONSTRAINT && catalog_is(o, "type", "c"));
}

/* Others are made again: their names are part of their definitions. */
static bool can_be_renamed(struct renaming *w, const struct catalog_object *o)
{
  return o->kind == CATALOG_COLUMN || o->kind == CATALOG_CONSTRAINT ||
         alter_reference(w->r, o, o->name);
}

static void collect(struct renaming *w)
{
  struct round *r = w->r;
  for (size_t i = 0; i < r->changes.len; i++) {
    const struct catalog_change *c = &r->changes.at[i];
    if (c->type == CATALOG_CREATED)
      map_put(w->occupants, name_key(r, c->after), (void *)(uintptr_t)c->after);
    if (c->type != CATALOG_CHANGED || tier_of(c->after) != w->tier || follows_another(c->after) ||
        !can_be_renamed(w, c->after))
      continue;
    bool moves = !c->after->parent && !round_text_equal(c->before->schema, c->after->schema);
    if (!moves && strcmp(c->before->name, c->after->name) == 0)
      continue;
    if (c->after->kind == CATALOG_TABLE && moves)
      w->table_moves = true;
    map_put(w->occupants, name_key(r, c->after), (void *)(uintptr_t)c->after);
    vec_push(r->arena, &w->movers, ((struct mover){c->after, c->before}));
  }
}

static void emit_move(struct renaming *w, const struct mover *m)
{
  struct round *r = w->r;
  const struct catalog_object *o = m->current;
  bool owned = o->kind == CATALOG_SEQUENCE && catalog_get(o, "owned_by");
  bool moves =
      !o->parent && o->kind != CATALOG_SCHEMA && !round_text_equal(o->schema, m->goal->schema);
  if (moves && owned && w->table_moves)
    return; /* goes with its table; seen again in the next round if not */
  char *note = round_note(r, m->goal, moves ? "was moved" : "was renamed");
  if (moves && strcmp(o->name, m->goal->name) != 0)
    move_aside(w, o, "is moved by way of a temporary name");
  if (moves && owned)
    round_emit(r, INVERSE_BEFORE_DATA, NULL, "%s OWNED BY NONE",
               alter_reference(r, o, name_now(w, o)));
  if (moves)
    round_emit(r, INVERSE_BEFORE_DATA, note, "%s SET SCHEMA %s",
               alter_reference(r, o, name_now(w, o)), sql_ident(r->arena, m->goal->schema));
  const char *now = name_now(w, o);
  if (strcmp(now, m->goal->name) == 0)
    return;
  struct catalog_object moved = *o;
  moved.schema = m->goal->schema;
  if (o->kind == CATALOG_FUNCTION) { /* its identity is cut by the length of its own name */
    size_t qualified = strlen(sql_qualified(r->arena, o->schema, o->name));
    moved.name = now;
    moved.identity = arena_printf(r->arena, "%s%s", sql_qualified(r->arena, moved.schema, now),
                                  o->identity + qualified);
  }
  emit_rename(r, &moved, now, m->goal->name, moves ? NULL : note);
}

static void rename_tier(struct round *r, enum tier tier)
{
  struct renaming w = {
      .r = r, .tier = tier, .occupants = map_new(r->arena), .aside = map_new(r->arena)};
  collect(&w);
  for (size_t i = 0; i < w.movers.len; i++) {
    const struct catalog_object *occupant = map_get(w.occupants, name_key(r, w.movers.at[i].goal));
    if (occupant && occupant != w.movers.at[i].current)
      move_aside(&w, occupant, "makes room for a name of the state before");
  }
  for (size_t i = 0; i < w.movers.len; i++)
    emit_move(&w, &w.movers.at[i]);
}

void round_rename_schemas(struct round *r)
{
  rename_tier(r, TIER_SCHEMAS);
}

void round_rename_objects(struct round *r)
{
  rename_tier(r, TIER_OBJECTS);
}

void round_rename_children(struct round *r)
{
  rename_tier(r, TIER_CHILDREN);
}

#include "inverse/round.h"

#include "sql/quote.h"

void alter_sequence(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  static const char *const own[] = {"type", "start", "increment", "min", "max", "cache", "cycle"};
  const struct catalog_object *goal = c->before;
  const char *owned_by = catalog_get(goal, "owned_by");
  bool differs = false;
  for (size_t i = 0; i < COUNT_OF(own); i++)
    differs = differs || round_changed(c, own[i]);
  if (phase == INVERSE_BEFORE_DATA) {
    if (differs)
      round_emit(r, phase, round_note(r, goal, "had other options"),
                 "ALTER SEQUENCE %s AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s "
                 "CACHE %s %s",
                 goal->identity, catalog_get(goal, "type"), catalog_get(goal, "increment"),
                 catalog_get(goal, "min"), catalog_get(goal, "max"), catalog_get(goal, "start"),
                 catalog_get(goal, "cache"), catalog_get(goal, "cycle") ? "CYCLE" : "NO CYCLE");
    if (round_changed(c, "persistence") && !catalog_get(goal, "identity"))
      round_emit(r, phase, NULL, "ALTER SEQUENCE %s SET %s", goal->identity,
                 catalog_is(goal, "persistence", "u") ? "UNLOGGED" : "LOGGED");
    return;
  }
  if (round_changed(c, "owned_by") && !catalog_get(goal, "identity") &&
      !catalog_get(c->after, "identity"))
    round_emit(r, phase, NULL, "ALTER SEQUENCE %s OWNED BY %s", goal->identity,
               owned_by ? owned_by : "NONE");
}

static bool lists(const struct strings *list, const char *s)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

/* Same type, same number of labels: only names differ. By way of temporary names where two have
 * changed places. */
static void rename_labels(struct round *r, const struct catalog_change *c)
{
  struct strings now = round_json_strings(r->arena, catalog_get(c->after, "labels"));
  struct strings goal = round_json_strings(r->arena, catalog_get(c->before, "labels"));
  const char *note = round_note(r, c->before, "had another label");
  bool collide = false;
  for (size_t i = 0; i < now.len; i++)
    collide = collide || (strcmp(now.at[i], goal.at[i]) != 0 && lists(&now, goal.at[i]));
  for (size_t i = 0; i < now.len && collide; i++) {
    if (strcmp(now.at[i], goal.at[i]) == 0)
      continue;
    const char *aside = arena_printf(r->arena, "belay_aside_%zu", i);
    round_emit(r, INVERSE_BEFORE_DATA, note, "ALTER TYPE %s RENAME VALUE %s TO %s",
               c->before->identity, sql_literal(r->arena, now.at[i]), sql_literal(r->arena, aside));
    now.at[i] = aside;
  }
  for (size_t i = 0; i < now.len; i++)
    if (strcmp(now.at[i], goal.at[i]) != 0)
      round_emit(r, INVERSE_BEFORE_DATA, note, "ALTER TYPE %s RENAME VALUE %s TO %s",
                 c->before->identity, sql_literal(r->arena, now.at[i]),
                 sql_literal(r->arena, goal.at[i]));
}

static const struct catalog_object *user_that_stays(struct round *r,
                                                    const struct catalog_object *type)
{
  size_t i, last;
  round_dependents(r, type, &i, &last);
  for (; i < last; i++) {
    const struct catalog_object *o = r->edges[i].dependent;
    if (o->parent != type && (o->kind == CATALOG_DOMAIN || o->kind == CATALOG_COMPOSITE))
      return o;
  }
  return NULL;
}

/* All defaults go first: those of children do not fit the type that their parent's column gets. */
static void move_columns(struct round *r, const struct catalog_object *type)
{
  size_t first, last;
  round_dependents(r, type, &first, &last);
  for (size_t i = first; i < last; i++) {
    const struct catalog_object *o = r->edges[i].dependent;
    if (o->kind == CATALOG_COLUMN && !round_is_view_column(o) && catalog_get(o, "default") &&
        !catalog_get(o, "generated"))
      round_emit(r, INVERSE_BEFORE_DATA, NULL, "ALTER TABLE ONLY %s ALTER COLUMN %s DROP DEFAULT",
                 round_table_of(o), sql_ident(r->arena, o->name));
  }
  for (size_t i = first; i < last; i++) {
    const struct catalog_object *o = r->edges[i].dependent;
    if (o->kind != CATALOG_COLUMN || round_is_view_column(o) || round_parent_column(r, r->from, o))
      continue;
    const char *name = sql_ident(r->arena, o->name), *column_type = catalog_get(o, "type");
    round_emit(r, INVERSE_BEFORE_DATA, NULL,
               "ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s::text::%s", round_table_of(o), name,
               column_type, name, column_type);
  }
}

/* A label cannot be taken away and a new one not be used in the same transaction: the type is
 * built anew. */
static void rebuild(struct round *r, const struct catalog_change *c)
{
  struct arena *a = r->arena;
  const struct catalog_object *goal = c->before, *user = user_that_stays(r, c->after);
  const char *word = goal->kind == CATALOG_DOMAIN ? "DOMAIN" : "TYPE";
  if (user) {
    vec_push(a, &r->refusals,
             arena_printf(a, "%s %s cannot be built anew: %s %s uses it",
                          catalog_kind_name(goal->kind), goal->identity,
                          catalog_kind_name(user->kind), user->identity));
    return;
  }
  char *aside = arena_printf(a, "belay_aside_%u", c->after->oid);
  char *note = arena_printf(a,
                            "%s %s is built anew and its columns move to it: a row whose value the "
                            "type did not have before makes the rollback fail",
                            catalog_kind_name(goal->kind), goal->identity);
  round_emit(r, INVERSE_BEFORE_DATA, note, "ALTER %s %s RENAME TO %s", word, goal->identity, aside);
  struct catalog_script script = {0};
  if (catalog_create_object(a, r->to, goal, &script, r->err) < 0) {
    r->failed = true;
    return;
  }
  for (size_t i = 0; i < script.len; i++)
    round_emit_script(r, INVERSE_BEFORE_DATA, NULL, script.at[i].sql);
  move_columns(r, c->after);
  round_emit(r, INVERSE_BEFORE_DATA, NULL, "DROP %s %s", word,
             sql_qualified(a, goal->schema, aside));
}

/* The property is absent when it is the one that the server makes. */
static char *domain_not_null_name(struct arena *arena, const struct catalog_object *domain)
{
  const char *name = catalog_get(domain, "not_null_name");
  return sql_ident(arena, name ? name : arena_printf(arena, "%s_not_null", domain->name));
}

/* From 17 on it has a name and a comment. */
static void alter_domain_not_null(struct round *r, const struct catalog_change *c,
                                  enum inverse_phase phase)
{
  const struct catalog_object *goal = c->before;
  bool set = catalog_get(goal, "not_null") != NULL;
  if (round_changed(c, "not_null") && phase == (set ? INVERSE_AFTER_DATA : INVERSE_BEFORE_DATA))
    round_emit(r, phase, NULL, "ALTER DOMAIN %s %s NOT NULL", goal->identity, set ? "SET" : "DROP");
  if (!set || phase != INVERSE_AFTER_DATA)
    return;
  char *name = domain_not_null_name(r->arena, goal);
  if (round_changed(c, "not_null_name"))
    round_emit(r, phase, NULL, "ALTER DOMAIN %s RENAME CONSTRAINT %s TO %s", goal->identity,
               domain_not_null_name(r->arena, c->after), name);
  if (round_changed(c, "not_null_comment"))
    round_emit(r, phase, NULL, "COMMENT ON CONSTRAINT %s ON DOMAIN %s IS %s", name, goal->identity,
               sql_literal(r->arena, catalog_get(goal, "not_null_comment")));
}

static void alter_domain(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  const struct catalog_object *goal = c->before;
  const char *value = catalog_get(goal, "default");
  if (round_changed(c, "default") && phase == INVERSE_AFTER_DATA)
    round_emit(r, phase, NULL, "ALTER DOMAIN %s %s%s", goal->identity,
               value ? "SET DEFAULT " : "DROP DEFAULT", value ? value : "");
  alter_domain_not_null(r, c, phase);
}

/* "name type": the length of the name, which may be quoted */
static size_t attribute_name_len(const char *attribute)
{
  size_t len = 0;
  for (bool quoted = false; attribute[len] && (quoted || attribute[len] != ' '); len++)
    if (attribute[len] == '"')
      quoted = !quoted;
  return len;
}

static const char *find_attribute(const struct strings *list, const char *attribute)
{
  size_t len = attribute_name_len(attribute);
  for (size_t i = 0; i < list->len; i++)
    if (attribute_name_len(list->at[i]) == len && strncmp(list->at[i], attribute, len) == 0)
      return list->at[i];
  return NULL;
}

static void alter_composite(struct round *r, const struct catalog_change *c)
{
  struct strings now = round_json_strings(r->arena, catalog_get(c->after, "attributes"));
  struct strings goal = round_json_strings(r->arena, catalog_get(c->before, "attributes"));
  const enum inverse_phase phase = INVERSE_BEFORE_DATA;
  const char *type = c->before->identity;
  for (size_t i = 0; i < now.len && now.len == goal.len; i++) {
    size_t a = attribute_name_len(now.at[i]), b = attribute_name_len(goal.at[i]);
    bool same_type = strcmp(now.at[i] + a, goal.at[i] + b) == 0;
    if (same_type && strcmp(now.at[i], goal.at[i]) != 0 && !find_attribute(&now, goal.at[i]) &&
        !find_attribute(&goal, now.at[i])) {
      round_emit(r, phase, NULL, "ALTER TYPE %s RENAME ATTRIBUTE %.*s TO %.*s", type, (int)a,
                 now.at[i], (int)b, goal.at[i]);
      now.at[i] = goal.at[i];
    }
  }
  for (size_t i = 0; i < now.len; i++)
    if (!find_attribute(&goal, now.at[i]))
      round_emit(r, phase, NULL, "ALTER TYPE %s DROP ATTRIBUTE %.*s", type,
                 (int)attribute_name_len(now.at[i]), now.at[i]);
  for (size_t i = 0; i < goal.len; i++) {
    const char *found = find_attribute(&now, goal.at[i]);
    size_t len = attribute_name_len(goal.at[i]);
    if (!found)
      round_emit(r, phase, NULL, "ALTER TYPE %s ADD ATTRIBUTE %s", type, goal.at[i]);
    else if (strcmp(found, goal.at[i]) != 0)
      round_emit(r, phase, NULL, "ALTER TYPE %s ALTER ATTRIBUTE %.*s TYPE%s", type, (int)len,
                 goal.at[i], goal.at[i] + len);
  }
}

static void composite_comments(struct round *r, const struct catalog_change *c)
{
  struct strings goal = round_json_strings(r->arena, catalog_get(c->before, "attribute_comments"));
  struct strings now = round_json_strings(r->arena, catalog_get(c->after, "attribute_comments"));
  for (size_t i = 0; i + 1 < now.len; i += 2)
    if (!lists(&goal, now.at[i]))
      round_emit(r, INVERSE_AFTER_DATA, NULL, "COMMENT ON COLUMN %s.%s IS NULL",
                 c->before->identity, sql_ident(r->arena, now.at[i]));
  for (size_t i = 0; i + 1 < goal.len; i += 2)
    round_emit(r, INVERSE_AFTER_DATA, NULL, "COMMENT ON COLUMN %s.%s IS %s", c->before->identity,
               sql_ident(r->arena, goal.at[i]), sql_literal(r->arena, goal.at[i + 1]));
}

void alter_type(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  if (phase == INVERSE_BEFORE_DATA && round_must_rebuild(r, c))
    rebuild(r, c);
  else if (phase == INVERSE_BEFORE_DATA && c->before->kind == CATALOG_ENUM &&
           round_changed(c, "labels"))
    rename_labels(r, c);
  else if (c->before->kind == CATALOG_DOMAIN && !round_must_rebuild(r, c))
    alter_domain(r, c, phase);
  else if (c->before->kind == CATALOG_COMPOSITE && phase == INVERSE_BEFORE_DATA &&
           round_changed(c, "attributes"))
    alter_composite(r, c);
  else if (phase == INVERSE_AFTER_DATA && round_changed(c, "attribute_comments"))
    composite_comments(r, c);
}

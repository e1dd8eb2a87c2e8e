#include "inverse/round.h"

#include "sql/quote.h"

void alter_common(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  const struct catalog_object *goal = c->before;
  /* one that belongs to a column has the owner of its table */
  bool belongs = goal->kind == CATALOG_SEQUENCE &&
                 (catalog_get(goal, "identity") || catalog_get(c->after, "owned_by"));
  bool owner = round_changed(c, "owner") && !belongs;
  if (phase == INVERSE_BEFORE_DATA) {
    if (owner)
      round_emit_script(r, phase, round_note(r, goal, "had another owner"),
                        catalog_owner_sql(r->arena, goal));
    return;
  }
  if (round_changed(c, "acl") && !owner)
    round_emit_script(r, phase, round_note(r, goal, "had other privileges"),
                      catalog_acl_sql(r->arena, goal, catalog_get(c->after, "acl")));
  if (round_changed(c, "security_labels"))
    round_emit_script(r, phase, round_note(r, goal, "had other security labels"),
                      catalog_labels_sql(r->arena, goal, catalog_get(c->after, "security_labels")));
  if (round_changed(c, "comment"))
    round_emit_script(r, phase, round_note(r, goal, "had another comment"),
                      catalog_comment_sql(r->arena, goal));
}

/* Names of "a='1', b='x, y'". */
static struct strings option_names(struct arena *arena, const char *options)
{
  struct strings names = {0};
  const char *p = options ? options : "";
  while (*p) {
    p += strspn(p, ", ");
    size_t len = 0;
    for (bool quoted = false; p[len] && (quoted || p[len] != '='); len++)
      if (p[len] == '"')
        quoted = !quoted;
    if (len == 0)
      break;
    vec_push(arena, &names, arena_strndup(arena, p, len));
    p += len;
    for (bool quoted = false; *p && (quoted || *p != ','); p++)
      if (*p == '\'')
        quoted = !quoted;
  }
  return names;
}

static bool lists(const struct strings *list, const char *s)
{
  for (size_t i = 0; i < list->len; i++)
    if (strcmp(list->at[i], s) == 0)
      return true;
  return false;
}

void alter_options(struct round *r, enum inverse_phase phase, const char *alter,
                   const char *current, const char *goal)
{
  struct strings now = option_names(r->arena, current), want = option_names(r->arena, goal);
  CLEANUP(text_clear) struct text gone = TEXT_INIT;
  for (size_t i = 0; i < now.len; i++)
    if (!lists(&want, now.at[i]))
      text_printf(&gone, "%s%s", gone.len ? ", " : "", now.at[i]);
  if (gone.len)
    round_emit(r, phase, NULL, "%s RESET (%s)", alter, gone.data);
  if (goal)
    round_emit(r, phase, NULL, "%s SET (%s)", alter, goal);
}

void alter_trigger(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  const struct catalog_object *goal = c->before;
  if (phase != INVERSE_AFTER_DATA)
    return;
  if (round_changed(c, "constraint_comment"))
    round_emit(r, phase, NULL, "COMMENT ON CONSTRAINT %s ON %s IS %s",
               sql_ident(r->arena, goal->name), round_table_of(goal),
               sql_literal(r->arena, catalog_get(goal, "constraint_comment")));
  if (!round_changed(c, "enabled"))
    return;
  const char *words = catalog_enable_words(catalog_get(goal, "enabled"));
  const char *note = round_note(r, goal, "was switched");
  if (goal->kind == CATALOG_EVENT_TRIGGER)
    round_emit(r, phase, note, "ALTER EVENT TRIGGER %s %s", goal->identity, words);
  else
    round_emit(r, phase, note, "ALTER TABLE %s %s %s %s", round_table_of(goal), words,
               goal->kind == CATALOG_RULE ? "RULE" : "TRIGGER", sql_ident(r->arena, goal->name));
}

/* First statement of the goal's CREATE, as CREATE OR REPLACE. */
static const char *create_or_replace(struct round *r, const struct catalog_object *goal)
{
  static const char create_view[] = "CREATE VIEW ";
  struct catalog_script script = {0};
  if (catalog_create_object(r->arena, r->to, goal, &script, r->err) < 0) {
    r->failed = true;
    return NULL;
  }
  const char *sql = script.len ? script.at[0].sql : NULL;
  if (sql && strncmp(sql, create_view, strlen(create_view)) == 0)
    return arena_printf(r->arena, "CREATE OR REPLACE VIEW %s", sql + strlen(create_view));
  return sql;
}

static void emit_replace(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  size_t before = r->steps.len;
  round_emit_script(r, phase, round_note(r, c->before, "had another definition"),
                    create_or_replace(r, c->before));
  if (r->steps.len == before + 1)
    r->steps.at[before].replace = round_key(r->arena, c->before);
}

void alter_view(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  const struct catalog_object *goal = c->before;
  bool matview = goal->kind == CATALOG_MATVIEW;
  if (phase != INVERSE_AFTER_DATA)
    return;
  if (round_changed(c, "definition")) {
    emit_replace(r, c, phase);
    return;
  }
  const char *alter =
      arena_printf(r->arena, "ALTER %s %s", matview ? "MATERIALIZED VIEW" : "VIEW", goal->identity);
  const char *tablespace = catalog_get(goal, "tablespace"),
             *cluster = catalog_get(goal, "cluster_on");
  if (round_changed(c, "options"))
    alter_options(r, phase, alter, catalog_get(c->after, "options"), catalog_get(goal, "options"));
  if (round_changed(c, "tablespace"))
    round_emit(r, phase, NULL, "%s SET TABLESPACE %s", alter,
               tablespace ? sql_ident(r->arena, tablespace) : "pg_default");
  if (round_changed(c, "cluster_on"))
    round_emit(r, phase, NULL, cluster ? "%s CLUSTER ON %s" : "%s SET WITHOUT CLUSTER%s", alter,
               cluster ? sql_ident(r->arena, cluster) : "");
}

static bool needs_what_is_missing(const struct round *r, const struct catalog_object *goal)
{
  for (size_t i = 0; i < goal->depends_on_count; i++) {
    const struct catalog_object *d = goal->depends_on[i];
    if (!catalog_find_name(r->from, d->kind, d->identity))
      return true;
  }
  return false;
}

/* Before the data, because generated columns and index expressions may call it. */
void alter_routine(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  if (!round_changed(c, "definition"))
    return;
  if (phase == INVERSE_BEFORE_DATA && needs_what_is_missing(r, c->before))
    return;
  emit_replace(r, c, phase);
}

struct setting {
  const char *role, *name; /* role: quoted, "" = all */
};

/* Lines "role=name value"; the role may be quoted. */
static struct setting setting_of(struct arena *arena, const char *line)
{
  size_t len = 0;
  for (bool quoted = false; line[len] && (quoted || line[len] != '='); len++)
    if (line[len] == '"')
      quoted = !quoted;
  const char *name = line[len] ? line + len + 1 : line + len;
  return (struct setting){arena_strndup(arena, line, len),
                          arena_strndup(arena, name, strcspn(name, " "))};
}

static struct strings lines_of(struct arena *arena, const char *text)
{
  struct strings lines = {0};
  for (const char *p = text ? text : ""; *p; p += strcspn(p, "\n") + (strchr(p, '\n') ? 1 : 0))
    vec_push(arena, &lines, arena_strndup(arena, p, strcspn(p, "\n")));
  return lines;
}

/* "class.name": each part is a name */
static char *setting_name(struct arena *arena, const char *name)
{
  const char *dot = strchr(name, '.');
  if (!dot)
    return sql_ident(arena, name);
  return arena_printf(arena, "%s.%s",
                      sql_ident(arena, arena_strndup(arena, name, (size_t)(dot - name))),
                      sql_ident(arena, dot + 1));
}

/* The database is named by the server: the shadow's has another name than the target's. */
static void reset_setting(struct round *r, const char *line)
{
  struct setting s = setting_of(r->arena, line);
  const char *name = setting_name(r->arena, s.name);
  const char *statement =
      *s.role ? arena_printf(r->arena, "ALTER ROLE %s IN DATABASE %%I RESET %s", s.role, name)
              : arena_printf(r->arena, "ALTER DATABASE %%I RESET %s", name);
  if (strchr(s.role, '%') || strchr(name, '%')) {
    vec_push(r->arena, &r->refusals,
             arena_printf(r->arena, "the setting %s of the database is not set back", line));
    return;
  }
  char *body = arena_printf(r->arena, "BEGIN EXECUTE format(%s, current_database()); END",
                            sql_literal(r->arena, statement));
  round_emit(r, INVERSE_AFTER_DATA, "a setting of the database", "DO %s",
             sql_literal(r->arena, body));
}

/* What is there and should not be goes; the goal's settings are then all set, which changes only
 * what differs. */
static void alter_database(struct round *r, const struct catalog_change *c)
{
  if (!round_changed(c, "settings"))
    return;
  struct strings now = lines_of(r->arena, catalog_get(c->after, "settings"));
  struct strings goal = lines_of(r->arena, catalog_get(c->before, "settings"));
  for (size_t i = 0; i < now.len; i++)
    if (!lists(&goal, now.at[i]))
      reset_setting(r, now.at[i]);
  struct catalog_object only_settings = *c->before;
  only_settings.properties =
      arena_alloc(r->arena, (c->before->property_count + 1) * sizeof(*only_settings.properties));
  only_settings.property_count = 0;
  for (size_t i = 0; i < c->before->property_count; i++)
    if (strcmp(c->before->properties[i].name, "settings") == 0)
      only_settings.properties[only_settings.property_count++] = c->before->properties[i];
  struct catalog_script script = {0};
  if (catalog_create_object(r->arena, r->to, &only_settings, &script, r->err) < 0)
    r->failed = true;
  for (size_t i = 0; i < script.len; i++)
    round_emit_script(r, INVERSE_AFTER_DATA, NULL, script.at[i].sql);
}

static void alter_mappings(struct round *r, const struct catalog_change *c)
{
  static const char format[] = "ALTER TEXT SEARCH CONFIGURATION %s %s %.*s";
  struct strings now = round_json_strings(r->arena, catalog_get(c->after, "mappings"));
  struct strings goal = round_json_strings(r->arena, catalog_get(c->before, "mappings"));
  const char *name = c->before->identity, *note = round_note(r, c->before, "had other mappings");
  for (size_t i = 0; i < now.len; i++)
    if (!lists(&goal, now.at[i]))
      round_emit(r, INVERSE_AFTER_DATA, note, format, name, "DROP MAPPING FOR",
                 (int)(strstr(now.at[i], " WITH ") - now.at[i]), now.at[i]);
  for (size_t i = 0; i < goal.len; i++)
    if (!lists(&now, goal.at[i]))
      round_emit(r, INVERSE_AFTER_DATA, note, format, name, "ADD MAPPING FOR",
                 (int)strlen(goal.at[i]), goal.at[i]);
}

void alter_other(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  struct arena *a = r->arena;
  const struct catalog_object *goal = c->before;
  if (phase == INVERSE_AFTER_DATA && goal->kind == CATALOG_DATABASE)
    alter_database(r, c);
  if (phase == INVERSE_AFTER_DATA && goal->kind == CATALOG_TS_CONFIGURATION)
    alter_mappings(r, c);
  if (goal->kind == CATALOG_STATISTICS && round_changed(c, "target") &&
      phase == INVERSE_AFTER_DATA) {
    const char *target = catalog_get(goal, "target");
    round_emit(r, phase, NULL, "ALTER STATISTICS %s SET STATISTICS %s", goal->identity,
               target ? target : "-1");
  }
  if (goal->kind != CATALOG_EXTENSION || phase != INVERSE_BEFORE_DATA)
    return;
  if (round_changed(c, "schema") && catalog_get(goal, "schema"))
    round_emit(r, phase, round_note(r, goal, "was moved"), "ALTER EXTENSION %s SET SCHEMA %s",
               goal->identity, sql_ident(a, catalog_get(goal, "schema")));
  if (round_changed(c, "version"))
    vec_push(a, &r->refusals,
             arena_printf(a, "extension %s was updated from %s to %s: belay cannot downgrade it",
                          goal->identity, catalog_get(goal, "version"),
                          catalog_get(c->after, "version")));
}

#define _GNU_SOURCE /* strcasestr */
#include "run/scope.h"

#include <ctype.h>

#include "base/map.h"
#include "run/pipeline.h"
#include "sql/tree.h"

/* One file; why is what makes the answer "everything". */
struct scoping {
  struct run *run;
  const struct run_file *file;
  struct capture_danger_vec dangers;
  const char *why;
};

static const char *at_statement(const struct scoping *s, const struct sql_statement *statement,
                                const char *what)
{
  return arena_printf(s->run->arena, "%s:%d: %s", s->file->script->name, statement->start.line,
                      what);
}

/* ---- statements ---- */

/* What it does may depend on rows that the shadow has not. */
static const char *depends_on_rows(const struct sql_statement *statement)
{
  if (!statement->tree)
    return "the parser does not know this statement";
  switch (statement->tree->kind) {
  case SQL_DO:
    return "what a DO block does may depend on rows";
  case SQL_CALL:
    return "what a procedure does may depend on rows";
  case SQL_EXECUTE:
    return "what a prepared statement does is not known";
  case SQL_SELECT:
    return "what a SELECT calls may depend on rows";
  default:
    return NULL;
  }
}

/* A backup of some tables has none of them. */
static bool may_change_large_objects(const char *text)
{
  static const char *const words[] = {"lo_", "lowrite", "large", "pg_largeobject"};
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (strcasestr(text, words[i]))
      return true;
  return false;
}

/* Statements that only name functions and views, and do not evaluate them. */
static bool only_defines(enum sql_kind kind)
{
  return kind == SQL_CREATE_OTHER || kind == SQL_CREATE_VIEW || kind == SQL_COMMENT ||
         kind == SQL_GRANT || kind == SQL_DROP || kind == SQL_RENAME || kind == SQL_SET_SCHEMA;
}

static bool word_char(char c)
{
  return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* As a word, whatever its case: too often rather than too rarely. */
static bool names(const char *text, const char *word)
{
  size_t len = strlen(word);
  for (const char *p = text; (p = strcasestr(p, word)); p++)
    if ((p == text || !word_char(p[-1])) && !word_char(p[len]))
      return true;
  return false;
}

static const struct catalog_object *evaluates(const struct catalog *c, const char *text)
{
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    bool counts = o->kind == CATALOG_VIEW ||
                  (o->kind == CATALOG_FUNCTION && !catalog_is(o, "result", "trigger"));
    if (counts && names(text, o->name))
      return o;
  }
  return NULL;
}

/* A key that this file makes: by it rows of other tables go along with those that the file writes.
 * Keys that were there before are followed by capture_dangers. */
static bool makes_following_key(const struct scoping *s, const char *text)
{
  if (!names(text, "REFERENCES") || !(names(text, "CASCADE") || names(text, "SET")))
    return false;
  for (size_t i = 0; i < s->dangers.len; i++)
    if (s->dangers.at[i].written)
      return true;
  return false;
}

static void judge_statements(struct scoping *s)
{
  const struct inverse *inverse = s->file->inverse;
  for (size_t i = s->file->first; i < s->file->last && !s->why; i++) {
    const struct sql_statement *statement = &s->file->script->statements.at[i];
    const char *what = makes_following_key(s, statement->text)
                           ? "rows of other tables may follow by the foreign key that it makes"
                       : may_change_large_objects(statement->text) ? "it may change large objects"
                                                                   : depends_on_rows(statement);
    if (what || only_defines(statement->tree->kind)) {
      s->why = what ? at_statement(s, statement, what) : NULL;
      continue;
    }
    const struct catalog_object *o = evaluates(inverse->before, statement->text);
    if (!o)
      o = evaluates(inverse->after, statement->text);
    if (o)
      s->why = at_statement(s, statement,
                            arena_printf(s->run->arena, "it uses %s %s, which may write anywhere",
                                         catalog_kind_name(o->kind), o->identity));
  }
}

static void judge_effects(struct scoping *s)
{
  const struct inverse *inverse = s->file->inverse;
  for (size_t i = 0; i < inverse->effects.len && !s->why; i++) {
    const struct shadow_effect *e = &inverse->effects.at[i];
    if (e->skipped)
      s->why = at_statement(s, &s->file->script->statements.at[e->statement],
                            arena_printf(s->run->arena, "not run on the shadow: %s", e->skipped));
  }
  if (!s->why && inverse->outside.len)
    s->why = arena_printf(s->run->arena, "%s: not run on the shadow: %s", s->file->script->name,
                          inverse->outside.at[0]);
}

/* ---- what the tables bring along ---- */

static const struct capture_danger *danger_of(const struct scoping *s, const struct catalog *c,
                                              const struct catalog_object *table)
{
  for (const char *at = table->identity; at;) {
    for (size_t i = 0; i < s->dangers.len; i++)
      if (strcmp(s->dangers.at[i].table, at) == 0)
        return &s->dangers.at[i];
    const struct catalog_object *o = catalog_find_name(c, CATALOG_TABLE, at);
    at = o ? catalog_get(o, "partition_of") : NULL;
  }
  return NULL;
}

static bool calls_function(const struct catalog_object *o)
{
  if (o->kind != CATALOG_COLUMN && o->kind != CATALOG_CONSTRAINT && o->kind != CATALOG_INDEX)
    return false;
  for (size_t i = 0; i < o->depends_on_count; i++)
    if (o->depends_on[i]->kind == CATALOG_FUNCTION)
      return true;
  return false;
}

/* Triggers, rules and functions in defaults and checks: on rows they run code. */
static void judge_catalog(struct scoping *s, const struct catalog *c)
{
  for (size_t i = 0; i < c->object_count && !s->why; i++) {
    const struct catalog_object *o = c->objects[i];
    const struct capture_danger *danger =
        o->parent && o->parent->kind == CATALOG_TABLE ? danger_of(s, c, o->parent) : NULL;
    bool fires =
        danger && danger->written && (o->kind == CATALOG_TRIGGER || o->kind == CATALOG_RULE);
    if (fires || o->kind == CATALOG_EVENT_TRIGGER || (danger && calls_function(o)))
      s->why = arena_printf(s->run->arena, "%s: %s %s runs code that may write anywhere",
                            s->file->migration->name, catalog_kind_name(o->kind), o->identity);
  }
}

/* The tables of an extension are not in the model. */
static void judge_extensions(struct scoping *s)
{
  const struct catalog *before = s->file->inverse->before, *after = s->file->inverse->after;
  for (size_t i = 0; i < before->object_count && !s->why; i++) {
    const struct catalog_object *o = before->objects[i];
    if (o->kind != CATALOG_EXTENSION)
      continue;
    const struct catalog_object *now = catalog_find(after, CATALOG_EXTENSION, o->oid, 0);
    const char *version = catalog_get(o, "version");
    if (!now || !version || !catalog_is(now, "version", version))
      s->why = arena_printf(s->run->arena, "%s: extension %s is dropped or updated",
                            s->file->migration->name, o->name);
  }
}

/* ---- */

/* A table of the state before this file as the target calls it; NULL: an earlier file made it. The
 * shadow is one database, so its OIDs tell. */
static const char *name_on_target(const struct scoping *s, const char *identity)
{
  const struct catalog *first = s->run->files.at[0].inverse->before;
  const struct catalog_object *here =
      catalog_find_name(s->file->inverse->before, CATALOG_TABLE, identity);
  const struct catalog_object *there =
      here ? catalog_find(first, CATALOG_TABLE, here->oid, 0) : NULL;
  return there ? there->identity : NULL;
}

static const char *add_file(struct run *run, const struct run_file *file, struct strings *tables)
{
  struct scoping s = {.run = run, .file = file};
  if (!file->inverse)
    return arena_printf(run->arena, "%s: it was not run on a shadow", file->migration->name);
  s.dangers = capture_dangers(run->arena, file->inverse);
  judge_statements(&s);
  judge_effects(&s);
  judge_catalog(&s, file->inverse->before);
  judge_catalog(&s, file->inverse->after);
  judge_extensions(&s);
  for (size_t i = 0; i < s.dangers.len; i++) {
    const char *name = name_on_target(&s, s.dangers.at[i].table);
    if (name)
      vec_push(run->arena, tables, name);
  }
  return s.why;
}

void run_scope(struct run *run, struct run_scope *ret)
{
  struct run_scope scope = {.scope.kind = "pending"};
  if (run->request->command)
    scope.why = "a command may do more than the pending files say";
  else if (run->files.len == 0)
    scope.why = "no pending migration is known to belay";
  const char *ledger = run_ledger_identity(run->env);
  if (ledger)
    vec_push(run->arena, &scope.scope.tables, ledger);
  for (size_t i = 0; i < run->files.len && !scope.why; i++)
    scope.why = add_file(run, &run->files.at[i], &scope.scope.tables);
  scope.whole = scope.why != NULL;
  *ret = scope;
}

static int prove(struct run *run, struct run_scope *ret, struct err *err)
{
  const char *summary;
  if (run_stage_preflight(run, &summary, err) < 0)
    return err_wrap(err, "finding what is pending");
  if (run->files.len == 0) {
    err_set(err, ERR_REFUSED, "no migration is pending, so nothing is endangered");
    return err_hint(err, "For a whole backup leave --scope out.");
  }
  struct err failed = ERR_INIT;
  if (run_prove_pending(run, &failed) == 0) {
    run_scope(run, ret);
    return 0;
  }
  if (failed.code != ERR_REFUSED) {
    err_move(err, &failed);
    return -1;
  }
  *ret = (struct run_scope){.whole = true, .why = arena_strdup(run->arena, failed.message)};
  err_clear(&failed);
  return 0;
}

int run_scope_of_pending(const struct run_env *env, struct run_scope *ret, struct err *err)
{
  struct run_result result = {0};
  struct run_request request = {.env = env};
  struct run run = {.arena = env->arena, .env = env, .request = &request, .result = &result};
  int rc = prove(&run, ret, err);
  shadow_closep(&run.shadow);
  db_closep(&run.conn);
  db_closep(&run.tool_lock);
  db_closep(&run.lock);
  return rc;
}

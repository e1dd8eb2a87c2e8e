/* Which findings can be fixed, and how: one function a rule. */
#include "lint/fix.h"

#include <ctype.h>

#include "lint/check.h"
#include "sql/quote.h"

enum { NAME_BYTES_MAX = 63 };

/* ---- places in a statement ---- */

static const char *skip_space(const char *at)
{
  for (;;) {
    at += strspn(at, " \t\r\n\f\v");
    if (strncmp(at, "--", 2) == 0)
      at += strcspn(at, "\n");
    else if (strncmp(at, "/*", 2) != 0)
      return at;
    else
      for (int depth = 0; *at; at++) {
        if (strncmp(at, "/*", 2) == 0)
          depth++, at++;
        else if (strncmp(at, "*/", 2) == 0 && at++ && --depth == 0) {
          at++;
          break;
        }
      }
  }
}

static bool is_word_end(char c)
{
  return !isalnum((unsigned char)c) && c != '_' && c != '$' && (unsigned char)c < 0x80;
}

/* Behind the word, if it is the next token; else NULL. */
static const char *take(const char *at, const char *word)
{
  at = skip_space(at);
  size_t len = strlen(word);
  return strncasecmp(at, word, len) == 0 && is_word_end(at[len]) ? at + len : NULL;
}

static const char *take_options(const char *at)
{
  const char *open = skip_space(at);
  if (*open != '(')
    return at;
  const char *close = strchr(open, ')'); /* words and numbers only */
  return close ? close + 1 : at;
}

/* Behind "CREATE UNIQUE INDEX", "REINDEX (VERBOSE) TABLE", ...; 0: it begins otherwise. */
static size_t behind_head(const struct sql_tree *tree, const char *text)
{
  const char *at = text, *next;
  switch (tree->kind) {
  case SQL_CREATE_INDEX:
    at = take(at, "CREATE");
    next = at ? take(at, "UNIQUE") : NULL;
    at = at ? take(next ? next : at, "INDEX") : NULL;
    break;
  case SQL_DROP:
    at = take(at, "DROP");
    at = at ? take(at, "INDEX") : NULL;
    break;
  case SQL_REINDEX:
    at = take(at, "REINDEX");
    at = at ? take_options(at) : NULL;
    next = at ? take(at, "TABLE") : NULL;
    at = next ? next : at ? take(at, "INDEX") : NULL;
    break;
  case SQL_REFRESH:
    at = take(at, "REFRESH");
    at = at ? take(at, "MATERIALIZED") : NULL;
    at = at ? take(at, "VIEW") : NULL;
    break;
  default:
    return 0;
  }
  return at ? (size_t)(at - text) : 0;
}

/* ---- what must be certain ---- */

/* NULL: an ordinary table of which nothing hangs. */
static const char *why_not_plain(struct lint *lint, const struct lint_relation *table)
{
  if (table->kind == LINT_UNKNOWN_RELATION && table->table)
    return NULL;
  if (table->kind == LINT_UNKNOWN_RELATION)
    return arena_printf(lint->arena, "whether %s is a partitioned table is not known here",
                        table->name);
  if (lint_is_partitioned(table) || table->parent)
    return arena_printf(lint->arena, "%s belongs to a partitioned table", table->name);
  if (table->kind != LINT_TABLE && table->kind != LINT_MATVIEW)
    return arena_printf(lint->arena, "%s is no table", table->name);
  if (table->children.len > 0)
    return arena_printf(lint->arena, "other tables inherit from %s", table->name);
  return NULL;
}

static void edit(struct lint *lint, struct lint_fix *fix, size_t offset, size_t len,
                 const char *text)
{
  vec_push(lint->arena, &fix->edits, ((struct lint_edit){offset, len, text}));
}

/* ---- one function a rule: NULL and a fix, or why there is none ---- */

static const char *concurrently(struct lint *lint, struct lint_fix *fix)
{
  size_t offset = behind_head(lint->tree, lint->statement->text);
  if (offset == 0)
    return "the statement is not understood so far";
  edit(lint, fix, offset, 0, " CONCURRENTLY");
  fix->alone = lint->tree->kind != SQL_REFRESH;
  return NULL;
}

static const char *fix_create_index(struct lint *lint, struct lint_fix *fix)
{
  const char *why = why_not_plain(lint, lint_facts_relation(lint->facts, lint->tree->name));
  if (!why && lint->tree->if_not_exists)
    why = "IF NOT EXISTS would keep an invalid index that a failed build left";
  return why ? why : concurrently(lint, fix);
}

static const char *fix_drop_index(struct lint *lint, struct lint_fix *fix)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->names.len != 1)
    return "DROP INDEX CONCURRENTLY takes one index";
  if (tree->cascade)
    return "DROP INDEX CONCURRENTLY knows no CASCADE";
  const struct lint_relation *index = lint_facts_relation(lint->facts, tree->names.at[0]);
  if (index->kind != LINT_INDEX || !index->indexed)
    return arena_printf(lint->arena, "the table of %s is not known here", index->name);
  if (index->constraint || index->parent)
    return arena_printf(lint->arena, "%s belongs to a constraint or a partitioned index",
                        index->name);
  const char *why = why_not_plain(lint, index->indexed);
  return why ? why : concurrently(lint, fix);
}

static const char *fix_reindex(struct lint *lint, struct lint_fix *fix)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->object != SQL_OBJECT_TABLE && tree->object != SQL_OBJECT_INDEX)
    return "it is not about one table or index";
  const struct lint_relation *relation = lint_facts_relation(lint->facts, tree->name);
  if (tree->object == SQL_OBJECT_INDEX && relation->indexed)
    relation = relation->indexed;
  const char *why = why_not_plain(lint, relation);
  for (size_t i = 0; !why && i < relation->constraints.len; i++)
    if (relation->constraints.at[i]->kind == SQL_EXCLUDE && !relation->constraints.at[i]->dropped)
      why = "an index of an exclusion constraint cannot be built concurrently";
  return why ? why : concurrently(lint, fix);
}

static const char *fix_refresh(struct lint *lint, struct lint_fix *fix)
{
  const struct lint_relation *view = lint_facts_relation(lint->facts, lint->tree->name);
  if (!lint->tree->with_data)
    return "WITH NO DATA cannot be done concurrently";
  for (size_t i = 0; i < view->indexes.len; i++) {
    const struct lint_relation *index = view->indexes.at[i];
    bool whole = index->unique && !index->partial && !index->dropped && index->index_columns.len;
    for (size_t c = 0; whole && c < index->index_columns.len; c++)
      whole = index->index_columns.at[c][0] != '\0';
    if (whole)
      return concurrently(lint, fix);
  }
  return arena_printf(lint->arena, "no unique index over columns of %s is known", view->name);
}

/* The subcommand that a finding is about. */
static const struct sql_action *action_at(const struct lint *lint, const struct lint_fix *fix)
{
  size_t offset = fix->offset - lint->statement->start.offset;
  for (size_t i = 0; i < lint->tree->actions.len; i++) {
    const struct sql_action *action = &lint->tree->actions.at[i];
    if (action->range.end > 0 && action->range.start == offset)
      return action;
  }
  return NULL;
}

/* "ALTER TABLE ONLY public.orders", as it is written. */
static const char *head_of(struct lint *lint)
{
  size_t len = lint->tree->actions.at[0].range.start;
  while (len > 0 && isspace((unsigned char)lint->statement->text[len - 1]))
    len--;
  return arena_strndup(lint->arena, lint->statement->text, len);
}

static const char *fix_not_valid(struct lint *lint, struct lint_fix *fix)
{
  const struct sql_action *action = action_at(lint, fix);
  if (!action || action->kind != SQL_ADD_CONSTRAINT)
    return "the constraint is part of something else";
  if (!action->constraint->name)
    return "the constraint has no name, so VALIDATE cannot call it by one";
  const char *why = why_not_plain(lint, lint_facts_relation(lint->facts, lint->tree->name));
  if (why)
    return why;
  edit(lint, fix, action->range.end, 0, " NOT VALID");
  fix->later = arena_printf(lint->arena, "%s VALIDATE CONSTRAINT %s;\n", head_of(lint),
                            sql_ident(lint->arena, action->constraint->name));
  return NULL;
}

static const char *why_not_simple_key(const struct sql_constraint *key)
{
  if (!key->name)
    return "the constraint has no name that its index could have";
  if (key->using_index)
    return "it has its index already";
  if (key->include.len > 0 || key->nulls_not_distinct || key->deferrable || key->initially_deferred)
    return "it has more to it than columns";
  return NULL;
}

/* Behind the keyword exactly "(column, ...)" as far as `end`; its opening parenthesis. */
static const char *column_list(const char *action, const char *end, bool primary)
{
  const char *open = NULL;
  bool quoted = false;
  for (const char *p = action; p < end && !open; p++) {
    quoted = quoted != (*p == '"');
    if (!quoted && *p == '(')
      open = p;
  }
  const char *close = end - 1;
  const char *word = primary ? "KEY" : "UNIQUE";
  if (!open || *close != ')' || memchr(open + 1, '(', (size_t)(end - open - 1)))
    return NULL;
  const char *before = open;
  while (before > action && isspace((unsigned char)before[-1]))
    before--;
  size_t len = strlen(word);
  return (size_t)(before - action) > len && strncasecmp(before - len, word, len) == 0 ? open : NULL;
}

static const char *fix_key(struct lint *lint, struct lint_fix *fix)
{
  const struct sql_action *action = action_at(lint, fix);
  const struct lint_relation *table = lint_facts_relation(lint->facts, lint->tree->name);
  if (!action || action->kind != SQL_ADD_CONSTRAINT || lint->tree->actions.len != 1)
    return "the constraint is part of something else";
  const struct sql_constraint *key = action->constraint;
  const char *why = why_not_plain(lint, table);
  why = why ? why : why_not_simple_key(key);
  if (why)
    return why;
  for (size_t i = 0; key->kind == SQL_PRIMARY_KEY && i < key->columns.len; i++)
    if (!lint_facts_column(lint->facts, table, key->columns.at[i])->not_null)
      return arena_printf(lint->arena, "column %s is not known to be NOT NULL", key->columns.at[i]);
  const char *text = lint->statement->text, *end = text + action->range.end;
  const char *open = column_list(text + action->range.start, end, key->kind == SQL_PRIMARY_KEY);
  if (!open)
    return "it has more to it than columns";
  const char *name = sql_ident(lint->arena, key->name);
  vec_push(lint->arena, &fix->apart,
           arena_printf(lint->arena, "CREATE UNIQUE INDEX CONCURRENTLY %s ON %s %.*s;\n", name,
                        sql_qualified(lint->arena, lint->tree->name.schema, lint->tree->name.name),
                        (int)(end - open), open));
  edit(lint, fix, (size_t)(open - text), (size_t)(end - open),
       arena_printf(lint->arena, "USING INDEX %s", name));
  fix->fresh = true;
  return NULL;
}

/* A name that no constraint of the table has; not the one that the server gives to NOT NULL. */
static const char *check_name(struct lint *lint, const struct lint_relation *table,
                              const char *column)
{
  const char *name = arena_printf(lint->arena, "%s_%s_is_not_null", table->at.name, column);
  for (size_t i = 0; i < table->constraints.len; i++)
    if (table->constraints.at[i]->name && strcmp(table->constraints.at[i]->name, name) == 0)
      return NULL;
  return strlen(name) <= NAME_BYTES_MAX ? sql_ident(lint->arena, name) : NULL;
}

enum { NOT_VALID_NOT_NULL_MAJOR = 18 };

/* NOT NULL ... NOT VALID, by the name that SET NOT NULL would give; VALIDATE later. */
static const char *fix_not_null_as_constraint(struct lint *lint, struct lint_fix *fix,
                                              const struct sql_action *action,
                                              const struct lint_relation *table)
{
  const char *name = arena_printf(lint->arena, "%s_%s_not_null", table->at.name, action->name);
  for (size_t i = 0; i < table->constraints.len; i++)
    if (table->constraints.at[i]->name && strcmp(table->constraints.at[i]->name, name) == 0)
      return "the name that SET NOT NULL gives to its constraint is taken";
  if (strlen(name) > NAME_BYTES_MAX)
    return "the name that SET NOT NULL gives to its constraint is cut";
  name = sql_ident(lint->arena, name);
  edit(lint, fix, action->range.start, action->range.end - action->range.start,
       arena_printf(lint->arena, "ADD CONSTRAINT %s NOT NULL %s NOT VALID", name,
                    sql_ident(lint->arena, action->name)));
  fix->later = arena_printf(lint->arena, "%s VALIDATE CONSTRAINT %s;\n", head_of(lint), name);
  return NULL;
}

static const char *fix_not_null(struct lint *lint, struct lint_fix *fix)
{
  const struct sql_action *action = action_at(lint, fix);
  const struct lint_relation *table = lint_facts_relation(lint->facts, lint->tree->name);
  if (action && action->kind == SQL_SET_NOT_NULL && !why_not_plain(lint, table) &&
      lint_facts_major(lint->facts) >= NOT_VALID_NOT_NULL_MAJOR)
    return fix_not_null_as_constraint(lint, fix, action, table);
  if (!action || action->kind != SQL_SET_NOT_NULL || lint->tree->actions.len != 1)
    return "SET NOT NULL shares its ALTER TABLE with something else";
  const char *why = why_not_plain(lint, table);
  if (why)
    return why;
  const char *head = head_of(lint), *name = check_name(lint, table, action->name);
  if (!name)
    return "there is no free name for the check that proves it";
  fix->before =
      arena_printf(lint->arena, "%s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID;\n", head,
                   name, sql_ident(lint->arena, action->name));
  vec_push(lint->arena, &fix->apart,
           arena_printf(lint->arena, "%s VALIDATE CONSTRAINT %s;\n", head, name));
  fix->fresh = true;
  fix->behind = arena_printf(lint->arena, "%s DROP CONSTRAINT %s;\n", head, name);
  return NULL;
}

static const char *fix_alone(struct lint *lint, struct lint_fix *fix)
{
  UNUSED(lint);
  fix->alone = true;
  return NULL;
}

static const char *fix_apart(struct lint *lint, struct lint_fix *fix)
{
  UNUSED(lint);
  fix->fresh = true;
  return NULL;
}

/* What asks for more than a statement in its file would no longer run in it. */
static const char *fix_lock_timeout(struct lint *lint, struct lint_fix *fix)
{
  const struct lint_tool *tool = lint->input->tool;
  int64_t ms = lint->settings->lock_timeout_ms;
  if (tool && (tool->up || tool->no_transaction))
    return "the first comment of the file belongs to its tool";
  for (size_t i = 0; i < lint->script->statements.len && lint->runs != LINT_RUNS_STATEMENTS; i++)
    if (lint->script->statements.at[i].bare)
      return "a statement of the file has to be alone in it";
  fix->first = ms > 0 && ms % 1000 == 0 ? arena_printf(lint->arena, "SET lock_timeout = '%llds';\n",
                                                       (long long)ms / 1000)
               : ms > 0 ? arena_printf(lint->arena, "SET lock_timeout = '%lldms';\n", (long long)ms)
                        : "SET lock_timeout = '2s';\n";
  return NULL;
}

static const struct {
  const char *rule;
  const char *(*fix)(struct lint *lint, struct lint_fix *fix);
  const char *what;
} fixers[] = {
    {"index-create-not-concurrent", fix_create_index, "CONCURRENTLY, in a migration of its own"},
    {"index-drop-not-concurrent", fix_drop_index, "CONCURRENTLY, in a migration of its own"},
    {"reindex-not-concurrent", fix_reindex, "CONCURRENTLY, in a migration of its own"},
    {"matview-refresh-not-concurrent", fix_refresh, "CONCURRENTLY"},
    {"check-not-valid", fix_not_valid, "NOT VALID, and VALIDATE in a later migration"},
    {"foreign-key-not-valid", fix_not_valid, "NOT VALID, and VALIDATE in a later migration"},
    {"unique-constraint-builds-index", fix_key,
     "the index CONCURRENTLY in a migration of its own, then USING INDEX"},
    {"primary-key-builds-index", fix_key,
     "the index CONCURRENTLY in a migration of its own, then USING INDEX"},
    {"not-null-scan", fix_not_null,
     "a CHECK that is NOT VALID, VALIDATE in a later migration, then SET NOT NULL"},
    {"concurrently-not-alone", fix_alone, "a migration of its own"},
    {"constraint-validate-same-transaction", fix_apart, "VALIDATE in a later migration"},
    {"require-lock-timeout", fix_lock_timeout, "SET lock_timeout in the first line"},
};

static void fix_finding(struct lint *lint, struct lint_finding *finding)
{
  for (size_t i = 0; i < COUNT_OF(fixers); i++) {
    if (strcmp(finding->rule->id, fixers[i].rule) != 0)
      continue;
    struct lint_fix fix = {.rule = finding->rule,
                           .script = finding->script,
                           .statement = finding->statement,
                           .offset = finding->start.offset};
    finding->no_fix = fixers[i].fix(lint, &fix);
    if (finding->no_fix)
      return;
    finding->fix = fixers[i].what;
    vec_push(lint->arena, &lint->report->fixes, fix);
    return;
  }
}

void lint_find_fixes(struct lint *lint, size_t first, size_t last)
{
  for (size_t i = first; lint->tree && i < last; i++)
    if (lint->report->findings.at[i].statement == lint->now.statement)
      fix_finding(lint, &lint->report->findings.at[i]);
}

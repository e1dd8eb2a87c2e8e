#include "lint/check.h"
#include "lint/questions.h"

#include "base/embedded.h"

static const char *const severity_names[] = {
    [LINT_OFF] = "off", [LINT_INFO] = "info", [LINT_WARNING] = "warning", [LINT_ERROR] = "error"};

const char *lint_severity_name(enum lint_severity severity)
{
  return severity_names[severity];
}

const char *lint_depth_name(enum lint_depth depth)
{
  static const char *const names[] = {
      [LINT_STATIC] = "static", [LINT_CATALOG] = "catalog", [LINT_OBSERVED] = "observed"};
  return names[depth];
}

bool lint_severity_parse(const char *name, enum lint_severity *ret)
{
  for (size_t i = 0; i < COUNT_OF(severity_names); i++) {
    if (strcmp(severity_names[i], name) == 0) {
      *ret = (enum lint_severity)i;
      return true;
    }
  }
  return false;
}

/* ---- adding ---- */

static bool is_small(const struct lint *lint, const struct lint_relation *relation)
{
  const struct catalog_object *table = relation ? relation->table : NULL;
  return table && !lint_is_partitioned(relation) && lint->settings->large_table_rows > 0 &&
         table->row_estimate >= 0 && table->row_estimate < lint->settings->large_table_rows;
}

static enum lint_severity lowered(enum lint_severity severity, int levels)
{
  while (levels-- > 0 && severity > LINT_INFO)
    severity--;
  return severity;
}

static const char *count_text(struct arena *arena, double rows)
{
  if (rows < 1e3)
    return arena_printf(arena, "about %.0f rows", rows);
  if (rows < 1e6)
    return arena_printf(arena, "about %.0f thousand rows", rows / 1e3);
  return arena_printf(arena, "about %.1f million rows", rows / 1e6);
}

static const char *bytes_text(struct arena *arena, int64_t bytes)
{
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double n = (double)bytes;
  size_t unit = 0;
  while (n >= 1024 && unit + 1 < COUNT_OF(units)) {
    n /= 1024;
    unit++;
  }
  return arena_printf(arena, unit == 0 ? "%.0f %s" : "%.1f %s", n, units[unit]);
}

static const char *size_detail(const struct lint *lint, const struct lint_relation *relation)
{
  if (!lint->catalog || !relation || relation->created)
    return NULL;
  const struct catalog_object *table = relation->table;
  if (!table)
    return arena_printf(lint->arena, "%s is not in the database", relation->name);
  if (lint_is_partitioned(relation))
    return arena_printf(lint->arena, "%s is partitioned", table->identity);
  const char *size = bytes_text(lint->arena, table->bytes);
  if (table->row_estimate < 0)
    return arena_printf(lint->arena, "%s: row count not known, %s", table->identity, size);
  return arena_printf(lint->arena, "%s: %s, %s", table->identity,
                      count_text(lint->arena, table->row_estimate), size);
}

static struct sql_place place_in(const struct sql_statement *st, size_t offset)
{
  struct sql_place place = st->start;
  for (size_t i = 0; i < offset && i < st->len; i++) {
    place.offset++;
    place.column++;
    if (st->text[i] == '\n') {
      place.line++;
      place.column = 1;
    }
  }
  return place;
}

static struct lint_finding *add_finding(struct lint *lint, const char *id, int lower)
{
  const struct lint_rule *rule = lint_rule_find(id);
  enum lint_severity severity = rule ? lint_severity_of(lint, rule) : LINT_OFF;
  if (severity == LINT_OFF)
    return NULL;
  struct lint_finding *finding = vec_add(lint->arena, &lint->report->findings);
  finding->rule = rule;
  finding->severity = lint->is_back ? LINT_INFO : lowered(severity, lower);
  finding->depth = LINT_STATIC;
  finding->file = lint->script->name;
  finding->script = lint->now.script;
  finding->statement = lint->now.statement;
  return finding;
}

void lint_add(struct lint *lint, const char *rule, struct lint_at at, const char *fmt, ...)
{
  int lower = at.lower + (at.eases && is_small(lint, at.relation) ? 1 : 0);
  struct lint_finding *finding = add_finding(lint, rule, lower);
  if (!finding)
    return;
  bool whole = at.range.end == 0;
  finding->start = place_in(lint->statement, whole ? 0 : at.range.start);
  finding->end = place_in(lint->statement, whole ? lint->statement->len : at.range.end);
  va_list args;
  va_start(args, fmt);
  finding->message = arena_vprintf(lint->arena, fmt, args);
  va_end(args);
  finding->question = at.question;
  if (at.relation) {
    finding->relation = at.relation->name;
    finding->detail = size_detail(lint, at.relation);
    finding->depth = at.relation->table ? LINT_CATALOG : LINT_STATIC;
  }
  if (finding->rule->needs == LINT_NEEDS_OBSERVATION ||
      (finding->rule->lock && lint->effects && lint->effects->source == LINT_OBSERVED))
    finding->depth = LINT_OBSERVED;
}

void lint_add_at(struct lint *lint, const char *rule, struct sql_place start, struct sql_place end,
                 const char *message)
{
  struct lint_finding *finding = add_finding(lint, rule, 0);
  if (!finding)
    return;
  finding->start = start;
  finding->end = end;
  finding->message = message;
}

/* ---- one script ---- */

void lint_turn_to(struct lint *lint, size_t statement)
{
  lint->statement = &lint->script->statements.at[statement];
  lint->tree = lint->statement->tree;
  lint->now.statement = statement;
}

bool lint_in_transaction(const struct lint *lint)
{
  return lint->one_transaction || lint->in_block;
}

enum { CHILD_DEPTH_MAX = 32 };

/* The table, or the first of its children, that holds rows already: a new table can have been
 * given old ones. NULL: all are new. */
static const struct lint_relation *existing_part(const struct lint_relation *table, int depth)
{
  if (!lint_is_new(table))
    return table;
  const struct lint_relation *found = NULL;
  for (size_t i = 0; !found && depth < CHILD_DEPTH_MAX && i < table->children.len; i++)
    found = existing_part(table->children.at[i], depth + 1);
  return found;
}

static void check_actions(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind != SQL_ALTER_TABLE || tree->object != SQL_OBJECT_TABLE)
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  table = existing_part(table, 0);
  if (!table || table->kind == LINT_FOREIGN_TABLE)
    return;
  for (size_t f = 0; f < lint_family_count; f++)
    for (size_t i = 0; lint_families[f]->action && i < tree->actions.len; i++)
      lint_families[f]->action(
          lint, &tree->actions.at[i],
          (struct lint_at){.range = tree->actions.at[i].range, .relation = table});
}

static void follow_transaction(struct lint *lint)
{
  enum sql_transaction control = lint->statement->transaction;
  if (control == SQL_BEGIN)
    lint->in_block = true;
  else if (control == SQL_COMMIT || control == SQL_ROLLBACK)
    lint->in_block = false;
  bool back = control == SQL_SAVEPOINT && strncasecmp(lint->statement->text, "rollback", 8) == 0;
  if (back || control == SQL_ROLLBACK)
    lint_facts_doubt(lint->facts);
}

static bool in_transaction(const struct lint *lint)
{
  bool query = lint->runs == LINT_RUNS_QUERY && lint->script->statements.len > 1;
  return lint->in_block || query;
}

/* What the statement does, from what was known before it. */
static struct lint_effects *find_effects(struct lint *lint)
{
  struct lint_effects *effects = ARENA_NEW(lint->arena, struct lint_effects);
  const struct lint_effects_input input = {
      .arena = lint->arena,
      .facts = lint->facts,
      .catalog = lint->catalog,
      .names = lint->input->names,
      .now = lint->now,
      .statement = lint->statement,
      .major = lint_facts_major(lint->facts),
      .in_transaction = in_transaction(lint),
  };
  lint_effects_of(&input, effects);
  if (lint->sight)
    lint_effects_observe(lint->arena, lint->facts, lint->sight, effects);
  return effects;
}

static void add_name(struct lint *lint, struct strings *names, const struct lint_relation *relation)
{
  const char *schema = relation->at.schema ? relation->at.schema : "public";
  vec_push(lint->arena, names, arena_printf(lint->arena, "%s.%s", schema, relation->at.name));
}

static void list_statement(struct lint *lint)
{
  const struct lint_effects *effects = lint->effects;
  struct lint_statement *listed = vec_add(lint->arena, &lint->report->listed);
  *listed = (struct lint_statement){
      .file = lint->script->name,
      .kind = sql_statement_words(lint->arena, lint->statement),
      .start = lint->statement->start,
      .end = lint->statement->end,
      .effects = effects,
  };
  for (size_t i = 0; i < effects->locks.len; i++)
    add_name(lint, &listed->locks, effects->locks.at[i].relation);
  for (size_t i = 0; i < effects->rewrites.len; i++)
    add_name(lint, &listed->rewrites, effects->rewrites.at[i]);
  for (size_t i = 0; i < effects->scans.len; i++)
    add_name(lint, &listed->scans, effects->scans.at[i]);
}

static void check_statement(struct lint *lint)
{
  size_t first = lint->report->findings.len;
  follow_transaction(lint);
  lint_facts_at(lint->facts, lint->now);
  lint->sight =
      lint_observation_of(lint->input->observation, lint->now.script, lint->now.statement);
  lint->effects = find_effects(lint);
  list_statement(lint);
  for (size_t i = 0; i < lint_family_count; i++) {
    const struct lint_family *family = lint_families[i];
    if (family->every)
      family->every(lint);
    if (family->statement && lint->tree)
      family->statement(lint);
  }
  if (lint->tree)
    check_actions(lint);
  for (size_t i = 0; lint->sight && i < lint_family_count; i++)
    if (lint_families[i]->seen)
      lint_families[i]->seen(lint);
  lint_questions_learn(lint);
  lint_find_fixes(lint, first, lint->report->findings.len);
  lint->effects = NULL;
  lint->sight = NULL;
  if (lint->tree)
    lint_facts_learn(lint->facts, lint->now, lint->tree);
}

static void learn_script(struct lint *lint)
{
  for (size_t i = 0; i < lint->script->statements.len; i++) {
    lint->now.statement = i;
    if (lint->script->statements.at[i].tree)
      lint_facts_learn(lint->facts, lint->now, lint->script->statements.at[i].tree);
  }
}

static bool runs_as_one(const struct lint *lint)
{
  const struct sql_statements *all = &lint->script->statements;
  enum sql_shape shape = SQL_SHAPE_TRANSACTION;
  size_t first, last;
  CLEANUP(err_clear) struct err ignored = ERR_INIT; /* rules tell what is wrong */
  bool refused = sql_script_shape(lint->script, &shape, &first, &last, &ignored) < 0;
  switch (lint->runs) {
  case LINT_RUNS_STATEMENTS:
    return all->len > 1 && all->at[0].transaction == SQL_BEGIN &&
           all->at[all->len - 1].transaction == SQL_COMMIT;
  case LINT_RUNS_TRANSACTION:
    return refused || shape == SQL_SHAPE_TRANSACTION;
  default:
    return true;
  }
}

static void set_runner(struct lint *lint)
{
  lint->runs = lint_tool_runs(lint->input->tool, lint->script);
  lint->one_transaction = runs_as_one(lint);
}

/* Findings from `first` on, which were told when the script ended. */
static void fix_late(struct lint *lint, size_t first)
{
  for (size_t i = first; i < lint->report->findings.len; i++) {
    size_t statement = lint->report->findings.at[i].statement;
    if (statement >= lint->script->statements.len)
      continue;
    lint_turn_to(lint, statement);
    lint_find_fixes(lint, i, i + 1);
  }
}

static void check_script(struct lint *lint)
{
  set_runner(lint);
  lint_facts_at(lint->facts, lint->now);
  if (lint->script->psql_commands.len > 0) /* \if, \i, \gexec */
    lint_facts_doubt(lint->facts);
  lint->in_block = false;
  for (size_t i = 0; i < lint_family_count; i++)
    if (lint_families[i]->script)
      lint_families[i]->script(lint);
  for (size_t i = 0; i < lint->script->statements.len; i++) {
    lint_turn_to(lint, i);
    check_statement(lint);
  }
  size_t first = lint->report->findings.len;
  for (size_t i = 0; i < lint_family_count; i++)
    if (lint_families[i]->script_end)
      lint_families[i]->script_end(lint);
  fix_late(lint, first);
  lint->report->statements += (int)lint->script->statements.len;
}

bool lint_is_known(const struct lint_input *input, size_t script)
{
  return script < input->known ||
         (input->history && script < input->count && input->history[script]);
}

static bool is_applied(const struct lint_input *input, size_t script)
{
  enum lint_applied applied = input->files ? input->files[script].applied : LINT_APPLIED_UNKNOWN;
  return applied == LINT_APPLIED || applied == LINT_EDITED;
}

static void check_scripts(struct lint *lint)
{
  for (size_t i = 0; i < lint->input->count; i++) {
    lint->script = lint->input->scripts[i];
    lint->now.script = i;
    if (is_applied(lint->input, i) && lint->catalog)
      continue; /* the catalog has it */
    if (lint_is_known(lint->input, i) || is_applied(lint->input, i)) {
      learn_script(lint);
      continue;
    }
    check_script(lint);
    lint->report->files++;
  }
  for (size_t i = 0; i < lint_family_count; i++)
    if (lint_families[i]->end)
      lint_families[i]->end(lint);
  lint->is_back = true;
  for (size_t i = lint->input->count + lint->input->back_count; i-- > lint->input->count;) {
    lint->script = lint->input->scripts[i];
    lint->now.script = i;
    check_script(lint);
  }
}

/* ---- the report ---- */

static int by_place(const void *a, const void *b)
{
  const struct lint_finding *x = *(struct lint_finding *const *)a;
  const struct lint_finding *y = *(struct lint_finding *const *)b;
  if (x->script != y->script)
    return x->script < y->script ? -1 : 1;
  if (x->start.offset != y->start.offset)
    return x->start.offset < y->start.offset ? -1 : 1;
  return x < y ? -1 : x > y; /* as they were found */
}

static void sort_findings(struct lint *lint)
{
  struct lint_findings *findings = &lint->report->findings, sorted = {0};
  VEC(const struct lint_finding *) places = {0};
  for (size_t i = 0; i < findings->len; i++)
    vec_push(lint->arena, &places, &findings->at[i]);
  if (places.len > 0)
    qsort(places.at, places.len, sizeof(*places.at), by_place);
  for (size_t i = 0; i < places.len; i++)
    vec_push(lint->arena, &sorted, *places.at[i]);
  *findings = sorted;
}

static void suppress(struct lint *lint)
{
  size_t first = 0, last = 0, end = lint->report->findings.len;
  for (size_t i = 0; i < lint->input->count + lint->input->back_count; i++, first = last) {
    while (last < end && lint->report->findings.at[last].script == i)
      last++;
    lint->script = lint->input->scripts[i];
    lint->now.script = i;
    lint->is_back = i >= lint->input->count;
    if (!lint_is_known(lint->input, i))
      lint_suppress(lint, first, last);
  }
}

static void count(struct lint_report *report)
{
  for (size_t i = 0; i < report->findings.len; i++) {
    const struct lint_finding *finding = &report->findings.at[i];
    int *counter = finding->suppressed                 ? &report->suppressed
                   : finding->severity == LINT_ERROR   ? &report->errors
                   : finding->severity == LINT_WARNING ? &report->warnings
                                                       : &report->infos;
    ++*counter;
  }
}

int lint_scripts(struct arena *arena, const struct lint_settings *settings,
                 const struct lint_input *input, struct lint_report *ret_report, struct err *err)
{
  if (lint_check_settings(settings, err) < 0)
    return -1;
  struct lint_report report = {0};
  struct lint lint = {.arena = arena,
                      .settings = settings,
                      .input = input,
                      .catalog = input->catalog,
                      .facts = lint_facts_new(arena, input),
                      .report = &report};
  check_scripts(&lint);
  sort_findings(&lint);
  suppress(&lint);
  sort_findings(&lint);
  if (lint_answer(&lint, err) < 0)
    return err_wrap(err, "asking what the rows are like");
  count(&report);
  *ret_report = report;
  return 0;
}

bool lint_fails(const struct lint_settings *settings, const struct lint_report *report)
{
  if (settings->fail_on == LINT_OFF)
    return false;
  for (size_t i = 0; i < report->findings.len; i++)
    if (!report->findings.at[i].suppressed && report->findings.at[i].severity >= settings->fail_on)
      return true;
  return false;
}

const char *lint_rule_page(const char *id)
{
  char *name = x_printf("policies/rules/%s.md", id);
  const char *page = embedded_find(name);
  free_ptr(&name);
  return page;
}

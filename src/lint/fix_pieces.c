/* The fixed script, cut into pieces. A chunk is a statement with the comments before it and what
 * follows its semicolon on the same line; chunks keep their order. */
#include "lint/fix.h"

#include "sql/tree.h"

struct assembly {
  struct arena *arena;
  const struct lint_input *input;
  const struct lint_report *report;
  size_t index; /* of the script */
  const struct sql_script *script;
  struct text piece;    /* that is being written */
  size_t statements;    /* in it */
  size_t carried;       /* of them those that every piece has to begin with */
  struct text comments; /* of a piece that held nothing else than what is carried */
  struct text settings; /* SET ... of the chunks so far */
  size_t setting_count;
  struct text later;
  size_t later_count;
  struct lint_pieces pieces;
};

/* ---- which fixes ---- */

static bool is_wanted(const struct lint_report *report, const struct lint_fix *fix)
{
  for (size_t i = 0; i < report->findings.len; i++) {
    const struct lint_finding *f = &report->findings.at[i];
    if (f->rule == fix->rule && f->script == fix->script && f->statement == fix->statement &&
        f->start.offset == fix->offset && !f->suppressed)
      return true;
  }
  return false;
}

bool lint_fix_any(const struct lint_report *report, size_t script)
{
  for (size_t i = 0; i < report->fixes.len; i++)
    if (report->fixes.at[i].script == script && is_wanted(report, &report->fixes.at[i]))
      return true;
  return false;
}

static void add_edits(struct arena *arena, struct lint_edits *edits, const struct lint_edits *more)
{
  for (size_t i = 0; i < more->len; i++) {
    vec_push(arena, edits, more->at[i]);
    for (size_t k = edits->len - 1; k > 0 && edits->at[k - 1].offset > edits->at[k].offset; k--) {
      struct lint_edit earlier = edits->at[k - 1];
      edits->at[k - 1] = edits->at[k];
      edits->at[k] = earlier;
    }
  }
}

/* All fixes of one statement as one. */
static struct lint_fix fix_of(struct assembly *a, size_t statement)
{
  struct lint_fix all = {.statement = statement};
  for (size_t i = 0; i < a->report->fixes.len; i++) {
    const struct lint_fix *fix = &a->report->fixes.at[i];
    if (fix->script != a->index || fix->statement != statement || !is_wanted(a->report, fix))
      continue;
    add_edits(a->arena, &all.edits, &fix->edits);
    for (size_t k = 0; k < fix->apart.len; k++)
      vec_push(a->arena, &all.apart, fix->apart.at[k]);
    all.before = fix->before ? fix->before : all.before;
    all.behind = fix->behind ? fix->behind : all.behind;
    all.fresh = all.fresh || fix->fresh;
    all.alone = all.alone || fix->alone;
    if (fix->later) {
      text_puts(&a->later, fix->later);
      a->later_count++;
    }
  }
  return all;
}

/* What each piece begins with because of a fix; NULL: nothing. */
static const char *first_of(const struct assembly *a)
{
  for (size_t i = 0; i < a->report->fixes.len; i++) {
    const struct lint_fix *fix = &a->report->fixes.at[i];
    if (fix->script == a->index && fix->first && is_wanted(a->report, fix))
      return fix->first;
  }
  return NULL;
}

/* ---- what may be cut ---- */

static bool is_carried(const struct sql_statement *st)
{
  static const char *const names[] = {"lock_timeout", "statement_timeout",
                                      "idle_in_transaction_session_timeout"};
  if (!st->tree || st->tree->kind != SQL_SET || st->tree->local || !st->tree->setting)
    return false;
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (strcmp(st->tree->setting, names[i]) == 0)
      return true;
  return false;
}

/* Why what comes behind a statement must be in one transaction or session with it. */
static const char *why_not_cut(const struct sql_statement *st)
{
  static const char *const nodes[] = {"PrepareStmt",        "DeclareCursorStmt", "DiscardStmt",
                                      "ConstraintsSetStmt", "VariableShowStmt",  "LoadStmt"};
  if (st->transaction != SQL_NOT_TRANSACTION)
    return "the file has transaction control of its own";
  if (!st->tree)
    return "a statement of the file is not understood";
  if (st->tree->temporary)
    return "the file makes a temporary table";
  switch (st->tree->kind) {
  case SQL_SET:
    return is_carried(st) ? NULL : "the file changes a setting";
  case SQL_DO:
  case SQL_CALL:
  case SQL_EXECUTE:
    return "the file runs code that is not looked into";
  case SQL_LOCK:
    return "the file locks a table for what follows";
  case SQL_SELECT:
    return st->tree->functions.len > 0 ? "the file calls a function" : NULL;
  default:
    break;
  }
  for (size_t i = 0; i < COUNT_OF(nodes); i++)
    if (strcmp(st->tree->node, nodes[i]) == 0)
      return "the file depends on its session";
  return NULL;
}

/* A constraint that waits for VALIDATE must not be needed, renamed or dropped meanwhile. */
static const char *why_not_wait(const struct sql_statement *st)
{
  switch (st->tree->kind) {
  case SQL_CREATE_TABLE:
  case SQL_CREATE_INDEX:
  case SQL_CREATE_ENUM:
  case SQL_CREATE_SCHEMA:
  case SQL_CREATE_VIEW:
  case SQL_COMMENT:
  case SQL_GRANT:
  case SQL_SET:
  case SQL_SELECT:
    return NULL;
  case SQL_ALTER_TABLE:
    for (size_t i = 0; i < st->tree->actions.len; i++)
      switch (st->tree->actions.at[i].kind) {
      case SQL_ADD_COLUMN:
      case SQL_ADD_CONSTRAINT:
      case SQL_SET_DEFAULT:
      case SQL_DROP_DEFAULT:
        break;
      default:
        return "a later statement of the file may need the constraint to be valid";
      }
    return NULL;
  default:
    return "a later statement of the file may need the constraint to be valid";
  }
}

/* ---- chunks ---- */

static bool in_comment(const struct sql_script *script, size_t offset, size_t *ret_end)
{
  for (size_t i = 0; i < script->comments.len; i++) {
    const struct sql_comment *c = &script->comments.at[i];
    if (c->start.offset <= offset && offset < c->end.offset) {
      *ret_end = c->end.offset;
      return true;
    }
  }
  return false;
}

/* Behind the semicolon of a statement and what comments follow it on its line. */
static size_t chunk_end(const struct sql_script *script, size_t statement)
{
  const struct sql_statements *all = &script->statements;
  size_t at = all->at[statement].end.offset, end;
  size_t limit = statement + 1 < all->len ? all->at[statement + 1].start.offset : script->len;
  while (at < limit && script->bytes[at] != ';')
    at = in_comment(script, at, &end) ? end : at + 1;
  if (at >= limit)
    return limit;
  at++;
  size_t line = at;
  while (line < limit && script->bytes[line] != '\n') {
    if (in_comment(script, line, &end))
      line = end;
    else if (script->bytes[line] == ' ' || script->bytes[line] == '\t' ||
             script->bytes[line] == '\r')
      line++;
    else
      return at;
  }
  return line < limit ? line + 1 : statement + 1 < all->len ? at : line;
}

static void put_edited(struct text *out, const struct sql_statement *st,
                       const struct lint_edits *edits)
{
  size_t at = 0;
  for (size_t i = 0; i < edits->len; i++) {
    text_append(out, st->text + at, edits->at[i].offset - at);
    text_puts(out, edits->at[i].text);
    at = edits->at[i].offset + edits->at[i].len;
  }
  text_append(out, st->text + at, st->len - at);
}

static void end_line(struct text *out)
{
  if (out->len > 0 && out->data[out->len - 1] != '\n')
    text_putc(out, '\n');
}

/* ---- pieces ---- */

static void push_piece(struct assembly *a, const struct text *text, size_t statements)
{
  vec_push(a->arena, &a->pieces,
           ((struct lint_piece){arena_strndup(a->arena, text->data, text->len), statements}));
}

/* A piece that would only set something is none: what it says of itself goes to the next one. */
static void close_piece(struct assembly *a)
{
  if (a->statements > a->carried) {
    end_line(&a->piece);
    push_piece(a, &a->piece, a->statements);
    text_reset(&a->comments);
  }
  text_reset(&a->piece);
  a->statements = a->carried = 0;
}

static void open_piece(struct assembly *a, bool bare)
{
  text_append(&a->piece, a->comments.data, a->comments.len);
  text_reset(&a->comments);
  if (bare)
    return;
  text_append(&a->piece, a->settings.data, a->settings.len);
  a->statements = a->carried = a->setting_count;
}

static void put_statement(struct assembly *a, const char *text)
{
  end_line(&a->piece);
  text_puts(&a->piece, text);
  a->statements++;
}

static void put_alone(struct assembly *a, const char *text)
{
  CLEANUP(text_clear) struct text piece = TEXT_INIT;
  text_puts(&piece, text);
  push_piece(a, &piece, 1);
}

static void put_chunk(struct assembly *a, size_t start, const struct lint_fix *fix)
{
  const struct sql_statement *st = &a->script->statements.at[fix->statement];
  size_t end = chunk_end(a->script, fix->statement);
  bool carried = is_carried(st);
  text_append(&a->piece, a->script->bytes + start, st->start.offset - start);
  put_edited(&a->piece, st, &fix->edits);
  const char *tail = a->script->bytes + st->end.offset;
  if (!memchr(tail, ';', end - st->end.offset))
    text_putc(&a->piece, ';');
  text_append(&a->piece, tail, end - st->end.offset);
  a->statements++;
  a->carried += carried;
  if (carried) {
    text_append(&a->comments, a->script->bytes + start, st->start.offset - start);
    text_printf(&a->settings, "%s;\n", st->text);
    a->setting_count++;
  }
}

static void add_statement(struct assembly *a, size_t start, const struct lint_fix *fix)
{
  bool first = a->pieces.len == 0 && a->statements == 0;
  if (fix->before)
    put_statement(a, fix->before);
  if (fix->apart.len > 0 || fix->fresh || fix->alone) {
    close_piece(a);
    for (size_t i = 0; i < fix->apart.len; i++)
      put_alone(a, fix->apart.at[i]);
    if (!first || fix->before || fix->apart.len > 0)
      open_piece(a, fix->alone);
  }
  put_chunk(a, start, fix);
  if (fix->behind)
    put_statement(a, fix->behind);
  if (fix->alone) {
    close_piece(a);
    open_piece(a, false);
  }
}

/* Comments behind the last statement. */
static void put_rest(struct assembly *a, size_t start)
{
  const char *rest = a->script->bytes + start;
  size_t len = a->script->len - start;
  if (a->statements > a->carried || a->pieces.len == 0) {
    text_append(&a->piece, rest, len);
  } else if (strspn(rest, " \t\r\n") < len) {
    struct lint_piece *last = &a->pieces.at[a->pieces.len - 1];
    last->text = arena_printf(a->arena, "%s%s", last->text, rest);
  }
}

/* Each piece must be what it is meant to be, as the parser sees it. */
static bool is_understood(struct assembly *a, size_t piece)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  const struct lint_piece *p = &a->pieces.at[piece];
  struct sql_script *script;
  if (sql_script_read(a->arena, "fix", p->text, strlen(p->text), &script, &err) < 0 ||
      script->statements.len != p->statements)
    return false;
  for (size_t i = 0; i < script->statements.len; i++)
    if (!script->statements.at[i].tree)
      return false;
  return true;
}

/* The first statement whose constraint waits for VALIDATE. */
static size_t first_waiting(const struct assembly *a)
{
  size_t first = a->script->statements.len;
  for (size_t i = 0; i < a->report->fixes.len; i++) {
    const struct lint_fix *fix = &a->report->fixes.at[i];
    if (fix->script == a->index && fix->later && fix->statement < first)
      first = fix->statement;
  }
  return first;
}

static const char *why_not(struct assembly *a)
{
  size_t waiting = first_waiting(a);
  for (size_t i = 0; i < a->script->statements.len && a->pieces.len > 1; i++) {
    const struct sql_statement *st = &a->script->statements.at[i];
    const char *why = why_not_cut(st);
    if (!why && i > waiting)
      why = why_not_wait(st);
    if (why)
      return why;
  }
  if (a->pieces.len > LINT_PIECES_MAX)
    return "it would become too many files";
  for (size_t i = 0; i < a->pieces.len; i++)
    if (!is_understood(a, i))
      return "the result would not be understood";
  return NULL;
}

bool lint_fix_script(struct arena *arena, const struct lint_input *input,
                     const struct lint_report *report, size_t script, struct lint_pieces *ret,
                     const char **ret_why)
{
  struct assembly a = {.arena = arena,
                       .input = input,
                       .report = report,
                       .index = script,
                       .script = input->scripts[script],
                       .piece = TEXT_INIT,
                       .comments = TEXT_INIT,
                       .settings = TEXT_INIT,
                       .later = TEXT_INIT};
  size_t start = 0;
  const char *first = first_of(&a);
  if (first) {
    text_puts(&a.settings, first);
    a.setting_count = 1;
    open_piece(&a, false);
  }
  for (size_t i = 0; i < a.script->statements.len; i++) {
    struct lint_fix fix = fix_of(&a, i);
    add_statement(&a, start, &fix);
    start = chunk_end(a.script, i);
  }
  put_rest(&a, start);
  close_piece(&a);
  if (a.later_count > 0) {
    text_puts(&a.settings, a.later.data);
    push_piece(&a, &a.settings, a.setting_count + a.later_count);
  }
  text_clear(&a.piece);
  text_clear(&a.comments);
  text_clear(&a.settings);
  text_clear(&a.later);
  *ret_why = why_not(&a);
  *ret = a.pieces;
  return *ret_why == NULL;
}

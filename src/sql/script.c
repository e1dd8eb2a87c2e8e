#define _GNU_SOURCE /* memmem */
#include "sql/script.h"

#include "sql/classify.h"
#include "sql/parse.h"
#include "sql/scan.h"

/* Turns growing offsets into places. */
struct locator {
  const char *bytes;
  size_t offset, line_start;
  int line;
};

struct splitter {
  struct arena *arena;
  struct sql_script *script;
  struct sql_scan scan;
  struct locator locator;         /* for statements */
  struct locator comment_locator; /* for comments: they lie between and within statements */
  size_t first;                   /* offset behind a byte order mark */
  bool psql;                      /* psql commands and COPY data are read through */
  size_t start, end;              /* of the current statement */
  bool begun;
  struct sql_token previous; /* the code token before the current one */
  int parentheses;
  int routine_words; /* how many words of CREATE [OR REPLACE] FUNCTION were met; -1: it is none */
  bool is_routine;
  int body_depth; /* BEGIN ATOMIC and the CASEs inside it that are open */
};

static struct locator locator_begin(const char *bytes, size_t first)
{
  return (struct locator){.bytes = bytes, .offset = first, .line_start = first, .line = 1};
}

static struct sql_place locate(struct locator *l, size_t offset)
{
  for (; l->offset < offset; l->offset++) {
    if (l->bytes[l->offset] == '\n') {
      l->line++;
      l->line_start = l->offset + 1;
    }
  }
  return (struct sql_place){
      .offset = offset, .line = l->line, .column = (int)(offset - l->line_start) + 1};
}

static int fail_at(const struct splitter *s, size_t offset, const char *problem, struct err *err)
{
  struct locator l = locator_begin(s->script->bytes, s->first);
  struct sql_place place = locate(&l, offset);
  return err_set(err, ERR_USAGE, "%s:%d:%d: %s", s->script->name, place.line, place.column,
                 problem);
}

static void add_comment(struct splitter *s, struct sql_token token)
{
  const char *text = s->script->bytes + token.start + 2;
  size_t len = token.end - token.start - (text[-2] == '/' ? 4 : 2);
  while (len > 0 && strchr(" \t\r\n", text[0])) {
    text++;
    len--;
  }
  while (len > 0 && strchr(" \t\r\n", text[len - 1]))
    len--;
  struct sql_comment *comment = vec_add(s->arena, &s->script->comments);
  comment->text = arena_strndup(s->arena, text, len);
  comment->start = locate(&s->comment_locator, token.start);
  comment->end = locate(&s->comment_locator, token.end);
}

/* psql commands inside of a statement are no part of it. */
static void blank_commands(const struct splitter *s, char *text, size_t len)
{
  const struct sql_psql_commands *all = &s->script->psql_commands;
  for (size_t i = all->len; i > 0 && all->at[i - 1].start.offset >= s->start; i--) {
    size_t start = all->at[i - 1].start.offset - s->start;
    size_t end = all->at[i - 1].end.offset - s->start;
    if (start < len)
      memset(text + start, ' ', (end < len ? end : len) - start);
  }
}

static int end_statement(struct splitter *s, struct err *err)
{
  if (!s->begun)
    return 0;
  const char *text = s->script->bytes + s->start;
  size_t len = s->end - s->start;
  bool copy = sql_classify_copy_from_stdin(text, len);
  const char *problem = sql_classify_unreadable(text, len);
  if (copy && !s->psql)
    problem = "COPY ... FROM STDIN cannot be run from a script";
  if (problem)
    return fail_at(s, s->start, problem, err);
  struct sql_statement *st = vec_add(s->arena, &s->script->statements);
  char *own = arena_strndup(s->arena, text, len);
  blank_commands(s, own, len);
  st->text = own;
  st->copy_data = copy;
  st->len = len;
  st->start = locate(&s->locator, s->start);
  st->end = locate(&s->locator, s->end);
  st->transaction = sql_classify_transaction(st->text, len);
  st->bare = sql_classify_bare(st->text, len);
  sql_parse(s->arena, st);
  s->begun = false;
  return 0;
}

static void begin_statement(struct splitter *s, size_t start)
{
  s->begun = true;
  s->start = start;
  s->parentheses = s->routine_words = s->body_depth = 0;
  s->is_routine = false;
  s->previous = (struct sql_token){.kind = SQL_TOKEN_END};
}

/* Follows CREATE [OR REPLACE] FUNCTION | PROCEDURE over the first words of a statement. */
static void track_routine(struct splitter *s, struct sql_token token)
{
  static const char *const words[] = {"create", "or", "replace"};
  if (s->routine_words < 0)
    return;
  if (s->routine_words > 0 &&
      (sql_token_is(&s->scan, token, "function") || sql_token_is(&s->scan, token, "procedure"))) {
    s->is_routine = true;
    s->routine_words = -1;
  } else if ((size_t)s->routine_words < COUNT_OF(words) &&
             sql_token_is(&s->scan, token, words[s->routine_words])) {
    s->routine_words++;
  } else {
    s->routine_words = -1;
  }
}

/* The body of an SQL-standard routine holds semicolons. END and CASE may also be a label (AS end)
 * or a field (x.end). */
static void track_body(struct splitter *s, struct sql_token token)
{
  if (s->body_depth == 0) {
    if (s->is_routine && sql_token_is(&s->scan, token, "atomic") &&
        sql_token_is(&s->scan, s->previous, "begin"))
      s->body_depth = 1;
    return;
  }
  if (sql_token_is(&s->scan, s->previous, "as") || sql_token_is_char(&s->scan, s->previous, '.'))
    return;
  if (sql_token_is(&s->scan, token, "case"))
    s->body_depth++;
  else if (sql_token_is(&s->scan, token, "end"))
    s->body_depth--;
}

static size_t line_end(const struct splitter *s, size_t at)
{
  while (at < s->scan.len && s->scan.bytes[at] != '\n' && s->scan.bytes[at] != '\r')
    at++;
  return at;
}

static bool is_word(const struct splitter *s, size_t at, const char *word)
{
  size_t len = strlen(word);
  if (s->scan.len - at < len || memcmp(s->scan.bytes + at, word, len) != 0)
    return false;
  return at + len == s->scan.len || strchr(" \t\r\n\\;", s->scan.bytes[at + len]);
}

/* \g and the like send what was typed so far. */
static bool sends(const struct splitter *s, size_t at)
{
  static const char *const words[] = {"g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch"};
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (is_word(s, at, words[i]))
      return true;
  return false;
}

/* Rows stand on the lines behind COPY ... FROM STDIN; up to the line "\." or the end. */
static int skip_rows(struct splitter *s, struct err *err)
{
  size_t end = line_end(s, s->scan.at);
  for (size_t i = s->scan.at; i < end; i++)
    if (!strchr(" \t", s->scan.bytes[i]))
      return fail_at(s, i, "SQL behind COPY ... FROM STDIN on its line", err);
  for (size_t at = end; at < s->scan.len; at = end) {
    at +=
        s->scan.bytes[at] == '\r' && at + 1 < s->scan.len && s->scan.bytes[at + 1] == '\n' ? 2 : 1;
    end = line_end(s, at);
    if (end - at == 2 && memcmp(s->scan.bytes + at, "\\.", 2) == 0)
      break;
  }
  s->scan.at = end;
  return 0;
}

/* A command goes to the end of its line, or to \\ and SQL behind it. \; only parts statements. */
static int add_psql_command(struct splitter *s, size_t start, struct err *err)
{
  const char *bytes = s->scan.bytes;
  if (!s->psql) {
    fail_at(s, start, "psql command (backslash) in a script", err);
    return err_hint(err, "Only SQL can be run; psql's own commands are not understood here.");
  }
  if (start + 1 < s->scan.len && bytes[start + 1] == ';') {
    s->scan.at = start + 2;
    return end_statement(s, err);
  }
  bool sent = s->begun && sends(s, start + 1);
  if (sent && end_statement(s, err) < 0)
    return -1;
  size_t end = line_end(s, start);
  const char *next = start + 1 < end ? memmem(bytes + start + 1, end - start - 1, "\\\\", 2) : NULL;
  size_t stop = next ? (size_t)(next - bytes) : end;
  struct sql_psql_command *command = vec_add(s->arena, &s->script->psql_commands);
  command->text = arena_strndup(s->arena, bytes + start, stop - start);
  command->start = locate(&s->comment_locator, start);
  command->end = locate(&s->comment_locator, stop);
  s->scan.at = next ? stop + 2 : end;
  const struct sql_statements *all = &s->script->statements;
  return sent && all->at[all->len - 1].copy_data ? skip_rows(s, err) : 0;
}

static int add_token(struct splitter *s, struct sql_token token, struct err *err)
{
  const struct sql_statements *all = &s->script->statements;
  if (sql_token_is_char(&s->scan, token, ';') && s->parentheses == 0 && s->body_depth == 0) {
    bool begun = s->begun;
    if (end_statement(s, err) < 0)
      return -1;
    return begun && all->at[all->len - 1].copy_data ? skip_rows(s, err) : 0;
  }
  if (sql_token_is_char(&s->scan, token, '\\'))
    return add_psql_command(s, token.start, err);
  if (!s->begun)
    begin_statement(s, token.start);
  track_routine(s, token);
  track_body(s, token);
  if (sql_token_is_char(&s->scan, token, '('))
    s->parentheses++;
  else if (sql_token_is_char(&s->scan, token, ')') && s->parentheses > 0)
    s->parentheses--;
  s->previous = token;
  s->end = token.end;
  return 0;
}

static int split(struct splitter *s, struct err *err)
{
  for (;;) {
    struct sql_token token = sql_scan_next(&s->scan);
    switch (token.kind) {
    case SQL_TOKEN_END:
      return end_statement(s, err);
    case SQL_TOKEN_BAD:
      return fail_at(s, token.start, token.problem, err);
    case SQL_TOKEN_COMMENT:
      add_comment(s, token);
      break;
    default:
      if (add_token(s, token, err) < 0)
        return -1;
    }
  }
}

static int read_script(struct splitter *s, const char *name, const char *bytes, size_t len,
                       struct err *err)
{
  if (len > SQL_SCRIPT_BYTES_MAX)
    return err_set(err, ERR_USAGE, "%s: %zu bytes, more than the %d that a script may have", name,
                   len, SQL_SCRIPT_BYTES_MAX);
  struct sql_script *script = ARENA_NEW(s->arena, struct sql_script);
  script->name = arena_strdup(s->arena, name);
  char *copy = arena_alloc(s->arena, len + 1);
  if (len > 0)
    memcpy(copy, bytes, len);
  script->bytes = copy;
  script->len = len;
  size_t first = len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  s->script = script;
  s->scan = sql_scan_begin(script->bytes, len);
  s->locator = s->comment_locator = locator_begin(script->bytes, first);
  s->scan.at = s->first = first;
  const char *nul = memchr(copy, '\0', len);
  if (nul)
    return fail_at(s, (size_t)(nul - script->bytes), "NUL byte in a script", err);
  return split(s, err);
}

int sql_script_read(struct arena *arena, const char *name, const char *bytes, size_t len,
                    struct sql_script **ret_script, struct err *err)
{
  struct splitter s = {.arena = arena};
  if (read_script(&s, name, bytes, len, err) < 0)
    return -1;
  *ret_script = s.script;
  return 0;
}

int sql_script_read_psql(struct arena *arena, const char *name, const char *bytes, size_t len,
                         struct sql_script **ret_script, struct err *err)
{
  struct splitter s = {.arena = arena, .psql = true};
  if (read_script(&s, name, bytes, len, err) < 0)
    return -1;
  *ret_script = s.script;
  return 0;
}

static int refuse(const struct sql_script *script, size_t i, const char *problem, struct err *err)
{
  const struct sql_statement *st = &script->statements.at[i];
  err_set(err, ERR_REFUSED, "%s:%d:%d: %s", script->name, st->start.line, st->start.column,
          problem);
  return err_hint(err, "Remove transaction control from the file: belay runs a file in one "
                       "transaction, and alone what cannot run in one.");
}

static const char *control_problem(const struct sql_statement *st)
{
  switch (st->transaction) {
  case SQL_BEGIN:
    return "BEGIN that does not span the whole file";
  case SQL_COMMIT:
    return "COMMIT inside the file";
  case SQL_ROLLBACK:
    return "ROLLBACK in a migration";
  case SQL_SAVEPOINT:
    return "savepoint in a migration";
  case SQL_PREPARED:
    return "two-phase commit in a migration";
  default:
    return NULL;
  }
}

/* Sets [first, last) to what a BEGIN ... COMMIT around everything encloses. */
static int absorb(const struct sql_script *script, size_t *first, size_t *last, struct err *err)
{
  const struct sql_statements *all = &script->statements;
  *first = 0;
  *last = all->len;
  if (all->len < 2 || all->at[0].transaction != SQL_BEGIN ||
      all->at[all->len - 1].transaction != SQL_COMMIT)
    return 0;
  if (sql_classify_has_modes(all->at[0].text, all->at[0].len))
    return refuse(script, 0, "BEGIN with transaction modes", err);
  if (sql_classify_has_modes(all->at[all->len - 1].text, all->at[all->len - 1].len))
    return refuse(script, all->len - 1, "COMMIT that starts another transaction", err);
  *first = 1;
  *last = all->len - 1;
  return 0;
}

int sql_script_shape(const struct sql_script *script, enum sql_shape *ret_shape, size_t *ret_first,
                     size_t *ret_last, struct err *err)
{
  size_t first, last;
  if (absorb(script, &first, &last, err) < 0)
    return -1;
  enum sql_shape shape = SQL_SHAPE_TRANSACTION;
  for (size_t i = first; i < last; i++) {
    const struct sql_statement *st = &script->statements.at[i];
    const char *problem = control_problem(st);
    if (problem)
      return refuse(script, i, problem, err);
    if (st->bare && first > 0) {
      char *text = x_printf("%s cannot run between BEGIN and COMMIT", st->bare);
      refuse(script, i, text, err);
      free_ptr(&text);
      return -1;
    }
    if (st->bare)
      shape = SQL_SHAPE_BARE;
  }
  *ret_shape = shape;
  *ret_first = first;
  *ret_last = last;
  return 0;
}

struct sql_script *sql_script_part(struct arena *arena, const struct sql_script *script,
                                   size_t first, size_t last)
{
  struct sql_script *part = ARENA_NEW(arena, struct sql_script);
  *part = *script;
  part->statements = (struct sql_statements){
      .at = script->statements.at + first, .len = last - first, .cap = last - first};
  part->no_transaction = false;
  return part;
}

#define _GNU_SOURCE /* mempcpy */
#include "sql/newer_private.h"

#include <strings.h>

/* Which statements a clause may stand in. */
enum {
  IN_TABLE = 1, /* CREATE TABLE, ALTER TABLE, also foreign ones */
  IN_DOMAIN = 2,
  IN_VACUUM = 4, /* also ANALYZE */
  IN_GRANT = 8,  /* also REVOKE */
  IN_COPY = 16,
  IN_EXPLAIN = 32,
  IN_CREATE = 64,
  IN_ALTER = 128,
  IN_REINDEX = 256,
  IN_OTHER = 512,
  IN_ANY = 1023,
};

/* ---- reading tokens ---- */

struct sql_token newer_token_at(const struct newer_rewriter *r, size_t i)
{
  size_t last = r->tokens.len - 1;
  return r->tokens.at[i < last ? i : last];
}

bool newer_is(const struct newer_rewriter *r, size_t i, const char *word)
{
  return sql_token_is(&r->scan, newer_token_at(r, i), word);
}

bool newer_is_char(const struct newer_rewriter *r, size_t i, char c)
{
  return sql_token_is_char(&r->scan, newer_token_at(r, i), c);
}

bool newer_is_end(const struct newer_rewriter *r, size_t i)
{
  return newer_token_at(r, i).kind == SQL_TOKEN_END;
}

bool newer_is_name(const struct newer_rewriter *r, size_t i)
{
  enum sql_token_kind kind = newer_token_at(r, i).kind;
  return kind == SQL_TOKEN_WORD || kind == SQL_TOKEN_QUOTED;
}

bool newer_is_one_of(const struct newer_rewriter *r, size_t i, const char *const *words)
{
  for (; *words; words++)
    if (newer_is(r, i, *words))
      return true;
  return false;
}

size_t newer_match(const struct newer_rewriter *r, size_t i, const char *words)
{
  size_t n = 0;
  while (*words) {
    size_t len = strcspn(words, " ");
    struct sql_token token = newer_token_at(r, i + n);
    if (*words == '?') {
      if (!newer_is_name(r, i + n))
        return 0;
    } else if (token.kind != SQL_TOKEN_WORD || token.end - token.start != len ||
               strncasecmp(r->scan.bytes + token.start, words, len) != 0) {
      return 0;
    }
    n++;
    words += len + (words[len] == ' ');
  }
  return n;
}

size_t newer_skip_parentheses(const struct newer_rewriter *r, size_t i)
{
  int depth = 0;
  for (; !newer_is_end(r, i); i++) {
    depth += newer_is_char(r, i, '(') ? 1 : newer_is_char(r, i, ')') ? -1 : 0;
    if (depth == 0)
      return i + 1;
  }
  return i;
}

/* ---- writing ---- */

bool newer_put(struct newer_rewriter *r, size_t from, size_t to, const char *words)
{
  size_t start = newer_token_at(r, from).start, end = newer_token_at(r, to - 1).end,
         len = strlen(words);
  if (len > end - start)
    return false;
  memset(r->text + start, ' ', end - start);
  for (size_t i = 0; i < len; i++)
    r->text[start + i] = words[i];
  r->changed = true;
  return true;
}

void newer_mark(struct newer_rewriter *r, size_t from, size_t to, struct sql_mark what)
{
  what.range = (struct sql_range){newer_token_at(r, from).start, newer_token_at(r, to - 1).end};
  vec_push(r->arena, &r->newer->marks, what);
}

void newer_note(struct newer_rewriter *r, size_t from, size_t to, int major, const char *clause)
{
  newer_mark(r, from, to, (struct sql_mark){.major = major, .clause = clause});
}

void newer_add_behind(struct newer_rewriter *r, size_t i, const char *text)
{
  vec_push(r->arena, &r->additions, ((struct newer_addition){newer_token_at(r, i).end, text}));
  r->changed = true;
}

/* ---- clauses that are a row of words ---- */

struct clause {
  const char *words;
  unsigned in;
  int major;
  const char *older; /* NULL: the grammar knows it */
  enum sql_mark_kind kind;
  bool first; /* only at the start of the statement */
};

static const struct clause clauses[] = {
    {"create or replace trigger", IN_CREATE, 14, NULL, SQL_MARK_NOTE, true},
    {"detach partition ? concurrently", IN_TABLE, 14, NULL, SQL_MARK_NOTE, false},
    {"detach partition ? finalize", IN_TABLE, 14, NULL, SQL_MARK_NOTE, false},
    {"set compression", IN_TABLE, 14, NULL, SQL_MARK_NOTE, false},
    {"begin atomic", IN_CREATE, 14, NULL, SQL_MARK_NOTE, false},
    {"merge into", IN_ANY, 15, NULL, SQL_MARK_NOTE, false},
    {"nulls not distinct", IN_TABLE | IN_CREATE, 15, NULL, SQL_MARK_NOTE, false},
    {"set access method", IN_TABLE, 15, NULL, SQL_MARK_NOTE, false},
    {"security_invoker", IN_CREATE | IN_ALTER, 15, NULL, SQL_MARK_NOTE, false},
    {"tables in schema", IN_CREATE | IN_ALTER, 15, NULL, SQL_MARK_NOTE, false},
    {"create unlogged sequence", IN_CREATE, 15, NULL, SQL_MARK_NOTE, true},
    {"skip_database_stats", IN_VACUUM, 16, NULL, SQL_MARK_NOTE, false},
    {"only_database_stats", IN_VACUUM, 16, NULL, SQL_MARK_NOTE, false},
    {"buffer_usage_limit", IN_VACUUM, 16, NULL, SQL_MARK_NOTE, false},
    {"process_main", IN_VACUUM, 16, NULL, SQL_MARK_NOTE, false},
    {"generic_plan", IN_EXPLAIN, 16, NULL, SQL_MARK_NOTE, false},
    {"revoke inherit option for", IN_GRANT, 16, "REVOKE", SQL_MARK_NOTE, true},
    {"revoke set option for", IN_GRANT, 16, "REVOKE", SQL_MARK_NOTE, true},
    {"on_error", IN_COPY, 17, NULL, SQL_MARK_NOTE, false},
    {"log_verbosity", IN_COPY, 17, NULL, SQL_MARK_NOTE, false},
    {"serialize", IN_EXPLAIN, 17, NULL, SQL_MARK_NOTE, false},
    {"grant maintain on", IN_GRANT, 17, NULL, SQL_MARK_NOTE, true},
    {"revoke maintain on", IN_GRANT, 17, NULL, SQL_MARK_NOTE, true},
    {"set access method default", IN_TABLE, 17, "SET ACCESS METHOD heap", SQL_MARK_DEFAULT_METHOD,
     false},
    {"set statistics default", IN_TABLE, 17, "SET STATISTICS -1", SQL_MARK_NOTE, false},
    {"set expression as", IN_TABLE, 17, "SET DEFAULT", SQL_MARK_SET_EXPRESSION, false},
    {"add not null", IN_DOMAIN, 17, "SET NOT NULL", SQL_MARK_NOTE, false},
    {"add constraint ? not null", IN_DOMAIN, 17, "SET NOT NULL", SQL_MARK_NOTE, false},
    {"when not matched by source", IN_ANY, 17, "WHEN MATCHED", SQL_MARK_BY_SOURCE, false},
    {"when not matched by target", IN_ANY, 17, "WHEN NOT MATCHED", SQL_MARK_NOTE, false},
    {"at local", IN_ANY, 17, "|| ''", SQL_MARK_NOTE, false},
    {"reject_limit", IN_COPY, 18, NULL, SQL_MARK_NOTE, false},
    {"not enforced", IN_TABLE, 18, "", SQL_MARK_NOT_ENFORCED, false},
    {"without overlaps", IN_TABLE, 18, "", SQL_MARK_WITHOUT_OVERLAPS, false},
    {"alter constraint ? no inherit", IN_TABLE, 18, NULL, SQL_MARK_NO_INHERIT, false},
    {"alter constraint ? inherit", IN_TABLE, 18, NULL, SQL_MARK_INHERIT, false},
    {"on large objects", IN_ALTER, 18, "ON TABLES", SQL_MARK_NOTE, false},
};

static const char *upper(struct newer_rewriter *r, const char *words)
{
  char *copy = arena_strdup(r->arena, words);
  for (char *at = copy; *at; at++)
    if (*at >= 'a' && *at <= 'z')
      *at = (char)(*at - 'a' + 'A');
  return copy;
}

static void find_clause(struct newer_rewriter *r, size_t i)
{
  if (newer_token_at(r, i).kind != SQL_TOKEN_WORD)
    return;
  char first = (char)(r->scan.bytes[newer_token_at(r, i).start] | 0x20);
  for (size_t c = 0; c < COUNT_OF(clauses); c++) {
    const struct clause *clause = &clauses[c];
    if (clause->words[0] != first || !(clause->in & r->in) || (clause->first && i > 0))
      continue;
    size_t n = newer_match(r, i, clause->words);
    bool elsewhere = clause->kind == SQL_MARK_NOT_ENFORCED && r->levels.len != r->element_level;
    if (n == 0 || elsewhere || (clause->older && !newer_put(r, i, i + n, clause->older)))
      continue;
    newer_mark(r, i, i + n,
               (struct sql_mark){.kind = clause->kind,
                                 .major = clause->major,
                                 .clause = upper(r, clause->words)});
  }
}

/* ---- whole statements ---- */

static void find_grant_options(struct newer_rewriter *r)
{
  static const char *const options[] = {"inherit", "set", "admin", NULL};
  for (size_t i = 2; !newer_is_end(r, i); i++) {
    if (!newer_is(r, i, "with") || !newer_is_one_of(r, i + 1, options))
      continue;
    size_t end = i + 1;
    while (!newer_is_end(r, end) && !newer_is(r, end, "granted"))
      end++;
    if (end == i + 3 && newer_match(r, i, "with admin option"))
      return;
    newer_put(r, i, end, "");
    newer_note(r, i, end, 16, "GRANT ... WITH INHERIT, SET or ADMIN");
    return;
  }
}

static void find_vacuum_only(struct newer_rewriter *r)
{
  for (size_t i = 1; !newer_is_end(r, i); i++) {
    if (newer_is_char(r, i, '('))
      i = newer_skip_parentheses(r, i) - 1;
    else if (newer_is(r, i, "only") && newer_is_name(r, i + 1)) {
      newer_put(r, i, i + 1, "");
      newer_mark(r, i, i + 1,
                 (struct sql_mark){SQL_MARK_ONLY, 18, "VACUUM or ANALYZE of ONLY", {0}});
    }
  }
}

static void find_reindex(struct newer_rewriter *r)
{
  size_t i = newer_is_char(r, 1, '(') ? newer_skip_parentheses(r, 1) : 1;
  if (!newer_is(r, i, "database") && !newer_is(r, i, "system"))
    return;
  size_t end = newer_is(r, i + 1, "concurrently") ? i + 2 : i + 1;
  if (!newer_is_end(r, end))
    return;
  newer_add_behind(r, end - 1, " x");
  newer_mark(r, i, end, (struct sql_mark){SQL_MARK_NO_NAME, 16, "REINDEX without a name", {0}});
}

static unsigned kind_of(const struct newer_rewriter *r)
{
  static const char *const between[] = {"foreign", "temp",  "temporary", "unlogged",
                                        "global",  "local", NULL};
  bool create = newer_is(r, 0, "create"), alter = newer_is(r, 0, "alter");
  if (create || alter) {
    unsigned in = create ? IN_CREATE : IN_ALTER;
    size_t i = 1;
    while (newer_is_one_of(r, i, between))
      i++;
    return in | (newer_is(r, i, "table") ? IN_TABLE : 0) |
           (alter && newer_is(r, i, "domain") ? IN_DOMAIN : 0);
  }
  if (newer_is(r, 0, "vacuum") || newer_is(r, 0, "analyze") || newer_is(r, 0, "analyse"))
    return IN_VACUUM;
  if (newer_is(r, 0, "grant") || newer_is(r, 0, "revoke"))
    return IN_GRANT;
  if (newer_is(r, 0, "explain"))
    return IN_EXPLAIN;
  return newer_is(r, 0, "copy") ? IN_COPY : newer_is(r, 0, "reindex") ? IN_REINDEX : IN_OTHER;
}

static void find_all(struct newer_rewriter *r)
{
  r->in = kind_of(r);
  r->element_level = newer_is(r, 0, "create") ? 2 : 1;
  vec_push(r->arena, &r->levels, ((struct newer_level){0}));
  for (size_t i = 0; !newer_is_end(r, i); i++) {
    find_clause(r, i);
    if (r->in & IN_TABLE)
      newer_find_in_table(r, i);
    newer_find_in_query(r, i);
  }
  if (r->in == IN_GRANT)
    find_grant_options(r);
  if (r->in == IN_VACUUM)
    find_vacuum_only(r);
  if (r->in == IN_REINDEX)
    find_reindex(r);
}

static const char *with_additions(struct newer_rewriter *r, size_t len)
{
  size_t more = 0;
  for (size_t i = 0; i < r->additions.len; i++)
    more += strlen(r->additions.at[i].text);
  char *text = arena_alloc(r->arena, len + more + 1), *to = text;
  size_t from = 0;
  for (size_t i = 0; i < r->additions.len; i++) {
    const struct newer_addition *addition = &r->additions.at[i];
    to = mempcpy(to, r->text + from, addition->offset - from);
    to = mempcpy(to, addition->text, strlen(addition->text));
    from = addition->offset;
  }
  memcpy(to, r->text + from, len - from);
  return text;
}

void sql_newer_find(struct arena *arena, const char *text, size_t len, struct sql_newer *ret)
{
  struct newer_rewriter r = {.arena = arena,
                             .scan = sql_scan_begin(text, len),
                             .text = arena_strndup(arena, text, len),
                             .newer = ret};
  *ret = (struct sql_newer){0};
  struct sql_token token;
  do {
    token = sql_scan_next_code(&r.scan);
    if (token.kind == SQL_TOKEN_BAD)
      token.kind = SQL_TOKEN_END;
    vec_push(arena, &r.tokens, token);
  } while (token.kind != SQL_TOKEN_END);
  find_all(&r);
  if (r.changed)
    ret->text = with_additions(&r, len);
}

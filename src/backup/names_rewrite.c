#include "backup/restore_names.h"

#include "sql/quote.h"
#include "sql/scan.h"

struct rewriting {
  struct names *names;
  enum names_form form;
  const char *sql;
  struct sql_scan scan;
  struct sql_token before, before_that; /* code tokens */
  struct text out;
  size_t copied; /* up to here sql is in out */
  int depth;
  bool in_block;         /* the body of a DO */
  bool list, list_ended; /* the roles of a policy */
};

static char *rewrite(struct names *names, enum names_form form, const char *sql, bool in_block);

int names_parse(struct arena *arena, const struct strings *texts, const char *option,
                struct names_maps *ret, struct err *err)
{
  for (size_t i = 0; i < texts->len; i++) {
    const char *equals = strchr(texts->at[i], '=');
    if (!equals || equals == texts->at[i] || !equals[1])
      return err_set(err, ERR_USAGE, "%s takes OLD=NEW, not \"%s\"", option, texts->at[i]);
    vec_push(arena, ret,
             ((struct names_map){
                 .from = arena_strndup(arena, texts->at[i], (size_t)(equals - texts->at[i])),
                 .to = arena_strdup(arena, equals + 1)}));
  }
  return 0;
}

static const char *mapped(struct names *n, const char *name)
{
  for (size_t i = 0; i < n->maps.len; i++)
    if (strcmp(n->maps.at[i].from, name) == 0) {
      n->maps.at[i].used = true;
      name = n->maps.at[i].to;
      break;
    }
  vec_push(n->arena, &n->found, arena_strdup(n->arena, name));
  return name;
}

/* What a quoted or plain name, or a string without escapes but doubled quotes, stands for. */
static char *unquoted(struct arena *arena, const char *text, size_t len)
{
  char quote = text[0];
  if (quote != '"' && quote != '\'')
    return arena_strndup(arena, text, len);
  CLEANUP(text_clear) struct text name = TEXT_INIT;
  for (size_t i = 1; i + 1 < len; i++) {
    text_putc(&name, text[i]);
    i += text[i] == quote;
  }
  return arena_strdup(arena, name.data);
}

/* sql_literal's two forms back to the value. */
static char *literal_value(struct arena *arena, const char *text, size_t len)
{
  if (text[0] != 'E')
    return unquoted(arena, text, len);
  CLEANUP(text_clear) struct text value = TEXT_INIT;
  for (size_t i = 2; i + 1 < len; i++) {
    i += text[i] == '\\' || text[i] == '\'';
    text_putc(&value, text[i]);
  }
  return arena_strdup(arena, value.data);
}

static char *replaced(struct arena *arena, const char *text, const char *from, const char *to)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (const char *p = text; *p;)
    if (strncmp(p, from, strlen(from)) == 0) {
      text_puts(&out, to);
      p += strlen(from);
    } else {
      text_putc(&out, *p++);
    }
  return arena_strdup(arena, out.data);
}

/* A statement for format(): %% is a percent sign, %1$I and %2$I are names. */
static char *rewrite_format(struct names *n, enum names_form form, const char *format)
{
  static const char *const marks[][2] = {{"%1$I", "belay_name_1"}, {"%2$I", "belay_name_2"}};
  char *sql = arena_strdup(n->arena, format);
  for (size_t i = 0; i < COUNT_OF(marks); i++)
    sql = replaced(n->arena, sql, marks[i][0], marks[i][1]);
  sql = rewrite(n, form, replaced(n->arena, sql, "%%", "%"), false);
  sql = replaced(n->arena, sql, "%", "%%");
  for (size_t i = 0; i < COUNT_OF(marks); i++)
    sql = replaced(n->arena, sql, marks[i][1], marks[i][0]);
  /* the owner of the database is no name of the backup */
  for (size_t i = 0; i < n->found.len; i++)
    if (strcmp(n->found.at[i], marks[1][1]) == 0)
      n->found.at[i--] = n->found.at[--n->found.len];
  return sql;
}

/* As the server writes a role in an aclitem. */
static void put_acl_name(struct text *out, const char *name)
{
  bool plain = true;
  for (const char *p = name; *p; p++)
    plain = plain && (*p == '_' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                      (*p >= 'A' && *p <= 'Z'));
  if (!plain)
    text_putc(out, '"');
  for (const char *p = name; *p; p++) {
    if (*p == '"')
      text_putc(out, '"');
    text_putc(out, *p);
  }
  if (!plain)
    text_putc(out, '"');
}

static int compare_lines(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t acl_name_len(const char *p, char end)
{
  size_t len = 0;
  for (bool quoted = false; p[len] && (quoted || (p[len] != end && p[len] != '\n')); len++)
    if (p[len] == '"')
      quoted = !quoted;
  return len;
}

/* aclitems, one a line, sorted. */
static char *rewrite_acl(struct names *n, const char *acl)
{
  struct strings lines = {0};
  for (const char *p = acl; *p;) {
    CLEANUP(text_clear) struct text line = TEXT_INIT;
    size_t grantee = acl_name_len(p, '=');
    if (grantee)
      put_acl_name(&line, mapped(n, unquoted(n->arena, p, grantee)));
    p += grantee;
    size_t bits = strcspn(p, "/\n");
    text_append(&line, p, bits);
    p += bits;
    if (*p == '/') {
      size_t grantor = acl_name_len(++p, '\n');
      text_putc(&line, '/');
      put_acl_name(&line, mapped(n, unquoted(n->arena, p, grantor)));
      p += grantor;
    }
    p += *p == '\n';
    vec_push(n->arena, &lines, arena_strdup(n->arena, line.data));
  }
  qsort(lines.at, lines.len, sizeof(*lines.at), compare_lines);
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (size_t i = 0; i < lines.len; i++)
    text_printf(&out, "%s%s", i ? "\n" : "", lines.at[i]);
  return arena_strdup(n->arena, out.data);
}

static void put(struct rewriting *r, size_t from, size_t to, const char *text)
{
  text_append(&r->out, r->sql + r->copied, from - r->copied);
  text_puts(&r->out, text);
  r->copied = to;
}

static void rewrite_string(struct rewriting *r, struct sql_token t)
{
  struct names *n = r->names;
  const char *text = r->sql + t.start;
  size_t len = t.end - t.start;
  if (text[0] == '$' && !r->in_block) {
    size_t tag = (size_t)(strchr(text + 1, '$') - text) + 1;
    char *body = arena_strndup(n->arena, text + tag, len - 2 * tag);
    put(r, t.start + tag, t.end - tag, rewrite(n, r->form, body, true));
    return;
  }
  if (!r->in_block || (text[0] != '\'' && text[0] != 'E'))
    return;
  char *value = literal_value(n->arena, text, len);
  if (sql_token_is_char(&r->scan, r->before, '(') &&
      sql_token_is(&r->scan, r->before_that, "format"))
    value = rewrite_format(n, r->form, value);
  else if (r->form == NAMES_OWNER && sql_token_is_char(&r->scan, r->before, '>'))
    value = arena_strdup(n->arena, mapped(n, value));
  else if (r->form == NAMES_PRIVILEGES && sql_token_is_char(&r->scan, r->before, '>'))
    value = rewrite_acl(n, value);
  else
    return;
  put(r, t.start, t.end, sql_literal(n->arena, value));
}

static bool is_slot(struct rewriting *r, struct sql_token t)
{
  const struct sql_scan *s = &r->scan;
  bool to = sql_token_is(s, r->before, "TO");
  switch (r->form) {
  case NAMES_OWNER:
    return to && sql_token_is(s, r->before_that, "OWNER");
  case NAMES_PRIVILEGES:
    return (to || sql_token_is(s, r->before, "FROM") || sql_token_is(s, r->before, "ROLE")) &&
           r->sql[t.end] != '.' && r->sql[t.end] != '(';
  case NAMES_SETTING:
    return sql_token_is(s, r->before, "ROLE");
  case NAMES_POLICY:
    r->list_ended =
        r->list_ended || (r->list && (sql_token_is(s, t, "USING") || sql_token_is(s, t, "WITH")));
    r->list = r->list || to;
    return !r->list_ended && (to || (r->list && sql_token_is_char(s, r->before, ',')));
  case NAMES_MAPPING:
    return sql_token_is(s, r->before, "FOR");
  case NAMES_TABLESPACE:
    return r->depth == 0 && sql_token_is(s, r->before, "TABLESPACE");
  }
  return false;
}

static bool is_no_role(const struct sql_scan *s, struct sql_token t)
{
  return sql_token_is(s, t, "PUBLIC") || sql_token_is(s, t, "CURRENT_USER") ||
         sql_token_is(s, t, "SESSION_USER") || sql_token_is(s, t, "CURRENT_ROLE");
}

static void rewrite_name(struct rewriting *r, struct sql_token t)
{
  struct names *n = r->names;
  if (r->form == NAMES_TABLESPACE && n->drop) { /* with USING INDEX before it */
    size_t from = sql_token_is(&r->scan, r->before_that, "INDEX") ? r->before_that.start - 6
                                                                  : r->before.start;
    put(r, from, t.end, "");
    return;
  }
  if (r->form != NAMES_TABLESPACE && is_no_role(&r->scan, t))
    return;
  char *name = unquoted(n->arena, r->sql + t.start, t.end - t.start);
  const char *now = mapped(n, name);
  if (strcmp(name, now) != 0)
    put(r, t.start, t.end, sql_ident(n->arena, now));
}

static char *rewrite(struct names *names, enum names_form form, const char *sql, bool in_block)
{
  struct rewriting r = {.names = names,
                        .form = form,
                        .sql = sql,
                        .scan = sql_scan_begin(sql, strlen(sql)),
                        .out = TEXT_INIT,
                        .in_block = in_block};
  struct sql_token t;
  while ((t = sql_scan_next_code(&r.scan)).kind != SQL_TOKEN_END && t.kind != SQL_TOKEN_BAD) {
    if (sql_token_is_char(&r.scan, t, '('))
      r.depth++;
    else if (sql_token_is_char(&r.scan, t, ')'))
      r.depth--;
    else if (t.kind == SQL_TOKEN_STRING)
      rewrite_string(&r, t);
    else if ((t.kind == SQL_TOKEN_WORD || t.kind == SQL_TOKEN_QUOTED) && is_slot(&r, t))
      rewrite_name(&r, t);
    r.before_that = r.before;
    r.before = t;
  }
  put(&r, strlen(sql), strlen(sql), "");
  char *result = arena_strdup(names->arena, r.out.data);
  text_clear(&r.out);
  return result;
}

char *names_rewrite(struct names *names, enum names_form form, const char *sql)
{
  names->found.len = 0;
  return rewrite(names, form, sql, false);
}

#include "sql/newer_private.h"

/* 0xFF, 0o17, 0b11 and 1_000 become decimal; what has no room does not fit any integer either. */
static void find_number(struct newer_rewriter *r, size_t i)
{
  struct sql_token token = newer_token_at(r, i);
  const char *bytes = r->scan.bytes + token.start;
  size_t len = token.end - token.start, n = 0;
  if (token.kind != SQL_TOKEN_NUMBER)
    return;
  char *digits = arena_alloc(r->arena, len + 1);
  for (size_t k = 0; k < len; k++)
    if (bytes[k] != '_')
      digits[n++] = bytes[k];
  char kind = len > 2 && digits[0] == '0' ? (char)(digits[1] | 0x20) : '\0';
  int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
  if (base == 10 && n == len)
    return;
  if (base != 10) {
    char *end;
    unsigned long long value = strtoull(digits + 2, &end, base);
    if (*end)
      return;
    char *decimal = arena_printf(r->arena, "%llu", value);
    digits = strlen(decimal) <= len ? decimal : arena_strdup(r->arena, "1e30");
  }
  if (newer_put(r, i, i + 1, digits))
    newer_note(r, i, i + 1, 16, base == 10 ? "1_000" : "a number that is not decimal");
}

/* IS [NOT] JSON ... becomes IS [NOT] TRUE: no check of a column's NULLs. */
static void find_is_json(struct newer_rewriter *r, size_t i)
{
  static const char *const kinds[] = {"value", "array", "object", "scalar", NULL};
  size_t n = newer_match(r, i, "is json");
  if (n == 0)
    n = newer_match(r, i, "is not json");
  if (n == 0)
    return;
  size_t json = i + n - 1, end = i + n;
  if (newer_is_one_of(r, end, kinds))
    end++;
  if ((newer_is(r, end, "with") || newer_is(r, end, "without")) && newer_is(r, end + 1, "unique"))
    end += newer_is(r, end + 2, "keys") ? 3 : 2;
  newer_put(r, json, end, "TRUE");
  newer_note(r, i, end, 16, "IS JSON");
}

static void find_returning(struct newer_rewriter *r, size_t i)
{
  if (newer_match(r, i, "returning with") && newer_is_char(r, i + 2, '(')) {
    size_t behind = newer_skip_parentheses(r, i + 2);
    newer_put(r, i + 1, behind, "");
    newer_note(r, i, behind, 18, "RETURNING WITH");
  } else if (newer_is(r, i, "returning") && r->levels.at[r->levels.len - 1].merge) {
    size_t end = i;
    while (!newer_is_end(r, end) && !newer_is_char(r, end, ')'))
      end = newer_is_char(r, end, '(') ? newer_skip_parentheses(r, end) : end + 1;
    newer_put(r, i, end, "");
    newer_note(r, i, i + 1, 17, "MERGE ... RETURNING");
  }
}

/* JSON_ARRAY(SELECT ...), JSON_OBJECT('a': 1 ...), JSON_VALUE(... RETURNING int): functions of the
 * same arguments. */
static void find_json_function(struct newer_rewriter *r, size_t i)
{
  static const char *const names[] = {"json_object",   "json_array",     "json_objectagg",
                                      "json_arrayagg", "json_value",     "json_query",
                                      "json_exists",   "json_serialize", "json_scalar",
                                      "json_table",    "json",           NULL};
  static const char *const ends[] = {"returning", "columns", "null",    "absent", "error",
                                     "default",   "empty",   "unknown", "true",   "false",
                                     "with",      "without", "keep",    "omit",   NULL};
  if (!newer_is_one_of(r, i, names) || !newer_is_char(r, i + 1, '(') ||
      newer_is_char(r, i + 2, ')'))
    return;
  if (newer_is(r, i, "json_array") && newer_is(r, i + 2, "select")) {
    newer_put(r, i, i + 1, "ARRAY");
    newer_note(r, i, i + 1, 16, "JSON_ARRAY of a query");
    return;
  }
  size_t behind = newer_skip_parentheses(r, i + 1);
  bool newer = false, argument = false;
  int depth = 0;
  for (size_t k = i + 2; k + 1 < behind; k++) {
    depth += newer_is_char(r, k, '(') ? 1 : newer_is_char(r, k, ')') ? -1 : 0;
    if (depth > 0)
      continue;
    bool behind_argument = argument;
    argument = !newer_is_char(r, k, ',');
    if (!behind_argument)
      continue;
    if (newer_is_one_of(r, k, ends)) {
      newer_put(r, k, behind - 1, "");
      newer = true;
      break;
    }
    bool colon =
        newer_is_char(r, k, ':') && !newer_is_char(r, k - 1, ':') && !newer_is_char(r, k + 1, ':');
    if (colon || newer_is(r, k, "value") || newer_is(r, k, "passing"))
      newer = newer_put(r, k, k + 1, ",") || newer;
    else if (newer_match(r, k, "as ?"))
      newer = newer_put(r, k, k + 2, "") || newer;
    else if (newer_match(r, k, "format json"))
      newer = newer_put(r, k, k + 2, "") || newer;
  }
  if (!newer)
    return;
  static const char *const of_17[] = {"json_table", "json_value", "json_query", "json_exists",
                                      NULL};
  newer_note(r, i, behind, newer_is_one_of(r, i, of_17) ? 17 : 16, "an SQL/JSON function");
  newer_put(r, i, i + 1, "f"); /* newer parsers have a grammar of their own for these names */
}

static bool begins_query(const struct newer_rewriter *r, size_t i)
{
  static const char *const words[] = {"select", "values", "with", NULL};
  while (newer_is_char(r, i, '('))
    i++;
  return newer_is_one_of(r, i, words);
}

static bool wants_alias(const struct newer_rewriter *r, const struct newer_level *level, size_t i)
{
  static const char *const joins[] = {"inner", "left",  "right",   "full",
                                      "join",  "cross", "natural", NULL};
  static const char *const behind[] = {
      "where", "group", "having", "window",    "order",     "limit",  "offset", "fetch", "for",
      "on",    "using", "union",  "intersect", "returning", "except", "when",   NULL};
  if (level->inner || newer_is_one_of(r, i, joins))
    return newer_is_one_of(r, i, joins);
  return newer_is_end(r, i) || newer_is_char(r, i, ')') || newer_is_char(r, i, ',') ||
         newer_is_char(r, i, ';') || newer_is_one_of(r, i, behind);
}

static void find_subquery(struct newer_rewriter *r, size_t i)
{
  static const char *const opens[] = {"from", "join", "using", NULL};
  static const char *const closes[] = {"where",  "group", "having", "order",     "limit",  "set",
                                       "select", "union", "except", "intersect", "window", NULL};
  struct newer_level *level = &r->levels.at[r->levels.len - 1];
  if (newer_match(r, i, "merge into"))
    level->merge = true;
  if (newer_is_one_of(r, i, opens)) {
    level->from = true;
  } else if (newer_is_one_of(r, i, closes)) {
    level->from = false;
  } else if (newer_is_char(r, i, '(')) {
    bool listed = level->from && i > 0 &&
                  (newer_is_one_of(r, i - 1, opens) || newer_is(r, i - 1, "lateral") ||
                   newer_is_char(r, i - 1, ',') || newer_is_char(r, i - 1, '('));
    struct newer_level inner = {.subquery = listed && begins_query(r, i + 1),
                                .inner = listed && newer_is_char(r, i - 1, '('),
                                .from = listed && !newer_is_one_of(r, i + 1, closes)};
    vec_push(r->arena, &r->levels, inner);
  } else if (newer_is_char(r, i, ')') && r->levels.len > 1) {
    if (level->subquery && wants_alias(r, level, i + 1)) {
      newer_add_behind(r, i, arena_printf(r->arena, " subquery_%zu", i));
      newer_note(r, i, i + 1, 16, "a subquery in FROM without an alias");
    }
    r->levels.len--;
  }
}

void newer_find_in_query(struct newer_rewriter *r, size_t i)
{
  find_number(r, i);
  find_is_json(r, i);
  find_returning(r, i);
  find_json_function(r, i);
  find_subquery(r, i);
}

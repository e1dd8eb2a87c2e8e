#include "sql/depth.h"

#include "sql/scan.h"

enum { LEVELS_MAX = 4096 };

/* One open parenthesis. Commas part siblings; only set operations chain across them. */
struct level {
  size_t item, deepest, chained;
};

static bool is_set_operation(const struct sql_scan *scan, struct sql_token token)
{
  return sql_token_is(scan, token, "union") || sql_token_is(scan, token, "intersect") ||
         sql_token_is(scan, token, "except");
}

static void end_item(struct level *level)
{
  if (level->item > level->deepest)
    level->deepest = level->item;
  level->item = 0;
}

static size_t level_depth(struct level *level)
{
  end_item(level);
  return level->deepest + level->chained + 1;
}

size_t sql_depth_bound(const char *text, size_t len)
{
  struct level levels[LEVELS_MAX]; /* each is cleared when it opens */
  struct sql_scan scan = sql_scan_begin(text, len);
  size_t at = 0;
  levels[0] = (struct level){0};
  for (;;) {
    struct sql_token token = sql_scan_next_code(&scan);
    if (token.kind == SQL_TOKEN_END || token.kind == SQL_TOKEN_BAD)
      break;
    char c = token.kind == SQL_TOKEN_CHAR ? text[token.start] : '\0';
    if (c == '(' || c == '[') {
      if (++at == LEVELS_MAX)
        return SIZE_MAX;
      levels[at] = (struct level){0};
    } else if ((c == ')' || c == ']') && at > 0) {
      size_t depth = level_depth(&levels[at--]);
      levels[at].item += depth;
    } else if (c == ',' || c == ';') {
      end_item(&levels[at]);
    } else {
      levels[at].item++;
      levels[at].chained += is_set_operation(&scan, token);
    }
  }
  size_t depth = level_depth(&levels[0]);
  for (; at > 0; at--)
    depth += level_depth(&levels[at]);
  return depth;
}

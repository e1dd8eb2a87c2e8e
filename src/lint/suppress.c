/* Comments that silence findings:
 *   -- belay:ignore RULE[, RULE] reason         the statement that the comment is in, or behind
 *                                               which it stands on the same line, or the next one
 *   -- belay:ignore-file RULE[, RULE] reason    the whole file
 */
#include "lint/check.h"

#include <ctype.h>

enum { NO_STATEMENT = -1 };

struct ignore {
  const struct sql_comment *comment;
  bool whole_file;
  size_t statement; /* (size_t)NO_STATEMENT: there is none */
  struct strings rules;
  const char *reason; /* NULL: none given */
};

/* The statement that a comment speaks of: the one that it is in; behind which it stands, with
 * nothing more on the line; or the next one. */
static size_t statement_of(const struct sql_script *script, const struct sql_comment *comment)
{
  size_t next = 0;
  while (next < script->statements.len &&
         script->statements.at[next].end.offset <= comment->start.offset)
    next++;
  const struct sql_statement *all = script->statements.at;
  bool is_last = next == script->statements.len;
  bool behind = next > 0 && all[next - 1].end.line == comment->start.line &&
                (is_last || all[next].start.line > comment->end.line);
  if (behind)
    return next - 1;
  return is_last ? (size_t)NO_STATEMENT : next;
}

static const char *skip(const char *at, const char *bytes)
{
  return at + strspn(at, bytes);
}

/* "rule[, rule] reason" */
static void read_list(struct lint *lint, const char *at, struct ignore *ret)
{
  static const char space[] = " \t\r\n";
  for (;;) {
    at = skip(at, space);
    size_t len = strcspn(at, " \t\r\n,:");
    if (len == 0)
      break;
    vec_push(lint->arena, &ret->rules, arena_strndup(lint->arena, at, len));
    const char *after = skip(at + len, space);
    at += len;
    if (*after != ',')
      break;
    at = after + 1;
  }
  at = skip(at, " \t\r\n:-");
  if (*at)
    ret->reason = arena_strdup(lint->arena, at);
}

static bool read_ignore(struct lint *lint, const struct sql_comment *comment, struct ignore *ret)
{
  static const char mark[] = "belay:ignore", file[] = "-file";
  if (strncmp(comment->text, mark, strlen(mark)) != 0)
    return false;
  const char *at = comment->text + strlen(mark);
  *ret = (struct ignore){.comment = comment};
  if (strncmp(at, file, strlen(file)) == 0) {
    ret->whole_file = true;
    at += strlen(file);
  }
  if (*at && !isspace((unsigned char)*at) && *at != ':')
    return false; /* belay:ignored, or another word */
  ret->statement = ret->whole_file ? (size_t)NO_STATEMENT : statement_of(lint->script, comment);
  read_list(lint, skip(at, ":"), ret);
  return true;
}

/* Suppresses what the rule found there; false if there was nothing. */
static bool apply(struct lint *lint, const struct ignore *ignore, const char *rule, size_t first,
                  size_t last)
{
  bool used = false;
  for (size_t i = first; i < last; i++) {
    struct lint_finding *finding = &lint->report->findings.at[i];
    bool here = ignore->whole_file || finding->statement == ignore->statement;
    if (!here || strcmp(finding->rule->id, rule) != 0)
      continue;
    finding->suppressed = true;
    finding->reason = ignore->reason;
    used = true;
  }
  return used;
}

static void judge_rule(struct lint *lint, const struct ignore *ignore, const char *rule,
                       size_t first, size_t last)
{
  const struct sql_comment *at = ignore->comment;
  if (!lint_rule_find(rule)) {
    const char *near = lint_rule_suggest(rule);
    const char *message =
        near ? arena_printf(lint->arena, "there is no rule \"%s\", perhaps \"%s\"", rule, near)
             : arena_printf(lint->arena, "there is no rule \"%s\"", rule);
    lint_add_at(lint, "suppression-unknown", at->start, at->end, message);
    return;
  }
  /* with a catalog more statements are known to be harmless: that is not the comment's fault */
  if (!apply(lint, ignore, rule, first, last) && !lint->catalog && lint_is_on(lint, rule))
    lint_add_at(lint, "suppression-unused", at->start, at->end,
                arena_printf(lint->arena, "%s found nothing to ignore here", rule));
}

/* What is added here stands behind `last`: it cannot be ignored itself. */
void lint_suppress(struct lint *lint, size_t first, size_t last)
{
  for (size_t i = 0; i < lint->script->comments.len; i++) {
    struct ignore ignore;
    const struct sql_comment *comment = &lint->script->comments.at[i];
    if (!read_ignore(lint, comment, &ignore))
      continue;
    if (ignore.rules.len == 0)
      lint_add_at(lint, "suppression-unknown", comment->start, comment->end,
                  "belay:ignore names no rule");
    for (size_t r = 0; r < ignore.rules.len; r++)
      judge_rule(lint, &ignore, ignore.rules.at[r], first, last);
    if (lint->settings->require_reason && !ignore.reason && ignore.rules.len > 0)
      lint_add_at(lint, "suppression-no-reason", comment->start, comment->end,
                  "the ignore gives no reason");
  }
}

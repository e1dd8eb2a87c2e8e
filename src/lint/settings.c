/* Which severity a rule has in a file: off where it is about other servers; else its default, the
 * settings, the settings of paths. */
#include "lint/check.h"

#include "base/fs.h"
#include "base/glob.h"

static int check_rules(const struct lint_settings_vec *rules, struct err *err)
{
  for (size_t i = 0; i < rules->len; i++) {
    const char *id = rules->at[i].rule;
    if (lint_rule_find(id) || strcmp(id, LINT_EVERY_RULE) == 0)
      continue;
    const char *near = lint_rule_suggest(id);
    err_set(err, ERR_USAGE, "there is no lint rule \"%s\"", id);
    return near ? err_hint(err, "Did you mean \"%s\"?", near)
                : err_hint(err, "Type belay explain to see the rules.");
  }
  return 0;
}

int lint_check_settings(const struct lint_settings *settings, struct err *err)
{
  if (check_rules(&settings->rules, err) < 0)
    return -1;
  for (size_t i = 0; i < settings->paths.len; i++)
    if (check_rules(&settings->paths.at[i].rules, err) < 0)
      return -1;
  return 0;
}

static void apply(const struct lint_settings_vec *rules, const char *id, enum lint_severity *ret)
{
  for (size_t i = 0; i < rules->len; i++)
    if (strcmp(rules->at[i].rule, id) == 0 || strcmp(rules->at[i].rule, LINT_EVERY_RULE) == 0)
      *ret = rules->at[i].severity;
}

/* The path of the script as patterns see it: below the root without it, elsewhere whole. */
static const char *path_of(const struct lint *lint)
{
  const char *name = lint->script->name, *root = lint->settings->root;
  if (!root)
    return name;
  const char *path = fs_clean(lint->arena, name);
  size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
  return strncmp(path, root, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

/* A server of unknown version may be any. */
static bool is_for_server(const struct lint *lint, const struct lint_rule *rule)
{
  int major = lint_facts_major(lint->facts);
  return major == 0 || (major >= rule->since && (rule->until == 0 || major <= rule->until));
}

enum lint_severity lint_severity_of(const struct lint *lint, const struct lint_rule *rule)
{
  if (!is_for_server(lint, rule))
    return LINT_OFF;
  enum lint_severity severity = rule->severity;
  apply(&lint->settings->rules, rule->id, &severity);
  const char *path = lint->settings->paths.len > 0 ? path_of(lint) : NULL;
  for (size_t i = 0; i < lint->settings->paths.len; i++)
    if (glob_match_below(lint->settings->paths.at[i].pattern, path))
      apply(&lint->settings->paths.at[i].rules, rule->id, &severity);
  return severity;
}

bool lint_is_on(const struct lint *lint, const char *rule)
{
  return lint_severity_of(lint, lint_rule_find(rule)) != LINT_OFF;
}

#include "run/config.h"
#include "base/embedded.h"
#include "base/fs.h"
#include "base/suggest.h"
#include "run/yaml_table.h"

/* A file that extends nothing stands on this one: what it does not say is as strict as production.
 */
#define STRICTEST "production"

enum {
  EXTENDS_MAX = 8, /* files in one chain of `extends` */
  NAMES_MAX = 64,  /* policies that are offered as "did you mean" */
};

struct policy_file {
  struct policy policy;
  const char *extends;
};

/* --- the table --- */

static const struct table_choice fail_on_choices[] = {{"error", LINT_ERROR},
                                                      {"warning", LINT_WARNING},
                                                      {"info", LINT_INFO},
                                                      {"never", LINT_OFF},
                                                      {0}};

static const struct table_choice verdict_choices[] = {{"exact", INVERSE_EXACT},
                                                      {"column-order", INVERSE_COLUMN_ORDER},
                                                      {"lossy", INVERSE_LOSSY},
                                                      {"none", INVERSE_NONE},
                                                      {0}};

static const struct table_choice rows_choices[] = {{"none", REHEARSAL_NONE},
                                                   {"synthetic", REHEARSAL_SYNTHETIC},
                                                   {"sampled", REHEARSAL_SAMPLED},
                                                   {0}};

static const struct table_choice extent_choices[] = {
    {"full", BACKUP_FULL}, {"pending", BACKUP_PENDING}, {0}};

static const struct table_choice kind_choices[] = {
    {"archive", BACKUP_ARCHIVE}, {"template", BACKUP_TEMPLATE}, {"both", BACKUP_BOTH}, {0}};

static const struct table_choice encryption_choices[] = {
    {"optional", ENCRYPTION_OPTIONAL}, {"required", ENCRYPTION_REQUIRED}, {0}};
static const struct table_choice failure_choices[] = {
    {"rollback", ON_FAILURE_ROLLBACK}, {"stop", ON_FAILURE_STOP}, {0}};

static void set_rule(struct arena *arena, struct lint_settings_vec *rules, const char *id,
                     enum lint_severity severity)
{
  for (size_t i = 0; i < rules->len; i++)
    if (strcmp(rules->at[i].rule, id) == 0) { /* said by the file that this one extends */
      rules->at[i].severity = severity;
      return;
    }
  vec_push(arena, rules, ((struct lint_setting){id, severity}));
}

static void take_rule(struct arena *arena, void *field, const char *id, const char *value,
                      struct table_complaint *ret)
{
  static const char *const severities[] = {"error", "warning", "info", "off"};
  bool every = strcmp(id, LINT_EVERY_RULE) == 0;
  const struct lint_rule *rule = lint_rule_find(id);
  enum lint_severity severity;
  if (!rule && !every) {
    ret->what = arena_printf(arena, "unknown rule \"%s\"", id);
    ret->suggestion = lint_rule_suggest(id);
    ret->about_key = true;
  } else if (!lint_severity_parse(value, &severity)) {
    ret->what =
        arena_printf(arena, "rule %s wants error, warning, info or off, not \"%s\"", id, value);
    ret->suggestion = suggest_word(value, severities, COUNT_OF(severities));
  } else if (every && severity != LINT_OFF) {
    ret->what = arena_printf(arena, "all rules together can only be off, not \"%s\"", value);
  } else {
    set_rule(arena, field, every ? LINT_EVERY_RULE : rule->id, severity);
  }
}

static void *path_group(struct arena *arena, void *field, const char *pattern)
{
  struct lint_path_settings_vec *paths = field;
  for (size_t i = 0; i < paths->len; i++)
    if (strcmp(paths->at[i].pattern, pattern) == 0)
      return &paths->at[i].rules;
  vec_push(arena, paths, (struct lint_path_settings){.pattern = pattern});
  return &paths->at[paths->len - 1].rules;
}

#define AT(field) .offset = offsetof(struct policy_file, policy.field)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)

static const struct table_key policy_keys[] = {
    {.path = "extends", .type = TABLE_STRING, .offset = offsetof(struct policy_file, extends)},
    {.path = "lint.fail_on", .type = TABLE_ENUM, AT(lint.fail_on), .choices = fail_on_choices},
    {.path = "lint.require_reason", .type = TABLE_BOOL, AT(lint.require_reason)},
    {.path = "lint.large_table_rows",
     .type = TABLE_INT,
     AT(lint.large_table_rows),
     .max = INT32_MAX},
    {.path = "lint.questions", .type = TABLE_BOOL, AT(lint.questions)},
    {.path = "lint.question_timeout",
     .type = TABLE_DURATION,
     AT(lint.question_timeout_ms),
     .min = 1,
     .max = HOUR},
    {.path = "lint.question_rows",
     .type = TABLE_INT,
     AT(lint.question_rows),
     .min = 1,
     .max = 1000000},
    {.path = "lint.forbidden_types", .type = TABLE_STRINGS, AT(lint.forbidden_types)},
    {.path = "lint.required_columns", .type = TABLE_STRINGS, AT(lint.required_columns)},
    {.path = "lint.since", .type = TABLE_STRING, AT(lint_since)},
    {.path = "lint.rules", .type = TABLE_ENTRIES, AT(lint.rules), .entry = take_rule},
    {.path = "lint.paths",
     .type = TABLE_GROUPS,
     AT(lint.paths),
     .entry = take_rule,
     .group = path_group},
    {.path = "inverse.least", .type = TABLE_ENUM, AT(inverse.least), .choices = verdict_choices},
    {.path = "inverse.exact_order", .type = TABLE_BOOL, AT(inverse.exact_order)},
    {.path = "inverse.shadow_on_target", .type = TABLE_BOOL, AT(inverse.shadow_on_target)},
    {.path = "inverse.shadow_rows",
     .type = TABLE_ENUM,
     AT(inverse.shadow_rows),
     .choices = rows_choices},
    {.path = "inverse.shadow_rows_per_table",
     .type = TABLE_INT,
     AT(inverse.shadow_rows_per_table),
     .min = 1,
     .max = 100000},
    {.path = "inverse.preview_timeout",
     .type = TABLE_DURATION,
     AT(inverse.preview_timeout_ms),
     .max = HOUR},
    {.path = "inverse.allow", .type = TABLE_STRINGS, AT(inverse.allow)},
    {.path = "backup.required", .type = TABLE_BOOL, AT(backup.required)},
    {.path = "backup.kind", .type = TABLE_ENUM, AT(backup.kind), .choices = kind_choices},
    {.path = "backup.template_alone", .type = TABLE_BOOL, AT(backup.template_alone)},
    {.path = "backup.jobs", .type = TABLE_INT, AT(backup.jobs), .min = 1, .max = 64},
    {.path = "backup.scope", .type = TABLE_ENUM, AT(backup.scope), .choices = extent_choices},
    {.path = "backup.encryption",
     .type = TABLE_ENUM,
     AT(backup.encryption),
     .choices = encryption_choices},
    {.path = "backup.level", .type = TABLE_INT, AT(backup.level), .min = 1, .max = 19},
    /* 0 would wait for ever: the queue behind the waiter is the outage */
    {.path = "apply.lock_timeout",
     .type = TABLE_DURATION,
     AT(apply.lock_timeout_ms),
     .min = 1,
     .max = HOUR},
    {.path = "apply.lock_retries", .type = TABLE_INT, AT(apply.lock_retries), .max = 1000},
    {.path = "apply.statement_timeout",
     .type = TABLE_DURATION,
     AT(apply.statement_timeout_ms),
     .max = 7 * 24 * HOUR},
    {.path = "apply.max_lock_hold",
     .type = TABLE_DURATION,
     AT(apply.max_lock_hold_ms),
     .min = SECOND / 10,
     .max = 24 * HOUR},
    {.path = "apply.capture", .type = TABLE_BOOL, AT(apply.capture)},
    {.path = "apply.on_failure",
     .type = TABLE_ENUM,
     AT(apply.on_failure),
     .choices = failure_choices},
    {.path = "preflight.max_transaction_age",
     .type = TABLE_DURATION,
     AT(preflight.max_transaction_age_ms),
     .max = 30 * 24 * HOUR},
    {.path = "preflight.min_free",
     .type = TABLE_SIZE,
     AT(preflight.min_free_bytes),
     .max = INT64_C(1) << 50},
    {.path = "preflight.allow_drift", .type = TABLE_BOOL, AT(preflight.allow_drift)},
    {.path = "retention.keep_last",
     .type = TABLE_INT,
     AT(retention.keep.last),
     .max = RETENTION_MAX},
    {.path = "retention.keep_daily",
     .type = TABLE_INT,
     AT(retention.keep.daily),
     .max = RETENTION_MAX},
    {.path = "retention.keep_weekly",
     .type = TABLE_INT,
     AT(retention.keep.weekly),
     .max = RETENTION_MAX},
    {.path = "retention.keep_monthly",
     .type = TABLE_INT,
     AT(retention.keep.monthly),
     .max = RETENTION_MAX},
    {.path = "retention.keep_within",
     .type = TABLE_DURATION,
     AT(retention.keep.within_ms),
     .max = RETENTION_WITHIN_MS_MAX},
    /* the newest run can always be taken back */
    {.path = "retention.keep_runs",
     .type = TABLE_INT,
     AT(retention.keep_runs),
     .min = 1,
     .max = RETENTION_MAX},
};

static const struct table policy_table = {policy_keys, COUNT_OF(policy_keys)};

/* --- where policies are --- */

const char *policy_builtin(const char *name)
{
  CLEANUP(free_ptr) char *path = x_printf("policies/%s.yaml", name);
  return embedded_find(path);
}

/* Also keeps a name from being a path. */
static bool is_name(const char *name)
{
  size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
  return len > 0 && !name[len] && name[0] != '.';
}

static void add_name(struct arena *arena, struct strings *names, const char *file)
{
  size_t len = strlen(file);
  if (len <= 5 || strcmp(file + len - 5, ".yaml") != 0 || strchr(file, '/') ||
      names->len == NAMES_MAX)
    return;
  const char *name = arena_strndup(arena, file, len - 5);
  for (size_t i = 0; i < names->len; i++)
    if (strcmp(names->at[i], name) == 0)
      return;
  vec_push(arena, names, name);
}

static int unknown_policy(struct arena *arena, const char *dir, const char *name, struct err *err)
{
  struct strings names = {0}, files = {0};
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (fs_list(arena, dir, &files, &ignored) == 0)
    for (size_t i = 0; i < files.len; i++)
      add_name(arena, &names, files.at[i]);
  for (const struct embedded_file *f = embedded_files; f->name; f++)
    if (strncmp(f->name, "policies/", 9) == 0)
      add_name(arena, &names, f->name + 9);
  err_set(err, ERR_USAGE, "unknown environment \"%s\": there is no %s/%s.yaml and no built-in one",
          name, dir, name);
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < names.len; i++)
    text_printf(&list, "%s%s", i ? ", " : "", names.at[i]);
  const char *near = suggest_word(name, names.at, names.len);
  if (near)
    return err_hint(err, "Did you mean %s? Known are: %s.", near, list.data);
  return err_hint(err, "Known are: %s.", list.data);
}

/* --- files and what they stand on --- */

struct reading {
  struct arena *arena;
  const char *dir;                /* where the siblings are */
  const char *chain[EXTENDS_MAX]; /* the files being read, each extended by the one before */
  size_t depth;
};

static int read_policy(struct reading *r, const char *name, bool builtin_only,
                       struct policy_file *file, struct err *err);

/* text NULL: read the file. What it says goes over what *file holds. */
static int read_over(struct reading *r, const char *path, const char *text,
                     struct policy_file *file, struct err *err)
{
  if (text)
    return table_read(r->arena, &policy_table, path, text, file, err);
  return table_read_file(r->arena, &policy_table, path, file, err);
}

static int enter(struct reading *r, const char *path, struct err *err)
{
  for (size_t i = 0; i < r->depth; i++)
    if (strcmp(r->chain[i], path) == 0)
      return err_set(err, ERR_USAGE, "%s: extends itself by way of %s", path,
                     r->chain[r->depth - 1]);
  if (r->depth == EXTENDS_MAX)
    return err_set(err, ERR_USAGE, "%s: extended by a chain of more than %d files", path,
                   EXTENDS_MAX);
  r->chain[r->depth++] = path;
  return 0;
}

/* First a look at `extends`, then the policy that it names, then this one over that. */
static int read_with_base(struct reading *r, const char *name, const char *path, const char *text,
                          struct policy_file *file, struct err *err)
{
  struct policy_file look = {0};
  if (enter(r, path, err) < 0 || read_over(r, path, text, &look, err) < 0)
    return -1;
  bool is_base = text && strcmp(name, STRICTEST) == 0;
  const char *base = look.extends ? look.extends : STRICTEST;
  /* the project's production extends the built-in one, and built-in ones know no project */
  bool builtin_only = text || !look.extends || strcmp(base, name) == 0;
  if (!is_base && read_policy(r, base, builtin_only, file, err) < 0)
    return -1;
  return read_over(r, path, text, file, err);
}

static int read_policy(struct reading *r, const char *name, bool builtin_only,
                       struct policy_file *file, struct err *err)
{
  const char *path = arena_printf(r->arena, "%s/%s.yaml", r->dir, name);
  if (!is_name(name))
    return err_set(err, ERR_USAGE, "\"%s\" is not the name of an environment", name);
  bool project = !builtin_only && fs_exists(path);
  const char *text = project ? NULL : policy_builtin(name);
  if (!project && !text) {
    unknown_policy(r->arena, r->dir, name, err);
    return r->depth ? err_wrap(err, "%s: extends", r->chain[r->depth - 1]) : -1;
  }
  if (!project)
    path = arena_printf(r->arena, "built-in policies/%s.yaml", name);
  if (read_with_base(r, name, path, text, file, err) < 0)
    return -1;
  file->policy.source = project ? path : "built-in";
  return 0;
}

int policy_read(struct arena *arena, const struct config *config, const char *environment,
                struct policy *ret_policy, struct err *err)
{
  const char *name = environment ? environment : config->environment;
  const char *dir = config->policies_dir ? config->policies_dir : "policies";
  struct reading r = {.arena = arena, .dir = fs_join(arena, config->dir, dir)};
  struct policy_file file = {0};
  if (config->policies_dir && !fs_is_dir(r.dir))
    return err_set(err, ERR_USAGE, "%s: policies: %s is not a directory", config->path, r.dir);
  if (!name)
    name = "development";
  if (read_policy(&r, name, false, &file, err) < 0)
    return -1;
  file.policy.name = arena_strdup(arena, name);
  file.policy.lint.root = fs_clean(arena, config->dir);
  *ret_policy = file.policy;
  return 0;
}

bool policy_allows(const struct policy *policy, const char *migration)
{
  for (size_t i = 0; i < policy->inverse.allow.len; i++)
    if (strcmp(policy->inverse.allow.at[i], migration) == 0)
      return true;
  return false;
}

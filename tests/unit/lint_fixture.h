/* What the lint tests share: scripts from strings, a report as "rule@line" text, a catalog built
 * by hand. */
#pragma once

#include "lint/lint.h"

static struct arena *arena;

static int set_up(void **state)
{
  UNUSED(state);
  arena = arena_new();
  return 0;
}

static int tear_down(void **state)
{
  UNUSED(state);
  arena_free(arena);
  return 0;
}

enum { FIXTURE_SCRIPTS_MAX = 8, FIXTURE_OBJECTS_MAX = 32, FIXTURE_PROPERTIES_MAX = 8 };

struct fixture {
  struct lint_settings settings;
  struct catalog catalog;
  struct catalog_object *objects[FIXTURE_OBJECTS_MAX];
  bool with_catalog;
  bool with_may_fail; /* also the rules about rows that may be there, else they are off */
  bool with_window;   /* also those about what a transaction holds meanwhile, else they are off */
  bool with_fails;    /* also statement-fails, else it is off: the catalogs here lack much */
  size_t known;       /* the first so many files are what the database holds */
  int target_major;
  const struct lint_session *session; /* NULL: one with timeouts */
  const struct lint_file *files;
  const char *tool; /* that applies the files; NULL: belay itself */
  struct lint_report report;
};

static struct lint_settings fixture_settings(const struct fixture *f)
{
  static const char *const may_fail[] = {"may-fail-unique", "may-fail-not-null",
                                         "may-fail-check-fk", "may-fail-cast"};
  static const char *const window[] = {"statement-while-access-exclusive",
                                       "multi-table-lock-transaction", "alter-table-combine",
                                       "large-table-change"};
  struct lint_settings settings = f->settings;
  settings.rules = (struct lint_settings_vec){0};
  for (size_t i = 0; !f->with_may_fail && i < COUNT_OF(may_fail); i++)
    vec_push(arena, &settings.rules,
             ((struct lint_setting){.rule = may_fail[i], .severity = LINT_OFF}));
  for (size_t i = 0; !f->with_window && i < COUNT_OF(window); i++)
    vec_push(arena, &settings.rules,
             ((struct lint_setting){.rule = window[i], .severity = LINT_OFF}));
  if (!f->with_fails)
    vec_push(arena, &settings.rules,
             ((struct lint_setting){.rule = "statement-fails", .severity = LINT_OFF}));
  for (size_t i = 0; i < f->settings.rules.len; i++)
    vec_push(arena, &settings.rules, f->settings.rules.at[i]);
  return settings;
}

static void lint_files(struct fixture *f, const char *const *files, size_t count)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *scripts[FIXTURE_SCRIPTS_MAX];
  for (size_t i = 0; i < count; i++) {
    const char *name = arena_printf(arena, "%zu.sql", i + 1);
    if (sql_script_read(arena, name, files[i], strlen(files[i]), &scripts[i], &err) < 0)
      fail_msg("%s", err.message);
  }
  f->catalog.objects = f->objects;
  static const struct lint_session with_timeouts = {.timeouts_known = true,
                                                    .lock_timeout_ms = 2000,
                                                    .statement_timeout_ms = 60000,
                                                    .idle_timeout_ms = 60000};
  const struct lint_input input = {.scripts = scripts,
                                   .count = count,
                                   .known = f->known,
                                   .catalog = f->with_catalog ? &f->catalog : NULL,
                                   .target_major = f->target_major,
                                   .session = f->session ? f->session : &with_timeouts,
                                   .files = f->files,
                                   .tool = f->tool ? lint_tool_find(f->tool) : NULL};
  const struct lint_settings settings = fixture_settings(f);
  if (lint_scripts(arena, &settings, &input, &f->report, &err) < 0)
    fail_msg("%s", err.message);
}

static bool is_about(const struct lint_finding *finding, const char *const *about)
{
  for (size_t i = 0; about && about[i]; i++)
    if (strncmp(finding->rule->id, about[i], strlen(about[i])) == 0)
      return true;
  return !about;
}

/* "rule:e@line rule:w@line": the severity's first letter; suppressed ones in parentheses. Only
 * rules whose id starts with one of `about`; NULL: all. */
static const char *lint_text_about(struct fixture *f, const char *const *about)
{
  const char *all = "";
  for (size_t i = 0; i < f->report.findings.len; i++) {
    const struct lint_finding *finding = &f->report.findings.at[i];
    if (!is_about(finding, about))
      continue;
    all = arena_printf(arena, "%s%s%s%s:%c@%d%s", all, *all ? " " : "",
                       finding->suppressed ? "(" : "", finding->rule->id,
                       lint_severity_name(finding->severity)[0], finding->start.line,
                       finding->suppressed ? ")" : "");
  }
  return all;
}

static inline const char *lint_text(struct fixture *f)
{
  return lint_text_about(f, NULL);
}

static inline const char *lint_one(struct fixture *f, const char *sql)
{
  lint_files(f, &sql, 1);
  return lint_text(f);
}

/* A file, for a database that holds what `before` makes (NULL: not known), and what is found. */
struct lint_case {
  const char *before, *sql, *found;
};

static inline void lint_cases(const struct fixture *like, const struct lint_case *cases,
                              size_t count, const char *const *about)
{
  for (size_t i = 0; i < count; i++) {
    struct fixture f = *like;
    const char *files[] = {cases[i].before, cases[i].sql};
    f.known = cases[i].before ? 1 : 0;
    lint_files(&f, cases[i].before ? files : files + 1, cases[i].before ? 2 : 1);
    const char *found = lint_text_about(&f, about);
    if (strcmp(found, cases[i].found) != 0)
      fail_msg("%s\n--\n%s\n  found:    %s\n  expected: %s", cases[i].before ? cases[i].before : "",
               cases[i].sql, found, cases[i].found);
  }
}

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

enum { FIXTURE_SCRIPTS_MAX = 4, FIXTURE_OBJECTS_MAX = 32, FIXTURE_PROPERTIES_MAX = 8 };

struct fixture {
  struct lint_settings settings;
  struct catalog catalog;
  struct catalog_object *objects[FIXTURE_OBJECTS_MAX];
  bool with_catalog;
  struct lint_report report;
};

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
  const struct lint_input input = {
      .scripts = scripts, .count = count, .catalog = f->with_catalog ? &f->catalog : NULL};
  if (lint_scripts(arena, &f->settings, &input, &f->report, &err) < 0)
    fail_msg("%s", err.message);
}

/* "rule:e@line rule:w@line": the severity's first letter; suppressed ones in parentheses. */
static const char *lint_text(struct fixture *f)
{
  const char *all = "";
  for (size_t i = 0; i < f->report.findings.len; i++) {
    const struct lint_finding *finding = &f->report.findings.at[i];
    all = arena_printf(arena, "%s%s%s%s:%c@%d%s", all, *all ? " " : "",
                       finding->suppressed ? "(" : "", finding->rule->id,
                       lint_severity_name(finding->severity)[0], finding->start.line,
                       finding->suppressed ? ")" : "");
  }
  return all;
}

static const char *lint_one(struct fixture *f, const char *sql)
{
  lint_files(f, &sql, 1);
  return lint_text(f);
}

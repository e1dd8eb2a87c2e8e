/* Parser, digest, effects, rules and suppression over any file, under every tool. */
#include "fuzz.h"
#include "lint/lint.h"

static const char *const tools[] = {NULL,     "prisma", "golang-migrate", "dbmate",
                                    "flyway", "psql",   "psql-1",         "goose"};

static void check_report(const struct lint_report *report, size_t len)
{
  for (size_t i = 0; i < report->findings.len; i++) {
    const struct lint_finding *finding = &report->findings.at[i];
    FUZZ_ASSERT(finding->message && finding->rule && finding->severity != LINT_OFF);
    FUZZ_ASSERT(finding->start.offset <= finding->end.offset && finding->end.offset <= len);
  }
}

/* The first byte chooses the tool and the server. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *scripts[2];
  if (size == 0)
    return 0;
  const char *name = tools[data[0] % COUNT_OF(tools)];
  const struct lint_tool *tool = name ? lint_tool_find(name) : NULL;
  if (sql_script_read_psql(arena, "f.sql", (const char *)data + 1, size - 1, &scripts[0], &err) < 0)
    return 0;
  scripts[1] = lint_tool_part(arena, tool, scripts[0]);
  const struct lint_settings settings = {.fail_on = LINT_ERROR, .require_reason = true};
  const struct lint_input input = {.scripts = scripts,
                                   .count = 1,
                                   .back_count = scripts[1] ? 1 : 0,
                                   .tool = tool,
                                   .target_major = 13 + data[0] / 8 % 6};
  struct lint_report report;
  FUZZ_ASSERT(lint_scripts(arena, &settings, &input, &report, &err) == 0);
  check_report(&report, size - 1);
  return 0;
}

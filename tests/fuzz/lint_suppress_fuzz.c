/* The suppression reader: the bytes are comments around a statement with a finding. */
#include "fuzz.h"
#include "lint/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  struct sql_script *script;
  text_printf(&sql, "-- belay:ignore");
  text_append(&sql, (const char *)data, size);
  text_printf(&sql, "\nDROP TABLE t;\n/* belay:ignore-file ");
  text_append(&sql, (const char *)data, size);
  text_printf(&sql, "*/\n");
  if (sql_script_read(arena, "f.sql", sql.data, sql.len, &script, &err) < 0)
    return 0;
  const struct lint_settings settings = {.fail_on = LINT_ERROR, .require_reason = true};
  const struct lint_input input = {.scripts = &script, .count = 1};
  struct lint_report report;
  FUZZ_ASSERT(lint_scripts(arena, &settings, &input, &report, &err) == 0);
  for (size_t i = 0; i < report.findings.len; i++)
    FUZZ_ASSERT(report.findings.at[i].end.offset <= sql.len);
  return 0;
}

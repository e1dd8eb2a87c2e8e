#include "report/lint_common.h"

#include "base/json.h"
#include "lint/fix.h"

#define SARIF_SCHEMA                                                                               \
  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

static const char *level(enum lint_severity severity)
{
  static const char *const levels[] = {[LINT_OFF] = "none",
                                       [LINT_INFO] = "note",
                                       [LINT_WARNING] = "warning",
                                       [LINT_ERROR] = "error"};
  return levels[severity];
}

static void put_text(struct jw *w, const char *key, const char *text)
{
  jw_key(w, key);
  jw_object(w);
  jw_key_string(w, "text", text);
  jw_end(w);
}

/* A relative reference keeps its slashes; an absolute path becomes a file URI. */
static void put_uri(struct jw *w, const char *path)
{
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  CLEANUP(text_clear) struct text uri = TEXT_INIT;
  if (path[0] == '/')
    text_puts(&uri, "file://");
  for (; *path; path++)
    if (strchr(plain, *path))
      text_putc(&uri, *path);
    else
      text_printf(&uri, "%%%02X", (unsigned)(unsigned char)*path);
  jw_key_string(w, "uri", uri.data);
}

static void put_artifact(struct jw *w, const char *file)
{
  const char *path = report_lint_path(file);
  jw_key(w, "artifactLocation");
  jw_object(w);
  put_uri(w, path);
  if (path[0] != '/')
    jw_key_string(w, "uriBaseId", "%SRCROOT%");
  jw_end(w);
}

static void put_region(struct jw *w, const struct sql_script *script, const struct lint_finding *f)
{
  size_t len;
  const char *source = report_lint_source(script, f, &len);
  jw_key(w, "region");
  jw_object(w);
  jw_key_int(w, "startLine", f->start.line);
  jw_key_int(w, "startColumn", report_lint_column(script, f->start));
  jw_key_int(w, "endLine", f->end.line);
  jw_key_int(w, "endColumn", report_lint_column(script, f->end));
  jw_key_int(w, "byteOffset", (int64_t)f->start.offset);
  jw_key_int(w, "byteLength", (int64_t)(f->end.offset - f->start.offset));
  if (len > 0) {
    jw_key(w, "snippet");
    jw_object(w);
    jw_key(w, "text");
    jw_string_len(w, source, len);
    jw_end(w);
  }
  jw_end(w);
}

static void put_rule(struct jw *w, const struct lint_rule *rule)
{
  CLEANUP(free_ptr) char *help = x_printf("%s %s", rule->hazard, rule->safe);
  const char *page = lint_rule_page(rule->id);
  jw_object(w);
  jw_key_string(w, "id", rule->id);
  put_text(w, "shortDescription", rule->summary);
  put_text(w, "fullDescription", rule->hazard);
  jw_key(w, "help");
  jw_object(w);
  jw_key_string(w, "text", help);
  if (page)
    jw_key_string(w, "markdown", page);
  jw_end(w);
  jw_key(w, "defaultConfiguration");
  jw_object(w);
  jw_key_bool(w, "enabled", rule->severity != LINT_OFF);
  jw_key_string(w, "level", level(rule->severity));
  jw_end(w);
  jw_key(w, "properties");
  jw_object(w);
  jw_key(w, "tags");
  jw_array(w);
  jw_string(w, "postgresql");
  jw_string(w, "migration");
  jw_end(w);
  jw_end(w);
  jw_end(w);
}

static bool is_used(const struct lint_report *report, const struct lint_rule *rule)
{
  for (size_t i = 0; i < report->findings.len; i++)
    if (report->findings.at[i].rule == rule)
      return true;
  return false;
}

/* Only the rules that found something: their pages are long. */
static void put_rules(struct jw *w, const struct lint_report *report)
{
  jw_key(w, "rules");
  jw_array(w);
  for (const struct lint_rule *r = lint_rule_next(NULL); r; r = lint_rule_next(r))
    if (is_used(report, r))
      put_rule(w, r);
  jw_end(w);
}

static void put_suppressions(struct jw *w, const struct lint_finding *f)
{
  jw_key(w, "suppressions");
  jw_array(w);
  if (f->suppressed) {
    jw_object(w);
    jw_key_string(w, "kind", "inSource");
    if (f->reason)
      jw_key_string(w, "justification", f->reason);
    jw_end(w);
  }
  jw_end(w);
}

static void put_message(struct jw *w, const struct lint_finding *f)
{
  CLEANUP(free_ptr)
  char *text = f->detail ? x_printf("%s (%s)", f->message, f->detail) : x_printf("%s", f->message);
  put_text(w, "message", text);
}

/* ---- fixes ---- */

/* What is put in before the first statement of the file, or in the statement itself. NULL: there is
 * no such fix. */
static const struct lint_fix *find_fix(const struct report_lint *input,
                                       const struct lint_finding *f)
{
  const struct lint_fixes *all = &input->report->fixes;
  for (size_t i = 0; i < all->len && f->fix && !f->suppressed; i++) {
    const struct lint_fix *fix = &all->at[i];
    bool same = fix->rule == f->rule && fix->script == f->script &&
                fix->statement == f->statement && fix->offset == f->start.offset;
    bool apart = fix->before || fix->behind || fix->later || fix->apart.len > 0 || fix->fresh;
    const struct sql_script *script = report_lint_script(input, f);
    if (same && !apart && script && !(fix->alone && script->statements.len > 1))
      return fix;
  }
  return NULL;
}

static struct sql_place place_at(const struct sql_script *script, size_t offset)
{
  struct sql_place place = {.line = 1, .column = 1};
  for (; place.offset < offset && place.offset < script->len; place.offset++) {
    place.column++;
    if (script->bytes[place.offset] == '\n') {
      place.line++;
      place.column = 1;
    }
  }
  return place;
}

static void put_replacement(struct jw *w, const struct sql_script *script, size_t offset,
                            size_t len, const char *text)
{
  struct sql_place start = place_at(script, offset), end = place_at(script, offset + len);
  jw_object(w);
  jw_key(w, "deletedRegion");
  jw_object(w);
  jw_key_int(w, "startLine", start.line);
  jw_key_int(w, "startColumn", report_lint_column(script, start));
  jw_key_int(w, "endLine", end.line);
  jw_key_int(w, "endColumn", report_lint_column(script, end));
  jw_key_int(w, "byteOffset", (int64_t)offset);
  jw_key_int(w, "byteLength", (int64_t)len);
  jw_end(w);
  put_text(w, "insertedContent", text);
  jw_end(w);
}

/* Only what differs; not from the middle of a character on. */
static void put_difference(struct jw *w, const struct sql_script *script, const char *text)
{
  size_t len = strlen(text), start = 0, end = 0;
  while (start < len && start < script->len && text[start] == script->bytes[start])
    start++;
  while (start > 0 && start < script->len && ((unsigned char)script->bytes[start] & 0xC0) == 0x80)
    start--;
  while (end < len - start && end < script->len - start &&
         text[len - end - 1] == script->bytes[script->len - end - 1])
    end++;
  while (end > 0 && ((unsigned char)text[len - end] & 0xC0) == 0x80)
    end--;
  CLEANUP(free_ptr) char *changed = x_printf("%.*s", (int)(len - start - end), text + start);
  put_replacement(w, script, start, script->len - start - end, changed);
}

/* A file that is not there yet: its content is put in where it begins. */
static void put_new_file(struct jw *w, const struct report_lint_file *file)
{
  const struct sql_script empty = {.bytes = ""};
  jw_object(w);
  put_artifact(w, file->path);
  jw_key(w, "replacements");
  jw_array(w);
  put_replacement(w, &empty, 0, 0, file->text);
  jw_end(w);
  jw_end(w);
}

static void begin_changes(struct jw *w, const struct lint_finding *f)
{
  jw_key(w, "fixes");
  jw_array(w);
  jw_object(w);
  put_text(w, "description", f->fix);
  jw_key(w, "artifactChanges");
  jw_array(w);
}

static void put_files(struct jw *w, const struct report_lint *input, const struct lint_finding *f)
{
  const struct sql_script *script = report_lint_script(input, f);
  for (size_t i = 0; i < input->fixes.len; i++) {
    const struct report_lint_fix *fix = &input->fixes.at[i];
    if (&input->report->findings.at[fix->finding] != f || !script)
      continue;
    begin_changes(w, f);
    jw_object(w);
    put_artifact(w, f->file);
    jw_key(w, "replacements");
    jw_array(w);
    put_difference(w, script, fix->files.at[0].text);
    jw_end(w);
    jw_end(w);
    for (size_t k = 1; k < fix->files.len; k++)
      put_new_file(w, &fix->files.at[k]);
    for (int k = 0; k < 3; k++)
      jw_end(w);
    return;
  }
}

static void put_fix(struct jw *w, const struct report_lint *input, const struct lint_finding *f)
{
  const struct lint_fix *fix = find_fix(input, f);
  const struct sql_script *script = report_lint_script(input, f);
  if (!fix) {
    put_files(w, input, f);
    return;
  }
  begin_changes(w, f);
  jw_object(w);
  put_artifact(w, f->file);
  jw_key(w, "replacements");
  jw_array(w);
  if (fix->first)
    put_replacement(w, script, script->statements.at[0].start.offset, 0, fix->first);
  for (size_t i = 0; i < fix->edits.len; i++)
    put_replacement(w, script,
                    script->statements.at[fix->statement].start.offset + fix->edits.at[i].offset,
                    fix->edits.at[i].len, fix->edits.at[i].text);
  for (int i = 0; i < 5; i++)
    jw_end(w);
}

static void put_result(struct jw *w, const struct report_lint *input, size_t index)
{
  const struct lint_finding *f = &input->report->findings.at[index];
  char fingerprint[STORE_SHA256_HEX];
  report_lint_fingerprint(input, index, fingerprint);
  jw_object(w);
  jw_key_string(w, "ruleId", f->rule->id);
  jw_key_string(w, "level", level(f->severity));
  put_message(w, f);
  jw_key(w, "locations");
  jw_array(w);
  jw_object(w);
  jw_key(w, "physicalLocation");
  jw_object(w);
  put_artifact(w, f->file);
  put_region(w, report_lint_script(input, f), f);
  jw_end(w);
  jw_end(w);
  jw_end(w);
  jw_key(w, "partialFingerprints");
  jw_object(w);
  jw_key_string(w, "belayFinding/v1", fingerprint);
  jw_end(w);
  put_fix(w, input, f);
  put_suppressions(w, f);
  jw_key(w, "properties");
  jw_object(w);
  jw_key_string(w, "depth", lint_depth_name(f->depth));
  jw_key_string(w, "relation", f->relation);
  jw_key_string(w, "lock", f->rule->lock);
  jw_key_string(w, "safe", f->rule->safe);
  jw_key_string(w, "fix", f->fix);
  jw_key_string(w, "noFix", f->no_fix);
  jw_end(w);
  jw_end(w);
}

static void put_driver(struct jw *w, const struct lint_report *report)
{
  jw_key(w, "tool");
  jw_object(w);
  jw_key(w, "driver");
  jw_object(w);
  jw_key_string(w, "name", "belay");
  jw_key_string(w, "semanticVersion", BELAY_VERSION);
  put_rules(w, report);
  jw_end(w);
  jw_end(w);
}

void report_lint_sarif(struct text *out, const struct report_lint *input)
{
  const struct lint_report *report = input->report;
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_string(&w, "$schema", SARIF_SCHEMA);
  jw_key_string(&w, "version", "2.1.0");
  jw_key(&w, "runs");
  jw_array(&w);
  jw_object(&w);
  put_driver(&w, report);
  jw_key_string(&w, "columnKind", "unicodeCodePoints");
  jw_key(&w, "results");
  jw_array(&w);
  for (size_t i = 0; i < report->findings.len; i++)
    put_result(&w, input, i);
  jw_end(&w);
  jw_key(&w, "properties");
  jw_object(&w);
  jw_key_int(&w, "files", report->files);
  jw_key_int(&w, "statements", report->statements);
  jw_key_int(&w, "notAnalysed", report->not_analysed);
  jw_end(&w);
  jw_end(&w);
  jw_end(&w);
  jw_end(&w);
  text_putc(out, '\n');
}

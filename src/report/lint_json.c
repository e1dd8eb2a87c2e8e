#include "report/lint.h"

#include "base/json.h"
#include "lint/effects.h"

static void put_finding(struct jw *w, const struct lint_finding *f)
{
  jw_object(w);
  jw_key_string(w, "file", f->file);
  jw_key_int(w, "line", f->start.line);
  jw_key_int(w, "column", f->start.column);
  jw_key_int(w, "end_line", f->end.line);
  jw_key_int(w, "end_column", f->end.column);
  jw_key_int(w, "offset", (int64_t)f->start.offset);
  jw_key_string(w, "rule", f->rule->id);
  jw_key_string(w, "severity", lint_severity_name(f->severity));
  jw_key_string(w, "depth", lint_depth_name(f->depth));
  jw_key_string(w, "message", f->message);
  jw_key_string(w, "detail", f->detail);
  jw_key_string(w, "hazard", f->rule->hazard);
  jw_key_string(w, "lock", f->rule->lock);
  jw_key_string(w, "safe", f->rule->safe);
  jw_key_string(w, "relation", f->relation);
  jw_key_bool(w, "suppressed", f->suppressed);
  jw_key_string(w, "reason", f->reason);
  jw_key_string(w, "fix", f->fix);
  jw_key_string(w, "no_fix", f->no_fix);
  jw_end(w);
}

static void put_strings(struct jw *w, const char *key, const struct strings *strings)
{
  jw_key(w, key);
  jw_array(w);
  for (size_t i = 0; i < strings->len; i++)
    jw_string(w, strings->at[i]);
  jw_end(w);
}

static void put_effects(struct jw *w, const struct lint_statement *s)
{
  const struct lint_effects *e = s->effects;
  jw_object(w);
  jw_key_string(w, "source", lint_depth_name(e->source));
  jw_key(w, "locks");
  jw_array(w);
  for (size_t i = 0; i < s->locks.len; i++) {
    jw_object(w);
    jw_key_string(w, "relation", s->locks.at[i]);
    jw_key_string(w, "mode", lint_lock_name(e->locks.at[i].mode));
    jw_end(w);
  }
  jw_end(w);
  put_strings(w, "rewrites", &s->rewrites);
  put_strings(w, "scans", &s->scans);
  put_strings(w, "drops", &e->drops);
  jw_key_string(w, "fails", e->fails);
  jw_key_string(w, "unknown", e->unknown);
  jw_end(w);
}

static void put_statement(struct jw *w, const struct lint_statement *s)
{
  jw_object(w);
  jw_key_string(w, "file", s->file);
  jw_key_int(w, "line", s->start.line);
  jw_key_int(w, "column", s->start.column);
  jw_key_int(w, "end_line", s->end.line);
  jw_key_int(w, "end_column", s->end.column);
  jw_key_int(w, "offset", (int64_t)s->start.offset);
  jw_key_int(w, "end_offset", (int64_t)s->end.offset);
  jw_key_string(w, "kind", s->kind);
  jw_key(w, "effects");
  put_effects(w, s);
  jw_end(w);
}

void report_lint_json(struct text *out, const struct report_lint *input)
{
  const struct lint_report *r = input->report;
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key(&w, "findings");
  jw_array(&w);
  for (size_t i = 0; i < r->findings.len; i++)
    put_finding(&w, &r->findings.at[i]);
  jw_end(&w);
  jw_key(&w, "statements");
  jw_array(&w);
  for (size_t i = 0; i < r->listed.len; i++)
    put_statement(&w, &r->listed.at[i]);
  jw_end(&w);
  jw_key(&w, "summary");
  jw_object(&w);
  jw_key_int(&w, "files", r->files);
  jw_key_int(&w, "statements", r->statements);
  jw_key_int(&w, "not_analysed", r->not_analysed);
  jw_key_int(&w, "errors", r->errors);
  jw_key_int(&w, "warnings", r->warnings);
  jw_key_int(&w, "infos", r->infos);
  jw_key_int(&w, "suppressed", r->suppressed);
  jw_end(&w);
  jw_end(&w);
  text_putc(out, '\n');
}

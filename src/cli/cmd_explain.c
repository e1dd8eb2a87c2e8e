#include "base/json.h"
#include "cli/cli.h"
#include "lint/lint.h"

static void rule_json(struct jw *w, const struct lint_rule *rule)
{
  jw_key_string(w, "id", rule->id);
  jw_key_string(w, "severity", lint_severity_name(rule->severity));
  jw_key_string(w, "summary", rule->summary);
}

static void list_rules(bool json)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (const struct lint_rule *r = lint_rule_next(NULL); !json && r; r = lint_rule_next(r))
    text_printf(&out, "%-36s %-8s %s\n", r->id, lint_severity_name(r->severity), r->summary);
  if (json) {
    struct jw w = jw_begin(&out);
    jw_object(&w);
    jw_key_int(&w, "schema", 1);
    jw_key(&w, "rules");
    jw_array(&w);
    for (const struct lint_rule *r = lint_rule_next(NULL); r; r = lint_rule_next(r)) {
      jw_object(&w);
      rule_json(&w, r);
      jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    text_putc(&out, '\n');
  }
  cli_print(&out);
}

static void show_page(const char *id, const char *page, bool json)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  const struct lint_rule *rule = lint_rule_find(id);
  if (json) {
    struct jw w = jw_begin(&out);
    jw_object(&w);
    jw_key_int(&w, "schema", 1);
    if (rule)
      rule_json(&w, rule);
    jw_key_string(&w, "page", page);
    jw_end(&w);
    text_putc(&out, '\n');
  } else {
    text_puts(&out, page);
  }
  cli_print(&out);
}

int cmd_explain(struct cli *cli, struct err *err)
{
  if (cli->arg_count == 0) {
    list_rules(cli->options.json);
    return 0;
  }
  const char *page = lint_rule_page(cli->args[0]);
  if (page) {
    show_page(cli->args[0], page, cli->options.json);
    return 0;
  }
  const char *near = lint_rule_suggest(cli->args[0]);
  err_set(err, ERR_USAGE, "there is no rule \"%s\"", cli->args[0]);
  if (near)
    return err_hint(err, "Did you mean: belay explain %s", near);
  return err_hint(err, "List them with: belay explain");
}

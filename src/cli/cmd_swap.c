/* restore --swap: announces, asks for the name, and tells the way back. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "run/swap.h"

enum { TABLES_SHOWN = 20, SESSIONS_SHOWN = 10 };

static void lines(struct text *out, const char *heading, const struct strings *list, size_t max)
{
  for (size_t i = 0; i < list->len && i < max; i++)
    text_printf(out, "  %-11s %s\n", i ? "" : heading, list->at[i]);
  if (list->len > max)
    text_printf(out, "  %-11s and %zu more\n", "", list->len - max);
}

static void lost(struct arena *arena, const struct counters_change *c, struct text *out)
{
  struct strings list = {0};
  for (size_t i = 0; c->known && i < c->tables.len; i++) {
    const struct counters_table *t = &c->tables.at[i];
    vec_push(arena, &list,
             arena_printf(arena,
                          "%s: %" PRId64 " rows inserted, %" PRId64 " updated, %" PRId64
                          " deleted since the backup",
                          t->identity, t->inserted, t->updated, t->deleted));
  }
  if (c->known && c->tables.len == 0)
    vec_push(arena, &list, "no rows were written since the backup, as far as the server counts");
  if (!c->known)
    vec_push(arena, &list,
             arena_printf(arena, "all that was written since the backup; how much is not known: %s",
                          c->why));
  if (c->wal_bytes >= 0)
    vec_push(arena, &list,
             arena_printf(arena, "(%" PRId64 " KiB of WAL since, of the whole server)",
                          c->wal_bytes >> 10));
  lines(out, "lost", &list, TABLES_SHOWN);
}

static void plan_text(struct cli *cli, const struct run_env *env, const struct swap_plan *plan,
                      struct text *out)
{
  struct strings kept = {0};
  text_printf(out, "%s\n", plan->summary);
  lost(cli->arena, &plan->written, out);
  lines(out, "undone", &plan->runs, TABLES_SHOWN);
  if (plan->sessions.len)
    text_printf(out, "  %-11s %zu session%s:\n", "cut off", plan->sessions.len,
                plan->sessions.len == 1 ? "" : "s");
  lines(out, "", &plan->sessions, SESSIONS_SHOWN);
  vec_push(cli->arena, &kept,
           arena_printf(cli->arena,
                        "the present database, %" PRId64
                        " MiB, is renamed to %s_before_restore_... and accepts no connections",
                        plan->bytes >> 20, env->target.database));
  lines(out, "kept", &kept, 1);
  lines(out, "note", &plan->notes, TABLES_SHOWN);
}

static void strings_json(struct jw *w, const char *key, const struct strings *list)
{
  jw_key(w, key);
  jw_array(w);
  for (size_t i = 0; i < list->len; i++)
    jw_string(w, list->at[i]);
  jw_end(w);
}

static void plan_json(const struct backup_info *backup, const struct run_env *env,
                      const struct swap_plan *plan, struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "backup", backup->id);
  jw_key_string(&w, "database", env->target.database);
  jw_key_bool(&w, "written_known", plan->written.known);
  jw_key(&w, "written");
  jw_array(&w);
  for (size_t i = 0; plan->written.known && i < plan->written.tables.len; i++) {
    const struct counters_table *t = &plan->written.tables.at[i];
    jw_object(&w);
    jw_key_string(&w, "table", t->identity);
    jw_key_int(&w, "inserted", t->inserted);
    jw_key_int(&w, "updated", t->updated);
    jw_key_int(&w, "deleted", t->deleted);
    jw_end(&w);
  }
  jw_end(&w);
  jw_key_int(&w, "wal_bytes", plan->written.wal_bytes);
  strings_json(&w, "runs", &plan->runs);
  strings_json(&w, "sessions", &plan->sessions);
  strings_json(&w, "notes", &plan->notes);
  jw_end(&w);
  text_putc(out, '\n');
}

static void done_json(const struct swap_report *report, struct text *out)
{
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "backup", report->swap.backup_id);
  jw_key_string(&w, "database", report->swap.database);
  jw_key_string(&w, "kept_as", report->swap.kept_as);
  jw_key_int(&w, "tables", report->tables);
  jw_key_count(&w, "rows", report->rows);
  jw_key_string(&w, "way_back", report->way_back);
  jw_key_int(&w, "duration_ms", report->duration_ms);
  jw_end(&w);
  text_putc(out, '\n');
}

static int refuse_unconfirmed(const struct cli *cli, const struct run_env *env, struct err *err)
{
  const char *name = env->target.database;
  if (cli->options.confirm)
    err_set(err, ERR_USAGE, "--confirm \"%s\" is not the name of the database, which is \"%s\"",
            cli->options.confirm, name);
  else
    err_set(err, ERR_USAGE, "nothing was done: --swap takes the place of database %s", name);
  return err_hint(err, "If that is meant, type the command again with: --confirm '%s'", name);
}

int cli_swap(struct cli *cli, const struct run_env *env, const struct backup_info *backup,
             struct err *err)
{
  struct swap_plan plan;
  struct swap_report report;
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  const struct swap_options options = {.no_owner = cli->options.no_owner};
  bool confirmed = cli->options.confirm && strcmp(cli->options.confirm, env->target.database) == 0;
  bool only_shown = cli->options.dry_run || !confirmed;
  if (run_swap_plan(env, backup, options.no_owner, &plan, err) < 0)
    return -1;
  if (only_shown && cli->options.json)
    plan_json(backup, env, &plan, &out);
  else
    plan_text(cli, env, &plan, &out);
  if (only_shown) {
    cli_print(&out);
    return cli->options.dry_run ? 0 : refuse_unconfirmed(cli, env, err);
  }
  fputs(out.data, stderr);
  text_reset(&out);
  if (run_swap(env, backup, &options, &report, err) < 0)
    return -1;
  if (cli->options.json)
    done_json(&report, &out);
  else
    text_printf(
        &out,
        "database %s is backup %s now: %s, in %s\nthe one before is kept as %s\nto go back, in "
        "psql -d postgres:\n%s",
        report.swap.database, backup->id, backup_amount(cli->arena, report.tables, report.rows),
        clock_duration(cli->arena, report.duration_ms), report.swap.kept_as, report.way_back);
  cli_print(&out);
  return 0;
}

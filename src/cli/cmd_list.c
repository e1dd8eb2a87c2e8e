#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "report/run.h"

static int list_backups(struct cli *cli, const struct run_env *env, struct text *out,
                        struct err *err)
{
  struct backup_infos backups = {0};
  if (backup_list(cli->arena, env->place, env->database_prefix, &backups, err) < 0)
    return -1;
  backup_look_at_templates(cli->arena, env->place, &env->target, &backups);
  for (size_t i = 0; i < backups.len; i++)
    if (backups.at[i].damaged)
      log_warning("backup %s %s: %s", backups.at[i].id,
                  backups.at[i].unread ? "cannot be read" : "is damaged", backups.at[i].damage);
  if (!cli->options.json) {
    report_backups_text(cli->arena, &backups, out);
    return 0;
  }
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key(&w, "backups");
  jw_array(&w);
  for (size_t i = 0; i < backups.len; i++)
    report_backup_json(&w, &backups.at[i]);
  jw_end(&w);
  jw_end(&w);
  text_putc(out, '\n');
  return 0;
}

static int list_runs(struct cli *cli, const struct run_env *env, struct text *out, struct err *err)
{
  struct records records = {0};
  struct strings damaged = {0};
  if (record_list(cli->arena, env->place, env->database_prefix, &records, &damaged, err) < 0)
    return -1;
  for (size_t i = 0; i < damaged.len; i++)
    log_warning("%s", damaged.at[i]);
  if (!cli->options.json) {
    report_records_text(&records, out);
    return 0;
  }
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key(&w, "runs");
  jw_array(&w);
  for (size_t i = 0; i < records.len; i++)
    report_record_json(&w, &records.at[i]);
  jw_end(&w);
  jw_end(&w);
  text_putc(out, '\n');
  return 0;
}

int cmd_list(struct cli *cli, struct err *err)
{
  struct run_env env;
  const char *what = cli->arg_count ? cli->args[0] : "backups";
  bool runs = strcmp(what, "runs") == 0;
  if (!runs && strcmp(what, "backups") != 0)
    return err_set(err, ERR_USAGE, "belay list shows backups or runs, not \"%s\"", what);
  if (cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  int rc = runs ? list_runs(cli, &env, &out, err) : list_backups(cli, &env, &out, err);
  cli_print(&out);
  run_env_close(&env);
  return rc;
}

static void show_scope(const struct backup_info *info, struct text *out)
{
  const struct {
    const char *title;
    const struct strings *list;
  } lists[] = {
      {"left out", &info->left_out}, {"not valid", &info->not_valid}, {"note", &info->widened}};
  if (info->scope)
    text_printf(out, "  scope        %s: the rows of %zu table%s are not in it\n", info->scope,
                info->left_out.len, info->left_out.len == 1 ? "" : "s");
  for (size_t i = 0; i < COUNT_OF(lists); i++)
    for (size_t k = 0; k < lists[i].list->len; k++)
      text_printf(out, "  %-12s %s\n", lists[i].title, lists[i].list->at[k]);
}

static void show_backup(struct cli *cli, const struct backup_info *info, struct text *out)
{
  if (cli->options.json) {
    struct jw w = jw_begin(out);
    report_backup_json(&w, info);
    text_putc(out, '\n');
    return;
  }
  text_printf(out,
              "backup %s of %s\n  taken        %s\n  server       %s\n  tables       %" PRId64
              "\n  rows         %s\n  size         %" PRIu64 " bytes (%" PRIu64
              " raw)\n  schema       %s\n",
              info->id, info->database, info->created_at, info->server_version, info->tables,
              info->rows < 0 ? "not counted" : arena_printf(cli->arena, "%" PRId64, info->rows),
              info->bytes, info->raw_bytes, info->fingerprint);
  if (info->template)
    text_printf(out, "  kind         template: database %s on the same server\n", info->template);
  if (info->sealed)
    text_printf(out, "  encrypted    for %s\n", info->recipients);
  if (info->run_id)
    text_printf(out, "  run          %s\n", info->run_id);
  if (info->reason)
    text_printf(out, "  reason       %s\n", info->reason);
  show_scope(info, out);
  text_printf(out, "restore it with: belay restore %s --into NEWDB\n", info->id);
}

static int show(struct cli *cli, const struct run_env *env, struct text *out, struct err *err)
{
  CLEANUP(err_clear) struct err no_run = ERR_INIT;
  struct record record;
  struct backup_info info;
  if (record_find(cli->arena, env->place, env->database_prefix, cli->args[0], NULL, &record,
                  &no_run) == 0) {
    if (!cli->options.json) {
      report_record_text(&record, out);
      return 0;
    }
    struct jw w = jw_begin(out);
    report_record_json(&w, &record);
    text_putc(out, '\n');
    return 0;
  }
  if (backup_find(cli->arena, env->place, env->database_prefix, cli->args[0], INT64_MAX, &info,
                  err) == 0) {
    CLEANUP(archive_closep) struct archive *archive = NULL;
    if (info.locked && archive_open(cli->arena, env->place, info.prefix, &archive, err) < 0)
      return -1; /* says for whom it is encrypted */
    show_backup(cli, &info, out);
    return 0;
  }
  if (err->code != ERR_USAGE)
    return -1;
  err_wrap(err, "%s is neither a run nor a backup", cli->args[0]);
  return err_hint(err, "See: belay list runs, belay list backups");
}

int cmd_show(struct cli *cli, struct err *err)
{
  struct run_env env;
  if (cli_env(cli, RUN_ENV_TARGET | RUN_ENV_STORE, &env, err) < 0)
    return -1;
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  int rc = show(cli, &env, &out, err);
  cli_print(&out);
  run_env_close(&env);
  return rc;
}

/* The part of a backup that its options ask for, and what is said of a backup that is not whole. */
#include "base/log.h"
#include "cli/cli.h"
#include "run/scope.h"

static int scope_of_pending(struct cli *cli, const struct run_env *env,
                            const struct backup_scope **ret, struct err *err)
{
  struct run_scope *scope = ARENA_NEW(cli->arena, struct run_scope);
  if (run_scope_of_pending(env, scope, err) < 0)
    return -1;
  if (scope->whole)
    log_warning("the backup holds everything, not only what is pending: %s", scope->why);
  *ret = scope->whole ? NULL : &scope->scope;
  return 0;
}

int cli_backup_scope(struct cli *cli, const struct run_env *env, const struct backup_scope **ret,
                     struct err *err)
{
  const char *scope = cli->options.scope;
  bool pending = scope && strcmp(scope, "pending") == 0;
  *ret = NULL;
  if (scope && !pending && strcmp(scope, "full") != 0)
    return err_set(err, ERR_USAGE, "--scope is full or pending, not \"%s\"", scope);
  if (scope && cli->options.tables.len)
    return err_set(err, ERR_USAGE, "--scope and --table exclude each other");
  if (pending)
    return scope_of_pending(cli, env, ret, err);
  if (cli->options.tables.len == 0)
    return 0;
  struct backup_scope *tables = ARENA_NEW(cli->arena, struct backup_scope);
  tables->kind = "tables";
  tables->patterns = cli->options.tables;
  *ret = tables;
  return 0;
}

static void warn_list(const struct strings *list, const char *what)
{
  enum { NAMED_MAX = 20 };
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  for (size_t i = 0; i < list->len && i < NAMED_MAX; i++)
    text_printf(&names, "%s%s", i ? ", " : "", list->at[i]);
  if (list->len > NAMED_MAX)
    text_printf(&names, " and %zu more", list->len - NAMED_MAX);
  if (list->len)
    log_warning("%s: %s", what, names.data);
}

void cli_warn_scoped(const struct backup_info *info)
{
  if (!info->scope)
    return;
  for (size_t i = 0; i < info->widened.len; i++)
    log_info("%s", info->widened.at[i]);
  warn_list(&info->left_out, "this backup is scoped; the rows of these tables are not in it");
  warn_list(&info->not_valid, "foreign keys that refer to such tables are NOT VALID in it");
}

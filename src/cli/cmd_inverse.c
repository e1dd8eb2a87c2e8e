#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "run/proof.h"

static int open_proof(struct cli *cli, const struct run_env *env, struct proof **ret,
                      struct err *err)
{
  struct proof_request request = {
      .target = &env->target,
      .application_name = "belay inverse",
      .catalog_options = run_catalog_options(env),
      .shadow_url = env->shadow_url,
      .shadow_on_target = env->policy.inverse.shadow_on_target,
  };
  return proof_open(cli->arena, &request, ret, err);
}

/* What the command says on stdout, and the worst verdict of the files so far. */
struct answer {
  struct text out;
  struct jw w; /* --json */
  enum inverse_verdict worst;
};

static void add_json(struct jw *w, const char *file, const struct inverse *inverse,
                     const char *script)
{
  jw_object(w);
  jw_key_string(w, "file", file);
  jw_key_string(w, "verdict", inverse_verdict_name(inverse->verdict));
  jw_key(w, "refusals");
  jw_array(w);
  for (size_t i = 0; i < inverse->refusals.len; i++)
    jw_string(w, inverse->refusals.at[i]);
  jw_end(w);
  jw_key_string(w, "script", script);
  jw_end(w);
}

static int one_file(struct cli *cli, struct proof *proof, const char *path, struct answer *answer,
                    struct err *err)
{
  char *bytes;
  size_t len;
  struct sql_script *script;
  struct inverse *inverse;
  const char *file = fs_is_dir(path) ? fs_join(cli->arena, path, "migration.sql") : path;
  if (fs_read(cli->arena, file, &bytes, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  if (sql_script_read(cli->arena, file, bytes, len, &script, err) < 0 ||
      proof_script(proof, script, &inverse, err) < 0)
    return -1;
  if (inverse->verdict > answer->worst)
    answer->worst = inverse->verdict;
  for (size_t i = 0; i < inverse->refusals.len; i++)
    log_warning("%s: %s", file, inverse->refusals.at[i]);
  log_info("%s: %s", file, inverse_verdict_name(inverse->verdict));
  const char *text = inverse_script_text(cli->arena, inverse);
  if (cli->options.json)
    add_json(&answer->w, file, inverse, text);
  else
    text_puts(&answer->out, text);
  return 0;
}

static int all_files(struct cli *cli, struct proof *proof, struct answer *answer, struct err *err)
{
  int rc = 0;
  answer->w = jw_begin(&answer->out);
  if (cli->options.json) {
    jw_object(&answer->w);
    jw_key_int(&answer->w, "schema", 1);
    jw_key(&answer->w, "files");
    jw_array(&answer->w);
  }
  for (size_t i = 0; rc == 0 && i < cli->arg_count; i++)
    rc = one_file(cli, proof, cli->args[i], answer, err);
  if (cli->options.json) {
    jw_end(&answer->w);
    jw_end(&answer->w);
    text_putc(&answer->out, '\n');
  }
  cli_print(&answer->out);
  return rc;
}

int cmd_inverse(struct cli *cli, struct err *err)
{
  struct run_env env;
  struct proof *proof = NULL;
  struct answer answer = {.out = TEXT_INIT, .worst = INVERSE_EXACT};
  if (cli_env(cli, RUN_ENV_TARGET, &env, err) < 0)
    return -1;
  int rc = open_proof(cli, &env, &proof, err);
  if (rc == 0)
    rc = all_files(cli, proof, &answer, err);
  text_clear(&answer.out);
  proof_closep(&proof);
  run_env_close(&env);
  if (rc == 0 && answer.worst == INVERSE_NONE) {
    err_set(err, ERR_REFUSED, "not everything can be undone");
    rc = err_hint(err, "The script above holds what could be made; the reasons are in its header.");
  }
  return rc;
}

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "run/proof.h"

static int open_proof(struct cli *cli, const struct run_env *env, struct proof **ret,
                      struct err *err)
{
  struct proof_request request = {
      .target = cli->options.dir ? NULL : &env->target,
      .application_name = "belay inverse",
      .catalog_options = run_catalog_options(env),
      .shadow_url = env->shadow_url,
      .exact_order = env->policy.inverse.exact_order,
      .rows = {.rows = env->policy.inverse.shadow_rows,
               .per_table = env->policy.inverse.shadow_rows_per_table},
      .shadow_on_target = !cli->options.dir && env->policy.inverse.shadow_on_target,
  };
  if (cli_target_major(cli, &request.server_major, err) < 0)
    return -1;
  return proof_open(cli->arena, &request, ret, err);
}

/* ---- --dir: the state before, without a database ---- */

struct history {
  struct migrations migrations; /* in order; empty without --dir */
  size_t next;                  /* the first one that the shadow has not seen */
};

static int check_options(const struct cli *cli, struct err *err)
{
  if (cli->options.dir && cli->options.database) {
    err_set(err, ERR_USAGE, "the state before comes from --database or from --dir, not from both");
    return err_hint(err, "Leave --dir out: the database has its migrations already.");
  }
  if (!cli->options.dir && cli->options.target)
    return err_set(err, ERR_USAGE, "--target goes with --dir: a database has its own version");
  return 0;
}

static int read_history(struct cli *cli, const struct run_env *env, struct history *ret,
                        struct err *err)
{
  if (!cli->options.dir)
    return 0;
  if (!env->format)
    return err_set(err, ERR_USAGE, "%s: no migrations directory of a known format",
                   cli->options.dir);
  return env->format->read_dir(cli->arena, env->migrations_dir, &ret->migrations, err);
}

/* Where the file stands in the directory; behind all if it is not there. */
static size_t place_in(struct cli *cli, const struct history *h, const char *file)
{
  const char *clean = fs_clean(cli->arena, file);
  size_t i = 0;
  while (i < h->migrations.len &&
         strcmp(fs_clean(cli->arena, h->migrations.at[i].path), clean) != 0)
    i++;
  return i;
}

static int replay_one(struct cli *cli, struct proof *proof, const struct migration *m,
                      struct err *err)
{
  struct sql_script *script;
  struct strings outside = {0};
  if (sql_script_read(cli->arena, m->path, m->bytes, m->len, &script, err) < 0 ||
      proof_replay(proof, script, &outside, err) < 0)
    return err_wrap(err, "running the migrations before it on an empty database");
  for (size_t i = 0; i < outside.len; i++)
    log_warning("not run on the shadow: %s", outside.at[i]);
  return 0;
}

static int replay_until(struct cli *cli, struct proof *proof, struct history *h, const char *file,
                        struct err *err)
{
  size_t place = strcmp(file, "-") == 0 ? h->migrations.len : place_in(cli, h, file);
  if (place < h->next)
    return err_set(err, ERR_USAGE, "%s comes before a file that was named before it", file);
  size_t count = place - h->next;
  for (; h->next < place; h->next++)
    if (replay_one(cli, proof, &h->migrations.at[h->next], err) < 0)
      return -1;
  if (count > 0)
    log_info("%zu migrations before %s were run on %s", count, file, proof_where(proof));
  h->next = place < h->migrations.len ? place + 1 : place;
  return 0;
}

/* ---- the files ---- */

/* What the command says on stdout, and the worst verdict of the files so far. */
struct answer {
  struct text out;
  struct jw w; /* --json */
  enum inverse_verdict worst;
  bool rows_fail; /* a rollback that was tried with rows did not bring them back */
};

static void add_json(struct arena *arena, struct jw *w, const char *file,
                     const struct inverse *inverse, const struct strings *costs, const char *script)
{
  jw_object(w);
  jw_key_string(w, "file", file);
  jw_key_string(w, "verdict", inverse_verdict_name(inverse->verdict));
  jw_key(w, "refusals");
  jw_array(w);
  for (size_t i = 0; i < inverse->refusals.len; i++)
    jw_string(w, inverse->refusals.at[i]);
  jw_end(w);
  jw_key(w, "costs");
  jw_array(w);
  for (size_t i = 0; i < costs->len; i++)
    jw_string(w, costs->at[i]);
  jw_end(w);
  jw_key_string(w, "proof_covers", inverse_coverage(arena, inverse));
  jw_key(w, "row_failures");
  jw_array(w);
  for (size_t i = 0; inverse->rows && i < inverse->rows->refusals.len; i++)
    jw_string(w, inverse->rows->refusals.at[i]);
  jw_end(w);
  jw_key_string(w, "script", script);
  jw_end(w);
}

/* NAME, NAME/migration.sql or NAME/up.sql; "-" is stdin. */
static int read_file(struct cli *cli, const char *path, const char **ret_file,
                     struct sql_script **ret, struct err *err)
{
  const char *file = path;
  char *bytes;
  size_t len;
  if (fs_is_dir(path)) {
    file = fs_join(cli->arena, path, "up.sql");
    if (!fs_exists(file))
      file = fs_join(cli->arena, path, "migration.sql");
  }
  int rc = strcmp(path, "-") == 0 ? cli_read_stdin(cli->arena, &bytes, &len, err)
                                  : fs_read(cli->arena, file, &bytes, &len, err);
  if (rc < 0)
    return err_recode(err, ERR_USAGE);
  *ret_file = file;
  return sql_script_read(cli->arena, file, bytes, len, ret, err);
}

static int one_file(struct cli *cli, struct proof *proof, struct history *history, const char *path,
                    struct answer *answer, struct err *err)
{
  const char *file;
  struct sql_script *script;
  struct inverse *inverse;
  if (read_file(cli, path, &file, &script, err) < 0 ||
      replay_until(cli, proof, history, file, err) < 0 ||
      proof_script(proof, script, &inverse, err) < 0)
    return -1;
  if (inverse->verdict > answer->worst)
    answer->worst = inverse->verdict;
  for (size_t i = 0; i < inverse->refusals.len; i++)
    log_warning("%s: %s", file, inverse->refusals.at[i]);
  if (inverse->rows && inverse->rows->refusals.len) {
    for (size_t i = 0; i < inverse->rows->refusals.len; i++)
      log_warning("%s: tried on %s rows: %s", file, inverse->rows->kind,
                  inverse->rows->refusals.at[i]);
    answer->rows_fail = true;
  }
  log_info("%s: %s; the proof covers %s", file, inverse_verdict_name(inverse->verdict),
           inverse_coverage(cli->arena, inverse));
  struct strings costs = inverse_costs(cli->arena, inverse);
  for (size_t i = 0; i < costs.len; i++)
    log_info("%s: %s", file, costs.at[i]);
  const char *text = inverse_script_text(cli->arena, inverse);
  if (cli->options.json)
    add_json(cli->arena, &answer->w, file, inverse, &costs, text);
  else
    text_puts(&answer->out, text);
  return 0;
}

static int all_files(struct cli *cli, struct proof *proof, struct history *history,
                     struct answer *answer, struct err *err)
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
    rc = one_file(cli, proof, history, cli->args[i], answer, err);
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
  struct history history = {0};
  struct answer answer = {.out = TEXT_INIT, .worst = INVERSE_EXACT};
  if (check_options(cli, err) < 0 ||
      cli_env(cli, cli->options.dir ? 0 : RUN_ENV_TARGET, &env, err) < 0)
    return -1;
  int rc = read_history(cli, &env, &history, err);
  if (rc == 0)
    rc = open_proof(cli, &env, &proof, err);
  if (rc == 0)
    rc = all_files(cli, proof, &history, &answer, err);
  text_clear(&answer.out);
  proof_closep(&proof);
  run_env_close(&env);
  if (rc == 0 && (answer.worst == INVERSE_NONE || answer.rows_fail)) {
    err_set(err, ERR_REFUSED, "not everything can be undone");
    rc = err_hint(err, "The script above holds what could be made; the reasons are in its header.");
  }
  return rc;
}

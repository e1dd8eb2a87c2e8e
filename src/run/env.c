#include "run/env.h"

#include "base/fs.h"
#include "base/log.h"
#include "sql/quote.h"

/* As a person would write it: relative to the working directory when it lies below. */
static const char *shorten(struct arena *arena, const char *path)
{
  const char *cwd = fs_absolute(arena, ".");
  size_t len = strlen(cwd) - 2; /* without "/." */
  if (strncmp(path, cwd, len) != 0 || path[len] != '/')
    return path;
  path += len + 1;
  while (strncmp(path, "./", 2) == 0)
    path += 2;
  return path;
}

int run_env_migrations(struct run_env *env, const struct run_options *options, struct err *err)
{
  const struct config *config = &env->config;
  const char *dir = options->migrations_dir;
  if (!dir && config->migrations_dir)
    dir = fs_join(env->arena, config->dir, config->migrations_dir);
  if (!dir)
    dir = migration_find_dir(env->arena, config->dir);
  if (!dir)
    return 0;
  if (!fs_is_dir(dir)) {
    err_set(err, ERR_USAGE, "no migrations directory %s", dir);
    return err_hint(err, "Name it with --dir, or under `migrations: {dir: ...}` in belay.yaml.");
  }
  env->migrations_dir = shorten(env->arena, dir);
  return migration_format_of(env->migrations_dir, config->migrations_format, &env->format, err);
}

int run_env_store(struct run_env *env, const struct run_options *options, struct err *err)
{
  const char *where = options->store;
  if (!where && env->config.store) {
    const char *path = env->config.store;
    bool file = strncmp(path, "file:", 5) == 0;
    bool other = !file && strstr(path, "://");
    where = other ? path : fs_join(env->arena, env->config.dir, file ? path + 5 : path);
  }
  if (!where) {
    err_set(err, ERR_USAGE, "no store is named");
    return err_hint(
        err,
        "Give --store DIRECTORY, or `store: file:/var/backups/belay` in belay.yaml (belay init "
        "writes one).");
  }
  struct keys *keys;
  if (run_open_keys(env->arena, &env->config, options, &keys, err) < 0)
    return -1;
  if (place_open(where, &env->place, err) < 0) {
    keys_free(keys);
    return -1;
  }
  place_set_keys(env->place, keys);
  return 0;
}

/* ---- keys ---- */

static const char *environment(const char *name)
{
  const char *value = getenv(name);
  return value && value[0] ? value : NULL;
}

/* "age1... team.keys, age1..." */
static struct strings split(struct arena *arena, const char *text)
{
  static const char between[] = ", \t\n";
  struct strings words = {0};
  for (text += strspn(text, between); *text; text += strspn(text, between)) {
    size_t len = strcspn(text, between);
    vec_push(arena, &words, arena_strndup(arena, text, len));
    text += len;
  }
  return words;
}

int run_open_keys(struct arena *arena, const struct config *config,
                  const struct run_options *options, struct keys **ret, struct err *err)
{
  struct keys_source source = {.recipients = options->recipients,
                               .identity_file = options->identity,
                               .identity_command = options->identity_command};
  const char *recipients = environment("BELAY_RECIPIENTS");
  if (!source.recipients.len && recipients)
    source.recipients = split(arena, recipients);
  for (size_t i = 0; !options->recipients.len && !recipients && i < config->recipients.len; i++) {
    const char *name = config->recipients.at[i];
    vec_push(arena, &source.recipients,
             strncmp(name, "age1", 4) == 0 ? name : fs_join(arena, config->dir, name));
  }
  if (!source.identity_file && !source.identity_command) {
    source.identity_file = environment("BELAY_IDENTITY");
    source.identity_command = environment("BELAY_IDENTITY_COMMAND");
  }
  if (!source.identity_file && !source.identity_command) {
    source.identity_file =
        config->identity_file ? fs_join(arena, config->dir, config->identity_file) : NULL;
    source.identity_command = config->identity_command;
  }
  return keys_open(&source, ret, err);
}

int run_require_encryption(const struct run_env *env, struct err *err)
{
  if (env->policy.backup.encryption != ENCRYPTION_REQUIRED || keys_encrypt(place_keys(env->place)))
    return 0;
  err_set(err, ERR_REFUSED, "policy %s (%s) wants encrypted artifacts, and there is no recipient",
          env->policy.name, env->policy.source);
  return err_hint(err, "Name one under `encryption: {recipients: [age1...]}` in belay.yaml, in "
                       "BELAY_RECIPIENTS, or with --recipient.");
}

int run_env_config(struct run_env *env, const struct run_options *options, struct err *err)
{
  if (config_read(env->arena, options->config, ".", &env->config, err) < 0 ||
      policy_read(env->arena, &env->config, options->environment, &env->policy, err) < 0)
    return -1;
  env->policy.inverse.exact_order |= options->exact_order;
  env->jobs = options->jobs ? options->jobs : env->policy.backup.jobs;
  env->shadow_url = options->shadow ? options->shadow : env->config.shadow;
  return 0;
}

int run_env_target(struct run_env *env, const struct run_options *options, struct err *err)
{
  struct db_target_request request = {
      .option = options->database,
      .env_file = options->env_file ? options->env_file
                  : env->config.env_file
                      ? fs_join(env->arena, env->config.dir, env->config.env_file)
                      : NULL,
      .dir = env->config.dir,
      .configured = env->config.database,
      .direct_url_names = "DIRECT_URL,DIRECT_DATABASE_URL",
  };
  if (db_target_resolve(env->arena, &request, &env->target, err) < 0)
    return -1;
  env->database_prefix = place_key_escape(env->arena, env->target.database);
  return 0;
}

int run_env_open(struct arena *arena, const struct run_options *options, int needs,
                 struct run_env *ret_env, struct err *err)
{
  struct run_env env = {.arena = arena};
  if (run_env_config(&env, options, err) < 0 || run_env_migrations(&env, options, err) < 0 ||
      ((needs & RUN_ENV_TARGET) && run_env_target(&env, options, err) < 0) ||
      ((needs & RUN_ENV_STORE) && run_env_store(&env, options, err) < 0))
    return -1;
  *ret_env = env;
  return 0;
}

void run_env_close(struct run_env *env)
{
  place_closep(&env->place);
}

char *run_ledger_identity(const struct run_env *env)
{
  if (!env->format || !env->format->ledger_table)
    return NULL;
  return sql_qualified(env->arena, env->target.schema, env->format->ledger_table);
}

struct catalog_options run_catalog_options(const struct run_env *env)
{
  struct catalog_options options = {0};
  char *ledger = run_ledger_identity(env);
  if (ledger) {
    struct strings *ignore = ARENA_NEW(env->arena, struct strings);
    vec_push(env->arena, ignore, ledger);
    options.ignore_tables = ignore;
  }
  return options;
}

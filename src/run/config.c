#include "run/config.h"
#include "base/fs.h"
#include "run/yaml_table.h"

static const struct table_choice formats[] = {{"prisma", 0}, {"plain", 0}, {0}};

static const struct table_key config_keys[] = {
    {.path = "database", .type = TABLE_STRING, .offset = offsetof(struct config, database)},
    {.path = "env_file", .type = TABLE_STRING, .offset = offsetof(struct config, env_file)},
    {.path = "store", .type = TABLE_STRING, .offset = offsetof(struct config, store)},
    {.path = "encryption.recipients",
     .type = TABLE_STRINGS,
     .offset = offsetof(struct config, recipients)},
    {.path = "encryption.identity",
     .type = TABLE_STRING,
     .offset = offsetof(struct config, identity_file)},
    {.path = "encryption.identity_command",
     .type = TABLE_STRING,
     .offset = offsetof(struct config, identity_command)},
    {.path = "environment", .type = TABLE_STRING, .offset = offsetof(struct config, environment)},
    {.path = "shadow", .type = TABLE_STRING, .offset = offsetof(struct config, shadow)},
    {.path = "migrations.dir",
     .type = TABLE_STRING,
     .offset = offsetof(struct config, migrations_dir)},
    {.path = "migrations.format",
     .type = TABLE_WORD,
     .offset = offsetof(struct config, migrations_format),
     .choices = formats},
    {.path = "policies", .type = TABLE_STRING, .offset = offsetof(struct config, policies_dir)},
    {.path = "command.url_names",
     .type = TABLE_STRINGS,
     .offset = offsetof(struct config, url_names)},
    {.path = "checks", .type = TABLE_STRINGS, .offset = offsetof(struct config, checks)},
    {.path = "hooks", .type = TABLE_STRINGS, .offset = offsetof(struct config, hooks)},
};

static const struct table config_table = {config_keys, COUNT_OF(config_keys)};

int config_read(struct arena *arena, const char *path, const char *dir, struct config *ret_config,
                struct err *err)
{
  struct config config = {0};
  if (path && !fs_exists(path)) {
    err_set(err, ERR_USAGE, "%s: the file given with --config does not exist", path);
    return err_hint(err, "Correct the path, or write one with `belay init`.");
  }
  config.path = path ? arena_strdup(arena, path) : fs_find_upward(arena, dir, "belay.yaml");
  if (config.path && table_read_file(arena, &config_table, config.path, &config, err) < 0)
    return -1;
  config.dir = fs_absolute(arena, config.path ? fs_dirname(arena, config.path) : dir);
  *ret_config = config;
  return 0;
}

int config_parse_size(const char *text, uint64_t *ret_bytes)
{
  return table_parse_size(text, ret_bytes);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/fs.h"
#include "run/config.h"
#include "run/yaml_table.h"

struct fixture {
  struct arena *arena;
  char *dir;
};

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  struct err err = ERR_INIT;
  f->arena = arena_new();
  assert_int_equal(fs_temp_dir(f->arena, "belay-config-", &f->dir, &err), 0);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  fs_remove_tree(f->dir, &err);
  err_clear(&err);
  arena_free(f->arena);
  free(f);
  return 0;
}

static const char *put_bytes(struct fixture *f, const char *name, const char *bytes, size_t len)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  const char *path = fs_join(f->arena, f->dir, name);
  assert_int_equal(fs_mkdirs(fs_dirname(f->arena, path), 0700, &err), 0);
  assert_int_equal(fs_write_atomic(path, bytes, len, 0600, &err), 0);
  return path;
}

static const char *put(struct fixture *f, const char *name, const char *text)
{
  return put_bytes(f, name, text, strlen(text));
}

/* DIR for the fixture's directory */
static const char *cut(struct fixture *f, const char *message)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  size_t len = strlen(f->dir);
  for (const char *p = message; *p;) {
    bool here = strncmp(p, f->dir, len) == 0;
    text_append(&out, here ? "DIR" : p, here ? 3 : 1);
    p += here ? len : 1;
  }
  return arena_strdup(f->arena, out.data);
}

/* --- belay.yaml --- */

static struct config config_of(struct fixture *f, const char *text)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct config config;
  if (config_read(f->arena, put(f, "belay.yaml", text), ".", &config, &err) < 0)
    fail_msg("%s", err.message);
  return config;
}

static void test_config_round_trip(void **state)
{
  struct fixture *f = *state;
  struct config c = config_of(f, "database: service=trading\n"
                                 "env_file: deploy/.env\n"
                                 "store: file:/var/backups/belay\n"
                                 "environment: production\n"
                                 "shadow: postgresql://h/postgres\n"
                                 "migrations: {dir: prisma/migrations, format: prisma}\n"
                                 "policies: deploy/policies\n"
                                 "command: {url_names: [DATABASE_URL, 'PG_URL']}\n"
                                 "checks: [verify.sql]\n"
                                 "hooks:\n  - ./notify.sh\n  - \"./b c\"\n");
  assert_string_equal(c.path, fs_join(f->arena, f->dir, "belay.yaml"));
  assert_string_equal(c.dir, f->dir);
  assert_string_equal(c.database, "service=trading");
  assert_string_equal(c.env_file, "deploy/.env");
  assert_string_equal(c.store, "file:/var/backups/belay");
  assert_string_equal(c.environment, "production");
  assert_string_equal(c.shadow, "postgresql://h/postgres");
  assert_string_equal(c.migrations_dir, "prisma/migrations");
  assert_string_equal(c.migrations_format, "prisma");
  assert_string_equal(c.policies_dir, "deploy/policies");
  assert_int_equal(c.url_names.len, 2);
  assert_string_equal(c.url_names.at[1], "PG_URL");
  assert_int_equal(c.checks.len, 1);
  assert_string_equal(c.checks.at[0], "verify.sql");
  assert_int_equal(c.hooks.len, 2);
  assert_string_equal(c.hooks.at[1], "./b c");
}

static void test_config_without_content(void **state)
{
  static const char *const texts[] = {"",  "# nothing\n",   "---\n",
                                      "~", "migrations:\n", "%YAML 1.1\n---\n...\n"};
  struct fixture *f = *state;
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    struct config c = config_of(f, texts[i]);
    assert_null(c.store);
    assert_null(c.migrations_dir);
    assert_int_equal(c.hooks.len, 0);
    assert_string_equal(c.dir, f->dir);
  }
}

static void test_config_found_upward(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct config c;
  put(f, "a/b/file", "");
  const char *below = fs_join(f->arena, f->dir, "a/b");
  assert_int_equal(config_read(f->arena, NULL, below, &c, &err), 0);
  assert_null(c.path);
  assert_string_equal(c.dir, below);
  const char *path = put(f, "belay.yaml", "store: x\n");
  assert_int_equal(config_read(f->arena, NULL, below, &c, &err), 0);
  assert_string_equal(c.path, path);
  assert_string_equal(c.dir, f->dir);
  assert_string_equal(c.store, "x");
  assert_int_equal(config_read(f->arena, "/no/such.yaml", below, &c, &err), -1);
  assert_int_equal(err.code, ERR_USAGE);
  assert_string_equal(err.message, "/no/such.yaml: the file given with --config does not exist");
}

static void test_config_anchors(void **state)
{
  struct fixture *f = *state;
  struct config c = config_of(f, "checks: &list [a, b]\nhooks: *list\n");
  assert_int_equal(c.hooks.len, 2);
  assert_string_equal(c.hooks.at[1], "b");
}

static const struct broken {
  const char *text, *message, *hint; /* hint NULL: none */
} broken_configs[] = {
    {"stroe: x\n", "1:1: unknown key \"stroe\"", "Did you mean store?"},
    {"store: x\nmigrations:\n  fromat: prisma\n", "3:3: unknown key \"migrations.fromat\"",
     "Did you mean migrations.format?"},
    {"format: prisma\n", "1:1: unknown key \"format\"", "Did you mean migrations.format?"},
    {"zzzzzz: 1\n", "1:1: unknown key \"zzzzzz\"",
     "Known here: database, env_file, store, encryption, environment, shadow, migrations, "
     "policies, command, "
     "checks, hooks."},
    {"store: x\nshadow: y\nstore: z\n", "3:1: duplicate key \"store\", first on line 1", NULL},
    {"migrations:\n  format: prisna\n", "2:11: migrations.format does not know \"prisna\"",
     "Did you mean prisma?"},
    {"migrations:\n  format: flyway\n", "2:11: migrations.format does not know \"flyway\"",
     "Known here: prisma, plain."},
    {"migrations:\n  format: [prisma]\n", "2:11: migrations.format wants a word, not a list", NULL},
    {"store:\n", "1:7: store wants text, not nothing", NULL},
    {"store: ''\n", "1:8: store wants text, not nothing", NULL},
    {"store: {a: b}\n", "1:8: store wants text, not a mapping", NULL},
    {"migrations: here\n", "1:13: migrations is a section with keys below it, not \"here\"", NULL},
    {"hooks: ./a\n", "1:8: hooks wants a list like [a, b], not \"./a\"", NULL},
    {"hooks: [a, [b]]\n", "1:12: hooks wants text as items, not a list", NULL},
    {"hooks: [a, ~]\n", "1:12: hooks wants text as items, not \"~\"", NULL},
    {"[a]: b\n", "1:1: a key must be a word, not a list", NULL},
    {"- a\n", "1:1: the file wants keys with values, not a list", NULL},
    {"text\n", "1:1: the file wants keys with values, not \"text\"", NULL},
    {"store: a\n---\nstore: b\n", "3:1: a second document; the file may hold one only", NULL},
    {"store: \"a\n",
     "2:1: not valid YAML: found unexpected end of stream while scanning a quoted "
     "scalar",
     NULL},
    {"store: *nowhere\n", "1:8: not valid YAML: found undefined alias", NULL},
    {"a: b: c\n", "1:5: not valid YAML: mapping values are not allowed in this context", NULL},
    {"store: \"a\\0b\"\n", "1:8: store wants text, not \"a\"", NULL},
};

static void check_broken(struct fixture *f, const struct err *err, const char *file,
                         const struct broken *b)
{
  assert_int_equal(err->code, ERR_USAGE);
  assert_string_equal(cut(f, err->message), arena_printf(f->arena, "DIR/%s:%s", file, b->message));
  if (b->hint)
    assert_string_equal(err->hint, b->hint);
  else
    assert_null(err->hint);
}

static void test_broken_configs(void **state)
{
  struct fixture *f = *state;
  for (size_t i = 0; i < COUNT_OF(broken_configs); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct config c;
    const char *path = put(f, "belay.yaml", broken_configs[i].text);
    if (config_read(f->arena, path, ".", &c, &err) == 0)
      fail_msg("was taken: %s", broken_configs[i].text);
    check_broken(f, &err, "belay.yaml", &broken_configs[i]);
  }
}

static void test_files_that_are_no_text(void **state)
{
  struct fixture *f = *state;
  struct config c;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  const char *path = put_bytes(f, "belay.yaml", "store: a\0b", 10);
  assert_int_equal(config_read(f->arena, path, ".", &c, &err), -1);
  assert_string_equal(cut(f, err.message),
                      "DIR/belay.yaml: holds NUL bytes, so it is not a text file");
  err_clear(&err);
  put(f, "belay.yaml", "store: \xff\n");
  assert_int_equal(config_read(f->arena, path, ".", &c, &err), -1);
  assert_string_equal(cut(f, err.message), "DIR/belay.yaml: not valid YAML: invalid leading UTF-8 "
                                           "octet at byte 7");
  err_clear(&err);
  CLEANUP(free_ptr) char *large = x_calloc(1, TABLE_FILE_MAX + 2);
  memset(large, '#', TABLE_FILE_MAX + 1);
  put(f, "belay.yaml", large);
  assert_int_equal(config_read(f->arena, path, ".", &c, &err), -1);
  assert_string_equal(cut(f, err.message), "DIR/belay.yaml: larger than 1048576 bytes");
  err_clear(&err);
  assert_int_equal(config_read(f->arena, f->dir, ".", &c, &err), -1);
  assert_int_equal(err.code, ERR_USAGE);
}

/* --- policies --- */

static struct policy policy_of(struct fixture *f, const char *environment)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct config config = {.dir = f->dir};
  struct policy policy;
  if (policy_read(f->arena, &config, environment, &policy, &err) < 0)
    fail_msg("%s", err.message);
  return policy;
}

static void test_builtin_production(void **state)
{
  struct policy p = policy_of(*state, "production");
  assert_string_equal(p.name, "production");
  assert_string_equal(p.source, "built-in");
  assert_int_equal(p.lint.fail_on, LINT_ERROR);
  assert_true(p.lint.require_reason);
  assert_int_equal(p.lint.rules.len, 0);
  assert_int_equal(p.inverse.least, INVERSE_COLUMN_ORDER);
  assert_false(p.inverse.shadow_on_target || p.inverse.exact_order);
  assert_int_equal(p.inverse.shadow_rows, REHEARSAL_SYNTHETIC);
  assert_int_equal(p.inverse.allow.len, 0);
  assert_true(p.backup.required);
  assert_int_equal(p.backup.jobs, 2);
  assert_int_equal(p.backup.level, 1);
  assert_int_equal(p.apply.lock_timeout_ms, 2000);
  assert_int_equal(p.apply.lock_retries, 10);
  assert_int_equal(p.apply.statement_timeout_ms, 900000);
  assert_int_equal(p.apply.max_lock_hold_ms, 10000);
  assert_true(p.apply.capture);
  assert_int_equal(p.apply.on_failure, ON_FAILURE_ROLLBACK);
  assert_int_equal(p.preflight.max_transaction_age_ms, 60000);
  assert_int_equal(p.preflight.min_free_bytes, 1 << 30);
  assert_false(p.preflight.allow_drift);
}

static void test_builtin_staging_and_development(void **state)
{
  struct policy p = policy_of(*state, "staging");
  assert_string_equal(p.name, "staging");
  assert_int_equal(p.apply.max_lock_hold_ms, 60000);
  assert_int_equal(p.preflight.min_free_bytes, 100 << 20);
  assert_true(p.backup.required);
  p = policy_of(*state, NULL);
  assert_string_equal(p.name, "development");
  assert_false(p.lint.require_reason);
  assert_int_equal(p.lint.fail_on, LINT_ERROR);
  assert_int_equal(p.inverse.least, INVERSE_LOSSY);
  assert_true(p.inverse.shadow_on_target);
  assert_int_equal(p.inverse.shadow_rows, REHEARSAL_NONE);
  assert_false(p.backup.required);
  assert_int_equal(p.apply.lock_timeout_ms, 5000);
  assert_int_equal(p.apply.max_lock_hold_ms, 300000);
  assert_int_equal(p.preflight.min_free_bytes, 0);
  assert_false(p.preflight.allow_drift);
}

/* The files are documentation: each shows every key. */
static void test_builtins_show_every_key(void **state)
{
  static const char *const names[] = {"production", "staging", "development"};
  static const char *const keys[] = {"fail_on",
                                     "require_reason",
                                     "large_table_rows",
                                     "rules",
                                     "paths",
                                     "least",
                                     "exact_order",
                                     "preview_timeout",
                                     "shadow_on_target",
                                     "shadow_rows",
                                     "shadow_rows_per_table",
                                     "allow",
                                     "required",
                                     "jobs",
                                     "level",
                                     "lock_timeout",
                                     "lock_retries",
                                     "statement_timeout",
                                     "max_lock_hold",
                                     "capture",
                                     "on_failure",
                                     "max_transaction_age",
                                     "min_free",
                                     "allow_drift"};
  UNUSED(state);
  for (size_t n = 0; n < COUNT_OF(names); n++) {
    const char *text = policy_builtin(names[n]);
    assert_non_null(text);
    for (size_t k = 0; k < COUNT_OF(keys); k++) {
      CLEANUP(free_ptr) char *line = x_printf("\n  %s: ", keys[k]);
      if (!strstr(text, line))
        fail_msg("%s does not show %s", names[n], keys[k]);
    }
  }
  assert_null(policy_builtin("nowhere"));
}

static const char full_policy[] = "lint:\n"
                                  "  fail_on: never\n  require_reason: false\n"
                                  "  large_table_rows: 123\n"
                                  "  rules: {drop-column: warning, drop-table: off}\n"
                                  "  since: 2026-01-31\n"
                                  "  paths:\n"
                                  "    'old/**': {'*': off}\n"
                                  "    seed: {drop-table: info, truncate: error}\n"
                                  "inverse:\n"
                                  "  least: exact\n  exact_order: true\n  preview_timeout: 5s\n"
                                  "  shadow_on_target: true\n"
                                  "  shadow_rows: sampled\n  shadow_rows_per_table: 7\n"
                                  "  allow: [20260101_x, y]\n"
                                  "backup:\n"
                                  "  required: false\n"
                                  "  jobs: 64\n  level: 19\n"
                                  "apply:\n"
                                  "  lock_timeout: 700ms\n"
                                  "  lock_retries: 0\n"
                                  "  statement_timeout: 2h\n"
                                  "  max_lock_hold: 3min\n"
                                  "  capture: false\n"
                                  "  on_failure: stop\n"
                                  "preflight:\n"
                                  "  max_transaction_age: 0\n"
                                  "  min_free: 7KiB\n"
                                  "  allow_drift: true\n";

static void test_policy_round_trip(void **state)
{
  struct fixture *f = *state;
  const char *path = put(f, "policies/qa.yaml", full_policy);
  struct policy p = policy_of(f, "qa");
  assert_string_equal(p.name, "qa");
  assert_string_equal(p.source, path);
  assert_int_equal(p.lint.fail_on, LINT_OFF);
  assert_false(p.lint.require_reason);
  assert_int_equal(p.lint.large_table_rows, 123);
  assert_int_equal(p.lint.rules.len, 2);
  assert_string_equal(p.lint.rules.at[0].rule, "drop-column");
  assert_int_equal(p.lint.rules.at[0].severity, LINT_WARNING);
  assert_int_equal(p.lint.rules.at[1].severity, LINT_OFF);
  assert_string_equal(p.lint_since, "2026-01-31");
  assert_string_equal(p.lint.root, f->dir);
  assert_int_equal(p.lint.paths.len, 2);
  assert_string_equal(p.lint.paths.at[0].pattern, "old/**");
  assert_string_equal(p.lint.paths.at[0].rules.at[0].rule, LINT_EVERY_RULE);
  assert_string_equal(p.lint.paths.at[1].pattern, "seed");
  assert_int_equal(p.lint.paths.at[1].rules.len, 2);
  assert_int_equal(p.lint.paths.at[1].rules.at[0].severity, LINT_INFO);
  assert_int_equal(p.inverse.least, INVERSE_EXACT);
  assert_true(p.inverse.exact_order && p.inverse.shadow_on_target &&
              p.inverse.preview_timeout_ms == 5000);
  assert_int_equal(p.inverse.shadow_rows, REHEARSAL_SAMPLED);
  assert_int_equal(p.inverse.shadow_rows_per_table, 7);
  assert_int_equal(p.inverse.allow.len, 2);
  assert_string_equal(p.inverse.allow.at[0], "20260101_x");
  assert_false(p.backup.required);
  assert_int_equal(p.backup.jobs, 64);
  assert_int_equal(p.backup.level, 19);
  assert_int_equal(p.apply.lock_timeout_ms, 700);
  assert_int_equal(p.apply.lock_retries, 0);
  assert_int_equal(p.apply.statement_timeout_ms, 7200000);
  assert_int_equal(p.apply.max_lock_hold_ms, 180000);
  assert_false(p.apply.capture);
  assert_int_equal(p.apply.on_failure, ON_FAILURE_STOP);
  assert_int_equal(p.preflight.max_transaction_age_ms, 0);
  assert_int_equal(p.preflight.min_free_bytes, 7168);
  assert_true(p.preflight.allow_drift);
}

static void test_what_a_policy_does_not_say_is_productions(void **state)
{
  struct fixture *f = *state;
  put(f, "policies/staging.yaml", "# nothing\n");
  put(f, "policies/production.yaml", "backup: {jobs: 7}\n");
  struct policy p = policy_of(f, "staging");
  assert_int_equal(p.apply.max_lock_hold_ms, 10000);
  assert_int_equal(p.backup.jobs, 2); /* the built-in one */
  assert_true(p.lint.require_reason);
  p = policy_of(f, "production");
  assert_int_equal(p.backup.jobs, 7);
  assert_true(p.lint.require_reason);
}

static void test_extends(void **state)
{
  struct fixture *f = *state;
  put(f, "policies/production.yaml",
      "extends: production\n"
      "lint:\n"
      "  rules: {drop-column: warning, drop-table: info}\n"
      "  paths: {a: {drop-table: off, truncate: off}}\n"
      "inverse: {allow: [a, b]}\n");
  const char *path = put(f, "policies/night.yaml",
                         "extends: production\n"
                         "lint:\n"
                         "  rules: {drop-table: error}\n"
                         "  paths: {b: {truncate: off}, a: {truncate: info}}\n"
                         "inverse: {allow: [c]}\n"
                         "apply: {max_lock_hold: 1h}\n");
  put(f, "policies/laptop.yaml", "extends: development\nbackup: {required: true}\n");
  struct policy p = policy_of(f, "night");
  assert_string_equal(p.name, "night");
  assert_string_equal(p.source, path);
  assert_int_equal(p.lint.rules.len, 2);
  assert_int_equal(p.lint.rules.at[0].severity, LINT_WARNING);
  assert_int_equal(p.lint.rules.at[1].severity, LINT_ERROR);
  assert_int_equal(p.lint.paths.len, 2); /* path by path, and in each rule by rule */
  assert_string_equal(p.lint.paths.at[0].pattern, "a");
  assert_int_equal(p.lint.paths.at[0].rules.len, 2);
  assert_int_equal(p.lint.paths.at[0].rules.at[1].severity, LINT_INFO);
  assert_int_equal(p.inverse.allow.len, 1);
  assert_int_equal(p.apply.max_lock_hold_ms, 3600000);
  assert_int_equal(p.apply.lock_timeout_ms, 2000);
  p = policy_of(f, "laptop");
  assert_true(p.backup.required);
  assert_int_equal(p.inverse.least, INVERSE_LOSSY);
}

static void refused(struct fixture *f, const struct config *config, const char *environment,
                    const char *message, const char *hint)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct policy p;
  assert_int_equal(policy_read(f->arena, config, environment, &p, &err), -1);
  assert_int_equal(err.code, ERR_USAGE);
  assert_string_equal(cut(f, err.message), message);
  if (hint)
    assert_string_equal(err.hint, hint);
}

static void test_policies_that_are_not_there(void **state)
{
  struct fixture *f = *state;
  struct config c = {.path = "belay.yaml", .dir = f->dir, .environment = "prodution"};
  put(f, "policies/qa.yaml", "extends: nightly\n");
  put(f, "policies/a.yaml", "extends: b\n");
  put(f, "policies/b.yaml", "extends: a\n");
  put(f, "policies/c.yaml", "extends: d\n");
  put(f, "policies/d.yaml", "backup:\n  jobs: 0\n");
  refused(f, &c, NULL,
          "unknown environment \"prodution\": there is no DIR/policies/prodution.yaml and no "
          "built-in one",
          "Did you mean production? Known are: a, b, c, d, qa, development, production, staging.");
  refused(f, &c, "elsewhere",
          "unknown environment \"elsewhere\": there is no DIR/policies/elsewhere.yaml and no "
          "built-in one",
          "Known are: a, b, c, d, qa, development, production, staging.");
  refused(f, &c, "../qa", "\"../qa\" is not the name of an environment", NULL);
  refused(f, &c, "", "\"\" is not the name of an environment", NULL);
  refused(f, &c, "qa",
          "DIR/policies/qa.yaml: extends: unknown environment \"nightly\": there is no "
          "DIR/policies/nightly.yaml and no built-in one",
          NULL);
  refused(f, &c, "a", "DIR/policies/a.yaml: extends itself by way of DIR/policies/b.yaml", NULL);
  refused(f, &c, "c", "DIR/policies/d.yaml:2:9: backup.jobs is 0, outside 1 to 64", NULL);
  c.policies_dir = "elsewhere";
  refused(f, &c, "production", "belay.yaml: policies: DIR/elsewhere is not a directory", NULL);
}

static void test_policies_from_a_named_directory(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct policy p;
  const char *path = put(f, "deploy/production.yaml", "backup: {jobs: 9}\n");
  struct config c = {.dir = f->dir, .policies_dir = "deploy", .environment = "production"};
  assert_int_equal(policy_read(f->arena, &c, NULL, &p, &err), 0);
  assert_string_equal(p.source, path);
  assert_int_equal(p.backup.jobs, 9);
  assert_int_equal(policy_read(f->arena, &c, "staging", &p, &err), 0);
  assert_string_equal(p.source, "built-in");
}

static const struct broken broken_policies[] = {
    {"aply: {}\n", "1:1: unknown key \"aply\"", "Did you mean apply?"},
    {"apply:\n  lock-timeout: 2s\n", "2:3: unknown key \"apply.lock-timeout\"",
     "Did you mean apply.lock_timeout?"},
    {"lock_timeout: 2s\n", "1:1: unknown key \"lock_timeout\"", "Did you mean apply.lock_timeout?"},
    {"apply: {lock_timeout: 1s, lock_timeout: 2s}\n",
     "1:27: duplicate key \"lock_timeout\", first on line 1", NULL},
    {"apply: {lock_timeout: 10}\n",
     "1:23: apply.lock_timeout wants a duration like 500ms, 10s, 5min or 2h, not \"10\"", NULL},
    {"apply: {lock_timeout: 1m}\n",
     "1:23: apply.lock_timeout wants a duration like 500ms, 10s, 5min or 2h, not \"1m\"", NULL},
    {"apply: {lock_timeout: -1s}\n",
     "1:23: apply.lock_timeout wants a duration like 500ms, 10s, 5min or 2h, not \"-1s\"", NULL},
    {"apply: {lock_timeout: 0}\n", "1:23: apply.lock_timeout is 0, outside 1ms to 1h", NULL},
    {"apply: {lock_timeout: 2h}\n", "1:23: apply.lock_timeout is 2h, outside 1ms to 1h", NULL},
    {"apply: {max_lock_hold: 99999999999999999999h}\n",
     "1:24: apply.max_lock_hold wants a duration like 500ms, 10s, 5min or 2h, not "
     "\"99999999999999999999h\"",
     NULL},
    {"apply: {lock_retries: 1.5}\n", "1:23: apply.lock_retries wants a whole number, not \"1.5\"",
     NULL},
    {"apply: {lock_retries: '3'}\n", "1:23: apply.lock_retries wants a whole number, not \"3\"",
     NULL},
    {"apply: {lock_retries: -1}\n", "1:23: apply.lock_retries is -1, outside 0 to 1000", NULL},
    {"apply: {lock_retries: 99999999999999999999}\n",
     "1:23: apply.lock_retries is 99999999999999999999, outside 0 to 1000", NULL},
    {"apply: {capture: yes}\n", "1:18: apply.capture wants true or false, not \"yes\"", NULL},
    {"apply: {capture: 'true'}\n", "1:18: apply.capture wants true or false, not \"true\"", NULL},
    {"apply: {on_failure: rolback}\n", "1:21: apply.on_failure does not know \"rolback\"",
     "Did you mean rollback?"},
    {"inverse: {least: column_order}\n", "1:18: inverse.least does not know \"column_order\"",
     "Did you mean column-order?"},
    {"lint: {fail_on: fatal}\n", "1:17: lint.fail_on does not know \"fatal\"",
     "Known here: error, warning, info, never."},
    {"preflight: {min_free: 1GB}\n",
     "1:23: preflight.min_free wants a size like 16MiB or 1GiB, not \"1GB\"", NULL},
    {"preflight: {min_free: 2000TiB}\n",
     "1:23: preflight.min_free is 2000TiB, outside 0 to 1024TiB", NULL},
    {"lint:\n  rules:\n    no-such-rule-at-all: off\n", "3:5: unknown rule \"no-such-rule-at-all\"",
     NULL},
    {"lint:\n  rules:\n    drop-colum: off\n", "3:5: unknown rule \"drop-colum\"",
     "Did you mean drop-column?"},
    {"lint:\n  rules:\n    drop-column: eror\n",
     "3:18: rule drop-column wants error, warning, info or off, not \"eror\"",
     "Did you mean error?"},
    {"lint:\n  rules:\n    drop-column: [off]\n",
     "3:18: lint.rules.drop-column wants a word, not a list", NULL},
    {"lint:\n  rules:\n    drop-column: off\n    drop-column: info\n",
     "4:5: duplicate key \"drop-column\", first on line 3", NULL},
    {"lint:\n  paths: {a: {drop-colum: off}}\n", "2:15: unknown rule \"drop-colum\"",
     "Did you mean drop-column?"},
    {"lint:\n  paths: {a: {drop-column: eror}}\n",
     "2:28: rule drop-column wants error, warning, info or off, not \"eror\"",
     "Did you mean error?"},
    {"lint:\n  paths: {a: off}\n", "2:14: lint.paths.a wants a mapping, not \"off\"", NULL},
    {"lint:\n  paths: {a: {}, a: {}}\n", "2:18: duplicate key \"a\", first on line 2", NULL},
    {"lint:\n  paths: [a]\n", "2:10: lint.paths wants a mapping, not a list", NULL},
    {"lint:\n  rules: {\"*\": info}\n", "2:16: all rules together can only be off, not \"info\"",
     NULL},
    {"lint: {rules: [drop-column]}\n", "1:15: lint.rules wants a mapping, not a list", NULL},
};

static void test_broken_policies(void **state)
{
  struct fixture *f = *state;
  struct config config = {.dir = f->dir};
  for (size_t i = 0; i < COUNT_OF(broken_policies); i++) {
    CLEANUP(err_clear) struct err err = ERR_INIT;
    struct policy p;
    put(f, "policies/qa.yaml", broken_policies[i].text);
    if (policy_read(f->arena, &config, "qa", &p, &err) == 0)
      fail_msg("was taken: %s", broken_policies[i].text);
    check_broken(f, &err, "policies/qa.yaml", &broken_policies[i]);
  }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_config_round_trip),
      TEST(test_config_without_content),
      TEST(test_config_found_upward),
      TEST(test_config_anchors),
      TEST(test_broken_configs),
      TEST(test_files_that_are_no_text),
      TEST(test_builtin_production),
      TEST(test_builtin_staging_and_development),
      TEST(test_builtins_show_every_key),
      TEST(test_policy_round_trip),
      TEST(test_what_a_policy_does_not_say_is_productions),
      TEST(test_extends),
      TEST(test_policies_that_are_not_there),
      TEST(test_policies_from_a_named_directory),
      TEST(test_broken_policies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

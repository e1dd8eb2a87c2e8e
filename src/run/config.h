/* run/config.h: belay.yaml (of the project) and policies/<environment>.yaml (of an environment),
 * read with libyaml.
 *
 * Both are read by one table-driven loader: an unknown key, a wrong type, a duplicate key or a
 * value out of range is ERR_USAGE with file:line:column and, for unknown keys and values, "did you
 * mean". Durations are "500ms", "10s", "5min", "2h"; sizes "16MiB", "1GiB"; booleans true/false.
 */
#pragma once

#include "backup/retention.h"
#include "base/base.h"
#include "inverse/rehearsal.h"
#include "lint/lint.h"

struct config {                 /* belay.yaml; every field may be NULL or empty */
  const char *path;             /* of the file; NULL: none was found, all defaults */
  const char *dir;              /* its directory; relative paths in it are relative to this */
  const char *database;         /* database: a URL or conninfo; better left to the environment */
  const char *env_file;         /* env_file: .env */
  const char *store;            /* store: file:/var/backups/belay */
  struct strings recipients;    /* encryption: {recipients: [age1..., team.keys]} */
  const char *identity_file;    /* encryption: {identity: /run/secrets/belay.key} */
  const char *identity_command; /* encryption: {identity_command: pass show belay} */
  const char *environment;      /* environment: production */
  const char *shadow;           /* shadow: URL of a server for shadows */
  const char *migrations_dir,
      *migrations_format;   /* migrations: {dir: prisma/migrations, format: prisma} */
  const char *policies_dir; /* policies: policies */
  struct strings
      url_names; /* command: {url_names: [DATABASE_URL]}: variables that CMD finds the URL in */
  struct strings checks; /* checks: [verify.sql]: SQL files run after apply; a query returning rows
                            or false fails */
  struct strings hooks;  /* hooks: [./notify.sh]: programs that get each event as JSON on stdin;
                            failures never fail a run */
};

enum backup_extent { BACKUP_FULL, BACKUP_PENDING };
enum backup_kinds { BACKUP_ARCHIVE, BACKUP_TEMPLATE, BACKUP_BOTH };
enum backup_encryption { ENCRYPTION_OPTIONAL, ENCRYPTION_REQUIRED };
enum on_failure { ON_FAILURE_ROLLBACK, ON_FAILURE_STOP };

struct policy {
  const char *name;   /* "production" */
  const char *source; /* path, or "built-in" */
  struct lint_settings
      lint; /* lint: {fail_on, require_reason, large_table_rows, rules: {id: severity},
                      paths: {glob: {id: severity}}} */
  const char *lint_since; /* lint: since: NAME | DATE: migrations before it are history; NULL */
  struct {
    enum inverse_verdict least;      /* inverse: least: exact | column-order | lossy | none */
    bool exact_order;                /* exact_order: false: columns come back in their order */
    bool shadow_on_target;           /* shadow_on_target: false */
    enum rehearsal_rows shadow_rows; /* shadow_rows: none | synthetic | sampled */
    int shadow_rows_per_table;       /* shadow_rows_per_table: 50 */
    int64_t preview_timeout_ms; /* preview_timeout: 30s; 0: a plan of a rollback reads no rows */
    struct strings allow; /* allow: [name of a migration or object whose refusal is accepted] */
  } inverse;
  struct {
    bool required;                     /* backup: required: true */
    enum backup_kinds kind;            /* kind: archive | template | both: what a run takes */
    bool template_alone;               /* template_alone: false: a run needs an archive as well */
    int jobs;                          /* jobs: 2 */
    int level;                         /* level: 1 */
    enum backup_extent scope;          /* scope: full | pending */
    enum backup_encryption encryption; /* encryption: optional | required */
  } backup;
  struct {
    int64_t lock_timeout_ms;      /* apply: lock_timeout: 2s */
    int lock_retries;             /* lock_retries: 5 (0 = one try) */
    int64_t statement_timeout_ms; /* statement_timeout: 15min */
    int64_t max_lock_hold_ms;     /* max_lock_hold: 10s */
    bool capture;                 /* capture: true */
    enum on_failure on_failure;   /* on_failure: rollback | stop */
  } apply;
  struct {
    int64_t max_transaction_age_ms; /* preflight: max_transaction_age: 60s; 0 = do not look */
    uint64_t min_free_bytes;        /* min_free: 1GiB, of the store, beyond the estimated backup */
    bool allow_drift;               /* allow_edited / missing / out of order migrations */
  } preflight;
  struct {
    struct retention_rules keep; /* retention: keep_last, keep_daily, ..., keep_within: 30d */
    int keep_runs; /* keep_runs: 3: so many runs that changed something keep record and backup */
  } retention;
};

/* `path` given (--config), or belay.yaml looked for upward from dir. No file is fine: defaults,
 * config->dir = dir. */
int config_read(struct arena *arena, const char *path, const char *dir, struct config *ret_config,
                struct err *err);
/* policies/<environment>.yaml from config->policies_dir or <config->dir>/policies, else the
 * built-in one of that name. environment NULL: config->environment, else "development". ERR_USAGE
 * lists the known names. */
int policy_read(struct arena *arena, const struct config *config, const char *environment,
                struct policy *ret_policy, struct err *err);
/* "512KiB", "10MiB"; -1: it is no size. */
int config_parse_size(const char *text, uint64_t *ret_bytes);
/* Is this migration accepted by name (inverse.allow)? */
bool policy_allows(const struct policy *policy, const char *migration);
/* The built-in text of policies/<name>.yaml (embedded at build), NULL if unknown. */
const char *policy_builtin(const char *name);

#include "cli/lint_files.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/suggest.h"

enum { DATE_DIGITS = 8, NAMES_MAX = 256 };

struct collector {
  struct cli *cli;
  const struct run_env *env;
  const struct migration_statuses *ledger;
  VEC(struct lint_home *) homes;
  struct map *seen; /* clean path -> struct lint_source */
  const char *cwd;  /* NULL: not asked for so far */
  struct lint_files *files;
  VEC(struct sql_script_job) jobs; /* one a file */
  bool cutoff_failed;              /* what home_at could not do: no harm, but a wrong option */
};

/* ---- migrations directories ---- */

/* The digits that a name begins with, behind the V of Flyway. */
static size_t digits_of(const char *name, const char **ret_digits)
{
  *ret_digits = name + (name[0] == 'V' && isdigit((unsigned char)name[1]));
  return strspn(*ret_digits, "0123456789");
}

/* 2026-01-31, 20260131 or more digits; NULL: something else. */
static const char *date_digits(struct arena *arena, const char *since)
{
  CLEANUP(text_clear) struct text digits = TEXT_INIT;
  for (const char *p = since; *p; p++)
    if (isdigit((unsigned char)*p))
      text_putc(&digits, *p);
    else if (*p != '-' || (p - since != 4 && p - since != 7))
      return NULL;
  return digits.len >= DATE_DIGITS ? arena_strdup(arena, digits.data) : NULL;
}

static int unknown_cutoff(const struct lint_home *home, const char *since, struct err *err)
{
  const char *names[NAMES_MAX];
  size_t count = 0;
  for (size_t i = home->migrations.len; i-- > 0 && count < NAMES_MAX;)
    names[count++] = home->migrations.at[i].name;
  const char *near = suggest_word(since, names, count);
  err_set(err, ERR_USAGE, "since: %s holds no migration called \"%s\"", home->dir, since);
  if (near)
    return err_hint(err, "Did you mean %s?", near);
  return err_hint(err, "Give the name of a migration, or a date like 2026-01-31.");
}

static int find_cutoff(struct arena *arena, struct lint_home *home, const char *since,
                       struct err *err)
{
  const struct migrations *all = &home->migrations;
  for (size_t i = 0; i < all->len; i++)
    if (strcmp(all->at[i].name, since) == 0) {
      home->cutoff = i;
      return 0;
    }
  const char *date = date_digits(arena, since), *digits;
  if (!date)
    return unknown_cutoff(home, since, err);
  for (size_t i = 0; i < all->len; i++) {
    size_t len = digits_of(all->at[i].name, &digits);
    if (len < DATE_DIGITS)
      return err_set(err, ERR_USAGE, "since: %s: the name does not begin with a date",
                     all->at[i].path);
    size_t most = strlen(date) < len ? strlen(date) : len;
    if (strncmp(digits, date, most) < 0)
      home->cutoff = i + 1;
  }
  return 0;
}

static bool same_path(struct arena *arena, const char *a, const char *b)
{
  return a && b && strcmp(fs_clean(arena, a), fs_clean(arena, b)) == 0;
}

/* The option counts everywhere, the policy in the project's own directory. */
static int set_cutoff(struct collector *c, struct lint_home *home, struct err *err)
{
  const char *since = c->cli->options.since;
  if (!since && same_path(c->cli->arena, home->dir, c->env->migrations_dir))
    since = c->env->policy.lint_since;
  home->has_cutoff = since != NULL;
  c->cutoff_failed = since && find_cutoff(c->cli->arena, home, since, err) < 0;
  return c->cutoff_failed ? -1 : 0;
}

/* V1__name.sql: Flyway's, though there is nothing to refuse. */
static bool has_versions(const struct lint_home *home)
{
  for (size_t i = 0; i < home->migrations.len; i++) {
    const char *name = home->migrations.at[i].name;
    if (name[0] == 'V' && isdigit((unsigned char)name[1]) && strstr(name, "__"))
      return true;
  }
  return false;
}

static int read_home(struct collector *c, struct lint_home *home, struct err *err)
{
  struct arena *arena = c->cli->arena;
  bool own = same_path(arena, home->dir, c->env->migrations_dir);
  const char *named = own && c->env->format ? c->env->format->name : NULL;
  const struct migration_format *format;
  CLEANUP(err_clear) struct err why = ERR_INIT;
  if (migration_format_of(home->dir, named, &format, err) < 0)
    return -1;
  if (format->read_dir(arena, home->dir, &home->migrations, &why) < 0) {
    bool other = format == migration_format_find("plain") && why.code == ERR_USAGE;
    if (!other) {
      err_move(err, &why);
      return -1;
    }
    if (migration_read_others(arena, home->dir, &home->migrations, &home->tool, err) < 0)
      return -1;
  } else if (format == migration_format_find("plain") && has_versions(home)) {
    home->tool = "flyway";
  }
  home->format = format;
  return set_cutoff(c, home, err);
}

/* Read once; NULL with an error that is not told before. */
static struct lint_home *home_at(struct collector *c, const char *dir, struct err *err)
{
  for (size_t i = 0; i < c->homes.len; i++)
    if (same_path(c->cli->arena, c->homes.at[i]->dir, dir))
      return c->homes.at[i];
  struct lint_home *home = ARENA_NEW(c->cli->arena, struct lint_home);
  home->dir = dir;
  vec_push(c->cli->arena, &c->homes, home);
  return read_home(c, home, err) < 0 ? NULL : home;
}

/* NAME/migration.sql, NAME/up.sql, or a numbered NAME.sql: its directory and its name. */
static bool split_path(struct arena *arena, const char *path, const char **ret_dir,
                       const char **ret_name)
{
  static const char *const suffixes[] = {".up.sql", ".sql"};
  const char *leaf = fs_basename(path), *digits;
  char *dir = fs_dirname(arena, path);
  if (strcmp(leaf, "migration.sql") == 0 || strcmp(leaf, "up.sql") == 0) {
    if (!strchr(dir, '/')) /* its parent is above the working directory, or that itself */
      dir = fs_clean(arena, dir);
    *ret_name = arena_strdup(arena, fs_basename(dir));
    *ret_dir = fs_dirname(arena, dir);
    return true;
  }
  for (size_t i = 0; i < COUNT_OF(suffixes) && digits_of(leaf, &digits) > 0; i++) {
    size_t len = strlen(leaf), suffix = strlen(suffixes[i]);
    if (len <= suffix || strcmp(leaf + len - suffix, suffixes[i]) != 0)
      continue;
    *ret_name = arena_strndup(arena, leaf, len - suffix);
    *ret_dir = dir;
    return true;
  }
  return false;
}

/* ---- files ---- */

static int by_name(const void *name, const void *status)
{
  return strcmp(name, ((const struct migration_status *)status)->name);
}

static enum migration_state state_of(const struct collector *c, const struct lint_home *home,
                                     const char *name)
{
  const struct migration_status *status = NULL;
  if (c->ledger && c->ledger->len && same_path(c->cli->arena, c->env->migrations_dir, home->dir))
    status = bsearch(name, c->ledger->at, c->ledger->len, sizeof(*c->ledger->at), by_name);
  return status ? status->state : MIGRATION_PENDING;
}

static bool is_applied(const struct collector *c, const struct lint_home *home, const char *name)
{
  enum migration_state state = state_of(c, home, name);
  return state == MIGRATION_APPLIED || state == MIGRATION_EDITED;
}

/* Absolute; what the working directory is does not change, and asking it is slow. */
static const char *clean_path(struct collector *c, const char *path)
{
  if (path[0] != '/') {
    if (!c->cwd)
      c->cwd = fs_absolute(c->cli->arena, "");
    path = fs_join(c->cli->arena, c->cwd, path);
  }
  return fs_clean(c->cli->arena, path);
}

static struct lint_source *find_file(struct collector *c, const char *path)
{
  return strcmp(path, "-") == 0 ? NULL : map_get(c->seen, clean_path(c, path));
}

/* Its script is read later, with all others. */
static void add_file(struct collector *c, struct lint_source file, const char *bytes, size_t len)
{
  struct lint_source *added = ARENA_NEW(c->cli->arena, struct lint_source);
  *added = file;
  vec_push(c->cli->arena, c->files, added);
  vec_push(c->cli->arena, &c->jobs,
           ((struct sql_script_job){.name = file.path, .bytes = bytes, .len = len}));
  if (strcmp(file.path, "-") != 0)
    map_put(c->seen, clean_path(c, file.path), added);
}

/* How many stand before it; by name, if it is not there. */
static size_t place_of(const struct lint_home *home, const char *name)
{
  size_t before = 0;
  for (size_t i = 0; i < home->migrations.len; i++)
    if (strcmp(home->migrations.at[i].name, name) == 0)
      return i;
  while (before < home->migrations.len && strcmp(home->migrations.at[before].name, name) < 0)
    before++;
  return before;
}

/* What stands before a migration in its directory; index is behind the last. With a database at
 * hand it knows what was applied, and without its ledger nobody knows what was. */
static void add_history(struct collector *c, const struct lint_home *home, const char *name)
{
  bool catalog_only = c->cli->options.against && !c->ledger;
  size_t before = place_of(home, name);
  for (size_t i = 0; i < before && !catalog_only; i++) {
    const struct migration *m = &home->migrations.at[i];
    if (find_file(c, m->path) || is_applied(c, home, m->name))
      continue;
    struct lint_source file = {.path = m->path, .home = home, .name = m->name};
    file.history = file.unasked = true;
    add_file(c, file, m->bytes, m->len);
  }
}

static bool is_before_cutoff(const struct lint_home *home, const char *name)
{
  return place_of(home, name) < home->cutoff;
}

/* One that was asked for. */
static int add_asked(struct collector *c, struct lint_source file, const char *bytes, size_t len,
                     struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  const char *dir, *name;
  struct lint_source *seen = find_file(c, file.path);
  if (seen) {
    seen->history = seen->home && is_before_cutoff(seen->home, seen->name);
    return 0;
  }
  if (strcmp(file.path, "-") != 0 && split_path(c->cli->arena, file.path, &dir, &name)) {
    struct lint_home *home = home_at(c, dir, &why);
    if (!home && c->cutoff_failed) {
      err_move(err, &why);
      return -1;
    }
    if (!home)
      log_info("%s is looked at alone: %s", file.path, why.message);
    if (home && home->format) {
      add_history(c, home, name);
      file.home = home;
      file.name = name;
      file.history = is_before_cutoff(home, name);
      file.applied = is_applied(c, home, name);
      if (file.applied)
        log_warning("%s is applied already in this database", file.path);
    }
  }
  add_file(c, file, bytes, len);
  return 0;
}

static int add_path(struct collector *c, const char *path, struct err *err)
{
  char *bytes;
  size_t len;
  if (fs_read(c->cli->arena, path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  return add_asked(c, (struct lint_source){.path = path}, bytes, len, err);
}

static int add_stdin(struct collector *c, struct err *err)
{
  char *bytes;
  size_t len;
  const char *path = c->cli->options.stdin_path ? c->cli->options.stdin_path : "-";
  if (cli_read_stdin(c->cli->arena, &bytes, &len, err) < 0)
    return -1;
  return add_asked(c, (struct lint_source){.path = path, .from_stdin = true}, bytes, len, err);
}

/* A migrations directory of a known format, in the order in which the tool applies it. What is
 * applied already is left out, the database knows it; but not what was edited since. */
static int add_dir(struct collector *c, const char *dir, struct err *err)
{
  struct lint_home *home = home_at(c, dir, err);
  size_t applied = 0;
  if (!home)
    return -1;
  for (size_t i = 0; home->format && i < home->migrations.len; i++) {
    const struct migration *m = &home->migrations.at[i];
    struct lint_source *seen = find_file(c, m->path);
    struct lint_source file = {.path = m->path, .home = home, .name = m->name};
    file.history = i < home->cutoff;
    if (seen)
      seen->history = file.history;
    else if (file.history && c->cli->options.against)
      continue; /* the database knows it already */
    else if (state_of(c, home, m->name) == MIGRATION_APPLIED)
      applied++;
    else
      add_file(c, file, m->bytes, m->len);
  }
  if (applied > 0)
    log_info("%zu of %zu migrations are applied already in this database", applied,
             home->migrations.len);
  return 0;
}

/* A shell leaves a pattern that matches nothing as it is, and some callers do not expand any. */
static int add_pattern(struct collector *c, const char *pattern, struct err *err)
{
  struct strings paths = {0};
  if (glob_files(c->cli->arena, pattern, &paths, err) < 0)
    return -1;
  if (paths.len == 0)
    log_info("%s matches no file", pattern);
  for (size_t i = 0; i < paths.len; i++)
    if (add_path(c, paths.at[i], err) < 0)
      return -1;
  return 0;
}

static int add_argument(struct collector *c, const char *arg, struct err *err)
{
  if (strcmp(arg, "-") == 0)
    return add_stdin(c, err);
  if (fs_is_dir(arg))
    return add_dir(c, arg, err);
  if (glob_has_magic(arg) && !fs_exists(arg))
    return add_pattern(c, arg, err);
  return add_path(c, arg, err);
}

/* Flyway: NAME.sql.conf says executeInTransaction=false. */
static bool says_no_transaction(struct arena *arena, const char *path)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT; /* most have no such file */
  const char *conf = arena_printf(arena, "%s.conf", path);
  char *bytes;
  size_t len;
  if (strcmp(path, "-") == 0 || !fs_exists(conf) ||
      fs_read(arena, conf, &bytes, &len, &ignored) < 0)
    return false;
  for (char *line = bytes; *line; line += strcspn(line, "\n"), line += *line == '\n') {
    static const char key[] = "executeintransaction";
    line += strspn(line, " \t\r");
    if (strncasecmp(line, key, sizeof(key) - 1) != 0)
      continue;
    const char *value = line + sizeof(key) - 1 + strspn(line + sizeof(key) - 1, " \t=:");
    if (strncasecmp(value, "false", strlen("false")) == 0)
      return true;
  }
  return false;
}

/* Earlier migrations that nobody asked for are left out when they cannot be read. */
static int read_scripts(struct collector *c, struct err *err)
{
  struct lint_files read = {0};
  int status = 0;
  sql_scripts_read_psql(c->cli->arena, c->jobs.at, c->jobs.len);
  for (size_t i = 0; i < c->jobs.len; i++) {
    struct sql_script_job *job = &c->jobs.at[i];
    struct lint_source *file = c->files->at[i];
    file->script = job->script;
    if (file->script) {
      file->script->no_transaction = says_no_transaction(c->cli->arena, file->path);
      vec_push(c->cli->arena, &read, file);
    } else if (file->unasked) {
      log_warning("what an earlier migration makes is not known: %s", job->err.message);
    } else if (status == 0) {
      err_move(err, &job->err);
      status = err_recode(err, ERR_REFUSED);
    }
    err_clear(&job->err);
  }
  *c->files = read;
  return status;
}

int lint_files_collect(struct cli *cli, const struct run_env *env,
                       const struct migration_statuses *ledger, struct lint_files *ret,
                       struct err *err)
{
  struct collector c = {
      .cli = cli, .env = env, .ledger = ledger, .seen = map_new(cli->arena), .files = ret};
  if (cli->arg_count == 0 && !env->migrations_dir) {
    err_set(err, ERR_USAGE,
            "nothing to lint: no file is named and no migrations directory was found");
    return err_hint(err, "Name files, or the directory: belay lint prisma/migrations");
  }
  if (cli->arg_count == 0 && add_dir(&c, env->migrations_dir, err) < 0)
    return -1;
  for (size_t i = 0; i < cli->arg_count; i++)
    if (add_argument(&c, cli->args[i], err) < 0)
      return -1;
  return read_scripts(&c, err);
}

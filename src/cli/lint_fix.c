/* belay lint --fix and --diff: the pieces of a fixed script as files. What is new is written before
 * the file that it was taken from changes, so that a crash loses nothing. */
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "cli/lint_files.h"
#include "report/diff.h"

struct target {
  const char *path;
  const char *text;
};
VEC_TYPE(targets, struct target);

/* NAME_2 in the layout of its directory. */
static const char *piece_path(struct arena *arena, const struct lint_source *file, const char *name)
{
  const char *leaf = fs_basename(file->path), *dir = fs_dirname(arena, file->path);
  if (strcmp(leaf, "migration.sql") == 0 || strcmp(leaf, "up.sql") == 0)
    return fs_join(arena, fs_join(arena, file->home->dir, name), leaf);
  return fs_join(arena, dir, arena_printf(arena, "%s%s", name, leaf + strlen(file->name)));
}

/* The migration that runs next; NULL: none. */
static const char *next_name(const struct lint_source *file)
{
  const struct migrations *all = &file->home->migrations;
  for (size_t i = 0; i < all->len; i++)
    if (strcmp(all->at[i].name, file->name) > 0)
      return all->at[i].name;
  return NULL;
}

static const char *why_no_files(const struct lint_source *file)
{
  if (!file->home)
    return "it lies in no migrations directory, so where the rest belongs is not known";
  const char *format = file->home->format->name;
  if (strcmp(format, "prisma") != 0 && strcmp(format, "plain") != 0)
    return "how its tool runs a file outside of a transaction is not known";
  return NULL;
}

/* Where each piece goes; NULL, or why there is no place. */
static const char *place(struct arena *arena, const struct lint_source *file,
                         const struct lint_pieces *pieces, struct targets *ret)
{
  const char *why = pieces->len > 1 ? why_no_files(file) : NULL;
  vec_push(arena, ret, ((struct target){file->path, pieces->at[0].text}));
  for (size_t i = 1; i < pieces->len && !why; i++) {
    const char *name =
        arena_printf(arena, pieces->len > 9 ? "%s_%02zu" : "%s_%zu", file->name, i + 1);
    const char *path = piece_path(arena, file, name), *next = next_name(file);
    if (next && strcmp(name, next) >= 0)
      why = arena_printf(arena, "%s would not come before %s", name, next);
    else if (fs_exists(path))
      why = arena_printf(arena, "%s exists already", path);
    vec_push(arena, ret, ((struct target){path, pieces->at[i].text}));
  }
  return why;
}

/* What is applied is never changed: NULL, or why the file is left alone. */
static const char *why_not_changed(const struct cli *cli, const struct lint_run *run,
                                   const struct lint_source *file)
{
  if (file->applied)
    return "it is applied already";
  if (cli->options.fix && file->home && !run->ledger && !file->home->has_cutoff)
    return "whether it is applied already is not known; name the database with --against, or the "
           "first migration that is not with --since";
  return NULL;
}

static int write_targets(struct cli *cli, const struct targets *targets, struct lint_run *run,
                         struct err *err)
{
  struct stat st;
  for (size_t i = targets->len; i-- > 0;) {
    const struct target *t = &targets->at[i];
    unsigned mode = stat(targets->at[0].path, &st) == 0 ? st.st_mode & 0777 : 0644;
    if (fs_mkdirs(fs_dirname(cli->arena, t->path), 0755, err) < 0 ||
        fs_write_atomic(t->path, t->text, strlen(t->text), mode, err) < 0)
      return -1;
    vec_push(cli->arena, &run->written, t->path);
  }
  return 0;
}

static int fix_file(struct cli *cli, struct lint_run *run, size_t index, struct text *diff,
                    struct err *err)
{
  const struct lint_source *file = run->files.at[index];
  struct lint_pieces pieces;
  struct targets targets = {0};
  const char *why = why_not_changed(cli, run, file);
  if (!why)
    lint_fix_script(cli->arena, &run->input, &run->report, index, &pieces, &why);
  if (!why)
    why = place(cli->arena, file, &pieces, &targets);
  if (why) {
    log_warning("%s is not fixed: %s", file->path, why);
    return 0;
  }
  for (size_t i = 0; i < targets.len && cli->options.diff; i++)
    report_diff(diff, targets.at[i].path, i == 0 ? file->script->bytes : NULL, targets.at[i].text);
  if (!cli->options.fix)
    return 0;
  log_info("%s: fixed%s", file->path,
           targets.len > 1 ? arena_printf(cli->arena, ", in %zu files", targets.len) : "");
  return write_targets(cli, &targets, run, err);
}

/* What stays as it is in a file with findings: a diff without them would look like the whole. */
static void tell_unfixed(const struct lint_run *run)
{
  for (size_t i = 0; i < run->report.findings.len; i++) {
    const struct lint_finding *f = &run->report.findings.at[i];
    if (f->no_fix && !f->suppressed)
      log_info("%s:%d:%d: %s is not fixed: %s", f->file, f->start.line, f->start.column,
               f->rule->id, f->no_fix);
  }
}

int lint_fix_files(struct cli *cli, struct lint_run *run, struct text *diff, struct err *err)
{
  for (size_t i = 0; i < run->input.count; i++)
    if (!run->files.at[i]->history && lint_fix_any(&run->report, i) &&
        fix_file(cli, run, i, diff, err) < 0)
      return -1;
  tell_unfixed(run);
  return 0;
}

/* ---- for a report ---- */

static bool is_of(const struct lint_fix *fix, const struct lint_finding *f)
{
  return f->fix && !f->suppressed && fix->rule == f->rule && fix->script == f->script &&
         fix->statement == f->statement && fix->offset == f->start.offset;
}

void lint_fix_list(struct cli *cli, const struct lint_run *run, struct report_lint_fixes *ret)
{
  const struct lint_report *report = &run->report;
  for (size_t i = 0; i < report->fixes.len; i++) {
    struct lint_fix *fix = &report->fixes.at[i];
    const struct lint_source *file = run->files.at[fix->script];
    struct lint_report alone = *report;
    struct lint_pieces pieces;
    struct targets targets = {0};
    const char *why;
    alone.fixes = (struct lint_fixes){.at = fix, .len = 1};
    if (file->applied || file->history ||
        !lint_fix_script(cli->arena, &run->input, &alone, fix->script, &pieces, &why) ||
        place(cli->arena, file, &pieces, &targets))
      continue;
    for (size_t k = 0; k < report->findings.len; k++) {
      if (!is_of(fix, &report->findings.at[k]))
        continue;
      struct report_lint_fix *listed = vec_add(cli->arena, ret);
      *listed = (struct report_lint_fix){.finding = k};
      for (size_t t = 0; t < targets.len; t++)
        vec_push(cli->arena, &listed->files,
                 ((struct report_lint_file){targets.at[t].path, targets.at[t].text}));
    }
  }
}

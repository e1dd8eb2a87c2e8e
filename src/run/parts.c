/* The parts of a migration that holds something that cannot run in a transaction. */
#include <ctype.h>

#include "run/pipeline.h"
#include "sql/tree.h"

static void add_part(struct run *run, const struct run_file *whole, size_t part, size_t first,
                     size_t last)
{
  struct run_file *file = vec_add(run->arena, &run->files);
  *file = *whole;
  file->part = part;
  file->name = arena_printf(run->arena, "%s#%zu", whole->migration->name, part);
  file->script = sql_script_part(run->arena, whole->whole, first, last);
  file->first = 0;
  file->last = last - first;
  file->shape = whole->whole->statements.at[last - 1].bare ? SQL_SHAPE_BARE : SQL_SHAPE_TRANSACTION;
}

/* A blank of `words` stands for any white space. */
static bool begins_with(const char *text, const char *words)
{
  for (; *words; words++) {
    if (*words == ' ') {
      if (!isspace((unsigned char)*text))
        return false;
      text += strspn(text, " \t\r\n\f\v");
    } else if (toupper((unsigned char)*text++) != *words) {
      return false;
    }
  }
  return true;
}

/* For the session. What is set for a transaction has none to hold in, and must not get one. */
static bool only_sets(const struct sql_statement *s)
{
  return s->tree && s->tree->kind == SQL_SET && !begins_with(s->text, "SET LOCAL") &&
         !begins_with(s->text, "SET TRANSACTION");
}

/* What one statement SETs for the next holds in its session; but belay sets the role back after
 * each transaction. */
static int check_no_role(const struct sql_script *script, const struct sql_statement *s,
                         struct err *err)
{
  static const char *const roles[] = {"SET ROLE", "SET SESSION ROLE", "SET SESSION AUTHORIZATION"};
  for (size_t i = 0; i < COUNT_OF(roles); i++) {
    if (!begins_with(s->text, roles[i]))
      continue;
    err_set(err, ERR_REFUSED,
            "%s:%d:%d: %s does not last in a file that runs statement by"
            " statement",
            script->name, s->start.line, s->start.column, roles[i]);
    return err_hint(err, "Put what cannot run in a transaction into a migration of its own, or let"
                         " belay connect as that role.");
  }
  return 0;
}

int run_add_parts(struct run *run, const struct run_file *whole, struct err *err)
{
  const struct sql_statements *all = &whole->whole->statements;
  size_t first = whole->first, part = 0, parts = 0;
  for (size_t i = whole->first; i < whole->last; i++)
    parts += !only_sets(&all->at[i]) || i + 1 == whole->last;
  struct run_file model = *whole;
  model.parts = parts;
  for (size_t i = whole->first; i < whole->last; i++) {
    if (parts > 1 && check_no_role(whole->whole, &all->at[i], err) < 0)
      return -1;
    if (only_sets(&all->at[i]) && i + 1 < whole->last)
      continue;
    add_part(run, &model, ++part, first, i + 1);
    if (parts == 1)
      run->files.at[run->files.len - 1].name = whole->migration->name;
    first = i + 1;
  }
  return 0;
}

bool run_is_first_part(const struct run_file *file)
{
  return file->part == 1;
}

bool run_is_last_part(const struct run_file *file)
{
  return file->part == file->parts;
}

size_t run_count_migrations(const struct run *run)
{
  size_t count = 0;
  for (size_t i = 0; i < run->files.len; i++)
    count += run_is_first_part(&run->files.at[i]);
  return count;
}

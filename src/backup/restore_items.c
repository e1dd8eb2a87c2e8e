#include "backup/restore.h"

#include "base/interrupt.h"
#include "sql/script.h"

/* Marks stand between statements, never within one. Both lists are in the order of the text. */
static int add_items(struct restore *restore, const struct sql_script *script,
                     struct restore_items *items, struct err *err)
{
  struct mark mark = {0};
  size_t comment = 0;
  for (size_t i = 0; i < script->statements.len; i++) {
    const struct sql_statement *s = &script->statements.at[i];
    for (; comment < script->comments.len; comment++) {
      const struct sql_comment *c = &script->comments.at[comment];
      if (c->start.offset > s->start.offset)
        break;
      bool between = i == 0 || c->start.offset >= script->statements.at[i - 1].end.offset;
      if (between && mark_is(c->text) && mark_read(restore->arena, c->text, &mark, err) < 0)
        return -1;
    }
    struct restore_item *item = vec_add(restore->arena, items);
    *item = (struct restore_item){
        .mark = mark, .sql = arena_strdup(restore->arena, s->text), .bare = s->bare != NULL};
    item->names_role = restore_names_role(item);
    restore->marked = restore->marked || mark.kind;
  }
  return 0;
}

static int read_part(struct restore *restore, const struct archive_entry *e,
                     struct restore_items *items, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  struct sql_script *script = NULL;
  if (interrupt_check(err) < 0 || archive_read(restore->archive, e, &sql, err) < 0)
    return -1;
  if (sql_script_read(arena, e->object, sql.data, sql.len, &script, err) == 0 &&
      add_items(restore, script, items, err) == 0)
    return 0;
  err_recode(err, ERR_DAMAGED);
  return err_wrap(err, "member %s (%s)", e->id, e->object);
}

static int read_member(struct restore *restore, const char *object, struct restore_items *items,
                       struct err *err)
{
  bool found = false;
  for (size_t i = 0; i < restore->archive->entries.len; i++) {
    const struct archive_entry *e = &restore->archive->entries.at[i];
    if (strcmp(e->kind, "sql") != 0 || strcmp(e->object, object) != 0)
      continue;
    found = true;
    if (read_part(restore, e, items, err) < 0)
      return -1;
  }
  if (!found)
    return err_set(err, ERR_DAMAGED, "%s: there is no member \"%s\"", restore->archive->prefix,
                   object);
  return 0;
}

/* The text is the catalog's own, so its form is known. A backup without marks: none. */
static bool stores_rows(const struct restore_item *item)
{
  static const char table[] = "CREATE TABLE ", unlogged[] = "CREATE UNLOGGED TABLE ";
  return mark_is_kind(&item->mark, CATALOG_TABLE) && mark_is_for(&item->mark, CATALOG_FOR_CREATE) &&
         (strncmp(item->sql, table, strlen(table)) == 0 ||
          strncmp(item->sql, unlogged, strlen(unlogged)) == 0) &&
         !strstr(item->sql, "\nPARTITION BY ");
}

/* A table that is neither listed nor left out would come back empty, as if it had been so. */
static int check_none_forgotten(struct restore *restore, struct err *err)
{
  struct map *known = backup_left_out(restore->arena, restore->archive);
  for (size_t i = 0; i < restore->tables.len; i++)
    map_put(known, restore->tables.at[i].identity, restore);
  for (size_t i = 0; i < restore->pre_data.len; i++) {
    const struct restore_item *item = &restore->pre_data.at[i];
    if (stores_rows(item) && !map_get(known, item->mark.object))
      return err_set(err, ERR_DAMAGED,
                     "%s/manifest.json: the rows of %s are not in it, nor is the table said to be"
                     " left out",
                     restore->archive->prefix, item->mark.object);
  }
  return 0;
}

int restore_read_items(struct restore *restore, struct err *err)
{
  struct restore_items pre_data = {0};
  if ((backup_has_large_objects(&restore->tables) &&
       read_member(restore, "large objects", &restore->large_objects, err) < 0) ||
      read_member(restore, "pre-data", &pre_data, err) < 0 ||
      read_member(restore, "sequences", &restore->values, err) < 0 ||
      read_member(restore, "post-data", &restore->post_data, err) < 0)
    return -1;
  for (size_t i = 0; i < pre_data.len; i++)
    vec_push(restore->arena,
             restore_is_of_database(&pre_data.at[i]) ? &restore->of_database : &restore->pre_data,
             pre_data.at[i]);
  return check_none_forgotten(restore, err);
}

void restore_note(const struct restore *restore, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  const char *line = arena_vprintf(restore->arena, fmt, args);
  va_end(args);
  if (restore->options->note)
    restore->options->note(restore->options->note_context, line);
}

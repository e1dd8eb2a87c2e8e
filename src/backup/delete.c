#include "backup/session.h"
#include "backup/template.h"

/* First it is no longer listed. Should the rest fail, template.json still tells of the database. */
static int delete_template(struct arena *arena, struct place *place, const struct db_target *target,
                           const struct template_note *note, struct err *err)
{
  CLEANUP(db_closep) struct db_conn *conn = NULL;
  struct template_state state;
  if (backup_open_maintenance(target, "belay prune", &conn, err) < 0 ||
      template_look(arena, conn, note, &state, err) < 0)
    return -1;
  if (state.exists && !state.marked)
    return template_drop(arena, conn, note, err); /* says why not */
  if (place_delete(place, arena_printf(arena, "%s/manifest.json", note->prefix), err) < 0)
    return -1;
  return template_drop(arena, conn, note, err);
}

int backup_delete(struct arena *arena, struct place *place, const struct db_target *target,
                  const struct backup_info *info, struct err *err)
{
  struct template_note note;
  bool is_template;
  if (template_note_get(arena, place, info->prefix, &note, &is_template, err) < 0 ||
      (is_template && delete_template(arena, place, target, &note, err) < 0) ||
      place_delete_prefix(place, info->prefix, err) < 0)
    return err_wrap(err, "deleting backup %s", info->id);
  return 0;
}

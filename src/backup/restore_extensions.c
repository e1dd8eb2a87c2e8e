#include "backup/restore_names.h"

#include "sql/quote.h"

static bool is_skipped(const struct restore *restore, const char *name)
{
  for (size_t i = 0; i < restore->options->skip_extensions.len; i++)
    if (strcmp(restore->options->skip_extensions.at[i], name) == 0)
      return true;
  return false;
}

/* VERSION goes: the server takes its default. The text is the catalog's own. */
static void drop_version(struct restore *restore, const char *name)
{
  static const char version[] = " VERSION ";
  const char *identity = sql_ident(restore->arena, name);
  for (size_t i = 0; i < restore->pre_data.len; i++) {
    struct restore_item *item = &restore->pre_data.at[i];
    const char *last = NULL;
    if (!mark_is_kind(&item->mark, CATALOG_EXTENSION) ||
        !mark_is_for(&item->mark, CATALOG_FOR_CREATE) || strcmp(item->mark.object, identity) != 0)
      continue;
    for (const char *p = item->sql; (p = strstr(p, version)); p++)
      last = p;
    if (last)
      item->sql = arena_strndup(restore->arena, item->sql, (size_t)(last - item->sql));
  }
}

static int refuse_need(const struct restore_item *item, const char *name, struct err *err)
{
  err_set(err, ERR_REFUSED, "without extension %s there can be no %s %s, which needs it", name,
          item->mark.kind, item->mark.object);
  return err_hint(err, "Install the extension's package on the server and leave out"
                       " --skip-extension.");
}

static int leave_out_of(struct restore *restore, struct restore_items *items, const char *name,
                        struct err *err)
{
  const char *title = arena_printf(restore->arena, "%s %s", catalog_kind_name(CATALOG_EXTENSION),
                                   sql_ident(restore->arena, name));
  for (size_t i = 0; i < items->len; i++) {
    struct restore_item *item = &items->at[i];
    if (strcmp(mark_title(restore->arena, &item->mark), title) == 0) {
      item->left_out = true;
      continue;
    }
    for (size_t k = 0; !item->left_out && k < item->mark.needs.len; k++)
      if (strcmp(item->mark.needs.at[k], title) == 0)
        return refuse_need(item, name, err);
  }
  return 0;
}

static int leave_out(struct restore *restore, const char *name, struct err *err)
{
  if (!restore->marked)
    return 0; /* restore_check_names refuses */
  restore_note(restore, "extension %s is left out", name);
  if (leave_out_of(restore, &restore->pre_data, name, err) < 0)
    return -1;
  return leave_out_of(restore, &restore->post_data, name, err);
}

static int check_one(struct restore *restore, const char *name, const char *version,
                     const char *offered, struct err *err)
{
  if (is_skipped(restore, name))
    return leave_out(restore, name, err);
  if (offered && strcmp(offered, version) == 0)
    return 0;
  if (!offered || !restore->marked) {
    err_set(err, ERR_REFUSED, "the server does not offer the extension %s %s%s%s%s", name, version,
            offered ? " (only " : "", offered ? offered : "", offered ? ")" : "");
    return err_hint(err,
                    "Install its package on the server, then restore again. If nothing needs it:"
                    " --skip-extension %s",
                    name);
  }
  restore_note(restore, "extension %s is restored in version %s: the server does not offer %s",
               name, offered, version);
  drop_version(restore, name);
  return 0;
}

/* An extension that a --table leaves out is not asked for. */
static bool is_left_out(const struct restore *restore, const char *name)
{
  const char *identity = sql_ident(restore->arena, name);
  bool found = false;
  for (size_t i = 0; i < restore->pre_data.len; i++) {
    const struct restore_item *item = &restore->pre_data.at[i];
    if (!mark_is_kind(&item->mark, CATALOG_EXTENSION) || strcmp(item->mark.object, identity) != 0)
      continue;
    found = true;
    if (!item->left_out)
      return false;
  }
  return found;
}

int restore_check_extensions(struct restore *restore, struct db_conn *conn, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(free_ptr)
  char *json = json_dumps(json_object_get(restore->archive->manifest, "extensions"), JSON_COMPACT);
  if (!json)
    return err_set(err, ERR_DAMAGED, "%s/manifest.json: \"extensions\" is missing",
                   restore->archive->prefix);
  if (db_query(conn, &r, err,
               "SELECT e ->> 'name', e ->> 'version', coalesce((SELECT v.version FROM"
               " pg_catalog.pg_available_extension_versions v WHERE v.name = e ->> 'name' AND"
               " v.version = e ->> 'version'), (SELECT a.default_version FROM"
               " pg_catalog.pg_available_extensions a WHERE a.name = e ->> 'name'))"
               " FROM pg_catalog.json_array_elements($1::json) AS e",
               json, NULL) < 0)
    return -1;
  struct strings names = {0};
  for (int i = 0; i < db_rows(r); i++) {
    vec_push(restore->arena, &names, arena_strdup(restore->arena, db_value(r, i, 0)));
    if (!is_left_out(restore, db_value(r, i, 0)) &&
        check_one(restore, db_value(r, i, 0), db_value(r, i, 1), db_value(r, i, 2), err) < 0)
      return -1;
  }
  for (size_t i = 0; i < restore->options->skip_extensions.len; i++) {
    bool found = false;
    for (size_t k = 0; k < names.len; k++)
      found = found || strcmp(names.at[k], restore->options->skip_extensions.at[i]) == 0;
    if (!found)
      return err_set(err, ERR_USAGE, "--skip-extension %s: the backup holds no such extension",
                     restore->options->skip_extensions.at[i]);
  }
  return 0;
}

static bool is_made(const struct restore *restore, const char *table)
{
  for (size_t i = 0; i < restore->pre_data.len; i++) {
    const struct mark *m = &restore->pre_data.at[i].mark;
    if (mark_is_kind(m, CATALOG_TABLE) && strcmp(m->object, table) == 0)
      return true;
  }
  return false;
}

int restore_leave_out_absent(struct restore *restore, struct err *err)
{
  struct backup_tables kept = {0};
  if (!restore->options->skip_extensions.len)
    return 0;
  for (size_t i = 0; i < restore->tables.len; i++) {
    const struct backup_table *t = &restore->tables.at[i];
    CLEANUP(db_result_clear) struct db_result *r = NULL;
    if (db_query(restore->conn, &r, err, "SELECT pg_catalog.to_regclass($1) IS NULL", t->identity,
                 NULL) < 0)
      return -1;
    if (db_bool(r, 0, 0) && !is_made(restore, t->identity))
      restore_note(restore, "the rows of %s are left out with its extension", t->identity);
    else
      vec_push(restore->arena, &kept, *t);
  }
  restore->tables = kept;
  return 0;
}

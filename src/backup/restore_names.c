#include "backup/restore_names.h"

#include "sql/quote.h"

struct checking {
  struct restore *restore;
  struct db_conn *conn;
  struct names roles, tablespaces;
  struct map *items_of; /* role -> struct names_items: those that can be left out */
  struct map *needed;   /* roles that cannot be left out; tablespaces under their own key */
  struct map *owners;   /* roles that get something */
  struct map *places;   /* tablespaces */
};
VEC_TYPE(item_pointers, struct restore_item *);

static bool form_of(const struct restore_item *item, enum names_form *ret)
{
  const struct mark *m = &item->mark;
  bool create = mark_is_for(m, CATALOG_FOR_CREATE);
  if (mark_is_for(m, CATALOG_FOR_OWNER))
    *ret = NAMES_OWNER;
  else if (mark_is_for(m, CATALOG_FOR_PRIVILEGES))
    *ret = NAMES_PRIVILEGES;
  else if (mark_is_for(m, CATALOG_FOR_SETTING))
    *ret = NAMES_SETTING;
  else if (create && mark_is_kind(m, CATALOG_POLICY))
    *ret = NAMES_POLICY;
  else if (create && strcmp(m->kind, "user mapping") == 0)
    *ret = NAMES_MAPPING;
  else
    return false;
  return true;
}

static void note_role(struct checking *c, struct restore_item *item, const char *role)
{
  struct arena *arena = c->restore->arena;
  if (!item->names_role) {
    map_put(c->needed, role, c);
    return;
  }
  struct item_pointers *items = map_get(c->items_of, role);
  if (!items) {
    items = ARENA_NEW(arena, struct item_pointers);
    map_put(c->items_of, role, items);
  }
  vec_push(arena, items, item);
}

static const char *with_tablespace(struct checking *c, const char *sql)
{
  if (!sql || !strstr(sql, "TABLESPACE "))
    return sql;
  sql = names_rewrite(&c->tablespaces, NAMES_TABLESPACE, sql);
  for (size_t i = 0; i < c->tablespaces.found.len; i++)
    map_put(c->places, c->tablespaces.found.at[i], c);
  return sql;
}

static void check_item(struct checking *c, struct restore_item *item)
{
  const struct restore_options *options = c->restore->options;
  enum names_form form;
  if (item->names_role && options->no_owner)
    item->left_out = true;
  if (item->left_out)
    return;
  if (form_of(item, &form)) {
    item->sql = names_rewrite(&c->roles, form, item->sql);
    for (size_t i = 0; i < c->roles.found.len; i++) {
      note_role(c, item, c->roles.found.at[i]);
      if (form == NAMES_OWNER)
        map_put(c->owners, c->roles.found.at[i], c);
    }
    return;
  }
  bool relation =
      mark_is_kind(&item->mark, CATALOG_TABLE) || mark_is_kind(&item->mark, CATALOG_MATVIEW) ||
      mark_is_kind(&item->mark, CATALOG_INDEX) || mark_is_kind(&item->mark, CATALOG_CONSTRAINT);
  if (!relation || mark_is_for(&item->mark, CATALOG_FOR_COMMENT))
    return;
  if (c->tablespaces.drop && strstr(item->sql, " SET TABLESPACE ")) {
    item->left_out = true;
    return;
  }
  item->sql = with_tablespace(c, item->sql);
  item->mark.split_index = with_tablespace(c, item->mark.split_index);
}

static void check_items(struct checking *c, struct restore_items *items)
{
  for (size_t i = 0; i < items->len; i++)
    check_item(c, &items->at[i]);
}

/* Those keys of `names` that the catalog's list does not have. */
static int find_absent(struct checking *c, const struct map *names, const char *list,
                       struct strings *ret, struct err *err)
{
  json_t *array = json_array();
  for (size_t i = 0; i < map_len(names); i++)
    json_array_append_new(array, json_string(map_key_at(names, i)));
  CLEANUP(free_ptr) char *json = json_dumps(array, JSON_COMPACT);
  json_decref(array);
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  const char *sql = arena_printf(c->restore->arena,
                                 "SELECT name FROM pg_catalog.json_array_elements_text($1::json)"
                                 " AS name WHERE name NOT IN (%s) ORDER BY name COLLATE \"C\"",
                                 list);
  if (db_query(c->conn, &r, err, sql, json, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    vec_push(c->restore->arena, ret, arena_strdup(c->restore->arena, db_value(r, i, 0)));
  return 0;
}

static char *joined(struct arena *arena, const struct strings *names)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (size_t i = 0; i < names->len; i++)
    text_printf(&out, "%s%s", i ? ", " : "", sql_ident(arena, names->at[i]));
  return arena_strdup(arena, out.data);
}

static int refuse_roles(struct checking *c, const struct strings *roles, bool needed,
                        struct err *err)
{
  struct arena *arena = c->restore->arena;
  err_set(err, ERR_REFUSED, "%s roles that do not exist here: %s",
          needed ? "policies of the backup name" : "the backup names", joined(arena, roles));
  return err_hint(err, "Create them (CREATE ROLE %s;), or take another with --map-role %s=NEW%s.",
                  sql_ident(arena, roles->at[0]), roles->at[0],
                  needed ? "" : ", or leave owners and privileges out with --no-owner");
}

static int check_roles(struct checking *c, struct err *err)
{
  static const char roles[] = "SELECT rolname FROM pg_catalog.pg_roles";
  struct restore *restore = c->restore;
  struct strings needed = {0}, others = {0};
  if (find_absent(c, c->needed, roles, &needed, err) < 0 ||
      find_absent(c, c->items_of, roles, &others, err) < 0)
    return -1;
  if (needed.len)
    return refuse_roles(c, &needed, true, err);
  if (others.len && restore->options->need_roles)
    return refuse_roles(c, &others, false, err);
  for (size_t i = 0; i < others.len; i++) {
    struct item_pointers *items = map_get(c->items_of, others.at[i]);
    for (size_t k = 0; k < items->len; k++)
      items->at[k]->left_out = true;
    vec_push(restore->arena, &restore->missing_roles, others.at[i]);
  }
  return 0;
}

/* Who restores must be able to give things away. Of pg_database_owner every owner of a database is
 * a member, in that database only. */
static int check_owners(struct checking *c, struct err *err)
{
  struct strings foreign = {0};
  const char *able =
      arena_printf(c->restore->arena,
                   "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = 'pg_database_owner' OR"
                   " pg_catalog.pg_has_role(current_user, oid, '%s')",
                   db_server_major(c->conn) >= 16 ? "SET" : "MEMBER");
  if (find_absent(c, c->owners, able, &foreign, err) < 0)
    return -1;
  for (size_t i = foreign.len; i-- > 0;) /* they were left out */
    for (size_t k = 0; k < c->restore->missing_roles.len; k++)
      if (i < foreign.len && strcmp(foreign.at[i], c->restore->missing_roles.at[k]) == 0)
        foreign.at[i] = foreign.at[--foreign.len];
  if (!foreign.len)
    return 0;
  struct arena *arena = c->restore->arena;
  const char *user = db_user(c->conn);
  err_set(err, ERR_PREFLIGHT,
          "role %s may not make objects of others: the backup names the owners"
          " %s",
          user, joined(arena, &foreign));
  return err_hint(err,
                  "Restore as a superuser, or let one type: GRANT %s TO %s; or take another owner"
                  " with --map-role %s=%s, or leave owners and privileges out with --no-owner.",
                  joined(arena, &foreign), sql_ident(arena, user), foreign.at[0], user);
}

static int check_tablespaces(struct checking *c, struct err *err)
{
  struct strings absent = {0};
  if (find_absent(c, c->places, "SELECT spcname FROM pg_catalog.pg_tablespace", &absent, err) < 0)
    return -1;
  if (!absent.len)
    return 0;
  err_set(err, ERR_REFUSED, "the backup names tablespaces that do not exist here: %s",
          joined(c->restore->arena, &absent));
  return err_hint(err,
                  "Create them, or take another with --map-tablespace %s=NEW, or put all into the"
                  " default one with --no-tablespaces.",
                  absent.at[0]);
}

static int check_used(const struct names *names, const char *option, const char *what,
                      struct err *err)
{
  for (size_t i = 0; i < names->maps.len; i++)
    if (!names->maps.at[i].used)
      return err_set(err, ERR_USAGE, "%s %s=%s: the backup names no such %s", option,
                     names->maps.at[i].from, names->maps.at[i].to, what);
  return 0;
}

static int refuse_unmarked(const struct restore_options *options, struct err *err)
{
  if (!options->map_roles.len && !options->map_tablespaces.len && !options->no_tablespaces &&
      !options->skip_extensions.len && !options->tables.len)
    return 0;
  err_set(err, ERR_REFUSED,
          "the backup was made by an older belay, whose schema does not say what each statement"
          " is: nothing can be mapped or left out");
  return err_hint(err, "Restore it whole, then take what you need from the restored database.");
}

/* That of the new database: relations are in it or elsewhere. Some tables alone need none. */
static void check_database(struct checking *c)
{
  static const char word[] = "TABLESPACE ";
  struct restore *restore = c->restore;
  const struct restore_options *o = restore->options;
  const char *name = json_string_value(
      json_object_get(json_object_get(restore->archive->manifest, "properties"), "tablespace"));
  if (o->existing || o->tables.len || o->no_tablespaces || !name || strcmp(name, "pg_default") == 0)
    return;
  const char *clause = arena_printf(restore->arena, "%s%s", word, sql_ident(restore->arena, name));
  restore->tablespace = with_tablespace(c, clause) + strlen(word);
}

int restore_check_names(struct restore *restore, struct db_conn *conn, struct err *err)
{
  const struct restore_options *options = restore->options;
  struct arena *arena = restore->arena;
  if (!restore->marked)
    return refuse_unmarked(options, err);
  struct checking c = {.restore = restore,
                       .conn = conn,
                       .roles = {.arena = arena},
                       .tablespaces = {.arena = arena, .drop = options->no_tablespaces},
                       .items_of = map_new(arena),
                       .owners = map_new(arena),
                       .needed = map_new(arena),
                       .places = map_new(arena)};
  if (names_parse(arena, &options->map_roles, "--map-role", &c.roles.maps, err) < 0 ||
      names_parse(arena, &options->map_tablespaces, "--map-tablespace", &c.tablespaces.maps, err) <
          0)
    return -1;
  check_database(&c);
  check_items(&c, &restore->large_objects);
  if (!options->data_only) {
    check_items(&c, &restore->of_database);
    check_items(&c, &restore->pre_data);
    check_items(&c, &restore->post_data);
  }
  if (check_used(&c.roles, "--map-role", "role", err) < 0 ||
      check_used(&c.tablespaces, "--map-tablespace", "tablespace", err) < 0 ||
      check_roles(&c, err) < 0 || check_owners(&c, err) < 0)
    return -1;
  return check_tablespaces(&c, err);
}

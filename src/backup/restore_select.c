#include "backup/restore_select.h"

#include "backup/pattern.h"

struct selection {
  struct restore *restore;
  struct map *makers;     /* title -> struct item_list: pre-data statements of the object */
  struct map *belongs;    /* title -> struct item_list: what comes along with it */
  struct map *roots;      /* partition -> the partitioned table */
  struct map *wanted;     /* titles */
  struct map *no_rows;    /* a scoped backup has the schema of every table, but not the rows */
  struct strings open;    /* wanted titles whose needs were not looked at */
  struct map *dependents; /* titles that are not wanted, but need a wanted table */
  struct map *noted;      /* kind -> struct strings: those of them to be noted */
};
VEC_TYPE(item_list, struct restore_item *);

static char *title_of(const struct selection *s, enum catalog_kind kind, const char *identity)
{
  return arena_printf(s->restore->arena, "%s %s", catalog_kind_name(kind), identity);
}

static bool is_table(const struct mark *m)
{
  return mark_is_kind(m, CATALOG_TABLE);
}

static void want(struct selection *s, const char *title)
{
  if (map_get(s->makers, title) && !map_put(s->wanted, title, s))
    vec_push(s->restore->arena, &s->open, title);
}

/* The object that a statement is about: what it belongs to for columns. */
static char *object_title(const struct selection *s, const struct mark *m)
{
  if (mark_is_kind(m, CATALOG_COLUMN) && m->table)
    return title_of(s, CATALOG_TABLE, m->table);
  return mark_title(s->restore->arena, m);
}

static void add_to(struct selection *s, struct map *map, const char *title,
                   struct restore_item *item)
{
  struct item_list *list = map_get(map, title);
  if (!list) {
    list = ARENA_NEW(s->restore->arena, struct item_list);
    map_put(map, title, list);
  }
  vec_push(s->restore->arena, list, item);
}

/* What comes along with a table: its partitions, the sequences of its columns, CHECKs; the last
 * with a domain, too. */
static void learn_belonging(struct selection *s, struct restore_item *item)
{
  const struct mark *m = &item->mark;
  bool partition = is_table(m) && mark_is_for(m, CATALOG_FOR_ATTACH);
  bool check = mark_is_kind(m, CATALOG_CONSTRAINT);
  if (!m->table || !(partition || check || mark_is_kind(m, CATALOG_SEQUENCE)))
    return;
  add_to(s, s->belongs, title_of(s, CATALOG_TABLE, m->table), item);
  if (check)
    add_to(s, s->belongs, title_of(s, CATALOG_DOMAIN, m->table), item);
  if (partition)
    map_put(s->roots, m->object, arena_strdup(s->restore->arena, m->table));
}

static void learn(struct selection *s)
{
  struct restore_items *items = &s->restore->pre_data;
  for (size_t i = 0; i < items->len; i++)
    if (items->at[i].mark.kind) {
      add_to(s, s->makers, object_title(s, &items->at[i].mark), &items->at[i]);
      learn_belonging(s, &items->at[i]);
    }
}

static int refuse_without_rows(const char *identity, struct err *err)
{
  err_set(err, ERR_REFUSED, "the rows of %s are not in this backup: it is scoped", identity);
  return err_hint(err, "Choose a backup that holds them (see belay list backups), or restore its"
                       " definition alone with --schema-only.");
}

/* Of all that is wanted: also of partitions, and of what comes along. */
static int check_rows(const struct selection *s, struct err *err)
{
  for (size_t i = 0; i < s->restore->pre_data.len && !s->restore->options->schema_only; i++) {
    const struct mark *m = &s->restore->pre_data.at[i].mark;
    if (is_table(m) && map_get(s->wanted, mark_title(s->restore->arena, m)) &&
        map_get(s->no_rows, m->object))
      return refuse_without_rows(m->object, err);
  }
  return 0;
}

static int choose(struct selection *s, struct err *err)
{
  struct patterns patterns;
  if (patterns_parse(s->restore->arena, &s->restore->options->tables, &patterns, err) < 0)
    return -1;
  for (size_t i = 0; i < s->restore->pre_data.len; i++) {
    const struct mark *m = &s->restore->pre_data.at[i].mark;
    if (is_table(m) && mark_is_for(m, CATALOG_FOR_CREATE) && patterns_match(&patterns, m->object))
      want(s, mark_title(s->restore->arena, m));
  }
  return patterns_check_used(&patterns, "the backup", err);
}

/* A partition and its indexes may be wanted without the partitioned table and its indexes. */
static bool is_of_root(const struct selection *s, const struct mark *m, const char *need)
{
  const char *root = map_get(s->roots, is_table(m) || !m->table ? m->object : m->table);
  const char *identity = strchr(need, ' ');
  if (!root || !identity || strncmp(identity + 1, root, strlen(root)) != 0)
    return false;
  char next = identity[1 + strlen(root)];
  return next == '\0' || next == '.';
}

static bool is_title_of_table(const char *title)
{
  return strncmp(title, "table ", strlen("table ")) == 0;
}

/* Rows alone need no other table's rows: the tables are there. */
static bool brings_along(const struct selection *s, const struct mark *m, const char *need)
{
  return !is_of_root(s, m, need) && !(s->restore->options->data_only && is_title_of_table(need));
}

static void close_over(struct selection *s)
{
  while (s->open.len) {
    const char *title = s->open.at[--s->open.len];
    const struct item_list *list = map_get(s->makers, title);
    for (size_t i = 0; i < list->len; i++) {
      const struct mark *m = &list->at[i]->mark;
      for (size_t k = 0; k < m->needs.len; k++)
        if (brings_along(s, m, m->needs.at[k]))
          want(s, m->needs.at[k]);
    }
    list = map_get(s->belongs, title);
    for (size_t i = 0; list && i < list->len; i++)
      want(s, mark_title(s->restore->arena, &list->at[i]->mark));
  }
}

/* Of rows alone, no part of the schema is left out. */
static void note_schema(const struct selection *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note_schema(const struct selection *s, const char *fmt, ...)
{
  if (s->restore->options->data_only)
    return;
  va_list args;
  va_start(args, fmt);
  restore_note(s->restore, "%s", arena_vprintf(s->restore->arena, fmt, args));
  va_end(args);
}

static const char *missing_need(const struct selection *s, const struct restore_item *item)
{
  const struct mark *m = &item->mark;
  bool attach = mark_is_for(m, CATALOG_FOR_ATTACH);
  for (size_t i = 0; i < m->needs.len; i++)
    if (!map_get(s->wanted, m->needs.at[i]) && (attach || !is_of_root(s, m, m->needs.at[i])))
      return m->needs.at[i];
  return NULL;
}

/* ---- what the selection leaves out ---- */

/* What uses wanted tables and does not belong to them (views, publications, keys of other tables):
 * whoever dropped the tables lost it, too. In order, so that what needs a dependent is one. */
static void learn_dependent(struct selection *s, const struct mark *m)
{
  struct arena *arena = s->restore->arena;
  char *title = object_title(s, m);
  bool uses = false,
       within = m->table && map_get(s->dependents, title_of(s, CATALOG_TABLE, m->table));
  if (!mark_is_for(m, CATALOG_FOR_CREATE) || map_get(s->dependents, title))
    return;
  for (size_t i = 0; i < m->needs.len && !uses; i++)
    uses = map_get(s->dependents, m->needs.at[i]) ||
           (is_title_of_table(m->needs.at[i]) && map_get(s->wanted, m->needs.at[i]));
  if (!uses)
    return;
  map_put(s->dependents, title, s);
  if (within)
    return;
  struct strings *names = map_get(s->noted, m->kind);
  if (!names) {
    names = ARENA_NEW(arena, struct strings);
    map_put(s->noted, m->kind, names);
  }
  vec_push(arena, names, m->object);
}

static void note_dependents(const struct selection *s, const char *kind,
                            const struct strings *names)
{
  enum { SHOWN = 5 };
  struct restore *restore = s->restore;
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  bool one = names->len == 1;
  for (size_t i = 0; i < names->len && i < SHOWN; i++)
    text_printf(&list, "%s%s", i ? ", " : "", names->at[i]);
  if (names->len > SHOWN)
    text_printf(&list, " and %zu more", names->len - SHOWN);
  if (strcmp(kind, catalog_kind_name(CATALOG_PUBLICATION)) == 0)
    note_schema(s, "%s %s %s left out: restored tables are not published by %s%s", kind, list.data,
                one ? "is" : "are", one ? "it" : "them",
                restore->options->existing ? " until ALTER PUBLICATION ... ADD TABLE" : "");
  else
    note_schema(s, "%s %s %s left out: %s restored tables, but %s not belong to them", kind,
                list.data, one ? "is" : "are", one ? "it uses" : "they use", one ? "does" : "do");
}

static void note_left_out(const struct selection *s)
{
  const struct restore *restore = s->restore;
  if (!restore->options->schema_only && restore->large_objects.len)
    restore_note(restore, "large objects are left out: they belong to no table; oids in the"
                          " restored rows that name them may point nowhere");
  for (size_t i = 0; i < map_len(s->noted); i++)
    note_dependents(s, map_key_at(s->noted, i), map_value_at(s->noted, i));
}

/* ---- of each section ---- */

static void filter_pre_data(struct selection *s)
{
  struct restore_items *items = &s->restore->pre_data;
  for (size_t i = 0; i < items->len; i++) {
    struct restore_item *item = &items->at[i];
    if (!map_get(s->wanted, object_title(s, &item->mark))) {
      item->left_out = true;
      learn_dependent(s, &item->mark);
    } else if (is_table(&item->mark) && mark_is_for(&item->mark, CATALOG_FOR_ATTACH) &&
               !map_get(s->wanted, title_of(s, CATALOG_TABLE, item->mark.table))) {
      item->left_out = true;
      note_schema(s, "%s is restored as a table of its own, not as a partition of %s",
                  item->mark.object, item->mark.table);
    }
  }
}

/* In order, so that what is made can be needed by what follows. Views and the like that wait for
 * keys are no belongings of a table. */
static void filter_post_data(struct selection *s)
{
  struct restore_items *items = &s->restore->post_data;
  for (size_t i = 0; i < items->len; i++) {
    struct restore_item *item = &items->at[i];
    const struct mark *m = &item->mark;
    const char *title = object_title(s, m);
    const char *owner = m->table ? title_of(s, CATALOG_TABLE, m->table) : "";
    if (is_table(m) || map_get(s->wanted, title)) {
      item->left_out = !map_get(s->wanted, title) ||
                       (mark_is_for(m, CATALOG_FOR_ATTACH) && missing_need(s, item));
      continue;
    }
    item->left_out = true;
    if (!map_get(s->wanted, owner))
      learn_dependent(s, m);
    if (!map_get(s->wanted, owner) || !mark_is_for(m, CATALOG_FOR_CREATE))
      continue;
    const char *missing = missing_need(s, item);
    if (missing) {
      if (s->restore->options->existing)
        note_schema(s,
                    "%s is left out: it needs %s, which is not restored with it. Where that is"
                    " there, type: %s;",
                    title, missing, item->sql);
      else
        note_schema(s, "%s is left out: it needs %s", title, missing);
      continue;
    }
    map_put(s->wanted, title, s);
    item->left_out = false;
  }
}

/* A whole restore loads hash partitions through their root, whose partitions may be others by now.
 * Without it, rows go through what of the tree is restored. */
static void load_within_selection(const struct selection *s, struct backup_table *t)
{
  const char *target = t->identity, *root;
  while (strcmp(target, t->load_into) != 0 && (root = map_get(s->roots, target)) &&
         map_get(s->wanted, title_of(s, CATALOG_TABLE, root)))
    target = root;
  if (strcmp(target, t->load_into) != 0)
    backup_load_into(s->restore->arena, s->restore->archive, t, target);
}

static void filter_rows(const struct selection *s)
{
  struct restore *restore = s->restore;
  struct backup_tables kept = {0};
  for (size_t i = 0; i < restore->tables.len; i++) {
    struct backup_table *t = &restore->tables.at[i];
    if (!map_get(s->wanted, title_of(s, CATALOG_TABLE, t->identity)))
      continue;
    load_within_selection(s, t);
    vec_push(restore->arena, &kept, *t);
  }
  restore->tables = kept;
  for (size_t i = 0; i < restore->values.len; i++) {
    struct restore_item *item = &restore->values.at[i];
    const char *table = item->mark.table; /* an identity column makes its sequence */
    item->left_out = !map_get(s->wanted, mark_title(restore->arena, &item->mark)) &&
                     !(table && map_get(s->wanted, title_of(s, CATALOG_TABLE, table)));
  }
  for (size_t i = 0; i < restore->of_database.len; i++)
    restore->of_database.at[i].left_out = true;
  restore->large_objects.len = 0; /* they belong to no table */
}

/* What the constraints and indexes of wanted tables need of pre-data comes along: operator classes,
 * functions. Not what triggers and policies call. */
static void want_for_indexes(struct selection *s)
{
  struct restore_items *items = &s->restore->post_data;
  for (size_t i = 0; i < items->len; i++) {
    const struct mark *m = &items->at[i].mark;
    bool whole = mark_is_kind(m, CATALOG_INDEX) || mark_is_kind(m, CATALOG_STATISTICS) ||
                 (mark_is_kind(m, CATALOG_CONSTRAINT) && !m->references);
    if (!whole || !m->table || !map_get(s->wanted, title_of(s, CATALOG_TABLE, m->table)))
      continue;
    for (size_t k = 0; k < m->needs.len; k++)
      if (!is_title_of_table(m->needs.at[k]))
        want(s, m->needs.at[k]);
  }
  close_over(s);
}

int restore_select(struct restore *restore, struct err *err)
{
  struct selection s = {.restore = restore,
                        .makers = map_new(restore->arena),
                        .belongs = map_new(restore->arena),
                        .roots = map_new(restore->arena),
                        .wanted = map_new(restore->arena),
                        .dependents = map_new(restore->arena),
                        .noted = map_new(restore->arena),
                        .no_rows = backup_left_out(restore->arena, restore->archive)};
  learn(&s);
  if (choose(&s, err) < 0)
    return -1;
  close_over(&s);
  want_for_indexes(&s);
  if (check_rows(&s, err) < 0)
    return -1;
  filter_pre_data(&s);
  filter_post_data(&s);
  note_left_out(&s);
  filter_rows(&s);
  return 0;
}

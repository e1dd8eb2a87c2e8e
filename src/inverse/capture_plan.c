/* What to capture, from the proof: the catalogs before and after (of one database, so matched by
 * OID) and what the shadow saw each statement write, lock and rewrite (capture_fate.h). */
#include "inverse/capture_fate.h"
#include "inverse/round.h"

static void refuse(struct planner *p, const char *sentence)
{
  vec_push(p->arena, &p->plan->refusals, sentence);
}

/* ---- text with another meaning ---- */

/* Labels of the enum were renamed: old ones are not there any more, or not in their order. */
static bool is_relabelled(const struct planner *p, const struct catalog_object *type)
{
  const struct catalog_object *now = catalog_find(p->inverse->after, CATALOG_ENUM, type->oid, 0);
  if (!now)
    return true;
  struct strings old = round_json_strings(p->arena, catalog_get(type, "labels"));
  struct strings new = round_json_strings(p->arena, catalog_get(now, "labels"));
  size_t found = 0;
  for (size_t i = 0; i < new.len &&found < old.len; i++)
    found += strcmp(new.at[i], old.at[found]) == 0;
  return found < old.len;
}

static bool rewords(const struct planner *p, const char *type);

/* Attributes are "name type". */
static bool composite_rewords(const struct planner *p, const struct catalog_object *type)
{
  const struct catalog *before = p->inverse->before;
  const struct catalog_object *now =
      catalog_find(p->inverse->after, CATALOG_COMPOSITE, type->oid, 0);
  const char *old = catalog_get(type, "attributes"),
             *new = now ? catalog_get(now, "attributes") : "";
  if (!old || !new || strcmp(old, new) != 0)
    return true;
  struct strings attributes = round_json_strings(p->arena, old);
  for (size_t i = 0; i < attributes.len; i++) {
    const char *attribute = attributes.at[i];
    if (strstr(attribute, " reg"))
      return true;
    for (size_t k = 0; k < before->object_count; k++) {
      const struct catalog_object *o = before->objects[k];
      if ((o->kind == CATALOG_ENUM || o->kind == CATALOG_DOMAIN || o->kind == CATALOG_COMPOSITE) &&
          o != type && strstr(attribute, o->identity) && rewords(p, o->identity))
        return true;
    }
  }
  return false;
}

/* The text of a value of the type may mean another value afterwards, or the same value have another
 * text: of enums whose labels are renamed, of what names an object (regclass), and of what is made
 * of such types. */
static bool rewords(const struct planner *p, const char *type)
{
  const struct catalog *before = p->inverse->before;
  if (!type || strncmp(type, "reg", 3) == 0)
    return true;
  const char *element = arena_strndup(p->arena, type, strcspn(type, "["));
  const struct catalog_object *o = catalog_find_name(before, CATALOG_ENUM, element);
  if (o)
    return is_relabelled(p, o);
  if ((o = catalog_find_name(before, CATALOG_DOMAIN, element)))
    return rewords(p, catalog_get(o, "type"));
  if ((o = catalog_find_name(before, CATALOG_COMPOSITE, element)))
    return composite_rewords(p, o);
  return catalog_find_name(before, CATALOG_TABLE, element) != NULL;
}

static bool is_reworded(const struct planner *p, const struct catalog_object *table)
{
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++)
    if (rewords(p, catalog_get(columns.at[i], "type")))
      return true;
  return false;
}

/* ---- columns and keys ---- */

static bool in(const char *const *list, size_t count, const char *s)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(list[i], s) == 0)
      return true;
  return false;
}

/* Values of both types have the same text, so that keys can be matched by it. */
static bool same_text(const char *a, const char *b)
{
  static const char *const integers[] = {"smallint", "integer", "bigint"};
  if (!a || !b)
    return false;
  if (strcmp(a, b) == 0)
    return true;
  if (in(integers, COUNT_OF(integers), a) && in(integers, COUNT_OF(integers), b))
    return true;
  bool a_text = strcmp(a, "text") == 0 || strncmp(a, "character varying", 17) == 0;
  bool b_text = strcmp(b, "text") == 0 || strncmp(b, "character varying", 17) == 0;
  return a_text && b_text;
}

/* Without a rewrite the bytes stay; but whether timestamps are rewritten depends on the session's
 * time zone. */
static bool retype_needs_rows(const struct planner *p, const struct catalog_object *table)
{
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++) {
    const struct catalog_object *now = planner_column_after(p, columns.at[i]);
    const char *old = catalog_get(columns.at[i], "type"),
               *new = now ? catalog_get(now, "type") : "";
    if (old && new &&strcmp(old, new) != 0 && strncmp(old, "timestamp", 9) == 0 &&
        strncmp(new, "timestamp", 9) == 0)
      return true;
  }
  return false;
}

static void add_column(const struct planner *p, struct capture_table *t,
                       const struct catalog_object *column)
{
  const struct catalog_object *now = t->after ? planner_column_after(p, column) : NULL;
  vec_push(p->arena, &t->columns, column->name);
  /* a column that became a generated one cannot be written, but it can be compared */
  vec_push(p->arena, &t->columns_after, now ? now->name : NULL);
}

/* The key, and the columns that are copied: key and `only`, or all (only NULL). */
static void fill_columns(const struct planner *p, struct capture_table *t,
                         const struct catalog_object *table, const struct strings *only)
{
  t->key = catalog_row_key(p->arena, p->inverse->before, table);
  bool survives = t->after != NULL && t->key.len > 0;
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  const struct catalog_object **key_now =
      arena_alloc(p->arena, (t->key.len + 1) * sizeof(*key_now));
  for (size_t i = 0; i < columns.len; i++) {
    const struct catalog_object *c = columns.at[i];
    bool is_key = false;
    for (size_t k = 0; k < t->key.len; k++) {
      if (strcmp(t->key.at[k], c->name) != 0)
        continue;
      is_key = true;
      key_now[k] = planner_column_after(p, c);
      if (!key_now[k] || !same_text(catalog_get(c, "type"), catalog_get(key_now[k], "type")) ||
          rewords(p, catalog_get(c, "type")))
        survives = false;
    }
    if (is_key || (!catalog_get(c, "generated") && (!only || in(only->at, only->len, c->name))))
      add_column(p, t, c);
  }
  for (size_t k = 0; survives && k < t->key.len; k++)
    vec_push(p->arena, &t->key_after, key_now[k]->name);
}

/* ---- one table ---- */

static bool is_partitioned(const struct catalog_object *table)
{
  return catalog_is(table, "relkind", "p");
}

static void plan_dropped(struct planner *p, const struct catalog_object *table,
                         const struct strings *apart)
{
  struct capture_table t = {.how = CAPTURE_ROWS,
                            .before = table->identity,
                            .partitioned = is_partitioned(table),
                            .apart = *apart,
                            .doomed_only = true,
                            .why = "the table is dropped"};
  fill_columns(p, &t, table, NULL);
  vec_push(p->arena, &p->plan->tables, t);
}

/* Partitions that vanish while their root stays. */
static struct catalog_objects dropped_partitions(const struct planner *p, const struct fate *f)
{
  struct catalog_objects dropped = {0};
  const struct catalog *before = p->inverse->before;
  for (size_t i = 0; is_partitioned(f->table) && i < before->object_count; i++) {
    struct catalog_object *t = before->objects[i];
    if (t->kind == CATALOG_TABLE && t != f->table && !is_partitioned(t) && !catalog_is_foreign(t) &&
        planner_unit(p, t) == f->table &&
        !catalog_find(p->inverse->after, CATALOG_TABLE, t->oid, 0))
      vec_push(p->arena, &dropped, t);
  }
  return dropped;
}

/* Rows that could not be matched: refused, or all of them copied. Such a copy loses nothing, but
 * undo_open refuses to put it back. */
static void refuse_or_copy(struct planner *p, const struct capture_table *t, const char *sentence)
{
  const struct catalog_object *table =
      catalog_find_name(p->inverse->before, CATALOG_TABLE, t->before);
  if (p->keep_copies && table) {
    struct capture_table whole = {.how = CAPTURE_ROWS,
                                  .before = t->before,
                                  .after = t->after,
                                  .partitioned = t->partitioned,
                                  .apart = t->apart,
                                  .apart_after = t->apart_after,
                                  .doomed_only = true,
                                  .why = "its rows could not be matched one by one"};
    fill_columns(p, &whole, table, NULL);
    vec_push(p->arena, &p->plan->tables, whole);
    return;
  }
  refuse(p, sentence);
}

/* A foreign key that refers to it when the migration is over. */
static const struct catalog_object *reference_to(const struct planner *p,
                                                 const struct catalog_object *table)
{
  const struct catalog *c = p->inverse->after;
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    const char *name = o->kind == CATALOG_CONSTRAINT && catalog_is(o, "type", "f")
                           ? catalog_get(o, "referenced")
                           : NULL;
    const struct catalog_object *target = name ? catalog_find_name(c, CATALOG_TABLE, name) : NULL;
    if (target && planner_root(c, target) == planner_root(c, table))
      return o;
  }
  return NULL;
}

/* Without a key that survives, rows are taken out and put in again whole, which foreign keys to
 * them would see. `may_go`: rows may have to be taken out. False: refused, or copied. */
static bool match_whole_rows(struct planner *p, struct capture_table *t, const struct fate *f,
                             bool may_go)
{
  const struct catalog_object *reference = NULL;
  if (may_go || p->keep_copies)
    reference = reference_to(p, f->after);
  if (reference) {
    refuse_or_copy(p, t,
                   arena_printf(p->arena,
                                "%s %s and %s refers to it: its rows before and after could not be"
                                " matched",
                                t->before,
                                t->key.len ? "does not keep its primary key" : "has no primary key",
                                reference->identity));
    return false;
  }
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, f->table, CATALOG_COLUMN);
  t->whole_row = true;
  t->key = t->key_after = t->columns = t->columns_after = (struct strings){0};
  for (size_t i = 0; i < columns.len; i++)
    if (!catalog_get(columns.at[i], "generated"))
      add_column(p, t, columns.at[i]);
  return true;
}

/* Rows: all of a table that is rewritten, emptied, or written under ACCESS EXCLUSIVE. */
static void plan_rows(struct planner *p, struct capture_table *t, const struct fate *f,
                      bool columns_change)
{
  t->how = CAPTURE_ROWS;
  fill_columns(p, t, f->table, NULL);
  t->why = f->rewritten ? "the table is rewritten or emptied"
                        : "rows are written and the table is locked by the same migration";
  if (t->key_after.len == 0 && !match_whole_rows(p, t, f, f->written || columns_change))
    return;
  vec_push(p->arena, &p->plan->tables, *t);
}

/* Types of the server's own, whose text no statement can change but by writing the row: not that of
 * enums, composites and domains, nor of what names an object (regclass). */
static bool text_stays(const struct planner *p, const struct catalog_object *table)
{
  struct catalog_objects columns =
      catalog_children(p->arena, p->inverse->before, table, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++) {
    const char *type = catalog_get(columns.at[i], "type");
    if (planner_column_after(p, columns.at[i]) &&
        (!type || strchr(type, '.') || strncmp(type, "reg", 3) == 0))
      return false;
  }
  return true;
}

static void plan_doomed_columns(struct planner *p, struct capture_table *t, const struct fate *f,
                                const struct strings *doomed, bool retyped)
{
  t->how = CAPTURE_COLUMNS;
  t->doomed_only = true;
  fill_columns(p, t, f->table, doomed);
  if (t->key_after.len == 0 && (retyped || !text_stays(p, f->table))) {
    t->doomed_only = false;
    plan_rows(p, t, f, true);
    return;
  }
  struct text names = TEXT_INIT;
  for (size_t i = 0; i < doomed->len; i++)
    text_printf(&names, "%s%s", i ? ", " : "", doomed->at[i]);
  t->why = arena_printf(p->arena, "%s %s dropped", names.data, doomed->len > 1 ? "are" : "is");
  if (t->key_after.len > 0 || match_whole_rows(p, t, f, true))
    vec_push(p->arena, &p->plan->tables, *t);
  text_clear(&names);
}

static void plan_changed(struct planner *p, struct capture_table *t, const struct fate *f)
{
  t->how = CAPTURE_CHANGED;
  t->standby = !f->written || f->cascade;
  fill_columns(p, t, f->table, NULL);
  t->why = f->cascade   ? arena_printf(p->arena, "its rows follow those of %s", f->cascade)
           : t->standby ? "captured if it is written"
                        : "rows are written";
  if (t->key_after.len > 0 ||
      ((!t->standby || !reference_to(p, f->after)) && match_whole_rows(p, t, f, true)))
    vec_push(p->arena, &p->plan->tables, *t);
}

static const struct catalog_object *foreign_partition(const struct planner *p,
                                                      const struct catalog_object *root)
{
  const struct catalog *c = p->inverse->before;
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->kind == CATALOG_TABLE && catalog_is_foreign(c->objects[i]) &&
        planner_unit(p, c->objects[i]) == root)
      return c->objects[i];
  return NULL;
}

/* Rows of foreign tables are on another server: they stay when the table is dropped, and cannot
 * be captured when they are written. */
static void plan_foreign(struct planner *p, const struct fate *f)
{
  if (f->after && (f->written || f->rewritten))
    refuse(p, arena_printf(p->arena,
                           "rows of the foreign table %s are written: they are on another server "
                           "and cannot be captured",
                           f->table->identity));
}

/* Rows of a partition tree are copied by way of its root. */
static bool refuse_foreign_partition(struct planner *p, const struct fate *f)
{
  const struct catalog_object *partition = foreign_partition(p, f->table);
  if (partition)
    refuse(p, arena_printf(p->arena,
                           "%s has the foreign table %s as a partition: its own rows cannot be "
                           "captured apart from those",
                           f->table->identity, partition->identity));
  return partition != NULL;
}

static bool has_generated_column(struct arena *arena, const struct catalog *c,
                                 const struct catalog_object *table)
{
  struct catalog_objects columns = catalog_children(arena, c, table, CATALOG_COLUMN);
  for (size_t i = 0; i < columns.len; i++)
    if (catalog_get(columns.at[i], "generated"))
      return true;
  return false;
}

/* A publication of only some columns of the table, or (from 18 on) without generated ones, under
 * which a row that has no identity but all of its values cannot be updated or deleted. */
static const struct catalog_object *partly_published(struct arena *arena, const struct catalog *c,
                                                     const struct catalog_object *table)
{
  const struct catalog_object *found = NULL;
  if (!table || !planner_lacks_identity(arena, c, table))
    return NULL;
  bool generated = c->server_version >= 180000 && has_generated_column(arena, c, table);
  const char *some = arena_printf(arena, "TABLE ONLY %s (", table->identity);
  const char *root = arena_printf(arena, "TABLE ONLY %s (", planner_root(c, table)->identity);
  for (size_t i = 0; i < c->object_count && !found; i++) {
    const struct catalog_object *o = c->objects[i];
    const char *d = o->kind == CATALOG_PUBLICATION ? catalog_get(o, "definition") : NULL;
    const char *publish = d ? strstr(d, "publish = ") : NULL;
    if (publish && (strstr(publish, "update") || strstr(publish, "delete")) &&
        (generated || strstr(d, some) || strstr(d, root)))
      found = o;
  }
  return found;
}

static bool refuse_partly_published(struct planner *p, const struct fate *f)
{
  const struct catalog_object *publication =
      partly_published(p->arena, p->inverse->before, f->table);
  if (!publication)
    publication = partly_published(p->arena, p->inverse->after, f->after);
  if (publication && !p->keep_copies)
    refuse(p, arena_printf(p->arena,
                           "%s has no replica identity and publication %s leaves out some of its"
                           " columns: the server would not let its rows be put back",
                           f->table->identity, publication->identity));
  return publication && !p->keep_copies;
}

static void plan_table(struct planner *p, const struct fate *f)
{
  if (catalog_is_foreign(f->table)) {
    plan_foreign(p, f);
    return;
  }
  if (!f->after) {
    if (!refuse_foreign_partition(p, f))
      plan_dropped(p, f->table, &f->apart);
    return;
  }
  struct capture_table t = {.before = f->table->identity,
                            .after = f->after->identity,
                            .apart = f->apart,
                            .apart_after = f->apart_after,
                            .reworded = is_reworded(p, f->table),
                            .partitioned = is_partitioned(f->table)};
  if (f->embeds) {
    refuse_or_copy(p, &t,
                   arena_printf(p->arena,
                                "%s holds values of %s, which loses attributes: they could not be"
                                " put back",
                                f->table->identity, f->embeds->identity));
    return;
  }
  bool retyped = false;
  struct strings doomed = planner_doomed_columns(p, f->table, &retyped);
  bool rows = f->rewritten || (f->written && (f->exclusive || doomed.len > 0)) ||
              (retyped && retype_needs_rows(p, f->table));
  if ((rows || doomed.len > 0 || f->written) &&
      (refuse_foreign_partition(p, f) || refuse_partly_published(p, f)))
    return;
  struct catalog_objects dropped = dropped_partitions(p, f);
  for (size_t i = 0; !rows && i < dropped.len; i++)
    plan_dropped(p, dropped.at[i], &(struct strings){0});
  if (rows)
    plan_rows(p, &t, f, retyped || doomed.len > 0);
  else if (doomed.len > 0)
    plan_doomed_columns(p, &t, f, &doomed, retyped);
  else
    plan_changed(p, &t, f);
}

struct capture_danger_vec capture_dangers(struct arena *arena, const struct inverse *inverse)
{
  struct planner p = planner_new(arena, inverse, NULL);
  struct capture_danger_vec dangers = {0};
  for (size_t i = 0; i < p.fates.len; i++) {
    const struct fate *f = p.fates.at[i];
    bool retyped = false;
    if (!f->after || f->written || f->rewritten ||
        planner_doomed_columns(&p, f->table, &retyped).len || retyped ||
        dropped_partitions(&p, f).len)
      vec_push(arena, &dangers, ((struct capture_danger){f->table->identity, f->written}));
  }
  return dangers;
}

static void plan_all(struct arena *arena, const struct inverse *inverse, bool keep_copies,
                     struct capture_plan *ret_plan)
{
  struct capture_plan plan = {0};
  struct planner p = planner_new(arena, inverse, &plan);
  p.keep_copies = keep_copies;
  for (size_t i = 0; i < p.fates.len; i++)
    plan_table(&p, p.fates.at[i]);
  for (size_t i = 0; i < inverse->effects.len; i++)
    plan.large_objects = plan.large_objects || inverse->effects.at[i].large_objects;
  *ret_plan = plan;
}

void capture_plan(struct arena *arena, const struct inverse *inverse, struct capture_plan *ret_plan)
{
  plan_all(arena, inverse, false, ret_plan);
}

void capture_plan_copies(struct arena *arena, const struct inverse *inverse,
                         struct capture_plan *ret_plan)
{
  plan_all(arena, inverse, true, ret_plan);
}

/* ---- estimate ---- */

static int64_t bytes_of(const struct catalog *c, const struct catalog_object *table)
{
  if (!is_partitioned(table))
    return table->bytes;
  int64_t sum = 0;
  for (size_t i = 0; i < c->object_count; i++) {
    const struct catalog_object *o = c->objects[i];
    if (o->kind == CATALOG_TABLE && !is_partitioned(o) && planner_root(c, o) == table)
      sum += o->bytes;
  }
  return sum;
}

int64_t capture_estimate_bytes(const struct capture_plan *plan, const struct catalog *target)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  int64_t sum = 0;
  for (size_t i = 0; i < plan->tables.len; i++) {
    const struct capture_table *t = &plan->tables.at[i];
    const struct catalog_object *table = catalog_find_name(target, CATALOG_TABLE, t->before);
    if (!table || t->how == CAPTURE_CHANGED)
      continue;
    int64_t bytes = bytes_of(target, table);
    size_t all = catalog_children(arena, target, table, CATALOG_COLUMN).len;
    if (t->how == CAPTURE_COLUMNS && all > 0)
      bytes = bytes / (int64_t)all * (int64_t)t->columns.len;
    sum += t->doomed_only ? bytes : 2 * bytes; /* before- and after-images */
  }
  return sum;
}

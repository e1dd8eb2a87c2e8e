#include "lint/observe_private.h"

/* What a migration can make, change or drop. A part goes along with its relation. Names are of
 * objects, or of the relation for what has none of its own. */
static const char world_query[] =
    "WITH own AS (SELECT oid, nspname FROM pg_catalog.pg_namespace"
    " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')"
    ", rel AS (SELECT c.*, nspname, format('%I.%I', nspname, relname) AS identity"
    " FROM pg_catalog.pg_class c JOIN own n ON n.oid = c.relnamespace"
    " WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I', 'c'))"
    ", all_objects (noun, key, oid, part_of, schema, name, identity, file, invalid, unfilled) AS ("
    "SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'"
    " WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index'"
    " WHEN 'I' THEN 'index' WHEN 'c' THEN 'type' ELSE 'table' END,"
    " r.oid::bigint, r.oid, coalesce(i.indrelid, (SELECT d.refobjid FROM pg_catalog.pg_depend d"
    "  WHERE relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = r.oid"
    "  AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1)),"
    " nspname::text, relname::text, identity, relfilenode::bigint,"
    " relkind = 'i' AND NOT i.indisvalid, false"
    " FROM rel r LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid"
    " UNION ALL SELECT 'column', attrelid::bigint * 65536 + attnum, NULL, attrelid, nspname,"
    " relname, format('%s.%I', identity, attname), 0, false,"
    " NOT atthasdef AND attidentity = '' AND attgenerated = '' AND (attnotnull OR EXISTS"
    "  (SELECT FROM pg_catalog.pg_type t WHERE t.oid = atttypid AND typnotnull))"
    " FROM pg_catalog.pg_attribute a JOIN rel r ON r.oid = attrelid"
    " WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f')"
    " UNION ALL SELECT 'constraint', c.oid::bigint, NULL, conrelid, nspname, relname,"
    " format('%I on %s', conname, identity), 0, NOT convalidated, false"
    " FROM pg_catalog.pg_constraint c JOIN rel r ON r.oid = conrelid"
    " UNION ALL SELECT 'constraint', c.oid::bigint, NULL, NULL, nspname, typname,"
    " format('%I on domain %I.%I', conname, nspname, typname), 0, NOT convalidated, false"
    " FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_type t ON t.oid = contypid"
    " JOIN own n ON n.oid = t.typnamespace"
    " UNION ALL SELECT 'trigger', t.oid::bigint, NULL, tgrelid, nspname, relname,"
    " format('%I on %s', tgname, identity), 0, false, false"
    " FROM pg_catalog.pg_trigger t JOIN rel r ON r.oid = tgrelid WHERE NOT tgisinternal"
    " UNION ALL SELECT 'rule', w.oid::bigint, NULL, ev_class, nspname, relname,"
    " format('%I on %s', rulename, identity), 0, false, false"
    " FROM pg_catalog.pg_rewrite w JOIN rel r ON r.oid = ev_class WHERE rulename <> '_RETURN'"
    " UNION ALL SELECT 'policy', p.oid::bigint, NULL, polrelid, nspname, relname,"
    " format('%I on %s', polname, identity), 0, false, false"
    " FROM pg_catalog.pg_policy p JOIN rel r ON r.oid = polrelid"
    " UNION ALL SELECT 'statistics', s.oid::bigint, NULL, stxrelid, nspname, stxname,"
    " format('%I.%I', nspname, stxname), 0, false, false"
    " FROM pg_catalog.pg_statistic_ext s JOIN own n ON n.oid = stxnamespace"
    " UNION ALL SELECT CASE typtype WHEN 'd' THEN 'domain' ELSE 'type' END, t.oid::bigint, NULL,"
    " NULL, nspname, typname, format('%I.%I', nspname, typname), 0, false, false"
    " FROM pg_catalog.pg_type t JOIN own n ON n.oid = typnamespace"
    " WHERE typtype IN ('e', 'd', 'r')"
    " UNION ALL SELECT CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'"
    " ELSE 'function' END, p.oid::bigint, NULL, NULL, nspname, proname,"
    " format('%I.%I(%s)', nspname, proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),"
    " 0, false, false FROM pg_catalog.pg_proc p JOIN own n ON n.oid = pronamespace"
    " UNION ALL SELECT 'schema', oid::bigint, NULL, NULL, NULL, nspname,"
    " format('%I', nspname), 0, false, false FROM own"
    " UNION ALL SELECT 'extension', oid::bigint, NULL, NULL, NULL, extname,"
    " format('%I', extname), 0, false, false FROM pg_catalog.pg_extension"
    " UNION ALL SELECT 'publication', oid::bigint, NULL, NULL, NULL, pubname,"
    " format('%I', pubname), 0, false, false FROM pg_catalog.pg_publication"
    ") SELECT * FROM all_objects ORDER BY noun COLLATE \"C\", key";

enum { NOUN, KEY, OID, PART_OF, SCHEMA, NAME, IDENTITY, FILE_NUMBER, INVALID, UNFILLED };

int world_read(struct db_conn *conn, struct world **ret, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, world_query, NULL) < 0)
    return err_wrap(err, "listing what is in the shadow");
  struct arena *arena = arena_new();
  struct world *w = ARENA_NEW(arena, struct world);
  w->arena = arena;
  for (int i = 0; i < db_rows(r); i++) {
    const char *schema = db_value(r, i, SCHEMA);
    vec_push(arena, &w->objects,
             ((struct world_object){
                 .noun = arena_strdup(arena, db_value(r, i, NOUN)),
                 .key = db_int(r, i, KEY),
                 .oid = db_oid(r, i, OID),
                 .part_of = db_oid(r, i, PART_OF),
                 .name = {schema ? arena_strdup(arena, schema) : NULL,
                          arena_strdup(arena, db_value(r, i, NAME))},
                 .identity = arena_strdup(arena, db_value(r, i, IDENTITY)),
                 .file = db_int(r, i, FILE_NUMBER),
                 .invalid = db_bool(r, i, INVALID),
                 .unfilled = db_bool(r, i, UNFILLED),
             }));
  }
  *ret = w;
  return 0;
}

void world_freep(struct world **world)
{
  if (*world)
    arena_free((*world)->arena);
  *world = NULL;
}

const struct world_object *world_relation(const struct world *world, uint32_t oid)
{
  for (size_t i = 0; oid != 0 && i < world->objects.len; i++)
    if (world->objects.at[i].oid == oid)
      return &world->objects.at[i];
  return NULL;
}

struct lint_seen_relation world_seen(struct arena *arena, const struct world_object *relation)
{
  static const struct {
    const char *noun;
    enum lint_relation_kind kind;
  } kinds[] = {{"table", LINT_TABLE},   {"materialized view", LINT_MATVIEW},
               {"index", LINT_INDEX},   {"sequence", LINT_SEQUENCE},
               {"view", LINT_VIEW},     {"foreign table", LINT_FOREIGN_TABLE},
               {"type", LINT_COMPOSITE}};
  struct lint_seen_relation seen = {{.schema = arena_strdup(arena, relation->name.schema),
                                     .name = arena_strdup(arena, relation->name.name)},
                                    LINT_UNKNOWN_RELATION};
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (strcmp(relation->noun, kinds[i].noun) == 0)
      seen.kind = kinds[i].kind;
  return seen;
}

static int order(const struct world_object *a, const struct world_object *b)
{
  int by_noun = strcmp(a->noun, b->noun);
  return by_noun != 0 ? by_noun : a->key < b->key ? -1 : a->key > b->key;
}

static const struct world_object *find(const struct world *world, const struct world_object *what)
{
  size_t low = 0, high = world->objects.len;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int at = order(&world->objects.at[middle], what);
    if (at == 0)
      return &world->objects.at[middle];
    if (at < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* ALTER COLUMN TYPE makes some objects again, under their old names. */
static bool was_made_again(const struct world *after, const struct world_object *o)
{
  static const char *const nouns[] = {"index", "constraint", "statistics"};
  bool may_be = false;
  for (size_t i = 0; i < COUNT_OF(nouns); i++)
    may_be = may_be || strcmp(nouns[i], o->noun) == 0;
  for (size_t i = 0; may_be && i < after->objects.len; i++)
    if (strcmp(after->objects.at[i].noun, o->noun) == 0 &&
        strcmp(after->objects.at[i].identity, o->identity) == 0)
      return true;
  return false;
}

static void see_old(struct arena *arena, const struct world_object *o, const struct world *after,
                    struct lint_sight *sight)
{
  const struct world_object *then = find(after, o);
  if (then) {
    if (o->file && then->file && o->file != then->file)
      vec_push(arena, &sight->rewrites, world_seen(arena, o));
    return;
  }
  bool goes_along = o->part_of != 0 && !world_relation(after, o->part_of);
  if (!goes_along && !was_made_again(after, o))
    vec_push(arena, &sight->drops, arena_printf(arena, "%s %s", o->noun, o->identity));
}

static void see_new(struct arena *arena, const struct world *start, const struct world *before,
                    const struct world_object *o, struct lint_sight *sight)
{
  const struct world_object *was = find(before, o);
  if (o->invalid && !(was && was->invalid))
    vec_push(arena, &sight->invalid, arena_printf(arena, "%s %s", o->noun, o->identity));
  const struct world_object *table = !was && o->unfilled ? world_relation(start, o->part_of) : NULL;
  if (table)
    vec_push(arena, &sight->needs_empty,
             ((struct lint_unfilled_column){
                 {.schema = arena_strdup(arena, table->name.schema),
                  .name = arena_strdup(arena, table->name.name)},
                 arena_strdup(arena, o->identity + strlen(table->identity) + 1)}));
}

void world_compare(struct arena *arena, const struct world *start, const struct world *before,
                   const struct world *after, struct lint_sight *sight)
{
  for (size_t i = 0; i < before->objects.len; i++)
    if (find(start, &before->objects.at[i]))
      see_old(arena, &before->objects.at[i], after, sight);
  for (size_t i = 0; i < after->objects.len; i++)
    see_new(arena, start, before, &after->objects.at[i], sight);
}

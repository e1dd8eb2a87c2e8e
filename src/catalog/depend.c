/* What needs what: pg_depend, read once, its addresses mapped to modelled objects. */
#include "catalog/model.h"

enum { ALIAS_STEPS_MAX = 8 };

/* Rules of views, defaults, row types, array types, indexes of constraints, members of
 * extensions ... */
static const char aliases_query[] =
    "SELECT 'pg_rewrite'::regclass::oid, r.oid, 0, 'pg_class'::regclass::oid, r.ev_class, 0"
    " FROM pg_rewrite r WHERE r.rulename = '_RETURN' AND r.oid >= 16384"
    " UNION ALL SELECT 'pg_attrdef'::regclass, f.oid, 0, 'pg_class'::regclass, f.adrelid,"
    " f.adnum::int FROM pg_attrdef f WHERE f.oid >= 16384"
    " UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, 'pg_class'::regclass, t.typrelid, 0"
    " FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid"
    " WHERE c.relkind <> 'c' AND t.oid >= 16384"
    " UNION ALL SELECT 'pg_class'::regclass, c.oid, 0, 'pg_type'::regclass, c.reltype, 0"
    " FROM pg_class c WHERE c.relkind = 'c' AND c.oid >= 16384"
    " UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, 'pg_type'::regclass, t.typelem, 0"
    " FROM pg_type t JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid"
    " WHERE t.oid >= 16384"
    /* members of operator families and classes */
    " UNION ALL SELECT d.classid, d.objid, 0, d.refclassid, d.refobjid, 0 FROM pg_depend d"
    " LEFT JOIN pg_amop o ON d.classid = 'pg_amop'::regclass AND o.oid = d.objid"
    " WHERE d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass) AND (d.refclassid ="
    " 'pg_opclass'::regclass OR (d.refclassid = 'pg_opfamily'::regclass"
    " AND d.refobjid IS DISTINCT FROM nullif(o.amopsortfamily, o.amopfamily)))"
    /* and those of no class in the server's own families, of which pg_depend says nothing */
    " UNION ALL SELECT 'pg_amop'::regclass, o.oid, 0, 'pg_opfamily'::regclass, o.amopfamily, 0"
    " FROM pg_amop o WHERE o.oid >= 16384 AND o.amopfamily < 16384 AND NOT EXISTS (SELECT FROM"
    " pg_depend d WHERE d.classid = 'pg_amop'::regclass AND d.objid = o.oid AND d.refclassid ="
    " 'pg_opclass'::regclass)"
    " UNION ALL SELECT 'pg_amproc'::regclass, p.oid, 0, 'pg_opfamily'::regclass, p.amprocfamily, 0"
    " FROM pg_amproc p WHERE p.oid >= 16384 AND p.amprocfamily < 16384 AND NOT EXISTS (SELECT FROM"
    " pg_depend d WHERE d.classid = 'pg_amproc'::regclass AND d.objid = p.oid AND d.refclassid ="
    " 'pg_opclass'::regclass)"
    " UNION ALL SELECT 'pg_class'::regclass, k.conindid, 0, 'pg_constraint'::regclass, k.oid, 0"
    " FROM pg_constraint k WHERE k.contype IN ('p', 'u', 'x') AND k.conindid >= 16384"
    " UNION ALL SELECT 'pg_class'::regclass, c.reltoastrelid, 0, 'pg_class'::regclass, c.oid, 0"
    " FROM pg_class c WHERE c.reltoastrelid >= 16384"
    /* internal triggers of constraints; constraint triggers; clones on partitions */
    " UNION ALL SELECT 'pg_trigger'::regclass, t.oid, 0, 'pg_constraint'::regclass,"
    " t.tgconstraint, 0 FROM pg_trigger t WHERE t.tgisinternal AND t.tgparentid = 0"
    " AND t.tgconstraint >= 16384"
    " UNION ALL SELECT 'pg_trigger'::regclass, t.oid, 0, 'pg_trigger'::regclass, t.tgparentid, 0"
    " FROM pg_trigger t WHERE t.tgparentid >= 16384"
    " UNION ALL SELECT 'pg_constraint'::regclass, t.tgconstraint, 0, 'pg_trigger'::regclass, t.oid,"
    " 0 FROM pg_trigger t JOIN pg_constraint k ON k.oid = t.tgconstraint"
    " WHERE NOT t.tgisinternal AND k.contype = 't'"
    /* foreign keys cloned to partitions; the NOT NULL constraints of 18 */
    " UNION ALL SELECT 'pg_constraint'::regclass, k.oid, 0, 'pg_constraint'::regclass,"
    " k.conparentid, 0 FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid <> 0"
    " UNION ALL SELECT 'pg_constraint'::regclass, k.oid, 0, 'pg_class'::regclass, k.conrelid,"
    " k.conkey[1]::int FROM pg_constraint k WHERE k.contype = 'n' AND k.conrelid >= 16384"
    " UNION ALL SELECT 'pg_constraint'::regclass, k.oid, 0, 'pg_type'::regclass, k.contypid, 0"
    " FROM pg_constraint k WHERE k.contype = 'n' AND k.contypid >= 16384"
    " UNION ALL SELECT 'pg_publication_rel'::regclass, p.oid, 0, 'pg_publication'::regclass,"
    " p.prpubid, 0 FROM pg_publication_rel p"
    " UNION ALL SELECT d.classid, d.objid, 0, d.refclassid, d.refobjid, 0 FROM pg_depend d"
    " WHERE d.deptype = 'e' AND d.objsubid = 0";

static const char multiranges[] =
    " UNION ALL SELECT 'pg_type'::regclass, r.rngmultitypid, 0, 'pg_type'::regclass, r.rngtypid, 0"
    " FROM pg_range r WHERE r.rngmultitypid >= 16384";

static const char schemas_of_publications[] =
    " UNION ALL SELECT 'pg_publication_namespace'::regclass, p.oid, 0,"
    " 'pg_publication'::regclass, p.pnpubid, 0 FROM pg_publication_namespace p";

static struct catalog_address address_at(const struct db_result *r, int row, int column)
{
  return (struct catalog_address){db_oid(r, row, column), db_oid(r, row, column + 1),
                                  (int32_t)db_int(r, row, column + 2)};
}

static int compare_alias(const void *a, const void *b)
{
  const struct catalog_alias *x = a, *y = b;
  return catalog_address_compare(&x->from, &y->from);
}

int catalog_read_aliases(struct arena *arena, struct db_conn *conn, struct catalog_aliases *ret,
                         struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  int major = db_server_major(conn);
  const char *sql = arena_printf(arena, "%s%s%s", aliases_query, major >= 14 ? multiranges : "",
                                 major >= 15 ? schemas_of_publications : "");
  if (db_query(conn, &r, err, sql, NULL) < 0)
    return err_wrap(err, "reading the catalog: parts of objects");
  size_t count = (size_t)db_rows(r);
  struct catalog_alias *at = arena_alloc(arena, (count + 1) * sizeof(*at));
  for (size_t i = 0; i < count; i++)
    at[i] = (struct catalog_alias){address_at(r, (int)i, 0), address_at(r, (int)i, 3)};
  qsort(at, count, sizeof(*at), compare_alias);
  *ret = (struct catalog_aliases){at, count};
  return 0;
}

struct catalog_address catalog_alias_end(const struct catalog_aliases *aliases,
                                         struct catalog_address address)
{
  for (int step = 0; step < ALIAS_STEPS_MAX; step++) {
    struct catalog_alias key = {.from = {address.class_oid, address.oid, 0}};
    const struct catalog_alias *found =
        aliases->len ? bsearch(&key, aliases->at, aliases->len, sizeof(key), compare_alias) : NULL;
    if (!found)
      break;
    address = found->to;
  }
  return address;
}

struct catalog_object *catalog_resolve(const struct catalog *c,
                                       const struct catalog_aliases *aliases,
                                       struct catalog_address address)
{
  struct catalog_object *o = catalog_at(c, address);
  if (o)
    return o;
  address = catalog_alias_end(aliases, address);
  o = catalog_at(c, address);
  if (!o && address.subid) {
    address.subid = 0;
    o = catalog_resolve(c, aliases, address);
  }
  return o;
}

/* What a partition's clone of a foreign key or trigger needs is not what the original needs. */
static const char depends_query[] =
    "SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid FROM pg_depend d"
    " WHERE objid >= 16384 AND refclassid <> 0 AND NOT EXISTS (SELECT FROM pg_constraint k"
    " JOIN pg_constraint p ON p.oid = k.conparentid WHERE k.oid = d.objid AND k.contype = 'f'"
    " AND k.conrelid <> p.conrelid AND d.classid = 'pg_constraint'::regclass)"
    " AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.oid = d.objid AND t.tgparentid <> 0"
    " AND d.classid = 'pg_trigger'::regclass)";

struct dependency {
  struct catalog_object *object, *needs;
};
VEC_TYPE(dependencies, struct dependency);

static int compare_dependency(const void *a, const void *b)
{
  const struct dependency *x = a, *y = b;
  struct catalog_address of_x = catalog_address_of(x->object), of_y = catalog_address_of(y->object);
  int order = catalog_address_compare(&of_x, &of_y);
  if (order)
    return order;
  of_x = catalog_address_of(x->needs);
  of_y = catalog_address_of(y->needs);
  return catalog_address_compare(&of_x, &of_y);
}

/* A serial sequence is made before the column that it will belong to. */
static bool is_ownership(const struct catalog_object *object, const struct catalog_object *needs)
{
  return object->kind == CATALOG_SEQUENCE && needs->kind == CATALOG_COLUMN &&
         !catalog_get(object, "identity");
}

static void attach(struct arena *arena, struct dependencies *all)
{
  if (all->len)
    qsort(all->at, all->len, sizeof(*all->at), compare_dependency);
  for (size_t i = 0, end; i < all->len; i = end) {
    struct catalog_object *o = all->at[i].object;
    for (end = i; end < all->len && all->at[end].object == o;)
      end++;
    o->depends_on = arena_alloc(arena, (end - i) * sizeof(o));
    for (size_t k = i; k < end; k++)
      if (k == i || all->at[k].needs != all->at[k - 1].needs)
        o->depends_on[o->depends_on_count++] = all->at[k].needs;
  }
}

int catalog_read_depends(struct arena *arena, struct db_conn *conn, struct catalog *c,
                         const struct catalog_aliases *aliases, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, depends_query, NULL) < 0)
    return err_wrap(err, "reading the catalog: dependencies");
  struct dependencies all = {0};
  for (int i = 0; i < db_rows(r); i++) {
    struct catalog_object *object = catalog_resolve(c, aliases, address_at(r, i, 0));
    struct catalog_object *needs = catalog_resolve(c, aliases, address_at(r, i, 3));
    if (object && needs && object != needs && !is_ownership(object, needs) &&
        needs->parent != object)
      vec_push(arena, &all, ((struct dependency){object, needs}));
  }
  for (size_t i = 0; i < c->object_count; i++)
    if (c->objects[i]->parent)
      vec_push(arena, &all, ((struct dependency){c->objects[i], c->objects[i]->parent}));
  attach(arena, &all);
  return 0;
}

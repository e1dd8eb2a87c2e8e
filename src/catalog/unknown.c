/* Finds what the model does not hold: every object of the user in every catalog that neither is
 * in the model nor belongs to something in it. Nothing here lists kinds that are unknown; what
 * is left over is. */
#include "catalog/model.h"

#include <stdlib.h>

/* Where objects of the user can be: the schema they are in (NULL: none) and the table or type they
 * are part of (0: none). */
static const struct {
  const char *class, *schema_oid, *owner_oid, *condition;
} sources[] = {
    {"pg_class", "relnamespace", "(SELECT indrelid FROM pg_index WHERE indexrelid = oid)", "true"},
    {"pg_proc", "pronamespace", "0", "true"},
    {"pg_type", "typnamespace", "0", "true"},
    {"pg_operator", "oprnamespace", "0", "oprcode <> 0"}, /* not shells, which are only names */
    {"pg_opclass", "opcnamespace", "0", "true"},
    {"pg_opfamily", "opfnamespace", "0", "true"},
    {"pg_amop", "NULL", "0", "true"},
    {"pg_amproc", "NULL", "0", "true"},
    {"pg_conversion", "connamespace", "0", "true"},
    {"pg_collation", "collnamespace", "0", "true"},
    {"pg_ts_parser", "prsnamespace", "0", "true"},
    {"pg_ts_dict", "dictnamespace", "0", "true"},
    {"pg_ts_template", "tmplnamespace", "0", "true"},
    {"pg_ts_config", "cfgnamespace", "0", "true"},
    {"pg_statistic_ext", "stxnamespace", "0", "true"},
    {"pg_constraint", "connamespace", "greatest(conrelid, contypid)", "true"},
    {"pg_trigger", "(SELECT relnamespace FROM pg_class c WHERE c.oid = tgrelid)", "tgrelid",
     "NOT tgisinternal"},
    {"pg_rewrite", "(SELECT relnamespace FROM pg_class c WHERE c.oid = ev_class)", "ev_class",
     "true"},
    {"pg_policy", "(SELECT relnamespace FROM pg_class c WHERE c.oid = polrelid)", "polrelid",
     "true"},
    {"pg_namespace", "oid", "0", "true"},
    {"pg_default_acl", "nullif(defaclnamespace, 0)", "0", "true"},
    {"pg_cast", "NULL", "0", "true"},
    {"pg_language", "NULL", "0", "true"},
    {"pg_transform", "NULL", "0", "true"},
    {"pg_am", "NULL", "0", "true"},
    {"pg_foreign_data_wrapper", "NULL", "0", "true"},
    {"pg_foreign_server", "NULL", "0", "true"},
    {"pg_event_trigger", "NULL", "0", "true"},
    {"pg_extension", "NULL", "0", "true"},
    {"pg_publication", "NULL", "0", "true"},
};

/* Objects of the user: not made by initdb, not temporary, not of an extension, not internal to
 * another (a range type's functions). What is on a table of an extension is the extension's. */
/* clang-format off */
static const char of_the_user[] =
    ") o LEFT JOIN pg_namespace n ON n.oid = o.schema_oid"
    " WHERE o.oid >= 16384 AND (o.schema_oid IS NULL OR " Q_USER_SCHEMA ")"
    " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = o.class_oid AND d.objid = o.oid"
    " AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))"
    " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid IN ('pg_class'::regclass,"
    " 'pg_type'::regclass) AND d.objid = o.owner_oid AND d.objsubid = 0 AND d.deptype = 'e')";

/* What has no address of its own, or one that not everybody may read. */
static const char others_query[] =
    /* rows of an extension that are the user's: backups hold those of tables and sequences */
    "SELECT 'configuration data of extension' AS kind, quote_ident(x.extname) AS identity"
    " FROM pg_extension x WHERE EXISTS (SELECT FROM unnest(x.extconfig) AS o (oid) JOIN pg_class c"
    " ON c.oid = o.oid WHERE c.relkind NOT IN ('r', 'S'))"
    " UNION ALL SELECT 'privileges of column', format('%I.%I.%I', n.nspname, c.relname, a.attname)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid ="
    " c.relnamespace JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND"
    " e.objsubid = 0 AND e.deptype = 'e' LEFT JOIN pg_init_privs i ON i.classoid ="
    " 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = a.attnum"
    " WHERE cardinality(a.attacl) > 0 AND a.attacl IS DISTINCT FROM i.initprivs"
    /* settings are kept one a line */
    " UNION ALL SELECT 'setting of several lines', quote_ident(split_part(v, '=', 1))"
    " FROM pg_db_role_setting s, unnest(s.setconfig) v WHERE strpos(v, E'\\n') > 0 AND"
    " s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"
    /* comments on types that the server makes of others */
    " UNION ALL SELECT 'comment', pg_describe_object(d.classoid, d.objoid, d.objsubid)"
    " FROM pg_description d JOIN pg_depend i ON i.classid = d.classoid AND i.objid = d.objoid"
    " AND i.deptype = 'i' WHERE d.classoid = 'pg_type'::regclass AND d.objoid >= 16384"
    " AND i.refclassid = 'pg_type'::regclass";
/* clang-format on */

static void add(struct arena *arena, struct catalog *c, const char *kind, const char *identity)
{
  vec_push(arena, &c->unknown,
           ((struct catalog_unknown){arena_strdup(arena, kind), arena_strdup(arena, identity)}));
}

static int compare_addresses(const void *a, const void *b)
{
  return catalog_address_compare(a, b);
}

static bool is_covered(const struct catalog *c, const struct catalog_aliases *aliases,
                       const struct catalog_addresses *ignored, struct catalog_address address)
{
  struct catalog_address end = catalog_alias_end(aliases, address);
  if (catalog_at(c, address) || catalog_at(c, end))
    return true;
  return ignored->len &&
         (bsearch(&address, ignored->at, ignored->len, sizeof(address), compare_addresses) ||
          bsearch(&end, ignored->at, ignored->len, sizeof(end), compare_addresses));
}

/* The server names what was left over, in one query. */
static int identify(struct arena *arena, struct db_conn *conn, struct catalog *c,
                    const struct catalog_addresses *addresses, struct err *err)
{
  CLEANUP(text_clear) struct text classes = TEXT_INIT;
  CLEANUP(text_clear) struct text oids = TEXT_INIT;
  for (size_t i = 0; i < addresses->len; i++) {
    text_printf(&classes, "%s%u", i ? "," : "{", addresses->at[i].class_oid);
    text_printf(&oids, "%s%u", i ? "," : "{", addresses->at[i].oid);
  }
  text_putc(&classes, '}');
  text_putc(&oids, '}');
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err,
               "SELECT i.type, coalesce(i.identity, a.oid::text)"
               " FROM unnest($1::oid[], $2::oid[]) a(class_oid, oid),"
               " pg_identify_object(a.class_oid, a.oid, 0) i WHERE i.type IS NOT NULL",
               classes.data, oids.data, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    add(arena, c, db_value(r, i, 0), db_value(r, i, 1));
  return 0;
}

static int read_objects(struct arena *arena, struct db_conn *conn, struct catalog *c,
                        const struct catalog_aliases *aliases,
                        const struct catalog_addresses *ignored, struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  struct catalog_addresses left = {0};
  for (size_t i = 0; i < COUNT_OF(sources); i++)
    text_printf(
        &sql,
        "%s SELECT '%s'::regclass::oid AS class_oid, oid, %s AS schema_oid, %s AS owner_oid "
        "FROM %s WHERE %s",
        i ? " UNION ALL" : "SELECT o.class_oid, o.oid FROM (", sources[i].class,
        sources[i].schema_oid, sources[i].owner_oid, sources[i].class, sources[i].condition);
  text_puts(&sql, of_the_user);
  if (db_query(conn, &r, err, sql.data, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++) {
    struct catalog_address address = {db_oid(r, i, 0), db_oid(r, i, 1), 0};
    if (!is_covered(c, aliases, ignored, address))
      vec_push(arena, &left, address);
  }
  return left.len ? identify(arena, conn, c, &left, err) : 0;
}

static int read_others(struct arena *arena, struct db_conn *conn, struct catalog *c,
                       struct err *err)
{
  CLEANUP(db_result_clear) struct db_result *r = NULL;
  if (db_query(conn, &r, err, others_query, NULL) < 0)
    return -1;
  for (int i = 0; i < db_rows(r); i++)
    add(arena, c, db_value(r, i, 0), db_value(r, i, 1));
  return 0;
}

static int compare_unknown(const void *a, const void *b)
{
  const struct catalog_unknown *x = a, *y = b;
  int order = strcmp(x->kind, y->kind);
  return order ? order : strcmp(x->identity, y->identity);
}

int catalog_read_unknown(struct arena *arena, struct db_conn *conn, struct catalog *c,
                         const struct catalog_aliases *aliases,
                         const struct catalog_addresses *ignored, struct err *err)
{
  if (read_objects(arena, conn, c, aliases, ignored, err) < 0 ||
      read_others(arena, conn, c, err) < 0)
    return err_wrap(err, "reading the catalog: unknown objects");
  if (c->unknown.len)
    qsort(c->unknown.at, c->unknown.len, sizeof(*c->unknown.at), compare_unknown);
  return 0;
}

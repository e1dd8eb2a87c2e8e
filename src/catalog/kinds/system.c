/* Privileges on what initdb made (pg_catalog and what is in it, languages), where they are not as
 * initdb left them. What it left in information_schema the server has not noted. Owner and grantor
 * are that cluster's own superuser and left out. */
#include "catalog/kinds/system.h"

/* clang-format off */
#define OF_THE_SYSTEM(class, oid)                                                                  \
  oid " < 16384 AND n.nspname = 'pg_catalog' AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE"      \
  " e.classid = '" class "'::regclass AND e.objid = " oid " AND e.deptype = 'e')"
#define LINES(acl) "(SELECT regexp_replace(a::text, '/[^/]*$', '/') FROM unnest(" acl ") a)"
#define LESS(some, others)                                                                         \
  "coalesce((SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM (" LINES(some)       \
  " EXCEPT " LINES(others) ") l (line)), '')"

const char catalog_system_privileges[] =
    "(SELECT json_agg(v.x ORDER BY t.reference COLLATE \"C\", t.col, v.n)::text FROM (SELECT"
    " s.reference, s.col, s.lookup, " LESS("s.given", "s.acl") " AS gone, "
    LESS("s.acl", "s.given") " AS given FROM (SELECT o.*, coalesce(i.initprivs,"
    " acldefault(o.type, o.owner)) AS given FROM ("
    "SELECT format('TABLE %I.%I', n.nspname, c.relname) AS reference, '' AS col, c.relacl AS acl,"
    " CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\" AS type, c.relowner AS owner,"
    " 'pg_class'::regclass AS class, c.oid, 0 AS subid, format('SELECT relacl FROM"
    " pg_catalog.pg_class WHERE oid = ''%I.%I''::regclass', n.nspname, c.relname) AS lookup FROM"
    " pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relacl IS NOT NULL AND "
    OF_THE_SYSTEM("pg_class", "c.oid")
    " UNION ALL SELECT format('TABLE %I.%I', n.nspname, c.relname), quote_ident(a.attname),"
    " a.attacl, 'c', c.relowner, 'pg_class', c.oid, a.attnum, format('SELECT attacl FROM"
    " pg_catalog.pg_attribute WHERE attrelid = ''%I.%I''::regclass AND attname = %L', n.nspname,"
    " c.relname, a.attname) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN"
    " pg_namespace n ON n.oid = c.relnamespace WHERE a.attacl IS NOT NULL AND "
    OF_THE_SYSTEM("pg_class", "c.oid")
    " UNION ALL SELECT format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE"
    " 'FUNCTION' END, n.nspname, p.proname, f.arguments), '', p.proacl, 'f', p.proowner,"
    " 'pg_proc', p.oid, 0, format('SELECT proacl FROM pg_catalog.pg_proc WHERE oid ="
    " ''%I.%I(%s)''::regprocedure', n.nspname, p.proname, f.arguments) FROM pg_proc p JOIN"
    " pg_namespace n ON n.oid = p.pronamespace, LATERAL (SELECT"
    " coalesce(string_agg(format_type(u.t, NULL), ', ' ORDER BY u.n), '') AS arguments FROM"
    " unnest(p.proargtypes) WITH ORDINALITY u(t, n)) f WHERE p.proacl IS NOT NULL AND "
    OF_THE_SYSTEM("pg_proc", "p.oid")
    " UNION ALL SELECT format('TYPE %I.%I', n.nspname, y.typname), '', y.typacl, 'T', y.typowner,"
    " 'pg_type', y.oid, 0, format('SELECT typacl FROM pg_catalog.pg_type WHERE oid ="
    " ''%I.%I''::regtype', n.nspname, y.typname) FROM pg_type y JOIN pg_namespace n ON n.oid ="
    " y.typnamespace WHERE y.typacl IS NOT NULL AND " OF_THE_SYSTEM("pg_type", "y.oid")
    " UNION ALL SELECT format('SCHEMA %I', n.nspname), '', n.nspacl, 'n', n.nspowner,"
    " 'pg_namespace', n.oid, 0, format('SELECT nspacl FROM pg_catalog.pg_namespace WHERE nspname"
    " = %L', n.nspname) FROM pg_namespace n WHERE n.nspacl IS NOT NULL AND "
    OF_THE_SYSTEM("pg_namespace", "n.oid")
    " UNION ALL SELECT format('LANGUAGE %I', g.lanname), '', g.lanacl, 'l', g.lanowner,"
    " 'pg_language', g.oid, 0, format('SELECT lanacl FROM pg_catalog.pg_language WHERE lanname ="
    " %L', g.lanname) FROM pg_language g JOIN pg_namespace n ON true WHERE g.lanacl IS NOT NULL"
    " AND "
    OF_THE_SYSTEM("pg_language", "g.oid") ") o LEFT JOIN pg_init_privs i ON i.classoid = o.class"
    " AND i.objoid = o.oid AND i.objsubid = o.subid) s) t, unnest(ARRAY[t.reference, t.col,"
    " t.lookup, t.gone, t.given]) WITH ORDINALITY v(x, n) WHERE t.gone <> t.given)";
/* clang-format on */

enum { REFERENCE, COLUMN, LOOKUP, GONE, GIVEN, FIELDS };

/* Where the template has them already nothing is done: only a superuser could, and managed servers
 * give such privileges to every database. */
static void write_one(struct catalog_writer *w, const char *const *fields)
{
  CLEANUP(text_clear) struct text body = TEXT_INIT;
  struct strings statements = catalog_acl_statements_on(w->arena, fields[REFERENCE], fields[COLUMN],
                                                        fields[GONE], fields[GIVEN]);
  text_printf(&body,
              "DECLARE\n  acl aclitem[] := (%s);\n"
              "  held text[] := ARRAY(SELECT pg_catalog.regexp_replace(a::text, '/[^/]*$', '/')"
              " FROM pg_catalog.unnest(acl) a);\nBEGIN\n"
              "  IF acl IS NULL OR NOT held @> pg_catalog.string_to_array(%s, E'\\n')"
              " OR held && pg_catalog.string_to_array(%s, E'\\n') THEN\n",
              fields[LOOKUP], sql_literal(w->arena, fields[GIVEN]),
              sql_literal(w->arena, fields[GONE]));
  for (size_t i = 0; i < statements.len; i++)
    text_printf(&body, "    %s;\n", statements.at[i]);
  text_puts(&body, "  END IF;\nEND");
  catalog_write_for(w, CATALOG_FOR_PRIVILEGES, "DO %s", catalog_dollar_quote(w->arena, body.data));
}

void catalog_write_system_privileges(struct catalog_writer *w, const struct catalog_object *o)
{
  struct strings s = catalog_json_strings(w->arena, catalog_get(o, "system_privileges"));
  for (size_t i = 0; i + FIELDS <= s.len; i += FIELDS)
    write_one(w, s.at + i);
}

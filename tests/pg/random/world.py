"""What is in the database at the moment, as the generator sees it: read from the catalog after every statement, so that
statements name things that are there, whatever the earlier ones did."""
import json

QUERY = r"""
WITH spaces AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'),
rel AS (SELECT c.*, nspname, format('%I.%I', nspname, relname) AS q FROM pg_class c JOIN spaces s ON s.oid = relnamespace
  WHERE relname NOT LIKE 'belay_migrations%'),
cols AS (SELECT attrelid, json_agg(json_build_object('n', quote_ident(attname), 't', format_type(atttypid, atttypmod),
    'base', coalesce(b.typname, t.typname), 'cat', t.typcategory, 'kind', t.typtype, 'nn', attnotnull, 'def', atthasdef,
    'id', attidentity, 'gen', attgenerated, 'inh', attinhcount > 0,
    'enum', CASE WHEN t.typtype = 'e' THEN (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum
       WHERE enumtypid = t.oid) END) ORDER BY attname COLLATE "C") AS list
  FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
  WHERE attnum > 0 AND NOT attisdropped GROUP BY attrelid),
cons AS (SELECT conrelid, json_agg(json_build_object('n', quote_ident(conname), 't', contype, 'inh', coninhcount > 0,
    'ok', convalidated, 'defer', condeferrable, 'ref', CASE WHEN confrelid <> 0 THEN confrelid::regclass::text END,
    'cols', (SELECT json_agg(quote_ident(attname) ORDER BY u.o) FROM unnest(conkey) WITH ORDINALITY u (k, o) JOIN pg_attribute a
      ON a.attrelid = conrelid AND attnum = k)) ORDER BY conname COLLATE "C") AS list
  FROM pg_constraint WHERE conrelid <> 0 AND contype IN ('p', 'u', 'f', 'c', 'x') GROUP BY conrelid),
trigs AS (SELECT tgrelid, json_agg(quote_ident(tgname) ORDER BY tgname COLLATE "C") AS list FROM pg_trigger
  WHERE NOT tgisinternal AND tgparentid = 0 GROUP BY tgrelid),
pols AS (SELECT polrelid, json_agg(quote_ident(polname) ORDER BY polname COLLATE "C") AS list FROM pg_policy GROUP BY polrelid),
rules AS (SELECT ev_class, json_agg(quote_ident(rulename) ORDER BY rulename COLLATE "C") AS list FROM pg_rewrite
  WHERE rulename <> '_RETURN' GROUP BY ev_class),
parents AS (SELECT inhrelid, json_agg(q ORDER BY inhseqno) AS list FROM pg_inherits JOIN rel ON rel.oid = inhparent
  GROUP BY inhrelid)
SELECT json_build_object(
 'schemas', (SELECT json_agg(quote_ident(nspname) ORDER BY nspname COLLATE "C") FROM spaces),
 'relations', (SELECT json_agg(json_build_object('q', q, 'n', quote_ident(relname), 's', quote_ident(nspname), 'k', relkind,
    'part', relispartition, 'strat', (SELECT partstrat FROM pg_partitioned_table WHERE partrelid = rel.oid), 'keycol',
    (SELECT quote_ident(attname) FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND attnum =
     partattrs[0] WHERE partrelid = rel.oid), 'parents', coalesce(parents.list, '[]'), 'pers', relpersistence,
    'bound', pg_get_expr(relpartbound, rel.oid), 'rls', relrowsecurity, 'opts', reloptions IS NOT NULL,
    'heirs', (SELECT count(*) FROM pg_inherits WHERE inhparent = rel.oid),
    'cols', coalesce(cols.list, '[]'), 'cons', coalesce(cons.list, '[]'), 'trigs', coalesce(trigs.list, '[]'),
    'pols', coalesce(pols.list, '[]'), 'rules', coalesce(rules.list, '[]'),
    'owned', (SELECT deptype FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = rel.oid AND deptype IN ('a', 'i')
       AND refclassid = 'pg_class'::regclass AND relkind = 'S' LIMIT 1),
    'idx', (SELECT json_agg(json_build_object('q', format('%I.%I', n.nspname, x.relname), 'n', quote_ident(x.relname),
       'con', EXISTS (SELECT FROM pg_constraint WHERE conindid = x.oid AND contype IN ('p','u','x')), 'uniq', indisunique,
       'plain', indpred IS NULL AND indexprs IS NULL, 'part', x.relispartition) ORDER BY x.relname COLLATE "C")
       FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
       WHERE indrelid = rel.oid)
    ) ORDER BY q COLLATE "C") FROM rel LEFT JOIN cols ON attrelid = rel.oid LEFT JOIN cons ON conrelid = rel.oid
    LEFT JOIN trigs ON tgrelid = rel.oid LEFT JOIN pols ON polrelid = rel.oid LEFT JOIN rules ON ev_class = rel.oid
    LEFT JOIN parents ON inhrelid = rel.oid WHERE relkind IN ('r', 'p', 'v', 'm', 'S')),
 'types', (SELECT json_agg(json_build_object('q', format('%I.%I', nspname, typname), 's', quote_ident(nspname),
    'n', quote_ident(typname), 'k', typtype, 'labels', (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum
     WHERE enumtypid = t.oid), 'cons', (SELECT json_agg(quote_ident(conname) ORDER BY conname COLLATE "C") FROM pg_constraint
     WHERE contypid = t.oid), 'attrs', (SELECT json_agg(quote_ident(attname) ORDER BY attnum) FROM pg_attribute
     WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)) ORDER BY nspname COLLATE "C", typname COLLATE "C")
    FROM pg_type t JOIN spaces s ON s.oid = typnamespace LEFT JOIN pg_class c ON c.oid = typrelid
    WHERE typtype IN ('e', 'd') OR (typtype = 'c' AND c.relkind = 'c')),
 'functions', (SELECT json_agg(json_build_object('q', format('%I.%I', nspname, proname), 's', quote_ident(nspname),
    'n', quote_ident(proname), 'args', pg_get_function_identity_arguments(p.oid), 'ret', prorettype::regtype::text, 'k', prokind,
    'lang', l.lanname) ORDER BY nspname COLLATE "C", proname COLLATE "C", pg_get_function_identity_arguments(p.oid) COLLATE "C")
    FROM pg_proc p JOIN spaces s ON s.oid = pronamespace JOIN pg_language l ON l.oid = prolang),
 'publications', (SELECT json_agg(json_build_object('n', quote_ident(pubname), 'all', puballtables, 'tables',
    (SELECT json_agg(format('%I.%I', schemaname, tablename) ORDER BY 1) FROM pg_publication_tables t WHERE t.pubname =
     p.pubname)) ORDER BY pubname COLLATE "C") FROM pg_publication p),
 'statistics', (SELECT json_agg(format('%I.%I', nspname, stxname) ORDER BY nspname COLLATE "C", stxname COLLATE "C")
    FROM pg_statistic_ext JOIN spaces s ON s.oid = stxnamespace))
"""


class Thing(dict):
    """A dict whose keys read as attributes."""
    __getattr__ = dict.__getitem__


def things(value):
    if isinstance(value, dict):
        return Thing((k, things(v)) for k, v in value.items())
    if isinstance(value, list):
        return [things(v) for v in value]
    return value


class World:
    def __init__(self, session):
        data = things(json.loads(session.run(QUERY)))
        self.schemas = data.schemas
        self.relations = data.relations or []
        self.types = data.types or []
        self.functions = data.functions or []
        self.publications = data.publications or []
        self.statistics = data.statistics or []

    def kind(self, letters):
        return [r for r in self.relations if r.k in letters]

    def tables(self):
        return self.kind("rp")

    def roots(self):
        return [r for r in self.relations if r.k in "rp" and not r.part]

    def views(self):
        return self.kind("v")

    def relation(self, q):
        return next((r for r in self.relations if r.q == q), None)

    def types_of(self, letter):
        return [t for t in self.types if t.k == letter]

    def trigger_functions(self):
        return [f for f in self.functions if f.ret == "trigger"]

    def plain_functions(self):
        return [f for f in self.functions if f.k == "f" and f.ret != "trigger"]

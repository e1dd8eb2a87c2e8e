"""Statements on rows."""
from changes import Changer
from names import ROLES, literal


def writable(c):
    return not c.gen and c.id != "a"


class Writer(Changer):
    def expression(self, t, c, i):
        """A value for column c of row number i: one of the referenced table where there is a foreign key."""
        key = next((k for k in t.cons if k.t == "f" and k.cols == [c.n]), None)
        if key:
            r = self.world.relation(key.ref) or next((x for x in self.world.tables() if x.n == key.ref), None)
            target = r and next((k.cols[0] for k in r.cons if k.t in "pu" and len(k.cols) == 1 and
                                 next((x.t for x in r.cols if x.n == k.cols[0]), None) == c.t), None)
            return f"(SELECT {target} FROM {r.q} ORDER BY {target} OFFSET {i} % 5 LIMIT 1)" if target else "NULL"
        if t.keycol == c.n and c.base in ("int4", "date", "text"):
            return {"int4": f"({i} * 3) % 24", "date": f"date '2026-01-01' + ({i} * 13) % 360", "text": f"'v' || {i} % 24"}[c.base]
        return self.value_of(c, i)

    def insert(self, t, count, start=1):
        cols = [c for c in t.cols if writable(c)]
        if not cols:
            return None
        needed = [c for c in cols if not (c["def"] or c.id) or self.chance(0.4)]
        needed = needed or cols[:1]
        return (f"INSERT INTO {t.q} ({', '.join(c.n for c in needed)}) SELECT {', '.join(self.expression(t, c, 'i') for c in needed)} "
                f"FROM generate_series({start}, {start + count - 1}) i")

    def seed(self, t):
        """Rows that a table of the schema starts with: those that its constraints take."""
        one = self.insert(t, 1)
        if not one:
            return None
        one = one.replace("FROM generate_series(1, 1) i", "FROM (SELECT n AS i) x")
        count = self.one([0, 3, 12, 25, 40])
        return (f"DO $seed$ BEGIN FOR n IN 1..{count} LOOP BEGIN {one}; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $seed$")

    # ---- migrations ----
    def target(self):
        return self.one(self.world.tables())

    def where(self, t):
        c = self.one(t.cols)
        return self.one(["", f" WHERE {c.n} IS NOT NULL", f" WHERE {c.n} IS NULL", f" WHERE {c.n}::text > 'm'", f" WHERE length({c.n}::text) % 2 = 0",
                         f" WHERE {c.n}::text IN (SELECT {c.n}::text FROM {t.q} ORDER BY 1 LIMIT 3)"])

    def insert_rows(self):
        t = self.target()
        return t and self.insert(t, self.one([1, 3, 8]), start=self.one([100, 500, 7000]))

    def insert_conflict(self):
        sql = self.insert_rows()
        return sql and sql + " ON CONFLICT DO NOTHING"

    def insert_select(self):
        pairs = [(a, b) for a in self.world.tables() for b in self.world.tables() if a.q != b.q]
        pair = self.one(pairs)
        if not pair:
            return None
        a, b = pair
        used, matches = set(), []
        for c in a.cols:
            d = next((x for x in b.cols if x.t == c.t and x.n not in used), None) if writable(c) else None
            if d:
                used.add(d.n)
                matches.append((c.n, d.n))
        return f"INSERT INTO {a.q} ({', '.join(m[0] for m in matches)}) SELECT {', '.join(m[1] for m in matches)} FROM {b.q}" if matches else None

    def update_rows(self):
        t = self.target()
        c = t and self.column(t, writable)
        if not c:
            return None
        new = self.one([self.value_of(c, "(3)"), c.n, "NULL" if not c.nn else c.n, "DEFAULT" if c["def"] else c.n] +
                       ([f"{c.n} + 1", f"{c.n} * 2"] if c.base in ("int4", "int8", "numeric", "float8") else []) +
                       ([f"upper({c.n})", f"{c.n} || '!'"] if c.base in ("text", "varchar") else []))
        return f"UPDATE {t.q} SET {c.n} = {new}{self.where(t)}"

    def update_join(self):
        a, b = self.target(), self.target()
        c = a and self.column(a, lambda c: writable(c) and c.base in ("text", "varchar"))
        return c and f"UPDATE {a.q} SET {c.n} = (SELECT count(*)::text FROM {b.q}){self.where(a)}"

    def delete_rows(self):
        t = self.target()
        return t and t.cols and f"DELETE FROM {t.q}{self.where(t)}"

    def truncate(self):
        t = self.target()
        return t and f"TRUNCATE {t.q}" + self.one(["", " CASCADE", " RESTART IDENTITY CASCADE"])

    def merge(self):
        t = self.one(t for t in self.world.tables() if t.cols)
        c = t and self.column(t, lambda c: c.base in ("text", "varchar", "int4", "int8") and writable(c))
        if not c:
            return None
        act = self.one(["UPDATE SET " + c.n + " = " + self.value_of(c, "(9)"), "DELETE"])
        return f"MERGE INTO {t.q} t USING (SELECT DISTINCT {c.n} AS k FROM {t.q} ORDER BY 1 LIMIT 4) s ON t.{c.n} = s.k WHEN MATCHED THEN {act}"

    def move_rows(self):
        """Rows moved between tables by a CTE."""
        sql = self.insert_select()
        if not sql or " SELECT " not in sql:
            return None
        head, source = sql.split(" SELECT ", 1)
        columns, table = source.split(" FROM ", 1)
        return f"WITH gone AS (DELETE FROM {table} RETURNING *) {head} SELECT {columns} FROM gone"

    def do_block(self):
        t = self.one(t for t in self.world.tables() if t.cols)
        if not t:
            return None
        c = self.one(t.cols)
        dml, ddl = self.one([self.update_rows, self.delete_rows, self.insert_rows])(), self.one([self.add_column, self.create_index, self.add_check, self.comment])()
        loop = f"FOR r IN SELECT {c.n} AS v FROM {t.q} LOOP n := n + 1; END LOOP; "
        inner = self.one([f"{dml};", f"BEGIN {dml}; EXCEPTION WHEN OTHERS THEN NULL; END;", f"{dml}; {ddl};", f"{ddl}; {dml};",
                          f"BEGIN {dml}; RAISE EXCEPTION 'undone'; EXCEPTION WHEN raise_exception THEN NULL; END;",
                          f"IF n > 2 THEN {dml}; END IF;", f"EXECUTE {literal(dml or '')};"])
        if not dml or ("None" in inner):
            return None
        return f"DO $do$ DECLARE r record; n integer := 0; BEGIN {loop}{inner} END $do$"

    def call_function(self):
        f = self.one(f for f in self.world.plain_functions() if f.ret == "void" and not f.args)
        return f and f"SELECT {f.q}()"

    def large_object(self):
        n, some = self.one(list(range(70001, 70009))), f"FROM pg_largeobject_metadata WHERE oid % 3 = {self.one([0, 1, 2])}"
        return self.one([f"SELECT lo_from_bytea({n}, 'made {self.one([1, 2, 3])}')"] * 3 + [
            f"SELECT lo_put({n}, 3, 'xyz')", f"SELECT lo_put(oid, 200000, 'far') {some}", f"SELECT lo_truncate(lo_open({n}, 131072), 4)",
            f"SELECT lo_unlink({n})", f"SELECT lo_unlink(oid) {some}", f"COMMENT ON LARGE OBJECT {n} IS 'it''s {n}'",
            f"GRANT SELECT ON LARGE OBJECT {n} TO PUBLIC", f"ALTER LARGE OBJECT {n} OWNER TO {self.one(ROLES)}",
            f"SELECT lo_unlink({n}), lo_from_bytea({n}, 'again')"])

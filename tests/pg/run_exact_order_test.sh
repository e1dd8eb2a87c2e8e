#!/usr/bin/env bash
# belay run --exact-order and its rollback: pg_dump -s is letter for letter what it was, the rows as well.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project

policy() { # policy NAME: the environment, with lint out of the way and what comes on stdin
  mkdir -p policies
  { printf 'extends: staging\nlint:\n  fail_on: never\n'; cat; } >"policies/$1.yaml"
}
policy plain </dev/null
sed -i 's/^environment: .*/environment: plain/' belay.yaml

# exact: the schema as pg_dump writes it, with its order of columns
exact() { "${PGBIN}/pg_dump" -s -T _prisma_migrations -d "$PGDATABASE" | grep -Ev '^\\(un)?restrict '; }
# rows as SELECT * shows them, and sequences
rows() {
  psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$PGDATABASE" <<'SQL'
SELECT format('SELECT %L, t::text FROM ONLY %s t ORDER BY 2', c.oid::regclass, c.oid::regclass) FROM pg_class c WHERE relkind IN
  ('r', 'm') AND relnamespace::regnamespace::text !~ '^(pg_|information)' AND relname <> '_prisma_migrations'
  ORDER BY c.oid::regclass::text \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', c.oid::regclass, c.oid::regclass) FROM pg_class c
  WHERE relkind = 'S' ORDER BY c.oid::regclass::text \gexec
SQL
}
remember() { exact >"$scratch/schema"; rows >"$scratch/rows"; }
as_before() {
  diff "$scratch/schema" <(exact) >"$scratch/diff" || fail "$1: another schema"$'\n'"$(head -40 "$scratch/diff")"
  diff "$scratch/rows" <(rows) >"$scratch/diff" || fail "$1: other rows"$'\n'"$(head -40 "$scratch/diff")"
}

sql "CREATE ROLE reader; CREATE ROLE keeper;
  CREATE TABLE goods (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sum numeric GENERATED ALWAYS AS (price * amount) STORED,
    gone text, price numeric(12,2) NOT NULL, amount int NOT NULL DEFAULT 1 CHECK (amount >= 0), code text UNIQUE, serial_no serial,
    parent bigint REFERENCES goods ON DELETE SET NULL, tags text[], blob bytea) WITH (fillfactor = 80);
  ALTER TABLE goods ALTER COLUMN blob SET STORAGE EXTERNAL;
  CREATE INDEX goods_price ON goods (price) WHERE amount > 0;
  INSERT INTO goods (gone, price, code, parent, tags, blob) SELECT 'gone ' || i, i / 3.0, 'c' || i, CASE WHEN i > 10 THEN i / 2 END,
    ARRAY['a', i::text], CASE WHEN i % 100 = 0 THEN decode(repeat('ab', 5000), 'hex') END FROM generate_series(1, 3000) i;
  CREATE TABLE sales (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), note text, good bigint NOT NULL REFERENCES goods, at date DEFAULT
    '2026-01-01', code text REFERENCES goods (code) ON UPDATE CASCADE);
  INSERT INTO sales (note, good, code) SELECT 'n' || i, i, 'c' || i FROM generate_series(1, 500) i;
  CREATE VIEW dear AS SELECT * FROM goods WHERE price > 100;
  CREATE VIEW dearest AS SELECT id, gone FROM dear WHERE price > 900;
  CREATE MATERIALIZED VIEW totals AS SELECT amount, sum(price), max(gone) FROM goods GROUP BY 1;
  CREATE FUNCTION worth(g goods) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT g.price * 2';
  CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not while rows move''; END';
  CREATE FUNCTION fine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER goods_in BEFORE INSERT ON goods FOR EACH ROW WHEN (NEW.price < 0) EXECUTE FUNCTION forbid();
  CREATE TRIGGER goods_up BEFORE UPDATE OF gone ON goods FOR EACH ROW EXECUTE FUNCTION fine();
  ALTER TABLE goods DISABLE TRIGGER goods_up;
  ALTER TABLE goods ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY few ON goods TO reader USING (id < 10);
  CREATE PUBLICATION feed FOR TABLE goods, sales;
  ALTER TABLE goods OWNER TO keeper; GRANT SELECT (id, price) ON goods TO reader; GRANT SELECT ON dear TO reader;
  COMMENT ON COLUMN goods.gone IS 'nobody reads it';
  CREATE TABLE log (id bigint, who text DEFAULT 'me', at date NOT NULL, what text NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
  CREATE TABLE log_2 (at date NOT NULL, what text NOT NULL, who text, id bigint NOT NULL);
  ALTER TABLE log ATTACH PARTITION log_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
  CREATE INDEX log_who ON log (who); CREATE TRIGGER log_in BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION fine();
  INSERT INTO log SELECT i, 'w' || i, date '2026-01-01' + i % 59, 'x' FROM generate_series(1, 1000) i;
  CREATE TABLE log_uses (id bigint, at date, FOREIGN KEY (id, at) REFERENCES log);
  INSERT INTO log_uses SELECT id, at FROM log WHERE id < 50;
  CREATE TABLE base (a int PRIMARY KEY, b text, c date); CREATE TABLE child (a int PRIMARY KEY, d int) INHERITS (base);
  INSERT INTO base SELECT i, 'b' || i, '2026-01-01' FROM generate_series(1, 50) i;
  INSERT INTO child SELECT i, 'k' || i, '2026-01-02', i FROM generate_series(100, 150) i;
  CREATE TABLE boxed (a int PRIMARY KEY, b int, c int); CREATE TABLE boxes (id int PRIMARY KEY, x boxed);
  INSERT INTO boxed VALUES (1, 2, 3); INSERT INTO boxes VALUES (1, '(1,2,3)'); ANALYZE goods"
remember

migration 20260101000000_goods "
ALTER TABLE goods DROP COLUMN gone CASCADE;
ALTER TABLE goods DROP COLUMN serial_no;
UPDATE goods SET price = price + 1 WHERE id % 2 = 0;
DELETE FROM sales WHERE good < 20;
ALTER TABLE goods ADD COLUMN kind text DEFAULT 'x';"
migration 20260102000000_tree "
ALTER TABLE log DROP COLUMN who;
ALTER TABLE base DROP COLUMN b;
ALTER TABLE sales DROP COLUMN note;"

# by default the last one; a policy that wants more is told how
printf 'inverse:\n  least: exact\n' | policy strict
expect 3 "$BELAY" run -e strict
says "its inverse is 'column-order'"
says 'give --exact-order'
as_before 'a refused run'

# the price is stated: in the script, in the plan, in JSON
expect 0 "$BELAY" inverse --exact-order prisma/migrations/20260101000000_goods
says '^-- Verdict: exact'
says '^--   writes public.goods anew, with its indexes: about 3000 rows, [0-9]+ [KM]iB'
says '^--   holds ACCESS EXCLUSIVE until COMMIT on .*public.sales'
expect 0 "$BELAY" plan --exact-order -e strict -o "$scratch/plan.json" --json
jq -e '[.files[] | .verdict] == ["exact", "exact"] and (.files[0].costs | length) == 2' "$scratch/out" >/dev/null || fail 'JSON of plan'

expect 0 "$BELAY" run --exact-order --plan "$scratch/plan.json" -e strict
says '2 exact'
says 'a rollback writes public.goods anew'
holds "SELECT count(*) = 1500 FROM goods WHERE id % 2 = 0 AND kind = 'x'"
expect 0 "$BELAY" rollback last --dry-run
says 'costs: writes public.goods anew'
expect 0 "$BELAY" rollback last --yes
as_before 'rollback with the order kept'
holds "SELECT count(*) = 0 FROM pg_class WHERE relname ~ 'belay'"
holds "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'goods' AND attname = 'gone'" # planned with statistics

# what others wrote since stays, in its place
expect 0 "$BELAY" run --exact-order
sql "INSERT INTO goods (price, code) VALUES (5, 'later')"
sql "UPDATE goods SET amount = 7 WHERE id = 4"
expect 0 "$BELAY" rollback last --yes
says 'conflict'
holds "SELECT gone IS NULL AND price = 5 AND serial_no IS NOT NULL FROM goods WHERE code = 'later'"
holds "SELECT amount = 7 AND gone = 'gone 4' FROM goods WHERE id = 4"
diff "$scratch/schema" <(exact) >"$scratch/diff" || fail "after writes of others: another schema"$'\n'"$(head -40 "$scratch/diff")"

# the policy's key does the same; a table whose row type is in use is refused, by name
rm -rf prisma/migrations/2* store
sql "DROP TABLE _prisma_migrations"
printf 'inverse:\n  exact_order: true\n' | policy ordered
remember
migration 20260201000000_boxed "
ALTER TABLE boxed DROP COLUMN b;"
expect 3 "$BELAY" plan -e ordered
says 'public.boxes holds values of public.boxed, which loses attributes: they could not be put back'
rm -rf prisma/migrations/2*
# nor where a subscription may write into the table: it knows it by its OID
migration 20260202000000_sales "
ALTER TABLE sales DROP COLUMN at;"
sql "CREATE SUBSCRIPTION fed CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)"
expect 0 "$BELAY" plan -e ordered
says 'the columns of public.sales do not come back in their order: subscription fed may feed it'
sql 'DROP SUBSCRIPTION fed'
expect 0 "$BELAY" run -e ordered
says '1 exact'
expect 0 "$BELAY" rollback last --yes -e ordered
as_before 'rollback by policy'
# the table is another one by now: the way back of the rollback would make an empty one
expect 3 "$BELAY" rollback "$(last_run)" --yes -e ordered
says 'the rollback of 20260202000000_sales wrote public.sales anew'
as_before 'a refused rollback of a rollback'

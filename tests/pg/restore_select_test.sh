#!/usr/bin/env bash
# restore --table: whose rows go where, what must be in the backup, and what it says of what it leaves out.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project

# ---- hash partitions ----
sql "CREATE TYPE kind AS ENUM ('a', 'b', 'c', 'd', 'e', 'f');
  CREATE TABLE hp (id int, v text) PARTITION BY HASH (id);
  CREATE TABLE hp0 PARTITION OF hp FOR VALUES WITH (MODULUS 2, REMAINDER 0);
  CREATE TABLE hp1 (v text, id int); ALTER TABLE hp ATTACH PARTITION hp1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE tree (id int, at int) PARTITION BY HASH (id);
  CREATE TABLE tree0 PARTITION OF tree FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY HASH (at);
  CREATE TABLE tree00 PARTITION OF tree0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
  CREATE TABLE tree01 PARTITION OF tree0 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  INSERT INTO hp SELECT i, 'old' FROM generate_series(1, 20) i;
  INSERT INTO tree SELECT i, i FROM generate_series(1, 20) i"
rows=$(sql 'SELECT count(*) FROM hp1')
[ "$rows" -gt 0 ] || fail "nothing in hp1"
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
# the partition was replaced: the rows of the backup must not get into its successor
sql "DROP TABLE hp1; CREATE TABLE hp1_new PARTITION OF hp FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  INSERT INTO hp SELECT i, 'new' FROM generate_series(101, 120) i"
live=$(sql 'SELECT hashtext(string_agg(hp::text, $$ $$ ORDER BY id)) FROM hp')
expect 0 "$BELAY" restore "$id" --table public.hp1 --confirm test
says 'hp1 is restored as a table of its own, not as a partition of public.hp'
says "restored 1 table, $rows rows"
holds "SELECT count(*) = $rows AND bool_and(v = 'old') FROM hp1"
holds "SELECT hashtext(string_agg(hp::text, ' ' ORDER BY id)) = $live FROM hp"
# what the server attaches again, it checks
sql 'ALTER TABLE hp DETACH PARTITION hp1_new; ALTER TABLE hp ATTACH PARTITION hp1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)'
# rows alone, into the partition that is named; the others may hold rows
sql 'TRUNCATE hp1'
expect 0 "$BELAY" restore "$id" --data-only --table public.hp1 --into test
says_not 'table of its own'
holds "SELECT count(*) = $rows FROM hp1"
holds "SELECT count(*) = 20 FROM hp WHERE v = 'old'"
# with other bounds than in the backup they do not belong there
sql 'TRUNCATE hp1; ALTER TABLE hp DETACH PARTITION hp0; ALTER TABLE hp DETACH PARTITION hp1;
  ALTER TABLE hp ATTACH PARTITION hp1 FOR VALUES WITH (MODULUS 2, REMAINDER 0)'
expect 3 "$BELAY" restore "$id" --data-only --table public.hp1 --into test
says 'nothing was changed in test'
says '^hint: .*restore the whole of public.hp'
holds 'SELECT count(*) = 0 FROM hp1'
# into a new database: a leaf, a subtree, a tree
expect 0 "$BELAY" restore "$id" --table public.hp1 --table tree01 --into leaves
holds "SELECT count(*) = $rows AND to_regclass('hp') IS NULL FROM hp1" leaves
holds "SELECT (SELECT count(*) FROM tree01) > 0 AND to_regclass('tree0') IS NULL" leaves
expect 0 "$BELAY" restore "$id" --table public.tree0 --into subtree
holds "SELECT count(*) = 20 AND count(DISTINCT tableoid) = 2 AND to_regclass('tree') IS NULL FROM tree0" subtree
expect 0 "$BELAY" restore "$id" --table hp --into tree
holds "SELECT count(*) = 20 AND count(DISTINCT tableoid) = 2 FROM hp" tree

# ---- rows that are not in a scoped backup ----
sql 'CREATE TABLE par (id int PRIMARY KEY); CREATE TABLE ch (x int) INHERITS (par);
  INSERT INTO par VALUES (1), (2); INSERT INTO ch VALUES (3, 3)'
expect 0 "$BELAY" backup --table ch
scoped=$(cat "$scratch/out")
for table in tree tree0 tree00; do
  expect 3 "$BELAY" restore "$scoped" --table "public.$table" --into none
  says 'the rows of public.tree0[01] are not in this backup'
done
expect 3 "$BELAY" restore "$scoped" --table public.ch --into none # its parent would come along, empty
says 'the rows of public.par are not in this backup'
holds "SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = 'none')"
expect 0 "$BELAY" restore "$scoped" --table public.ch --table tree --schema-only --into schema
sql 'TRUNCATE ONLY ch'
expect 0 "$BELAY" restore "$scoped" --table public.ch --data-only --into test
holds 'SELECT count(*) = 1 AND (SELECT count(*) = 2 FROM ONLY par) FROM ch'

# ---- what does not come along is named ----
sql "CREATE TABLE pictures (id int PRIMARY KEY, data oid, n int); CREATE TABLE other (id int REFERENCES pictures);
  INSERT INTO pictures VALUES (1, lo_from_bytea(0, 'x'), 1);
  CREATE VIEW seen AS SELECT id FROM pictures; CREATE MATERIALIZED VIEW kept AS SELECT * FROM seen;
  CREATE VIEW elsewhere AS SELECT * FROM par;
  CREATE RULE also AS ON DELETE TO other DO ALSO DELETE FROM pictures;
  CREATE POLICY only_seen ON other USING (id IN (SELECT id FROM pictures));
  CREATE STATISTICS own ON id, n FROM pictures; SET client_min_messages = error;
  CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION others FOR TABLE other;
  CREATE PUBLICATION two FOR TABLE pictures, other; CREATE PUBLICATION one FOR TABLE pictures"
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
sql 'SET client_min_messages = error; DROP TABLE pictures CASCADE'
expect 0 "$BELAY" restore "$id" --table pictures --confirm test
says 'large objects are left out: they belong to no table'
says 'publication one, two are left out: restored tables are not published by them until ALTER PUBLICATION ... ADD TABLE'
says 'warning: view public.seen is left out: it uses restored tables'
says 'materialized view public.kept is left out'
says 'constraint public.other.other_id_fkey is left out'
says 'rule public.other.also is left out'
says 'policy public.other.only_seen is left out'
says_not 'elsewhere|everything|others|statistics'
holds "SELECT EXISTS (SELECT FROM pg_statistic_ext WHERE stxname = 'own')"
expect 0 "$BELAY" restore "$id" --table pictures --table other --into both
says 'publication one, others, two are left out: restored tables are not published by them$'
says_not 'constraint|rule|policy'
expect 0 "$BELAY" restore "$id" --table other --table pictures --schema-only --into definitions
says_not 'large objects'
sql 'TRUNCATE pictures, other'
expect 0 "$BELAY" restore "$id" --table pictures --data-only --into test
says 'large objects are left out'
says_not 'view|publication'
expect 0 "$BELAY" restore "$id" --table par --into plain
says 'view public.elsewhere is left out'
says 'table public.ch is left out: it uses restored tables'
says_not 'publication'

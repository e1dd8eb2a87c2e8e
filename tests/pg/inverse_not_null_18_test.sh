#!/usr/bin/env bash
# From PostgreSQL 18 on NOT NULL is a constraint with a name and a state. What migrations do to it, on tables, inheritance
# children and partitions, goes back exactly: pg_dump says the same as before.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
if [ "${PG_MAJOR:-15}" != 18 ]; then
  # shellcheck source=tests/harness/setup.sh
  . "$(dirname "$0")/../harness/setup.sh"
  PGBIN=$(server_bin 18) && [ -x "$PGBIN/pg_dump" ] || { say "SKIPPED: no server and pg_dump of 18 can be had"; exit 77; }
  PG_MAJOR=18 PGBIN=$PGBIN exec "$BELAY_TESTS/harness/with-postgres" bash "$0"
fi
cd "$scratch"
sql "CREATE ROLE dev LOGIN CREATEDB" postgres
sql "CREATE DATABASE base OWNER dev" postgres
url="postgresql://dev@/base?host=$PGHOST&port=$PGPORT"
psql -X -q -v ON_ERROR_STOP=1 -d "$url" <<'SQL'
SET client_min_messages = warning;
CREATE TABLE plain (id int PRIMARY KEY, a int, b int NOT NULL, c int CONSTRAINT c_nn NOT NULL, d int, e int CONSTRAINT e_ni NOT NULL NO INHERIT);
ALTER TABLE plain ADD CONSTRAINT d_nv NOT NULL d NOT VALID;
COMMENT ON CONSTRAINT c_nn ON plain IS 'why';
CREATE TABLE par (k int, a int NOT NULL, b int CONSTRAINT pb NOT NULL, c int, d int CONSTRAINT pd_ni NOT NULL NO INHERIT);
CREATE TABLE kid () INHERITS (par);
CREATE TABLE kid2 (c int CONSTRAINT k2c NOT NULL, x int) INHERITS (par);
CREATE TABLE grand () INHERITS (kid);
CREATE TABLE pt (id int NOT NULL, v int, w int CONSTRAINT pt_w NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (0) TO (10);
CREATE TABLE pt2 (id int NOT NULL, v int CONSTRAINT own_v NOT NULL, w int CONSTRAINT own_w NOT NULL);
ALTER TABLE pt ATTACH PARTITION pt2 FOR VALUES FROM (10) TO (20);
CREATE TABLE half (a int);
CREATE TABLE half_kid () INHERITS (half);
CREATE TABLE half_grand () INHERITS (half_kid);
ALTER TABLE half ADD CONSTRAINT half_nn NOT NULL a NOT VALID;
ALTER TABLE half_kid VALIDATE CONSTRAINT half_nn;
CREATE TABLE half_pt (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE half_pt1 PARTITION OF half_pt FOR VALUES FROM (0) TO (10);
ALTER TABLE half_pt ADD CONSTRAINT half_v NOT NULL v NOT VALID;
ALTER TABLE half_pt1 VALIDATE CONSTRAINT half_v;
SQL
exact_schema base >before

# comes_back SQL: its inverse is exact
comes_back() {
  echo "$1" >up.sql
  expect 0 "$BELAY" inverse up.sql -q -d "$url"
  says '^-- Verdict: exact'
  cp out down.sql
  PGOPTIONS="-c client_min_messages=warning" sql "DROP DATABASE IF EXISTS changed" postgres
  sql "CREATE DATABASE changed TEMPLATE base OWNER dev" postgres
  sql "$1" changed
  if exact_schema changed | cmp -s before -; then fail "nothing is changed by: $1"; fi
  psql -X -q -v ON_ERROR_STOP=1 -d changed -f down.sql >out 2>err || fail "does not run: $1"
  exact_schema changed >after
  diff before after >out || { cp down.sql err; fail "not as before: $1"; }
}
comes_back "ALTER TABLE plain ADD CONSTRAINT a_nn NOT NULL a NOT VALID, DROP CONSTRAINT c_nn; ALTER TABLE plain ALTER b DROP NOT NULL;
  ALTER TABLE plain VALIDATE CONSTRAINT d_nv; ALTER TABLE plain ALTER CONSTRAINT e_ni INHERIT;"
comes_back "ALTER TABLE plain ADD CONSTRAINT a_nn NOT NULL a NO INHERIT, DROP CONSTRAINT d_nv, DROP CONSTRAINT e_ni;
  ALTER TABLE plain RENAME CONSTRAINT c_nn TO c_new; ALTER TABLE plain ALTER CONSTRAINT plain_b_not_null NO INHERIT;
  COMMENT ON CONSTRAINT c_new ON plain IS NULL;"
comes_back "ALTER TABLE ONLY par DROP CONSTRAINT pb; ALTER TABLE par ALTER CONSTRAINT par_a_not_null NO INHERIT;
  ALTER TABLE par ADD CONSTRAINT pk_nn NOT NULL k; ALTER TABLE kid2 RENAME CONSTRAINT k2c TO k2cc;"
comes_back "ALTER TABLE kid ALTER d SET NOT NULL; ALTER TABLE par RENAME CONSTRAINT pb TO pb2; ALTER TABLE par ALTER a DROP NOT NULL;"
comes_back "ALTER TABLE par ALTER CONSTRAINT pd_ni INHERIT; ALTER TABLE par ADD CONSTRAINT pc_nn NOT NULL c NOT VALID;"
comes_back "ALTER TABLE par ALTER CONSTRAINT pb NO INHERIT;"
comes_back "ALTER TABLE pt ADD CONSTRAINT pt_v NOT NULL v;"
comes_back "ALTER TABLE pt1 ADD CONSTRAINT p1v NOT NULL v NOT VALID; ALTER TABLE pt2 RENAME CONSTRAINT own_v TO v2;"
comes_back "ALTER TABLE pt2 DROP CONSTRAINT own_v;"
# validated below a parent's that is not: no constraint of the child's own, but pg_dump writes it with the child
comes_back "ALTER TABLE half VALIDATE CONSTRAINT half_nn; ALTER TABLE half_pt VALIDATE CONSTRAINT half_v;"
comes_back "ALTER TABLE half ALTER a DROP NOT NULL; ALTER TABLE half_pt DROP CONSTRAINT half_v;"

# the partition's own name would be lost: refused, and named
echo 'ALTER TABLE pt DROP CONSTRAINT pt_w;' >up.sql
expect 3 "$BELAY" inverse up.sql -q -d "$url"
says 'public\.pt2: column w: not_null_name is "pt_w", expected "own_w"'

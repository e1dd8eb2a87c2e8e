#!/usr/bin/env bash
# A function that finds names by search_path stops a restore, as it stops pg_restore's: the error names object, statement
# and function and says how to go on, and that way works. Only a materialized view is left without rows, with a warning. And a database without plpgsql that has settings.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
url() { echo "postgresql://$PGUSER@/$1?host=$PGHOST&port=$PGPORT"; }
has() { grep -qF -- "$1" "$scratch/out" || fail "no \"$1\""; }
store=file:$PWD/hints

# made NAME SQL: a database of its own with table app.t, backed up
made() {
  sql "CREATE DATABASE $1" postgres
  sql "CREATE SCHEMA app; CREATE TABLE app.rates (r int); INSERT INTO app.rates VALUES (3);
    CREATE FUNCTION app.rate(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN \$1 * (SELECT r FROM rates); END';
    CREATE TABLE app.t (a int); INSERT INTO app.t VALUES (1); SET search_path = app; $2" "$1"
  "$BELAY" backup -d "$(url "$1")" -s "$store/$1" >"$scratch/out" 2>&1 || fail "backup of $1"
}
refused() { # refused NAME OBJECT STATEMENT
  ! "$BELAY" restore latest --into "$1_copy" -d "$(url "$1")" -s "$store/$1" >"$scratch/out" 2>&1 || fail "$1 was restored"
  has "$2"
  has "$3"
  has 'ALTER FUNCTION app.rate(integer) SET search_path'
  has 'rows are safe in the backup'
}

made by_index 'CREATE INDEX t_rate ON t (rate(a))'
refused by_index 'index app.t.t_rate' 'CREATE INDEX t_rate'
made by_view 'CREATE MATERIALIZED VIEW v AS SELECT rate(a) FROM t'
"$BELAY" restore latest --into by_view_copy -d "$(url by_view)" -s "$store/by_view" >"$scratch/out" 2>&1 || fail 'a view stops a restore'
has 'materialized view app.v is left without rows'
has 'ALTER FUNCTION app.rate(integer) SET search_path'
made by_check 'ALTER TABLE t ADD CONSTRAINT c CHECK (rate(a) > 0)'
refused by_check 'app.t' 'loading app.t'

# the way that the hint shows
sql 'DROP DATABASE IF EXISTS by_index_copy' postgres
"$BELAY" restore latest --schema-only --into by_index_copy -d "$(url by_index)" -s "$store/by_index" >"$scratch/out" 2>&1 ||
  fail 'schema only'
sql 'ALTER FUNCTION app.rate(integer) SET search_path = app' by_index_copy
"$BELAY" restore latest --data-only --into by_index_copy -d "$(url by_index)" -s "$store/by_index" --yes >"$scratch/out" 2>&1 ||
  fail 'data only'
[ "$(sql 'SELECT a FROM app.t' by_index_copy)" = 1 ] || fail 'no rows'

# without plpgsql, yet with what only DO can write
sql 'CREATE DATABASE plain' postgres
sql "DROP EXTENSION plpgsql; ALTER DATABASE plain SET work_mem = '5MB'; COMMENT ON DATABASE plain IS 'no language';
  GRANT TEMPORARY ON DATABASE plain TO PUBLIC; COMMENT ON SCHEMA public IS 'x'" plain
"$BELAY" backup -d "$(url plain)" -s "$store/plain" >"$scratch/out" 2>&1 || fail 'backup of plain'
"$BELAY" restore latest --into plain_copy -d "$(url plain)" -s "$store/plain" >"$scratch/out" 2>&1 || fail 'restore of plain'
[ "$(sql 'SELECT count(*) FROM pg_extension' plain_copy)" = 0 ] || fail 'plpgsql is still there'
[ "$(sql 'SHOW work_mem' plain_copy)" = 5MB ] || fail 'no settings'

# one table with an identity column: the next value follows the rows
made numbers "CREATE TABLE public.n (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text); INSERT INTO public.n (v) VALUES ('a'), ('b')"
"$BELAY" restore latest --table n --into numbers_copy -d "$(url numbers)" -s "$store/numbers" >"$scratch/out" 2>&1 || fail 'one table'
[ "$(sql "INSERT INTO n (v) VALUES ('c') RETURNING id" numbers_copy)" = 3 ] || fail 'the identity begins anew'

# a role that is no member of the owners learns it before anything is made
sql 'CREATE ROLE maker LOGIN CREATEDB; CREATE ROLE "Owner of it"' postgres
sql 'CREATE TABLE owned (); ALTER TABLE owned OWNER TO "Owner of it"' numbers
"$BELAY" backup -d "$(url numbers)" -s "$store/numbers" >"$scratch/out" 2>&1 || fail 'backup of numbers'
as_maker() { PGUSER=maker "$BELAY" restore latest --into made -d "postgresql://maker@/numbers?host=$PGHOST&port=$PGPORT" -s "$store/numbers" "$@"; }
expect 4 as_maker
grep -q 'role maker may not make objects of others: the backup names the owners "Owner of it"' "$scratch/err" || fail 'owners are not named'
grep -q 'hint: .*GRANT "Owner of it".* TO maker.*--map-role .*--no-owner' "$scratch/err" || fail 'no way is shown'
[ "$(sql "SELECT count(*) FROM pg_database WHERE datname = 'made'" postgres)" = 0 ] || fail 'something was made'
expect 0 as_maker --no-owner

# in the place of a database that is gone
sql 'DROP DATABASE numbers' postgres
expect 2 "$BELAY" restore latest --swap --confirm numbers -d "$(url numbers)" -s "$store/numbers"
grep -q -- '--into .*numbers' "$scratch/err" || fail 'no hint at --into'

# rows alone, with a foreign key to a partitioned table
made parts "CREATE TABLE m (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE m0 PARTITION OF m FOR VALUES FROM (0) TO (50);
  CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (50) TO (100); CREATE TABLE o (mid int REFERENCES m);
  INSERT INTO m VALUES (1), (60); INSERT INTO o VALUES (1), (60)"
from_parts() { expect 0 "$BELAY" restore latest --into parts_copy -d "$(url parts)" -s "$store/parts" "$@"; }
from_parts --schema-only
from_parts --data-only
[ "$(sql 'SELECT count(*) FROM app.o' parts_copy)" = 2 ] || fail 'rows are missing'

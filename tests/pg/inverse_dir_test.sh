#!/usr/bin/env bash
# belay inverse --dir: the state before comes from the migrations before the file, run on a throw-away server; no database is asked.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
cd "$scratch"
server=$PGHOST port=${PGPORT:-5432} user=${PGUSER:-postgres} database=$PGDATABASE
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"
export PGBIN=${PGBIN:-}

mkdir -p m/1_orders m/2_fee m/3_slim m/4_after
printf 'provider = "postgresql"\n' >m/migration_lock.toml
echo "CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL, total numeric(12,2));" >m/1_orders/migration.sql
echo "ALTER TABLE orders ADD fee numeric DEFAULT 1; CREATE INDEX orders_fee ON orders (fee);" >m/2_fee/migration.sql
echo "ALTER TABLE orders DROP COLUMN fee;" >m/3_slim/migration.sql
echo "DROP TABLE orders;" >m/4_after/migration.sql

expect 0 "$BELAY" inverse --dir m m/3_slim
says 'ADD COLUMN fee numeric'
says 'CREATE INDEX orders_fee'
says '2 migrations before m/3_slim/migration\.sql were run on throw-away PostgreSQL'
says 'm/3_slim/migration\.sql: exact'

# several, and what lies between them; a file that is not in the directory comes behind all
expect 0 "$BELAY" inverse --json --dir m m/1_orders ./m/3_slim/migration.sql
jq -e '[.files[].verdict] == ["exact", "exact"] and (.files[0].script | test("DROP TABLE"))' out >/dev/null || fail "two files"
rm -r m/4_after
echo "ALTER TABLE orders RENAME note TO remark;" >new.sql
expect 0 "$BELAY" inverse --dir m new.sql
says '3 migrations before new\.sql'
says 'RENAME COLUMN remark TO note'
"$BELAY" inverse --dir m - <new.sql >out 2>err || fail "stdin"
says 'RENAME COLUMN remark TO note'

# what cannot be
expect 2 "$BELAY" inverse --dir m m/3_slim m/2_fee
says 'comes before a file that was named before it'
expect 2 "$BELAY" inverse --dir m -d "host=$server port=$port user=$user dbname=$database" new.sql
says 'not from both'
expect 2 "$BELAY" inverse --target 15 new.sql
says 'goes with --dir'
expect 2 "$BELAY" inverse --dir nowhere new.sql
echo "ALTER TABLE nothing ADD a int;" >m/2_fee/migration.sql
expect 3 "$BELAY" inverse --dir m m/3_slim
says 'm/2_fee/migration\.sql:1:1.*"nothing" does not exist'

#!/usr/bin/env bash
# catalog.sh BELAY [TABLES]: how long reading and writing a big schema takes, beside pg_dump -s of the same database.
#
# Run it with a release build, on a server that has locks for so many tables:
#   PG_EXTRA_CONF='max_locks_per_transaction = 1000' tests/harness/with-postgres tests/bench/catalog.sh build/release/belay
# The tables have a primary key, an index, a serial, comments and no rows: a backup reads and writes the schema, and
# COPYs 10,000 times nothing. Nothing is asserted; the times are of one run each, in seconds.
set -euo pipefail
belay=$(realpath "${1:?usage: catalog.sh BELAY [TABLES]}")
tables=${2:-10000}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
psql -X -q -d postgres -c 'DROP DATABASE IF EXISTS belay_bench' -c 'CREATE DATABASE belay_bench TEMPLATE template0' 2>/dev/null
export PGDATABASE=belay_bench DATABASE_URL="${DATABASE_URL/\/test/\/belay_bench}"
# Transactions of 200 tables each: one alone would need more locks than a server has by default.
for first in $(seq 1 200 "$tables"); do
  last=$((first + 199 < tables ? first + 199 : tables))
  cat <<SQL
DO \$\$ BEGIN FOR i IN $first..$last LOOP
  EXECUTE format('CREATE TABLE t_%s (id serial PRIMARY KEY, name text NOT NULL DEFAULT ''x'', amount numeric(12,2),
    made timestamptz DEFAULT now(), CHECK (amount >= 0))', i);
  EXECUTE format('CREATE INDEX ON t_%s (name, made)', i);
  EXECUTE format('COMMENT ON TABLE t_%s IS ''table %s''', i, i);
  EXECUTE format('COMMENT ON COLUMN t_%s.amount IS ''amount of %s''', i, i);
END LOOP; END \$\$;
SQL
done | psql -X -q -v ON_ERROR_STOP=1
psql -X -q -c 'VACUUM ANALYZE'
cd "$scratch" # away from any belay.yaml
measure() {
  local name=$1 start end
  shift
  start=$(date +%s.%N)
  "$@" >"$scratch/output" 2>&1 || { cat "$scratch/output" >&2; exit 1; }
  end=$(date +%s.%N)
  awk -v n="$name" -v s="$start" -v e="$end" 'BEGIN { printf "%-28s %6.2f s\n", n, e - s }'
}
echo "$tables tables"
measure 'pg_dump -s' "$PGBIN/pg_dump" -s -f "$scratch/schema.sql"
measure 'belay backup' "$belay" backup --database "$DATABASE_URL" --store "$scratch/store" --yes --quiet
measure 'pg_dump -s again' "$PGBIN/pg_dump" -s -f "$scratch/schema.sql"

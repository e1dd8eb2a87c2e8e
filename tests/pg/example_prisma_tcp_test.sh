#!/usr/bin/env bash
# The example project against the real Prisma CLI: its history deploys, schema.prisma agrees with it, create-database.sh makes
# what Prisma makes, and the scenario that fails half-way fails as its comment says. Both ways of sending a file.
set -euo pipefail
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
harness=$(cd "$(dirname "$0")/../harness" && pwd)
if [ -z "${BESIDE_PRISMA:-}" ]; then
  BESIDE_PRISMA=1 exec "$harness/with-prisma" bash "$self"
fi

die() { echo "example_prisma: $*" >&2; exit 1; }
has() { grep -qF -- "$1" <<<"$2" || die "no \"$1\" in: $2"; }
in_database() { export PGDATABASE=$1 DATABASE_URL="${DATABASE_URL%/*}/$1"; }
value() { psql -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"; }
schema() { pg_dump --schema-only | grep -Ev '^\\(un)?restrict'; }
ledger() {
  value "SELECT migration_name, checksum, applied_steps_count, finished_at IS NOT NULL, rolled_back_at, logs
    FROM _prisma_migrations ORDER BY 1"
}

deploys_and_fails() { # MODE
  export PRISMA_SHIM_MODE=$1
  psql -q -d postgres -c "CREATE DATABASE $1" >/dev/null
  in_database "$1"
  local out
  out=$(prisma migrate status 2>&1) && die "status says 0 with everything pending"
  has 20260420150000_open_orders "$out"
  has 'All migrations have been successfully applied' "$(prisma migrate deploy 2>&1)"
  has 'Database schema is up to date' "$(prisma migrate status 2>&1)"
  prisma migrate diff --from-config-datasource --to-schema prisma/schema.prisma --exit-code >/dev/null 2>&1 ||
    die "schema.prisma and the migrations disagree"
  schema >"$1.schema"
  ledger >"$1.ledger"

  psql -X -q -v ON_ERROR_STOP=1 -f load.sql
  cp -R scenarios/pending/* prisma/migrations/
  has 'All migrations have been successfully applied' "$(prisma migrate deploy 2>&1)"
  cp -R scenarios/fails-halfway/* prisma/migrations/
  out=$(prisma migrate deploy 2>&1) && die "the migration that fails half-way did not fail"
  has P3018 "$out"
  [ "$(value "SELECT count(*) FROM information_schema.columns WHERE column_name = 'settled_on'")" = "$2" ] ||
    die "mode $1 left another state behind"
  has 20261119090000_settlement_date "$(prisma migrate status 2>&1 || true)"
  prisma migrate resolve --rolled-back 20261119090000_settlement_date >/dev/null 2>&1 || die "resolve failed"
  (cd prisma/migrations && rm -r 202611*)
}

same_without_prisma() {
  psql -q -d postgres -c 'CREATE DATABASE by_hand' >/dev/null
  in_database by_hand
  ./create-database.sh
  schema >by_hand.schema
  ledger >by_hand.ledger
  diff split.schema by_hand.schema || die "create-database.sh makes another schema than Prisma"
  diff split.ledger by_hand.ledger || die "create-database.sh writes another ledger than Prisma"
}

deploys_and_fails split 1
deploys_and_fails whole 0
same_without_prisma
echo "example_prisma: the example and Prisma agree"

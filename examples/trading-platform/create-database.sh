#!/usr/bin/env bash
# create-database.sh: fills the empty database that psql reaches (PGHOST, PGUSER, PGDATABASE, ...) with this example as a
# running system has it: the five migrations of prisma/migrations, Prisma's ledger with a row for each, and the data of
# load.sql. Every row is as `prisma migrate deploy` writes it, so Prisma goes on from here without noticing.
set -euo pipefail
cd "$(dirname "$0")"
export PGOPTIONS='-c client_min_messages=warning'
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

sql <<'SQL'
CREATE TABLE "_prisma_migrations" (
    "id"                  VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum"            VARCHAR(64) NOT NULL,
    "finished_at"         TIMESTAMPTZ,
    "migration_name"      VARCHAR(255) NOT NULL,
    "logs"                TEXT,
    "rolled_back_at"      TIMESTAMPTZ,
    "started_at"          TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
);
SQL
for file in prisma/migrations/*/migration.sql; do
  name=$(basename "$(dirname "$file")")
  checksum=$(sha256sum <"$file")
  sql --single-transaction -f "$file"
  sql -v name="$name" -v checksum="${checksum%% *}" <<'SQL'
INSERT INTO "_prisma_migrations" ("id", "checksum", "migration_name", "started_at", "finished_at", "applied_steps_count")
SELECT gen_random_uuid(), :'checksum', :'name', t, t + interval '30 ms', 1
  FROM to_timestamp(left(:'name', 14) || ' +00', 'YYYYMMDDHH24MISS TZH') t;
SQL
done
sql -f load.sql

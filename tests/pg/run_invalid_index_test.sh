#!/usr/bin/env bash
# An index that the migrations leave invalid fails the run and is named.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nbackup:\n  required: false\npreflight:\n  max_transaction_age: 0\nlint:\n  fail_on: never\n' >policies/q.yaml
sed -i 's/^environment: .*/environment: q/' belay.yaml
sql "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t SELECT i, 1 FROM generate_series(1, 10) i"
sql 'CREATE TABLE _prisma_migrations (id text PRIMARY KEY, checksum text NOT NULL, finished_at timestamptz,
  migration_name text NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count int NOT NULL DEFAULT 0)'

# a deploy command that takes no notice of the error, as one that runs psql without ON_ERROR_STOP
migration 20260101000000_index 'CREATE UNIQUE INDEX CONCURRENTLY t_v ON t (v);'
cat >deploy.sh <<'SH'
#!/usr/bin/env bash
file=prisma/migrations/20260101000000_index/migration.sql
psql -X -q -d "$DATABASE_URL" -f "$file"
psql -X -q -d "$DATABASE_URL" -c "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
  VALUES ('1', '$(sha256sum "$file" | cut -d' ' -f1)', now(), '20260101000000_index', 1)"
SH
chmod +x deploy.sh
expect 9 "$BELAY" run -- ./deploy.sh
says 'index public\.t_v is invalid'
says 'REINDEX INDEX CONCURRENTLY public\.t_v'

# an old one cannot be on a shadow: the next run names it, and what to do
sql 'CREATE TABLE u (v int NOT NULL); INSERT INTO u VALUES (1), (1)'
sql 'CREATE UNIQUE INDEX CONCURRENTLY u_v ON u (v)' 2>/dev/null || true
sql 'DROP INDEX t_v'
migration 20260102000000_more 'CREATE TABLE more (id int PRIMARY KEY);'
expect 3 "$BELAY" inverse prisma/migrations/20260102000000_more/migration.sql -d "$DATABASE_URL"
says 'index public\.u_v is invalid'
says 'REINDEX INDEX CONCURRENTLY public\.u_v'
sql 'DELETE FROM u; REINDEX INDEX u_v'
expect 0 "$BELAY" inverse prisma/migrations/20260102000000_more/migration.sql -d "$DATABASE_URL"

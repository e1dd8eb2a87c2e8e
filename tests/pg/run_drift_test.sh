#!/usr/bin/env bash
# What Prisma's own deploy and status do not notice: a schema that is not what the applied migrations make.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
migration 20260101000000_init "CREATE TABLE t (id int PRIMARY KEY, kind varchar(8) CHECK (kind IN ('a', 'b')));"
expect 0 "$BELAY" run
migration 20260102000000_more 'ALTER TABLE t ADD COLUMN v int;'

# by the record of the run before, and named by a replay
sql 'CREATE INDEX by_hand ON t (kind)'
expect 4 "$BELAY" run
says 'by_hand'
expect 4 "$BELAY" plan
says 'by_hand'
mkdir policies
printf 'extends: staging\npreflight:\n  allow_drift: true\n' >policies/lax.yaml
expect 0 "$BELAY" plan -e lax
says 'warning: .*by_hand'
sql 'DROP INDEX by_hand'
expect 0 "$BELAY" plan
says 'no drift'

# without a record: by replay alone
mv store "$scratch/away"
expect 0 "$BELAY" plan
says 'no drift'
sql 'ALTER TABLE t ALTER COLUMN kind SET DEFAULT $$a$$'
expect 4 "$BELAY" plan
says 'kind'
sql 'ALTER TABLE t ALTER COLUMN kind DROP DEFAULT'

# a history that cannot be replayed is said to be unchecked
printf 'ALTER TABLE nosuch ADD COLUMN a int;' >prisma/migrations/20260101000000_init/migration.sql
sql "UPDATE _prisma_migrations SET checksum = '$(sha256sum prisma/migrations/20260101000000_init/migration.sql | cut -d' ' -f1)'"
expect 0 "$BELAY" plan
says 'drift not checked'

# a database that another tool has migrated: its files look like ours, and what it applied would be applied again
sql 'DROP TABLE _prisma_migrations; CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version text)'
rm -r prisma/migrations/*_*
mkdir flyway
printf 'CREATE TABLE other (id int PRIMARY KEY);\n' >flyway/V1__other.sql
sed -i 's|dir: .*|dir: flyway|; s|format: .*|format: plain|' belay.yaml
expect 4 "$BELAY" run
says 'flyway_schema_history is the ledger of Flyway: what it has applied belay would apply again'
says 'belay run -- COMMAND'
holds "SELECT to_regclass('other') IS NULL AND to_regclass('belay_migrations') IS NULL"
expect 0 "$BELAY" run -e lax
says 'warning: .*flyway_schema_history is the ledger of Flyway'
holds "SELECT to_regclass('other') IS NOT NULL"
expect 0 "$BELAY" run

#!/usr/bin/env bash
# belay run, natively: ledger, capture, rollback without loss, what was written since is kept.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project

sql "CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(40) NOT NULL, price numeric(20,8),
       note text, created_at timestamptz NOT NULL DEFAULT '2026-01-01');
     CREATE TABLE log (id serial PRIMARY KEY, item bigint REFERENCES items ON DELETE CASCADE, what text);
     CREATE INDEX items_note ON items (note);
     INSERT INTO items (name, price, note) SELECT 'item ' || i, i / 7.0, CASE WHEN i % 3 = 0 THEN 'note ' || i END
       FROM generate_series(1, 5000) i;
     INSERT INTO log (item, what) SELECT id, 'made' FROM items WHERE id <= 100"
content_before=$(content)
structure_before=$(structure)

migration 20260101000000_reshape "
-- belay:ignore drop-column nobody reads it
ALTER TABLE items DROP COLUMN note;
-- belay:ignore type-change-rewrite cents are enough
ALTER TABLE items ALTER COLUMN price TYPE numeric(12,2);
ALTER TABLE items ADD COLUMN kind text NOT NULL DEFAULT 'plain';"
migration 20260102000000_data "
UPDATE items SET name = upper(name) WHERE id % 2 = 0;
DELETE FROM items WHERE id BETWEEN 10 AND 19;
INSERT INTO items (name, price) VALUES ('new one', 1.5);
-- fails on the shadow, which has no item 3: rows are no part of the proof
INSERT INTO log (item, what) VALUES (3, 'data migration');"
migration 20260103000000_index 'CREATE INDEX CONCURRENTLY items_kind ON items (kind);'

# a plan changes nothing
expect 0 "$BELAY" plan
says 'way back'
says 'not tried .*foreign key'
[ "$(content)" = "$content_before" ] || fail "plan changed rows"
holds "SELECT to_regclass('_prisma_migrations') IS NULL"
expect 0 "$BELAY" plan -o "$scratch/plan.json"

expect 0 "$BELAY" run --plan "$scratch/plan.json"
says '3 migrations applied and verified'
holds "SELECT count(*) = 3 AND bool_and(finished_at IS NOT NULL AND applied_steps_count = 1 AND logs IS NULL
         AND rolled_back_at IS NULL) FROM _prisma_migrations"
checksum=$(sha256sum prisma/migrations/20260102000000_data/migration.sql | cut -d' ' -f1)
holds "SELECT checksum = '$checksum' FROM _prisma_migrations WHERE migration_name = '20260102000000_data'"
holds "SELECT count(*) = 10 - 10 FROM items WHERE id BETWEEN 10 AND 19"
holds "SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_kind'::regclass"
expect 0 "$BELAY" run
says 'nothing is pending'
expect 3 "$BELAY" run --plan "$scratch/plan.json"

# life goes on: a new row, and a row of the migration changed by somebody else
sql "INSERT INTO items (name, price, kind) VALUES ('later', 3, 'special')"
sql "UPDATE items SET price = 99 WHERE id = 6"
expect 2 "$BELAY" rollback last # no terminal, no --yes
expect 0 "$BELAY" rollback last --dry-run
expect 0 "$BELAY" rollback last --yes
says 'conflict'
holds "SELECT count(*) = 1 FROM items WHERE name = 'later'"
holds "SELECT price = 99 AND name = 'ITEM 6' AND note = 'note 6' FROM items WHERE id = 6"
holds "SELECT count(*) = 0 FROM _prisma_migrations WHERE rolled_back_at IS NULL"
sql "DELETE FROM items WHERE name = 'later'"
sql "UPDATE items SET price = 6 / 7.0, name = 'item 6' WHERE id = 6"
[ "$(content)" = "$content_before" ] || fail "rows differ after the rollback"$'\n'"$(diff <(echo "$content_before") <(content))"
[ "$(structure)" = "$structure_before" ] ||
  fail "schema differs after the rollback"$'\n'"$(diff <(echo "$structure_before") <(structure))"
expect 0 "$BELAY" status
says '3 migrations are pending'
expect 0 "$BELAY" list runs
says 'rolled back'

# and forward again
expect 0 "$BELAY" run
holds "SELECT count(*) = 3 FROM _prisma_migrations WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL"
run=$(last_run)
expect 0 "$BELAY" show "$run"
says 'inverse exact' # the re-added column is the last one by now
expect 0 "$BELAY" rollback "$run" --yes --json
jq -e '.exit_code == 0 and (.files | length) == 3' "$scratch/out" >/dev/null || fail 'JSON of rollback'
[ "$(content)" = "$content_before" ] || fail "rows differ after the second rollback"
expect 2 "$BELAY" rollback last --yes

# ---- two runs: newest first ----
rm -rf prisma/migrations/2* store
sql "DROP TABLE _prisma_migrations"
content_before=$(content)
migration 20260201000000_one "UPDATE items SET name = name || '!' WHERE id < 50;"
expect 0 "$BELAY" run
first=$(last_run)
migration 20260202000000_two "UPDATE items SET name = name || '?' WHERE id < 60;"
expect 0 "$BELAY" run
expect 3 "$BELAY" rollback "$first" --yes
says 'came later'
says "belay rollback $first --with-newer"
content_two=$(content)
expect 0 "$BELAY" rollback "$first" --with-newer --dry-run
[ "$(content)" = "$content_two" ] || fail "a dry run changed rows"
expect 0 "$BELAY" rollback last --yes
expect 0 "$BELAY" rollback last --yes
[ "$(content)" = "$content_before" ] || fail "rows differ after two rollbacks"
expect 2 "$BELAY" rollback last --yes

# the same two in one go
expect 0 "$BELAY" run
first=$(last_run)
migration 20260203000000_three "UPDATE items SET name = name || '#' WHERE id < 70;"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback "$first" --with-newer --yes
[ "$(grep -c '^done: run' "$scratch/out")" = 2 ] || fail "not two rollbacks"
[ "$(content)" = "$content_before" ] || fail "rows differ after a rollback with newer runs"

# ---- a table without a key: what the way back drops is copied whole ----
rm -rf prisma/migrations/2* store
sql "DROP TABLE _prisma_migrations; CREATE TABLE notes (body text); INSERT INTO notes VALUES ('x')"
migration 20260301000000_keyless 'ALTER TABLE notes ADD COLUMN tag text;'
expect 0 "$BELAY" run
sql "UPDATE notes SET tag = 'written later'"
expect 0 "$BELAY" rollback last --yes
holds "SELECT count(*) = 0 FROM information_schema.columns WHERE column_name = 'tag'"
jq -e '[.tables[] | select(.before == "public.notes")] | length == 1' "$(find store -path '*undo/0001*' -name manifest.json | sort |
  tail -n 1)" >/dev/null || fail 'the dropped values are in no capture'

# ---- what only the way back rewrites or writes is captured too ----
rm -rf prisma/migrations/2* store policies
sql "DROP TABLE _prisma_migrations; CREATE TYPE side AS ENUM ('BUY', 'SELL');
     CREATE TABLE deals (id int PRIMARY KEY, side side NOT NULL);
     INSERT INTO deals SELECT i, CASE WHEN i % 2 = 0 THEN 'BUY'::side ELSE 'SELL' END FROM generate_series(1, 500) i;
     CREATE TABLE parts (id int, day date, px int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
     CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
     INSERT INTO parts SELECT i, '2026-01-05', i FROM generate_series(1, 300) i"
content_before=$(content) structure_before=$(structure)
migration 20260401000000_enum "ALTER TYPE side ADD VALUE 'SHORT' BEFORE 'SELL';"
migration 20260402000000_detach 'ALTER TABLE parts DETACH PARTITION parts_1;
DELETE FROM parts_1 WHERE px < 100;'
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --yes
[ "$(content)" = "$content_before" ] || fail "rows differ after enum and detach"
[ "$(structure)" = "$structure_before" ] || fail "schema differs: $(diff <(echo "$structure_before") <(structure))"

# ---- what a killed writer left in the store is swept away by the next run, and not by a plan ----
mkdir -p store/test/backups
touch -d '1 hour ago' store/test/backups/.tmp-abandoned
migration 20260501000000_after 'ALTER TABLE deals ADD COLUMN note text;'
rm -r prisma/migrations/20260401000000_enum prisma/migrations/20260402000000_detach
expect 0 "$BELAY" plan -s store
[ -e store/test/backups/.tmp-abandoned ] || fail "a plan removed something"
expect 0 "$BELAY" run
[ ! -e store/test/backups/.tmp-abandoned ] || fail "an abandoned temporary file stays in the store"

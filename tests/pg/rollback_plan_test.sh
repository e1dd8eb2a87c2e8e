#!/usr/bin/env bash
# The plan of a rollback: locks, rows, conflicts and losses, found without holding anybody up; and the rollback does what it said.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nlint:\n  fail_on: never\n' >policies/staging.yaml
printf 'extends: staging\ninverse:\n  preview_timeout: 0s\n' >policies/blind.yaml
plan_says() { jq -e "$1" "$scratch/out" >/dev/null || fail "the plan does not say: $1"; }

sql "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric(12,2));
     CREATE TABLE log (id serial PRIMARY KEY, item int REFERENCES items, what text);
     CREATE TABLE parts (id int, day date, px int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
     CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
     INSERT INTO items SELECT i, 'item ' || i, i FROM generate_series(1, 100) i;
     INSERT INTO parts SELECT i, '2026-01-05', i FROM generate_series(1, 10) i"
migration 20260101000000_all "
ALTER TABLE items ADD COLUMN kind text;
UPDATE items SET price = price * 2 WHERE id <= 20;
DELETE FROM items WHERE id BETWEEN 91 AND 95;
INSERT INTO items (id, name) VALUES (201, 'new'), (202, 'new'), (203, 'new');
CREATE TABLE extra (id int PRIMARY KEY, item int REFERENCES items);
INSERT INTO extra VALUES (1, 203);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO parts VALUES (11, '2026-02-05', 1);"
expect 0 "$BELAY" run
sql "UPDATE items SET price = 99 WHERE id = 6; DELETE FROM items WHERE id = 8; INSERT INTO items VALUES (91, 'again', 1);
     INSERT INTO log (item, what) VALUES (201, 'sold'); UPDATE items SET kind = 'x' WHERE id = 50;
     INSERT INTO extra VALUES (2, 202), (3, NULL); INSERT INTO parts VALUES (12, '2026-02-06', 2), (13, '2026-02-06', 3)"
was=$(content)

# somebody writes, and does not commit: the plan waits for nobody, and nobody for it
coproc writer { psql -X -q -A -t; }
echo "BEGIN; UPDATE items SET name = 'held' WHERE id = 70; SELECT 'held';" >&"${writer[1]}"
read -r _ <&"${writer[0]}"
expect 0 timeout 60 "$BELAY" rollback last --dry-run
echo "ROLLBACK; SELECT 'over';" >&"${writer[1]}"
read -r _ <&"${writer[0]}"
says 'what it destroys is copied first; locks .*ACCESS EXCLUSIVE public.items'
says '^    ALTER TABLE .*public.items DROP COLUMN kind$'
says '^      locks ACCESS EXCLUSIVE public.items'
says 'locks, from the compare on: .*SHARE ROW EXCLUSIVE public.items'
says '^      public.items: 18 written back, 4 inserted again, 2 removed, 4 conflicts$'
says 'conflict: public.items id=6: changed since \(captured price=12.00; now price=99.00\); left as it is'
says 'conflict: public.items id=8: deleted since \(captured name=item 8, price=16.00; now gone\); left as it is'
says 'conflict: public.items id=91: key used again \(captured name=item 91, price=91.00; now name=again, price=1.00\)'
says 'conflict: public.items id=201: referenced by public.log; left as it is'
says_not 'referenced by public.extra' # it goes, too
says 'destroys: table public.extra, 3 rows, 2 written since; captured first'
says 'destroys: table public.parts_2, 3 rows, 2 written since; captured first'
says 'destroys: column public.items.kind, 1 row, 1 written since; captured first'
says '20260101000000_all: inverse .*; under 1 s \(estimated\)'
[ "$(content)" = "$was" ] || fail "a plan changed rows"
holds "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name ~ 'belay' AND datname = current_database()"

expect 0 "$BELAY" rollback last --dry-run --json --on-conflict restore
plan_says '.plan.files | length == 1'
plan_says '.plan.files[0].rows[] | select(.table == "public.items") | [.written_back, .inserted_again, .removed, .conflicts] == [20, 5, 2, 4]'
plan_says '.plan.files[0].first_conflicts[] | select(.key == "id=6") | .captured == {price: "12.00"} and .now == {price: "99.00"}'
plan_says '.plan.files[0].first_conflicts[] | select(.key == "id=8") | .now == null and .captured.name == "item 8"'
plan_says '.plan.files[0].steps[] | select(.sql | test("DROP COLUMN kind")) | .locks | any(.relation == "public.items" and .mode == "AccessExclusiveLock")'
plan_says '.plan.files[0].destroys[] | select(.what == "table public.extra") | .rows == 3 and .written_since == 2'
plan_says '.rollback == null and .files == []'

# it may not look, and says so
expect 0 "$BELAY" rollback last --dry-run -e blind
says 'public.items: .* rows captured; conflicts were not looked for: inverse.preview_timeout is 0'

# the rollback does what the plan said, and shows the same conflicts; the migration's row in parts_2 goes with the partition
expect 0 "$BELAY" rollback last --dry-run --json
plan_says '.plan.files[0].conflicts == 4'
planned=$(jq -c '.plan.files[0] | [([.rows[].written_back] | add), ([.rows[].inserted_again] | add), ([.rows[].removed] | add) - 1, .conflicts,
  .first_conflicts]' "$scratch/out")
expect 0 "$BELAY" rollback last --yes --json
done=$(jq -c '.files[0] | [.rows_written_back, .rows_inserted_again, .rows_removed, .conflicts, .first_conflicts]' "$scratch/out")
[ "$planned" = "$done" ] || fail "planned $planned, done $done"
jq -e 'has("plan") | not' "$scratch/out" >/dev/null || fail 'nobody asked for a plan'

# ---- files over the same table: the older one is compared when the newer one is back ----
rm -rf prisma/migrations/2* store
sql "DROP TABLE _prisma_migrations"
migration 20260201000000_one "UPDATE items SET name = name || '!' WHERE id < 50; UPDATE log SET what = upper(what);"
migration 20260202000000_two "UPDATE items SET name = name || '?' WHERE id < 60;"
expect 0 "$BELAY" run
sql "UPDATE log SET what = 'Other'"
expect 0 "$BELAY" rollback last --dry-run
says 'public.items: .* rows captured; conflicts were not looked for: what is rolled back before this changes it, too'
says 'conflict: public.log id=1: changed since \(captured what=SOLD; now what=Other\)'
[ "$(grep -c '^      public.items: .*0 conflicts$' "$scratch/out")" = 1 ] || fail 'the newer file is compared'
first=$(last_run)
migration 20260203000000_three "UPDATE items SET name = name || '#' WHERE id < 70;"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback "$first" --with-newer --dry-run
[ "$(grep -c 'conflicts were not looked for: newer runs are rolled back before it' "$scratch/out")" = 3 ] || fail 'older runs'
[ "$(grep -c ', 0 conflicts$' "$scratch/out")" = 1 ] || fail 'the newest run is compared'

# ---- rows without a key ----
sql "DROP TABLE _prisma_migrations; CREATE TABLE notes (body text, n int); CREATE TABLE gone (body text);
     INSERT INTO notes SELECT 'note', i FROM generate_series(1, 10) i; INSERT INTO gone SELECT 'x' FROM generate_series(1, 7)"
rm -rf prisma/migrations/2* store
migration 20260301000000_keyless "UPDATE notes SET body = upper(body) WHERE n <= 4; DELETE FROM notes WHERE n = 9; DROP TABLE gone;"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --dry-run --json
plan_says '.plan.files[0].rows[] | select(.table == "public.notes") | [.written_back, .inserted_again, .removed, .conflicts] == [4, 1, 0, 0]'
plan_says '.plan.files[0].rows[] | select(.table == "public.gone") | .inserted_again == 7'
holds "SELECT count(*) = 4 FROM notes WHERE body = 'NOTE'"
expect 0 "$BELAY" rollback last --yes --json
plan_says '.files[0] | [.rows_written_back, .rows_inserted_again, .rows_removed, .conflicts] == [4, 8, 0, 0]'

# ---- rules are switched off while rows are written, which takes a stronger lock ----
sql "CREATE RULE noted AS ON UPDATE TO notes DO ALSO NOTIFY noted"
migration 20260301500000_ruled "UPDATE notes SET body = 'x' WHERE n = 1;"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --dry-run --json
plan_says '.plan.files[0].locks_rows == [{relation: "public.notes", mode: "AccessExclusiveLock"}]'
expect 0 "$BELAY" rollback last --yes

# ---- what the rollback would refuse, the plan refuses ----
rm -rf prisma/migrations/2*
sql "DROP TABLE _prisma_migrations; INSERT INTO notes VALUES ('note', 1)"
migration 20260301600000_retyped "ALTER TABLE notes ALTER n TYPE numeric USING n / 2.0;"
expect 0 "$BELAY" run
sql "UPDATE notes SET n = 77 WHERE n = 3.5"
was=$(content)
expect 3 "$BELAY" rollback last --dry-run
says 'rows of public.notes were changed or deleted since'
expect 3 "$BELAY" rollback last --yes
[ "$(content)" = "$was" ] || fail 'a refused rollback changed something'
rm -rf prisma/migrations/2* store
sql "DROP TABLE _prisma_migrations"
migration 20260302000000_keyless "UPDATE items SET name = 'x' WHERE id = 1;"
expect 0 "$BELAY" run
sql "ALTER TABLE items ADD COLUMN by_hand int"
expect 3 "$BELAY" rollback last --dry-run
says 'the schema is no longer as the migration left it'

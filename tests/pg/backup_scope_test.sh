#!/usr/bin/env bash
# Scoped backups: --table, --scope pending, the policy's backup.scope; what is left out, restored, verified, refused.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
export DATABASE_URL="postgresql://belay@/test?host=$PGHOST&port=$PGPORT"
sql 'CREATE SCHEMA sales;
  CREATE TABLE customers (id int PRIMARY KEY, name text);
  CREATE TABLE items (id serial PRIMARY KEY, customer int NOT NULL REFERENCES customers ON DELETE CASCADE, v text);
  CREATE TABLE orders (id int, at date, customer int REFERENCES customers, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM (MINVALUE) TO ($$2026-01-01$$);
  CREATE TABLE orders_2026 PARTITION OF orders DEFAULT;
  CREATE TABLE sales.big (id int PRIMARY KEY, a text, b text);
  CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent);
  CREATE TABLE "Odd.Name" (id int);
  INSERT INTO customers SELECT i, $$c$$ || i FROM generate_series(1, 10) i;
  INSERT INTO items (customer, v) SELECT i, $$v$$ || i FROM generate_series(1, 10) i;
  INSERT INTO orders SELECT i, $$2025-12-01$$::date + i * 10, i FROM generate_series(1, 10) i;
  INSERT INTO sales.big SELECT i, i, i FROM generate_series(1, 1000) i;
  INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2); INSERT INTO "Odd.Name" VALUES (3);
  ANALYZE'

# backup OPTION...: takes one; $id
backup() {
  expect 0 "$BELAY" backup "$@"
  id=$(cat "$scratch/out")
}
# held TABLE...: exactly these tables have rows in backup $id
held() {
  local found
  found=$(jq -r '[.tables[].identity] | sort | join(" ")' store/test/backups/"$id"/manifest.json)
  [ "$found" = "$*" ] || fail "$id holds $found, not $*"
}
left_out() { jq -r '[.scope.left_out[].table] | sort | join(" ")' store/test/backups/"$id"/manifest.json; }

# ---- refused ----
expect 2 "$BELAY" backup --table nosuch
says 'no table of test matches nosuch'
expect 2 "$BELAY" backup --table items --table Nosuch --table x.y
says 'matches Nosuch, x\.y'
expect 2 "$BELAY" backup --table 'a|b'
says 'regular expressions'
expect 2 "$BELAY" backup --scope some
says 'full or pending'
expect 2 "$BELAY" backup --scope pending --table items
expect 3 "$BELAY" backup --scope pending
says 'no migration is pending'
expect 0 "$BELAY" list backups
says 'no backups'

# ---- one table: its foreign key is NOT VALID ----
backup --table ITEMS
says 'warning: this backup is scoped; .*public.customers \(about 10 rows\)'
says 'warning: this backup is scoped; .*sales.big \(about 1000 rows\)'
says 'warning: foreign keys .* NOT VALID in it: public.items.items_customer_fkey'
held public.items
items=$id
expect 0 "$BELAY" list backups
says "^$items .*scoped"
expect 0 "$BELAY" list backups --json
jq -e '.backups[0] | .scope == "tables" and (.left_out | length == 7) and .not_valid == ["public.items.items_customer_fkey"]' \
  <"$scratch/out" >/dev/null || fail "JSON does not tell the scope"
expect 0 "$BELAY" show "$items"
says 'scope +tables'
says 'left out .*public\.customers'
for level in hash expand restore; do
  expect 0 "$BELAY" verify "$items" --level "$level"
done
# it is never taken for the whole
for command in 'restore latest --into never' 'verify latest' 'show latest'; do
  # shellcheck disable=SC2086 # a command and its arguments
  expect 2 "$BELAY" $command
  says 'holds no whole backup'
done
expect 0 "$BELAY" restore "$items" --into copy
says 'warning: this backup is scoped; the rows of these tables are not in it: .*public.customers'
holds "SELECT count(*) = 10 AND sum(customer) = 55 FROM items" copy
holds "SELECT count(*) = 0 FROM customers" copy
holds "SELECT NOT convalidated FROM pg_constraint WHERE conname = 'items_customer_fkey'" copy
holds "SELECT nextval('items_id_seq') = 11" copy
# a table that is asked for by name must have its rows
expect 3 "$BELAY" restore "$items" --table customers --into none
says 'the rows of public.customers are not in this backup'
says 'schema-only'
expect 0 "$BELAY" restore "$items" --table customers --schema-only --into definition
holds "SELECT count(*) = 0 FROM customers" definition
[ "$(structure copy | sed 's/ NOT VALID;/;/')" = "$(structure)" ] || fail "the schema of the copy differs by more than NOT VALID"
# by hand
cp -r store/test/backups/"$items" "$scratch/by-hand"
grep -q 'scoped' "$scratch/by-hand/RECOVER.txt" || fail "RECOVER.txt does not say that rows are missing"
(cd "$scratch/by-hand" && sh RECOVER.txt by_hand) >"$scratch/out" 2>"$scratch/err" || fail "RECOVER.txt failed"
[ "$(content by_hand)" = "$(content copy)" ] || fail "the copy by hand differs"

# ---- patterns; partitions go with their root, inheritance children do not ----
backup --table parent --table '"Odd.Name"' --table 's*.b?g'
held 'public."Odd.Name" public.parent sales.big'
backup --table orders_2025 # the referenced table goes along: NOT VALID is not possible on partitioned tables before 18
if [ "${PG_MAJOR:-15}" -lt 18 ]; then
  says 'public.customers is taken along: foreign key'
  held public.customers public.orders_2025
fi
backup --table orders --table customers
held public.customers public.orders_2025 public.orders_2026
[ "$(left_out)" = 'public."Odd.Name" public.child public.items public.parent sales.big' ] || fail "left out: $(left_out)"
expect 0 "$BELAY" verify "$id" --level restore
holds 'SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname LIKE $$belay%$$)'
backup --table '*' # everything is no scope
expect 0 "$BELAY" show latest
says "backup $id of test"
says_not 'scope'
whole=$id
backup --table items
expect 0 "$BELAY" show latest
says "backup $whole of test"
expect 0 "$BELAY" prune --keep-last 1 -n --json
jq -e --arg w "$whole" --arg s "$id" '[.backups[] | select(.keep)] | length == 2 and (map({(.id): .kind}) | add) == {($w): "whole", ($s): "scoped"}' \
  <"$scratch/out" >/dev/null || fail "scoped backups are not counted apart"

# ---- what is pending ----
pending() { # NAME SQL: the only pending migration
  rm -rf prisma/migrations/2*
  migration "20260101000000_$1" "$2"
  backup --scope pending
}
pending drop 'ALTER TABLE sales.big DROP COLUMN b;'
held sales.big
jq -e '.scope.kind == "pending"' store/test/backups/"$id"/manifest.json >/dev/null || fail "the manifest does not tell the scope"
pending cascade 'DELETE FROM customers WHERE id = 1;' # the rows of items follow
held public.customers public.items
migration 20260102000000_more 'DROP TABLE parent CASCADE; ALTER TABLE sales.big RENAME TO huge;'
migration 20260103000000_more 'CREATE TABLE fresh (id int PRIMARY KEY); TRUNCATE sales.huge; ALTER TABLE fresh ADD x int;'
backup --scope pending
held public.child public.customers public.items public.parent sales.big
expect 0 "$BELAY" verify "$id" --level restore
# everything, with the reason, when it cannot be known
whole() { # NAME SQL REASON
  pending "$1" "$2"
  says "the backup holds everything, not only what is pending: .*$3"
  jq -e '.scope == null and (.tables | length == 8)' store/test/backups/"$id"/manifest.json >/dev/null || fail "$1: it is not whole"
}
# shellcheck disable=SC2016 # dollar quotes
whole block 'DO $$BEGIN UPDATE items SET v = 1; END$$;' 'what a DO block does'
whole follows 'ALTER TABLE "Odd.Name" ADD FOREIGN KEY (id) REFERENCES customers ON DELETE CASCADE; DELETE FROM customers WHERE id = 1;' \
  'rows of other tables may follow'
sql 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $$SELECT 1$$'
whole function 'UPDATE sales.big SET a = f(id);' 'public.f\(integer\), which may write anywhere'
sql 'CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE FROM customers; RETURN NEW; END$$;
  CREATE TRIGGER t BEFORE UPDATE ON sales.big FOR EACH ROW EXECUTE FUNCTION g()'
whole trigger "UPDATE sales.big SET a = '1';" 'trigger sales.big.t runs code'
pending drop 'ALTER TABLE sales.big DROP COLUMN b;' # no trigger fires
held sales.big
whole fails 'ALTER TABLE nosuch ADD x int;' 'nosuch'

# ---- the backup stage ----
mkdir -p policies
printf 'extends: staging\nbackup:\n  scope: some\n' >policies/staging.yaml
expect 2 "$BELAY" run
says 'full, pending'
printf 'extends: staging\nbackup:\n  scope: pending\nlint:\n  fail_on: never\n' >policies/staging.yaml
rm -rf prisma/migrations/2*
migration 20260101000000_drop 'ALTER TABLE sales.big DROP COLUMN b;'
expect 0 "$BELAY" run
id=$("$BELAY" list runs --json | jq -r '.runs[-1].backup')
held sales.big
says "backup .*$id.*scoped"

#!/usr/bin/env bash
# restore into a database that is in use: what it changes, what it says of it, and that it is on disk when it says so.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
child=''
# shellcheck disable=SC2317 # called by the trap
finish() {
  [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT

sql "CREATE SEQUENCE orderno; CREATE SEQUENCE down INCREMENT -1 MAXVALUE 100 START 100; CREATE SEQUENCE far;
  CREATE TABLE parent (id int PRIMARY KEY);
  CREATE TABLE item (id serial PRIMARY KEY, no bigint DEFAULT nextval('orderno'), parent_id int REFERENCES parent);
  INSERT INTO parent SELECT generate_series(1, 5); INSERT INTO item (parent_id) SELECT generate_series(1, 5);
  SELECT setval('down', 90), setval('far', 700)" >/dev/null
expect 0 "$BELAY" backup
backup=$(cat "$scratch/out")
# empty DATABASE: one with the tables alone
empty() { expect 0 "$BELAY" restore "$backup" --into "$1" --schema-only; }
rows() { expect "$1" "$BELAY" restore "$backup" --into "$2" --data-only; }

# ---- sequences: last, and forwards only ----
empty b
sql "CREATE TABLE other (no bigint DEFAULT nextval('orderno')); SELECT setval('orderno', 5000), setval('down', 50);
  CREATE TABLE more (id int PRIMARY KEY); ALTER TABLE item ADD CONSTRAINT more FOREIGN KEY (id) REFERENCES more" b >/dev/null
rows 3 b
says 'nothing was changed in b:'
holds "SELECT last_value = 5000 FROM orderno" b
holds "SELECT last_value = 1 AND NOT is_called FROM far" b
sql 'ALTER TABLE item DROP CONSTRAINT more' b
rows 0 b
says 'sequence public\.orderno is at 5000, beyond the 5 of the backup, and is left there'
says 'sequence public\.down is at 50, beyond the 90 '
says_not 'sequence public\.(far|item)'
holds "SELECT nextval('orderno') = 5001 AND nextval('down') = 49 AND nextval('far') = 701 AND nextval('item_id_seq') = 6" b
sql 'DROP DATABASE b' postgres
empty b
sql 'DROP SEQUENCE far' b
rows 3 b
says 'sequence public\.far does not exist'
sql 'CREATE SEQUENCE far MAXVALUE 699' b
rows 3 b
says 'sequence public\.far cannot stand at 700'
holds 'SELECT count(*) = 0 FROM item' b
sql 'DROP DATABASE b' postgres

# ---- constraints that a superuser's load does not check: deferrable ones, foreign keys of the database ----
empty b
sql "ALTER TABLE item ADD UNIQUE (parent_id) DEFERRABLE, ADD COLUMN one int DEFAULT 1;
  ALTER TABLE item ADD CONSTRAINT apart EXCLUDE USING btree (no WITH =) DEFERRABLE INITIALLY DEFERRED" b
rows 0 b
sql 'TRUNCATE item, parent; ALTER TABLE item ADD CONSTRAINT alone UNIQUE (one) DEFERRABLE INITIALLY DEFERRED' b
rows 3 b
says 'nothing was changed in b: rows of the backup do not satisfy the constraint alone on public\.item here: .*could not create unique'
says 'Key \(one\)=\(1\) is duplicated'
holds 'SELECT count(*) = 0 FROM item' b
sql 'ALTER TABLE item DROP CONSTRAINT alone, DROP CONSTRAINT apart,
  ADD CONSTRAINT apart EXCLUDE USING btree (one WITH =) DEFERRABLE' b
rows 3 b
says 'do not satisfy the constraint apart on public\.item here'
holds 'SELECT count(*) = 0 FROM item' b
sql 'DROP DATABASE b' postgres
expect 2 "$BELAY" restore "$backup" --into b --data-only --skip-extension pgcrypto
says 'makes no extensions'

# ---- large objects: a lock each only for what needs one, and never more than there is room for ----
room=$(sql "SELECT current_setting('max_locks_per_transaction')::int *
  (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)")
sql 'CREATE DATABASE many' postgres
sql "CREATE TABLE t AS SELECT 1 AS a; SELECT count(lo_from_bytea(oid, '\x01')) FROM generate_series(100001, 100000 + 2 * $room) oid" \
  many >/dev/null
many="${DATABASE_URL/test/many}"
expect 0 "$BELAY" backup -d "$many"
expect 0 "$BELAY" restore latest -d "$many" --into many_copy --schema-only
expect 0 "$BELAY" restore latest -d "$many" --into many_copy --data-only
says "restored 1 table, 1 row, $((2 * room)) large objects into many_copy"
holds "SELECT count(*) = 2 * $room FROM pg_largeobject_metadata WHERE lomowner = current_user::regrole" many_copy
sql 'DROP DATABASE many_copy' postgres
sql 'CREATE ROLE another'
for owned in "$room" $((room + 1)); do
  sql "SELECT format('ALTER LARGE OBJECT %s OWNER TO another;', oid) FROM pg_largeobject_metadata
    WHERE oid <= 100000 + $owned" many | split -l 1000 - "$scratch/owners-"
  for part in "$scratch"/owners-*; do psql -X -q -1 -d many -f "$part"; done
  expect 0 "$BELAY" backup -d "$many"
  expect 0 "$BELAY" restore latest -d "$many" --into many_copy --schema-only
  if [ "$owned" = "$room" ]; then
    expect 0 "$BELAY" restore latest -d "$many" --into many_copy --data-only
    holds "SELECT count(*) = $room FROM pg_largeobject_metadata WHERE lomowner = 'another'::regrole" many_copy
  else
    expect 3 "$BELAY" restore latest -d "$many" --into many_copy --data-only
    says "nothing was changed in many_copy: .* of $owned large objects need a lock each .* has room for $room"
    holds 'SELECT count(*) = 0 FROM pg_largeobject_metadata' many_copy
  fi
  sql 'DROP DATABASE many_copy' postgres
done

# ---- on disk: with a standby that never comes, whoever waits for the disk waits for it, too ----
server() {
  sql "ALTER SYSTEM SET synchronous_standby_names = '$1'" postgres
  sql 'SELECT pg_reload_conf()' postgres >/dev/null
  for _ in $(seq 1 200); do
    [ "$(sql 'SHOW synchronous_standby_names' postgres)" != "$1" ] || return 0
    sleep 0.1
  done
  fail "the server does not read its configuration"
}
# waits ARGS: restore ARGS is begun and comes as far as its last COMMIT; output as expect's
waits() {
  "$BELAY" restore "$backup" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
  child=$!
  for _ in $(seq 1 300); do
    backend=$(sql "SELECT pid FROM pg_stat_activity WHERE application_name = 'belay restore' AND query = 'COMMIT'
      AND wait_event = 'SyncRep'" postgres)
    [ -z "$backend" ] || return 0
    kill -0 "$child" 2>/dev/null || fail "restore $* is done, and may not be on disk"
    sleep 0.1
  done
  fail "restore $* does not come to its COMMIT"
}
ends() { # ends CODE
  local got=0
  wait "$child" || got=$?
  child=''
  [ "$got" = "$1" ] || fail "the restore ended with $got, not $1"
}
[ "$(sql 'SHOW synchronous_commit' postgres)" = off ] || fail "this server waits for the disk anyway"
server nobody
waits --into whole
server ''
ends 0
holds 'SELECT count(*) = 5 FROM item' whole
sql 'DROP TABLE item'
server nobody
waits --table item --confirm test
server ''
ends 0
holds 'SELECT count(*) = 5 FROM item'

# ---- the answer to COMMIT is lost: it was done ----
empty b
server nobody
waits --into b --data-only
sql "SELECT pg_terminate_backend($backend)" postgres >/dev/null
ends 0
says 'restored 2 tables, 10 rows into b'
server ''
holds "SELECT count(*) = 5 FROM item" b
holds "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'item'" b

# ---- and nobody can be asked (the last test: the server is gone) ----
empty c
server nobody
waits --into c --data-only
kill -QUIT "$(head -n 1 "$WITH_POSTGRES_DIR/data/postmaster.pid")"
ends 8
says 'it is not known whether c was changed'
says "^hint: .*SELECT pg_xact_status\('[0-9]+'\)"
says_not 'nothing was changed in c:'

#!/usr/bin/env bash
# A migration that cannot run in one transaction: every statement is proven, captured and committed by itself, and goes back by
# itself.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nlint:\n  fail_on: never\n' >policies/staging.yaml

sql "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, note text, old text);
     INSERT INTO t SELECT i, i, 'n' || i, 'o' || i FROM generate_series(1, 500) i;
     CREATE TABLE empty_soon (id int PRIMARY KEY, v text);
     INSERT INTO empty_soon SELECT i, 'e' || i FROM generate_series(1, 50) i;
     CREATE SCHEMA other; CREATE TABLE other.u (id int PRIMARY KEY, w int);
     INSERT INTO other.u VALUES (1, 10), (2, 20)"
content_before=$(content)
structure_before=$(structure)
mixed="SET lock_timeout = '7s';
UPDATE t SET note = upper(note), v = v + 1000 WHERE id % 2 = 0;
CREATE INDEX CONCURRENTLY t_v ON t (v);
DELETE FROM t WHERE id > 450;
ALTER TABLE t DROP COLUMN old;
SET search_path = other;
UPDATE u SET w = w + 1;
RESET search_path;
TRUNCATE empty_soon;
DROP TABLE empty_soon;
VACUUM FULL t;
INSERT INTO t (id, v) VALUES (1000, 5);
CREATE INDEX CONCURRENTLY t_note ON t (note);"
name=20260101000000_mixed

same() { # everything as before; a column that came back may be the last one
  [ "$(structure)" = "$structure_before" ] || fail "the structure differs"
  [ "$(content)" = "$content_before" ] || fail "the rows differ"
  holds "SELECT count(*) = 0 FROM _prisma_migrations WHERE rolled_back_at IS NULL"
}
# hold TABLE [MODE]: another session keeps it
hold() {
  psql -X -q -c "BEGIN; LOCK TABLE $1 IN ${2:-ROW EXCLUSIVE} MODE; SELECT pg_sleep(60)" >/dev/null 2>&1 &
  holder=$!
  until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
}
let_go() {
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null
  wait "$holder" 2>/dev/null || true
}
# kill_waiting KIND STATEMENT COMMAND...: starts belay, and kills it where that statement waits for a lock
kill_waiting() {
  local kind=$1 statement=$2 pid
  shift 2
  "$BELAY" "$@" >/dev/null 2>&1 &
  pid=$!
  until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'belay $kind%' AND wait_event_type = 'Lock' AND
    query ~ '$statement'"
  kill -9 "$pid"
  wait "$pid" 2>/dev/null || true
  until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'belay %'"
}

migration $name "$mixed"
expect 0 "$BELAY" plan
says "$name#2\$"
says 'outside of a transaction, as it must'
says 'changed rows of public\.t'
holds "SELECT to_regclass('_prisma_migrations') IS NULL"
expect 0 "$BELAY" run
says '1 pending migration,'
says '1 migration applied and verified'
holds "SELECT count(*) = 1 AND bool_and(finished_at IS NOT NULL) FROM _prisma_migrations"
holds "SELECT count(*) = 451 FROM t"
holds "SELECT sum(w) = 32 FROM other.u"
expect 0 "$BELAY" list runs
says '1 of 1 files'
expect 0 "$BELAY" rollback last --dry-run
holds "SELECT count(*) = 451 FROM t"
content_after=$(content)
expect 0 "$BELAY" rollback last --yes
same

# the rollback is a run: it can be rolled back, rows and all, and then the run again; what was written in between comes back, too
sql "UPDATE t SET old = 'fresh' WHERE id = 11"
run=$("$BELAY" list runs --json | jq -r '.runs[-1].rolls_back')
expect 0 "$BELAY" rollback "$(last_run)" --yes
says 'is in again'
[ "$(content)" = "$content_after" ] || fail "after the rollback of a rollback the rows are not as the migration left them"
holds "SELECT count(*) = 1 FROM _prisma_migrations WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL"
holds "SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid IN ('t_v'::regclass, 't_note'::regclass)"
expect 0 "$BELAY" run
says 'nothing is pending'
expect 0 "$BELAY" rollback last --dry-run
says "Rollback of run $run"
expect 0 "$BELAY" rollback last --yes
holds "SELECT old = 'fresh' FROM t WHERE id = 11"
sql "UPDATE t SET old = 'o11' WHERE id = 11"
same

# killed between two parts of the rollback: the ledger has it as begun, status says where, a second try completes; what others
# wrote since stays
expect 0 "$BELAY" run
run=$(last_run)
sql "INSERT INTO t (id, v) VALUES (2000, 1); UPDATE t SET v = -1 WHERE id = 2"
hold other.u
kill_waiting rollback other rollback "$run" --yes
let_go
holds "SELECT to_regclass('empty_soon') IS NOT NULL AND to_regclass('t_note') IS NULL AND to_regclass('t_v') IS NOT NULL"
holds "SELECT finished_at IS NULL FROM _prisma_migrations WHERE rolled_back_at IS NULL"
expect 0 "$BELAY" status
says "the rollback .* of run $run was interrupted"
says "rolled back +$name#8"
says "still applied +$name#5"
says "next: belay rollback $run"
expect 0 "$BELAY" rollback "$run" --yes
says 'conflict: public\.t .*2.*: changed since'
holds "SELECT v = -1 FROM t WHERE id = 2"
sql "DELETE FROM t WHERE id = 2000; UPDATE t SET v = 2, note = 'n2' WHERE id = 2"
same

# killed in the first part: nothing is in, and the next run goes on
migration $name "WITH x AS (UPDATE t SET v = 0 RETURNING 1) SELECT pg_advisory_xact_lock(42);
CREATE INDEX CONCURRENTLY t_v ON t (v);"
psql -X -q -c "SELECT pg_advisory_lock(42), pg_sleep(60)" >/dev/null 2>&1 &
holder=$!
until_true "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 42"
kill_waiting run '^WITH x' run
let_go
expect 0 "$BELAY" status
says 'nothing was committed, the database is as before'
says 'next: belay run'
same
expect 0 "$BELAY" run
holds "SELECT sum(v) = 0 FROM t"
expect 0 "$BELAY" rollback last --yes
same
migration $name "$mixed"

# the rollback was killed after its last COMMIT, before it could say so
expect 0 "$BELAY" run
run=$(last_run)
expect 0 "$BELAY" rollback "$run" --yes
file=$(ls -t store/*/runs/*/journal.jsonl | head -1)
sed -i '/"event":"committed","file":"'$name'#1"/,$d' "$file"
expect 3 "$BELAY" rollback "$run" --yes
says 'left nothing applied'
same

# killed in a statement outside of a transaction, after a part that wrote rows: what is in goes back
hold other.u
kill_waiting run '^CREATE INDEX' run
let_go
run=$(last_run)
holds "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass"
holds "SELECT v = 1002 FROM t WHERE id = 2"
expect 0 "$BELAY" status
says "$name runs statement by statement and stopped part-way"
says "next: belay rollback $run"
expect 0 "$BELAY" rollback "$run" --yes
same

# a part that fails: what went in before it comes back, rows and all
migration $name "${mixed}
INSERT INTO t (id, v) VALUES (1, 5);"
expect 7 "$BELAY" run
says 'what was applied before it was rolled back'
same

# one outside of a transaction that fails
migration $name "${mixed}
CREATE UNIQUE INDEX CONCURRENTLY t_twice ON t ((v / 2));"
expect 7 "$BELAY" run
same

# the policy says stop: the parts stay, and the way back is the rollback
printf 'extends: staging\nlint:\n  fail_on: never\napply:\n  on_failure: stop\n' >policies/staging.yaml
expect 8 "$BELAY" run
says '0 of 1 files are applied, and 10 of the 11 parts of 2026'
expect 0 "$BELAY" rollback last --yes
same
expect 3 "$BELAY" rollback "$(last_run)" --yes
says 'was not applied whole: 10 of its 11 parts'
same

# a role would not last
migration $name "SET  ROLE postgres;
UPDATE t SET v = 1;
CREATE INDEX CONCURRENTLY t_v ON t (v);"
expect 3 "$BELAY" run
says 'SET ROLE does not last in a file that runs statement by statement'
same

# SET LOCAL has no transaction to hold in, as for psql
migration $name "SET LOCAL search_path = other;
UPDATE t SET v = 3 WHERE id = 4;
CREATE INDEX CONCURRENTLY t_v ON t (v);"
expect 0 "$BELAY" run
holds "SELECT v = 3 FROM t WHERE id = 4"
expect 0 "$BELAY" rollback last --yes
same

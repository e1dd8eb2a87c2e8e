#!/usr/bin/env bash
# belay status: what is under way, what was cut off and where, and the command to type next.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nbackup:\n  required: false\npreflight:\n  allow_drift: true\n  max_transaction_age: 0\nlint:\n  fail_on: never\n' >policies/quick.yaml
sed -i 's/staging/quick/' belay.yaml
sql "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i"
status() { expect 0 "$BELAY" status; }
journal() { echo "store/test/runs/$(last_run)/journal.jsonl"; }

# ---- around a command ----
cat >deploy.sh <<'SH'
#!/usr/bin/env bash
q() { psql -X -q -d "$DATABASE_URL" -c "$1" 2>/dev/null; }
ledger() {
  q 'CREATE TABLE IF NOT EXISTS _prisma_migrations (id text PRIMARY KEY, checksum text NOT NULL, finished_at timestamptz,
       migration_name text NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
       applied_steps_count int NOT NULL DEFAULT 0)'
  q "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
     VALUES ('$1', '$(sha256sum "prisma/migrations/$1/migration.sql" | cut -d' ' -f1)', $2, '$1', 1)"
}
eval "$DO"
touch there
exec sleep 60
SH
chmod +x deploy.sh
cut_off() { # WHAT THE COMMAND DOES: belay is killed while the command runs, and the command then too
  rm -f there
  DO="echo \$\$ >pid; $1" "$BELAY" run -- ./deploy.sh >/dev/null 2>&1 &
  local pid=$!
  for _ in $(seq 200); do [ ! -e there ] || break; sleep 0.05; done
  status
  says 'a run is under way: backend [0-9]+ '
  says ', under way'
  "$BELAY" status --json | jq -e '.last_running and (.last_interrupted | not) and .running' >/dev/null || fail "the JSON of a living run"
  kill -9 $pid
  wait $pid 2>/dev/null || true
  kill "$(cat pid)"
  until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'belay %'"
  status
  says 'interrupted in stage apply, after its command had begun'
}
migration 20260101000000_w 'ALTER TABLE t ADD COLUMN w int;'
cut_off ':'
says 'the ledger has nothing of it and the schema is as before, but rows may have been written'
says 'next: belay run -- ./deploy.sh'
cut_off 'q "ALTER TABLE t ADD COLUMN w int"'
says 'the ledger has nothing of it, but the schema is changed'
sql "ALTER TABLE t DROP COLUMN w"
cut_off 'q "ALTER TABLE t ADD COLUMN w int"; ledger 20260101000000_w now\(\)'
says '  applied      20260101000000_w'
says 'the ledger has 1 of its 1 files as applied, and the schema is as predicted'
says "next: belay rollback $(last_run)"
expect 0 "$BELAY" rollback last --yes
sql "DROP TABLE _prisma_migrations"

# the command that outlives belay is still at work
rm -f there
DO='echo $$ >pid; psql -X -q -d "$DATABASE_URL" -c "SELECT pg_sleep(60)" & touch there; wait' "$BELAY" run -- ./deploy.sh >/dev/null 2>&1 &
pid=$!
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name LIKE 'belay command%' AND state = 'active'"
status
says 'a run is under way: backend [0-9]+ of belay command'
kill -9 $pid
wait $pid 2>/dev/null || true
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'belay lock'"
status
says 'no belay is running here any more, but somebody is at work: backend [0-9]+ of belay command'
says 'next: belay status'
kill -- -"$(cat pid)"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'belay command%'" >/dev/null

# ---- natively ----
rm -r prisma/migrations/2*
migration 20260101000000_a 'UPDATE t SET v = v + 1;'
migration 20260102000000_b 'ALTER TABLE t ADD COLUMN b int;'
expect 0 "$BELAY" run
run=$(last_run)

# the server does not know the transaction: the ledger tells
cp "$(journal)" "$scratch/journal"
sed -i '/"event":"committed","file":"20260102000000_b"/,$d; /"event":"commit-sent","file":"20260102000000_b"/s/"xid":"[0-9]*"/"xid":"99999999"/' "$(journal)"
status
says 'note: the server no longer knows transaction 99999999 of 20260102000000_b; its ledger row decides: applied'
says '2 of its 2 files are committed'
sql "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '20260102000000_b'"
status
says 'its ledger row decides: not applied'
says '1 of its 2 files is committed'
sql "UPDATE _prisma_migrations SET rolled_back_at = NULL"
cp "$scratch/journal" "$(journal)"
status
says 'nothing is pending'

# a living rollback, then a killed one
psql -X -q -c "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE; SELECT pg_sleep(60)" >/dev/null 2>&1 &
holder=$!
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
"$BELAY" rollback last --yes >/dev/null 2>&1 &
pid=$!
until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'belay rollback%' AND wait_event_type = 'Lock'"
status
says 'a rollback is under way: backend [0-9]+ of belay rollback'
says_not 'interrupted'
kill -9 $pid
wait $pid 2>/dev/null || true
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'belay %'"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null
wait $holder 2>/dev/null || true
status
says "the rollback .* of run $run was interrupted; 0 of 2 files are rolled back"
says "next: belay rollback $run"
says '  still applied 20260102000000_b'
expect 0 "$BELAY" rollback "$run" --yes
sed -i '/"commit-sent","file":"20260101000000_a"/,$d' "$(journal)"
status
says "the rollback .* of run $run was interrupted; 1 of 2 files is rolled back"
says "next: belay rollback $run"

# statement by statement, killed in the middle
rm -r prisma/migrations/2* store
sql "DROP TABLE _prisma_migrations"
migration 20260101000000_i 'CREATE INDEX CONCURRENTLY t_v ON t (v);'
psql -X -q -c "BEGIN; UPDATE t SET v = v WHERE id = 1; SELECT pg_sleep(60)" >/dev/null 2>&1 &
holder=$!
"$BELAY" run >/dev/null 2>&1 &
pid=$!
until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'belay run%' AND query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'"
kill -9 $pid
wait $pid 2>/dev/null || true
until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'belay %'"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null
wait $holder 2>/dev/null || true
status
says 'partly applied 20260101000000_i'
says '20260101000000_i runs statement by statement and stopped part-way'
says "next: belay rollback $(last_run)"

# the lock of a killed run is free, but its last statement may still be at work: nobody overtakes it
rm -rf prisma/migrations/2* store
sql "DROP TABLE IF EXISTS _prisma_migrations; DROP INDEX IF EXISTS t_v"
migration 20260101000000_w 'ALTER TABLE t ADD COLUMN waits int;'
PGAPPNAME='belay run 20260101T000000Z-dead' psql -X -q -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 &
holder=$!
until_true "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
expect 10 "$BELAY" run
says 'backend [0-9]+ of belay run 20260101T000000Z-dead is still at work'
says 'SELECT pg_terminate_backend\([0-9]+\)'
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'" >/dev/null
wait "$holder" 2>/dev/null || true
expect 0 "$BELAY" run

#!/usr/bin/env bash
# Around a foreign command: what it leaves behind at work, what was written beside it, interrupts.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nbackup:\n  required: false\npreflight:\n  allow_drift: true\n  max_transaction_age: 0\n' >policies/quick.yaml
sql "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i;
     CREATE TABLE other (id int PRIMARY KEY)"
cat >deploy.sh <<'SH'
#!/usr/bin/env bash
q() { psql -X -q -d "$DATABASE_URL" -c "$1"; }
ledger() {
  q 'CREATE TABLE IF NOT EXISTS _prisma_migrations (id text PRIMARY KEY, checksum text NOT NULL, finished_at timestamptz,
       migration_name text NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
       applied_steps_count int NOT NULL DEFAULT 0)' 2>/dev/null
  q "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
     VALUES ('$1', '$(sha256sum "prisma/migrations/$1/migration.sql" | cut -d' ' -f1)', now(), '$1', 1)"
}
eval "$DO"
SH
chmod +x deploy.sh
journal() { cat "store/test/runs/$(last_run)/journal.jsonl"; }
quick() { expect "$1" "$BELAY" run -e quick -- ./deploy.sh; }

# ---- it failed and wrote nothing: 6; it failed after a write: 8 ----
export DO='q "SELECT 1" >/dev/null; exit 3'
quick 6
says 'no transaction wrote anything'
export DO='q "INSERT INTO other VALUES (1); DELETE FROM other"; exit 3'
quick 8
says 'rows may have been written: transactions wrote'
says 'this run took no backup'

# ---- transactions still in progress when the command has ended: its own, and one under another name ----
export DO='q "UPDATE t SET v = v + 1 WHERE id = 1; SELECT pg_sleep(60)" >/dev/null 2>&1 & a=$!
  PGAPPNAME=stray q "UPDATE t SET v = v + 1 WHERE id = 2; SELECT pg_sleep(60)" >/dev/null 2>&1 & b=$!
  sleep 1; kill -9 $a $b; exit 1'
quick 8
says 'had not: terminated'
says_not 'as before and no transaction wrote anything'
holds "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'belay command%'"
pid=$(sql "SELECT pid FROM pg_stat_activity WHERE application_name = 'stray'")
[ -n "$pid" ] || fail "the stray backend was ended"
says "a backend is still at work that was opened meanwhile: backend $pid \(stray, active\)"
says "pg_terminate_backend\($pid\)"
sql "SELECT pg_terminate_backend($pid)" >/dev/null
for _ in $(seq 50); do [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid")" != 0 ] || break; sleep 0.1; done
holds "SELECT sum(v) = 500500 FROM t"

# ... and a prepared one
if [ "$(sql 'SHOW max_prepared_transactions')" != 0 ]; then
  export DO='q "BEGIN; UPDATE t SET v = v + 1; PREPARE TRANSACTION '"'later'"'"; exit 1'
  quick 8
  says 'rows may have been written'
  sql "ROLLBACK PREPARED 'later'"
fi
holds "SELECT sum(v) = 500500 FROM t"

# ---- what was written beside it, and how old the backup is ----
migration 20260101000000_w 'ALTER TABLE t ADD COLUMN w int;'
export DO='q "ALTER TABLE t ADD COLUMN w int"; ledger 20260101000000_w; q "INSERT INTO other SELECT generate_series(1, 500)"; sleep 1'
expect 0 "$BELAY" run -- ./deploy.sh
says 'the command starts .* after the snapshot of backup'
says 'rows of other tables changed meanwhile: public.other 500 \(the application, or the command\)'
journal | grep -q '"event":"command-begin".*"since_snapshot_ms":[0-9]' || fail "the gap is not in the journal"
journal | grep -q '"event":"other-writes","tables":"public.other 500"' || fail "the writes are not in the journal"

# ---- interrupted: 143 on one of the two sides only ----
interrupt() { # CODE: runs, waits for the file "there", sends TERM
  local got=0
  rm -f there
  "$BELAY" run -e quick -- ./deploy.sh >"$scratch/out" 2>"$scratch/err" &
  local pid=$!
  for _ in $(seq 2400); do [ ! -e there ] || break; sleep 0.05; done # a busy machine takes its time
  kill -TERM $pid
  wait $pid || got=$?
  [ "$got" = "$1" ] || fail "after SIGTERM it ended with $got, not $1"
}
migration 20260102000000_x 'ALTER TABLE t ADD COLUMN x int;'
export DO='touch there; exec sleep 30'
interrupt 143
says 'ledger and schema are as before'
expect 0 "$BELAY" status
says 'ended with exit code 143'
says 'next: belay run -- ./deploy.sh'
export DO='q "ALTER TABLE t ADD COLUMN x int"; touch there; exec sleep 30'
interrupt 8
says 'the schema is as predicted; the ledger has nothing new'
expect 0 "$BELAY" status
says 'ended with exit code 8'
says 'the ledger has nothing of it, but the schema is changed'
sql "ALTER TABLE t DROP COLUMN x"
export DO='q "ALTER TABLE t ADD COLUMN x int"; ledger 20260102000000_x; touch there; exec sleep 30'
interrupt 143
says 'all migrations are applied and the schema is as predicted'
expect 0 "$BELAY" rollback last --yes

#!/usr/bin/env bash
# The session is lost while its COMMIT is under way, so that no answer comes: belay asks the server on which side of it the
# transaction ended, and says just that.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
sql "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i"
before=$(content; structure)

# Nobody waits for a standby that is not there, but who asks for it.
sql "ALTER DATABASE $PGDATABASE SET synchronous_commit = local"
sql "ALTER DATABASE postgres SET synchronous_commit = local" postgres
sql "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
sql "SELECT pg_reload_conf()" >/dev/null
sessions="FROM pg_stat_activity WHERE datname = '$PGDATABASE' AND pid <> pg_backend_pid()"
# ended_at_commit WAIT: the COMMIT of the run is seen waiting there, and its session is ended
ended_at_commit() {
  until_true "SELECT count(*) = 1 $sessions AND application_name LIKE 'belay%' AND query = 'COMMIT' AND wait_event $1"
  holds "SELECT count(pg_terminate_backend(pid)) = 1 $sessions AND application_name LIKE 'belay%' AND query = 'COMMIT'
    AND wait_event $1"
}
# started COMMAND...: in the background. ends CODE: it must end so.
started() {
  "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
  child=$!
}
ends() {
  local got=0
  wait "$child" || got=$?
  [ "$got" = "$1" ] || fail "the run ended with $got, not $1"
}

# ---- before the server had decided: COMMIT needs a lock that one holds who announces something and waits for the standby ----
migration 20260101000000_add "ALTER TABLE t ADD COLUMN w int DEFAULT 7; SELECT pg_notify('belay', 'done');"
psql -X -q -c "SET synchronous_commit = on" -c "BEGIN" -c "NOTIFY belay" -c "CREATE TABLE other (i int)" -c "COMMIT" \
  >/dev/null 2>&1 &
holder=$!
until_true "SELECT count(*) = 1 $sessions AND wait_event = 'SyncRep'"
started "$BELAY" run
ended_at_commit "= 'object'"
ends 6
says 'terminating connection|server closed the connection'
holds "SELECT count(pg_cancel_backend(pid)) = 1 $sessions AND wait_event = 'SyncRep'"
wait "$holder" || true
sql 'DROP TABLE other'
[ "$(content; structure)" = "$before" ] || fail "the database is not as before"
holds "SELECT to_regclass('_prisma_migrations') IS NULL"
expect 0 "$BELAY" status
says 'last run: .*failed; the database is as before, checked'
[ -z "$(find store -path '*capture*' -name manifest.json)" ] || fail "the capture of a run that did not happen stays"

# ---- after it had decided: the migration itself waits for the standby ----
rm -r prisma/migrations/2*
migration 20260101000000_add "SET LOCAL synchronous_commit = on; ALTER TABLE t ADD COLUMN w int DEFAULT 7;"
started "$BELAY" run
ended_at_commit "= 'SyncRep'"
ends 0
holds 'SELECT sum(w) = 700 FROM t'
holds "SELECT count(*) = 1 FROM _prisma_migrations WHERE finished_at IS NOT NULL"
expect 0 "$BELAY" rollback last --yes
sql 'DROP TABLE _prisma_migrations'
[ "$(content; structure)" = "$before" ] || fail "the rollback left something"

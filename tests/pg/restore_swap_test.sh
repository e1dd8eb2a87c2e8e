#!/usr/bin/env bash
# restore --swap: what is announced, what is refused, the swap itself with all properties, and a kill at each step.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
url() { printf 'postgresql://%s@/%s?host=%s&port=%s' "$1" "$(jq -rn --arg n "$2" '$n | @uri')" "$PGHOST" "$PGPORT"; }
db='Tra ding'
sql "CREATE ROLE app LOGIN; CREATE ROLE reader; CREATE ROLE boss"
psql -X -q -d postgres -v ON_ERROR_STOP=1 <<SQL
CREATE DATABASE "$db" OWNER boss CONNECTION LIMIT 77;
ALTER DATABASE "$db" SET search_path TO "\$user", public, "od d";
ALTER DATABASE "$db" SET work_mem TO '12MB';
ALTER ROLE app IN DATABASE "$db" SET statement_timeout TO '9s';
COMMENT ON DATABASE "$db" IS 'it''s ours';
REVOKE ALL ON DATABASE "$db" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE "$db" TO app WITH GRANT OPTION;
SET ROLE app;
GRANT CONNECT ON DATABASE "$db" TO reader;
SQL
DATABASE_URL=$(url belay "$db")
export DATABASE_URL
sql "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY);
  INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 1000) i; ANALYZE" "$db"
# properties DATABASE: all that pg_dump -C or pg_dumpall says of it
properties() {
  "$PGBIN/pg_dump" -s -C -d "$(url belay "$1")" | grep -E "DATABASE|ROLE .* IN DATABASE" | sed "s/\"$1\"/X/g"
}
before_content=$(content "$db")
before_structure=$(structure "$db")
before_properties=$(properties "$db")
grep -q 'CONNECTION LIMIT = 77' <<<"$before_properties" || fail "properties are not looked at: $before_properties"
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")

# ---- what would be lost is announced, nothing is done without the name ----
sql "INSERT INTO t VALUES (2001, 'x'), (2002, 'y'); UPDATE t SET v = 'z' WHERE id <= 3; DELETE FROM t WHERE id > 995;
  INSERT INTO u VALUES (1)" "$db"
sleep 1.2 # the counters lag
later_content=$(content "$db")
for options in '' '--confirm Trading' '--confirm tra' '-n'; do
  # shellcheck disable=SC2086 # options
  expect "$([ "$options" = -n ] && echo 0 || echo 2)" "$BELAY" restore "$id" --swap $options
  says 'public\.t: 2 rows inserted, 3 updated, [0-9]+ deleted since the backup'
  says 'public\.u: 1 rows inserted'
  says 'WAL'
  says_not 'public\.v'
done
expect 2 "$BELAY" restore "$id" --swap
says "^hint: .*--confirm 'Tra ding'"
expect 0 "$BELAY" restore "$id" --swap -n --json
jq -e '.written_known and (.written | length == 2) and .wal_bytes > 0' <"$scratch/out" >/dev/null || fail "JSON of the plan"
[ "$(content "$db")" = "$later_content" ] || fail "something was done"
holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'Tra ding\_%'"
expect 2 "$BELAY" restore "$id" --swap --into x
expect 2 "$BELAY" restore "$id" --into x --confirm x
expect 2 "$BELAY" restore "$id" --swap --confirm "$db" --table t
expect 2 "$BELAY" restore nosuch --swap --confirm "$db"

# ---- refused ----
# a backup that does not hold everything
expect 0 "$BELAY" backup --table t
expect 3 "$BELAY" restore "$(cat "$scratch/out")" --swap --confirm "$db"
says 'is scoped'
# prepared transactions
if [ "$(sql 'SHOW max_prepared_transactions')" != 0 ]; then
  sql "BEGIN; INSERT INTO u VALUES (7); PREPARE TRANSACTION 'gid 7'" "$db"
  expect 4 "$BELAY" restore "$id" --swap --confirm "$db"
  says 'prepared transaction.*gid 7'
  sql "ROLLBACK PREPARED 'gid 7'" "$db"
fi
# a run holds the lock
oid=$(sql "SELECT oid FROM pg_database WHERE datname = '$db'")
psql -X -q -d postgres -c "SELECT pg_advisory_lock($((0x62656c61)), $oid)" -c 'SELECT pg_sleep(100)' >/dev/null 2>&1 &
holder=$!
for _ in $(seq 50); do
  [ "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")" = 0 ] || break
  sleep 0.1
done
expect 10 "$BELAY" restore "$id" --swap --confirm "$db"
[ "$(content "$db")" = "$later_content" ] || fail "the database changed under the lock of a run"
kill "$holder"
wait "$holder" 2>/dev/null || true
sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'" >/dev/null
# roles that are gone
sql "CREATE ROLE gone" && sql "GRANT SELECT ON t TO gone" "$db"
expect 0 "$BELAY" backup
with_gone=$(cat "$scratch/out")
sql "REVOKE SELECT ON t FROM gone" "$db" && sql "DROP ROLE gone"
expect 3 "$BELAY" restore "$with_gone" --swap --confirm "$db"
says 'roles of the backup do not exist here: gone'
holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'Tra ding\_%'"

# ---- a role that may not set what the old database has ----
sql "ALTER ROLE boss LOGIN CREATEDB; GRANT CREATE ON SCHEMA public TO boss" "$db"
expect 4 env DATABASE_URL="$(url boss "$db")" "$BELAY" restore "$id" --swap --confirm "$db" --no-owner
says 'setting the properties of database'
holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'Tra ding\_%'"

# ---- sessions that may not be ended: the database stays open and as it was ----
sql "ALTER ROLE boss LOGIN CREATEDB CREATEROLE; GRANT app, reader TO boss WITH ADMIN OPTION; GRANT CREATE ON SCHEMA public TO boss" "$db"
psql -X -q -d "$DATABASE_URL" -c 'SELECT pg_sleep(100)' >/dev/null 2>&1 &
sleeper=$!
for _ in $(seq 50); do
  [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = '$db'")" = 0 ] || break
  sleep 0.1
done
expect 4 env DATABASE_URL="$(url boss "$db")" "$BELAY" restore "$id" --swap --confirm "$db" --no-owner
says 'did not end|permission denied|must be'
holds "SELECT datallowconn FROM pg_database WHERE datname = '$db'"
[ "$(content "$db")" = "$later_content" ] || fail "the database changed"
kill "$sleeper" 2>/dev/null || true
wait "$sleeper" 2>/dev/null || true

# ---- the swap, with somebody connected ----
psql -X -q -d "$DATABASE_URL" -c 'SELECT pg_sleep(100)' >/dev/null 2>&1 &
sleeper=$!
for _ in $(seq 50); do
  [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = '$db' AND query LIKE '%pg_sleep%'")" = 0 ] || break
  sleep 0.1
done
old_oid=$(sql "SELECT oid FROM pg_database WHERE datname = '$db'")
expect 0 "$BELAY" restore "$id" --swap --confirm "$db"
says 'cut off +[12] sessions?:'
wait "$sleeper" 2>/dev/null && fail "the session was not ended"
says "database Tra ding is backup $id now: 2 tables, 1000 rows"
kept=$(sed -n 's/^the one before is kept as //p' "$scratch/out")
sed -n '/^to go back/,$p' "$scratch/out" | tail -n +2 >"$scratch/back.sql"
[ "$(content "$db")" = "$before_content" ] || fail "the rows are not those of the backup"
[ "$(structure "$db")" = "$before_structure" ] || fail "the schema is not that of the backup"
[ "$(properties "$db")" = "$before_properties" ] || fail "properties: $(diff <(echo "$before_properties") <(properties "$db"))"
holds "SELECT NOT datallowconn AND oid = $old_oid FROM pg_database WHERE datname = '$kept'"
holds "SELECT count(*) = 2 FROM pg_database WHERE datname LIKE 'Tra ding%'"
expect 0 "$BELAY" status
says_not 'interrupted'
# the way back is what was printed
psql -X -q -d postgres -v ON_ERROR_STOP=1 -f "$scratch/back.sql" >/dev/null
[ "$(content "$db")" = "$later_content" ] || fail "the way back does not lead back"
psql -X -q -d postgres -c "DROP DATABASE \"$(sql "SELECT datname FROM pg_database WHERE datname LIKE 'Tra ding\_restored%'")\""

# ---- killed at each step: status tells, the same command finishes ----
for step in noted restored ready closed alone renamed; do
  BELAY_TEST_KILL=$step "$BELAY" restore "$id" --swap --confirm "$db" >/dev/null 2>&1 && fail "not killed at $step"
  for _ in $(seq 50); do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'belay%'")" != 0 ] || break
    sleep 0.1
  done
  allowed=$(sql "SELECT datallowconn FROM pg_database WHERE datname = '$db'")
  case $step in noted | restored | ready) want=t ;; *) want=f ;; esac
  [ "$allowed" = "$want" ] || fail "killed at $step: connections allowed: $allowed"
  expect 0 "$BELAY" status
  if [ "$step" = noted ]; then
    says_not 'interrupted'
  else
    says "a restore of backup $id into place was interrupted"
    says "^next: belay restore $id --swap --confirm 'Tra ding'"
  fi
  if [ "$want" = f ]; then
    says 'accepts no connections'
    command=$(sed -n "s/.*(to keep it: \(.*\)).*/\1/p" "$scratch/out")
    # on every other one the old database is kept with the command that is told
    if [ "$step" = alone ]; then
      eval "$command"
      [ "$(content "$db")" = "$later_content" ] || fail "killed at $step: the old database changed"
      expect 0 "$BELAY" status
      says 'in place as before'
    fi
  fi
  expect 0 "$BELAY" restore "$id" --swap --confirm "$db"
  [ "$(content "$db")" = "$before_content" ] || fail "killed at $step, then finished: the rows are not those of the backup"
  [ "$(properties "$db")" = "$before_properties" ] || fail "killed at $step: properties"
  case $step in noted | restored) ;; *) says 'was restored by an earlier try' ;; esac
  holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'Tra ding\_belay%'"
  sed -n '/^to go back/,$p' "$scratch/out" | tail -n +2 | psql -X -q -d postgres -v ON_ERROR_STOP=1 >/dev/null
  [ "$(content "$db")" = "$later_content" ] || fail "killed at $step: the way back"
  psql -X -q -d postgres -c "DROP DATABASE \"$(sql "SELECT datname FROM pg_database WHERE datname LIKE 'Tra ding\_restored%'")\""
done

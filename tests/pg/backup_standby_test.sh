#!/usr/bin/env bash
# A standby is a source like any other; what it cannot give is refused by name, and a cancel by its replay is explained.
# shellcheck disable=SC2154 # scratch is of lib.sh
. "$(dirname "$0")/../harness/lib.sh"
[ -x "$PGBIN/pg_basebackup" ] || { echo "no pg_basebackup in $PGBIN"; exit 77; }

standby=$WITH_POSTGRES_DIR/standby
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then as() { setpriv --reuid=postgres --regid=postgres --init-groups env HOME="$WITH_POSTGRES_DIR" "$@"; }; fi
stop() {
  [ ! -f "$standby/postmaster.pid" ] || kill -QUIT "$(head -n 1 "$standby/postmaster.pid")" 2>/dev/null || true
  rm -rf "$scratch"
}
trap stop EXIT

sql "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 1000) i"
mkdir -m 700 "$standby"
[ "$(id -u)" != 0 ] || chown postgres "$standby"
(cd / && as "$PGBIN/pg_basebackup" -D "$standby" -R -c fast --no-sync -X stream) 2>"$scratch/err" || fail "pg_basebackup"
(cd / && as "$PGBIN/postgres" -D "$standby" -c port=5433 -c max_standby_streaming_delay=0 -c hot_standby=on) \
  >"$scratch/standby.log" 2>&1 &
for _ in $(seq 1 600); do
  [ "$(psql -X -q -A -t -p 5433 -c 'SELECT pg_is_in_recovery()' 2>/dev/null)" = t ] && break
  sleep 0.1
done
caught_up() {
  local here
  here=$(sql 'SELECT pg_current_wal_lsn()')
  for _ in $(seq 1 600); do
    [ "$(psql -X -q -A -t -p 5433 -c "SELECT pg_last_wal_replay_lsn() >= '$here'")" = t ] && return
    sleep 0.1
  done
  fail "the standby did not follow"
}
url="postgresql://belay@/test?host=$PGHOST&port=5433"

caught_up
expect 0 "$BELAY" backup -d "$url" -s "$scratch/store" -j 2
[ "$(jq .standby "$(find "$scratch/store" -name manifest.json)")" = true ] || fail "the manifest does not say standby"
expect 0 "$BELAY" restore latest -s "$scratch/store" --into again
holds "SELECT count(*) = 1000 FROM t" again

sql "CREATE UNLOGGED TABLE passing (id int); INSERT INTO passing VALUES (1)"
caught_up
expect 5 "$BELAY" backup -d "$url" -s "$scratch/store" -j 2
says 'does not hold the rows of unlogged tables: public\.passing'

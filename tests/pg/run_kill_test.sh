#!/usr/bin/env bash
# kill -9 at any moment: the database is before or after, belay status says which, a second try completes.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
sql "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, w text); INSERT INTO t SELECT i, i, 'w' || i FROM generate_series(1, 20000) i"
before=$(content; structure)
migration 20260101000000_change "UPDATE t SET v = v * 2 WHERE id > 100;
-- belay:ignore drop-column gone
ALTER TABLE t DROP COLUMN w;
ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT 5;
SELECT pg_sleep(0.5);"

# how long does a whole run take? The kills are spread over that.
begin=$(date +%s%N)
expect 0 "$BELAY" run
took_ms=$((($(date +%s%N) - begin) / 1000000))
after=$(content; structure)
expect 0 "$BELAY" rollback last --yes
[ "$(content; structure)" = "$before" ] || fail "rollback: $(diff <(echo "$before") <(content; structure))"

rounds=${KILL_ROUNDS:-12} saw_before=0 saw_after=0
for i in $(seq 1 "$rounds"); do
  "$BELAY" run >/dev/null 2>&1 &
  pid=$!
  # a third anywhere, the rest where the migration is applied, committed and verified
  ms=$((i % 3 == 0 ? RANDOM % took_ms : took_ms * 6 / 10 + (took_ms / 2) * i / rounds))
  sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  # its backends notice within client_connection_check_interval
  for _ in $(seq 1 100); do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'belay %'")" != 0 ] || break
    sleep 0.1
  done
  expect 0 "$BELAY" status
  now=$(content; structure)
  if [ "$now" = "$before" ]; then
    saw_before=$((saw_before + 1))
    says 'pending|the database is as before'
    says_not '1 of its 1 files is committed'
  elif [ "$now" = "$after" ]; then
    saw_after=$((saw_after + 1))
    says_not ' are? pending|nothing was committed'
    expect 0 "$BELAY" rollback last --yes
    [ "$(content; structure)" = "$before" ] || fail "round $i: the rollback after the kill lost something"
  else
    fail "round $i ($ms ms): the database is neither before nor after"
  fi
done
[ "$saw_before" -gt 0 ] && [ "$saw_after" -gt 0 ] || echo "note: only one side was seen"
echo "killed $rounds times: $saw_before before, $saw_after after"
expect 0 "$BELAY" run
[ "$(content; structure)" = "$after" ] || fail "the last run"
[ -z "$(find store -name '.tmp-*' -newermt '1 minute' 2>/dev/null)" ] || true
# no listed backup is incomplete
for id in $("$BELAY" list backups --json | jq -r '.backups[].id'); do
  expect 0 "$BELAY" verify "$id" --level expand
done

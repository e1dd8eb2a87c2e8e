#!/usr/bin/env bash
# kill -9 of backup, verify and restore at moments spread over the whole of each. KILL_ROUNDS of each (kill_100.sh: many).
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
sql "CREATE TABLE big AS SELECT i, md5(i::text) AS t, i::text AS u FROM generate_series(1, ${KILL_ROWS:-60000}) i;
  ALTER TABLE big ADD PRIMARY KEY (i); CREATE INDEX ON big (t);
  CREATE TABLE small AS SELECT i, ARRAY[i] AS a FROM generate_series(1, 100) i; CREATE SEQUENCE s; COMMENT ON DATABASE test IS 'ours'"
expect 0 "$BELAY" backup
first=$(cat "$scratch/out")

# no session of ours stays: the server notices that the client is gone within client_connection_check_interval
no_session() {
  for _ in $(seq 1 150); do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'belay%'")" = 0 ] && return 0
    sleep 0.1
  done
  fail "sessions stay after $1: $(sql "SELECT application_name, state, query FROM pg_stat_activity WHERE application_name LIKE 'belay%'")"
}
# a database that restore left looks unfinished: its comment says so, or it is closed and empty
no_half_database() {
  holds "SELECT count(*) = 0 FROM pg_database d WHERE datname ~ '^(belay_|copy)' AND datconnlimit <> 0
    AND coalesce(shobj_description(oid, 'pg_database'), '') !~ '^belay: restore of .* unfinished$'" postgres
}
# every listed backup is whole
listed_are_whole() {
  expect 0 "$BELAY" list backups --json
  local id
  for id in $(jq -r '.backups[].id' <"$scratch/out"); do
    case " $proven " in *" $id "*) continue ;; esac
    expect 0 "$BELAY" verify "$id" --level expand
    proven="$proven $id"
  done
}
proven=$first
# kill_during ROUND COMMAND...: the moment is ROUND of rounds through the time that COMMAND takes when it is left alone
kill_during() {
  local ms=$((took_ms * ($1 * 10 - RANDOM % 9) / (rounds * 10))) pid
  shift
  "$@" >/dev/null 2>&1 &
  pid=$!
  sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
  if kill -9 "$pid" 2>/dev/null; then killed=$((killed + 1)); else ended=$((ended + 1)); fi
  wait "$pid" 2>/dev/null || true
}
timed() {
  local begin
  begin=$(date +%s%N)
  expect 0 "$@"
  took_ms=$((($(date +%s%N) - begin) / 1000000))
}
rounds=${KILL_ROUNDS:-3} killed=0 ended=0

timed "$BELAY" backup -j2
for i in $(seq 1 "$rounds"); do
  kill_during "$i" "$BELAY" backup -j2
  no_session "a killed backup"
  listed_are_whole
done
# one that surely leaves something: killed while a segment is written
unfinished() {
  local dir
  for dir in store/test/backups/*/; do
    [ -f "$dir/manifest.json" ] || [ -z "$(find "$dir" -name '*segment*' -o -name '.tmp-*')" ] || echo "$dir"
  done
}
for _ in $(seq 20); do
  "$BELAY" backup -j2 >/dev/null 2>&1 &
  pid=$!
  until [ -n "$(unfinished)" ] || ! kill -0 "$pid" 2>/dev/null; do :; done
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  [ -z "$(unfinished)" ] || break
done
[ -n "$(unfinished)" ] || fail "no killed backup left anything: there is nothing to sweep"
no_session "a killed backup"
listed_are_whole
# what they left is swept by the next backup, once it is not young: nothing but whole backups is left
find store -exec touch -d '10 minutes ago' {} +
expect 0 "$BELAY" backup
[ -z "$(find store -name '.tmp-*')" ] || fail "temporary files are left: $(find store -name '.tmp-*')"
for dir in store/test/backups/*/; do
  [ -f "$dir/manifest.json" ] || [ -z "$(ls -A "$dir")" ] || fail "the next backup left $dir: $(ls "$dir")"
done

timed "$BELAY" verify "$first" --level restore
for i in $(seq 1 "$rounds"); do
  kill_during "$i" "$BELAY" verify "$first" --level restore
  no_session "a killed verify"
  no_half_database
done
expect 0 "$BELAY" verify "$first" --level restore
holds "SELECT count(*) = 0 FROM pg_database WHERE datname ~ '^belay'" postgres

timed "$BELAY" restore "$first" --into copy_0 --yes
for i in $(seq 1 "$rounds"); do
  kill_during "$i" "$BELAY" restore "$first" --into "copy_$i"
  no_session "a killed restore"
  # whole, or marked: never half and looking finished
  state=$(sql "SELECT CASE WHEN shobj_description(oid, 'pg_database') = 'ours' THEN 'whole'
    WHEN shobj_description(oid, 'pg_database') ~ 'unfinished$' THEN 'marked' ELSE 'fresh' END
    FROM pg_database WHERE datname = 'copy_$i'" postgres)
  case ${state:-absent} in
  whole) [ "$(content "copy_$i")" = "$(content)" ] || fail "copy_$i looks whole and is not" ;;
  marked)
    expect 3 "$BELAY" restore "$first" --into "copy_$i"
    says 'unfinished restore|its restore was killed'
    expect 0 "$BELAY" restore "$first" --into "copy_$i" --yes
    [ "$(content "copy_$i")" = "$(content)" ] || fail "copy_$i differs"
    ;;
  fresh)
    expect 3 "$BELAY" restore "$first" --into "copy_$i"
    says 'DROP DATABASE'
    ;;
  absent) ;;
  esac
  sql "DROP DATABASE IF EXISTS copy_$i" postgres
done
echo "$killed killed, $ended had ended before; whole backups: $(wc -w <<<"$proven")"

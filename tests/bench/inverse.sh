#!/usr/bin/env bash
# inverse.sh [--quick]: what the way back costs. Numbers with their limits, medians of runs that are interleaved:
#   belay inverse of one migration on a schema of 100 tables, the shadow's server being up                       limit 3 s
#   of that the processor time of belay itself (the server's is not in it)                                       limit 0.5 s
#   an UPDATE of a million rows by `belay run`, which captures them, against the same by psql on a copy of the table: the transaction
#   as the journal tells it                                                                                      limit 1.5
#   `belay rollback` of it, compare, capture and check included, against the same UPDATE by psql                 limit 3
# Each rollback must bring the content back, or the script fails. The limits are said, not enforced: a machine is never alone.
#   --quick   20,000 rows and one run each: does the script work? Its ratios mean nothing.
# Environment: BELAY (else the release build is made), BENCH_ROWS (1000000), BENCH_RUNS (3).
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "${BENCH_SHADOW:-}" ]; then
  rows=${BENCH_ROWS:-1000000} runs=${BENCH_RUNS:-3}
  [ "${1:-}" != --quick ] || { rows=20000 runs=1; }
  if [ -z "${BELAY:-}" ]; then
    (cd "$top" && cmake --preset release >/dev/null && cmake --build build/release --parallel 2 --target belay_program) >&2
    BELAY=$top/build/release/belay
  fi
  export BELAY BENCH_ROWS=$rows BENCH_RUNS=$runs
  export PG_EXTRA_CONF='shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 1h
autovacuum = off
jit = off'
  # shellcheck disable=SC2016 # the inner shell expands it
  exec "$top/tests/harness/with-postgres" bash -c 'BENCH_SHADOW=$DATABASE_URL exec "$0" bash "$1"' "$top/tests/harness/with-postgres" "$0"
fi
# shellcheck source=tests/harness/lib.sh
. "$top/tests/harness/lib.sh" # sets scratch
[ -x /usr/bin/time ] || { echo "bench: no /usr/bin/time here (Debian package time)" >&2; exit 77; }
project
mkdir policies
printf 'extends: development\napply:\n  max_lock_hold: 1h\n  statement_timeout: 1h\n' >policies/staging.yaml

median() { sort -n "${scratch:?}/$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
report() { # report NAME VALUE LIMIT TEXT
  awk -v n="$1" -v v="$2" -v l="$3" -v t="$4" 'BEGIN { printf "%-22s %6.2f (limit %s)  %s\n", n, v, l, t }'
}
# seconds from the first event FROM to the last event TO in the journal of the newest run
between() {
  jq -rn --arg from "$1" --arg to "$2" '[inputs | {event, t: (.at | capture("(?<s>.*)[.](?<ms>[0-9]+)Z") |
    ((.s + "Z" | fromdate) + (.ms | tonumber) / 1000))}] | (([.[] | select(.event == $to)] | last.t) -
    ([.[] | select(.event == $from)] | first.t)) | . * 1000 | round / 1000' "$(find store -path '*/runs/*' -name journal.jsonl | sort | tail -n 1)"
}

# ---- 100 tables ----

sql "CREATE DATABASE schema_only" postgres
sql "DO \$\$ BEGIN FOR i IN 1..100 LOOP
  EXECUTE format('CREATE TABLE t_%s (id serial PRIMARY KEY, name text NOT NULL DEFAULT ''x'', amount numeric(12,2),
    made timestamptz DEFAULT now(), parent int%s, CHECK (amount >= 0))', i, CASE WHEN i > 1 THEN ' REFERENCES t_' || i - 1 END);
  EXECUTE format('CREATE INDEX ON t_%s (name, made)', i);
  EXECUTE format('COMMENT ON TABLE t_%s IS ''table %s''', i, i);
  EXECUTE format('CREATE VIEW v_%s AS SELECT id, name FROM t_%s', i, i);
END LOOP; END \$\$" schema_only
echo "ALTER TABLE t_50 DROP COLUMN made; ALTER TABLE t_51 ALTER COLUMN amount TYPE numeric(10,2); DROP TABLE t_100 CASCADE;
  CREATE TABLE more (id bigint PRIMARY KEY, t int REFERENCES t_1);" >one.sql
url="postgresql://belay@/schema_only?host=$PGHOST&port=$PGPORT"
for _ in $(seq 0 "$BENCH_RUNS"); do # the first one warms up
  /usr/bin/time -o "$scratch/time" -f '%e %U %S' "$BELAY" inverse one.sql -d "$url" --shadow "$BENCH_SHADOW" >"$scratch/out" 2>"$scratch/err" ||
    fail 'belay inverse'
  grep -q 'exact\|column-order' "$scratch/out" || fail 'no inverse'
  tail -n 1 "$scratch/time" | awk '{ print $1 }' >>"$scratch/inverse.real"
  tail -n 1 "$scratch/time" | awk '{ print $2 + $3 }' >>"$scratch/inverse.cpu"
done
sed -i 1d "$scratch/inverse.real" "$scratch/inverse.cpu"

# ---- a million rows ----

make_table() {
  sql "DROP TABLE IF EXISTS $1; CREATE TABLE $1 (id bigint PRIMARY KEY, name text NOT NULL, amount numeric(12,2), note text,
      made timestamptz NOT NULL)" 2>/dev/null
  sql "INSERT INTO $1 SELECT i, 'customer ' || i, (i % 99991) / 7.0, CASE WHEN i % 3 = 0 THEN md5(i::text) END,
      '2026-01-01Z'::timestamptz + i * interval '1 second' FROM generate_series(1, $BENCH_ROWS) i"
}
update() { echo "UPDATE $1 SET amount = amount * 1.1, note = 'changed by the migration';"; }
for i in $(seq 1 "$BENCH_RUNS"); do
  sql "DROP TABLE IF EXISTS _prisma_migrations" 2>/dev/null
  rm -rf prisma/migrations/2* store
  make_table plain
  make_table rows
  sql "VACUUM ANALYZE"
  sql "CHECKPOINT"
  was=$(content)
  start=$(date +%s%N)
  sql "$(update plain)"
  echo "$start $(date +%s%N)" | awk '{ print ($2 - $1) / 1e9 }' >>"$scratch/plain"
  sql "DROP TABLE plain"
  migration 20260101000000_change "$(update rows)"
  expect 0 "$BELAY" run
  between file-begin committed >>"$scratch/capture"
  sql "VACUUM rows"
  sql "CHECKPOINT"
  expect 0 "$BELAY" rollback last --yes
  between run-begin committed >>"$scratch/undo"
  now=$(content)
  [ "$now" = "$(grep -v plain <<<"$was")" ] || fail "the rollback brought something else back"
  echo "run $i: plain $(tail -n 1 "$scratch/plain") s, with capture $(tail -n 1 "$scratch/capture") s, rollback $(tail -n 1 "$scratch/undo") s" >&2
done

plain=$(median plain) capture=$(median capture) undo=$(median undo)
echo "$("$BELAY" --version | head -n 1), PostgreSQL $(sql 'SHOW server_version'), $BENCH_ROWS rows, $BENCH_RUNS runs each," \
  "$(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
report inverse_seconds "$(median inverse.real)" 3 'belay inverse, 100 tables, wall clock'
report inverse_own_seconds "$(median inverse.cpu)" 0.5 'processor time of belay'
report capture_ratio "$(echo "$capture $plain" | awk '{ print $1 / $2 }')" 1.5 "$capture s / $plain s"
report undo_ratio "$(echo "$undo $plain" | awk '{ print $1 / $2 }')" 3 "$undo s / $plain s"

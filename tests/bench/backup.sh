#!/usr/bin/env bash
# backup.sh [--quick]: belay's backup and restore against pg_dump's, on one machine in one run, as ratios of wall-clock
# medians (smaller is better; runs are interleaved). The databases are made once and kept in build/bench.
#   --quick   a small database and one run each: does the script work? Its ratios mean nothing.
# Environment: BELAY (the program, else the release build is made), BENCH_RUNS (3), BENCH_SCALE (100: about 1.7 GB of tables),
#   BENCH_ONLY (a regular expression of the names of the lines wanted), PGBIN (Debian's PostgreSQL 15),
#   BENCH_PG_DUMP (a pg_dump of 16 or later; else what build/servers holds)
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/harness/setup.sh"

runs=${BENCH_RUNS:-3} scale=${BENCH_SCALE:-100} only=${BENCH_ONLY:-.}
[ "${1:-}" != --quick ] || { runs=1 scale=1; }
PGBIN=${PGBIN:-/usr/lib/postgresql/15/bin}
dir=${BENCH_DIR:-$top/build/bench}
[ -x "$PGBIN/initdb" ] || { say "bench: no initdb in $PGBIN (install postgresql-15)"; exit 77; }
command -v zstd >/dev/null || { say "bench: no zstd here"; exit 77; }
[ -x /usr/bin/time ] || { say "bench: no /usr/bin/time here (Debian package time)"; exit 77; }

if [ -z "${BELAY:-}" ]; then
  (cd "$top" && cmake --preset release >/dev/null && cmake --build build/release --parallel 2 --target belay_program) >&2
  BELAY=$top/build/release/belay
fi
export BELAY NO_COLOR=1

# ---- the server ----

as() { "$@"; }
if [ "$(id -u)" = 0 ]; then as() { setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/ "$@"; }; fi
data=$dir/data socket='' out=$dir/out server=

# shellcheck disable=SC2317 # called by the trap
finish() {
  local status=$?
  trap - EXIT INT TERM
  if [ -n "$server" ]; then
    kill -INT "$server" 2>/dev/null || true
    while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
  fi
  [ -z "$socket" ] || rm -rf "$socket"
  rm -rf "$out"
  exit "$status"
}
trap finish EXIT INT TERM
mkdir -p "$dir"
rm -rf "$out"
mkdir "$out"
socket=$(mktemp -d /tmp/belay-bench-XXXXXX)
chmod 777 "$socket"
if [ ! -f "$data/PG_VERSION" ]; then
  mkdir -p "$data"
  [ "$(id -u)" != 0 ] || chown postgres "$data"
  (cd / && as "$PGBIN/initdb" -D "$data" -U belay -A trust -E UTF8 --locale=C --no-sync) >"$dir/initdb.log"
fi
(cd / && as "$PGBIN/postgres" -D "$data" -c listen_addresses= -c unix_socket_directories="$socket" -c fsync=off \
  -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=1GB -c max_wal_size=8GB -c maintenance_work_mem=256MB \
  -c autovacuum=off -c jit=off -c checkpoint_timeout=1h) >"$dir/server.log" 2>&1 &
starting=$!
export PGHOST=$socket PGUSER=belay PGPORT=5432
export PGDATABASE=postgres
for _ in $(seq 1 600); do
  if "$PGBIN/pg_isready" -q; then break; fi
  kill -0 "$starting" 2>/dev/null || { cat "$dir/server.log" >&2; exit 1; }
  sleep 0.1
done
server=$(head -n 1 "$data/postmaster.pid")
sql() { PGOPTIONS='-c client_min_messages=warning' psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

# ---- the data: the same at every run, not too kind to a compressor ----

trades="CREATE TABLE trades (id bigint NOT NULL, account bigint NOT NULL, symbol text NOT NULL, price numeric(18,6) NOT NULL,
  quantity numeric(18,8) NOT NULL, fee numeric(12,6), at timestamptz NOT NULL, order_id uuid NOT NULL, status text NOT NULL);
INSERT INTO trades SELECT i, hashint8(i) % 200000, (ARRAY['BTC-USD','ETH-EUR','SOL-USDT','AAPL','MSFT','XAU'])[1 + i % 6],
  (10000 + hashint8extended(i, 1) % 5000000 / 997.0)::numeric(18,6), (abs(hashint8extended(i, 2) % 100000000) / 1e5)::numeric(18,8),
  CASE WHEN i % 9 > 0 THEN (abs(hashint8extended(i, 3) % 100000) / 1e4)::numeric(12,6) END,
  '2024-01-01Z'::timestamptz + i * interval '0.7 second' + abs(hashint8(i) % 1000) * interval '1 microsecond',
  md5(i::text)::uuid, (ARRAY['filled','filled','filled','filled','open','cancelled'])[1 + abs(hashint8(i * 7)) % 6]
  FROM generate_series(1, 40000::bigint * :scale) i;
ALTER TABLE trades ADD PRIMARY KEY (id);
CREATE INDEX ON trades (account, at);
CREATE INDEX ON trades (order_id);
CREATE INDEX ON trades (symbol, price);"

docs="CREATE TABLE docs (id bigint PRIMARY KEY, body text, meta jsonb);
CREATE TEMP TABLE words AS SELECT row_number() OVER (ORDER BY description, objoid) - 1 AS n, description AS d
  FROM pg_description WHERE description ~ ' ';
CREATE INDEX ON words (n);
INSERT INTO docs SELECT i, b.body, jsonb_build_object('id', i, 'hash', md5(i::text), 'tags', ARRAY['a' || i % 17, 'b' || i % 5],
    'score', abs(hashint8extended(i, 5)) % 100000 / 7.0, 'title', left(b.body, 40))
  FROM generate_series(1, 3000::bigint * :scale) i CROSS JOIN LATERAL (
    SELECT string_agg(w.d, '. ') AS body FROM generate_series(1, 20) k
    JOIN words w ON w.n = abs(hashint8extended(i * 31 + k, 6)) % (SELECT count(*) FROM words)) b;
CREATE INDEX ON docs USING gin (meta jsonb_path_ops);"

make_database() { # make_database NAME SQL...: kept under NAME_SCALE
  local name=$1 text
  shift
  [ "$(sql -c "SELECT count(*) FROM pg_database WHERE datname = '$name'")" = 0 ] || return 0
  say "making database $name"
  sql -c "DROP DATABASE IF EXISTS making WITH (FORCE)" -c "CREATE DATABASE making TEMPLATE template0"
  for text in "$@"; do
    if [ "$text" = pgbench ]; then
      "$PGBIN/pgbench" -q -i -s "$((scale / 2 + 1))" -I dtGvpf making >/dev/null 2>&1
    else
      echo "$text" | sql -v scale="$scale" -d making >/dev/null
    fi
  done
  sql -d making -c 'VACUUM (ANALYZE, FREEZE)' -c CHECKPOINT
  sql -c "ALTER DATABASE making RENAME TO $name"
}
all=all_$scale one=one_$scale tenth=all_$((scale / 10 + 1))

# ---- measuring ----

url() { echo "postgresql://belay@/$1?host=$socket"; }
take() { "$BELAY" backup -q -d "$(url "$2")" -s "$out/$3" -j "$1" >/dev/null; } # take JOBS DATABASE STORE
newer_pg_dump() {
  local program
  for program in ${BENCH_PG_DUMP:-} "$top"/build/servers/*/pg_dump "$top"/build/servers/*/bin/pg_dump; do
    [ -x "$program" ] && "$program" --version | grep -Eq ' (1[6-9]|[2-9][0-9])' &&
      "$program" -s --compress=zstd:1 -d "$all" >/dev/null 2>&1 && echo "$program" && return
  done
}

# what the names mean; each leaves its output in $out
run_belay() { take 2 "$all" belay; }
run_gzip() { "$PGBIN/pg_dump" -Fd -j2 -f "$out/gzip" "$all"; }
run_pipe_T1() { "$PGBIN/pg_dump" "$all" | zstd -q -1 -T1 -o "$out/pipe_T1"; }
run_pipe_T0() { "$PGBIN/pg_dump" "$all" | zstd -q -1 -T0 -o "$out/pipe_T0"; }
run_directory_zstd() { # without its own compression, then compressed file by file
  "$PGBIN/pg_dump" -Fd -j2 -Z0 -f "$out/directory_zstd" "$all"
  find "$out/directory_zstd" -name '*.dat' -print0 | xargs -0 -P2 -n1 zstd -q -1 -T1 --rm
}
run_belay_one() { take 2 "$one" belay_one; }
run_newer_one() { "$newer" -Fd -j2 --compress=zstd:1 -f "$out/newer_one" "$one"; }
run_pipe_one() { "$PGBIN/pg_dump" "$one" | zstd -q -1 -T0 -o "$out/pipe_one"; }
# pg_restore leaves ANALYZE to the user
run_restore_belay() { "$BELAY" restore latest -q -d "$(url "$all")" -s "$out/kept" --into restored -j 2 --no-analyze >/dev/null; }
run_restore_pg() {
  sql -c 'CREATE DATABASE restored TEMPLATE template0'
  "$PGBIN/pg_restore" -j2 -d restored "$out/kept_gzip"
}

declare -A times
measure() { # measure NAME...: runs them in turn, each $runs times
  local i name started
  for i in $(seq 1 "$runs"); do
    for name in "$@"; do
      rm -rf "${out:?}/$name"
      sql -c 'DROP DATABASE IF EXISTS restored WITH (FORCE)' -c CHECKPOINT
      sync
      started=$(date +%s%N)
      "run_$name"
      times[$name]+="$((($(date +%s%N) - started) / 1000000)) "
      say "run $i of $name: $(awk '{ print $NF / 1000 }' <<<"${times[$name]}") s"
    done
  done
}
median() { tr ' ' '\n' <<<"${times[$1]}" | grep . | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
fastest() { # the name with the smallest median
  local name
  for name in "$@"; do echo "$(median "$name") $name"; done | sort -n | head -n 1 | cut -d' ' -f2
}
report() { # report NAME A B TARGET TEXT: the ratio of two numbers
  awk -v n="$1" -v a="$2" -v b="$3" -v t="$4" -v x="$5" 'BEGIN { printf "%-24s %.2f (target <= %s)  %s\n", n, a / b, t, x }'
}
compare() { # compare NAME OURS THEIRS TARGET
  local a b
  a=$(median "$2") b=$(median "$3")
  report "$1" "$a" "$b" "$4" "$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.1f s / %.1f s", a / 1000, b / 1000 }') ($2 / $3)"
}
size() { du -sb "$1" | cut -f1; }
wanted() { grep -Eq -- "$only" <<<"$1"; }
peak() { # peak DATABASE: kB of resident memory that belay takes at most
  rm -rf "${out:?}/memory"
  /usr/bin/time -f %M -o "$out/peak" "$BELAY" backup -q -d "$(url "$1")" -s "$out/memory" -j 4 >/dev/null
  rm -rf "${out:?}/memory"
  cat "$out/peak"
}

make_database "$all" pgbench "$docs" "$trades"
make_database "$one" "$trades"
full_scale=$scale
scale=$((scale / 10 + 1)) make_database "$tenth" pgbench "$docs" "$trades"
newer=$(newer_pg_dump || true)
echo "$("$BELAY" --version | head -n 1), $("$PGBIN/pg_dump" --version), scale $full_scale, $runs runs each," \
  "$(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg), $(sql -d "$all" -c "SELECT pg_size_pretty(sum(pg_table_size(oid)))
    FROM pg_class WHERE relkind = 'r' AND oid >= 16384") of tables"

if wanted backup; then
  measure belay gzip pipe_T1 pipe_T0 directory_zstd
  compare backup_vs_gzip belay gzip 0.27
  compare backup_vs_zstd belay "$(fastest pipe_T1 pipe_T0 directory_zstd)" 0.75
  report archive_vs_gzip "$(size "$out/belay")" "$(size "$out/gzip")" 1.00 "$(size "$out/belay") / $(size "$out/gzip") bytes"
fi
if wanted one_table; then
  theirs=pipe_one
  [ -z "$newer" ] || theirs=newer_one
  measure belay_one "$theirs"
  compare one_table_vs_zstd belay_one "$theirs" 0.65
  [ -z "$newer" ] || "$newer" --version
fi
if wanted restore; then
  rm -rf "$out/belay" "$out/gzip"
  take 2 "$all" kept
  "$PGBIN/pg_dump" -Fd -j2 -Z1 -f "$out/kept_gzip" "$all"
  measure restore_belay restore_pg
  compare restore_vs_pg_restore restore_belay restore_pg 0.80
  sql -c 'DROP DATABASE IF EXISTS restored WITH (FORCE)'
fi
if wanted memory; then
  small=$(peak "$tenth") large=$(peak "$all")
  report memory_small "$small" 204800 1.00 "$((small / 1024)) MB of 200, $tenth"
  report memory_large "$large" 204800 1.00 "$((large / 1024)) MB of 200, $all"
fi

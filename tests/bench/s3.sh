#!/usr/bin/env bash
# s3.sh [--quick]: what a bucket costs. Numbers with their limits:
#   CPU, user and system, of a process that only reads a backup's segments, signs and sends them into a sink that answers at once
#   and keeps nothing, nothing subtracted (store_send.c, linked with belay's library), per GiB                        limit 1.5 s
#   client CPU per GiB of a backup into a sink that answers at once and keeps nothing (signed payloads): what the same backup into
#   a directory takes is subtracted, so that what is left is signing and sending                                  limit 1.5 s
#   wall-clock time of a backup into that sink against one into a directory: there the server is not the limit    limit 1.15
#   the same into Ceph, with the CPU time that its daemons took: on the same cores it is they that are the limit when these seconds
#   and belay's fill the time                                                                                     no limit
#   the most memory that belay had                                                                                limit 200 MB
# Environment: BELAY (else the release build is made), BENCH_MIB (1024), BENCH_RUNS (3).
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "${S3_ENDPOINT:-}" ]; then
  mib=${BENCH_MIB:-1024} runs=${BENCH_RUNS:-3}
  [ "${1:-}" != --quick ] || { mib=64 runs=1; }
  if [ -z "${BELAY:-}" ]; then
    (cd "$top" && cmake --preset release >/dev/null && cmake --build build/release --parallel 2 --target belay_program) >&2
    BELAY=$top/build/release/belay
  fi
  export BELAY BENCH_MIB=$mib BENCH_RUNS=$runs
  exec "$top/tests/harness/with-ceph" "$top/tests/harness/with-postgres" bash "$0"
fi
# shellcheck source=tests/s3/lib.sh
. "$top/tests/s3/lib.sh"
s3 mb bench
cc -O2 -o "$scratch/sink" "$top/tests/harness/s3_sink.c" -lpthread
library=$(dirname "$BELAY")/libbelay.a
# shellcheck disable=SC2046 # options
cc -std=gnu17 -O2 -I"$top/src" -I"$top/include" -o "$scratch/send" "$top/tests/bench/store_send.c" "$library" \
  $(pkg-config --libs libcurl openssl libzstd libxxhash jansson) -lpthread
sink_port=$(shuf -i 20000-31999 -n 1)
"$scratch/sink" "$sink_port" &
sink=$!
trap 'kill $sink 2>/dev/null; rm -rf "$scratch"' EXIT
echo "making $BENCH_MIB MiB that do not compress" >&2
rows big "$BENCH_MIB"
sql 'CHECKPOINT'
# A backup into the sink ends when all is sent and it looks at what it wrote, for the sink has kept nothing.
# take NAME PLACE: seconds, CPU seconds, largest memory (KiB), size of the backup (KiB) in the variables real, cpu, rss, size
take() {
  /usr/bin/time -o "$scratch/time" -f '%e %U %S %M' "$BELAY" backup -q -s "$2" >"$scratch/out" 2>"$scratch/err" ||
    { [ "$1" = sink ] && says 'reading the backup back: .*manifest.json does not exist'; } || fail "$1"
  read -r real user system rss < <(tail -n 1 "$scratch/time")
  cpu=$(echo "$user + $system" | bc -l)
}
# CPU seconds of Ceph's daemons so far
ceph_cpu() {
  local file
  for file in "${CEPH_CONF%/*}"/run/*.pid; do cut -d' ' -f14,15 "/proc/$(cat "$file")/stat"; done |
    awk -v hz="$(getconf CLK_TCK)" '{ s += $1 + $2 } END { printf "%.2f", s / hz }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
sent=0
for _ in $(seq 1 "$BENCH_RUNS"); do
  rm -rf "$scratch/store"
  take file "$scratch/store"
  echo "$real" >>"$scratch/file.real" && echo "$cpu" >>"$scratch/file.cpu"
  size=$(du -sk "$scratch/store" | cut -f1)
  "$scratch/send" "s3://bench/send-$((++sent))?endpoint=http://127.0.0.1:$sink_port" "$scratch"/store/*/backups/*/segment-*.tar |
    awk '{ print $2 * 1073741824 / $1 }' >>"$scratch/send.cpu"
  take sink "s3://bench/sink?endpoint=http://127.0.0.1:$sink_port"
  echo "$cpu" >>"$scratch/sink.cpu" && echo "$real" >>"$scratch/sink.real"
  before=$(ceph_cpu)
  take ceph "$(place bench/a)"
  echo "$real" >>"$scratch/ceph.real" && echo "$rss" >>"$scratch/ceph.rss" && echo "$cpu" >>"$scratch/ceph.cpu"
  echo "$(ceph_cpu) - $before" | bc -l >>"$scratch/server.cpu"
  "$BELAY" prune -q --keep-last 1 --yes -s "$(place bench/a)" >/dev/null
done
median <"$scratch/send.cpu" | awk -v hash="$(openssl speed -seconds 1 -bytes 16384 -evp sha256 2>/dev/null | tail -n 1 | awk '{ print $2 }')" \
  '{ printf "CPU of reading, signing and sending  %.2f s per GiB (limit 1.5; SHA-256 alone %.2f s)\n", $1, 1073741.824 / hash }'
file=$(median <"$scratch/file.real") ceph=$(median <"$scratch/ceph.real")
echo "$(median <"$scratch/sink.cpu") $(median <"$scratch/file.cpu") $size" |
  awk '{ printf "the same, backup less directory      %.2f s per GiB (limit 1.5; %.0f MiB: %.1f s, to a directory %.1f s)\n",
    ($1 - $2) * 1048576 / $3, $3 / 1024, $1, $2 }'
echo "$(median <"$scratch/sink.real") $file" |
  awk '{ printf "backup to a sink against a directory %.2f (limit 1.15; %.1f s, %.1f s)\n", $1 / $2, $1, $2 }'
echo "$ceph $file $(median <"$scratch/server.cpu") $(median <"$scratch/ceph.cpu") $(nproc)" |
  awk '{ printf "backup to Ceph against a directory   %.2f (%.1f s, %.1f s; CPU: Ceph %.1f s, belay %.1f s, on %d cores; load %s)\n",
    $1 / $2, $1, $2, $3, $4, $5, load }' load="$(cut -d' ' -f1 /proc/loadavg)"
echo "$(median <"$scratch/ceph.rss")" | awk '{ printf "memory of belay                      %.0f MB (limit 200)\n", $1 / 1024 }'

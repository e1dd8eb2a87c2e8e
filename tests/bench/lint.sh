#!/usr/bin/env bash
# lint.sh [FILES]: how fast static `belay lint` is beside squawk 2.x, on the same directory of small migrations (7,000 if nothing is
# said) in the same run, and how long it takes to start. Three rounds each, the best counts. squawk comes from npm into
# build/squawk. Prints files a second, the ratio (1 or more is wanted) and milliseconds a start (less than 20 are wanted).
#   BELAY=PROGRAM   default build/release/belay (cmake --workflow is not needed: cmake --preset release && cmake --build build/release)
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
belay=${BELAY:-$top/build/release/belay}
files=${1:-7000}
[ -x "$belay" ] || { echo "no $belay" >&2; exit 2; }
squawk=$top/build/squawk/node_modules/.bin/squawk
if [ ! -x "$squawk" ]; then
  mkdir -p "$top/build/squawk"
  npm install --silent --no-fund --no-audit --prefix "$top/build/squawk" squawk-cli@2 >/dev/null
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

python3 - "$scratch" "$files" <<'PYTHON'
import os, sys
scratch, count = sys.argv[1], int(sys.argv[2])
shapes = [
    "CREATE TABLE t{i} (id bigint PRIMARY KEY, name text NOT NULL, made_at timestamptz DEFAULT now());\n",
    "ALTER TABLE t{p} ADD COLUMN c{i} integer NOT NULL DEFAULT 0;\n",
    "-- look up by name\nCREATE INDEX CONCURRENTLY t{p}_name_{i} ON t{p} (name);\n",
    "ALTER TABLE t{p} ADD CONSTRAINT k{i} CHECK (id > 0) NOT VALID;\nALTER TABLE t{p} VALIDATE CONSTRAINT k{i};\n",
    "UPDATE t{p} SET name = 'x' WHERE id = {i};\nALTER TABLE t{p} ALTER COLUMN name SET NOT NULL;\n",
    "ALTER TABLE t{p} DROP COLUMN made_at;\n",
    "CREATE FUNCTION f{i}() RETURNS integer LANGUAGE sql AS $$ SELECT {i}; $$;\nCOMMENT ON FUNCTION f{i}() IS 'n';\n",
]
os.mkdir(scratch + "/m")
for i in range(count):
    text = shapes[i % len(shapes)].format(i=i, p=i - i % len(shapes))
    with open(f"{scratch}/m/{20200101000000 + i}_x.sql", "w") as f:
        f.write(text)
with open(scratch + "/one.sql", "w") as f:
    f.write(shapes[0].format(i=1, p=1))
PYTHON

# best COMMAND...: seconds of the best of three runs; findings are no failure
best() {
  local best=999999999999 start end
  for _ in 1 2 3; do
    start=$(date +%s%N)
    "$@" >"$scratch/out" 2>&1 || [ $? -le 3 ]
    end=$(date +%s%N)
    [ $((end - start)) -ge "$best" ] || best=$((end - start))
  done
  echo "$best"
}
cd "$scratch"
ours=$(best "$belay" lint --format json m)
grep -q '"statements"' out || { echo "belay did not lint: $(tail -n 3 out)" >&2; exit 1; }
theirs=$(best bash -c 'exec "$0" --reporter gcc m/*.sql' "$squawk")
start=$(best "$belay" lint one.sql)
awk -v ours="$ours" -v theirs="$theirs" -v start="$start" -v n="$files" 'BEGIN {
  printf "belay  %8.0f files a second\nsquawk %8.0f files a second\nratio  %8.2f\nstart  %8.1f ms\n",
    n / ours * 1e9, n / theirs * 1e9, theirs / ours, start / 1e6 }'

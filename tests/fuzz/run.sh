#!/usr/bin/env bash
# run.sh TARGET SECONDS: fuzzes one target (the name of a directory in corpus/) with libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer. New inputs are kept in build/fuzz/corpus/TARGET; what crashes is build/fuzz/crash-... and ends the
# run with code 1: put it into corpus/TARGET/ under a telling name with the fix. Needs clang.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
target=${1:?TARGET} seconds=${2:?SECONDS}
here=$top/tests/fuzz
[ -d "$here/corpus/$target" ] || { echo "targets: $(ls "$here/corpus" | tr '\n' ' ')" >&2; exit 2; }
cd "$top"
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
cmake --build build/fuzz --parallel 2 --target "fuzz_$target" >/dev/null
mkdir -p "build/fuzz/corpus/$target"
cd build/fuzz
dictionary=()
[ ! -f "$here/$target.dict" ] || dictionary=("-dict=$here/$target.dict")
exec "tests/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
  -artifact_prefix="$PWD/" "${dictionary[@]}" "corpus/$target" "$here/corpus/$target"

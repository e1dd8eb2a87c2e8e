#!/usr/bin/env bash
# newer_parser.sh: builds belay with the libpg_query of the next Debian (17 where this one has 15) and runs the unit tests that parse
# SQL. The library is fetched into build/parser; nothing is installed. What is passed on goes to ctest. Not part of the default run.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/harness/setup.sh
. "$top/tests/harness/setup.sh"
SUITE=trixie
dir=$top/build/parser
mkdir -p "$dir"
if [ ! -d "$dir/x" ]; then
  private_apt "$dir/apt" apt-get -qq update >&2
  (cd "$dir" && private_apt "$dir/apt" apt-get -qq download libpg-query-dev >&2)
  dpkg-deb -x "$dir"/libpg-query-dev_*.deb "$dir/new"
  mv "$dir/new" "$dir/x"
fi
library=$(find "$dir/x" -name libpg_query.a)
# It was built for a newer C library, which has these under other names.
for name in strtol:long strtoul:'unsigned long' strtoll:'long long' strtoull:'unsigned long long'; do
  printf '%s __isoc23_%s(const char *s, char **e, int b) { return %s(s, e, b); }\n' "${name#*:}" "${name%%:*}" "${name%%:*}"
done | gcc -w -include stdlib.h -x c -c - -o "$dir/shim.o"
cmake -S "$top" -B "$dir/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DPG_QUERY_INCLUDE="$dir/x/usr/include" \
  -DPG_QUERY_TREE="$dir/x/usr/include" -DPG_QUERY_LIBRARY="$library;$dir/shim.o" >/dev/null
targets=$(ninja -C "$dir/build" -t targets all | sed -nE 's/^(unit_(sql|lint|run_api)[a-z_]*_test):.*/\1/p' | sort -u)
# shellcheck disable=SC2086 # words
cmake --build "$dir/build" --target $targets
ctest --test-dir "$dir/build" -R '^unit/(sql|lint)' --output-on-failure "$@"

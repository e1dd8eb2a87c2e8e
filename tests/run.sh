#!/usr/bin/env bash
# tests/run.sh [--quick]: everything a change has to pass, on a bare Debian machine too. It installs what is missing (as root
# or with sudo), runs the checks of tests/check, builds with sanitizers into build/asan and runs all tests.
#
#   --quick   no server and no Prisma: only the tests labelled unit and cli
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/harness/setup.sh
. tests/harness/setup.sh

quick=
case ${1:-} in
'') ;;
--quick) quick=1 ;;
-h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) say "tests/run.sh: unknown argument $1 (there is only --quick)"; exit 2 ;;
esac

step() { say "== $*"; }
mkdir -p build

step "packages"
install_build_packages
install_missing "${TEST_PACKAGES[@]}"
sarif_schema >/dev/null
[ -n "$quick" ] || install_prisma

for check in tests/check/*; do
  step "$check"
  "$check"
done

step "build"
cmake --preset asan >build/asan-configure.log || { cat build/asan-configure.log; exit 1; }
cmake --build --preset asan --parallel 2

step "tests"
if [ -n "$quick" ]; then
  ctest --preset asan --parallel 2 --label-regex '^(unit|cli)$'
else
  ctest --preset asan --parallel 2
fi

#!/usr/bin/env bash
# Libraries that most commands never call are loaded when they are called first. A command that does not need them runs where they
# cannot be loaded; another one says which is missing.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"
cd "$scratch"
if readelf -d "$BELAY" | grep -q 'NEEDED.*libpq'; then
  [ "$(uname -m)" != x86_64 ] || fail "the program is linked with libpq"
  exit 0
fi
printf 'CREATE TABLE t (id bigint PRIMARY KEY);\n' >one.sql
mkdir broken
for library in libpq.so.5 libarchive.so.13 libcurl.so.4 libcrypto.so.3 libzstd.so.1 libxxhash.so.0; do
  : >broken/$library
done
export LD_LIBRARY_PATH=$scratch/broken

expect 0 "$BELAY" lint one.sql
expect 0 "$BELAY" version
find broken -type f ! -name 'libpq*' -delete
expect 1 "$BELAY" status -d "host=$scratch dbname=none"
says '^error: cannot load the library libpq\.so\.5: .*file too short'
says '^hint: Install the package that holds it'

unset LD_LIBRARY_PATH
expect 4 "$BELAY" status -d "host=$scratch dbname=none"

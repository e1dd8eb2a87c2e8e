#!/usr/bin/env bash
# swift.sh [PROGRAM]: what has to work against OpenStack Swift, too: another server, which knows no conditional PUT (belay looks
# first, and says so) and takes the headers of object lock without doing anything (belay fails, and says so). Not part of the
# default run: it starts its own servers and installs Swift when it is missing.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "${WITH_POSTGRES_DIR:-}" ]; then
  # shellcheck source=tests/harness/setup.sh
  . "$top/tests/harness/setup.sh"
  install_missing swift-proxy swift-account swift-container swift-object memcached
  export BELAY=${1:-$top/build/asan/belay}
  exec "$top/tests/harness/with-swift" "$top/tests/harness/with-postgres" bash "$0"
fi
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
s3 mb swift
s3_project swift/a
rows big 12
sql "CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 1000) i"
at=$(place swift/a part_size=5MiB)
expect 0 "$BELAY" backup -s "$at"
id=$(cat "$scratch/out")
says 'knows no conditional PUT'
no_uploads swift
for level in hash expand restore; do expect 0 "$BELAY" verify latest --level $level; done
expect 0 "$BELAY" restore "$id" --into copy
[ "$(exact_content copy)" = "$(exact_content test)" ] || fail 'the copy holds something else'
before=$(content)
migration 20260101000000_one 'ALTER TABLE items ADD COLUMN n int; UPDATE items SET n = 1 WHERE id <= 10;'
expect 0 "$BELAY" run
expect 0 "$BELAY" status
expect 0 "$BELAY" rollback last --yes
[ "$(content)" = "$before" ] || fail 'rollback brought back something else'
expect 0 "$BELAY" pin "$id"
expect 0 "$BELAY" unpin "$id"
s3 begin swift a/test/backups/20200101T000000Z-0001/segment-0001.tar
relayed swift/a >"$scratch/relayed"
echo '0 0 old /^GET .*upload/' >"$scratch/rules"
expect 0 "$BELAY" prune --keep-last 1 --yes -s "$(cat "$scratch/relayed")"
no_uploads swift
expect 0 "$BELAY" verify latest
# the region is part of the signature here, and learned from the refusal
expect 0 "$BELAY" list -s "$(place swift/a region=eu-north-7)"
AWS_SECRET_ACCESS_KEY=no-such-secret expect 11 "$BELAY" list
says 'SignatureDoesNotMatch'
# headers that it takes and ignores
expect 11 "$BELAY" backup -s "$(place swift/locked 'lock=COMPLIANCE&lock_days=1')"
says 'took lock and ignored it'
expect 11 "$BELAY" backup -s "$(place swift/sse sse=AES256)"
[ -z "$(s3 ls swift locked/)$(s3 ls swift sse/)" ] || fail "left: $(s3 ls swift)"
no_uploads swift
echo 'swift: all passed'

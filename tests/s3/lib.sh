# shellcheck shell=bash
# lib.sh: what the tests against an S3 server share; they run under with-ceph with-postgres.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../harness/lib.sh"

here_s3=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
s3() { /usr/bin/python3 "$here_s3/s3.py" "$@"; }
# place BUCKET/PREFIX [SETTINGS]: the name of that place
place() { printf 's3://%s?endpoint=%s%s' "$1" "$S3_ENDPOINT" "${2:+&$2}"; }
no_uploads() { [ -z "$(s3 uploads "$1")" ] || fail "unfinished uploads in $1: $(s3 uploads "$1")"; }
# rows TABLE MIB: a table that does not compress, of about so many MiB
rows() {
  sql "CREATE TABLE $1 AS SELECT g AS id, string_agg(encode(sha512((g::text || i)::bytea), 'base64'), '') AS v
    FROM generate_series(1, $2 * 400) g, generate_series(1, 30) i GROUP BY g"
  sql "ALTER TABLE $1 ADD PRIMARY KEY (id)"
}
# relayed BUCKET/PREFIX: that place by way of tests/harness/relay.c, which does what $scratch/rules says and logs to $scratch/relay.log
relayed() {
  local port
  if [ ! -s "$scratch/relay.port" ]; then
    port=$(shuf -i 20000-31999 -n 1)
    cc -O1 -o "$scratch/relay" "$BELAY_TESTS/harness/relay.c" -lpthread
    : >"$scratch/rules"
    "$scratch/relay" "$port" "${S3_ENDPOINT##*:}" "$scratch/rules" "$scratch/relay.log" >/dev/null &
    echo $! >"$scratch/relay.pid"
    echo "$port" >"$scratch/relay.port"
    trap 'kill $(cat "$scratch/relay.pid"); rm -rf "$scratch"' EXIT
  fi
  printf 's3://%s?endpoint=http://127.0.0.1:%s' "$1" "$(cat "$scratch/relay.port")"
}
# s3_project: as project (harness/lib.sh), with its store in the bucket of that name
s3_project() {
  project
  sed -i "s|^store:.*|store: '$(place "$1")'|" belay.yaml
}

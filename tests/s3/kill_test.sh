#!/usr/bin/env bash
# kill -9 of belay with its store in a bucket: what stays there, who removes it, and what a machine that has not the journal says of
# the run; and the same store by way of a proxy.
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
s3 mb killed
s3_project killed/a
rows big 14
sql "CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 1000) i"
relayed killed/a >"$scratch/relayed"
through="$(cat "$scratch/relayed")&part_size=5MiB"
wait_for() { # wait_for COMMAND...: at most half a minute
  for _ in $(seq 1 300); do
    if "$@"; then return; fi
    sleep 0.1
  done
  fail "in vain waited for: $*"
}
no_backend() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'belay %'" postgres)" = 0 ]; }

# ---- a backup, killed with uploads under way ----
echo '0 0 delay 60000 /^PUT .*partNumber=2&/' >"$scratch/rules"
"$BELAY" backup -s "$through" >/dev/null 2>&1 &
pid=$!
wait_for grep -q '^delay' "$scratch/relay.log"
kill -9 $pid
wait $pid 2>/dev/null || true
: >"$scratch/rules"
s3 uploads killed >"$scratch/left"
[ "$(grep -c 'segment-\|/writing$' "$scratch/left")" -ge 2 ] || fail "too little was under way: $(cat "$scratch/left")"
expect 0 "$BELAY" list
says '^no backups'
expect 0 "$BELAY" backup # these uploads are young: perhaps somebody is at work
id=$(cat "$scratch/out")
[ "$(s3 uploads killed)" = "$(cat "$scratch/left")" ] || fail "young uploads were aborted: $(s3 uploads killed)"
echo '0 0 old /^GET .*upload/' >"$scratch/rules"
expect 0 "$BELAY" backup -s "$through"
: >"$scratch/rules"
no_uploads killed
expect 0 "$BELAY" verify "$id"

# ---- a run, killed before and after its commit; another machine has the journal only as of the last stage ----
before=$(content; structure)
migration 20260101000000_one "ALTER TABLE items ADD COLUMN n int; SELECT pg_sleep(3);"
elsewhere() { XDG_STATE_HOME=$scratch/elsewhere "$BELAY" "$@"; }
"$BELAY" run >"$scratch/run.out" 2>&1 &
pid=$!
sleeps() {
  [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)%' AND state = 'active' AND pid <> pg_backend_pid()
    AND datname = '$PGDATABASE'")" != 0 ]
}
wait_for sleeps
kill -9 $pid
wait $pid 2>/dev/null || true
wait_for no_backend
[ -n "$(find "$XDG_STATE_HOME" -name journal.jsonl)" ] || fail 'the journal is not on this machine'
[ "$(content; structure)" = "$before" ] || fail 'it was committed'
expect 0 elsewhere status
says 'the database is as before|nothing was committed|pending'
says_not '1 of its 1 files is committed'
expect 0 "$BELAY" status
says 'the database is as before|nothing was committed|pending'
expect 0 "$BELAY" run
after=$(content; structure)
expect 0 "$BELAY" rollback last --yes
[ "$(content; structure)" = "$before" ] || fail 'rollback brought back something else'
# after: from the last statement on no journal comes through, so the bucket never hears of the commit
"$BELAY" run -s "$(cat "$scratch/relayed")&timeout=60s" >"$scratch/run.out" 2>&1 &
pid=$!
wait_for sleeps
echo '0 0 stall /^PUT .*journal.jsonl/' >"$scratch/rules"
committed() { [ "$(content; structure)" = "$after" ]; }
wait_for committed
sleep 0.5
kill -9 $pid
wait $pid 2>/dev/null || true
: >"$scratch/rules"
wait_for no_backend
expect 0 elsewhere status
says_not 'nothing was committed|the database is as before'
expect 0 elsewhere rollback last --yes
[ "$(content; structure)" = "$before" ] || fail 'the rollback from another machine brought back something else'

# ---- a proxy: for http and by CONNECT for https; not for who is named in no_proxy ----
proxy=$(shuf -i 20000-31999 -n 1)
/usr/bin/python3 "$here_s3/proxy.py" "$proxy" "$scratch/proxy.log" &
echo $! >>"$scratch/relay.pid"
wait_for test -e "$scratch/proxy.log"
by=("http_proxy=http://127.0.0.1:$proxy" "HTTPS_PROXY=http://127.0.0.1:$proxy")
expect 0 env "${by[@]}" "$BELAY" backup -s "$(place killed/proxied part_size=5MiB)"
[ "$(grep -c '^PUT http://' "$scratch/proxy.log")" -ge 3 ] || fail "not by way of the proxy: $(cat "$scratch/proxy.log")"
expect 0 env "${by[@]}" "$BELAY" verify latest -s "s3://killed/proxied?endpoint=$S3_TLS_ENDPOINT&ca_file=$S3_CA"
grep -q "^CONNECT ${S3_TLS_ENDPOINT#https://}" "$scratch/proxy.log" || fail 'TLS did not go by way of the proxy'
lines=$(wc -l <"$scratch/proxy.log")
expect 0 env "${by[@]}" NO_PROXY=127.0.0.1 "$BELAY" list -s "$(place killed/proxied)"
[ "$lines" = "$(wc -l <"$scratch/proxy.log")" ] || fail 'NO_PROXY was not heeded'
expect 11 env http_proxy=http://127.0.0.1:1 "$BELAY" list -s "$(place killed/proxied timeout=2s)"
says 'proxy'

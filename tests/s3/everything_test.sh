#!/usr/bin/env bash
# Every command over a bucket: backup (of many parts), list, show, verify, restore, pin, prune, run, status, rollback; path and
# virtual-host style, TLS with an authority of its own; and other programs read what belay wrote.
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
s3 mb everything
s3_project everything/a/b
rows big 12
sql "CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 1000) i"

# ---- backup, in several parts ----
small=$(place everything/a/b part_size=5MiB)
expect 0 "$BELAY" backup -s "$small"
id=$(cat "$scratch/out")
no_uploads everything
s3 ls everything "a/b/test/backups/$id/" >"$scratch/keys"
grep -q "^a/b/test/backups/$id/manifest.json$" "$scratch/keys" || fail "no manifest"
parts=0
while read -r key; do
  etag=$(s3 head everything "$key" | jq -r .etag)
  case $etag in *-[0-9]*) parts=$((parts + 1)) ;; esac
done < <(grep segment- "$scratch/keys")
[ "$parts" -gt 0 ] || fail "nothing was uploaded in parts"
for level in hash expand restore; do expect 0 "$BELAY" verify latest --level $level; done
expect 0 "$BELAY" list
says "$id"
expect 0 "$BELAY" show "$id"
expect 0 "$BELAY" restore "$id" --into copy
[ "$(exact_content copy)" = "$(exact_content test)" ] || fail "the copy holds something else"
sql 'DROP DATABASE copy' postgres

# ---- other readers ----
export RCLONE_CONFIG_C_TYPE=s3 RCLONE_CONFIG_C_PROVIDER=Ceph RCLONE_CONFIG_C_ENDPOINT=$S3_ENDPOINT RCLONE_CONFIG_C_ENV_AUTH=true
key=a/b/test/backups/$id
rclone copy -q "c:everything/$key" "$scratch/rclone"
/usr/bin/aws --endpoint-url "$S3_ENDPOINT" s3 cp --quiet --recursive "s3://everything/$key" "$scratch/aws"
mkdir "$scratch/s3cmd"
printf '[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\nuse_https = False\n' "$AWS_ACCESS_KEY_ID" \
  "$AWS_SECRET_ACCESS_KEY" "${S3_ENDPOINT#http://}" "${S3_ENDPOINT#http://}" >"$scratch/s3cfg"
s3cmd -q -c "$scratch/s3cfg" get --recursive "s3://everything/$key/" "$scratch/s3cmd/"
diff -r "$scratch/rclone" "$scratch/aws" || fail "rclone and aws got different files"
diff -r "$scratch/rclone" "$scratch/s3cmd" || fail "rclone and s3cmd got different files"
(cd "$scratch/aws" && sh RECOVER.txt recovered >"$scratch/out" 2>"$scratch/err") || fail "RECOVER.txt"
[ "$(exact_content recovered)" = "$(exact_content test)" ] || fail "RECOVER.txt made something else"
sql 'DROP DATABASE recovered' postgres

# ---- run, status, rollback; the journal comes to the bucket and leaves this machine ----
before=$(content)
migration 20260101000000_one 'ALTER TABLE items ADD COLUMN n int; UPDATE items SET n = 1 WHERE id <= 10;'
expect 0 "$BELAY" run
says 'applied and verified'
run=$(last_run)
grep -q '"event":"run-end"' <(s3 cat everything "a/b/test/runs/$run/journal.jsonl") || fail "the journal in the bucket has no end"
[ -z "$(find "$XDG_STATE_HOME" -type f)" ] || fail "left on this machine: $(find "$XDG_STATE_HOME" -type f)"
expect 0 "$BELAY" status
expect 0 "$BELAY" run
says 'nothing is pending'
[ "$("$BELAY" list runs --json | jq '.runs | length')" = 1 ] || fail "a run without work left a record"
[ "$(s3 ls everything a/b/test/runs/ | cut -d/ -f5 | sort -u | wc -l)" = 1 ] || fail "a run without work left objects"
expect 0 "$BELAY" rollback last --yes
[ "$(content)" = "$before" ] || fail "rollback brought back something else"
expect 0 "$BELAY" run
expect 0 "$BELAY" run -- psql -X -q -c 'ALTER TABLE items ADD COLUMN w int'
expect 0 "$BELAY" status
no_uploads everything

# ---- pin, prune, and an upload that somebody was killed in ----
expect 0 "$BELAY" pin "$id"
s3 begin everything a/b/test/backups/20200101T000000Z-0001/segment-0001.tar
s3 begin everything elsewhere/test/backups/20200101T000000Z-0001/segment-0001.tar
expect 0 "$BELAY" prune --keep-last 1 --yes
[ "$(s3 uploads everything | wc -l)" = 2 ] || fail "prune aborted an upload of this minute"
relayed everything/a/b >"$scratch/relayed"
echo '0 0 old /^GET .*upload/' >"$scratch/rules"
expect 0 "$BELAY" prune --keep-last 1 --yes -s "$(cat "$scratch/relayed")"
[ "$(s3 uploads everything)" = elsewhere/test/backups/20200101T000000Z-0001/segment-0001.tar ] || fail "prune: $(s3 uploads everything)"
expect 0 "$BELAY" verify "$id"
expect 0 "$BELAY" unpin "$id"
expect 0 "$BELAY" prune --keep-last 1 --yes
[ -z "$(s3 ls everything "a/b/test/backups/$id/")" ] || fail "prune left something of $id"

# ---- other ways to the same server ----
expect 0 "$BELAY" backup -s "s3://everything/virtual?endpoint=http://s3.localhost:${S3_ENDPOINT##*:}&style=virtual"
expect 0 "$BELAY" verify latest -s "$(place everything/virtual)"
tls="s3://everything/tls?endpoint=$S3_TLS_ENDPOINT"
expect 0 "$BELAY" backup -s "$tls&ca_file=$S3_CA&payload=unsigned"
AWS_CA_BUNDLE=$S3_CA expect 0 "$BELAY" verify latest -s "$tls"
expect 11 "$BELAY" backup -s "$tls"
says 'ca_file='
echo "everything_test: $parts objects in parts"

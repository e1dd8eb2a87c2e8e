#!/usr/bin/env bash
# What a server may refuse or promise: credentials that may only write, or all but delete; a wrong secret; a quota; versions; object
# lock, storage class and encryption, which belay checks on each object that it wrote.
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
s3 mb guarded
s3_project guarded/a
at=$(place guarded/a part_size=5MiB)
rows big 8
admin() { radosgw-admin -c "$CEPH_CONF" -n client.rgw "$@" >/dev/null 2>"$scratch/admin.err" || fail "radosgw-admin $*: $(cat "$scratch/admin.err")"; }
admin user create --uid=writer --display-name=writer --access-key=WRITERKEY --secret=the/writers+secret=
writer=(env AWS_ACCESS_KEY_ID=WRITERKEY AWS_SECRET_ACCESS_KEY=the/writers+secret=)
allow() { # allow ACTION...: the writer, in the bucket
  s3 policy guarded "$(jq -n --args '{Version: "2012-10-17", Statement: [{Effect: "Allow", Principal: {AWS: ["arn:aws:iam:::user/writer"]},
    Action: $ARGS.positional, Resource: ["arn:aws:s3:::guarded", "arn:aws:s3:::guarded/*"]}]}' "$@")"
}
nothing_under() { [ -z "$(s3 ls guarded "$1")" ] || fail "left: $(s3 ls guarded "$1")"; }

# ---- a wrong secret, and no right at all ----
AWS_SECRET_ACCESS_KEY=not/the/secret expect 11 "$BELAY" backup -s "$at"
says 'AccessDenied|SignatureDoesNotMatch'
says 'wrong secret key|secret key is wrong'
AWS_ACCESS_KEY_ID=unknown expect 11 "$BELAY" backup -s "$at"
expect 11 "${writer[@]}" "$BELAY" backup -s "$at"
says 'request id'
nothing_under a/

# ---- may only write: a run works, and says what was not checked ----
allow s3:PutObject s3:AbortMultipartUpload
expect 0 "${writer[@]}" "$BELAY" backup -s "$at"
id=$(cat "$scratch/out")
says 'may not .*list.* here, so the backup was not looked at again'
no_uploads guarded
# the objects are the writer's own here, so it is the writer who may read them
expect 11 "$BELAY" verify "$id"
says 'cannot be read'
expect 0 "$BELAY" list
says 'cannot be read'
read=(s3:GetObject s3:ListBucket s3:ListBucketMultipartUploads)
allow s3:PutObject s3:AbortMultipartUpload "${read[@]}"
expect 0 "${writer[@]}" "$BELAY" verify "$id" --level restore
allow s3:PutObject s3:AbortMultipartUpload
migration 20260101000000_one 'ALTER TABLE big ADD COLUMN n int;'
expect 0 "${writer[@]}" "$BELAY" run
says 'store writable \(that only\)'
says 'without hashes'
expect 11 "${writer[@]}" "$BELAY" list
allow s3:PutObject s3:AbortMultipartUpload "${read[@]}"
expect 0 "${writer[@]}" "$BELAY" status
expect 0 "${writer[@]}" "$BELAY" verify latest
expect 0 "${writer[@]}" "$BELAY" rollback last --yes

# ---- all but delete ----
expect 0 "${writer[@]}" "$BELAY" backup -s "$at"
last=$(cat "$scratch/out")
expect 0 "${writer[@]}" "$BELAY" verify "$last"
expect 11 "${writer[@]}" "$BELAY" prune --keep-last 1 --yes
says 'AccessDenied'
expect 0 "${writer[@]}" "$BELAY" verify "$id"
# what cannot be read is never taken for damaged
expect 0 "$BELAY" prune --keep-last 1 --damaged --yes
[ -n "$(s3 ls guarded "a/test/backups/$id/manifest.json")" ] || fail 'a backup that could not be read was removed'
allow 's3:*'
expect 0 "${writer[@]}" "$BELAY" prune --keep-last 1 --yes
[ -z "$(s3 ls guarded "a/test/backups/$id/")" ] || fail 'prune left it'

# ---- a quota ----
s3 mb limited
admin quota set --quota-scope=user --uid=belay --max-size=3145728
admin quota enable --quota-scope=user --uid=belay
expect 11 "$BELAY" backup -s "$(place limited/a part_size=5MiB)"
says 'QuotaExceeded'
says 'Raise the quota'
admin quota disable --quota-scope=user --uid=belay
[ -z "$(s3 ls limited)" ] || fail "the quota left $(s3 ls limited)"
no_uploads limited

# ---- versions ----
s3 mb versioned
s3 versioning versioned
expect 0 "$BELAY" backup -s "$(place versioned/a)"
expect 0 "$BELAY" backup -s "$(place versioned/a)"
expect 0 "$BELAY" prune --keep-last 1 --yes -s "$(place versioned/a)"
[ "$("$BELAY" list --json -s "$(place versioned/a)" | jq '.backups | length')" = 1 ] || fail 'versions are listed as backups'

# ---- object lock ----
s3 mb locked lock
expect 0 "$BELAY" backup -s "$(place locked/a 'part_size=5MiB&lock=COMPLIANCE&lock_days=1')"
id=$(cat "$scratch/out")
s3 ls locked "a/test/backups/$id/" >"$scratch/keys"
grep -q segment-0002 "$scratch/keys" || fail 'too few segments'
while read -r key; do
  case $key in */RECOVER.txt) continue ;; esac
  [ "$(s3 head locked "$key" | jq -r '."x-amz-object-lock-mode"')" = COMPLIANCE ] || fail "$key is not locked"
  version=$(s3 head locked "$key" | jq -r '."x-amz-version-id"')
  if /usr/bin/aws --region us-east-1 --endpoint-url "$S3_ENDPOINT" s3api delete-object --bucket locked --key "$key" \
    --version-id "$version" >/dev/null 2>&1; then fail "$key could be deleted"; fi
done <"$scratch/keys"
expect 0 "$BELAY" verify "$id" -s "$(place locked/a)"
expect 0 "$BELAY" doctor -s "$(place locked/a 'lock=COMPLIANCE&lock_days=1')"
says '^ok +bucket +object lock: what is written cannot be deleted for 1 day \(COMPLIANCE\)'
says '^warning +bucket +the bucket keeps versions'
# a bucket made without it
expect 0 "$BELAY" doctor -s "$(place guarded/unlocked 'lock=GOVERNANCE&lock_days=1')"
says '^warning +bucket +lock=GOVERNANCE is wanted, and the bucket has no object lock'
expect 11 "$BELAY" backup -s "$(place guarded/unlocked 'lock=GOVERNANCE&lock_days=1')"
nothing_under unlocked/

# ---- lifecycle rules ----
rule() { jq -nc --arg prefix "$1" --argjson more "$2" '{Rules: [{ID: "x", Status: "Enabled", Filter: {Prefix: $prefix}} + $more]}'; }
s3 lifecycle guarded "$(rule a/ '{"Expiration": {"Days": 30}}')"
expect 0 "$BELAY" doctor
says '^warning +bucket +a lifecycle rule deletes objects below a/ after 30 days'
expect 0 "$BELAY" doctor -s "$(place guarded/other)"
says_not 'deletes objects'
says '^ok +bucket +no lifecycle rule aborts uploads'
s3 lifecycle guarded "$(rule '' '{"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}')"
expect 0 "$BELAY" doctor
says_not '^[a-z]+ +bucket '

# ---- storage class, encryption ----
expect 0 "$BELAY" backup -s "$(place guarded/class storage_class=STANDARD)"
expect 11 "$BELAY" backup -s "$(place guarded/class storage_class=NO_SUCH_CLASS)"
tls="s3://guarded/sse?endpoint=$S3_TLS_ENDPOINT&ca_file=$S3_CA"
expect 11 "$BELAY" backup -s "$tls&sse=AES256" # this server takes the header and does not say that it encrypts
says 'took sse and ignored it'
nothing_under sse/

# ---- the same key twice ----
expect 0 "$BELAY" backup -s "$at"
id=$(cat "$scratch/out")
expect 0 "$BELAY" pin "$id"
expect 0 "$BELAY" pin "$id"

# ---- what is no place ----
for wrong in 's3:' 's3://' 's3://b' 's3://UP..x/a' 's3://bucket/a b' 's3://bucket/a/../b'; do expect 2 "$BELAY" list -s "$wrong"; done
for wrong in region= lock=COMPLIANCE lock_days=1 lock=FOREVER part_size=1MiB parallel=0 style=dns sse=x kms_key=k timeout=1x \
  payload=unsigned endpoint=ftp://x endpoint=http://x/y; do
  expect 2 "$BELAY" list -s "$(place guarded/a "$wrong")"
  says "${wrong%%=*}"
done
expect 2 "$BELAY" list -s 's3://bucket/a?endpoint=https://user:hunter22@host'
says_not hunter22

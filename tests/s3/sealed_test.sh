#!/usr/bin/env bash
# Encrypted backups and runs in a bucket, doctor there, and copies between a bucket and a directory: byte by byte the same.
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
s3 mb sealed
s3_project sealed/a
age-keygen -o "$scratch/key" 2>/dev/null
recipient=$(age-keygen -y "$scratch/key")
printf 'encryption:\n  recipients: [%s]\n' "$recipient" >>belay.yaml
sql "CREATE TABLE secret_items (id int PRIMARY KEY, name text); INSERT INTO secret_items SELECT i, 'item ' || i FROM generate_series(1, 1000) i"

expect 0 "$BELAY" doctor
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
while read -r key; do
  s3 cat sealed "$key" >"$scratch/object"
  ! grep -qa 'secret_items\|item 7' "$scratch/object" || fail "$key is readable"
done < <(s3 ls sealed "a/test/backups/$id/")
expect 0 "$BELAY" list
says "$id"
expect 0 "$BELAY" verify latest --level hash
expect 12 "$BELAY" verify latest --level expand
says "$recipient"
expect 0 "$BELAY" verify latest --level restore --identity "$scratch/key"

# to a directory and back into another bucket: the same bytes
expect 0 "$BELAY" copy "$id" --to "file:$scratch/there"
s3 mb elsewhere
expect 0 "$BELAY" copy "$id" -s "file:$scratch/there" --to "$(place elsewhere/b)"
count=0
while read -r key; do
  s3 cat elsewhere "b/${key#a/}" | cmp - <(s3 cat sealed "$key") || fail "$key is not the same"
  cmp <(s3 cat sealed "$key") "$scratch/there/${key#a/}" || fail "$key is not the same in the directory"
  count=$((count + 1))
done < <(s3 ls sealed "a/test/backups/$id/")
[ "$count" -ge 3 ] || fail "only $count objects were compared"
expect 0 "$BELAY" restore "$id" --into copy -s "$(place elsewhere/b)" --identity "$scratch/key"
[ "$(exact_content copy)" = "$(exact_content test)" ] || fail "the copy holds something else"
no_uploads sealed
no_uploads elsewhere

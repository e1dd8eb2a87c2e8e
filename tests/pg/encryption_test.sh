#!/usr/bin/env bash
# A store whose artifacts are encrypted: written with public keys only, opened with either identity, nothing of rows, tables
# or statements readable in it; everything that needs no key works without; age, tar, zstd and psql bring it back alone.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
umask 077
for key in alice bob mallory; do age-keygen -o "$scratch/$key.key" 2>/dev/null; done
alice=$(age-keygen -y "$scratch/alice.key")
bob=$(age-keygen -y "$scratch/bob.key")
age-keygen -y "$scratch/bob.key" >bob.pub
cat >>belay.yaml <<YAML
encryption:
  recipients: [$alice, bob.pub]
YAML
sql "CREATE TABLE secret_salaries (id int PRIMARY KEY, whose text, amount int);
  INSERT INTO secret_salaries SELECT i, 'mister-' || i, i * 7 FROM generate_series(1, 2000) i"
before=$(content; structure)
# leaks WORD...: no file of the store holds it, nor its name
leaks_not() {
  local word
  for word; do
    ! grep -rl -- "$word" store || fail "the store holds $word"
  done
}

# ---- a backup, on a machine that has no identity ----
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
leaks_not secret_salaries mister- whose 'CREATE TABLE' AGE-SECRET
expect 0 "$BELAY" list backups
says "^$id .* 1 table  2000 rows .*encrypted"
expect 0 "$BELAY" list backups --json
jq -e '.backups[0] | .encrypted and .locked and .rows == 2000 and .fingerprint == null' <"$scratch/out" >/dev/null ||
  fail "the list does not say that the backup is encrypted"
expect 0 "$BELAY" verify latest --level hash
says 'is whole: every byte'
says 'what is encrypted was not opened'
for command in "verify latest" "verify latest --level restore" "show latest" "restore latest --into never" \
  "restore latest --swap"; do
  for identity in "" "--identity $scratch/mallory.key"; do
    # shellcheck disable=SC2086 # words
    expect 12 "$BELAY" $command $identity
    says "encrypted for $alice, $bob"
    says '^hint: .*--identity'
  done
done
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'never'"
expect 2 "$BELAY" verify latest --identity "$(grep AGE-SECRET "$scratch/alice.key")"
says 'named by its file'
says_not 'AGE-SECRET-KEY-1.'

# ---- either identity opens it: by option, environment, command, belay.yaml ----
expect 0 "$BELAY" verify latest --identity "$scratch/alice.key"
says 'every chunk expands'
BELAY_IDENTITY=$scratch/bob.key expect 0 "$BELAY" verify latest --level restore
BELAY_IDENTITY_COMMAND="cat $scratch/bob.key" expect 0 "$BELAY" show latest
says "encrypted    for $alice, $bob"
expect 0 "$BELAY" restore latest --into by_command --identity-command "echo hello; cat '$scratch/alice.key'"
[ "$(content by_command; structure by_command)" = "$before" ] || fail "the restored database differs"
sed 's/^encryption:/&\n  identity: ..\/alice.key/' belay.yaml >"$scratch/project/with-key.yaml"
expect 0 "$BELAY" restore latest --into by_yaml -c with-key.yaml
BELAY_IDENTITY=$scratch/none.key expect 12 "$BELAY" verify latest
says 'none.key'
BELAY_IDENTITY_COMMAND="echo $(grep -o 'AGE-SECRET.*' "$scratch/bob.key")" expect 2 "$BELAY" verify latest
says 'holds the identity itself'
says_not 'AGE-SECRET'
BELAY_IDENTITY_COMMAND='exit 3' expect 12 "$BELAY" verify latest
says 'ended with 3'

# ---- by hand: age, tar, zstd, psql, and no belay ----
cp -r store/*/backups/"$id" "$scratch/by-hand"
mkdir "$scratch/path"
for program in sh cat mkdir rm tar zstd age; do ln -s "$(command -v "$program")" "$scratch/path/"; done
ln -s "$PGBIN/psql" "$scratch/path/"
(cd "$scratch/by-hand" && env PATH="$scratch/path" sh RECOVER.txt by_hand "$scratch/bob.key") >"$scratch/out" 2>"$scratch/err" ||
  fail "RECOVER.txt failed"
[ "$(content by_hand; structure by_hand)" = "$before" ] || fail "the database recovered by hand differs"
(cd "$scratch/by-hand" && ! env PATH="$scratch/path" sh RECOVER.txt not_so "$scratch/mallory.key") >"$scratch/out" 2>&1 ||
  fail "RECOVER.txt went on without the right identity"
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'not_so'"

# ---- clear and encrypted ones side by side ----
expect 0 "$BELAY" backup -c /dev/null -s file:store
clear=$(cat "$scratch/out")
expect 0 "$BELAY" verify "$clear"
says_not 'not opened'
expect 0 "$BELAY" list backups
[ "$(grep -c encrypted "$scratch/out")" = 1 ] || fail "one of two is encrypted"
expect 0 "$BELAY" verify "$id" --identity "$scratch/alice.key"
expect 0 "$BELAY" prune --keep-last 1 --yes
expect 0 "$BELAY" list backups
says "^$clear"
says_not "^$id"
rm -r store

# ---- damage of the encrypted manifest is seen by whoever has no key ----
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
sealed=$(echo store/*/backups/"$id"/manifest.json.age)
cp "$sealed" "$scratch/sealed"
printf 'x' | dd of="$sealed" bs=1 seek=400 conv=notrunc status=none
expect 12 "$BELAY" verify latest --level hash
says 'manifest.json.age'
cp "$scratch/sealed" "$sealed"
expect 0 "$BELAY" verify latest --level hash

# ---- a scoped one is not the latest, whoever asks ----
sql "CREATE TABLE other (id int PRIMARY KEY)"
expect 0 "$BELAY" backup --table other
scoped=$(cat "$scratch/out")
leaks_not secret_salaries
expect 0 "$BELAY" list backups
says "^$scoped .*scoped"
BELAY_IDENTITY=$scratch/bob.key expect 0 "$BELAY" show latest
says "backup $id of"
BELAY_IDENTITY=$scratch/bob.key expect 0 "$BELAY" show "$scoped"
says 'left out +public.secret_salaries'
sql "DROP TABLE other"

# ---- a run: captured rows, statements and messages are encrypted; the way back needs an identity ----
migration 20260101000000_cut "UPDATE secret_salaries SET amount = amount / 2 WHERE id <= 500;
-- belay:ignore drop-column nobody reads it
ALTER TABLE secret_salaries DROP COLUMN whose;"
sed -i 's/^environment:.*/environment: development/' belay.yaml
expect 0 "$BELAY" run
says 'encrypted for'
run=$(last_run)
leaks_not secret_salaries mister- whose
ls store/*/runs/"$run"/plan.json.age >/dev/null || fail "there is no encrypted plan"
expect 0 "$BELAY" status
says "$run|applied|up to date"
expect 0 "$BELAY" show "$run"
says '20260101000000_cut: applied'
says "encrypted    for $alice, $bob"
after=$(content; structure)
expect 12 "$BELAY" rollback last --yes
says "encrypted for $alice, $bob"
says '^database: untouched \(encrypted, and no identity opens it\)$'
expect 12 "$BELAY" rollback last --yes --identity "$scratch/mallory.key"
[ "$(content; structure)" = "$after" ] || fail "a rollback without identity changed something"
expect 0 "$BELAY" show "$run" --identity "$scratch/alice.key"
says 'ADD COLUMN whose'
expect 0 "$BELAY" rollback last --yes --identity "$scratch/alice.key"
[ "$(content)" = "$(echo "$before" | head -n "$(content | wc -l)")" ] || fail "the rows are not back"
leaks_not mister- whose
# what the journal holds back can be read with age
jq -rn 'first(inputs | select(.sealed) | .sealed)' <store/*/runs/"$run"/journal.jsonl | base64 -d |
  age -d -i "$scratch/bob.key" | jq -e .summary >/dev/null || fail "the sealed part of the journal does not open"

# ---- the run takes back by itself what it did, without any identity ----
rm -r prisma/migrations/2*
migration 20260102000000_one "DELETE FROM secret_salaries WHERE id <= 100;"
migration 20260103000000_two "INSERT INTO secret_salaries (id, amount) VALUES (200, 1);"
state=$(content)
got=0
"$BELAY" run --recipient "$alice" >"$scratch/out" 2>"$scratch/err" || got=$?
[ "$got" = 7 ] || fail "the run ended with $got, not 7"
[ "$(content)" = "$state" ] || fail "the run did not bring its rows back"
leaks_not mister- 'Key (id)'

# ---- a policy that wants encryption ----
mkdir policies
printf 'extends: staging\nbackup:\n  encryption: required\n' >policies/strict.yaml
rm -r prisma/migrations/2*
migration 20260104000000_x 'CREATE TABLE x (id int PRIMARY KEY);'
printf 'environment: strict\nstore: file:clear\nmigrations:\n  dir: prisma/migrations\n  format: prisma\n' >strict.yaml
expect 3 "$BELAY" run -c strict.yaml
says 'policy strict .*wants encrypted artifacts'
expect 3 "$BELAY" backup -c strict.yaml
says '^hint: .*--recipient'
BELAY_RECIPIENTS="$alice,bob.pub" expect 0 "$BELAY" backup -c strict.yaml
expect 2 "$BELAY" backup --recipient age1nonsense
says 'not a recipient'

#!/usr/bin/env bash
# copy: into another store byte for byte, going on after it was stopped, never over something else; clear and encrypted.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
sql "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 20000) i"
before=$(content)
age-keygen -o "$scratch/key" 2>/dev/null
expect 0 "$BELAY" backup --recipient "$(age-keygen -y "$scratch/key")"
sealed=$(cat "$scratch/out")
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
expect 0 "$BELAY" pin "$id"
for one in "$id" "$sealed" latest; do
  expect 0 "$BELAY" copy "$one" --to file:other
done
says ' 0 objects copied .* there already'
for one in "$id" "$sealed"; do
  diff -r -x pinned store/test/backups/"$one" other/test/backups/"$one" || fail "the copy of $one differs"
done
[ ! -e other/test/backups/"$id"/pinned ] || fail "the pin went along"
[ -z "$(find other -type f ! -perm 600)$(find other -type d ! -perm 700)" ] || fail "permissions in the copy"
expect 0 "$BELAY" verify "$sealed" -s other --identity "$scratch/key"
expect 0 "$BELAY" restore "$id" -s file:other --into from_copy
[ "$(content from_copy)" = "$before" ] || fail "the copy restores otherwise"
expect 2 "$BELAY" copy "$id" --to store
says 'is the place that it is in'
expect 2 "$BELAY" copy "$id"
says 'needs --to'

# stopped half-way: not listed, and the same command goes on
rm other/test/backups/"$id"/manifest.json other/test/backups/"$id"/segment-0002.tar
expect 0 "$BELAY" list backups -s other
says_not "^$id"
expect 0 "$BELAY" copy "$id" --to other
says ' 2 objects copied'
expect 0 "$BELAY" verify "$id" -s other
# something else is there: named, left alone, and no manifest appears
rm other/test/backups/"$id"/manifest.json
printf 'x' | dd of=other/test/backups/"$id"/segment-0001.tar bs=1 seek=700 conv=notrunc status=none
hash=$(sha256sum <other/test/backups/"$id"/segment-0001.tar)
expect 11 "$BELAY" copy "$id" --to other
says 'segment-0001.tar is there with other content, and is not overwritten'
[ "$hash" = "$(sha256sum <other/test/backups/"$id"/segment-0001.tar)" ] || fail "something was overwritten"
[ ! -e other/test/backups/"$id"/manifest.json ] || fail "a manifest appeared"
# damage does not travel
printf 'x' | dd of=store/test/backups/"$sealed"/segment-0001.tar bs=1 seek=700 conv=notrunc status=none
expect 12 "$BELAY" copy "$sealed" --to third
says 'the sha256 of .*segment-0001.tar'
expect 0 "$BELAY" list backups -s third
says '^no backups'

# the record of a run, with its captured rows
migration 20260102000000_x 'UPDATE t SET v = NULL WHERE id < 100;'
sed -i 's/^environment:.*/environment: development/' belay.yaml
expect 0 "$BELAY" run
run=$(last_run)
expect 0 "$BELAY" copy "$run" --to other
diff -r store/test/runs/"$run" other/test/runs/"$run" || fail "the copy of the run differs"
expect 0 "$BELAY" rollback "$run" --yes -s other
[ "$(content)" = "$before" ] || fail "the rows are not back from the copy"

# a bound: 512 KiB a second
expect 2 "$BELAY" copy "$id" --to fourth --limit-rate fast
says 'limit-rate takes bytes a second'
size=$(du -sb store/test/backups/"$id" | cut -f1)
start=$(date +%s%N)
expect 0 "$BELAY" copy "$id" --to fourth --limit-rate 256KiB
took_ms=$((($(date +%s%N) - start) / 1000000))
[ "$took_ms" -ge $(((size - 200000) * 1000 / 262144)) ] || fail "$size bytes went in $took_ms ms"
expect 0 "$BELAY" backup --limit-rate 1MiB
expect 0 "$BELAY" verify latest
# a template is a database
expect 0 "$BELAY" backup --template
expect 3 "$BELAY" copy "$(cat "$scratch/out")" --to other
says 'is a template'

#!/usr/bin/env bash
# doctor: each thing by itself, what to do about it, and the exit code that a run would end with.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
migration 20260101000000_t 'CREATE TABLE t (id int PRIMARY KEY);'
umask 077
age-keygen -o "$scratch/key" 2>/dev/null
age-keygen -o "$scratch/other" 2>/dev/null
expect 0 "$BELAY" doctor
for name in configuration migrations database clock shadow encryption identity store; do
  grep -Eq "^(ok|warning) +$name " "$scratch/out" || fail "nothing is said of $name"
done
says '^ok +migrations +1 in prisma/migrations \(prisma\)'
says 'PostgreSQL [0-9]+'
says 'written, read back, listed, deleted, [0-9]+ MiB free'
[ -z "$(find store -name 'probe-*')" ] || fail "the probe is still there"
expect 0 "$BELAY" doctor --json
jq -e '.ok and (.checks | length >= 8) and all(.checks[]; .state == "ok" or .state == "warning")' <"$scratch/out" >/dev/null ||
  fail "the JSON says something else"
# a store that cannot be written, by preflight in the same words
touch not-a-directory
expect 11 "$BELAY" doctor -s not-a-directory
says '^failed +store '
says '^ok +database '
mkdir policies
printf 'extends: staging\npreflight:\n  min_free: 900TiB\n' >policies/large.yaml
expect 11 "$BELAY" doctor -e large
says '^failed +store .*MiB free, the run may need'
expect 11 "$BELAY" run -e large
says 'MiB free, the run may need'
# the database is gone, the rest is still asked for
expect 4 "$BELAY" doctor -d 'postgresql://belay@127.0.0.1:1/test'
says '^failed +database '
says '^ok +store '
says '^skipped +clock '
expect 2 "$BELAY" doctor -e nowhere
says '^failed +configuration '
expect 2 "$BELAY" doctor --dir nowhere
says '^failed +migrations '
# keys
expect 2 "$BELAY" doctor --recipient age1x
says '^failed +encryption .*not a recipient'
to=$(age-keygen -y "$scratch/key")
expect 0 "$BELAY" doctor --recipient "$to" --identity "$scratch/key"
says "^ok +encryption +for $to"
says '^ok +identity .*opens with it'
expect 0 "$BELAY" doctor --recipient "$to" --identity "$scratch/other"
says '^warning +identity +the identity opens nothing'
expect 2 "$BELAY" doctor --recipient "$to" --identity "$scratch/none"
says '^failed +identity .*none'
chmod 644 "$scratch/key"
expect 0 "$BELAY" doctor --recipient "$to" --identity "$scratch/key"
says '^warning +identity +others can read'
says 'chmod 600'
printf 'extends: staging\nbackup:\n  encryption: required\n' >policies/strict.yaml
expect 3 "$BELAY" doctor -e strict
says '^failed +encryption '
# a store that others may write to
chmod 777 store
expect 0 "$BELAY" doctor
says '^warning +store +others may write to'
chmod 700 store

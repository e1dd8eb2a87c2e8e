#!/usr/bin/env bash
# belay init: writes belay.yaml for what is there, and nothing over what is there.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"

# an empty directory: nothing is guessed
mkdir "$scratch/empty"
cd "$scratch/empty"
expect 2 "$BELAY" init
says 'no migrations directory found'
says 'belay init --dir DIR'
[ -z "$(ls -A)" ] || fail "init left something in an empty directory: $(ls -A)"

# a Prisma project
mkdir -p "$scratch/prisma-project/prisma/migrations/20260101000000_init"
cd "$scratch/prisma-project"
printf 'provider = "postgresql"\n' >prisma/migrations/migration_lock.toml
printf 'CREATE TABLE a (id int PRIMARY KEY);\n' >prisma/migrations/20260101000000_init/migration.sql
expect 0 "$BELAY" init
says 'wrote belay\.yaml: prisma migrations in prisma/migrations'
grep -qE '^  dir: prisma/migrations$' belay.yaml || fail "the directory is not in belay.yaml"
grep -qE '^  format: prisma$' belay.yaml || fail "the format is not in belay.yaml"
[ "$(ls -A)" = $'belay.yaml\nprisma' ] || fail "init wrote more than belay.yaml: $(ls -A)"
# what it wrote, belay reads
expect 0 "$BELAY" lint
says 'in 1 file'
mkdir -p deep/er
# shellcheck disable=SC2016 # it is the inner shell that expands
expect 0 bash -c 'cd deep/er && "$BELAY" lint'
says 'in 1 file'

# never over an existing one
cp belay.yaml "$scratch/before"
expect 2 "$BELAY" init
says 'belay\.yaml is there already'
cmp -s belay.yaml "$scratch/before" || fail "init changed an existing belay.yaml"
printf 'mine\n' >belay.yaml
expect 2 "$BELAY" init --yes
[ "$(cat belay.yaml)" = mine ] || fail "init --yes changed an existing belay.yaml"

# plain files, the directory named
mkdir -p "$scratch/plain/changes"
cd "$scratch/plain"
printf 'SELECT 1;\n' >changes/001_first.sql
expect 0 "$BELAY" init --dir changes
grep -qE '^  dir: changes$' belay.yaml || fail "the named directory is not in belay.yaml"
grep -qE '^  format: plain$' belay.yaml || fail "the format plain is not in belay.yaml"
rm belay.yaml
expect 2 "$BELAY" init --dir no-such
says 'no-such: no such migrations directory'
[ ! -e belay.yaml ] || fail "init wrote belay.yaml for a directory that is not there"

# a directory that cannot be written: no half file, no temporary file (root may write everywhere)
if [ "$(id -u)" != 0 ]; then
  chmod a-w .
  expect 1 "$BELAY" init --dir changes
  says 'belay\.yaml: Permission denied'
  chmod u+w .
  [ "$(ls -A)" = changes ] || fail "a failed init left something: $(ls -A)"
fi

#!/usr/bin/env bash
# belay beside the real Prisma CLI: after a native run `migrate status` is content, after a rollback it says pending, and
# `belay run -- prisma migrate deploy` wraps it.
if [ -z "${BESIDE_PRISMA:-}" ]; then
  BESIDE_PRISMA=1 exec "$(dirname "$0")/../harness/with-prisma" bash "$(cd "$(dirname "$0")" && pwd)/$(basename "$0")"
fi
project_dir=$PWD
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
cd "$project_dir" || exit
rm -f .env
prisma_status() { prisma migrate status >"$scratch/status" 2>&1 || true; }
prisma_says() { prisma_status; grep -Eq "$1" "$scratch/status" || { cat "$scratch/status" >&2; fail "prisma does not say: $1"; }; }
sed -i 's/^store:.*/store: file:store/' belay.yaml

prisma migrate deploy >"$scratch/out" 2>&1 || fail "prisma migrate deploy"
psql -X -q -v ON_ERROR_STOP=1 -f load.sql >/dev/null
before=$(content)
shape=$(structure)
cp -R scenarios/pending/* prisma/migrations/

# natively
expect 0 "$BELAY" run
prisma_says 'Database schema is up to date'
expect 0 "$BELAY" rollback last --yes
prisma_says 'have not yet been applied'
[ "$(content)" = "$before" ] || fail "rows differ after the rollback of a native run"
[ "$(structure)" = "$shape" ] || fail "schema differs after the rollback"
prisma migrate deploy >"$scratch/out" 2>&1 || fail "prisma cannot deploy after a rollback"
prisma_says 'Database schema is up to date'
expect 0 "$BELAY" status
says 'nothing is pending'

# wrapped
wrapped() { # MODE
  psql -q -d postgres -c "CREATE DATABASE wrapped_$1" >/dev/null
  export PRISMA_SHIM_MODE=$1 DATABASE_URL="${DATABASE_URL%/*}/wrapped_$1" PGDATABASE=wrapped_$1
  rm -rf prisma/migrations/202611*
  rm -rf prisma/migrations/20261102*
  expect 0 "$BELAY" run -s "$scratch/store-$1" -- prisma migrate deploy
  says 'All migrations have been successfully applied'
  prisma_says 'Database schema is up to date'
  psql -X -q -v ON_ERROR_STOP=1 -f load.sql >/dev/null
  cp -R scenarios/pending/* prisma/migrations/
  expect 0 "$BELAY" run -- prisma migrate deploy
  says 'the ledger agrees'
  prisma_says 'Database schema is up to date'
  # rows were changed where belay could not capture them: the way back is the backup, and it says so
  expect 3 "$BELAY" rollback last --yes
  says 'belay restore'
  # a failure half-way: a person is needed, and is told what to do
  cp -R scenarios/fails-halfway/* prisma/migrations/
  expect 8 "$BELAY" run -- prisma migrate deploy
  says 'migrate resolve --rolled-back'
  expect 4 "$BELAY" run -- prisma migrate deploy
  says '20261119090000_settlement_date: failed'
  prisma migrate resolve --rolled-back 20261119090000_settlement_date >"$scratch/out" 2>&1 || fail "resolve"
  rm -r prisma/migrations/20261119090000_settlement_date
}
url=$DATABASE_URL
wrapped split
DATABASE_URL=$url
wrapped whole

# a command that succeeds without doing it, one that does not exist, one that fails and wrote nothing
mkdir -p prisma/migrations/20261201000000_more
echo 'ALTER TABLE "users" ADD COLUMN "more" INTEGER;' >prisma/migrations/20261201000000_more/migration.sql
expect 8 "$BELAY" run -- true
says 'the ledger of this database does not have 20261201000000_more'
expect 2 "$BELAY" run -- nosuchprogram
expect 6 "$BELAY" run -- false
says 'no transaction wrote anything'
# an edited file: prisma's own status and deploy say nothing, belay does
echo '-- edited' >>prisma/migrations/20260112090000_init/migration.sql
expect 4 "$BELAY" run -- prisma migrate deploy
says '20260112090000_init: edited'

#!/usr/bin/env bash
# The hook belay-lint under the real pre-commit program, offline: the repository that it comes from is a copy of this one's hook
# files.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
command -v pre-commit >/dev/null || fail "pre-commit is not installed (tests/harness/setup.sh: TEST_PACKAGES)"
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}" "${!GIT_@}" "${!PRE_COMMIT@}"
export HOME=$scratch PRE_COMMIT_HOME=$scratch/cache PRE_COMMIT_COLOR=never BELAY
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.invalid GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.invalid
write() { mkdir -p "$(dirname "$1")" && printf '%s\n' "$2" >"$1"; }

git init -q "$scratch/belay"
cp -r "$top/hooks" "$top/.pre-commit-hooks.yaml" "$scratch/belay/"
git -C "$scratch/belay" add .
git -C "$scratch/belay" commit -qm hooks
git -C "$scratch/belay" tag v1.0

git init -q "$scratch/project"
cd "$scratch/project"
cat >.pre-commit-config.yaml <<YAML
repos:
  - repo: $scratch/belay
    rev: v1.0
    hooks: [{id: belay-lint}]
YAML
expect 0 pre-commit install
expect 0 pre-commit validate-manifest "$scratch/belay/.pre-commit-hooks.yaml"

# a commit without migrations: there is nothing to lint, and that is success
write src/app.sql 'DROP TABLE orders;'
git add .
expect 0 git commit -qm first
says 'belay lint\.*\(no files to check\)Skipped'

write prisma/migrations/migration_lock.toml 'provider = "postgresql"'
write prisma/migrations/20260101000000_init/migration.sql 'CREATE TABLE orders (id int PRIMARY KEY, day date, note varchar(20));'
git add .
expect 0 git commit -qm init
says 'belay lint\.*Passed'

# a bad one is not committed, and says why
write prisma/migrations/20260102000000_drop/migration.sql 'DROP TABLE orders;'
git add .
expect 1 git commit -qm drop
says 'belay lint\.*Failed'
says '^prisma/migrations/20260102000000_drop/migration\.sql:1:1: error drop-table'
[ "$(git log --oneline | wc -l)" = 2 ] || fail "the commit was made all the same"

# what is staged counts: pre-commit puts the rest of the work tree aside
write prisma/migrations/20260102000000_drop/migration.sql 'ALTER TABLE orders ALTER note TYPE varchar(40);'
expect 1 git commit -qm drop
says 'error drop-table'
git add .
write prisma/migrations/20260102000000_drop/migration.sql 'DROP TABLE orders;'
# the type of an earlier migration is known: wider is no rewrite
expect 0 env BELAY_LINT_ARGS='--fail-on warning' git commit -qm wider
says 'belay lint\.*Passed'
git checkout -q .

# all files at once, and options in the configuration
expect 0 pre-commit run --all-files
write prisma/migrations/20260103000000_null/migration.sql 'ALTER TABLE orders ALTER day DROP NOT NULL;'
git add .
expect 0 git commit -qm null
expect 0 pre-commit run --all-files
expect 1 env BELAY_LINT_ARGS='--fail-on info' pre-commit run --all-files
says 'info drop-not-null'
sed -i 's/{id: belay-lint}/{id: belay-lint, args: [--fail-on=info]}/' .pre-commit-config.yaml
expect 1 pre-commit run --all-files
says 'info drop-not-null'

# without belay nothing passes unseen
expect 1 env BELAY=/no/such/belay pre-commit run --all-files
says 'belay is not installed'

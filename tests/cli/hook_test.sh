#!/usr/bin/env bash
# hooks/pre-commit in a real git repository: it judges what is staged, and only that.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}" "${!GIT_@}"
export HOME=$scratch GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1 BELAY
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.invalid GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.invalid
good='CREATE TABLE a (id int PRIMARY KEY);'
bad='DROP TABLE orders;'

git init -q "$scratch/repo"
cd "$scratch/repo"
mkdir -p .git/hooks db/migrations src
ln -s "$top/hooks/pre-commit" .git/hooks/pre-commit

write() { mkdir -p "$(dirname "$1")" && printf '%s\n' "$2" >"$1"; }
# commits [ENV...]: a commit must go through; refuses: it must not
commits() { expect 0 env "$@" git commit -qm x; }
refuses() {
  local before
  before=$(git rev-parse -q --verify HEAD || echo none)
  expect 1 env "$@" git commit -qm x
  [ "$(git rev-parse -q --verify HEAD || echo none)" = "$before" ] || fail "the commit was made all the same"
}
fresh() { git reset -q --hard && git clean -qfd; }

# the first commit of a repository, good and bad
write db/migrations/1.sql "$good"
git add .
commits
write db/migrations/2.sql "$bad"
git add .
refuses
says '^db/migrations/2\.sql:1:1: error drop-table'
fresh

# files that are no migrations, or not staged, do not matter
write src/app.sql "$bad"
write db/migrations/README.md "$bad"
git add .
write db/migrations/3.sql "$bad" # not staged
commits
fresh

# what is staged counts, not what lies in the work tree
write db/migrations/4.sql "$bad"
git add .
write db/migrations/4.sql "$good"
refuses
says 'db/migrations/4\.sql: staged content differs'
says '^db/migrations/4\.sql:1:1: error drop-table'
git add .
write db/migrations/4.sql "$bad"
commits # good is staged, bad is only in the work tree
[ "$(git show HEAD:db/migrations/4.sql)" = "$good" ] || fail "something else was committed"
fresh

# staged, and gone from the work tree since
write db/migrations/5.sql "$bad"
git add .
rm db/migrations/5.sql
refuses
says '^db/migrations/5\.sql:1:1: error drop-table'
fresh

# one bad file among good ones; the table of an earlier file counts as in use
write db/migrations/6.sql 'CREATE TABLE fresh (day date);'
write db/migrations/7.sql 'CREATE INDEX fresh_day ON fresh (day);'
git add .
refuses BELAY_LINT_ARGS='--fail-on warning'
says '7\.sql:1:1: warning index-create-not-concurrent'
commits
write db/migrations/8.sql 'CREATE INDEX a_id ON a (id);'
git add .
refuses BELAY_LINT_ARGS='--fail-on warning'
commits
fresh

# modified files are linted, deleted and renamed away ones are not
write db/migrations/1.sql "$bad"
git add .
refuses
fresh
git rm -q db/migrations/1.sql
commits
fresh

# names with spaces and other letters, and one that begins with a dash; from a directory below
write 'db/migrations/2026 größe/migration.sql' "$bad"
write db/migrations/-x.sql "$good"
git add .
refuses
says '2026 größe/migration\.sql:1:1: error drop-table'
write 'db/migrations/2026 größe/migration.sql' "$good"
git add .
cd src
commits
cd ..
# at the top of the repository
write migrations/-y.sql "$bad"
git add .
refuses
fresh

# a broken file is not let through
write db/migrations/9.sql "SELECT 'open"
git add .
refuses
says 'db/migrations/9\.sql:1:8'
fresh

# without belay nothing is committed unseen, but other commits go on
write db/migrations/9.sql "$good"
git add .
refuses BELAY=/no/such/belay
says 'belay is not installed'
says 'git commit --no-verify'
fresh
write src/other.txt x
git add .
commits BELAY=/no/such/belay

# as the pre-commit tool calls it: names as arguments, also outside of a repository
write db/migrations/10.sql "$bad"
write db/migrations/11.sql "$good"
expect 1 "$top/hooks/pre-commit" db/migrations/10.sql db/migrations/11.sql
says '^db/migrations/10\.sql:1:1'
expect 0 "$top/hooks/pre-commit" db/migrations/11.sql
mkdir "$scratch/outside"
cd "$scratch/outside"
write migrations/1.sql "$bad"
expect 1 "$top/hooks/pre-commit" migrations/1.sql
says '^migrations/1\.sql:1:1'
write migrations/1.sql "$good"
expect 0 "$top/hooks/pre-commit" migrations/1.sql

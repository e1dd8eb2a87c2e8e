#!/usr/bin/env bash
# belay lint --observe: the examples of the rules that need it; a shadow of a database, of files, and none.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
pages=$(cd "$(dirname "$0")/../../policies/rules" && pwd)
cd "$scratch"

# A role that is no superuser has the database, and makes the shadows.
psql -q <<'SQL'
CREATE ROLE limited LOGIN CREATEDB;
SQL
limited=${DATABASE_URL/belay@/limited@}
app=${limited/\/test/\/app}
new_app() { # new_app FILE: the database app, as FILE makes it
  psql -q -d postgres -c 'DROP DATABASE IF EXISTS app' -c 'CREATE DATABASE app OWNER limited' 2>/dev/null
  psql -q -v ON_ERROR_STOP=1 "$app" -f "$1"
}

# found FILE OPTION...: what is found in FILE but for timeouts, as "rule:depth" words
found() {
  expect 0 "$BELAY" lint --observe --fail-on never --json "${@:2}" "$1"
  jq -r '.findings[] | select(.rule | startswith("require-") | not) | .rule + ":" + .depth' "$scratch/out" | sort -u | tr '\n' ' '
}
# block PAGE HEADING: its SQL
block() { awk -v h="## $2" '/^## / { on = $0 == h } /^```/ { code = /sql/; next } on && code' "$pages/$1.md"; }

for page in observed-failure observed-rewrite observed-blocking-scan observed-access-exclusive observed-drop not-observed; do
  for part in Before Bad Good; do block "$page" $part >"$part.sql"; done
  new_app Before.sql
  [[ $(found Bad.sql --against "$app" --shadow "$limited") == *"$page:observed"* ]] || fail "$page: the bad example does not raise it"
  [[ $(found Good.sql --against "$app" --shadow "$limited") != *"$page:"* ]] || fail "$page: the good example raises it"
done

# A throw-away server of our own; the database is read, and not touched.
block observed-invalid Before >Before.sql
block observed-invalid Bad >Bad.sql
new_app Before.sql
echo "DO \$\$ BEGIN EXECUTE 'ALTER TABLE orders ALTER total TYPE text'; END \$\$;" >>Bad.sql
[ "$(found Bad.sql --against "$app")" = 'execute-opaque:static observed-invalid:observed observed-rewrite:observed ' ] || fail 'Bad.sql'
[ "$(jq -r '.findings[] | select(.rule == "execute-opaque") | .severity' out)" = info ] || fail 'execute-opaque is no note'
[ "$(psql -At "$app" -c "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'total'")" = bigint ] ||
  fail 'the database was changed'

# Without a database the files make the shadow: what a transaction makes impossible, what it does not allow.
echo "CREATE TYPE mood AS ENUM ('good'); CREATE TABLE t (a int); ALTER ROLE somebody SUPERUSER;" >1.sql
echo "ALTER TYPE mood ADD VALUE 'bad'; CREATE TABLE moods (m mood DEFAULT 'bad');" >2.sql
echo 'CREATE INDEX CONCURRENTLY t_a ON t (a);' >3.sql
expect 3 "$BELAY" lint --observe --shadow "$limited" 1.sql 2.sql 3.sql
says '^2\.sql:1:34: error observed-failure: the server says: unsafe use of new value "bad"'
says '^1\.sql:1:60: info not-observed: .*: role'
says_not '^3\.sql'

# No shadow, no answer.
expect 4 "$BELAY" lint --observe --shadow 'postgresql://nobody@127.0.0.1:1/nowhere?connect_timeout=1' 1.sql
[ ! -s out ] || fail 'there is an answer without a shadow'
holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'belay\_shadow%'"

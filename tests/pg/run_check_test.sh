#!/usr/bin/env bash
# The user's own checks only read; verify brings back what it can and counts it; a plan holds for what it was made for;
# text that a record could not hold is refused.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nbackup:\n  required: false\npreflight:\n  max_transaction_age: 0\nlint:\n  fail_on: never\n' >policies/q.yaml
sed -i 's/^environment: .*/environment: q/' belay.yaml
sql "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i;
  CREATE TABLE u (id int PRIMARY KEY); CREATE SEQUENCE s; CREATE TABLE log (n int PRIMARY KEY)"
before=$(content; structure)
unchanged() { [ "$(content; structure)" = "$before" ] || fail "the database is not as before: $1"; }
# only NAME SQL [VERIFY]: the one pending migration, and its check
only() {
  rm -rf prisma/migrations/2*
  sql "DROP TABLE IF EXISTS _prisma_migrations" 2>/dev/null
  migration "$1" "$2"
  [ $# -lt 3 ] || printf '%s\n' "$3" >"prisma/migrations/$1/verify.sql"
}

# ---- transaction control in a check: refused before anything is touched ----
for control in COMMIT END 'BEGIN' 'ROLLBACK' 'ABORT' 'SAVEPOINT a' "PREPARE TRANSACTION 'x'" 'START TRANSACTION' \
  'commit and chain' 'Rollback to a'; do
  only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;' "SELECT true;
$control;
DELETE FROM t WHERE id > 10;"
  expect 3 "$BELAY" run
  says "verify.sql:2:1: a check may not hold ${control%% *}"
  unchanged "$control"
done
expect 3 "$BELAY" plan
printf 'SELECT true; COMMIT; DELETE FROM t' >checks.sql
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
printf 'checks: [checks.sql]\n' | cat belay.yaml - >checked.yaml
expect 3 "$BELAY" run -c checked.yaml
says 'checks.sql:1:14: a check may not hold COMMIT'
rm checks.sql
expect 2 "$BELAY" run -c checked.yaml
says 'check .*checks.sql: .*No such file'
printf "SELECT 'never ends" >checks.sql
expect 2 "$BELAY" run -c checked.yaml
says 'checks.sql:1'
unchanged refused

# ---- what would write fails, and what it did is gone ----
while IFS= read -r check; do
  only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;' "$check"
  expect 7 "$BELAY" run
  says 'read-only|READ WRITE|read-write'
  unchanged "$check"
done <<'SQL'
SET TRANSACTION READ WRITE; DELETE FROM t WHERE id > 10
SELECT set_config('transaction_read_only', 'off', false) = 'off'; DELETE FROM t WHERE id > 10
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM t WHERE id > 10
DO $$ BEGIN DELETE FROM t WHERE id > 10; END $$
WITH gone AS (DELETE FROM t WHERE id > 10 RETURNING true) SELECT * FROM gone
SQL
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;' 'DO $$ BEGIN COMMIT; DELETE FROM t; END $$'
expect 7 "$BELAY" run
says 'invalid transaction termination'
unchanged 'commit in a block'

# ---- each file has a session of its own ----
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;' "SET search_path = nowhere; SELECT pg_advisory_lock(7) IS NOT NULL;
SELECT application_name = 'belay check' FROM pg_stat_activity WHERE pid = pg_backend_pid();"
migration 20260101000001_more 'ALTER TABLE t ADD COLUMN x int;'
echo "SELECT id FROM t WHERE id < 0; SELECT pg_try_advisory_lock(7)" >prisma/migrations/20260101000001_more/verify.sql
expect 0 "$BELAY" run
says '2 checks of yours passed'
expect 0 "$BELAY" rollback last --yes
unchanged sessions

# ---- a check that does not end ----
printf 'extends: q\napply:\n  statement_timeout: 1s\n' >policies/hasty.yaml
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;' 'SELECT true; SELECT pg_sleep(30)'
expect 7 "$BELAY" run -e hasty
says 'verify.sql:1: .*statement timeout'
unchanged timeout

# ---- the connection of the check, or of the run, is lost ----
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;' 'SELECT pg_terminate_backend(pg_backend_pid())'
expect 7 "$BELAY" run
says 'all files of this run were rolled back'
unchanged terminated
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;' "SELECT count(pg_terminate_backend(pid)) < 0 FROM pg_stat_activity
  WHERE application_name LIKE 'belay run %' AND datname = current_database()"
expect 7 "$BELAY" run
unchanged 'lost run'

# ---- the way back stops half-way: 8, counted; if nothing came back: 9 ----
only 20260101000000_one 'CREATE TABLE one (a int PRIMARY KEY);'
migration 20260101000001_two 'CREATE TABLE two (a int PRIMARY KEY);'
echo "DO \$\$ BEGIN PERFORM pg_sleep(2); END \$\$; SELECT 'f'" >prisma/migrations/20260101000001_two/verify.sql
# written TABLE: a run whose check fails, while somebody writes to TABLE
written() {
  local status=0
  "$BELAY" run >"$scratch/out" 2>"$scratch/err" </dev/null &
  for _ in {1..300}; do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'belay check'")" = 0 ] || break
    sleep 0.05
  done
  sql "INSERT INTO $1 VALUES (1)"
  wait $! || status=$?
  echo "$status" >"$scratch/status"
}
written one
[ "$(cat "$scratch/status")" = 8 ] || fail "ended with $(cat "$scratch/status"), not 8"
says '1 of 2 files were rolled back again'
says '^database: changed'
holds "SELECT to_regclass('one') IS NOT NULL AND to_regclass('two') IS NULL"
sql "DROP TABLE one, _prisma_migrations"
written two
[ "$(cat "$scratch/status")" = 9 ] || fail "ended with $(cat "$scratch/status"), not 9"
says 'it was not rolled back: '
sql "DROP TABLE one, two, _prisma_migrations"
unchanged half-way

# ---- tables that were written are not "untouched" ----
only 20260101000000_write 'UPDATE t SET v = v + 1 WHERE id = 1;'
expect 0 "$BELAY" run
says '2 other tables untouched'
expect 0 "$BELAY" rollback last --yes
only 20260101000000_write 'UPDATE t SET v = v + 1 WHERE id = 1; ALTER TABLE log ADD COLUMN m int;'
expect 0 "$BELAY" run
says '1 other table untouched'
expect 0 "$BELAY" rollback last --yes
unchanged written

# ---- a plan is for one command, environment, and way of capturing ----
printf 'extends: q\napply:\n  capture: false\n' >policies/blind.yaml
printf 'extends: q\n' >policies/twin.yaml
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
expect 0 "$BELAY" plan -o p.json
expect 3 "$BELAY" run --plan p.json -- true
says 'another command'
expect 3 "$BELAY" run --plan p.json -e twin
says 'another environment'
cp policies/blind.yaml policies/q.yaml
sed -i 's/extends: q/extends: staging\nbackup:\n  required: false\nlint:\n  fail_on: never/' policies/q.yaml
expect 3 "$BELAY" run --plan p.json
says 'apply.capture'
sed -i 's/capture: false/capture: true/' policies/q.yaml
expect 0 "$BELAY" plan -o p2.json -- psql --version
expect 3 "$BELAY" run --plan p2.json
expect 3 "$BELAY" run --plan p2.json -- psql --help
jq 'del(.files[0].capture)' p.json >p3.json
expect 3 "$BELAY" run --plan p3.json
unchanged plan
expect 0 "$BELAY" run --plan p.json
expect 0 "$BELAY" rollback last --yes

# ---- not UTF-8 ----
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
expect 2 "$BELAY" run -- echo fine $'not \xff fine'
says 'argument 2 of the command is not valid UTF-8'
printf -- '-- first line: ü\n-- caf\xe9\nALTER TABLE t ADD COLUMN w int;\n' >prisma/migrations/20260101000000_add/migration.sql
expect 3 "$BELAY" run
says 'migration.sql:2: the line is not valid UTF-8'
expect 3 "$BELAY" plan --json
jq -e . <"$scratch/out" >/dev/null || fail "not JSON"
printf -- '-- split \xe2\x82\n\xac\nSELECT 1;\n' >prisma/migrations/20260101000000_add/migration.sql
expect 3 "$BELAY" run
says 'migration.sql:1: the line'
only $'20260101000000_caf\xe9' 'ALTER TABLE t ADD COLUMN w int;'
expect 2 "$BELAY" run
says 'the path prisma.migrations.20260101000000_caf'
expect 2 "$BELAY" run --json
one=$(jq -s length <"$scratch/out") && [ "$one" = 1 ] || fail "not JSON"
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int; -- cafébar 🦉'
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --yes
unchanged utf8

# ---- a password in the command is not told ----
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
expect 6 "$BELAY" run -- sh -c 'exit 3 # postgresql://u:geheim@h/db password=geheim' PGPASSWORD=geheim
! grep -rq geheim store "$scratch/out" "$scratch/err" || fail "the password was told: $(grep -rl geheim store)"

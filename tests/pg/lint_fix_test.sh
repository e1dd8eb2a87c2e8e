#!/usr/bin/env bash
# belay lint --fix: for every fix the original and the fixed files end in the same schema, names included, and the fixed ones lint
# clean for the rule. What is not certain is not touched, and belay says why.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
cd "$scratch"
export PGOPTIONS='-c client_min_messages=warning -c lock_timeout=5s'
sql 'CREATE DATABASE fix_original' postgres
sql 'CREATE DATABASE fix_fixed' postgres

base='CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE "T 1" (id int NOT NULL, n int, note text, p_id int);
CREATE INDEX old_i ON "T 1" (note);
CREATE MATERIALIZED VIEW v AS SELECT id, n FROM "T 1";
CREATE UNIQUE INDEX v_id ON v (id);
ALTER TABLE "T 1" ADD CONSTRAINT waits CHECK (n < 1000) NOT VALID;
INSERT INTO p SELECT generate_series(1, 9);
INSERT INTO "T 1" SELECT i, i, i::text, i FROM generate_series(1, 9) i;
REFRESH MATERIALIZED VIEW v;'
reset_database() { # reset_database NAME
  sql "DROP SCHEMA public CASCADE; CREATE SCHEMA public; $base" "$1"
}
# world SQL: a directory with what is there and the migration to be fixed
world() {
  rm -rf m
  mkdir m
  printf '%s\n' "$base" >m/20260101_base.sql
  printf '%s' "$1" >m/20260102_case.sql
  cp m/20260102_case.sql original.sql
}
lint() { "$BELAY" lint --fail-on never --since 20260102_case --against dbname=fix_original "$@"; }
rule_count() { jq -r --arg rule "$1" '[.findings[] | select(.rule == $rule)] | length' "$scratch/out"; }
dump() { "${PGBIN}/pg_dump" -s -d "$1" | sed -E '/^\\(un)?restrict /d'; }
# as a tool runs it: a file in one transaction, but a statement that cannot be in one bare
apply_file() { # apply_file DATABASE FILE
  local single=-1
  if grep -q CONCURRENTLY "$2" && ! grep -q 'REFRESH' "$2"; then single=; fi
  psql -X -q -v ON_ERROR_STOP=1 ${single:+"$single"} -d "$1" -f "$2" >/dev/null || fail "$2 does not run: $(cat "$2")"
}
# fixes RULE FILES SQL: it becomes FILES files
fixes() {
  local rule=$1 files=$2 file
  world "$3"
  reset_database fix_original
  reset_database fix_fixed
  expect 0 lint --json m/20260102_case.sql
  [ "$(rule_count "$rule")" -gt 0 ] || fail "no $rule in: $3"
  jq -e --arg rule "$rule" '[.findings[] | select(.rule == $rule and .fix)] | length > 0' "$scratch/out" >/dev/null ||
    fail "$rule has no fix in: $3"
  # the diff is what is written
  rm -rf patched
  cp -r m patched
  expect 0 lint --diff m/20260102_case.sql
  (cd patched && git apply -p2 "$scratch/out") || fail "the diff does not apply"
  expect 0 lint --json --fix m
  [ "$(rule_count "$rule")" = 0 ] || fail "$rule is still found in: $(tail -n +1 m/20260102*)"
  diff -r m patched || fail "the diff is something else than the fix"
  [ "$(find m -name '20260102*' | wc -l)" = "$files" ] || fail "not $files files: $(tail -n +1 m/20260102*)"
  psql -X -q -v ON_ERROR_STOP=1 -d fix_original -f original.sql >/dev/null
  for file in m/20260102*; do apply_file fix_fixed "$file"; done
  dump fix_original >dump.original
  dump fix_fixed >dump.fixed
  diff -U2 dump.original dump.fixed || fail "another schema: $(tail -n +1 m/20260102*)"
  # once more changes nothing
  rm -rf patched
  cp -r m patched
  expect 0 lint --fix m
  diff -r m patched || fail "the fix is not at rest"
}
# leaves PATTERN SQL: nothing is written, and belay says why
leaves() {
  local pattern=$1
  world "$2"
  reset_database fix_original
  expect 0 lint --fix m/20260102_case.sql
  says "$pattern"
  cmp -s original.sql m/20260102_case.sql && [ "$(find m -name '20260102*' | wc -l)" = 1 ] || fail "something was written"
}

fixes index-create-not-concurrent 1 '-- an index
CREATE UNIQUE INDEX "I" ON "T 1" (n) WHERE n > 3; -- of few rows
'
fixes index-create-not-concurrent 3 'SET lock_timeout = '"'2s'"';
ALTER TABLE "T 1" ADD COLUMN x int; /* nullable */ CREATE /* new */ INDEX x_i ON "T 1" USING btree (x) ;
-- of the index
COMMENT ON INDEX x_i IS '"'; not the end'"''
fixes index-create-not-concurrent 2 'CREATE INDEX a_i ON "T 1" (n);CREATE INDEX b_i ON "T 1" (note);'
fixes index-create-not-concurrent 1 '-- only a timeout before it
SET lock_timeout = 100;
CREATE INDEX a_i ON "T 1" (n);'
fixes index-drop-not-concurrent 1 'DROP INDEX IF EXISTS old_i;'
fixes index-drop-not-concurrent 3 'CREATE TABLE a (id int PRIMARY KEY); DROP INDEX old_i; CREATE TABLE b (id int PRIMARY KEY);'
fixes reindex-not-concurrent 1 'REINDEX (VERBOSE) TABLE "T 1";'
fixes reindex-not-concurrent 2 'CREATE TABLE a (id int PRIMARY KEY); REINDEX INDEX old_i'
fixes matview-refresh-not-concurrent 1 'REFRESH MATERIALIZED VIEW v;'
fixes check-not-valid 2 'ALTER TABLE ONLY "T 1" ADD CONSTRAINT "C" CHECK (n > 0 AND note <> '"','"') -- why
;'
fixes check-not-valid 2 'ALTER TABLE "T 1" ADD COLUMN x int, ADD CONSTRAINT c CHECK (n > 0) /* , */ , ADD CONSTRAINT d CHECK (n < 99);
CREATE TABLE a (id int PRIMARY KEY);
COMMENT ON CONSTRAINT c ON "T 1" IS '"'positive'"';'
fixes foreign-key-not-valid 2 'ALTER TABLE "T 1" ADD CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE SET NULL DEFERRABLE;'
fixes foreign-key-not-valid 2 'CREATE TABLE a (id int PRIMARY KEY, p_id int);
ALTER TABLE "T 1" ADD CONSTRAINT "T 1_p_id_fkey" FOREIGN KEY ("p_id") REFERENCES "p"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE a ADD CONSTRAINT a_p_id_fkey FOREIGN KEY (p_id) REFERENCES p (id);'
fixes unique-constraint-builds-index 2 'ALTER TABLE "T 1" ADD CONSTRAINT "U k" UNIQUE (n, "note");'
fixes unique-constraint-builds-index 4 'CREATE TABLE a (id int PRIMARY KEY);
ALTER TABLE "T 1" ADD COLUMN x int;
ALTER TABLE "T 1" ADD CONSTRAINT u UNIQUE (n);
CREATE INDEX CONCURRENTLY c_i ON "T 1" (note);'
fixes primary-key-builds-index 2 'ALTER TABLE "T 1" ADD CONSTRAINT t_pkey PRIMARY KEY (id);
COMMENT ON CONSTRAINT t_pkey ON "T 1" IS '"'key'"';'
fixes not-null-scan 3 'ALTER TABLE "T 1" ALTER COLUMN n SET NOT NULL;'
fixes not-null-scan 3 'ALTER TABLE "T 1" ADD COLUMN x int;
ALTER TABLE public."T 1" ALTER n SET NOT NULL; -- all have it
CREATE TABLE a (id int PRIMARY KEY);'
fixes concurrently-not-alone 3 'CREATE TABLE a (id int PRIMARY KEY);
CREATE INDEX CONCURRENTLY c_i ON "T 1" (note);
CREATE TABLE b (id int PRIMARY KEY);'
fixes constraint-validate-same-transaction 2 'ALTER TABLE "T 1" ADD CONSTRAINT c CHECK (n > 0) NOT VALID;
ALTER TABLE "T 1" VALIDATE CONSTRAINT c;'
# a session that waits for ever gets a line; what must be alone does without
PGOPTIONS='-c client_min_messages=warning'
fixes require-lock-timeout 1 '-- a column
ALTER TABLE "T 1" ADD COLUMN x int;'
fixes require-lock-timeout 3 'CREATE INDEX a_i ON "T 1" (n);
ALTER TABLE "T 1" ADD CONSTRAINT c CHECK (n > 0);'
PGOPTIONS='-c client_min_messages=warning -c lock_timeout=5s'

# not certain, not possible, or not apart
leaves 'has no fix|not fixed|fix' 'BEGIN; CREATE INDEX a_i ON "T 1" (n); COMMIT;'
says 'is not fixed: the file has transaction control of its own'
leaves 'is not fixed: the file makes a temporary table' 'CREATE TEMP TABLE x (id int); CREATE INDEX a_i ON "T 1" (n);'
leaves 'is not fixed: the file changes a setting' 'SET search_path = public; CREATE INDEX a_i ON "T 1" (n);'
leaves 'is not fixed: the file runs code' 'DO $$ BEGIN END $$; CREATE INDEX a_i ON "T 1" (n);'
leaves 'is not fixed: a later statement of the file may need' 'ALTER TABLE "T 1" ADD CONSTRAINT c CHECK (n > 0); ALTER TABLE "T 1" DROP COLUMN note;'
# no_fix PATTERN SQL: the finding itself has no fix
no_fix() {
  world "$2"
  reset_database fix_original
  expect 0 lint --json --fix m/20260102_case.sql
  jq -e --arg why "$1" '[.findings[] | select(.no_fix // "" | test($why))] | length > 0' "$scratch/out" >/dev/null ||
    fail "no reason that matches $1"
  cmp -s original.sql m/20260102_case.sql || fail "something was written"
}
no_fix 'has no name' 'ALTER TABLE "T 1" ADD CHECK (n > 0);'
no_fix 'more to it than columns' 'ALTER TABLE "T 1" ADD CONSTRAINT u UNIQUE (n) INCLUDE (note);'
no_fix 'more to it than columns' 'ALTER TABLE "T 1" ADD CONSTRAINT u UNIQUE (n) WITH (fillfactor = 50);'
no_fix 'not known to be NOT NULL' 'ALTER TABLE "T 1" ADD CONSTRAINT k PRIMARY KEY (n);'
no_fix 'invalid index' 'CREATE INDEX IF NOT EXISTS a_i ON "T 1" (n);'
no_fix 'takes one index' 'DROP INDEX old_i, v_id;'
no_fix 'shares its ALTER TABLE' 'ALTER TABLE "T 1" ALTER n SET NOT NULL, ALTER note SET NOT NULL;'
base="$base
CREATE TABLE parts (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE child () INHERITS (p);"
no_fix 'belongs to a partitioned table' 'ALTER TABLE parts_1 ADD CONSTRAINT c CHECK (n > 0);'
no_fix 'inherit from' 'ALTER TABLE p ADD CONSTRAINT c CHECK (id > 0);'

# suppressed ones stay as they are
world '-- belay:ignore index-create-not-concurrent a small table
CREATE INDEX a_i ON "T 1" (n);'
expect 0 lint --fix m
cmp -s original.sql m/20260102_case.sql || fail "a suppressed finding was fixed"

# what is applied, or may be, is never changed
world 'CREATE INDEX a_i ON "T 1" (n);'
expect 0 "$BELAY" lint --fail-on never --fix --against dbname=fix_original m/20260102_case.sql
says 'is not fixed: whether it is applied already is not known; name the database with --against'
cmp -s original.sql m/20260102_case.sql || fail "a file that may be applied was changed"
expect 0 lint --fix --since 20260103 m
cmp -s original.sql m/20260102_case.sql || fail "a file before the cutoff was changed"

# new files have to stand before the next migration, and must not be there
world 'CREATE TABLE a (id int PRIMARY KEY); CREATE INDEX a_i ON "T 1" (n);'
echo 'SELECT 1;' >m/20260102_case_1.sql
expect 0 lint --fix m
says 'is not fixed: 20260102_case_2 would not come before 20260102_case_1'
mv m/20260102_case_1.sql m/20260102_case_2.sql
expect 0 lint --fix m
says 'is not fixed: (m/20260102_case_2.sql exists already|20260102_case_2 would not come before)'
cmp -s original.sql m/20260102_case.sql || fail "something was written"
mkdir elsewhere
cp original.sql elsewhere/case.sql
expect 0 lint --fix elsewhere/case.sql
says 'is not fixed: it lies in no migrations directory'
expect 2 lint --fix -

# Prisma's layout
mkdir -p prisma/migrations/2026_a
printf 'provider = "postgresql"\n' >prisma/migrations/migration_lock.toml
cp original.sql prisma/migrations/2026_a/migration.sql
expect 0 "$BELAY" lint --fail-on never --fix --against dbname=fix_original --since 2026_a prisma/migrations
grep -q CONCURRENTLY prisma/migrations/2026_a_2/migration.sql || fail "no migration of its own"

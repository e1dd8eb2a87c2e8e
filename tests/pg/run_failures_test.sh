#!/usr/bin/env bash
# Every way to fail: a clear message, the right exit code, nothing lost.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
sql "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i"
before=$(content; structure)
unchanged() { [ "$(content; structure)" = "$before" ] || fail "the database is not as before: $1"; }
only() { rm -rf prisma/migrations/2*; migration "$1" "$2"; }

# ---- 2: usage and configuration ----
expect 2 "$BELAY" rnu
says 'Did you mean: belay run'
expect 2 "$BELAY" run --bakup
expect 2 "$BELAY" restore latest
says 'into'
printf 'environment: staging\nstroe: file:x\n' >bad.yaml
expect 2 "$BELAY" run -c bad.yaml
says 'bad.yaml:2:1: .*stroe.*'
says 'store'
printf 'environment: [\n' >bad.yaml
expect 2 "$BELAY" run -c bad.yaml
says 'bad.yaml:[0-9]+:[0-9]+'
expect 2 "$BELAY" run -e nowhere
says 'development, staging|nowhere'

# ---- 4: preflight ----
expect 4 "$BELAY" run -d "postgresql://belay@127.0.0.1:1/test"
says 'cannot connect'
sql "CREATE ROLE nopass LOGIN PASSWORD 'right'"
cat >>"$WITH_POSTGRES_DIR/data/pg_hba.conf.new" <<HBA
local all nopass scram-sha-256
local all all trust
HBA
mv "$WITH_POSTGRES_DIR/data/pg_hba.conf.new" "$WITH_POSTGRES_DIR/data/pg_hba.conf"
chown postgres "$WITH_POSTGRES_DIR/data/pg_hba.conf" 2>/dev/null || true
sql "SELECT pg_reload_conf()" >/dev/null
sleep 0.3
expect 4 "$BELAY" run -d "postgresql://nopass:secretword@/test?host=$PGHOST&port=$PGPORT"
says 'password authentication failed'
says_not 'secretword'
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
sql "CREATE ROLE stranger LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO stranger; GRANT SELECT ON t TO stranger"
before=$(content; structure)
stranger="postgresql://stranger@/test?host=$PGHOST&port=$PGPORT"
expect 3 "$BELAY" run -d "$stranger"
says 'needs-superuser: public\.t belongs to belay'
unchanged stranger
mkdir policies
printf 'extends: staging\nlint: {rules: {needs-superuser: off}}\n' >policies/unasked.yaml
expect 4 "$BELAY" run -e unasked -d "$stranger"
says 'not its owner'
unchanged stranger

# a transaction that has been open for too long
printf 'extends: staging\npreflight:\n  max_transaction_age: 1s\n' >policies/strict.yaml
psql -X -q -c "BEGIN; SELECT count(*) FROM t; SELECT pg_sleep(6); COMMIT" >/dev/null &
sleeper=$!
sleep 2
expect 4 "$BELAY" run -e strict
says 'open for longer'
wait $sleeper
unchanged long

# ---- ledger trouble ----
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
expect 0 "$BELAY" run
echo '-- edited' >>prisma/migrations/20260101000000_add/migration.sql
migration 20260102000000_more 'ALTER TABLE t ADD COLUMN x int;'
expect 4 "$BELAY" run
says '20260101000000_add: edited'
sed -i '$d' prisma/migrations/20260101000000_add/migration.sql
mv prisma/migrations/20260101000000_add "$scratch/away"
expect 4 "$BELAY" run
says '20260101000000_add: missing'
mv "$scratch/away" prisma/migrations/20260101000000_add
migration 20251231000000_older 'SELECT 1;'
expect 4 "$BELAY" run
says 'out-of-order'
rm -r prisma/migrations/20251231000000_older prisma/migrations/20260102000000_more
expect 0 "$BELAY" rollback last --yes
sql "DROP TABLE _prisma_migrations"
unchanged ledger

# ---- 3: refused ----
only 20260101000000_bad 'ALTER TABLE t ADD COLUMN w int NOT NULL;'
expect 3 "$BELAY" run
says 'add-column-required'
says 'migration.sql:1:'
unchanged lint
only 20260101000000_bad 'ALTER TABLE t ADD COLUM w int;'
expect 3 "$BELAY" run
says 'migration.sql:1:[0-9]+: syntax error'
unchanged syntax
only 20260101000000_bad 'ALTER TABLE nosuch ADD COLUMN w int;'
expect 3 "$BELAY" run
says 'relation "nosuch" does not exist'
unchanged nosuch
only 20260101000000_bad 'ALTER TABLE t ADD COLUMN w int; COMMIT; ALTER TABLE t ADD COLUMN x int;'
expect 3 "$BELAY" run
unchanged commit
sql "COMMENT ON TYPE _t IS 'x'" # of an array type: not modelled
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
expect 3 "$BELAY" run
says 'comment type t\[\]|comment type public.t\[\]'
expect 5 "$BELAY" backup
says 'type public.t\[\]|type t\[\]'
expect 0 "$BELAY" list backups
sql 'COMMENT ON TYPE _t IS NULL'
# ---- 6: failed, as before ----
only 20260101000000_bad "UPDATE t SET v = v + 1 WHERE id <= 500; ALTER TABLE t ADD COLUMN w int;
-- belay:ignore check-not-valid small
ALTER TABLE t ADD CONSTRAINT small CHECK (v < 900);"
expect 6 "$BELAY" run
says 'migration.sql:3:|migration.sql:4:'
says 'violated by some row'
unchanged failing
holds "SELECT to_regclass('_prisma_migrations') IS NULL"

# ---- 7: the second file fails, the first is rolled back again ----
migration 20260100000000_good "UPDATE t SET v = -v WHERE id <= 10; ALTER TABLE t ADD COLUMN good int;"
expect 7 "$BELAY" run
unchanged restored
# ... and with on_failure: stop it is 8, and rollback brings it back
printf 'extends: staging\napply:\n  on_failure: stop\n' >policies/stop.yaml
expect 8 "$BELAY" run -e stop
holds "SELECT v = -1 FROM t WHERE id = 1"
expect 0 "$BELAY" rollback last --yes
sql "DROP TABLE _prisma_migrations"
unchanged stop
rm -r prisma/migrations/20260100000000_good

# a statement-by-statement file that stops part-way: what it left is taken away
only 20260101000000_split "CREATE INDEX CONCURRENTLY t_v ON t (v);
CREATE UNIQUE INDEX CONCURRENTLY t_twice ON t ((v / 2));"
expect 7 "$BELAY" run
says 't_twice|could not create unique index'
holds "SELECT count(*) = 1 FROM _prisma_migrations WHERE rolled_back_at IS NOT NULL AND finished_at IS NULL"
sql "DROP TABLE _prisma_migrations"
unchanged split

# the user's own check
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
echo 'SELECT id FROM t WHERE id = 1' >prisma/migrations/20260101000000_add/verify.sql
expect 7 "$BELAY" run
says 'check .*verify.sql:1 failed'
sql "DROP TABLE IF EXISTS _prisma_migrations"
unchanged check
rm prisma/migrations/20260101000000_add/verify.sql

# the lock budget and lock_timeout
printf 'extends: staging\napply:\n  max_lock_hold: 1s\n' >policies/short.yaml
only 20260101000000_slow 'ALTER TABLE t ADD COLUMN w int; SELECT pg_sleep(20);'
expect 6 "$BELAY" run -e short
says 'lock budget'
unchanged budget
printf 'extends: staging\napply:\n  lock_timeout: 200ms\n  lock_retries: 1\n' >policies/impatient.yaml
psql -X -q -c "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE; SELECT pg_sleep(120); COMMIT" >/dev/null &
sleeper=$!
sleep 0.5
only 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
expect 6 "$BELAY" run -e impatient
says 'lock timeout'
kill $sleeper 2>/dev/null || true
wait $sleeper || true
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(120)%' AND pid <> pg_backend_pid()" >/dev/null
unchanged impatient

# ---- 10: another run ----
only 20260101000000_slow 'SELECT pg_sleep(4);'
"$BELAY" run >/dev/null 2>&1 &
first=$!
sleep 2
expect 10 "$BELAY" run
says 'another run'
wait $first

# Prisma itself at work: native apply waits for its lock, and gives up untouched
rm -rf prisma/migrations/2*
sql "DROP TABLE IF EXISTS _prisma_migrations"
migration 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
psql -X -q -c "SELECT pg_advisory_lock(72707369); SELECT pg_sleep(30)" >/dev/null 2>&1 &
prisma=$!
sleep 0.5
expect 10 "$BELAY" run
says 'advisory lock'
kill $prisma 2>/dev/null || true
wait $prisma 2>/dev/null || true
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%'
  AND pid <> pg_backend_pid()" >/dev/null
unchanged tool

# ---- 11: the store ----
rm -rf prisma/migrations/2*
sql "DROP TABLE IF EXISTS _prisma_migrations"
migration 20260101000000_add 'ALTER TABLE t ADD COLUMN w int;'
touch plainfile
expect 11 "$BELAY" run -s plainfile/store
unchanged store
AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/none AWS_SHARED_CREDENTIALS_FILE=/none expect 11 "$BELAY" run -s s3://bucket/prefix
says "no credentials for S3"
if [ "$(id -u)" = 0 ] && mkdir -p "$scratch/tiny" && mount -t tmpfs -o size=200k tmpfs "$scratch/tiny" 2>/dev/null; then
  expect 11 "$BELAY" run -s "$scratch/tiny"
  printf 'extends: staging\npreflight:\n  min_free: 0\n' >policies/nofree.yaml
  head -c 150000 /dev/urandom >"$scratch/tiny/filler"
  status=0
  "$BELAY" run -e nofree -s "$scratch/tiny" >"$scratch/out" 2>"$scratch/err" || status=$?
  case $status in 5 | 11) ;; *) fail "a full disk ended with $status" ;; esac
  says 'No space left|free'
  unchanged tiny
  umount "$scratch/tiny"
fi
expect 0 "$BELAY" run

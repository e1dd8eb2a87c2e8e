#!/usr/bin/env bash
# restore: what it may leave out, map or take alone, and what it refuses.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
export PATH=$PGBIN:$PATH
dump() { pg_dump --restrict-key=x -d "$1" "${@:2}"; }
same() { diff <(dump "$1" "${@:3}") <(dump "$2" "${@:3}") >"$scratch/out" || fail "pg_dump of $1 and $2 differ"; }
# unfinished DATABASE: makes what a killed restore leaves
unfinished() {
  psql -X -q -d postgres -c "CREATE DATABASE \"$1\" CONNECTION LIMIT 0" \
    -c "COMMENT ON DATABASE \"$1\" IS 'belay: restore of 20260101T000000Z-0000 unfinished'"
}
space=$WITH_POSTGRES_DIR/space
mkdir "$space" "$space/a" "$space/b"
[ "$(id -u)" != 0 ] || chown -R postgres "$space"
psql -X -q -v ON_ERROR_STOP=1 <<SQL
CREATE TABLESPACE "Old Space" LOCATION '$space/a';
CREATE TABLESPACE newspace LOCATION '$space/b';
SQL
psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE "old OWNER"; CREATE ROLE reader; CREATE ROLE to_policy; CREATE ROLE tuned;
CREATE ROLE new_owner; CREATE ROLE new_reader;
ALTER DATABASE test SET work_mem = '7MB'; ALTER ROLE tuned IN DATABASE test SET work_mem = '8MB';
GRANT CONNECT ON DATABASE test TO reader; COMMENT ON DATABASE test IS '100% ours';
CREATE EXTENSION pg_trgm; CREATE EXTENSION unaccent;
CREATE SCHEMA app AUTHORIZATION "old OWNER";
CREATE TYPE app.mood AS ENUM ('ok', 'bad');
CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE app.parent (id int PRIMARY KEY, m app.mood DEFAULT 'ok', one int DEFAULT app.one());
CREATE TABLE app.child (id serial PRIMARY KEY, parent_id int REFERENCES app.parent, v text CHECK (v <> ''),
  UNIQUE (v) DEFERRABLE);
CREATE INDEX child_trgm ON app.child USING gin (v gin_trgm_ops);
CREATE INDEX child_v ON app.child (v) TABLESPACE "Old Space";
CREATE TABLE app.spaced (id int PRIMARY KEY USING INDEX TABLESPACE "Old Space") TABLESPACE "Old Space";
CREATE TRIGGER noted BEFORE INSERT ON app.child FOR EACH ROW EXECUTE FUNCTION app.note();
CREATE TABLE app.log (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE app.log_1 PARTITION OF app.log FOR VALUES FROM (0) TO (10);
CREATE INDEX log_at ON app.log (at);
ALTER TABLE app.child OWNER TO "old OWNER"; GRANT SELECT ON app.child TO reader; GRANT INSERT (v) ON app.child TO reader;
GRANT USAGE ON SCHEMA public TO reader;
ALTER TABLE app.child ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON app.child TO to_policy, reader USING (v <> 'to_policy');
ALTER DEFAULT PRIVILEGES FOR ROLE "old OWNER" IN SCHEMA app GRANT SELECT ON TABLES TO reader;
CREATE MATERIALIZED VIEW app.sums AS SELECT count(*) FROM app.child;
INSERT INTO app.parent SELECT generate_series(1, 50);
INSERT INTO app.child (parent_id, v) SELECT i, 'v' || i FROM generate_series(1, 50) i;
INSERT INTO app.log SELECT i, i % 10 FROM generate_series(1, 100) i; INSERT INTO app.spaced VALUES (1);
REFRESH MATERIALIZED VIEW app.sums;
SQL
expect 0 "$BELAY" backup

# ---- whole, with everything at its place ----
expect 0 "$BELAY" restore latest --into whole -j4
same test whole
holds "SELECT datconnlimit = -1 FROM pg_database WHERE datname = 'whole'"
holds "SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'app'" whole
holds "SELECT shobj_description(oid, 'pg_database') = '100% ours' FROM pg_database WHERE datname = 'whole'"
holds "SELECT count(*) = 2 FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = 'whole'"
expect 0 "$BELAY" restore latest --into bare --no-analyze
holds "SELECT count(*) = 0 FROM pg_stats WHERE schemaname = 'app'" bare

# ---- what an unfinished restore left ----
unfinished half
expect 3 "$BELAY" restore latest --into half
says 'unfinished restore left'
says '^hint: .*--yes'
expect 0 "$BELAY" restore latest --into half --yes
same test half
expect 3 "$BELAY" restore latest --into half --yes
says 'exists; a restore never touches'

# its DROP DATABASE was interrupted: it can only be dropped
interrupted() { psql -X -q -d postgres -c "UPDATE pg_database SET datconnlimit = -2 WHERE datname = '$1'"; }
unfinished dropping
interrupted dropping
expect 3 "$BELAY" restore latest --into dropping
says 'unfinished restore left'
expect 0 "$BELAY" restore latest --into dropping --yes
same test dropping
interrupted dropping
expect 3 "$BELAY" restore latest --into dropping --yes # not ours
says '^hint: .*interrupted DROP DATABASE .*DROP DATABASE dropping;'
psql -X -q -d postgres -c 'DROP DATABASE dropping'
# somebody makes it at the same moment
psql -X -q -v ON_ERROR_STOP=1 -d postgres <<'SQL' &
CREATE TEMP TABLE raced AS SELECT * FROM pg_database WHERE datname = 'template0';
UPDATE raced SET oid = 99999, datname = 'raced', datallowconn = false;
BEGIN; INSERT INTO pg_database SELECT * FROM raced;
DO $$BEGIN
  FOR i IN 1 .. 1200 LOOP
    EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '^CREATE DATABASE .*raced');
    PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
  END LOOP;
END$$;
COMMIT;
SQL
racer=$!
until psql -X -q -A -t -d postgres -c "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^DO .*raced'" | grep -q 1; do sleep 0.05; done
expect 3 "$BELAY" restore latest --into raced
says 'creating database raced: it exists: somebody else has just made it'
wait "$racer"
psql -X -q -d postgres -c "DELETE FROM pg_database WHERE datname = 'raced'"

# ---- scratch databases: each verify has its own, and what killed ones left goes ----
unfinished belay_verify_20260101T000000Z-0001
interrupted belay_verify_20260101T000000Z-0001
psql -X -q -d postgres -c 'CREATE DATABASE "belay_verify_20260101T000000Z-0002" CONNECTION LIMIT 0' \
  -c 'CREATE DATABASE belay_verify_mine CONNECTION LIMIT 0'
"$BELAY" verify latest --level restore >"$scratch/other" 2>&1 &
other=$!
expect 0 "$BELAY" verify latest --level restore
wait "$other" || fail "two verifies at once: $(cat "$scratch/other")"
expect 0 "$BELAY" verify latest --level restore
holds "SELECT string_agg(datname, ' ') = 'belay_verify_mine' FROM pg_database WHERE datname LIKE 'belay%'"
psql -X -q -d postgres -c 'DROP DATABASE belay_verify_mine'

# ---- schema only, data only ----
expect 0 "$BELAY" restore latest --into empty --schema-only
same test empty -s
holds "SELECT count(*) = 0 FROM app.child" empty
holds "SELECT NOT relispopulated FROM pg_class WHERE relname = 'sums'" empty
expect 0 "$BELAY" restore latest --into empty --data-only
same test empty
expect 3 "$BELAY" restore latest --into empty --data-only
says 'table app\.[a-z0-9_]* holds rows'
expect 0 "$BELAY" restore latest --into short --schema-only
psql -X -q -d short -c 'DROP TABLE app.log CASCADE'
expect 3 "$BELAY" restore latest --into short --data-only
says 'table app\.log_1 does not exist'
holds "SELECT count(*) = 0 FROM app.child" short
expect 0 "$BELAY" restore latest --into orphans --schema-only
psql -X -q -d orphans -c 'CREATE TABLE other (id int PRIMARY KEY); ALTER TABLE app.child ADD CONSTRAINT more FOREIGN KEY (id) REFERENCES other'
expect 3 "$BELAY" restore latest --into orphans --data-only
says 'foreign key more on app.child'
holds "SELECT count(*) = 0 FROM app.child" orphans
expect 2 "$BELAY" restore latest --into x --data-only --schema-only

# ---- tables alone ----
expect 0 "$BELAY" restore latest --into part --table 'app.ch*'
says 'constraint app.child.child_parent_id_fkey is left out: it needs .*app.parent'
says 'trigger app.child.noted is left out: it needs function app.note'
holds "SELECT count(*) = 50 AND max(id) = 50 FROM app.child" part
holds "SELECT nextval('app.child_id_seq') = 51" part
holds "SELECT count(*) = 4 FROM pg_index WHERE indrelid = 'app.child'::regclass" part
holds "SELECT to_regclass('app.parent') IS NULL AND count(*) = 0 FROM pg_proc WHERE proname = 'note'" part
[ "$(dump test -s -t app.child | grep -cE '^(GRANT|COMMENT|CREATE INDEX|CREATE POLICY)')" = \
  "$(dump part -s -t app.child | grep -cE '^(GRANT|COMMENT|CREATE INDEX|CREATE POLICY)')" ] || fail "privileges or indexes are missing"
expect 0 "$BELAY" restore latest --into both --table app.child --table 'PARENT'
says_not 'fkey is left out'
holds "SELECT count(*) = 50 FROM app.child JOIN app.parent p ON p.id = parent_id WHERE p.m = 'ok' AND p.one = 1" both
expect 0 "$BELAY" restore latest --into tree --table app.log
holds "SELECT count(*) = 100 FROM app.log" tree
expect 0 "$BELAY" restore latest --into leaf --table app.log_1
says 'log_1 is restored as a table of its own'
holds "SELECT count(*) = 100 AND count(*) FILTER (WHERE at < 10) = 100 FROM app.log_1" leaf
holds "SELECT count(*) = 1 FROM pg_index WHERE indrelid = 'app.log_1'::regclass" leaf
expect 2 "$BELAY" restore latest --into none --table 'nothing*'
says 'nothing\*'
# into the database that lost it
expect 3 "$BELAY" restore latest --table app.child --confirm test
says 'table app.child exists'
psql -X -q -c 'DROP MATERIALIZED VIEW app.sums; DROP TABLE app.child'
before=$(dump test)
expect 2 "$BELAY" restore latest --table app.child --confirm whole
says 'the target is database test'
expect 0 "$BELAY" restore latest --table app.child --confirm test
says 'exists and is left as it is'
says 'app.child.child_parent_id_fkey is left out: it needs .*Where that is there, type: ALTER TABLE .*child_parent_id_fkey FOREIGN KEY .*;'
holds "SELECT count(*) = 50 FROM app.child"
psql -X -q -c 'DROP TABLE app.child; CREATE TABLE app.clash (v int); CREATE INDEX child_v ON app.clash (v)'
expect 1 "$BELAY" restore latest --table app.child --confirm test
says 'nothing was changed in test'
holds "SELECT to_regclass('app.child') IS NULL"
psql -X -q -c 'DROP TABLE app.clash'
[ "$(dump test)" = "$before" ] || fail "a failed restore of a table left something"

# ---- names that are not there ----
for database in whole bare half empty short orphans part both tree leaf; do psql -X -q -d postgres -c "DROP DATABASE \"$database\""; done
psql -X -q -v ON_ERROR_STOP=1 -d postgres -c 'DROP DATABASE test' -c 'CREATE DATABASE test' \
  -c 'DROP ROLE "old OWNER", reader, to_policy, tuned' -c 'DROP TABLESPACE "Old Space"'
expect 3 "$BELAY" restore latest --into mapped
says 'policies of the backup name roles that do not exist here: reader, to_policy'
says '^hint: .*--map-role'
expect 3 "$BELAY" restore latest --into mapped --map-role reader=new_reader --map-role to_policy=new_reader
says 'names roles that do not exist here: "old OWNER", tuned'
roles=(--map-role reader=new_reader --map-role to_policy=new_owner --map-role 'old OWNER=new_owner' --map-role tuned=new_owner)
expect 3 "$BELAY" restore latest --into mapped "${roles[@]}"
says 'tablespaces that do not exist here: "Old Space"'
expect 3 "$BELAY" restore latest --into mapped "${roles[@]}" --map-tablespace 'Old Space=gone'
says 'tablespaces that do not exist here: gone'
expect 2 "$BELAY" restore latest --into mapped "${roles[@]}" --map-role nobody=new_owner
says 'names no such role'
expect 2 "$BELAY" restore latest --into mapped --map-role nobody
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'mapped'"
expect 0 "$BELAY" restore latest --into mapped "${roles[@]}" --map-tablespace 'Old Space=newspace'
holds "SELECT relowner::regrole::text = 'new_owner' AND relacl::text ~ 'new_reader=r' FROM pg_class WHERE relname = 'child'" mapped
holds "SELECT polroles::regrole[]::text ~ 'new_owner' AND polroles::regrole[]::text ~ 'new_reader'
  AND pg_get_expr(polqual, polrelid) ~ 'to_policy' FROM pg_policy" mapped
holds "SELECT defaclrole::regrole::text = 'new_owner' AND defaclacl::text ~ 'new_reader=r' FROM pg_default_acl" mapped
holds "SELECT nspacl::text ~ 'new_reader=U' FROM pg_namespace WHERE nspname = 'public'" mapped
holds "SELECT datacl::text ~ 'new_reader=c' FROM pg_database WHERE datname = 'mapped'" mapped
holds "SELECT setrole::regrole::text = 'new_owner' FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase
  WHERE d.datname = 'mapped' AND setrole <> 0" mapped
holds "SELECT count(*) = 3 FROM pg_class c JOIN pg_tablespace t ON t.oid = reltablespace WHERE spcname = 'newspace'" mapped
expect 0 "$BELAY" restore latest --into plain --no-owner --no-tablespaces --map-role reader=new_reader --map-role to_policy=new_owner
holds "SELECT count(*) = 0 FROM pg_class WHERE relowner <> 'belay'::regrole" plain
holds "SELECT count(*) = 0 FROM pg_class WHERE reltablespace NOT IN (0, 1663, 1664)" plain
expect 3 "$BELAY" restore latest --into skipped --no-owner --no-tablespaces --skip-extension pg_trgm --map-role reader=new_reader --map-role to_policy=new_owner
says 'without extension pg_trgm there can be no index app.child.child_trgm'
expect 0 "$BELAY" restore latest --into skipped --no-owner --no-tablespaces --skip-extension unaccent --map-role reader=new_reader --map-role to_policy=new_owner
says 'extension unaccent is left out'
holds "SELECT count(*) = 0 FROM pg_extension WHERE extname = 'unaccent'" skipped
expect 2 "$BELAY" restore latest --into skipped2 --skip-extension nosuch

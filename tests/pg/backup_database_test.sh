#!/usr/bin/env bash
# What belongs to a database as a whole comes back with it: locale provider, tablespace, connection limit, IS_TEMPLATE. A materialized
# view whose query fails by now does not keep the rows from coming back. What lies beside backups in a store stays.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
at() { DATABASE_URL="postgresql://belay@/$1?host=$PGHOST&port=$PGPORT" "${@:2}"; }
version=$(sql "SELECT current_setting('server_version_num')::int / 10000")

# ---- properties ----
mkdir "$scratch/space"
[ "$(id -u)" != 0 ] || chown postgres "$scratch/space" && chmod 711 "$scratch"
sql "CREATE TABLESPACE \"My Space\" LOCATION '$scratch/space'"
sql 'CREATE DATABASE equal_source TABLESPACE "My Space" CONNECTION LIMIT 70 IS_TEMPLATE true'
sql 'CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE elsewhere () TABLESPACE pg_default' equal_source
expect 0 at equal_source "$BELAY" backup
expect 0 at equal_source "$BELAY" restore latest --into equal_copy
fixture=properties
equal schema
expect 0 at equal_source "$BELAY" verify latest --level restore
mkdir "$scratch/by-hand"
cp "$(find store/equal_source/backups -name manifest.json -printf '%h\n')"/* "$scratch/by-hand"
(cd "$scratch/by-hand" && sh RECOVER.txt by_hand) >"$scratch/out" 2>"$scratch/err" || fail "RECOVER.txt failed"
holds "SELECT count(DISTINCT (datconnlimit, datistemplate)) = 1 FROM pg_database WHERE datname IN ('equal_source', 'by_hand')"
expect 0 at equal_source "$BELAY" restore latest --into plain --no-tablespaces
holds "SELECT spcname = 'pg_default' FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = 'plain'"
sql 'CREATE TABLE since AS SELECT 1 AS a' equal_source
expect 0 at equal_source "$BELAY" restore latest --swap --confirm equal_source
holds "SELECT to_regclass('since') IS NULL" equal_source
holds "SELECT datconnlimit = 70 AND datistemplate AND spcname = 'My Space' FROM pg_database d
  JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = 'equal_source'"
expect 3 at equal_source "$BELAY" restore latest --into unmapped --map-tablespace 'My Space=gone'
says 'tablespaces that do not exist here: gone'
for database in $(sql "SELECT quote_ident(datname) FROM pg_database WHERE datname ~ '^(equal_|by_hand|plain)'"); do
  sql "ALTER DATABASE $database IS_TEMPLATE false"
  sql "DROP DATABASE $database"
done
sql 'DROP TABLESPACE "My Space"'

# ---- ICU ----
if [ "$version" -ge 15 ]; then
  sql "CREATE DATABASE equal_source TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'"
  expect 0 at equal_source "$BELAY" backup
  id=$(cat "$scratch/out")
  expect 0 at equal_source "$BELAY" restore "$id" --into equal_copy
  fixture=icu
  equal schema
  drop_database equal_source
  drop_database equal_copy
fi

# ---- materialized views that cannot be refreshed any more, or only by their owner ----
sql "CREATE ROLE plain_owner; CREATE TABLE a (i int); INSERT INTO a VALUES (1);
  CREATE MATERIALIZED VIEW failing AS SELECT 1 / i AS q FROM a; CREATE MATERIALIZED VIEW above_it AS SELECT q FROM failing;
  CREATE MATERIALIZED VIEW fine AS SELECT i FROM a; UPDATE a SET i = 0;
  CREATE TABLE secured (a int PRIMARY KEY); INSERT INTO secured VALUES (1), (-1); GRANT SELECT ON secured TO plain_owner;
  ALTER TABLE secured ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON secured FOR SELECT USING (a > 0);
  CREATE VIEW seen AS SELECT a FROM secured; ALTER VIEW seen OWNER TO plain_owner;
  CREATE MATERIALIZED VIEW of_seen AS SELECT a FROM seen; REFRESH MATERIALIZED VIEW of_seen"
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
whole() {
  holds "SELECT i = 0 FROM a" copy
  holds "SELECT count(*) = 1 FROM of_seen" copy
  holds "SELECT string_agg(relname, ' ' ORDER BY relname) = 'above_it failing' FROM pg_class WHERE relkind = 'm' AND NOT relispopulated" copy
}
expect 0 "$BELAY" restore "$id" --into copy
says '^warning: .*public\.failing is left without rows, its query fails: division by zero'
says '^warning: .*public\.above_it is left without rows'
whole
sql 'DROP DATABASE copy'
expect 0 "$BELAY" restore "$id" --into copy --schema-only
expect 0 "$BELAY" restore "$id" --into copy --data-only
says 'public\.failing is left without rows'
whole
expect 0 "$BELAY" verify "$id" --level restore
says 'public\.failing is left without rows, its query fails: division by zero'

# ---- what somebody put beside backups ----
cp -a "store/test/backups/$id" store/test/backups/keep
mkdir -p store/test/backups/docs store/test/backups/safe
echo read me >store/test/backups/docs/runbook.md
cp -a "store/test/backups/$id" store/test/backups/safe/
cp -a "store/test/backups/$id" store/test/backups/20200101T000000Z-0000
rm store/test/backups/20200101T000000Z-0000/manifest.json
find store -exec touch -d '-2 hours' {} +
before=$(find store/test/backups -type f | sort)
expect 0 "$BELAY" backup
for file in $before; do [ -f "$file" ] || fail "$file is gone"; done

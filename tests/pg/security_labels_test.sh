#!/usr/bin/env bash
# Security labels of every kind, the database included, come back: pg_dump of original and copy are equal.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/harness/setup.sh
. "$here/../harness/setup.sh"
if ! include=$(server_headers); then
  echo "skipped: no headers of the server here, and none could be fetched"
  exit 77
fi
cc -shared -fPIC -I "$include" -o "$WITH_POSTGRES_DIR/label_provider.so" "$here/../harness/label_provider.c"
chmod 755 "$WITH_POSTGRES_DIR/label_provider.so"
sql "ALTER SYSTEM SET session_preload_libraries = '$WITH_POSTGRES_DIR/label_provider.so'"
sql "SELECT pg_reload_conf()" >/dev/null
sleep 0.3
label() { printf "SECURITY LABEL FOR \"belay Test\" ON %s IS 'it''s \\\\ %s';\n" "$1" "$2"; }
{
  cat <<'SQL'
SET client_min_messages = error;
CREATE SCHEMA s; CREATE TABLE s.t (id serial PRIMARY KEY, "Name" text);
CREATE VIEW s.v AS SELECT id FROM s.t; CREATE MATERIALIZED VIEW s.m AS SELECT id FROM s.t;
CREATE TYPE s.pair AS (a integer, b text); CREATE TYPE s.mood AS ENUM ('x'); CREATE DOMAIN s.d AS text;
CREATE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION s.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE s.p() LANGUAGE sql AS 'SELECT 1';
CREATE PUBLICATION pub; CREATE EVENT TRIGGER ev ON sql_drop EXECUTE FUNCTION s.e();
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER srv FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE s.far (a integer) SERVER srv;
CREATE SUBSCRIPTION sub CONNECTION 'dbname=x' PUBLICATION pub WITH (connect = false);
CREATE EXTENSION citext SCHEMA s;
SELECT lo_from_bytea(4711, 'x');
SQL
  label "DATABASE $PGDATABASE" database
  label "SCHEMA s" schema
  label "TABLE s.t" table
  label 'COLUMN s.t."Name"' column
  label "SEQUENCE s.t_id_seq" sequence
  label "VIEW s.v" view
  label "COLUMN s.v.id" 'view column'
  label "MATERIALIZED VIEW s.m" matview
  label "TYPE s.pair" type
  label "COLUMN s.pair.b" attribute
  label "TYPE s.mood" enum
  label "DOMAIN s.d" domain
  label "FUNCTION s.f(integer)" function
  label "PROCEDURE s.p()" procedure
  label "PUBLICATION pub" publication
  label "EVENT TRIGGER ev" 'event trigger'
  label "FOREIGN TABLE s.far" 'foreign table'
  label "SUBSCRIPTION sub" subscription
  label "LARGE OBJECT 4711" 'large object'
  label "FUNCTION s.citext_eq(s.citext, s.citext)" member
} >"$scratch/labels.sql"
psql -X -q -v ON_ERROR_STOP=1 -f "$scratch/labels.sql"
expect 0 "$BELAY" backup --store "file:$scratch/store"
expect 0 "$BELAY" restore latest --into labels_copy --store "file:$scratch/store"
says 'subscription sub was made disabled'
dump() {
  "$PGBIN/pg_dump" -s -C -d "$1" | grep -Ev '^(--|\\(un)?restrict)' | sed "s/\\b$1\\b/DB/g"
}
dump "$PGDATABASE" >"$scratch/a"
dump labels_copy >"$scratch/b"
[ "$(grep -c '^SECURITY LABEL' "$scratch/a")" = 17 ] || fail "pg_dump shows other labels"
diff "$scratch/a" "$scratch/b" >"$scratch/out" || fail "pg_dump differs"
# and what pg_dump leaves out: attributes of types, members of extensions
for database in "$PGDATABASE" labels_copy; do
  holds "SELECT count(*) = 18 AND count(DISTINCT label) = 18 FROM pg_seclabel" "$database"
done

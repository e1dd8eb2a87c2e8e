#!/usr/bin/env bash
# across_majors.sh [FIXTURE...]: a backup of the older server OLD_PGHOST is restored on this newer one: the newer pg_dump finds the
# same objects with the same owners in both, the rows and large objects are the old server's, and so are the privileges of schema
# public. A plain database is restored exactly as the newer pg_dump and psql bring it over (others they do not bring over whole).
# Run by majors.sh, which starts both servers.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/harness/lib.sh
. "$here/../harness/lib.sh"
: "${OLD_PGHOST:?OLD_PGHOST must be the socket directory of the older server}"
project
[ $# -gt 0 ] || set -- "$here"/../fixtures/databases/*.sql
old() { PGHOST=$OLD_PGHOST "$@"; }
public_acl() {
  sql "SELECT nspowner::regrole, string_agg(i::text, ' ' ORDER BY i::text COLLATE \"C\") FROM pg_namespace,
    unnest(coalesce(nspacl, acldefault('n', nspowner))) i WHERE nspname = 'public' GROUP BY 1" "$1"
}
# of pg_dump's table of contents; before 14 a server does not write IN before the arguments of a procedure
entries() { grep '^-- Name: ' "$scratch/schema.$1" | sed -E '/PROCEDURE/s/([(, ])IN /\1/g' | sort; }
older=$(old sql "SELECT current_setting('server_version_num')::int / 10000" postgres)

# What PUBLIC may do in schema public has another default from 15 on: here nobody touched it.
cat >"$scratch/plain.sql" <<'SQL'
CREATE TABLE customer (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL CHECK (name <> ''));
CREATE TABLE orders (id bigserial PRIMARY KEY, customer integer NOT NULL REFERENCES customer, placed timestamptz DEFAULT now());
CREATE INDEX ON orders (placed);
CREATE VIEW busy AS SELECT customer, count(*) FROM orders GROUP BY customer;
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2';
GRANT SELECT ON customer TO PUBLIC;
INSERT INTO customer (name) SELECT 'c' || n FROM generate_series(1, 100) n;
INSERT INTO orders (customer) SELECT id FROM customer;
SQL
for fixture in "$scratch/plain.sql" "$@"; do
  old sql 'CREATE DATABASE equal_source' postgres
  old psql -X -q -v ON_ERROR_STOP=1 -d equal_source -f "$fixture" >"$scratch/out" 2>"$scratch/err" || fail "$fixture does not load"
  expect 0 "$BELAY" backup --database "postgresql://belay@/equal_source?host=$OLD_PGHOST&port=$PGPORT"
  id=$(cat "$scratch/out")
  for what in schema content large_objects; do old "exact_$what" equal_source >"$scratch/$what.source"; done
  [ "$(old public_acl equal_source | grep -c '[| ]=UC/')" = $((older < 15)) ] || fail "PUBLIC may not create in schema public of $older"
  old sql "SELECT format('CREATE ROLE %I %s', rolname, CASE WHEN rolsuper THEN 'SUPERUSER' END) FROM pg_roles
    WHERE rolname !~ '^pg_'" postgres >"$scratch/roles"
  while read -r create; do sql "$create" postgres 2>/dev/null || true; done <"$scratch/roles"

  export DATABASE_URL="postgresql://belay@/equal_source?host=$PGHOST&port=$PGPORT"
  expect 0 "$BELAY" restore "$id" --into equal_copy
  for what in schema content large_objects; do "exact_$what" equal_copy >"$scratch/$what.copy"; done
  for what in content large_objects; do
    diff -I '^-- Dumped ' "$scratch/$what.source" "$scratch/$what.copy" >&2 || fail "$fixture: other $what"
  done
  diff <(entries source) <(entries copy) >&2 || fail "$fixture: other objects"
  if [ "$fixture" = "$scratch/plain.sql" ]; then
    old "$PGBIN/pg_dump" -C equal_source | psql -X -q -v ON_ERROR_STOP=1 -d postgres >"$scratch/out" 2>"$scratch/err" || fail "psql"
    equal schema
    drop_database equal_source
  fi
  [ "$(old public_acl equal_source)" = "$(public_acl equal_copy)" ] ||
    fail "$fixture: other privileges of schema public: $(old public_acl equal_source), $(public_acl equal_copy)"
  expect 0 "$BELAY" verify "$id" --level restore
  says 'rows and content agree'
  # a schema without much in it has the same fingerprint on both
  if [ "${fixture##*/}" = all_kinds.sql ]; then
    says "the schema was not compared: the backup is of PostgreSQL $older"
    says_not 'schema, rows and content agree'
    expect 0 "$BELAY" verify "$id" --level restore --json
    jq -e '.ok and .schema_uncompared and .rows > 0' "$scratch/out" >/dev/null || fail "$fixture: verify --json"
  fi
  drop_database equal_copy
  old drop_database equal_source
  printf '%s: equal%s\n' "${fixture##*/}" "$(compared_counts)"
done

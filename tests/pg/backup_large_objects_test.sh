#!/usr/bin/env bash
# Large objects: who may read them, what of a restore takes them along, and that there may be many.
# That they come back the same is shown by backup_equal_test.sh.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/harness/lib.sh
. "$here/../harness/lib.sh"
project
url() { printf 'postgresql://%s@/%s?host=%s&port=%s' "$1" "$2" "$PGHOST" "$PGPORT"; }
same() { # same DATABASE [DATABASE]: their large objects are the same
  exact_large_objects "${2:-test}" >"$scratch/source"
  exact_large_objects "$1" >"$scratch/copy"
  grep -q 'lo_open' "$scratch/source" || fail "nothing to compare"
  cmp -s "$scratch/source" "$scratch/copy" || { diff "$scratch/source" "$scratch/copy" | head -n 40 >&2; fail "$1 differs"; }
}
none() { holds "SELECT count(*) = 0 FROM pg_largeobject_metadata" "$1"; }
DATABASE_URL=$(url belay test)
export DATABASE_URL
psql -X -q -v ON_ERROR_STOP=1 -f "$here/../fixtures/databases/large_objects.sql"
sql "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)"

# ---- far beyond what is in it ----
sql "SELECT lo_put(lo_create(4711), 3000000000000, 'far')" >/dev/null
expect 0 "$BELAY" backup
expect 0 "$BELAY" restore latest --into copy
holds "SELECT lo_get(4711, 2999999999999, 10) = '\x00666172' AND (SELECT count(*) = 1 FROM pg_largeobject WHERE loid = 4711)" copy
holds "SELECT lo_lseek64(lo_open(4711, 262144), 0, 2) = 3000000000003" copy
expect 0 "$BELAY" verify latest --level restore
sql 'DROP DATABASE copy' postgres
sql "SELECT lo_unlink(4711)" >/dev/null

# ---- what takes them along ----
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
expect 0 "$BELAY" restore "$id" --into copy --schema-only
none copy
expect 0 "$BELAY" restore "$id" --data-only --into copy
same copy
expect 3 "$BELAY" restore "$id" --data-only --into copy
sql 'TRUNCATE attached, other' copy
expect 3 "$BELAY" restore "$id" --data-only --into copy
says 'a large object of the backup exists in copy'
says '100001'
holds 'SELECT count(*) = 0 FROM attached' copy
same copy
sql 'DROP DATABASE copy' postgres
expect 0 "$BELAY" restore "$id" --into copy --table public.attached
none copy
sql 'DROP DATABASE copy' postgres
expect 0 "$BELAY" backup --table public.attached
says 'pg_catalog.pg_largeobject'
scoped=$(cat "$scratch/out")
jq -e '[.scope.left_out[].table] == ["pg_catalog.pg_largeobject", "public.other"]' store/*/backups/"$scoped"/manifest.json \
  >/dev/null || fail "the manifest does not say that they are left out"
expect 0 "$BELAY" restore "$scoped" --into copy
none copy
sql 'DROP DATABASE copy' postgres

# ---- owners and privileges of others ----
sql 'CREATE ROLE mapped'
expect 0 "$BELAY" restore "$id" --into copy --map-role large_owner=mapped
holds "SELECT count(*) = 800 FROM pg_largeobject_metadata WHERE lomowner = 'mapped'::regrole" copy
holds "SELECT count(*) = 90 FROM pg_largeobject_metadata m, aclexplode(lomacl) a WHERE a.grantee = 'mapped'::regrole
  AND a.grantee <> lomowner" copy
holds "SELECT count(*) = 0 FROM pg_largeobject_metadata m WHERE lomowner = 'large_owner'::regrole" copy
sql 'DROP DATABASE copy' postgres
expect 0 "$BELAY" restore "$id" --into copy --no-owner
holds "SELECT count(*) = 0 FROM pg_largeobject_metadata WHERE lomowner <> 10 OR lomacl IS NOT NULL" copy
sql 'DROP DATABASE copy' postgres

# ---- in place ----
sql "SELECT lo_unlink(100003), lo_put(100002, 0, 'changed'), lo_create(4711)" >/dev/null
sleep 1.2 # the counters lag
exact_large_objects test >"$scratch/changed"
expect 2 "$BELAY" restore "$id" --swap
says 'pg_catalog\.pg_largeobject: .* since the backup'
expect 0 "$BELAY" restore "$id" --swap --confirm test
kept=$(sql "SELECT datname FROM pg_database WHERE datname ~ '^test.'" postgres)
sql "ALTER DATABASE \"$kept\" ALLOW_CONNECTIONS true" postgres
exact_large_objects "$kept" | cmp -s - "$scratch/changed" || fail "the database put aside has other large objects"
holds "SELECT count(*) = 0 FROM pg_largeobject_metadata WHERE oid = 4711"
holds "SELECT lo_get(100003) = convert_to('it''s a \ text', 'UTF8')"

# ---- a role that is no superuser ----
sql "CREATE ROLE plain LOGIN CREATEDB"
sql "CREATE DATABASE plain OWNER plain" postgres
psql -X -q -v ON_ERROR_STOP=1 -d "$(url plain plain)" -o /dev/null <<'SQL'
SELECT lo_create(100), lo_from_bytea(101, '\x00ff00'), lo_put(lo_create(102), 1000000, 'end'), lo_from_bytea(103, decode(repeat('ab', 300000), 'hex'));
COMMENT ON LARGE OBJECT 101 IS 'mine';
SQL
DATABASE_URL=$(url plain plain)
expect 0 "$BELAY" backup
expect 0 "$BELAY" restore latest --into plain_copy
same plain_copy plain
expect 0 "$BELAY" verify latest --level restore
digest() { jq -r '.tables[] | select(.identity == "pg_catalog.pg_largeobject") | .content' store/plain/backups/"$(cat "$scratch/out")"/manifest.json; }
expect 0 "$BELAY" backup
by_plain=$(digest)
DATABASE_URL=$(url belay plain) expect 0 "$BELAY" backup
[ "$(digest)" = "$by_plain" ] || fail "a superuser reads something else"
sql 'SELECT lo_create(99)' plain >/dev/null
expect 5 "$BELAY" backup
says 'role plain may not read large object 99 of belay'
says 'GRANT SELECT ON LARGE OBJECT 99 TO plain'
sql 'GRANT SELECT ON LARGE OBJECT 99 TO plain' plain
expect 0 "$BELAY" backup

# ---- many: a bounded number of statements ----
sql "CREATE DATABASE many" postgres
sql "SELECT count(lo_from_bytea(oid, '\x01')) FROM generate_series(20001, 50000) oid" many >/dev/null
sql "ALTER DATABASE many SET log_min_duration_statement = 0" postgres
DATABASE_URL=$(url belay many)
statements() { grep -c 'duration:' "$WITH_POSTGRES_DIR"/server.log || true; }
before=$(statements)
expect 0 "$BELAY" backup
[ "$(($(statements) - before))" -lt 1000 ] || fail "so many statements: $(($(statements) - before))"
[ "$(($(statements) - before))" -gt 20 ] || fail "the server's log is not where it was looked for"
expect 0 "$BELAY" restore latest --into many_copy
holds "SELECT count(*) = 30000 AND bool_and(lo_get(oid) = '\x01') FROM pg_largeobject_metadata" many_copy

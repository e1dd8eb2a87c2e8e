# shellcheck shell=bash
# lib.sh: sourced by the test scripts. They find the program in BELAY and, under with-postgres, a server.
set -euo pipefail

: "${BELAY:?BELAY must name the program}"
scratch=$(mktemp -d "${WITH_POSTGRES_DIR:-${TMPDIR:-/tmp}}/script-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export NO_COLOR=1 ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  [ ! -s "$scratch/out" ] || sed 's/^/  out: /' "$scratch/out" >&2
  [ ! -s "$scratch/err" ] || sed 's/^/  err: /' "$scratch/err" >&2
  exit 1
}
# expect CODE COMMAND...: runs it with output in $scratch/out and $scratch/err; its exit code must be CODE
expect() {
  local want=$1 got=0
  shift
  "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || got=$?
  [ "$got" = "$want" ] || fail "\"$*\" ended with $got, not $want"
}
# says PATTERN: the last command's output or errors match (extended regular expression)
says() { grep -Eq -- "$1" "$scratch/out" "$scratch/err" || fail "nothing said matches: $1"; }
says_not() { if grep -Eq -- "$1" "$scratch/out" "$scratch/err"; then fail "something said matches: $1"; fi; }
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "${2:-$PGDATABASE}" -c "$1"; }
# holds QUERY [DATABASE]: it answers t
holds() {
  local answer
  answer=$(sql "$1" "${2:-$PGDATABASE}")
  [ "$answer" = t ] || fail "not so: $1 (answer: $answer)"
}
# until_true QUERY: waits until it answers t
until_true() {
  for _ in $(seq 400); do
    [ "$(sql "$1")" != t ] || return 0
    sleep 0.05
  done
  fail "never so: $1"
}
# Every table's name, row count and a hash of its content, whatever the order of rows and columns. Not the ledger.
content() {
  local tables query='' t
  tables=$(sql "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|information)'
    AND tablename <> '_prisma_migrations' ORDER BY 1" "${1:-$PGDATABASE}")
  for t in $tables; do
    query+="${query:+ UNION ALL }SELECT '$t', count(*), sum(hashtextextended(to_jsonb(t)::text, 0)) FROM ONLY $t t"
  done
  [ -z "$query" ] || sql "$query ORDER BY 1" "${1:-$PGDATABASE}"
}
# Exactly what every table, materialized view and sequence holds, in one line each. Columns go by name, because inheritance
# moves them; partitions are seen through their root, because hashes of enums differ from database to database (but those
# beside a foreign partition, which nobody can read here).
exact_content() {
  psql -X -q -A -t -v ON_ERROR_STOP=1 -d "${1:-$PGDATABASE}" <<'SQL'
SELECT format('SELECT %L, count(*), sum(hashtextextended(ROW(%s)::text, 0)) FROM %s%s r', c.oid::regclass, (SELECT
  string_agg('r.' || quote_ident(attname), ', ' ORDER BY attname COLLATE "C") FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND
  NOT attisdropped), CASE relkind WHEN 'r' THEN 'ONLY ' END, c.oid::regclass)
  FROM pg_class c, LATERAL (SELECT coalesce(bool_or(f.relkind = 'f'), false) AS elsewhere FROM
  pg_partition_tree(pg_partition_root(c.oid)) t JOIN pg_class f ON f.oid = t.relid) root
  WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND CASE WHEN elsewhere THEN relkind = 'r' ELSE NOT relispartition
  AND (relkind IN ('r', 'p') OR (relkind = 'm' AND relispopulated)) END ORDER BY c.oid::regclass::text COLLATE "C" \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', c.oid::regclass, c.oid::regclass) FROM pg_class c
  WHERE relnamespace::regnamespace::text !~ '^pg_' AND relkind = 'S' ORDER BY c.oid::regclass::text COLLATE "C" \gexec
SQL
}
# what pg_dump says of large objects and puts into them
exact_large_objects() {
  "${PGBIN}/pg_dump" -a -b --exclude-table-data='*.*' "$1" | sed -E "/^\\\\(un)?restrict /d"
}
# pg_dump -s -C of a database, with its name written DATABASE and without the keys that change from run to run
exact_schema() {
  "${PGBIN}/pg_dump" -s -C -d "$1" | sed -E -e "/^\\\\(un)?restrict /d" -e "s/\\b$1\\b/DATABASE/g"
}
# equal WHAT (schema, content, large_objects): of the databases equal_source and equal_copy; $fixture names them in messages
equal() {
  local what=$1
  "exact_$what" equal_source >"$scratch/$what.source"
  "exact_$what" equal_copy >"$scratch/$what.copy"
  [ -s "$scratch/$what.source" ] || fail "${fixture:?}: nothing to compare"
  cmp -s "$scratch/$what.source" "$scratch/$what.copy" ||
    { diff -U3 "$scratch/$what.source" "$scratch/$what.copy" | head -n 200 >&2; fail "$fixture: another $what"; }
}
# what equal has compared, and what the fixtures leave out on this server
compared_counts() {
  printf ' (%s entries of pg_dump, %s tables and sequences%s)' "$(grep -c '^-- Name: ' "$scratch/schema.source")" \
    "$(grep -c . "$scratch/content.source")" "$(sql "SELECT coalesce('; not here: ' || string_agg(name, ', '), '') FROM
    (SELECT unnest('{postgres_fdw,file_fdw,btree_gist}'::text[]) EXCEPT SELECT name FROM pg_available_extensions UNION ALL
    SELECT 'collations of ICU' WHERE NOT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')) missing (name)" postgres)"
}
# Subscriptions hold a database: they go first, without their slots elsewhere.
drop_database() { # drop_database NAME
  psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" >/dev/null <<'SQL'
SELECT format('ALTER SUBSCRIPTION %1$I DISABLE', subname), format('ALTER SUBSCRIPTION %1$I SET (slot_name = NONE)', subname),
  format('DROP SUBSCRIPTION %1$I', subname) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname =
  current_database()) \gexec
SQL
  sql "DROP DATABASE $1" postgres
}
# pg_dump -s with the lines inside each CREATE TABLE sorted (canonical column order)
structure() {
  "${PGBIN}/pg_dump" -s -T _prisma_migrations -d "${1:-$PGDATABASE}" | grep -Ev '^(--|\\(un)?restrict|$)' | awk '
    function flush() { n = asort_lines(); for (i = 1; i <= n; i++) print lines[i]; count = 0 }
    function asort_lines(  i, j, t) {
      for (i = 2; i <= count; i++) { t = lines[i]; for (j = i - 1; j > 0 && lines[j] > t; j--) lines[j + 1] = lines[j]; lines[j + 1] = t }
      return count
    }
    /^CREATE TABLE/ { inside = 1; print; next }
    inside && /^\)/ { flush(); inside = 0; print; next }
    inside { sub(/,$/, ""); lines[++count] = $0; next }
    { print }'
}
# project: a Prisma project in $scratch/project (current directory afterwards) with a store and a staging policy
project() {
  mkdir -p "$scratch/project/prisma/migrations"
  cd "$scratch/project"
  printf 'provider = "postgresql"\n' >prisma/migrations/migration_lock.toml
  cat >belay.yaml <<YAML
environment: staging
store: file:store
migrations:
  dir: prisma/migrations
  format: prisma
YAML
}
# migration NAME SQL: adds one to the project
migration() {
  mkdir -p "prisma/migrations/$1"
  printf '%s\n' "$2" >"prisma/migrations/$1/migration.sql"
}
last_run() { "$BELAY" list runs --json | jq -r '.runs[-1].id'; }

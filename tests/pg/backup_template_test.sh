#!/usr/bin/env bash
# backup --template: taken, listed, verified, restored, put in place, pruned; what is refused; killed at each step.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
url() { printf 'postgresql://%s@/%s?host=%s&port=%s' "$1" "$(jq -rn --arg n "$2" '$n | @uri')" "$PGHOST" "$PGPORT"; }
db='Tra ding'
store=store
sql "CREATE ROLE app LOGIN; CREATE ROLE boss"
psql -X -q -d postgres -v ON_ERROR_STOP=1 <<SQL
CREATE DATABASE "$db" OWNER boss CONNECTION LIMIT 77;
ALTER DATABASE "$db" SET work_mem TO '12MB';
ALTER ROLE app IN DATABASE "$db" SET statement_timeout TO '9s';
COMMENT ON DATABASE "$db" IS 'it''s ours';
REVOKE ALL ON DATABASE "$db" FROM PUBLIC;
GRANT CONNECT ON DATABASE "$db" TO app;
SQL
DATABASE_URL=$(url belay "$db")
export DATABASE_URL
sql "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE UNLOGGED TABLE u (id int);
  INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 1000) i; INSERT INTO u VALUES (1); ANALYZE" "$db"
# properties DATABASE: all that pg_dump -C says of it
properties() {
  "$PGBIN/pg_dump" -s -C -d "$(url belay "$1")" | grep -E "DATABASE|ROLE .* IN DATABASE" | sed -E "s/\"?$1\"?/X/g"
}
templates() { sql "SELECT count(*) FROM pg_database WHERE datname LIKE 'belay\\_template\\_%'" postgres; }
before_content=$(content "$db")
before_structure=$(structure "$db")
before_properties=$(properties "$db")
echo "$before_properties" | grep -q 'CONNECTION LIMIT = 77' || fail "properties are not looked at: $before_properties"
hold() { # somebody is connected until stdin of the session is closed
  coproc SOMEBODY { PGAPPNAME=somebody exec psql -X -q -A -t -d "$(url belay "$db")" 2>&1; }
  somebody=$SOMEBODY_PID
  echo 'SELECT 1;' >&"${SOMEBODY[1]}"
  read -r _ <&"${SOMEBODY[0]}"
}

# ---- refused ----
expect 2 "$BELAY" backup --terminate
expect 2 "$BELAY" backup --template --table t
expect 2 "$BELAY" backup --template --scope pending
hold
expect 4 "$BELAY" backup --template
says 'nobody is connected; Tra ding has 1 session: [0-9]+ \(belay, somebody'
says '--terminate'
[ "$(templates)" = 0 ] || fail "a refused backup made a database"
[ -z "$(find "$store" -name template.json)" ] || fail "a refused backup left a note"

# ---- taken, with everybody out ----
expect 0 "$BELAY" backup --template --terminate
id=$(cat "$scratch/out")
kill "$somebody" 2>/dev/null || true
wait "$somebody" 2>/dev/null || true
holds "SELECT datallowconn FROM pg_database WHERE datname = '$db'"
holds "SELECT NOT datallowconn AND shobj_description(oid, 'pg_database') = 'belay template backup $id'
  AND has_database_privilege('app', oid, 'CONNECT') = false FROM pg_database WHERE datname = 'belay_template_$id'"
manifest=$(find "$store" -name manifest.json)
jq -e --arg t "belay_template_$id" '.kind == "template" and .template == $t and .properties.connection_limit == 77 and
  (.server_id | length > 10) and .totals.rows >= 1000 and (.segments | length == 0)' <"$manifest" >/dev/null || fail "manifest: $(cat "$manifest")"
expect 0 "$BELAY" list
says "$id  Tra ding .*  template"
expect 0 "$BELAY" show "$id"
says "template: database belay_template_$id"
expect 0 "$BELAY" show "$id" --json
jq -e '.kind == "template"' <"$scratch/out" >/dev/null || fail "JSON"
for level in hash expand restore; do
  expect 0 "$BELAY" verify "$id" --level "$level"
  says 'marked and closed'
done
holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'belay\_verify%'"

# ---- it is not the latest, and not the good backup that lets others go ----
expect 2 "$BELAY" restore latest --into x
says 'no "latest"'
expect 0 "$BELAY" backup
archive=$(cat "$scratch/out")
expect 0 "$BELAY" backup --template
second=$(cat "$scratch/out")
expect 0 "$BELAY" restore latest --into latest_one
says "$archive"

# ---- restored ----
sql "DELETE FROM t WHERE id > 10; ALTER TABLE t ADD later int" "$db"
for options in '--table t' '--schema-only' '--data-only' '--map-role a=b' '--map-tablespace a=b' --no-tablespaces \
  '--skip-extension x' --no-analyze; do
  # shellcheck disable=SC2086 # options
  expect 2 "$BELAY" restore "$id" --into copy $options
  says 'template backup'
done
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'copy'"
expect 0 "$BELAY" restore "$id" --into copy
[ "$(content copy)" = "$before_content" ] || fail "other content"
[ "$(structure copy)" = "$before_structure" ] || fail "other structure"
[ "$(properties copy)" = "$before_properties" ] || fail "other properties: $(properties copy)"
expect 3 "$BELAY" restore "$id" --into copy
expect 137 env BELAY_TEST_KILL=template-restored "$BELAY" restore "$id" --into killed
holds "SELECT datconnlimit = 0 AND shobj_description(oid, 'pg_database') LIKE '%unfinished' FROM pg_database WHERE datname = 'killed'"
expect 3 "$BELAY" restore "$id" --into killed
expect 0 "$BELAY" restore "$id" --into killed --yes
[ "$(content killed)" = "$before_content" ] || fail "other content after a kill"
expect 0 "$BELAY" restore "$id" --swap --confirm "$db"
[ "$(content "$db")" = "$before_content" ] || fail "other content in place"
[ "$(structure "$db")" = "$before_structure" ] || fail "other structure in place"
[ "$(properties "$db")" = "$before_properties" ] || fail "other properties in place"
expect 0 "$BELAY" verify "$id"

# ---- damaged ----
sql "ALTER DATABASE \"belay_template_$id\" ALLOW_CONNECTIONS true" postgres
expect 12 "$BELAY" verify "$id" --level hash
says 'accepts connections'
sql "ALTER TABLE t ADD later int" "belay_template_$id"
sql "ALTER DATABASE \"belay_template_$id\" ALLOW_CONNECTIONS false" postgres
expect 0 "$BELAY" verify "$id" --level hash
expect 12 "$BELAY" verify "$id"
says 'fingerprint'
sql "COMMENT ON DATABASE \"belay_template_$id\" IS 'mine'" postgres
for command in "verify $id" "restore $id --into other"; do
  # shellcheck disable=SC2086 # words
  expect 12 "$BELAY" $command
  says 'does not carry the mark'
done

# ---- pruned: what is not marked is left alone; the archive stays ----
expect 3 "$BELAY" prune --keep-last 1 --yes
says 'mark'
sql "COMMENT ON DATABASE \"belay_template_$id\" IS 'belay template backup $id'" postgres
expect 0 "$BELAY" prune --keep-last 1 --yes
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'belay_template_$id'"
expect 0 "$BELAY" list
says "$archive"
says "$second"
says_not "$id"
sql "DROP DATABASE \"belay_template_$second\"" postgres
expect 12 "$BELAY" verify "$second" --level hash
says 'not on the server'

# ---- killed: the next backup finds and removes it, and lets people in again ----
for step in template-closed template-created template-marked template-described; do
  expect 137 env BELAY_TEST_KILL="$step" "$BELAY" backup --template --terminate
  expect 0 "$BELAY" list
  [ "$(grep -c template "$scratch/out")" = 1 ] || fail "listed after $step"
  if [ "$step" = template-closed ] || [ "$step" = template-created ] || [ "$step" = template-marked ]; then
    holds "SELECT NOT datallowconn FROM pg_database WHERE datname = '$db'"
  fi
  expect 0 "$BELAY" backup --quiet
  [ "$(templates)" = 0 ] || fail "left after $step"
  [ "$(find "$store" -name template.json | wc -l)" = 1 ] || fail "a note is left after $step"
  holds "SELECT datallowconn FROM pg_database WHERE datname = '$db'"
done

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
grep -q 'CONNECTION LIMIT = 77' <<<"$before_properties" || fail "properties are not looked at: $before_properties"
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
  (.server_id | length > 10) and .totals.bytes >= 1000000 and (.segments | length == 0)' <"$manifest" >/dev/null || fail "manifest: $(cat "$manifest")"
expect 0 "$BELAY" list
says "$id  Tra ding .*  template"
expect 0 "$BELAY" show "$id"
says "template: database belay_template_$id"
expect 0 "$BELAY" show "$id" --json
jq -e '.kind == "template" and .rows == null and .bytes > 1000000' <"$scratch/out" >/dev/null || fail "JSON"
for level in hash expand restore; do
  expect 0 "$BELAY" verify "$id" --level "$level"
  says 'marked and closed'
done
holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'belay\_verify%'"
expect 0 "$BELAY" verify "$id" --level restore --json
jq -e '.ok and .rows == 1001' <"$scratch/out" >/dev/null || fail "not every row was read"
# what a killed verify leaves goes with the next one
expect 137 env BELAY_TEST_KILL=template-restored "$BELAY" verify "$id"
holds "SELECT count(*) = 1 FROM pg_database WHERE datname LIKE 'belay\_verify\_%'"
expect 0 "$BELAY" verify "$id"
holds "SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'belay\_verify%'"

# ---- it is not the latest, and not the good backup that lets others go ----
expect 2 "$BELAY" restore latest --into x
says 'could be "latest"'
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
# its DROP DATABASE was interrupted: the server refuses to copy it
sql "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'belay_template_$id'" postgres
expect 12 "$BELAY" verify "$id" --level hash
says "database belay_template_$id is what an interrupted DROP DATABASE left"
expect 0 "$BELAY" list
says "$id .*damaged"
sql "UPDATE pg_database SET datconnlimit = -1 WHERE datname = 'belay_template_$id'" postgres
sql "COMMENT ON DATABASE \"belay_template_$id\" IS 'mine'" postgres
for command in "verify $id" "restore $id --into other"; do
  # shellcheck disable=SC2086 # words
  expect 12 "$BELAY" $command
  says 'does not carry the mark'
done

# ---- pruned: what is not marked is left alone; the archive stays ----
expect 0 "$BELAY" prune --keep-last 1 --yes
says "keep .*$id .*damaged"
expect 3 "$BELAY" prune --keep-last 1 --damaged --yes
says 'does not carry the mark of this backup: it is left alone'
holds "SELECT count(*) = 1 FROM pg_database WHERE datname = 'belay_template_$id'"
sql "COMMENT ON DATABASE \"belay_template_$id\" IS 'belay template backup $id'" postgres
expect 0 "$BELAY" pin "$id"
expect 0 "$BELAY" prune --keep-last 1 --yes
says "keep .*$id .*pinned"
expect 0 "$BELAY" unpin "$id"
expect 0 "$BELAY" prune --keep-last 1 --yes
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'belay_template_$id'"
expect 0 "$BELAY" list
says "$archive"
says "$second"
says_not "$id"
sql "ALTER DATABASE \"belay_template_$second\" RENAME TO elsewhere" postgres
expect 12 "$BELAY" verify "$second" --level hash
says 'not on the server'
expect 0 "$BELAY" list
says "backup $second is damaged: its database belay_template_$second is not on the server"
grep -q "^$second" "$scratch/out" && fail "a template without its database counts as a backup"
# another database under its name, with its mark: still not the one
for statement in "CREATE DATABASE \"belay_template_$second\"" \
  "COMMENT ON DATABASE \"belay_template_$second\" IS 'belay template backup $second'" \
  "ALTER DATABASE \"belay_template_$second\" ALLOW_CONNECTIONS false"; do
  sql "$statement" postgres
done
expect 12 "$BELAY" verify "$second" --level hash
says 'is not the one that this backup made: its OID is'
expect 12 "$BELAY" restore "$second" --into other
expect 3 "$BELAY" prune --keep-last 1 --damaged --yes
says 'its OID is .* it is left alone'
holds "SELECT count(*) = 1 FROM pg_database WHERE datname = 'belay_template_$second'"
sql "DROP DATABASE \"belay_template_$second\"" postgres
sql "ALTER DATABASE elsewhere RENAME TO \"belay_template_$second\"" postgres
expect 0 "$BELAY" verify "$second" --level hash
sql "DROP DATABASE \"belay_template_$second\"" postgres
expect 0 "$BELAY" prune --keep-last 1 --damaged --yes
says "remove .*$second .*damaged \(its database belay_template_$second is not on the server"
[ -z "$(find "$store" -name template.json)" ] || fail "the record of a template without a database stays"

# ---- killed: the next backup finds and removes it, and lets people in again ----
for step in template-closed template-created template-marked template-described; do
  expect 137 env BELAY_TEST_KILL="$step" "$BELAY" backup --template --terminate
  expect 0 "$BELAY" list
  says_not template
  expect 0 "$BELAY" status
  says 'template backup .* was killed; database Tra ding is whole'
  says 'next: belay backup'
  if [ "$step" != template-described ]; then
    holds "SELECT NOT datallowconn FROM pg_database WHERE datname = '$db'" postgres
    says 'accepts no connections'
  fi
  expect 0 "$BELAY" backup --quiet
  [ "$(templates)" = 0 ] || fail "left after $step"
  [ -z "$(find "$store" -name template.json)" ] || fail "a note is left after $step"
  holds "SELECT datallowconn FROM pg_database WHERE datname = '$db'" postgres
done

# ---- killed while the server copies: it goes on by itself, and nobody touches what it makes ----
coproc HOLDER { exec psql -X -q -A -t -d postgres 2>&1; }
echo 'BEGIN; LOCK TABLE pg_catalog.pg_database IN SHARE MODE; SELECT 1;' >&"${HOLDER[1]}"
read -r _ <&"${HOLDER[0]}"
"$BELAY" backup --template >"$scratch/out" 2>"$scratch/err" &
maker=$!
at_work() { sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE %belay_template%' AND state = 'active'
  AND pid <> pg_backend_pid()" postgres; }
for ((i = 0; i < 600; i++)); do
  [ "$(at_work)" = 1 ] && break
  sleep 0.1
done
[ "$(at_work)" = 1 ] || fail "CREATE DATABASE was not seen"
kill -KILL "$maker"
wait "$maker" || true
expect 0 "$BELAY" status
says 'a template backup of Tra ding is under way'
expect 4 "$BELAY" backup --template
says 'another template backup of Tra ding is under way'
[ "$(find "$store" -name template.json | wc -l)" = 1 ] || fail "the note of what is being made is gone"
echo 'COMMIT;' >&"${HOLDER[1]}"
eval "exec ${HOLDER[1]}>&-"
for ((i = 0; i < 600; i++)); do
  [ "$(at_work)" = 0 ] && break
  sleep 0.1
done
[ "$(templates)" = 1 ] || fail "the server did not go on"
expect 0 "$BELAY" list
says_not template
expect 0 "$BELAY" backup --template
[ "$(templates)" = 1 ] || fail "what the killed one left is still there"
[ "$(find "$store" -name template.json | wc -l)" = 1 ] || fail "a note is left"
third=$(cat "$scratch/out")
holds "SELECT count(*) = 1 FROM pg_database WHERE datname = 'belay_template_$third'"

# ---- prepared transactions ----
sql "BEGIN; INSERT INTO t VALUES (-1); PREPARE TRANSACTION 'later'" "$db"
expect 4 "$BELAY" backup --template --terminate
says 'prepared transactions \(later\)'
[ "$(templates)" = 1 ] || fail "a refused backup made a database"
sql "ROLLBACK PREPARED 'later'" "$db"

# ---- the backup of a run ----
policy() { printf 'extends: staging\nbackup:\n  kind: %s\n  template_alone: %s\n' "$1" "$2" >policies/staging.yaml; }
mkdir -p policies
migration 20260101000000_first 'ALTER TABLE t ADD first int;'
policy template false
for command in plan run; do
  expect 3 "$BELAY" $command
  says 'backup.kind: template, and a template alone, which lies on the disk of the database, is no backup'
done
[ "$(templates)" = 1 ] || fail "a refused run took a template"
policy template true
hold
expect 4 "$BELAY" run
says 'wants a template backup, for which nobody may be connected to Tra ding; there is 1: [0-9]+ \(belay, somebody'
eval "exec ${SOMEBODY[1]}>&-"
wait "$somebody" || true
expect 0 "$BELAY" run
says 'backup +ok .* \(template\)'
taken=$("$BELAY" list --json | jq -r '.backups[-1] | select(.kind == "template") | .id')
[ -n "$taken" ] || fail "the run took no template"
expect 0 "$BELAY" show "$(last_run)"
says "backup +$taken"
expect 0 "$BELAY" restore "$taken" --into before_run
holds "SELECT count(*) = 0 FROM information_schema.columns WHERE table_name = 't' AND column_name = 'first'" before_run
expect 0 "$BELAY" prune --keep-last 1 --dry-run
says "keep .*$taken .*needs it"
expect 0 "$BELAY" rollback last --yes
migration 20260102000000_second 'ALTER TABLE t ADD second int;'
policy both false
expect 0 "$BELAY" run
says 'backup +ok .*; template '
[ "$("$BELAY" list --json | jq -r '[.backups[-2:][].kind] | sort | join(" ")')" = 'archive template' ] || fail "not both"
expect 0 "$BELAY" show "$(last_run)"
says "backup +$("$BELAY" list --json | jq -r '[.backups[] | select(.kind == "archive")][-1].id')"

#!/usr/bin/env bash
# Large objects that a migration makes, writes, unlinks or alters: captured by belay run, brought back by belay rollback.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nlint:\n  fail_on: never\n' >policies/staging.yaml

# what pg_dump says of them, and each of their lengths
state() {
  exact_large_objects "$PGDATABASE" | grep -v '^--'
  sql "SELECT oid, length(lo_get(oid)), md5(lo_get(oid)), lomowner::regrole, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM
    unnest(coalesce(lomacl, acldefault('L', lomowner))) a), obj_description(oid, 'pg_largeobject') FROM pg_largeobject_metadata ORDER BY 1"
}
state_is() { [ "$(state)" = "$1" ] || fail "$2"$'\n'"$(diff <(echo "$1") <(state) | head -n 40)"; }
only() { # only NAME SQL: the one migration, of a new history
  rm -rf store prisma/migrations/2*
  sql 'DROP TABLE IF EXISTS _prisma_migrations'
  migration "$@"
}

sql "CREATE ROLE anna; CREATE ROLE \"Bert B\"; CREATE EXTENSION IF NOT EXISTS lo;
     CREATE TABLE items (id int PRIMARY KEY, name text, picture lo);
     SELECT lo_from_bytea(101, 'hello'), lo_from_bytea(102, convert_to(repeat('0123456789abcdef', 40000), 'UTF8')), lo_from_bytea(103, ''),
       lo_from_bytea(104, 'owned'), lo_from_bytea(105, 'alone'), lo_from_bytea(106, 'in a row'), lo_from_bytea(107, 'in another'),
       lo_from_bytea(108, '\\x00ff00'), lo_from_bytea(109, 'not touched'), lo_from_bytea(110, convert_to(repeat('x', 300000), 'UTF8'));
     SELECT lo_put(108, 500000, 'far away');
     ALTER LARGE OBJECT 104 OWNER TO \"Bert B\"; GRANT SELECT ON LARGE OBJECT 104 TO PUBLIC; GRANT UPDATE ON LARGE OBJECT 104 TO anna WITH GRANT OPTION;
     SET ROLE anna; GRANT UPDATE ON LARGE OBJECT 104 TO PUBLIC; RESET ROLE;
     COMMENT ON LARGE OBJECT 104 IS 'the ''old'' one'; COMMENT ON LARGE OBJECT 101 IS 'hello';
     INSERT INTO items VALUES (1, 'one', 106), (2, 'two', 107), (3, 'three', NULL);
     CREATE TRIGGER manage BEFORE UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION lo_manage(picture)" >/dev/null
before=$(state)
rows_before=$(content)

# ---- every kind, forth, back, forth and back ----
migration 20260101000000_all "SELECT lo_create(201); SELECT lo_from_bytea(202, 'made'); COMMENT ON LARGE OBJECT 202 IS 'new';
GRANT SELECT ON LARGE OBJECT 202 TO anna;
SELECT lo_put(101, 1, 'E'), lo_put(101, 100000, 'longer');
SELECT lo_truncate(lo_open(102, 131072), 70000);
SELECT lowrite(lo_open(103, 131072), 'no longer empty');
SELECT lo_unlink(104);
ALTER LARGE OBJECT 105 OWNER TO anna; GRANT ALL ON LARGE OBJECT 105 TO \"Bert B\"; COMMENT ON LARGE OBJECT 105 IS 'mine';
UPDATE items SET picture = 202 WHERE id = 1;
DELETE FROM items WHERE id = 2;
DO \$\$ BEGIN PERFORM lo_unlink(108); BEGIN PERFORM lo_unlink(109); RAISE 'undone'; EXCEPTION WHEN raise_exception THEN NULL; END; END \$\$;
SELECT lo_unlink(110), lo_from_bytea(110, 'again');
COMMENT ON LARGE OBJECT 101 IS NULL;"
expect 0 "$BELAY" run
holds "SELECT string_agg(oid::text, ' ' ORDER BY oid) = '101 102 103 105 109 110 201 202' FROM pg_largeobject_metadata"
after=$(state)
rows_after=$(content)
expect 0 "$BELAY" rollback last --dry-run
says 'large objects: 5 written back, 4 inserted again, 2 removed, 0 conflicts'
state_is "$after" 'a plan changed large objects'
expect 0 "$BELAY" rollback last --yes
says '0 conflicts'
state_is "$before" 'large objects differ after the rollback'
[ "$(content)" = "$rows_before" ] || fail 'rows differ after the rollback'
expect 0 "$BELAY" rollback "$(last_run)" --yes
state_is "$after" 'large objects differ after the rollback of the rollback'
[ "$(content)" = "$rows_after" ] || fail 'rows differ after the rollback of the rollback'
expect 0 "$BELAY" rollback last --yes
state_is "$before" 'large objects differ after the second rollback'

# ---- changed since by others ----
only 20260201000000_some "SELECT lo_put(101, 0, 'J'), lo_put(102, 0, 'J'), lo_unlink(103), lo_from_bytea(203, 'made'), lo_put(109, 0, 'N'), lo_from_bytea(204, 'made');"
for how in keep restore abort; do
  expect 0 "$BELAY" run
  sql "SELECT lo_put(101, 0, 'C'), lo_unlink(109), lo_from_bytea(103, 'taken'), lo_put(203, 0, 'M'); GRANT SELECT ON LARGE OBJECT 204 TO anna" >/dev/null
  now=$(state)
  expect 0 "$BELAY" rollback last --dry-run --on-conflict $how
  says 'large object 101: changed since \(captured digest=[0-9a-f]{64}; now digest=[0-9a-f]{64}\)'
  says 'large object 103: key used again'
  says 'large object 109: deleted since'
  says 'large object 203: changed since'
  says 'large object 204: changed since \(captured acl='
  state_is "$now" 'a plan changed large objects'
  case $how in
    keep)
      expect 0 "$BELAY" rollback last --yes
      says '1 rows written back, 0 inserted again, 0 removed, 5 conflicts'
      holds "SELECT string_agg(oid || ' ' || left(convert_from(lo_get(oid), 'UTF8'), 9), ', ' ORDER BY oid) =
        '101 Cello, 102 012345678, 103 taken, 203 Made, 204 made' FROM pg_largeobject_metadata WHERE oid IN (101, 102, 103, 109, 203, 204)"
      sql "SELECT lo_unlink(203), lo_unlink(204), lo_put(101, 0, 'h'), lo_unlink(103), lo_create(103), lo_from_bytea(109, 'not touched')" >/dev/null
      state_is "$before" 'the test itself'
      ;;
    restore)
      expect 0 "$BELAY" rollback last --yes --on-conflict restore
      state_is "$before" 'not all large objects were restored'
      # what others had made of them comes back by rolling that back
      expect 0 "$BELAY" rollback "$(last_run)" --yes
      state_is "$now" 'what the rollback destroyed was not captured'
      expect 0 "$BELAY" rollback last --yes --on-conflict restore
      state_is "$before" 'the second rollback'
      ;;
    abort)
      expect 3 "$BELAY" rollback last --yes --on-conflict abort
      state_is "$now" 'a rollback that was refused changed large objects'
      expect 0 "$BELAY" rollback last --yes --on-conflict restore
      ;;
  esac
done

# ---- as a script ----
only 20260301000000_script "SELECT lo_unlink(104), lo_unlink(102), lo_put(108, 3, 'y'), lo_from_bytea(205, 'made'), lo_unlink(103);"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --script -o "$scratch/back.sql"
state >"$scratch/now"
cp "$scratch/back.sql" "$scratch/kept.sql"
sql "SELECT lo_from_bytea(103, 'taken')" >/dev/null
expect 0 psql -X -q -f "$scratch/back.sql"
says '^ large object \| 103 \| key used again'
says_not 'count'
holds "SELECT lo_get(103) = 'taken'"
sql 'SELECT lo_unlink(103), lo_create(103)' >/dev/null
state_is "$before" 'large objects differ after the script'
expect 3 psql -X -q -f "$scratch/kept.sql"
state_is "$before" 'a second time the script changed large objects'
sql "SELECT lo_truncate64(lo_open(lo_create(301), 131072), 140000000)" >/dev/null
only 20260302000000_big "SELECT lo_unlink(301);"
expect 0 "$BELAY" run
expect 3 "$BELAY" rollback last --script -o "$scratch/never.sql"
says 'the script would hold 133 MiB of large objects, more than 128'
expect 0 "$BELAY" rollback last --yes
holds "SELECT lo_lseek64(lo_open(301, 262144), 0, 2) = 140000000 AND (SELECT count(*) < 10 FROM pg_largeobject WHERE loid = 301)"
sql 'SELECT lo_unlink(301)' >/dev/null

# ---- catalogs edited by hand ----
only 20260303000000_hand "DELETE FROM pg_largeobject WHERE loid = 102 AND pageno > 3; UPDATE pg_largeobject SET data = 'x' WHERE loid = 101;"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --yes
state_is "$before" 'large objects whose pages were edited'

# ---- without capture, or around a command, nothing would bring them back: a backup is wanted ----
printf 'extends: staging\nlint:\n  fail_on: never\napply:\n  capture: false\nbackup:\n  required: false\n' >policies/staging.yaml
only 20260304000000_made "SELECT lo_create(302);"
expect 3 "$BELAY" run
says 'it changes or destroys rows, and policy wants neither a backup nor'
printf 'extends: staging\nlint:\n  fail_on: never\nbackup:\n  required: false\n' >policies/staging.yaml
for change in "SELECT lo_create(302);" "SELECT lo_put(101, 0, 'J');" "COMMENT ON LARGE OBJECT 101 IS 'x';" "SELECT lo_unlink(101);"; do
  only 20260305000000_wrapped "$change"
  expect 3 "$BELAY" run -- touch "$scratch/ran"
  says 'it changes or destroys rows, and policy wants neither a backup nor'
  [ ! -e "$scratch/ran" ] || fail "a command ran: $change"
done
state_is "$before" 'a run that was refused changed large objects'
printf 'extends: staging\nlint:\n  fail_on: never\nbackup:\n  required: false\n' >policies/staging.yaml

# ---- a role that may not see the pages ----
sql "CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA public TO plain;
  ALTER TABLE items OWNER TO plain; SELECT lo_from_bytea(401, 'mine'), lo_from_bytea(402, 'mine too');
  ALTER LARGE OBJECT 401 OWNER TO plain; ALTER LARGE OBJECT 402 OWNER TO plain" >/dev/null
before=$(state)
as_plain() { PGUSER=plain DATABASE_URL="postgresql://plain@/$PGDATABASE?host=$PGHOST&port=$PGPORT" "$@"; }
only 20260401000000_plain "SELECT lo_put(401, 0, 'X'); SELECT lo_unlink(402); SELECT lo_from_bytea(403, 'new');"
expect 3 as_plain "$BELAY" run
says 'permission denied for large object 101'
says 'Only a superuser sees which contents were written'
state_is "$before" 'a run that was refused changed large objects'
sql "DO \$\$ DECLARE o oid; BEGIN FOR o IN SELECT oid FROM pg_largeobject_metadata WHERE oid < 400 LOOP EXECUTE format('GRANT SELECT ON LARGE
  OBJECT %s TO plain', o); END LOOP; END \$\$"
before=$(state)
expect 0 as_plain "$BELAY" run
after=$(state)
expect 0 as_plain "$BELAY" rollback last --yes
says '1 rows written back, 1 inserted again, 1 removed, 0 conflicts'
state_is "$before" 'large objects differ after the rollback by a plain role'
expect 0 as_plain "$BELAY" rollback "$(last_run)" --yes
state_is "$after" 'large objects differ after the rollback of the rollback by a plain role'

#!/usr/bin/env bash
# belay rollback --script: a file that psql runs alone brings the same state back as belay rollback does.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nlint:\n  fail_on: never\n' >policies/staging.yaml

sql "CREATE SCHEMA \"odd\$belay\$\";
     CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, note text, price numeric(20,8));
     CREATE TABLE log (id serial PRIMARY KEY, item bigint REFERENCES items ON DELETE CASCADE, what text);
     CREATE SEQUENCE counter; SELECT nextval('counter');
     CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree);
     CREATE TABLE \"odd\$belay\$\".\"T\" (\"a b\" text PRIMARY KEY, v bytea);
     INSERT INTO items (name, note, price) SELECT 'item ' || i, E'tab\\t \\\\. new\\nline ''quote'' \$belay\$' || i, i / 7.0 FROM generate_series(1, 300) i;
     INSERT INTO items (name, note) VALUES (E'\\\\.', NULL), ('', '');
     INSERT INTO log (item, what) SELECT id, 'made' FROM items;
     INSERT INTO tree VALUES (1, NULL), (2, 1);
     CREATE TABLE loose (at int, what text); CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
     INSERT INTO loose SELECT i % 3, E'tab\\t \\\\. \$belay\$' FROM generate_series(1, 10) i; INSERT INTO loose VALUES (NULL, NULL);
     INSERT INTO \"odd\$belay\$\".\"T\" VALUES ('k ''1', '\\x00ff'), ('k2', NULL);
     CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log (what) VALUES (tg_op); RETURN NULL; END';
     CREATE TRIGGER audit AFTER UPDATE OR DELETE ON tree FOR EACH ROW EXECUTE FUNCTION audit()"
content_before=$(content)
structure_before=$(structure)
migration 20260101000000_rows "DELETE FROM items WHERE id % 3 = 0;
UPDATE items SET name = name || ' \$belay\$', price = 1 WHERE id % 2 = 0;
INSERT INTO items (name) VALUES ('new');
SELECT setval('counter', 77);
INSERT INTO tree VALUES (3, 2), (4, 3);
UPDATE loose SET at = 9 WHERE at = 1;
DELETE FROM nothing;
DELETE FROM \"odd\$belay\$\".\"T\" WHERE \"a b\" = 'k ''1';"
migration 20260102000000_shape "ALTER TABLE items DROP COLUMN note;
DROP TABLE log;
ALTER TABLE loose DROP COLUMN what;
ALTER TABLE items ALTER COLUMN price TYPE numeric(12,2);"
migration 20260103000000_parts "UPDATE items SET name = upper(name);
CREATE INDEX CONCURRENTLY items_name ON items (name);"
expect 0 "$BELAY" run
run=$(last_run)
content_after=$(content)

expect 0 "$BELAY" rollback last --script
cp "$scratch/out" "$scratch/script.sql"
[ "$(content)" = "$content_after" ] || fail "writing the script changed rows"
expect 2 "$BELAY" rollback last --script --dry-run
expect 0 "$BELAY" rollback "$run" --script -o "$scratch/same.sql"
[ "$(stat -c %a "$scratch/same.sql")" = 600 ] || fail "others may read a script that holds rows"
cmp -s <(tail -n +2 "$scratch/script.sql") <(tail -n +2 "$scratch/same.sql") || fail "the file differs from what is printed"
expect 0 "$BELAY" list runs
says_not 'rollback'

# a row of the migration was changed by somebody, and one refers to a row that the migration made
sql "UPDATE items SET name = 'mine' WHERE id = 2; INSERT INTO tree VALUES (5, 4)"
expect 0 psql -X -q -f "$scratch/script.sql"
says 'public\.items *\| id=2 *\| changed since'
says 'public\.tree *\| id=4 *\| referenced by public\.tree'
says 'public\.tree *\| id=3 *\| referenced by public\.tree'
holds "SELECT name = 'mine' FROM items WHERE id = 2"
holds "SELECT count(*) = 5 FROM tree"
holds "SELECT count(*) = 0 FROM _prisma_migrations WHERE rolled_back_at IS NULL"
sql "ALTER TABLE tree DISABLE TRIGGER audit; DELETE FROM tree WHERE id > 2; ALTER TABLE tree ENABLE TRIGGER audit;
     UPDATE items SET name = 'item 2', price = 2 / 7.0 WHERE id = 2"
[ "$(structure)" = "$structure_before" ] || fail "structure differs"$'\n'"$(diff <(echo "$structure_before") <(structure))"
[ "$(content)" = "$content_before" ] || fail "rows differ"$'\n'"$(diff <(echo "$content_before") <(content))"

holds "SELECT last_value = 1 AND is_called FROM counter"
holds "SELECT last_value = 302 FROM log_id_seq"

# a second time it changes nothing
expect 3 psql -X -q -f "$scratch/script.sql"
[ "$(structure)" = "$structure_before" ] || fail "the second time changed the structure"
[ "$(content)" = "$content_before" ] || fail "the second time changed rows"

# with --on-conflict abort the first conflict ends it
rm -r store prisma/migrations/2* && sql "DROP TABLE _prisma_migrations"
migration 20260201000000_one "UPDATE items SET name = upper(name);"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --script --on-conflict abort -o "$scratch/abort.sql"
sql "UPDATE items SET name = 'mine' WHERE id = 2"
content_now=$(content)
expect 3 psql -X -q -f "$scratch/abort.sql"
says 'rows of public\.items were changed since the migration'
[ "$(content)" = "$content_now" ] || fail "a script that ended with an error changed rows"

# where it would be wrong there is none
sql "ALTER TABLE items ADD COLUMN more int"
expect 3 "$BELAY" rollback last --script -o "$scratch/never.sql"
says 'the schema is no longer as 20260201000000_one left it'
[ -z "$(find "$scratch" -maxdepth 1 -name 'never.sql*')" ] || fail "half a script was left"

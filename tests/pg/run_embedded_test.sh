#!/usr/bin/env bash
# A type that loses attributes takes them from the values of that type in other tables: refused before anything is touched.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nlint:\n  fail_on: never\n' >policies/staging.yaml

sql "CREATE TABLE boxed (a int PRIMARY KEY, b int, c int); CREATE TYPE pair AS (x int, y text);
     CREATE DOMAIN boxed_list AS boxed[]; CREATE TYPE nest AS (p pair, n int);
     CREATE TABLE boxes (id int PRIMARY KEY, v boxed);
     CREATE TABLE lists (id int PRIMARY KEY, v boxed_list);
     CREATE TABLE nests (id int PRIMARY KEY, v nest);
     CREATE TABLE apart (id int PRIMARY KEY, v int);
     INSERT INTO boxed VALUES (1, 2, 3); INSERT INTO boxes VALUES (1, (1, 2, 3)); INSERT INTO lists VALUES (1, ARRAY[(1, 2, 3)::boxed]);
     INSERT INTO nests VALUES (1, ((1, 'one')::pair, 7)); INSERT INTO apart VALUES (1, 1)"
before=$(content)
refused() { # refused SQL TABLE TYPE
  migration 20260101000000_narrow "$1"
  expect 3 "$BELAY" run
  says "$2 holds values of .*$3.*, which loses attributes: they could not be put back"
  [ "$(content)" = "$before" ] || fail "rows differ after a refusal"
}
refused 'ALTER TABLE boxed DROP COLUMN c;' public.boxes public.boxed
refused 'ALTER TABLE boxed DROP COLUMN b;' public.lists public.boxed
refused 'ALTER TYPE pair DROP ATTRIBUTE y;' public.nests public.pair
# what touches no value of another table goes on as ever
migration 20260101000000_narrow 'ALTER TYPE pair ADD ATTRIBUTE z int; ALTER TABLE boxed ADD COLUMN d int; ALTER TABLE apart DROP COLUMN v;'
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --yes
[ "$(content)" = "$before" ] || fail "rows differ after the rollback"

#!/usr/bin/env bash
# A type change whose values could not be cast back is refused before it commits, with the rows at hand as judge.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
printf 'extends: staging\nlint:\n  fail_on: never\n' >policies/staging.yaml
printf 'extends: staging\nlint:\n  fail_on: never\ninverse:\n  allow: [20260101000000_retype]\n' >policies/allowed.yaml

sql "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, note text); INSERT INTO t SELECT i, i, 'n' || i FROM generate_series(1, 50) i"
before=$(content)
structure_before=$(structure)
migration 20260101000000_retype "ALTER TABLE t ALTER COLUMN n TYPE text USING 'v' || n;"
expect 3 "$BELAY" run
says 'a rollback would fail on the rows as they are then'
says 'invalid input syntax for type integer: "v1"'
says 'inverse.allow: \[20260101000000_retype\]'
[ "$(content)" = "$before" ] || fail "rows differ after a refusal"
[ "$(structure)" = "$structure_before" ] || fail "the structure differs after a refusal"
holds "SELECT to_regclass('_prisma_migrations') IS NULL"

# the same as a part of a migration
migration 20260101000000_retype "UPDATE t SET note = 'x';
CREATE INDEX CONCURRENTLY t_note ON t (note);
ALTER TABLE t ALTER COLUMN n TYPE text USING 'v' || n;"
expect 7 "$BELAY" run
[ "$(content)" = "$before" ] || fail "rows differ after a refused part"
[ "$(structure)" = "$structure_before" ] || fail "the structure differs after a refused part"

# values that can be cast back go in, with those that the cast loses, and come back exactly
migration 20260101000000_retype "ALTER TABLE t ALTER COLUMN n TYPE text; ALTER TABLE t ALTER COLUMN note TYPE varchar(2) USING left(note, 2);"
expect 0 "$BELAY" run
expect 0 "$BELAY" rollback last --yes
[ "$(content)" = "$before" ] || fail "rows differ after the rollback"

# allowed by name
migration 20260101000000_retype "ALTER TABLE t ALTER COLUMN n TYPE text USING 'v' || n;"
expect 0 "$BELAY" run -e allowed
says 'warning: 20260101000000_retype: a rollback will fail'

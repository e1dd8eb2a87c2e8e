#!/usr/bin/env bash
# The proof with rows (inverse.shadow_rows): made up or sampled, and what is said of those that are not there.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
mkdir policies
policy() { # NAME ROWS [LINE]...
  local name=$1 rows=$2
  shift 2
  printf 'extends: staging\nlint:\n  fail_on: never\ninverse:\n  least: lossy\n  shadow_rows: %s\n' "$rows" >"policies/$name.yaml"
  [ $# = 0 ] || printf '  %s\n' "$@" >>"policies/$name.yaml"
}
policy made synthetic
policy few sampled 'shadow_rows_per_table: 3'
policy without none
out_has() { grep -Eq -- "$1" "$scratch/out" || fail "the script does not say: $1"; }
covered() { jq -r '.files[0].proof_covers' "$scratch/out"; }

sql "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE users (id serial PRIMARY KEY, email varchar(60) UNIQUE NOT NULL CHECK (email LIKE '%@%'), mood mood NOT NULL, tags text[],
  balance numeric(6,2) CHECK (balance >= 0), made timestamptz DEFAULT now());
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int NOT NULL REFERENCES users ON DELETE CASCADE,
  status text NOT NULL CHECK (status IN ('new', 'paid', 'sent')), doc jsonb);
CREATE TABLE staff (id serial PRIMARY KEY, store_id int NOT NULL, name text);
CREATE TABLE store (id serial PRIMARY KEY, manager int NOT NULL REFERENCES staff, part_of int REFERENCES store);
ALTER TABLE staff ADD FOREIGN KEY (store_id) REFERENCES store;
CREATE TABLE events (at date NOT NULL, name text, value float8, PRIMARY KEY (at, name)) PARTITION BY RANGE (at);
CREATE TABLE events_25 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_26 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-03-01');
CREATE TABLE keyless (a int, b text, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE DOMAIN above AS int CHECK (value > 5);
CREATE TABLE various (p above, q above[], r int4range, s inet, t uuid PRIMARY KEY, u bytea, w bit(5), x char(3), y interval,
  EXCLUDE USING gist (r WITH &&));
CREATE TABLE odd (\"a
b\" int PRIMARY KEY, \"c,'\" text CHECK (\"c,'\" IN ('x
y', 'it''s', '\$belay\$')));
CREATE TABLE odder (\"d
e\" int NOT NULL REFERENCES odd);
CREATE TABLE nothing (a int NOT NULL CHECK (a < 0 AND a > 0))"

cat >up.sql <<'SQL'
UPDATE users SET mood = 'sad', email = upper(email);
DELETE FROM orders WHERE status = 'paid';
ALTER TABLE users DROP COLUMN tags;
UPDATE keyless SET b = b || 'x';
ALTER TABLE events DETACH PARTITION events_25;
TRUNCATE various;
DO $$ BEGIN
  IF EXISTS (SELECT FROM orders o WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = o.user_id))
    OR EXISTS (SELECT FROM staff a WHERE NOT EXISTS (SELECT FROM store b WHERE b.id = a.store_id)) THEN RAISE 'it refers to nothing';
  END IF;
END $$;
SQL

# made up: all tables but the one that lets no row in, which is named
expect 0 "$BELAY" inverse -e made -d "dbname=$PGDATABASE" up.sql
says 'the proof covers the structure, and the content of [0-9]* synthetic rows in 10 tables'
out_has '^-- The proof covers the structure, and the content of [0-9]* synthetic rows in 10 tables\.$'
out_has '^--   public.nothing: no row fits: .*violates'

# without a database, behind the migrations of a directory, there is nothing to sample
migration 20260101000000_init "$("$PGBIN/pg_dump" -s -O -x | sed '/^\\/d; /^SELECT pg_catalog.set_config/d')"
expect 0 "$BELAY" inverse -e few --dir prisma/migrations up.sql
says 'the content of [0-9]* synthetic rows in (9|10) tables'
rm -r prisma/migrations/20260101000000_init

# asked for no rows
expect 0 "$BELAY" inverse -e without -d "dbname=$PGDATABASE" up.sql
says 'the proof covers the structure, not rows$'

# sampled: three of each, and those that they refer to
sql "INSERT INTO users (email, mood) SELECT 'u' || i || '@example.org', 'ok' FROM generate_series(1, 9000) i;
INSERT INTO orders (user_id, status) SELECT 9001 - i, 'paid' FROM generate_series(1, 400) i;
INSERT INTO events SELECT date '2025-06-01' + i, 'e', 'NaN' FROM generate_series(1, 250) i;
INSERT INTO keyless SELECT 1, E'a\\\\b\\n' FROM generate_series(1, 10)"
for analyze in false true; do # read from the beginning, or by blocks
  [ $analyze = false ] || sql "ANALYZE"
  expect 0 "$BELAY" inverse -e few -d "dbname=$PGDATABASE" --json up.sql
  [[ "$(covered)" =~ ^the\ structure,\ and\ the\ content\ of\ (1[0-9]|2[0-9])\ sampled\ rows\ in\ 5\ tables$ ]] || fail "sampled: $(covered)"
done

# a table that may not be read is named; a shadow without a superuser is told; neither is refused
sql "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; REVOKE SELECT ON keyless FROM reader;
CREATE ROLE maker LOGIN CREATEDB"
echo 'CREATE TABLE small (a int);' >small.sql
expect 0 "$BELAY" inverse -e few -d "dbname=$PGDATABASE user=reader" small.sql
out_has '^--   public.keyless: permission denied'
expect 0 "$BELAY" inverse -e made --shadow "dbname=postgres user=maker" --dir prisma/migrations small.sql
says 'the structure, not rows: to load them takes a superuser on the server'

# a rollback that fails where there are rows is refused before anything is touched
sql "CREATE TABLE teller (id int PRIMARY KEY, n int); INSERT INTO teller VALUES (1, 7);
CREATE FUNCTION keep() RETURNS event_trigger LANGUAGE plpgsql AS
  'BEGIN IF EXISTS (SELECT FROM public.teller) THEN RAISE ''nothing is dropped while tellers are here''; END IF; END';
CREATE EVENT TRIGGER keeping ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION keep()"
before=$(content)
migration 20260201000000_extra "CREATE TABLE extra (a int);"
expect 3 "$BELAY" inverse -e made -d "dbname=$PGDATABASE" prisma/migrations/20260201000000_extra
says 'tried on synthetic rows: the rollback fails: .*nothing is dropped while tellers'
expect 3 "$BELAY" run -e made
says 'its rollback failed when it was tried on synthetic rows'
[ "$(content)" = "$before" ] || fail "a refused run changed rows"
rm -r prisma/migrations/20260201000000_extra
sql "DROP EVENT TRIGGER keeping"

# one that runs: what was covered is on record
migration 20260301000000_up "$(cat up.sql)"
expect 0 "$BELAY" run -e few
says 'proven on a .*, with rows'
jq -e '.files[0].rows | .kind == "sampled" and .not_tried == null and .tables >= 5 and .refusals == []' \
  store/*/runs/*/plan.json >"$scratch/out" || fail "what was covered is not on record"
expect 0 "$BELAY" rollback last --yes -e few
[ "$(content)" = "$before" ] || fail "rows differ after the rollback"
[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'belay-rows-*' -newer belay.yaml)" ] || fail "captures were left behind"

#!/usr/bin/env bash
# What may fail is asked of the rows, read only: by belay lint --against and in a run.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
cd "$scratch"
sql "CREATE TABLE customers (id int PRIMARY KEY, mail text);
  INSERT INTO customers SELECT i, 'm' || i % 90 FROM generate_series(1, 100) i;
  CREATE DOMAIN amount AS int;
  CREATE TABLE orders (id int, line int, customer int, total int, note text, due text, paid amount, PRIMARY KEY (id, line));
  INSERT INTO orders SELECT i, 1, i, nullif(i, 42) , repeat('x', i % 5), '2026-01-01', i FROM generate_series(1, 60) i;
  INSERT INTO orders VALUES (70, 2, 999, -1, 'long enough', 'soon', -5);
  ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;
  ALTER TABLE orders ADD CONSTRAINT known FOREIGN KEY (customer) REFERENCES customers NOT VALID;
  CREATE TABLE empty (id int); CREATE SEQUENCE seen; CREATE FUNCTION look(int) RETURNS bool LANGUAGE sql AS
    \$\$ SELECT nextval('seen') > 0 \$\$; ANALYZE" >/dev/null

# answer TEXT ANSWER: linting TEXT says ANSWER ("severity rule message", extended regular expression)
answer() {
  echo "$1" >one.sql
  expect 0 "$BELAY" lint --fail-on never --json --against "$DATABASE_URL" one.sql
  jq -r '.findings[] | .severity + " " + .rule + " " + .message' out | grep -Eq -- "^$2\$" || fail "$1: not said: $2"
}
answer 'ALTER TABLE orders ALTER total SET NOT NULL' 'error may-fail-not-null .*: 1 row violates it, first key 42, 1'
answer 'ALTER TABLE orders ALTER customer SET NOT NULL' 'info may-fail-not-null .*: no row violates it'
answer 'ALTER TABLE customers ADD UNIQUE (mail)' 'error may-fail-unique .*: 10 keys occur more than once, first key m[0-9]+'
answer 'CREATE UNIQUE INDEX CONCURRENTLY ON customers (mail, id)' 'info may-fail-unique .*: no key occurs more than once'
answer 'ALTER TABLE orders ADD PRIMARY KEY (customer)' 'info may-fail-unique .*: no key occurs more than once'
answer 'ALTER TABLE orders ADD CHECK (total > 0)' 'error may-fail-check-fk .*: 1 row violates it, first key 70, 2'
answer 'ALTER TABLE orders ADD CHECK (total <> 0)' 'info may-fail-check-fk .*: no row violates it'
answer 'ALTER TABLE orders VALIDATE CONSTRAINT positive' 'error may-fail-check-fk .*: 1 row violates it, first key 70, 2'
answer 'ALTER TABLE orders VALIDATE CONSTRAINT known' 'error may-fail-check-fk .*: 1 row violates it, first key 70, 2'
answer 'ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers' 'error may-fail-check-fk .*: 1 row violates it, first key 70, 2'
answer 'ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES customers (id)' 'info may-fail-check-fk .*: no row violates it'
answer 'ALTER TABLE orders ALTER due TYPE date USING due::date' 'error may-fail-cast .*: invalid input syntax for type date: "soon"'
answer 'ALTER TABLE orders ALTER note TYPE varchar(5)' 'error may-fail-cast .*: 1 row violates it, first key 70, 2'
answer 'ALTER TABLE orders ALTER note TYPE varchar(20)' 'info may-fail-cast .*: no row violates it'
answer 'ALTER TABLE orders ALTER total TYPE smallint' 'info may-fail-cast .*: no row violates it'
answer 'ALTER DOMAIN amount ADD CHECK (VALUE > 0)' 'error may-fail-check-fk .*: 1 row violates it, first key 70, 2'
answer 'ALTER DOMAIN amount SET NOT NULL' 'info may-fail-not-null .*: no row violates it'
answer 'ALTER TABLE empty ADD COLUMN n int NOT NULL' 'info add-column-required .*: no row is there'
answer 'ALTER TABLE customers ADD COLUMN n int NOT NULL' 'error add-column-required .*: 100 rows are there, first key 1'

# What the scripts change before is not known from the rows of now.
answer 'UPDATE orders SET total = 1 WHERE total IS NULL; ALTER TABLE orders ALTER total SET NOT NULL' \
  'info may-fail-not-null .*first key 42, 1 now, and the scripts change rows before'
# Functions that may do anything are not called, rows are only read.
answer 'ALTER TABLE orders ADD CHECK (look(total))' 'info may-fail-check-fk it fails if one row of public.orders violates the check'
holds 'SELECT NOT is_called FROM seen'
# An ignored finding asks nothing; the switch; the limits.
answer '-- belay:ignore may-fail-not-null I know
ALTER TABLE orders ALTER total SET NOT NULL' 'info may-fail-not-null [^:]*'
printf 'database: %s\nenvironment: mine\n' "$DATABASE_URL" >belay.yaml
mkdir policies migrations
with() { printf 'extends: development\nlint: {%s}\n' "$1" >policies/mine.yaml; }
with 'questions: false'
answer 'ALTER TABLE orders ALTER total SET NOT NULL' 'info may-fail-not-null [^:]*'
with 'question_rows: 5'
answer 'ALTER TABLE customers ADD UNIQUE (mail)' 'error may-fail-unique .*: at least 5 keys occur more than once, first key m[0-9]+'
with 'question_timeout: 50ms'
sql "CREATE TABLE slow AS SELECT i, i % 7 AS n FROM generate_series(1, 1000000) i" >/dev/null
answer 'ALTER TABLE slow ADD UNIQUE (i, n)' 'info may-fail-unique .*: not answered within 50 ms'

# A run is refused before it begins.
with 'questions: true'
sql 'DROP TABLE slow'
echo 'ALTER TABLE orders ALTER total SET NOT NULL;' >migrations/1_total.sql
expect 3 "$BELAY" plan --dir migrations
says '1 row violates it, first key 42, 1'

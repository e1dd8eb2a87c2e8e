/* tests/pg/inverse_cases.h: a schema, and migrations of it with the verdict that their inverse
 * must get. */
#pragma once

#include "inverse/inverse.h"

static const char base_roles[] = "CREATE ROLE app_owner NOLOGIN; CREATE ROLE app_reader NOLOGIN;";

static const char base_schema[] =
    "CREATE SCHEMA audit;"
    "CREATE TYPE order_status AS ENUM ('new', 'paid', 'shipped');"
    "CREATE TYPE unused_enum AS ENUM ('a', 'b');"
    "CREATE DOMAIN email AS text CHECK (VALUE ~ '@');"
    "CREATE TYPE address AS (street text, city text);"
    "CREATE SEQUENCE ticket_numbers START 100 INCREMENT 5;"
    "CREATE FUNCTION double_it(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';"
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
    " $f$ BEGIN NEW.touched := now(); RETURN NEW; END $f$;"
    "CREATE PROCEDURE noop() LANGUAGE sql AS 'SELECT 1';"
    "CREATE TABLE customers (id serial PRIMARY KEY, mail email, name text NOT NULL,"
    " home address, touched timestamptz DEFAULT now());"
    "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " customer_id integer NOT NULL REFERENCES customers (id) ON DELETE CASCADE,"
    " status order_status NOT NULL DEFAULT 'new', total numeric(10,2) NOT NULL DEFAULT 0"
    " CONSTRAINT total_positive CHECK (total >= 0), fee numeric(10,2) DEFAULT 1.5,"
    " note varchar(200), tax numeric GENERATED ALWAYS AS (total * 0.2) STORED, code text,"
    " history order_status[]);"
    "CREATE INDEX orders_customer ON orders (customer_id);"
    "CREATE UNIQUE INDEX orders_code ON orders (lower(code)) WHERE code IS NOT NULL;"
    "CREATE INDEX orders_fee ON orders (fee) INCLUDE (note);"
    "ALTER TABLE orders ADD CONSTRAINT orders_code_uq UNIQUE (code) DEFERRABLE;"
    "CREATE TABLE order_items (order_id bigint REFERENCES orders (id), line integer,"
    " amount integer DEFAULT double_it(1), PRIMARY KEY (order_id, line));"
    "CREATE TRIGGER customers_touch BEFORE UPDATE ON customers FOR EACH ROW"
    " EXECUTE FUNCTION touch();"
    "CREATE VIEW open_orders AS SELECT id, customer_id, total, fee FROM orders WHERE status = "
    "'new';"
    "CREATE VIEW big_orders AS SELECT id, total FROM open_orders WHERE total > 100;"
    "CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) AS sum FROM orders"
    " GROUP BY customer_id;"
    "CREATE UNIQUE INDEX totals_customer ON totals (customer_id);"
    "CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, what text, PRIMARY KEY (id, at))"
    " PARTITION BY RANGE (at);"
    "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
    "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');"
    "CREATE INDEX events_what ON events (what);"
    "CREATE TABLE events_loose (id bigint NOT NULL, at date NOT NULL, what text);"
    "CREATE TABLE animals (name text, legs integer DEFAULT 4);"
    "CREATE TABLE dogs (breed text) INHERITS (animals);"
    "CREATE TABLE notes (id uuid PRIMARY KEY, a text, b text, kind text, big bigint);"
    "CREATE STATISTICS notes_stats (dependencies) ON a, b FROM notes;"
    "CREATE RULE notes_protect AS ON DELETE TO notes DO INSTEAD NOTHING;"
    "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;"
    "CREATE POLICY notes_read ON notes FOR SELECT TO app_reader USING (kind = 'public');"
    "ALTER TABLE notes ALTER COLUMN a SET STATISTICS 500, ALTER COLUMN b SET STORAGE EXTERNAL;"
    "ALTER TABLE notes SET (fillfactor = 80);"
    "ALTER TABLE customers OWNER TO app_owner;"
    "GRANT SELECT ON orders TO app_reader; GRANT UPDATE (note) ON orders TO app_reader;"
    "GRANT SELECT ON open_orders TO app_reader;"
    "COMMENT ON TABLE orders IS 'all orders'; COMMENT ON COLUMN orders.fee IS 'in EUR';"
    "COMMENT ON VIEW open_orders IS 'not paid yet'; COMMENT ON COLUMN open_orders.total IS 'sum';"
    "COMMENT ON INDEX orders_customer IS 'for joins';"
    "CREATE TYPE kept_enum AS ENUM ('a'); CREATE TYPE tagged AS (what kept_enum, n integer);"
    "CREATE TABLE typed OF tagged (PRIMARY KEY (n));"
    "CREATE TABLE regions (id integer, area text, PRIMARY KEY (id, area)) PARTITION BY LIST (area);"
    "CREATE TABLE regions_eu PARTITION OF regions FOR VALUES IN ('eu') PARTITION BY HASH (id);"
    "CREATE TABLE regions_eu_0 PARTITION OF regions_eu FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
    "CREATE TABLE regions_rest PARTITION OF regions DEFAULT;"
    "CREATE INDEX regions_area ON regions (area);"
    "CREATE TABLE visits (id integer, area text, at date, FOREIGN KEY (id, area) REFERENCES regions"
    " (id, area)) PARTITION BY RANGE (at);"
    "CREATE TABLE visits_all PARTITION OF visits DEFAULT;"
    "CREATE TRIGGER visits_touch BEFORE INSERT ON visits FOR EACH ROW EXECUTE FUNCTION touch();"
    "CREATE FUNCTION item_count(o orders) RETURNS bigint LANGUAGE sql STABLE AS"
    " 'SELECT count(*) FROM order_items WHERE order_id = o.id';"
    "CREATE FUNCTION atomic_sum(c integer) RETURNS numeric STABLE"
    " BEGIN ATOMIC SELECT sum(total) FROM orders WHERE customer_id = c; END;"
    "CREATE FUNCTION into_view() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    "CREATE TRIGGER open_orders_in INSTEAD OF INSERT ON open_orders FOR EACH ROW"
    " EXECUTE FUNCTION into_view();"
    "CREATE RULE big_orders_del AS ON DELETE TO big_orders DO INSTEAD NOTHING;"
    "CREATE PUBLICATION feed FOR TABLE notes;"
    "CREATE FOREIGN DATA WRAPPER wrap OPTIONS (a 'it''s', \"B\" 'x'); CREATE SERVER srv TYPE 't'"
    " VERSION '1' FOREIGN DATA WRAPPER wrap OPTIONS (host 'h', port '1'); CREATE SERVER bare"
    " FOREIGN DATA WRAPPER wrap; CREATE USER MAPPING FOR app_owner SERVER srv;"
    "COMMENT ON SERVER srv IS 'far'; GRANT USAGE ON FOREIGN SERVER srv TO app_reader;"
    "CREATE FOREIGN TABLE far (id integer OPTIONS (n 'i') NOT NULL, what text DEFAULT 'w' CHECK"
    " (what <> '')) SERVER srv OPTIONS (t 'far', \"X\" E'a\\\\b'); GRANT SELECT ON far TO "
    "app_reader;"
    "CREATE VIEW far_view AS SELECT id FROM far;"
    "CREATE FOREIGN TABLE animals_far (wings integer) INHERITS (animals) SERVER bare;"
    "CREATE TABLE halves (id integer, at date) PARTITION BY RANGE (at);"
    "CREATE TABLE halves_near PARTITION OF halves DEFAULT; CREATE FOREIGN TABLE halves_far"
    " PARTITION OF halves FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') SERVER bare;"
    "CREATE TRIGGER events_note AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION into_view();"
    "ALTER TABLE events_2025 DISABLE TRIGGER events_note;"
    "CREATE AGGREGATE longest(text) (SFUNC = text_larger, STYPE = text);"
    "CREATE VIEW longest_word AS SELECT longest(a) FROM (VALUES ('a')) AS v (a);"
    "CREATE TYPE span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);"
    "CREATE OPERATOR === (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text, COMMUTATOR = ===,"
    " RESTRICT = eqsel); CREATE VIEW same_words AS SELECT a === 'b' FROM (VALUES ('a')) AS v (a);"
    "CREATE OPERATOR FAMILY strange USING btree;"
    "ALTER OPERATOR FAMILY strange USING btree ADD OPERATOR 3 === (text, text);"
    "CREATE COLLATION own (LOCALE = 'C'); CREATE SCHEMA spare; CREATE COLLATION spare.own (LOCALE ="
    " 'POSIX');"
    "ALTER TABLE animals ALTER COLUMN name TYPE text COLLATE own;"
    "CREATE TEXT SEARCH DICTIONARY plain_words (TEMPLATE = simple);"
    "CREATE TEXT SEARCH CONFIGURATION words (PARSER = \"default\");"
    "ALTER TEXT SEARCH CONFIGURATION words ADD MAPPING FOR word WITH plain_words, simple;"
    "ALTER TEXT SEARCH CONFIGURATION words ADD MAPPING FOR int WITH simple;"
    "CREATE TABLE pages (body text);"
    "CREATE INDEX pages_words ON pages USING gin (to_tsvector('words', body));";

struct inverse_case {
  const char *name, *sql;
  enum inverse_verdict verdict;
};

#define EXACT INVERSE_EXACT
#define ORDER INVERSE_COLUMN_ORDER
#define NONE INVERSE_NONE

static const struct inverse_case inverse_cases[] = {
    {"nothing", "SELECT 1;", EXACT},
    {"add table", "CREATE TABLE t (id serial PRIMARY KEY, x text UNIQUE);", EXACT},
    {"add tables in a cycle",
     "CREATE TABLE t (id int PRIMARY KEY, u int); CREATE TABLE u (id int PRIMARY KEY, t int"
     " REFERENCES t); ALTER TABLE t ADD FOREIGN KEY (u) REFERENCES u;",
     EXACT},
    {"drop table", "DROP TABLE notes;", EXACT},
    {"drop table cascade", "DROP TABLE orders CASCADE;", EXACT},
    {"drop table with serial and trigger", "DROP TABLE customers CASCADE;", EXACT},
    {"add column", "ALTER TABLE orders ADD COLUMN extra text DEFAULT 'x' NOT NULL;", EXACT},
    {"drop column", "ALTER TABLE notes DROP COLUMN big;", EXACT},
    {"drop column in the middle", "ALTER TABLE notes DROP COLUMN kind CASCADE;", ORDER},
    {"drop column with views", "ALTER TABLE orders DROP COLUMN fee CASCADE;", ORDER},
    {"drop column with identity", "ALTER TABLE orders DROP COLUMN id CASCADE;", ORDER},
    {"drop serial column", "ALTER TABLE customers DROP COLUMN id CASCADE;", ORDER},
    {"drop NOT NULL column", "ALTER TABLE orders DROP COLUMN total CASCADE;", ORDER},
    {"drop generated column", "ALTER TABLE orders DROP COLUMN tax;", ORDER},
    {"drop expression", "ALTER TABLE orders ALTER COLUMN tax DROP EXPRESSION;", ORDER},
    {"drop column with function default", "ALTER TABLE order_items DROP COLUMN amount;", EXACT},
    {"rename table", "ALTER TABLE orders RENAME TO purchases;", EXACT},
    {"rename column", "ALTER TABLE orders RENAME COLUMN fee TO charge;", EXACT},
    {"swap columns",
     "ALTER TABLE notes RENAME COLUMN a TO x; ALTER TABLE notes RENAME COLUMN b TO a;"
     "ALTER TABLE notes RENAME COLUMN x TO b;",
     EXACT},
    {"swap tables",
     "ALTER TABLE notes RENAME TO x; ALTER TABLE events_loose RENAME TO notes;"
     "ALTER TABLE x RENAME TO events_loose;",
     EXACT},
    {"rename and change",
     "ALTER TABLE orders RENAME TO purchases; ALTER TABLE purchases RENAME COLUMN note TO remark;"
     "ALTER TABLE purchases ALTER COLUMN remark TYPE text;"
     "ALTER TABLE purchases ADD COLUMN note integer;",
     EXACT},
    {"rename away and create anew",
     "ALTER TABLE notes RENAME TO notes_old; CREATE TABLE notes (id int PRIMARY KEY);", EXACT},
    {"drop and create table", "DROP TABLE animals CASCADE; CREATE TABLE animals (x int);", EXACT},
    {"drop and create the same table",
     "DROP TABLE events_loose; CREATE TABLE events_loose (id bigint NOT NULL, at date NOT NULL,"
     " what text);",
     EXACT},
    {"drop and create column",
     "ALTER TABLE notes DROP COLUMN big; ALTER TABLE notes ADD COLUMN big text;", EXACT},
    {"rename index", "ALTER INDEX orders_customer RENAME TO orders_by_customer;", EXACT},
    {"rename constraint",
     "ALTER TABLE orders RENAME CONSTRAINT total_positive TO total_ok;"
     "ALTER TABLE orders RENAME CONSTRAINT orders_pkey TO purchases_pkey;",
     EXACT},
    {"rename the rest",
     "ALTER FUNCTION double_it RENAME TO twice; ALTER TRIGGER customers_touch ON customers RENAME"
     " TO t; ALTER POLICY notes_read ON notes RENAME TO p; ALTER RULE notes_protect ON notes"
     " RENAME TO r; ALTER VIEW open_orders RENAME TO v; ALTER TYPE order_status RENAME TO s;"
     "ALTER SEQUENCE ticket_numbers RENAME TO q; ALTER DOMAIN email RENAME TO mailbox;"
     "ALTER MATERIALIZED VIEW totals RENAME TO m; ALTER PUBLICATION feed RENAME TO f;"
     "ALTER STATISTICS notes_stats RENAME TO ns; ALTER VIEW v RENAME COLUMN total TO amount;",
     EXACT},
    {"rename schema", "ALTER SCHEMA audit RENAME TO log;", EXACT},
    {"rename schema with content", "ALTER SCHEMA public RENAME TO main;", EXACT},
    {"set schema", "ALTER TABLE customers SET SCHEMA audit;", EXACT},
    {"set schema and rename",
     "ALTER TABLE notes SET SCHEMA audit; ALTER TABLE audit.notes RENAME TO n;"
     "ALTER TYPE order_status SET SCHEMA audit; ALTER FUNCTION touch() SET SCHEMA audit;"
     "ALTER SEQUENCE ticket_numbers SET SCHEMA audit;",
     EXACT},
    {"widen type", "ALTER TABLE order_items ALTER COLUMN amount TYPE bigint;", EXACT},
    {"narrow type", "ALTER TABLE notes ALTER COLUMN big TYPE integer;", EXACT},
    {"type under views",
     "DROP VIEW open_orders CASCADE; ALTER TABLE orders ALTER COLUMN fee TYPE integer;"
     "CREATE VIEW open_orders AS SELECT id, customer_id, total, fee FROM orders WHERE status = "
     "'new';",
     EXACT},
    {"text to integer", "ALTER TABLE notes ALTER COLUMN a TYPE integer USING a::integer;", EXACT},
    {"text to enum",
     "DROP POLICY notes_read ON notes; CREATE TYPE note_kind AS ENUM ('public', 'private');"
     "ALTER TABLE notes ALTER COLUMN kind TYPE note_kind USING kind::note_kind;",
     EXACT},
    {"key type on both sides",
     "ALTER TABLE order_items DROP CONSTRAINT order_items_order_id_fkey;"
     "DROP VIEW open_orders CASCADE; ALTER TABLE orders ALTER COLUMN id TYPE integer;"
     "ALTER TABLE order_items ALTER COLUMN order_id TYPE integer;"
     "ALTER TABLE order_items ADD FOREIGN KEY (order_id) REFERENCES orders (id);",
     EXACT},
    {"type under generated column",
     "ALTER TABLE orders DROP COLUMN tax; DROP VIEW open_orders CASCADE;"
     "DROP MATERIALIZED VIEW totals; DROP FUNCTION atomic_sum;"
     "ALTER TABLE orders ALTER COLUMN total TYPE bigint;"
     "ALTER TABLE orders ADD COLUMN tax bigint GENERATED ALWAYS AS (total * 2) STORED;",
     ORDER},
    {"type with collation", "ALTER TABLE notes ALTER COLUMN a TYPE text COLLATE \"C\";", EXACT},
    {"set default", "ALTER TABLE orders ALTER COLUMN fee SET DEFAULT 2;", EXACT},
    {"drop default", "ALTER TABLE orders ALTER COLUMN status DROP DEFAULT;", EXACT},
    {"add default", "ALTER TABLE notes ALTER COLUMN a SET DEFAULT 'a';", EXACT},
    {"set not null", "ALTER TABLE notes ALTER COLUMN a SET NOT NULL;", EXACT},
    {"drop not null", "ALTER TABLE orders ALTER COLUMN customer_id DROP NOT NULL;", EXACT},
    {"drop identity", "ALTER TABLE orders ALTER COLUMN id DROP IDENTITY;", EXACT},
    {"add identity",
     "ALTER TABLE notes ALTER COLUMN big SET NOT NULL;"
     "ALTER TABLE notes ALTER COLUMN big ADD GENERATED BY DEFAULT AS IDENTITY;",
     EXACT},
    {"identity by default",
     "ALTER TABLE orders ALTER COLUMN id SET GENERATED BY DEFAULT SET INCREMENT BY 10;", EXACT},
    {"serial to identity",
     "ALTER TABLE customers ALTER COLUMN id DROP DEFAULT; DROP SEQUENCE customers_id_seq;"
     "ALTER TABLE customers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;",
     EXACT},
    {"storage",
     "ALTER TABLE notes ALTER COLUMN a SET STORAGE PLAIN, ALTER COLUMN b SET STORAGE EXTENDED,"
     " ALTER COLUMN a SET STATISTICS -1, ALTER COLUMN b SET (n_distinct = 5);",
     EXACT},
    {"table options",
     "ALTER TABLE notes RESET (fillfactor); ALTER TABLE notes SET (autovacuum_enabled = false,"
     " toast.autovacuum_enabled = false); ALTER TABLE orders SET (fillfactor = 50);",
     EXACT},
    {"unlogged loose", "ALTER TABLE events_loose SET UNLOGGED;", EXACT},
    {"replica identity", "ALTER TABLE notes REPLICA IDENTITY FULL;", EXACT},
    {"cluster and replica index",
     "ALTER TABLE orders CLUSTER ON orders_customer;"
     "ALTER TABLE notes REPLICA IDENTITY USING INDEX notes_pkey;",
     EXACT},
    {"row security",
     "ALTER TABLE notes DISABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY;",
     EXACT},
    {"add constraint",
     "ALTER TABLE notes ADD CONSTRAINT short CHECK (length(a) < 10), ADD UNIQUE (a, b);", EXACT},
    {"add primary key", "ALTER TABLE events_loose ADD PRIMARY KEY (id);", EXACT},
    {"drop constraint", "ALTER TABLE orders DROP CONSTRAINT total_positive;", EXACT},
    {"drop primary key", "ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE;", EXACT},
    {"drop foreign key", "ALTER TABLE order_items DROP CONSTRAINT order_items_order_id_fkey;",
     EXACT},
    {"change foreign key",
     "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;"
     "ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id)"
     " REFERENCES customers (id) ON DELETE SET NULL NOT VALID;",
     EXACT},
    {"drop unique", "ALTER TABLE orders DROP CONSTRAINT orders_code_uq;", EXACT},
    {"add index", "CREATE INDEX orders_status ON orders (status) WHERE total > 5;", EXACT},
    {"add index concurrently", "CREATE INDEX CONCURRENTLY notes_a ON notes (a);", EXACT},
    {"drop index", "DROP INDEX orders_code; DROP INDEX orders_fee; DROP INDEX orders_customer;",
     EXACT},
    {"drop index concurrently", "DROP INDEX CONCURRENTLY orders_fee;", EXACT},
    {"change index",
     "DROP INDEX orders_fee; CREATE UNIQUE INDEX orders_fee ON orders USING btree (fee DESC);",
     EXACT},
    {"sequence options",
     "ALTER SEQUENCE ticket_numbers AS integer INCREMENT 1 MAXVALUE 1000 CYCLE CACHE 10;", EXACT},
    {"sequence owned by", "ALTER SEQUENCE ticket_numbers OWNED BY notes.big;", EXACT},
    {"sequence owned by a new table",
     "CREATE TABLE t (n integer DEFAULT nextval('ticket_numbers'));"
     "ALTER SEQUENCE ticket_numbers OWNED BY t.n;",
     EXACT},
    {"drop sequence", "DROP SEQUENCE ticket_numbers;", EXACT},
    {"drop sequence cascade", "DROP SEQUENCE customers_id_seq CASCADE;", EXACT},
    {"new sequence as default",
     "CREATE SEQUENCE s; ALTER TABLE notes ALTER COLUMN big SET DEFAULT nextval('s');", EXACT},
    {"enum add value", "ALTER TYPE order_status ADD VALUE 'lost' AFTER 'paid';", EXACT},
    {"enum add value unused", "ALTER TYPE unused_enum ADD VALUE 'c';", EXACT},
    {"enum rename value", "ALTER TYPE order_status RENAME VALUE 'new' TO 'open';", EXACT},
    {"enum swap values",
     "ALTER TYPE unused_enum RENAME VALUE 'a' TO 'x'; ALTER TYPE unused_enum RENAME VALUE 'b' TO"
     " 'a'; ALTER TYPE unused_enum RENAME VALUE 'x' TO 'b';",
     EXACT},
    {"enum replaced",
     "CREATE TYPE order_status_new AS ENUM ('new', 'shipped');"
     "DROP VIEW open_orders CASCADE;"
     "ALTER TABLE orders ALTER COLUMN status DROP DEFAULT, ALTER COLUMN history DROP DEFAULT;"
     "ALTER TABLE orders ALTER COLUMN status TYPE order_status_new USING"
     " status::text::order_status_new, ALTER COLUMN history TYPE order_status_new[] USING"
     " history::text::order_status_new[];"
     "ALTER TYPE order_status RENAME TO order_status_old;"
     "ALTER TYPE order_status_new RENAME TO order_status; DROP TYPE order_status_old;"
     "ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new';",
     EXACT},
    {"drop enum", "DROP TYPE unused_enum;", EXACT},
    {"domain",
     "ALTER DOMAIN email DROP CONSTRAINT email_check; ALTER DOMAIN email SET DEFAULT 'a@b';"
     "ALTER DOMAIN email ADD CONSTRAINT long CHECK (length(VALUE) < 200);",
     EXACT},
    {"composite", "ALTER TYPE address ADD ATTRIBUTE zip text CASCADE;", EXACT},
    {"composite rename", "ALTER TYPE address RENAME ATTRIBUTE city TO town;", EXACT},
    {"function body",
     "CREATE OR REPLACE FUNCTION double_it(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS"
     " 'SELECT x + x';",
     EXACT},
    {"function result",
     "ALTER TABLE order_items ALTER COLUMN amount DROP DEFAULT; DROP FUNCTION double_it(integer);"
     "CREATE FUNCTION double_it(x integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT "
     "1::int8';"
     "ALTER TABLE order_items ALTER COLUMN amount SET DEFAULT double_it(2);",
     EXACT},
    {"function parameter names",
     "DROP FUNCTION double_it CASCADE; CREATE FUNCTION double_it(y integer) RETURNS integer"
     " LANGUAGE sql IMMUTABLE AS 'SELECT y * 2';",
     EXACT},
    {"drop function", "DROP FUNCTION touch() CASCADE; DROP PROCEDURE noop;", EXACT},
    {"new function in a view",
     "CREATE FUNCTION f(numeric) RETURNS numeric LANGUAGE sql AS 'SELECT $1';"
     "CREATE OR REPLACE VIEW big_orders AS SELECT id, total FROM open_orders WHERE f(total) > 1;",
     EXACT},
    {"view body",
     "CREATE OR REPLACE VIEW big_orders AS SELECT id, total FROM open_orders WHERE total > 500;",
     EXACT},
    {"view column added",
     "CREATE OR REPLACE VIEW open_orders AS SELECT id, customer_id, total, fee, note FROM orders;",
     EXACT},
    {"view option", "ALTER VIEW open_orders SET (security_barrier = true);", EXACT},
    {"drop view chain", "DROP VIEW open_orders CASCADE;", EXACT},
    {"drop matview", "DROP MATERIALIZED VIEW totals;", EXACT},
    {"change matview",
     "DROP MATERIALIZED VIEW totals; CREATE MATERIALIZED VIEW totals AS SELECT 1 AS one;", EXACT},
    {"disable trigger", "ALTER TABLE customers DISABLE TRIGGER customers_touch;", EXACT},
    {"change trigger",
     "DROP TRIGGER customers_touch ON customers; CREATE TRIGGER customers_touch AFTER INSERT ON"
     " customers FOR EACH ROW EXECUTE FUNCTION touch();",
     EXACT},
    {"policy", "ALTER POLICY notes_read ON notes USING (true); CREATE POLICY p ON orders;", EXACT},
    {"drop rule", "DROP RULE notes_protect ON notes;", EXACT},
    {"drop statistics", "DROP STATISTICS notes_stats;", EXACT},
    {"publication", "ALTER PUBLICATION feed ADD TABLE orders;", EXACT},
    {"schemas", "CREATE SCHEMA s; CREATE TABLE s.t (x int); DROP SCHEMA audit;", EXACT},
    {"owners",
     "ALTER TABLE orders OWNER TO app_owner; ALTER SCHEMA audit OWNER TO app_owner;"
     "ALTER FUNCTION touch() OWNER TO app_owner; ALTER VIEW open_orders OWNER TO app_reader;",
     EXACT},
    {"privileges",
     "REVOKE SELECT ON orders FROM app_reader; GRANT ALL ON notes TO app_reader;"
     "GRANT UPDATE (total) ON orders TO app_reader; REVOKE UPDATE (note) ON orders FROM app_reader;"
     "REVOKE EXECUTE ON FUNCTION touch() FROM PUBLIC; GRANT USAGE ON SCHEMA audit TO app_reader;",
     EXACT},
    {"default privileges",
     "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app_reader;", EXACT},
    {"comments",
     "COMMENT ON TABLE orders IS NULL; COMMENT ON COLUMN orders.fee IS 'in USD';"
     "COMMENT ON VIEW open_orders IS 'x'; COMMENT ON COLUMN open_orders.total IS NULL;"
     "COMMENT ON TABLE notes IS 'it''s a note'; COMMENT ON INDEX orders_customer IS NULL;"
     "COMMENT ON CONSTRAINT total_positive ON orders IS 'c';",
     EXACT},
    {"attach partition",
     "ALTER TABLE events ATTACH PARTITION events_loose FOR VALUES FROM ('2030-01-01') TO"
     " ('2031-01-01');",
     EXACT},
    {"detach partition", "ALTER TABLE events DETACH PARTITION events_2025;", EXACT},
    {"drop partition", "DROP TABLE events_2025;", EXACT},
    {"new partition",
     "CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO "
     "('2028-01-01');",
     EXACT},
    {"partition bound",
     "ALTER TABLE events DETACH PARTITION events_2026; ALTER TABLE events ATTACH PARTITION"
     " events_2026 FOR VALUES FROM ('2026-01-01') TO ('2028-01-01');",
     EXACT},
    {"detach and drop column",
     "ALTER TABLE events DETACH PARTITION events_2025; ALTER TABLE events DROP COLUMN what;",
     EXACT},
    {"partitioned column type", "ALTER TABLE events ALTER COLUMN what TYPE varchar(50);", EXACT},
    {"partitioned column", "ALTER TABLE events ADD COLUMN extra int NOT NULL DEFAULT 1;", EXACT},
    {"drop partitioned index", "DROP INDEX events_what;", EXACT},
    {"drop partitioned key", "ALTER TABLE events DROP CONSTRAINT events_pkey;", EXACT},
    {"drop partitioned table", "DROP TABLE events;", EXACT},
    {"new partitioned table with foreign key and trigger",
     "CREATE TABLE ticks (customer_id int REFERENCES customers (id), at date NOT NULL,"
     " touched timestamptz) PARTITION BY RANGE (at);"
     "CREATE TABLE ticks_1 PARTITION OF ticks FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');"
     "CREATE TABLE ticks_default PARTITION OF ticks DEFAULT;"
     "CREATE TRIGGER ticks_touch BEFORE UPDATE ON ticks FOR EACH ROW EXECUTE FUNCTION touch();",
     EXACT},
    {"row that the shadow lacks is referenced",
     "ALTER TABLE customers ADD COLUMN vip boolean;"
     "INSERT INTO orders (customer_id) VALUES (4711);",
     EXACT},
    {"inheritance", "ALTER TABLE dogs NO INHERIT animals;", INVERSE_LOSSY},
    {"inherited column",
     "ALTER TABLE animals ADD COLUMN age int; ALTER TABLE animals DROP COLUMN legs;", ORDER},
    {"inherited rename", "ALTER TABLE animals RENAME COLUMN legs TO feet;", EXACT},
    {"DO block with dynamic SQL",
     "DO $$ DECLARE c text; BEGIN FOR c IN SELECT unnest(ARRAY['a', 'b']) LOOP EXECUTE "
     "format('ALTER"
     " TABLE notes RENAME COLUMN %I TO %I', c, c || '_old'); EXECUTE format('CREATE INDEX ON notes"
     " (%I)', c || '_old'); END LOOP; EXECUTE 'CREATE TABLE made (x int)'; END $$;",
     EXACT},
    {"database settings",
     "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''9MB''', current_database());"
     " EXECUTE format('ALTER DATABASE %I SET my.thing = ''a b''', current_database()); END $$;",
     EXACT},
    {"event trigger",
     "CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
     "CREATE EVENT TRIGGER guard ON ddl_command_end EXECUTE FUNCTION et();",
     EXACT},
    {"extension", "CREATE EXTENSION citext; ALTER TABLE notes ALTER COLUMN a TYPE citext;", EXACT},
    {"validate constraint",
     "ALTER TABLE orders DROP CONSTRAINT total_positive; ALTER TABLE orders ADD CONSTRAINT"
     " total_positive CHECK (total >= 0) NOT VALID;",
     EXACT},
    {"domain type",
     "ALTER TABLE customers ALTER COLUMN mail TYPE text; DROP DOMAIN email; CREATE DOMAIN email AS"
     " varchar(100); ALTER TABLE customers ALTER COLUMN mail TYPE email;",
     EXACT},
    {"everything at once",
     "ALTER TABLE orders DROP COLUMN fee CASCADE; ALTER TYPE order_status ADD VALUE 'x';"
     "ALTER TABLE customers RENAME TO clients; DROP FUNCTION touch() CASCADE; ALTER TABLE notes"
     " ALTER COLUMN big TYPE numeric; DROP INDEX orders_code; CREATE TABLE extra (id serial, c int"
     " REFERENCES clients (id)); ALTER TABLE events DETACH PARTITION events_2026; DROP POLICY"
     " notes_read ON notes; COMMENT ON TABLE notes IS 'n'; GRANT SELECT ON notes TO app_reader;",
     ORDER},
    {"drop everything", "DROP SCHEMA public CASCADE;", EXACT},
    {"drop and create everything",
     "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE orders (id int PRIMARY KEY);"
     "CREATE TYPE order_status AS ENUM ('x'); CREATE FUNCTION touch() RETURNS int LANGUAGE sql AS"
     " 'SELECT 1';",
     EXACT},
    {"move everything",
     "CREATE SCHEMA new; DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid::regclass FROM "
     "pg_class"
     " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') LOOP EXECUTE"
     " format('ALTER TABLE %s SET SCHEMA new', t); END LOOP; END $$;",
     EXACT},
    {"enum inside a composite", "ALTER TYPE kept_enum ADD VALUE 'b';", NONE},
    {"typed table", "ALTER TABLE typed NOT OF;", EXACT},
    {"drop typed table", "DROP TABLE typed; DROP TYPE tagged;", EXACT},
    {"drop deep partition", "DROP TABLE regions_eu_0 CASCADE;", EXACT},
    {"detach deep partition",
     "ALTER TABLE regions DETACH PARTITION regions_eu; DROP TABLE regions_rest CASCADE;", EXACT},
    {"drop partitioned tables", "DROP TABLE visits; DROP TABLE regions;", EXACT},
    {"drop referenced partitioned key", "ALTER TABLE regions DROP CONSTRAINT regions_pkey CASCADE;",
     EXACT},
    {"drop deep partitioned index", "DROP INDEX regions_area;", EXACT},
    {"column under functions", "ALTER TABLE orders DROP COLUMN customer_id CASCADE;", ORDER},
    {"functions over a row type", "DROP FUNCTION item_count; DROP FUNCTION atomic_sum;", EXACT},
    {"overload",
     "CREATE FUNCTION double_it(x numeric) RETURNS numeric LANGUAGE sql AS 'SELECT x * 2';"
     "ALTER FUNCTION double_it(integer) RENAME TO double_int;"
     "ALTER FUNCTION double_it(numeric) RENAME TO double_num;"
     "CREATE FUNCTION double_it(integer) RETURNS text LANGUAGE sql AS 'SELECT ''x''';",
     EXACT},
    {"swap functions and views",
     "ALTER FUNCTION touch RENAME TO x; ALTER FUNCTION into_view RENAME TO touch; ALTER FUNCTION x"
     " RENAME TO into_view; ALTER VIEW open_orders RENAME TO y; ALTER VIEW big_orders RENAME TO"
     " open_orders; ALTER VIEW y RENAME TO big_orders;",
     EXACT},
    {"swap a table and its copy",
     "CREATE TABLE notes_new (LIKE notes INCLUDING ALL); ALTER TABLE notes RENAME TO notes_old;"
     "ALTER TABLE notes_new RENAME TO notes; DROP TABLE notes_old CASCADE;",
     EXACT},
    {"index becomes constraint",
     "CREATE UNIQUE INDEX u ON notes (a); ALTER TABLE notes ADD CONSTRAINT notes_a UNIQUE USING "
     "INDEX"
     " u; ALTER TABLE orders DROP CONSTRAINT orders_code_uq; CREATE INDEX orders_code_uq ON orders"
     " (code);",
     EXACT},
    {"instead triggers",
     "DROP TRIGGER open_orders_in ON open_orders; DROP RULE big_orders_del ON"
     " big_orders;",
     EXACT},
    {"schemas of views",
     "ALTER VIEW open_orders SET SCHEMA audit; ALTER MATERIALIZED VIEW totals SET SCHEMA audit;"
     "ALTER MATERIALIZED VIEW audit.totals RENAME COLUMN sum TO total;",
     EXACT},
    {"quoted names",
     "CREATE TABLE \"Odd \"\" Table\" (\"select\" int, \"a.b\" text DEFAULT 'x''y'); ALTER TABLE"
     " notes RENAME COLUMN a TO \"Big A\"; ALTER TABLE notes RENAME TO \"My.Notes\";",
     EXACT},
    {"new child", "CREATE TABLE cats (claws int) INHERITS (animals);", EXACT},
    {"column to enum array",
     "DROP INDEX orders_code; ALTER TABLE orders ALTER COLUMN code TYPE unused_enum[] USING NULL;",
     EXACT},
    {"text to identity",
     "ALTER TABLE notes DROP COLUMN big; ALTER TABLE notes ADD COLUMN big int GENERATED ALWAYS AS"
     " IDENTITY;",
     EXACT},
    {"rows only",
     "INSERT INTO notes (id) VALUES ('00000000-0000-0000-0000-000000000001'); DELETE FROM notes;",
     EXACT},
    {"drop foreign table", "DROP FOREIGN TABLE far CASCADE;", EXACT},
    {"drop foreign partition and child",
     "DROP FOREIGN TABLE halves_far; DROP FOREIGN TABLE animals_far;", EXACT},
    {"foreign inheritance", "ALTER FOREIGN TABLE animals_far NO INHERIT animals;", INVERSE_LOSSY},
    {"add foreign objects",
     "CREATE FOREIGN DATA WRAPPER w2; CREATE SERVER s2 FOREIGN DATA WRAPPER w2; CREATE USER MAPPING"
     " FOR PUBLIC SERVER s2 OPTIONS (password 'x'); CREATE FOREIGN TABLE f2 (a int) SERVER s2;",
     EXACT},
    {"change foreign objects",
     "ALTER FOREIGN DATA WRAPPER wrap OPTIONS (SET a 'b', DROP \"B\", ADD c 'd, e''f');"
     "ALTER SERVER srv VERSION '2' OPTIONS (SET host 'x', ADD dbname 'y', DROP port);"
     "ALTER FOREIGN TABLE far OPTIONS (DROP t, SET \"X\" 'z'); ALTER FOREIGN TABLE far ALTER COLUMN"
     " id OPTIONS (SET n 'j', ADD m 'k'); ALTER FOREIGN TABLE far ALTER COLUMN what SET DEFAULT"
     " 'q', ALTER COLUMN id DROP NOT NULL, ADD COLUMN more text; COMMENT ON SERVER srv IS NULL;"
     "REVOKE ALL ON FOREIGN SERVER srv FROM app_reader; ALTER FOREIGN TABLE far DROP CONSTRAINT"
     " far_what_check;",
     EXACT},
    {"rename foreign objects",
     "ALTER SERVER srv RENAME TO s; ALTER FOREIGN DATA WRAPPER wrap RENAME TO w; ALTER FOREIGN "
     "TABLE"
     " far RENAME TO wide; ALTER FOREIGN TABLE wide RENAME COLUMN id TO key;",
     EXACT},
    {"foreign table on another server",
     "DROP FOREIGN TABLE animals_far; CREATE FOREIGN TABLE animals_far (wings integer) INHERITS"
     " (animals) SERVER srv;",
     EXACT},
    {"foreign column type", "DROP VIEW far_view; ALTER FOREIGN TABLE far ALTER id TYPE text;",
     EXACT},
    {"drop server without mapping", "DROP SERVER bare CASCADE;", EXACT},
    {"drop server with mapping", "DROP SERVER srv CASCADE;", NONE},
    {"drop user mapping", "DROP USER MAPPING FOR app_owner SERVER srv;", NONE},
    {"change user mapping", "ALTER USER MAPPING FOR app_owner SERVER srv OPTIONS (password 'x');",
     NONE},
    {"trigger of one partition",
     "ALTER TABLE events_2025 ENABLE TRIGGER events_note; ALTER TABLE events_2026 ENABLE ALWAYS"
     " TRIGGER events_note;",
     EXACT},
    {"drop partition with a switched trigger", "DROP TABLE events_2025;", EXACT},
    {"drop trigger that one partition has switched", "DROP TRIGGER events_note ON events;", EXACT},
    {"new aggregate", "CREATE AGGREGATE sum_up(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');",
     EXACT},
    {"drop aggregate", "DROP AGGREGATE longest(text) CASCADE;", EXACT},
    {"rename aggregate", "ALTER AGGREGATE longest(text) RENAME TO longer;", EXACT},
    {"move aggregate", "ALTER AGGREGATE longest(text) SET SCHEMA audit;", EXACT},
    {"owner of aggregate",
     "ALTER AGGREGATE longest(text) OWNER TO app_owner; REVOKE EXECUTE ON FUNCTION longest(text)"
     " FROM PUBLIC; COMMENT ON AGGREGATE longest(text) IS 'x';",
     EXACT},
    {"replace aggregate",
     "CREATE OR REPLACE AGGREGATE longest(text) (SFUNC = text_smaller, STYPE = text);", EXACT},
    {"drop range type", "DROP TYPE span;", EXACT},
    {"new range type", "CREATE TYPE r AS RANGE (SUBTYPE = text); CREATE TABLE t (r r);", EXACT},
    {"rename range type", "ALTER TYPE span RENAME TO reach; ALTER TYPE reach SET SCHEMA audit;",
     EXACT},
    {"change range type", "DROP TYPE span; CREATE TYPE span AS RANGE (SUBTYPE = numeric);", EXACT},
    {"new base type",
     "CREATE TYPE b; CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS"
     " 'textin'; CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS"
     " 'textout'; CREATE TYPE b (INPUT = b_in, OUTPUT = b_out);",
     NONE},
    {"new shell type", "CREATE TYPE b;", EXACT},
    {"new operator",
     "CREATE OPERATOR @+@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int, COMMUTATOR = @+@);",
     EXACT},
    {"drop operator", "DROP OPERATOR === (text, text) CASCADE;", EXACT},
    {"change operator", "ALTER OPERATOR === (text, text) SET (RESTRICT = NONE);", EXACT},
    {"new operator class",
     "CREATE OPERATOR CLASS backwards FOR TYPE int USING btree AS OPERATOR 1 >, OPERATOR 2 >=,"
     " OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int, int);"
     "CREATE INDEX notes_backwards ON notes ((length(a)) backwards);",
     EXACT},
    {"grow operator family",
     "ALTER OPERATOR FAMILY strange USING btree ADD FUNCTION 1 (int, bigint) btint48cmp(int,"
     " bigint);",
     EXACT},
    {"grow the server's own operator family",
     "ALTER OPERATOR FAMILY integer_ops USING hash ADD OPERATOR 1 ===(text, text);", EXACT},
    {"drop operator family", "DROP OPERATOR FAMILY strange USING btree;", EXACT},
    {"new cast", "CREATE CAST (int AS box) WITH INOUT; COMMENT ON CAST (int AS box) IS 'x';",
     EXACT},
    {"new collation",
     "CREATE COLLATION plain (LOCALE = 'C'); ALTER TABLE events_loose ALTER COLUMN what TYPE text "
     "COLLATE"
     " plain;",
     EXACT},
    {"drop collation", "DROP COLLATION spare.own;", EXACT},
    {"change a collation in use",
     "ALTER TABLE animals ALTER COLUMN name TYPE text; DROP COLLATION own; CREATE COLLATION own"
     " (LOCALE = 'POSIX'); ALTER TABLE animals ALTER COLUMN name TYPE text COLLATE own;",
     NONE},
    {"rename collation", "ALTER COLLATION own RENAME TO mine;", EXACT},
    {"new conversion", "CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;",
     EXACT},
    {"new access method", "CREATE ACCESS METHOD mine TYPE TABLE HANDLER heap_tableam_handler;",
     EXACT},
    {"drop text search configuration", "DROP TEXT SEARCH CONFIGURATION words CASCADE;", EXACT},
    {"other mappings",
     "ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR word WITH english_stem;"
     "ALTER TEXT SEARCH CONFIGURATION words DROP MAPPING FOR int; ALTER TEXT SEARCH CONFIGURATION"
     " words ADD MAPPING FOR email WITH simple;",
     EXACT},
    {"dictionary under a configuration",
     "ALTER TEXT SEARCH DICTIONARY plain_words (STOPWORDS = english);", EXACT},
    {"transform",
     "CREATE TRANSFORM FOR varchar LANGUAGE sql (FROM SQL WITH FUNCTION "
     "varchar_support(internal));",
     EXACT},
};

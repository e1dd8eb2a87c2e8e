-- A rollback drops columns, also a new key, of tables without a key: they are copied whole, not refused.
CREATE TABLE loose (a text, b integer);
INSERT INTO loose SELECT 'a' || i % 2, i % 2 FROM generate_series(1, 10) i;
CREATE TABLE keyless (a text);
INSERT INTO keyless VALUES ('x'), ('x');
CREATE TABLE parts (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO parts VALUES (1, '2026-01-05'), (1, '2026-01-05');
-- migration
ALTER TABLE loose ADD COLUMN c integer DEFAULT 7;
ALTER TABLE keyless ADD COLUMN id serial PRIMARY KEY;
ALTER TABLE parts ADD COLUMN note text DEFAULT 'new';

-- The way back rewrites tables that the migration did not: generated columns, persistence.
CREATE TABLE a (id integer PRIMARY KEY, x integer, y integer GENERATED ALWAYS AS (x * 2) STORED);
INSERT INTO a SELECT i, i FROM generate_series(1, 20) i;
CREATE UNLOGGED TABLE b (id integer PRIMARY KEY, t text);
INSERT INTO b SELECT i, 'b' FROM generate_series(1, 20) i;
-- migration
ALTER TABLE a DROP COLUMN y;
ALTER TABLE b SET LOGGED;

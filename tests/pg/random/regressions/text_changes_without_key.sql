-- expect: exact
-- The text of a value changes with its type or by a rename: a dropped column comes back all the same.
CREATE TYPE addr AS (street text, zip text);
CREATE TABLE t (a int, ad addr, x int);
INSERT INTO t VALUES (1, ROW('s', 'z'), 10), (1, ROW('s', 'z'), 11), (2, NULL, 12);
CREATE TABLE plain (a int, x int);
INSERT INTO plain VALUES (1, 10), (1, 11);
CREATE TABLE kinds (a int, r regclass, x int);
INSERT INTO kinds VALUES (1, 'plain', 5);
-- migration
ALTER TYPE addr ADD ATTRIBUTE country text;
ALTER TABLE t DROP COLUMN x;
ALTER TABLE kinds DROP COLUMN x;
ALTER TABLE plain RENAME TO plainer;

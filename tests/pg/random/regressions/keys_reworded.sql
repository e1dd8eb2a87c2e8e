-- expect: exact
-- The text of a key is another row's, or another text, afterwards: such a key finds no row again.
CREATE TYPE e AS ENUM ('open', 'closed');
CREATE DOMAIN state AS e;
CREATE TABLE swapped (e e, n int, v int, PRIMARY KEY (n, e));
INSERT INTO swapped VALUES ('open', 1, 1), ('closed', 1, 2), ('open', 2, 3);
CREATE TABLE narrow (s state, n int, v int, x text, PRIMARY KEY (n, s));
INSERT INTO narrow VALUES ('open', 1, 1, 'a'), ('closed', 1, 2, 'b'), ('open', 2, 3, 'c');
CREATE TYPE pair AS (a int, b int);
CREATE TABLE pairs (p pair PRIMARY KEY, v int);
INSERT INTO pairs VALUES ((1, 2), 1), ((2, 1), 2);
CREATE TABLE a (v int);
CREATE TABLE b (v int);
CREATE TABLE names (t regclass PRIMARY KEY, v int);
INSERT INTO names VALUES ('a', 1), ('b', 2);
-- migration
ALTER TYPE e RENAME VALUE 'open' TO 'tmp';
ALTER TYPE e RENAME VALUE 'closed' TO 'open';
ALTER TYPE e RENAME VALUE 'tmp' TO 'closed';
UPDATE swapped SET v = 10 WHERE v = 1;
UPDATE narrow SET v = 10 WHERE v = 1;
ALTER TABLE narrow DROP COLUMN x;
ALTER TYPE pair ADD ATTRIBUTE c int;
UPDATE pairs SET v = 7 WHERE v = 2;
ALTER TABLE a RENAME TO tmp;
ALTER TABLE b RENAME TO a;
ALTER TABLE tmp RENAME TO b;
UPDATE names SET v = 7 WHERE v = 1;

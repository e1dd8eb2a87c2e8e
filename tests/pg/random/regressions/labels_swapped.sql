-- expect: exact
-- The same text is another value afterwards: labels that changed places, tables that changed names.
CREATE TYPE e AS ENUM ('open', 'closed');
CREATE TABLE keyed (id int PRIMARY KEY, e e, list e[]);
INSERT INTO keyed VALUES (1, 'open', '{open}'), (2, 'open', '{open}'), (3, 'closed', '{closed,open}');
CREATE TABLE bare (e e, x int);
INSERT INTO bare VALUES ('open', 1), ('open', 1), ('closed', 3);
CREATE TABLE dropped (e e, x int);
INSERT INTO dropped VALUES ('open', 1), ('open', 1), ('closed', 3);
CREATE TABLE a (v int);
CREATE TABLE b (v int);
CREATE TABLE names (id int PRIMARY KEY, t regclass);
INSERT INTO names VALUES (1, 'a'), (2, 'b');
-- migration
ALTER TYPE e RENAME VALUE 'open' TO 'tmp';
ALTER TYPE e RENAME VALUE 'closed' TO 'open';
ALTER TYPE e RENAME VALUE 'tmp' TO 'closed';
UPDATE keyed SET e = 'open', list = '{open}' WHERE id = 1;
UPDATE bare SET e = 'open' WHERE x = 1;
ALTER TABLE dropped DROP COLUMN x;
ALTER TABLE a RENAME TO tmp;
ALTER TABLE b RENAME TO a;
ALTER TABLE tmp RENAME TO b;
UPDATE names SET t = 'a' WHERE id = 1;

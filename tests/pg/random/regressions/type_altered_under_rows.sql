-- expect: exact
-- While the migration holds the type of a column, nobody else can read the originals of rows.
CREATE TYPE addr AS (street text, zip text);
CREATE DOMAIN home AS addr;
CREATE TABLE keyed (a int PRIMARY KEY, ad home, x int);
INSERT INTO keyed VALUES (1, ('s', '1'), 10), (2, ('t', '2'), 11);
CREATE TABLE bare (a int, ad addr[], x int);
INSERT INTO bare VALUES (1, ARRAY[('s', '1')::addr], 10), (2, NULL, 11);
-- migration
ALTER TYPE addr ADD ATTRIBUTE country text;
UPDATE keyed SET x = x + 1 WHERE a = 1;
UPDATE bare SET x = x + 1 WHERE a = 1;

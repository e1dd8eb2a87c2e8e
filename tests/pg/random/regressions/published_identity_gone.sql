-- expect: exact
-- The replica identity is an index that is dropped, or a primary key that is none to the server: deferrable.
CREATE TABLE by_index (a int NOT NULL, b text, x int);
CREATE UNIQUE INDEX by_index_a ON by_index (a);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_a;
INSERT INTO by_index VALUES (1, 'a', 10), (2, 'b', 11);
CREATE TABLE deferred (a int PRIMARY KEY DEFERRABLE, b text);
INSERT INTO deferred VALUES (1, 'a'), (2, 'b');
CREATE PUBLICATION p FOR ALL TABLES;
-- migration
ALTER TABLE by_index DROP COLUMN x;
DROP INDEX by_index_a;
INSERT INTO deferred VALUES (3, 'c');

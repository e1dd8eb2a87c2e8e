-- expect: refused
-- No row of the table can be deleted while the publication has some of its columns and there is no identity.
CREATE TABLE t (a int, b text);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE PUBLICATION p FOR TABLE t (a);
-- migration
INSERT INTO t VALUES (3, 'c');

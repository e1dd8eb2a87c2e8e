-- expect: refused
-- The rows of an attached table would be those of two tables.
CREATE TABLE root (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF root FOR VALUES IN (1);
CREATE TABLE x (a int);
INSERT INTO x VALUES (2);
-- migration
INSERT INTO x VALUES (2);
ALTER TABLE root ATTACH PARTITION x FOR VALUES IN (2, 3);
INSERT INTO root VALUES (1), (3);

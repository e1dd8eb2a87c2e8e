-- expect: refused
-- What a partition took along when it was detached could not be told apart without a key.
CREATE TABLE root (a int, x int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF root FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF root FOR VALUES IN (2);
INSERT INTO root VALUES (1, 10), (2, 20);
-- migration
ALTER TABLE root DROP COLUMN x;
ALTER TABLE root DETACH PARTITION p2;

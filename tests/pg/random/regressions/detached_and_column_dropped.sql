-- expect: exact
-- A rollback attaches the partition again before it fills the column: its own capture has to know.
CREATE TABLE root (a int PRIMARY KEY, x int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF root FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF root FOR VALUES IN (2);
INSERT INTO root VALUES (1, 10), (2, 20);
-- migration
ALTER TABLE root DETACH PARTITION p2;
ALTER TABLE root DROP COLUMN x;

-- expect: refused
-- Rows written in a partition that then leaves are no longer seen through the root.
CREATE TABLE root (a int PRIMARY KEY, x int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF root FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF root FOR VALUES IN (2);
INSERT INTO root VALUES (1, 10), (2, 20);
CREATE TABLE arrives (a int PRIMARY KEY, x int);
-- migration
UPDATE root SET x = x + 1;
ALTER TABLE root DETACH PARTITION p2;
ALTER TABLE root ATTACH PARTITION arrives FOR VALUES IN (3);

-- expect: exact
-- Rows of a partition that leaves, with a key and without, written before and after it left; the root stays or goes.
CREATE TABLE root (a int, day date, px int, PRIMARY KEY (a, day)) PARTITION BY RANGE (day);
CREATE TABLE p1 PARTITION OF root FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE p2 PARTITION OF root FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO root SELECT i, '2026-01-05', i FROM generate_series(1, 20) i;
INSERT INTO root SELECT i, '2026-02-05', i FROM generate_series(1, 20) i;
CREATE TABLE bare (a int, x text) PARTITION BY LIST (a);
CREATE TABLE bare1 PARTITION OF bare FOR VALUES IN (1);
CREATE TABLE bare2 PARTITION OF bare FOR VALUES IN (2);
INSERT INTO bare VALUES (1, 'a'), (1, 'a'), (2, 'a'), (2, 'a'), (2, NULL);
CREATE TABLE narrow (a int, x int) PARTITION BY LIST (a);
CREATE TABLE narrow1 PARTITION OF narrow FOR VALUES IN (1);
CREATE TABLE narrow2 PARTITION OF narrow FOR VALUES IN (2);
INSERT INTO narrow VALUES (1, 10), (2, 20), (2, 20);
-- migration
UPDATE root SET px = px + 1 WHERE a < 3;
ALTER TABLE root DETACH PARTITION p1;
DELETE FROM p1 WHERE px < 5;
UPDATE p1 SET px = -px WHERE px > 15;
INSERT INTO p1 VALUES (100, '2026-01-09', 1);
UPDATE bare SET x = 'b' WHERE a = 1;
ALTER TABLE bare DETACH PARTITION bare2;
UPDATE bare2 SET x = 'z';
DROP TABLE bare;
ALTER TABLE narrow DROP COLUMN x;
ALTER TABLE narrow DETACH PARTITION narrow2;

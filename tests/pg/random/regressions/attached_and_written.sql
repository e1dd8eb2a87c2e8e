-- expect: exact
-- Rows move between partitions that leave, come and stay, and a whole tree of them; one goes from one root to another.
CREATE TABLE root (a int, r int, x text, PRIMARY KEY (a, r)) PARTITION BY LIST (r);
CREATE TABLE p1 PARTITION OF root FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF root FOR VALUES IN (2) PARTITION BY LIST (a);
CREATE TABLE p2a PARTITION OF p2 FOR VALUES IN (1, 2);
CREATE TABLE p2b PARTITION OF p2 DEFAULT;
CREATE TABLE other (a int, r int, x text, PRIMARY KEY (a, r));
INSERT INTO root SELECT i, 1 + i % 2, 'r' || i FROM generate_series(1, 12) i;
INSERT INTO other SELECT i, 3, 'o' || i FROM generate_series(1, 2) i;
CREATE TABLE follows (id int PRIMARY KEY, a int, r int,
  FOREIGN KEY (a, r) REFERENCES root ON UPDATE CASCADE ON DELETE CASCADE);
INSERT INTO follows VALUES (1, 3, 2), (2, 5, 2), (3, 7, 2), (4, 9, 2), (5, 4, 1);
CREATE TABLE old (a int PRIMARY KEY, x int) PARTITION BY RANGE (a);
CREATE TABLE old_0 PARTITION OF old FOR VALUES FROM (0) TO (10);
CREATE TABLE old_1 PARTITION OF old FOR VALUES FROM (10) TO (20);
INSERT INTO old SELECT i, i FROM generate_series(0, 19) i;
CREATE TABLE new (a int PRIMARY KEY, x int) PARTITION BY RANGE (a);
CREATE TABLE bare (a int) PARTITION BY LIST (a);
CREATE TABLE bare_1 PARTITION OF bare FOR VALUES IN (1);
CREATE TABLE x (a int);
INSERT INTO x VALUES (2), (2);
-- migration
ALTER TABLE root ATTACH PARTITION other FOR VALUES IN (3);
UPDATE root SET r = 3 WHERE a IN (3, 5);
UPDATE root SET r = 1 WHERE a = 7;
DELETE FROM root WHERE a = 4;
DELETE FROM follows WHERE r >= 2;
ALTER TABLE root DETACH PARTITION p2;
INSERT INTO p2 VALUES (40, 2, 'away');
INSERT INTO root VALUES (50, 1, 'new'), (51, 3, 'new');
UPDATE old SET x = x + 1 WHERE a % 3 = 0;
ALTER TABLE old DETACH PARTITION old_0;
ALTER TABLE new ATTACH PARTITION old_0 FOR VALUES FROM (0) TO (10);
UPDATE new SET x = x * 2 WHERE a % 2 = 0;
DELETE FROM new WHERE a = 7;
INSERT INTO x VALUES (2);
ALTER TABLE bare ATTACH PARTITION x FOR VALUES IN (2, 3);
INSERT INTO bare VALUES (1), (3);

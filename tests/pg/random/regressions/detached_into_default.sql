-- expect: refused
-- The partition cannot be attached again while its rows are in the default one.
CREATE TABLE t (id int PRIMARY KEY, b text) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100);
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (100) TO (200);
CREATE TABLE rest PARTITION OF t DEFAULT;
INSERT INTO t SELECT i * 10, 'x' FROM generate_series(1, 15) i;
-- migration
ALTER TABLE t DETACH PARTITION t2;
INSERT INTO t SELECT * FROM t2;
DELETE FROM t2;

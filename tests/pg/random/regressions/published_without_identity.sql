-- expect: column-order
-- Published tables that nobody can update or delete from: rows are written back all the same.
CREATE TABLE t (id int NOT NULL UNIQUE, v text, w text);
CREATE TABLE u (a int, b text);
CREATE TABLE n (a int, b text);
INSERT INTO t SELECT g, 'x' || g, 'y' FROM generate_series(1,5) g;
INSERT INTO u SELECT g % 2, 'x' || g FROM generate_series(1,5) g;
INSERT INTO n SELECT g % 2, 'x' FROM generate_series(1,5) g;
ALTER TABLE n REPLICA IDENTITY NOTHING;
CREATE TABLE parts (a int, b text) PARTITION BY RANGE (a);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (1, 'p1'), (11, 'p');
CREATE PUBLICATION p FOR ALL TABLES;
-- migration
ALTER TABLE t ADD PRIMARY KEY (id), DROP COLUMN v;
ALTER TABLE u DROP COLUMN b;
INSERT INTO n VALUES (7, 'new');
INSERT INTO parts VALUES (1, 'p1'), (12, 'p12');

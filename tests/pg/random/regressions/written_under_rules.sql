-- expect: exact
-- Rules are switched off while rows are written back, which locks the table more than the migration did.
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE TABLE log (t text);
CREATE RULE noted AS ON UPDATE TO t DO ALSO INSERT INTO log VALUES (new.v);
CREATE TABLE root (id int PRIMARY KEY, v text) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF root DEFAULT;
CREATE RULE noted AS ON UPDATE TO part DO ALSO INSERT INTO log VALUES (new.v);
INSERT INTO root VALUES (1, 'a'), (2, 'b');
-- migration
INSERT INTO t VALUES (3, 'c');
UPDATE t SET v = v || 'x' WHERE id = 1;
DELETE FROM root WHERE id = 2;
INSERT INTO root VALUES (3, 'c');

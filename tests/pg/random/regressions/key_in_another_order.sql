-- expect: exact
-- The key names its columns in another order than the table.
CREATE TABLE t (a int, b int, v text, PRIMARY KEY (b, a));
INSERT INTO t SELECT i, j, i || '-' || j FROM generate_series(1, 4) i, generate_series(1, 4) j;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER nothing BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE held (a int, b int, v text, PRIMARY KEY (b, a));
INSERT INTO held SELECT * FROM t;
-- migration
UPDATE t SET v = 'changed' WHERE a = 1 AND b = 2;
DELETE FROM t WHERE a = 3 AND b = 4;
DROP TRIGGER nothing ON t;
UPDATE held SET v = 'changed' WHERE a = 1 AND b = 2;
DO $$ BEGIN PERFORM FROM held WHERE a = 2 AND b = 1 FOR UPDATE; END $$;

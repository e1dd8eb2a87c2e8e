-- expect: exact
-- The shadow has no rows, so that a function or a cascade writes more on the database than was seen there.
CREATE TABLE root (a int PRIMARY KEY, x int) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF root FOR VALUES IN (1, 2);
CREATE TABLE ruled (a int PRIMARY KEY, x int);
CREATE RULE r AS ON UPDATE TO ruled DO ALSO NOTIFY moved;
CREATE TABLE source (a int PRIMARY KEY);
INSERT INTO root VALUES (1, 1);
INSERT INTO ruled VALUES (1, 1);
INSERT INTO source VALUES (1);
CREATE FUNCTION writes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM source) THEN
    INSERT INTO root VALUES (2, 2);
    DELETE FROM ruled;
  END IF;
END $$;
-- migration
SELECT writes();
-- migration
CREATE TABLE later (LIKE root INCLUDING CONSTRAINTS);
ALTER TABLE root ATTACH PARTITION later FOR VALUES IN (3);
DO $$ BEGIN IF EXISTS (SELECT FROM source) THEN UPDATE root SET x = x + 1; INSERT INTO ruled VALUES (7, 7); END IF; END $$;

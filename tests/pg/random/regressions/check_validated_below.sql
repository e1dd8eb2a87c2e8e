-- The check of a partition is validated, that of the table which brings it is not: the shadow has to be equal all the same.
CREATE TABLE parts (id integer NOT NULL, a integer) PARTITION BY LIST (id);
ALTER TABLE parts ADD CONSTRAINT a_small CHECK (a < 10) NOT VALID;
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parent (id integer PRIMARY KEY, a integer);
CREATE TABLE child () INHERITS (parent);
ALTER TABLE parent ADD CONSTRAINT b_small CHECK (a < 20) NOT VALID;
ALTER TABLE child VALIDATE CONSTRAINT b_small;
-- migration
ALTER TABLE parts ADD COLUMN b text;

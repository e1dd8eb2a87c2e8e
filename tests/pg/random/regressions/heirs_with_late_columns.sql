-- expect: column-order
-- Columns that a parent got later come last in its children, but first when the children are made anew, as on a shadow.
CREATE TABLE people (id integer PRIMARY KEY, name text);
CREATE TABLE staff (grade integer, PRIMARY KEY (id)) INHERITS (people);
ALTER TABLE people ADD COLUMN born date DEFAULT '2000-01-01', ADD COLUMN note text;
CREATE TABLE bosses (car text) INHERITS (staff);
ALTER TABLE people ADD COLUMN late integer DEFAULT 5;
INSERT INTO people VALUES (1, 'a', '1999-09-09', 'n', 1);
INSERT INTO staff (id, name, grade, born, late) VALUES (1, 's', 7, '1998-08-08', 2), (2, 't', 8, NULL, 3);
INSERT INTO bosses (id, name, grade, car, late) VALUES (9, 'b', 1, 'red', 4), (9, 'b', 1, 'red', 4);
-- migration
UPDATE people SET late = late + 1;
ALTER TABLE people DROP COLUMN note;
ALTER TABLE staff ADD COLUMN extra text;
UPDATE bosses SET car = 'blue', grade = 2;
DELETE FROM staff WHERE id = 2

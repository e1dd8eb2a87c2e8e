-- expect: exact
-- A partition or a child has a default of its own, which does not fit the type that the column gets back.
CREATE TYPE kind AS ENUM ('open', 'shut');
CREATE TABLE root (a int PRIMARY KEY, k kind) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF root DEFAULT;
ALTER TABLE ONLY part ALTER COLUMN k SET DEFAULT 'shut';
INSERT INTO root VALUES (1, 'open');
CREATE TABLE parent (a int PRIMARY KEY, n varchar(9), other kind);
CREATE TABLE child (PRIMARY KEY (a)) INHERITS (parent);
ALTER TABLE child ALTER n SET DEFAULT 'x', ALTER other SET DEFAULT 'open';
INSERT INTO child VALUES (1);
-- migration
ALTER TYPE kind ADD VALUE 'ajar' BEFORE 'shut';
-- migration
CREATE TYPE kind_new AS ENUM ('open', 'ajar', 'shut', 'more');
ALTER TABLE part ALTER COLUMN k DROP DEFAULT;
ALTER TABLE root ALTER COLUMN k TYPE kind_new USING k::text::kind_new;
ALTER TABLE part ALTER COLUMN k SET DEFAULT 'open';
ALTER TABLE child ALTER other DROP DEFAULT, ALTER n SET DEFAULT '7';
ALTER TABLE parent ALTER other TYPE kind_new USING other::text::kind_new;
ALTER TABLE child ALTER other SET DEFAULT 'more';
DROP TYPE kind;
ALTER TYPE kind_new RENAME TO kind;

-- RESTART, setval and nextval of a sequence that nobody used since are set back; a renamed one too.
CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text);
INSERT INTO t (a) SELECT 'x' FROM generate_series(1, 7);
CREATE SEQUENCE free CACHE 5;
CREATE SEQUENCE other;
SELECT nextval('other');
CREATE TABLE gone (id serial PRIMARY KEY);
SELECT setval('gone_id_seq', 12);
-- migration
ALTER TABLE t ALTER COLUMN id RESTART WITH 500;
INSERT INTO t (a) VALUES ('y');
SELECT setval('free', 40);
ALTER SEQUENCE other RENAME TO another;
SELECT nextval('another');
DROP TABLE gone;

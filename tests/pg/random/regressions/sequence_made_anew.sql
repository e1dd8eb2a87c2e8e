-- expect: exact
-- The undo of a later migration makes the sequence anew, as the earlier one had left it.
CREATE TABLE t (id serial PRIMARY KEY);
INSERT INTO t SELECT FROM generate_series(1, 3);
-- migration
ALTER SEQUENCE t_id_seq RESTART WITH 40;
-- migration
DROP TABLE t CASCADE;

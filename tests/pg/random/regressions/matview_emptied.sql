-- Materialized views that a migration empties come back with rows, in the order in which they need each other.
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT g, 'x' FROM generate_series(1, 5) g;
CREATE MATERIALIZED VIEW m AS SELECT v, count(*) AS n FROM t GROUP BY v;
CREATE VIEW between AS SELECT n FROM m;
CREATE MATERIALIZED VIEW a AS SELECT sum(n) FROM between;
CREATE MATERIALIZED VIEW empty AS SELECT 1 WITH NO DATA;
-- migration
REFRESH MATERIALIZED VIEW a WITH NO DATA;
REFRESH MATERIALIZED VIEW m WITH NO DATA;
REFRESH MATERIALIZED VIEW empty;

-- Rows moved, as they are, into a partition that the rollback drops: they were lost.
CREATE TABLE trades (id integer, day date, qty numeric, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE trades_rest PARTITION OF trades DEFAULT;
INSERT INTO trades SELECT i, date '2025-12-01' + i, i FROM generate_series(1, 60) i;
CREATE TABLE keys (a integer, b integer, PRIMARY KEY (a, b)) PARTITION BY LIST (a);
CREATE TABLE keys_rest PARTITION OF keys DEFAULT;
INSERT INTO keys SELECT i % 3, i FROM generate_series(1, 9) i;
-- migration
ALTER TABLE trades DETACH PARTITION trades_rest;
CREATE TABLE trades_2026 PARTITION OF trades FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
WITH moved AS (DELETE FROM trades_rest WHERE day >= '2026-01-01' RETURNING *) INSERT INTO trades SELECT * FROM moved;
ALTER TABLE trades ATTACH PARTITION trades_rest DEFAULT;
ALTER TABLE keys DETACH PARTITION keys_rest;
CREATE TABLE keys_1 PARTITION OF keys FOR VALUES IN (1);
WITH moved AS (DELETE FROM keys_rest WHERE a = 1 RETURNING *) INSERT INTO keys SELECT * FROM moved;
ALTER TABLE keys ATTACH PARTITION keys_rest DEFAULT;

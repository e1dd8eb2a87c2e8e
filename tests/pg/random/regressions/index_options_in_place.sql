-- Options of an index that cannot be dropped alone, and of others.
CREATE TABLE parts (id integer, day date, w text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE INDEX parts_w ON parts (w);
CREATE TABLE t (id integer PRIMARY KEY, a text, UNIQUE (a) WITH (fillfactor = 60));
CREATE INDEX t_with ON t ((a || ' WITH (x)')) WITH (fillfactor = 70, deduplicate_items = off) WHERE a <> ' WITH (y)';
-- migration
ALTER INDEX parts_1_pkey SET (fillfactor = 55);
ALTER INDEX parts_1_w_idx SET (fillfactor = 56);
ALTER INDEX t_a_key RESET (fillfactor);
ALTER INDEX t_pkey SET (deduplicate_items = off);
ALTER INDEX t_with SET (fillfactor = 77);
ALTER INDEX t_with RESET (deduplicate_items);

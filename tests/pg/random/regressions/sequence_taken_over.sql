-- A sequence that a new table takes over goes with that table when it is dropped, and has to come back as it was.
CREATE TABLE events (id bigserial PRIMARY KEY, what text);
INSERT INTO events (what) SELECT 'e' FROM generate_series(1, 15);
CREATE TABLE owned (id serial PRIMARY KEY);
-- migration
ALTER TABLE events RENAME TO events_old;
ALTER SEQUENCE events_id_seq OWNED BY NONE;
CREATE TABLE events (id bigint NOT NULL DEFAULT nextval('events_id_seq') PRIMARY KEY, what text);
INSERT INTO events SELECT * FROM events_old;
DROP TABLE events_old;
ALTER SEQUENCE events_id_seq OWNED BY events.id;
ALTER TABLE owned OWNER TO random_reader;

-- A routine set into the schema that it is in: the lint stage went on for ever.
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- migration
ALTER ROUTINE f() SET SCHEMA public;

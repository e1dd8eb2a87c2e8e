"""Names, types and values: what statements are made of."""

ROLES = ["random_owner", "random_reader", "random_writer"]
WORDS = ["account", "ledger", "Mixed Case", "order", "price", "trade", "user", "naïve", "tag", "note", "event", "region", "batch",
         "quota", "audit", "item", "stock", "tenant", "invoice", "leg", "venue", "rate"]
TYPES = ["integer", "integer", "bigint", "smallint", "text", "text", "varchar(40)", "varchar", "char(6)", "numeric(12,4)", "numeric",
         "boolean", "date", "timestamp", "timestamptz", "timestamptz(3)", "time", "interval", "uuid", "jsonb", "json", "bytea",
         "double precision", "real", "integer[]", "text[]", "int4range", "tstzrange", "inet", "point", "bit(4)", "money", "xml",
         "tsvector", "\"char\"", "oid", "name", "numeric(6,2)[]", "macaddr", "int8multirange"]
# Values of a type, {i} counts rows.
VALUES = {
    "int4": ["{i}", "({i} * 37) % 101", "{i} % 5"], "int8": ["{i} * 1000003", "{i}"], "int2": ["{i} % 30000", "{i} % 7"],
    "text": ["'text ' || {i}", "md5({i}::text)", "CASE WHEN {i} % 4 <> 0 THEN 'x' || {i} % 6 END", "repeat('long ', {i} % 50)",
             "E'tab\\t\\\\quote'' ' || {i}"],
    "varchar": ["'v' || {i}", "left(md5({i}::text), 12)"], "bpchar": ["'c' || {i} % 100"], "name": ["'n' || {i}"],
    "numeric": ["{i} / 7.0", "({i} * 13.37) % 97", "{i}"], "bool": ["{i} % 2 = 0", "CASE WHEN {i} % 3 <> 0 THEN {i} % 3 = 1 END"],
    "date": ["date '2026-01-01' + ({i} % 300)", "date '1999-12-31' + {i}"],
    "timestamp": ["timestamp '2026-01-01 00:00' + {i} * interval '97 min'"],
    "timestamptz": ["timestamptz '2026-03-01 00:00+02' + {i} * interval '61 min'"],
    "time": ["time '00:00' + {i} * interval '7 min'"], "interval": ["{i} * interval '90 min'", "make_interval(months => {i})"],
    "uuid": ["md5('u' || {i})::uuid"], "jsonb": ["jsonb_build_object('n', {i}, 'list', jsonb_build_array({i}, null))"],
    "json": ["json_build_object('n', {i}, 'n', 2)"], "bytea": ["decode(md5({i}::text), 'hex')"],
    "float8": ["{i} / 3.0::float8", "'NaN'"], "float4": ["{i} / 3.0::float4"], "_int4": ["ARRAY[{i}, NULL, {i} % 3]"],
    "_text": ["ARRAY['a' || {i}, NULL, '']"], "_numeric": ["ARRAY[{i} / 4.0]"], "int4range": ["int4range({i} * 10, {i} * 10 + 5)"],
    "tstzrange": ["tstzrange(timestamptz '2026-01-01 00:00+00' + {i} * interval '1 day', NULL)"],
    "int8multirange": ["int8multirange(int8range({i}, {i} + 3), int8range({i} + 9, NULL))"],
    "inet": ["'10.0.0.0'::inet + {i}"], "point": ["point({i}, -{i})"], "bit": ["({i} % 16)::bit(4)"], "money": ["({i} / 4.0)::numeric::money"],
    "xml": ["('<a>' || {i} || '</a>')::xml"], "tsvector": ["to_tsvector('simple', 'word' || {i} || ' more')"],
    "char": ["chr(65 + {i} % 26)::\"char\""], "oid": ["{i}::oid"], "macaddr": ["('08:00:2b:01:02:' || lpad(to_hex({i} % 256), 2, '0'))::macaddr"],
}
DEFAULTS = {
    "int4": ["0", "7", "1 + 1"], "int8": ["0", "42"], "int2": ["1"], "text": ["'none'", "''", "upper('abc')", "CURRENT_USER"],
    "varchar": ["'v'"], "numeric": ["0", "1.50"], "bool": ["true", "false"], "date": ["CURRENT_DATE", "'2026-01-01'"],
    "timestamp": ["now()", "'2026-01-01'"], "timestamptz": ["now()", "CURRENT_TIMESTAMP"], "uuid": ["gen_random_uuid()"],
    "jsonb": ["'{{}}'", "'{{\"a\": 1}}'"], "interval": ["'1 day'"], "_int4": ["'{{}}'", "ARRAY[1, 2]"], "_text": ["'{{}}'"], "float8": ["1.5"],
    "bpchar": ["'c'"], "bytea": ["'\\x00'"],
}
ORDERED = ("int4", "int8", "int2", "text", "varchar", "date", "timestamp", "timestamptz", "uuid", "numeric")


def quote(name):
    plain = name.replace("_", "a").isalnum() and name == name.lower() and name.isascii() and name not in ("order", "user")
    return name if plain else '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"

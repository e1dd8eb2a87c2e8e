#include "backup/backup.h"

#include "backup/session.h"

/* The text is a script, so that it can be tested and followed alike. psql and the server read
 * manifest.json: its data entries, in order, become one COPY each. Nothing in it comes from the
 * database but the comment's two names. */
static const char explanation[] =
    "#\n"
    "# Each segment-NNNN.tar holds members: NNNNNN.sql.zst is SQL, NNNNNN.copy.zst are rows in\n"
    "# COPY format, text or binary. manifest.json, a text file, says what each member is: "
    "\"entries\"\n"
    "# lists them with their SHA-256, \"tables\" the COPY statement that loads each table's "
    "members,\n"
    "# one by one, with what comes \"before\" and \"after\" it in its transaction, if anything.\n"
    "#\n"
    "# If it has a \"scope\", the backup is scoped: the tables under \"left_out\" come back "
    "empty.\n"
    "#\n"
    "# From a bucket fetch the backup first: aws s3 cp --recursive s3://BUCKET/.../ID . (with\n"
    "# --endpoint-url URL if it is not Amazon's), or rclone copy REMOTE:BUCKET/.../ID .\n"
    "#\n"
    "# This text is a script as well. In the directory of segment-0001.tar and manifest.json type\n"
    "#     sh RECOVER.txt NEWDATABASE\n"
    "# It makes that database on the server that PGHOST, PGPORT and PGUSER name and fills it. It\n"
    "# needs tar, zstd and psql, and room for the unpacked members. Or do by hand what it does:\n"
    "# members \"large objects\" (if there are any) and \"pre-data\", the rows, \"sequences\",\n"
    "# \"post-data\", in this order.\n";

static const char usage[] = "set -eu\n"
                            "new=${1:?usage: sh RECOVER.txt NEWDATABASE}\n";

/* Of an encrypted backup: more to say, an argument more, the manifest and each member opened. */
static const char sealed_usage[] =
    "#\n"
    "# It is encrypted: each member, and the whole manifest, is a file for age. Give the file of\n"
    "# an identity that opens it:\n"
    "#     sh RECOVER.txt NEWDATABASE IDENTITY\n"
    "# or, by hand:\n"
    "#     age -d -i IDENTITY manifest.json.age\n"
    "#     age -d -i IDENTITY NNNNNN.copy.zst.age | zstd -d\n"
    "umask 077\n"
    "set -eu\n"
    "new=${1:?usage: sh RECOVER.txt NEWDATABASE IDENTITY}\n"
    "identity=${2:?usage: sh RECOVER.txt NEWDATABASE IDENTITY}\n";

static const char unpack[] =
    "export PGCLIENTENCODING=UTF8\n"
    "export PGOPTIONS='-c search_path= -c check_function_bodies=off -c row_security=off\n"
    "  -c lc_monetary=C -c xmloption=content -c statement_timeout=0 -c lock_timeout=0\n"
    "  -c default_transaction_read_only=off -c client_min_messages=warning\n"
    "  -c default_tablespace= -c default_table_access_method=heap -c array_nulls=on\n"
    "  -c datestyle=ISO -c intervalstyle=postgres -c standard_conforming_strings=on'\n"
    "mkdir members\n"
    "for segment in segment-*.tar; do tar -xf \"$segment\" -C members; done\n";

static const char opened[] = "export manifest=manifest.json\n"
                             "expand() { zstd -dqf \"members/$1\" -o members/expanded; }\n";
static const char sealed_opened[] =
    "export manifest=members/manifest.json\n"
    "age -d -i \"$identity\" -o \"$manifest\" manifest.json.age\n"
    "expand() {\n"
    "  age -d -i \"$identity\" -o members/packed \"members/$1.age\"\n"
    "  zstd -dqf members/packed -o members/expanded\n"
    "}\n";

static const char steps[] =
    "\n"
    "missing_roles=\n"
    "run() { psql -X -q -v ON_ERROR_STOP=1 -o /dev/null \"$@\"; }\n"
    "role() { echo \"this role must exist first: CREATE ROLE $1;\" >&2; missing_roles=yes; }\n"
    "create() { test -z \"$missing_roles\"; PGDATABASE=postgres run -c \"$1\"; }\n"
    "sql() { expand \"$1\"; PGDATABASE=$new run -f members/expanded; }\n"
    "end() { PGDATABASE=$new run -c ANALYZE -c \"$1\"; }\n"
    "rows() { expand \"$1\"; PGDATABASE=$new run -1 -c \"$3\" -c \"$2\" -c \"$4\" "
    "<members/expanded; }\n"
    "\n"
    "PGDATABASE=postgres psql -X -A -t -q -v ON_ERROR_STOP=1 -v new=\"$new\" >members/steps "
    "<<'SQL'\n"
    "\\set manifest `cat \"$manifest\"`\n"
    "WITH m AS (SELECT :'manifest'::json AS j, :'new'::text AS new),\n"
    "member AS (\n"
    "  SELECT e.number, e.j ->> 'object' AS object, e.j ->> 'kind' AS kind, e.j ->> 'id' AS id\n"
    "  FROM m, json_array_elements(m.j -> 'entries') WITH ORDINALITY AS e (j, number)),\n"
    "step (place, number, command, arguments) AS (\n"
    "  SELECT 1, 0, 'role', ARRAY[quote_ident(name)]\n"
    "  FROM m, json_array_elements_text(m.j -> 'roles') AS name\n"
    "  WHERE name NOT IN (SELECT rolname FROM pg_roles)\n"
    "  UNION ALL SELECT 2, 0, 'create', ARRAY[" BACKUP_CREATE_DATABASE(
        "m.j",
        "m.new") "]\n"
                 "  FROM m\n"
                 "  UNION ALL SELECT CASE object WHEN 'large objects' THEN 3 WHEN 'pre-data' "
                 "THEN 3\n"
                 "    WHEN 'sequences' THEN 5 ELSE 6 END,\n"
                 "    number, 'sql', ARRAY[id || '.sql.zst'] FROM member WHERE kind = 'sql'\n"
                 "  UNION ALL SELECT 4, number, 'rows', ARRAY[id || '.copy.zst', t.j ->> 'copy',\n"
                 "    coalesce(t.j ->> 'before', ''), coalesce(t.j ->> 'after', '')]\n"
                 "  FROM member, m, json_array_elements(m.j -> 'tables') AS t (j)\n"
                 "  WHERE kind = 'data' AND object = t.j ->> 'identity'\n"
                 "  UNION ALL SELECT 7, 0, 'end', ARRAY[format('ALTER DATABASE %I CONNECTION "
                 "LIMIT %s IS_TEMPLATE %s',\n"
                 "    new, coalesce(j #>> '{properties,connection_limit}', '-1'),\n"
                 "    coalesce(j #>> '{properties,is_template}', 'false'))] FROM m)\n"
                 "SELECT command || (SELECT string_agg(' ''' || replace(a, '''', '''\\''''')\n"
                 "  || '''', '' ORDER BY n) FROM unnest(arguments) WITH ORDINALITY AS u (a, n))\n"
                 "FROM step ORDER BY place, number;\n"
                 "SQL\n"
                 ". members/steps\n"
                 "rm -r members\n";

char *backup_recover_text(struct arena *arena, const char *database, const char *prefix,
                          bool sealed)
{
  /* a name with a line break must not end the comment */
  char *name = arena_strdup(arena, database);
  for (char *p = name; *p; p++)
    if (*p == '\n' || *p == '\r')
      *p = ' ';
  return arena_printf(arena,
                      "#!/bin/sh\n# RECOVER.txt: how to bring back database \"%s\" from backup\n"
                      "# %s\n# with tar, zstd%s and psql alone, without belay.\n%s%s%s%s%s",
                      name, prefix, sealed ? ", age" : "", explanation,
                      sealed ? sealed_usage : usage, unpack, sealed ? sealed_opened : opened,
                      steps);
}

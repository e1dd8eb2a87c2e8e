"""One psql kept open on one database, and what is compared of a database."""
import os
import re
import subprocess

LEDGER = "belay_migrations"


class Failed(Exception):
    """The server refused a statement."""


class Session:
    """A psql that runs statements one after another. In a transaction a statement that fails leaves the earlier ones alone."""

    END = "--end-of-answer--"

    def __init__(self, database):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-d", database, "-v", "ON_ERROR_ROLLBACK=on", "-v", "VERBOSITY=terse"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
            bufsize=1)
        self.run("SET client_min_messages = error; SET lock_timeout = '20s'; SET statement_timeout = '20s'")

    def run(self, sql):
        self.psql.stdin.write(sql.rstrip().rstrip(";") + "\n;\n\\echo " + self.END + " :ERROR\n")
        self.psql.stdin.flush()
        lines = []
        while True:
            line = self.psql.stdout.readline()
            if not line:
                raise RuntimeError("psql ended: " + " ".join(lines))
            if line.startswith(self.END):
                break
            lines.append(line.rstrip("\n"))
        answer = "\n".join(lines)
        # a script of several statements: the last one's success hides an earlier error
        if line.split()[1] == "true" or re.search(r"^(psql:.*)?(ERROR|FATAL):", answer, re.M):
            raise Failed(answer)
        return answer

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def psql(database, sql):
    """`database`: a name or a URL."""
    r = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database], input=sql,
                       capture_output=True, text=True, encoding="utf-8", check=False)
    if r.returncode != 0:
        raise Failed(r.stderr)
    return r.stdout


CONTENT = r"""
SET extra_float_digits = 3; SET bytea_output = hex; SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = UTC;
SELECT format('SELECT %L, count(*), md5(string_agg(ROW(%s)::text, E''\n'' ORDER BY ROW(%s)::text COLLATE "C")) FROM %s%I.%I r',
  nspname || '.' || relname, list, list, CASE relkind WHEN 'r' THEN 'ONLY ' END, nspname, relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace, LATERAL (SELECT coalesce(string_agg('r.' || quote_ident(attname),
  ', ' ORDER BY attname COLLATE "C"), '') AS list FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) a
  WHERE nspname !~ '^(pg_|information_schema)' AND relname NOT LIKE 'belay_migrations%'
  AND (relkind = 'r' OR (relkind = 'm' AND relispopulated)) ORDER BY nspname COLLATE "C", relname COLLATE "C" \gexec
SELECT format('SELECT %L, last_value, is_called FROM %I.%I', nspname || '.' || relname, nspname, relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE nspname !~ '^pg_' AND relname NOT LIKE 'belay_migrations%' AND relkind = 'S'
  ORDER BY nspname COLLATE "C", relname COLLATE "C" \gexec
SELECT 'large object', oid, lomowner::regrole, (SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE "C") FROM
  unnest(coalesce(lomacl, acldefault('L', lomowner))) a), obj_description(oid, 'pg_largeobject'), md5(lo_get(oid))
  FROM pg_largeobject_metadata ORDER BY oid;
"""


class State:
    """What pg_dump -s says, line by line, and what every table, sequence and large object holds."""

    def __init__(self, database):
        dump = subprocess.run([os.path.join(os.environ["PGBIN"], "pg_dump"), "-s", "-d", database, "-T",
                               "*." + LEDGER, "-T", "*." + LEDGER + "_id_seq"],
                              capture_output=True, text=True, encoding="utf-8", check=True).stdout
        self.schema = [line for line in dump.split("\n")
                       if line and not line.startswith("--") and not re.match(r"\\(un)?restrict ", line)]
        self.content = psql(database, CONTENT).split("\n")

    def unordered(self):
        """The schema whatever the order of columns."""
        return sorted(line.rstrip(",") for line in self.schema)


def difference(a, b):
    """Lines of one and not of the other."""
    left, right = list(a), []
    for line in b:
        if line in left:
            left.remove(line)
        else:
            right.append(line)
    return ["- " + line for line in left] + ["+ " + line for line in right]


def is_sequence(line):
    return line.endswith(("|t", "|f"))


def compare(before, after, ordered, sequences=True):
    """What differs, as lines; none: the same. Numbers that a transaction took from a sequence stay taken when it is aborted."""
    lines = []
    if ordered and before.schema != after.schema:
        lines = difference(before.schema, after.schema) or ["the same lines of pg_dump -s in another order"]
    elif before.unordered() != after.unordered():
        lines = difference(before.unordered(), after.unordered())
    return lines + difference(*([line for line in state.content if sequences or not is_sequence(line)] for state in (before, after)))

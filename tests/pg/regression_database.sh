#!/usr/bin/env bash
# regression_database.sh: PostgreSQL's own regression database, backed up and restored by belay, with pg_dump as judge.
#
# The database (PostgreSQL 15: about 1,900 objects of 40 kinds, 540 tables) is made once, by the regression suite of
# Debian's source package, and kept under build/regression. Two copies of it are then made in the same server: one by
# belay backup and restore, one by pg_dump -Fc and pg_restore, the yardstick. Compared are what pg_dump -s says of each
# object, the content of each table, the sequences, the large objects. Ends with 0 if belay's copy differs from the
# original in nothing in which pg_dump's own copy does not. Takes a minute or two: not part of ctest.
#
#   tests/pg/regression_database.sh           BELAY=program (default: the newest of build/*/belay)
#   REGRESSION_KEEP=DIR                       leave dumps and lists of differences there
# shellcheck source=tests/harness/setup.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../harness/setup.sh"
self=$here/regression_database.sh
cache=$BELAY_TOP/build/regression
with_postgres=$BELAY_TOP/tests/harness/with-postgres
regress_programs=/usr/lib/postgresql/15/lib/pgxs/src/test/regress
export PG_MAJOR=15

# ---- the database, once ----

# Debian's sources through a private configuration that is the machine's own with deb-src for deb.
fetch_source() {
  local apt=$cache/apt version
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
  [ ! -f /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt/parts/machine.list"
  for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}"
  done
  local options=(-qq -o Dir::Etc::sourcelist=/nonexistent -o "Dir::Etc::sourceparts=$apt/parts" -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache")
  apt-get "${options[@]}" update >&2
  cd "$cache"
  # The newest may be announced by one archive and not yet, or no longer, be there.
  for version in $(apt-cache "${options[@]}" showsrc postgresql-15 | sed -n 's/^Version: //p' | sort -rV); do
    say "fetching the source of postgresql-15 $version"
    if apt-get "${options[@]}" source --download-only "postgresql-15=$version" >&2 2>"$cache/apt/log"; then return 0; fi
  done
  cat "$cache/apt/log" >&2
  say "the source package of postgresql-15 cannot be fetched"
  return 1
}

unpack_suite() {
  [ -n "$(ls "$cache"/postgresql-15_*.orig.tar.* 2>/dev/null)" ] || fetch_source
  tar -xf "$(ls "$cache"/postgresql-15_*.orig.tar.*)" -C "$cache" --wildcards --strip-components=3 '*/src/test/regress'
}

# The suite's C functions; the database names this directory for good.
build_library() {
  local lib=$cache/lib
  mkdir -p "$lib"
  gcc -shared -fPIC -O1 -w -I"$(/usr/lib/postgresql/15/bin/pg_config --includedir-server)" -o "$lib/regress.so" \
    "$cache/regress/regress.c"
  ln -sf /usr/lib/postgresql/15/lib/{autoinc,refint}.so "$lib/"
}

# Runs under with-postgres. A test that fails, because the suite is of another minor, leaves the database good enough.
make_database() {
  local out=$WITH_POSTGRES_DIR/out as=()
  if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=postgres --regid=postgres --init-groups); fi
  mkdir -m 777 "$out"
  cp -r "$cache/regress" "$WITH_POSTGRES_DIR/suite"
  say "running the regression suite (a minute or more)"
  (cd "$out" && "${as[@]}" env HOME="$out" "$regress_programs/pg_regress" --inputdir="$WITH_POSTGRES_DIR/suite" --outputdir="$out" \
    --bindir="$PGBIN" --dlpath="$cache/lib" --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" --dbname=regression \
    --max-concurrent-tests=20 --schedule="$WITH_POSTGRES_DIR/suite/parallel_schedule" >"$out/log" 2>&1) || true
  grep -E '^ .*tests (passed|failed)|^ All' "$out/log" >&2 || { tail -n 20 "$out/log" >&2; return 1; }
  "${as[@]}" "$PGBIN/pg_ctl" -D "$WITH_POSTGRES_DIR/data" -m fast -w stop >/dev/null
  rm -rf "$cache/data.new"
  cp -a "$WITH_POSTGRES_DIR/data" "$cache/data.new"
  mv "$cache/data.new" "$cache/data"
}

# ---- comparison ----

# One line for each object of pg_dump -s: its header, then its text. SET lines depend on the order; facts has them.
entries() {
  "$PGBIN/pg_dump" -s -d "$1" | awk '
    function flush() { gsub(/\001+$/, "", body); print key "\001" body }
    BEGIN { key = "prologue" }
    /^(\\(un)?restrict |SET default_|-- PostgreSQL database dump complete|-- Dumped )/ { next }
    /^-- Name: .*; Type: .*; Schema: / { flush(); key = $0; body = ""; next }
    /^--$/ { next }
    { body = body $0 "\001" }
    END { flush() }' | LC_ALL=C sort
}

query() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -f -; }

# Count and order-free hash of each table, columns by name: an inheritance child may have got them in another order.
content() {
  query "$1" <<'SQL'
SET search_path = ''; SET extra_float_digits = 3; SET row_security = off;
SELECT format('SELECT %L, count(*), sum(hashtextextended(ROW(%s)::text, 0)) FROM ONLY %I.%I t;', format('%I.%I', nspname, relname),
  (SELECT string_agg(format('t.%I', attname), ',' ORDER BY attname) FROM pg_attribute a
   WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE (relkind = 'r' OR relkind = 'm' AND relispopulated) AND relpersistence <> 't' AND nspname !~ '^(pg_|information_schema$)'
ORDER BY nspname, relname \gexec
SQL
}

# What pg_dump -s does not say, or says apart from the object.
facts() {
  query "$1" <<'SQL'
SET search_path = '';
SELECT format('SELECT %L, last_value, is_called FROM %I.%I;', format('sequence %I.%I', nspname, relname), nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'S' AND relpersistence <> 't'
ORDER BY nspname, relname \gexec
SELECT 'large object', oid, lomowner::regrole, lomacl, md5(lo_get(oid)), obj_description(oid, 'pg_largeobject')
FROM pg_largeobject_metadata m ORDER BY oid;
SELECT 'relation', relkind, oid::regclass, relispopulated, relpersistence, (SELECT amname FROM pg_am a WHERE a.oid = relam),
  (SELECT spcname FROM pg_tablespace s WHERE s.oid = reltablespace)
FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information_schema$)')
ORDER BY oid::regclass::text COLLATE "C";
SELECT 'database', datacl, datdba::regrole, setconfig FROM pg_database d LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid
WHERE datname = current_database() ORDER BY setrole;
SQL
}

describe() { # describe DATABASE: its three lists
  local list
  for list in entries content facts; do "$list" "$1" >"$work/$1.$list"; done
}

# compare WHO DATABASE: prints the figures, writes what differs to $work/WHO.differs
compare() {
  local list total same names
  : >"$work/$1.differs"
  for list in entries content facts; do
    total=$(wc -l <"$work/regression.$list")
    same=$(LC_ALL=C comm -12 <(LC_ALL=C sort "$work/regression.$list") <(LC_ALL=C sort "$work/$2.$list") | wc -l)
    names=$(LC_ALL=C comm -3 <(LC_ALL=C sort "$work/regression.$list") <(LC_ALL=C sort "$work/$2.$list") | sed 's/^\t//' |
      case $list in entries) cut -d $'\001' -f 1 ;; content) cut -d '|' -f 1 ;; facts) cut -d '|' -f 1-3 ;; esac | LC_ALL=C sort -u)
    [ -z "$names" ] || sed "s/^/$list: /" <<<"$names" >>"$work/$1.differs"
    printf '%-8s %-8s %5d in the original, %5d equal, %3d not equal\n' "$1" "$list" "$total" "$same" "$((total - same))"
  done
}

run() {
  local belay=$1 work=${REGRESSION_KEEP:-$WITH_POSTGRES_DIR/work} worse
  local url="postgresql://$PGUSER@/regression?host=$PGHOST&port=$PGPORT"
  mkdir -p "$work"
  rm -rf "$work/store"
  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} NO_COLOR=1
  cd "$work"
  time "$belay" backup -d "$url" -s "file:$work/store" -j 2
  time "$belay" restore latest --into by_belay -d "$url" -s "file:$work/store" -j 2
  psql -X -q -d postgres -c 'CREATE DATABASE by_pg_dump TEMPLATE template0'
  "$PGBIN/pg_dump" -Fc -d regression | "$PGBIN/pg_restore" -d by_pg_dump
  describe regression
  describe by_belay
  describe by_pg_dump
  compare belay by_belay
  compare pg_dump by_pg_dump
  sed 's/^/differs after pg_dump | pg_restore: /' "$work/pg_dump.differs"
  sed 's/^/differs after belay: /' "$work/belay.differs"
  worse=$(LC_ALL=C comm -23 "$work/belay.differs" "$work/pg_dump.differs")
  [ -z "$worse" ] || { say "belay's copy differs where pg_dump's does not"; return 1; }
  say "belay's copy is no worse than pg_dump's"
}

case ${1:-} in
--make) make_database ;;
--run) run "$2" ;;
*)
  program=${BELAY:-$(ls -t "$BELAY_TOP"/build/*/belay 2>/dev/null | head -n 1)}
  [ -x "$program" ] || { say "no program: build belay or set BELAY"; exit 2; }
  mkdir -p "$cache"
  if [ ! -d "$cache/data" ]; then
    install_missing "${SERVER_PACKAGES[@]}" postgresql-server-dev-15 gcc libc6-dev bzip2
    [ -f "$cache/regress/regress.c" ] || unpack_suite
    [ -f "$cache/lib/regress.so" ] || build_library
    PG_EXTRA_CONF='max_prepared_transactions = 2' "$with_postgres" bash "$self" --make
  fi
  PG_DATA_FROM=$cache/data PG_EXTRA_CONF=${PG_EXTRA_CONF:-} exec "$with_postgres" bash "$self" --run "$program"
  ;;
esac

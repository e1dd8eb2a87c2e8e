#!/usr/bin/env bash
# demo.sh [--keep]: a trading platform's database goes through good and bad migrations, with belay holding the rope.
#
# Works on a fresh Debian 12, as root or with sudo: installs what is missing, builds belay, starts a PostgreSQL of its own
# on a private socket, and removes everything but the build at the end. It stops with exit 1 as soon as a step does not do
# what it says.
#
#   --keep    leave the temporary directory (project, backups, database files) behind and say where it is
#
# BELAY_PROGRAM=PATH takes that program and builds nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/harness/setup.sh
. "$top/tests/harness/setup.sh"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' dim='' red='' green='' plain=''
fi

# ---- how it talks, and how it makes sure ----

section=0
last='' # what was printed last: title, note, output or ok
title() {
  section=$((section + 1))
  printf '\n\n%s%s. %s%s\n' "$bold" "$section" "$*" "$plain"
  last=title
}
note() {
  [ "$last" = title ] || echo
  printf '%s\n' "$*" | fold -s -w 100
  last=note
}
die() {
  printf '\n%sdemo: %s%s\n' "$red" "$*" "$plain" >&2
  exit 1
}

show() {
  printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
  last=output
}
# run COMMAND...: shows it, runs it; it must succeed
run() { run_expecting 0 "$@"; }
run_expecting() {
  local want=$1 got=0
  shift
  show "$*"
  "$@" </dev/null || got=$?
  [ "$got" = "$want" ] || die "\"$*\" ended with exit code $got, not $want"
  [ "$want" = 0 ] || printf '%s(exit code %s)%s\n' "$dim" "$got" "$plain"
}

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@" </dev/null; }
ok() {
  [ "$last" = ok ] || printf '\nLooked at with psql:\n'
  printf '  %sok%s  %s\n' "$green" "$plain" "$*"
  last=ok
}
# holds TEXT QUERY [DATABASE]: the query must answer "t"
holds() {
  local answer
  answer=$(sql -d "${3:-trading}" -c "$2") || die "the query for \"$1\" failed"
  [ "$answer" = t ] || die "not so: $1"
  ok "$1"
}
same() { # same TEXT BEFORE AFTER: two results of content or structure
  [ -n "$2" ] || die "nothing to compare for \"$1\""
  if [ "$2" != "$3" ]; then
    diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") >&2 || true
    die "not so: $1"
  fi
  ok "$1"
}

# One line a table: name, rows, a sum over all values of all columns (whatever order rows and columns are in). What the
# application wrote after the deploy (section 6) is dated December and left out.
content() {
  local table condition query=''
  while read -r table condition; do
    query+="${query:+ UNION ALL }SELECT '$table', count(*), sum(hashtextextended(to_jsonb(t)::text, 0)) FROM $table t"
    query+=" WHERE $condition"
  done <<'TABLES'
users true
accounts true
instruments true
orders placed_at < '2026-12-01 00:00+00'
trades executed_at < '2026-12-01 00:00+00'
positions true
price_ticks ticked_at < '2026-12-01 00:00+00'
audit_log true
TABLES
  sql -d "${1:-trading}" -c "$query ORDER BY 1"
}
# The schema as pg_dump writes it, without the brackets and casts that PostgreSQL sets differently when it reads its own
# text of a CHECK (x IN (...)) back.
structure() {
  pg_dump --schema-only --no-owner -d "${1:-trading}" | grep -Ev '^(--|\\(un)?restrict|$)' |
    sed -E 's/::(text|character varying)(\[\])?//g; s/[()]//g'
}

# ---- the walk ----

the_platform() {
  title "A trading platform, as it runs today"
  note "A PostgreSQL of our own, the migrations that Prisma deployed over the year, and its data."
  show "./create-database.sh"
  psql -X -q -d postgres -c 'CREATE ROLE trader LOGIN CREATEDB' -c 'CREATE DATABASE trading OWNER trader' </dev/null
  export PGUSER=trader PGDATABASE=trading
  ./create-database.sh
  content | awk -F'|' '{ printf "  %-12s %7d rows\n", $1, $2; n += $2 } END { printf "  %-12s %7d rows\n", "in all", n }'
  run cat belay.yaml
}

look_around() {
  title "What belay sees"
  note "belay finds the database in .env as Prisma does, reads the migrations directory and Prisma's ledger, and" \
    "compares the two."
  run belay status
}

refused() {
  title "A migration that should not be deployed"
  run cat "scenarios/refused/20261118090000_quick_cleanup/migration.sql"
  note "Five statements, each easily overlooked in a review."
  run_expecting 3 belay lint scenarios/refused
  note "Exit code 3 says: refused, the database is untouched. \`belay explain RULE\` has a page for every rule."
}

additive() {
  title "An everyday deploy: a new column, a new index"
  run cp -R scenarios/pending/20261102090000_account_nickname scenarios/pending/20261102090500_trades_executed_at \
    prisma/migrations/
  run belay run --yes
  holds "the column is there" "SELECT count(*) = 1 FROM information_schema.columns
    WHERE (table_name, column_name) = ('accounts', 'nickname')"
  holds "the index is there and valid" "SELECT indisvalid FROM pg_index WHERE indexrelid = 'trades_executed_at_idx'::regclass"
  holds "Prisma's ledger has both" "SELECT count(*) = 7 FROM _prisma_migrations WHERE finished_at IS NOT NULL"
  note "The stages above: preflight, lint, the inverse proven on a scratch database, a backup, and only then the migration."
}

dangerous_plan() {
  title "A dangerous one: a column goes, fees are rounded, 22,568 orders change"
  run cp -R scenarios/pending/20261109140000_slim_orders scenarios/pending/20261116100000_expire_stale_orders prisma/migrations/
  run cat prisma/migrations/20261109140000_slim_orders/migration.sql
  note "The team accepts the findings, with reasons, in the file itself. What would happen:"
  run belay plan
  note "belay has already run both migrations and the way back on a scratch database. Nothing has been changed here."
}

dangerous_run() {
  before_content=$(content)
  before_structure=$(structure)
  run belay run --yes
  holds "orders.client_ref and its 54,000 values are gone" "SELECT count(*) = 0 FROM information_schema.columns
    WHERE (table_name, column_name) = ('orders', 'client_ref')"
  holds "every fee is rounded to cents" "SELECT bool_and(scale(fee) <= 2) FROM trades"
  holds "22,568 orders are expired, and the audit trigger wrote a line for each" "SELECT count(*) = 22568
    AND count(*) = (SELECT count(*) FROM audit_log WHERE after ->> 'status' = 'EXPIRED') FROM orders WHERE status = 'EXPIRED'"
  holds "4,200 replayed ticks are deleted, in two partitions" "SELECT count(*) = 3800 FROM price_ticks WHERE source = 'REPLAY'"
  holds "three instruments are new" "SELECT count(*) = 3 FROM instruments WHERE symbol LIKE '%-USD'"
}

life_goes_on() {
  title "Life goes on"
  note "The new release writes to the database: an order with the new column, its trade, a tick."
  show "psql -f scenarios/new-rows.sql"
  sql -f scenarios/new-rows.sql
  holds "the order is in" "SELECT count(*) = 1 FROM orders WHERE time_in_force = 'IOC'"
}

way_back() {
  title "The release was wrong: back"
  note "Restoring last hour's backup would lose the new order. belay runs the inverse it has proven, and writes back what" \
    "the migration destroyed."
  run belay rollback last --yes
  same "every value in every table is what it was, the rounded fees and dropped references too" "$before_content" "$(content)"
  holds "the order, trade and tick made since are kept" "SELECT (SELECT count(*) FROM orders WHERE placed_at >= '2026-12-01') = 1
    AND (SELECT count(*) FROM trades WHERE executed_at >= '2026-12-01' AND fee = 1.25) = 1
    AND (SELECT count(*) FROM price_ticks WHERE ticked_at >= '2026-12-01') = 1"
  same "the schema is what it was, but for the place of the re-added column" \
    "$(sort <<<"${before_structure//,/}")" "$(structure | tr -d , | sort)"
  holds "its unique index and its comment are back" "SELECT col_description('orders'::regclass, attnum) LIKE 'reference chosen%'
    AND to_regclass('orders_account_id_client_ref_key') IS NOT NULL
    FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'client_ref'"
  run belay status
  note "Prisma's ledger says the same: both migrations are pending again."
}

fails_halfway() {
  title "A migration that fails half-way"
  note "The two are taken out of the branch. The next one updates 21,000 trades, adds a column, and then adds a check that" \
    "some trades violate. Prisma would leave a failed row in its ledger, and on newer versions the first two statements."
  run rm -r prisma/migrations/20261109140000_slim_orders prisma/migrations/20261116100000_expire_stale_orders
  run cp -R scenarios/fails-halfway/20261119090000_settlement_date prisma/migrations/
  run cat prisma/migrations/20261119090000_settlement_date/migration.sql
  before_content=$(content)
  before_structure=$(structure)
  run_expecting 6 belay run --yes
  note "Exit code 6 says: failed, and the database was checked to be as before. It is:"
  same "every value in every table is what it was" "$before_content" "$(content)"
  same "the schema is what it was" "$before_structure" "$(structure)"
  holds "Prisma's ledger has no failed row" "SELECT count(*) = 0 FROM _prisma_migrations
    WHERE finished_at IS NULL AND rolled_back_at IS NULL"
}

backups() {
  title "The backups"
  note "Every run made one before it touched anything. A backup that was never restored is a hope, so:"
  run belay list backups
  run belay verify latest --level expand
  run belay restore latest --into trading_copy
  same "the restored database has every value of the original" "$(content)" "$(content trading_copy)"
  same "and its schema" "$(structure)" "$(structure trading_copy)"
  run belay list runs
}

# ---- the two halves: outside the throw-away server, and beside it ----

outside() {
  local keep=''
  case ${1:-} in
  '') ;;
  --keep) keep=1 ;;
  --fast) ;; # there are no pauses to leave out
  -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) say "demo.sh: unknown argument $1 (there is only --keep)"; exit 2 ;;
  esac
  install_build_packages
  if [ -z "${BELAY_PROGRAM:-}" ]; then
    say "building belay (a minute or two the first time)"
    build
    BELAY_PROGRAM=$top/build/release/belay
  fi
  [ -x "$BELAY_PROGRAM" ] || die "there is no program $BELAY_PROGRAM"
  export BELAY_PROGRAM DEMO_BESIDE_SERVER=1 WITH_POSTGRES_KEEP=$keep
  exec "$top/tests/harness/with-postgres" "$here/demo.sh"
}

build() {
  local log=$top/build/release.log
  mkdir -p "$top/build"
  (cd "$top" && cmake --preset release && cmake --build --preset release) >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2; die "belay does not build; all of the output is in $log"; }
}

beside_server() {
  unset DEMO_BESIDE_SERVER DATABASE_URL "${!BELAY_@}"
  local work=$WITH_POSTGRES_DIR/trading-platform
  mkdir "$WITH_POSTGRES_DIR/bin"
  ln -s "$program" "$WITH_POSTGRES_DIR/bin/belay"
  PATH=$WITH_POSTGRES_DIR/bin:$PATH
  cp -R "$here" "$work"
  cd "$work"
  printf 'DATABASE_URL="postgresql://trader@/trading?host=%s&port=%s&schema=public"\n' "$PGHOST" "$PGPORT" >.env

  the_platform
  look_around
  refused
  additive
  dangerous_plan
  dangerous_run
  life_goes_on
  way_back
  fails_halfway
  backups
  printf '\n%sThat was belay. All of the steps did what they say.%s\n' "$bold" "$plain"
  [ -z "${WITH_POSTGRES_KEEP:-}" ] || say "kept: $work (the server is stopped)"
}

if [ -z "${DEMO_BESIDE_SERVER:-}" ]; then
  outside "$@"
else
  program=$BELAY_PROGRAM
  beside_server
fi

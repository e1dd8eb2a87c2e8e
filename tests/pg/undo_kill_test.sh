#!/usr/bin/env bash
# A run whose verify fails rolls itself back. kill -9 before, amid and after that: belay status says what is still committed, and what
# it says to type brings the state before.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
PATH=$PGBIN:$PATH # quicker than Debian's psql
project
sql "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' || i FROM generate_series(1, 500) i;
  CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b SELECT i, 'b' || i FROM generate_series(1, 500) i"
before=$(content; structure)
for t in a b; do
  migration "20260101000000_$t" "ALTER TABLE $t ADD COLUMN n int;
UPDATE $t SET v = v || '!', n = 1 WHERE id <= 100;"
done
echo "SELECT pg_sleep(4)::text <> '';" >check.sql
printf 'checks: [check.sql]\nhooks: [./hook]\n' >>belay.yaml
cat >hook <<SH
#!/bin/sh
grep -q '"stage-end".*"verify"\|"verify".*"stage-end"' || exit 0
[ ! -e $scratch/hold ] || { touch $scratch/held; sleep 60; }
SH
chmod +x hook
checks() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4)%' AND pid <> pg_backend_pid()")" != 0 ]; }
columns() { [ "$(sql "SELECT string_agg(attrelid::regclass::text, ' ' ORDER BY 1) FROM pg_attribute WHERE attname = 'n'")" = "$1" ]; }
waits_for() { holds_true "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = '$1'::regclass"; }
holds_true() { [ "$(sql "$1")" = t ]; }
eventually() { # eventually COMMAND...
  for _ in $(seq 600); do
    if "$@"; then return; fi
    sleep 0.1
  done
  fail "never so: $*: $(cat "$scratch/run.log")"
}
no_backend() { holds_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'belay %'"; }
# begin [TABLE]: a run up to its check; then somebody reads TABLE for long
begin() {
  "$BELAY" run >"$scratch/run.log" 2>&1 &
  pid=$!
  eventually checks
  [ -z "${1:-}" ] || { sql "BEGIN; LOCK TABLE $1 IN ACCESS SHARE MODE; SELECT pg_sleep(60)" & reader=$!; }
}
end() { # kills it, and lets the table go
  kill -9 "$pid"
  wait "$pid" 2>/dev/null || true
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null
  [ -z "${reader:-}" ] || wait "$reader" 2>/dev/null || true
  reader=''
  eventually no_backend
}
is_before() { [ "$(content; structure)" = "$before" ] || fail "$1: $(diff <(echo "$before") <(content; structure))"; }

# ---- before anything was taken back ----
begin b
eventually waits_for b
end
columns 'a b' || fail 'something was taken back'
expect 0 "$BELAY" status
says '2 of its 2 files are committed'
says "^next: belay rollback $(last_run)"
expect 0 "$BELAY" rollback last --yes
is_before 'rolled back after a kill before the undo'

# ---- amid: one file is taken back, one is not ----
begin a
eventually columns a
eventually waits_for a
end
columns a || fail "not amid: $(cat "$scratch/run.log")"
run=$(last_run)
expect 0 "$BELAY" status
says 'interrupted in stage verify, which had failed: it was being rolled back; 1 of its 2 files is committed still'
says "^next: belay rollback $run"
expect 0 "$BELAY" rollback "$run" --yes
is_before 'rolled back after a kill amid the undo'
expect 0 "$BELAY" status
says_not 'interrupted'

# ---- after all was taken back, before the record says so ----
touch "$scratch/hold"
begin
eventually test -e "$scratch/held"
end
rm "$scratch/hold"
is_before 'undone'
expect 0 "$BELAY" status
says 'interrupted in stage verify, which had failed: all of it was rolled back, the database is as before'
says '^next: belay plan'
expect 2 "$BELAY" rollback last --yes
is_before 'a rollback of what is undone'

# ---- a second try meets the same check, and is undone to its end ----
expect 7 "$BELAY" run
says 'all files of this run were rolled back'
is_before 'the second try'
rm check.sql
sed -i '/^checks/d' belay.yaml
expect 0 "$BELAY" run
columns 'a b' || fail 'the last run'

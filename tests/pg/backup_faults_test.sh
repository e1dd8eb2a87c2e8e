#!/usr/bin/env bash
# backup and restore with the server killed, a session ended, the connection cut and the disk full, each in the middle of a
# COPY: the message names the place and what to do, no incomplete backup is listed, the next command cleans up.
# (kill -9 of belay itself: backup_kill_test.sh.)
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
PATH=$PATH:/usr/sbin

# ---- a server of our own, to be killed ----
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then as() { setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/ "$@"; }; fi
own=$(mktemp -d "$WITH_POSTGRES_DIR/faults-XXXXXX")
chmod 777 "$own"
bouncer='' mounted='' child=''
# shellcheck disable=SC2317,SC2154 # called by the trap; scratch is of lib.sh
finish() {
  [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
  [ -z "$bouncer" ] || kill -KILL "$bouncer" 2>/dev/null || true
  as "$PGBIN/pg_ctl" -D "$own/data" -m immediate stop >/dev/null 2>&1 || true
  cd /
  [ -z "$mounted" ] || umount "$mounted" || true
  rm -rf "$scratch"
}
trap finish EXIT
as "$PGBIN/initdb" -D "$own/data" -U belay -A trust -E UTF8 --locale=C --no-sync >"$scratch/initdb.log" 2>&1
cat >>"$own/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$own'
fsync = off
full_page_writes = off
shared_buffers = 32MB
CONF
# of a killed server the sessions end a moment after it, and until then no other starts
start() {
  for _ in $(seq 1 100); do
    as "$PGBIN/pg_ctl" -D "$own/data" -l "$own/log" -w start >/dev/null 2>&1 && return 0
    sleep 0.2
  done
  fail "the server does not start: $(tail -n 5 "$own/log")"
}
export PGHOST=$own PGPORT=5432
start
sql 'CREATE DATABASE test' postgres
direct="postgresql://belay@/test?host=$own&port=5432"
export DATABASE_URL=$direct

project
store=store
sql "CREATE TABLE big AS SELECT i, md5(i::text) AS t, repeat(md5((i + 1)::text), 6) AS u FROM generate_series(1, 25000) i;
  ALTER TABLE big ADD PRIMARY KEY (i); CREATE TABLE small AS SELECT i FROM generate_series(1, 10) i; ANALYZE"
whole=$(content)
expect 0 "$BELAY" backup
good=$(cat "$scratch/out")
listed=$good
proven=''

# ---- what must hold ----
# at rest: no session and no lock of belay's; the server notices a vanished client within seconds
at_rest() {
  for _ in $(seq 1 150); do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'belay%'" postgres)" = 0 ] && break
    sleep 0.1
  done
  holds "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'belay%'" postgres
  holds "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'" postgres
}
# exactly the backups that were whole before are listed, and they are whole
only_whole_listed() {
  expect 0 "$BELAY" list backups --json
  [ "$(jq -r '[.backups[].id] | join(" ")' <"$scratch/out")" = "$listed" ] || fail "listed after $1, and not: $listed"
  local id
  for id in $listed; do
    case " $proven " in *" $id "*) continue ;; esac
    expect 0 "$BELAY" verify "$id" --level expand
    proven="$proven $id"
  done
}
no_rest_in_store() {
  local dir
  [ -z "$(find "$store" -name '.tmp-*')" ] || fail "temporary files after $1: $(find "$store" -name '.tmp-*')"
  for dir in "$store"/test/backups/*/; do
    [ -f "$dir/manifest.json" ] || fail "after $1 the store holds $dir: $(ls -A "$dir")"
  done
}
# a failed backup takes its part out of the store itself; the next one works
after_failed_backup() {
  no_rest_in_store "$1"
  at_rest
  only_whole_listed "$1"
  expect 0 "$BELAY" backup
  listed="$listed $(cat "$scratch/out")"
  only_whole_listed "the backup after $1"
  no_rest_in_store "the backup after $1"
  no_scratch_database "$1"
}
no_scratch_database() {
  [ -z "$(sql "SELECT datname FROM pg_database WHERE datname LIKE 'belay\\_%'" postgres)" ] ||
    fail "a database of belay's is left after $1: $(sql 'SELECT datname FROM pg_database' postgres)"
}

# ---- in the middle ----
# Answers when a session of belay's that DOES it is at a COPY. Asked inside the server: a client would come too late.
await_copy() {
  psql -X -q -d postgres -v ON_ERROR_STOP=1 <<SQL
SET statement_timeout = '60s';
DO \$\$ BEGIN
  WHILE NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'belay $1' AND state = 'active' AND query LIKE 'COPY %big%')
  LOOP PERFORM pg_sleep(0.001), pg_stat_clear_snapshot(); END LOOP;
END \$\$;
SQL
}
# in_copy DOES CODE FAULT COMMAND...: stops COMMAND in the middle of its COPY, lets FAULT happen, lets it go on; it must end with CODE.
# A COPY that was over before the stop is tried again (UNDO forgets what came of it).
in_copy() {
  local does=$1 want=$2 fault=$3 got=0
  shift 3
  for _ in $(seq 1 10); do
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
    child=$!
    await_copy "$does" || fail "no COPY of $does was seen"
    kill -STOP "$child"
    if [ "$(sql "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'belay $does' AND state = 'active'
      AND query LIKE 'COPY %big%'" postgres)" = t ]; then
      "$fault" "$does"
      kill -CONT "$child"
      wait "$child" || got=$?
      child=''
      [ "$got" = "$want" ] || fail "\"$*\" ended with $got, not $want, after $fault"
      return 0
    fi
    kill -CONT "$child"
    wait "$child" || true
    undo "$does"
  done
  fail "the COPY was over each time"
}
undo() {
  case $1-${way:-} in
  backup-*) listed="$listed $(cat "$scratch/out")" ;;
  restore-*data-only*) sql 'TRUNCATE big, small' there ;;
  restore-*confirm*) sql 'DROP TABLE big' ;;
  *) sql 'DROP DATABASE IF EXISTS copy' postgres ;;
  esac
}
end_sessions() {
  holds "SELECT count(pg_terminate_backend(pid)) = 1 FROM (SELECT pid FROM pg_stat_activity WHERE application_name = 'belay $1'
    AND datname <> 'postgres' AND $2 ORDER BY pid LIMIT 1) s" postgres
}
worker_ended() { end_sessions "$1" "query LIKE 'COPY %big%' AND state = 'active'"; }
leader_ended() { end_sessions "$1" "query NOT LIKE 'COPY %'"; }
server_killed() { kill -KILL "$(head -n 1 "$own/data/postmaster.pid")"; }
server_stopped() { as "$PGBIN/pg_ctl" -D "$own/data" -m immediate stop >/dev/null 2>&1; }
cut() {
  kill -KILL "$bouncer"
  wait "$bouncer" 2>/dev/null || true
  bouncer=''
}

lost='server closed the connection unexpectedly|terminating connection|connection to server .* failed'
for fault in worker_ended leader_ended server_killed server_stopped; do
  jobs=2 where='copying public\.big'
  # else it is by chance which worker says first what happened; the leader may be at the schema
  [[ "$fault" != server_* ]] || { jobs=1; where="$where|reading the schema"; }
  in_copy backup 4 "$fault" "$BELAY" backup -j "$jobs"
  says "^error: backup of .*test.*: ($lost|[a-z].*: ($lost))"
  [ "$fault" = leader_ended ] || says "$where"
  says "hint: This backup is not listed\. The server's log says why the session ended"
  says 'back up again'
  [ ! -s "$scratch/out" ] || fail "a failed backup has an id"
  [[ "$fault" != server_* ]] || start
  after_failed_backup "$fault"
done

for fault in worker_ended leader_ended; do
  in_copy restore 4 "$fault" "$BELAY" restore "$good" --into copy -j2
  says "^error: restore of $good into copy: .*($lost)"
  says 'detail: the half-made database copy was dropped, nothing else was touched'
  says 'hint: Nothing of it is left\. .* restore again'
  holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'copy'" postgres
  at_rest
done
# what a restore could not drop itself: refused, and replaced with --yes
replaced() {
  says "^error: restore of $good into copy: loading public\.big \(part [0-9]+\): ($lost)"
  says 'hint: The half-made database copy is left, marked as unfinished \(dropping database copy: cannot connect to .* Restore again with --yes to replace it'
  at_rest
  expect 3 "$BELAY" restore "$good" --into copy
  says 'copy is what an unfinished restore left'
  expect 0 "$BELAY" restore "$good" --into copy --yes
  [ "$(content copy)" = "$whole" ] || fail "copy differs"
  sql 'DROP DATABASE copy' postgres
  no_scratch_database "$1"
}
# into a database that is there: one transaction, so that no row stays
expect 0 "$BELAY" restore "$good" --into there --schema-only
for way in '--into there --data-only' '--table big --confirm test'; do
  [[ "$way" != *confirm* ]] || sql 'ALTER TABLE big RENAME TO big_before'
  # shellcheck disable=SC2086 # words
  in_copy restore 4 worker_ended "$BELAY" restore "$good" $way
  says "^error: restore of $good into (there|test): nothing was changed in (there|test): .*($lost)"
  says 'hint: Nothing of it is left\. .* restore again'
  at_rest
done
way=''
holds 'SELECT NOT EXISTS (SELECT FROM big) AND NOT EXISTS (SELECT FROM small)' there
holds "SELECT to_regclass('big') IS NULL"
sql 'ALTER TABLE big_before RENAME TO big'
expect 0 "$BELAY" restore "$good" --into there --data-only
[ "$(content there)" = "$whole" ] || fail "there differs"
# ... and at its end, where a deferred foreign key waits for a locked row (at its COMMIT: restore_existing_test.sh)
sql 'TRUNCATE big, small; CREATE TABLE one (i int PRIMARY KEY); INSERT INTO one SELECT generate_series(1, 10);
  ALTER TABLE small ADD FOREIGN KEY (i) REFERENCES one DEFERRABLE INITIALLY DEFERRED;
  CREATE ROLE lowly LOGIN; GRANT ALL ON big, small, one TO lowly' there
psql -X -q -d there -c 'BEGIN; SELECT FROM one FOR UPDATE; SELECT pg_sleep(60)' >/dev/null 2>&1 &
holder=$!
for _ in $(seq 1 300); do
  [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN; SELECT FROM one%' AND wait_event = 'PgSleep'" postgres)" = 0 ] || break
  sleep 0.1
done
ending() {
  psql -X -q -d postgres -v ON_ERROR_STOP=1 <<'SQL'
SET statement_timeout = '20s';
DO $$ BEGIN
  WHILE (SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE application_name = 'belay restore' AND query ~ '^SET CONSTRAINTS'
    AND wait_event_type = 'Lock') LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP;
END $$;
SQL
}
"$BELAY" restore "$good" --into there --data-only -d "${direct/belay@/lowly@}" >"$scratch/out" 2>"$scratch/err" </dev/null &
child=$!
ending || fail "its end was not seen"
got=0
wait "$child" || got=$?
child=''
[ "$got" = 4 ] || fail "a restore lost at its end ended with $got"
says "^error: restore of $good into there: nothing was changed in there: .*($lost)"
says 'hint: Nothing of it is left\. .* restore again'
holds "SELECT count(pg_terminate_backend(pid)) = 1 FROM pg_stat_activity WHERE query LIKE 'BEGIN; SELECT FROM one%'" postgres
wait "$holder" 2>/dev/null || true
at_rest
holds 'SELECT NOT EXISTS (SELECT FROM big)' there
expect 0 "$BELAY" restore "$good" --into there --data-only --no-analyze -d "${direct/belay@/lowly@}"
holds 'SELECT count(*) = 25000 FROM big' there
sql 'DROP DATABASE there' postgres
sql 'DROP ROLE lowly' postgres

in_copy restore 4 server_killed "$BELAY" restore "$good" --into copy -j1
start
replaced 'a killed server'

# ---- a scratch database whose server went: the next backup drops it, also of another backup the next verify ----
for next in backup "verify ${listed##* } --level restore"; do
  in_copy restore 4 server_killed "$BELAY" verify "$good" --level restore
  says "hint: The scratch database belay_verify_[0-9TZa-f-]+ is left \(dropping database [^ ]*: cannot connect to .* the next backup or verify --level restore drops it"
  start
  at_rest
  holds "SELECT count(*) = 1 FROM pg_database WHERE datname LIKE 'belay\\_verify\\_%'" postgres
  # shellcheck disable=SC2086 # words
  expect 0 "$BELAY" $next
  [ "$next" != backup ] || listed="$listed $(cat "$scratch/out")"
  no_scratch_database "verify and $next"
done
# not dropped: one that is not marked, and any while a verify is at work
sql "CREATE DATABASE belay_verify_mine" postgres
expect 0 "$BELAY" backup
listed="$listed $(cat "$scratch/out")"
holds "SELECT count(*) = 1 FROM pg_database WHERE datname = 'belay_verify_mine'" postgres
meanwhile() {
  sql "COMMENT ON DATABASE belay_verify_mine IS 'belay: restore of x unfinished'" postgres
  sql "ALTER DATABASE belay_verify_mine CONNECTION LIMIT 0" postgres
  expect 0 "$BELAY" backup
  listed="$listed $(cat "$scratch/out")"
  holds "SELECT count(*) = 2 FROM pg_database WHERE datname LIKE 'belay\\_verify\\_%'" postgres
}
in_copy restore 0 meanwhile "$BELAY" verify "$good" --level restore
expect 0 "$BELAY" backup
listed="$listed $(cat "$scratch/out")"
no_scratch_database "a backup when nobody restores"

# ---- the connection cut: a pooler between, killed ----
bounce() {
  as "$(command -v pgbouncer)" "$own/ini" >"$own/bouncer.log" 2>&1 &
  bouncer=$!
  for _ in $(seq 1 600); do
    psql -X -q -h "$own" -p 6432 -d test -c '' >/dev/null 2>&1 && break
    sleep 0.1
  done
  bouncer=$(cat "$own/bouncer.pid")
}
if command -v pgbouncer >/dev/null; then
  cat >"$own/ini" <<INI
[databases]
* = host=$own port=5432 user=belay pool_mode=session
[pgbouncer]
listen_addr =
unix_socket_dir = $own
listen_port = 6432
auth_type = any
pidfile = $own/bouncer.pid
ignore_startup_parameters = extra_float_digits,options
INI
  DATABASE_URL="postgresql://belay@/test?host=$own&port=6432"
  bounce
  in_copy backup 4 cut "$BELAY" backup -j1
  says "(copying public\.big|reading the schema: .*): ($lost)"
  says 'or the log of a pooler between'
  DATABASE_URL=$direct
  after_failed_backup 'a cut connection'
  DATABASE_URL="postgresql://belay@/test?host=$own&port=6432"
  bounce
  in_copy restore 4 cut "$BELAY" restore "$good" --into copy -j1
  DATABASE_URL=$direct
  replaced 'a cut connection'
else
  echo "SKIPPED: no pgbouncer here: the connection is not cut" >&2
fi

# ---- the disk full ----
if [ "$(id -u)" = 0 ] && mkdir "$own/small" && mount -t tmpfs -o size=64m tmpfs "$own/small" 2>"$scratch/err"; then
  mounted=$own/small
  store=$mounted/store
  place() { "$BELAY" "$@" --store "$store"; }
  expect 0 place backup -j1
  listed=$(cat "$scratch/out")
  # pages of all but the manifest
  pages=0
  for file in "$store/test/backups/$listed"/*; do
    [ "${file##*/}" = manifest.json ] || pages=$((pages + ($(stat -c %s "$file") + 4095) / 4096))
  done
  # fill PAGES: that many are free afterwards
  fill() {
    rm -f "$mounted/filler"
    head -c "$((($(stat -f -c %a "$mounted") - $1) * 4096))" /dev/zero >"$mounted/filler"
    [ "$(stat -f -c %a "$mounted")" = "$1" ] || fail "$(stat -f -c %a "$mounted") pages are free, not $1"
  }
  full() {
    fill "$2"
    expect 11 place backup -j1
    says "^error: backup of .*: file:$store: writing test/backups/[^ ]*/$1: No space left on device"
    says "hint: Make room in $store, or choose another place with --store"
    no_rest_in_store "a full disk"
    at_rest
    expect 0 place list backups --json
    [ "$(jq -r '[.backups[].id] | join(" ")' <"$scratch/out")" = "$listed" ] || fail "listed with a full disk"
    expect 0 place verify "$listed" --level expand
  }
  full 'segment-[0-9]+\.tar' $((pages / 2))
  full 'segment-[0-9]+\.tar|RECOVER.txt' 0
  full manifest.json $((pages + 1))
  rm "$mounted/filler"
  expect 0 place backup
  expect 0 place verify "$(cat "$scratch/out")" --level expand
  no_rest_in_store "room was made"

  # ---- the server's own disk ----
  store=store
  mkdir "$own/roomy" "$mounted/tight"
  chown postgres "$own/roomy" "$mounted/tight"
  sql "CREATE TABLESPACE roomy LOCATION '$own/roomy'" postgres
  sql "CREATE TABLESPACE tight LOCATION '$mounted/tight'" postgres
  sql 'ALTER TABLE big SET TABLESPACE roomy'
  expect 0 "$BELAY" backup
  spaced=$(cat "$scratch/out")
  into_tight() { "$BELAY" restore "$spaced" --map-tablespace roomy=tight -j2 "$@"; }
  expect 0 into_tight --into there --schema-only
  fill 200
  expect 4 into_tight --into copy
  says "^error: restore of $spaced into copy: .*loading public\.big.*No space left on device"
  says 'detail: .*the half-made database copy was dropped, nothing else was touched'
  says 'hint: The disk of the server is full\. Make room there'
  holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'copy'" postgres
  at_rest
  expect 4 "$BELAY" restore "$spaced" --into there --data-only
  says "^error: restore of $spaced into there: nothing was changed in there: .*No space left on device"
  holds 'SELECT NOT EXISTS (SELECT FROM big) AND NOT EXISTS (SELECT FROM small)' there
  rm "$mounted/filler"
  expect 0 "$BELAY" restore "$spaced" --into there --data-only
  expect 0 into_tight --into copy
  [ "$(content there)$(content copy)" = "$whole$whole" ] || fail "after a full disk the copies differ"
  sql 'DROP DATABASE copy' postgres
  sql 'DROP DATABASE there' postgres
  sql 'DROP TABLESPACE tight' postgres
else
  echo "SKIPPED: only root can mount a small disk: it is not filled" >&2
fi

#!/usr/bin/env bash
# PgBouncer: transaction mode is told apart and refused with the reason, session mode is a server like any other.
. "$(dirname "$0")/../harness/lib.sh"
PATH=$PATH:/usr/sbin
command -v pgbouncer >/dev/null || { echo "no pgbouncer here"; exit 77; }

as() { "$@"; }
if [ "$(id -u)" = 0 ]; then as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }; fi
dir=$(mktemp -d "$WITH_POSTGRES_DIR/bouncer-XXXXXX")
chmod 777 "$dir"
# shellcheck disable=SC2154 # scratch is of lib.sh
stop() {
  [ ! -f "$dir/pid" ] || kill -TERM "$(cat "$dir/pid")" 2>/dev/null || true
  rm -rf "$scratch"
}
trap stop EXIT
cat >"$dir/ini" <<INI
[databases]
shared = host=$PGHOST port=$PGPORT user=$PGUSER dbname=test pool_mode=transaction
own = host=$PGHOST port=$PGPORT user=$PGUSER dbname=test pool_mode=session
[pgbouncer]
listen_addr =
unix_socket_dir = $dir
listen_port = 6432
auth_type = any
pidfile = $dir/pid
ignore_startup_parameters = extra_float_digits,options,client_connection_check_interval,idle_session_timeout
INI
as "$(command -v pgbouncer)" "$dir/ini" >"$dir/log" 2>&1 &
for _ in $(seq 1 600); do
  psql -X -q -h "$dir" -p 6432 -d own -c '' >/dev/null 2>&1 && break
  sleep 0.1
done
sql "CREATE TABLE t AS SELECT 1 AS a"
expect 5 "$BELAY" backup -d "postgresql://belay@/shared?host=$dir&port=6432" -s "$scratch/store"
says 'transaction-mode pooler'
expect 0 "$BELAY" backup -d "postgresql://belay@/own?host=$dir&port=6432" -s "$scratch/store"

#!/usr/bin/env bash
# file: stores on real file systems: what is on disk when a backup says so (seen from outside, by strace), a disk that fills up, and
# mounts without locks or without a rename that overwrites nothing, as NFS has them.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
sql "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM
  generate_series(1, 40) j) FROM generate_series(1, 4000) i"
export ASAN_OPTIONS=detect_leaks=0 # leaks cannot be looked for under strace

# ---- order: bytes, then the name, then the directory; the manifest last ----
# durable LOG ROOT: what is named under ROOT and is not, or not yet, on disk
durable() {
  awk -v root="$2" '
    function of(path) { sub(/\/[^\/]*$/, "", path); return path }
    function arg(n,   part) { split($0, part, "\""); return part[2 * n] }
    function done_sync(path) { synced[path] = 1; delete waiting[path] }
    { pid = $1 }
    /(fsync|fdatasync)\([0-9]+</ { path = $0; sub(/^[^<]*</, "", path); sub(/>.*/, "", path)
      if (/unfinished/) { doing[pid] = path } else if (/= 0$/) done_sync(path); next }
    /(fsync|fdatasync) resumed/ { if (/= 0$/) done_sync(doing[pid]); next }
    / mkdir\(/ && /= 0$/ { made[arg(1)] = 1; if (index(arg(1), root "/") == 1) { waiting[of(arg(1))] = 1; dirs++ } }
    / rename[a-z0-9]*\(/ && /= 0$/ { from = arg(1); to = arg(2)
      if (index(to, root "/") != 1) next
      names++
      if (!(from in synced)) print "named before its bytes were on disk: " to
      if (to ~ /manifest\.json$/) for (dir in waiting) print "the manifest was there before the names in " dir " were on disk"
      waiting[of(to)] = 1 }
    END { for (dir in waiting) print "names in " dir " are not on disk at the end"
          if (names < 3 || dirs < 2) print "only " names + 0 " names and " dirs + 0 " directories were seen" }' "$1"
}
expect 0 strace -f -qq -y -s 4096 -o "$scratch/calls" -e trace=fsync,fdatasync,rename,renameat,renameat2,mkdir \
  "$BELAY" backup -s "file:$scratch/synced"
durable "$scratch/calls" "$scratch/synced" >"$scratch/wrong"
[ ! -s "$scratch/wrong" ] || fail "$(cat "$scratch/wrong")"
# and the judge can say no
grep -v 'fsync(.*\.tmp-' "$scratch/calls" | durable /dev/stdin "$scratch/synced" | grep -q 'before its bytes' ||
  fail 'durable is blind to bytes'
grep -v "fsync([0-9]*<[^>]*/backups/[^/>]*>" "$scratch/calls" | durable /dev/stdin "$scratch/synced" | grep -q 'not on disk at the end' ||
  fail 'durable is blind to directories'

# ---- a mount without locks, and without RENAME_NOREPLACE ----
nfs() { strace -f -qq -o "$scratch/nfs" -e trace=flock,renameat2 -e inject=flock:error=ENOLCK -e inject=renameat2:error=EINVAL "$@"; }
at=file:$scratch/nfs-like
expect 0 nfs "$BELAY" backup -s "$at"
grep -q INJECTED "$scratch/nfs" || fail 'nothing was injected'
id=$(cat "$scratch/out")
expect 0 nfs "$BELAY" verify "$id" -s "$at" --level restore
expect 0 nfs "$BELAY" pin "$id" -s "$at"
expect 0 nfs "$BELAY" pin "$id" -s "$at"
expect 0 nfs "$BELAY" doctor -s "$at"
says '^warning +store +.* has no locks'
# what a killed one left there is never taken for abandoned: nobody can tell
mkdir -p "$scratch/nfs-like/test/backups/20200101T000000Z-0001"
touch -d '2 days ago' "$scratch/nfs-like/test/backups/20200101T000000Z-0001/.tmp-abcdef"
expect 0 nfs "$BELAY" backup -s "$at"
expect 0 nfs "$BELAY" prune --keep-last 1 --yes -s "$at"
[ -e "$scratch/nfs-like/test/backups/20200101T000000Z-0001/.tmp-abcdef" ] || fail 'removed without knowing'
expect 0 "$BELAY" doctor -s "$at"
says_not 'has no locks'
expect 0 "$BELAY" prune --keep-last 1 --yes -s "$at"
[ ! -e "$scratch/nfs-like/test/backups/20200101T000000Z-0001/.tmp-abcdef" ] || fail 'an abandoned file stays where there are locks'

# ---- a disk that fills up ----
small=$scratch/small
mkdir "$small"
cat >"$scratch/full.sh" <<SH
set -e
mount -t tmpfs -o size=1m,mode=700 none '$small' 2>/dev/null || exit 77
got=0
'$BELAY' backup -s 'file:$small/store' >'$scratch/out' 2>'$scratch/err' || got=\$?
find '$small' -type f >'$scratch/left'
mount -o remount,size=64m none '$small'
'$BELAY' backup -s 'file:$small/store' >>'$scratch/out' 2>>'$scratch/err'
'$BELAY' verify latest -s 'file:$small/store' >>'$scratch/out' 2>>'$scratch/err'
exit \$got
SH
got=0
unshare -m bash "$scratch/full.sh" 2>/dev/null || got=$?
if [ "$got" = 77 ] || { [ "$got" = 1 ] && [ ! -e "$scratch/left" ]; }; then
  echo 'store_file_test: no file system can be mounted here, so none was filled'
else
  [ "$got" = 11 ] || fail "a full disk: $got"
  says 'No space left on device'
  [ ! -s "$scratch/left" ] || fail "left on the full disk: $(cat "$scratch/left")"
fi

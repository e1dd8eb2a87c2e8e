#!/usr/bin/env bash
# prune: nothing goes unasked, what must stay stays, what killed writers left goes; pin and unpin.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
url="postgresql://belay@/test?host=$PGHOST&port=$PGPORT"
export DATABASE_URL=$url
sql "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')"

backup() { "$BELAY" backup 2>/dev/null; }
ids() { "$BELAY" list backups --json 2>/dev/null | jq -r '[.backups[].id] | join(" ")'; }
# stay ID...: exactly these backups are left
stay() { [ "$(ids)" = "$*" ] || fail "left are $(ids), not $*"; }
# verdict ID PATTERN: the last --json answer says of this backup or run "keep why" or "remove why"
verdict() {
  local said
  said=$(jq -r --arg id "$1" '(.backups + .runs)[] | select(.id == $id) | (if .keep then "keep " else "remove " end) + .why' \
    <"$scratch/out")
  [[ $said =~ $2 ]] || fail "of $1 it says \"$said\", not $2"
}
dir_of() { echo store/test/backups/"$1"; }

a=$(backup) b=$(backup) c=$(backup) d=$(backup)

# ---- nothing by default; nothing unconfirmed ----
expect 2 "$BELAY" prune
says 'nothing says what to keep, so nothing is removed: policy staging'
says '^hint: .*--keep-last N.*retention'
expect 2 "$BELAY" prune --yes
expect 2 "$BELAY" prune --keep-last 0
says 'a number from 1 to'
for wrong in 5 x 0 -1d 999999d; do
  expect 2 "$BELAY" prune "--keep-within=$wrong"
  says 'not a duration'
done
expect 2 "$BELAY" prune --keep-last 1
says "remove  $a "
says 'must be confirmed.*nothing was removed'

# ---- what came to be needed while the question stood stays, though it was shown as going ----
mkfifo "$scratch/answer"
script -qfec "$BELAY prune --keep-last 1" "$scratch/screen" <"$scratch/answer" >"$scratch/pruned" &
asked=$!
exec 5>"$scratch/answer"
for _ in $(seq 1 600); do
  if grep -q 'Remove them?' "$scratch/screen" 2>/dev/null; then break; fi
  sleep 0.1
done
mkdir "$scratch/away"
mv "$(dir_of "$b")" "$(dir_of "$c")" "$(dir_of "$d")" "$scratch/away/"
echo y >&5
exec 5>&-
wait "$asked" || fail "prune at a terminal failed: $(cat "$scratch/screen")"
stay "$a"
mv "$scratch/away"/* store/test/backups/
stay "$a" "$b" "$c" "$d"

expect 0 "$BELAY" prune --keep-last 2 -n
says "remove  $a .*no rule keeps it"
says "keep    $d .*last 1 of 2, the newest good backup"
stay "$a $b $c $d"

# ---- on a terminal it asks ----
ask() { # ANSWER CODE
  local got=0
  python3 - "$BELAY" "$1" >"$scratch/out" 2>"$scratch/err" <<'PY' || got=$?
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], ["belay", "prune", "--keep-last", "3"])
seen = b""
while True:
    try:
        seen += os.read(fd, 4096)
    except OSError:
        break
    if b"Remove them?" in seen:
        os.write(fd, sys.argv[2].encode() + b"\n")
        sys.argv[2] = ""
        seen = seen.replace(b"Remove them?", b"asked")
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
  [ "$got" = "$2" ] || fail "answered $1 it ended with $got"
}
ask no 3
says 'nothing was removed'
stay "$a $b $c $d"
ask y 0
says 'removed: backups 1'
stay "$b $c $d"
[ ! -e "$(dir_of "$a")" ] || fail "something of $a is left"

# ---- pinned ----
expect 0 "$BELAY" pin "$b"
says "$b is pinned"
expect 0 "$BELAY" pin "$b"
expect 0 "$BELAY" list backups
says "$b .*pinned"
expect 0 "$BELAY" verify "$b"
expect 0 "$BELAY" prune --keep-last 1 --yes --json
verdict "$b" '^keep pinned'
verdict "$c" '^remove '
jq -e '.removed.backups.count == 1 and .rules.from == "options" and .rules.keep_last == 1' <"$scratch/out" >/dev/null || fail "JSON"
stay "$b $d"
expect 0 "$BELAY" unpin "$b"
expect 2 "$BELAY" pin nosuch
expect 0 "$BELAY" prune --keep-last 1 --yes
stay "$d"
expect 0 "$BELAY" prune --keep-last 1 # nothing to confirm
says 'nothing to remove'

# ---- damaged: listed, never counted, removed only when told; the newest good one stays ----
e=$(backup)
printf 'x' >>"$(dir_of "$e")/manifest.json"
expect 0 "$BELAY" prune --keep-last 1 --yes --json
verdict "$e" '^keep damaged'
verdict "$d" '^keep last 1 of 1, the newest good backup'
expect 0 "$BELAY" pin "$d"
expect 0 "$BELAY" prune --damaged -n --json
verdict "$e" '^remove damaged'
verdict "$d" '^keep .*no rule is given'
expect 0 "$BELAY" prune --damaged --yes
stay "$d"
expect 0 "$BELAY" unpin "$d"

# ---- what killed writers left ----
old=store/test/backups/20200101T000000Z-0001
young=store/test/backups/20200101T000000Z-0002
written=store/test/backups/20200101T000000Z-0003
strange=store/test/backups/notes
for dir in "$old" "$young" "$written" "$strange"; do
  mkdir -p "$dir"
  echo rest >"$dir/segment-0001.tar"
done
mkdir store/test/runs/20200101T000000Z-0004 2>/dev/null || mkdir -p store/test/runs/20200101T000000Z-0004
echo '{}' >store/test/runs/20200101T000000Z-0004/journal.jsonl
echo x >"$old/.tmp-dead"
echo x >"$written/.tmp-alive"
touch -d '2 days ago' "$old"/* "$old"/.tmp-* "$written"/* "$written"/.tmp-* "$strange"/* store/test/runs/20200101T000000Z-0004/*
exec 8<"$written/.tmp-alive"
flock 8
expect 0 "$BELAY" prune --keep-last 1 -n
says "remove  test/backups/20200101T000000Z-0001 .*unfinished"
says "remove  test/runs/20200101T000000Z-0004 .*unfinished"
says 'remove  1 temporary file '
[ -e "$old/.tmp-dead" ] || fail "a dry run removed something"
expect 0 "$BELAY" prune --keep-last 1 --yes --json
jq -e '.removed.unfinished.count == 2 and .removed.backups.count == 0' <"$scratch/out" >/dev/null || fail "JSON"
[ ! -e "$old" ] && [ ! -e store/test/runs/20200101T000000Z-0004 ] || fail "what a killed writer left is still there"
[ -e "$young/segment-0001.tar" ] && [ -e "$written/.tmp-alive" ] && [ -e "$strange/segment-0001.tar" ] ||
  fail "what is being written, young or not ours is gone"
exec 8<&-
rm -r "$written" "$young" "$strange"

# ---- what a run needs ----
run_id() { "$BELAY" list runs --json | jq -r '.runs[-1].id'; }
backup_of() { "$BELAY" show "$1" --json | jq -r .backup; }
migration 20260101000000_one 'ALTER TABLE t ADD COLUMN w text;'
expect 0 "$BELAY" run
one=$(run_id) one_backup=$(backup_of "$(run_id)")
migration 20260102000000_two 'ALTER TABLE t ADD COLUMN x text;'
expect 0 "$BELAY" run
two=$(run_id) two_backup=$(backup_of "$(run_id)")
expect 0 "$BELAY" backup
# staging keeps three runs that changed something
expect 0 "$BELAY" prune --keep-last 1 --yes --json
verdict "$one" '^keep one of the newest 3 runs that changed something'
verdict "$one_backup" "^keep run $one needs it"
verdict "$two_backup" "^keep run $two needs it"
verdict "$d" '^remove'
mkdir -p policies
printf 'extends: staging\nretention:\n  keep_runs: 1\n  keep_last: 1\n' >policies/staging.yaml
expect 0 "$BELAY" prune -n --json
jq -e '.rules.from == "policy"' <"$scratch/out" >/dev/null || fail "JSON"
verdict "$one" '^remove'
verdict "$one_backup" '^remove'
verdict "$two" '^keep .*newest run'
verdict "$two_backup" "^keep run $two needs it"
# an option takes the place of all rules of the policy
expect 0 "$BELAY" prune -n --keep-last 9 --json
verdict "$one_backup" '^keep last '

# a run that was rolled back needs no backup, but its record stays as long as ... and the other way round
expect 0 "$BELAY" rollback last --yes
back=$(run_id)
expect 0 "$BELAY" prune -n --keep-last 3 --json
verdict "$two_backup" '^keep last'
expect 0 "$BELAY" prune -n --keep-last 1 --json
verdict "$back" '^keep'   # the newest
verdict "$one" '^keep .*newest run that changed something'
verdict "$one_backup" "^keep run $one needs it"
verdict "$two" '^remove'
verdict "$two_backup" '^remove'
# a record of a rollback stays while its run's does: one more run makes the rollback the second newest
expect 0 "$BELAY" run
three=$(run_id)
expect 0 "$BELAY" prune -n --keep-daily 1 --json
verdict "$back" '^remove'
verdict "$two" '^remove'
sed -i 's/keep_runs: 1/keep_runs: 9/' policies/staging.yaml
expect 0 "$BELAY" prune --keep-last 1 --yes --json
verdict "$three" '^keep'
verdict "$one" '^keep'
expect 0 "$BELAY" rollback "$three" --yes
expect 0 "$BELAY" rollback "$one" --yes

# a run that cannot be read: its backup stays, too
four_backup=$(backup_of "$one")
printf 'x' >store/test/runs/"$one"/plan.json
expect 0 "$BELAY" prune --keep-last 1 -n
says "left alone: .*$one/plan.json"
says "keep    $four_backup .*the record of its run may be one that cannot be read"

#!/usr/bin/env bash
# belay copy between two servers, with a limit, stopped and gone on with; and the progress of copy, backup and restore on a terminal.
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
s3 mb origin
s3_project origin/a
rows big 9
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
under=test/backups/$id

# ---- a bucket of the same name on another server is another place ----
relayed origin/a >"$scratch/relayed"
expect 2 "$BELAY" copy "$id" --to "$(place origin/a)"
says 'is the place that it is in'
says_not 'goes on from there'
expect 0 "$BELAY" copy "$id" --to "$(cat "$scratch/relayed")"
says ': 0 objects copied and read back .*, [3-9] there already'
expect 11 "$BELAY" copy "$id" --to "$(place no-such-bucket/a)"
says 'NoSuchBucket'

# ---- a limit holds for what is sent and what is read back: 7 MiB each at 4 MiB/s, of which the last piece is not waited for ----
begin=$(date +%s%N)
expect 0 "$BELAY" copy "$id" --to "$(place origin/limited)" --limit-rate 4MiB
[ $((($(date +%s%N) - begin) / 1000000)) -ge 2200 ] || fail "faster than the limit: $((($(date +%s%N) - begin) / 1000000)) ms"
for wrong in 0 fast -1 1XB; do
  expect 2 "$BELAY" copy "$id" --to "$(place origin/b)" --limit-rate=$wrong
  says 'limit-rate'
done

# ---- stopped: nothing is listed, no upload stays, and the same command goes on ----
to=$(place origin/stopped)
"$BELAY" copy "$id" --to "$to" --limit-rate 512KiB >"$scratch/out" 2>"$scratch/err" &
pid=$!
for _ in $(seq 100); do
  if s3 ls origin stopped/ | grep -q segment-; then break; fi
done
s3 uploads origin | grep -q "stopped/.*/writing" || fail "nothing shows that somebody is at work"
kill -INT $pid
status=0
wait $pid || status=$?
[ $status = 130 ] || fail "the interrupted copy ended with $status"
says 'the same command goes on from there'
no_uploads origin
expect 0 "$BELAY" list -s "$to"
says '^no backups'
expect 0 "$BELAY" copy "$id" --to "$to"
says '[1-9] there already'
s3 ls origin "a/$under/" | while read -r key; do
  cmp <(s3 cat origin "$key") <(s3 cat origin "stopped/${key#a/}") || fail "$key is not the same"
done

# ---- a terminal sees how far it is; nobody else does ----
# on_terminal COMMAND...: what it shows, one state of the line a line, in $scratch/screen
on_terminal() {
  TERM=xterm script -qec "$(printf '%q ' "$@")" "$scratch/typescript" </dev/null >/dev/null || fail "on a terminal: $*: $(cat "$scratch/typescript")"
  tr '\r' '\n' <"$scratch/typescript" | sed -e '/^Script /d' -e '/^$/d' >"$scratch/screen"
}
# grows WHAT: the line of progress was there, it only grew, never beyond its total, and was wiped away in the end
grows() {
  sed -n "s/^\x1b\[K$1: \([0-9]*\)\/\([0-9]*\) MiB, [0-9]* MiB\/s.*/\1 \2/p" "$scratch/screen" >"$scratch/steps"
  [ -s "$scratch/steps" ] || fail "no progress of $1: $(cat -v "$scratch/screen")"
  awk '{ if ($1 < last || $1 > $2 || (total && $2 != total)) exit 1; last = $1; total = $2 }' "$scratch/steps" ||
    fail "the progress of $1: $(cat "$scratch/steps")"
  tail -n 1 "$scratch/screen" | grep -q "$1: [0-9]" && fail "the progress of $1 stays on the screen"
  true
}
on_terminal "$BELAY" copy "$id" --to "file:$scratch/there" --limit-rate 3MiB
grows copied
mib=$(find "$scratch/there" -type f -printf '%s\n' | awk '{ bytes += $1 } END { print int(bytes / 1048576) }')
[ "$(tail -n 1 "$scratch/steps" | cut -d' ' -f2)" = "$mib" ] || fail "of another size: $(cat "$scratch/steps")"
grep -q "^.\[K$id is in file:$scratch/there" "$scratch/screen" || fail "the answer: $(cat -v "$scratch/screen")"
on_terminal "$BELAY" copy "$id" -s "file:$scratch/there" --to "$(place origin/back)" --limit-rate 3MiB
grows copied
on_terminal "$BELAY" backup --limit-rate 3MiB
grows backup
echo '0 0 delay 1600 /^GET .*segment/' >"$scratch/rules"
on_terminal "$BELAY" restore "$id" --into copy -s "$(cat "$scratch/relayed")"
: >"$scratch/rules"
grows 'restoring rows'
[ "$(exact_content copy)" = "$(exact_content test)" ] || fail 'the copy holds something else'
for quiet in --no-progress --quiet --json; do
  rm -rf "$scratch/there"
  on_terminal "$BELAY" copy "$id" --to "file:$scratch/there" --limit-rate 3MiB $quiet
  ! grep -q 'copied: ' "$scratch/screen" || fail "progress with $quiet"
done
rm -rf "$scratch/there"
expect 0 "$BELAY" copy "$id" --to "file:$scratch/there" --limit-rate 3MiB
says_not 'copied: '
no_uploads origin

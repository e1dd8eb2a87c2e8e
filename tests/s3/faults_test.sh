#!/usr/bin/env bash
# The faults of a network and a server, made by tests/harness/relay.c between belay and a real one. After each of them a backup is
# either whole and verified, or there is none and belay ends with 5 or 11; no unfinished upload stays; no other object does.
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
rules=$scratch/rules log=$scratch/relay.log
relayed faults/a >/dev/null
listen=$(cat "$scratch/relay.port")
s3 mb faults
rows big 14
sql "CREATE TABLE small (id int PRIMARY KEY)"
settings='part_size=5MiB&timeout=20s&stale=1h'
through="s3://faults/a?endpoint=http://127.0.0.1:$listen&$settings"
direct=$(place faults/a "$settings")

# backup RULE...: takes one under these rules; exit code in $got, its id in $id
backup() {
  printf '%s\n' "$@" >"$rules"
  : >"$log"
  got=0
  "$BELAY" backup -s "$through" >"$scratch/out" 2>"$scratch/err" </dev/null || got=$?
  : >"$rules"
  id=$(cat "$scratch/out")
  no_uploads faults
}
acted() { grep -Eq "^$1 " "$log" || fail "${2:-$1}: the fault never happened"; }
# recovers WHAT RULE...: belay gets over it
recovers() {
  local what=$1
  shift
  backup "$@"
  [ "$got" = 0 ] || fail "$what: belay ended with $got"
  acted "$(awk '{ print $3; exit }' <<<"$1")" "$what"
  "$BELAY" verify "$id" -s "$direct" >"$scratch/out" 2>"$scratch/err" || fail "$what: the backup is not whole"
  echo "  $what: whole"
  "$BELAY" prune --keep-last 1 --yes -s "$direct" >/dev/null 2>&1
}
# fails WHAT PATTERN RULE...: belay says so, and nothing is left
fails() {
  local what=$1 pattern=$2 before after
  shift 2
  before=$(s3 ls faults a/)
  backup "$@"
  case $got in 5 | 11) ;; *) fail "$what: belay ended with $got" ;; esac
  says "$pattern"
  acted "$(awk '{ print $3; exit }' <<<"$1")" "$what"
  after=$(s3 ls faults a/)
  [ "$before" = "$after" ] || fail "$what: left behind: $(diff <(echo "$before") <(echo "$after"))"
  echo "  $what: $got"
}
part='/partNumber=2&/' create='/^POST .*segment-.*uploads=/' complete='/^POST .*uploadId=/' manifest='/^PUT .*manifest.json/'
segment='/^PUT .*segment-/'

# ---- what a server says ----
recovers 'a 500 on a part' "0 2 answer 500,InternalError $part"
recovers 'SlowDown on a part' "0 1 answer 503,SlowDown $part"
recovers '429 with Retry-After' "0 1 answer 429,TooManyRequests,Retry-After: 1 $segment"
recovers '408' "0 1 answer 408,RequestTimeout $manifest"
recovers '400 RequestTimeout' "0 1 answer 400,RequestTimeout $part"
fails 'AccessDenied on a part' 'AccessDenied' "0 0 answer 403,AccessDenied $part"
fails 'QuotaExceeded' "quota" "0 0 answer 403,QuotaExceeded $part"
fails 'a server that stays broken' 'tried [0-9]+ times' "0 0 answer 503,ServiceUnavailable $segment"
[ "$(grep -c '^answer' "$log")" -ge 3 ] || fail 'given up too early'
recovers 'another region' "0 1 answer 301,PermanentRedirect,x-amz-bucket-region: eu-north-7 $create"
recovers '400 with the region' "0 1 answer 400,AuthorizationHeaderMalformed,x-amz-bucket-region: eu-north-7 $segment"
recovers 'an error in a 200 of complete' "0 1 answer 200,InternalError $complete"
recovers 'an error in a 200 after it was done' "0 1 error InternalError $complete"

# ---- connections ----
recovers 'a reset before the first byte' "0 2 refuse $part"
recovers 'a reset in a part' "0 1 reset 3000000 $part"
recovers 'a reset after the last byte' "0 1 lose $part"
recovers 'a lost answer to a PUT' "0 1 lose $segment"
recovers 'a lost answer to the manifest' "0 1 lose $manifest"
recovers 'a lost answer to create' "0 1 lose $create"
recovers 'a lost answer to complete' "0 1 lose $complete"
fails 'answers to parts that all get lost' 'tried|reset|Recv' "0 0 lose $part"
recovers 'all answers to the manifest lost, but it is there' "0 0 lose $manifest"

# ---- bytes ----
recovers 'a bit flipped on the way up' "0 1 flipup 1000 $part"
fails 'every part flipped on the way up' 'Mismatch|BadDigest' "0 0 flipup 1000 $part"
fails 'a wrong ETag of a part' 'InvalidPart' "0 0 etag $part"

# ---- time ----
recovers 'a clock that is wrong' "0 1 answer 403,RequestTimeTooSkewed,Date: $(LC_ALL=C date -u -d '-14 minutes' '+%a, %d %b %Y %T GMT') $create"
through="s3://faults/a?endpoint=http://127.0.0.1:$listen&part_size=5MiB&timeout=3s"
fails 'a stall after the request' 'too slow|imed out|tried' "0 0 stall $part"
through="s3://faults/a?endpoint=http://127.0.0.1:1&part_size=5MiB&timeout=2s"
: >"$log"
got=0; "$BELAY" backup -s "$through" >"$scratch/out" 2>"$scratch/err" || got=$?
[ "$got" = 11 ] || fail "nobody there: $got"
through="s3://faults/a?endpoint=http://127.0.0.1:$listen&$settings"

# ---- reading ----
backup '# none'
segments='/^GET .*segment-/'
reads() { # reads CODE WHAT RULE
  printf '%s\n' "$3" >"$rules"
  : >"$log"
  got=0
  "$BELAY" verify "$id" -s "$through" >"$scratch/out" 2>"$scratch/err" || got=$?
  : >"$rules"
  [ "$got" = "$1" ] || fail "$2: verify ended with $got, not $1"
  acted "$(awk '{ print $3 }' <<<"$3")" "$2"
  echo "  $2: $got"
}
reads 0 'a GET that is cut' "0 2 cut 200000 $segments"
reads 0 'an answer that stalls' "0 1 stallback 200000 $segments"
reads 12 'a bit flipped on the way down' "0 0 flip 300000 $segments"
reads 0 '503 while reading' "0 2 answer 503,SlowDown $segments"
reads 11 'a list that is refused' '0 0 answer 403,AccessDenied /list-type=2/'
reads 11 'half a list' '0 0 cut 100 /list-type=2/'

# ---- who may not look at uploads is told of a damaged backup all the same ----
backup '0 0 answer 403,AccessDenied /^GET .*uploads=/' '0 0 flip 40 /^GET .*manifest.json/'
case $got in 5 | 12) ;; *) fail "a damaged read-back: belay ended with $got" ;; esac
acted flip 'a damaged read-back'
says_not 'may not'
"$BELAY" prune --damaged --keep-last 1 --yes -s "$direct" >/dev/null 2>&1

# ---- signals: while tables are copied, with uploads under way ----
before=$(s3 ls faults a/)
begin_upload='/^POST .*segment-.*uploads=/'
for signal in TERM INT; do
  printf '0 0 delay 1500 %s\n' "$part" '/partNumber=1&/' "$begin_upload" >"$rules"
  : >"$log"
  "$BELAY" backup -s "$through&parallel=1" -j 1 >"$scratch/out" 2>"$scratch/err" &
  pid=$!
  for _ in $(seq 1 200); do
    grep -q '^delay.*partNumber' "$log" && break
    sleep 0.1
  done
  kill -$signal $pid
  got=0; wait $pid || got=$?
  : >"$rules"
  case $signal:$got in TERM:143 | INT:130) ;; *) fail "SIG$signal: ended with $got" ;; esac
  no_uploads faults
  echo "  SIG$signal: $got"
done
[ "$(s3 ls faults a/)" = "$before" ] || fail "left behind: $(diff <(echo "$before") <(s3 ls faults a/))"

#!/usr/bin/env bash
# backup, list, show, verify and restore through the program: odd names, damaged manifests, missing privileges, JSON.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
project
url() { printf 'postgresql://%s@/%s?host=%s&port=%s' "$1" "$(jq -rn --arg n "$2" '$n | @uri')" "$PGHOST" "$PGPORT"; }
# one_json FILE: it holds exactly one JSON value
one_json() { [ "$(jq -s length <"$1")" = 1 ] || fail "$1 is not one JSON value"; }

# ---- a name that needs escaping everywhere ----
odd='Tra ding/"ü%.x'
copy='cöpy of "x" 100%'
psql -X -q -v n="$odd" <<<'CREATE DATABASE :"n";'
odd_url=$(url belay "$odd")
psql -X -q -d "$odd_url" -c "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'ä' || i FROM generate_series(1, 1000) i"
export DATABASE_URL=$odd_url
expect 0 "$BELAY" backup
id=$(cat "$scratch/out")
expect 0 "$BELAY" list backups
says "^$id .*Tra ding/\"ü%\.x .*1000 rows"
expect 0 "$BELAY" list backups --json
jq -e --arg id "$id" --arg n "$odd" '.backups | length == 1 and .[0].id == $id and .[0].database == $n' \
  <"$scratch/out" >/dev/null || fail "the list does not hold the backup"
for which in latest "$id" "${id:0:19}"; do
  expect 0 "$BELAY" show "$which"
  says "backup $id of Tra ding"
done
expect 0 "$BELAY" show latest --json
jq -e --arg n "$odd" '.database == $n and .rows == 1000' <"$scratch/out" >/dev/null || fail "show says something else"
expect 0 "$BELAY" verify latest --level restore
expect 0 "$BELAY" restore latest --into "$copy"
[ "$(content "$copy"; structure "$copy")" = "$(content "$odd"; structure "$odd")" ] || fail "the copy differs"
expect 3 "$BELAY" restore latest --into "$odd"
says 'exists'
# RECOVER.txt, by hand, where there are tar, zstd, psql and what every system has: no belay
cp -r store/*/backups/"$id" "$scratch/by-hand"
mkdir "$scratch/path"
for program in sh cat mkdir rm tar zstd; do ln -s "$(command -v "$program")" "$scratch/path/"; done
ln -s "$PGBIN/psql" "$scratch/path/"
(cd "$scratch/by-hand" && env PATH="$scratch/path" sh RECOVER.txt "by hand/\"ü%\"") >"$scratch/out" 2>"$scratch/err" || fail "RECOVER.txt failed"
[ "$(content 'by hand/"ü%"')" = "$(content "$odd")" ] || fail "the copy by hand differs"
# what lies under one name is not found under another
DATABASE_URL=$(url belay test) expect 0 "$BELAY" list backups
says '^no backups'
DATABASE_URL=$(url belay test) expect 2 "$BELAY" restore latest --into x
says 'holds no backup "latest"'

for name in '.hidden' "o'brien" 'a%2Fb' 'back\slash' 'runs' '..' "$(printf 'n%.0s' {1..63})" 'ü' 'A=b' 'a'; do
  psql -X -q -d postgres -v n="$name" <<<'CREATE DATABASE :"n";'
  DATABASE_URL=$(url belay "$name")
  expect 0 "$BELAY" backup
  expect 0 "$BELAY" list backups --json
  jq -e --arg n "$name" '.backups | length == 1 and .[0].database == $n' <"$scratch/out" >/dev/null || fail "list of $name"
  expect 0 "$BELAY" verify latest
done
DATABASE_URL=$odd_url
expect 0 "$BELAY" list backups --json
jq -e '.backups | length == 1' <"$scratch/out" >/dev/null || fail "backups of other databases are listed"

# ---- ids sort in the order in which the backups were made, also within a second ----
made=$id
for _ in 1 2 3; do
  expect 0 "$BELAY" backup
  made="$made $(cat "$scratch/out")"
done
expect 0 "$BELAY" list backups --json
[ "$(jq -r '[.backups[].id] | join(" ")' <"$scratch/out")" = "$made" ] || fail "the order is not that of the making: $made"
expect 0 "$BELAY" show latest
says "backup ${made##* } of"

# ---- a damaged manifest ----
broken=${made##* }
manifest=$(echo store/*/backups/"$broken"/manifest.json)
cp "$manifest" "$scratch/manifest.json"
for damage in '{}' 'not json' ''; do
  printf '%s' "$damage" >"$manifest"
  expect 0 "$BELAY" list backups
  says "^warning: backup $broken is damaged: "
  says_not 'null'
  ! grep -q "$broken" "$scratch/out" || fail "a damaged backup is in the table"
  [ "$(wc -l <"$scratch/out")" = 3 ] || fail "the whole backups are not listed"
  expect 0 "$BELAY" list backups --json
  jq -e --arg id "$broken" '.backups | length == 4 and (.[3] | .id == $id and .damaged == true and (.damage | length > 0)
    and .tables == null) and .[0].damaged == null' <"$scratch/out" >/dev/null || fail "JSON does not tell the damage"
  for command in "verify $broken" "verify latest" "show $broken" "restore $broken --into never" "restore latest --into never"; do
    # shellcheck disable=SC2086 # a command and its arguments
    expect 12 "$BELAY" $command
    says "backup $broken is damaged"
  done
done
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'never'"
cp "$scratch/manifest.json" "$manifest"
expect 0 "$BELAY" verify latest

# ---- a damaged member: named, and nothing is restored ----
member=$(jq -r '.entries[] | select(.kind == "data") | "\(.segment) \(.offset) \(.id)"' <"$manifest")
read -r segment offset member <<<"$member"
segment=$(printf '%s/segment-%04d.tar' "${manifest%/*}" "$segment")
cp "$segment" "$scratch/segment.tar"
printf 'damage' | dd of="$segment" bs=1 seek=$((offset + 20)) conv=notrunc status=none
expect 0 "$BELAY" restore "$broken" --into without_rows --schema-only
for command in "verify $broken" "verify $broken --level restore" "restore $broken --into never" \
  "restore $broken --into without_rows --data-only"; do
  # shellcheck disable=SC2086 # a command and its arguments
  expect 12 "$BELAY" $command
  says "^error: .*$broken.*member $member\.copy\.zst \(public\.t part 0\).* its sha256 is"
done
holds "SELECT count(*) = 0 FROM pg_database WHERE datname = 'never' OR datname LIKE 'belay%'"
holds 'SELECT count(*) = 0 FROM t' without_rows
cp "$scratch/segment.tar" "$segment"
expect 0 "$BELAY" verify "$broken"

# ---- a role that may not make databases ----
sql "CREATE ROLE lowly LOGIN"
DATABASE_URL=$(url lowly "$odd")
expect 4 "$BELAY" restore latest --into never
says 'lowly may not make objects of others: the backup names the owners belay'
expect 4 "$BELAY" restore latest --into never --no-owner
says 'permission denied to create database'
says '^hint: .*ALTER ROLE lowly CREATEDB'
expect 4 "$BELAY" restore latest --into never --no-owner --json
tail -1 "$scratch/err" >"$scratch/error"
jq -e '.exit_code == 4 and (.hint | test("CREATEDB"))' <"$scratch/error" >/dev/null || fail "JSON without the hint"
DATABASE_URL=$odd_url

# ---- with --json what is on stdout is JSON, and the last line on stderr is the error ----
# answers CODE ARGUMENT...
answers() {
  local code=$1
  shift
  expect "$code" "$BELAY" "$@" --json
  [ ! -s "$scratch/out" ] || one_json "$scratch/out"
  if [ "$code" = 0 ]; then
    [ -s "$scratch/out" ] || fail "$* --json says nothing"
    return 0
  fi
  tail -1 "$scratch/err" >"$scratch/error"
  one_json "$scratch/error"
  jq -e --argjson code "$code" '.schema == 1 and .exit_code == $code and (.error | length > 0)' \
    <"$scratch/error" >/dev/null || fail "$* --json: the error is not the expected object"
}
printf 'CREATE TABLE n (a int PRIMARY KEY);\n' >good.sql
answers 0 backup
answers 0 list backups
answers 0 list runs
answers 0 show latest
answers 0 verify latest
answers 0 restore latest --into 'json "copy"'
answers 0 status
answers 0 plan
answers 0 run
answers 0 lint good.sql
answers 0 inverse good.sql
jq -e '.files[0] | .verdict == "exact" and (.script | test("DROP TABLE"))' <"$scratch/out" >/dev/null || fail "inverse: no script"
answers 0 version
answers 0 explain
jq -e '.rules | length > 20 and (.[0] | has("id") and has("severity") and has("summary"))' <"$scratch/out" >/dev/null || fail "explain: no rules"
answers 0 explain drop-table
jq -e '.id == "drop-table" and (.page | length > 100)' <"$scratch/out" >/dev/null || fail "explain: no page"
mkdir fresh
cp -r prisma fresh/
(cd fresh && answers 0 init)
answers 2 init
answers 2 restore
answers 2 restore nosuch --into x
answers 2 show nosuch
answers 2 verify nosuch
answers 2 rollback last --yes
answers 2 rollback last
answers 2 inverse nosuch.sql
answers 2 explain nosuch
answers 2 list nosuch
answers 2 frob
answers 2 run --frob
answers 2 run --jobs 99
answers 2 show a b
printf 'DROP TABLE t;\n' >bad.sql
answers 3 lint bad.sql
migration 20260101000000_bad 'DROP TABLE t;'
answers 3 plan
answers 3 run
rm -r prisma/migrations/20260101000000_bad
for command in plan run status backup 'inverse good.sql'; do
  # shellcheck disable=SC2086 # a command and its arguments
  answers 4 $command -d 'postgresql://belay:geheim@127.0.0.1:1/test'
  says_not geheim
done

# what was not seen is not said
expect 4 "$BELAY" plan -d 'postgresql://belay@127.0.0.1:1/test'
[ ! -s "$scratch/out" ] || fail "a plan of an unreachable database"

#!/usr/bin/env bash
# Unknown commands, options and values: exit code 2, the place, and what was probably meant. Nothing is touched.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
mkdir "$scratch/empty"
cd "$scratch/empty"
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"
printf 'SELECT 1;\n' >../good.sql

# wrong PATTERN ARGUMENT...: refused with exit code 2 and words that match
wrong() {
  local pattern=$1
  shift
  expect 2 "$BELAY" "$@"
  [ ! -s "$scratch/out" ] || fail "a usage error has an answer on stdout"
  says "$pattern"
  says '^(error|hint): '
}

wrong 'unknown command "lnt"' lnt
wrong 'Did you mean: belay lint' lnt
wrong 'Did you mean: belay status' stauts
wrong 'Did you mean: belay rollback' roll-back
wrong 'See: belay --help' frobnicate
says_not 'Did you mean'
wrong 'unknown command ""' ''

wrong 'unknown option --fail-onn for belay lint' lint --fail-onn error
wrong 'Did you mean --fail-on\?' lint --fail-onn=error
wrong 'Did you mean --environment\?' run --enviroment production
wrong 'unknown option --format for belay run' run --format json # an option of another command
wrong 'See: belay run --help' run --zzzzzz
wrong 'unknown option -x for belay lint' lint -x
# a mistyped option may hold a password
wrong 'unknown option --databse ' run --databse=postgresql://trader:geheim@db/trading
says_not geheim

wrong '--database needs a value \(URL\)' status --database
wrong '--jobs takes a number from 1 to 16, not "0"' backup --jobs 0
wrong 'not "17"' backup -j17
wrong 'not "two"' backup --jobs=two
wrong 'not ""' backup --jobs=
wrong 'not "99999999999999999999"' backup -j 99999999999999999999
wrong '--json takes no value' list --json=yes
wrong '--fail-on is error, warning, info or never, not "fatal"' lint --fail-on fatal ../good.sql
wrong '--fail-on .* not "off"' lint --fail-on off ../good.sql
wrong '--format is tty, json, sarif, github, gitlab, junit or markdown, not "xml"' lint --format xml ../good.sql
wrong '--level is hash, expand or restore, not "deep"' verify latest --level deep
wrong '--on-conflict is keep, restore or abort, not "kep"' rollback --on-conflict kep
wrong '--output goes with --script' rollback last -o x.sql
wrong "--script writes one run's file, and nothing else: without --with-newer" rollback last --script --with-newer
wrong 'backups or runs, not "bakups"' list bakups
wrong 'unknown environment "prodution"' lint -e prodution ../good.sql
wrong 'Did you mean production\?' lint -e prodution ../good.sql
wrong '"\.\./etc/passwd" is not the name of an environment' lint -e ../etc/passwd ../good.sql

wrong 'needs an argument' verify
wrong 'Usage: belay verify' verify
wrong 'does not take "b"' show a b
wrong 'does not take "npx"' backup -- npx
wrong 'no command after --' run --
wrong 'no-such.yaml: the file given with --config does not exist' lint -c no-such.yaml ../good.sql
wrong 'no migrations directory no-such-dir' lint --dir no-such-dir
wrong 'nothing to lint' lint
wrong 'there is no rule "drop-tabel"' explain drop-tabel
wrong 'Did you mean: belay explain drop-table' explain drop-tabel
wrong 'List them with: belay explain' explain zzzzzzzz

# under --json the error is one JSON object
expect 2 "$BELAY" lint --json --fail-on fatal ../good.sql
jq -e '.schema == 1 and .code == "ERR_USAGE" and .exit_code == 2 and (.error | test("fatal")) and .hint == null' \
  <"$scratch/err" >"$scratch/out" || fail "the error is not the expected JSON"
expect 2 "$BELAY" explain --json zzzzzzzz
jq -e '.hint == "List them with: belay explain"' <"$scratch/err" >"$scratch/out" || fail "no hint in JSON"

# also when the arguments could not be understood, wherever it stands
for arguments in '--json --frob' '--frob --json' '--json'; do
  case $arguments in
  --json) command=lnt ;;
  *) command=lint ;;
  esac
  # shellcheck disable=SC2086 # several arguments
  expect 2 "$BELAY" $command $arguments
  [ "$(jq -s 'length == 1 and .[0].exit_code == 2' <"$scratch/err")" = true ] || fail "$command $arguments: not one JSON object"
done
expect 2 "$BELAY" run --frob -- tool --json
says '^error: '

[ -z "$(ls -A)" ] || fail "a refused command left files: $(ls -A)"

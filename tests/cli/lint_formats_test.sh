#!/usr/bin/env bash
# What belay lint prints for other programs, judged by their own tools: SARIF by its JSON schema, JUnit by xmllint, JSON by jq.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
# shellcheck source=tests/harness/setup.sh
. "$(dirname "$0")/../harness/setup.sh"
schema=$(sarif_schema)
export PYTHONWARNINGS=ignore
mkdir "$scratch/work"
cd "$scratch/work"
echo "# belay applies the files, with timeouts" >belay.yaml
unset DATABASE_URL BELAY_DATABASE_URL "${!PG@}"
in_json() { jq -e "$1" <"$scratch/out" >/dev/null || fail "not so in the JSON: $1"; }

mkdir 'm 1'
printf 'CREATE TABLE a (id int PRIMARY KEY);\n' >good.sql
# characters of several bytes, quoted names with what a format could trip over, a finding over several lines
cat >'m 1/ä&%:b.sql' <<'SQL'
/* größe */ DROP TABLE "a<b>&""c|d`e`@you";
DROP TABLE
  "x
y";
-- belay:ignore drop-table since März & "1.2" <nobody> reads it
DROP TABLE old;
CREATE INDEX i ON orders (id);
ALTER TABLE orders ALTER day DROP NOT NULL;
ALTER TABLE orders FROBNICATE;
SQL
printf 'DROP TABLE "a\001\033[31m\xff";\n' >control.sql
files=(good.sql 'm 1/ä&%:b.sql' ./control.sql)

# what there is to show
expect 3 "$BELAY" lint --json "${files[@]}"
said() { jq -r "$1" <"$scratch/out"; }
all=$(said '.findings | length') open=$(said '[.findings[] | select(.suppressed | not)] | length')
errors=$(said .summary.errors) warnings=$(said .summary.warnings) infos=$(said .summary.infos)
[ "$errors" -ge 3 ] && [ "$warnings" -ge 2 ] && [ "$infos" -ge 1 ] && [ "$all" -gt "$open" ] || fail "too few findings"

# --- SARIF ---
valid_sarif() {
  python3 - "$schema" "$scratch/out" <<'PYTHON' || fail "not valid by the schema of SARIF 2.1.0"
import json, sys, jsonschema
schema, log = (json.load(open(path, encoding='utf-8')) for path in sys.argv[1:3])
checker = jsonschema.FormatChecker()
errors = list(jsonschema.validators.validator_for(schema)(schema, format_checker=checker).iter_errors(log))
for error in errors:
    print('/'.join(map(str, error.absolute_path)), error.message[:300], file=sys.stderr)
sys.exit(bool(errors))
PYTHON
}
expect 3 "$BELAY" lint --format sarif "${files[@]}"
valid_sarif
says "^$errors errors, $warnings warnings, $infos notes? \(1 ignored\) in 3 files, 8 statements, 1 not analysed"
in_json '.version == "2.1.0" and (.runs | length) == 1 and .runs[0].columnKind == "unicodeCodePoints"'
in_json '.runs[0].properties == {files: 3, statements: 8, notAnalysed: 1}'
in_json '.runs[0].results | map(.ruleId) | index("drop-table") != null and index("not-analysed") != null'
in_json '.runs[0] | (.results | map(.ruleId) | unique) == (.tool.driver.rules | map(.id) | sort)'
in_json '.runs[0].tool.driver.rules | all(.help.markdown | startswith("# "))'
in_json '.runs[0].tool.driver.rules | all(.help.text != "" and .shortDescription.text != "")'
first='.runs[0].results[0].locations[0].physicalLocation'
in_json "$first.artifactLocation == {uri: \"m%201/%C3%A4%26%25%3Ab.sql\", uriBaseId: \"%SRCROOT%\"}"
# columns count characters, offsets bytes
in_json "$first.region | .startLine == 1 and .startColumn == 13 and .endLine == 1 and .endColumn == 43"
in_json "$first.region | .byteOffset == 14 and .byteLength == 30"
in_json "$first.region.snippet.text == \"DROP TABLE \\\"a<b>&\\\"\\\"c|d\`e\`@you\\\"\""
in_json '.runs[0].results[1].locations[0].physicalLocation.region | .startLine == 2 and .endLine == 4 and .endColumn == 3'
in_json '[.runs[0].results[] | select(.suppressions != [])] | length == 1'
in_json '.runs[0].results[] | select(.suppressions != []) | .suppressions == [{kind: "inSource",
  justification: "since März & \"1.2\" <nobody> reads it"}]'
in_json '.runs[0].results | map(.level) | unique == ["error", "note", "warning"]'
in_json '.runs[0].results[-1].locations[0].physicalLocation.artifactLocation.uri == "control.sql"'
jq -r '.runs[0].results[].partialFingerprints["belayFinding/v1"]' "$scratch/out" | sort >"$scratch/prints"
[ "$(uniq <"$scratch/prints" | wc -l)" = "$all" ] || fail "two findings have one fingerprint"
jq -r '.runs[0].results[] | select(.suppressions == []) | .partialFingerprints["belayFinding/v1"]' "$scratch/out" >"$scratch/open"
expect 0 "$BELAY" lint --format sarif good.sql
valid_sarif
in_json '.runs[0].results == [] and .runs[0].tool.driver.rules == []'
expect 3 "$BELAY" lint --format sarif "$PWD/control.sql"
valid_sarif
in_json "$first.artifactLocation.uri | endswith(\"control.sql\")"

# a schema that takes everything would prove nothing
jq '.runs[0].results[0].level = "fatal"' "$scratch/out" >"$scratch/broken"
cp "$scratch/broken" "$scratch/out"
if (valid_sarif) 2>/dev/null; then fail "a broken SARIF file was taken"; fi

# a finding keeps its fingerprint when lines move, and when two alike stand in the file each has one of its own
printf 'DROP TABLE t;\nSELECT 1;\nDROP TABLE t;\n' >moved.sql
expect 3 "$BELAY" lint --format sarif moved.sql
jq -r '.runs[0].results[] | select(.ruleId == "drop-table").partialFingerprints[]' "$scratch/out" >"$scratch/before"
[ "$(sort -u "$scratch/before" | wc -l)" = 2 ] || fail "two alike have one fingerprint"
printf '\n\n-- a remark\nDROP  TABLE\n t;\nDROP TABLE t;\n' >moved.sql
expect 3 "$BELAY" lint --format sarif moved.sql
jq -r '.runs[0].results[] | select(.ruleId == "drop-table").partialFingerprints[]' "$scratch/out" >"$scratch/after"
cmp -s "$scratch/before" "$scratch/after" || fail "moved lines changed a fingerprint"

# what --fix would do in the file itself is a fix of the result; what needs more files is one where it is known how they run
printf 'CREATE TABLE made (a int);\n' >m1.sql
printf -- '-- é\n  CREATE INDEX i ON made (a);\n' >m2.sql
expect 0 "$BELAY" lint --format sarif --fail-on never m1.sql m2.sql
valid_sarif
in_json '[.runs[0].results[] | select(.ruleId == "index-create-not-concurrent") | .fixes[0].artifactChanges[0] |
  .artifactLocation.uri, .replacements[0].insertedContent.text, .replacements[0].deletedRegion.startLine,
  .replacements[0].deletedRegion.startColumn, .replacements[0].deletedRegion.byteLength] == ["m2.sql", " CONCURRENTLY", 2, 15, 0]'
printf 'ALTER TABLE made ADD CONSTRAINT c CHECK (a > 0);\n' >m2.sql
expect 0 "$BELAY" lint --format sarif --fail-on never m1.sql m2.sql
valid_sarif
in_json '[.runs[0].results[] | select(.ruleId == "check-not-valid") | .fixes] == [null]'
mkdir -p home/prisma/migrations/1_a home/prisma/migrations/2_b
printf 'provider = "postgresql"\n' >home/prisma/migrations/migration_lock.toml
printf 'CREATE TABLE made (a int);\n' >home/prisma/migrations/1_a/migration.sql
printf 'ALTER TABLE made ADD COLUMN é int;\nALTER TABLE made ADD CONSTRAINT c CHECK (a > 0);\n' \
  >home/prisma/migrations/2_b/migration.sql
(cd home && expect 0 "$BELAY" lint --format sarif --fail-on never prisma/migrations/2_b/migration.sql)
valid_sarif
in_json '[.runs[0].results[] | select(.ruleId == "check-not-valid") | .fixes[0].artifactChanges[] | .artifactLocation.uri] ==
  ["prisma/migrations/2_b/migration.sql", "prisma/migrations/2_b_2/migration.sql"]'
in_json '[.runs[0].results[] | select(.ruleId == "check-not-valid") | .fixes[0].artifactChanges[0].replacements[0] |
  .deletedRegion.startLine, .deletedRegion.byteLength, .insertedContent.text] == [2, 0, " NOT VALID"]'
in_json '[.runs[0].results[] | select(.ruleId == "check-not-valid") | .fixes[0].artifactChanges[1].replacements[0] |
  .deletedRegion.byteLength, (.insertedContent.text | contains("VALIDATE CONSTRAINT c"))] == [0, true]'

# --- GitLab Code Quality ---
expect 3 "$BELAY" lint --format gitlab "${files[@]}"
in_json "type == \"array\" and length == $open"
in_json '.[0] | .check_name == "drop-table" and .severity == "critical" and .location.path == "m 1/ä&%:b.sql"'
in_json '.[0].location.lines == {begin: 1, end: 1} and .[1].location.lines == {begin: 2, end: 4}'
in_json 'all(.[]; .description != "" and (.fingerprint | length) == 64)'
in_json 'map(.severity) | unique == ["critical", "info", "major"]'
in_json '.[-1].location.path == "control.sql"'
in_json 'map(.fingerprint) | length == (unique | length)'
jq -r '.[].fingerprint' "$scratch/out" >"$scratch/gitlab"
cmp -s "$scratch/gitlab" "$scratch/open" || fail "GitLab and SARIF have other fingerprints"
expect 0 "$BELAY" lint --format gitlab good.sql
in_json '. == []'

# --- JUnit ---
# counted EXPRESSION NUMBER: an XPath count over the last answer
counted() {
  local got
  got=$(xmllint --xpath "count($1)" "$scratch/out") || fail "not well-formed"
  [ "$got" = "$2" ] || fail "$got of $1, not $2"
}
expect 3 "$BELAY" lint --format junit "${files[@]}"
counted '/testsuites/testsuite' 3
counted '//testsuite[@name="good.sql"]/testcase[not(*)]' 1
counted '//testcase[@classname="m 1/ä&%:b.sql"][@name="drop-table"]/failure' 1
counted '//testcase[@classname="control.sql"][@name="drop-table"]/failure' 1
counted '//failure[@type="error"]' 2
counted '/testsuites[@failures="2"][@skipped="0"][@errors="0"][@tests = count(//testcase)]' 1
counted '//testcase[system-out][failure]' 0
xmllint --xpath 'string(//testcase[@classname="m 1/ä&%:b.sql"][@name="drop-table"]/failure)' "$scratch/out" >"$scratch/text"
grep -qF 'm 1/ä&%:b.sql:1:15: error: table "a<b>&""c|d`e`@you" is dropped' "$scratch/text" || fail "no finding in the failure"
grep -qF 'ignored: table old is dropped (since März & "1.2" <nobody> reads it)' "$scratch/text" || fail "no ignored one"
expect 3 "$BELAY" lint --format junit --fail-on info "${files[@]}"
counted '//testcase[not(failure)]' 1
printf -- '-- belay:ignore drop-table not used\nDROP TABLE old;\n' >ignored.sql
expect 0 "$BELAY" lint --format junit ignored.sql
counted '//testcase/skipped[@message="not used"]' 1
counted '/testsuites[@tests="1"][@failures="0"][@skipped="1"]' 1
# as many failures as make the exit code
expect 0 "$BELAY" lint --format junit --fail-on never "${files[@]}"
counted '//failure' 0

# --- Markdown: nothing of a file becomes markup ---
expect 3 "$BELAY" lint --format markdown "${files[@]}"
says "^\*\*belay lint\*\*: $errors errors, $warnings warnings, $infos notes? \(1 ignored\) in 3 files"
says '^\| error \| <code>m 1/ä&#38;%&#58;b\.sql&#58;1</code> \| <code>drop-table</code> \| '
says_not '@you'
says_not '<b>'
[ "$(grep -cE '^\| (error|warning|info) ' "$scratch/out")" = "$open" ] || fail "not one row a finding"
grep '^|' "$scratch/out" | sed 1,2d | while IFS= read -r row; do
  bars=${row//[^|]/}
  [ ${#bars} -ge 5 ] || fail "a broken row: $row"
done
says '<summary>1 ignored</summary>'
expect 0 "$BELAY" lint --format markdown good.sql
[ "$(wc -l <"$scratch/out")" = 1 ] || fail "a table without findings"

# --- GitHub ---
expect 3 "$BELAY" lint --format github "${files[@]}"
says '^::error file=m 1/ä&%25%3Ab\.sql,line=1,col=13,endColumn=43,title=drop-table::'
says '^::error file=m 1/ä&%25%3Ab\.sql,line=2,endLine=4,title=drop-table::table "x%0Ay" is dropped%0A'
[ "$(grep -c '^::' "$scratch/out")" = "$open" ] || fail "not one command a finding"
[ "$(grep -c . "$scratch/out")" = "$open" ] || fail "a name broke a line"

# --- text: a file cannot steer the terminal ---
expect 3 "$BELAY" lint "${files[@]}"
says '^    2 \| DROP TABLE$'
says '^      \| \^~+ to line 4$'
if grep -qP '\x1b|\x01' "$scratch/out"; then fail "control characters reached the terminal"; fi

expect 2 "$BELAY" lint --format xml good.sql
says 'sarif, github, gitlab, junit or markdown'

#!/usr/bin/env bash
# belay explain: every rule of the list has a page that names it, and every page a rule.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$scratch"

expect 0 "$BELAY" explain
cp out list
while read -r rule severity summary; do
  [[ $rule =~ ^[a-z][a-z-]+$ ]] || fail "not a rule's name: $rule"
  [[ $severity =~ ^(error|warning|info|off)$ ]] || fail "$rule has the severity $severity"
  [ -n "$summary" ] || fail "$rule has no summary"
  expect 0 "$BELAY" explain "$rule"
  [ ! -s err ] || fail "explain $rule talks on stderr"
  grep -q -- "$rule" out || fail "the page of $rule does not name it"
  [ "$(wc -l <out)" -ge 5 ] || fail "the page of $rule is nearly empty"
  cmp -s out "$top/policies/rules/$rule.md" || fail "the page of $rule is not policies/rules/$rule.md"
done <list
[ "$(wc -l <list)" -ge 50 ] || fail "only $(wc -l <list) rules"

cut -d' ' -f1 list | sort >rules
(cd "$top/policies/rules" && ls) | sed 's/\.md$//' | sort >pages
diff rules pages >out || fail "rules (<) and pages (>) differ"

#!/usr/bin/env bash
# --help of the program and of every command: complete, on stdout, exit code 0, and every option in it is taken.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
cd "$scratch"

expect 0 "$BELAY" --help
[ ! -s err ] || fail "help talks on stderr"
cp out help
mapfile -t commands < <(awk '/^  [a-z]/ { print $1 }' help)
# options FILE: "--name VALUE" or "--name" of each option that it lists, but --help
options() { grep -E '^ +(-[a-z], )?--' "$1" | grep -oE -- '--[a-z-]+( [A-Z]+| [a-z]+\|[a-z|]+)?' | sed '/^--help/d'; }
mapfile -t globals < <(options help)
[ "${#commands[@]}" -ge 14 ] || fail "only ${#commands[@]} commands"
[ "${#globals[@]}" -ge 12 ] || fail "only ${#globals[@]} global options"
for way in -h help; do
  expect 0 "$BELAY" "$way"
  cmp -s out help || fail "belay $way is another text than --help"
done
expect 2 "$BELAY"
cmp -s out help || fail "belay alone does not show the help"

# What a command takes besides the global options.
declare -A own=(
  [init]=dir [status]=dir [explain]='' [inverse]='dir shadow target exact-order' [plan]='output dir shadow exact-order' [run]='plan dir shadow dry-run exact-order'
  [lint]='format fail-on against observe shadow since fix diff stdin-path dir runner target' [backup]='table scope template terminate limit-rate' [copy]='to limit-rate' [doctor]='dir shadow' [restore]='into before table confirm schema-only data-only no-owner map-role map-tablespace no-tablespaces skip-extension no-analyze swap dry-run'
  [rollback]='on-conflict with-newer dir shadow dry-run script output' [verify]=level [list]='' [show]='' [version]=''
  [prune]='keep-last keep-daily keep-weekly keep-monthly keep-within damaged dry-run' [pin]='' [unpin]='' [completion]=''
)
for command in "${commands[@]}"; do
  [ -n "${own[$command]+x}" ] || fail "$command is not known to this test"
  expect 0 "$BELAY" "$command" --help
  [ ! -s err ] || fail "help of $command talks on stderr"
  says "^Usage: belay $command"
  cp out page
  expect 0 "$BELAY" help "$command"
  cmp -s out page || fail "belay help $command is another text"
  for option in ${own[$command]} help; do
    grep -q -- "--$option\\b" page || fail "help of $command does not name --$option"
  done
  for option in "${globals[@]}"; do
    grep -qF -- "$option" page || fail "help of $command does not name $option"
  done
  # every option of the page is taken, with a value if it has one (the global ones are tried with one command)
  while read -r option value; do
    [ "$command" = init ] || [[ " ${own[$command]} " == *" ${option#--} "* ]] || continue
    arguments=("$option")
    case $value in '') ;; N) arguments+=(1) ;; *) arguments+=(x) ;; esac
    expect 0 "$BELAY" "$command" "${arguments[@]}" --help
  done < <(options page)
  [ "$(grep -cE '^ +(-[a-z], )?--' page)" = $((${#globals[@]} + 1 + $(wc -w <<<"${own[$command]}"))) ] ||
    fail "help of $command lists other options than its own and the global ones"
done

expect 0 "$BELAY" version
says '^belay [0-9]+\.[0-9]+\.[0-9]+'
cp out version
expect 0 "$BELAY" --version
cmp -s out version || fail "--version is another text than version"

#!/usr/bin/env bash
# contrib/man/belay.1 and belay --help know the same commands and options.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$scratch"
man=$top/contrib/man/belay.1

# section NAME: its lines
section() { awk -v name="$1" '/^\.Sh / { inside = $0 == ".Sh " name } inside' "$man"; }
# same WHAT HELP MAN: two sorted lists of words
same() { diff "$2" "$3" >out || fail "$1 only in --help (<) or only in the manual page (>)"; }

"$BELAY" --help >help
awk '/^  [a-z]/ { print $1 }' help | sort >help-commands
section COMMANDS | sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' | sort >man-commands
[ -s man-commands ] || fail "no commands in the manual page"
same 'commands' help-commands man-commands

grep -oE -- '--[a-z-]+' <(grep -E '^ +(-[a-z], )?--' help) | sort >help-options
section OPTIONS | sed -n 's/^\.It Fl \([a-z] , \)\{0,1\}-\([a-z-]*\).*/--\2/p' | sort >man-options
[ -s man-options ] || fail "no options in the manual page"
same 'global options' help-options man-options

# letters: -d goes with --database here and there
sed -nE 's/^ +-([a-z]), --([a-z-]+).*/\1 \2/p' help | sort >help-letters
section OPTIONS | sed -nE 's/^\.It Fl ([a-z]) , -([a-z-]+).*/\1 \2/p' | sort >man-letters
same 'letters' help-letters man-letters

# every long option that the page mentions anywhere is one of some command
while read -r command; do "$BELAY" "$command" --help; done <help-commands >pages
grep -oE 'Fl -[a-z][a-z-]+' "$man" | sed 's/^Fl -/--/' | sort -u | while read -r option; do
  grep -qE -- "$option( |\$)" pages || fail "the manual page mentions $option, which no command has"
done

# exit codes: those of the help, and 1, 130 and 143
for code in 0 1 2 3 4 5 6 7 8 9 10 11 12 '130, 143'; do
  section 'EXIT STATUS' | grep -qx "\.It $code" || fail "exit code $code is not in the manual page"
done

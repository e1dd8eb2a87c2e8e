#!/usr/bin/env bash
# belay completion: bash, asked as when Tab is pressed, offers every command and every option that --help names, and no others; fish
# is asked, too, where it is installed; zsh reads its script, and offers commands in a terminal.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
cd "$scratch"
unset -f _command_offset # of the machine's own completion

expect 0 "$BELAY" completion bash
cp out belay.bash
bash -n belay.bash
# shellcheck source=/dev/null
. ./belay.bash
complete -p belay >out 2>&1 || fail "belay has no completion"
# tab WORD...: what bash offers for the last word, sorted, in $scratch/offered
tab() {
  COMP_WORDS=(belay "$@") COMP_CWORD=$# COMPREPLY=()
  _belay
  printf '%s\n' "${COMPREPLY[@]}" | sort -u >offered
}
# offers WORD...: tab offered these and no others
offers() {
  printf '%s\n' "$@" | sort >wanted
  diff wanted offered >out || fail "other words than wanted (<) are offered (>)"
}
options() { grep -oE -- '^ +(-[a-z], )?--[a-z-]+' "$1" | grep -oE -- '--[a-z-]+'; }

"$BELAY" --help >help
mapfile -t commands < <(awk '/^  [a-z]/ { print $1 }' help)
[ "${#commands[@]}" -ge 15 ] || fail "only ${#commands[@]} commands"
tab ''
offers "${commands[@]}" help --help --version
tab he
offers help
tab help ''
offers "${commands[@]}"
for command in "${commands[@]}"; do
  "$BELAY" "$command" --help >page
  mapfile -t known < <(options page)
  tab "$command" --
  offers "${known[@]}"
done
tab verify latest --le
offers --level

# values
tab verify --level ''
offers hash expand restore
tab verify --level = ex
offers expand
tab verify --level =
offers hash expand restore
tab rollback --on-conflict re
offers restore
tab lint --format ''
offers tty json sarif github gitlab junit markdown
printf "SELECT 1;\n" >one.sql
for format in "${COMPREPLY[@]}"; do expect 0 "$BELAY" lint --format "$format" one.sql; done
tab list ''
offers backups runs
tab completion ''
offers bash zsh fish
tab restore la
offers latest
mkdir -p some/where
touch 'some/one file.sql'
tab lint some/
offers 'some/one file.sql' some/where
tab lint --dir some/
offers some/where
tab run -c some/o
offers 'some/one file.sql'
tab status --database ''
offers ''
tab show --js
offers --json
tab run -- psq
offers psql
tab run -- psql some/w
offers some/where
expect 2 "$BELAY" completion tcsh
says 'no completion for "tcsh"'
expect 2 "$BELAY" completion

# ---- fish ----
expect 0 "$BELAY" completion fish
cp out belay.fish
if command -v fish >/dev/null; then
  fish --no-execute belay.fish
  mkdir -p bin && ln -sf "$BELAY" bin/belay
  # tab_fish LINE: what fish offers at its end, without the descriptions
  tab_fish() { HOME=$scratch PATH=$scratch/bin:$PATH fish --no-config -c "source belay.fish; complete -C '$1'" | cut -f1 | sort >offered; }
  tab_fish 'belay '
  offers "${commands[@]}" help
  for command in "${commands[@]}"; do
    "$BELAY" "$command" --help >page
    mapfile -t known < <(options page)
    tab_fish "belay $command --"
    offers "${known[@]}"
  done
  tab_fish 'belay verify --level '
  offers hash expand restore
  tab_fish 'belay list '
  offers backups runs
  tab_fish 'belay lint some/'
  offers some/where/ 'some/one file.sql'
fi

# ---- zsh ----
expect 0 "$BELAY" completion zsh
mkdir -p zsh && cp out zsh/_belay
if command -v zsh >/dev/null; then
  zsh -n zsh/_belay
  cat >tab.zsh <<'ZSH'
# what zsh offers for $1, in a terminal of its own: every match with its description
zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z "PS1= PS2=; stty -echo; fpath=($PWD/zsh \$fpath); autoload -Uz compinit; compinit -u -d $PWD/zdump"
zpty -w z "bindkey '^I' complete-word; LISTMAX=0; zstyle ':completion:*' list-prompt ''; COLUMNS=300 LINES=400
  compadd() { local -a all; if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)* ]]; then builtin compadd \"\$@\"; return; fi
    builtin compadd -A all \"\$@\"; print -rl -- MATCH:\${^all} >>$PWD/matches; builtin compadd \"\$@\" }; print READY"
zpty -r -m z x '*READY*'
zpty -w -n z "$1"$'\t'
repeat 100; do sleep 0.1; zpty -r -t z x || true; [[ -s $PWD/matches ]] && break; done
sleep 0.3
zpty -d z
ZSH
  tab_zsh() {
    rm -f matches
    HOME=$scratch zsh -f tab.zsh "$1" >/dev/null 2>&1 || true
    sed -n 's/^MATCH://p' matches 2>/dev/null | grep -v '^$' | sort -u >offered
  }
  tab_zsh 'belay '
  offers "${commands[@]}" help
  for command in prune rollback; do
    "$BELAY" "$command" --help >page
    mapfile -t known < <(options page)
    tab_zsh "belay $command --"
    sed -i 's/=$//' offered
    offers "${known[@]}"
  done
  tab_zsh 'belay verify --level '
  offers hash expand restore
  tab_zsh 'belay run -c some/'
  offers where 'one\ file.sql'
fi

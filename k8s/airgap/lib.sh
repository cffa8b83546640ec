# shellcheck shell=bash
# What the scripts of this folder share. Written for bash 3.2 on, as macOS ships it.

# shellcheck disable=SC2034 # for those that read this file
cache=${XDG_CACHE_HOME:-$HOME/.cache}/jobhopper

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }

# bounded SECONDS COMMAND…: ends the command after that time, where the machine has `timeout`.
bounded() {
  local seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout -k 5 "$seconds" "$@"; else "$@"; fi
}

# A short name for what comes on standard input.
content_hash() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c 1-16
}

# lock_file FILE: this process works alone from here on, among those that lock FILE.
lock_file() {
  command -v flock >/dev/null || return 0 # macOS: two runs at once only do the same twice
  exec 8>"$1"
  flock 8
}

docker_answers() { bounded 15 docker info >/dev/null 2>&1; }

# may_install WHAT: root on Debian or a child of it, else it says what to do by hand.
may_install() {
  command -v apt-get >/dev/null || die "$1, and only Debian and Ubuntu are known here: install it by hand."
  [ "$(id -u)" = 0 ] || die "$1, and installing it takes root: run this as root, or install it by hand."
}

# install_missing PACKAGE…: installs those that dpkg does not know as installed.
install_missing() {
  local package missing=()
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  may_install "Missing: ${missing[*]}"
  say "installing ${missing[*]}"
  # A source that cannot be reached is no reason to stop: what counts is whether the packages come.
  apt_install "${missing[@]}" 2>/dev/null || { apt-get update -qq >&2 || true; apt_install "${missing[@]}"; } \
    || die "apt-get could not install ${missing[*]}."
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >&2
}

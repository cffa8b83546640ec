#!/usr/bin/env bash
# Starts Valkey as the official image does: options and a .conf file go to valkey-server.
set -euo pipefail

case ${1:-} in '' | -* | *.conf) set -- valkey-server "$@" ;; esac

if [ "$1" = valkey-server ]; then
  if [ "$(id -u)" = 0 ]; then
    find . ! -user valkey -exec chown valkey:valkey {} +
    exec setpriv --reuid=valkey --regid=valkey --clear-groups -- "$0" "$@"
  fi
  [ -w . ] || { echo "error: user $(id -u) may not write in $PWD" >&2; exit 1; }
  [ "$(umask)" != 0022 ] || umask 0077
  # The official binary is built with protected mode off. Said as an option it would turn off the
  # default snapshots too, which any option does; so it goes in front of a file, or in its place.
  shift
  file=/dev/null
  case ${1:-} in *.conf | -) file=$1; shift ;; esac
  defaults=$(mktemp)
  echo 'protected-mode no' >"$defaults"
  [ $# -gt 0 ] || [ "$file" != /dev/null ] || printf 'save %s\n' '3600 1 300 100 60 10000' >>"$defaults"
  cat "$file" >>"$defaults"
  set -- valkey-server "$defaults" "$@"
fi

# shellcheck disable=SC2086 # several words
exec "$@" ${VALKEY_EXTRA_FLAGS:-}

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
fi
[ "$(umask)" != 0022 ] || umask 0077

# shellcheck disable=SC2086 # several words
exec "$@" ${VALKEY_EXTRA_FLAGS:-}

# shellcheck shell=bash
# How backup.sh and restore.sh, which read this file, talk to MySQL.

readonly seconds_to_wait=60

with_password() { MYSQL_PWD=$(</etc/jobhopper/secrets/password) "$@"; }

sql() { with_password mysql --host="$MYSQL_HOST_NAME" --user=jobhopper "$@"; }

# A network that enforces policies lets a pod through a moment after its start, when it has heard of
# it; and MySQL may be starting itself.
await_mysql() {
  local said
  until said=$(sql --connect-timeout=5 --execute='SELECT 1' 2>&1); do
    [ "$SECONDS" -lt "$seconds_to_wait" ] || fail "no word from MySQL within $seconds_to_wait s: $said"
    sleep 1
  done
}

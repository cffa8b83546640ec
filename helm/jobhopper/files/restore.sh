#!/usr/bin/env bash
# Replaces the database by the dump RESTORE_FILE of /backups, once nobody uses it.
set -euo pipefail
shopt -s nullglob
# shellcheck source=mysql.sh
. "${0%/*}/mysql.sh"

readonly patience=180

main() {
  local dump=/backups/$RESTORE_FILE
  [ -f "$dump" ] || fail "there is no $RESTORE_FILE. There is: $(known)"
  gzip -dc "$dump" | tail -n 1 | grep -q '^-- Dump completed' || fail "$RESTORE_FILE is damaged or not complete."
  await_mysql
  await_quiet
  echo "restore: replacing the database by $RESTORE_FILE"
  sql <<<'DROP DATABASE IF EXISTS jobhopper; CREATE DATABASE jobhopper;'
  gzip -dc "$dump" | sql jobhopper
  echo "restore: done. Unset backup.restore.file to start the services again"
}

# The services are told to stop at the same time as this starts.
await_quiet() {
  local others
  while true; do
    others=$(connections)
    [ "$others" -gt 0 ] || return 0
    [ "$SECONDS" -lt "$patience" ] || fail "the database is still used over $others connections; nothing was changed."
    sleep 2
  done
}

connections() {
  sql --skip-column-names <<<'SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID()'
}

known() {
  local dumps=(/backups/jobhopper-*.sql.gz)
  echo "${dumps[*]##*/}"
}

fail() { echo "restore: $*" >&2; exit 1; }

main

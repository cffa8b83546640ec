#!/usr/bin/env bash
# Writes a dump of the database into /backups and keeps the newest BACKUP_KEEP of them.
set -euo pipefail
shopt -s nullglob
# shellcheck source=mysql.sh
. "${0%/*}/mysql.sh"

main() {
  local name partial
  name=jobhopper-$(date -u +%Y%m%dT%H%M%SZ).sql.gz
  partial=/backups/.partial-$name
  # What a run that was killed has left.
  rm -f /backups/.partial-*
  await_mysql
  dump | gzip >"$partial"
  # A dump that ends early has no last line.
  gzip -dc "$partial" | tail -n 1 | grep -q '^-- Dump completed' || fail "the dump is not complete."
  mv "$partial" "/backups/$name"
  sync /backups
  echo "backup: wrote $name, $(wc -c <"/backups/$name") bytes"
  drop_old
}

# One snapshot of all tables, without a lock. Policies and table spaces would need rights beyond
# the database's own, and Jobhopper has neither.
dump() {
  with_password mysqldump --host="$MYSQL_HOST_NAME" --user=jobhopper --single-transaction --quick \
    --hex-blob --no-tablespaces --set-gtid-purged=OFF --loose-skip-masking-policies jobhopper
}

# Names sort by time.
drop_old() {
  local dumps=(/backups/jobhopper-*.sql.gz) old
  old=$((${#dumps[@]} - BACKUP_KEEP))
  while [ "$old" -gt 0 ]; do
    old=$((old - 1))
    rm -f "${dumps[$old]}"
    echo "backup: removed ${dumps[$old]##*/}"
  done
}

fail() { echo "backup: $*" >&2; exit 1; }

main

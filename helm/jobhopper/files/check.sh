#!/usr/bin/env bash
# Whether dumps can be written, and which there are.
set -euo pipefail
shopt -s nullglob

touch /backups/.writable
rm /backups/.writable
dumps=(/backups/jobhopper-*.sql.gz)
echo "backup: the volume can be written; it holds ${#dumps[@]} dumps: ${dumps[*]##*/}"

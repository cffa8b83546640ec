#!/usr/bin/env bash
# Starts RabbitMQ as the official image does. RabbitMQ itself reads RABBITMQ_DEFAULT_USER, _PASS,
# _VHOST, RABBITMQ_ERLANG_COOKIE and RABBITMQ_NODENAME.
set -euo pipefail

if [[ ${1:-} == rabbitmq* ]] && [ "$(id -u)" = 0 ]; then
  [ "$1" != rabbitmq-server ] || find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq:rabbitmq {} +
  exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$0" "$@"
fi

# The official image refuses these; accepting them here would hide a fault until it counts.
for name in RABBITMQ_DEFAULT_USER_FILE RABBITMQ_DEFAULT_PASS_FILE RABBITMQ_VM_MEMORY_HIGH_WATERMARK \
  ${!RABBITMQ_SSL_*} ${!RABBITMQ_MANAGEMENT_SSL_*}; do
  if [ -n "${!name:-}" ]; then
    echo "error: $name is no longer read: use a configuration file" >&2
    exit 1
  fi
done

if [ -z "${RABBITMQ_USE_LONGNAME:-}" ] && [ "$(hostname)" != "$(hostname -s)" ]; then
  export RABBITMQ_USE_LONGNAME=true
fi

exec "$@"

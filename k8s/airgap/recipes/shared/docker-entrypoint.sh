#!/usr/bin/env bash
# Starts MySQL or MariaDB as the official images do: the variables MYSQL_… (for MariaDB MARIADB_…
# first), each also as …_FILE; a first start makes the database with the network off.
set -euo pipefail
shopt -s nullglob

if command -v mariadbd >/dev/null; then
  daemon=mariadbd client=mariadb prefixes=(MARIADB MYSQL)
  tzinfo=mariadb-tzinfo-to-sql
else
  daemon=mysqld client=mysql prefixes=(MYSQL)
  tzinfo=mysql_tzinfo_to_sql
fi

note() { printf '%s [Entrypoint] %s\n' "$(date --utc +%FT%TZ)" "$*" >&2; }
fail() { note "ERROR: $*"; exit 1; }

main() {
  case ${1:-} in '' | -*) set -- "$daemon" "$@" ;; esac
  case $1 in mysqld | mariadbd) ! asks_for_help "$@" || exec "$@" ;; *) exec "$@" ;; esac
  read_configuration "$@"
  if [ "$(id -u)" = 0 ]; then
    own "$datadir" "$(dirname "$socket")"
    exec setpriv --reuid=mysql --regid=mysql --init-groups -- "$0" "$@"
  fi
  [ -d "$datadir/mysql" ] || initialise "$@"
  exec "$@"
}

asks_for_help() {
  local word
  for word; do
    case $word in --help | --version | -V | '-?' | --print-defaults) return 0 ;; esac
  done
  return 1
}

# What the server itself makes of its files and arguments; a mistake in them shows here.
read_configuration() {
  local all
  all=$("$@" --verbose --help 2>/tmp/.configuration) || fail "$daemon refuses its configuration: $(cat /tmp/.configuration)"
  rm -f /tmp/.configuration
  datadir=$(sed -nE 's/^datadir +//p' <<<"$all")
  socket=$(sed -nE 's/^socket +//p' <<<"$all")
  [[ $datadir == /* && $socket == /* ]] || fail "$daemon does not say where its data and its socket are."
}

own() {
  mkdir -p "$@"
  find "$@" ! -user mysql -exec chown --no-dereference mysql:mysql {} +
}

# setting NAME [DEFAULT]: the value of PREFIX_NAME or the content of the file PREFIX_NAME_FILE.
setting() {
  local prefix variable file
  for prefix in "${prefixes[@]}"; do
    variable=${prefix}_$1 file=${prefix}_$1_FILE
    [ -z "${!variable:-}" ] || [ -z "${!file:-}" ] || fail "$variable and $file exclude each other."
    if [ -n "${!variable:-}" ]; then printf '%s' "${!variable}"; return; fi
    if [ -n "${!file:-}" ]; then printf '%s' "$(<"${!file}")"; return; fi
  done
  printf '%s' "${2:-}"
}

# quote TEXT: as a string of SQL.
quote() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\\\'}"
}

# sql [OPTION…]: runs what comes on standard input.
sql() { MYSQL_PWD=${root_password_now:-} "$client" --no-defaults --socket="$socket" --user=root --comments "$@"; }

initialise() {
  local user database password root_password root_host
  user=$(setting USER) database=$(setting DATABASE) password=$(setting PASSWORD)
  root_password=$(setting ROOT_PASSWORD) root_host=$(setting ROOT_HOST %)
  check_settings
  note "making the database in $datadir"
  make_datadir "$@"
  start_without_network "$@"
  [ -n "$(setting INITDB_SKIP_TZINFO)" ] || load_time_zones
  make_accounts
  run_files /docker-entrypoint-initdb.d/*
  stop_server
  note "the database is made"
}

check_settings() {
  local random
  random=$(setting RANDOM_ROOT_PASSWORD)
  [ -n "$root_password$random$(setting ALLOW_EMPTY_PASSWORD)$(setting ALLOW_EMPTY_ROOT_PASSWORD)" ] \
    || fail "the database is not made yet: give ${prefixes[0]}_ROOT_PASSWORD, …_ALLOW_EMPTY_PASSWORD or …_RANDOM_ROOT_PASSWORD."
  [ "$user" != root ] || fail "${prefixes[0]}_USER must not be root, which …_ROOT_PASSWORD is for."
  if [ -n "$random" ]; then
    root_password=$(head -c 24 /dev/urandom | base64)
    note "GENERATED ROOT PASSWORD: $root_password"
  fi
}

make_datadir() {
  if [ "$daemon" = mariadbd ]; then
    mariadb-install-db --datadir="$datadir" --rpm --auth-root-authentication-method=normal --skip-test-db "${@:2}" >/dev/null
  else
    "$@" --initialize-insecure
  fi
}

start_without_network() {
  local options=(--skip-networking)
  [ "$daemon" = mariadbd ] || options+=(--mysqlx=OFF)
  "$@" "${options[@]}" &
  server=$!
  trap 'kill "$server"; wait "$server"; exit 143' TERM INT
  until sql <<<'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || fail "the server ended while it was being set up."
    sleep 0.1
  done
}

load_time_zones() {
  if command -v "$tzinfo" >/dev/null; then "$tzinfo" /usr/share/zoneinfo 2>/dev/null | sql mysql; fi
}

stop_server() {
  kill "$server"
  wait "$server" || fail "the server did not end well after its set-up."
  trap - TERM INT
}

make_accounts() {
  local at_root
  at_root="'root'@$(quote "$root_host")"
  {
    echo "SET SESSION sql_log_bin = 0;"
    # MariaDB's set-up leaves these, without a password.
    echo "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1', 'root'@$(quote "$HOSTNAME");"
    if [ "$root_host" != localhost ]; then
      echo "CREATE USER $at_root IDENTIFIED BY $(quote "$root_password"); GRANT ALL ON *.* TO $at_root WITH GRANT OPTION;"
    fi
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(quote "$root_password");"
  } | sql mysql
  root_password_now=$root_password
  if [ -n "$database" ]; then sql <<<"CREATE DATABASE IF NOT EXISTS \`$database\`"; fi
  if [ -n "$user" ] && [ -n "$password" ]; then
    sql <<<"CREATE USER $(quote "$user")@'%' IDENTIFIED BY $(quote "$password")"
    # An underscore is a wildcard in a grant.
    [ -z "$database" ] || sql <<<"GRANT ALL ON \`${database//_/\\_}\`.* TO $(quote "$user")@'%'"
  fi
}

# A script that is not executable is sourced, and may use `sql`.
run_files() {
  local file
  for file; do
    note "running $file"
    # shellcheck source=/dev/null
    case $file in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) sql ${database:+"$database"} <"$file" ;;
      *.sql.gz) gzip -dc "$file" | sql ${database:+"$database"} ;;
      *) note "$file is neither .sh nor .sql nor .sql.gz: left out" ;;
    esac
  done
}

main "$@"

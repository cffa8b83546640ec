#!/usr/bin/env bash
# kube-router writes the whole table of filters back that it has read, and undoes what kube-proxy has
# written in between. So it works on the kernel's older tables, where there are any: nobody else does.
set -euo pipefail

flavour=nft
if iptables-legacy --list >/dev/null 2>&1; then flavour=legacy; fi
update-alternatives --set iptables /usr/sbin/iptables-$flavour >/dev/null
update-alternatives --set ip6tables /usr/sbin/ip6tables-$flavour >/dev/null
exec kube-router "$@"

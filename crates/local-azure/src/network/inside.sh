#!/bin/sh
# Sets up the network inside, and runs a command in it. `unshare` has made the namespaces, and this script is the first
# process of its own. Usage:
#
#   inside.sh NETWORK PROGRAM OWN PORT HOME VERSION ACCESS TOOLS USER GROUP COMMAND…
#
# NETWORK: the folder of the network. PROGRAM: local-azure. OWN: the folder of this network's own socket. PORT: the port
# of the app that the socket leads to. For the rest, see mounts.sh.
set -eu
network=$1 program=$2 own=$3 port=$4
shift 4
export PATH="$PATH:/usr/sbin:/sbin"

ip link set lo up
ip address add 169.254.169.254/32 dev lo
for number in 1 2 3; do
  ip address add "169.254.129.$number/32" dev lo
done

# The forwarder stays in the present file system, where the folders are. It is started again if it ends.
rm -f "$own/ready"
(
  while :; do
    "$program" forward --network "$network" --own "$own" --port "$port" </dev/null || true
    sleep 0.1
  done
) &
tries=0
until [ -e "$own/ready" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 1000 ] || { echo "local-azure: the forwarder of the network did not start" >&2; exit 1; }
  sleep 0.02
done

# The command gets a file system of its own.
exec unshare --mount -- /bin/sh "$network/mounts.sh" "$network" "$@"

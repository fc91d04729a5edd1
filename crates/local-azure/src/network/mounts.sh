#!/bin/sh
# Mounts what a command inside sees, and becomes the command. Usage:
#
#   mounts.sh NETWORK HOME VERSION ACCESS TOOLS USER GROUP COMMAND…
#
# HOME: the folder at /home, or nothing for the present one. VERSION: the folder at /home/site/wwwroot. ACCESS: ro or rw.
# TOOLS: a folder below /home that stays visible, read-only, or nothing. USER and GROUP: the ids that the command has, or
# nothing for root.
set -eu
network=$1 home=$2 version=$3 access=$4 tools=$5 user=$6 group=$7
shift 7

mount --bind "$network/hosts" /etc/hosts
mount --bind "$network/resolv.conf" /etc/resolv.conf
[ ! -f /etc/nsswitch.conf ] || mount --bind "$network/nsswitch.conf" /etc/nsswitch.conf
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
  /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
  [ ! -f "$bundle" ] || mount --bind "$network/certificates.pem" "$bundle"
done

# A mount keeps the flags that it has outside, and inside they cannot be taken away.
read_only() {
  mount --no-canonicalize -o remount,bind,ro "$1" 2>/dev/null ||
    mount --no-canonicalize -o remount,bind,ro,nosuid,nodev "$1"
}

if [ -n "$home" ]; then
  # These folders may be below /home, so they are opened before it is covered.
  exec 7<"$version"
  if [ -n "$tools" ]; then
    exec 8<"$tools"
    mkdir -p "$home/${tools#/home/}"
  fi
  mount --bind "$home" /home
  mount -t tmpfs -o mode=0755 tmpfs /home/site
  mkdir /home/site/wwwroot
  mount --no-canonicalize --bind /proc/self/fd/7 /home/site/wwwroot
  [ "$access" = rw ] || read_only /home/site/wwwroot
  if [ -n "$tools" ]; then
    mount --no-canonicalize --bind /proc/self/fd/8 "$tools"
    read_only "$tools"
    exec 8<&-
  fi
  exec 7<&-
  cd /home
fi

if [ -n "$user" ]; then
  exec unshare --user --map-user="$user" --map-group="$group" -- "$@"
fi
exec "$@"

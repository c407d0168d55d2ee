#!/bin/sh
# A systemd user manager with a bus and a journal of its own, in namespaces, until its
# standard input ends: also when whoever holds the other end is killed.
# Usage, as root: manager.sh FOLDER UID GID
set -eu
dir=$1 uid=$2 gid=$3 tag=$(basename "$1").slice
# Named as on a booted machine: from this the journal knows what a line is of.
group=$tag/user-$uid.slice/user@$uid.service

# Where systemd tracks processes: all of cgroup version 2, or one hierarchy of version 1.
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
	trees=/sys/fs/cgroup
else
	trees="/sys/fs/cgroup/systemd /sys/fs/cgroup/unified"
fi

if [ "${4:-}" != inside ]; then
	status=0
	# A process table of its own: systemd moves what it finds in its cgroup, and finds nobody else.
	unshare --mount --propagation private --pid --mount-proc --fork --kill-child -- sh "$0" "$dir" "$uid" "$gid" inside || status=$?
	for tree in $trees; do
		[ ! -d "$tree/$tag" ] || find "$tree/$tag" -depth -type d -exec rmdir {} \;
	done
	exit $status
fi

as() { exec setpriv --reuid "$uid" --regid "$gid" --clear-groups -- "$@"; }

mount -t tmpfs -o mode=755 tmpfs /run
# What a machine that systemd booted has, with two folders that whoever began it can look into.
mkdir -p /run/systemd/system /run/systemd/journal /run/log/journal "/run/user/$uid"
mount --bind "$dir/journal" /run/log/journal
mount --bind "$dir/run" "/run/user/$uid"
mount --make-shared "/run/user/$uid" # a service's credentials are mounted there from another namespace
chown -R "$uid:$gid" /run "$dir"
for tree in $trees; do
	[ ! -d "$tree" ] || { mkdir -p "$tree/$group" && chown -R "$uid:$gid" "$tree/$group"; }
done
for other in /sys/fs/cgroup/*; do # version 1: memory, processors and so on are not for it to share out
	case " $trees " in *" $other "*) ;; *) umount "$other" 2>/dev/null || true ;; esac
done

exec 3>>"$dir/log"
# Without capabilities: a journal that has them turns on the kernel's audit.
(exec </dev/null >&3 2>&1; as setpriv --bounding-set -all -- /lib/systemd/systemd-journald) &
(
	exec </dev/null >&3 2>&1
	until [ -S /run/systemd/journal/stdout ]; do sleep 0.05; done
	for tree in $trees; do
		[ ! -d "$tree" ] || echo 0 >"$tree/$group/cgroup.procs"
	done
	export HOME="$dir" XDG_RUNTIME_DIR="/run/user/$uid" XDG_CONFIG_HOME="$dir/config"
	export SYSTEMD_UNIT_PATH="$dir/config/systemd/user:/run/user/$uid/systemd/user:$dir/units" SYSTEMD_LOG_TARGET=journal
	as /lib/systemd/systemd --user --unit=muster.target
) &
cat >/dev/null # the first process of its namespace: with it all others end

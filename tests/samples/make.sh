#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes dumps of $PROGRAM (orders.py, rings.py) with the programs in BUILD: make.sh BUILD OUT. Needs root, unshare and Debian's Python. All happens in
# namespaces of its own below /srv/sample, on a host called "sample", so that nothing of this machine is in the files but its
# kernel's release. Samples that are there are never made again: they prove that later versions still read them.
set -eu
PROGRAM=${PROGRAM:-orders.py}
if [ "${3-}" != inside ]; then
	mkdir -p "$2"
	export PROGRAM
	exec unshare --mount --uts --pid --fork --mount-proc "$0" "$(realpath "$1")" "$(realpath "$2")" inside
fi
hostname sample
here=$(dirname "$(realpath "$0")") out=$2
mount -t tmpfs none /mnt && mkdir /mnt/sample
cp "$1/taskcore" "$1/libtaskcore.so" "$here/$PROGRAM" /mnt/sample
mount --move /mnt /srv
cd /srv/sample
TASKCORE_DIR=/srv/sample TASKCORE_MIN_INTERVAL_S=0 ./taskcore run -- /usr/bin/python3 $PROGRAM </dev/null >/dev/null 2>log &
pid=$!
while [ ! -e ready ]; do
	[ -e /proc/$pid ] || { cat log >&2; exit 1; }
	sleep 0.1
done
./taskcore dump $pid -o outside.tcore
./taskcore dump $pid --stop -o stop.tcore
./taskcore signal $pid
kill $pid
cp outside.tcore stop.tcore "$out"
cp taskcore.*.tcore "$out/signal.tcore"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# taskcore and libtaskcore.so need libc and nothing else, so that they can be copied into any container; taskcore-analyze needs no more than
# libc, libm and jansson. From make check; run in the build directory.
set -eu

if [ -n "${TC_SANITIZERS-}" ]; then
	echo 'SKIP: a sanitizer build needs the sanitizers'
	exit 77
fi
command -v readelf >/dev/null || { echo 'SKIP: no readelf'; exit 77; }

# needed PROGRAM: the libraries that it names, but for the dynamic linker's own.
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-' || :; }

failed=0
for row in 'taskcore libc\.' 'taskcore-analyze lib[cm]\.\|libjansson\.' 'libtaskcore.so libc\.'; do
	program=${row%% *}
	more=$(needed "$program" | grep -v "^${row#* }" || :)
	[ -z "$more" ] || { echo "FAIL: $program needs" $more; failed=1; }
	echo "$program needs" $(needed "$program")
done

# Positive control: a program that does need something is seen to.
[ -n "$(needed taskcore)" ] || { echo 'FAIL: control: not even libc was found'; failed=1; }
exit $failed

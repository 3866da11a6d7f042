#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The safe set, the hook's handler and its children fit their stacks: worst depth from GCC's call graph, no recursion, no frame of
# unknown size, no unlisted indirect call. From make check: TC_SAFE_COMPILE, srcdir; run in the build directory.
set -eu
here=$srcdir/tests/build
bound=32768 # bytes: half of a stack of the hook (hook_guard.c); the rest is for signal frames (12 KB with AMX) and luck
entry=2304  # bytes: what the handler may take of a stack that is not ours (ENTRY_BYTES of hook_names.c)
libc=512    # bytes: more than any of glibc's memcpy, memset, memcmp, strlen needs
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if [ -n "${TC_SANITIZERS-}" ]; then
	echo 'SKIP: a sanitizer build instruments the safe set'
	exit 77
fi
case $TC_SAFE_COMPILE in
*-fcallgraph-info*) ;;
*)	echo 'SKIP: this compiler writes no call graph (-fcallgraph-info: gcc 10 and later)'
	exit 77 ;;
esac

measure() { awk -v bound=$bound -v libc=$libc -v root="$root" -f "$here/stack_depth.awk" "$here/stack-indirect.list" "$@"; }

set=$(echo lib/*/libsafe_a-*.ci; "$here/handler_set.sh" "$srcdir" ci)
failed=0
root=
measure $set || failed=1
for root in tc_hook_on_signal on_crash; do
	bound=$entry
	measure $set || failed=1
done
root= bound=32768

# Positive controls.
if $TC_SAFE_COMPILE -c "$here/control_array.c" -o "$tmp/array.o" 2>"$tmp/log"; then
	echo 'FAIL: control: 8 kB on the stack compiled'
	failed=1
elif ! grep -q 'stack-usage' "$tmp/log"; then
	echo 'FAIL: control: control_array.c failed for another reason:'
	cat "$tmp/log"
	failed=1
fi
# control NAME TEXT: control_NAME.c beside the set must be refused with TEXT.
control()
{
	$TC_SAFE_COMPILE -Wno-error -Wno-vla -Wno-stack-usage -c "$here/control_$1.c" -o "$tmp/$1.o" 2>"$tmp/log" ||
		{ cat "$tmp/log"; failed=1; }
	if measure $set "$tmp/$1.ci" >"$tmp/log" || ! grep -q "$2" "$tmp/log"; then
		echo "FAIL: control: control_$1.c was not refused with '$2':"
		cat "$tmp/log"
		failed=1
	fi
}
control recursion 'recursion through control_'
control indirect 'control_indirect) is not in stack-indirect.list'
control dynamic 'frame of unknown size: control_dynamic'
bound=100
if measure $set >"$tmp/log" || ! grep -q 'needs more stack than 100 bytes' "$tmp/log"; then
	echo 'FAIL: control: a bound of 100 bytes was not exceeded'
	failed=1
fi
exit $failed

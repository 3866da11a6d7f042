#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The linked safe set, the hook's handler and its children with it, may call only what safe-symbols.allow names, and safe.h
# must stop the rest at compile time.
# From make check: TC_SAFE_COMPILE, LD, NM, srcdir; run in the build directory.
set -eu
here=$srcdir/tests/build
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if [ -n "${TC_SANITIZERS-}" ]; then
	echo 'SKIP: a sanitizer build instruments the safe set'
	exit 77
fi

# Print what the object files and archives given leave undefined beyond the allow-list.
foreign_symbols()
{
	$LD -r -o "$tmp/set.o" --whole-archive libsafe.a --no-whole-archive $set "$@" || { echo '(ld failed)'; return; }
	$NM -u "$tmp/set.o" | awk 'NR == FNR { if ($1 !~ /^#/) ok[$1]; next } !($2 in ok) { print $2 }' \
		"$here/safe-symbols.allow" -
}

set=$("$here/handler_set.sh" "$srcdir" o)
failed=0
bad=$(foreign_symbols)
echo 'the safe set leaves undefined:' $($NM -u "$tmp/set.o" | awk '{ print $2 }' | sort -u)
if [ -n "$bad" ]; then
	echo 'FAIL: not async-signal-safe, or not known to be:' $bad
	failed=1
fi
for line in $(awk '!/^#/ && NF < 2 { print $1 }' "$here/safe-symbols.allow"); do
	echo "FAIL: safe-symbols.allow gives no reason for $line"
	failed=1
done

# Positive controls: violations on purpose, each must be stopped where it is said to be.
if $TC_SAFE_COMPILE -c "$here/control_malloc.c" -o "$tmp/malloc.o" 2>"$tmp/log"; then
	echo 'FAIL: control: a call of malloc in a file with safe.h compiled'
	failed=1
elif ! grep -q poison "$tmp/log"; then
	echo 'FAIL: control: control_malloc.c failed for another reason:'
	cat "$tmp/log"
	failed=1
fi
$TC_SAFE_COMPILE -c "$here/control_strtod.c" -o "$tmp/strtod.o"
bad=$(foreign_symbols "$tmp/strtod.o")
echo "$bad" | grep -qx strtod || {
	echo 'FAIL: control: a call of strtod was not found by the symbol test'
	failed=1
}
$TC_SAFE_COMPILE -fstack-protector-all -c "$here/control_strtod.c" -o "$tmp/guard.o"
foreign_symbols "$tmp/guard.o" | grep -q __stack_chk_fail || {
	echo 'FAIL: control: a stack protector was not found by the symbol test'
	failed=1
}
exit $failed

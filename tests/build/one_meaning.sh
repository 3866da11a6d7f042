#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One name, one meaning: all headers of the tree compile together, and each of them alone.
# From make check: TC_SAFE_COMPILE, srcdir.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# lib/base/safe.h forbids names of libc, which only files that end with it go without.
headers=$(cd "$srcdir" && find lib dumper analyzer -name '*.h' ! -name safe.h | sort)

# compile FILE…: the errors, if any. The safe set's warnings about its stack say nothing about headers.
compile() { $TC_SAFE_COMPILE -D_GNU_SOURCE $includes -iquote "$tmp" -iquote "$srcdir" -fsyntax-only -w -x c "$@" 2>&1 | grep 'error:' || :; }
includes=$(pkg-config --cflags jansson 2>/dev/null || :)

failed=0
for h in $headers; do echo "#include \"$h\""; done >"$tmp/all.c"
bad=$(compile "$tmp/all.c")
[ -z "$bad" ] || { echo "$bad" | sed 's/^/FAIL: /'; failed=1; }
for h in $headers; do
	echo "#include \"$h\"" >"$tmp/one.c"
	bad=$(compile "$tmp/one.c")
	[ -z "$bad" ] || { echo "FAIL: $h does not compile alone:" "$bad"; failed=1; }
done
echo "$(echo "$headers" | wc -l) headers"

# Basenames are unique too, so that a file can be spoken of by its name.
twice=$(cd "$srcdir" && find lib dumper analyzer -name '*.[ch]' ! -name main.c | sed 's|.*/||' | sort | uniq -d)
[ -z "$twice" ] || { echo "FAIL: twice in the tree:" $twice; failed=1; }

# Positive controls: another meaning of a name of lib/ and of one of analyzer/.
for name in tc_core_status tc_model; do
	echo "struct $name { int other_meaning; };" >"$tmp/again.h"
	{ cat "$tmp/all.c"; echo '#include "again.h"'; } >"$tmp/control.c"
	case $(compile "$tmp/control.c") in
	*"redefinition of 'struct $name'"* | *"redefinition of ‘struct $name’"*) ;;
	*) echo "FAIL: control: another struct $name was not found"; failed=1 ;;
	esac
done
exit $failed

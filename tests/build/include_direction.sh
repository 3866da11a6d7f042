#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes go one way: dumper to lib, analyzer to lib. lib/ includes only itself and harmless system headers, and each
# of its .c files ends its includes with safe.h; dumper and analyzer never meet.
# From make check: srcdir.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# System headers that lib/ may name: types, constants and the mem functions only.
system='cpuid.h elf.h errno.h fcntl.h inttypes.h limits.h linux/[a-z_]*.h netinet/in.h poll.h stdalign.h stdatomic.h stdbool.h stddef.h
	stdint.h stdnoreturn.h string.h sys/[a-z_]*.h time.h'

# Print what is wrong under the tree given.
wrong_includes()
{
	(cd "$1" && find lib dumper analyzer -name '*.[ch]' 2>/dev/null | sort | while read -r f; do
		sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"][^>"]*\)[>"].*/\1/p' "$f" | while read -r include; do
			check_include "$f" "${include%%[!<\"]*}" "${include#?}"
		done
		case $f in
		lib/*.c) last=$(sed -n 's/^#include[ \t]*//p' "$f" | tail -n 1)
			[ "$last" = '"lib/safe.h"' ] || echo "$f: safe.h is not its last include" ;;
		esac
	done)
}

# check_include FILE < or " NAME
check_include()
{
	case $1:$2 in
	lib/*:\<)
		for ok in $system; do
			case $3 in $ok) return ;; esac
		done
		echo "$1: <$3> is not on the list of harmless headers" ;;
	lib/*) [ -f "$3" ] && [ "${3#lib/}" != "$3" ] || echo "$1: \"$3\" is not in lib/" ;;
	dumper/*) ! [ -f "analyzer/${3##*/}" ] || [ -f "lib/${3##*/}" ] || [ -f "dumper/${3##*/}" ] ||
		echo "$1: \"$3\" is in analyzer/" ;;
	analyzer/*) ! [ -f "dumper/${3##*/}" ] || [ -f "lib/${3##*/}" ] || [ -f "analyzer/${3##*/}" ] ||
		echo "$1: \"$3\" is in dumper/" ;;
	esac
	case $1:$3 in
	dumper/*:*analyzer/* | analyzer/*:*dumper/*) echo "$1: \"$3\" names the other side" ;;
	esac
}

failed=0
bad=$(wrong_includes "$srcdir")
[ -z "$bad" ] || { echo "FAIL: $bad"; failed=1; }

# Positive controls: one wrong include in each direction must be found.
mkdir -p "$tmp/lib" "$tmp/dumper" "$tmp/analyzer"
touch "$tmp/lib/safe.h" "$tmp/dumper/only_dumper.h" "$tmp/analyzer/only_analyzer.h"
printf '#include "dumper/only_dumper.h"\n#include "lib/safe.h"\n' >"$tmp/lib/a.c"
printf '#include "lib/safe.h"\n#include <stdlib.h>\n' >"$tmp/lib/b.c"
printf '#include "analyzer/only_analyzer.h"\n' >"$tmp/dumper/c.c"
printf '#include "dumper/only_dumper.h"\n' >"$tmp/analyzer/d.c"
bad=$(wrong_includes "$tmp")
for f in lib/a.c lib/b.c dumper/c.c analyzer/d.c; do
	case $bad in
	*"$f: "*) ;;
	*) echo "FAIL: control: the wrong include of $f was not found"; failed=1 ;;
	esac
done
case $bad in
*'lib/b.c: safe.h is not its last include'*) ;;
*) echo 'FAIL: control: an include after safe.h was not found'; failed=1 ;;
esac
exit $failed

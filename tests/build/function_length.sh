#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No function of the product is over 60 lines; prints the median and the longest. From make check: srcdir.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ctags --version 2>/dev/null | grep -q Universal || {
	echo 'SKIP: no universal-ctags (Debian: apt install universal-ctags)'
	exit 77
}

# lengths FILE…: "lines file:line function", one per function, shortest first
lengths() { ctags -x --languages=C,C++ --map-C=+.h --kinds-C=f --_xformat='%n %{end} %F %N' "$@" | awk '{ print $2 - $1 + 1, $3 ":" $1, $4 }' | sort -n; }

failed=0
lengths $(find "$srcdir/lib" "$srcdir/dumper" "$srcdir/analyzer" -name '*.c' 2>/dev/null) >"$tmp/all"
awk '$1 > 60 { print "FAIL: " $3 " is " $1 " lines long (" $2 "), over 60"; bad = 1 } { n++; at[n] = $0 }
	END { split(at[int((n + 1) / 2)], m, " "); split(at[int(n * 0.9)], p, " ")
		printf "%d functions: median %d lines, 90 %% at most %d, longest %s\n", n, m[1], p[1], at[n]
		exit bad || n == 0 }' "$tmp/all" || failed=1

# Positive control: a function of 61 lines must be found, one of 60 must not.
{ echo 'int long_one(void)'; echo '{'; yes '	;' | head -n 57; echo '	return 0;'; echo '}'; } >"$tmp/control.c"
case $(lengths "$tmp/control.c") in "61 "*" long_one") ;; *) echo 'FAIL: control: a function of 61 lines was not measured so'; failed=1 ;; esac
exit $failed

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makefile.am names every file of the tree that it should: automake has no wildcards, and a file that is not named is
# neither built nor distributed. From make check: srcdir.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cd "$srcdir"
tracked=$(git ls-files lib dumper analyzer tests docs examples .ci 2>/dev/null) || tracked=
if [ -z "$tracked" ]; then
	echo 'SKIP: not a git checkout'
	exit 77
fi

# unnamed MAKEFILE: the tracked files that it does not name.
unnamed()
{
	tr -s ' \t\\' '\n' <"$1" | sort -u >"$tmp/named"
	echo "$tracked" | grep -vxF -f "$tmp/named" | grep -vE '(^|/)\.gitignore$|\.awk\.in$' || :
}

failed=0
for f in $(unnamed Makefile.am); do
	echo "FAIL: Makefile.am does not name $f"
	failed=1
done

# Positive control: without its line for lib/base/err.c the Makefile.am must be found wanting.
sed 's#lib/base/err\.c##' Makefile.am >"$tmp/Makefile.am"
unnamed "$tmp/Makefile.am" | grep -qx lib/base/err.c || {
	echo 'FAIL: control: a source file that is not named was not found'
	failed=1
}
exit $failed

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No line of C is over 100 columns, a tab counting up to the next multiple of 8: two files fit side by side. The tests too.
# From make check: srcdir.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# wide FILE…: "file:line: columns" for each line over 100. Bytes 10xxxxxx continue a character of UTF-8, and take no column.
wide()
{
	LC_ALL=C awk '{
		text = $0; columns = 0
		while ((tab = index(text, "\t"))) {
			part = substr(text, 1, tab - 1); gsub(/[\200-\277]/, "", part)
			columns = int((columns + length(part)) / 8 + 1) * 8
			text = substr(text, tab + 1)
		}
		gsub(/[\200-\277]/, "", text)
		columns += length(text)
		if (columns > 100) print FILENAME ":" FNR ": " columns
	}' "$@"
}

failed=0
files=$(cd "$srcdir" && find lib dumper analyzer tests examples -name '*.[ch]' | sort)
bad=$(cd "$srcdir" && wide $files)
[ -z "$bad" ] || { echo "$bad" | sed 's/^/FAIL: /; s/$/ columns, over 100/'; failed=1; }
echo "$(echo "$files" | wc -l) files"

# Positive controls: a line of 101 columns must be found, behind a tab and with a character of two bytes; one of 100 must not.
{ printf '\t'; yes x | head -n 92 | tr -d '\n'; echo; } >"$tmp/control.c"
{ printf 'ab\t'; yes x | head -n 92 | tr -d '\n'; printf '\303\251\n'; } >>"$tmp/control.c"
[ "$(wide "$tmp/control.c")" = "$tmp/control.c:2: 101" ] || { echo 'FAIL: control: lines of 100 and 101 columns were not told apart'; failed=1; }
exit $failed

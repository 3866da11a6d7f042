#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/format.md names each constant of lib/format/format.h, and each error of lib/base/err.h, with the value that it has there.
# From make check: TC_SAFE_COMPILE, srcdir.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
format=$(cd "$srcdir" && find lib -name format.h) err=$(cd "$srcdir" && find lib -name err.h)

# wrong PAGE: what PAGE does not say, or says otherwise. Its rows are "| value | `NAME` …"; bounds are "| what | value | `NAME` |" and
# values written in C's way in the constants' own test below.
wrong()
{
	sed -n 's/^| \(0x[0-9a-f]*\|[0-9]*\) | `\(TC_[A-Z0-9_]*\)` .*/\2 \1/p' "$1" >"$tmp/rows"
	{ echo "#include \"$format\""; echo "#include \"$err\""
	awk '{ print "_Static_assert((" $1 ") == " $2 ", \"" $1 " is not " $2 "\");" }' "$tmp/rows"; } >"$tmp/rows.c"
	$TC_SAFE_COMPILE -iquote "$srcdir" -fsyntax-only "$tmp/rows.c" 2>&1 | sed -n 's/.*error: //p'
	# Names without a row: those of enumerations and plain numbers in the headers.
	{ sed -n 's/^[[:space:]]*\(TC_[A-Z0-9_]*\)\( = [^,]*\)\{0,1\},.*/\1/p; s/^enum.*[{ ]\(TC_[A-Z].*\)}.*/\1/p' "$srcdir/$format"
	sed -n 's/^[[:space:]]*C(\([A-Z]*\),.*/TC_\1/p' "$srcdir/$err"; } | tr ',' '\n' | sed 's/=.*//' | tr -d ' \t' |
		grep -v '^$' | grep -vxE 'TC_N_TABLES' >"$tmp/names"
	[ "$(wc -l <"$tmp/names")" -gt 100 ] || echo "only $(wc -l <"$tmp/names") names were found in the headers"
	while read -r name; do
		grep -q "\`$name\`" "$1" || echo "$name is not on the page"
	done <"$tmp/names"
	# The words that are always written.
	grep -o '{ "[^"]*", TC_WORD' "$srcdir/lib/format/key_words.c" | sed 's/{ "//; s/".*//' >"$tmp/words"
	[ "$(wc -l <"$tmp/words")" -gt 50 ] || echo "only $(wc -l <"$tmp/words") words were found"
	while read -r word; do
		grep -q "^| .*\`$word\`.* |" "$1" || echo "the word $word is not on the page"
	done <"$tmp/words"
}

failed=0
bad=$(wrong "$srcdir/docs/format.md")
[ -z "$bad" ] || { echo "$bad" | sed 's/^/FAIL: /'; failed=1; }
echo "$(wc -l <"$tmp/rows") rows, $(wc -l <"$tmp/names") names"

# Positive controls: a value that was changed, a row that was left out.
sed 's/^| 128 | `TC_TASK_TORN`/| 129 | `TC_TASK_TORN`/; /`TC_LOOP_OPAQUE`/d; s/`task_done`//' "$srcdir/docs/format.md" >"$tmp/format.md"
bad=$(wrong "$tmp/format.md")
for want in 'TC_TASK_TORN is not 129' 'TC_LOOP_OPAQUE is not on the page' 'the word task_done is not on the page'; do
	case $bad in *"$want"*) ;; *) echo "FAIL: control: not found: $want"; failed=1 ;; esac
done
exit $failed

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No circle of files: when a.c calls b.c, b.c does not lead back to a.c, so each file can be understood after those below it.
# Inline functions of headers do not count. Told from the symbols of the object files.
# From make check: NM; run in the build directory.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# circles OBJECT…: the files that are on a circle, or between two, each with those it calls there.
circles()
{
	for object in "$@"; do
		$NM "$object" | sed "s|^|$(basename "$object" .o) |"
	done | awk '
	{ name = $1; sub(/.*-/, "", name); files[name] }
	$2 == "U" || $2 == "w" { wants[name, $3] = $3; next }
	$3 ~ /^[TDBRVWu]$/ { home[$4] = name }
	END {
		for (pair in wants) {
			split(pair, key, SUBSEP)
			to = (wants[pair] in home) ? home[wants[pair]] : ""
			if (to != "" && to != key[1] && !((key[1], to) in calls)) calls[key[1], to]
		}
		do { # who calls nobody that is left, or is called by nobody that is left, is on no circle
			gone = 0
			for (pair in calls) {
				split(pair, key, SUBSEP)
				out[key[1]] = round; into[key[2]] = round
			}
			for (pair in calls) {
				split(pair, key, SUBSEP)
				if (!(key[2] in out) || !(key[1] in into)) { delete calls[pair]; gone++ }
			}
			split("", out); split("", into)
		} while (gone)
		for (pair in calls) { split(pair, key, SUBSEP); print key[1] " -> " key[2] }
	}' | sort
}

failed=0
for set in 'lib libsafe_a-' 'dumper libtaskcore_so-' 'dumper taskcore-' 'analyzer '; do
	objects=$(find "${set% *}" -name "${set#* }*.o" | sort)
	[ -n "$objects" ] || { echo "FAIL: no object files of $set"; failed=1; }
	bad=$(circles $objects)
	[ -z "$bad" ] || { echo "FAIL: a circle of files:"; echo "$bad"; failed=1; }
	echo "$set: $(echo "$objects" | wc -l) files"
done

# Positive control: two files that call each other are found, a third that one of them calls is not.
for f in 'one two' 'two one three' 'three'; do
	set -- $f
	{ for callee in ${2-} ${3-}; do echo "void $callee(void);"; done
	echo "void $1(void) {"; for callee in ${2-} ${3-}; do echo "$callee();"; done; echo '}'; } 2>/dev/null >"$tmp/$1.c" || :
	${CC:-cc} -w -c "$tmp/$1.c" -o "$tmp/$1.o"
done
bad=$(circles "$tmp/one.o" "$tmp/two.o" "$tmp/three.o")
[ "$bad" = "one -> two
two -> one" ] || { echo "FAIL: control: of two files that call each other were found: $bad"; failed=1; }
exit $failed

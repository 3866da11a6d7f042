#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include whom: rooms.list, nothing else. Every quoted include names its file from the top of the tree; lib/ names
# harmless system headers only, and each of its .c files ends its includes with safe.h.
# From make check: srcdir.
set -eu
here=$srcdir/tests/build
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# System headers that lib/ may name: types, constants and the mem functions only.
system='^(cpuid|elf|errno|fcntl|inttypes|limits|linux/[a-z_]*|netinet/in|poll|std(align|atomic|bool|def|int|noreturn)|string|sys/[a-z_]*|time)[.]h$'

# Print what is wrong under the tree given.
wrong_includes()
{
	(cd "$1" && find lib dumper analyzer -name '*.[ch]' | sort | xargs awk -v system_ok="$system" '
	function room_of(file) { sub(/\/[^\/]*$/, "", file); return file }
	function exists(file,	line, there) { there = (getline line < file) >= 0; close(file); return there }
	function end_of_file() {
		if (file ~ /^lib\/.*[.]c$/ && last != "\"lib/base/safe.h")
			print file ": safe.h is not its last include"
	}
	FILENAME ~ /rooms.list$/ {
		if (/^[a-z]/) {
			rooms[$1]
			for (i = 2; i <= NF; i++) may[$1, $i]
		}
		next
	}
	FNR == 1 {
		end_of_file()
		file = FILENAME; last = ""; room = room_of(file)
		if (!(room in rooms)) print file ": " room " is no room of rooms.list"
	}
	/^[ \t]*#[ \t]*include/ {
		split($0, part, /[<">]/)
		last = (/</ ? "<" : "\"") part[2]
		if (/</) {
			if (file ~ /^lib\// && part[2] !~ system_ok)
				print file ": <" part[2] "> is not on the list of harmless headers"
		} else if (part[2] ~ /[.][.]\// || part[2] !~ /\// || !exists(part[2])) {
			print file ": \"" part[2] "\" is no file as seen from the top of the tree"
		} else if (room_of(part[2]) != room && !((room, room_of(part[2])) in may)) {
			print file ": " room " may not include " room_of(part[2]) " (\"" part[2] "\")"
		}
	}
	END { end_of_file() }' "$rooms")
}

failed=0
rooms=$(cd "$here" && pwd)/rooms.list
bad=$(wrong_includes "$srcdir")
[ -z "$bad" ] || { echo "$bad" | sed 's/^/FAIL: /'; failed=1; }

# rooms.list itself goes one way: a room names only rooms above its own line.
upwards() { awk '/^[a-z]/ { for (i = 2; i <= NF; i++) if (!($i in seen)) print $1 " names " $i ", which comes later"; seen[$1] }' "$1"; }
bad=$(upwards "$rooms")
[ -z "$bad" ] || { echo "$bad" | sed 's/^/FAIL: rooms.list: /'; failed=1; }

# Positive controls: each violation must be found.
mkdir -p "$tmp/lib/base" "$tmp/lib/walk" "$tmp/dumper/base" "$tmp/analyzer/base" "$tmp/lib/attic"
touch "$tmp/lib/base/safe.h" "$tmp/lib/walk/walk.h" "$tmp/dumper/base/d.h" "$tmp/analyzer/base/a.h"
echo >"$tmp/lib/attic/x.h"
printf '#include "lib/walk/walk.h"\n#include "lib/base/safe.h"\n' >"$tmp/lib/base/up.c"
printf '#include "lib/base/safe.h"\n#include <stdlib.h>\n' >"$tmp/lib/base/last.c"
printf '#include "analyzer/base/a.h"\n' >"$tmp/dumper/base/over.c"
printf '#include "dumper/base/d.h"\n' >"$tmp/analyzer/base/back.c"
printf '#include "d.h"\n' >"$tmp/dumper/base/near.c"
bad=$(wrong_includes "$tmp")
for want in 'lib/base/up.c: lib/base may not include lib/walk' 'lib/base/last.c: safe.h is not its last include' \
	'lib/base/last.c: <stdlib.h> is not on the list' 'dumper/base/over.c: dumper/base may not include analyzer/base' \
	'analyzer/base/back.c: analyzer/base may not include dumper/base' 'dumper/base/near.c: "d.h" is no file as seen' \
	'lib/attic/x.h: lib/attic is no room'; do
	case $bad in
	*"$want"*) ;;
	*) echo "FAIL: control: not found: $want"; failed=1 ;;
	esac
done
printf 'lib/base\tlib/walk\nlib/walk\n' >"$tmp/rooms.list"
[ -n "$(upwards "$tmp/rooms.list")" ] || { echo 'FAIL: control: a room that names one above it was not found'; failed=1; }
exit $failed

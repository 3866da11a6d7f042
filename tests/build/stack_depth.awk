# SPDX-License-Identifier: Apache-2.0
# Worst stack depth of a set of functions, from the .ci files of gcc -fcallgraph-info=su.
# First file: stack-indirect.list; the others: .ci files. Variables: bound (bytes), libc (bytes for a function outside),
# root (a function: its depth alone is measured, else that of all).
# Prints the deepest path; fails on recursion, on a frame of unknown size, on an unlisted indirect call.

function short(title) { sub(/.*:/, "", title); return title }

function fail(text) { print "FAIL: " text; failed = 1 }

# The part of line that stands between the quotes after key.
function quoted(line, key,	at)
{
	at = index(line, key ": \"")
	if (!at)
		return ""
	line = substr(line, at + length(key) + 3)
	return substr(line, 1, index(line, "\"") - 1)
}

# Depth of the function in bytes, its callees included; next_of[] gets the deepest callee.
function depth(f,	i, n, callees, d, worst)
{
	if (f in known)
		return known[f]
	if (f in open) {
		fail("recursion through " short(f))
		return 0
	}
	open[f]
	worst = 0
	n = split(calls[f], callees, SUBSEP)
	for (i = 1; i <= n; i++) {
		d = callees[i] ~ /^@/ ? substr(callees[i], 2) + 0 : depth(callees[i])
		if (d > worst) {
			worst = d
			next_of[f] = callees[i]
		}
	}
	delete open[f]
	return known[f] = worst + ((f in size) ? size[f] : libc)
}

function add_call(from, to) { calls[from] = calls[from] (calls[from] == "" ? "" : SUBSEP) to }

FNR == NR {
	if (/^[ \t]*(#|$)/)
		next
	listed[$1] = listed[$1] " " $2
	gsub(/,/, " ", listed[$1])
	next
}

/^node:/ {
	title = quoted($0, "title")
	label = quoted($0, "label")
	if (match(label, /[0-9]+ bytes \([a-z,]*\)/)) {
		text = substr(label, RSTART, RLENGTH)
		size[title] = text + 8 # and the return address
		name[short(title)] = title
		if (text ~ /dynamic/ && text !~ /bounded/)
			fail("frame of unknown size: " short(title))
	}
}

/^edge:/ {
	from = quoted($0, "sourcename")
	to = quoted($0, "targetname")
	if (to != "__indirect_call") {
		add_call(from, to)
		next
	}
	place = quoted($0, "label")
	n = split(place, part, ":")
	file = part[1]
	sub(/.*\//, "", file)
	if (!(file in listed)) {
		fail("indirect call at " file ":" part[2] " (in " short(from) ") is not in stack-indirect.list")
		next
	}
	indirect[from] = indirect[from] " " listed[file]
}

END {
	for (from in indirect) {
		n = split(indirect[from], targets, " ")
		for (i = 1; i <= n; i++) {
			t = targets[i]
			if (t !~ /^@/ && !(t in name))
				fail("stack-indirect.list names " t ", which is not in the set")
			else
				add_call(from, t ~ /^@/ ? t : name[t])
		}
	}
	worst = ""
	for (f in size) {
		functions++
		if (root != "" && short(f) != root)
			continue
		if (worst == "" || depth(f) > depth(worst))
			worst = f
	}
	if (!functions)
		fail("no call graph found")
	for (f = worst; f != "" && f !~ /^@/ && steps++ < 200; f = next_of[f])
		path = path (path == "" ? "" : " > ") short(f) " " ((f in size) ? size[f] : libc)
	if (f ~ /^@/)
		path = path " > outside " substr(f, 2)
	printf "%d functions; worst depth %d of %d bytes: %s\n", functions, depth(worst), bound, path
	if (depth(worst) > bound)
		fail("the safe set needs more stack than " bound " bytes")
	exit failed
}

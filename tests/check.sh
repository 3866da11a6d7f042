#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check in the build directory given, and its result in one line, every single case counted.
set -u
build=$1
rm -f "$build"/*.trs "$build"/tests/build/*.trs
made=yes
make -C "$build" --no-print-directory -j "$(nproc)" check || made=no

find "$build" \( -path '*/sanitizers*' -o -path '*/taskcore-[0-9]*' \) -prune -o -name '*.trs' -print | sort |
	awk -v made=$made '
	# Count the cases in the log of one test, whose result is PASS, FAIL, SKIP or ERROR.
	function count(test, result,	line, n, reason, cases, bad)
	{
		while ((getline line < (test ".log")) > 0) {
			if (line ~ /^SKIP: /)
				reason = substr(line, 7)
			if (match(line, /Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/)) {
				split(substr(line, RSTART, RLENGTH), n, /[^0-9]+/)
				passed += n[2] - n[3] - n[4]
				failed += n[3] + n[4]
				cases += n[2]
				bad += n[3] + n[4]
			}
			if (line ~ /^(not )?ok [0-9]/) { # TAP
				cases++
				bad += line ~ /^not/
				passed += line ~ /^ok/
				failed += line ~ /^not/
			}
		}
		if (result == "SKIP") {
			skipped++
			print "skipped: " test ": " reason
		} else if (result != "PASS") {
			failed += !bad
		} else if (!cases) {
			passed++
		}
	}
	{
		test = $0
		sub(/\.trs$/, "", test)
		while ((getline line < $0) > 0)
			if (line ~ /^:test-result:/) {
				split(line, word, " ")
				count(test, word[2])
			}
	}
	END {
		if (made == "no" && !failed) {
			print "FAIL: make check did not get to its tests"
			failed = 1
		}
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit failed > 0
	}'

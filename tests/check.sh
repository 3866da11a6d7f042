#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make check in the build directory given, and its result in one line, every single case counted.
set -u
build=$1
rm -f "$build"/*.trs "$build"/tests/build/*.trs
made=yes
make -C "$build" --no-print-directory -j "$(nproc)" check || made=no

awk -v made=$made 'BEGIN { passed = failed = skipped = 0 }
	function outcome(log_file, result,	line, cases, n)
	{
		while ((getline line < log_file) > 0) {
			if (line ~ /^SKIP/)
				print line
			if (match(line, /Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/)) {
				split(substr(line, RSTART, RLENGTH), n, /[^0-9]+/)
				passed += n[2] - n[3] - n[4]
				failed += n[3] + n[4]
				cases = 1
				if (n[3] + n[4])
					result = "counted"
			}
		}
		close(log_file)
		if (result == "FAIL" || result == "ERROR")
			failed++
		else if (result == "SKIP")
			skipped++
		else if (!cases)
			passed++
	}
	/^:test-result:/ { log_file = FILENAME; sub(/trs$/, "log", log_file); outcome(log_file, $2) }
	END { if (made == "no" && !failed) { print "FAIL: make check did not get to its tests"; failed = 1 }
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 }' \
	$(find "$build" \( -path '*/sanitizers' -o -path "*/taskcore-[0-9]*" \) -prune -o -name '*.trs' -print | sort) /dev/null

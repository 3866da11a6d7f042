#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# handler_set.sh SRCDIR SUFFIX: the hook's files that run in the handler or in its children, as o or ci files in the build
# directory. They are those that include lib/base/safe.h.
cd "$1" && grep -rl --include='*.c' '"lib/base/safe.h"' dumper/hook | sort | sed "s|\([^/]*\)\.c$|libtaskcore_so-\1.$2|"

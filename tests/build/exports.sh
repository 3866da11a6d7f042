#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libtaskcore.so exports its API, with a version, and what it interposes, without one: the loader binds a reference to sigaction@GLIBC_2.2.5 to
# that version or to a symbol that has none, so an interposer with a version of its own is passed by without a word. From make check; run in the
# build directory.
set -eu

command -v readelf >/dev/null || { echo 'SKIP: no readelf'; exit 77; }
exported=$(readelf -W --dyn-syms libtaskcore.so | awk '$5 == "GLOBAL" && $7 != "UND" && $7 != "ABS" { print $8 }' | sort)
failed=0
for name in $exported; do
	case $name in
	taskcore_*@@TASKCORE_0) ;;
	taskcore_*) echo "FAIL: $name has no version"; failed=1 ;;
	*@*) echo "FAIL: $name has a version: no program binds to it"; failed=1 ;;
	execve | execv | execvp | execvpe | execveat | fexecve | execl | execlp | execle | popen | system | posix_spawn | posix_spawnp) ;;
	sigaction | __sigaction | signal | bsd_signal | __sysv_signal | sysv_signal | ssignal | sigset | sigignore | siginterrupt | sigaltstack) ;;
	epoll_create | epoll_create1 | _exit | _Exit) ;;
	*) echo "FAIL: $name is exported"; failed=1 ;;
	esac
done
for name in sigaction signal sigaltstack epoll_create1 _exit taskcore_install@@TASKCORE_0; do
	echo "$exported" | grep -qx "$name" || { echo "FAIL: $name is not exported"; failed=1; }
done
echo "$(echo "$exported" | wc -l) symbols"
exit $failed

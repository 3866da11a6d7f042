#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libtaskcore.so exports its API, with a version, and what it interposes, without one: the loader binds a reference to sigaction@GLIBC_2.2.5 to
# that version or to a symbol that has none, so an interposer with a version of its own is passed by without a word. From make check; run in the
# build directory.
set -eu

command -v readelf >/dev/null || { echo 'SKIP: no readelf'; exit 77; }

# wrong SYMBOLS: what is exported and must not be, or the other way round.
wrong()
{
	for name in $1; do
		case $name in
		taskcore_*@@TASKCORE_0) ;;
		taskcore_*) echo "$name has no version" ;;
		*@*) echo "$name has a version: no program binds to it" ;;
		execve | execv | execvp | execvpe | execveat | fexecve | execl | execlp | execle | popen | system | posix_spawn | posix_spawnp) ;;
		sigaction | __sigaction | signal | bsd_signal | __sysv_signal | sysv_signal | ssignal | sigset | sigignore | siginterrupt | sigaltstack) ;;
		epoll_create | epoll_create1 | _exit | _Exit | pthread_create) ;;
		*) echo "$name is exported" ;;
		esac
	done
	for name in sigaction signal sigaltstack epoll_create1 _exit pthread_create taskcore_install@@TASKCORE_0; do
		echo "$1" | grep -qx "$name" || echo "$name is not exported"
	done
}

exported=$(readelf -W --dyn-syms libtaskcore.so | awk '$5 == "GLOBAL" && $7 != "UND" && $7 != "ABS" { print $8 }' | sort)
bad=$(wrong "$exported")
[ -z "$bad" ] || echo "$bad" | sed 's/^/FAIL: /'
failed=${bad:+1}

# Control: a symbol too many, one with a version, one without, and one that is missing.
for control in malloc signal@@TASKCORE_0 taskcore_dump "signal is not exported"; do
	case $control in *not*) set -- "$(echo "$exported" | grep -vx signal)" ;; *) set -- "$exported
$control" ;; esac
	wrong "$1" | grep -q "^${control%% *} " || { echo "FAIL: control: $control was not seen"; failed=1; }
done
echo "$(echo "$exported" | wc -l) symbols"
exit "${failed:-0}"

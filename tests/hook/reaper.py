# SPDX-License-Identifier: Apache-2.0
"""A child sub-reaper: starts the command of its arguments, waits for all children that there are, and says on stderr whom it saw end:
"REAPED PID STATUS", then "REAPED nobody"."""
import ctypes
import os
import sys

PR_SET_CHILD_SUBREAPER = 36

assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
pid = os.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    try:
        print("REAPED %d %d" % os.waitpid(-1, 0), file=sys.stderr, flush=True)
    except ChildProcessError:
        break
print("REAPED nobody", file=sys.stderr, flush=True)

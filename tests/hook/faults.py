#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hook where things go wrong: files (fault_files.py), surroundings (fault_surroundings.py), processes (fault_process.py), signals that are sent
(fault_sent.py), faults of other threads (fault_others.py), execve (fault_exec.py), forbidden system calls (fault_seccomp.py), the C interface
(fault_api.py), emulators (fault_emulator.py), programs without a known Python (fault_unsupported.py). Prints TAP; names of tests as arguments run
only these."""
import importlib
import sys

from hooked import run, tests_of

MODULES = ["fault_files", "fault_surroundings", "fault_process", "fault_sent", "fault_others", "fault_exec", "fault_seccomp", "fault_api"]
MODULES += ["fault_emulator", "fault_unsupported"]

if __name__ == "__main__":
    tests = [test for name in MODULES for test in tests_of(importlib.import_module(name))]
    sys.exit(run([test for test in tests if not sys.argv[1:] or test.__name__ in sys.argv[1:]]))

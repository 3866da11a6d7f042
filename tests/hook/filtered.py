# SPDX-License-Identifier: Apache-2.0
"""Runs a program under a seccomp filter as systemd's SystemCallFilter= would make it: every call but these kills the process; or these
alone kill it, or fail with EPERM, as in containers.

  filtered.py [--kill|--deny] NUMBER,NUMBER,… COMMAND ARG…"""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # of linux/bpf_common.h: BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, KILL_PROCESS, DENY = 0x7FFF0000, 0x80000000, 0x00050001  # DENY: EPERM


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def code(numbers, these=ALLOW, others=KILL_PROCESS):
    yield LOAD, 0, 0, 0  # the number stands first in struct seccomp_data
    for number in numbers:
        yield EQUAL, 0, 1, number
        yield RETURN, 0, 0, these
    yield RETURN, 0, 0, others


def main():
    actions = {"--kill": (KILL_PROCESS, ALLOW), "--deny": (DENY, ALLOW)}.get(sys.argv[1], ())
    del sys.argv[1 : 1 + bool(actions)]
    lines = b"".join(struct.pack("HBBI", *line) for line in code([int(x) for x in sys.argv[1].split(",")], *actions))
    program = Program(len(lines) // 8, lines)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        sys.exit("no seccomp filter: " + os.strerror(ctypes.get_errno()))
    os.execvp(sys.argv[2], sys.argv[2:])


main()

# SPDX-License-Identifier: Apache-2.0
"""An asyncio program that looks for children it never started.

  reaped_target.py TASKS [subreaper]

Prints "READY pid=N port=P". For each line on stdin, a word: "seen" answers with what its look-outs saw, as JSON; "exit" and "_exit"
end it. Look-outs: waitpid(-1) without waiting, waitpid(-1) that waits, waitid(P_ALL) that leaves what it finds, and a handler of
SIGCHLD. It has no children of its own, so all of them must say ECHILD, and no signal may come."""
import asyncio
import ctypes
import json
import os
import signal
import sys
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
seen = {"waitpid": [], "waitpid_blocking": [], "waitid": [], "sigchld": 0, "looks": 0}


def look(name, wait):
    try:
        found = wait()
    except ChildProcessError:
        return
    seen[name].append(str(found))


def look_out():
    while True:
        look("waitid", lambda: os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOHANG | os.WNOWAIT))
        look("waitpid", lambda: os.waitpid(-1, os.WNOHANG | os.WUNTRACED))
        look("waitpid_blocking", lambda: os.waitpid(-1, 0))
        seen["looks"] += 1
        time.sleep(0.0002)


def on_child(signum, frame):
    seen["sigchld"] += 1


def obey():
    word = sys.stdin.readline().strip()
    if word == "seen":
        print(json.dumps(seen), flush=True)
    elif word == "_exit":
        os._exit(0)
    else:
        sys.exit(0)


async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    async def wait():
        await future

    waiting = [loop.create_task(wait()) for _ in range(int(sys.argv[1]))]
    await asyncio.sleep(0)
    loop.add_reader(0, obey)
    print("READY pid=%d port=%d" % (os.getpid(), server.sockets[0].getsockname()[1]), flush=True)
    await asyncio.wait(waiting)


if __name__ == "__main__":
    if "subreaper" in sys.argv[2:]:
        assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    signal.signal(signal.SIGCHLD, on_child)
    if "quiet" not in sys.argv[2:]:
        threading.Thread(target=look_out, daemon=True).start()
    asyncio.run(main())

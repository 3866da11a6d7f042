#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dumps of tests/samples/, which earlier versions wrote or spoiled: the analyzer must say of each what is written down beside
it, and decode.py, made from docs/format.md alone, must agree. Prints TAP. The program is $TASKCORE_ANALYZE, else that in the
current directory.

  samples.py [--write]     --write: write down what the analyzer says of those that have nothing beside them yet"""
import copy
import json
import lzma
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agreement  # noqa: E402

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SAMPLES = os.path.join(TESTS, "samples")
sys.path[:0] = [os.path.join(TESTS, "e2e"), SAMPLES]
import decode  # noqa: E402
import variants  # noqa: E402

ANALYZE = os.path.abspath(os.environ.get("TASKCORE_ANALYZE", "taskcore-analyze"))
ENDING = ".tcore.xz"
REFUSED = {"version-1", "version-3", "feature-bit-5"}  # by decode.py too
count = failed = 0


def result(name, problems):
    global count, failed
    count += 1
    failed += bool(problems)
    print("%sok %d - %s" % ("not " if problems else "", count, name))
    for problem in problems[:10]:
        print("  # %s" % str(problem)[:300])


def analyze(path, form):
    command = [ANALYZE, path, "--format", form]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stderr.decode(errors="replace").replace(path, "FILE"), done.stdout


def outcome(path):
    """What a user sees of a file: the exit code, the lines on stderr, the canonical report."""
    code, errors, out = analyze(path, "canonical")
    return "exit code %d\n%s\n%s" % (code, errors, out.decode(errors="replace"))


def expected(name):
    with open(os.path.join(SAMPLES, name + ".txt"), encoding="utf-8") as file:
        return file.read()


def difference(told, want):
    """The first line that differs, or nothing."""
    pairs = zip(told.split("\n") + [None], want.split("\n") + [None])
    return [repr(pair) for pair in pairs if pair[0] != pair[1]][:1]


def decoded(path):
    """The report of decode.py, as JSON would have it; why not, where it refuses the file."""
    try:
        return json.loads(json.dumps(decode.read(path))), None
    except decode.Refused as refused:
        return None, str(refused)


def disagreement(name, path):
    """Between the two readers: about whether the file may be read, whether it is whole, and what it says."""
    code, _, out = analyze(path, "json")
    report, refused = decoded(path)
    if name in REFUSED or refused:
        return [] if name in REFUSED and refused and code == 3 and not out else ["exit code %d, decode.py: %s" % (code, refused)]
    problems = report["dump"]["problems"]
    lines = [] if bool(problems) == (code == 3) else ["exit code %d, decode.py: %s" % (code, problems)]
    return lines + agreement.differences(json.loads(out), report)


def spoiled(report):
    """The report of decode.py with one thing changed: what the comparison must notice."""
    def change(what, function):
        copied = copy.deepcopy(report)
        function(copied)
        return what, copied

    task = next(n for n, one in enumerate(report["tasks"]) if len(one["chain"]) > 1)
    thing = next(n for n, one in enumerate(report["objects"]) if one["attrs"])
    yield change("a name", lambda r: r["tasks"][task].update(name="nobody"))
    yield change("a line", lambda r: r["tasks"][task]["chain"][1].update(line=1))
    yield change("a link", lambda r: r["tasks"][task]["chain"].pop())
    yield change("a local", lambda r: r["tasks"][task]["chain"][0]["locals"].popitem())
    yield change("an attribute", lambda r: r["objects"][thing]["attrs"].popitem())
    yield change("a task", lambda r: r["tasks"].pop())
    yield change("a descriptor", lambda r: r["descriptors"][0].update(name="/nowhere"))
    yield change("a count", lambda r: r["dump"]["counts"].update(read=0))
    yield change("a frame", lambda r: r["threads"][0]["python"][0].update(function="f"))


def check_controls(path):
    """Each change of a file, of what is expected and of what was decoded is noticed."""
    told, report = json.loads(analyze(path, "json")[2]), decoded(path)[0]
    missed = [what for what, other in spoiled(report) if not agreement.differences(told, other)]
    with open(path, "rb") as file:
        data = bytearray(file.read())
    with open(path, "wb") as file:
        file.write(data.replace(b"waiter", b"Waiter"))  # the name of a task
    if not difference(outcome(path), expected("signal")):
        missed.append("a changed file")
    if not difference(expected("signal"), expected("signal").replace("waiter", "Waiter")):
        missed.append("a changed text")
    result("control: what is changed is noticed", ["not noticed: " + what for what in missed])


def against_the_page(data):
    """Copies of a good dump whose checksums are right, but which the page does not allow."""
    chunk, size = list(variants.chunks(data))[1]
    first = chunk + 56  # the first record: a string

    def change(what, at, to, fresh=True):
        copied = bytearray(data)
        copied[at] = to
        if fresh:
            variants.sum_up(copied, chunk, size)
        return what, copied

    yield change("a record of unknown kind", first, 99)
    yield change("a record that is too short", first + 1, data[first + 1] - 1)
    yield change("the number of records", chunk + 16, data[chunk + 16] ^ 1)
    yield change("a base", chunk + 24, 2)
    yield change("the sequence", chunk + 12, 7)
    yield change("padding", chunk - 1, 1, fresh=False)
    yield "bytes at the end", data + bytes(4)


def check_strict(path):
    """decode.py refuses what the page does not allow, else its agreement would say little."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    missed = []
    for what, spoiled_data in against_the_page(data):
        with open(path, "wb") as file:
            file.write(spoiled_data)
        try:
            decode.read(path)
            missed.append("not noticed: " + what)
        except decode.Wrong:
            pass
    result("control: decode.py refuses what the page does not allow", missed)


def check_worked_example():
    """Section 14 of the page, a chunk written by hand."""
    with open(os.path.join(os.path.dirname(TESTS), "docs", "format.md"), encoding="utf-8") as file:
        lines = file.read().split("```worked\n")[1].split("```")[0].splitlines()
    dump = decode.Dump()
    dump.seq = 0
    dump.chunk(0, bytes.fromhex("".join(line[6:54] for line in lines)))
    task = decode.report(dump)["tasks"][0]
    told = [task[word] for word in ("name", "class", "state", "leaf", "waiter")] + [task["chain"][0][word] for word in ("function", "line")]
    want = ["client-1", "Task", "pending", "0x7f12a4c03fb0", "0x7f12a4c03fb0", "serve", 44]
    result("decode.py reads the worked example of the page", [] if told == want else [told])


def unpack(name, to):
    path = os.path.join(to, name + ".tcore")
    with lzma.open(os.path.join(SAMPLES, name + ENDING)) as packed, open(path, "wb") as file:
        file.write(packed.read())
    return path


def write_down(name, path):
    text = os.path.join(SAMPLES, name + ".txt")
    if not os.path.exists(text):
        with open(text, "w", encoding="utf-8") as file:
            file.write(outcome(path))


def main():
    names = sorted(name[: -len(ENDING)] for name in os.listdir(SAMPLES) if name.endswith(ENDING))
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            path = unpack(name, scratch)
            if sys.argv[1:] == ["--write"]:
                write_down(name, path)
            result("%s: the analyzer says what is written down" % name, difference(outcome(path), expected(name)))
            result("%s: decode.py agrees" % name, disagreement(name, path))
        check_worked_example()
        result("there are samples", [] if len(names) > 10 else ["%d samples" % len(names)])
        check_controls(unpack("signal", scratch))
        check_strict(unpack("signal", scratch))
    print("1..%d" % count)
    sys.exit(failed > 0)


main()

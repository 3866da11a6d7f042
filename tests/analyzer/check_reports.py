#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""taskcore-analyze from outside, on the samples of sample_maker: exit codes, texts that a terminal may see, and JSON that holds to
its schema. Prints TAP. The programs are $TASKCORE_ANALYZE and $SAMPLE_MAKER, else those in the current directory; the
schema is docs/report.schema.json of this tree. More files to check may be given as arguments."""
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    jsonschema = None

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANALYZE = os.path.abspath(os.environ.get("TASKCORE_ANALYZE", "taskcore-analyze"))
MAKER = os.path.abspath(os.environ.get("SAMPLE_MAKER", "sample_maker"))
# Exit codes of report and of check for each sample.
SAMPLES = {"good-service": 0, "good-empty": 0, "good-crash": 0, "bad-cut-in-head": 3, "bad-cut-in-records": 3, "bad-cut-before-status": 3, "bad-head-checksum": 3,
           "bad-records-checksum": 3, "bad-note-size": 3, "bad-magic": 3}
NOT_TO_READ = {"bad-magic"}  # nothing of these can be shown
count = failed = 0


def run(*args, **env):
    done = subprocess.run([ANALYZE] + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          env=dict({k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}, **env))
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def result(name, problems):
    global count, failed
    count += 1
    failed += bool(problems)
    print("%sok %d - %s" % ("not " if problems else "", count, name))
    for problem in problems[:10]:
        print("  # %s" % str(problem)[:300])


def skip(name, why):
    global count
    count += 1
    print("ok %d - %s # SKIP %s" % (count, name, why))


def width(text):
    import unicodedata
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def text_problems(out, columns):
    """What a terminal must not see, and lines that are too long (the lines of missing parts and commands may be)."""
    problems = []
    try:
        text = out.decode()
    except UnicodeDecodeError as e:
        return ["not UTF-8: %s" % e]
    bad = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]", text)
    if bad:
        problems.append("hostile characters: %s" % ascii("".join(bad)))
    section = ""
    for line in text.split("\n"):
        section = line.split(" ")[0] or section
        if width(line) > columns and section not in ("missing", "NEXT"):
            problems.append("%d columns: %s" % (width(line), ascii(line)))
    return problems


def links_problems(report):
    """Every id that is named exists, and counts balance."""
    ids = {x["id"] for part in ("loops", "tasks", "objects", "threads", "groups") for x in report[part]}
    problems = []

    def want(where, value):
        if value is not None and value not in ids:
            problems.append("%s: %s does not exist" % (where, value))
    for task in report["tasks"]:
        wait = task["waits_for"] or {}
        for key in ("object", "task"):
            want(task["id"], wait.get(key))
        for other in wait.get("tasks", []):
            want(task["id"], other)
        want(task["id"], task.get("loop"))
    for loop in report["loops"]:
        want(loop["id"], loop.get("thread"))
        want(loop["id"], loop.get("running_task"))
    for thing in report["objects"]:
        for waiter in thing.get("waiters", []):
            want(thing["id"], waiter)
    pending = sum(t["state"] == "pending" for t in report["tasks"])
    grouped = sum(g["count"] for g in report["groups"])
    if pending != grouped:
        problems.append("%d tasks are pending, %d are in groups" % (pending, grouped))
    return problems


def check_json(name, path, validator):
    code, out, _ = run(path, "--format", "json")
    report = json.loads(out)
    errors = ["%s: %s" % ("/".join(map(str, e.path)), e.message) for e in validator.iter_errors(report)] if validator else []
    result("%s: JSON holds to the schema, and its ids exist" % name, errors + links_problems(report))
    code, out, _ = run(path, "--format", "jsonl")
    records = [json.loads(line) for line in out.decode().splitlines()]
    errors = [e.message for r in records for e in validator.iter_errors(r)] if validator else []
    kinds = [r.pop("record") for r in records]
    for part in ("loop", "task", "object", "descriptor", "thread", "group"):
        if [r for k, r in zip(kinds, records) if k == part] != report[part + "s"]:
            errors.append("the %ss differ from those of json" % part)
    result("%s: lines hold the same records" % name, errors)
    return report


def check_file(name, path, want, validator):
    code, out, err = run(path)
    problems = text_problems(out, 100)
    if code != want:
        problems.append("exit code %d, must be %d; %s" % (code, want, err))
    result("%s: report" % name, problems)
    code, out, err = run("check", path)
    problems = [] if code == want else ["exit code %d, must be %d" % (code, want)]
    if want and b" at byte " not in out and name not in NOT_TO_READ:
        problems.append("the bad place is not named: %s" % out.decode())
    if name in NOT_TO_READ and (out or len(err.splitlines()) != 1):
        problems.append("one line was to be expected: %s" % err)
    result("%s: check" % name, problems)
    if name in NOT_TO_READ:
        return
    report = check_json(name, path, validator)
    first, second = run(path, "--format", "canonical")[1], run(path, "--format", "canonical")[1]
    lines = first.decode().splitlines()
    problems = [] if first == second and lines == sorted(lines, key=lambda line: line.encode()) else ["not in order, or not the same twice"]
    if len(lines) != len(report["tasks"]) + ("crash" in report["dump"]):
        problems.append("%d lines for %d tasks" % (len(lines), len(report["tasks"])))
    result("%s: canonical" % name, problems)
    ids = [x["id"] for part in ("loops", "tasks", "objects", "threads", "groups") for x in report[part][:20]]
    if ids:
        code, out, err = run("show", path, *ids)
        result("%s: show of %d items" % (name, len(ids)), [p for p in text_problems(out, 10 ** 6)] + ([err] if code not in (0, 3) else []))
    code, out, err = run("--all", path)
    result("%s: report --all" % name, text_problems(out, 10 ** 6) + ([err] if code != want else []))


def check_usage(good):
    cases = [((), 2, ""), (("--nonsense", good), 2, "option"), (("--format", "pdf", good), 2, "format"), (("--format", "html", good), 2, "not in this version"),
             (("diff", good, good), 2, "not in this version"), (("trend", good), 2, "not in this version"), (("show", good), 2, "items"),
             (("show", good, "T99999"), 2, "T99999"), (("--fail-on", "hung", good), 2, "hung"), (("--fail-on", "", good), 2, "fail-on"),
             (("--fail-on", "leak,crash", good), 0, ""), (("explain",), 2, "kind"), (("explain", "blocked-loop.none"), 2, "blocked-loop.none"), (("--exe", "/bin/true", good), 2, "exe"),
             (("--debug-dir", "/", good), 2, "debug-dir"), (("--where", "x", good), 2, "not in this version"), (("--color", "pink", good), 2, "pink"),
             (("/nonexistent/x.tcore",), 3, "No such file"), (("/",), 3, "directory"), (("/dev/null",), 3, "regular"), (("report", good, good), 0, ""),
             (("--help",), 0, ""), (("--version",), 0, "")]
    problems = []
    for args, want, word in cases:
        code, out, err = run(*args)
        if code != want or word not in err or (want and len(err.splitlines()) > 2):
            problems.append("%s: exit code %d, must be %d: %s" % (" ".join(args), code, want, err))
    result("usage and exit codes", problems)


def check_kinds():
    """Each kind of finding is explained, and each that is explained exists."""
    with open(os.path.join(TOP, "analyzer", "detect", "cause.h")) as f:
        kinds = set(re.findall(r'K\([A-Z_]+, [A-Z]+, "([a-z.-]+)"\)', f.read()))
    with open(os.path.join(TOP, "docs", "detectors.md")) as f:
        page = f.read()
    explained = set(re.findall(r"^### (\S+)$", page, re.M))
    explained |= {kind for kind in kinds if "." not in kind and "\n## %s\n" % kind in page}
    problems = ["only in one of cause.h and detectors.md: %s" % kind for kind in kinds ^ explained]
    for kind in kinds:
        code, out, err = run("explain", kind)
        if code or kind not in out.decode() or "Evidence" not in out.decode():
            problems.append("explain %s: exit code %d, %s" % (kind, code, err))
    result("%d kinds are explained" % len(kinds), problems if kinds else ["no kind was found"])


KNOWLEDGE = """{ "schema": "taskcore-knowledge/1", "package": "acme", "anywhere": true, "waits": [
  { "file": "pool.py", "function": "Pool.acquire", "waits_for": "semaphore" }%s
] }
"""


def check_knowledge(scratch, good):
    """What --knowledge and the user's own directory name is read; a wrong file is named by line, and the report is made without it."""
    config = os.path.join(scratch, "config", "taskcore", "knowledge.d")
    os.makedirs(config)
    right, wrong = os.path.join(scratch, "right.json"), os.path.join(config, "wrong.json")
    for path, more in ((right, ""), (wrong, ",\n  { \"file\": \"pool.py\" }")):
        with open(path, "w") as f:
            f.write(KNOWLEDGE % more)
    code, want, _ = run(good)
    done = run("--knowledge", right, good)
    problems = [] if (code, done) == (0, (0, want, "")) else ["a right file: %r" % done[2]]
    for done in (run(good, XDG_CONFIG_HOME=os.path.join(scratch, "config")), run("--knowledge", config, good)):
        if done[:2] != (0, want) or 'wrong.json:3: no "function"; this file is left out\n' not in done[2]:
            problems.append("a wrong file: %d %r" % (done[0], done[2]))
    result("a file of knowledge is read, a wrong one is named by line and left out", problems)


def check_options(good):
    """An unknown option and a missing value are told apart, and name the word that they are about."""
    problems = []
    for args, words in ((("--nonsense", good), ("unknown option", "--nonsense")), ((good, "--format"), ("value", "missing", "--format")),
                        (("-x", good), ("unknown option", "-x")), ((good, "--source-root"), ("value", "missing", "--source-root"))):
        code, out, err = run(*args)
        if code != 2 or out or not all(word in err for word in words):
            problems.append("%s: %d %s" % (args, code, err))
    if run("-V")[:2] != run("--version")[:2]:
        problems.append("-V is not --version")
    result("an unknown option and a missing value are told apart", problems)


def check_names(good):
    """show takes the name of a task, and says which is not there."""
    code, out, err = run("--format", "json", good)
    tasks = json.loads(out)["tasks"]
    named = [task for task in tasks if task.get("name")]
    problems = [] if named else ["the sample has no task with a name"]
    for task in named[:3]:
        same = [other["id"] for other in named if other["name"] == task["name"]]
        code, by_name, err = run("show", good, task["name"])
        by_id = b"\n".join(run("show", good, one)[1] for one in same)
        if code != 0 or err or by_name != by_id:
            problems.append("show %r is not show %s: %d %s" % (task["name"], same, code, err))
    code, out, err = run("show", good, "no such name")
    if code != 2 or "no such name" not in err:
        problems.append("a name that is not there: %d %s" % (code, err))
    result("show takes names", problems)


def check_standard_input(good):
    """FILE - is what comes on the standard input, from a pipe too; a page of it and one of the file differ in its name alone."""
    problems = []
    with open(good, "rb") as file:
        content = file.read()
    for args in (("-",), ("report", "-", "--format", "json"), ("check", "-"), ("show", "-", "T1")):
        named = tuple(good if word == "-" else word for word in args)
        piped = subprocess.run([ANALYZE, *args], input=content, capture_output=True)
        want = run(*named)
        if piped.returncode != want[0] or piped.stderr.decode() != want[2] or len(piped.stdout) < 20:
            problems.append("%s: %d %s" % (args, piped.returncode, piped.stderr))
        if "json" in args and json.loads(piped.stdout)["dump"]["file"] != "-":
            problems.append("its name: %s" % json.loads(piped.stdout)["dump"]["file"])
    empty = subprocess.run([ANALYZE, "-"], input=b"", capture_output=True)
    if empty.returncode != 3 or b"empty" not in empty.stderr:
        problems.append("nothing: %d %s" % (empty.returncode, empty.stderr))
    result("a dump on the standard input", problems)


def check_damage_said(scratch):
    """A damaged file is told on stderr too, in one line, where the page goes to a file; a whole one is not."""
    problems = []
    for name, want in SAMPLES.items():
        for args in ((), ("--format", "json"), ("--format", "canonical")):
            code, out, err = run(*args, os.path.join(scratch, name + ".tcore"))
            if want == 3 and out and (err.count("\n") != 1 or "damaged" not in err or name not in err):
                problems.append("%s %s: %r" % (name, args, err))
            if want == 0 and err:
                problems.append("%s %s: %r" % (name, args, err))
    result("a damaged file is told on stderr too", problems)


def check_foreign(scratch):
    """Files that are not ours: one line each."""
    problems = []
    for name, content, word in (("text", b"hello\n" * 100, "not a taskcore dump"), ("empty", b"", "empty"), ("elf", open(ANALYZE, "rb").read(4096), "taskcore")):
        path = os.path.join(scratch, name)
        with open(path, "wb") as f:
            f.write(content)
        code, out, err = run(path)
        if code != 3 or out or len(err.splitlines()) != 1 or word not in err:
            problems.append("%s: exit code %d: %s" % (name, code, err))
    result("foreign files: exit code 3, one line", problems)


def check_color(good):
    problems = []
    for args, env, want in ((("--color", "always"), {}, True), (("--color", "always"), {"NO_COLOR": "1"}, True), ((), {}, False),
                            (("--color", "auto"), {}, False), (("--color", "never"), {}, False)):
        if (b"\033[" in run(good, *args, **env)[1]) != want:
            problems.append("colour with %s %s" % (" ".join(args), env))
    narrow = text_problems(run(good, COLUMNS="72")[1], 72)
    result("colour is asked for, and width is kept", problems + narrow)


def main():
    validator = None
    if jsonschema:
        with open(os.path.join(TOP, "docs", "report.schema.json")) as f:
            schema = json.load(f)
        # The older validators that distributions have know draft 7 under another word only.
        kind = getattr(jsonschema, "Draft202012Validator", None)
        validator = kind(schema) if kind else None
    if not validator:
        skip("JSON against its schema", "python3-jsonschema (4 or later) is not installed")
    with tempfile.TemporaryDirectory(prefix="taskcore-analyzer.") as scratch:
        subprocess.run([MAKER, scratch], check=True)
        for name, want in SAMPLES.items():
            check_file(name, os.path.join(scratch, name + ".tcore"), want, validator)
        for path in sys.argv[1:]:
            check_file(os.path.basename(path), path, 0, validator)
        good = os.path.join(scratch, "good-service.tcore")
        check_knowledge(scratch, good)
        check_kinds()
        check_usage(good)
        check_options(good)
        check_names(good)
        check_standard_input(good)
        check_damage_said(scratch)
        check_foreign(scratch)
        check_color(good)
    print("1..%d" % count)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

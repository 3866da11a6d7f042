# SPDX-License-Identifier: Apache-2.0
"""Whole chains through the coroutines of each kind of Cython, of Nuitka, and of Ray, which is compiled with Cython. run.py runs these
tests. Each release is fetched once, into a venv in the cache of interpreters.py; but Ray is big, so it is only used where it is:
$TASKCORE_RAY is a Python that has it, or else the interpreter itself."""
import glob
import os
import shutil
import subprocess
import threading

import lab
from lab import interpreters
from odd_targets import must

LEAF = os.path.join(lab.HERE, "cython_leaf.pyx")
TARGET = os.path.join(lab.HERE, "compiled_target.py")
CYTHON = {
    "3.8-pyenv": ["0.29.37", "3.0.0", "3.0.12", "3.1.0"],
    "3.11-pyenv": ["0.29.37", "3.0.0", "3.0.12", "3.1.0", "3.2.0"],
    "3.13-pyenv": ["3.0.12", "3.1.0", "3.2.0"],
}
# A build takes a minute and more: the other two are for the long runs (make soak sets TASKCORE_SOAK).
NUITKA = {"3.11-pyenv": ["2.8.10"]}
if os.environ.get("TASKCORE_SOAK"):
    NUITKA.update({"3.8-pyenv": ["1.9.7"], "3.13-pyenv": ["4.0.8"]})
lock = threading.Lock()


def run(command, what, directory):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10 * lab.WAIT_S, cwd=directory)
    if done.returncode:
        raise lab.Missing("%s: %s" % (what, done.stdout.decode(errors="replace").strip()[-200:]))


def with_cython(one, venv, directory):
    """Make cython_leaf.so.part in the directory."""
    shutil.copy(LEAF, directory)
    run([os.path.join(venv, "bin", "cython"), "-3", "cython_leaf.pyx"], "Cython", directory)
    include = one.ask("import sysconfig; print(sysconfig.get_paths()['include'])")
    command = ["gcc", "-O1", "-w", "-shared", "-fPIC", "-I" + include, "cython_leaf.c", "-o", "cython_leaf.so.part"]
    run(command, "no compiled module", directory)


def with_nuitka(one, venv, directory):
    source = os.path.join(directory, "cython_leaf.py")
    shutil.copy(LEAF, source)
    run([os.path.join(venv, "bin", "python"), "-m", "nuitka", "--module", "--remove-output", source], "Nuitka", directory)
    os.unlink(source)
    os.rename(glob.glob(os.path.join(directory, "cython_leaf.*.so"))[0], os.path.join(directory, "cython_leaf.so.part"))


def built(one, package, release, compile_leaf):
    """The directory with the compiled module, made where it is not there."""
    directory = os.path.join(interpreters.cache(), "%s-%s-%s" % (package, release, one.name))
    venv, module = os.path.join(directory, "venv"), os.path.join(directory, "cython_leaf.so")
    if os.path.exists(module) and os.path.getmtime(module) > os.path.getmtime(LEAF):
        return directory
    if not shutil.which("gcc"):
        raise lab.Missing("no gcc here")
    os.makedirs(directory, exist_ok=True)
    if not os.path.exists(os.path.join(venv, "bin", package)):
        run(one.command + ["-m", "venv", "--clear", venv], "no venv for %s" % one.name, directory)
        pip = [os.path.join(venv, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        run(pip + ["%s==%s" % (package, release)], "no %s %s from PyPI" % (package, release), directory)
    compile_leaf(one, venv, directory)
    os.rename(module + ".part", module)
    return directory


def test_compiled(one, *how):
    with lock:
        directory = built(one, *how)
    with lab.Target(one, TARGET, directory) as target, lab.Scratch() as scratch:
        target.settle()
        lab.dumped(target.pid, scratch.file())
        report = lab.report(scratch.file())
    chains = sorted([link["function"].rpartition(".")[2] for link in task["chain"]] for task in report["tasks"])
    must(
        chains == [["cy_a", "cy_b", "cy_c", "cy_d", "wait"], ["main"], ["mixed", "plain", "wait"]],
        "chains: %r" % chains,
    )
    must(report["dump"]["counts"]["torn"] == 0, "counts: %r" % report["dump"]["counts"])


class RayTarget(lab.Target):
    """Ray's processes are no children of the target: it must end them itself."""

    stdin = subprocess.PIPE

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(lab.WAIT_S)
        finally:
            super().__exit__()


def test_ray(one):
    path = os.environ.get("TASKCORE_RAY")
    one = interpreters.Interpreter("ray", path) if path else one
    if one.ask("import ray; print(1)") != "1":
        raise lab.Missing("no ray for %s" % (path or one.name))
    with RayTarget(one, os.path.join(lab.HERE, "ray_target.py")) as target, lab.Scratch() as scratch:
        lab.dumped(target.pid, scratch.file(), "--stop")
        report = lab.report(scratch.file())
    chains = [[link["function"].rpartition(".")[2] for link in task["chain"]] for task in report["tasks"]]
    waiting = [chain for chain in chains if "outer" in chain]
    must(len(waiting) == 3, "chains: %r" % chains)
    for chain in waiting:  # Ray's wrappers come first, and between the methods
        must(chain[0] == "async_func" and chain[-2:] == ["inner", "wait"], "chain: %r" % chain)
    must(report["dump"]["counts"]["torn"] == 0, "counts: %r" % report["dump"]["counts"])


def tests(one):
    """(name, function, arguments) as in run.py."""
    for release in CYTHON.get(one.name, []):
        yield "%s: coroutines of Cython %s" % (one.name, release), test_compiled, (one, "cython", release, with_cython)
    for release in NUITKA.get(one.name, []):
        yield "%s: coroutines of Nuitka %s" % (one.name, release), test_compiled, (one, "nuitka", release, with_nuitka)
    if one.name == "3.11-debian":
        yield "an async actor of Ray", test_ray, (one,)

# SPDX-License-Identifier: Apache-2.0
"""Whole chains through the coroutines of each kind of Cython. run.py runs these tests; each release is fetched once, into a venv in the
cache of interpreters.py."""
import os
import shutil
import subprocess
import threading

import lab
from lab import interpreters
from odd_targets import must

LEAF = os.path.join(lab.HERE, "cython_leaf.pyx")
TARGET = os.path.join(lab.HERE, "compiled_target.py")
RELEASES = {
    "3.8-pyenv": ["0.29.37", "3.0.0", "3.0.12", "3.1.0"],
    "3.11-pyenv": ["0.29.37", "3.0.0", "3.0.12", "3.1.0", "3.2.0"],
    "3.13-pyenv": ["3.0.12", "3.1.0", "3.2.0"],
}
lock = threading.Lock()


def run(command, what, directory):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=10 * lab.WAIT_S, cwd=directory)
    if done.returncode:
        raise lab.Missing("%s: %s" % (what, done.stdout.decode(errors="replace").strip()[-200:]))


def built(one, release):
    """The directory with the compiled module, made where it is not there."""
    directory = os.path.join(interpreters.cache(), "cython-%s-%s" % (release, one.name))
    venv, module = os.path.join(directory, "venv"), os.path.join(directory, "cython_leaf.so")
    if os.path.exists(module) and os.path.getmtime(module) > os.path.getmtime(LEAF):
        return directory
    if not shutil.which("gcc"):
        raise lab.Missing("no gcc here")
    os.makedirs(directory, exist_ok=True)
    if not os.path.exists(os.path.join(venv, "bin", "cython")):
        run(one.command + ["-m", "venv", "--clear", venv], "no venv for %s" % one.name, directory)
        pip = [os.path.join(venv, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        run(pip + ["cython==" + release], "no Cython %s from PyPI" % release, directory)
    shutil.copy(LEAF, directory)
    run([os.path.join(venv, "bin", "cython"), "-3", "cython_leaf.pyx"], "Cython %s" % release, directory)
    include = one.ask("import sysconfig; print(sysconfig.get_paths()['include'])")
    command = ["gcc", "-O1", "-w", "-shared", "-fPIC", "-I" + include, "cython_leaf.c", "-o", module + ".part"]
    run(command, "no compiled module", directory)
    os.rename(module + ".part", module)
    return directory


def test_compiled(one, release):
    with lock:
        directory = built(one, release)
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


def tests(one):
    """(name, function, arguments) as in run.py."""
    for release in RELEASES.get(one.name, []):
        yield "%s: coroutines of Cython %s" % (one.name, release), test_compiled, (one, release)

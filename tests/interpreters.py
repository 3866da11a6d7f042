#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Provides the Python interpreters that the tests run on, and uvloop for each of them.

  interpreters.py list [NAME…]      those that are here: name, version, uvloop, command
  interpreters.py provide           make the Debian forky tree and fetch uvloop; then list
  interpreters.py missing           names of interpreters.expected that are not here, one per line

Names are MINOR-SOURCE: 3.11-debian, 3.11d-debian (debug build), 3.8-pyenv, 3.14-forky. Everything that is fetched
goes to $TASKCORE_CACHE, else ${XDG_CACHE_HOME:-~/.cache}/taskcore, and is made only once. The forky tree needs root and
debootstrap; uvloop comes from PyPI through pip, versions pinned below. What cannot be had is a warning that names it."""
import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
UVLOOP = {"3.8": "0.21.0"}  # the last one with a wheel for it
UVLOOP_DEFAULT = "0.23.0"
FORKY = ["3.13", "3.14", "3.15"]
PLATFORMS = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_24_x86_64", "manylinux_2_28_x86_64"]
INSIDE = "/opt/taskcore"  # in the forky tree: uvloop and the test programs


def warn(text):
    print("warning: " + text, file=sys.stderr, flush=True)


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.environ.get("TASKCORE_CACHE") or os.path.join(base, "taskcore")
    os.makedirs(path, exist_ok=True)
    return path


def in_tree(root, command):
    """The command in the tree at root, with a /proc of its own, which the hook and threads of a process need."""
    return ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', root] + command


class Interpreter:
    """One interpreter. command: how to start it; root: "" or the tree it runs in; path: where it is, seen from here."""

    def __init__(self, name, path, root=""):
        self.name, self.path, self.root = name, path, root
        self.minor, _, self.source = name.partition("-")
        self.debug = self.minor.endswith("d")
        self.minor = self.minor.rstrip("d")
        self.command = ["chroot", root, path[len(root) :]] if root else [path]
        self.version = self.ask("import sys; print('%d.%d.%d' % sys.version_info[:3])")

    def ask(self, code, env=None):
        try:
            done = subprocess.run(
                self.command + ["-c", code],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=env or self.environment(False),
                cwd="/",
                timeout=60,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    def number(self):
        return tuple(int(x) for x in self.minor.split("."))

    def uvloop_dir(self):
        """Where uvloop is for this interpreter, seen from here."""
        version = UVLOOP.get(self.minor, UVLOOP_DEFAULT)
        base = self.root + INSIDE if self.root else cache()
        return os.path.join(base, "uvloop-%s-cp%s" % (version, self.minor.replace(".", "")))

    def has_uvloop(self):
        return os.path.isdir(os.path.join(self.uvloop_dir(), "uvloop"))

    def environment(self, uvloop):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYENV"))}
        if uvloop:
            env["PYTHONPATH"] = self.uvloop_dir()[len(self.root) :]
        if self.root:
            env["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
        return env

    def place(self, path):
        """Make a test program visible to the interpreter; returns its path as the interpreter sees it."""
        if not self.root:
            return path
        target = os.path.join(INSIDE, "tests", os.path.basename(path))
        os.makedirs(os.path.dirname(self.root + target), exist_ok=True)
        whole = "%s.%d" % (self.root + target, threading.get_native_id())
        shutil.copyfile(path, whole)
        os.rename(whole, self.root + target)
        return target


def apt_mirror():
    """The Debian mirror that this machine already uses."""
    files = glob.glob("/etc/apt/sources.list.d/*.sources") + glob.glob(
        "/etc/apt/sources.list.d/*.list"
    )
    for name in sorted(files, key=lambda f: "debian" not in f) + ["/etc/apt/sources.list"]:
        if not os.path.exists(name):
            continue
        text = open(name).read()
        for m in re.finditer(r"^(?:URIs:|deb\s+(?:\[[^]]*\]\s+)?)\s*(\S+)", text, re.M):
            if re.search(r"/debian/?$", m.group(1)):
                return m.group(1)
    return None


def make_forky():
    """The tree of Debian forky, made once; None with a warning when it cannot be had."""
    tree = os.path.join(cache(), "forky")
    if os.path.exists(os.path.join(tree, "usr/bin/python3.15")):
        return tree
    if os.geteuid() != 0:
        return warn("no 3.13, 3.14, 3.15 of Debian forky: chroot needs root")
    if not shutil.which("debootstrap"):
        return warn("no 3.13, 3.14, 3.15 of Debian forky: debootstrap is not installed")
    mirror = apt_mirror()
    if not mirror:
        return warn("no 3.13, 3.14, 3.15 of Debian forky: no Debian mirror in the sources of apt")
    with open(os.path.join(cache(), "forky.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(tree):
            return tree
        part = tree + ".part"
        shutil.rmtree(part, ignore_errors=True)
        packages = ",".join("python%s,python%s-dbg" % (v, v) for v in FORKY)
        print("debootstrap of Debian forky, about a minute", file=sys.stderr, flush=True)
        with open(os.path.join(cache(), "forky.log"), "w") as log:
            done = subprocess.run(
                [
                    "debootstrap",
                    "--variant=minbase",
                    "--force-check-gpg",
                    "--include=" + packages,
                    "forky",
                    part,
                    mirror,
                    "/usr/share/debootstrap/scripts/sid",
                ],
                stdout=log,
                stderr=log,
            )
        if done.returncode:
            return warn(
                "no 3.13, 3.14, 3.15 of Debian forky: debootstrap failed, see forky.log in the cache"
            )
        shutil.rmtree(os.path.join(part, "var/cache/apt"), ignore_errors=True)
        os.rename(part, tree)
    return tree


def pip_command():
    for command in (
        [sys.executable, "-m", "pip"],
        ["/usr/bin/python3", "-m", "pip"],
        ["pip3"],
        ["pip"],
    ):
        try:
            if (
                subprocess.run(
                    command + ["--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                ).returncode
                == 0
            ):
                return command
        except OSError:
            pass
    return None


def packages(one, wanted):
    """The directory, seen from here, with the wheels of these packages ("name==version") and what they need, made where it is not
    there; None with a warning when they cannot be had."""
    name = "packages-%s-cp%s" % ("-".join(wanted), one.minor.replace(".", ""))
    target = os.path.join(one.root + INSIDE if one.root else cache(), name)
    if os.path.isdir(target):
        return target
    pip = pip_command()
    if not pip:
        return warn("no %s for %s: no pip here" % (", ".join(wanted), one.name))
    part = "%s.%d" % (target, os.getpid())
    tags = ["--only-binary=:all:", "--python-version", one.minor, "--implementation", "cp"]
    tags += [x for p in PLATFORMS for x in ("--platform", p)]
    command = pip + ["install", "-q", "--no-compile", "--target", part] + tags + wanted
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        shutil.rmtree(part, ignore_errors=True)
        last = done.stderr.decode().strip().split("\n")[-1]
        return warn("no %s for %s: %s" % (", ".join(wanted), one.name, last))
    os.rename(part, target)
    return target


def fetch_uvloop(one, pip):
    """uvloop's wheel for one interpreter, unpacked beside it. False with a warning when it cannot be had."""
    target = one.uvloop_dir()
    if one.has_uvloop():
        return True
    version = UVLOOP.get(one.minor, UVLOOP_DEFAULT)
    wheels = os.path.join(cache(), "wheels", one.minor)
    pattern = os.path.join(wheels, "uvloop-%s-*.whl" % version)
    if not glob.glob(pattern):
        if not pip:
            return warn("no uvloop for %s: no pip here" % one.name)
        done = subprocess.run(
            pip
            + [
                "download",
                "-q",
                "--no-deps",
                "--only-binary=:all:",
                "--python-version",
                one.minor,
                "--implementation",
                "cp",
                "-d",
                wheels,
                "uvloop==" + version,
            ]
            + [x for p in PLATFORMS for x in ("--platform", p)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        if done.returncode:
            return warn(
                "no uvloop %s for %s: %s"
                % (version, one.name, done.stderr.decode().strip().split("\n")[-1])
            )
    part = "%s.%d" % (target, os.getpid())
    with zipfile.ZipFile(glob.glob(pattern)[0]) as wheel:
        wheel.extractall(part)
    try:
        os.rename(part, target)
    except OSError:
        shutil.rmtree(part)
    return True


def candidates():
    for minor, path in (("3.11", "/usr/bin/python3.11"), ("3.11d", "/usr/bin/python3.11-dbg")):
        yield minor + "-debian", path, ""
    if not os.path.exists("/usr/bin/python3.11"):
        for path in sorted(glob.glob("/usr/bin/python3.[0-9]*")):
            m = re.search(r"/python(3\.\d+)$", path)
            if m:
                yield m.group(1) + "-debian", path, ""
    homes = [os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")]
    for home in homes:
        for path in sorted(
            glob.glob(home + "/versions/3.*/bin/python3"),
            key=lambda p: [int(x) for x in re.findall(r"\d+", p)],
        ):
            m = re.search(r"/versions/(3\.\d+)[.\d]*/bin", path)
            if m and 8 <= int(m.group(1)[2:]) <= 15:
                yield m.group(1) + "-pyenv", path, ""
    tree = os.path.join(cache(), "forky")
    for minor in FORKY:
        for end in ("", "d"):
            path = "%s/usr/bin/python%s%s" % (tree, minor, end)
            yield minor + end + "-forky", path, tree


def find(names=None):
    """The interpreters that are here, by name; of several with one name the newest."""
    found = {}
    for name, path, root in candidates():
        if os.path.exists(path) and (not names or any(re.fullmatch(n, name) for n in names)):
            if root and os.geteuid() != 0:
                continue
            one = Interpreter(name, path, root)
            if one.version:
                found[name] = one
    return sorted(found.values(), key=lambda i: (i.number(), i.debug, i.source))


def expected():
    with open(os.path.join(HERE, "interpreters.expected")) as f:
        return [line.split("#")[0].strip() for line in f if line.split("#")[0].strip()]


def missing(found):
    return [name for name in expected() if name not in {i.name for i in found}]


def provide(names=None):
    """Fetch what can be fetched, then find()."""
    make_forky()
    found = find(names)
    pip = pip_command()
    for one in found:
        fetch_uvloop(one, pip)
    for name in missing(found):
        if not names or any(re.fullmatch(n, name) for n in names):
            warn("expected interpreter is missing: " + name)
    return found


def main():
    verb, names = (sys.argv[1:2] or ["list"])[0], sys.argv[2:]
    if verb not in ("list", "provide", "missing"):
        print(__doc__, file=sys.stderr)
        return 2
    found = provide(names) if verb == "provide" else find(names)
    if verb == "missing":
        print("\n".join(missing(found)))
        return 0
    for one in found:
        print(
            "%-14s %-8s %-10s %s"
            % (one.name, one.version, "uvloop" if one.has_uvloop() else "-", " ".join(one.command))
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

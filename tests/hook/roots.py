# SPDX-License-Identifier: Apache-2.0
"""Root directories of Debian 12 for programs that are to run as in a container: made by debootstrap, kept in the cache, changed in an
overlay of their own; and the steps of a Dockerfile replayed in them. Needs root; all mounts are in a mount namespace of this process."""
import ctypes
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess

from service import TOP, Skip, must
import interpreters

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def own_mounts():
    """From here on nobody else sees what is mounted, and it ends with this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    must(libc.unshare(CLONE_NEWNS) == 0 and libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0, "no mount namespace")


def unmount():
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], stderr=subprocess.DEVNULL)


def base(packages):
    """A tree of Debian 12 with these packages, made once."""
    for program in ("debootstrap", "unshare", "nsenter", "chroot", "setpriv"):
        if not shutil.which(program):
            raise Skip("no program " + program)
    if os.geteuid() != 0:
        raise Skip("needs root")
    mirror = interpreters.apt_mirror()
    if not mirror:
        raise Skip("no Debian mirror in the sources of apt")
    packages = sorted(packages)
    name = "bookworm-" + hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    tree = os.path.join(interpreters.cache(), name)
    if not os.path.isdir(tree):
        part = "%s.%d" % (tree, os.getpid())
        print("# debootstrap of Debian 12 with %s, about a minute" % (packages or "no more"), flush=True)
        include = ["--include=" + ",".join(packages)] if packages else []
        done = subprocess.run(["debootstrap", "--variant=minbase", "--force-check-gpg", *include, "bookworm", part, mirror],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise Skip("debootstrap failed: " + done.stdout.strip().split("\n")[-1])
        shutil.rmtree(os.path.join(part, "var/cache/apt"), ignore_errors=True)
        os.rename(part, tree)
    return tree


mounted = []


class Root:
    """A base, or another root as it is, with changes that are thrown away. path: where."""

    def __init__(self, directory, lower):
        self.path = os.path.join(directory, "root")
        self.layers = list(lower)
        upper, work = os.path.join(directory, "upper"), os.path.join(directory, "work")
        for name in (self.path, upper, work):
            os.makedirs(name)
        self.layers.insert(0, upper)
        options = "lowerdir=%s,upperdir=%s,workdir=%s" % (":".join(lower), upper, work)
        done = subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", self.path], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise Skip("no overlay file system: " + done.stderr.strip())
        mounted.append(self.path)

    def inside(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def run(self, shell, directory="/"):
        done = subprocess.run(["unshare", "--fork", "--pid", "--mount-proc=" + self.inside("proc"), "chroot", self.path, "env", "-i",
                               "PATH=" + PATH, "HOME=/root", "sh", "-c", "cd %s && %s" % (shlex.quote(directory), shell)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
        must(done.returncode == 0, "%s: exit code %d\n%s" % (shell, done.returncode, done.stdout[-3000:]))


def copy(sources, target, folder):
    """As COPY: files into a folder or to a name; the contents of directories."""
    if folder:
        os.makedirs(target, exist_ok=True)
    for source in sources:
        to = os.path.join(target, os.path.basename(source)) if folder else target
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(source, to)


def copy_tree(target):
    """As COPY of the whole context: the files of this project."""
    listed = subprocess.run(["git", "-C", TOP, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], stdout=subprocess.PIPE, text=True)
    names = listed.stdout.split("\0")[:-1] if listed.returncode == 0 else []
    if not names:
        raise Skip("no clone of the project to build in a container")
    for name in names:
        if os.path.isfile(os.path.join(TOP, name)):
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy(os.path.join(TOP, name), os.path.join(target, name))


def steps(dockerfile):
    """Its instructions: (word, rest)."""
    with open(dockerfile) as f:
        text = re.sub(r"^#.*\n", "", f.read(), flags=re.M).replace("\\\n", "")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


APT = r"apt-get update && apt-get install -y --no-install-recommends (.*)$"


class Image:
    """One stage: its root, and what a container of it runs: command, user."""

    def __init__(self, directory, packages):
        self.root = Root(directory, [base(packages)])
        self.workdir, self.command, self.user = "/", None, "root"


def build(directory, dockerfile):
    """Replay a Dockerfile; the images by name, the last one without a name."""
    images, image, stages = {}, None, []
    for word, rest in steps(dockerfile):
        if word == "FROM":
            stages.append([rest, []])
        stages[-1][1].append((word, rest))
    for number, (source, lines) in enumerate(stages):
        words = source.split()
        must(words[0] == "debian:12", "a base that the test cannot make: " + source)
        found = [re.match(APT, rest) for word, rest in lines if word == "RUN" and rest.startswith("apt-get")]
        image = Image(os.path.join(directory, "stage%d" % number), sum((m.group(1).split() for m in found), []))
        for word, rest in lines[1:]:
            step(image, images, word, rest)
        images[words[2] if len(words) > 2 else ""] = image
    return images


def step(image, images, word, rest):
    if word == "RUN" and not re.match(APT, rest):
        image.root.run(rest, image.workdir)
    elif word == "COPY":
        words = rest.split()
        where = TOP
        if words[0].startswith("--from="):
            where = images[words.pop(0)[len("--from=") :]].root.path
        target = image.root.inside(words[-1])
        if words[:-1] == ["."]:
            copy_tree(target)
        else:
            copy([os.path.join(where, x.lstrip("/")) for x in words[:-1]], target, words[-1].endswith("/"))
    elif word == "WORKDIR":
        image.workdir = rest
        os.makedirs(image.root.inside(rest), exist_ok=True)
    elif word == "USER":
        image.user = rest
    elif word == "CMD":
        image.command = json.loads(rest)
    else:
        must(word in ("RUN", "VOLUME"), "an instruction that the test does not know: " + word)



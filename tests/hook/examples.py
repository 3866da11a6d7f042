#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What examples/ shows, run for real as far as this machine can: gunicorn, the systemd drop-in, the Dockerfile, the Kubernetes manifest.

  examples.py [PATTERN…]

PATTERN: only tests whose name holds it. Prints TAP."""
import glob
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import roots  # noqa: E402
from service import TOP, Service, Skip, alive, await_true, children, must, needs, pypi, report  # noqa: E402
from common import LONG_S, field, run, taskcore  # noqa: E402

EXAMPLES = os.path.join(TOP, "examples")
TASKS = 83  # of hung_service.py when it hangs
RECVFROM = "45"  # where it hangs: its number on x86_64


def must_show_the_hang(path):
    found = report(path)
    must(found["dump"]["complete"] and found["dump"]["hook"], "not whole: %s" % found["dump"])
    must(len(found["tasks"]) == TASKS, "%d tasks" % len(found["tasks"]))
    must([loop["state"] for loop in found["loops"]] == ["blocked"], "loops: %s" % found["loops"])
    running = [task for task in found["tasks"] if task["state"] == "running"]
    must([frame["function"] for frame in running[0]["chain"]][-1] == "fetch_rate", "%s" % running)


# gunicorn

def gunicorn(directory, command, **env):
    """As the head of gunicorn.conf.py says; another port, and less patience."""
    for name in ("app.py", "gunicorn.conf.py"):
        shutil.copy(os.path.join(EXAMPLES, "gunicorn", name), directory)
    # The worker that hangs may be one that was dumped a moment before: without the interval that dump would be refused.
    env["TASKCORE_MIN_INTERVAL_S"] = "0"
    with Service(directory, *command, "-m", "gunicorn", "app:app", "--bind", "127.0.0.1:PORT", "--timeout", "2", **env) as service:
        must(service.ask("order")["stock"] == "reserved", "no answer")
        await_true(lambda: service.text().count("Started server process") == 4, "4 workers")
        workers = [pid for pid in children(service.pid) if alive(pid)]
        await_true(lambda: all(str(pid) in status(service.pid) for pid in workers), "4 workers in " + status(service.pid))
        service.kill(workers[0])
        service.signal(workers[1])
        must(all(alive(pid) for pid in workers), "a worker died of a dump")
        hang(service)


def status(pid):
    told = taskcore("status", pid).stdout
    must("preloaded" in told, told)
    return told


def hang(service):
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /invoice HTTP/1.1\r\nHost: x\r\n\r\n")
        await_true(lambda: "WORKER TIMEOUT" in service.text(), "the timeout")
        pid = int(re.search(r"WORKER TIMEOUT \(pid:(\d+)\)", service.text()).group(1))
        await_true(lambda: not alive(pid), "the end of the worker")
    found = [row for row in service.found(pid) if row[1] == "abrt"]
    must(found, "no dump of worker %d: %s" % (pid, service.text()[-500:]))
    told = report(found[-1][2])
    must(told["dump"]["complete"] and told["loops"][0]["state"] == "blocked", "%s" % told["dump"])
    frames = [frame for task in told["tasks"] if task["state"] == "running" for frame in task["chain"]]
    must(frames[-1]["function"] == "print_invoice" and frames[-1]["file"].endswith("app.py"), "%s" % frames)
    await_true(lambda: len([x for x in children(service.pid) if alive(x)]) == 4, "a new worker")
    must(service.ask("order")["stock"] == "reserved", "no answer")


def test_gunicorn(directory):
    """gunicorn 20.1 with UvicornWorkers: workers are dumped and live on; one that hangs is dumped before gunicorn kills it"""
    gunicorn(directory, needs("gunicorn", "uvicorn"))


def test_gunicorn_new(directory):
    """the same with gunicorn 23 and uvicorn-worker 0.3"""
    path = pypi()
    gunicorn(directory, needs("gunicorn", "uvicorn_worker", path=path), PYTHONPATH=path)


# The images of the Dockerfile, made once

built = {}


def images():
    if not built:
        if os.geteuid() != 0:
            raise Skip("needs root")
        roots.own_mounts()
        built["directory"] = tempfile.mkdtemp(prefix="taskcore-examples.")
        built.update(roots.build(built["directory"], os.path.join(EXAMPLES, "docker", "Dockerfile")))
    if "" not in built:
        raise Skip("the Dockerfile could not be replayed")
    return built


class Container:
    """A command as process 1 of a pid namespace in a root. mounts: shell commands before it, with $R for the root. user: arguments
    of setpriv. pid: of the process as we see it."""

    def __init__(self, directory, root, command, user, mounts=(), env=None):
        self.log, self.root = os.path.join(directory, "log"), root
        words = ["env", "-i", "PATH=" + roots.PATH, *("%s=%s" % x for x in (env or {}).items()), *command]
        script = "".join(line + "\n" for line in ("set -e", *mounts))
        script += 'exec chroot "$R" setpriv ' + user + ' "$@"\n'
        self.command = ["unshare", "--fork", "--pid", "--kill-child", "--mount-proc=" + root.inside("proc"), "sh", "-c", script, "sh", *words]

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=dict(os.environ, R=self.root.path))
        try:
            await_true(lambda: "hung:" in self.text() or self.process.poll() is not None, "the service: " + self.text())
            must(self.process.poll() is None, "the service ended: " + self.text())
            self.pid = children(self.process.pid)[0]
            must(field(self.pid, "NSpid").split()[-1] == "1", "not process 1")
            # It says so in another thread, a moment before the loop's thread is in the call that hangs it.
            await_true(lambda: self.call() == RECVFROM, "the call that hangs")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def text(self):
        with open(self.log) as f:
            return f.read()

    def call(self):
        """The number of the system call that the main thread is in, as text."""
        with open("/proc/%d/syscall" % self.pid) as f:
            return f.read().split()[0]

    def path(self, path):
        """A path of the container's as we see it."""
        return "/proc/%d/root%s" % (self.pid, path)

    def dump(self, folder):
        """SIGUSR1; the path of the dump."""
        os.kill(self.pid, signal.SIGUSR1)
        await_true(lambda: glob.glob(self.path(folder) + "/taskcore.*.usr1.tcore"), "a dump: " + self.text())
        await_true(lambda: "tasks" in self.text(), "the line about it: " + self.text())
        found = glob.glob(self.path(folder) + "/taskcore.*.1.*.usr1.tcore")
        must(len(found) == 1, "dumps %s" % found)
        return found[0]

    def execute(self, *command, user):
        """As docker exec."""
        done = subprocess.run(["nsenter", "--target", str(self.pid), "--pid", "--mount", "--root", "--wd=/", "setpriv", *user.split(),
                               "env", "-i", "PATH=" + roots.PATH, *command], capture_output=True, text=True, timeout=LONG_S)
        must(done.returncode == 0, "%s: %d %s" % (command, done.returncode, done.stderr))
        return done.stdout.strip()


def must_belong_to(path, uid):
    st = os.stat(path)
    must(st.st_uid == uid and st.st_mode & 0o7777 == 0o600, "owner %d, mode %o" % (st.st_uid, st.st_mode))


def user_of(uid, gid=None, groups=()):
    """Of setpriv: this user, without capabilities, now and for ever."""
    return "--reuid=%d --regid=%d %s --bounding-set=-all --inh-caps=-all --no-new-privs" % (
        uid, gid or uid, "--groups=" + ",".join(map(str, groups)) if groups else "--clear-groups")


def test_dockerfile(directory):
    """the Dockerfile: its steps make an image whose service is dumped by docker kill and by docker exec, as process 1 and as nobody"""
    image = images()[""]
    user = user_of(65534)
    must(image.user == "nobody", "the user is " + image.user)
    with Container(directory, image.root, image.command, user) as container:
        path = container.dump("/dumps")
        must_belong_to(path, 65534)
        must_show_the_hang(path)
        told = container.execute("taskcore", "signal", "1", user=user)
        must(re.match(r"/dumps/taskcore\.python3\.11\.1\.\S+\.request\.tcore$", told), told)
        must_show_the_hang(container.path(told))


def test_dockerfile_ignores(directory):
    """what Dockerfile.dockerignore leaves out of the build is nothing that the project keeps"""
    with open(os.path.join(EXAMPLES, "docker", "Dockerfile.dockerignore")) as f:
        left_out = f.read().split()
    listed = subprocess.run(["git", "-C", TOP, "-c", "safe.directory=*", "ls-files"], stdout=subprocess.PIPE, text=True)
    if listed.returncode:
        raise Skip("no clone of the project")
    names = {name.split("/")[0] for name in listed.stdout.splitlines()}
    must(not names & set(left_out), "left out: %s" % (names & set(left_out)))


# Kubernetes

def manifest():
    try:
        done = subprocess.run(["/usr/bin/python3", "-c", "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))"],
                              stdin=open(os.path.join(EXAMPLES, "kubernetes", "deployment.yaml")), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    except OSError:
        raise Skip("no /usr/bin/python3")
    if "No module named" in done.stderr:
        raise Skip("no Python module yaml (apt-get install python3-yaml)")
    must(done.returncode == 0, done.stderr)
    return json.loads(done.stdout)


def volumes(directory, pod):
    """Every emptyDir as the kubelet makes it: writable for everybody, of the group fsGroup."""
    found = {}
    for volume in pod["volumes"]:
        must(set(volume) == {"name", "emptyDir"}, "%s" % volume)
        found[volume["name"]] = path = os.path.join(directory, "volume-" + volume["name"])
        os.mkdir(path)
        os.chown(path, 0, pod["securityContext"]["fsGroup"])
        os.chmod(path, 0o2777)
    return found


def mounts_of(container, found):
    """Commands that mount the volumes, then make the root read-only."""
    for mount in container["volumeMounts"]:
        place = '"$R%s"' % mount["mountPath"]
        yield "mkdir -p %s && mount --bind '%s' %s" % (place, found[mount["name"]], place)
        if mount.get("readOnly"):
            yield "mount -o remount,bind,ro " + place
    must(container["securityContext"]["readOnlyRootFilesystem"], "the root is not read-only")
    yield 'mount -o remount,bind,ro "$R"'


def user_of_pod(pod):
    context = pod["securityContext"]
    must(context["runAsNonRoot"] and context["runAsUser"] > 0, "%s" % context)
    return user_of(context["runAsUser"], context["runAsGroup"], [context["fsGroup"]])


def place():
    """For a root: its mounts are undone when all tests are."""
    return tempfile.mkdtemp(dir=built["directory"])


def plain_root():
    """An image that knows nothing of taskcore: Python and the service."""
    root = roots.Root(place(), [roots.base(["python3"])])
    shutil.copy(os.path.join(EXAMPLES, "hung_service.py"), root.inside("/srv/shop.py"))
    return root


def fresh(image):
    """A root of an image, unchanged by other containers."""
    return roots.Root(place(), image.root.layers)


def test_kubernetes_parsed(directory):
    """the Kubernetes manifest is one Deployment whose parts fit together"""
    parts = manifest()
    must(len(parts) == 1 and parts[0]["kind"] == "Deployment" and parts[0]["apiVersion"] == "apps/v1", "%s" % parts)
    spec = parts[0]["spec"]
    must(spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items(), "labels")
    pod = spec["template"]["spec"]
    names = {volume["name"] for volume in pod["volumes"]}
    for container in pod["initContainers"] + pod["containers"]:
        must({x["name"] for x in container["volumeMounts"]} <= names, "volumes of %s" % container["name"])
        must(container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, "capabilities of %s" % container["name"])


def test_kubernetes(directory):
    """its commands run as it says: the files come by the init container, the service is dumped by exec and from a debug container"""
    image = images()["taskcore"]
    pod = manifest()[0]["spec"]["template"]["spec"]
    found, user = volumes(directory, pod), user_of_pod(pod)
    init, shop = pod["initContainers"][0], pod["containers"][0]
    root = fresh(image)
    script = "\n".join(["set -e", *mounts_of(init, found), 'exec chroot "$R" setpriv ' + user + ' "$@"'])
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *init["command"], *init["args"]], capture_output=True,
                          text=True, env={"PATH": roots.PATH, "R": root.path}, timeout=LONG_S)
    must(done.returncode == 0, "the init container: %s" % done.stderr)
    root = plain_root()
    with Container(directory, root, shop["command"] + shop["args"], user, list(mounts_of(shop, found))) as container:
        folder = shop["command"][shop["command"].index("--dir") + 1]
        path = container.dump(folder)
        must_belong_to(path, pod["securityContext"]["runAsUser"])
        must_show_the_hang(path)
        told = container.execute("/taskcore/taskcore", "signal", "1", user=user)
        must_show_the_hang(container.path(told))
        with open(os.path.join(EXAMPLES, "kubernetes", "deployment.yaml")) as f:
            hook = json.loads(re.search(r"preStop: {exec: {command: (\[.*?\])", f.read()).group(1))
        must_show_the_hang(container.path(container.execute(*hook, user=user)))
        debug(image, container, user)


def debug(image, container, user):
    """As kubectl debug --target: another root, the same processes, the same user."""
    root = fresh(image)
    script = 'mount -t proc none "$R/proc" && exec chroot "$R" setpriv %s "$@"' % user
    done = subprocess.run(["nsenter", "--target", str(container.pid), "--pid", "unshare", "--mount", "sh", "-c", script, "sh", "sh", "-c",
                           'taskcore signal 1 && cat "$(ls -t /proc/1/root/dumps/shop/*.request.tcore | head -n 1)" >/proc/1/root/dumps/copy'],
                          capture_output=True, text=True, env={"PATH": roots.PATH, "R": root.path}, timeout=LONG_S)
    must(done.returncode == 0, "the debug container: %d %s" % (done.returncode, done.stderr))
    must("/dumps/shop/taskcore." in done.stdout, done.stdout)
    must_show_the_hang(container.path("/dumps/copy"))


# systemd

UNIT = os.path.join(EXAMPLES, "systemd", "shop.service")
DROP_IN = UNIT + ".d/10-taskcore.conf"


def verify(directory):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(directory, "shop.service")], capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def test_systemd_verify(directory):
    """systemd-analyze verify has nothing to say about the sample unit with the drop-in; it does look into the drop-in"""
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze (apt-get install systemd)")
    units = os.path.join(directory, "system")
    shutil.copytree(os.path.dirname(UNIT), units)
    must(verify(units) == (0, ""), "%d: %s" % verify(units))
    with open(os.path.join(units, "shop.service.d", "10-taskcore.conf"), "a") as f:
        f.write("NoSuchKey=1\n")
    must("NoSuchKey" in verify(units)[1], "an error in the drop-in is not seen")


def settings(*files):
    """Key and value of all lines."""
    for name in files:
        with open(name) as f:
            for line in f:
                if "=" in line and not line.startswith("#"):
                    yield tuple(line.strip().split("=", 1))


def calls(name):
    """The system calls of a set of systemd's, by number."""
    sets, at = {}, None
    for line in subprocess.run(["systemd-analyze", "syscall-filter"], stdout=subprocess.PIPE, text=True).stdout.splitlines():
        if line.startswith("@"):
            at = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.strip().startswith("#"):
            at.append(line.strip())
    numbers = {}
    for header in glob.glob("/usr/include/*/asm/unistd_64.h"):
        with open(header) as f:
            numbers.update((m.group(1), int(m.group(2))) for m in re.finditer(r"#define __NR_(\w+) (\d+)", f.read()))
    must(name in sets and "read" in numbers, "no system calls for " + name)

    def members(name):
        for word in sets[name]:
            yield from members(word) if word.startswith("@") else [word]

    return sorted({numbers[x] for x in [*members(name), *members("@default")] if x in numbers})


def test_systemd(directory):
    """its command in its environment: unprivileged, read-only root, no other system calls than @system-service; SIGUSR1 makes a dump"""
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze (apt-get install systemd)")
    unit = list(settings(UNIT, DROP_IN))
    env = dict(value.replace("%S", "/var/lib").split("=", 1) for key, value in unit if key == "Environment")
    one = dict(unit)
    root = fresh(images()[""])
    state = "/var/lib/" + one["StateDirectory"]
    root.run("useradd --system shop && install -d -m %s -o shop %s" % (one["StateDirectoryMode"], state))
    shutil.copy(os.path.join(HERE, "filtered.py"), root.inside("/srv/filtered.py"))
    uid = os.stat(root.inside(state)).st_uid
    allowed = ",".join(map(str, calls(one["SystemCallFilter"])))
    mounts = ['mount --bind "$R%s" "$R%s"' % (state, state), 'mount -t tmpfs none "$R/tmp"', 'mount -o remount,bind,ro "$R"']
    # LD_PRELOAD is for the service; what filters it here is another program
    command = ["python3", "/srv/filtered.py", allowed, "env", *("%s=%s" % x for x in env.items()), *shlex.split(one["ExecStart"])]
    with Container(directory, root, command, user_of(uid), mounts) as container:
        must(field(container.pid, "Seccomp") == "2" and int(field(container.pid, "CapBnd"), 16) == 0, "not confined")
        path = container.dump(state)
        must_belong_to(path, uid)
        must_show_the_hang(path)


TESTS = [function for name, function in list(globals().items()) if name.startswith("test_")]


def main():
    try:
        return run([test for test in TESTS if not sys.argv[1:] or any(p in test.__name__ for p in sys.argv[1:])])
    finally:
        if "directory" in built:
            roots.unmount()
            shutil.rmtree(built["directory"], ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

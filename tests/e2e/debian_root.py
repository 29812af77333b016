"""A clean Debian 12: made once with debootstrap under build/, entered as a copy or booted."""

import contextlib
import os
import re
import shutil
import subprocess
import time

import pytest

import servers

FOLDER = servers.ROOT / "build/package"
IO_URING = "--system-call-filter=io_uring_setup io_uring_enter io_uring_register"
QUIET = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def needed(program, package):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        pytest.skip(f"{program} is missing: install the Debian package {package}")
    return path


def mirror():
    """Where this machine itself gets Debian 12 from."""
    form = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    done = subprocess.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
                          capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        codename, component, uri = line.split(" ", 2)
        if codename == "bookworm" and component == "main":
            return uri
    pytest.skip("apt is not configured with a mirror of Debian 12 (bookworm)")


def clean_root():
    """The folder of the clean system; nobody writes to it but what is downloaded by apt."""
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    program, source = needed("debootstrap", "debootstrap"), mirror()
    root, fresh = FOLDER / "debian-12", FOLDER / "debian-12.new"
    if not root.exists():
        shutil.rmtree(fresh, ignore_errors=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = [program, "--variant=minbase", "--include=systemd", "bookworm", fresh, source]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=QUIET,
                                  timeout=300)
        except subprocess.TimeoutExpired:
            pytest.skip(f"debootstrap took more than 300 s from {source}")
        if done.returncode != 0:
            pytest.skip(f"debootstrap failed: {done.stdout[-500:]}{done.stderr[-500:]}")
        fresh.rename(root)
    return root


def download(root, package):
    """What the package depends on goes to apt's cache in there, so that it installs offline."""
    shutil.copy(package, root / "root" / package.name)
    command = ["chroot", root, "apt-get", "install", "-y", "-q", "--no-install-recommends",
               "--download-only", f"/root/{package.name}"]
    for lists in ("those of the last run", "new ones"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=QUIET,
                              timeout=300)
        if done.returncode == 0:
            return
        if lists != "new ones":
            update = ["chroot", root, "apt-get", "update", "-q", "-o",
                      "APT::Update::Error-Mode=any"]
            fresh = subprocess.run(update, capture_output=True, text=True, check=False, env=QUIET,
                                   timeout=300)
            if fresh.returncode != 0:
                pytest.skip(f"the mirror cannot be reached: {fresh.stderr[-500:]}")
    raise AssertionError(f"{package.name} cannot be installed:\n{done.stdout}{done.stderr}")


class Chroot:
    """A copy of the clean system, without an init: what a container image is."""

    def __init__(self, clean, directory):
        self.root = directory / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", clean, self.root], check=True)

    def command(self, *words, user=None):
        """Runs in process and mount namespaces of its own, which end with it."""
        inner = 'mount -t proc proc /proc; exec "$@"'
        if user:
            inner = f'mount -t proc proc /proc; exec setpriv --reuid={user} --regid={user} ' \
                    '--clear-groups --no-new-privs "$@"'
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "chroot", str(self.root),
                "sh", "-c", inner, "sh", *map(str, words)]

    def run(self, *words, check=True):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False,
                              env=QUIET, timeout=300)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout


class Machine:
    """The clean system booted by systemd in namespaces; what is written goes with it."""

    def __init__(self, process, leader):
        self.process, self.leader = process, leader

    def run(self, *words, check=True, input=None):
        done = self.attempt(*words, input=input)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *words, input=None):
        command = ["nsenter", "-t", self.leader, "-a", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, input=input,
                              env=QUIET, timeout=120)

    def write(self, path, text):
        self.run("sh", "-c", f"cat > {path}", input=text)

    def property(self, unit, name):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def files(self):
        """All files but those that running and installing leave behind anywhere."""
        text = self.run("find", "/", "-xdev", "-not", "-type", "d")
        passing = re.compile(r"^/(var/(log|cache)|var/lib/(dpkg|apt|systemd)|run|tmp|root)/|"
                             r"^/etc/(ld\.so\.cache|(passwd|group|shadow|gshadow|subuid|subgid)-)$")
        return {line for line in text.splitlines() if not passing.match(line)}


@contextlib.contextmanager
def booted(root, directory):
    """systemd-nspawn with `root` as the lower layer, no network but a loopback of its own."""
    program = needed("systemd-nspawn", "systemd-container")
    log = directory / "boot.log"
    command = [program, "-D", root, "--boot", "--register=no", "--keep-unit", "--volatile=overlay",
               "--private-network", "--console=pipe", IO_URING]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield Machine(process, _leader(process, log))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _leader(process, log):
    """The process id of the machine's systemd, once it is up."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        done = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True,
                              check=False)
        for leader in done.stdout.split():
            state = subprocess.run(["nsenter", "-t", leader, "-a", "systemctl",
                                    "is-system-running"], capture_output=True, text=True,
                                   check=False).stdout.strip()
            if state in ("running", "degraded"):
                return leader
        time.sleep(0.1)
    pytest.skip(f"systemd does not boot here: {log.read_text(errors='replace')[-500:]}")

"""The Debian package: clean to lintian, and from installing to purging on a clean Debian 12."""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import urllib.request

import pytest

import debian_root
import servers
import wire

BUILD = servers.binary().parent.parent
DOCKERFILE = servers.ROOT / "tools/packaging/Dockerfile"
STATUS = "Seccomp NoNewPrivs CapEff CapBnd Uid".split()

pytestmark = pytest.mark.skipif(
    not (BUILD / "tools/packaging/ringcast.1.gz").exists(),
    reason=f"{BUILD} has nothing to package: build its target package_files",
)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """What cpack makes of the build, by name."""
    for program, package in (("dpkg-shlibdeps", "dpkg-dev"), ("file", "file")):
        debian_root.needed(program, package)
    directory = tmp_path_factory.mktemp("packages")
    done = subprocess.run(["cpack", "-B", directory], cwd=BUILD, capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name.split("_")[0]: path for path in directory.glob("*.*deb")}


@pytest.fixture(scope="module")
def clean(packages):
    root = debian_root.clean_root()
    debian_root.download(root, packages["ringcast"])
    return root


def contents(package):
    text = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True)
    return {line.split()[5].removeprefix("."): line.split() for line in text.stdout.splitlines()}


def test_lintian_finds_nothing(packages):
    lintian = debian_root.needed("lintian", "lintian")
    assert set(packages) == {"ringcast", "libringcast-dev", "ringcast-dbgsym"}
    clean = [packages["ringcast"], packages["libringcast-dev"]]
    done = subprocess.run([lintian, "--allow-root", "--fail-on", "error,warning", *clean],
                          capture_output=True, text=True, check=False, timeout=120)
    found = re.findall(r"^[EW]: .*", done.stdout, re.M)
    assert done.returncode == 0 and not found, done.stdout + done.stderr


def test_contents(packages, tmp_path):
    server = contents(packages["ringcast"])
    for path in ("/usr/bin/ringcast", "/usr/bin/ringload", "/etc/ringcast/ringcast.yaml",
                 "/lib/systemd/system/ringcast.service", "/lib/systemd/system/ringcast.socket",
                 "/usr/share/man/man1/ringcast.1.gz", "/usr/share/man/man1/ringload.1.gz",
                 "/usr/share/man/man5/ringcast.yaml.5.gz", "/usr/share/doc/ringcast/copyright",
                 "/usr/share/doc/ringcast/changelog.Debian.gz",
                 "/usr/share/doc/ringcast/ringcast.cdx.json",
                 "/usr/share/bash-completion/completions/ringcast",
                 "/usr/share/zsh/vendor-completions/_ringcast",
                 "/usr/share/fish/vendor_completions.d/ringcast.fish"):
        assert path in server, path
    assert {each[1] for each in server.values()} == {"root/root"}
    development = contents(packages["libringcast-dev"])
    for path in ("/usr/include/ringcast/net/http_server.h", "/usr/lib/ringcast/libringcast_net.a",
                 "/usr/lib/cmake/ringcast/ringcast-config.cmake"):
        assert path in development, path
    assert not {path for path in set(server) & set(development) if not path.endswith("/")}
    # Stripped; the symbols are in a package of their own, which fits by its build id.
    for name in ("ringcast", "ringcast-dbgsym"):
        subprocess.run(["dpkg-deb", "-x", packages[name], tmp_path / name], check=True)
    binary = tmp_path / "ringcast/usr/bin/ringcast"
    sections = subprocess.run(["readelf", "-nSW", binary], capture_output=True, text=True,
                              check=True).stdout
    assert ".symtab" not in sections and ".debug_info" not in sections
    number = re.search(r"Build ID: ([0-9a-f]+)", sections)[1]
    symbols = f"usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug"
    kept = subprocess.run(["readelf", "-SW", tmp_path / "ringcast-dbgsym" / symbols], text=True,
                          capture_output=True, check=True).stdout
    assert ".debug_info" in kept


CONFIG = """
listen: ["127.0.0.1:8080", "127.0.0.1:80"]
mcp: {documents: [/srv/documents]}
log: {level: debug}
"""
MCP = """
exec 3<>/dev/tcp/127.0.0.1/80
body='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",\
"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}'
printf 'POST /mcp HTTP/1.0\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\n' >&3
printf 'Accept: application/json, text/event-stream\\r\\nContent-Length: %s\\r\\n\\r\\n%s' \
  ${#body} "$body" >&3
cat <&3
"""


def serves(machine, topic):
    """Publishing and reading back over event stream and WebSocket, with the installed commands."""
    id = machine.run("ringcast", "publish", topic, "from far", "--event", "greeting").strip()
    for way in ([], ["--ws"]):
        event = json.loads(machine.run("ringcast", "subscribe", topic, "--from", "earliest",
                                       "--count", "1", "--json", *way))
        assert (event["id"], event["data"]) == (id, "from far"), way


def check_sandbox(machine):
    """The unit's restrictions hold for the running server, system call filter included."""
    pid = machine.property("ringcast", "MainPID")
    status = dict(re.findall(r"^(\w+):\s+(\S+)", machine.run("cat", f"/proc/{pid}/status"), re.M))
    uid = machine.run("id", "-u", "ringcast").strip()
    # Of capabilities, port numbers below 1024; of system calls, a filter.
    bind = f"{1 << 10:016x}"
    assert [status[name] for name in STATUS] == ["2", "1", bind, bind, uid]
    inside = ["nsenter", "-t", pid, "-m"]
    for path in ("/etc/ringcast/x", "/usr/x", "/var/x"):
        refused = machine.attempt(*inside, "touch", path)
        assert refused.returncode != 0 and "Read-only file system" in refused.stderr, path
    machine.run(*inside, "touch", "/var/lib/ringcast/x")
    assert machine.run("stat", "-c", "%U %G %a", "/etc/ringcast/ringcast.yaml") == \
        "root ringcast 640\n"


def check_reload(machine):
    """A good configuration is taken over; a bad one is named, and the server goes on."""
    config = machine.run("cat", "/etc/ringcast/ringcast.yaml")
    pid = machine.property("ringcast", "MainPID")
    machine.write("/etc/ringcast/ringcast.yaml", config + "history: {events: 77}\n")
    machine.run("systemctl", "reload", "ringcast")
    assert '"applied":"history.events"' in machine.run("journalctl", "-u", "ringcast")
    machine.write("/etc/ringcast/ringcast.yaml", config + "history: {events: many}\n")
    assert machine.attempt("systemctl", "reload", "ringcast").returncode != 0
    assert "history.events" in machine.run("journalctl", "-u", "ringcast", "-n", "5")
    machine.write("/etc/ringcast/ringcast.yaml", config)
    assert machine.property("ringcast", "MainPID") == pid
    assert machine.property("ringcast", "ActiveState") == "active"


@contextlib.contextmanager
def handed_over(machine):
    """What is done meanwhile gives systemd another main process, which has the same history."""
    pid = machine.property("ringcast", "MainPID")
    topic = f"kept.{pid}"
    id = machine.run("ringcast", "publish", topic, "across").strip()
    yield
    wire.wait_for(lambda: machine.property("ringcast", "MainPID") not in (pid, "0"), "a successor")
    program = f"/proc/{machine.property('ringcast', 'MainPID')}/exe"
    assert machine.run("readlink", program) == "/usr/bin/ringcast\n"  # not one that is deleted
    read = ["ringcast", "subscribe", topic, "--from", "earliest", "--json", "--count", "1"]
    kept = machine.run(*read)
    assert json.loads(kept)["id"] == id
    wire.wait_for(lambda: machine.attempt("kill", "-0", pid).returncode != 0, "the old one to end")
    assert machine.property("ringcast", "ActiveState") == "active"


def check_activation(machine):
    """systemd listens; whoever connects first starts the server, and nobody is ever refused."""
    machine.run("systemctl", "stop", "ringcast")
    state = machine.property("ringcast", "ActiveState")
    assert state == "inactive", machine.run("journalctl", "-u", "ringcast", "-n", "30")
    machine.run("systemctl", "start", "ringcast.socket")
    serves(machine, "jobs.3")
    assert machine.property("ringcast", "ActiveState") == "active"
    machine.run("systemctl", "restart", "--no-block", "ringcast")
    machine.run("ringcast", "publish", "jobs.4", "while it restarts")
    with handed_over(machine):
        machine.run("systemctl", "kill", "--kill-whom=main", "--signal=USR2", "ringcast")
    machine.run("systemctl", "stop", "ringcast.socket")


def test_service_on_a_clean_system(packages, clean, tmp_path):
    package = f"/root/{packages['ringcast'].name}"
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends"]
    with debian_root.booted(clean, tmp_path) as machine:
        before = machine.files()
        machine.run(*install, package)
        # Enabled, started, and systemd knows that it serves.
        for name, value in (("ActiveState", "active"), ("UnitFileState", "enabled"),
                            ("Type", "notify"), ("User", "ringcast")):
            said = machine.property("ringcast", name)
            assert said == value, machine.run("journalctl", "-u", "ringcast", "-n", "30")
        assert machine.property("ringcast.socket", "UnitFileState") == "disabled"
        serves(machine, "jobs.1")

        machine.run("mkdir", "/srv/documents")
        machine.write("/srv/documents/guide.md", "# How to\\n\\nAll of it.\\n")
        machine.write("/etc/ringcast/ringcast.yaml", CONFIG)
        machine.run("systemctl", "restart", "ringcast")
        serves(machine, "jobs.2")
        assert '"name":"ringcast"' in machine.run("bash", "-c", MCP)
        check_sandbox(machine)
        check_reload(machine)

        # The same again, as an upgrade: handed over, and what was configured stays.
        with handed_over(machine):
            machine.run(*install, "--reinstall", package)
        assert machine.run("cat", "/etc/ringcast/ringcast.yaml") == CONFIG

        with handed_over(machine):
            machine.run("systemctl", "kill", "--kill-whom=main", "--signal=USR2", "ringcast")
        check_activation(machine)

        machine.run("apt-get", "remove", "-y", "-q", "ringcast")
        assert machine.property("ringcast", "ActiveState") == "inactive"
        assert machine.attempt("pidof", "ringcast").returncode != 0
        journal = machine.run("journalctl", "-u", "ringcast")
        assert '"msg":"stopped"' in journal and '"level":"error"' not in journal, journal
        assert "Failed" not in journal and '"msg":"kernel"' not in journal, journal
        assert machine.run("cat", "/etc/ringcast/ringcast.yaml") == CONFIG

        machine.run("rm", "-r", "/srv/documents")
        machine.run("apt-get", "purge", "-y", "-q", "--autoremove", "ringcast")
        assert machine.files() == before
        assert machine.attempt("getent", "passwd", "ringcast").returncode == 2
        assert machine.attempt("getent", "group", "ringcast").returncode == 2
        assert not machine.run("find", "/etc", "/usr", "/var/lib", "-name", "*ringcast*")


def instructions(stage):
    """Of a stage of the Dockerfile: instruction and text, continued lines joined."""
    text = DOCKERFILE.read_text().replace("\\\n", "")
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    stages = text.split("FROM ")[1:]
    lines = [line.split(None, 1) for line in stages[stage].splitlines()[1:] if line.strip()]
    return [(name, rest) for name, rest in lines]


def test_container(packages, clean, tmp_path):
    """The steps of the Dockerfile's image, taken in a system without an init."""
    root = debian_root.Chroot(clean, tmp_path)
    steps = instructions(-1)
    values = dict(steps)
    pattern = re.match(r"--from=build /src/build/release/packages/(\S+) (\S+)", values["COPY"])
    assert packages["ringcast"].match(pattern[1])
    shutil.copy(packages["ringcast"], root.root / pattern[2].strip("/"))
    # Its lists and what is downloaded are here already.
    root.run("sh", "-c", re.sub(r"apt-get update && ", "", values["RUN"]))
    user = values["USER"]
    port = servers.free_port()
    command = json.loads(values["ENTRYPOINT"]) + json.loads(values["CMD"])
    command = [word.replace("0.0.0.0:8080", f"127.0.0.1:{port}") for word in command]
    server = servers.Process(root.command(*command, user=user), tmp_path / "log")
    server.start(lambda: servers.accepts(port), "ringcast")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            assert json.load(answer)["status"] == "ok"
        health = json.loads(values["HEALTHCHECK"].split("CMD ", 1)[1])
        root.run(*[word.replace("8080", str(port)) for word in health])
        nobody = [word.replace("8080", str(servers.free_port())) for word in health]
        assert subprocess.run(root.command(*nobody), capture_output=True, check=False).returncode
    finally:
        # It became another user, and so outlives who started it: PR_SET_PDEATHSIG is cleared then.
        subprocess.run(["pkill", "-KILL", "-P", str(server.child.pid)], check=True)
        server.kill()
    root.run("dpkg", "--purge", "ringcast")
    assert not list(root.root.glob("etc/ringcast*")) + list(root.root.glob("usr/bin/ring*"))


def test_container_is_built_with_what_there_is():
    """The build stage names targets and groups that exist."""
    runs = " && ".join(text for name, text in instructions(0) if name == "RUN")
    words = shlex.split(runs)
    groups = words[words.index("tools/install-deps") + 1:words.index("&&")]
    listed = subprocess.run([servers.ROOT / "tools/install-deps", "--list", *groups], check=True,
                            capture_output=True, text=True).stdout.split()
    assert {"clang-19", "dpkg-dev", "python3"} <= set(listed)
    target = words[words.index("--target") + 1]
    text = subprocess.run(["ninja", "-C", BUILD, "-t", "query", target], capture_output=True,
                          text=True, check=True).stdout
    assert "ringcast.1.gz" in text or "package_files" in text

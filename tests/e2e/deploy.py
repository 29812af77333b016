"""The sample configurations of tools/deploy, with nothing changed but ports and paths."""

import hashlib
import socket
import subprocess

import servers
import wire

SAMPLES = servers.ROOT / "tools" / "deploy"


def sample(name, directory, changes):
    """A copy of the sample; every text to be replaced must stand in it."""
    text = (SAMPLES / name).read_text()
    for old, new in changes.items():
        assert old in text, f"{name} no longer has {old!r}"
        text = text.replace(old, str(new))
    path = directory / name
    path.write_text(text)
    return path


def certificate(directory):
    """A self-signed one for 127.0.0.1, with its key, in one file as both proxies take it."""
    key, certificate, both = (directory / name for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"]
        + ["subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both


KEYS = {"ingest": "0", "console": "1"}  # and the digit that the sample has as their hash
ANYBODY = {"{subscribe: [public.*]}": "{publish: ['*'], subscribe: ['*']}"}


def key(name):
    return f"the-key-of-{name}-in-tests"


def access_file(directory, changes):
    """The sample with keys that somebody has."""
    for name, digit in KEYS.items():
        hashed = hashlib.sha256(key(name).encode()).hexdigest()
        changes = {**changes, f'"sha256:{digit * 64}"': f'"sha256:{hashed}"'}
    return sample("access.yaml", directory, changes)


class Backend(servers.Server):
    """ringcast as deploy.yaml has it, at ports of its own. Unless it is said otherwise anybody may
    publish and subscribe."""

    def __init__(self, directory, *settings, access=ANYBODY):
        directory.mkdir()
        self.requests, self.streams, self.agent = (servers.free_port() for _ in range(3))
        self.path = directory / "ringcast.sock"
        changes = {
            "127.0.0.1:8080": f"127.0.0.1:{self.requests}",
            "127.0.0.1:8081": f"127.0.0.1:{self.streams}",
            "127.0.0.1:8082": f"127.0.0.1:{self.agent}",
            "/run/ringcast/ringcast.sock": self.path,
            "/etc/ringcast/access.yaml": access_file(directory, access),
        }
        config = sample("deploy.yaml", directory, changes)
        command = [servers.binary(), "serve", "--config", config]
        for setting in ("log.level=debug", "metrics.interval_ms=0", *settings):
            command += ["--set", setting]
        self.port = self.requests
        servers.Process.__init__(self, command, directory / "ringcast.log")


class HaProxy(servers.Process):
    """haproxy.cfg before one backend, and perhaps the next one."""

    def __init__(self, directory, backend, spare=None):
        self.port, self.plain_port = wire.Tls(servers.free_port()), servers.free_port()
        self.stats = directory / "s"
        spare_ports = [servers.free_port() for _ in range(3)]
        if spare is not None:
            spare_ports = [spare.requests, spare.streams, spare.agent]
        changes = {
            "0.0.0.0:443": f"127.0.0.1:{self.port}",
            "0.0.0.0:80\n": f"127.0.0.1:{self.plain_port}\n",
            "127.0.0.1:8080": f"127.0.0.1:{backend.requests}",
            "127.0.0.1:8081": f"127.0.0.1:{backend.streams}",
            "agent-port 8082": f"agent-port {backend.agent}",
            "127.0.0.1:8083": f"127.0.0.1:{spare_ports[0]}",
            "127.0.0.1:8084": f"127.0.0.1:{spare_ports[1]}",
            "agent-port 8085": f"agent-port {spare_ports[2]}",
            "/etc/haproxy/ringcast.pem": certificate(directory),
            "/run/haproxy/admin.sock": self.stats,
        }
        config = sample("haproxy.cfg", directory, changes)
        command = [servers.tool("haproxy", "haproxy"), "-db", "-f", config]
        super().__init__(command, directory / "haproxy.log")

    def start(self):
        return super().start(lambda: servers.accepts(int(self.port)), "haproxy")

    def status(self, backend, server):
        """What HAProxy holds of a server: `UP`, `NOLB`, `DRAIN (agent)` …"""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.stats))
            connection.sendall(b"show stat\n")
            text = b""
            while data := connection.recv(65536):
                text += data
        rows = [line.split(",") for line in text.decode().splitlines()]
        column = rows[0].index("status")
        return next(row[column] for row in rows if row[:2] == [backend, server])


def curl(url, *arguments, source=None):
    """Status and body, over whatever HTTP curl and the proxy agree on."""
    command = ["curl", "-sk", "-w", "\n%{http_code} %{http_version}", *arguments, url]
    if source:
        command += ["--interface", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, (command, done)
    body, status = done.stdout.rsplit("\n", 1)
    return int(status.split()[0]), status.split()[1], body

"""The programs the tests run: ringcast, the proxies before it, and a tap between any two."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]


def binary():
    path = pathlib.Path(os.environ.get("RINGCAST_BIN", "build/release/bin/ringcast"))
    return path if path.is_absolute() else ROOT / path


_given_ports = set()


def free_port():
    """A port nobody listens on, below the range from which the kernel takes ports of clients."""
    for port in range(20000 + os.getpid() % 10000, 32000):
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port
    raise AssertionError("no free port")


def tool(name, package):
    """Path of a program of another package; /usr/sbin is not in everybody's PATH."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    assert path, f"{name} is missing: install the Debian package {package}"
    return path


class Process:
    """A child in the foreground with its output in a file; always ended by stop()."""

    def __init__(self, command, log_path):
        self.command, self.log_path = [str(part) for part in command], log_path
        self.child = None

    def start(self, ready, what):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

        def up():
            assert self.child.poll() is None, f"{what} ended at once:\n{self.log()}"
            return ready()

        try:
            wire.wait_for(up, f"{what} to be ready")
        except AssertionError:
            self.kill()
            raise
        return self

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")[-4000:]

    def log_lines(self, message=None):
        """What it has logged until now; only lines of that message if it is named."""
        text = pathlib.Path(self.log_path).read_text(errors="replace")
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if message in (None, line["msg"])]

    def running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, timeout_s=20):
        return self.child.wait(timeout_s)

    def terminate(self, timeout_s=20):
        """SIGTERM, and the exit code it leads to."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self):
        if self.running():
            self.child.kill()
            self.child.wait()

    def stop(self):
        if self.running():
            try:
                self.terminate(15)
            except subprocess.TimeoutExpired:
                self.kill()


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Server(Process):
    """ringcast on a port of its own; `config` is YAML text."""

    def __init__(self, directory, config="", port=None, arguments=()):
        self.port = port or free_port()
        command = [binary(), "serve", "--listen", f"127.0.0.1:{self.port}", *arguments]
        if config:
            path = pathlib.Path(directory) / f"ringcast-{self.port}.yaml"
            path.write_text(config)
            command += ["--config", path]
        super().__init__(command, pathlib.Path(directory) / f"ringcast-{self.port}.log")

    def ready(self):
        try:
            return wire.request(self.port, "GET", "/ready").status == 200
        except (OSError, EOFError, AssertionError):
            return False

    def start(self):
        return super().start(self.ready, "ringcast")

    def restart(self):
        self.stop()
        return self.start()

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"


class Tap:
    """Forwards connections to a port; counts them, keeps what clients sent, and can cut them."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.accepted = 0
        self.sent = []  # per connection: bytes of the client
        self.pairs = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), 5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.accepted += 1
                record = bytearray()
                self.sent.append(record)
                self.pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server, record), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    def _pump(self, source, target, record):
        try:
            while data := source.recv(65536):
                if record is not None:
                    record.extend(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for side in (source, target):
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def heads(self):
        """Request lines that clients sent, over all connections."""
        with self.lock:
            return [bytes(record).split(b"\r\n", 1)[0].decode() for record in self.sent if record]

    def cut(self):
        """Ends all connections that there are; new ones are welcome."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for side in pair:
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self.listener.close()
        self.cut()


HAPROXY = """
global
    maxconn 256

defaults
    mode http
    timeout connect 5000ms
    timeout client {timeout_ms}ms
    timeout server {timeout_ms}ms

frontend http-in
    bind 127.0.0.1:{port}
    default_backend servers

backend servers
    server server1 127.0.0.1:{backend} maxconn 32
"""

NGINX = """
{user}
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream backend {{
        server 127.0.0.1:{backend};
        {upstream}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://backend;
            {location}
        }}
    }}
}}
"""


def haproxy(directory, backend, timeout_ms=50000):
    port = free_port()
    path = pathlib.Path(directory) / "haproxy.cfg"
    path.write_text(HAPROXY.format(port=port, backend=backend, timeout_ms=timeout_ms))
    command = [tool("haproxy", "haproxy"), "-db", "-f", path]
    process = Process(command, pathlib.Path(directory) / "haproxy.log")
    process.port = port
    return process.start(lambda: accepts(port), "haproxy")


# As nginx's documentation has it for WebSockets.
NGINX_UPGRADE = (
    ' proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;'
    ' proxy_set_header Connection "upgrade";'
)


def nginx(directory, backend, timeout_ms=None, keepalive=False, websocket=False):
    port = free_port()
    location = "proxy_set_header Host $http_host;"  # else it is the name of the upstream
    location += f" proxy_read_timeout {timeout_ms}ms;" if timeout_ms else ""
    if keepalive:
        location += ' proxy_http_version 1.1; proxy_set_header Connection "";'
    if websocket:
        location += NGINX_UPGRADE
    text = NGINX.format(
        port=port,
        backend=backend,
        directory=directory,
        location=location,
        upstream="keepalive 16;" if keepalive else "",
        user="user root;" if os.geteuid() == 0 else "",
    )
    path = pathlib.Path(directory) / "nginx.conf"
    path.write_text(text)
    command = [tool("nginx", "nginx-light"), "-c", path, "-p", directory]
    process = Process(command, pathlib.Path(directory) / "nginx.out")
    process.port = port
    return process.start(lambda: accepts(port), "nginx")

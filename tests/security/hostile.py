"""What attackers need: connections from any address of this machine, answers without any manners
expected, and a look at what it costs the server."""

import functools
import json
import pathlib
import re
import socket
import ssl
import time

import wire


@functools.cache
def context_for(protocols):
    """TLS with whatever certificate; one for all, since reading the trusted ones takes time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


class Stranger(wire.Connection):
    """A connection from an address of one's choice (all of 127.0.0.0/8 is this machine)."""

    def __init__(self, port, source="127.0.0.1", protocols=(), timeout_s=wire.TIMEOUT_S):
        self.socket = socket.socket()
        self.socket.settimeout(timeout_s)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(port, wire.Tls):
            self.socket = context_for(tuple(protocols)).wrap_socket(self.socket)
        self.timeout_s, self.buffer, self.chunked = timeout_s, b"", False

    def push(self, data):
        """Sends what the other side takes; that it has closed is no surprise here."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def all_of_it(self, quiet_s):
        """Everything that comes until the end, or until nothing comes for so long."""
        try:
            while self.receive(quiet_s):
                pass
        except OSError:
            pass
        return self.buffer


def statuses(data):
    """Of answers, one after the other, bodies by their lengths."""
    found = []
    while head := re.match(rb"HTTP/1\.[01] (\d{3}).*?\r\n\r\n", data, re.S):
        found.append(int(head[1]))
        length = re.search(rb"\r\ncontent-length: *(\d+)", head[0], re.I)
        data = data[head.end() + (int(length[1]) if length else 0) :]
    return found


def anonymous_bytes(server):
    """Memory of its own that the process has, without what it shares with files."""
    text = pathlib.Path(f"/proc/{server.child.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Anonymous:\s+(\d+) kB", text, re.M)[1]) << 10


def metric(port, name):
    text = wire.request(port, "GET", "/metrics").body.decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    assert found, f"{name} is not in /metrics"
    return float(found[1])


def topics(port, headers=()):
    listed = wire.request(port, "GET", "/api/topics", headers).json()["topics"]
    return {each["topic"] for each in listed}


def log_lines(server):
    """Each a JSON object of its own, or this fails."""
    text = pathlib.Path(server.log_path).read_bytes()
    return [json.loads(line) for line in text.split(b"\n") if line]


class Watch:
    """Beside an attack: how long a legitimate request takes, and that it is answered well."""

    def __init__(self, ask):
        self.ask, self.worst_s = ask, 0.0

    def look(self, times=1):
        for _ in range(times):
            begin = time.monotonic()
            self.ask()
            self.worst_s = max(self.worst_s, time.monotonic() - begin)

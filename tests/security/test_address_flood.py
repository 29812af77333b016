"""A million addresses against the rate limiter: its table is bounded, and keys have buckets of
their own."""

import hashlib
import itertools
import socket
import struct
import threading
import time

import servers
import wire
from hostile import anonymous_bytes, metric

KEY = "a-key-of-at-least-16-letters"
MILLION = 1_000_000
CONNECTIONS = 4
AT_ONCE = 500  # requests in one send; as many answers are under way at most
MOST = 16 << 20
# Answered with an error at once, and counted before: the flood is the limiter's, not the topics'.
REQUEST = b"GET /messages HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: %s\r\n\r\n"
V4 = REQUEST % b"%d.%d.%d.%d"
V6 = REQUEST % b"2001:%x:%x:%x::1"
BEGIN = b"HTTP/1.1 "


def batches(first, count):
    """Requests of so many addresses, half of them IPv6 networks, in buffers of one send each."""
    for start in range(first, first + count, AT_ONCE):
        yield b"".join(
            V4 % (10 + (n >> 24), n >> 16 & 255, n >> 8 & 255, n & 255)
            if n & 1
            else V6 % (0xDB8 + (n >> 16), n & 0xFFFF, 1)
            for n in range(start, start + AT_ONCE)
        )


class Flood(threading.Thread):
    """One connection; what is sent is made while the answers to the last come."""

    def __init__(self, port, first, count):
        super().__init__(daemon=True)
        self.port, self.first, self.count = port, first, count
        self.answered, self.refused = 0, 0

    def run(self):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.settimeout(20)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made = batches(self.first, self.count)
            next_one = next(made)
            while next_one:
                connection.sendall(next_one)
                next_one = next(made, None)
                self.take(connection)

    def take(self, connection):
        """All answers to one batch, which are as many as there were requests."""
        seen, rest = 0, b""
        while seen < AT_ONCE:
            data = rest + connection.recv(1 << 18)
            assert len(data) > len(rest), "the server ended the connection"
            seen += data.count(BEGIN)
            self.refused += data.count(BEGIN + b"429")
            # A beginning that is cut is counted with what comes next.
            tail = data.rfind(BEGIN)
            cut = max(tail + len(BEGIN) + 3, len(data) - len(BEGIN) - 2)
            rest = data[cut:] if cut < len(data) else b""
        self.answered += seen


def test_a_million_addresses(start, tmp_path):
    access = tmp_path / "access.yaml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    access.write_text(
        "anonymous: {subscribe: ['*']}\n"
        f"keys: {{own: {{hash: 'sha256:{digest}', subscribe: ['*'], requests_per_minute: 6000}}}}\n"
    )
    server = start(f"auth: {{access: {access}}}\nmetrics: {{interval_ms: 0}}\n")
    own = {"X-Forwarded-For": "198.51.100.7", "X-API-Key": KEY}
    before, share = anonymous_bytes(server), MILLION // CONNECTIONS
    floods = [Flood(server.port, n * share, share) for n in range(CONNECTIONS)]
    for flood in floods:
        flood.start()
    worst_s, asked = 0.0, 0
    while any(flood.is_alive() for flood in floods):
        begin = time.monotonic()
        assert wire.request(server.port, "GET", "/api/topics", own).status == 200
        worst_s, asked = max(worst_s, time.monotonic() - begin), asked + 1
        time.sleep(0.02)
    assert sum(flood.answered for flood in floods) == MILLION
    assert asked > 20 and worst_s < 2
    assert anonymous_bytes(server) - before < MOST
    assert metric(server.port, "ringcast_rate_forgotten_total") > 0
    # Each of a million was somebody new, so hardly anybody was refused.
    assert sum(flood.refused for flood in floods) < MILLION / 100


def test_addresses_of_proxy_headers(start):
    """Each needs a connection of its own, so there are fewer; they fill a smaller table."""
    port, count = servers.free_port(), 3000
    config = "limits: {rate_buckets: 512, requests_per_minute: 3}\nmetrics: {interval_ms: 0}\n"
    server = start(config, arguments=["--listen", f"127.0.0.1:{port},proxy"])
    before = anonymous_bytes(server)

    def ask(address):
        rest = address + struct.pack("!4sHH", b"\x7f\0\0\1", 1, 2)
        head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(rest)) + rest
        with wire.Connection(port) as connection:
            connection.send(head + wire.encode("GET", "/api/topics"))
            return connection.response_head().status

    impatient = socket.inet_aton("192.0.2.1")
    assert [ask(impatient) for _ in range(5)] == [200] * 3 + [429] * 2
    for n in itertools.islice(itertools.count(10 << 24), count):
        assert ask(struct.pack("!I", n)) == 200
    assert ask(impatient) == 429, "who was refused stays refused"
    assert anonymous_bytes(server) - before < MOST
    assert metric(server.port, "ringcast_rate_forgotten_total") > count - 512 - 10


def test_an_address_written_otherwise_is_the_same_client(start):
    server = start("limits: {requests_per_minute: 3}\nmetrics: {interval_ms: 0}\n")

    def ask(address):
        headers = {"X-Forwarded-For": address}
        return wire.request(server.port, "GET", "/api/topics", headers).status

    forms = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "0:0:0:0:0:FFFF:192.0.2.1"]
    assert [ask(each) for each in forms] == [200, 200, 200, 429]
    assert ask("::ffff:192.0.2.2") == 200, "mapped addresses are not one network"
    forms = ["2001:db8::1", "2001:DB8:0:0::9", "2001:0db8::ffff:1", "2001:db8:0:0:1::"]
    assert [ask(each) for each in forms] == [200, 200, 200, 429]

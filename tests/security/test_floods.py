"""Many connections, few bytes, no reading: it is bounded, and others are served meanwhile."""

import json
import re
import resource
import socket
import threading
import time

import pytest
import wire
import ws_client
import ws_wire
from hostile import Stranger, anonymous_bytes, metric, statuses

QUIET = "metrics: {interval_ms: 0}\ndrain: {timeout_ms: 500}\n"
ATTACKER, FRIEND = "127.0.0.66", "127.0.0.77"
# Nobody is trusted or exempt, so that the addresses of the connections count.
STRICT = QUIET + "net: {trusted_proxies: []}\n"
SOON_S = 1
# Receive buffers of two cores are 8 MiB, whose pages are there once they were used.
MOST = 16 << 20


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Friend:
    """Somebody with a stream and an open connection, and who connects anew now and then."""

    def __init__(self, port):
        self.port, self.worst_s, self.count = port, 0.0, 0
        self.own = Stranger(port, FRIEND)
        self.stream = Stranger(port, FRIEND)
        self.stream.send(wire.encode("GET", "/events?topic=friend"))
        assert self.stream.response_head().status == 200

    def live(self, anew=True):
        """A publish over the open connection reaches the stream; a new connection is served."""
        begin = time.monotonic()
        self.count += 1
        mark = f"data: mark {self.count}\n\n".encode()
        text = f"mark {self.count}"
        assert self.own.request("POST", "/api/events/friend", (), text).status == 200
        self.stream.take_until(mark)
        if anew:
            with Stranger(self.port, FRIEND) as fresh:
                assert fresh.request("GET", "/api/topics").status == 200
        self.worst_s = max(self.worst_s, time.monotonic() - begin)

    def close(self):
        self.own.close()
        self.stream.close()


def test_idle_connections_cost_next_to_nothing(start):
    """Three thousand that say nothing, or a part of a head; then they are ended."""
    server = start(QUIET + "limits: {header_timeout_ms: 3s, idle_timeout_ms: 3s,"
                   " max_connections_per_client: 0, requests_per_minute: 0}\n")  # fmt: skip
    friend, before, count = Friend(server.port), anonymous_bytes(server), 3000
    attackers = []
    for number in range(count):
        attackers.append(Stranger(server.port, f"127.0.{2 + number // 1000}.1"))
        if number % 3:
            attackers[-1].push(b"GET /nothing HTTP/1.1\r\n"[: 5 if number % 3 == 1 else 23])
        if number % 200 == 0:
            friend.live()
    grown = (anonymous_bytes(server) - before) / count
    assert grown < 12 << 10, f"{grown:.0f} bytes for each; most of them hold a part of a head"

    def gone():
        friend.live()
        return metric(server.port, "http_connections_active") <= 4

    wire.wait_for(gone, "the silent ones to be ended")
    assert friend.worst_s < SOON_S
    for each in attackers:
        each.close()


def test_more_connections_than_there_may_be(start):
    """One client takes all it may; another one, who has his place, is served."""
    server = start(STRICT + "limits: {max_connections: 600, max_connections_per_client: 200,"
                   " exempt: [127.0.0.77], header_timeout_ms: 2s}\n")  # fmt: skip
    friend, before = Friend(server.port), anonymous_bytes(server)
    held, refused = [], 0
    for number in range(2000):
        attacker = Stranger(server.port, ATTACKER)
        attacker.push(wire.encode("GET", "/health"))
        status = attacker.response_head().status
        assert status in (200, 429, 503), status
        refused += status != 200
        if status == 200:
            held.append(attacker)
        else:
            attacker.close()
        if number % 200 == 0:
            friend.live()
    assert len(held) <= 200 and refused >= 1800
    assert anonymous_bytes(server) - before < MOST
    friend.live()
    assert friend.worst_s < SOON_S
    for attacker in held:
        attacker.close()
    wire.wait_for(lambda: metric(server.port, "http_connections_active") <= 4, "them to be gone")
    friend.close()


def test_all_places_taken_leave_those_who_are_in(start):
    """From many addresses at once, so that only `max_connections` bounds them."""
    server = start(QUIET + "limits: {max_connections: 300, idle_timeout_ms: 1500,"
                   " requests_per_minute: 0}\n")  # fmt: skip
    friend = Friend(server.port)
    held, full = [], 0
    for number in range(600):
        attacker = Stranger(server.port, f"127.0.9.{number % 250 + 1}")
        attacker.push(wire.encode("GET", "/health"))
        full += attacker.response_head().status == 503
        held.append(attacker)
        if number % 100 == 0:
            friend.live(anew=False)
    assert full >= 300
    friend.live(anew=False)

    def room():
        try:
            friend.live()
            return True
        except (AssertionError, EOFError, OSError):
            return False

    for attacker in held:
        attacker.close()
    wire.wait_for(room, "room for new ones", step_s=0.1)
    assert friend.worst_s < SOON_S
    friend.close()


def test_connections_opened_and_reset(start):
    """Connect, half a request, reset: 3000 times; neither memory nor places are left behind."""
    server = start(STRICT)
    friend = Friend(server.port)
    friend.live()
    before = anonymous_bytes(server)
    for number in range(3000):
        attacker = Stranger(server.port, ATTACKER)
        attacker.push(wire.encode("GET", "/events?topic=a")[: number % 60])
        attacker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        attacker.close()
        if number % 500 == 0:
            friend.live()
    friend.live()
    assert friend.worst_s < SOON_S
    assert anonymous_bytes(server) - before < MOST
    # The two of a friend, and the one that asks.
    wire.wait_for(lambda: metric(server.port, "http_connections_active") <= 3, "them to be gone")
    friend.close()


def trickle(attackers, pieces, pause_s):
    for piece in pieces:
        for attacker in attackers:
            attacker.push(piece)
        time.sleep(pause_s)


def test_trickled_heads_from_many(start):
    """A byte of the head now and then: the time counts from its first byte."""
    server = start(QUIET + "limits: {header_timeout_ms: 800}\n")
    friend, before = Friend(server.port), anonymous_bytes(server)
    attackers = [Stranger(server.port, ATTACKER) for _ in range(200)]
    trickling = threading.Thread(target=trickle, args=(attackers, [b"G", b"E", b"T"] * 20, 0.03))
    trickling.start()
    while trickling.is_alive():
        friend.live()
    assert statuses(attackers[-1].all_of_it(2)) in ([408], [400], [])
    assert metric(server.port, "ringcast_request_timeouts_total") > 0
    assert anonymous_bytes(server) - before < MOST and friend.worst_s < SOON_S
    for attacker in attackers:
        attacker.close()


def test_trickled_frames_from_many(start):
    """A WebSocket message, byte by byte: pings find out whether anybody answers."""
    server = start(QUIET + "ws: {ping_ms: 300, pong_timeout_ms: 300}\n")
    friend, before = Friend(server.port), anonymous_bytes(server)
    attackers = [ws_wire.WebSocket(server.port, target="/ws") for _ in range(100)]
    message = ws_wire.frame(ws_wire.TEXT, b" " * 60_000)
    for attacker in attackers:
        attacker.send(message[:14])
    for at in range(14, 30):
        for attacker in attackers:
            attacker.send(message[at : at + 1])
        time.sleep(0.02)
        friend.live()
    assert anonymous_bytes(server) - before < MOST and friend.worst_s < SOON_S
    # Silent from here on, as a peer is that went away.
    for attacker in attackers:
        attacker.socket.settimeout(5)
        try:
            while attacker.receive(5):
                pass
        except ConnectionError:
            pass
        attacker.close()


def test_floods_of_small_frames(start):
    """Pings without end, from somebody who never reads the pongs."""
    server = start(QUIET + "limits: {send_timeout_ms: 1s}\n")
    friend, before = Friend(server.port), anonymous_bytes(server)
    attackers = [ws_client.Client(server.port, receive_buffer=4096) for _ in range(5)]
    for attacker in attackers:
        attacker.socket.settimeout(0.2)
        flood = ws_wire.frame(ws_wire.PING, b"x" * 125) * 500
        try:
            for _ in range(200):
                attacker.send(flood)
        except OSError:
            pass  # it is not read on, or closed
        friend.live()
    assert anonymous_bytes(server) - before < MOST and friend.worst_s < SOON_S
    for attacker in attackers:
        attacker.close()


def test_readers_that_stop_reading(start):
    """A hundred streams and a hundred WebSockets of one client, which read nothing any more."""
    server = start(QUIET + "limits: {send_timeout_ms: 1500}\nhistory: {bytes: 256KiB}\n")
    friend = Friend(server.port)
    attackers = []
    for _ in range(100):
        attackers.append(wire.subscribe(server.port, "flood").connection)
        attackers.append(ws_client.Client(server.port, "/ws?topic=flood", receive_buffer=4096))
    before = anonymous_bytes(server)
    body = json.dumps([{"topic": "flood", "data": "x" * 1000}] * 200)
    with Stranger(server.port, FRIEND) as publisher:
        for _ in range(40):
            assert publisher.request("POST", "/api/events", (), body).status == 200
            friend.live()
    assert anonymous_bytes(server) - before < MOST and friend.worst_s < SOON_S
    for attacker in attackers:
        attacker.close()


def test_streams_opened_as_fast_as_they_come(start):
    server = start(STRICT + "limits: {max_streams_per_client: 50, exempt: [127.0.0.77]}\n")
    friend, before = Friend(server.port), anonymous_bytes(server)
    held, seen = [], []
    for number in range(400):
        attacker = Stranger(server.port, ATTACKER)
        if number % 2:
            attacker.send(ws_wire.handshake((), "/ws?topic=a"))
        else:
            attacker.send(wire.encode("GET", "/events?topic=a"))
        seen.append(attacker.response_head().status)
        held.append(attacker)
        if number % 50 == 0:
            friend.live()
    assert sum(status in (200, 101) for status in seen) == 50 and seen.count(429) == 350
    assert anonymous_bytes(server) - before < MOST and friend.worst_s < SOON_S
    for attacker in held:
        attacker.close()
    friend.close()


def test_answers_that_nobody_reads(start):
    """Requests pipelined without end: nobody is read from whose answers wait."""
    server = start(QUIET + "limits: {send_timeout_ms: 1s, requests_per_minute: 0}\n")
    friend, before = Friend(server.port), anonymous_bytes(server)
    attackers = [Stranger(server.port, ATTACKER) for _ in range(20)]
    flood = wire.encode("GET", "/metrics") * 200
    for attacker in attackers:
        attacker.socket.settimeout(0.05)
        for _ in range(50):
            if not attacker.push(flood):
                break
    friend.live()
    assert anonymous_bytes(server) - before < MOST and friend.worst_s < SOON_S
    wire.wait_for(lambda: metric(server.port, "http_connections_active") <= 3, "them to be closed")
    text = wire.request(server.port, "GET", "/metrics").body.decode()
    assert re.search(r"^http_requests_total", text, re.M)
    for attacker in attackers:
        attacker.close()

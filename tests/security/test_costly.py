"""Small requests that could take long or hold much: others must hardly notice."""

import json
import threading
import time

import mcp_wire
import pytest
import servers
import wire
import ws_client
import ws_wire

QUIET = "metrics: {interval_ms: 0}\ndrain: {timeout_ms: 300}\n"
TOPICS = 60_000
AT_ONCE_S, SOON_S = 0.5, 1


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """A server with a topic for each of many, as many as it may have by its defaults."""
    server = servers.Server(tmp_path_factory.mktemp("crowded"), QUIET).start()
    for start in range(0, TOPICS, 10_000):
        events = [{"topic": f"crowd.{n}", "data": "x"} for n in range(start, start + 10_000)]
        body = json.dumps(events)
        assert wire.request(server.port, "POST", "/api/events", (), body).status == 200
    yield server
    server.stop()
    assert server.child.returncode == 0


def worst_beside(port, ask):
    """How long a small request takes at most while `ask` runs."""
    asking = threading.Thread(target=ask)
    asking.start()
    worst_s = 0.0
    while asking.is_alive():
        begin = time.monotonic()
        assert wire.request(port, "GET", "/health").status == 200
        worst_s = max(worst_s, time.monotonic() - begin)
        time.sleep(0.002)
    asking.join()
    return worst_s


class Door:
    """What a client of MCP connects through."""

    def __init__(self, port):
        self.port = port

    def connect(self):
        return wire.Connection(self.port, timeout_s=60)


def status_of(port, target):
    with wire.Connection(port, timeout_s=60) as connection:
        connection.send(wire.encode("GET", target))
        return connection.response_head().status


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_patterns_that_reach_everything(crowded, transport):
    """Far more than limits.max_pattern_topics: refused as soon as that is certain."""

    def ask():
        if transport == "sse":
            assert status_of(crowded.port, "/events?topic=*&topic=crowd.*") == 503
            return
        client = ws_client.Client(crowded.port)
        assert client.ask("subscribe", topics=["*", "crowd.*"], timeout_s=60)["type"] == "error"
        client.close()

    begin = time.monotonic()
    worst_s = worst_beside(crowded.port, ask)
    assert time.monotonic() - begin < AT_ONCE_S and worst_s < AT_ONCE_S


@pytest.mark.parametrize(
    "pattern", ["*c*r*o*w*d*.*9*9*9*z", "*1" * 30, "*" * 150 + "zz", "c*" * 60 + "b"]
)
def test_patterns_that_match_slowly(crowded, pattern):
    """What makes careless matching try every way there is."""
    name = "c" * 200
    wire.publish(crowded.port, name, "x")
    statuses = []

    def ask():
        statuses.append(status_of(crowded.port, f"/events?topic={pattern}"))
        wire.publish(crowded.port, name, "x")

    assert worst_beside(crowded.port, ask) < SOON_S
    assert statuses == [200]


def test_lists_of_everything(crowded):
    """The longest answers there are, over HTTP and from a tool."""

    def ask():
        assert len(wire.request(crowded.port, "GET", "/api/topics").json()["topics"]) >= TOPICS
        call = mcp_wire.Stateless(Door(crowded.port))
        for pattern in ("*", "*9*", "crowd.*"):
            assert "result" in call.call("list_topics", pattern=pattern)
        assert "result" in call.ask("resources/list")

    assert worst_beside(crowded.port, ask) < SOON_S


@pytest.mark.parametrize("target", ["/ws", "/mcp"])
def test_a_message_trickled_over_a_websocket_ends(start, target):
    """What has come of an unfinished message is held: 1 MiB of each of a client's thousand."""
    server = start(QUIET + "limits: {body_timeout_ms: 300, min_body_bytes_per_s: 50KiB}\n")
    attacker = ws_wire.WebSocket(server.port, target=target)
    message = ws_wire.frame(ws_wire.TEXT, b" " * 60_000)
    attacker.send(message[:50_000])
    for at in range(50_000, 50_016):
        attacker.send(message[at : at + 1])
        time.sleep(0.1)
    if target == "/ws":
        attacker.frame()  # the welcome
    attacker.expect_close(1008)
    attacker.close()


def test_sessions_of_mcp_leave_room_for_others(start):
    sessions = "mcp: {max_sessions: 20, max_sessions_per_client: 9}\n"
    server = start(QUIET + sessions + "limits: {requests_per_minute: 0}\n")
    params = {"protocolVersion": "2025-11-25", "capabilities": {}}
    params["clientInfo"] = {"name": "test", "version": "1"}

    def begin(address):
        with wire.Connection(server.port) as connection:
            fields = [("X-Forwarded-For", address)]
            return mcp_wire.post(connection, mcp_wire.message("initialize", params), fields).status

    assert {begin("192.0.2.66") for _ in range(25)} <= {200, 429, 503}
    assert begin("192.0.2.77") == 200, "one client has taken all sessions"

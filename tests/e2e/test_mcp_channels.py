"""MCP where one channel carries everything: WebSocket and standard input and output of the example
program; and what `ringcast serve` may be told about its own MCP."""

import json
import pathlib
import subprocess
import threading

import pytest

import mcp_wire
import wire
import ws_wire
from mcp_wire import Events, Session, Stateless, call, message, text_of

TOKENS = ("a-token-of-sixteen-characters", "b-token-of-sixteen-characters")


def initialize(revision):
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {}}
    return message("initialize", params)


class OverWebSocket:
    def __init__(self, port):
        fields = [("Sec-WebSocket-Protocol", "mcp")]
        self.connection = ws_wire.WebSocket(port, target="/mcp", headers=fields)

    def say(self, body):
        self.connection.send(ws_wire.frame(ws_wire.TEXT, mcp_wire.encode(body).encode()))

    def hear(self):
        return json.loads(self.connection.frame().payload)

    def close(self):
        self.connection.close()


class OverPipes:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [ws_wire.example("mcp_everything"), "--stdio", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def say(self, body):
        self.process.stdin.write(mcp_wire.encode(body).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(wire.TIMEOUT_S) == 0


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    with mcp_wire.Everything(tmp_path_factory.mktemp("everything")) as server:
        yield server


@pytest.fixture(params=["websocket", "stdio"])
def channel(request, everything):
    opened = OverWebSocket(everything.port) if request.param == "websocket" else OverPipes()
    yield opened
    opened.close()


def rss_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


# --- batches ---


def test_a_batch_is_answered_by_an_array(channel):
    channel.say(initialize("2025-03-26"))
    assert channel.hear()["result"]["protocolVersion"] == "2025-03-26"
    channel.say(message("notifications/initialized", id=False))
    channel.say([message("ping", id="a"), call("echo", {"text": "x"}, id=2), {"no": "message"}])
    answers = {one["id"]: one for one in channel.hear()}
    assert set(answers) == {"a", 2, None}
    assert answers["a"]["result"] == {} and text_of(answers[2]) == "x"
    assert answers[None]["error"]["code"] == -32600
    channel.say([message("notifications/initialized", id=False)])  # asks nothing
    channel.say("[1,")
    assert channel.hear()["error"]["code"] == -32700
    channel.say("[]")
    assert channel.hear()["error"]["code"] == -32600
    channel.say(message("ping", id=3))
    assert channel.hear() == {"jsonrpc": "2.0", "id": 3, "result": {}}


def test_no_batches_in_other_revisions(channel):
    channel.say(initialize("2025-11-25"))
    channel.hear()
    channel.say([message("ping")])
    assert channel.hear()["error"]["code"] == -32600


# --- clients that do not read, lines that are too long ---


def test_who_does_not_read_is_not_listened_to():
    """More requests than memory may hold answers for: the pipe fills instead."""
    pipes = OverPipes()
    pipes.say(initialize("2025-11-25"))
    pipes.hear()
    before = rss_bytes(pipes.process.pid)
    count = 20_000
    lines = "".join(
        mcp_wire.encode(message("tools/list", id=number)) + "\n" for number in range(count)
    )
    writer = threading.Thread(
        target=lambda: (pipes.process.stdin.write(lines.encode()), pipes.process.stdin.flush())
    )
    writer.start()
    writer.join(1.5)
    assert writer.is_alive(), "all was taken although nothing was read"
    assert rss_bytes(pipes.process.pid) - before < 64 << 20
    for number in range(count):
        assert pipes.hear()["id"] == number
    writer.join(wire.TIMEOUT_S)
    pipes.close()


def test_a_line_that_is_too_long_is_refused_and_passed_over():
    pipes = OverPipes()
    pipes.say(initialize("2025-11-25"))
    pipes.hear()
    for size in ((4 << 20) + 1, 9 << 20):
        pipes.say('{"jsonrpc":"2.0","id":1,"method":"' + "x" * size + '"}')
        refused = pipes.hear()
        assert refused["error"]["code"] == -32600 and "max_message_bytes" in str(refused)
        pipes.say(message("ping", id="after"))
        assert pipes.hear() == {"jsonrpc": "2.0", "id": "after", "result": {}}
    pipes.close()


# --- pages ---


@pytest.mark.parametrize(
    "origin, status",
    [("http://evil.example", 403), ("null", 403), ("http://localhost:3000", 101), (None, 101)],
)
def test_websockets_of_pages(everything, server, origin, status):
    for port in (everything.port, server.port):
        headers = [("Sec-WebSocket-Protocol", "mcp"), ("Origin", origin)]
        fields = [(name, value) for name, value in ws_wire.HANDSHAKE if name != "Host"]
        fields = [("Host", f"127.0.0.1:{port}"), *fields]
        with wire.Connection(port) as connection:
            connection.send(
                wire.encode("GET", "/mcp", fields + [field for field in headers if field[1]])
            )
            assert connection.response_head().status == status


def test_preflight_of_pages(server):
    asked = [
        ("Origin", "http://localhost:3000"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "mcp-session-id, Mcp-Param-Region,mcp-param-a b,x-evil"),
    ]
    with wire.Connection(server.port) as connection:
        answer = connection.request("OPTIONS", "/mcp", asked)
    allowed = [name.strip() for name in answer.get("Access-Control-Allow-Headers").split(",")]
    assert "Mcp-Param-Region" in allowed and "Mcp-Session-Id" in allowed
    assert "x-evil" not in allowed and not any(" " in name for name in allowed)
    with wire.Connection(server.port) as connection:
        answer = connection.request("GET", "/api/topics", asked[:1])
    assert "Mcp-Session-Id" in answer.get("Access-Control-Expose-Headers").split(", ")


# --- what `ringcast serve` may be told ---


class At:
    """A session's client that shows its token in the query."""

    def __init__(self, port, token):
        self.port, self.target = port, f"/mcp?token={token}"
        answered = self.post(initialize("2025-11-25"), [])
        self.session = [("Mcp-Session-Id", answered.get("Mcp-Session-Id"))]

    def post(self, body, headers, target=None):
        with wire.Connection(self.port) as connection:
            return mcp_wire.post(connection, body, headers, target or self.target)


def test_tokens_in_the_query_are_principals_too(start):
    server = start(f"auth:\n  tokens: [{', '.join(TOKENS)}]\n")
    first, second = (At(server.port, token) for token in TOKENS)
    assert first.post(message("ping"), first.session).status == 200
    assert second.post(message("ping"), first.session).status == 404
    with wire.Connection(server.port) as connection:
        assert connection.request("DELETE", second.target, first.session).status == 404
    assert first.post(message("ping"), first.session).status == 200
    with wire.Connection(server.port) as connection:
        answer = mcp_wire.post(connection, message("ping"))
    assert answer.status == 401 and answer.get("WWW-Authenticate").startswith("Bearer")


def test_the_endpoint_of_an_event_stream_can_be_posted_to(start):
    server = start(f"auth:\n  tokens: [{TOKENS[0]}]\nmcp:\n  mount: /tools\n")
    with wire.Connection(server.port) as connection:
        connection.send(wire.encode("GET", f"/sse?token={TOKENS[0]}"))
        stream = Events(connection, connection.response_head())
        kind, endpoint = stream.event()
        assert kind == "endpoint" and endpoint.startswith("/tools/messages?session_id=")
        with wire.Connection(server.port) as other:
            body = initialize("2024-11-05")
            assert mcp_wire.post(other, body, [], endpoint.removeprefix("/tools")).status == 202
        assert stream.message()["result"]["protocolVersion"] == "2024-11-05"


@pytest.mark.parametrize("mount", ["tools", "/tools/", "/a b", "//x", "/a?b", "[/a, /b]"])
def test_mounts_that_are_none(start, mount):
    with pytest.raises(AssertionError, match="mcp.mount"):
        start(f"mcp:\n  mount: {mount}\n")


def test_more_calls_at_once_than_may_run(start, topic):
    server = start("mcp:\n  max_calls: 2\n", arguments=["--cores", "0"])

    class Here:
        port = server.port
        connect = staticmethod(lambda: wire.Connection(server.port))

    client = Stateless(Here)
    params = {"name": "wait_for_event", "arguments": {"topic": topic, "timeout_s": 30}}
    waiting = [wire.Connection(server.port) for _ in range(2)]
    for connection in waiting:
        body = client.request("tools/call", params)
        fields = [*client.headers_of(body), mcp_wire.JSON, mcp_wire.ACCEPT]
        connection.send(wire.encode("POST", "/mcp", fields, mcp_wire.encode(body)))

    def refused():
        answered = client.post(client.request("tools/call", {"name": "list_topics"}))
        return answered if answered.status == 503 else None

    answered = wire.wait_for(refused, "two calls to run")
    assert answered.json()["error"]["code"] == -32000
    for connection in waiting:
        connection.close()
    wire.wait_for(lambda: refused() is None, "the calls of clients that went to end")
    assert Session(Here).call("list_topics")["result"]

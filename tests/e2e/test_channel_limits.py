"""Limits of what is said and opened on channels that are open: commands of WebSockets, messages,
streams and sessions of MCP; topics that somebody only waits for."""

import json

import pytest

import mcp_wire
import wire
import ws_wire
from test_client_limits import KEY, from_client, hash_of

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}


def say(connection, **command):
    """The answer; `ref` tells it from what else comes."""
    text = json.dumps({**command, "ref": "mine"})
    connection.send(ws_wire.frame(ws_wire.TEXT, text))
    while True:
        said = json.loads(connection.frame().payload)
        if said.get("ref") == "mine":
            return said


def metric(server, name):
    for line in wire.request(server.port, "GET", "/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no {name}")


def headers(address="192.0.2.1", **more):
    return list(from_client(address, **more).items())


def ask(server, **more):
    return wire.request(server.port, "GET", "/api/topics", from_client("192.0.2.1", **more)).status


def test_commands_count_as_requests_of_their_client(start):
    server = start("limits: {requests_per_minute: 5}\n")
    connection = ws_wire.WebSocket(server.port, target="/ws", headers=headers())
    assert [say(connection, type="ping")["type"] for _ in range(4)] == ["pong"] * 4
    refused = say(connection, type="publish", topic="t", data="x")
    assert refused["type"] == "error" and refused["error"]["code"] == "rate_limited"
    assert 1000 <= refused["error"]["retry_after_ms"] <= 12_000
    assert ask(server) == 429, "it is one bucket"
    assert say(connection, type="ping")["error"]["code"] == "rate_limited", "it stays open"
    other = ws_wire.WebSocket(server.port, target="/ws", headers=headers("192.0.2.2"))
    assert say(other, type="ping")["type"] == "pong"
    assert metric(server, "ringcast_messages_rate_limited_total") == 2
    assert "t" not in wire.request(server.port, "GET", "/api/topics").body.decode().split('"')
    switch = "/api/features/stream-rate-limiting"
    assert wire.request(server.port, "POST", switch, {}, b'{"enabled":false}').status == 200
    assert say(connection, type="ping")["type"] == "pong"


def test_commands_count_for_a_key(start, tmp_path):
    access = tmp_path / "access.yaml"
    access.write_text(
        f"keys:\n  one: {{hash: '{hash_of(KEY)}', subscribe: ['*'], requests_per_minute: 3}}\n"
    )
    server = start(f"auth: {{access: {access}}}\n")
    connection = ws_wire.WebSocket(server.port, target="/ws", headers=[("X-API-Key", KEY)])
    answers = [say(connection, type="ping")["type"] for _ in range(3)]
    assert answers == ["pong", "pong", "error"]
    assert ask(server, **{"X-API-Key": KEY}) == 429


def test_commands_of_this_machine_do_not_count(start):
    server = start("limits: {requests_per_minute: 1}\n")
    connection = ws_wire.WebSocket(server.port, target="/ws")
    assert {say(connection, type="ping")["type"] for _ in range(10)} == {"pong"}


def test_messages_of_mcp_count_as_requests(start):
    server = start("limits: {requests_per_minute: 6}\n")
    connection = ws_wire.WebSocket(server.port, target="/mcp", headers=headers())

    def send(method, params=None, id=None):
        body = mcp_wire.encode(mcp_wire.message(method, params, id))
        connection.send(ws_wire.frame(ws_wire.TEXT, body))

    def hear():
        return json.loads(connection.frame().payload)

    send("initialize", INITIALIZE)
    assert hear()["result"]
    send("notifications/initialized", id=False)
    for number in range(3):
        send("ping", id=number)
        assert hear() == {"jsonrpc": "2.0", "id": number, "result": {}}
    send("ping", id="late")
    refused = hear()
    assert refused["id"] == "late" and refused["error"]["code"] == -32005
    assert refused["error"]["data"]["code"] == "rate_limited"
    assert 1000 <= refused["error"]["data"]["retry_after_ms"] <= 10_000
    assert ask(server) == 429
    send("ping", id="later")
    assert hear()["error"]["code"] == -32005, "it stays open"


class Client:
    """A server as it is seen from a client's address."""

    def __init__(self, server, address):
        self.port, self.address = server.port, address

    def connect(self):
        return wire.Connection(self.port)

    def fields(self):
        return headers(self.address)

    def initialize(self):
        with self.connect() as connection:
            body = mcp_wire.message("initialize", INITIALIZE)
            return mcp_wire.post(connection, body, self.fields())

    def open(self, path, **more):
        connection = self.connect()
        accept = ("Accept", "text/event-stream")
        fields = [*self.fields(), accept, *more.items()]
        connection.send(wire.encode("GET", path, fields))
        return connection, connection.response_head().status


@pytest.fixture
def one_each(start):
    return start(
        "limits: {max_streams_per_client: 1, requests_per_minute: 1000}\n"
        "mcp: {max_sessions_per_client: 2}\n"
    )


def test_sessions_of_a_client(one_each):
    client, other = Client(one_each, "192.0.2.1"), Client(one_each, "192.0.2.2")
    first, second = client.initialize(), client.initialize()
    assert first.status == second.status == 200
    refused = client.initialize()
    assert refused.status == 429 and int(refused.get("Retry-After")) > 0
    assert "2 sessions" in refused.json()["error"]["message"]
    assert other.initialize().status == 200
    connection, status = client.open("/sse")
    assert status == 429
    connection.close()
    with client.connect() as connection:
        fields = [*client.fields(), ("Mcp-Session-Id", first.get("Mcp-Session-Id"))]
        assert connection.request("DELETE", "/mcp", fields).status == 200
    connection, status = client.open("/sse")
    assert status == 200, "the place of the session that ended"
    connection.close()


def test_streams_of_mcp_are_streams_of_the_client(one_each):
    client = Client(one_each, "192.0.2.1")
    session = client.initialize().get("Mcp-Session-Id")
    held, status = client.open("/mcp", **{"Mcp-Session-Id": session})
    assert status == 200
    for path in ("/mcp", "/sse", "/events?topic=a"):
        connection, status = client.open(path, **{"Mcp-Session-Id": session})
        assert status == 429, path
        connection.close()
    with client.connect() as connection:
        path_fields = [*ws_wire.HANDSHAKE, *client.fields()]
        connection.send(wire.encode("GET", "/mcp", path_fields))
        assert connection.response_head().status == 429
    stateless = mcp_wire.Stateless(client)
    stateless.headers = client.fields()
    wanted = {"notifications": {"toolsListChanged": True}}
    listen = stateless.request("subscriptions/listen", wanted)
    assert stateless.post(listen).status == 429
    held.close()

    def again():
        events = stateless.post(listen)
        if not isinstance(events, mcp_wire.Events):
            return False
        events.close()
        return True

    wire.wait_for(again, "the place of the stream that ended")


def test_who_only_listens_takes_no_publishers_place(start):
    server = start("limits: {max_topics: 3, max_awaited_topics: 2}\nhistory: {age_ms: 1500}\n")
    waiting = [wire.subscribe(server.port, topic) for topic in ("w.1", "w.2")]
    wire.assert_error(wire.request(server.port, "GET", "/events?topic=w.3"), 503)
    assert metric(server, "ringcast_topics_awaited") == 2
    for topic in ("a", "b", "w.1"):
        wire.publish(server.port, topic, "x")
    assert waiting[0].event().data == "x"
    assert metric(server, "ringcast_topics_awaited") == 1
    refused = wire.request(server.port, "POST", "/api/events/w.2", {}, b"x")
    wire.assert_error(refused, 503)
    assert refused.json()["error"]["code"] == "topic_limit"
    # What has no events any more makes room, whoever still follows it.
    wire.wait_for(
        lambda: wire.request(server.port, "POST", "/api/events/w.2", {}, b"y").status == 200,
        "old topics to make room",
    )
    assert waiting[1].event().data == "y"
    for stream in waiting:
        stream.close()

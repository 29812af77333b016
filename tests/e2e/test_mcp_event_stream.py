"""MCP's transport of 2024-11-05: GET /sse, and POST to where its first event says."""

import json

import pytest

import mcp_wire
import wire
from mcp_wire import Events, call, message, response_to, text_of

INITIALIZE = {
    "protocolVersion": "2024-11-05",
    "capabilities": {"sampling": {}},
    "clientInfo": {"name": "test", "version": "1"},
}


@pytest.fixture(scope="module", params=["one core", "all cores"])
def everything(request, tmp_path_factory):
    cpus = mcp_wire.one_core() if request.param == "one core" else mcp_wire.every_core()
    folder = tmp_path_factory.mktemp("everything")
    with mcp_wire.Everything(folder, "--keepalive-ms", "200", cpus=cpus) as server:
        yield server


class Client:
    """A client whose messages come by the stream; each POST has a connection of its own."""

    def __init__(self, server, headers=(), mount=""):
        self.server, self.headers = server, list(headers)
        connection = server.connect()
        connection.send(
            wire.encode("GET", "/sse", [("Accept", "text/event-stream"), *self.headers])
        )
        self.stream = Events(connection, connection.response_head())
        assert self.stream.head.status == 200
        assert self.stream.head.get("Content-Type") == "text/event-stream"
        kind, self.target = self.stream.event()
        assert kind == "endpoint" and self.target.startswith(mount + "/messages"), self.target
        self.target = self.target.removeprefix(mount)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def post(self, body, headers=None):
        with self.server.connect() as connection:
            fields = self.headers if headers is None else headers
            return mcp_wire.post(connection, body, fields, self.target)

    def say(self, body):
        assert self.post(body).status == 202

    def ask(self, method, params=None):
        request = message(method, params)
        self.say(request)
        reply = self.stream.message()
        assert reply["id"] == request["id"]
        return reply

    def begin(self, **capabilities):
        greeting = self.ask("initialize", {**INITIALIZE, "capabilities": capabilities})["result"]
        self.say(message("notifications/initialized", id=False))
        return greeting


def test_a_conversation(everything):
    with Client(everything) as client:
        greeting = client.begin()
        assert greeting["protocolVersion"] == "2024-11-05"
        assert client.ask("ping")["result"] == {}
        assert len(client.ask("tools/list")["result"]["tools"]) > 30
        assert client.ask("no/such")["error"]["code"] == -32601
        body = call("test_tool_with_progress", token=5)
        client.say(body)
        messages = [client.stream.message() for _ in range(4)]
        assert [one["params"]["progress"] for one in messages[:3]] == [0, 50, 100]
        assert "message" not in messages[0]["params"]  # from 2025-03-26 on
        assert messages[3]["id"] == body["id"]


def test_several_at_once(everything):
    with Client(everything) as client:
        client.begin()
        for number in range(30):
            client.say(call("echo", {"text": str(number)}, id=number))
        replies = {one["id"]: text_of(one) for one in (client.stream.message() for _ in range(30))}
        assert replies == {number: str(number) for number in range(30)}


def test_the_client_is_asked(everything):
    with Client(everything) as client:
        client.begin(sampling={})
        client.say(call("test_sampling", {"prompt": "x"}, id=1))
        asked = client.stream.message()
        assert asked["method"] == "sampling/createMessage"
        answer = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "y"}}
        client.say(response_to(asked, answer))
        assert text_of(client.stream.message()) == "LLM response: y"


def test_change_notices_and_keepalive(everything):
    with Client(everything) as client:
        client.begin()
        client.ask("resources/subscribe", {"uri": mcp_wire.WATCHED})
        client.say(call("wait", {"ms": 700}, id=1))
        assert text_of(client.stream.message()) == "waited"
        assert client.stream.comments >= 2
        client.say(call("test_trigger_resource_change", id=2))
        two = [client.stream.message() for _ in range(2)]
        assert {"notifications/resources/updated", None} == {one.get("method") for one in two}


def test_cancellation(everything):
    with Client(everything) as client:
        client.begin()
        client.say(call("wait", {"ms": 60_000}, id="w"))
        client.say(message("notifications/cancelled", {"requestId": "w"}, id=False))
        reply = client.ask("ping")  # no answer to what was cancelled
        assert reply["result"] == {}


def test_sessions_that_are_not_there(everything):
    for target in ("/messages?session_id=" + "0" * 32 + ".0", "/messages?session_id=x"):
        with everything.connect() as connection:
            answered = mcp_wire.post(connection, message("ping"), target=target)
        assert answered.status == 404, answered
    with everything.connect() as connection:
        assert mcp_wire.post(connection, message("ping"), target="/messages").status == 400


def test_a_session_ends_with_its_stream(everything):
    client = Client(everything)
    client.begin()
    client.stream.close()
    wire.wait_for(lambda: client.post(message("ping")).status == 404, "the session to end")


def test_sessions_are_no_others(everything):
    with Client(everything, [("Authorization", "Bearer mine")]) as client:
        client.begin()
        assert client.post(message("ping"), [("Authorization", "Bearer other")]).status == 404
        assert client.post(message("ping"), []).status == 404
        assert client.ask("ping")["result"] == {}
        id = client.target.split("=")[1]
        with everything.connect() as connection:
            header = [("Mcp-Session-Id", id), ("Authorization", "Bearer mine")]
            answered = mcp_wire.post(connection, message("ping"), header)
        assert answered.status in (200, 404)


def test_what_is_no_message(everything):
    with Client(everything) as client:
        client.begin()
        answered = client.post("{")
        assert answered.status == 400 and answered.json()["error"]["code"] == -32700
        client.say('{"jsonrpc":"2.0","id":8,"method":1}')
        assert client.stream.message()["error"]["code"] == -32600
        assert client.ask("ping")["result"] == {}


@pytest.mark.parametrize("mount", ["/tools", "/a/b"])
def test_behind_a_prefix(tmp_path, mount):
    with mcp_wire.Everything(tmp_path, "--mount", mount) as server:
        with Client(server, mount=mount) as client:
            client.begin()
            assert client.ask("ping")["result"] == {}


def test_the_stream_ends_with_the_server(tmp_path):
    with mcp_wire.Everything(tmp_path) as server:
        with Client(server) as client:
            client.begin()
            server.terminate()
            assert client.stream.messages() == []


def test_the_target_is_a_path_of_this_server(everything):
    with Client(everything) as client:
        assert "//" not in client.target and json.dumps(client.target).isascii()


def test_who_does_not_read_is_not_listened_to(everything):
    with Client(everything) as client:
        client.begin()
        statuses = set()
        for _ in range(6000):
            statuses.add(client.post(message("tools/list")).status)
            if 503 in statuses:
                break
        assert statuses == {202, 503}
        assert client.stream.message()["result"]["tools"]
        wire.wait_for(
            lambda: client.stream.message() and client.post(message("ping")).status == 202,
            "room for more",
        )

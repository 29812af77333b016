"""What is open lasts as long as the key or token that was brought for it: tokens that expire while
something goes on, reloads that take them away or give them other grants."""

import hashlib
import json
import signal
import threading
import time

import pytest

import mcp_wire
import servers
import wire
import ws_wire
from test_access import Signer, bearer, grants

LEEWAY_S = 60
ALL = grants(publish=["*"], subscribe=["*"], tools=["*"], rooms=["*"])


class Guarded:
    """A server that takes the tokens of a signer, with connections as MCP clients make them."""

    def __init__(self, start, folder, more=""):
        self.signer = Signer("HS256", "k")
        self.keys, self.access = folder / "keys.json", folder / "access.yaml"
        self.keys.write_text(json.dumps({"keys": [self.signer.jwk]}))
        self.write()
        self.server = start(f"auth: {{access: {self.access}}}\n{more}")
        self.port = self.server.port

    def write(self):
        self.access.write_text(
            f"jwt: {{jwks: {self.keys}, audience: ringcast, algorithms: [HS256]}}\n"
        )

    def connect(self):
        return wire.Connection(self.port)

    def token(self, left_s=30.0, **claims):
        said = {**ALL, "sub": "alice", **claims}
        return self.signer.token(exp=time.time() - LEEWAY_S + left_s, **said)


@pytest.fixture
def guarded(start, tmp_path):
    return Guarded(start, tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One for all the tests that only wait for a token to expire."""
    folder, started = tmp_path_factory.mktemp("standing"), []

    def start(config):
        started.append(servers.Server(folder, config).start())
        return started[-1]

    yield Guarded(start, folder)
    started[0].stop()
    assert "ERROR: AddressSanitizer" not in started[0].log()


def session(guarded, token, revision=mcp_wire.NEWEST_WITH_SESSIONS):
    return mcp_wire.Session(guarded, revision, authorization=f"Bearer {token}")


def stateless(guarded, token):
    return mcp_wire.Stateless(guarded, authorization=f"Bearer {token}")


def wait_call(**more):
    return mcp_wire.call("wait_for_event", {"topic": "quiet", "timeout_s": 20, **more})


def ends_soon(began, least_s=0.3):
    assert least_s < time.monotonic() - began < 3, "it ends when the token does"


def test_the_stream_of_an_mcp_session_ends_with_its_token(shared):
    client = session(shared, shared.token(left_s=1))
    began = time.monotonic()
    with client.get() as events:
        assert events.head.status == 200
        while events.block() is not None:
            pass
    ends_soon(began)
    assert client.post(mcp_wire.message("ping")).status == 401
    # The client is still the same with a newer token, and its session is still there.
    client.headers[0] = ("Authorization", f"Bearer {shared.token()}")
    assert client.ask("ping")["result"] == {}


def test_the_old_event_stream_of_mcp_ends_with_its_token(shared):
    began = time.monotonic()
    with wire.Connection(shared.port) as connection:
        connection.send(wire.encode("GET", "/sse", bearer(shared.token(left_s=1))))
        assert connection.response_head().status == 200
        assert b"event: endpoint" in connection.take_until(b"\n\n")
        assert connection.at_end()
    ends_soon(began)


def test_a_listener_ends_with_its_token(shared):
    client = stateless(shared, shared.token(left_s=1))
    began = time.monotonic()
    listen = client.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    with client.post(listen) as events:
            last = events.messages()[-1]
    assert last["id"] == listen["id"] and last["error"]["data"] == {"code": "expired_token"}
    ends_soon(began)


def test_a_long_call_ends_with_its_token(shared):
    began = time.monotonic()
    client = session(shared, shared.token(left_s=1))
    answered = client.post(wait_call())
    assert answered.status == 401 and "expired" in answered.json()["error"]["message"]
    assert 'error="invalid_token"' in answered.get("WWW-Authenticate")
    ends_soon(began)
    client = stateless(shared, shared.token(left_s=1))
    arguments = {"topic": "quiet", "timeout_s": 20}
    body = client.request("tools/call", {"name": "wait_for_event", "arguments": arguments})
    answered = client.post(body)
    assert answered.status == 401
    assert answered.json()["error"]["data"] == {"code": "expired_token"}


def test_a_call_that_streams_ends_with_its_token(start, tmp_path):
    guarded = Guarded(start, tmp_path, "mcp: {keepalive_ms: 100}\n")
    client = session(guarded, guarded.token(left_s=1))
    answered = client.post(wait_call())
    assert isinstance(answered, mcp_wire.Events), answered
    with answered as events:
        assert events.reply()["error"]["data"] == {"code": "expired_token"}
        assert events.block() is None


def test_a_websocket_of_mcp_ends_with_its_token(shared):
    target = f"/mcp?token={shared.token(left_s=1)}"
    began = time.monotonic()
    connection = ws_wire.WebSocket(shared.port, target=target)
    assert connection.frame().payload[:2] == (1008).to_bytes(2, "big")
    ends_soon(began)
    # What it says before it closes its side does not count.
    initialize = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
    body = mcp_wire.encode(mcp_wire.message("initialize", initialize))
    connection.send(ws_wire.frame(ws_wire.TEXT, body))
    connection.send(ws_wire.close_frame(1000))
    assert connection.at_end()


def test_commands_behind_the_end_of_a_token_do_not_count(shared):
    token = shared.token(left_s=1)
    connection = ws_wire.WebSocket(shared.port, target=f"/ws?token={token}")
    assert json.loads(connection.frame().payload)["type"] == "welcome"
    connection.expect_close(1008)
    late = json.dumps({"type": "publish", "topic": "late", "data": "x"})
    connection.send(ws_wire.frame(ws_wire.TEXT, late))
    connection.send(ws_wire.close_frame(1008))
    assert connection.at_end()
    topics = wire.request(shared.port, "GET", "/api/topics", dict(bearer(shared.token()))).json()
    assert "late" not in [topic["topic"] for topic in topics["topics"]]


def test_an_endless_publish_ends_with_its_token(shared):
    began = time.monotonic()
    with wire.Connection(shared.port) as connection:
        headers = [*bearer(shared.token(left_s=1)), ("Transfer-Encoding", "chunked")]
        connection.send(wire.encode("POST", "/api/events/lines?stream=lines", headers))
        connection.send(b"8\r\none\ntwo\n\r\n")
        answer = connection.response()
    assert answer.status == 401 and answer.get("WWW-Authenticate")
    said = answer.json()
    assert said["error"]["code"] == "expired_token"
    assert said["count"] == 2 and said["topic"] == "lines" and said["id"]
    ends_soon(began)


# --- a reload ---

KEY = "rk_a-key-of-some-length-for-a-test"
BOSS = "rk_another-key-of-some-length-here"
KEY_MAY = "subscribe: ['news.*'], publish: ['news.*'], tools: ['*'], rooms: ['*']"


class Reloaded(Guarded):
    """With API keys as well, which reloads take away or give other grants."""

    def write(self, key_may=KEY_MAY, jwt="", anonymous="", boss="admin: true"):
        keys = {"one": (KEY, key_may), "boss": (BOSS, boss)}
        lines = [
            f"  {name}: {{hash: 'sha256:{hashlib.sha256(key.encode()).hexdigest()}', {may}}}\n"
            for name, (key, may) in keys.items()
            if may is not None
        ]
        text = f"{anonymous}keys:\n" + "".join(lines)
        if jwt is not None:
            text += f"jwt: {{jwks: {self.keys}, audience: ringcast, algorithms: [HS256]{jwt}}}\n"
        self.access.write_text(text)

    def reload(self, **policy):
        self.write(**policy)
        before = self.server.log().count('"reloaded"')
        self.server.signal(signal.SIGHUP)
        wire.wait_for(lambda: self.server.log().count('"reloaded"') > before, "the reload")
        return time.monotonic()


@pytest.fixture
def reloaded(start, tmp_path):
    return Reloaded(start, tmp_path)


def stream(port, topic, headers):
    connection = wire.Connection(port)
    connection.send(wire.encode("GET", f"/events?topic={topic}", headers))
    assert connection.response_head().status == 200
    return connection


def key(text=KEY):
    return [("X-API-Key", text)]


def said_at_the_end(connection):
    while connection.receive(3):
        pass
    return connection.buffer


def goes_on(connection, port, topic, text):
    wire.request(port, "POST", f"/api/events/{topic}", dict(key(BOSS)), text.encode())
    connection.take_until(text.encode(), 3)
    return True


def test_a_key_that_is_taken_away_ends_what_is_open(reloaded):
    port = reloaded.port
    streams = [stream(port, "news.1", key()) for _ in range(3)]
    other = stream(port, "news.1", bearer(reloaded.token()))
    socket = ws_wire.WebSocket(port, target="/ws?topic=news.1", headers=key())
    admin = ws_wire.WebSocket(port, target="/ws/admin", headers=key(BOSS))
    mcp_socket = ws_wire.WebSocket(port, target="/mcp", headers=key())
    client = mcp_wire.Session(reloaded, authorization=f"Bearer {KEY}")
    events = client.get()
    lines = wire.Connection(port)
    lines.send(
        wire.encode(
            "POST", "/api/events/news.2?stream=lines", [*key(), ("Transfer-Encoding", "chunked")]
        )
    )
    lines.send(b"4\r\none\n\r\n")
    began = reloaded.reload(key_may=None)
    for each in streams:
        said = said_at_the_end(each)
        assert b"event: error" in said and b'"access_revoked"' in said
    while (frame := socket.frame()).opcode == ws_wire.TEXT:
        pass
    assert frame.opcode == ws_wire.CLOSE and frame.payload[:2] == (1008).to_bytes(2, "big")
    assert mcp_socket.frame().payload[:2] == (1008).to_bytes(2, "big")
    while events.block() is not None:
        pass
    assert time.monotonic() - began < 1.5
    answer = lines.response()
    assert answer.status == 401 and answer.json()["error"]["code"] == "access_revoked"
    assert answer.json()["count"] == 1
    assert client.post(mcp_wire.message("ping")).status == 401
    assert goes_on(other, port, "news.1", "still here")
    assert json.loads(admin.frame().payload)["type"] == "welcome"
    for each in (*streams, socket, mcp_socket):
        each.close()
    for figure in ('ringcast_streams_closed_total{reason="revoked"} 4', "ringcast_mcp_sessions 0"):
        wire.wait_for(
            lambda line=figure: line in wire.request(port, "GET", "/metrics").body.decode(), figure
        )


def test_grants_that_change_hold_for_what_is_open(reloaded):
    port = reloaded.port
    kept, lost = stream(port, "news.1", key()), stream(port, "news.2", key())
    pattern = stream(port, "news.*", key())
    socket = ws_wire.WebSocket(port, target="/ws?topic=news.1", headers=key())
    admin = ws_wire.WebSocket(port, target="/ws/admin", headers=key(BOSS))
    client = mcp_wire.Session(reloaded, authorization=f"Bearer {KEY}")
    reloaded.reload(key_may="subscribe: [news.1], tools: ['*']", boss="publish: ['*']")
    assert b'"access_revoked"' in said_at_the_end(lost)
    assert b'"access_revoked"' in said_at_the_end(pattern)
    assert goes_on(kept, port, "news.1", "as before")
    assert json.loads(admin.frame().payload)["type"] == "welcome"
    assert admin.frame().payload[:2] == (1008).to_bytes(2, "big"), "no administrator any more"
    for topic, answer in (("news.1", "subscribed"), ("news.3", "error")):
        command = json.dumps({"type": "subscribe", "topic": topic, "ref": "mine"})
        socket.send(ws_wire.frame(ws_wire.TEXT, command))
        while "ref" not in (said := json.loads(socket.frame().payload)):
            pass
        assert said["type"] == answer
    assert client.call("publish_event", topic="news.1", data="x")["result"]["isError"]


def test_tokens_are_held_against_new_rules(reloaded):
    port = reloaded.port
    own = reloaded.token(**grants(subscribe=["own"]))
    reloaded.reload(jwt=", grants: {subscribe: [all]}")
    streams = {topic: stream(port, topic, bearer(own)) for topic in ("own", "all")}
    reloaded.reload()
    assert b'"access_revoked"' in said_at_the_end(streams["all"])
    assert goes_on(streams["own"], port, "own", "first")
    reloaded.reload(jwt=", requests_per_minute: 100")
    assert goes_on(streams["own"], port, "own", "second")
    reloaded.reload(jwt=", issuer: 'https://elsewhere.example'")
    assert b'"access_revoked"' in said_at_the_end(streams["own"])


def test_tokens_end_with_the_key_that_signed_them(reloaded):
    port, ours = reloaded.port, reloaded.signer
    following = stream(port, "own", bearer(reloaded.token()))
    call = mcp_wire.Session(reloaded, authorization=f"Bearer {reloaded.token()}")
    newer = Signer("HS256", "newer")
    reloaded.keys.write_text(json.dumps({"keys": [newer.jwk, ours.jwk]}))
    reloaded.reload(jwt=", issuer: 'https://id.example'")
    assert goes_on(following, port, "own", "both keys")
    waiting = threading.Thread(target=lambda: answers.append(call.post(wait_call())))
    answers = []
    waiting.start()
    time.sleep(0.3)
    reloaded.keys.write_text(json.dumps({"keys": [newer.jwk]}))
    reloaded.reload()
    assert b'"access_revoked"' in said_at_the_end(following)
    waiting.join(5)
    assert answers[0].status == 401
    assert answers[0].json()["error"]["data"] == {"code": "access_revoked"}


def test_anonymous_streams_are_looked_at_too(start, tmp_path):
    access = tmp_path / "access.yaml"
    access.write_text("anonymous: {subscribe: [a, b]}\n")
    server = start(f"auth: {{access: {access}}}\n")
    streams = {topic: stream(server.port, topic, []) for topic in "ab"}
    access.write_text("anonymous: {subscribe: [a]}\n")
    server.signal(signal.SIGHUP)
    assert b'"access_revoked"' in said_at_the_end(streams["b"])
    access.write_text("keys: {}\n")
    server.signal(signal.SIGHUP)
    assert b'"access_revoked"' in said_at_the_end(streams["a"])


def test_very_many_end_within_a_second(start, tmp_path):
    reloaded = Reloaded(start, tmp_path)
    streams = [stream(reloaded.port, "news.1", key()) for _ in range(400)]
    began = reloaded.reload(key_may=None)
    ends = []
    for each in streams:
        assert b'"access_revoked"' in said_at_the_end(each)
        ends.append(time.monotonic() - began)
    assert ends[-1] < 2


def test_connections_are_listed_with_their_principal(reloaded):
    held = stream(reloaded.port, "news.1", key())
    admin = ws_wire.WebSocket(reloaded.port, target="/ws/admin", headers=key(BOSS))
    admin.send(ws_wire.frame(ws_wire.TEXT, json.dumps({"type": "connections"})))
    while (said := json.loads(admin.frame().payload))["type"] != "connections":
        pass
    owners = {one["transport"]: one["principal"] for one in said["connections"]}
    assert owners == {"sse": "key:one", "websocket": "key:boss"}
    held.close()

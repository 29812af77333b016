"""What is open, or about to be: it ends, counts, and is bounded."""

import hashlib
import json
import signal
import time

import mcp_wire
import pytest
import wire
import ws_client
import ws_wire
from cryptography.hazmat.primitives.asymmetric import rsa
from hostile import Stranger, topics
from test_access import Signer, b64, bearer, grants, number

KEY = "some-key-of-at-least-16"
QUIET = "metrics: {interval_ms: 0}\ndrain: {timeout_ms: 200}\n"


class Known:
    """An access file with one key and one secret for tokens."""

    def __init__(self, folder, more="", claims=""):
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        self.path, keys = folder / "access.yaml", folder / "keys.json"
        self.signer = Signer("HS256", "k")
        keys.write_text(json.dumps({"keys": [self.signer.jwk]}))
        self.text = (
            f"keys: {{own: {{hash: 'sha256:{digest}', publish: ['*'], subscribe: ['*'],"
            f" tools: ['*']{more}}}}}\n"
            f"jwt: {{jwks: {keys}, audience: ringcast, algorithms: [HS256], leeway_s: 0{claims}}}\n"
        )
        self.path.write_text(self.text)
        self.config = f"auth: {{access: {self.path}}}\n{QUIET}"

    def token(self, seconds):
        of = grants(publish=["*"], subscribe=["*"], tools=["*"])
        return self.signer.token(**of, exp=time.time() + seconds, iss=None)


@pytest.fixture
def known(tmp_path):
    return Known(tmp_path)


def ended(connection, timeout_s=2.2):
    """Whether the server ends it, before the time is over."""
    end = time.monotonic() + timeout_s
    try:
        while connection.receive(max(end - time.monotonic(), 0.01)):
            assert time.monotonic() < end
        return True
    except (AssertionError, TimeoutError):
        return False


@pytest.mark.parametrize("what", ["mcp stream", "mcp websocket", "lines"])
def test_an_expired_token_ends_what_it_opened(start, known, what):
    port, token = start(known.config).port, known.token(1.2)
    if what == "mcp stream":

        class Client:
            def connect(self):
                return wire.Connection(port)

        session = mcp_wire.Session(Client(), authorization=f"Bearer {token}")
        connection = session.get().connection
    elif what == "mcp websocket":
        connection = ws_wire.WebSocket(port, target=f"/mcp?token={token}")
    else:
        connection = wire.Connection(port)
        fields = {"Transfer-Encoding": "chunked", **dict(bearer(token))}
        connection.send(wire.encode("POST", "/api/events/a?stream=lines", fields))
        connection.send(b"2\r\na\n\r\n")
    if what == "mcp websocket":
        connection.expect_close(1008)
    else:
        assert ended(connection)
    connection.close()


@pytest.mark.parametrize("what", ["sse", "websocket"])
def test_a_key_that_is_taken_away_ends_its_streams(start, known, what):
    server = start(known.config)
    connection = wire.Connection(server.port)
    headers = {"X-API-Key": KEY}
    if what == "sse":
        connection.send(wire.encode("GET", "/events?topic=a", headers))
    else:
        connection.send(ws_wire.handshake(headers.items(), "/ws?topic=a"))
    assert connection.response_head().status in (200, 101)
    known.path.write_text("anonymous: {}\n")
    server.signal(signal.SIGHUP)
    wire.wait_for(lambda: '"msg":"reloaded"' in server.log(), "the reload")
    assert ended(connection)
    connection.close()


def test_commands_count_for_the_rate(start):
    server = start(QUIET + "limits: {requests_per_minute: 20}\n")
    client = ws_client.Client(server.port, headers=[("X-Forwarded-For", "192.0.2.9")])
    answers = [client.ask("publish", topic="rated", data="x") for _ in range(200)]
    assert len([one for one in answers if one["type"] == "published"]) <= 21
    assert {one["error"]["code"] for one in answers if one["type"] == "error"} == {"rate_limited"}
    client.close()


def test_streams_of_mcp_count_for_their_client(start):
    server = start(QUIET + "limits: {max_streams_per_client: 2}\n")

    class Client:
        def connect(self):
            return wire.Connection(server.port)

    statuses, held = [], []
    for _ in range(4):
        session = mcp_wire.Session(Client())
        opened = session.get(headers=[("X-Forwarded-For", "192.0.2.9")])
        statuses.append(
            opened.head.status if isinstance(opened, mcp_wire.Events) else opened.status
        )
        held.append(opened)
    assert 429 in statuses


def small_rsa():
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    public = key.public_numbers()
    return {"kty": "RSA", "n": number(public.n), "e": number(public.e), "alg": "RS256"}


WEAK = {
    "RSA of 1024 bits": small_rsa(),
    "short secret": {"kty": "oct", "k": b64(b"short"), "alg": "HS256"},
    "exponent of one": {**small_rsa(), "e": "AQ"},
}


@pytest.mark.parametrize("name", WEAK)
def test_weak_keys_are_not_taken(start, tmp_path, name):
    """Alone in the set it is refused at the start; whatever is signed with it is never taken."""
    keys, access = tmp_path / "keys.json", tmp_path / "access.yaml"
    keys.write_text(json.dumps({"keys": [{**WEAK[name], "kid": "k"}]}))
    access.write_text(f"jwt: {{jwks: {keys}, audience: a, algorithms: [RS256, HS256]}}\n")
    with pytest.raises(AssertionError):
        start(f"auth: {{access: {access}}}\n")


def test_who_may_publish_nothing_is_not_asked_for_a_batch(start, tmp_path):
    access = tmp_path / "access.yaml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    access.write_text(f"keys: {{own: {{hash: 'sha256:{digest}', subscribe: ['*']}}}}\n")
    port = start(f"auth: {{access: {access}}}\n{QUIET}").port
    for expect in ({"Expect": "100-continue"}, {}):
        fields = {"Content-Length": "900000", "X-API-Key": KEY, **expect}
        with wire.Connection(port, timeout_s=1) as connection:
            connection.send(wire.encode("POST", "/api/events", fields))
            assert connection.response_head().status == 403


@pytest.mark.parametrize("chunked", [False, True])
def test_a_trickled_body_ends(start, chunked):
    server = start(QUIET + "limits: {body_timeout_ms: 300}\n")
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "900000"}
    with Stranger(server.port) as attacker:
        attacker.send(wire.encode("POST", "/api/events/a", framing))
        for _ in range(10):
            attacker.push(b"1\r\nx\r\n" if chunked else b"x")
            time.sleep(0.1)
        assert attacker.response().status == 408


def test_connections_beyond_a_clients_limit_hold_nothing(start):
    server = start(
        QUIET + "limits: {max_connections_per_client: 5, exempt: [127.0.0.77]}\n"
        "net: {trusted_proxies: []}\nring: {direct_descriptors: 64}\n",
        arguments=("--cores", "0"),
    )
    attackers = [Stranger(server.port, "127.0.0.66") for _ in range(150)]
    time.sleep(0.2)
    with Stranger(server.port, "127.0.0.77", timeout_s=2) as friend:
        friend.send(wire.encode("GET", "/health"))
        assert friend.response().status == 200
    for attacker in attackers:
        attacker.close()


def test_topics_without_events_leave_room(start):
    server = start(QUIET + "limits: {max_topics: 50}\n")
    held = [
        wire.subscribe(server.port, *(f"none.{n}.{m}" for m in range(20))) for n in range(2)
    ]  # fmt: skip
    for number_ in range(30):
        connection = Stranger(server.port)
        connection.send(wire.encode("GET", f"/events?topic=other.{number_}"))
        connection.response_head()
        connection.close()
    assert wire.request(server.port, "POST", "/api/events/own", (), "x").status == 200
    assert "own" in topics(server.port)
    for stream in held:
        stream.close()

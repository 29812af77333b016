"""Who may do what: API keys, tokens, the access file, in every transport; tokens of attackers."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import mcp_wire
import servers
import wire
import ws_wire

KEY = "rk_0123456789abcdefghijklmnopqrstuvwxyz"
ADMIN = "rk_admin89abcdefghijklmnopqrstuvwxyz0123"
ISSUER = "https://id.example"
SECRET = b"a secret of thirty-two bytes, yes"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Signer:
    """A private key, and its public half as a JSON Web Key."""

    def __init__(self, algorithm, kid):
        self.algorithm, self.kid = algorithm, kid
        if algorithm == "RS256":
            self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            public = self.key.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
        elif algorithm == "ES256":
            self.key = ec.generate_private_key(ec.SECP256R1())
            public = self.key.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": "P-256", "x": number(public.x, 32)}
            self.jwk["y"] = number(public.y, 32)
        elif algorithm == "EdDSA":
            self.key = ed25519.Ed25519PrivateKey.generate()
            raw = self.key.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw
            )
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        else:
            self.key, self.jwk = SECRET, {"kty": "oct", "k": b64(SECRET)}
        self.jwk = {**self.jwk, "kid": kid, "alg": algorithm, "use": "sig"}

    def token(self, headers=None, **claims):
        claims = {"iss": ISSUER, "aud": "ringcast", "exp": time.time() + 60, **claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.kid, **(headers or {})}
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers=headers)


@pytest.fixture(scope="module")
def signers():
    return {name: Signer(name, f"k-{name}") for name in ("RS256", "ES256", "EdDSA", "HS256")}


def policy(jwks, more=""):
    digest = [hashlib.sha256(key.encode()).hexdigest() for key in (KEY, ADMIN)]
    return f"""
anonymous: {{subscribe: [public.*]}}
keys:
  ingest: {{hash: "sha256:{digest[0]}", publish: [metrics.*], subscribe: [metrics.cpu]}}
  console: {{hash: "sha256:{digest[1]}", admin: true}}
jwt:
  jwks: {jwks}
  issuer: {ISSUER}
  audience: [ringcast]
  algorithms: [RS256, ES256, EdDSA, HS256]
{more}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory, signers):
    folder = tmp_path_factory.mktemp("access")
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": [signer.jwk for signer in signers.values()]}))
    access = folder / "access.yaml"
    access.write_text(policy(keys))
    server = servers.Server(folder, f"auth:\n  access: {access}\n").start()
    yield server
    server.stop()
    assert "ERROR: AddressSanitizer" not in server.log()


def publish(port, topic, headers=(), query=""):
    with wire.Connection(port) as connection:
        return connection.request("POST", f"/api/events/{topic}{query}", list(headers), b"x")


def opens(port, topic, headers=(), query=""):
    """The status of a subscription."""
    with wire.Connection(port) as connection:
        connection.send(wire.encode("GET", f"/events?topic={topic}{query}", list(headers)))
        return connection.response_head().status


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def grants(**of):
    return {"ringcast": of}


# --- API keys ---


def test_a_key_may_what_it_is_granted(server):
    key = [("X-API-Key", KEY)]
    assert publish(server.port, "metrics.cpu", key).status == 200
    refused = publish(server.port, "jobs.1", key)
    assert refused.status == 403 and refused.json()["error"]["code"] == "forbidden"
    assert 'scope="publish:jobs.1"' in refused.get("WWW-Authenticate")
    assert opens(server.port, "metrics.cpu", key) == 200
    for topic in ("metrics.memory", "metrics.*", "*"):
        assert opens(server.port, topic, key) == 403


def test_keys_that_are_none(server):
    for key in (KEY[:-1], KEY + "x", KEY.upper(), "x" * 9000):
        refused = publish(server.port, "metrics.cpu", [("X-API-Key", key)])
        assert refused.status in (401, 431) and KEY not in str(refused.body)


def test_who_brings_nothing(server):
    assert opens(server.port, "public.news") == 200
    assert opens(server.port, "jobs.1") == 401
    assert publish(server.port, "public.news").status == 401
    with wire.Connection(server.port) as connection:
        assert connection.request("GET", "/health").status == 200


def test_batches_are_all_or_nothing(server):
    events = [{"topic": "metrics.all", "data": "1"}, {"topic": "jobs.all", "data": "2"}]
    headers = [("X-API-Key", KEY), ("Content-Type", "application/json")]
    with wire.Connection(server.port) as connection:
        body = json.dumps(events).encode()
        assert connection.request("POST", "/api/events", headers, body).status == 403
    with wire.Connection(server.port) as connection:
        topics = connection.request("GET", "/api/topics", [("X-API-Key", ADMIN)]).json()["topics"]
    assert "metrics.all" not in [topic["topic"] for topic in topics]


def test_topics_are_listed_for_those_who_may_read_them(server):
    publish(server.port, "metrics.cpu", [("X-API-Key", KEY)])
    publish(server.port, "metrics.memory", [("X-API-Key", KEY)])
    with wire.Connection(server.port) as connection:
        answer = connection.request("GET", "/api/topics", [("X-API-Key", KEY)]).json()
    assert [topic["topic"] for topic in answer["topics"]] == ["metrics.cpu"]


def test_administering(server):
    for key, status in ((KEY, 403), (ADMIN, 200)):
        with wire.Connection(server.port) as connection:
            assert connection.request("GET", "/api/features", [("X-API-Key", key)]).status == status


# --- tokens ---


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "HS256"])
@pytest.mark.parametrize("how", ["header", "query", "cookie"])
def test_a_token_may_what_its_claims_grant(server, signers, algorithm, how):
    token = signers[algorithm].token(**grants(publish=["t.*"], subscribe="t.*"), sub="alice")
    headers, query = [], ""
    if how == "header":
        headers = bearer(token)
    elif how == "cookie":
        headers = [("Cookie", f"a=b; ringcast_token={token}; c=d")]
    else:
        query = f"&token={token}"
    for _ in range(3):  # the second time it is known already
        assert opens(server.port, "t.x", headers, query) == 200
        assert opens(server.port, "t.*", headers, query) == 200
        assert opens(server.port, "u", headers, query) == 403


def test_scopes_are_grants_too(server, signers):
    token = signers["ES256"].token(scope="openid publish:s.* subscribe:s.1 nonsense:x")
    assert publish(server.port, "s.9", bearer(token)).status == 200
    assert opens(server.port, "s.1", bearer(token)) == 200
    assert opens(server.port, "s.2", bearer(token)) == 403


def forged(signers):
    """Tokens that must not be taken, by what is wrong with them."""
    rsa_signer = signers["RS256"]
    good = grants(publish=["*"])
    head, body, signature = rsa_signer.token(**good).split(".")
    pem = rsa_signer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def signed_by_hand(header, key):
        text = f"{b64(json.dumps(header).encode())}.{body}"
        return f"{text}.{b64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"

    stranger = Signer("RS256", "k-RS256")
    none = b64(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    yield "alg none", f"{none}.{body}."
    yield "alg none with a signature", f"{none}.{body}.{signature}"
    yield "alg None", f"{b64(json.dumps({'alg': 'None'}).encode())}.{body}."
    swap = {"alg": "HS256", "kid": "k-RS256"}
    yield "HS/RS swap", signed_by_hand(swap, pem)
    yield "HS/RS swap without kid", signed_by_hand({"alg": "HS256"}, pem)
    yield "key of its own", stranger.token(**good)
    yield "key in its header", stranger.token({"jwk": stranger.jwk}, **good)
    yield "key from an address", stranger.token({"jku": "http://127.0.0.1:9/k"}, **good)
    yield "unknown kid", rsa_signer.token({"kid": "other"}, **good)
    yield "kid of another algorithm", rsa_signer.token({"kid": "k-ES256"}, **good)
    yield "path as kid", signed_by_hand({"alg": "HS256", "kid": "../../dev/null"}, b"")
    yield "empty secret", signed_by_hand({"alg": "HS256", "kid": "k-HS256"}, b"")
    yield "expired", rsa_signer.token(**good, exp=time.time() - 61)
    yield "exp as text", rsa_signer.token(**good, exp="9999999999")
    yield "without exp", rsa_signer.token(**good, exp=None)
    yield "not yet", rsa_signer.token(**good, nbf=time.time() + 90)
    yield "wrong issuer", rsa_signer.token(**good, iss="https://evil.example")
    yield "no issuer", rsa_signer.token(**good, iss=None)
    yield "wrong audience", rsa_signer.token(**good, aud="other")
    yield "no audience", rsa_signer.token(**good, aud=None)
    yield "claims changed", f"{head}.{body[:-2]}AA.{signature}"
    yield "signature cut", f"{head}.{body}.{signature[:-4]}"
    yield "signature gone", f"{head}.{body}."
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{head}.{body}.{signature}.{signature}"
    yield "no text", "..."
    yield "not base64", "a.b\\.c"
    yield "very long", f"{head}.{'A' * 9000}.{signature}"


def test_forged_tokens(server, signers):
    for what, token in forged(signers):
        answer = publish(server.port, "x", bearer(token))
        assert answer.status == 401, f"{what}: {answer}"
        assert 'error="invalid_token"' in answer.get("WWW-Authenticate"), what
        assert answer.json()["error"]["message"].endswith("."), what
    token = signers["RS256"].token(**grants(publish=["*"]))
    assert publish(server.port, "x", bearer(token)).status == 200


def test_claims_of_any_form_grant_nothing_by_accident(server, signers):
    for claim in (5, None, [], "publish", {"publish": 5}, {"publish": {"*": 1}}, {"admin": "true"},
                  {"publish": ["", "a b", "x" * 300]}, {"Publish": ["*"]}):  # fmt: skip
        token = signers["EdDSA"].token(ringcast=claim)
        assert publish(server.port, "x", bearer(token)).status == 403


def test_a_stream_ends_when_its_token_expires(server, signers):
    token = signers["HS256"].token(**grants(subscribe=["*"]), exp=time.time() - 58)
    with wire.Connection(server.port) as connection:
        connection.send(wire.encode("GET", "/events?topic=t", bearer(token)))
        assert connection.response_head().status == 200
        while connection.receive(wire.TIMEOUT_S):
            pass
        assert b"event: error" in connection.buffer and b"expired_token" in connection.buffer


def test_a_websocket_ends_when_its_token_expires(server, signers):
    token = signers["HS256"].token(**grants(subscribe=["*"]), exp=time.time() - 58)
    connection = ws_wire.WebSocket(server.port, target=f"/ws?token={token}")
    assert json.loads(connection.frame().payload)["type"] == "welcome"
    connection.expect_close(1008)


# --- every transport ---


def say(connection, **command):
    connection.send(ws_wire.frame(ws_wire.TEXT, json.dumps(command).encode()))
    return json.loads(connection.frame().payload)


def test_commands_over_websocket(server, signers):
    of = grants(publish=["p.*"], subscribe=["s.*"], rooms=["r-*"])
    token = signers["ES256"].token(**of)
    connection = ws_wire.WebSocket(server.port, target=f"/ws/collab?token={token}")
    assert json.loads(connection.frame().payload)["type"] == "welcome"
    assert say(connection, type="subscribe", topic="s.1")["type"] == "subscribed"
    assert say(connection, type="subscribe", topic="s.*")["type"] == "subscribed"
    assert say(connection, type="publish", topic="p.1", data="x")["type"] == "published"
    for refused in (
        {"type": "subscribe", "topic": "p.1"},
        {"type": "subscribe", "topics": ["s.2", "*"]},
        {"type": "publish", "topic": "s.1", "data": "x"},
        {"type": "join", "room": "other"},
    ):
        answer = say(connection, **refused)
        assert "forbidden" in json.dumps(answer), (refused, answer)
    assert say(connection, type="join", room="r-1")["type"] == "joined"
    connection.close()


@pytest.mark.parametrize("target, status", [
    ("/ws/admin", 403), ("/ws/agent/7", 403), ("/ws/jobs", 403), ("/ws/process/1", 403),
])  # fmt: skip
def test_routes_over_websocket(server, signers, target, status):
    token = signers["ES256"].token(**grants(publish=["p.*"], subscribe=["s.*"]))
    with wire.Connection(server.port) as connection:
        connection.send(ws_wire.handshake(bearer(token), target))
        assert connection.response_head().status == status


def test_mcp_needs_tools(server, signers):
    body = mcp_wire.message("initialize", {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}})  # fmt: skip
    for of, status in ((grants(subscribe=["*"]), 403), (grants(tools=["*"]), 200)):
        with wire.Connection(server.port) as connection:
            token = signers["ES256"].token(**of)
            assert mcp_wire.post(connection, body, bearer(token)).status == status


def test_tools_and_their_topics(server, signers):
    tools = ["list_topics", "publish_event", "read_*"]
    of = grants(tools=tools, publish=["m.*"], subscribe=["m.*"])

    class Client(mcp_wire.Stateless):
        def __init__(self):
            super().__init__(None)
            self.headers = bearer(signers["ES256"].token(**of, sub="mcp"))

        def post(self, body, headers=None, connection=None):
            with wire.Connection(server.port) as connection:
                fields = self.headers_of(body) if headers is None else headers
                return mcp_wire.post(connection, body, [*fields, *self.headers])

    client = Client()
    names = {tool["name"] for tool in client.ask("tools/list")["result"]["tools"]}
    assert names == {"list_topics", "publish_event", "read_history"}
    body = client.request("tools/call", {"name": "wait_for_event", "arguments": {"topic": "m.x"}})
    refused = client.post(body)
    assert refused.status == 403 and "tools:wait_for_event" in refused.json()["error"]["message"]
    assert "isError" not in client.call("publish_event", topic="m.x", data="1")["result"]
    answer = client.call("publish_event", topic="other", data="1")
    assert "publish:other" in mcp_wire.text_of(answer)
    assert "subscribe:jobs.1" in mcp_wire.text_of(client.call("read_history", topic="jobs.1"))
    listed = client.call("list_topics")["result"]["structuredContent"]["topics"]
    assert [topic["topic"] for topic in listed] == ["m.x"]
    assert client.ask("resources/read", {"uri": "events://m.x"})["result"]["contents"]
    assert "error" in client.ask("resources/read", {"uri": "events://metrics.cpu"})


# --- the access file, reload, providers ---


@pytest.mark.parametrize(
    "text, why",
    [
        ("anonymus: {}", "did you mean anonymous"),
        ("keys: {a: {publish: [x]}}", "sha256"),
        ("keys: {a: {hash: 'sha256:12', publish: [x]}}", "64 hexadecimal"),
        ("anonymous: {publsh: [x]}", "did you mean publish"),
        ("anonymous: {publish: ['a b']}", "bad name"),
        ("anonymous: {admin: maybe}", "true or false"),
        ("jwt: {issuer: x}", "jwks is missing"),
        ("jwt: {jwks: /none.json, audience: me}", "Cannot read"),
        ("jwt: {jwks: /dev/null, audience: me}", "Key Set"),
        ("jwt: {jwks: /none.json, algorithms: [none]}", "is none of"),
        ("jwt: {jwks: /none.json}", "audience is missing"),
        ("a: [", "access.yaml:"),
        ("[]", "expected keys and values"),
    ],
)
def test_access_files_that_are_wrong(start, tmp_path, text, why):
    access = tmp_path / "access.yaml"
    access.write_text(text)
    with pytest.raises(AssertionError) as failed:
        start(f"auth:\n  access: {access}\n")
    assert why in str(failed.value)


def test_a_public_listener_wants_to_know_who_comes(start):
    port = servers.free_port()
    also = ["--listen", f"0.0.0.0:{port}"]
    with pytest.raises(AssertionError, match="allow_public"):
        start(arguments=also)
    start("auth:\n  allow_public: true\n", arguments=also)
    assert publish(port, "x").status == 200


class Provider(http.server.BaseHTTPRequestHandler):
    keys, asked, broken = [], 0, False

    def do_GET(self):
        type(self).asked += 1
        body = b"oops" if self.broken else json.dumps({"keys": self.keys}).encode()
        self.send_response(500 if self.broken else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_provider_rotates_its_keys(start, tmp_path):
    old, new = Signer("ES256", "old"), Signer("ES256", "new")
    Provider.keys, Provider.broken = [old.jwk], True
    provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    access = tmp_path / "access.yaml"
    jwks = f"http://127.0.0.1:{provider.server_address[1]}/jwks"
    access.write_text(policy(jwks, "  refresh_s: 1\n"))
    server = start(f"auth:\n  access: {access}\n")

    def may(signer):
        token = signer.token(**grants(publish=["*"]))
        return publish(server.port, "x", bearer(token)).status == 200

    assert not may(old)  # the provider is down, and the server serves
    Provider.broken = False
    wire.wait_for(lambda: may(old), "the keys")
    Provider.keys = [new.jwk]
    wire.wait_for(lambda: may(new), "the new key")
    assert not may(old)
    Provider.broken = True
    time.sleep(1.5)
    assert may(new), "keys are kept while the provider is down"
    Provider.broken, Provider.keys = False, [Signer("HS256", "secret").jwk]
    time.sleep(1.5)
    assert may(new), "a secret from the network is no key set"
    provider.shutdown()

"""MCP's authorization: how a client without a token learns whom to ask, and what for (RFC 9728),
up to the official client that finds its way from a 401 to a tool by itself."""

import base64
import http.server
import json
import pathlib
import subprocess
import threading
import urllib.parse

import pytest

import mcp_wire
import npm_packages
import servers
import wire
from test_access import Signer, bearer, grants

METADATA = "/.well-known/oauth-protected-resource"
CLIENT = pathlib.Path(__file__).parent / "oauth_client.mjs"


class Provider(http.server.ThreadingHTTPServer):
    """An authorization server: metadata, a key set, and tokens for a client that has a secret."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.signer = Signer("ES256", "k1")
        self.asked = []  # for tokens
        self.claims = grants(tools=["*"], subscribe=["*"])
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answers(http.server.BaseHTTPRequestHandler):
    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = self.server.url
        if self.path == "/keys.json":
            self.answer({"keys": [self.server.signer.jwk]})
        elif self.path == "/.well-known/oauth-authorization-server":
            self.answer({
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
            })  # fmt: skip
        else:
            self.answer({}, 404)

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in urllib.parse.parse_qs(text).items()}
        self.server.asked.append(asked)
        basic = base64.b64encode(b"me:secret").decode()
        if self.path != "/token" or self.headers["Authorization"] != f"Basic {basic}":
            return self.answer({"error": "invalid_client"}, 401)
        token = self.server.signer.token(
            iss=self.server.url, aud=asked.get("resource"), sub="me", **self.server.claims
        )
        return self.answer({"access_token": token, "token_type": "Bearer", "expires_in": 60})

    def log_message(self, *_):
        pass


@pytest.fixture
def provider():
    server = Provider()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def guarded(start, provider, tmp_path):
    """A server that takes the provider's tokens for itself, and its base URL."""
    port = servers.free_port()
    access = tmp_path / "access.yaml"
    access.write_text(
        f"jwt:\n  jwks: {provider.url}/keys.json\n  issuer: {provider.url}\n"
        f"  resource: http://127.0.0.1:{port}\n"
    )
    server = start(f"auth: {{access: {access}}}\n", port=port)

    def keys_are_known():
        token = provider.signer.token(iss=provider.url, aud=server.url("/mcp"), **grants())
        return wire.request(port, "GET", "/api/topics", bearer(token)).status == 200

    wire.wait_for(keys_are_known, "the provider's keys")
    return server


def test_metadata(guarded, provider):
    of_all = wire.request(guarded.port, "GET", METADATA).json()
    assert of_all["resource"] == guarded.url("")
    assert of_all["authorization_servers"] == [provider.url]
    assert of_all["bearer_methods_supported"] == ["header"]
    assert set(of_all["scopes_supported"]) >= {"publish:*", "subscribe:*", "tools:*", "admin"}
    of_mcp = wire.request(guarded.port, "GET", f"{METADATA}/mcp").json()
    assert of_mcp["resource"] == guarded.url("/mcp")
    assert "tools:publish_event" in of_mcp["scopes_supported"]
    wire.assert_error(wire.request(guarded.port, "GET", f"{METADATA}/other"), 404)
    wire.assert_error(wire.request(guarded.port, "POST", METADATA), 405)


def challenge_of(answer):
    """The parameters of WWW-Authenticate: Bearer."""
    scheme, _, rest = answer.get("WWW-Authenticate").partition(" ")
    assert scheme == "Bearer"
    return {
        name.strip(): value.strip().strip('"')
        for name, _, value in (part.partition("=") for part in rest.split(","))
    }


def initialize():
    return mcp_wire.message("initialize", {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}})  # fmt: skip


def post(port, body, headers=()):
    with wire.Connection(port) as connection:
        return mcp_wire.post(connection, body, list(headers))


def test_whoever_brings_nothing_learns_where_to_get_it(guarded):
    asked = challenge_of(post(guarded.port, initialize()))
    assert asked["resource_metadata"] == guarded.url(f"{METADATA}/mcp")
    assert asked["scope"] == "tools:*" and "error" not in asked
    asked = challenge_of(wire.request(guarded.port, "GET", "/events?topic=a"))
    assert asked["resource_metadata"] == guarded.url(METADATA)


def test_tokens_for_somebody_else_are_not_taken(guarded, provider):
    for audience, status in (
        (guarded.url("/mcp"), 200),
        (guarded.url(""), 200),
        ("https://other.example/mcp", 401),
        (guarded.url("/mcp/more"), 401),
        (None, 401),
    ):
        token = provider.signer.token(iss=provider.url, aud=audience, **grants(tools=["*"]))
        answer = post(guarded.port, initialize(), bearer(token))
        assert answer.status == status, audience
        if status == 401:
            assert challenge_of(answer)["error"] == "invalid_token"


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_a_tool_that_is_not_granted_names_its_scope(guarded, provider, version):
    token = provider.signer.token(
        iss=provider.url, aud=guarded.url("/mcp"), **grants(tools=["list_topics"])
    )
    if version == "2026-07-28":

        class Client(mcp_wire.Stateless):
            def post(self, body, headers=None, connection=None):
                fields = self.headers_of(body) if headers is None else headers
                return post(guarded.port, body, [*fields, *bearer(token)])

        client = Client(None)
        call = client.request("tools/call", {"name": "publish_event", "arguments": {}})
        answer = client.post(call)
    else:
        opened = post(guarded.port, initialize(), bearer(token))
        session = [("Mcp-Session-Id", opened.get("Mcp-Session-Id")), *bearer(token)]
        post(guarded.port, mcp_wire.message("notifications/initialized", None, None), session)
        call = mcp_wire.message("tools/call", {"name": "publish_event", "arguments": {}})
        answer = post(guarded.port, call, session)
    assert answer.status == 403
    asked = challenge_of(answer)
    assert asked["error"] == "insufficient_scope" and asked["scope"] == "tools:publish_event"
    assert asked["resource_metadata"] == guarded.url(f"{METADATA}/mcp")
    assert answer.json()["error"]["data"] == {"scope": "tools:publish_event"}


def test_the_official_client_finds_its_way(guarded, provider):
    command = [npm_packages.node(), CLIENT, npm_packages.MODULES, guarded.url("/mcp")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "publish_event" in json.loads(done.stdout)
    assert provider.asked[0]["grant_type"] == "client_credentials"
    assert provider.asked[0]["resource"] == guarded.url("/mcp")


def test_a_key_that_is_new_is_asked_for(guarded, provider):
    """Long before it is time to ask the provider again (jwt.refresh_s)."""
    old = provider.signer
    provider.signer = Signer("ES256", "k2")
    token = provider.signer.token(iss=provider.url, aud=guarded.url("/mcp"), **grants(tools=["*"]))

    def is_taken():
        return post(guarded.port, initialize(), bearer(token)).status == 200

    assert not is_taken()
    wire.wait_for(is_taken, "the new key", timeout_s=15)
    token = old.token(iss=provider.url, aud=guarded.url("/mcp"), **grants(tools=["*"]))
    assert post(guarded.port, initialize(), bearer(token)).status == 401, "the old one is gone"


def test_without_an_authorization_server_there_is_no_metadata(start, tmp_path):
    server = start()
    wire.assert_error(wire.request(server.port, "GET", METADATA), 404)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [Signer("ES256", "k").jwk]}))
    access = tmp_path / "access.yaml"
    access.write_text(f"jwt: {{jwks: {keys}, audience: [me]}}\n")
    server = start(f"auth: {{access: {access}}}\n")
    wire.assert_error(wire.request(server.port, "GET", METADATA), 404)
    assert "resource_metadata" not in challenge_of(wire.request(server.port, "GET", "/api/topics"))


@pytest.mark.parametrize(
    "rules, complaint",
    [
        ("jwks: /k", "audience is missing"),
        ("jwks: /k, resource: events.example", "resource: expected https://NAME"),
        ("jwks: /k, resource: 'https://a.example/path'", "resource: expected https://NAME"),
        ("jwks: /k, audience: '*', authorization_servers: [me]", "`me` is no https:// address"),
    ],
)
def test_bad_access_files(tmp_path, rules, complaint):
    access = tmp_path / "access.yaml"
    access.write_text(f"jwt: {{{rules}}}\n")
    done = subprocess.run(
        [servers.binary(), "access", "check", access], capture_output=True, text=True, timeout=20
    )
    assert done.returncode != 0 and complaint in done.stderr, done.stderr


def test_what_a_proxy_says_is_in_the_metadata(start, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [Signer("ES256", "k").jwk]}))
    access = tmp_path / "access.yaml"
    access.write_text(f"jwt: {{jwks: {keys}, issuer: 'https://id.example', audience: '*'}}\n")
    server = start(f"auth: {{access: {access}}}\nhosts: [events.example.org]\n")
    proxy = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "events.example.org",
    }
    metadata = wire.request(server.port, "GET", f"{METADATA}/mcp", proxy).json()
    assert metadata["resource"] == "https://events.example.org/mcp"
    proxy["X-Forwarded-Host"] = "evil.example"
    wire.assert_error(wire.request(server.port, "GET", METADATA, proxy), 421)

"""Ways around the access file that must not be there: cookies of foreign pages, topics named beside
a route, completion, reloads, tokens with conditions."""

import hashlib
import json
import signal
import subprocess

import pytest

import mcp_wire
import servers
import wire
import ws_wire
from test_access import Signer, bearer

KEYS = {name: f"{name}-key-of-at-least-16" for name in ("agent", "tools", "boss")}


def policy(more=""):
    hashes = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in KEYS.items()}
    return (
        "keys:\n"
        f"  agent: {{hash: 'sha256:{hashes['agent']}', publish: [control.42]}}\n"
        f"  tools: {{hash: 'sha256:{hashes['tools']}', tools: ['*'], subscribe: [open.*]}}\n"
        f"  boss: {{hash: 'sha256:{hashes['boss']}', admin: true}}\n{more}"
    )


@pytest.fixture
def guarded(start, tmp_path):
    access = tmp_path / "access.yaml"
    access.write_text(policy())

    def make(more=""):
        return start(f"auth: {{access: {access}}}\n{more}")

    return make


def key(name):
    return [("X-API-Key", KEYS[name])]


def upgrade(port, path, headers):
    with wire.Connection(port) as connection:
        connection.send(wire.encode("GET", path, [*ws_wire.HANDSHAKE, *headers]))
        return connection.response_head().status


def test_topics_named_beside_a_route_need_their_grant(guarded):
    port = guarded().port
    assert upgrade(port, "/ws/agent/42", key("agent")) == 101
    assert upgrade(port, "/ws/agent/42?topic=secret.*", key("agent")) == 403
    assert upgrade(port, "/ws/agent/43", key("agent")) == 403
    assert upgrade(port, "/ws/collab?topic=secret.1", key("tools")) == 403


TRUSTING = "cors: {origins: ['https://app.example'], credentials: true}\n"
COOKIE = ("Cookie", f"ringcast_token={KEYS['boss']}")


@pytest.mark.parametrize(
    "cors, origin, status",
    [
        ("", None, 101),
        ("", "http://localhost", 101),
        ("", "http://localhost:3000", 401),
        ("cors: {origins: ['*']}\n", "https://evil.example", 401),
        ("cors: {origins: ['https://app.example']}\n", "https://app.example", 401),
        (TRUSTING, "https://app.example", 101),
        (TRUSTING, "https://b.example", 403),
    ],
)
def test_cookies_are_for_pages_that_may_use_them(guarded, cors, origin, status):
    port = guarded(cors).port
    headers = [COOKIE] + ([("Origin", origin)] if origin else [])
    assert upgrade(port, "/ws/admin", headers) == status
    with wire.Connection(port) as connection:
        body = b'{"enabled":true}'
        path = "/api/features/stream-monitoring"
        answer = connection.request("POST", path, [*headers, ("Content-Type", "text/plain")], body)
        assert answer.status == {101: 200}.get(status, status)


def test_links_on_foreign_pages_bring_no_cookie(guarded):
    port = guarded().port
    for site, status in (("cross-site", 401), ("same-origin", 200), ("none", 200)):
        with wire.Connection(port) as connection:
            headers = [COOKIE, ("Sec-Fetch-Site", site)]
            assert connection.request("GET", "/api/topics", headers).status == status


def test_completion_shows_what_may_be_followed(guarded):
    port = guarded().port
    for topic in ("secret.1", "open.1"):
        with wire.Connection(port) as connection:
            path = f"/api/events/{topic}"
            assert connection.request("POST", path, key("boss"), b"x").status == 200

    class Client(mcp_wire.Stateless):
        def post(self, body, headers=None, connection=None):
            fields = self.headers_of(body) if headers is None else headers
            with wire.Connection(port) as connection:
                return mcp_wire.post(connection, body, [*fields, *key("tools")])

    asked = {
        "ref": {"type": "ref/resource", "uri": "events://{+topic}"},
        "argument": {"name": "topic", "value": ""},
    }
    answer = Client(None).ask("completion/complete", asked)
    assert answer["result"]["completion"]["values"] == ["open.1"]


def test_a_token_in_the_query_publishes(guarded):
    port = guarded().port
    path = f"/api/events/control.42?token={KEYS['agent']}"
    assert wire.request(port, "POST", path, {}, b"x").status == 200


def test_a_reload_does_not_open_a_public_listener(tmp_path):
    access, path = tmp_path / "access.yaml", tmp_path / "ringcast.yaml"
    access.write_text(policy())
    port = servers.free_port()
    text = f"listen: ['0.0.0.0:{port}']\n"
    path.write_text(text + f"auth: {{access: {access}}}\n")
    server = servers.Process([servers.binary(), "serve", "--config", path], tmp_path / "log")
    server.start(lambda: '"ready"' in server.log(), "ringcast")
    try:
        for auth in ("auth: {}\n", f"auth: {{access: {access}, enabled: false}}\n"):
            path.write_text(text + auth)
            before = server.log().count("reload refused")
            server.signal(signal.SIGHUP)
            wire.wait_for(lambda n=before: server.log().count("reload refused") > n, "the refusal")
            assert wire.request(port, "POST", "/api/events/a", {}, b"x").status == 401
    finally:
        assert server.terminate() == 0
    done = subprocess.run(
        [servers.binary(), "serve", "--config", path], capture_output=True, text=True, timeout=20
    )
    assert done.returncode != 0 and "nobody has to bring" in done.stderr


def test_conditions_of_a_token_are_not_passed_over(start, tmp_path):
    signer = Signer("HS256", "k")
    keys, access = tmp_path / "keys.json", tmp_path / "access.yaml"
    keys.write_text(json.dumps({"keys": [signer.jwk]}))
    access.write_text(f"jwt: {{jwks: {keys}, audience: ringcast, algorithms: [HS256]}}\n")
    port = start(f"auth: {{access: {access}}}\n").port
    for headers, status in (({}, 200), ({"crit": ["x"], "x": 1}, 401), ({"crit": "x"}, 401)):
        token = signer.token(headers=headers, scope="subscribe:*")
        assert wire.request(port, "GET", "/api/topics", dict(bearer(token))).status == status


def test_an_unreadable_proxy_frees_nobody_of_limits(start):
    server = start("limits: {requests_per_minute: 3}\nnet: {forwarded: forwarded}\n")

    def ask(value):
        return wire.request(server.port, "GET", "/api/topics", {"Forwarded": value}).status

    assert [ask("for=7.7.7.7") for _ in range(4)] == [200, 200, 200, 429]
    assert [ask("===, for=7.7.7.7") for _ in range(5)][-1] == 429


def test_without_cors_the_answer_names_the_switch(start):
    server = start("cors: {enabled: false, origins: ['https://app.example']}\n")
    answer = wire.request(server.port, "GET", "/health", {"Origin": "https://app.example"})
    assert answer.status == 403 and b"cors.enabled" in answer.body

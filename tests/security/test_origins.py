"""Names and addresses that a client claims: Host, Origin, forwarded headers, PROXY headers."""

import hashlib

import pytest
import servers
import wire
import ws_client
import ws_wire
from hostile import Stranger, log_lines

NAMES = "hosts: [events.example.org, '*.below.example']\n"
PAGES = (
    "cors: {origins: ['https://app.example', 'https://*.pages.example', 'http://localhost:*'],"
    " credentials: true}\n"
)
KEY = "boss-key-of-at-least-16"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("origins")
    access = folder / "access.yaml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    access.write_text(f"keys: {{boss: {{hash: 'sha256:{digest}', admin: true}}}}\n")
    config = f"{NAMES}{PAGES}auth: {{access: {access}}}\nlog: {{level: debug}}\n"
    server = servers.Server(folder, config + "net: {trusted_proxies: [127.0.0.1]}\n").start()
    yield server
    server.stop()
    assert server.child.returncode == 0


STRANGE_HOSTS = [
    "evil.example", "events.example.org.evil.example", "evil-events.example.org", "example.org",
    "xevents.example.org", "events.example.org:80.evil.example", "events.example.orgx",
    "events.example.org%00", "events.example.org%2eevil.example", "below.example", "xbelow.example",
    "a.below.example.evil", "localhost.evil.example", "127.0.0.1.evil.example", "localhost..",
    "events.example.org..", "events.example.org:evil", "127.1", "0x7f.0.0.1",
    "2130706433", "[::1].evil.example", "[::1", "::1", "events\u3002example.org", ".below.example",
    "ev\u0435nts.example.org", "xn--vents-1of.example.org", "events.example.org,evil.example",
]  # fmt: skip
ROUTES = ("/health", "/events?topic=a", "/api/topics", "/mcp", "/", "/metrics", "/sse", "/nothing")


def test_names_of_others(server):
    """DNS rebinding: a page's own name, pointed here, is answered before anything is done."""
    for host in STRANGE_HOSTS:
        for route in ROUTES if host == "evil.example" else ROUTES[:2]:
            headers = {"Host": host, "X-API-Key": KEY}
            with wire.Connection(server.port) as connection:
                connection.send(wire.encode("GET", route, headers))
                assert connection.response_head().status in (421, 400), (host, route)
    attempt = {**dict(ws_wire.HANDSHAKE), "Host": "evil.example", "X-API-Key": KEY}
    with wire.Connection(server.port) as connection:
        connection.send(wire.encode("GET", "/ws", attempt))
        assert connection.response_head().status == 421
    for host in ("events.example.org", "EVENTS.example.org:443", "a.below.example", "127.0.0.1"):
        assert wire.request(server.port, "GET", "/health", {"Host": host}).status == 200, host


def test_absolute_targets_and_host(server):
    """Where both name a host the target's counts (RFC 9112 §3.2.2), and both must be ours."""
    for target, host, good in (
        ("http://evil.example/health", "events.example.org", False),
        ("http://events.example.org/health", "events.example.org", True),
        ("http://events.example.org@evil.example/health", "events.example.org", False),
        ("http://evil.example@events.example.org/health", "events.example.org", False),
        ("http://events.example.org:80@evil.example/health", "events.example.org", False),
        ("http://evil.example\\@events.example.org/health", "events.example.org", False),
        ("http:///health", "events.example.org", False),
        ("http://events.example.org.evil.example/health", "events.example.org", False),
        ("//evil.example/health", "events.example.org", False),
    ):
        status = wire.request(server.port, "GET", target, {"Host": host}).status
        assert (status == 200) == good and status in (200, 400, 404, 421), (target, status)


def test_a_forwarded_host_is_one_of_ours(server):
    for host in STRANGE_HOSTS[:6]:
        headers = {"Host": "events.example.org", "X-Forwarded-Host": host}
        assert wire.request(server.port, "GET", "/health", headers).status == 421, host
    for value in ("events.example.org, evil.example", "evil.example, events.example.org"):
        headers = {"Host": "events.example.org", "X-Forwarded-Host": value}
        assert wire.request(server.port, "GET", "/health", headers).status in (200, 400, 421)
    # Of somebody who is no proxy of ours it does not count, for better or worse.
    with Stranger(server.port, "127.0.0.9") as stranger:
        headers = {"Host": "evil.example", "X-Forwarded-Host": "events.example.org"}
        stranger.send(wire.encode("GET", "/health", headers))
        assert stranger.response().status == 421


STRANGE_PAGES = [
    "null", "https://evil.example", "https://app.example.evil", "https://evilapp.example",
    "https://app.example@evil.example", "https://evil.example@app.example", "http://app.example",
    "https://app.example:8443", "https://app.example/", "https://app.example/x",
    "https://app.example,https://evil.example", "https://app.example https://evil.example",
    "https://pages.example", "https://evilpages.example", "https://a.pages.example.evil",
    "https://evil.example/.pages.example", "https://evil.example#.pages.example",
    "https://evil.example?.pages.example", "https://evil.example\\.pages.example",
    "https://a b.pages.example", "https://.pages.example", "http://localhost.evil.example",
    "http://localhost@evil.example", "http://localhost:80@evil.example", "http://localhost:80.evil",
    "https://localhost", "ftp://app.example", "file://", "chrome-extension://app.example", "",
    "https://", "app.example", "//app.example", "https:app.example", "https://app.ex\u0430mple",
    "https://app.example.", "https://app.example%00.evil", "*",
]  # fmt: skip


def test_pages_of_others(server):
    for origin in STRANGE_PAGES:
        headers = {"Host": "events.example.org", "Origin": origin, "X-API-Key": KEY}
        for route in ("/health", "/api/topics", "/events?topic=a", "/mcp"):
            answer = wire.request(server.port, "GET", route, headers)
            assert answer.status in (403, 400), (origin, route)
            assert answer.get("Access-Control-Allow-Origin") is None, origin
            assert answer.get("Access-Control-Allow-Credentials") is None, origin
        answer = wire.request(server.port, "POST", "/api/events/forged", headers, "x")
        assert answer.status in (403, 400), origin
    twice = [("Host", "events.example.org"), ("Origin", "https://app.example")]
    twice.append(("Origin", "https://evil.example"))
    assert wire.request(server.port, "GET", "/health", twice).status in (400, 403)
    for origin in ("https://app.example", "https://a.pages.example", "https://app.example:443"):
        headers = {"Host": "events.example.org", "Origin": origin}
        answer = wire.request(server.port, "GET", "/health", headers)
        assert answer.status == 200 and answer.get("Access-Control-Allow-Origin") == origin
        assert "origin" in answer.get("Vary").lower()


def test_preflights_of_others(server):
    for origin in STRANGE_PAGES[:12]:
        for more in (
            {"Access-Control-Request-Method": "POST"},
            {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "x"},
            {"Access-Control-Request-Private-Network": "true"},
        ):  # fmt: skip
            headers = {"Host": "events.example.org", "Origin": origin, **more}
            answer = wire.request(server.port, "OPTIONS", "/api/events/a", headers)
            assert answer.status in (400, 403), (origin, answer)
            assert not [name for name, _ in answer.headers if "allow-" in name.lower()], answer
    headers = {"Host": "events.example.org", "Origin": "https://app.example"}
    headers["Access-Control-Request-Method"] = "POST"
    headers["Access-Control-Request-Headers"] = "x-api-key, evil, cookie, *, mcp-param-a, a\tb"
    answer = wire.request(server.port, "OPTIONS", "/api/events/a", headers)
    allowed = answer.get("Access-Control-Allow-Headers").lower().split(", ")
    assert answer.status == 204 and "x-api-key" in allowed and "mcp-param-a" in allowed
    assert not {"evil", "cookie", "*", "a\tb"} & set(allowed)


def test_sockets_of_foreign_pages_with_a_cookie(server):
    """Cross-site WebSocket hijacking: the browser sends the cookie, and no preflight asks."""
    for origin in STRANGE_PAGES:
        headers = [("Cookie", f"ringcast_token={KEY}"), ("Origin", origin)]
        for target in ("/ws", "/ws/admin", "/ws/collab", "/mcp"):
            fields = [each for each in ws_wire.HANDSHAKE if each[0] != "Host"]
            fields = [("Host", "events.example.org"), *fields, *headers]
            with wire.Connection(server.port) as connection:
                connection.send(wire.encode("GET", target, fields))
                assert connection.response_head().status in (400, 403), (origin, target)
    good = [("Cookie", f"ringcast_token={KEY}"), ("Origin", "https://app.example")]
    client = ws_client.Client(server.port, "/ws/admin", headers=good)
    assert client.welcome
    client.close()


def switch(port, headers, source="127.0.0.1", before=b""):
    """The status for what only clients of this machine may do."""
    with Stranger(port, source) as connection:
        body = '{"enabled":true}'
        request = wire.encode("POST", "/api/features/sse-streaming", headers, body)
        connection.push(before + request)
        try:
            return connection.response_head().status
        except (EOFError, ConnectionError):
            return None


ADDRESSES = [
    "127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.1, 127.0.0.1",
    "unix:", "unknown", "192.0.2.9, 127.0.0.1", "", "127.0.0.1:80", "[::1]:80",
]  # fmt: skip


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X_Forwarded_For"])
def test_addresses_that_strangers_claim(start, header):
    """Behind a trusted proxy on this machine, and from somebody whom nobody trusts."""
    mode = "forwarded" if header == "Forwarded" else "x-forwarded-for"
    config = f"net: {{trusted_proxies: [127.0.0.1], forwarded: {mode}}}\nlog: {{level: debug}}\n"
    server = start(config + "limits: {requests_per_minute: 8, exempt: [127.0.0.1]}\n")

    def said(address):
        return f'for="{address}"' if header == "Forwarded" else address

    # A client that claims to be of this machine: the proxy appends who it was.
    real = (
        {"X-Forwarded-For": "192.0.2.9"} if mode != "forwarded" else {"Forwarded": "for=192.0.2.9"}
    )
    for address in ADDRESSES:
        claims = [(header, said(address)), *real.items()]
        assert switch(server.port, claims) in (403, 429), address
    # Nobody whom we trust: the limits are those of his own address, however many he claims.
    seen = []
    for number in range(12):
        claim = {header: said(f"203.0.113.{number}"), "X-Forwarded-For": f"203.0.113.{number}"}
        with Stranger(server.port, "127.0.0.9") as stranger:
            stranger.send(wire.encode("GET", "/api/topics", claim))
            seen.append(stranger.response().status)
    assert seen == [200] * 8 + [429] * 4
    ips = {line["client_ip"] for line in log_lines(server) if "client_ip" in line}
    assert not {each for each in ips if each.startswith("203.0.113.")}, ips


def test_proxy_headers_of_strangers(start):
    port = servers.free_port()
    config = "net: {trusted_proxies: [127.0.0.1]}\nlog: {level: debug}\n"
    server = start(config, arguments=["--listen", f"127.0.0.1:{port},proxy"])
    header = b"PROXY TCP4 192.0.2.43 198.51.100.1 56324 443\r\n"
    binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\x2b\xc6\x33\x64\1\0\1\0\2"
    for first in (header, binary):
        assert switch(port, (), "127.0.0.9", first) is None, "a stranger was believed"
        assert switch(port, (), "127.0.0.1", first) == 403
        # Where none is expected it is no request, and names nobody.
        assert switch(server.port, (), "127.0.0.1", first) == 400
        # Twice: the second is no header.
        assert switch(port, (), "127.0.0.1", first + first) == 400
    assert switch(port, ()) is None, "who sends no header is not let in"
    ips = {line["client_ip"] for line in log_lines(server) if "client_ip" in line}
    assert ips <= {"127.0.0.1", "127.0.0.9", "192.0.2.43"}

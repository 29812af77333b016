"""What one client, and one key, may take: requests a minute, streams and connections at once."""

import hashlib
import time

import pytest

import wire

KEY = "a-key-of-at-least-16-letters"
SLOW_KEY = "another-key-of-at-least-16-letters"


def hash_of(key):
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def from_client(address, **headers):
    """As a trusted proxy on this machine hands a request on."""
    return {"X-Forwarded-For": address, **headers}


def ask(server, address, path="/api/topics", **headers):
    return wire.request(server.port, "GET", path, from_client(address, **headers))


def test_rate_of_a_client(start):
    server = start("limits: {requests_per_minute: 5}\n")
    for _ in range(5):
        assert ask(server, "192.0.2.1").status == 200
    refused = ask(server, "192.0.2.1")
    wire.assert_error(refused, 429)
    assert 1 <= int(refused.get("Retry-After")) <= 12
    assert refused.get("RateLimit-Policy") == '"client";q=5;w=60'
    assert refused.get("RateLimit").startswith('"client";r=0;t=')
    assert ask(server, "192.0.2.2").status == 200, "others go on"
    assert ask(server, "192.0.2.1", "/health").status == 200
    assert ask(server, "192.0.2.1", "/metrics").status == 200
    for path in ("/events?topic=a", "/mcp", "/sse", "/api/features"):
        method = "POST" if path == "/mcp" else "GET"
        answer = wire.request(server.port, method, path, from_client("192.0.2.1"))
        assert answer.status == 429, path
    answer = wire.request(server.port, "POST", "/api/events/t", from_client("192.0.2.1"), b"x")
    assert answer.status == 429
    metrics = wire.request(server.port, "GET", "/metrics").body.decode()
    assert "ringcast_rate_limited_total 6" in metrics


def test_rate_is_of_a_network_of_ipv6(start):
    server = start("limits: {requests_per_minute: 2}\n")
    assert ask(server, "2001:db8:1:2::1").status == 200
    assert ask(server, "2001:db8:1:2:ffff::9").status == 200
    assert ask(server, "2001:db8:1:2:3::4").status == 429
    assert ask(server, "2001:db8:1:3::1").status == 200


def test_whoever_connects_to_us_may_not_choose_his_address(start):
    server = start("limits: {requests_per_minute: 3, exempt: []}\nnet: {trusted_proxies: []}\n")
    statuses = [ask(server, f"192.0.2.{n}").status for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_tokens_come_back(start):
    server = start("limits: {requests_per_minute: 120}\n")
    while ask(server, "192.0.2.1").status == 200:
        pass
    time.sleep(1.1)
    assert [ask(server, "192.0.2.1").status for _ in range(2)] == [200, 200]


def test_local_clients_have_no_limit(start):
    server = start("limits: {requests_per_minute: 2}\n")
    for _ in range(10):
        assert wire.request(server.port, "GET", "/api/topics").status == 200


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "access.yaml"
    path.write_text(
        "anonymous: {subscribe: ['*']}\n"
        "keys:\n"
        f"  fast: {{hash: '{hash_of(KEY)}', subscribe: ['*'], publish: ['*']}}\n"
        f"  slow: {{hash: '{hash_of(SLOW_KEY)}', subscribe: ['*'], requests_per_minute: 3}}\n"
    )
    return path


def test_rate_of_a_key(start, keys):
    server = start(
        f"auth: {{access: {keys}}}\n"
        "limits: {requests_per_minute: 2, requests_per_minute_per_key: 4}\n"
    )
    key = {"X-API-Key": KEY}
    slow = {"X-API-Key": SLOW_KEY}
    # A key counts wherever it comes from, this machine included, and not for the address.
    assert [ask(server, f"192.0.2.{n}", **key).status for n in range(6)] == [200] * 4 + [429] * 2
    refused = wire.request(server.port, "GET", "/api/topics", key)
    assert refused.status == 429
    assert refused.get("RateLimit-Policy") == '"key";q=4;w=60'
    assert [ask(server, "192.0.2.9", **slow).status for _ in range(4)] == [200] * 3 + [429]
    assert [ask(server, "192.0.2.9").status for _ in range(3)] == [200, 200, 429]


def test_wrong_keys_count_beside_what_is_asked(start, keys):
    server = start(f"auth: {{access: {keys}}}\nlimits: {{auth_failures_per_minute: 3}}\n")
    wrong = [ask(server, "192.0.2.1", **{"X-API-Key": f"guess-{n}-xxxxxxxxxxxx"}) for n in range(5)]
    assert [answer.status for answer in wrong] == [401, 401, 401, 429, 429]
    assert wrong[4].get("RateLimit-Policy") == '"auth-failures";q=3;w=60'
    assert 1 <= int(wrong[4].get("Retry-After")) <= 20
    assert ask(server, "192.0.2.1", **{"X-API-Key": KEY}).status == 200
    assert ask(server, "192.0.2.1").status == 200, "who brings nothing is not who guesses"
    assert ask(server, "192.0.2.2", **{"X-API-Key": "guess"}).status == 401


def test_switched_off_and_on(start):
    server = start("limits: {requests_per_minute: 1}\n")
    switch = "/api/features/stream-rate-limiting"
    assert [ask(server, "192.0.2.1").status for _ in range(2)] == [200, 429]
    assert wire.request(server.port, "POST", switch, {}, b'{"enabled":false}').status == 200
    assert ask(server, "192.0.2.1").status == 200
    assert wire.request(server.port, "POST", switch, {}, b'{"enabled":true}').status == 200
    assert ask(server, "192.0.2.1").status == 429
    server.stop()
    server = start("limits: {requests_per_minute: 1, rate_limiting: false}\n")
    assert [ask(server, "192.0.2.1").status for _ in range(3)] == [200] * 3


def test_streams_of_a_client(start):
    server = start("limits: {max_streams_per_client: 2}\n")

    def open_stream(address):
        connection = wire.Connection(server.port)
        connection.send(wire.encode("GET", "/events?topic=a", from_client(address)))
        return connection, connection.response_head()

    first, second = open_stream("192.0.2.1"), open_stream("192.0.2.1")
    assert first[1].status == second[1].status == 200
    third, answer = open_stream("192.0.2.1")
    assert answer.status == 429 and int(answer.get("Retry-After")) > 0
    other, answer = open_stream("192.0.2.2")
    assert answer.status == 200
    first[0].close()

    def again():
        connection, answer = open_stream("192.0.2.1")
        connection.close()
        return answer.status == 200

    wire.wait_for(again, "the place of the stream that ended")
    for connection in (second[0], third, other):
        connection.close()


def test_connections_of_a_client(start):
    server = start(
        "limits: {max_connections_per_client: 3, exempt: []}\nnet: {trusted_proxies: []}\n"
    )

    def place(target="/health"):
        """A connection, once there is room: those that have just been closed may still count."""
        connection = wire.Connection(server.port)
        connection.send(wire.encode("GET", target))
        if connection.response_head().status == 200:
            return connection
        connection.close()
        return None

    held = [wire.wait_for(place, "a place") for _ in range(3)]
    with wire.Connection(server.port) as connection:
        refused = connection.request("GET", "/health")
        wire.assert_error(refused, 429)
        assert refused.get("Retry-After")
    held.pop().close()
    # A stream is none of these connections any more.
    held.append(wire.wait_for(lambda: place("/events?topic=a"), "the place of one that ended"))
    held.append(wire.wait_for(place, "the place of the connection that became a stream"))
    for connection in held:
        connection.close()


def test_a_million_addresses(start):
    """One process cannot send a million requests in a test; the table's size says the same."""
    server = start("limits: {requests_per_minute: 2, rate_buckets: 64}\n")
    while ask(server, "198.51.100.1").status == 200:
        pass
    with wire.Connection(server.port) as connection:
        for n in range(5_000):
            address = f"10.{n // 65536}.{n // 256 % 256}.{n % 256}"
            answer = connection.request("GET", "/api/topics", from_client(address))
            assert answer.status == 200
    assert ask(server, "198.51.100.1").status == 429, "who was refused stays refused"
    forgotten = wire.request(server.port, "GET", "/metrics").body.decode()
    assert "ringcast_rate_forgotten_total 4" in forgotten  # 4 thousand and some

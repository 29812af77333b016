"""What the log says of requests: who and which, a flood of them counted, never a secret."""

import hashlib
import json
import re

import pytest

import wire
import ws_wire

SECRET = "s3cret-of-at-least-sixteen"


def refused(server, count=1):
    def there():
        lines = server.log_lines("request refused")
        return lines if len(lines) >= count else None

    return wire.wait_for(there, "the lines of the log")


def test_a_refusal_can_be_found_by_its_id(start):
    server = start()
    answer = wire.request(server.port, "GET", "/nothing", {"X-Forwarded-For": "192.0.2.7"})
    line = refused(server)[0]
    assert re.fullmatch("[0-9a-f]{16}", answer.get("X-Request-Id"))
    assert line["request_id"] == answer.get("X-Request-Id")
    assert (line["client_ip"], line["method"], line["path"]) == ("192.0.2.7", "GET", "/nothing")
    assert (line["status"], line["level"], line["error"]) == (404, "info", "not_found")
    again = wire.request(server.port, "GET", "/nothing")
    assert again.get("X-Request-Id") != answer.get("X-Request-Id")


def test_what_cannot_be_read_has_an_id_too(start):
    server = start()
    with wire.Connection(server.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
        answer = connection.response()
    assert answer.status == 400
    assert refused(server)[0]["request_id"] == answer.get("X-Request-Id")


@pytest.mark.parametrize(
    "brought, taken",
    [
        ("4f1c-a.b_C", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ('a","level":"error', False),
        ("é", False),
        ("", False),
    ],
)
def test_ids_that_are_brought(server, brought, taken):
    headers = {"X-Request-Id": brought}
    for path, status in (("/health", 200), ("/nothing", 404)):
        answer = wire.request(server.port, "GET", path, headers)
        assert answer.status == status
        assert (answer.get("X-Request-Id") == brought) == taken
        assert re.fullmatch(r"[\w.-]{1,64}", answer.get("X-Request-Id"))


def test_good_answers_have_one_only_if_it_was_brought(server):
    assert wire.request(server.port, "GET", "/health").get("X-Request-Id") is None


def test_a_flood_is_counted(start):
    server = start()
    with wire.Connection(server.port) as connection:
        for _ in range(500):
            assert connection.request("GET", "/nothing").status == 404
    wire.wait_for(lambda: any("suppressed" in line for line in server.log_lines()), "the count")
    server.stop()
    lines = server.log_lines()
    written = [line for line in lines if line["msg"] == "request refused"]
    assert len(written) < 150
    counted = sum(line.get("suppressed", 0) for line in lines)
    assert counted + sum("suppressed" not in line for line in written) == 500


def test_no_secret_is_ever_written(start):
    server = start(f"auth: {{tokens: [another-{SECRET}]}}\nlog: {{level: debug}}\n")
    port = server.port
    for headers in (
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": f"bearer   {SECRET}"},
        {"X-API-Key": SECRET},
        {"Cookie": f"ringcast_token={SECRET}; other={SECRET}"},
        {"X-Request-Id": f"Bearer {SECRET}"},
        {"Referer": f"https://a.example/?token={SECRET}"},
    ):
        wire.request(port, "GET", "/events?topic=a", headers)
        wire.request(port, "GET", "/api/topics", headers)
    for path in ("/events?topic=a&token=", "/api/topics?token=", "/x?a=b&token=", "/mcp?token=",
                 "/events%3Ftopic=a&token=", "/api/events/a&token=", "/x%3ftoken%3D"):
        for token in (SECRET, f"another-{SECRET}"):
            with wire.Connection(port) as connection:
                connection.send(wire.encode("GET", path + token))
                connection.response_head()
    with wire.Connection(port) as connection:
        connection.send(wire.encode("GET", f"/ws?token={SECRET}", ws_wire.HANDSHAKE))
        assert connection.response_head().status == 401
    with wire.Connection(port) as connection:
        connection.send(f"GET /?token={SECRET} HTTP/1.1\r\nHost: a b\r\n\r\n".encode())
        assert connection.response_head().status == 400
    server.stop()
    text = open(server.log_path, encoding="utf-8").read()
    assert '"/api/topics"' in text and SECRET not in text


def test_whose_it_was(start, tmp_path):
    access = tmp_path / "access.yaml"
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    access.write_text(f"keys: {{ingest: {{hash: 'sha256:{digest}', subscribe: [a]}}}}\n")
    server = start(f"auth: {{access: {access}}}\nlog: {{level: debug}}\n")
    key = {"X-API-Key": SECRET, "X-Request-Id": "mine"}
    assert wire.request(server.port, "POST", "/api/events/b", key, "x").status == 403
    assert wire.request(server.port, "POST", "/api/events/b", {}, "x").status == 401
    assert [(line["principal"], line["error"]) for line in refused(server, 2)] == [
        ("key:ingest", "forbidden"), ("", "unauthorized")
    ]
    with wire.Connection(server.port) as stream:
        stream.send(wire.encode("GET", "/events?topic=a", key))
        assert stream.response_head().status == 200
    with wire.Connection(server.port) as socket:
        socket.send(ws_wire.handshake(key.items(), "/ws?topic=a"))
        assert socket.response_head().status == 101
    server.stop()
    opened = [line for line in server.log_lines() if line["msg"].endswith(" opened")]
    assert [line["msg"] for line in opened] == ["stream opened", "websocket opened"]
    assert {(line["principal"], line["request_id"]) for line in opened} == {("key:ingest", "mine")}


@pytest.mark.parametrize(
    "path, session",
    [
        ("/api/stream/progress/a1", "a1"),
        ("/api/stream/quality/a1", "a1"),
        ("/api/stream/jobs/a1", ""),
        ("/ws/process/a1", "a1"),
        ("/ws/agent/a1", "a1"),
        ("/ws/a1", ""),
        ("/events?topic=a", ""),
    ],
)
def test_the_session_that_a_path_names(start, path, session):
    server = start("log: {level: debug}\n")
    is_websocket = path.startswith("/ws")
    with wire.Connection(server.port) as connection:
        connection.send(ws_wire.handshake((), path) if is_websocket else wire.encode("GET", path))
        assert connection.response_head().status == (101 if is_websocket else 200)
        message = "websocket opened" if is_websocket else "stream opened"
        (line,) = wire.wait_for(lambda: server.log_lines(message), "the line")
    assert line["session_id"] == session


def test_lines_cannot_be_forged(start):
    server = start()
    for path in ("/a%0d%0a{}", "/a%0A%22%7D", "/%00%1b[31m"):
        assert wire.request(server.port, "GET", path).status in (400, 404)
    assert len(refused(server, 3)) == 3
    with open(server.log_path, "rb") as file:
        for line in file.read().splitlines():
            assert json.loads(line)["msg"] and b"\x1b" not in line

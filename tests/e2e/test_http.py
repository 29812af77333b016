"""HTTP/1.1 as the server speaks it: framing, limits, errors, and what must never be accepted."""

import re
import socket
import threading
import time

import pytest

import wire
from wire import Connection, encode

HEALTH = encode("GET", "/health")


# --- Connections ---------------------------------------------------------------------------------


def test_keep_alive(server):
    with Connection(server.port) as connection:
        for _ in range(50):
            response = connection.request("GET", "/health")
            assert response.status == 200 and response.version == "HTTP/1.1"
            assert (response.get("Connection") or "keep-alive").lower() == "keep-alive"


def test_close_on_demand(server):
    with Connection(server.port) as connection:
        response = connection.request("GET", "/health", {"Connection": "close"})
        assert response.status == 200 and response.get("Connection", "").lower() == "close"
        assert connection.at_end()


def test_every_answer_has_a_date_and_one_length(server):
    for target in ("/health", "/ready", "/metrics", "/api/topics", "/", "/nothing"):
        response = wire.request(server.port, "GET", target)
        assert re.fullmatch(
            r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", response.get("Date", "")
        ), response
        framing = response.all("Content-Length") + response.all("Transfer-Encoding")
        assert len(framing) == 1, response


@pytest.mark.parametrize("count", [3, 64, 300])
def test_pipelined_requests_are_answered_in_order(server, topic, count):
    requests = b"".join(
        encode("POST", f"/api/events/{topic}.{n}", (), str(n))
        if n % 2
        else encode("GET", f"/nothing/{n}")
        for n in range(count)
    )
    with Connection(server.port) as connection:
        sender = threading.Thread(target=connection.send, args=(requests,))
        sender.start()
        for number in range(count):
            response = connection.response()
            if number % 2:
                assert response.status == 200 and response.json()["topic"] == f"{topic}.{number}"
            else:
                assert response.status == 404
        sender.join()


def test_pipelined_stream_comes_after_the_answers_before_it(server, topic):
    wire.publish(server.port, topic, "kept")
    with Connection(server.port) as connection:
        connection.send(HEALTH + HEALTH + encode("GET", f"/events?topic={topic}&from=earliest"))
        assert [connection.response().status for _ in range(2)] == [200, 200]
        assert connection.response_head().get("Content-Type", "").startswith("text/event-stream")
        assert b"data: kept\n\n" in connection.take_until(b"kept\n\n")


def test_request_in_single_bytes(server, topic):
    with Connection(server.port) as connection:
        for byte in encode("POST", f"/api/events/{topic}", (), "slowly"):
            connection.send(bytes([byte]))
        assert connection.response().status == 200


@pytest.mark.parametrize("part", range(5, 120, 10))
def test_request_split_anywhere(server, topic, part):
    first = encode(
        "POST", f"/api/events/{topic}", {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n"
    )
    data = first + HEALTH
    with Connection(server.port) as connection:
        connection.send(data[:part])
        time.sleep(0.01)
        connection.send(data[part:])
        assert [connection.response().status for _ in range(2)] == [200, 200]


def test_half_closed_client_is_answered(server):
    with Connection(server.port) as connection:
        connection.send(HEALTH)
        connection.half_close()
        assert connection.response().status == 200
        assert connection.at_end()


def test_leading_empty_lines_are_tolerated(server):
    with Connection(server.port) as connection:
        connection.send(b"\r\n\r\n" + HEALTH)
        assert connection.response().status == 200


def test_http_1_0_closes(server):
    with Connection(server.port) as connection:
        response = connection.request("GET", "/health", version="HTTP/1.0")
        assert response.status == 200 and response.get("Transfer-Encoding") is None
        assert connection.at_end()


def test_http_1_0_keep_alive(server):
    with Connection(server.port) as connection:
        response = connection.request(
            "GET", "/health", {"Connection": "keep-alive"}, version="HTTP/1.0"
        )
        assert response.status == 200
        if response.get("Connection", "").lower() == "keep-alive":
            assert connection.request("GET", "/health", version="HTTP/1.0").status == 200
        assert connection.at_end()


def test_http_1_0_stream(server, topic):
    wire.publish(server.port, topic, "kept")
    with Connection(server.port) as connection:
        connection.send(encode("GET", f"/events?topic={topic}&from=earliest", version="HTTP/1.0"))
        assert connection.response_head().get("Transfer-Encoding") is None
        connection.take_until(b"data: kept\n\n")


# --- Requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/health", "/ready", "/metrics", "/api/topics", "/", "/app.js", "/nothing"]
)
def test_head_is_get_without_the_body(server, target):
    with Connection(server.port) as connection:
        get, head = connection.request("GET", target), connection.request("HEAD", target)
        assert head.status == get.status and head.get("Content-Type") == get.get("Content-Type")
        if target not in ("/metrics", "/api/topics"):
            assert head.get("Content-Length") == get.get("Content-Length")
        assert connection.request("GET", "/health").status == 200


@pytest.mark.parametrize("target", ["*", "/", "/health", "/api/events/a", "/events?topic=a"])
def test_options(server, target):
    with Connection(server.port) as connection:
        response = connection.request("OPTIONS", target)
        assert response.status in (200, 204), response
        assert connection.request("GET", "/health").status == 200


def test_options_of_a_proxy_check(server):
    """HAProxy's `option httpchk` asks like this, without a Host."""
    with Connection(server.port) as connection:
        connection.send(b"OPTIONS / HTTP/1.0\r\n\r\n")
        assert connection.response().status in (200, 204)


def test_absolute_form(server):
    with Connection(server.port) as connection:
        for target in ("http://localhost/health", "http://localhost:8080/health?x=1"):
            assert connection.request("GET", target, {"Host": "other.example"}).status == 200
        assert connection.request("GET", "http://localhost").status == 200


@pytest.mark.parametrize("target", ["/nothing", "/api/stream/unknown/1", "/healthy", "/api"])
def test_unknown_paths(server, target):
    with Connection(server.port) as connection:
        wire.assert_error(connection.request("GET", target), 404)
        assert connection.request("GET", "/health").status == 200


@pytest.mark.parametrize("method", ["BREW", "M-SEARCH", "PROPFIND"])
def test_unknown_methods(server, method):
    with Connection(server.port) as connection:
        wire.assert_error(connection.request(method, "/health"), {405, 501})


@pytest.mark.parametrize("data", ["hello", "", "x" * 200_000])
@pytest.mark.parametrize("size", [1, 7, 4096, 300_000])
def test_chunked_bodies(server, topic, data, size):
    if len(data) // size > 1000:
        size = 997
    parts = [data[i : i + size].encode() for i in range(0, len(data), size)]
    body = b"".join(b"%X\r\n%s\r\n" % (len(part), part) for part in parts)
    body += b"0\r\nTrailer-Field: x\r\n\r\n"
    with Connection(server.port) as connection:
        response = connection.request(
            "POST", f"/api/events/{topic}", {"Transfer-Encoding": "chunked"}, body
        )
        assert response.status == 200, response
        assert connection.request("GET", "/health").status == 200
    with wire.subscribe(server.port, topic, from_="earliest") as stream:
        wire.publish(server.port, topic, "end")
        assert stream.event().data in ((data,) if data else ("", "end"))


def test_chunk_extensions_are_skipped(server, topic):
    body = b'5;name=value;quoted="a;b\\"c"\r\nhello\r\n0;last\r\n\r\n'
    response = wire.request(
        server.port, "POST", f"/api/events/{topic}", {"Transfer-Encoding": "chunked"}, body
    )
    assert response.status == 200, response


def test_expect_continue(server, topic):
    with Connection(server.port) as connection:
        head = encode(
            "POST", f"/api/events/{topic}", {"Expect": "100-continue", "Content-Length": "5"}
        )
        connection.send(head)
        assert connection.response_head().status == 100
        connection.send(b"hello")
        assert connection.response().status == 200


def test_expect_continue_is_not_given_to_a_body_that_is_too_large(server, topic):
    with Connection(server.port) as connection:
        connection.send(
            encode(
                "POST",
                f"/api/events/{topic}",
                {"Expect": "100-continue", "Content-Length": "99999999"},
            )
        )
        wire.assert_error(connection.response(), 413)


def test_other_expectations_fail(server):
    wire.assert_error(wire.request(server.port, "GET", "/health", {"Expect": "miracles"}), 417)


def test_operation_endpoints(server, topic):
    wire.publish(server.port, topic, "x")
    with wire.subscribe(server.port, topic):
        text = wire.request(server.port, "GET", "/metrics").body.decode()
    for name in (
        "sse_connections_active",
        "messages_received_total",
        "request_duration_seconds",
        "errors_total",
        "session_duration_seconds",
    ):
        assert re.search(rf"^# TYPE \S*{name} ", text, re.M), f"{name} is missing"
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(
            r"[a-zA-Z_:][\w:]*(\{[^}]*\})? [-+\w.]+", line
        ), line


# --- Limits --------------------------------------------------------------------------------------


def test_request_line_limit(server):
    with Connection(server.port) as connection:
        connection.send(encode("GET", "/" + "x" * 9000))
        wire.assert_error(connection.response(), 414)
        assert connection.at_end()


@pytest.mark.parametrize(
    "headers",
    [[("X-Long", "x" * 17_000)], [(f"X-{n}", "y") for n in range(150)]],
    ids=["bytes", "count"],
)
def test_header_limits(server, headers):
    with Connection(server.port) as connection:
        connection.send(encode("GET", "/health", headers))
        wire.assert_error(connection.response(), 431)
        assert connection.at_end()


def test_endless_headers_are_cut(server):
    with Connection(server.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for number in range(2000):
                connection.send(b"X-%d: %s\r\n" % (number, b"z" * 50))
        except OSError:
            pass
        wire.assert_error(connection.response(), 431)


def test_body_limit_by_length(server, topic):
    with Connection(server.port) as connection:
        connection.send(
            encode("POST", f"/api/events/{topic}", {"Content-Length": str((1 << 20) + 1)})
        )
        wire.assert_error(connection.response(), 413)


def test_body_limit_of_chunks(server, topic):
    with Connection(server.port) as connection:
        connection.send(encode("POST", f"/api/events/{topic}", {"Transfer-Encoding": "chunked"}))
        try:
            for _ in range(20):
                connection.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except OSError:
            pass
        wire.assert_error(connection.response(), 413)


def test_answer_survives_a_body_that_is_not_read(server, topic):
    """Lingering close: a reset because of unread bytes would take the answer away."""
    with Connection(server.port) as connection:
        connection.send(encode("POST", f"/api/events/{topic}", {"Content-Length": str(64 << 20)}))

        def send_on():
            try:
                for _ in range(64):
                    connection.send(b"x" * 65536)
            except OSError:
                pass

        sender = threading.Thread(target=send_on)
        sender.start()
        sender.join(5)
        wire.assert_error(connection.response(), 413)


def test_length_is_required(server, topic):
    wire.assert_error(wire.request(server.port, "POST", f"/api/events/{topic}"), 411)
    wire.assert_error(wire.request(server.port, "POST", "/api/events"), 411)


def test_slow_headers_time_out(start):
    server = start("limits: {header_timeout_ms: 300}\n")
    with Connection(server.port) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        begin = time.monotonic()
        wire.assert_error(connection.response(), 408)
        assert 0.2 < time.monotonic() - begin < 3
        assert connection.at_end()


def test_dripping_headers_time_out(start):
    server = start("limits: {header_timeout_ms: 400}\n")
    with Connection(server.port) as connection:
        begin = time.monotonic()
        try:
            connection.send(b"GET /health HTTP/1.1\r\nX: ")
            while time.monotonic() - begin < 5:
                connection.send(b"y")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - begin < 5, "a byte now and then kept the connection"


def test_slow_body_times_out(start):
    server = start("limits: {body_timeout_ms: 300}\n")
    with Connection(server.port) as connection:
        connection.send(encode("POST", "/api/events/a", {"Content-Length": "10"}) + b"x")
        wire.assert_error(connection.response(), 408)
        assert connection.at_end()


def test_idle_connection_is_closed_silently(start):
    server = start("limits: {idle_timeout_ms: 300}\n")
    with Connection(server.port) as connection, wire.subscribe(server.port, "t") as stream:
        assert connection.request("GET", "/health").status == 200
        begin = time.monotonic()
        assert connection.at_end()
        assert 0.2 < time.monotonic() - begin < 3
        wire.publish(server.port, "t", "streams are not idle connections")
        assert stream.event() is not None


def test_connection_limit(start):
    server = start("limits: {max_connections: 8}\n")
    # The connection that asked for readiness may still be counted for a moment.
    streams = []

    def full():
        try:
            streams.append(wire.subscribe(server.port, "t"))
        except (AssertionError, EOFError, OSError):
            pass
        return len(streams) == 8

    wire.wait_for(full, "eight streams")
    with Connection(server.port) as connection:
        connection.send(HEALTH)
        response = connection.response()
        wire.assert_error(response, 503)
        assert response.json()["error"]["message"].startswith("Maximum connections exceeded")
        assert connection.at_end()
    streams.pop().close()

    def welcome():
        try:
            return wire.request(server.port, "GET", "/health").status == 200
        except (EOFError, OSError):
            return False

    wire.wait_for(welcome, "room for a connection")
    for stream in streams:
        stream.close()


def test_connections_that_say_nothing_or_reset_do_no_harm(server):
    idle = [Connection(server.port) for _ in range(50)]
    for number in range(100):
        connection = Connection(server.port)
        connection.send(HEALTH[: number % len(HEALTH)])
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()
    assert wire.request(server.port, "GET", "/health").status == 200
    for connection in idle:
        connection.close()

"""The opening handshake against example_ws_echo: what is taken and what is refused, and how."""

import pytest

import wire
import ws_wire
from ws_wire import TEXT, frame, handshake

KEY = "Sec-WebSocket-Key"
VERSION = "Sec-WebSocket-Version"


def change(name, *values):
    """The handshake with other fields of that name."""
    return handshake([(name, value) for value in values], without={name})


@pytest.mark.parametrize(
    "request_head",
    [
        handshake(),
        handshake(target="/any/path?with=query"),
        handshake(target="http://localhost/absolute"),
        change("Upgrade", "WEBSOCKET"),
        change("Upgrade", "h2c, websocket"),
        change("Connection", "keep-alive, Upgrade"),
        change("Connection", "keep-alive", "upgrade"),
        change(KEY, "AQIDBAUGBwgJCgsMDQ4PEC=="),
        handshake([("Origin", "http://elsewhere.test"), ("Cookie", "a=b")]),
        handshake([("Sec-WebSocket-Protocol", "chat, superchat")]),
        handshake([("Sec-WebSocket-Extensions", "foo; bar=1, baz")]),
    ],
)
def test_handshakes_that_are_taken(echo, request_head):
    with wire.Connection(echo.port) as peer:
        peer.send(request_head)
        answer = peer.response_head()
        assert (answer.status, answer.reason) == (101, "Switching Protocols")
        assert answer.get("Upgrade").lower() == "websocket"
        assert answer.get("Connection").lower() == "upgrade"
        assert len(answer.all("Sec-WebSocket-Accept")) == 1
        for name in ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length"):
            assert answer.get(name) is None
        peer.send(frame(TEXT, "hello"))
        assert peer.take(7) == b"\x81\x05hello"


@pytest.mark.parametrize(
    "request_head,status",
    [
        (handshake(without={"Host"}), 400),
        (handshake([("Host", "two.test")]), 400),
        (handshake(without={"Upgrade"}), 426),
        (change("Upgrade", "websockets"), 426),
        (change("Upgrade", "h2c"), 426),
        (handshake(without={"Connection"}), 400),
        (change("Connection", "close"), 400),
        (handshake(without={KEY}), 400),
        (change(KEY, ""), 400),
        (change(KEY, "too short"), 400),
        (change(KEY, "dGhlIHNhbXBsZSBub25jZQ"), 400),
        (change(KEY, "dGhlIHNhbXBsZSBub25jZQ== x"), 400),
        (change(KEY, "dGhlIHNhbXBsZSBub25jZS4u"), 400),
        (change(KEY, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="), 400),
        (handshake(without={VERSION}), 426),
        (change(VERSION, "0"), 426),
        (change(VERSION, "8"), 426),
        (change(VERSION, "14"), 426),
        (change(VERSION, "abc"), 426),
        (change(VERSION, "13, 8"), 426),
        (change(VERSION, "13", "13"), 400),
        (handshake([("Sec-WebSocket-Protocol", "a b")]), 400),
        (handshake([("Sec-WebSocket-Extensions", "a; b=")]), 400),
        (handshake([("Sec-WebSocket-Extensions", "permessage-deflate; =1")]), 400),
        (handshake(method="POST") + b"", 405),
        (handshake(method="PUT"), 405),
        (handshake([("Content-Length", "2")]) + b"hi", 400),
        (handshake([("Transfer-Encoding", "chunked")]) + b"0\r\n\r\n", 400),
        (handshake(version="HTTP/1.0"), 426),
        (handshake(version="HTTP/1.2"), 505),
    ],
)
def test_handshakes_that_are_refused(echo, request_head, status):
    with wire.Connection(echo.port) as peer:
        peer.send(request_head)
        answer = peer.response()
        wire.assert_error(answer, status)
        if status == 426:
            assert answer.get("Upgrade") == "websocket"
            assert "upgrade" in answer.get("Connection")
            assert answer.get(VERSION) == "13"
        if status == 405:
            assert answer.get("Allow") == "GET"


def test_a_refused_connection_may_try_again(echo):
    with wire.Connection(echo.port) as peer:
        for bad in (change(VERSION, "8"), handshake(without={KEY}), handshake(method="POST")):
            peer.send(bad)
            assert peer.response().status in (400, 405, 426)
        peer.send(handshake())
        assert peer.response_head().status == 101


def test_a_handshake_in_single_bytes(echo):
    with wire.Connection(echo.port) as peer:
        for byte in handshake() + frame(TEXT, "x"):
            peer.send(bytes([byte]))
        assert peer.response_head().status == 101
        assert peer.take(3) == b"\x81\x01x"


def test_requests_before_the_handshake_are_answered_first(echo):
    with wire.Connection(echo.port) as peer:
        peer.send(handshake(without={"Upgrade"}) + handshake() + frame(TEXT, "x"))
        assert peer.response().status == 426
        assert peer.response_head().status == 101
        assert peer.take(3) == b"\x81\x01x"


def test_every_key_has_its_own_answer(echo):
    answers = set()
    for _ in range(20):
        with wire.Connection(echo.port) as peer:
            peer.send(change(KEY, ws_wire.random_key()))
            answers.add(peer.response_head().get("Sec-WebSocket-Accept"))
    assert len(answers) == 20

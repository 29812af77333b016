"""More than there may be of anything is refused as soon as that is certain, and costs no memory."""

import hashlib
import json
import threading

import mcp_wire
import pytest
import wire
import ws_client
import ws_wire
from hostile import Stranger, anonymous_bytes, statuses, topics

KEY = "key-of-at-least-16-letters"
MOST = 24 << 20  # what an attack may take at most, whatever it sends


@pytest.fixture
def guarded(start):
    """A server that must not have grown by much when the test is over, and that still serves."""
    server = start("metrics: {interval_ms: 0}\n")
    wire.publish(server.port, "before", "x")
    before = anonymous_bytes(server)
    yield server
    assert anonymous_bytes(server) - before < MOST
    wire.publish(server.port, "after", "x")


def test_cookies(start, tmp_path):
    access = tmp_path / "access.yaml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    access.write_text(f"keys: {{a: {{hash: 'sha256:{digest}', subscribe: ['*']}}}}\n")
    port = start(f"auth: {{access: {access}}}\n").port
    many = "; ".join(f"c{n}={'x' * 50}" for n in range(200))
    own = f"ringcast_token={KEY}"
    for cookies, status in ((f"{many}; {own}", 200), (many, 401), (many * 2 + own, 431)):
        assert wire.request(port, "GET", "/api/topics", {"Cookie": cookies}).status == status
    # As many fields as there may be headers, the token in the last.
    fields = [("Cookie", f"c{n}=x") for n in range(90)] + [("Cookie", own)]
    assert wire.request(port, "GET", "/api/topics", fields).status in (200, 401)
    fields = [("Cookie", f"c{n}=x") for n in range(100)] + [("Cookie", own)]
    assert wire.request(port, "GET", "/api/topics", fields).status == 431


def test_heads_without_end_from_many(guarded):
    """A hundred at once, each sending headers for as long as it may."""
    attackers = [Stranger(guarded.port) for _ in range(100)]
    for attacker in attackers:
        attacker.push(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    line = b"X: " + b"y" * 1000 + b"\r\n"
    for number in range(40):
        for attacker in attackers:
            attacker.push(line if number % 2 else line[:-2])
    for attacker in attackers:
        assert statuses(attacker.all_of_it(1)) in ([431], [])
        attacker.close()


@pytest.mark.parametrize(
    "chunk",
    [
        b"10000\r\n" + b"x" * 0x10000 + b"\r\n",
        b"1;" + b"e" * 900 + b"\r\nx\r\n",
        b"1\r\nx\r\n" * 100,
    ],
    ids=["large", "extensions", "single-bytes"],
)
def test_chunked_bodies_without_end(guarded, chunk):
    attackers = [Stranger(guarded.port) for _ in range(8)]
    head = wire.encode("POST", "/api/events/endless", {"Transfer-Encoding": "chunked"})

    def send_on(attacker):
        attacker.push(head)
        for _ in range(40_000_000 // len(chunk) // 8):
            if not attacker.push(chunk):
                return

    senders = [threading.Thread(target=send_on, args=(each,)) for each in attackers]
    for sender in senders:
        sender.start()
    for _ in range(20):
        wire.publish(guarded.port, "meanwhile", "x")
    for sender in senders:
        sender.join()
    if chunk.startswith(b"10000"):
        assert all(statuses(each.all_of_it(1)) in ([413], []) for each in attackers)
    for attacker in attackers:
        attacker.close()
    assert "endless" not in topics(guarded.port)


DEPTH = 50_000
DEEP = {
    "arrays": "[" * DEPTH + "]" * DEPTH,
    "objects": '{"a":' * DEPTH + "1" + "}" * DEPTH,
    "arrays without end": "[" * DEPTH,
    "objects without end": '{"a":' * DEPTH,
    "mixed": '[{"a":' * DEPTH + "1" + "}]" * DEPTH,
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_json(guarded, name):
    port, deep = guarded.port, DEEP[name]
    for body in (deep, '[{"topic":"deep","data":' + deep + "}]"):
        wire.assert_error(wire.request(port, "POST", "/api/events", (), body), 400)
    client = ws_client.Client(port)
    for body in (deep, '{"type":"publish","topic":"deep","data":' + deep + "}"):
        client.send(ws_wire.frame(ws_wire.TEXT, body))
        assert client.message()["error"]["code"] == "bad_json"
    client.close()
    message = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + deep + "}}"
    for body in (deep, message, f"[{message}]"):
        with wire.Connection(port) as connection:
            answer = mcp_wire.post(connection, body)
            assert answer.status == 400 and answer.json()["error"]["code"] in (-32700, -32600)
    assert "deep" not in topics(port)


def test_numbers_and_names_without_end(guarded):
    port, long = guarded.port, "9" * 500_000
    for body in (f'[{{"topic":"a","data":"x","id":{long}}}]', f'[{{"{long}":1}}]', f"[{long}]"):
        assert wire.request(port, "POST", "/api/events", (), body).status == 400
    for body in (f'{{"jsonrpc":"2.0","id":{long},"method":"ping"}}', f'{{"{long}":1}}'):
        with wire.Connection(port) as connection:
            assert mcp_wire.post(connection, body).status == 400
    client = ws_client.Client(port)
    answer = client.ask("ping", ref=int("9" * 4000))
    assert answer["type"] in ("pong", "error")
    client.say(**{"type": "publish", long: 1})
    assert client.message()["type"] == "error"
    client.close()


def test_more_in_a_message_than_there_may_be(guarded):
    port = guarded.port
    events = [{"topic": "count", "data": "x"}] * 10_001
    assert wire.request(port, "POST", "/api/events", (), json.dumps(events)).status == 413
    batch = json.dumps([mcp_wire.message("ping")] * 101)
    with wire.Connection(port) as connection:
        assert mcp_wire.post(connection, batch).json()["error"]["code"] == -32600
    with wire.Connection(port) as connection:
        head = {"Content-Length": str((4 << 20) + 1), "Content-Type": "application/json"}
        connection.send(wire.encode("POST", "/mcp", {**head, "Accept": mcp_wire.ACCEPT[1]}))
        assert connection.response().status == 413
    client = ws_client.Client(port)
    assert client.ask("subscribe", topics=[f"t{n}" for n in range(65)])["type"] == "error"
    assert client.ask("subscribe", topics=["t"] * 50_000)["type"] in ("error", "subscribed")
    client.close()
    assert topics(port) <= {"before", "t"}


def test_websocket_lengths_that_are_announced(guarded):
    """Nothing is set aside for a message that has only been announced."""
    for length in (1 << 20 | 1, 1 << 31, 1 << 32, (1 << 63) - 1):
        attacker = ws_wire.WebSocket(guarded.port, target="/ws")
        attacker.frame()
        attacker.send(ws_wire.header(ws_wire.TEXT, length))
        attacker.expect_close(1009)
        attacker.close()
    held = []
    for _ in range(100):  # as long as there may be, and never sent
        held.append(ws_wire.WebSocket(guarded.port, target="/ws"))
        held[-1].send(ws_wire.header(ws_wire.TEXT, 1 << 20) + b"x" * 10)
    assert wire.request(guarded.port, "GET", "/health").status == 200
    for attacker in held:
        attacker.close()


def test_websocket_fragments_without_end(guarded):
    attacker = ws_wire.WebSocket(guarded.port, target="/ws")
    attacker.frame()
    attacker.send(ws_wire.frame(ws_wire.TEXT, "[", fin=False))
    piece = ws_wire.frame(ws_wire.CONTINUATION, b" " * 60_000, fin=False)
    attacker.send(piece * 18)
    attacker.expect_close(1009)
    attacker.close()
    # Of empty ones no number is too large, and they cost nothing.
    attacker = ws_client.Client(guarded.port)
    attacker.send(ws_wire.frame(ws_wire.TEXT, '{"type":', fin=False))
    attacker.send(ws_wire.frame(ws_wire.CONTINUATION, b"", fin=False) * 200_000)
    attacker.send(ws_wire.frame(ws_wire.CONTINUATION, '"ping"}'))
    assert attacker.message()["type"] == "pong"
    attacker.close()

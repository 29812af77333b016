"""What is small on the wire and large in memory: compressed messages and bodies."""

import gzip
import json
import zlib

import pytest
import wire
import ws_client
import ws_wire
from hostile import anonymous_bytes, topics

BOMB = 256 << 20  # what it would be
MOST = 24 << 20
RSV1 = 4


def deflated(size):
    """`size` zeros, as permessage-deflate has them: about a thousandth."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece, out = b" " * (1 << 20), []
    for _ in range(size >> 20):
        out.append(compressor.compress(piece))
    out.append(compressor.flush(zlib.Z_SYNC_FLUSH))
    return b"".join(out)[:-4]


@pytest.fixture(scope="module")
def bomb():
    return deflated(BOMB)


@pytest.mark.parametrize("target", ["/ws", "/ws/collab", "/mcp"])
def test_websocket_bombs_from_many(server, bomb, target):
    """Twenty at once: each is closed as soon as the message is longer than it may be."""
    before = anonymous_bytes(server)
    attackers = []
    for _ in range(20):
        attacker = ws_wire.WebSocket(server.port, "permessage-deflate", target)
        if attacker.extensions is None:
            pytest.skip(f"{target} does not compress")
        attackers.append(attacker)
    data = ws_wire.frame(ws_wire.TEXT, bomb, rsv=RSV1)
    for attacker in attackers:
        attacker.socket.settimeout(0.5)
        try:
            attacker.send(data)
        except OSError:
            pass  # closed before the end
    assert wire.request(server.port, "GET", "/health").status == 200
    assert anonymous_bytes(server) - before < MOST
    for attacker in attackers:
        try:
            while attacker.receive(2):
                pass
        except OSError:
            pass
        attacker.close()
    assert anonymous_bytes(server) - before < MOST


def test_bombs_in_fragments_and_in_layers(server, bomb):
    before = anonymous_bytes(server)
    for data in (
        ws_wire.fragments(ws_wire.TEXT, bomb[:20_000], 100, rsv=RSV1),
        ws_wire.frame(ws_wire.BINARY, deflated(2 << 20), rsv=RSV1),
        ws_wire.frame(ws_wire.TEXT, zlib.compress(bomb)[2:-4], rsv=RSV1),
    ):
        attacker = ws_wire.WebSocket(server.port, "permessage-deflate", "/ws")
        attacker.frame()
        attacker.send(data)
        got = attacker.frame()
        while got.opcode != ws_wire.CLOSE:
            got = attacker.frame()
        assert int.from_bytes(got.payload[:2], "big") in (1007, 1009, 1002), got
        attacker.close()
    assert anonymous_bytes(server) - before < MOST


def test_contexts_are_not_kept_for_each_connection(server):
    """Asked for the largest windows, with one message behind them, each costs next to nothing."""
    before, count = anonymous_bytes(server), 400
    offer = "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15"
    held = []
    for _ in range(count):
        held.append(ws_wire.WebSocket(server.port, offer, "/ws"))
        message = json.dumps({"type": "ping", "ref": "x" * 500}).encode()
        client = ws_wire.Deflated(held[-1].extensions)
        held[-1].send(ws_wire.frame(ws_wire.TEXT, client.compress(message), rsv=RSV1))
    for each in held:
        kinds = [each.frame().opcode for _ in range(2)]
        assert kinds == [ws_wire.TEXT] * 2
    grown = (anonymous_bytes(server) - before) / count
    for each in held:
        each.close()
    assert grown < 16 << 10, f"{grown:.0f} bytes for each; a context of zlib alone is 40 KiB"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "zstd", "x-gzip"])
def test_bodies_with_a_content_coding(server, coding):
    """No coding is undone: a bomb stays what it is on the wire."""
    before = anonymous_bytes(server)
    body = gzip.compress(b" " * (64 << 20))
    for path in ("/api/events/coded", "/api/events", "/mcp", "/api/events/coded?stream=lines"):
        headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
        headers["Accept"] = "application/json, text/event-stream"
        answer = wire.request(server.port, "POST", path, headers, body)
        assert answer.status in (400, 415), (path, answer)
    assert anonymous_bytes(server) - before < MOST
    assert "coded" not in topics(server.port)


@pytest.mark.parametrize("coding", ["gzip, chunked", "deflate, chunked", "compress", "gzip"])
def test_transfer_codings(server, coding):
    body = gzip.compress(b" " * (1 << 20))
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    headers = {"Transfer-Encoding": coding}
    answer = wire.request(server.port, "POST", "/api/events/coded", headers, chunked)
    assert answer.status in (400, 501)


def test_a_broadcast_is_not_a_bomb_for_others(server, topic):
    """The largest event there may be, compressed once for a hundred subscribers."""
    before = anonymous_bytes(server)
    clients = [
        ws_client.Client(server.port, f"/ws?topic={topic}", deflate=True) for _ in range(100)
    ]
    wire.publish(server.port, topic, "x" * (1 << 20))
    assert anonymous_bytes(server) - before < MOST + (8 << 20)
    assert all(len(client.event()["data"]) == 1 << 20 for client in clients[:5])
    for client in clients:
        client.close()

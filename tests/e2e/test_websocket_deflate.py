"""permessage-deflate against example_ws_echo: every offer, windows, contexts, misuse (RFC 7692)."""

import random
import zlib

import pytest

import ws_wire
from ws_wire import BINARY, CONTINUATION, PING, PONG, TEXT, frame, header

MOST = 64 << 20


def words(size, seed=1):
    dice = random.Random(seed)
    text = bytearray()
    while len(text) < size:
        text += b"word%d " % dice.randrange(5000)
    return bytes(text[:size])


class Compressed(ws_wire.WebSocket):
    """A connection with whatever compression its offer led to."""

    def __init__(self, port, offer="permessage-deflate; client_max_window_bits"):
        super().__init__(port, offer)
        assert self.extensions, self.head
        self.deflate = ws_wire.Deflated(self.extensions)

    def send_message(self, opcode, payload, piece=None):
        data = self.deflate.compress(payload)
        self.send(ws_wire.fragments(opcode, data, piece or len(data), rsv=4))

    def expect_message(self, opcode, payload):
        """Compressed or not, as the server likes it. True if it was compressed."""
        got = self.frame()
        assert got.opcode == opcode and got.fin and got.rsv in (0, 4), got[:1] + got[2:]
        data = self.deflate.decompress(got.payload) if got.rsv else got.payload
        assert data == payload, (len(data), data[:80], payload[:80])
        return bool(got.rsv)


OFFERS = [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; client_max_window_bits",
    *[f"permessage-deflate; client_max_window_bits={bits}" for bits in range(8, 16)],
    *[f"permessage-deflate; server_max_window_bits={bits}" for bits in range(9, 16)],
    *[
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        f"server_max_window_bits={bits}; client_max_window_bits={bits}"
        for bits in range(9, 16)
    ],
    "foo, permessage-deflate; server_max_window_bits=8, permessage-deflate; bar, "
    'permessage-deflate; client_max_window_bits="12"; server_max_window_bits=10',
]


@pytest.mark.parametrize("offer", OFFERS)
def test_every_offer_is_met_and_kept(echo, offer):
    with Compressed(echo.port, offer) as peer:
        for name in ("server_no_context_takeover", "client_no_context_takeover"):
            assert (name in peer.extensions) == (name in offer)
        for side in ("server", "client"):
            bits = f"{side}_max_window_bits="
            if bits in peer.extensions:
                assert bits in offer
        for size in (0, 1, 16, 64, 256, 1024, 4096, 8192, 70_000, 131_072):
            for payload in (words(size), b"\0" * size, random.Random(size).randbytes(size)):
                peer.send_message(BINARY, payload)
                peer.expect_message(BINARY, payload)
                peer.send_message(BINARY, payload, piece=1 + len(payload) // 7)
                peer.expect_message(BINARY, payload)
        peer.send_message(TEXT, "Grüße ".encode() * 100)
        assert peer.expect_message(TEXT, "Grüße ".encode() * 100)
        peer.finish()


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_the_servers_window_is_no_larger_than_asked(echo, bits):
    """Random bytes twice: where the distance is beyond the window, nothing is saved."""
    offer = f"permessage-deflate; server_max_window_bits={bits}"
    with Compressed(echo.port, offer) as peer:
        for distance, saves in ((1 << bits - 1, True), ((1 << bits) + 300, False)):
            once = random.Random(bits).randbytes(distance)
            peer.send_message(BINARY, once + once)
            got = peer.frame()
            assert got.rsv == 4
            assert (len(got.payload) < distance * 1.5) == saves
            assert peer.deflate.decompress(got.payload) == once + once


@pytest.mark.parametrize("side", ["server", "client"])
def test_contexts_are_kept_or_forgotten(echo, side):
    text = words(400)
    sizes = {}
    for offer in ("permessage-deflate", f"permessage-deflate; {side}_no_context_takeover"):
        with Compressed(echo.port, offer) as peer:
            for _ in range(3):
                peer.send_message(TEXT, text)
                got = peer.frame()
                assert peer.deflate.decompress(got.payload) == text
            sizes[offer] = len(got.payload)
    kept, forgotten = sizes.values()
    if side == "server":
        assert forgotten > kept * 3
    else:
        assert forgotten == kept


def test_offers_that_cannot_be_met_leave_messages_as_they_are(echo):
    for offer in (
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; unknown",
        "x-webkit-deflate-frame, permessage-bzip2",
    ):
        with ws_wire.WebSocket(echo.port, offer) as peer:
            assert peer.extensions is None
            peer.send(frame(TEXT, "plain " * 100))
            peer.expect(TEXT, "plain " * 100)
            peer.send(frame(TEXT, b"\0", rsv=4))
            peer.expect_close(1002)


def test_plain_and_compressed_messages_may_alternate(echo):
    with Compressed(echo.port) as peer:
        for number in range(20):
            payload = words(500, number)
            if number % 3:
                peer.send_message(TEXT, payload, piece=50)
            else:
                peer.send(frame(TEXT, payload))
            peer.send(frame(PING, "between"))
            assert peer.expect_message(TEXT, payload)
            peer.expect(PONG, "between")
        peer.finish()


def test_control_frames_between_compressed_fragments(echo):
    payload = words(2000)
    with Compressed(echo.port) as peer:
        data = peer.deflate.compress(payload)
        half = len(data) // 2
        peer.send_chopped(
            frame(TEXT, data[:half], fin=False, rsv=4)
            + frame(PING, "p")
            + frame(CONTINUATION, data[half:]),
            3,
        )
        peer.expect(PONG, "p")
        peer.expect_message(TEXT, payload)
        peer.finish()


def test_blocks_of_every_kind(echo):
    """Stored, fixed and dynamic ones, several flushes, a stream that ends and begins again."""
    text = words(3000)
    for keep in (True, False):
        offer = "permessage-deflate" + ("" if keep else "; client_no_context_takeover")
        with Compressed(echo.port, offer) as peer:
            for level, strategy in ((0, 0), (1, zlib.Z_FIXED), (9, zlib.Z_HUFFMAN_ONLY), (9, 0)):
                for end in (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH):
                    maker = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
                    data = maker.compress(text[:1000]) + maker.flush(zlib.Z_SYNC_FLUSH)
                    data += maker.compress(text[1000:]) + maker.flush(end)
                    data = data + b"\0" if end == zlib.Z_FINISH else data[:-4]
                    peer.send(frame(TEXT, data, rsv=4))
                    peer.expect_message(TEXT, text)
            peer.finish()


@pytest.mark.parametrize("size", [1 << 20, 16 << 20])
@pytest.mark.parametrize("piece", [256, 65536, None])
def test_large_compressed_messages(echo, size, piece):
    payload = words(1 << 16) * (size >> 16)
    with Compressed(echo.port) as peer:
        peer.send_message(BINARY, payload, piece)
        assert peer.expect_message(BINARY, payload)
        peer.finish()


# --- misuse ---


@pytest.mark.parametrize(
    "data,code",
    [
        (frame(TEXT, b"\0", rsv=4, fin=False) + frame(CONTINUATION, b"\0", rsv=4), 1002),
        (frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"\0", rsv=4), 1002),
        (frame(CONTINUATION, b"\0", rsv=4), 1002),
        (frame(PING, b"", rsv=4), 1002),
        (frame(TEXT, b"\0", rsv=6), 1002),
        (frame(TEXT, b"\xff\xff\xff\xff", rsv=4), 1007),
        (frame(TEXT, b"\xf2\x48\xcd", rsv=4), 1007),
        (frame(TEXT, b"\x07", rsv=4), 1007),
        (frame(BINARY, b"corrupt" * 100, rsv=4), 1007),
    ],
)
@pytest.mark.parametrize("keep", [True, False])
def test_misuse_is_refused(echo, data, code, keep):
    offer = "permessage-deflate" + ("" if keep else "; client_no_context_takeover")
    with Compressed(echo.port, offer) as peer, Compressed(echo.port, offer) as other:
        peer.send(data)
        peer.expect_close(code)
        # Whoever shares a decompressor with it is not disturbed.
        other.send_message(TEXT, b"undisturbed " * 20)
        other.expect_message(TEXT, b"undisturbed " * 20)


@pytest.mark.parametrize("keep", [True, False])
def test_compressed_text_is_utf8(echo, keep):
    offer = "permessage-deflate" + ("" if keep else "; client_no_context_takeover")
    for text in (b"a" * 1000 + b"\xff" + b"b" * 1000, b"cut \xe2\x82"):
        with Compressed(echo.port, offer) as peer:
            peer.send_message(TEXT, text, piece=5)
            peer.expect_close(1007)


@pytest.mark.parametrize("keep", [True, False])
def test_a_bomb_is_too_big(echo, keep):
    offer = "permessage-deflate" + ("" if keep else "; client_no_context_takeover")
    maker = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = maker.compress(b"\0" * (MOST + 1)) + maker.flush(zlib.Z_SYNC_FLUSH)
    before = echo.memory_bytes()
    for sent in (
        frame(BINARY, bomb[:-4], rsv=4),
        frame(BINARY, bomb[:-4], rsv=4, fin=False) + frame(CONTINUATION, bomb[:-4]),
        frame(BINARY, b"", rsv=4, fin=False) + header(CONTINUATION, MOST * 2),
    ):
        with Compressed(echo.port, offer) as peer:
            peer.send(sent)
            peer.expect_close(1009)
    assert echo.memory_bytes() - before < 3 * MOST

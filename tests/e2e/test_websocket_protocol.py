"""WebSocket frames against example_ws_echo, byte by byte: RFC 6455 §5 to §8."""

import random
import signal
import struct

import pytest

import wire
import ws_wire
from ws_wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame, header

MOST = 64 << 20  # the largest message that the example takes


@pytest.fixture
def peer(echo):
    with ws_wire.WebSocket(echo.port) as peer:
        yield peer


# --- framing ---


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_every_length_comes_back(peer, opcode, size):
    payload = b"*" * size if opcode == TEXT else bytes(n * 7 & 0xFF for n in range(size))
    peer.send(frame(opcode, payload))
    peer.expect(opcode, payload)
    peer.send_chopped(frame(opcode, payload), 1 if size < 200 else 997)
    peer.expect(opcode, payload)
    peer.finish()


def test_many_messages_at_once_come_back_in_order(peer):
    texts = [f"message {number}" for number in range(2000)]
    peer.send(b"".join(frame(TEXT, text) for text in texts))
    for text in texts:
        peer.expect(TEXT, text)
    peer.finish()


def test_frames_right_behind_the_handshake_count(echo):
    with ws_wire.WebSocket(echo.port, behind=frame(TEXT, "early") + frame(PING, "p")) as peer:
        peer.expect(TEXT, "early")
        peer.expect(PONG, "p")
        peer.finish()


@pytest.mark.parametrize(
    "head",
    [
        header(TEXT, 5, key=None),
        header(TEXT, 125, length_bytes=2),
        header(TEXT, 0, length_bytes=8),
        header(TEXT, 65535, length_bytes=8),
        header(BINARY, 1 << 63, length_bytes=8),
        header(BINARY, (1 << 64) - 1, length_bytes=8),
    ],
)
def test_headers_that_must_not_be(peer, head):
    peer.send(frame(TEXT, "good") + head)
    peer.expect(TEXT, "good")
    peer.expect_close(1002)


# --- pings and pongs ---


@pytest.mark.parametrize("payload", [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\x00", b"\xfe" * 125])
@pytest.mark.parametrize("piece", [1, 1000])
def test_a_ping_is_answered(peer, payload, piece):
    peer.send_chopped(frame(PING, payload), piece)
    peer.expect(PONG, payload)
    peer.finish()


def test_each_of_many_pings_is_answered(peer):
    pings = b"".join(frame(PING, f"payload-{number}") for number in range(10))
    for piece in (len(pings), 1):
        peer.send_chopped(pings, piece)
        for number in range(10):
            peer.expect(PONG, f"payload-{number}")
    peer.finish()


def test_pongs_that_nobody_asked_for_are_ignored(peer):
    peer.send(frame(PONG) + frame(PONG, "unsolicited") + frame(PING, "asked"))
    peer.expect(PONG, "asked")
    peer.finish()


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frames_are_short_and_whole(echo, opcode):
    for data in (header(opcode, 126), header(opcode, 1, fin=False), header(opcode, 65536)):
        with ws_wire.WebSocket(echo.port) as peer:
            peer.send(data)
            peer.expect_close(1002)


# --- reserved bits and opcodes ---


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_reserved_bits_are_zero(peer, rsv, opcode):
    peer.send_chopped(frame(TEXT, "good") + frame(opcode, "x", rsv=rsv) + frame(PING), 3)
    peer.expect(TEXT, "good")
    peer.expect_close(1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"reserved"])
def test_reserved_opcodes_are_refused(peer, opcode, payload):
    peer.send(frame(TEXT, "good") + frame(opcode, payload) + frame(PING))
    peer.expect(TEXT, "good")
    peer.expect_close(1002)


# --- fragments ---


@pytest.mark.parametrize("piece", [1, 5, 1 << 20])
def test_fragments_become_one_message(peer, piece):
    peer.send_chopped(
        frame(TEXT, "frag", fin=False)
        + frame(PING, "between")
        + frame(CONTINUATION, "", fin=False)
        + frame(CONTINUATION, "ment", fin=False)
        + frame(PONG, "ignored")
        + frame(PING, "again")
        + frame(CONTINUATION, "s")
        + frame(BINARY, "", fin=False)
        + frame(CONTINUATION, ""),
        piece,
    )
    for opcode, payload in ((PONG, "between"), (PONG, "again"), (TEXT, "fragments"), (BINARY, "")):
        peer.expect(opcode, payload)
    peer.finish()


@pytest.mark.parametrize(
    "data",
    [
        frame(CONTINUATION, "nothing before"),
        frame(CONTINUATION, "nothing before", fin=False) + frame(TEXT, "x"),
        frame(TEXT, "whole") + frame(CONTINUATION, "and more"),
        frame(TEXT, "one", fin=False) + frame(TEXT, "two"),
        frame(TEXT, "one", fin=False) + frame(BINARY, "two", fin=False),
        frame(TEXT, "one", fin=False) + frame(CONTINUATION, "") + frame(CONTINUATION, "x"),
    ],
)
def test_fragments_out_of_order_are_refused(echo, data):
    for piece in (1, 1000):
        with ws_wire.WebSocket(echo.port) as peer:
            peer.send_chopped(data, piece)
            got = peer.frame()
            if got.opcode == TEXT:
                got = peer.frame()
            assert (got.opcode, got.payload[:2]) == (CLOSE, struct.pack("!H", 1002))
            assert peer.at_end()


# --- UTF-8 ---

GOOD_TEXTS = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\0",
    "\u0080",
    "\u0800",
    "\U00010000",
    "\u007f",
    "\u07ff",
    "\ud7ff\ue000\ufffd\uffff",
    "\ufdd0\ufffe",
    "\U0010ffff",
    "\U0001fffe\U0010fffe",
]

# What is good, then the byte that shows that it is not.
BAD_TEXTS = [
    (b"", b"\x80"),
    (b"", b"\xbf"),
    (b"ok", b"\xc0"),
    (b"ok", b"\xc1"),
    (b"", b"\xf5"),
    (b"", b"\xfe"),
    (b"", b"\xff"),
    (b"\xe0", b"\x9f"),
    (b"\xe0", b"\x80"),
    (b"\xf0", b"\x8f"),
    (b"\xed", b"\xa0"),
    (b"\xed", b"\xbf"),
    (b"\xf4", b"\x90"),
    (b"\xc3", b"\x28"),
    (b"\xe2\x82", b"\x28"),
    (b"\xf0\x9f\x98", b"\x28"),
    ("κόσμε".encode() + b"\xed", b"\xa0"),
    ("κόσμε".encode() + b"\xf4", b"\x90"),
]


@pytest.mark.parametrize("text", GOOD_TEXTS)
def test_text_in_any_pieces(peer, text):
    data = text.encode("utf-8")
    peer.send(frame(TEXT, data))
    peer.send(ws_wire.fragments(TEXT, data, 1))
    peer.send_chopped(frame(TEXT, data), 1)
    for _ in range(3):
        peer.expect(TEXT, data)
    peer.finish()


@pytest.mark.parametrize("good,bad", BAD_TEXTS)
def test_text_fails_at_the_byte_that_shows_it(echo, good, bad):
    whole = ws_wire.apply_mask(good + bad + b" never sent", b"\x37\xfa\x21\x3d")
    for head in (header(TEXT, len(whole)), header(TEXT, len(whole), fin=False)):
        with ws_wire.WebSocket(echo.port) as peer:
            peer.send(head + whole[: len(good)])
            peer.send(b"")
            peer.send(whole[len(good) : len(good) + 1])
            peer.expect_close(1007)
    with ws_wire.WebSocket(echo.port) as peer:
        peer.send(frame(TEXT, good, fin=False))
        peer.send(frame(PING, "still fine"))
        peer.expect(PONG, "still fine")
        peer.send(frame(CONTINUATION, bad, fin=False))
        peer.expect_close(1007)


@pytest.mark.parametrize("data", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"text \xf4\x8f\xbf"])
def test_text_does_not_end_within_a_character(echo, data):
    for sent in (frame(TEXT, data), ws_wire.fragments(TEXT, data, 1)):
        with ws_wire.WebSocket(echo.port) as peer:
            peer.send(sent)
            peer.expect_close(1007)


def test_binary_is_not_looked_at(peer):
    peer.send(frame(BINARY, b"\xff\xfe\xc0"))
    peer.expect(BINARY, b"\xff\xfe\xc0")
    peer.finish()


# --- closing ---


GOOD_CODES = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]
BAD_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("code", GOOD_CODES)
def test_a_close_is_answered_with_its_code(peer, code):
    peer.send(close_frame(code, "a reason"))
    peer.expect_close(code)


@pytest.mark.parametrize("code", BAD_CODES)
def test_codes_that_must_not_be_sent(peer, code):
    peer.send(close_frame(code))
    peer.expect_close(1002)


@pytest.mark.parametrize(
    "data,code",
    [
        (frame(CLOSE), None),
        (frame(CLOSE, b"\x03"), 1002),
        (close_frame(1000, "r" * 123), 1000),
        (header(CLOSE, 126, length_bytes=2), 1002),
        (close_frame(1000, b"\xff"), 1007),
        (close_frame(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"), 1007),
        (close_frame(1000, b"cut \xe2\x82"), 1007),
        (close_frame(1000) + frame(TEXT, "after"), 1000),
        (close_frame(1000) + frame(PING, "after"), 1000),
        (close_frame(1000) + close_frame(1001), 1000),
        (close_frame(1000) + b"\xff" * 100, 1000),
        (frame(TEXT, "half", fin=False) + close_frame(1000), 1000),
    ],
)
def test_close_frames(echo, data, code):
    for piece in (1, 1000):
        with ws_wire.WebSocket(echo.port) as peer:
            try:
                peer.send_chopped(data, piece)
            except OSError:
                pass  # the server has closed meanwhile, as it should
            peer.expect_close(code)


def test_a_message_before_the_close_is_still_answered(peer):
    peer.send(frame(TEXT, "x" * 100_000) + close_frame(1001, "away"))
    peer.expect(TEXT, "x" * 100_000)
    peer.expect_close(1001)


def test_ends_without_a_close_end_the_connection(echo):
    for data in (b"", b"\x81", frame(TEXT, "half", fin=False), header(BINARY, 1 << 20)):
        with ws_wire.WebSocket(echo.port) as peer:
            peer.send(data)
            peer.half_close()
            assert peer.at_end()


# --- sizes ---


@pytest.mark.parametrize("size", [64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20, MOST])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_large_messages(echo, opcode, size):
    payload = (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345" * (size // 32))[:size]
    with ws_wire.WebSocket(echo.port) as peer:
        peer.send(frame(opcode, payload))
        peer.expect(opcode, payload)
        peer.finish()


@pytest.mark.parametrize("size", [64, 256, 1 << 10, 4 << 10, 64 << 10, 1 << 20])
def test_large_messages_in_fragments(echo, size):
    total = 16 << 20 if size >= 1 << 10 else 4 << 20
    payload = b"0123456789abcdef" * (total // 16)
    with ws_wire.WebSocket(echo.port) as peer:
        peer.send(ws_wire.fragments(BINARY, payload, size, key=b"\0\0\0\0"))
        peer.expect(BINARY, payload)
        peer.finish()


def test_large_messages_in_chops(echo):
    payload = b"chop" * (1 << 16)
    with ws_wire.WebSocket(echo.port) as peer:
        for piece in (64, 512, 2048):
            peer.send_chopped(frame(TEXT, payload), piece)
            peer.expect(TEXT, payload)
        peer.finish()


def test_what_is_too_big_is_refused_at_its_header(echo):
    for data in (
        header(BINARY, MOST + 1),
        frame(BINARY, "x", fin=False) + header(CONTINUATION, MOST),
        header(TEXT, 1 << 62),
    ):
        with ws_wire.WebSocket(echo.port) as peer:
            peer.send(data)
            peer.expect_close(1009)


def test_announced_lengths_cost_no_memory(echo):
    before = echo.memory_bytes()
    peers = [ws_wire.WebSocket(echo.port) for _ in range(50)]
    for peer in peers:
        peer.send(header(BINARY, MOST) + b"x")
        peer.send(b"y")
    assert echo.memory_bytes() - before < 150 << 20
    for peer in peers:
        peer.close()


def test_who_does_not_read_is_not_read_from(echo):
    """Pings and messages of a peer that takes no answers pile up with the peer, not here."""
    before = echo.memory_bytes()
    with ws_wire.WebSocket(echo.port) as peer:
        peer.socket.settimeout(1)
        data = (frame(PING, "p" * 125) + frame(BINARY, b"b" * 1000)) * 1000
        sent = 0
        with pytest.raises(OSError):
            while sent < 256 << 20:
                sent += peer.socket.send(data)
        assert echo.memory_bytes() - before < 32 << 20


# --- the server's end ---


def test_a_drain_says_going_away(tmp_path):
    server = ws_wire.EchoServer(tmp_path).start()
    try:
        with ws_wire.WebSocket(server.port) as peer, ws_wire.WebSocket(server.port) as other:
            peer.send(frame(TEXT, "half", fin=False))
            other.send(frame(TEXT, "x"))
            other.expect(TEXT, "x")
            server.signal(signal.SIGTERM)
            for each in (peer, other):
                got = each.frame()
                assert (got.opcode, got.payload[:2]) == (CLOSE, struct.pack("!H", 1001))
            peer.send(close_frame(1001))
            other.send(frame(TEXT, "late") + close_frame(1001))
            assert peer.at_end() and other.at_end()
        assert server.wait() == 0, server.log()
    finally:
        server.stop()


# --- violations ---


def violation(dice):
    """Bytes that break the protocol somewhere, behind some that do not; and what may come back."""
    good = [
        frame(TEXT, "fine " * dice.randrange(30)),
        frame(BINARY, dice.randbytes(dice.randrange(200))),
        frame(PING, dice.randbytes(dice.randrange(126))),
        ws_wire.fragments(TEXT, b"pieces of text", 1 + dice.randrange(5)),
    ]
    bad = [
        header(dice.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), dice.randrange(126)),
        header(dice.choice([TEXT, BINARY, PING]), dice.randrange(126), rsv=1 + dice.randrange(7)),
        header(dice.choice([TEXT, BINARY, PING]), dice.randrange(126), key=None),
        header(dice.choice([PING, PONG, CLOSE]), dice.randrange(126), fin=False),
        header(dice.choice([PING, PONG, CLOSE]), 126 + dice.randrange(1000)),
        header(TEXT, dice.randrange(126), length_bytes=2),
        header(TEXT, dice.randrange(65536), length_bytes=8),
        header(BINARY, 1 << 63 | dice.getrandbits(62), length_bytes=8),
        header(BINARY, MOST + 1 + dice.getrandbits(50), length_bytes=8),
        frame(TEXT, b"text \xff" + dice.randbytes(20)),
        frame(TEXT, "a", fin=False) + frame(TEXT, "b"),
        frame(CONTINUATION, "c"),
        frame(CLOSE, b"x"),
        close_frame(dice.choice([0, 999, 1005, 1006, 2000, 5000])),
        close_frame(1000, b"\xc0\x80"),
    ]
    return b"".join(dice.choices(good, k=dice.randrange(4))) + dice.choice(bad) + dice.randbytes(
        dice.randrange(50)
    )


def close_code(data):
    """The code of the close frame at the end of what the server sent behind its 101."""
    stream = data.split(b"\r\n\r\n", 1)[1]
    code = None
    while stream:
        assert code is None, "a frame behind the close frame"
        length, at = stream[1], 2
        if length == 126:
            length, at = struct.unpack("!H", stream[2:4])[0], 4
        payload = stream[at : at + length]
        if stream[0] == 0x80 | CLOSE:
            (code,) = struct.unpack("!H", payload[:2])
        stream = stream[at + length :]
    return code


def test_violations_neither_leak_nor_disturb_others(echo, seed):
    dice = random.Random(seed)
    count = 10_000
    witnesses = [ws_wire.WebSocket(echo.port) for _ in range(5)]
    memory = None
    for number in range(count):
        with wire.Connection(echo.port) as peer:
            data = violation(dice)
            try:
                peer.send(ws_wire.handshake() + data)
                if dice.random() < 0.9:
                    assert close_code(peer.rest()) in (1002, 1007, 1009), data
            except ConnectionResetError:
                pass  # our bytes met a connection that had ended
        if number % 500 == 0:
            for witness in witnesses:
                text = f"witness {number}"
                witness.send(frame(TEXT, text))
                witness.expect(TEXT, text)
        if number == count // 5:
            memory = echo.memory_bytes()
    assert echo.running(), echo.log()
    assert echo.memory_bytes() - memory < 16 << 20, f"seed {seed}"
    for witness in witnesses:
        witness.finish()


def test_echoes_allocate_nothing_once_warm(tmp_path, monkeypatch):
    shim = ws_wire.example("ws_echo").resolve().parents[1] / "lib" / "libcount_allocations.so"
    if not shim.exists():
        pytest.skip(f"{shim} is missing: sanitizers have allocators of their own")
    counter = tmp_path / "allocations"
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    monkeypatch.setenv("RINGCAST_TEST_ALLOCATIONS", str(counter))
    server = ws_wire.EchoServer(tmp_path).start()
    monkeypatch.delenv("LD_PRELOAD")

    def allocations():
        return struct.unpack("q", counter.read_bytes()[:8])[0]

    peers = [ws_wire.WebSocket(server.port) for _ in range(10)]

    def round_trips():
        for size, window in ((64, 1), (64, 50), (1000, 10), (16384, 1), (16384, 3)):
            payload = b"x" * size
            for _ in range(20):
                for peer in peers:
                    peer.send(frame(BINARY, payload) * window)
                for peer in peers:
                    for _ in range(window):
                        peer.expect(BINARY, payload)

    try:
        round_trips()
        before = allocations()
        assert before > 0, "the counter counts nothing"
        round_trips()
        during = allocations() - before
    finally:
        for peer in peers:
            peer.close()
        server.stop()
    # Of 13,000 messages; memory for a coincidence or two of more that is under way at once.
    assert during <= 20, f"{during} allocations"

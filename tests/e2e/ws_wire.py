"""A raw WebSocket client: it sends any frame, also wrong ones, and shows answers as they are."""

import base64
import collections
import os
import pathlib
import struct
import zlib

import servers
import wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
TAIL = b"\x00\x00\xff\xff"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = (
    ("Host", "localhost"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
)

# So that a build with AddressSanitizer shows what it holds, not what it has freed of late.
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4")

Frame = collections.namedtuple("Frame", "opcode payload fin rsv")


def example(name):
    """Path of an example program: in the folder RINGCAST_EXAMPLES, or beside ringcast."""
    folder = os.environ.get("RINGCAST_EXAMPLES")
    folder = servers.ROOT / folder if folder else servers.binary().parent
    path = folder / f"example_{name}"
    assert path.exists(), f"{path} is missing: build the target example_{name}"
    return path


class EchoServer(servers.Process):
    def __init__(self, directory):
        self.port = servers.free_port()
        super().__init__(
            [example("ws_echo"), f"127.0.0.1:{self.port}"],
            pathlib.Path(directory) / f"ws_echo-{self.port}.log",
        )

    def start(self):
        return super().start(lambda: servers.accepts(self.port), "example_ws_echo")

    def memory_bytes(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


def apply_mask(payload, key):
    if not any(key) or not payload:
        return payload
    mask = (key * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")
    return number.to_bytes(len(payload), "little")


def header(opcode, length, fin=True, rsv=0, key=b"\x37\xfa\x21\x3d", length_bytes=None):
    """`key`: None for an unmasked frame. `length_bytes`: 0, 2 or 8 for a form of one's choice."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0x80 if key is not None else 0
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 65536 else 8
    if length_bytes == 0:
        head = struct.pack("!BB", first, masked | length)
    elif length_bytes == 2:
        head = struct.pack("!BBH", first, masked | 126, length)
    else:
        head = struct.pack("!BBQ", first, masked | 127, length)
    return head + (key or b"")


def frame(opcode, payload=b"", **options):
    payload = payload.encode() if isinstance(payload, str) else payload
    key = options.get("key", b"\x37\xfa\x21\x3d")
    return header(opcode, len(payload), **options) + (apply_mask(payload, key) if key else payload)


def fragments(opcode, payload, size, key=b"\x37\xfa\x21\x3d", rsv=0):
    """The frames of one message in fragments of `size` bytes."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    frames = []
    for number, piece in enumerate(pieces):
        first = number == 0
        frames.append(
            frame(
                opcode if first else CONTINUATION,
                piece,
                fin=number == len(pieces) - 1,
                rsv=rsv if first else 0,
                key=key,
            )
        )
    return b"".join(frames)


def close_frame(code, reason=b"", **options):
    reason = reason.encode() if isinstance(reason, str) else reason
    return frame(CLOSE, struct.pack("!H", code) + reason, **options)


def handshake(headers=(), target="/", without=(), method="GET", version="HTTP/1.1"):
    fields = [field for field in HANDSHAKE if field[0] not in without] + list(headers)
    lines = [f"{method} {target} {version}"] + [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class WebSocket(wire.Connection):
    """A connection after its handshake; `extensions` is what the client offers."""

    def __init__(self, port, extensions=None, target="/", behind=b"", headers=()):
        super().__init__(port)
        headers = [*headers]
        if extensions:
            headers.append(("Sec-WebSocket-Extensions", extensions))
        self.send(handshake(headers, target) + behind)
        self.head = self.response_head()
        assert self.head.status == 101, self.head
        assert self.head.get("Sec-WebSocket-Accept") == ACCEPT, self.head
        self.extensions = self.head.get("Sec-WebSocket-Extensions")

    def send_chopped(self, data, size):
        for at in range(0, len(data), size):
            self.send(data[at : at + size])

    def take(self, size):
        """As wire.Connection does it, but for many megabytes."""
        if len(self.buffer) < size:
            pieces, have = [self.buffer], len(self.buffer)
            while have < size:
                data = self.socket.recv(1 << 20)
                assert data, f"the stream ended within {size} bytes"
                pieces.append(data)
                have += len(data)
            self.buffer = b"".join(pieces)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def frame(self):
        first, second = self.take(2)
        assert second & 0x80 == 0, "a server does not mask"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2))
            assert length > 125
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8))
            assert length > 65535
        return Frame(first & 0x0F, self.take(length), bool(first & 0x80), first >> 4 & 7)

    def expect(self, opcode, payload):
        got = self.frame()
        payload = payload.encode() if isinstance(payload, str) else payload
        assert (got.opcode, got.fin, got.rsv) == (opcode, True, 0), got[:1] + got[2:]
        assert got.payload == payload, (len(got.payload), got.payload[:80], payload[:80])

    def expect_close(self, code):
        """A close frame with this code (None: without any), then the end of the stream."""
        got = self.frame()
        assert got.opcode == CLOSE and got.fin and got.rsv == 0, got
        if code is None:
            assert got.payload == b"", got
        else:
            assert struct.unpack("!H", got.payload[:2])[0] == code, got
            got.payload[2:].decode()
        assert self.at_end(), self.buffer[:80]

    def finish(self):
        """The closing handshake, begun by the client."""
        self.send(close_frame(1000))
        self.expect_close(1000)
        self.close()


class Deflated:
    """The compression of a connection, by the parameters of the server's answer."""

    def __init__(self, answer):
        names = [part.strip() for part in answer.split(";")]
        assert names[0] == "permessage-deflate", answer
        assert len(names) == len(set(name.split("=")[0] for name in names)), answer
        values = dict(name.split("=") for name in names if "=" in name)
        self.keep_ours = "client_no_context_takeover" not in names
        self.keep_theirs = "server_no_context_takeover" not in names
        self.our_bits = int(values.get("client_max_window_bits", 15))
        self.their_bits = int(values.get("server_max_window_bits", 15))
        self.compressor = self.decompressor = None

    def compress(self, payload):
        if self.compressor is None or not self.keep_ours:
            # zlib writes no raw stream with a window of 256 bytes; one without references suits it.
            bits, strategy = self.our_bits, zlib.Z_DEFAULT_STRATEGY
            if bits == 8:
                bits, strategy = 9, zlib.Z_HUFFMAN_ONLY
            self.compressor = zlib.compressobj(6, zlib.DEFLATED, -bits, 8, strategy)
        data = self.compressor.compress(payload) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(TAIL)
        return data[:-4] or b"\0"

    def decompress(self, payload):
        if self.decompressor is None or not self.keep_theirs:
            self.decompressor = zlib.decompressobj(-self.their_bits)
        return self.decompressor.decompress(payload + TAIL)


def random_key():
    return base64.b64encode(os.urandom(16)).decode()

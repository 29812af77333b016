"""As much of HTTP/2 as it takes to send heads that no library would send."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def text(value):
    """A literal without Huffman coding (RFC 7541 §5.2)."""
    if len(value) < 127:
        return bytes([len(value)]) + value
    rest, out = len(value) - 127, b"\x7f"
    while rest >= 128:
        out, rest = out + bytes([rest % 128 + 128]), rest // 128
    return out + bytes([rest]) + value


def head(fields):
    """Never indexed, names as literals: each byte is ours (RFC 7541 §6.2.3)."""
    return b"".join(b"\x10" + text(name) + text(value) for name, value in fields)


def request(stream, fields, body=None):
    flags = END_HEADERS | (END_STREAM if body is None else 0)
    out = frame(HEADERS, flags, stream, head(fields))
    if body is not None:
        out += frame(DATA, END_STREAM, stream, body)
    return out


def begin():
    return PREFACE + frame(SETTINGS, 0, 0)


def frames(data):
    """(kind, flags, stream, payload) of all that is whole."""
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        if len(data) < 9 + size:
            return
        kind, flags, stream = data[3], data[4], int.from_bytes(data[5:9], "big") & 0x7FFFFFFF
        yield kind, flags, stream, data[9 : 9 + size]
        data = data[9 + size :]

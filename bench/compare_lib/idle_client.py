"""Holds subscriptions open and does nothing with them.

Usage: idle_client.py sse|ws PORT PATH COUNT SOURCE_ADDRESS MARK. Prints a JSON line once all are
answered (or have failed), then one per line read from standard input, and ends at its end:
{"open", "failed", "with_event", "error"}; with_event counts connections that got something with
MARK in it since the start.
"""

import errno
import json
import select
import socket
import sys
import time

IP_BIND_ADDRESS_NO_PORT = 24
WINDOW = 256
PATIENCE_S = 60
ASK = {  # headers, and what the answer begins with
    "sse": (["Accept: text/event-stream"], b"HTTP/1.1 200"),
    "ws": (
        [
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
        b"HTTP/1.1 101",
    ),
}


class Holder:
    def __init__(self, transport, port, path, source, mark):
        self.address = ("127.0.0.1", port)
        self.source = source
        self.mark = mark.encode()
        more, self.accepted = ASK[transport]
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n" + "\r\n".join(more) + "\r\n\r\n"
        ).encode()
        self.poll = select.epoll()
        self.connecting = {}  # fd → [socket, bytes so far or None before the request is out]
        self.open = {}
        self.with_event = set()
        self.failed = 0
        self.error = None

    def fail(self, sock, error):
        self.failed += 1
        self.error = self.error or str(error)
        self.connecting.pop(sock.fileno(), None)
        self.open.pop(sock.fileno(), None)
        sock.close()

    def connect(self):
        try:
            sock = socket.socket()
        except OSError as error:
            self.failed += 1
            self.error = self.error or str(error)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((self.source, 0))
        result = sock.connect_ex(self.address)
        if result not in (0, errno.EINPROGRESS):
            self.fail(sock, OSError(result, "connect"))
            return
        self.connecting[sock.fileno()] = [sock, None]
        self.poll.register(sock, select.EPOLLOUT)

    def on_connecting(self, descriptor):
        entry = self.connecting[descriptor]
        sock = entry[0]
        try:
            if entry[1] is None:
                sock.send(self.request)
                entry[1] = b""
                self.poll.modify(sock, select.EPOLLIN)
                return
            data = sock.recv(4096)
        except OSError as error:
            self.fail(sock, error)
            return
        entry[1] += data
        if not data:
            self.fail(sock, "closed before an answer")
        elif b"\r\n\r\n" in entry[1]:
            if entry[1].startswith(self.accepted):
                del self.connecting[descriptor]
                self.open[descriptor] = sock
            else:
                self.fail(sock, entry[1].split(b"\r\n", 1)[0].decode(errors="replace"))

    def on_open(self, descriptor):
        sock = self.open[descriptor]
        try:
            data = sock.recv(65536)
        except OSError as error:
            self.fail(sock, error)
            return
        if not data:
            self.fail(sock, "closed while idle")
        elif self.mark in data:
            self.with_event.add(descriptor)

    def turn(self, timeout_s, extra=None):
        """One round of events. True when `extra` is readable."""
        asked = False
        for descriptor, _ in self.poll.poll(timeout_s, 1024):
            if descriptor == extra:
                asked = True
            elif descriptor in self.connecting:
                self.on_connecting(descriptor)
            elif descriptor in self.open:
                self.on_open(descriptor)
        return asked

    def ramp(self, count):
        started = 0
        deadline = time.monotonic() + PATIENCE_S
        while started < count or self.connecting:
            while started < count and len(self.connecting) < WINDOW:
                self.connect()
                started += 1
            self.turn(1)
            if time.monotonic() > deadline:
                self.error = self.error or "time ran out"
                break

    def say(self):
        figures = {
            "open": len(self.open),
            "failed": self.failed + len(self.connecting),
            "with_event": len(self.with_event),
            "error": self.error,
        }
        print(json.dumps(figures), flush=True)


def main():
    transport, port, path, count, source, mark = sys.argv[1:]
    holder = Holder(transport, int(port), path, source, mark)
    holder.ramp(int(count))
    holder.say()
    stdin = sys.stdin.fileno()
    holder.poll.register(stdin, select.EPOLLIN)
    while True:
        if holder.turn(1, stdin):
            if not sys.stdin.readline():
                return
            holder.say()


if __name__ == "__main__":
    main()

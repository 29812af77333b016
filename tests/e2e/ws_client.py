"""A client of ringcast over WebSocket: commands out, messages in, both as dictionaries."""

import json
import socket
import struct
import time

import wire
import ws_wire

DEFLATE = "permessage-deflate; client_max_window_bits"


class Client(ws_wire.WebSocket):
    """After its handshake; the welcome is in `welcome`, a first position in `position`."""

    def __init__(
        self, port, target="/ws", deflate=False, headers=(), receive_buffer=None, before=b""
    ):
        self.closed_with = None
        self.pings = 0
        self.fresh = []
        wire.Connection.__init__(self, port, receive_buffer=receive_buffer)
        fields = list(headers)
        if deflate:
            fields.append(("Sec-WebSocket-Extensions", DEFLATE))
        self.send(before + ws_wire.handshake(fields, target))
        self.head = self.response_head()
        self.welcome = self.position = None
        if self.head.status != 101:
            return
        self.extensions = self.head.get("Sec-WebSocket-Extensions")
        self.deflated = ws_wire.Deflated(self.extensions) if self.extensions else None
        self.welcome = self.message()
        assert self.welcome["type"] == "welcome", self.welcome
        self.id = self.welcome["client"]

    def say(self, kind=None, /, **members):
        if kind is not None:
            members["type"] = kind
        self.send(ws_wire.frame(ws_wire.TEXT, json.dumps(members).encode()))

    def message(self, timeout_s=wire.TIMEOUT_S):
        """The next message; None at the end of the stream or after a close frame."""
        self.socket.settimeout(timeout_s)
        self.timeout_s = timeout_s
        while True:
            if self.fresh:
                message = self.fresh.pop(0)
            else:
                message = self.read_message()
            if message is not None and message.get("type") == "position":
                self.position = message["id"]
                continue
            return message

    def read_message(self):
        while True:
            try:
                got = self.frame()
            except (AssertionError, ConnectionError):
                return None
            if got.opcode == ws_wire.PING:
                self.pings += 1
                self.send(ws_wire.frame(ws_wire.PONG, got.payload))
            elif got.opcode == ws_wire.CLOSE:
                self.closed_with = struct.unpack("!H", got.payload[:2])[0] if got.payload else 1005
                return None
            else:
                assert got.opcode == ws_wire.TEXT and got.fin, got
                payload = got.payload
                if got.rsv:
                    payload = self.deflated.decompress(payload)
                return json.loads(payload)

    def ask(self, kind=None, /, timeout_s=wire.TIMEOUT_S, **members):
        """Says it and waits for the answer; events that come before it are kept."""
        self.say(kind, **members)
        kept = []
        while True:
            message = self.message(timeout_s)
            assert message is not None, "the connection ended without an answer"
            if "event" not in message:
                self.fresh = kept + self.fresh
                return message
            kept.append(message)

    def event(self, timeout_s=wire.TIMEOUT_S):
        message = self.message(timeout_s)
        assert message is not None and "event" in message, message
        return message

    def events(self, count):
        return [self.event() for _ in range(count)]

    def quiet(self, seconds=0.15):
        """True if nothing but pings comes within the time."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                message = self.message(max(0.01, end - time.monotonic()))
                self.fresh.insert(0, message)
                return False
        except (socket.timeout, TimeoutError):
            pass
        return True

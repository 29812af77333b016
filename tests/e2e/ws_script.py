"""A WebSocket server that follows a script, connection by connection."""

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading

import wire
import ws_wire

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TIMEOUT_S = 20


class Peer(wire.Connection):
    """The server's end of a connection; `head` is the client's request."""

    def __init__(self, connected):
        self.socket, self.timeout_s, self.buffer = connected, TIMEOUT_S, b""
        self.deflated = None
        self.head = self.take_until(b"\r\n\r\n").decode()

    def header(self, name):
        lines = [line.split(": ", 1) for line in self.head.split("\r\n")[1:] if line]
        return next((value for key, value in lines if key.lower() == name.lower()), None)

    def accept(self, extensions=None, **changed):
        """The 101; `changed` headers (with _ for -) replace what is right, None leaves them out."""
        key = self.header("Sec-WebSocket-Key").encode()
        fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec_WebSocket_Accept": base64.b64encode(hashlib.sha1(key + GUID).digest()).decode(),
            "Sec_WebSocket_Extensions": extensions,
        } | changed
        lines = ["HTTP/1.1 101 Switching Protocols"]
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in fields.items() if v is not None]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        if extensions:
            self.deflated = ws_wire.Deflated(extensions)

    def frame(self, opcode, payload=b"", **options):
        self.send(ws_wire.frame(opcode, payload, **{"key": None} | options))

    def say(self, message):
        """A text message: JSON of anything but text; compressed where that was agreed on."""
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        if self.deflated:
            self.frame(ws_wire.TEXT, self.deflated.compress(text.encode()), rsv=4)
        else:
            self.frame(ws_wire.TEXT, text)

    def event(self, id, topic, data, event="message"):
        self.say({"id": id, "topic": topic, "event": event, "data": data})

    def close_with(self, code, reason=""):
        self.send(ws_wire.close_frame(code, reason, key=None))

    def receive_frame(self):
        """The next frame of the client: (opcode, payload); None when it has left."""
        try:
            first, second = self.take(2)
        except (AssertionError, ConnectionError):
            return None
        assert second & 0x80 and first & 0xF0 == 0x80, "masked, and in one piece"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8))
        key = self.take(4)
        return first & 0x0F, ws_wire.apply_mask(self.take(length), key)

    def hear(self):
        """The next text message of the client, as JSON."""
        opcode, payload = self.receive_frame()
        assert opcode == ws_wire.TEXT, (opcode, payload)
        return json.loads(payload)


@contextlib.contextmanager
def scripted(*scripts):
    """Each connection is given to the next script, as a Peer, and closed: (port, peers).

    What goes wrong in a script fails the test.
    """
    peers, failures = [], []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for script in scripts:
                try:
                    connected, _ = listener.accept()
                except OSError:
                    return
                with connected:
                    connected.settimeout(TIMEOUT_S)
                    try:
                        peers.append(Peer(connected))
                        script(peers[-1])
                    except Exception as failure:  # noqa: BLE001
                        failures.append(failure)
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], peers
        thread.join(TIMEOUT_S)
        assert not failures, failures
        assert not thread.is_alive(), f"{len(peers)} of {len(scripts)} connections came"

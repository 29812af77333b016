"""Raw-socket HTTP/1.1 and SSE clients: they show the bytes of the server as they are."""

import collections
import json
import socket
import ssl
import time
import urllib.parse

TIMEOUT_S = 10


def wait_for(condition, what, timeout_s=TIMEOUT_S, step_s=0.02):
    """Returns the first true value of condition(); fails with `what` when none comes in time."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {timeout_s} s for {what}"
        time.sleep(step_s)


class Tls(int):
    """A port where TLS is spoken, with whatever certificate."""


class Response:
    """One answer: status, reason, headers as a list of (name, value), body as bytes."""

    def __init__(self, status, reason, version, headers):
        self.status, self.reason, self.version, self.headers = status, reason, version, headers
        self.body = b""

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.headers} {self.body[:200]!r}>"


class Connection:
    """A connection to 127.0.0.1:port, or to a Unix socket (a text), with a buffer of what came."""

    def __init__(self, port, timeout_s=TIMEOUT_S, receive_buffer=None):
        on_network = isinstance(port, int)
        self.socket = socket.socket(socket.AF_INET if on_network else socket.AF_UNIX)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout_s)
        self.socket.connect(("127.0.0.1", port) if on_network else port)
        if on_network:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(port, Tls):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.timeout_s = timeout_s
        self.buffer = b""
        self.chunked = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self, timeout_s=None):
        """More bytes into the buffer; False at the end of the stream."""
        self.socket.settimeout(self.timeout_s if timeout_s is None else timeout_s)
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def take(self, size):
        while len(self.buffer) < size:
            assert self.receive(), f"the stream ended within {size} bytes: {self.buffer[:200]!r}"
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take_until(self, mark, timeout_s=None):
        end = time.monotonic() + (timeout_s or self.timeout_s)
        while mark not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise socket.timeout(f"no {mark!r} in time; received {self.buffer[:200]!r}")
            if not self.receive(left):
                raise EOFError(f"the stream ended before {mark!r}: {self.buffer[:200]!r}")
        data, self.buffer = self.buffer.split(mark, 1)
        return data + mark

    def response_head(self):
        lines = self.take_until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, reason = lines[0].split(" ", 2)
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name and name == name.strip(), f"header line {line!r}"
            headers.append((name, value.strip(" \t")))
        response = Response(int(status), reason, version, headers)
        self.chunked = (response.get("Transfer-Encoding") or "").lower() == "chunked"
        return response

    def response(self, head_only=False):
        """The next final answer with its body; informational answers are left to response_head."""
        response = self.response_head()
        if head_only or response.status in (204, 304) or response.status < 200:
            return response
        if self.chunked:
            while chunk := self.chunk():
                response.body += chunk
        elif response.get("Content-Length") is not None:
            response.body = self.take(int(response.get("Content-Length")))
        else:
            response.body = self.rest()
        return response

    def chunk(self):
        size = int(self.take_until(b"\r\n").split(b";")[0], 16)
        data = self.take(size)
        assert self.take(2) == b"\r\n"
        return data

    def rest(self, timeout_s=None):
        """Everything up to the end of the stream."""
        while self.receive(timeout_s):
            pass
        data, self.buffer = self.buffer, b""
        return data

    def at_end(self, timeout_s=TIMEOUT_S):
        """True if the peer closed without another byte."""
        try:
            return self.buffer == b"" and not self.receive(timeout_s)
        except ConnectionResetError:
            return True

    def request(self, method, target, headers=(), body=None, version="HTTP/1.1"):
        self.send(encode(method, target, headers, body, version))
        return self.response(head_only=method == "HEAD")


def encode(method, target, headers=(), body=None, version="HTTP/1.1"):
    """Bytes of a request; Host and Content-Length are added unless given."""
    headers = list(headers.items() if isinstance(headers, dict) else headers)
    names = {name.lower() for name, _ in headers}
    if "host" not in names and version == "HTTP/1.1":
        headers.insert(0, ("Host", "localhost"))
    if isinstance(body, str):
        body = body.encode()
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} {version}"] + [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def request(port, method, target, headers=(), body=None):
    """One request on a connection of its own."""
    with Connection(port) as connection:
        return connection.request(method, target, headers, body)


def assert_error(response, status):
    """An error answer of the contract: the status, JSON with a code and a sentence."""
    allowed = status if isinstance(status, (set, tuple)) else {status}
    assert response.status in allowed, response
    assert response.get("Content-Type", "").startswith("application/json"), response
    error = response.json()["error"]
    assert error["code"] == error["code"].lower() and " " not in error["code"], error
    assert error["message"][0].isupper() and error["message"].endswith("."), error


def quote(text):
    return urllib.parse.quote(text, safe="")


def publish(port, topic, data, event=None, id=None, connection=None):
    """Publishes one event, returns the id it was given."""
    query = urllib.parse.urlencode(
        {k: v for k, v in (("event", event), ("id", id)) if v is not None}
    )
    target = f"/api/events/{quote(topic)}" + ("?" + query if query else "")
    send = connection.request if connection else lambda *args: request(port, *args)
    response = send("POST", target, (), data)
    assert response.status == 200, response
    answer = response.json()
    assert answer["topic"] == topic
    return answer["id"]


Event = collections.namedtuple("Event", "id type topic data raw")


class SseStream:
    """A subscriber: reads the response head, then blocks of the stream as they come."""

    def __init__(self, port, target, headers=(), receive_buffer=None, read_head=True):
        self.connection = Connection(port, receive_buffer=receive_buffer)
        self.connection.send(encode("GET", target, headers))
        self.text = b""
        self.retry_ms = None
        self.comments = 0
        self.last_id = None
        self.head = None
        if read_head:
            self.head = self.connection.response_head()
            assert self.head.status == 200, (self.head, self.connection.rest())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def _more(self, timeout_s):
        """Body bytes, freed from chunked framing (a proxy may add it); False at the end."""
        connection = self.connection
        if connection.chunked:
            connection.socket.settimeout(timeout_s)
            connection.timeout_s = timeout_s
            data = connection.chunk()
        else:
            data = connection.buffer
            if not data:
                connection.receive(timeout_s)
                data = connection.buffer
            connection.buffer = b""
        self.text += data
        return bool(data)

    def block(self, timeout_s=TIMEOUT_S):
        """The raw bytes of the next block with its empty line; None at the end of the stream."""
        end = time.monotonic() + timeout_s
        while b"\n\n" not in self.text:
            left = end - time.monotonic()
            if left <= 0:
                raise socket.timeout(f"no block in {timeout_s} s; have {self.text[:200]!r}")
            if not self._more(left):
                return None
        raw, self.text = self.text.split(b"\n\n", 1)
        return raw + b"\n\n"

    def event(self, timeout_s=TIMEOUT_S):
        """The next event; comments and retry blocks are noted and skipped. None at the end."""
        end = time.monotonic() + timeout_s
        while True:
            raw = self.block(max(end - time.monotonic(), 0.001))
            if raw is None:
                return None
            event = self._parse(raw)
            if event is not None:
                return event

    def _parse(self, raw):
        fields = {"id": None, "event": None, "topic": None}
        data = []
        for line in raw.decode("utf-8").split("\n"):
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if line.startswith(":"):
                self.comments += 1
            elif name == "data":
                data.append(value)
            elif name == "retry":
                self.retry_ms = int(value)
            elif name in fields:
                # The last id of a block counts: merged streams put their position last.
                assert name == "id" or fields[name] is None, f"two {name} lines in {raw!r}"
                fields[name] = value
            else:
                assert line == "", f"unknown field in {raw!r}"
        if fields["id"] is not None:
            self.last_id = fields["id"]
        if not data:
            return None
        return Event(fields["id"], fields["event"], fields["topic"], "\n".join(data), raw)

    def events(self, count, timeout_s=TIMEOUT_S):
        end = time.monotonic() + timeout_s
        return [self.event(max(end - time.monotonic(), 0.001)) for _ in range(count)]

    def data(self, count, timeout_s=TIMEOUT_S):
        return [event and event.data for event in self.events(count, timeout_s)]

    def ended(self, timeout_s=TIMEOUT_S):
        """Reads on until the server ends the stream; the events that still came."""
        events = []
        end = time.monotonic() + timeout_s
        while True:
            event = self.event(max(end - time.monotonic(), 0.001))
            if event is None:
                return events
            events.append(event)


def subscribe(port, *topics, headers=(), path="/events", **query):
    """A stream of topics; `from_` stands for the query key `from`."""
    pairs = [("topic", topic) for topic in topics]
    pairs += [(key.rstrip("_"), value) for key, value in query.items()]
    return SseStream(port, f"{path}?{urllib.parse.urlencode(pairs)}", headers)

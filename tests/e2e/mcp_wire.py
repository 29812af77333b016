"""example_mcp_everything, and clients of it that show every byte: requests, sessions, streams."""

import itertools
import json
import os
import pathlib
import time

import servers
import wire
import ws_wire

NEWEST_WITH_SESSIONS = "2025-11-25"
STATELESS = "2026-07-28"
WATCHED = "test://watched-resource"
META = "io.modelcontextprotocol/"
JSON = ("Content-Type", "application/json")
ACCEPT = ("Accept", "application/json, text/event-stream")

_ids = itertools.count(1)


class Everything(servers.Process):
    """The example program, on all cores or on those named."""

    def __init__(self, directory, *options, cpus=None):
        self.port = servers.free_port()
        command = ["taskset", "-c", cpus] if cpus else []
        command += [ws_wire.example("mcp_everything"), f"127.0.0.1:{self.port}", *options]
        log = pathlib.Path(directory) / f"everything-{self.port}.log"
        super().__init__(command, log)

    def __enter__(self):
        return self.start(lambda: servers.accepts(self.port), "example_mcp_everything")

    def __exit__(self, *_):
        self.stop()
        log = self.log()
        assert self.child.returncode == 0, f"exit code {self.child.returncode}:\n{log}"
        assert "ERROR: AddressSanitizer" not in log and "runtime error" not in log, log

    def url(self, path="/mcp"):
        return f"http://127.0.0.1:{self.port}{path}"

    def connect(self):
        return wire.Connection(self.port)


def every_core():
    """As taskset names them."""
    return ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))


def one_core():
    return str(min(os.sched_getaffinity(0)))


# --- messages ---


def message(method, params=None, id=None):
    """A request; a notification if `id` is False."""
    out = {"jsonrpc": "2.0"}
    if id is not False:
        out["id"] = next(_ids) if id is None else id
    out["method"] = method
    if params is not None:
        out["params"] = params
    return out


def call(name, arguments=None, id=None, token=None):
    params = {"name": name, "arguments": arguments or {}}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return message("tools/call", params, id)


def response_to(request, result):
    return {"jsonrpc": "2.0", "id": request["id"], "result": result}


def text_of(reply):
    """The text of a tool's result."""
    return reply["result"]["content"][0]["text"]


def encode(body):
    return body if isinstance(body, (str, bytes)) else json.dumps(body)


# --- event streams ---


class Events:
    """Events of a response that is an event stream, or of one GET."""

    def __init__(self, connection, head):
        self.connection, self.head = connection, head
        self.text = b""
        self.last_id = self.retry_ms = None
        self.comments = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def leave(self):
        """Closes it, and waits until the server has: from then on it is sent nothing."""
        self.connection.half_close()
        self.connection.rest()
        self.close()

    def _more(self, timeout_s):
        connection = self.connection
        if connection.chunked:
            connection.timeout_s = timeout_s
            data = connection.chunk()
            if not data:
                connection.timeout_s = wire.TIMEOUT_S
        else:
            if not connection.buffer:
                connection.receive(timeout_s)
            data, connection.buffer = connection.buffer, b""
        self.text += data
        return bool(data)

    def block(self, timeout_s=wire.TIMEOUT_S):
        """Lines of the next block; None at the end."""
        while b"\n\n" not in self.text:
            if not self._more(timeout_s):
                assert self.text == b"", self.text
                return None
        raw, self.text = self.text.split(b"\n\n", 1)
        return raw.decode().split("\n")

    def event(self, timeout_s=wire.TIMEOUT_S):
        """(type, data) of the next event that has data; None at the end. Comments do not count as
        life: a server that only keeps the connection alive is given `timeout_s` as well."""
        end = time.monotonic() + timeout_s
        while True:
            assert time.monotonic() < end, f"no event in {timeout_s} s, {self.comments} comments"
            lines = self.block(timeout_s)
            if lines is None:
                return None
            fields = {}
            for line in lines:
                if line.startswith(":"):
                    self.comments += 1
                    continue
                name, colon, value = line.partition(":")
                assert colon and name not in fields, lines
                fields[name] = value.removeprefix(" ")
            self.last_id = fields.get("id", self.last_id)
            if "retry" in fields:
                self.retry_ms = int(fields["retry"])
            if fields.get("data"):
                return fields.get("event", "message"), fields["data"]

    def message(self, timeout_s=wire.TIMEOUT_S):
        """The next message; None at the end."""
        event = self.event(timeout_s)
        if event is None:
            return None
        assert event[0] == "message", event
        return json.loads(event[1])

    def messages(self):
        """All of them up to the end."""
        return list(iter(self.message, None))

    def until(self, wanted):
        """Messages up to the first for which `wanted` holds, which is the last of them."""
        seen = []
        while True:
            one = self.message()
            assert one is not None, f"the stream ended after {seen}"
            seen.append(one)
            if wanted(one):
                return seen

    def reply(self):
        """The response; what comes before it is dropped."""
        return self.until(lambda one: "result" in one or "error" in one)[-1]


# --- clients ---


def post(connection, body, headers=(), target="/mcp"):
    """Posts; a Response, or Events where the answer is a stream."""
    headers = list(headers)
    names = {name.lower() for name, _ in headers}
    headers += [field for field in (JSON, ACCEPT) if field[0].lower() not in names]
    headers = [field for field in headers if field[1] is not None]
    connection.send(wire.encode("POST", target, headers, encode(body)))
    return answer(connection)


def answer(connection):
    head = connection.response_head()
    if head.status == 200 and head.get("Content-Type") == "text/event-stream":
        return Events(connection, head)
    if connection.chunked:
        while chunk := connection.chunk():
            head.body += chunk
    elif head.get("Content-Length") is not None:
        head.body = connection.take(int(head.get("Content-Length")))
    return head


def reply_of(answered):
    """The response of a request, however it came."""
    if isinstance(answered, Events):
        replies = [one for one in answered.messages() if "method" not in one]
        assert len(replies) == 1, replies
        return replies[0]
    return answered.json()


class Session:
    """A client of a revision with sessions. Each request has a connection of its own, so that
    they arrive at any core."""

    CAPABILITIES = {"sampling": {}, "elicitation": {}, "roots": {}}

    def __init__(
        self, server, revision=NEWEST_WITH_SESSIONS, capabilities=None, authorization=None
    ):
        self.server, self.revision = server, revision
        self.headers = [("Authorization", authorization)] if authorization else []
        params = {
            "protocolVersion": revision,
            "capabilities": self.CAPABILITIES if capabilities is None else capabilities,
            "clientInfo": {"name": "test", "version": "1"},
        }
        answered = self.post(message("initialize", params))
        assert answered.status == 200, answered
        self.greeting = answered.json()["result"]
        self.id = answered.get("Mcp-Session-Id")
        self.headers.append(("Mcp-Session-Id", self.id))
        if revision >= "2025-06-18":
            self.headers.append(("MCP-Protocol-Version", self.greeting["protocolVersion"]))
        assert self.post(message("notifications/initialized", id=False)).status == 202

    def post(self, body, headers=(), connection=None):
        """A Response, or Events; keeps the connection open only for these."""
        connection = connection or self.server.connect()
        answered = post(connection, body, [*headers, *self.headers])
        if not isinstance(answered, Events):
            connection.close()
        return answered

    def ask(self, method, params=None):
        """The response of a request, however it came."""
        return reply_of(self.post(message(method, params)))

    def call(self, name, **arguments):
        return reply_of(self.post(call(name, arguments)))

    def get(self, last_id=None, headers=(), connection=None):
        connection = connection or self.server.connect()
        fields = [("Accept", "text/event-stream"), *self.headers, *headers]
        if last_id is not None:
            fields.append(("Last-Event-ID", last_id))
        connection.send(wire.encode("GET", "/mcp", fields))
        return answer(connection)

    def delete(self):
        with self.server.connect() as connection:
            return connection.request("DELETE", "/mcp", self.headers)


class Stateless:
    """A client of 2026-07-28."""

    def __init__(self, server, capabilities=None, authorization=None):
        self.server = server
        self.capabilities = capabilities or {}
        self.headers = [("Authorization", authorization)] if authorization else []

    def envelope(self, **more):
        return {
            META + "protocolVersion": STATELESS,
            META + "clientCapabilities": self.capabilities,
            META + "clientInfo": {"name": "test", "version": "1"},
            **more,
        }

    def request(self, method, params=None, id=None, meta=None):
        params = {**(params or {}), "_meta": self.envelope() if meta is None else meta}
        return message(method, params, id)

    def headers_of(self, body):
        headers = [("MCP-Protocol-Version", STATELESS), ("Mcp-Method", body["method"])]
        params = body.get("params", {})
        name = params.get("name") or params.get("uri") or params.get("taskId")
        return headers + ([("Mcp-Name", name)] if name else [])

    def post(self, body, headers=None, connection=None):
        connection = connection or self.server.connect()
        headers = self.headers_of(body) if headers is None else headers
        answered = post(connection, body, [*headers, *self.headers])
        if not isinstance(answered, Events):
            connection.close()
        return answered

    def ask(self, method, params=None, **options):
        return reply_of(self.post(self.request(method, params, **options)))

    def call(self, name, **arguments):
        return self.ask("tools/call", {"name": name, "arguments": arguments})

"""bench/reference, the stack that ringcast is compared with: it must do right what is measured."""

import json
import pathlib
import re
import signal
import subprocess

import pytest

import servers
import wire
import ws_wire

START = servers.ROOT / "bench/reference/start"
TARGET = servers.ROOT / "bench/targets/reference.yaml"
PACKAGES = (
    "python3-fastapi",
    "python3-uvicorn",
    "python3-uvloop",
    "python3-httptools",
    "python3-websockets",
    "python3-redis",
    "python3-hiredis",
    "python3-ujson",
    "redis-server",
)
WORKERS = 2
LEGACY = "2025-11-25"


def missing_packages():
    asked = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *PACKAGES]
    listed = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split("\n")
    return [name for name in PACKAGES if f"installed {name}" not in listed]


class Reference(servers.Process):
    def __init__(self, directory):
        self.port = servers.free_port()
        command = ["env", f"TMPDIR={directory}", START, "--port", self.port, "--workers", WORKERS]
        super().__init__(command, pathlib.Path(directory) / "reference.log")

    def start(self):
        return super().start(self.ready, "the reference")

    def ready(self):
        try:
            return wire.request(self.port, "GET", "/health").status == 200
        except (OSError, EOFError, AssertionError):
            return False

    def workers(self):
        """What each worker counts, by process id."""
        seen = {}

        def all_seen():
            answer = wire.request(self.port, "GET", "/health").json()
            seen[answer["pid"]] = answer
            return len(seen) == WORKERS

        wire.wait_for(all_seen, "an answer of each worker", step_s=0)
        return seen

    def count(self, figure):
        return sum(worker[figure] for worker in self.workers().values())

    def complaints(self):
        """Lines of the log other than what Redis says of itself."""
        return [line for line in self.log().splitlines() if not re.match(r"\d+:\S+ ", line)]

    def descendants(self):
        pids, found = [self.child.pid], []
        while pids:
            pid = pids.pop()
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            pids += map(int, children)
            found += map(int, children)
        return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    missing = missing_packages()
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)} (tools/install-deps bench)")
    stack = Reference(tmp_path_factory.mktemp("reference")).start()
    yield stack
    stack.stop()
    assert stack.complaints() == []


def spread(reference, connect, topic):
    """Subscribers of a topic until every worker has one."""
    connected = []
    while len(connected) < 40:
        connected.append(connect(topic))
        if all(worker["topics"] == 1 for worker in reference.workers().values()):
            return connected
    raise AssertionError("one worker takes all connections")


def gone(reference):
    """Waits until nobody subscribes any more."""
    wire.wait_for(
        lambda: reference.count("subscribers") == 0 and reference.count("topics") == 0,
        "the subscribers to be forgotten",
        step_s=0.1,
    )


def runs(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # whoever adopted it may be slow to notice its end


def publish(reference, topic, data):
    response = wire.request(reference.port, "POST", f"/events/{topic}", (), data)
    assert response.status == 200 and response.json() == {"published": 1}, response


def lines_of(connection, count):
    """Lines out of a chunked response, wherever its chunks end."""
    text = b""
    while text.count(b"\n") < count:
        text += connection.chunk()
    return text.decode().split("\n")[:-1]


def open_lines(port, topic):
    connection = wire.Connection(port)
    connection.send(wire.encode("GET", f"/chunked/{topic}"))
    assert connection.response_head().status == 200 and connection.chunked
    return connection


def test_sse_on_all_workers(reference, topic):
    def connect(name):
        return wire.SseStream(reference.port, f"/events/{name}")

    streams = spread(reference, connect, topic)
    assert streams[0].head.get("Content-Type").startswith("text/event-stream")
    sent = [f"event {number}" for number in range(50)] + ["two\nlines", "ünï", ""]
    for data in sent:
        publish(reference, topic, data)
    publish(reference, "another." + topic, "not for them")
    publish(reference, topic, "last")
    for stream in streams:
        assert stream.data(len(sent) + 1) == [*sent, "last"]
        stream.close()
    gone(reference)


def test_websockets_on_all_workers(reference, topic):
    def connect(name):
        return ws_wire.WebSocket(reference.port, target=f"/ws/{name}")

    sockets = spread(reference, connect, topic)
    sent = [f"event {number}" for number in range(50)]
    for data in sent[:25]:
        sockets[0].send(ws_wire.frame(ws_wire.TEXT, data.encode()))
    for data in sent[:25]:
        sockets[0].expect(ws_wire.TEXT, data)
    for data in sent[25:]:
        publish(reference, topic, data)
    for data in sent[25:]:
        sockets[0].expect(ws_wire.TEXT, data)
    for socket in sockets[1:]:
        for data in sent:
            socket.expect(ws_wire.TEXT, data)
    sockets[0].finish()
    for socket in sockets[1:]:
        socket.close()  # without a closing handshake
    gone(reference)


def test_a_chunked_upload_reaches_lines_on_all_workers(reference, topic):
    readers = spread(reference, lambda name: open_lines(reference.port, name), topic)
    sent = [json.dumps({"number": number}) for number in range(100)]
    body = "\n".join(sent).encode()  # the last line has no end
    with wire.Connection(reference.port) as upload:
        upload.send(
            wire.encode("POST", f"/chunked/{topic}", {"Transfer-Encoding": "chunked"})
            + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:10], body[10:700]))
        )
        first = body[:700].count(b"\n")
        for reader in readers:  # while the request is still under way
            assert lines_of(reader, first) == sent[:first]
        upload.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) - 700, body[700:]))
        assert upload.response().json() == {"published": 100}
    for reader in readers:
        assert lines_of(reader, 100 - first) == sent[first:]
        reader.close()
    gone(reference)


def test_a_slow_reader_loses_events_and_the_others_none(reference, topic):
    with wire.Connection(reference.port, receive_buffer=4096) as slow:
        slow.send(wire.encode("GET", f"/events/{topic}"))
        slow.response_head()
        with open_lines(reference.port, topic) as reader:
            body = (b"x" * 4000 + b"\n") * 100
            for _ in range(50):  # more than the kernel keeps, one write and the queue
                response = wire.request(reference.port, "POST", f"/chunked/{topic}", (), body)
                assert response.json() == {"published": 100}
                assert len(lines_of(reader, 100)) == 100
        assert reference.count("dropped") > 0
    gone(reference)


class Mcp:
    """A client with a new connection for each message, so that workers take turns."""

    def __init__(self, port):
        self.port, self.session = port, {}

    def post(self, method, params=None, number=1, **headers):
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        if number is not None:
            message["id"] = number
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **self.session,
            **headers,
        }
        return wire.request(self.port, "POST", "/mcp", headers, json.dumps(message))

    def initialize(self):
        answer = self.post("initialize", {"protocolVersion": LEGACY})
        assert answer.json()["result"]["protocolVersion"] == LEGACY
        session = answer.get("Mcp-Session-Id")
        self.session = {"Mcp-Session-Id": session, "MCP-Protocol-Version": LEGACY}
        assert self.post("notifications/initialized", number=None).status == 202

    def echo(self, text, number):
        arguments = {"name": "echo", "arguments": {"text": text}}
        return self.post("tools/call", arguments, number)


def test_a_session_of_mcp_is_known_to_all_workers(reference):
    client = Mcp(reference.port)
    assert client.post("ping").status == 400
    client.initialize()
    assert client.post("ping").json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    (tool,) = client.post("tools/list").json()["result"]["tools"]
    assert tool["name"] == "echo"
    for number in range(40):
        answer = client.echo(f"text / {number} ü", number).json()
        content = [{"type": "text", "text": f"text / {number} ü"}]
        assert answer == {"jsonrpc": "2.0", "id": number, "result": {"content": content}}
    assert client.post("tools/call", {"name": "none"}).json()["error"]["code"] == -32602
    assert client.post("none").json()["error"]["code"] == -32601
    assert wire.request(reference.port, "DELETE", "/mcp", client.session).status == 204
    for _ in range(20):
        wire.wait_for(lambda: client.post("ping").status == 404, "the end of the session")


def test_what_is_no_message_of_mcp(reference):
    client = Mcp(reference.port)
    client.initialize()
    nulled = b'{"jsonrpc":"2.0","id":null,"method":"ping"}'
    listed = b'{"jsonrpc":"2.0","id":1,"method":["ping"]}'
    for body, code in ((b"{", -32700), (b"[]", -32600), (nulled, -32600), (listed, -32600)):
        answer = wire.request(reference.port, "POST", "/mcp", client.session, body)
        assert answer.status == 400 and answer.json()["error"]["code"] == code
    assert client.post("ping", **{"MCP-Protocol-Version": "1999-01-01"}).status == 400
    assert client.post("ping", Origin="http://elsewhere.example").status == 403
    assert client.post("ping", Origin="http://localhost").status == 200
    assert wire.request(reference.port, "GET", "/mcp").status == 405


LOADS = {
    "sse": ("sse", "--subscribers", 20, "--publishers", 4),
    "sse at a rate": ("sse", "--subscribers", 20, "--topics", 5, "--rate", 100),
    "ws": ("ws", "--subscribers", 20, "--publishers", 4),
    "mcp": ("mcp", "--era", "legacy", "--connections", 8, "--sessions", 20),
}


@pytest.mark.parametrize("load", LOADS)
def test_ringload_finds_nothing_lost(reference, tmp_path, load):
    if LOADS[load][0] == "mcp":
        where = ("--url", f"http://127.0.0.1:{reference.port}/mcp")
    else:
        target = tmp_path / "target.yaml"
        target.write_text(re.sub(r"(?m)^port:.*", f"port: {reference.port}", TARGET.read_text()))
        where = ("--target", target)
    command = [servers.binary().parent / "ringload", *LOADS[load], *where]
    command += ["--warmup", 0.2, "--time", 0.5, "--strict", "--json", "-"]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["delivered"] > 0 and result["lost"] == 0, result


def test_all_ends_with_the_script(reference, tmp_path, topic):
    stack = Reference(tmp_path).start()
    children = stack.descendants()
    assert len(children) >= WORKERS + 2
    stream = wire.SseStream(stack.port, f"/events/{topic}")
    lines = open_lines(stack.port, topic)
    socket = ws_wire.WebSocket(stack.port, target=f"/ws/{topic}")
    upload = wire.Connection(stack.port)
    upload.send(
        wire.encode("POST", f"/chunked/{topic}", {"Transfer-Encoding": "chunked"})
        + b"8\r\none\ntwo\n\r\n"
    )
    assert stream.data(2) == ["one", "two"]
    stack.signal(signal.SIGTERM)
    assert stream.event() is None and lines_of(lines, 2) == ["one", "two"]
    assert upload.response().json() == {"published": 2}
    assert lines.chunk() == b""
    socket.expect(ws_wire.TEXT, "one")
    socket.expect(ws_wire.TEXT, "two")
    assert socket.frame().opcode == ws_wire.CLOSE
    stack.wait()
    assert stack.complaints() == []
    wire.wait_for(lambda: not any(map(runs, children)), "all children to have ended")
    assert [path.name for path in tmp_path.iterdir()] == ["reference.log"]

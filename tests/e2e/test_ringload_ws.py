"""ringload over WebSocket, against a small server that does right or wrong as it is told."""

import asyncio
import contextlib
import http
import itertools
import json
import socket
import subprocess
import threading
import urllib.parse

import pytest
import websockets

import servers
from loop_thread import LoopThread

TARGET = """
name: stand-in
host: 127.0.0.1
port: {port}
ws:
  path: "/sub?topic={{topic}}{query}"
  send: '{send}'
  ready: '{ready}'
  echo_path: "/echo?x{query}"
  publish:
    path: "/in"
    message: '{{"to":"{{topic}}","data":"{{payload}}"}}'
    answer: '{answer}'
  control:
    caller_path: "/call/{{session}}?x{query}"
    worker_path: "/work/{{session}}"
"""


class StandIn(LoopThread):
    """Broadcasts, echoes and passes commands on. `fault` in a path says what goes wrong there."""

    def __init__(self):
        self.topics = {}
        self.workers = {}
        self.callers = {}
        self.numbers = itertools.count()
        self.pongs = 0

    async def open(self):
        server = await websockets.serve(
            self.handle, "127.0.0.1", 0, process_request=self.refuse, max_size=None
        )
        self.port = server.sockets[0].getsockname()[1]
        return [server]

    async def refuse(self, path, _headers):
        return (http.HTTPStatus.FORBIDDEN, [], b"not for you") if "fault=refuse" in path else None

    async def handle(self, ws, path):
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        kind, _, name = url.path.lstrip("/").partition("/")
        try:
            await getattr(self, kind)(ws, name, query)
        except websockets.ConnectionClosed:
            pass

    async def sub(self, ws, _name, query):
        if "ask" in query:
            assert await ws.recv() == f"please {query['topic']}"
            await ws.send("welcome")
        member = Member(ws, query.get("fault", ""))
        topic = self.topics.setdefault(query["topic"], set())
        topic.add(member)
        if member.fault == "close":
            await asyncio.sleep(0.3)
            await ws.close(1013, "try again later")
        if member.fault == "ping":
            while True:
                await asyncio.wait_for(await ws.ping(), 10)
                self.pongs += 1
                await asyncio.sleep(0.01)
        await ws.wait_closed()
        topic.discard(member)

    # `in` is a word of the language.
    def __getattr__(self, name):
        if name == "in":
            return self.publish
        raise AttributeError(name)

    async def publish(self, ws, _name, _query):
        async for text in ws:
            event = json.loads(text)
            number = next(self.numbers)
            message = json.dumps(
                {"id": f"e-{number}", "topic": event["to"], "event": "m", "data": event["data"]}
            )
            for member in list(self.topics.get(event["to"], ())):
                await member.send(message)
            await ws.send('{"type":"published"}')

    async def echo(self, ws, _name, query):
        async for message in ws:
            if query.get("fault") == "alter":
                middle = len(message) - 20
                message = message[:middle] + "#" + message[middle + 1 :]
            await ws.send(message)

    async def call(self, ws, name, query):
        await ws.send('{"type":"welcome"}')
        async for text in ws:
            command = json.loads(text)
            assert command["action"] == "pause"
            if query.get("fault") == "silent":
                continue
            if query.get("fault") == "error":
                await ws.send(json.dumps({"type": "error", "ref": command["ref"]}))
                continue
            ref = f"r{next(self.numbers)}"  # the worker is told a reference of the server's own
            self.callers[ref] = (ws, command["ref"])
            await self.tell(name, "command", f'{{"action":"pause","ref":"{ref}"}}')

    async def tell(self, name, event, data):
        number = next(self.numbers)
        message = {"id": f"e-{number}", "topic": f"control.{name}", "event": event, "data": data}
        await self.workers[name].send(json.dumps(message))

    async def work(self, ws, name, _query):
        self.workers[name] = ws
        async for text in ws:
            message = json.loads(text)
            assert message["topic"] == f"control.{name}" and message["event"] == "reply"
            await self.tell(name, "reply", message["data"])  # it gets its own answers, too
            answer = json.loads(message["data"])
            caller, ref = self.callers.pop(answer["ref"])
            await caller.send(json.dumps({"status": answer["status"], "ref": ref}))


class Member:
    """A subscriber, and what goes wrong on the way to it."""

    def __init__(self, ws, fault):
        self.ws, self.fault = ws, fault
        self.held = None
        self.count = 0

    async def send(self, message):
        self.count += 1
        tenth = self.count % 10 == 0
        try:
            if self.fault == "fragments":
                await self.ws.send([message[:7], message[7:60], message[60:]])
            elif tenth and self.fault == "drop" or self.fault == "deaf" and self.count > 30:
                return
            elif tenth and self.fault == "swap":
                self.held = message
                return
            else:
                await self.ws.send(message)
            if tenth and self.fault == "double":
                await self.ws.send(message)
            if self.held:
                held, self.held = self.held, None
                await self.ws.send(held)
        except websockets.ConnectionClosed:
            pass


@pytest.fixture
def stand_in():
    one = StandIn().start()
    yield one
    one.stop()


@pytest.fixture
def target(stand_in, tmp_path):
    def make(query="", send="", ready="", answer="published", port=None):
        path = tmp_path / "target.yaml"
        port = port or stand_in.port
        path.write_text(
            TARGET.format(port=port, query=query, send=send, ready=ready, answer=answer)
        )
        return path

    return make


def ringload(*arguments, status=0, transport="ws"):
    """Runs ringload; its JSON, or what it complained of."""
    program = servers.binary().parent / "ringload"
    command = [program, transport, "--warmup", 0.1, "--time", 0.4, "--json", "-", *arguments]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def is_clean(result):
    wrong = ("lost", "duplicates", "out_of_order", "altered", "gaps")
    return all(result[each] == 0 for each in wrong) and result["delivered"] > 0


FEW = ("--subscribers", 12, "--publishers", 3, "--topics", 2)


def test_everybody_gets_every_event_of_their_topic(target):
    result = ringload("--target", target(), *FEW, "--window", 4, "--strict")
    assert result["transport"] == "ws" and result["kind"] == "fan_out"
    assert result["subscribers"] == 12 and is_clean(result), result
    result = ringload("--target", target(), *FEW, "--rate", 100, "--size", 5000, "--strict")
    assert result["mode"] == "open" and is_clean(result), result
    assert result["latency_us"]["p50"] > 0


def test_ringcast_itself(server):
    url = ("--url", server.url("").rstrip("/"))
    for transport in ("sse", "ws"):
        result = ringload(*url, *FEW, "--window", 8, "--strict", transport=transport)
        assert result["transport"] == transport
        assert result["subscribers"] == 12 and is_clean(result), result
    result = ringload(*url, "--control", "--connections", 8, "--topics", 3, "--strict")
    assert is_clean(result) and result["foreign"] == 0, result
    result = ringload(*url, "--subscribers", 20, "--idle", "--slow-readers", 2)
    assert result["subscribers"] == 20, result


def test_publishers_that_get_no_answer(target):
    result = ringload("--target", target(answer=""), *FEW, "--rate", 100, "--strict")
    assert is_clean(result), result


def test_a_subscription_that_is_asked_for_and_confirmed(target):
    file = target("&ask=1", send="please {topic}", ready="welcome")
    result = ringload("--target", file, *FEW, "--window", 4, "--strict")
    assert result["subscribers"] == 12 and is_clean(result), result


def test_fragments_and_pings(stand_in, target):
    result = ringload("--target", target("&fault=fragments"), *FEW, "--window", 4, "--strict")
    assert is_clean(result), result
    result = ringload("--target", target("&fault=ping"), *FEW, "--rate", 50, "--strict")
    assert is_clean(result) and stand_in.pongs > 12, result


@pytest.mark.parametrize(
    "fault, figure", [("drop", "lost"), ("double", "duplicates"), ("swap", "out_of_order")]
)
def test_what_goes_wrong_is_found(target, fault, figure):
    few = ("--subscribers", 12, "--rate", 200)  # order is of one publisher's events
    result = ringload("--target", target(f"&fault={fault}"), *few, "--strict", status=3)
    assert result[figure] > 0, result


def test_subscribers_that_are_cut_off(target):
    result = ringload("--target", target("&fault=close"), *FEW, "--rate", 100)
    assert result["errors"]["subscribers_lost"] == 12
    assert any("closed the WebSocket (1013: try again later)" in w for w in result["warnings"])


def test_idle_and_slow_subscribers(target):
    result = ringload("--target", target(), "--subscribers", 20, "--idle", "--slow-readers", 3)
    assert result["mode"] == "idle" and result["subscribers"] == 20 and result["slow_readers"] == 3


@pytest.mark.parametrize("size", [32, 64, 1000, 70_000])
@pytest.mark.parametrize("more", [(), ("--binary",), ("--pipeline", 4), ("--rate", 200)])
def test_echoes_come_back_as_they_were(target, size, more):
    result = ringload(
        "--target", target(), "--echo", size, "--connections", 7, *more, "--strict"
    )
    assert result["kind"] == "echo" and result["size"] == size
    assert is_clean(result) and result["foreign"] == 0, result


def test_an_echo_that_is_altered(target):
    file = target("&fault=alter")
    result = ringload("--target", file, "--echo", 200, "--connections", 2, "--strict", status=3)
    assert result["altered"] > 0 and result["lost"] == 0, result


@pytest.mark.parametrize("more", [(), ("--rate", 200), ("--topics", 3), ("--pipeline", 5)])
def test_commands_are_answered_by_a_worker(target, more):
    result = ringload("--target", target(), "--control", "--connections", 6, *more, "--strict")
    assert result["kind"] == "control" and is_clean(result), result
    assert result["latency_us"]["p99"] > 0


def test_commands_that_nobody_answers_are_lost(target):
    file = target("&fault=silent")
    result = ringload("--target", file, "--control", "--connections", 4, "--strict", status=3)
    assert result["lost"] == 4 and result["delivered"] == 0 and result["foreign"] == 0, result


def test_commands_that_are_refused(target):
    file = target("&fault=error")
    result = ringload("--target", file, "--control", "--connections", 4, "--strict", status=3)
    assert result["lost"] == 4 and result["foreign"] == 4, result
    assert any("4 messages were no answers, the first: {" in each for each in result["warnings"])


def test_a_refused_handshake_says_why(target):
    for mode in (("--subscribers", 3, "--idle"), ("--echo", 64), ("--control",)):
        complaint = ringload("--target", target("&fault=refuse"), *mode, status=1)
        assert "403 Forbidden: not for you" in complaint


def answer_once(answer):
    """A server that says the same to everyone, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(ConnectionError):
                client.recv(65536)
                client.sendall(answer)
                client.recv(65536)

    threading.Thread(target=run, daemon=True).start()
    return listener


UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"


@pytest.mark.parametrize(
    "answer, complaint",
    [
        (UPGRADE + b"Sec-WebSocket-Accept: x\r\n\r\n", "wrong Sec-WebSocket-Accept `x`"),
        (UPGRADE + b"\r\n", "wrong Sec-WebSocket-Accept ``"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 OK: hi"),
        (b"220 mail\r\n\r\n", "This is no HTTP/1 response"),
    ],
)
def test_a_server_that_speaks_no_websocket(target, answer, complaint):
    listener = answer_once(answer)
    file = target(port=listener.getsockname()[1])
    assert complaint in ringload("--target", file, "--echo", 64, "--connections", 1, status=1)
    listener.close()


def test_frames_that_no_server_may_send(target):
    listener = answer_once(UPGRADE + ACCEPT + b"\r\n" + b"\x83\x00")
    file = target(port=listener.getsockname()[1])
    complaint = ringload("--target", file, "--echo", 64, "--connections", 1, status=1)
    assert "what the server sent is no WebSocket" in complaint
    listener.close()

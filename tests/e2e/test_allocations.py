"""A delivery allocates nothing once warm, and an event is encoded once, not per subscriber."""

import pathlib
import struct

import pytest

import mcp_wire
import servers
import wire
import ws_wire
from ws_client import Client

SUBSCRIBERS = 50
PADDING = " " + "compressible " * 8
EVENTS = 1000


def shim():
    path = servers.binary().resolve().parents[1] / "lib" / "libcount_allocations.so"
    assert path.exists(), f"{path} is missing: build the target count_allocations"
    return path


class WsStream(Client):
    def data(self, count):
        return [event["data"] for event in self.events(count)]


@pytest.mark.parametrize("over", ["sse", "websocket", "deflate"])
def test_publishing_and_delivering_allocate_nothing_once_warm(start, tmp_path, monkeypatch, over):
    counter = tmp_path / "allocations"
    monkeypatch.setenv("LD_PRELOAD", str(shim()))
    monkeypatch.setenv("RINGCAST_TEST_ALLOCATIONS", str(counter))
    server = start("cores: [0]\nmetrics: {interval_ms: 0}\n")
    monkeypatch.delenv("LD_PRELOAD")

    def allocations():
        return struct.unpack("q", pathlib.Path(counter).read_bytes()[:8])[0]

    def subscriber():
        if over == "sse":
            return wire.subscribe(server.port, "warm")
        return WsStream(server.port, "/ws?topic=warm", deflate=over == "deflate")

    streams = [subscriber() for _ in range(SUBSCRIBERS)]
    with wire.Connection(server.port) as publisher:

        def publish_all():
            for number in range(EVENTS):
                data = str(number) + PADDING
                wire.publish(server.port, "warm", data, event="x", connection=publisher)
            for stream in streams:
                assert stream.data(EVENTS) == [f"{number}{PADDING}" for number in range(EVENTS)]

        publish_all()
        before = allocations()
        assert before > 0, "the counter counts nothing"
        publish_all()
        during = allocations() - before
    for stream in streams:
        stream.close()
    # The log grows by a segment now and then; 50,000 deliveries and 1000 requests need nothing.
    assert during <= 20, f"{during} allocations for {EVENTS * SUBSCRIBERS} deliveries"


def test_sends_do_not_grow_with_what_they_carry(start):
    """A burst reaches a subscriber in few sends: its bytes are sent from the log as they lie."""
    server = start("cores: [0]\nmetrics: {interval_ms: 0}\nhistory: {bytes: 64MiB}\n")
    lines = "".join('{"topic":"burst","data":"%d"}\n' % number for number in range(5000))
    with wire.subscribe(server.port, "burst") as stream:
        assert wire.request(server.port, "POST", "/api/events", body=lines.encode()).status == 200
        assert stream.data(5000) == [str(number) for number in range(5000)]
        text = wire.request(server.port, "GET", "/metrics").body.decode()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(figures["messages_sent_total"]) == 5000
    assert int(figures["ringcast_sends_total"]) < 60


class Kept:
    """A connection that stays open after an answer."""

    def __init__(self, connection):
        self.__dict__["connection"] = connection

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def __setattr__(self, name, value):
        setattr(self.connection, name, value)

    def close(self):
        pass


@pytest.mark.parametrize("era", ["stateless", "session"])
def test_calling_a_tool_allocates_nothing_once_warm(tmp_path, monkeypatch, era):
    counter = tmp_path / "allocations"
    port = servers.free_port()
    monkeypatch.setenv("LD_PRELOAD", str(shim()))
    monkeypatch.setenv("RINGCAST_TEST_ALLOCATIONS", str(counter))
    command = ["taskset", "-c", mcp_wire.one_core(), ws_wire.example("mcp_echo")]
    echo = servers.Process([*command, f"127.0.0.1:{port}"], tmp_path / "echo.log")
    echo.start(lambda: servers.accepts(port), "example_mcp_echo")
    monkeypatch.delenv("LD_PRELOAD")
    echo.connect = lambda: wire.Connection(port)
    client = mcp_wire.Stateless(echo) if era == "stateless" else mcp_wire.Session(echo)
    with wire.Connection(port) as connection:

        def call_all():
            for number in range(EVENTS):
                arguments = {"text": f"{number}{PADDING}"}
                if era == "stateless":
                    body = client.request("tools/call", {"name": "echo", "arguments": arguments})
                else:
                    body = mcp_wire.call("echo", arguments)
                reply = client.post(body, connection=Kept(connection)).json()
                assert mcp_wire.text_of(reply) == arguments["text"]

        call_all()
        before = struct.unpack("q", counter.read_bytes()[:8])[0]
        assert before > 0, "the counter counts nothing"
        call_all()
        during = struct.unpack("q", counter.read_bytes()[:8])[0] - before
    echo.stop()
    assert during <= 20, f"{during} allocations for {EVENTS} calls"

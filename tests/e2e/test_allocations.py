"""A delivery allocates nothing once warm, and an event is encoded once, not per subscriber."""

import pathlib
import struct

import pytest

import servers
import wire
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

"""Streams as lines of JSON: form, negotiation, resuming, gaps, limits, drain, access."""

import json
import signal
import time
import urllib.parse

import pytest

import wire
from test_access import Signer, bearer, grants
from test_standing import Guarded
from wire import publish

LINES = "application/x-ndjson"


class LineStream:
    """A subscriber: reads the response head, then lines; each must be a chunk over HTTP/1.1."""

    def __init__(self, port, target, headers=(), version="HTTP/1.1"):
        self.connection = wire.Connection(port)
        self.connection.send(wire.encode("GET", target, headers, version=version))
        self.head = self.connection.response_head()
        assert self.head.status == 200, (self.head, self.connection.rest())
        self.ended_well = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def line(self, timeout_s=wire.TIMEOUT_S):
        """The next line without its end; None where the stream ends."""
        self.connection.timeout_s = timeout_s
        if not self.connection.chunked:
            try:
                return self.connection.take_until(b"\n")[:-1]
            except EOFError:
                return None
        chunk = self.connection.chunk()
        if chunk == b"":
            self.ended_well = True
            return None
        assert chunk.endswith(b"\n") and chunk.count(b"\n") == 1, chunk
        return chunk[:-1]

    def message(self, timeout_s=wire.TIMEOUT_S):
        """The next line that is no heartbeat, as JSON."""
        while (line := self.line(timeout_s)) == b"":
            pass
        return None if line is None else json.loads(line)

    def event(self):
        while "event" not in (message := self.message()):
            pass
        return message

    def data(self, count):
        return [self.event()["data"] for _ in range(count)]


def subscribe(port, *topics, headers=(), version="HTTP/1.1", **query):
    pairs = [("topic", topic) for topic in topics] + [("format", "ndjson")]
    pairs += [(key.rstrip("_"), value) for key, value in query.items()]
    return LineStream(port, f"/events?{urllib.parse.urlencode(pairs)}", headers, version)


# --- Form ----------------------------------------------------------------------------------------


def test_head(server, topic):
    with subscribe(server.port, topic) as stream:
        head = stream.head
        assert head.get("Content-Type") == LINES
        assert head.get("Transfer-Encoding") == "chunked" and head.get("Content-Length") is None
        assert head.get("Cache-Control") == "no-cache, no-transform"
        assert head.get("X-Accel-Buffering") == "no"
        assert head.get("Connection", "").lower() == "close"


def test_lines(server, topic):
    with subscribe(server.port, topic) as stream:
        position = stream.message()
        assert position["type"] == "position" and set(position) == {"type", "id"}
        typed = publish(server.port, topic, '{"a":"ä\\n"}', event="step_started")
        untyped = publish(server.port, topic, "two\nlines\t\x01")
        expected = {"id": typed, "topic": topic, "event": "step_started", "data": '{"a":"ä\\n"}'}
        assert stream.message() == expected
        expected = {"id": untyped, "topic": topic, "event": "message", "data": "two\nlines\t\x01"}
        assert stream.message() == expected


def test_http_1_0_has_no_chunks(server, topic):
    with subscribe(server.port, topic, version="HTTP/1.0") as stream:
        assert stream.head.get("Transfer-Encoding") is None
        publish(server.port, topic, "x")
        assert stream.event()["data"] == "x"


def test_large_and_many_events_come_in_order(server, topic):
    sizes = [1, 15, 16, 255, 256, 4095, 4096, 60_000]
    with subscribe(server.port, topic) as stream:
        for size in sizes:
            publish(server.port, topic, "y" * size)
        assert [len(data) for data in stream.data(len(sizes))] == sizes
        body = "".join(f"{n}\n" for n in range(5000))
        wire.request(server.port, "POST", f"/api/events/{topic}?stream=lines", (), body)
        assert stream.data(5000) == [str(n) for n in range(5000)]


def test_named_route_with_a_greeting(server):
    path = "/api/chat/sse?messageId=lines&format=ndjson"
    with LineStream(server.port, path) as stream:
        assert stream.message() == {"type": "connected"}
        assert stream.message()["type"] == "position"
        publish(server.port, "chat.lines", "hello")
        assert stream.event()["data"] == "hello"


def test_heartbeat_is_an_empty_line(start):
    server = start("sse: {heartbeat_ms: 100}\n")
    with subscribe(server.port, "quiet") as stream:
        assert stream.message()["type"] == "position"
        assert [stream.line(), stream.line()] == [b"", b""]
        publish(server.port, "quiet", "x")
        assert stream.event()["data"] == "x"


# --- Negotiation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept,lines",
    [
        (None, False),
        ("*/*", False),
        ("text/event-stream", False),
        ("application/json", False),
        (LINES, True),
        ("Application/X-NDJSON", True),
        ("application/ndjson", True),
        ("application/jsonl", True),
        (f"{LINES}, text/event-stream", True),
        (f"text/event-stream, {LINES}", False),
        (f"text/event-stream;q=0.5, {LINES};q=0.9", True),
        (f"text/event-stream;q=0.9, {LINES};q=0.85", False),
        (f"{LINES};q=0", False),
        (f"{LINES};q=0.000, */*", False),
        (f"{LINES};charset=utf-8", True),
    ],
)
def test_accept(server, topic, accept, lines):
    headers = [] if accept is None else [("Accept", accept)]
    for method in ("GET", "HEAD"):
        with wire.Connection(server.port) as connection:
            connection.send(wire.encode(method, f"/events?topic={topic}", headers))
            head = connection.response_head()
            assert head.get("Content-Type").split(";")[0] == (
                LINES if lines else "text/event-stream"
            )


def test_the_query_goes_before_the_header(server, topic):
    for name, accept, type in [
        ("sse", LINES, "text/event-stream"),
        ("ndjson", "text/event-stream", LINES),
    ]:
        with wire.Connection(server.port) as connection:
            target = f"/events?topic={topic}&format={name}"
            connection.send(wire.encode("GET", target, [("Accept", accept)]))
            assert connection.response_head().get("Content-Type") == type


@pytest.mark.parametrize("name", ["", "xml", "NDJSON"])
def test_unknown_formats_are_refused(server, topic, name):
    answer = wire.request(server.port, "GET", f"/events?topic={topic}&format={name}")
    wire.assert_error(answer, 400)
    assert answer.json()["error"]["code"] == "bad_format"


def test_head_request_has_no_body(server, topic):
    with wire.Connection(server.port) as connection:
        answer = connection.request("HEAD", f"/events?topic={topic}&format=ndjson")
        assert answer.status == 200 and answer.get("Content-Type") == LINES
        assert connection.request("GET", "/health").status == 200


def test_switched_off_streams_answer_501(start):
    server = start("sse: {enabled: false}\n")
    answer = wire.request(server.port, "GET", "/events?topic=t&format=ndjson")
    wire.assert_error(answer, 501)


def test_refusals_are_as_for_events(server):
    for query in ("format=ndjson", "topic=a%20b&format=ndjson", "topic=a&from=x&format=ndjson"):
        wire.assert_error(wire.request(server.port, "GET", f"/events?{query}"), 400)


# --- Replay, resuming, gaps ----------------------------------------------------------------------


def test_replay_and_resuming(server, topic):
    ids = [publish(server.port, topic, str(n)) for n in range(20)]
    with subscribe(server.port, topic, from_="earliest") as stream:
        assert stream.data(20) == [str(n) for n in range(20)]
    for how in ({"headers": {"Last-Event-ID": ids[4]}}, {"lastEventId": ids[4]}):
        with subscribe(server.port, topic, **how) as stream:
            assert stream.data(15) == [str(n) for n in range(5, 20)]


def test_the_position_resumes_exactly(server, topic):
    with subscribe(server.port, topic) as stream:
        position = stream.message()["id"]
    publish(server.port, topic, "meanwhile")
    with subscribe(server.port, topic, lastEventId=position) as stream:
        assert stream.event()["data"] == "meanwhile"


def test_several_topics_patterns_and_types(server, topic):
    with subscribe(server.port, f"{topic}.a", f"{topic}.b*", types="x,y") as stream:
        stream.message()
        for number, (name, event) in enumerate(
            [("a", "x"), ("b1", "y"), ("b2", "z"), ("c", "x"), ("a", "y")]
        ):
            publish(server.port, f"{topic}.{name}", str(number), event=event)
        events = [stream.event() for _ in range(3)]
    said = [(e["topic"], e["event"], e["data"]) for e in events]
    assert said == [
        (f"{topic}.a", "x", "0"),
        (f"{topic}.b1", "y", "1"),
        (f"{topic}.a", "y", "4"),
    ]
    publish(server.port, f"{topic}.a", "5", event="x")
    with subscribe(
        server.port, f"{topic}.a", f"{topic}.b*", types="x,y", lastEventId=events[1]["id"]
    ) as stream:
        assert stream.data(2) == ["4", "5"]


def test_gap(start):
    server = start("history: {events: 10}\n")
    ids = [publish(server.port, "t", str(n)) for n in range(50)]
    with subscribe(server.port, "t", lastEventId=ids[0]) as stream:
        gap = stream.event()
        assert gap["event"] == "gap" and gap["topic"] == "t"
        told = json.loads(gap["data"])
        assert told["reason"] == "evicted" and told["requested"] == ids[0]
        assert stream.event()["id"] == told["earliest"]


def test_form_is_shared_with_subscribers_of_other_forms(server, topic):
    with (
        subscribe(server.port, topic) as lines,
        subscribe(server.port, topic, version="HTTP/1.0") as plain,
        wire.subscribe(server.port, topic) as events,
    ):
        for number in range(100):
            publish(server.port, topic, str(number))
        expected = [str(n) for n in range(100)]
        assert lines.data(100) == plain.data(100) == events.data(100) == expected


# --- Limits, drain, access -----------------------------------------------------------------------


def test_streams_of_a_client_are_limited(start):
    server = start("limits: {max_streams_per_client: 2, exempt: []}\n")
    with subscribe(server.port, "a"), wire.subscribe(server.port, "a"):
        answer = wire.request(server.port, "GET", "/events?topic=a&format=ndjson")
        wire.assert_error(answer, 429)


def test_sigterm_ends_streams_and_says_when_to_come_back(start):
    server = start("drain: {retry_min_ms: 700, retry_max_ms: 900}\n")
    publish(server.port, "t", "before")
    with (
        subscribe(server.port, "t", from_="earliest") as stream,
        subscribe(server.port, "t", version="HTTP/1.0") as plain,
    ):
        assert stream.event()["data"] == "before"
        server.signal(signal.SIGTERM)
        for each in (stream, plain):
            while (last := each.message())["type"] == "position":
                pass
            assert last["type"] == "drain" and 700 <= last["retry_ms"] <= 900
            assert each.line() is None
        assert stream.ended_well and stream.connection.at_end()
    assert server.wait() == 0


def test_a_cut_stream_does_not_look_ended(start):
    server = start()
    with subscribe(server.port, "t") as stream:
        stream.message()
        server.kill()
        with pytest.raises((EOFError, ConnectionError)):
            stream.line()
        assert not stream.ended_well


def test_access_is_asked_for_and_ends(start, tmp_path):
    guarded = Guarded(start, tmp_path)
    target = "/events?topic=t&format=ndjson"
    wire.assert_error(wire.request(guarded.port, "GET", target), 401)
    other = Signer("HS256", "k").token(**grants(subscribe=["u"]), exp=time.time() + 60)
    assert wire.request(guarded.port, "GET", target, bearer(other)).status == 403
    with LineStream(guarded.port, target, bearer(guarded.token(2))) as stream:
        while (last := stream.message())["type"] == "position":
            pass
        assert last["type"] == "error" and last["error"]["code"] == "expired_token"
        assert stream.line() is None and stream.ended_well


def test_a_reload_takes_access_away(start, tmp_path):
    guarded = Guarded(start, tmp_path)
    headers = bearer(guarded.token(50))
    with LineStream(guarded.port, "/events?topic=t&format=ndjson", headers) as stream:
        assert stream.message()["type"] == "position"
        guarded.keys.write_text(json.dumps({"keys": [Signer("EdDSA", "other").jwk]}))
        guarded.access.write_text(
            f"jwt: {{jwks: {guarded.keys}, audience: ringcast, algorithms: [EdDSA]}}\n"
        )
        guarded.server.signal(signal.SIGHUP)
        last = stream.message()
        assert last["type"] == "error" and last["error"]["code"] == "access_revoked"
        assert stream.line() is None and stream.ended_well

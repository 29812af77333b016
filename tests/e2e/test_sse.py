"""Subscribing: the bytes of a stream, filters, patterns, resuming, gaps, heartbeats, limits."""

import json
import re
import signal
import socket
import threading
import time

import pytest

import wire
from wire import publish, subscribe

ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def notice(event):
    """The JSON of a gap event, checked for its shape."""
    assert event is not None and event.type == "gap", event
    data = json.loads(event.data)
    assert set(data) >= {"requested", "earliest", "reason", "topic"}, data
    return data


# --- The shape of a stream -----------------------------------------------------------------------


def test_head_of_a_stream(server, topic):
    with subscribe(server.port, topic) as stream:
        head = stream.head
        assert head.get("Content-Type", "").split(";")[0] == "text/event-stream"
        assert head.get("Cache-Control") == "no-cache, no-transform"
        assert head.get("X-Accel-Buffering") == "no"
        assert head.get("Connection", "").lower() == "close"
        assert head.get("Content-Length") is None and head.get("Transfer-Encoding") is None
        assert head.get("Date") is not None


def test_retry_comes_first(server, topic):
    with subscribe(server.port, topic) as stream:
        assert stream.block() == b"retry: 5000\n\n"


def test_wire_form(server, topic):
    with subscribe(server.port, topic) as stream:
        typed = publish(server.port, topic, '{"a":1}', event="step_started")
        untyped = publish(server.port, topic, "two\nlines")
        first, second = stream.events(2)
    assert first.raw == f'id: {typed}\nevent: step_started\ndata: {{"a":1}}\n\n'.encode()
    assert second.raw == f"id: {untyped}\ndata: two\ndata: lines\n\n".encode()
    assert ID.fullmatch(typed) and ID.fullmatch(untyped)


@pytest.mark.parametrize(
    "path,topic",
    [
        ("/api/stream/progress/s-1", "progress.s-1"),
        ("/api/stream/quality/s-1", "quality.s-1"),
        ("/api/stream/jobs/42", "jobs.42"),
        ("/api/stream/upload/u.7", "upload.u.7"),
        ("/api/chat/sse?messageId=m9", "chat.m9"),
        ("/api/stream/jobs/caf%C3%A9", "jobs.café"),
    ],
)
def test_named_routes(server, path, topic):
    with wire.SseStream(server.port, path) as stream:
        if topic.startswith("chat."):
            assert json.loads(stream.event().data) == {"type": "connected"}
        given = publish(server.port, topic, "x", event="thing")
        event = stream.event()
        assert (event.id, event.type, event.data) == (given, "thing", "x")


def test_named_route_resumes(server):
    ids = [publish(server.port, "jobs.resume", str(n)) for n in range(3)]
    with wire.SseStream(
        server.port, "/api/stream/jobs/resume", {"Last-Event-ID": ids[0]}
    ) as stream:
        assert stream.data(2) == ["1", "2"]


def test_server_publishes_its_own_figures(server):
    with wire.SseStream(server.port, "/api/stream/metrics") as stream:
        event = stream.event(5)
        while event.type != "metrics_update":
            event = stream.event(5)
        figures = json.loads(event.data)
    for key in (
        "connections",
        "subscribers",
        "events_per_s",
        "deliveries_per_s",
        "log_bytes",
        "cpu_percent",
        "rss_bytes",
    ):
        assert isinstance(figures[key], (int, float)), figures
    assert figures["subscribers"] >= 1


def test_head_request_has_no_body(server, topic):
    with wire.Connection(server.port) as connection:
        response = connection.request("HEAD", f"/events?topic={topic}")
        assert response.status == 200
        assert response.get("Content-Type", "").startswith("text/event-stream")
        try:
            assert connection.at_end(0.3)
        except socket.timeout:
            assert connection.buffer == b""


def test_post_to_a_stream_is_refused(server):
    response = wire.request(server.port, "POST", "/events?topic=a", (), "x")
    wire.assert_error(response, 405)
    assert "GET" in response.get("Allow", "")


def test_heartbeat_keeps_an_idle_stream_alive(start):
    server = start("sse: {heartbeat_ms: 100}\n")
    with subscribe(server.port, "quiet") as stream:
        assert stream.block() == b"retry: 5000\n\n"
        assert stream.block().startswith(b"id: ")  # where the stream begins
        begin = time.monotonic()
        assert [stream.block() for _ in range(3)] == [b":\n\n"] * 3
        assert 0.15 < time.monotonic() - begin < 3


def test_switched_off_streams_answer_501(start):
    server = start("sse: {enabled: false}\n")
    wire.assert_error(wire.request(server.port, "GET", "/events?topic=a"), 501)
    wire.assert_error(wire.request(server.port, "GET", "/api/stream/jobs/1"), 501)
    publish(server.port, "a", "publishing goes on")


# --- Choosing events -----------------------------------------------------------------------------


def test_latest_is_the_default(server, topic):
    publish(server.port, topic, "old")
    for query in ({}, {"from_": "latest"}):
        with subscribe(server.port, topic, **query) as stream:
            publish(server.port, topic, "new")
            assert stream.event().data == "new"


def test_from_earliest_replays_all(server, topic):
    for number in range(50):
        publish(server.port, topic, str(number))
    with subscribe(server.port, topic, from_="earliest") as stream:
        assert stream.data(50) == [str(n) for n in range(50)]
        publish(server.port, topic, "live")
        assert stream.event().data == "live"


def test_types_filter(server, topic):
    with subscribe(server.port, topic, types="a,c") as stream:
        for number, kind in enumerate(["a", "b", "c", None, "aa", "c"]):
            publish(server.port, topic, str(number), event=kind)
        assert stream.data(3) == ["0", "2", "5"]


def test_types_filter_on_replay_and_several_topics(server, topic):
    for number in range(20):
        publish(
            server.port,
            f"{topic}.{number % 2}",
            str(number),
            event="even" if number % 4 < 2 else "odd",
        )
    with subscribe(
        server.port, f"{topic}.0", f"{topic}.1", types="odd", from_="earliest"
    ) as stream:
        data = stream.data(10)
    wanted = [str(n) for n in range(20) if n % 4 >= 2]
    assert sorted(data) == sorted(wanted)


def test_filtered_stream_resumes_behind_what_it_skipped(server, topic):
    first = publish(server.port, topic, "1", event="want")
    publish(server.port, topic, "2", event="skip")
    publish(server.port, topic, "3", event="want")
    with subscribe(server.port, topic, types="want", headers={"Last-Event-ID": first}) as stream:
        assert stream.event().data == "3"


def test_several_topics_name_the_topic(server, topic):
    left, right = topic + ".l", topic + ".r"
    with subscribe(server.port, left, right) as stream:
        for number in range(4):
            publish(server.port, right if number % 2 else left, str(number))
        events = stream.events(4)
    assert {(e.topic, e.data) for e in events} == {
        (left, "0"),
        (right, "1"),
        (left, "2"),
        (right, "3"),
    }
    assert all(ID.fullmatch(e.id) for e in events)


def test_pattern_takes_topics_that_come_later(server, topic):
    publish(server.port, f"{topic}.here", "old")
    with subscribe(server.port, f"{topic}.*") as stream:
        publish(server.port, f"{topic}.here", "1")
        assert stream.event()[2:4] == (f"{topic}.here", "1")
        publish(server.port, f"{topic}.later", "2")
        assert stream.event()[2:4] == (f"{topic}.later", "2")
        publish(server.port, f"{topic}x.other", "no")
        publish(server.port, f"{topic}.here", "3")
        assert stream.event().data == "3"


@pytest.mark.parametrize(
    "pattern,matching,other",
    [
        ("{}.*.end", "{}.a.b.end", "{}.a.b.ends"),
        ("{}*", "{}", "x.{}"),
        ("{}.a*c", "{}.abc", "{}.abd"),
        ("*.{}.z", "q.{}.z", "q.{}.zz"),
    ],
)
def test_patterns(server, topic, pattern, matching, other):
    publish(server.port, other.format(topic), "no")
    publish(server.port, matching.format(topic), "yes")
    with subscribe(server.port, pattern.format(topic), from_="earliest") as stream:
        assert stream.event().data == "yes"


def test_topic_named_twice_delivers_once(server, topic):
    with subscribe(server.port, topic, topic, topic + "*") as stream:
        publish(server.port, topic, "1")
        publish(server.port, topic, "2")
        assert stream.data(2) == ["1", "2"]


# --- Resuming ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["header", "query"])
@pytest.mark.parametrize("position", [0, 7, 19])
def test_resume_exactly_after_an_id(server, topic, how, position):
    ids = [publish(server.port, topic, str(n)) for n in range(20)]
    assert len(set(ids)) == 20
    query = {"lastEventId": ids[position]} if how == "query" else {}
    headers = {"Last-Event-ID": ids[position]} if how == "header" else {}
    with subscribe(server.port, topic, headers=headers, **query) as stream:
        publish(server.port, topic, "20")
        assert stream.data(20 - position) == [str(n) for n in range(position + 1, 21)]


def test_header_is_newer_than_the_query(server, topic):
    ids = [publish(server.port, topic, str(n)) for n in range(5)]
    query = {"lastEventId": ids[0], "from_": "earliest"}
    with subscribe(server.port, topic, headers={"Last-Event-ID": ids[3]}, **query) as stream:
        assert stream.event().data == "4"


def test_empty_last_id_is_none(server, topic):
    publish(server.port, topic, "old")
    with subscribe(server.port, topic, lastEventId="", headers={"Last-Event-ID": ""}) as stream:
        publish(server.port, topic, "new")
        assert stream.event().data == "new"


def publisher(port, topics, count):
    """A thread that publishes `count` numbers to each of the topics, interleaved."""

    def run():
        with wire.Connection(port) as connection:
            for number in range(count):
                for topic in topics:
                    publish(port, topic, str(number), connection=connection)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("topics", [1, 3])
def test_resume_while_events_keep_coming(server, topic, topics):
    names, count = [f"{topic}.{n}" for n in range(topics)], 900 // topics
    publish(server.port, names[0], "prime")
    with subscribe(server.port, *names, from_="earliest") as stream:
        last_id = stream.event().id
    thread = publisher(server.port, names, count)
    got = {name: [] for name in names}
    connects = 0
    while sum(map(len, got.values())) < topics * count:
        connects += 1
        with subscribe(server.port, *names, headers={"Last-Event-ID": last_id}) as stream:
            for _ in range(37 + 11 * connects % 60):
                event = stream.event()
                assert event.type is None, event
                got[event.topic or names[0]].append(event.data)
                last_id = event.id
                if sum(map(len, got.values())) == topics * count:
                    break
    thread.join()
    assert connects > 5
    for name in names:
        assert got[name] == [str(n) for n in range(count)]


def test_pattern_resumes_exactly(server, topic):
    for number in range(30):
        publish(server.port, f"{topic}.{number % 3}", str(number))
    with subscribe(server.port, f"{topic}.*", from_="earliest") as stream:
        before = stream.events(17)
    for number in range(30, 40):
        publish(server.port, f"{topic}.{number % 5}", str(number))
    with subscribe(server.port, f"{topic}.*", headers={"Last-Event-ID": before[-1].id}) as stream:
        after = stream.events(23)
    assert sorted(int(e.data) for e in before + after) == list(range(40))


# --- Gaps ----------------------------------------------------------------------------------------


def test_gap_evicted(start):
    server = start("history: {events: 10}\n")
    ids = [publish(server.port, "t", str(n)) for n in range(50)]
    with subscribe(server.port, "t", headers={"Last-Event-ID": ids[0]}) as stream:
        told = notice(stream.event())
        assert told["reason"] == "evicted" and told["requested"] == ids[0] and told["topic"] == "t"
        first = stream.event()
        assert first.id == told["earliest"] and 0 < int(first.data) <= 40
        assert stream.data(49 - int(first.data)) == [str(n) for n in range(int(first.data) + 1, 50)]


def test_no_gap_at_the_edge_of_the_history(start):
    server = start("history: {events: 10}\n")
    ids = [publish(server.port, "t", str(n)) for n in range(50)]
    with subscribe(server.port, "t", from_="earliest") as stream:
        edge = int(stream.event().data)
    with subscribe(server.port, "t", headers={"Last-Event-ID": ids[edge - 1]}) as stream:
        event = stream.event()
        assert (event.type, event.data) == (None, str(edge))


@pytest.mark.parametrize("publish_first", [True, False])
def test_gap_epoch(start, publish_first):
    server = start()
    old = publish(server.port, "t", "before")
    server.restart()
    new = publish(server.port, "t", "after") if publish_first else None
    with subscribe(server.port, "t", headers={"Last-Event-ID": old}) as stream:
        told = notice(stream.event())
        assert told == {"requested": old, "earliest": new, "reason": "epoch", "topic": "t"}
        new = new or publish(server.port, "t", "after")
        assert stream.event()[0] == new


@pytest.mark.parametrize("last_id", ["nonsense", "1-2-3-x", "a b", "%00", "ü", "-", "x" * 500])
def test_gap_malformed(server, topic, last_id):
    first = publish(server.port, topic, "first")
    query = {"lastEventId": last_id} if last_id != "%00" else {}
    path = f"/events?topic={topic}&lastEventId=%01" if last_id == "%00" else None
    stream = wire.SseStream(server.port, path) if path else subscribe(server.port, topic, **query)
    with stream:
        told = notice(stream.event())
        assert told["reason"] in ("malformed", "epoch") and told["earliest"] == first
        assert stream.event().data == "first"


def test_gap_unknown_future(server, topic):
    first = publish(server.port, topic, "first")
    future = first.rsplit("-", 1)[0] + "-99999999999"
    with subscribe(server.port, topic, headers={"Last-Event-ID": future}) as stream:
        told = notice(stream.event())
        assert told["reason"] == "unknown" and told["earliest"] == first
        assert stream.event().data == "first"


def flood(port, topic, batches):
    """Far more than the buffers of a socket hold: `batches` times 100 events of 10 KB."""
    with wire.Connection(port, timeout_s=30) as connection:
        for batch in range(batches):
            lines = [
                json.dumps({"topic": topic, "data": f"{batch * 100 + n} {'x' * 10_000}"})
                for n in range(100)
            ]
            headers = {"Content-Type": "application/x-ndjson"}
            assert (
                connection.request("POST", "/api/events", headers, "\n".join(lines)).status == 200
            )


def test_gap_lagged(start):
    server = start("history: {bytes: 256KiB}\n")
    with wire.SseStream(server.port, "/events?topic=slow", receive_buffer=4096) as stream:
        flood(server.port, "slow", 10)
        last, gaps = -1, 0
        while last is None or last < 999:
            event = stream.event(20)
            if event.type == "gap":
                assert notice(event)["reason"] == "lagged"
                gaps += 1
                last = None
                continue
            number = int(event.data.split(" ")[0])
            assert last is None or number == last + 1, "an unannounced hole"
            last = number
        assert gaps >= 1


def test_lagging_subscriber_is_closed_by_policy(start):
    server = start("history: {bytes: 256KiB, on_lag: close}\n")
    with wire.SseStream(server.port, "/events?topic=slow", receive_buffer=4096) as stream:
        flood(server.port, "slow", 10)
        try:
            numbers = [int(e.data.split(" ")[0]) for e in stream.ended(20) if e.type != "gap"]
        except ConnectionResetError:
            return
        assert numbers == list(range(len(numbers))) and len(numbers) < 1000


# --- Mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "",
        "topic=",
        "topic=a%20b",
        "topic=a%0Ab",
        "topic=a%00b",
        "topic=a&from=yesterday",
        "topic=%ff",
        "topic=" + "x" * 201,
        "topic=%zz",
        "&".join(f"topic=t{n}" for n in range(65)),
    ],
    ids=lambda query: query[:24] or "none",
)
def test_bad_subscriptions(server, query):
    with wire.Connection(server.port) as connection:
        wire.assert_error(connection.request("GET", f"/events?{query}"), 400)
        assert connection.request("GET", "/health").status == 200, "the connection stays usable"


def test_chat_needs_a_message_id(server):
    wire.assert_error(wire.request(server.port, "GET", "/api/chat/sse"), 400)


# --- CORS ----------------------------------------------------------------------------------------


def test_cors_of_a_stream_and_an_error(server, topic):
    page = {"Origin": "http://localhost:3000"}
    with subscribe(server.port, topic, headers=page) as stream:
        assert stream.head.get("Access-Control-Allow-Origin") == "http://localhost:3000"
    error = wire.request(server.port, "GET", "/events", page)
    assert error.status == 400
    assert error.get("Access-Control-Allow-Origin") == "http://localhost:3000"


def preflight(port, target, method, headers, origin="http://localhost:3000"):
    return wire.request(
        port,
        "OPTIONS",
        target,
        {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


@pytest.mark.parametrize(
    "target,method,header",
    [
        ("/events?topic=a", "GET", "last-event-id"),
        ("/api/events/a", "POST", "content-type"),
        ("/api/events", "POST", "content-type"),
        ("/api/stream/jobs/1", "GET", "cache-control"),
    ],
)
def test_cors_preflight(server, target, method, header):
    response = preflight(server.port, target, method, header)
    assert response.status in (200, 204), response
    assert method in response.get("Access-Control-Allow-Methods", ""), response
    allowed = response.get("Access-Control-Allow-Headers", "").lower()
    assert header in allowed or allowed == "*", response


def test_cors_origins_from_the_configuration(start):
    server = start("cors: {origins: ['https://good.example']}\n")
    good = wire.request(server.port, "GET", "/api/topics", {"Origin": "https://good.example"})
    assert good.get("Access-Control-Allow-Origin") == "https://good.example"
    assert "origin" in good.get("Vary", "").lower()
    bad = wire.request(server.port, "GET", "/api/topics", {"Origin": "https://bad.example"})
    assert bad.status == 403
    assert bad.get("Access-Control-Allow-Origin") is None


def test_cors_switched_off(start):
    server = start("cors: {enabled: false}\n")
    response = wire.request(server.port, "GET", "/api/topics", {"Origin": "http://localhost:1"})
    assert response.status == 403
    assert response.get("Access-Control-Allow-Origin") is None


# --- Coming and going ----------------------------------------------------------------------------


def subscribers(port, topic):
    topics = wire.request(port, "GET", "/api/topics").json()["topics"]
    return {entry["topic"]: entry for entry in topics}.get(topic, {}).get("subscribers")


def test_subscribers_are_counted_and_forgotten(server, topic):
    publish(server.port, topic, "x")
    streams = [subscribe(server.port, topic) for _ in range(5)]
    wire.wait_for(lambda: subscribers(server.port, topic) == 5, "five subscribers")
    for stream in streams:
        stream.close()
    wire.wait_for(lambda: subscribers(server.port, topic) == 0, "no subscriber")


def test_half_closed_subscriber_does_not_disturb(server, topic):
    with subscribe(server.port, topic) as half, subscribe(server.port, topic) as other:
        half.connection.half_close()
        publish(server.port, topic, "1")
        assert other.event().data == "1"


def test_bytes_of_a_subscriber_are_not_a_request(server, topic):
    with subscribe(server.port, topic) as stream:
        stream.connection.send(wire.encode("POST", f"/api/events/{topic}", (), "smuggled"))
        publish(server.port, topic, "real")
        try:
            event = stream.event(2)
        except ConnectionResetError:
            event = None
        assert event is None or event.data == "real"


def test_sigterm_ends_streams_with_a_retry(start):
    server = start("drain: {retry_min_ms: 700, retry_max_ms: 900}\n")
    streams = [subscribe(server.port, "t") for _ in range(20)]
    for stream in streams:
        stream.block()
    publish(server.port, "t", "last")
    server.signal(signal.SIGTERM)
    for stream in streams:
        assert [event.data for event in stream.ended()] == ["last"]
        assert 700 <= stream.retry_ms <= 900
        stream.close()
    assert server.wait() == 0
    assert len({stream.retry_ms for stream in streams}) > 1, "not jittered"


def test_readiness_goes_off_before_the_streams_end(start):
    server = start("drain: {delay_ms: 1000}\n")
    with subscribe(server.port, "t") as stream, wire.Connection(server.port) as connection:
        assert connection.request("GET", "/ready").status == 200
        server.signal(signal.SIGTERM)

        def readiness():
            try:
                return wire.request(server.port, "GET", "/ready").status
            except OSError:
                return None

        wire.wait_for(lambda: readiness() == 503, "readiness to go off", step_s=0.05)
        publish(server.port, "t", "still here")
        assert stream.event().data == "still here"
        assert stream.ended() == []
    assert server.wait() == 0


def test_opened_streams_are_in_the_log(start):
    server = start("log: {level: debug}\nmetrics: {interval_ms: 0}\n")
    with subscribe(server.port, "a", "b.*"):
        (line,) = wire.wait_for(lambda: server.log_lines("stream opened"), "the line")
    assert (line["client_ip"], line["topics"], line["principal"]) == ("127.0.0.1", "a,b.*", "")
    assert line["request_id"]

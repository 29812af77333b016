"""Every limit reached on purpose: it is answered and counted, and nobody else is disturbed."""

import json
import re
import signal
import socket
import time

import pytest

import wire
from wire import Connection, encode

HEALTH = encode("GET", "/health")
QUIET = "metrics: {interval_ms: 0}\n"


def metric(server, name):
    """A value of /metrics; with its labels, as in gaps_total{reason="lagged"}."""
    text = wire.request(server.port, "GET", "/metrics").body.decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    assert found, f"{name} is not in /metrics"
    return float(found.group(1))


def rss_bytes(server):
    return metric(server, "process_resident_memory_bytes")


def publish_many(server, topic, data, count, batch=100):
    body = json.dumps([{"topic": topic, "data": data}] * batch)
    with Connection(server.port, timeout_s=30) as connection:
        for _ in range(count // batch):
            response = connection.request("POST", "/api/events", (), body)
            assert response.status == 200, response


def connect_all(port, count):
    return [Connection(port, timeout_s=30) for _ in range(count)]


def close_all(connections):
    for connection in connections:
        connection.close()


def alive(server):
    return wire.request(server.port, "GET", "/health").status == 200


# --- Peers that dawdle, or say half of it --------------------------------------------------------


def test_a_hundred_slow_heads_are_ended_and_disturb_nobody(start):
    server = start("limits: {header_timeout_ms: 700}\n" + QUIET)
    slow = connect_all(server.port, 100)
    for connection in slow:
        connection.send(b"GET /events?topic=t HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    worst = 0
    for _ in range(20):
        begin = time.monotonic()
        assert alive(server)
        worst = max(worst, time.monotonic() - begin)
    assert worst < 0.5
    for connection in slow:
        wire.assert_error(connection.response(), 408)
        assert connection.at_end()
    close_all(slow)
    assert metric(server, "ringcast_request_timeouts_total") >= 100


def test_a_hundred_slow_bodies_are_ended_and_disturb_nobody(start):
    server = start("limits: {body_timeout_ms: 700}\n" + QUIET)
    slow = connect_all(server.port, 100)
    for number, connection in enumerate(slow):
        framing = {"Content-Length": "10"} if number % 2 else {"Transfer-Encoding": "chunked"}
        connection.send(encode("POST", "/api/events/t", framing) + b"5\r\nhe")
    assert alive(server)
    wire.publish(server.port, "t", "meanwhile")
    for connection in slow:
        wire.assert_error(connection.response(), 408)
        assert connection.at_end()
    close_all(slow)


def test_body_in_slow_pieces_is_taken(start):
    """This limit is the time between two pieces, not that of the whole body."""
    server = start("limits: {body_timeout_ms: 500, min_body_bytes_per_s: 0}\n")
    with Connection(server.port) as connection:
        connection.send(encode("POST", "/api/events/t", {"Content-Length": "8"}))
        for _ in range(8):
            time.sleep(0.12)
            connection.send(b"x")
        assert connection.response().status == 200


@pytest.mark.parametrize(
    "requests",
    [
        [HEALTH],
        [encode("POST", "/api/events/half", (), "x" * 5000)],
        [HEALTH, encode("POST", "/api/events/half", (), "y"), HEALTH],
        [
            encode(
                "POST", "/api/events/half", {"Transfer-Encoding": "chunked"}, b"1\r\nz\r\n0\r\n\r\n"
            )
        ],
    ],
    ids=["get", "post", "pipelined", "chunked"],
)
def test_peer_that_ends_its_side_is_still_answered(start, requests):
    server = start()
    with Connection(server.port) as connection:
        connection.send(b"".join(requests))
        connection.half_close()
        assert [connection.response().status for _ in requests] == [200] * len(requests)
        assert connection.at_end()


@pytest.mark.parametrize(
    "part",
    [
        b"GET /health HTT",
        b"POST /api/events/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
    ],
    ids=["head", "body"],
)
def test_half_a_request_and_the_end_is_no_event(start, part):
    server = start(QUIET)
    with Connection(server.port) as connection:
        connection.send(part)
        connection.half_close()
        answer = connection.rest()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer
    assert wire.request(server.port, "GET", "/api/topics").json() == {"topics": []}


def test_subscriber_that_ends_its_side_is_ended(start):
    server = start(QUIET)
    with wire.subscribe(server.port, "t") as stream:
        stream.connection.half_close()
        assert stream.ended() == []
    wire.wait_for(lambda: metric(server, "sse_connections_active") == 0, "the stream to be gone")
    assert metric(server, 'ringcast_streams_closed_total{reason="client"}') == 1


# --- Those who do not read -----------------------------------------------------------------------


def test_subscribers_that_never_read_are_closed_and_cost_nothing(start):
    server = start(
        "limits: {send_timeout_ms: 4000}\nhistory: {bytes: 1MiB, events: 1000000}\n" + QUIET,
        arguments=("--cores", "0"),
    )
    stuck = [wire.SseStream(server.port, "/events?topic=t", receive_buffer=4096) for _ in range(20)]
    with wire.subscribe(server.port, "t") as healthy:
        before = rss_bytes(server)
        received = 0
        for _ in range(100):  # 20 times the history; whoever reads gets it all
            publish_many(server, "t", "y" * 1000, 200)
            while received < 200:
                event = healthy.event(30)
                received += event.data == "y" * 1000
                assert event.type != "gap", "somebody who reads had a gap"
            received = 0
        assert rss_bytes(server) - before < 6 << 20
        closed = 'ringcast_streams_closed_total{reason="timeout"}'
        wire.wait_for(lambda: metric(server, closed) == 20, "the time-outs", 20)
        assert metric(server, "sse_connections_active") == 1
        wire.publish(server.port, "t", "end")
        assert healthy.event().data == "end"
    close_all(stream.connection for stream in stuck)


def test_client_that_never_reads_its_answers_is_closed(start):
    server = start("limits: {send_timeout_ms: 700}\n" + QUIET)
    before = rss_bytes(server)
    connection = Connection(server.port, receive_buffer=4096)
    request = encode("GET", "/metrics") * 100
    connection.socket.settimeout(0.3)
    try:
        for _ in range(200):
            connection.send(request)
    except OSError:
        pass  # the server does not read on either

    def gone():
        return metric(server, "http_connections_active") == 1  # the one that asks

    wire.wait_for(gone, "the connection to be closed", 20)
    assert rss_bytes(server) - before < 6 << 20
    connection.close()


# --- Descriptors, rings and buffers --------------------------------------------------------------


def test_descriptor_exhaustion_lets_connections_wait(start):
    server = start("ring: {direct_descriptors: 64}\n" + QUIET, arguments=("--cores", "0"))
    streams, waiting = [], []
    while len(streams) < 64:
        stream = wire.SseStream(server.port, "/events?topic=t", read_head=False)
        try:
            stream.connection.socket.settimeout(1)
            stream.connection.timeout_s = 1
            stream.head = stream.connection.response_head()
        except socket.timeout:
            waiting.append(stream)
            break
        streams.append(stream)
    assert 32 <= len(streams) < 64 and waiting
    more = connect_all(server.port, 20)
    for connection in more:
        connection.send(HEALTH)
    # Those inside are served as if nothing were.
    with streams.pop().connection as connection:
        connection.send(b"")
    time.sleep(0.3)
    for stream in streams[:30]:
        stream.close()
    for connection in more:
        assert connection.response().status == 200
        connection.close()
    wire.publish(server.port, "t", "for all")
    waiting[0].connection.timeout_s = 10
    assert waiting[0].connection.response_head().status == 200
    for stream in streams[30:]:
        assert stream.event().data == "for all"
        stream.close()
    waiting[0].close()
    assert metric(server, "ringcast_accept_pauses_total") > 0
    for _ in range(200):
        assert alive(server)


def test_buffer_ring_exhaustion_delays_and_loses_nothing(start):
    server = start(
        "buffers: {recv_count: 8, recv_bytes: 512}\n" + QUIET, arguments=("--cores", "0")
    )
    connections = connect_all(server.port, 64)
    body = "x" * 5000
    request = encode("POST", "/api/events/t", (), body)
    for part in range(0, len(request), 700):
        # While the server stands still, more arrives than there are buffers.
        server.signal(signal.SIGSTOP)
        for connection in connections:
            connection.send(request[part : part + 700])
        server.signal(signal.SIGCONT)
    for connection in connections:
        assert connection.response().status == 200
    close_all(connections)
    waits = "ringcast_receive_buffer_waits_total"
    wire.wait_for(lambda: metric(server, waits) > 0, "somebody to have waited for a buffer")
    assert metric(server, "ringcast_receive_buffers") == 8
    with wire.subscribe(server.port, "t", from_="earliest") as stream:
        assert stream.data(64) == [body] * 64
    wire.wait_for(
        lambda: metric(server, "ringcast_receive_buffers_in_use") <= 1, "the buffers to be back"
    )


def test_completion_queue_overflow_loses_nothing(start):
    server = start(
        "ring: {entries: 64, cq_entries: 128}\nsend: {round: 256}\n" + QUIET,
        arguments=("--cores", "0"),
    )
    streams = [wire.subscribe(server.port, "t") for _ in range(500)]
    leaving, staying = streams[:200], streams[200:]
    for number in range(100):
        wire.publish(server.port, "t", f"one {number}")
    server.signal(signal.SIGSTOP)
    for stream in leaving:  # each of them completes what the server has under way
        stream.close()
    publishers = connect_all(server.port, 200)
    for number, publisher in enumerate(publishers):
        publisher.send(encode("POST", "/api/events/t", (), f"two {number}"))
    server.signal(signal.SIGCONT)
    for publisher in publishers:
        assert publisher.response().status == 200
    close_all(publishers)
    for stream in staying:
        data = stream.data(300, timeout_s=30)
        assert data[:100] == [f"one {n}" for n in range(100)]
        assert sorted(data[100:]) == sorted(f"two {n}" for n in range(200))
        stream.close()
    overflows = "ringcast_ring_overflows_total"
    wire.wait_for(lambda: metric(server, overflows) > 0, "an overflow to have happened")
    wire.wait_for(lambda: metric(server, "sse_connections_active") == 0, "the streams to be gone")


def test_smallest_rounds_and_sends_deliver_all(start):
    server = start("send: {round: 1, max_bytes: 1KiB}\n" + QUIET)
    streams = [wire.subscribe(server.port, "t", *more) for more in ((), ("u",)) for _ in range(25)]
    sent = [str(n) * size for n, size in enumerate((10, 500, 2000, 10, 30_000, 1) * 5)]
    for data in sent:
        wire.publish(server.port, "t", data)
    for stream in streams:
        assert stream.data(len(sent)) == sent
        stream.close()


# --- Topics, histories and memory ----------------------------------------------------------------


def test_topic_limit(start):
    limits = "limits: {max_topics: 5, max_awaited_topics: 1}\n"
    server = start(limits + "history: {age_ms: 2000}\n" + QUIET)
    for number in range(5):
        wire.publish(server.port, f"t.{number}", "x")
    wire.assert_error(wire.request(server.port, "POST", "/api/events/t.5", (), "x"), 503)
    with wire.subscribe(server.port, "awaited"):
        wire.assert_error(wire.request(server.port, "GET", "/events?topic=t.6"), 503)
    batch = [{"topic": topic, "data": "batch"} for topic in ("t.0", "t.7", "t.1")]
    wire.assert_error(wire.request(server.port, "POST", "/api/events", (), json.dumps(batch)), 503)
    with Connection(server.port) as connection:
        lines = encode("POST", "/api/events/t.8?stream=lines", (), "a\nb\n")
        connection.send(lines)
        wire.assert_error(connection.response(), 503)
    topics = wire.request(server.port, "GET", "/api/topics").json()["topics"]
    events = {each["topic"]: each["events"] for each in topics if each["topic"] != "awaited"}
    assert events == {f"t.{n}": 1 for n in range(5)}
    assert metric(server, "ringcast_topics_refused_total") >= 4
    wire.publish(server.port, "t.0", "those that are there go on")

    def room():
        return wire.request(server.port, "POST", "/api/events/t.5", (), "x").status == 200

    wire.wait_for(room, "old topics to make room", 20, 0.2)


def test_topics_of_one_subscriber(start):
    server = start("limits: {max_topics_per_subscriber: 3}\n")
    wire.assert_error(
        wire.request(server.port, "GET", "/events?topic=a&topic=b&topic=c*&topic=d"), 400
    )
    wire.subscribe(server.port, "a", "b", "c*", "a").close()


def test_topics_that_patterns_reach(start):
    server = start("limits: {max_pattern_topics: 3}\n" + QUIET, arguments=("--cores", "0"))
    with wire.subscribe(server.port, "p.*") as stream:
        for number in range(5):
            wire.publish(server.port, f"p.{number}", "x")
        assert {event.topic for event in stream.events(3)} == {"p.0", "p.1", "p.2"}
        wire.publish(server.port, "p.4", "not reached")
        wire.publish(server.port, "p.1", "reached")
        assert stream.event().data == "reached"
    assert metric(server, "ringcast_pattern_topics_refused_total") >= 2
    wire.assert_error(wire.request(server.port, "GET", "/events?topic=p.*"), 503)
    wire.subscribe(server.port, "p.1").close()
    assert alive(server)


def test_memory_of_the_histories_is_bounded(start):
    limit = 4 << 20
    server = start(
        f"limits: {{log_memory_bytes: {limit}}}\nhistory: {{bytes: 64MiB, events: 1000000}}\n"
        + QUIET
    )
    first = wire.publish(server.port, "m.0", "first")
    publish_many(server, "quiet", "q" * 100, 100)
    before = rss_bytes(server)
    for number in range(8):
        publish_many(server, f"m.{number}", "x" * 1000, 5000)
    assert metric(server, "ringcast_evicted_segments_total") > 0
    wire.wait_for(
        lambda: metric(server, "ringcast_log_allocated_bytes") <= limit * 1.25,
        "the memory to be given back",
    )
    assert rss_bytes(server) - before < 4 * limit
    with wire.subscribe(server.port, "m.0", headers={"Last-Event-ID": first}) as stream:
        gap = stream.event()
        assert gap.type == "gap" and json.loads(gap.data)["reason"] == "evicted"
    # Whoever publishes is always heard.
    with wire.subscribe(server.port, "m.7") as stream:
        wire.publish(server.port, "m.7", "live")
        assert stream.event().data == "live"


def test_events_grow_old(start):
    server = start("history: {age_ms: 300}\n" + QUIET)
    first = wire.publish(server.port, "t", "old")
    with wire.subscribe(server.port, "t"):
        time.sleep(1.5)
        wire.publish(server.port, "t", "new")
        with wire.subscribe(server.port, "t", from_="earliest") as stream:
            assert stream.event().data == "new"
        assert first is not None


@pytest.mark.parametrize("kept", [1, 7])
def test_history_by_count(start, kept):
    server = start(f"history: {{events: {kept}}}\n" + QUIET)
    for number in range(50):
        wire.publish(server.port, "t", str(number))
    with wire.subscribe(server.port, "t", from_="earliest") as stream:
        wire.publish(server.port, "t", "end")
        data = []
        while not data or data[-1] != "end":
            data.append(stream.event().data)
    assert 1 < len(data) <= kept + 1 and data[:-1] == [str(n) for n in range(51 - len(data), 50)]


def test_an_event_larger_than_its_history_is_delivered(start):
    server = start("history: {bytes: 1KiB}\n" + QUIET)
    large = "x" * 100_000
    with wire.subscribe(server.port, "t") as stream:
        wire.publish(server.port, "t", large)
        wire.publish(server.port, "t", "small")
        events = [stream.event()]
        while events[-1].data != "small":
            events.append(stream.event())
    assert [event.data for event in events if event.type != "gap"] in ([large, "small"], ["small"])


# --- Requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting, request_, status",
    [
        ("max_request_line_bytes: 64", encode("GET", "/" + "x" * 80), 414),
        (
            "max_request_line_bytes: 100, max_header_bytes: 256",
            encode("GET", "/health", {"X-Long": "y" * 300}),
            431,
        ),
        ("max_headers: 3", encode("GET", "/health", [(f"X-{n}", "y") for n in range(4)]), 431),
        ("max_event_bytes: 3", encode("POST", "/api/events/t", (), "four"), 413),
        (
            "max_batch_bytes: 30",
            encode("POST", "/api/events", (), '[{"topic":"t","data":"four"}]  '),
            413,
        ),
        (
            "max_batch_events: 1",
            encode(
                "POST",
                "/api/events",
                (),
                '[{"topic":"t","data":1}]'[:-1] + ',{"topic":"t","data":2}]',
            ),
            413,
        ),
        (
            "max_event_bytes: 3",
            encode("POST", "/api/events", (), '[{"topic":"t","data":"four"}]'),
            413,
        ),
    ],
    ids=["line", "bytes", "count", "event", "batch", "events", "event-in-batch"],
)
def test_limits_from_the_configuration(start, setting, request_, status):
    server = start(f"limits: {{{setting}}}\n" + QUIET)
    with Connection(server.port) as connection:
        connection.send(request_)
        wire.assert_error(connection.response(), status)
    assert alive(server)
    assert metric(server, "errors_total") >= 1
    assert wire.request(server.port, "GET", "/api/topics").json() == {"topics": []}

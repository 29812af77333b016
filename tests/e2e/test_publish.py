"""Publishing: single events, batches, idempotent ids, line streams, and what is refused."""

import json
import threading

import pytest

import wire
from wire import publish, subscribe

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}

INVALID_UTF8 = [
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"ok\x80",
    b"\xf8\x88\x80\x80\x80",
]


def history(port, topic):
    """All events of a topic: publishes a last one and reads up to it."""
    publish(port, topic, "the end of the history")
    events = []
    with subscribe(port, topic, from_="earliest") as stream:
        while (event := stream.event()).data != "the end of the history":
            events.append(event)
    return events


def data_of(port, topic):
    return [event.data for event in history(port, topic)]


# --- One event -----------------------------------------------------------------------------------


def test_answer_names_id_and_topic(server, topic):
    response = wire.request(server.port, "POST", f"/api/events/{topic}?event=a", (), '{"x":1}')
    assert response.status == 200 and response.get("Content-Type", "").startswith(
        "application/json"
    )
    answer = response.json()
    assert set(answer) == {"id", "topic"} and answer["topic"] == topic
    (event,) = history(server.port, topic)
    assert (event.id, event.type, event.data) == (answer["id"], "a", '{"x":1}')


@pytest.mark.parametrize(
    "data",
    [
        "plain",
        '{"a": [1, 2,  3]}',
        "a\nb",
        "a\n\n\nb",
        "ends\n",
        "\nstarts",
        "  spaces  ",
        "\ttab",
        ":colon",
        "data: x\n\nevent: y",
        "\ufefftext",
        "ünïcödé 漢字 🚀",
        "\u2028\u2029\u0085",
        "x" * 1_000_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_data_is_kept_verbatim(server, topic, data):
    publish(server.port, topic, data)
    assert data_of(server.port, topic) == [data]


@pytest.mark.parametrize("data", ["a\r\nb", "a\rb", "a\r\n\r\rb\n"])
def test_every_line_end_becomes_a_data_line(server, topic, data):
    publish(server.port, topic, data)
    assert data_of(server.port, topic) == [data.replace("\r\n", "\n").replace("\r", "\n")]


@pytest.mark.parametrize("data", INVALID_UTF8, ids=repr)
def test_invalid_utf8_is_refused(server, topic, data):
    with wire.Connection(server.port) as connection:
        wire.assert_error(connection.request("POST", f"/api/events/{topic}", (), data), 400)
        publish(server.port, topic, "good", connection=connection)
    assert data_of(server.port, topic) == ["good"]


def test_utf8_split_over_chunks_is_one_text(server, topic):
    text = "é漢🚀".encode()
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in text) + b"0\r\n\r\n"
    response = wire.request(
        server.port, "POST", f"/api/events/{topic}", {"Transfer-Encoding": "chunked"}, chunks
    )
    assert response.status == 200, response
    assert data_of(server.port, topic) == ["é漢🚀"]


@pytest.mark.parametrize(
    "path,topic",
    [
        ("caf%C3%A9.1", "café.1"),
        ("a%2Fb", "a/b"),
        ("a:b@c~d+e=f-g_h", "a:b@c~d+e=f-g_h"),
        ("x" * 200, "x" * 200),
    ],
    ids=lambda text: text[:12],
)
def test_topic_names(server, path, topic):
    response = wire.request(server.port, "POST", f"/api/events/{path}", (), "x")
    assert response.status == 200 and response.json()["topic"] == topic, response


@pytest.mark.parametrize(
    "path",
    ["a%20b", "a*", "%00", "a%0Ab", "%ff", "x" * 201, "a%zz", "a%7Fb", "a%0D%0Aid:1"],
    ids=lambda text: text[:12],
)
def test_bad_topic_names(server, path):
    wire.assert_error(wire.request(server.port, "POST", f"/api/events/{path}", (), "x"), 400)


@pytest.mark.parametrize(
    "query",
    [
        "event=a%0Ab",
        "event=a%0Did:1",
        "event=%ff",
        "event=%00",
        "event=" + "x" * 5000,
        "event=%zz",
        "id=" + "x" * 5000,
    ],
    ids=lambda text: text[:12],
)
def test_bad_query_values(server, topic, query):
    wire.assert_error(
        wire.request(server.port, "POST", f"/api/events/{topic}?{query}", (), "x"), 400
    )
    assert data_of(server.port, topic) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET"])
def test_other_methods(server, topic, method):
    response = wire.request(
        server.port, method, f"/api/events/{topic}", (), "x" if method == "PUT" else None
    )
    wire.assert_error(response, 405)
    assert "POST" in response.get("Allow", ""), response


def test_events_of_one_connection_keep_their_order(server, topic):
    with wire.Connection(server.port) as connection:
        ids = [publish(server.port, topic, str(n), connection=connection) for n in range(300)]
    events = history(server.port, topic)
    assert [event.id for event in events] == ids
    assert [event.data for event in events] == [str(n) for n in range(300)]


def test_events_of_many_connections_all_arrive(server, topic):
    def run(name):
        with wire.Connection(server.port) as connection:
            for number in range(50):
                publish(server.port, topic, f"{name} {number}", connection=connection)

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = history(server.port, topic)
    assert len({event.id for event in events}) == 400
    for name in "abcdefgh":
        numbers = [event.data.split()[1] for event in events if event.data[0] == name]
        assert numbers == [str(n) for n in range(50)]


def test_topics_are_listed(server, topic):
    first = publish(server.port, topic, "one")
    last = publish(server.port, topic, "two")
    with subscribe(server.port, topic):

        def entry():
            topics = wire.request(server.port, "GET", "/api/topics").json()["topics"]
            return next(e for e in topics if e["topic"] == topic)

        wire.wait_for(lambda: entry()["subscribers"] == 1, "the subscriber")
        listed = entry()
    assert listed["events"] == 2 and listed["bytes"] > 6
    assert (listed["first_id"], listed["last_id"]) == (first, last)


# --- Idempotent publishing -----------------------------------------------------------------------


def test_same_id_twice_is_one_event(server, topic):
    first = publish(server.port, topic, "once", event="a", id="order-7")
    assert publish(server.port, topic, "once", event="a", id="order-7") == first
    assert publish(server.port, topic, "another", id="order-8") != first
    assert data_of(server.port, topic) == ["once", "another"]


def test_ids_belong_to_their_topic(server, topic):
    publish(server.port, topic + ".a", "a", id="same")
    publish(server.port, topic + ".b", "b", id="same")
    assert data_of(server.port, topic + ".a") == ["a"] and data_of(server.port, topic + ".b") == [
        "b"
    ]


def test_same_id_from_many_connections_at_once(server, topic):
    answers = []

    def run():
        for number in range(20):
            answers.append((number, publish(server.port, topic, str(number), id=f"n{number}")))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 160 and len(set(answers)) == 20
    assert sorted(map(int, data_of(server.port, topic))) == list(range(20))


# --- Batches -------------------------------------------------------------------------------------


def batch(port, events, headers=NDJSON):
    text = json.dumps(events) if headers is JSON else "\n".join(map(json.dumps, events))
    return wire.request(port, "POST", "/api/events", headers, text)


@pytest.mark.parametrize("headers", [NDJSON, JSON], ids=["ndjson", "array"])
def test_batch(server, topic, headers):
    events = [
        {"topic": topic, "event": "a", "data": "text"},
        {"topic": topic + ".b", "data": "other topic"},
        {"topic": topic, "data": {"k": [1, "ü", None, True]}},
        {"topic": topic, "data": 7},
        {"topic": topic, "data": None},
        {"topic": topic, "data": "two\nlines"},
    ]
    response = batch(server.port, events, headers)
    assert response.status == 200, response
    answer = response.json()
    assert [entry["topic"] for entry in answer] == [event["topic"] for event in events]
    kept = history(server.port, topic)
    assert [e.id for e in kept] == [entry["id"] for entry in answer if entry["topic"] == topic]
    assert kept[0][1] == "a" and kept[0].data == "text" and kept[4].data == "two\nlines"
    assert [json.loads(e.data) for e in kept[1:4]] == [{"k": [1, "ü", None, True]}, 7, None]
    assert data_of(server.port, topic + ".b") == ["other topic"]


def test_ndjson_with_a_last_newline_and_escapes(server, topic):
    line = '{"topic":"%s","data":"\\u00fc \\ud83d\\ude80 \\"q\\" \\\\ \\n"}' % topic
    assert wire.request(server.port, "POST", "/api/events", NDJSON, line + "\n").status == 200
    assert data_of(server.port, topic) == ['ü 🚀 "q" \\ \n']


def test_batch_with_ids_is_idempotent(server, topic):
    events = [{"topic": topic, "data": str(n), "id": f"k{n}"} for n in range(5)]
    first = batch(server.port, events).json()
    again = batch(server.port, events + [{"topic": topic, "data": "5", "id": "k5"}]).json()
    assert again[:5] == first
    assert data_of(server.port, topic) == [str(n) for n in range(6)]


BAD_EVENTS = {
    "no topic": '{"data":"x"}',
    "no data": '{"topic":"t"}',
    "topic is a number": '{"topic":1,"data":"x"}',
    "bad topic": '{"topic":"a b","data":"x"}',
    "pattern": '{"topic":"a*","data":"x"}',
    "event is a number": '{"topic":"t","event":1,"data":"x"}',
    "line end in event": '{"topic":"t","event":"a\\nb","data":"x"}',
    "not an object": "[1]",
    "a number": "7",
    "cut off": '{"topic":"t","data":"x"',
    "not JSON": "hello",
    "two in a line": '{"topic":"t","data":"x"} {"topic":"t","data":"y"}',
    "lone surrogate": '{"topic":"t","data":"\\ud800"}',
}


@pytest.mark.parametrize("headers", [NDJSON, JSON], ids=["ndjson", "array"])
@pytest.mark.parametrize("bad", BAD_EVENTS)
def test_batch_is_all_or_nothing(server, topic, bad, headers):
    good = [json.dumps({"topic": topic, "data": str(n)}) for n in range(4)]
    parts = good[:2] + [BAD_EVENTS[bad]] + good[2:]
    body = "[" + ",".join(parts) + "]" if headers is JSON else "\n".join(parts)
    with wire.Connection(server.port) as connection:
        wire.assert_error(connection.request("POST", "/api/events", headers, body), 400)
        assert connection.request("GET", "/health").status == 200
    assert data_of(server.port, topic) == []


def test_batch_with_invalid_utf8_is_refused(server, topic):
    body = b'{"topic":"%s","data":"x"}\n{"topic":"t","data":"\xff"}' % topic.encode()
    wire.assert_error(wire.request(server.port, "POST", "/api/events", NDJSON, body), 400)
    assert data_of(server.port, topic) == []


def test_batch_limits(start):
    server = start("limits: {max_batch_events: 10, max_batch_bytes: 10k, max_event_bytes: 2k}\n")
    assert batch(server.port, [{"topic": "t", "data": str(n)} for n in range(10)]).status == 200
    wire.assert_error(batch(server.port, [{"topic": "t", "data": str(n)} for n in range(11)]), 413)
    wire.assert_error(
        batch(server.port, [{"topic": "t", "data": "x" * 2001} for n in range(8)]), 413
    )
    wire.assert_error(batch(server.port, [{"topic": "t", "data": "x" * 2049}]), 413)
    assert len(history(server.port, "t")) == 10


def test_large_batch(server, topic):
    events = [{"topic": f"{topic}.{n % 4}", "data": str(n)} for n in range(8000)]
    answer = batch(server.port, events).json()
    assert len(answer) == 8000
    for part in range(4):
        assert data_of(server.port, f"{topic}.{part}") == [str(n) for n in range(part, 8000, 4)]


# --- An endless request --------------------------------------------------------------------------


def chunk(data):
    data = data if isinstance(data, bytes) else data.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def open_lines(port, topic, query=""):
    connection = wire.Connection(port)
    connection.send(
        wire.encode(
            "POST", f"/api/events/{topic}?stream=lines{query}", {"Transfer-Encoding": "chunked"}
        )
    )
    return connection


def test_lines_are_events_while_they_come(server, topic):
    with subscribe(server.port, topic) as stream, open_lines(
        server.port, topic, "&event=row"
    ) as connection:
        for number in range(5):
            connection.send(chunk(f"line {number}\n"))
            event = stream.event()
            assert (event.type, event.data) == ("row", f"line {number}")
        connection.send(chunk("fi") + chunk("rst\nsec") + chunk("ond\nthi") + chunk("rd"))
        assert stream.data(2) == ["first", "second"]
        connection.send(b"0\r\n\r\n")
        last = stream.event()
        assert last.data == "third"
        answer = connection.response()
        assert answer.status == 200 and answer.json() == {"count": 8, "id": last.id, "topic": topic}
        assert connection.request("GET", "/health").status == 200, "the connection stays usable"


def test_lines_with_a_known_length(server, topic):
    response = wire.request(
        server.port, "POST", f"/api/events/{topic}?stream=lines", (), "a\nb\nc\n"
    )
    assert response.status == 200 and response.json()["count"] == 3
    assert data_of(server.port, topic) == ["a", "b", "c"]


def test_half_a_line_of_a_dead_publisher_is_no_event(server, topic):
    with open_lines(server.port, topic) as connection, subscribe(server.port, topic) as stream:
        connection.send(chunk("whole\nha"))
        assert stream.event().data == "whole"
        connection.close()
        publish(server.port, topic, "next")
        assert stream.event().data == "next"


def test_line_limits(start):
    server = start("limits: {max_event_bytes: 1k}\n")
    for body, status in ((chunk("fine\n" + "x" * 1025 + "\n"), 413), (chunk(b"fine\n\xff\n"), 400)):
        with open_lines(server.port, "t") as connection:
            connection.send(body)
            wire.assert_error(connection.response(), status)
    assert data_of(server.port, "t") == ["fine", "fine"]

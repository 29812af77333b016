"""Streams over WebSocket: routes, the form of events, replay, commands, limits, misbehaviour."""

import json
import random
import socket
import struct
import threading
import time

import pytest

import wire
import ws_wire
from wire import assert_error, publish
from ws_client import DEFLATE, Client

PLAIN_AND_DEFLATED = pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
AWKWARD = [
    "",
    "plain",
    'quotes " and \\ backslashes',
    "tabs\tand \x01 controls \x1f",
    "lines\nof\n\ntext\n",
    "ä€😀",
    '{"already":"json"}',
    "x" * 70_000,
    "repeat " * 300,
]


def upgrade(port, target, headers=(), method="GET", without=()):
    """The answer to a handshake, whatever it is."""
    with wire.Connection(port) as connection:
        connection.send(ws_wire.handshake(headers, target, without, method))
        return connection.response()


# --- Events ---------------------------------------------------------------------------------------


@PLAIN_AND_DEFLATED
def test_events_have_id_topic_event_and_data(server, topic, deflate):
    with Client(server.port, f"/ws?topic={topic}", deflate) as client:
        assert client.welcome["version"]
        for data in AWKWARD:
            number = publish(server.port, topic, data, event="step")
            assert client.event() == {"id": number, "topic": topic, "event": "step", "data": data}
        publish(server.port, topic, "untyped")
        assert client.event()["event"] == "message"


def test_compressed_only_where_that_is_shorter(server, topic):
    with Client(server.port, f"/ws?topic={topic}", deflate=True) as client:
        assert "server_no_context_takeover" in client.extensions
        publish(server.port, topic, "x")
        publish(server.port, topic, "again " * 200)
        assert client.quiet(0.05) is False
        client.fresh.clear()
        frame = client.frame()
        assert frame.rsv == 4 and len(frame.payload) < 200


def test_uncompressed_where_that_was_not_agreed_on(server, topic):
    with Client(server.port, f"/ws?topic={topic}") as client:
        assert client.extensions is None
        publish(server.port, topic, "again " * 200)
        assert client.event()["data"] == "again " * 200


@pytest.mark.parametrize(
    "path,topic",
    [
        ("/ws/process/s-1", "progress.s-1"),
        ("/ws/c%20lient-7", None),
        ("/ws/client-7", "client.client-7"),
        ("/ws/jobs", "jobs.42"),
        ("/ws/jobs?job_id=42", "jobs.42"),
        ("/ws/agent/s-1?topic=progress.s-9", "progress.s-9"),
    ],
)
def test_routes_and_the_topics_behind_them(server, path, topic):
    if topic is None:
        assert upgrade(server.port, path).status in (400, 404)
        return
    with Client(server.port, path) as client:
        publish(server.port, "jobs.other", "?")
        publish(server.port, topic, '{"progress":1}', event="job_update")
        events = [client.event()]
        while events[-1]["topic"] != topic:
            events.append(client.event())
        assert events[-1]["event"] == "job_update" and events[-1]["data"] == '{"progress":1}'
        if "job_id" in path:
            assert len(events) == 1


def test_types_filter(server, topic):
    with Client(server.port, f"/ws?topic={topic}&types=a,b") as client:
        for kind in ("a", "x", "b"):
            publish(server.port, topic, kind, event=kind)
        assert [event["data"] for event in client.events(2)] == ["a", "b"]


# --- Handshakes -----------------------------------------------------------------------------------


def test_without_an_upgrade_426(server):
    answer = wire.request(server.port, "GET", "/ws")
    assert_error(answer, 426)
    assert answer.get("Upgrade") == "websocket" and answer.get("Sec-WebSocket-Version") == "13"


@pytest.mark.parametrize(
    "target,status",
    [
        ("/ws/process/", 404),
        ("/ws/process", 404),
        ("/ws/agent", 404),
        ("/ws/a/b", 404),
        ("/ws/agent/", 404),
        ("/ws?topic=bad%20topic", 400),
        ("/ws?topic=%ff", 400),
        ("/ws?from=never", 400),
        ("/ws?topic=%zz", 400),
        ("/ws?" + "&".join(f"topic=t{n}" for n in range(65)), 400),
    ],
)
def test_refused_before_the_upgrade(server, target, status):
    assert_error(upgrade(server.port, target), status)


def test_wrong_version_and_method(server):
    answer = upgrade(server.port, "/ws", [("Sec-WebSocket-Version", "8")],
                     without=("Sec-WebSocket-Version",))
    assert_error(answer, 426)
    assert_error(upgrade(server.port, "/ws", method="POST"), 405)


def test_subprotocol_is_chosen_if_it_is_ours(server):
    with Client(server.port, headers=[("Sec-WebSocket-Protocol", "other, ringcast")]) as client:
        assert client.head.get("Sec-WebSocket-Protocol") == "ringcast"
    with Client(server.port, headers=[("Sec-WebSocket-Protocol", "other")]) as client:
        assert client.head.get("Sec-WebSocket-Protocol") is None


def test_commands_right_behind_the_handshake_count(server, topic):
    with wire.Connection(server.port) as connection:
        command = json.dumps({"type": "publish", "topic": topic, "data": "early"}).encode()
        connection.send(ws_wire.handshake(target="/ws") + ws_wire.frame(ws_wire.TEXT, command))
        assert connection.response_head().status == 101
        connection.take_until(b'"type":"published"')


# --- Replay ---------------------------------------------------------------------------------------


@PLAIN_AND_DEFLATED
def test_replay_from_earliest_and_after_an_id(server, topic, deflate):
    ids = [publish(server.port, topic, f"{n} " * 40) for n in range(20)]
    with Client(server.port, f"/ws?topic={topic}&from=earliest", deflate) as client:
        assert [event["id"] for event in client.events(20)] == ids
    for key in ("last_event_id", "lastEventId"):
        with Client(server.port, f"/ws?topic={topic}&{key}={ids[9]}", deflate) as client:
            assert [event["id"] for event in client.events(10)] == ids[10:]


def test_resume_from_the_position_if_nothing_came(server, topic):
    publish(server.port, topic, "before")
    with Client(server.port, f"/ws?topic={topic}") as client:
        assert client.quiet(0.05)
        position = client.position
    missed = publish(server.port, topic, "missed")
    with Client(server.port, f"/ws?topic={topic}&last_event_id={position}") as client:
        assert client.event()["id"] == missed


@pytest.mark.parametrize("bad,reason", [("rubbish!", "malformed"), ("0old-5", "epoch")])
def test_gap_for_an_id_that_says_nothing_here(server, topic, bad, reason):
    first = publish(server.port, topic, "one")
    with Client(server.port, f"/ws?topic={topic}&last_event_id={bad}") as client:
        gap, event = client.events(2)
    assert gap["event"] == "gap" and gap["topic"] == topic
    data = json.loads(gap["data"])
    assert data == {"requested": bad, "earliest": first, "reason": reason, "topic": topic}
    assert event["id"] == first
    with Client(server.port, f"/ws?topic={topic}&last_event_id={gap['id']}") as client:
        assert client.event()["id"] == first


@pytest.mark.parametrize("topics", [1, 3])
def test_broken_off_at_random_and_resumed_exactly(server, topic, seed, topics):
    chance = random.Random(seed)
    names = [f"{topic}.{n}" for n in range(topics)]
    query = "&".join(f"topic={name}" for name in names)
    total = 600
    sent = []

    def publisher():
        with wire.Connection(server.port) as connection:
            for n in range(total):
                name = chance.choice(names)
                publish(server.port, name, str(n), connection=connection)
                sent.append((name, str(n)))

    thread = threading.Thread(target=publisher)
    got, last = [], None
    while len(got) < total:
        target = f"/ws?{query}" + (f"&last_event_id={last}" if last else "")
        with Client(server.port, target, deflate=chance.random() < 0.5) as client:
            if last is None:
                client.quiet(0.05)
                last = client.position
                thread.start()
            for _ in range(min(chance.randrange(1, 120), total - len(got))):
                event = client.event()
                assert event["event"] == "message", event
                got.append((event["topic"], event["data"]))
                last = event["id"]
    thread.join()
    for name in names:
        assert [e for e in got if e[0] == name] == [e for e in sent if e[0] == name]


# --- Commands -------------------------------------------------------------------------------------


def test_subscribe_and_unsubscribe(server, topic):
    with Client(server.port) as client:
        answer = client.ask("subscribe", topic=topic, ref="r1")
        assert answer == {"type": "subscribed", "topics": [topic], "ref": "r1"}
        publish(server.port, topic, "1")
        assert client.event()["data"] == "1"
        more = [f"{topic}.x", f"{topic}.y.*"]
        assert client.ask("subscribe", topics=more)["topics"] == more
        for name in (f"{topic}.x", f"{topic}.y.new", topic):
            publish(server.port, name, name)
        assert sorted(e["data"] for e in client.events(3)) == sorted(
            [f"{topic}.x", f"{topic}.y.new", topic]
        )
        assert client.ask("unsubscribe", topics=[topic, f"{topic}.y.*"], ref=2)["ref"] == 2
        for name in (topic, f"{topic}.y.new", f"{topic}.x"):
            publish(server.port, name, "after")
        assert client.event()["topic"] == f"{topic}.x"
        assert client.quiet(0.05)
        assert client.ask("unsubscribe", topic=topic)["error"]["code"] == "not_subscribed"


@pytest.mark.parametrize("before", ["", "other"])
def test_subscribe_replays(server, topic, before):
    ids = [publish(server.port, topic, str(n)) for n in range(10)]
    target = f"/ws?topic={topic}.{before}" if before else "/ws"
    with Client(server.port, target) as client:
        client.say("subscribe", topic=topic, last_event_id=ids[4])
        assert client.message()["type"] == "subscribed"
        assert [event["data"] for event in client.events(5)] == ["5", "6", "7", "8", "9"]
    with Client(server.port, target) as client:
        client.say("subscribe", topic=topic, **{"from": "earliest"})
        assert client.message()["type"] == "subscribed"
        assert [event["data"] for event in client.events(10)] == [str(n) for n in range(10)]


@pytest.mark.parametrize(
    "data,stored",
    [
        ("text", "text"),
        ({"a": [1, "two"]}, '{"a": [1, "two"]}'),
        (3.50, "3.5"),
        (None, "null"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_publish(server, topic, data, stored):
    with Client(server.port, f"/ws?topic={topic}") as client:
        client.say("publish", topic=topic, event="T", data=data, ref=7)
        two = [client.message(), client.message()]
        answer = next(m for m in two if m.get("type") == "published")
        event = next(m for m in two if "event" in m)
        assert answer == {"type": "published", "id": event["id"], "topic": topic, "ref": 7}
        assert (event["event"], event["data"]) == ("T", stored)


def test_publishing_twice_under_one_id_stores_one_event(server, topic):
    with Client(server.port) as client:
        first = client.ask("publish", topic=topic, data="x", id="key-1")
        assert client.ask("publish", topic=topic, data="x", id="key-1")["id"] == first["id"]


def test_pause_and_resume_lose_nothing(server, topic):
    with Client(server.port, f"/ws?topic={topic}") as client:
        assert client.ask("pause", ref=1) == {"type": "paused", "ref": 1}
        ids = [publish(server.port, topic, str(n)) for n in range(50)]
        assert client.quiet()
        assert client.ask("ping") == {"type": "pong"}
        assert client.ask("resume", ref=2) == {"type": "resumed", "ref": 2}
        assert [event["id"] for event in client.events(50)] == ids


def test_paused_beyond_the_history_gets_a_gap(start, topic):
    server = start("history: {events: 10}")
    with Client(server.port, f"/ws?topic={topic}") as client:
        client.ask("pause")
        ids = [publish(server.port, topic, "x" * 3000) for _ in range(400)]
        client.ask("resume")
        gap = client.event()
        assert gap["event"] == "gap" and json.loads(gap["data"])["reason"] == "lagged"
        got = []
        while not got or got[-1] != ids[-1]:
            got.append(client.event()["id"])
        assert got == ids[-len(got) :] and len(got) >= 10


@pytest.mark.parametrize("ref", ['"text"', "17", "-1.50e3", "true", "null", '"\\u00e9 \\" x"'])
def test_ref_is_echoed_as_it_is_written(server, ref):
    with Client(server.port) as client:
        for command in ('{"type":"ping","ref":%s}', '{"ref":%s , "type":"no such"}'):
            client.send(ws_wire.frame(ws_wire.TEXT, (command % ref).encode()))
            assert client.frame().payload.endswith(f'"ref":{ref}}}'.encode())


@pytest.mark.parametrize(
    "text,code",
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"{}", "bad_command"),
        (b"[]", "bad_command"),
        (b'"ping"', "bad_command"),
        (b'{"type":7}', "bad_command"),
        (b'{"type":"ping","type":}', "bad_json"),
        (b'{"type":"dance"}', "unknown_command"),
        (b'{"type":"subscribe"}', "bad_command"),
        (b'{"type":"subscribe","topic":7}', "bad_command"),
        (b'{"type":"subscribe","topics":["a",1]}', "bad_command"),
        (b'{"type":"subscribe","topic":"a b"}', "bad_topic"),
        (b'{"type":"subscribe","topic":"a","from":"never"}', "bad_from"),
        (b'{"type":"subscribe","topik":"a"}', "bad_command"),
        (b'{"type":"unsubscribe"}', "bad_command"),
        (b'{"type":"publish","topic":"a"}', "bad_command"),
        (b'{"type":"publish","data":"a"}', "bad_command"),
        (b'{"type":"publish","topic":"a*","data":"a"}', "bad_event"),
        (b'{"type":"publish","topic":"a","event":"x\\ny","data":"a"}', "bad_event"),
        (b'{"type":"ping","ref":{"a":1}}', "bad_command"),
        (b'{"type":"ping","ref":"' + b"x" * 200 + b'"}', "bad_command"),
        (b'{"type":"join","room":"r"}', "unknown_command"),
        (b'{"type":"topics"}', "unknown_command"),
        (b"[" * 5000, "bad_json"),
    ],
)
def test_a_bad_command_is_answered_and_closes_nothing(server, text, code):
    with Client(server.port) as client:
        client.send(ws_wire.frame(ws_wire.TEXT, text))
        answer = client.message()
        assert answer["type"] == "error" and answer["error"]["code"] == code, answer
        message = answer["error"]["message"]
        assert message[0] in "`" or message[0].isupper(), message
        assert message.endswith(".") or message.endswith("}."), message
        assert client.ask("ping", ref=1) == {"type": "pong", "ref": 1}


def test_binary_messages_are_answered(server):
    with Client(server.port) as client:
        client.send(ws_wire.frame(ws_wire.BINARY, b"\x00\xff"))
        assert client.message()["error"]["code"] == "bad_command"
        assert client.ask("ping") == {"type": "pong"}


def test_many_commands_at_once_are_obeyed_in_order(server, topic):
    with Client(server.port, f"/ws?topic={topic}") as client:
        commands = b"".join(
            ws_wire.frame(
                ws_wire.TEXT,
                json.dumps({"type": "publish", "topic": topic, "data": str(n), "ref": n}).encode(),
            )
            for n in range(2000)
        )
        sender = threading.Thread(target=client.send, args=(commands,))
        sender.start()
        answers, events = [], []
        while len(answers) < 2000 or len(events) < 2000:
            message = client.message()
            (events if "event" in message else answers).append(message)
        sender.join()
        assert [answer["ref"] for answer in answers] == list(range(2000))
        assert [event["data"] for event in events] == [str(n) for n in range(2000)]


def test_commands_in_pieces_and_fragments_and_compressed(server):
    with Client(server.port, deflate=True) as client:
        client.send_chopped(ws_wire.frame(ws_wire.TEXT, b'{"type":"ping","ref":1}'), 1)
        assert client.message() == {"type": "pong", "ref": 1}
        client.send(ws_wire.fragments(ws_wire.TEXT, b'{"type":"ping","ref":2}', 5))
        assert client.message() == {"type": "pong", "ref": 2}
        packed = client.deflated.compress(b'{"type":"ping","ref":3,"from":"' + b"x" * 500 + b'"}')
        client.send(ws_wire.frame(ws_wire.TEXT, packed, rsv=4))
        assert client.message() == {"type": "pong", "ref": 3}


# --- Misbehaviour, limits, the end ----------------------------------------------------------------


@pytest.mark.parametrize(
    "data,code",
    [
        (ws_wire.frame(ws_wire.TEXT, b"{}", key=None), 1002),
        (ws_wire.frame(3, b"?"), 1002),
        (ws_wire.frame(ws_wire.TEXT, b"{}", rsv=4), 1002),
        (ws_wire.frame(ws_wire.TEXT, b"\xff"), 1007),
        (ws_wire.header(ws_wire.TEXT, 1 << 40), 1009),
        (ws_wire.frame(ws_wire.CLOSE, b"\x03"), 1002),
    ],
)
def test_violations_close_with_their_code(server, topic, data, code):
    with Client(server.port, f"/ws?topic={topic}") as client, Client(server.port) as other:
        client.send(data)
        assert client.message() is None and client.closed_with == code
        assert client.at_end()
        assert other.ask("ping") == {"type": "pong"}


def test_the_closing_handshake(server, topic):
    for code in (1000, 1001, 3000, 4999, None):
        with Client(server.port, f"/ws?topic={topic}") as client:
            frame = ws_wire.frame(ws_wire.CLOSE) if code is None else ws_wire.close_frame(code)
            client.send(frame)
            assert client.message() is None and client.closed_with == (code or 1005)
            assert client.at_end()


def test_a_publish_right_before_the_close_counts(server, topic):
    with Client(server.port) as client:
        command = json.dumps({"type": "publish", "topic": topic, "data": "last words"}).encode()
        client.send(ws_wire.frame(ws_wire.TEXT, command) + ws_wire.close_frame(1000))
        while client.message() is not None:
            pass
    with Client(server.port, f"/ws?topic={topic}&from=earliest") as client:
        assert client.event()["data"] == "last words"


def test_messages_are_bounded(start):
    server = start("ws: {max_message_bytes: 4096}")
    with Client(server.port) as client:
        padding = "x" * 3000
        assert client.ask("ping", **{"from": padding}) == {"type": "pong"}
        client.send(ws_wire.header(ws_wire.TEXT, 4097))
        assert client.message() is None and client.closed_with == 1009


def test_a_bomb_is_refused(start):
    server = start("ws: {max_message_bytes: 64KiB}")
    with Client(server.port, deflate=True) as client:
        bomb = client.deflated.compress(b" " * 10_000_000)
        client.send(ws_wire.frame(ws_wire.TEXT, bomb, rsv=4))
        assert client.message() is None and client.closed_with == 1009


def test_pings_find_out_who_is_gone(start, topic):
    server = start("ws: {ping_ms: 100ms, pong_timeout_ms: 200ms}")
    with Client(server.port) as alive, Client(server.port) as silent:
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            assert alive.quiet(0.1)
        assert alive.pings >= 2
        silent.socket.settimeout(wire.TIMEOUT_S)
        seen = b""
        while data := silent.socket.recv(4096):
            seen += data
        assert set(seen[::2]) == {0x89}  # nothing but pings
        assert alive.ask("ping") == {"type": "pong"}


def test_whoever_does_not_read_its_answers_is_not_heard_further(start):
    server = start("ws: {max_backlog_bytes: 64KiB}")
    with Client(server.port, receive_buffer=4096) as greedy, Client(server.port) as other:
        greedy.socket.settimeout(1)
        flood = ws_wire.frame(ws_wire.TEXT, b'{"type":"ping","ref":"' + b"x" * 100 + b'"}') * 1000
        sent = 0
        try:
            while sent < 400:
                greedy.socket.sendall(flood)
                sent += 1
        except (socket.timeout, TimeoutError):
            pass
        assert sent < 400, "50 MB of commands were taken without an answer being read"
        assert other.ask("ping") == {"type": "pong"}


def test_a_slow_subscriber_costs_nobody_else_anything(start, topic):
    server = start("history: {bytes: 256KiB}")
    target = f"/ws?topic={topic}"
    with Client(server.port, target, receive_buffer=4096) as slow, Client(
        server.port, target
    ) as quick:
        with wire.Connection(server.port) as connection:
            for n in range(3000):
                number = publish(server.port, topic, "x" * 4000, connection=connection)
                assert quick.event()["id"] == number
        kinds = set()
        while "gap" not in kinds:
            kinds.add(slow.event()["event"])


def test_topics_per_connection_are_bounded(start):
    server = start("limits: {max_topics_per_subscriber: 3}")
    with Client(server.port, "/ws?topic=a&topic=b") as client:
        assert client.ask("subscribe", topics=["c", "d"])["error"]["code"] == "too_many_topics"
        assert client.ask("subscribe", topic="c")["type"] == "subscribed"
        assert client.ask("subscribe", topic="d")["error"]["code"] == "too_many_topics"


def test_drain_tells_when_to_come_back(start, topic):
    server = start()
    with Client(server.port, f"/ws?topic={topic}") as client, Client(server.port) as idle:
        last = publish(server.port, topic, "last")
        server.signal(15)
        assert client.event()["id"] == last
        for each in (client, idle):
            message = each.message()
            assert message["type"] == "drain" and message["retry_ms"] >= 0
            assert each.message() is None and each.closed_with == 1001
            assert each.at_end()
            each.close()


def test_switched_off_by_configuration(start):
    server = start("ws: {enabled: false}")
    for path in ("/ws", "/ws/c", "/ws/process/s", "/ws/agent/s", "/ws/jobs", "/ws/collab",
                 "/ws/collaborative", "/ws/admin"):
        assert_error(upgrade(server.port, path), 501)


def test_no_compression_where_it_is_switched_off(start, topic):
    server = start("ws: {compression: false}")
    with Client(server.port, f"/ws?topic={topic}", deflate=True) as client:
        assert client.extensions is None
        publish(server.port, topic, "x" * 1000)
        assert client.event()["data"] == "x" * 1000


def test_tokens(start):
    token, admin = "0123456789abcdef", "fedcba9876543210-admin"
    server = start(f"auth: {{tokens: [{token}], admin_tokens: [{admin}]}}")
    bearer = lambda value: [("Authorization", f"Bearer {value}")]
    answer = upgrade(server.port, "/ws")
    assert_error(answer, 401)
    assert answer.get("WWW-Authenticate") == 'Bearer realm="ringcast"'
    assert_error(upgrade(server.port, "/ws?token=wrong"), 401)
    assert_error(upgrade(server.port, "/ws", bearer("wrong")), 401)
    for target, headers in (
        (f"/ws?token={token}", ()),
        ("/ws", bearer(token)),
        ("/ws", bearer(admin)),
        ("/ws/admin", bearer(admin)),
        (f"/ws/admin?token={admin}", ()),
    ):
        with Client(server.port, target, headers=headers) as client:
            assert client.ask("ping") == {"type": "pong"}
    assert_error(upgrade(server.port, "/ws/admin"), 401)
    assert_error(upgrade(server.port, "/ws/admin", bearer(token)), 403)
    assert token not in server.log() and admin not in server.log()


def test_random_violations_never_disturb_others(start, seed, topic):
    server = start("ws: {max_message_bytes: 4096}")
    chance = random.Random(seed)
    good = ws_wire.frame(ws_wire.TEXT, b'{"type":"ping","ref":1}')
    with Client(server.port, f"/ws?topic={topic}") as witness:
        for n in range(400):
            with wire.Connection(server.port) as bad:
                data = bytearray(ws_wire.handshake(target="/ws") + good * chance.randrange(1, 4))
                for _ in range(chance.randrange(1, 4)):
                    data[chance.randrange(len(data))] = chance.randrange(256)
                bad.send(bytes(data[: chance.randrange(1, len(data) + 1)]))
                if chance.random() < 0.3:
                    bad.socket.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
            if n % 20 == 0:
                number = publish(server.port, topic, str(n))
                assert witness.event()["id"] == number
        assert witness.ask("ping") == {"type": "pong"}
    with Client(server.port, "/ws/admin") as admin:

        def alone():
            return admin.ask("connections")["total"] == 1

        wire.wait_for(alone, "the violators to be gone")


def test_deflate_is_offered_in_the_handshake_that_was_asked_for(server):
    for offer, answer in (
        (DEFLATE, "permessage-deflate"),
        ("x-unknown", None),
        ("permessage-deflate; server_max_window_bits=10", "server_max_window_bits=10"),
        ("permessage-deflate; unknown=1", None),
    ):
        with wire.Connection(server.port) as connection:
            connection.send(
                ws_wire.handshake([("Sec-WebSocket-Extensions", offer)], target="/ws")
            )
            got = connection.response_head().get("Sec-WebSocket-Extensions")
            assert (answer in got) if answer else got is None

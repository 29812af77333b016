"""Control of workers, rooms, administration, switches: over WebSocket and beside it."""

import json
import threading
import time

import pytest

import wire
import ws_wire
from wire import assert_error, publish, subscribe
from ws_client import Client

FEATURES = ["sse-streaming", "websocket-streaming", "mcp", "stream-compression",
            "real-time-analytics", "stream-monitoring", "stream-authentication",
            "stream-rate-limiting"]


class Worker(threading.Thread):
    """Answers commands of its session: over WebSocket, or over SSE and HTTP."""

    def __init__(self, port, session, over="websocket", status=None, **extra):
        super().__init__(daemon=True)
        self.port, self.topic = port, f"control.{session}"
        self.status, self.extra, self.over = status, extra, over
        self.got = []
        if over == "websocket":
            self.client = Client(port, f"/ws?topic={self.topic}")
            self.client.ask("ping")  # the position has come
        else:
            self.client = subscribe(port, self.topic, types="command")
            self.client.block()
        self.start()

    def reply(self, ref):
        data = {"ref": ref, **self.extra}
        if self.status:
            data["status"] = self.status
        if self.over == "websocket":
            self.client.say("publish", topic=self.topic, event="reply", data=data)
        else:
            publish(self.port, self.topic, json.dumps(data), event="reply")

    def run(self):
        try:
            while True:
                if self.over == "websocket":
                    message = self.client.message()
                    if message.get("event") != "command":
                        continue
                    data = message["data"]
                else:
                    data = self.client.event().data
                self.got.append(json.loads(data))
                self.reply(self.got[-1]["ref"])
        except (OSError, AttributeError, AssertionError, TypeError):
            pass  # its server or its test has ended


# --- Workers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["websocket", "sse"])
def test_a_command_reaches_the_worker_and_its_answer_the_caller(server, topic, over):
    session = topic.replace(".", "-")
    worker = Worker(server.port, session, over, status="paused")
    with Client(server.port, f"/ws/agent/{session}") as caller:
        caller.say(action="pause")
        assert caller.message() == {"status": "paused"}
        caller.say(action="pause", ref={"no": 1}.get("no"))
        assert caller.message() == {"status": "paused", "ref": 1}
    assert [command["action"] for command in worker.got] == ["pause", "pause"]
    assert len({command["ref"] for command in worker.got}) == 2


@pytest.mark.parametrize(
    "action,members,status",
    [
        ("pause", {}, "paused"),
        ("resume", {}, "resumed"),
        ("cancel", {"why": "enough"}, "cancelled"),
        ("adjust_parameters", {"parameters": {"depth": [1, 2]}}, "parameters_updated"),
        ("adjust_quality_threshold", {"value": 0.75}, "threshold_updated"),
    ],
)
def test_actions_and_their_usual_status(server, topic, action, members, status):
    session = topic.replace(".", "-")
    worker = Worker(server.port, session, applied=True)
    with Client(server.port, f"/ws/agent/{session}") as caller:
        caller.say(action=action, ref="r", **members)
        assert caller.message() == {"status": status, "applied": True, "ref": "r"}
    command = worker.got[0]
    assert {k: v for k, v in command.items() if k != "ref"} == {"action": action, **members}


def test_answers_go_to_whoever_asked(server, topic):
    session = topic.replace(".", "-")
    Worker(server.port, session)
    callers = [Client(server.port, f"/ws/agent/{session}") for _ in range(8)]
    for n in range(20):
        for number, caller in enumerate(callers):
            caller.say(action="pause" if number % 2 else "resume", ref=f"{number}-{n}")
    for number, caller in enumerate(callers):
        status = "paused" if number % 2 else "resumed"
        for n in range(20):
            assert caller.message() == {"status": status, "ref": f"{number}-{n}"}
        caller.close()


def test_no_answer_in_time_is_told(start):
    server = start("control: {timeout_ms: 150ms}")
    with Client(server.port, "/ws/agent/alone") as caller:
        began = time.monotonic()
        caller.say(action="cancel", ref=5)
        assert caller.message() == {"status": "timeout", "ref": 5}
        assert time.monotonic() - began >= 0.15
        # Late and foreign answers change nothing.
        with subscribe(server.port, "control.alone", **{"from": "earliest"}) as worker:
            ref = json.loads(worker.event().data)["ref"]
        for topic, data in (
            ("control.alone", json.dumps({"ref": ref})),
            ("control.other", json.dumps({"ref": ref})),
            ("control.alone", "no json"),
            ("control.alone", '{"ref":"c99-99-99"}'),
            ("control.alone", '{"ref":7}'),
        ):
            publish(server.port, topic, data, event="reply")
        assert caller.quiet(0.1)


def test_an_answer_counts_only_on_its_own_topic(server, topic):
    session = topic.replace(".", "-")
    with Client(server.port, f"/ws/agent/{session}") as caller, subscribe(
        server.port, f"control.{session}", types="command"
    ) as worker:
        worker.block()
        caller.say(action="pause")
        ref = json.loads(worker.event().data)["ref"]
        publish(server.port, "control.somewhere-else", json.dumps({"ref": ref}), event="reply")
        assert caller.quiet(0.1)
        publish(server.port, f"control.{session}", json.dumps({"ref": ref}), event="reply")
        assert caller.message() == {"status": "paused"}


def test_unknown_actions_and_other_commands_of_callers(server, topic):
    with Client(server.port, "/ws/agent/s") as caller:
        caller.say(action="fly", ref=1)
        answer = caller.message()
        assert answer["error"]["code"] == "unknown_action" and answer["ref"] == 1
        assert caller.ask("subscribe", topic=topic)["type"] == "subscribed"
        publish(server.port, topic, "seen")
        assert caller.event()["data"] == "seen"


def test_commands_without_an_answer_are_bounded(start):
    server = start("control: {timeout_ms: 10s, max_pending: 3}")
    with Client(server.port, "/ws/agent/s") as caller:
        for n in range(4):
            caller.say(action="pause", ref=n)
        answer = caller.message()
        assert answer["error"]["code"] == "too_many_commands" and answer["ref"] == 3


# --- Rooms ----------------------------------------------------------------------------------------


def join(port, room, name):
    client = Client(port, "/ws/collab")
    answer = client.ask("join", room=room, name=name, ref=1)
    assert answer["type"] == "joined" and answer["room"] == room, answer
    assert answer["client"] == client.id
    return client, answer["members"]


def said(event):
    data = json.loads(event["data"])
    return data["name"], data["data"]


def test_join_presence_leave(server, topic):
    room = topic
    alice, members = join(server.port, room, "alice")
    assert members == [{"client": alice.id, "name": "alice"}]
    bob, members = join(server.port, room, "bob")
    assert members == [{"client": alice.id, "name": "alice"}, {"client": bob.id, "name": "bob"}]
    event = alice.event()
    assert (event["topic"], event["event"]) == (f"presence.{room}", "join")
    assert json.loads(event["data"]) == {"client": bob.id, "name": "bob", "members": 2}
    assert bob.ask("presence", room=room)["members"] == members
    assert bob.ask("leave", room=room, ref=2) == {"type": "left", "room": room, "ref": 2}
    event = alice.event()
    assert event["event"] == "leave"
    assert json.loads(event["data"]) == {"client": bob.id, "name": "bob", "members": 1}
    assert bob.ask("broadcast", room=room, data=1)["error"]["code"] == "not_in_room"
    carol, _ = join(server.port, room, "carol")
    alice.event()
    carol.close()  # without a word
    assert alice.event()["event"] == "leave"
    assert alice.ask("presence")["members"] == [{"client": alice.id, "name": "alice"}]


def test_broadcast_with_and_without_the_sender(server, topic):
    alice, _ = join(server.port, topic, "alice")
    bob, _ = join(server.port, topic, "bob")
    alice.event()
    assert alice.ask("broadcast", data={"n": 1}, ref=1)["type"] == "sent"
    assert said(bob.event()) == ("alice", {"n": 1})
    assert alice.quiet()
    alice.say("broadcast", room=topic, data="to all", include_self=True)
    both = [alice.message(), alice.message()]
    assert said(next(m for m in both if "event" in m)) == ("alice", "to all")
    assert said(bob.event()) == ("alice", "to all")


def test_the_last_messages_on_join(start):
    server = start("rooms: {history: 5}")
    alice, _ = join(server.port, "r", "alice")
    for n in range(9):
        alice.ask("broadcast", data=n)
    bob, _ = join(server.port, "r", "bob")
    messages = bob.events(5)
    assert [said(event)[1] for event in messages] == [4, 5, 6, 7, 8]
    bob.close()
    alice.ask("broadcast", data="missed")
    last = messages[2]["id"]
    again = Client(server.port, f"/ws/collaborative?room=r&name=bob&last_event_id={last}")
    assert again.message()["type"] == "joined"
    assert [said(event)[1] for event in again.events(3)] == [7, 8, "missed"]


def test_joining_by_the_path_and_commands_behind_it(server, topic):
    """Both change what the connection follows, one after the other."""
    for n in range(20):
        with wire.Connection(server.port) as connection:
            commands = b"".join(
                ws_wire.frame(ws_wire.TEXT, json.dumps(command).encode())
                for command in (
                    {"type": "subscribe", "topic": f"{topic}.{n}", "ref": 1},
                    {"type": "join", "room": f"{topic}-2", "ref": 2},
                    {"type": "leave", "room": f"{topic}-2", "ref": 3},
                    {"type": "ping", "ref": 4},
                )
            )
            target = f"/ws/collab?room={topic}&name=%22n%22"
            connection.send(ws_wire.handshake(target=target) + commands)
            connection.take_until(b'"type":"joined"')
            connection.take_until(b'"ref":1}')
            connection.take_until(b'"type":"joined"')
            connection.take_until(b'"type":"pong","ref":4}')
            if n % 2:  # and away in the midst of a close
                connection.send(ws_wire.close_frame(1000) + commands)


def test_several_rooms_on_one_connection(server, topic):
    alice, _ = join(server.port, f"{topic}-1", "alice")
    alice.ask("join", room=f"{topic}-2", name="alice")
    bob, _ = join(server.port, f"{topic}-2", "bob")
    alice.event()
    bob.ask("broadcast", data="two")
    event = alice.event()
    assert event["topic"] == f"room.{topic}-2" and said(event) == ("bob", "two")
    assert alice.ask("broadcast", data="where?")["error"]["code"] == "bad_command"
    assert alice.ask("join", room=f"{topic}-1")["error"]["code"] == "already_joined"


def test_direct_messages(server, topic):
    alice, _ = join(server.port, topic, "alice")
    bob, _ = join(server.port, topic, "bob")
    carol, _ = join(server.port, topic, "carol")
    stranger, _ = join(server.port, topic + "-else", "stranger")
    assert alice.ask("direct", to=bob.id, data=["psst"], ref=1) == {"type": "sent", "ref": 1}
    message = bob.message()
    while "event" in message:
        message = bob.message()
    assert message == {"type": "direct", "room": topic, "from": alice.id, "name": "alice",
                       "data": ["psst"]}
    assert carol.quiet()
    for nobody in (stranger.id, "w0-99-99", "w77-0-1"):
        assert alice.ask("direct", to=nobody, data=1)["error"]["code"] == "not_in_room"
    assert alice.ask("direct", to="bob", data=1)["error"]["code"] == "bad_command"


def test_rooms_and_members_are_bounded(start):
    server = start("rooms: {max_rooms: 1, max_members: 2}")
    alice, _ = join(server.port, "r", "alice")
    bob, _ = join(server.port, "r", "bob")
    with Client(server.port, "/ws/collab") as carol:
        assert carol.ask("join", room="r")["error"]["code"] == "room_full"
        assert carol.ask("join", room="q")["error"]["code"] == "too_many_rooms"
        assert carol.ask("join", room="a b")["error"]["code"] == "bad_room"
        bob.close()
        wire.wait_for(lambda: carol.ask("join", room="r")["type"] == "joined", "bob's place")


# --- Administration -------------------------------------------------------------------------------


def test_lists(server, topic):
    publish(server.port, topic, "x")
    with Client(server.port, "/ws/admin") as admin, Client(
        server.port, f"/ws/agent/{topic}?topic={topic}"
    ) as client, subscribe(server.port, topic) as stream:
        stream.block()
        topics = {each["topic"]: each for each in admin.ask("topics", ref=1)["topics"]}
        assert topics[topic]["events"] == 1
        connections = admin.ask("connections")["connections"]
        mine = next(each for each in connections if each["id"] == client.id)
        assert (mine["transport"], mine["peer"], mine["topics"], mine["name"]) == (
            "websocket", "127.0.0.1", [topic], topic)
        streams = [each for each in connections if each["transport"] == "sse"]
        assert any(each["topics"] == [topic] for each in streams)
        sessions = admin.ask("sessions")["sessions"]
        assert {"session": topic, "callers": 1, "waiting": 0} in sessions


def test_disconnect(server, topic):
    with Client(server.port, "/ws/admin") as admin, Client(
        server.port, f"/ws?topic={topic}"
    ) as client, subscribe(server.port, topic) as stream:
        stream.block()
        answer = admin.ask("disconnect", id=client.id, ref=1)
        assert answer == {"type": "disconnected", "id": client.id, "ref": 1}
        assert client.message() is None and client.closed_with == 1008
        connections = admin.ask("connections")["connections"]
        assert client.id not in [each["id"] for each in connections]
        sse = next(c["id"] for c in connections if c["topics"] == [topic])
        assert sse.startswith("s")
        assert admin.ask("disconnect", id=sse)["type"] == "disconnected"
        assert stream.event() is None
        assert admin.ask("disconnect", id=sse)["error"]["code"] == "not_connected"
        assert admin.ask("disconnect", id="me")["error"]["code"] == "bad_command"


def test_administration_is_only_there(server):
    with Client(server.port) as client:
        assert client.ask("connections")["error"]["code"] == "unknown_command"


def test_metrics(start):
    server = start("metrics: {interval_ms: 100}")
    with Client(server.port, "/ws/admin") as admin:
        assert admin.ask("metrics")["topics"] == ["metrics"]
        event = admin.event()
        assert event["topic"] == "metrics" and "connections" in event["data"]


def test_drain(start):
    server = start()
    with Client(server.port, "/ws/admin") as admin:
        assert admin.ask("drain", ref=1) == {"type": "draining", "ref": 1}
        assert admin.message()["type"] == "drain"
    wire.wait_for(lambda: not server.running(), "the server to end")
    assert server.child.returncode == 0


def test_switching_transports(start):
    server = start()
    ws_paths = ["/ws", "/ws/c", "/ws/process/s", "/ws/agent/s", "/ws/jobs", "/ws/collab",
                "/ws/collaborative", "/ws/admin"]
    sse_paths = ["/events?topic=a", "/api/stream/progress/s", "/api/stream/quality/s",
                 "/api/stream/jobs/s", "/api/stream/metrics", "/api/chat/sse?messageId=1"]

    def status(path):
        with wire.Connection(server.port) as connection:
            if path.startswith("/ws"):
                connection.send(ws_wire.handshake(target=path))
            else:
                connection.send(wire.encode("GET", path))
            return connection.response_head().status

    with Client(server.port, "/ws/admin") as admin:
        listed = admin.ask("features")["features"]
        assert [each["name"] for each in listed] == FEATURES
        assert all(each["enabled"] for each in listed)
        answer = admin.ask("feature", name="sse-streaming", enabled=False)
        assert answer == {"type": "feature", "name": "sse-streaming", "enabled": False}
        assert {status(path) for path in sse_paths} == {501}
        admin.ask("feature", name="websocket-streaming", enabled=False)
        assert {status(path) for path in ws_paths} == {501}
        # Whoever is connected stays, and can switch it on again.
        admin.ask("feature", name="websocket-streaming", enabled=True)
        admin.ask("feature", name="sse-streaming", enabled=True)
        assert {status(path) for path in sse_paths} == {200}
        assert {status(path) for path in ws_paths} == {101}
        assert admin.ask("feature", name="flying", enabled=True)["error"]["code"] == "bad_command"
        assert admin.ask("feature", name="sse-streaming")["error"]["code"] == "bad_command"


def test_switching_over_http(start):
    server = start()
    listed = wire.request(server.port, "GET", "/api/features").json()["features"]
    assert [each["name"] for each in listed] == FEATURES
    path = "/api/features/stream-monitoring"
    answer = wire.request(server.port, "POST", path, body='{"enabled":false}')
    assert {"name": "stream-monitoring", "enabled": False} in answer.json()["features"]
    assert_error(wire.request(server.port, "GET", "/metrics"), 501)
    wire.request(server.port, "POST", path, body='{"enabled":true}')
    assert wire.request(server.port, "GET", "/metrics").status == 200
    assert_error(wire.request(server.port, "POST", path, body="{}"), 400)
    assert_error(wire.request(server.port, "POST", path, body="\xff"), 400)
    assert_error(wire.request(server.port, "GET", path), 405)
    assert_error(wire.request(server.port, "POST", "/api/features/x", body="{}"), 404)


def test_switching_needs_the_administrators_token(start):
    server = start("auth: {admin_tokens: [0123456789abcdef]}")
    assert_error(wire.request(server.port, "GET", "/api/features"), 401)
    headers = {"Authorization": "Bearer 0123456789abcdef"}
    assert wire.request(server.port, "GET", "/api/features", headers).status == 200

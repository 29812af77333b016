"""Ways to a topic beside its grant: patterns that are wider, names that look alike, ids, lists."""

import hashlib
import json
import urllib.parse

import mcp_wire
import pytest
import servers
import wire
import ws_client
import ws_wire

KEYS = {name: f"{name}-key-of-at-least-16" for name in ("reader", "writer", "boss", "rooms")}
POLICY = """keys:
  reader: {{hash: 'sha256:{reader}', subscribe: ['public.*', 'team.*.news', 'exact'], tools: ['*']}}
  writer: {{hash: 'sha256:{writer}', publish: ['public.*', 'team.*.news'], tools: ['*']}}
  rooms: {{hash: 'sha256:{rooms}', rooms: ['team-*'], subscribe: ['public.*']}}
  boss: {{hash: 'sha256:{boss}', admin: true}}
"""
SECRETS = (
    "secret",
    "secret.1",
    "team.secret",
    "team.a.news.secret",
    "publi",
    "room.hidden",
    "Exact",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grants")
    access = folder / "access.yaml"
    hashes = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in KEYS.items()}
    access.write_text(POLICY.format(**hashes))
    server = servers.Server(folder, f"auth: {{access: {access}}}\n").start()
    for topic in (*SECRETS, "public.a", "team.a.news", "exact"):
        target = f"/api/events/{topic}"
        answer = wire.request(server.port, "POST", target, key("boss"), f"{topic}: hidden")
        assert answer.status == 200
    yield server
    server.stop()
    assert server.child.returncode == 0


def key(name):
    return {"X-API-Key": KEYS[name]}


def follows(port, query, headers=()):
    with wire.Connection(port) as connection:
        fields = {**key("reader"), **dict(headers)}
        connection.send(wire.encode("GET", f"/events?{query}", fields))
        return connection.response_head().status


WIDER = [
    "*", "**", "*.*", "?", "public", "public*", "public**", "publi*", "*public.*", "*.a", "p*.a",
    "public.*,secret", "public.a,secret", "team.*", "team.**", "team.*.*", "team.*.news*",
    "team.*.new*", "team.*news", "*.*.news", "team*.news", "team.*.news.*", "exact*", "*exact",
    "exac*", "e*act", "[p]ublic.a", "{public,secret}.a", "(public|secret).a", ".*", "%",
    "team.secret", "team.a.news.secret", "secret", "secret.1", "room.hidden", "presence.team-1",
    "control.1", "metrics",
]  # fmt: skip
LOOK_ALIKES = [
    "Public.a", "PUBLIC.A", "рublic.a", "public․a", "public。a", "public．a",
    "ｐublic.a", "pub\u200blic.a", "\ufeffpublic.a", "p\u00fablic.a", "public\u2024a", " public.a",
    "\u202epublic.a", "public/a", "public", "publi\u0441.a", "public-a", "exact ", " exact",
    "exact.", ".exact", "exaсt", "e\u0301xact",
]  # fmt: skip
ENCODED = [
    "public%252ea", "public%252e*", "%2570ublic.a", "public%00.a", "public.a%00", "secret%00",
    "%C0%AEpublic.a", "public%C0%AEa", "public%E0%80%AEa", "%F0%80%80%AE", "public%FF.a",
    "public.a%0a", "public.a%0d%0asecret", "public.a%09", "public.a%20secret", "public%u002ea",
    "public.a%ed%a0%80", "%",
]  # fmt: skip


def test_patterns_wider_than_the_grant(server):
    for topic in WIDER:
        asked = "topic=" + urllib.parse.quote(topic)
        assert follows(server.port, asked) in (400, 403), topic
        # Among others it is refused as well, wherever it stands; nothing is left out in silence.
        for query in (f"topic=public.a&{asked}", f"{asked}&topic=public.a"):
            assert follows(server.port, query) in (400, 403), query
    for topic in ("public.*", "public.a", "public.**", "public.*.secret", "team.*.news", "exact",
                  "team.a.*.news", "team.*.*.news"):  # fmt: skip
        asked = "topic=" + urllib.parse.quote(topic)
        assert follows(server.port, asked) == 200, topic


def test_names_that_look_alike(server):
    for topic in LOOK_ALIKES:
        asked = "topic=" + urllib.parse.quote(topic)
        # What was granted may have other letters behind its dot, never before it.
        assert follows(server.port, asked) in (400, 403), repr(topic)


def test_encodings_of_names(server):
    for topic in ENCODED:
        assert follows(server.port, f"topic={topic}") in (400, 403), topic
        target = f"/api/events/{topic}"
        status = wire.request(server.port, "POST", target, key("writer"), "x").status
        assert status in (400, 403, 404), topic
    # Encoded or not, it is the same name, and its grant holds.
    assert follows(server.port, "topic=%70ublic%2ea") == 200
    assert follows(server.port, "topic=%73ecret") == 403


@pytest.mark.parametrize(
    "path",
    [
        "/api/stream/jobs/1", "/api/stream/progress/1", "/api/stream/quality/1",
        "/api/stream/upload/1", "/api/stream/metrics", "/api/chat/sse?messageId=1",
        "/api/stream/jobs/..%2fpublic.a", "/api/stream/jobs/*", "/events?topic=public.a&topic=",
        "/events?topic=public.a&types=x&topic=secret",
        "/events?topic=public.a&TOPIC=secret&topic=*",
    ],
)  # fmt: skip
def test_streams_with_names_of_their_own(server, path):
    answer = wire.request(server.port, "GET", path, key("reader"))
    assert answer.status in (400, 403, 404), answer


def position_of(port, *topics):
    """An id that names these topics, as somebody who may follow them gets it."""
    with wire.subscribe(port, *topics, headers=key("boss"), from_="earliest") as stream:
        stream.events(len(topics))
        return stream.last_id


def test_ids_of_other_topics_open_nothing(server):
    """An id says where to begin, never what to follow."""
    everything = position_of(server.port, *SECRETS, "public.a")
    for last_id in (everything, position_of(server.port, "secret"), "*", "secret"):
        for how in ("header", "query"):
            headers, query = key("reader"), {}
            if how == "header":
                headers = {**headers, "Last-Event-ID": last_id}
            else:
                query = {"lastEventId": last_id}
            with wire.subscribe(server.port, "public.*", headers=headers, **query) as stream:
                for topic in ("secret", "public.a"):
                    target = f"/api/events/{topic}"
                    wire.request(server.port, "POST", target, key("boss"), f"{topic} now")
                seen = [stream.event()]
                while seen[-1].data != "public.a now":
                    seen.append(stream.event())
            # What the client itself said comes back in the gap.
            assert {event.type for event in seen if event.topic is None} <= {"gap"}, seen
            assert all("secret now" not in event.data for event in seen), seen
            assert {event.topic for event in seen} <= {None, "public.a"}, seen


class Client(mcp_wire.Stateless):
    def __init__(self, port, name):
        super().__init__(None)
        self.port, self.own = port, list(key(name).items())

    def post(self, body, headers=None, connection=None):
        fields = self.headers_of(body) if headers is None else headers
        connection = wire.Connection(self.port)
        answered = mcp_wire.post(connection, body, [*fields, *self.own])
        if not isinstance(answered, mcp_wire.Events):
            connection.close()
        return answered


def test_mcp_shows_what_may_be_followed(server):
    client = Client(server.port, "reader")
    hidden = []
    for name in (*SECRETS, "*", "secret*", "secret%2e1", "public.a/../../secret", "SECRET"):
        uri = f"events://{name}"
        hidden.append(client.ask("resources/read", {"uri": uri}))
        hidden.append(client.ask("resources/read", {"uri": f"{uri}?x=public.a"}))
        for tool in ("read_history", "wait_for_event"):
            arguments = {"topic": name} | ({"timeout_s": 1} if tool == "wait_for_event" else {})
            hidden.append(client.call(tool, **arguments))
    for value in ("", "s", "secret", "team."):
        ask = {"ref": {"type": "ref/resource", "uri": "events://{+topic}"}}
        ask["argument"] = {"name": "topic", "value": value}
        hidden.append(client.ask("completion/complete", ask))
    for method in ("resources/list", "resources/templates/list"):
        hidden.append(client.ask(method))
    for pattern in ("*", "secret*", "**"):
        hidden.append(client.call("list_topics", pattern=pattern))
    assert ": hidden" not in json.dumps(hidden).replace("public.a: hidden", "").replace(
        "team.a.news: hidden", ""
    )
    shown = client.call("list_topics")["result"]["structuredContent"]["topics"]
    names = {each["topic"] for each in shown}
    assert {each for each in names if not each.startswith("public.")} <= {"team.a.news", "exact"}
    writer = Client(server.port, "writer")
    for name in ("secret", "exact", "team.x", "*"):
        answer = writer.call("publish_event", topic=name, data="forged")
        assert "error" in answer or answer["result"]["isError"], name


def test_websocket_commands_hold_to_the_grants(server):
    client = ws_client.Client(server.port, "/ws?topic=public.a", headers=key("reader").items())
    for topic in WIDER + LOOK_ALIKES:
        for names in ([topic], ["public.a", topic], [topic, "exact"]):
            answer = client.ask("subscribe", topics=names)
            assert answer["type"] == "error", (names, answer)
        assert client.ask("publish", topic=topic, data="x")["type"] == "error"
    for text in (
        '{"type":"subscribe","topic":"public.a","topic":"secret"}',
        '{"type":"subscribe","topic":"public.a","topics":["secret"]}',
        '{"type":"subscribe","topic":"secret","last_event_id":"public.a"}',
        '{"type":"subscribe","topic":"se\\u0063ret"}',
        '{"type":"subscribe","type":"publish","topic":"secret","data":"x"}',
        '{"type":"join","room":"team-1"}',
        '{"type":"features"}',
    ):
        client.send(ws_wire.frame(ws_wire.TEXT, text))
        assert client.message()["type"] == "error", text
    wire.request(server.port, "POST", "/api/events/secret", key("boss"), "now")
    assert client.quiet(0.1)
    client.close()


def test_rooms_and_their_topics(server):
    """Rooms are topics too: neither grant opens the other's door."""
    port, headers = server.port, key("rooms").items()
    client = ws_client.Client(port, "/ws/collab", headers=headers)
    assert client.ask("join", room="team-1")["type"] == "joined"
    for room in ("hidden", "*", "team*", "Team-1", "team", "../hidden", "x.team-1", "tеam-1"):
        assert client.ask("join", room=room)["type"] == "error", room
        assert client.ask("broadcast", room=room, data="x")["type"] == "error", room
        assert client.ask("presence", room=room)["type"] == "error", room
    for topic in ("room.hidden", "room.*", "room.team-1", "presence.hidden", "*"):
        assert client.ask("subscribe", topic=topic)["type"] == "error", topic
        assert client.ask("publish", topic=topic, data="forged")["type"] == "error", topic
    client.close()
    for target in ("/ws/collab?room=hidden", "/ws/collab?room=team-1&topic=room.hidden"):
        refused = ws_client.Client(port, target, headers=headers)
        if refused.welcome:
            assert refused.message()["type"] == "error"
        refused.close()


@pytest.mark.parametrize("how", ["batch", "lines", "single"])
def test_publishing_beside_the_grant(server, how):
    port, headers = server.port, {**key("writer"), "Content-Type": "application/json"}
    for topic in ("secret", "team.x", "public", "PUBLIC.a", "exact", "room.hidden", "control.1"):
        if how == "batch":
            events = [{"topic": each, "data": "forged"} for each in ("public.a", topic, "public.b")]
            answer = wire.request(port, "POST", "/api/events", headers, json.dumps(events))
        else:
            query = "?stream=lines" if how == "lines" else "?topic=public.a"
            answer = wire.request(port, "POST", f"/api/events/{topic}{query}", headers, "forged\n")
        assert answer.status in (400, 403), (topic, answer)
    refused = ("secret", "team.x", "public", "public.b", "PUBLIC.a", "exact", "room.hidden")
    with wire.subscribe(port, *refused, "end", headers=key("boss"), from_="earliest") as history:
        wire.request(port, "POST", "/api/events/end", key("boss"), how)
        seen = []
        while not seen or seen[-1].data != how:
            seen.append(history.event())
    assert all("forged" not in event.data for event in seen)


@pytest.mark.parametrize("query", ["", "?stream=lines"])
def test_who_may_not_publish_is_not_asked_for_the_body(server, query):
    for expect in ({"Expect": "100-continue"}, {}):
        fields = {"Content-Length": "900000", **key("writer"), **expect}
        with wire.Connection(server.port, timeout_s=2) as connection:
            connection.send(wire.encode("POST", f"/api/events/secret{query}", fields))
            assert connection.response_head().status == 403

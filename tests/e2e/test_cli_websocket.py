"""The commands over WebSocket, against scripted servers: what they say, and what they bear."""

import json
import re
import signal
import struct

import pytest

import servers
import ws_wire
from commands import cli, run  # noqa: F401
from ws_script import scripted

EVENT = {"id": "e-1", "topic": "t", "event": "message", "data": "a"}
GAP = {"requested": "e-1", "earliest": "e-9", "reason": "evicted", "topic": "t"}


def welcome(peer, position=None, **options):
    peer.accept(**options)
    peer.say({"type": "welcome", "client": "w0-1-1", "version": "1"})
    if position:
        peer.say({"type": "position", "id": position})


def plain(peer):
    """Three events, then the end of what the server has."""
    welcome(peer, "e-0")
    peer.event("e-1", "t", "one")
    peer.event("e-2", "t", '{"a":"ü\x1b"}', "typed")
    peer.event("e-3", "t", "two\nlines", "typed")
    assert peer.receive_frame() == (ws_wire.CLOSE, struct.pack("!H", 1000))


def subscribe(port, *words, **more):
    return cli(port, "subscribe", "t", "--ws", *words, **more)


# --- subscribe -----------------------------------------------------------------------------------


def test_asks_for_topics_with_a_proper_handshake():
    words = ["b.*", "--types", "x,y", "--from", "earliest", "--last-event-id", "e-7"]
    with scripted(plain, plain) as (port, peers):
        subscribe(port, *words, "--count", "3", RINGCAST_TOKEN="secret")
        subscribe(port, "--compress", "--count", "3", "--header", "X-A: b")
    assert peers[0].head.startswith(
        "GET /ws?topic=t&topic=b.%2A&types=x%2Cy&from=earliest&last_event_id=e-7 HTTP/1.1\r\n"
    )
    assert peers[0].header("Host") == f"127.0.0.1:{port}"
    assert peers[0].header("Upgrade") == "websocket"
    assert peers[0].header("Connection") == "Upgrade"
    assert peers[0].header("Sec-WebSocket-Version") == "13"
    assert peers[0].header("Authorization") == "Bearer secret"
    assert peers[0].header("Sec-WebSocket-Extensions") is None
    assert peers[1].header("Sec-WebSocket-Extensions").startswith("permessage-deflate")
    assert peers[1].header("X-A") == "b"
    keys = [peer.header("Sec-WebSocket-Key") for peer in peers]
    assert keys[0] != keys[1] and len(keys[0]) == 24


def test_shows_events_as_over_server_sent_events():
    with scripted(plain, plain, plain) as (port, _):
        pretty = subscribe(port, "--count", "3")
        objects = subscribe(port, "--count", "3", "--json")
        raw = subscribe(port, "--count", "3", "--raw")
    assert pretty.stdout == 'message  one\ntyped  {"a":"ü\\x1b"}\ntyped  two\n    lines\n'
    assert [json.loads(line) for line in objects.stdout.splitlines()] == [
        {"id": "e-1", "event": "message", "topic": "t", "data": "one"},
        {"id": "e-2", "event": "typed", "topic": "t", "data": '{"a":"ü\x1b"}'},
        {"id": "e-3", "event": "typed", "topic": "t", "data": "two\nlines"},
    ]
    messages = [json.loads(line) for line in raw.stdout.splitlines()]
    assert [message.get("type") for message in messages] == ["welcome", "position"] + 3 * [None]
    assert pretty.stderr == objects.stderr == raw.stderr == ""


@pytest.mark.parametrize(
    "extensions",
    [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
    ],
)
def test_takes_compressed_messages(extensions):
    def script(peer):
        answer = ws_wire.Deflated(extensions)
        answer.our_bits, answer.keep_ours = answer.their_bits, answer.keep_theirs
        welcome(peer, extensions=extensions)
        peer.deflated = answer
        for number in range(50):
            peer.event(f"e-{number}", "t", f"{number} " + "again and again " * 20)
        peer.deflated = None
        peer.event("e-50", "t", "as it is")
        peer.receive_frame()

    with scripted(script) as (port, _):
        lines = subscribe(port, "--compress", "--count", "51").stdout.splitlines()
    assert [line.split()[1] for line in lines] == [str(n) for n in range(50)] + ["as"]


def test_bears_fragments_pings_and_slow_bytes():
    def script(peer):
        peer.accept()
        text = json.dumps(EVENT | {"data": "ü" * 5000}, ensure_ascii=False).encode()
        half = len(text) // 2
        peer.frame(ws_wire.TEXT, text[:half], fin=False)
        peer.frame(ws_wire.PING, b"are you there")
        assert peer.receive_frame() == (ws_wire.PONG, b"are you there")
        peer.frame(ws_wire.PONG, b"not asked for")
        for byte in ws_wire.frame(
            ws_wire.CONTINUATION, text[half : half + 300], fin=False, key=None
        ):
            peer.send(bytes([byte]))
        peer.frame(ws_wire.CONTINUATION, text[half + 300 :])
        peer.receive_frame()

    with scripted(script) as (port, _):
        assert subscribe(port, "--count", "1").stdout == "message  " + "ü" * 5000 + "\n"


def test_resumes_after_the_last_event_or_position():
    def first(peer):
        welcome(peer, "e-4")

    def second(peer):
        welcome(peer, "e-4")
        peer.event("e-5", "t", "five")

    def third(peer):
        welcome(peer)
        peer.event("e-9", "t", json.dumps(GAP), "gap")

    def fourth(peer):
        welcome(peer)
        peer.event("e-10", "t", "ten")
        peer.receive_frame()

    with scripted(first, second, third, fourth) as (port, peers):
        done = subscribe(port, "--count", "2", "--retry", "1", "--json")
    asked = [re.search("last_event_id=([^ ]*) ", peer.head) for peer in peers]
    assert [found and found[1] for found in asked] == [None, "e-4", "e-5", "e-9"]
    assert [json.loads(line)["data"] for line in done.stdout.splitlines()] == ["five", "ten"]
    assert done.stderr.count("Connected again.") == 3
    assert "Connecting again to go on after e-4." in done.stderr
    assert "Gap in t: events may be missing, they have left the history" in done.stderr
    assert "going on from e-9." in done.stderr


def test_a_drain_is_told_and_waited_for():
    def drained(peer):
        welcome(peer, "e-4")
        peer.say({"type": "drain", "retry_ms": 40})
        peer.close_with(1001, "draining")
        assert peer.receive_frame() == (ws_wire.CLOSE, struct.pack("!H", 1001))

    def busy(peer):
        peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    with scripted(drained, busy, drained, plain) as (port, peers):
        done = subscribe(port, "--count", "3")
    assert done.stderr.count("The server is going away. Connecting again to go on after e-4.") == 2
    assert all("last_event_id=e-4" in peer.head for peer in peers[1:])


def test_quiet_says_nothing_of_it():
    with scripted(lambda peer: welcome(peer), plain) as (port, _):
        assert subscribe(port, "--count", "3", "--retry", "1", "--quiet").stderr == ""


def test_silence_is_asked_about_and_means_a_dead_connection():
    def silent(peer):
        welcome(peer)
        assert peer.receive_frame() == (ws_wire.PING, b"")
        opcode, _ = peer.receive_frame()
        assert opcode == ws_wire.CLOSE

    def alive(peer):
        welcome(peer)
        for _ in range(2):
            assert peer.receive_frame() == (ws_wire.PING, b"")
            peer.frame(ws_wire.PONG)
        peer.event("e-1", "t", "still there")
        peer.receive_frame()

    with scripted(silent, alive) as (port, _):
        done = subscribe(port, "--count", "1", "--silence", "0.6", "--retry", "1")
    assert done.stdout == "message  still there\n"
    assert "Nothing was heard from the server. Connecting again." in done.stderr


def test_ctrl_c_says_goodbye(run):
    def script(peer):
        welcome(peer)
        peer.event("e-1", "t", "one")
        assert peer.receive_frame() == (ws_wire.CLOSE, struct.pack("!H", 1000))

    with scripted(script) as (port, _):
        command = run(port, "subscribe", "t", "--ws")
        command.wait_out(1)
        assert command.end(0, signal.SIGINT) == (["message  one"], [])


# --- Servers that say no, or nonsense ------------------------------------------------------------


def response(status, message="", more=""):
    body = json.dumps({"error": {"code": "x", "message": message}}) if message else ""
    text = f"HTTP/1.1 {status} Some Reason\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}"
    return lambda peer: peer.send(text.encode())


def says(message):
    def script(peer):
        peer.accept()
        peer.say(message)
        peer.receive_frame()

    return script


def sends(frames):
    def script(peer):
        peer.accept()
        peer.send(frames)
        peer.receive_frame()

    return script


@pytest.mark.parametrize(
    "script,tells",
    [
        (response(401, "A token is needed."), "A token is needed. (401 Unauthorized) Give"),
        (response(403), "answered 403 Forbidden. Is the token right"),
        (response(404), "answered 404 Not Found. Does this server speak WebSocket"),
        (response(426), "answered 426 Upgrade Required. Does a proxy"),
        (
            response(501, "WebSocket is off."),
            "WebSocket is off. (501 Not Implemented) WebSocket is",
        ),
        (response(200), "The server answered 200 OK."),
        (response(302, more="Location: http://b/\r\n"), "It points to http://b/"),
        (lambda peer: peer.accept(Sec_WebSocket_Accept="eA=="), "wrong Sec-WebSocket-Accept"),
        (lambda peer: peer.accept(Sec_WebSocket_Accept=None), "wrong Sec-WebSocket-Accept"),
        (lambda peer: peer.accept(Upgrade="h2c"), "does not switch to WebSocket"),
        (lambda peer: peer.accept(Connection="close"), "lacks `Connection: Upgrade`"),
        (lambda peer: peer.accept(Sec_WebSocket_Protocol="chat"), "chooses a subprotocol"),
        (
            lambda peer: peer.accept(Sec_WebSocket_Extensions="permessage-deflate"),
            "extensions that were not offered",
        ),
        (lambda peer: peer.send(b"SSH-2.0-OpenSSH\r\n"), "does not answer in HTTP/1.1."),
        (lambda peer: None, "without a response"),
        (says("no JSON"), "is not understood"),
        (says([1]), "is not understood"),
        (says({"type": "error", "error": {"code": "c", "message": "No\x1b."}}), "No\\x1b."),
    ],
)
def test_what_ends_it_at_once(script, tells):
    with scripted(script) as (port, _):
        done = subscribe(port, check=1)
    assert tells in done.stderr and done.stdout == "" and "\x1b" not in done.stderr
    assert "Connecting again" not in done.stderr


@pytest.mark.parametrize(
    "script,tells",
    [
        (lambda peer: (peer.accept(), peer.close_with(1013, "later\x1b")), "(1013: later\\x1b)."),
        (lambda peer: (peer.accept(), peer.frame(ws_wire.CLOSE)), "(without a code)."),
        (lambda peer: peer.accept(), "The server ended the connection."),
        (sends(ws_wire.frame(ws_wire.TEXT, "{}")), "is no WebSocket"),
        (sends(ws_wire.frame(ws_wire.TEXT, b"\xff", key=None)), "is no WebSocket"),
        (sends(ws_wire.header(ws_wire.TEXT, 1 << 40, key=None)), "is no WebSocket"),
        (sends(ws_wire.frame(ws_wire.TEXT, "{}", key=None, rsv=4)), "is no WebSocket"),
    ],
)
def test_what_may_be_better_the_next_time(script, tells):
    with scripted(script, plain) as (port, _):
        done = subscribe(port, "--count", "3", "--retry", "1")
    assert f"{tells}" in done.stderr and "Connected again." in done.stderr
    assert len(done.stdout.splitlines()) == 4


@pytest.mark.parametrize(
    "words",
    ["subscribe a --ws", "control s pause", "worker-demo s", "admin topics", "admin metrics",
     "features"],
)  # fmt: skip
def test_nobody_listens(words):
    port = servers.free_port()
    done = cli(port, *words.split(), check=1)
    assert f"Nobody listens on 127.0.0.1:{port} (connection refused)." in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words,tells",
    [
        ("subscribe a --compress", "--compress requires --ws"),
        ("control", "SESSION is required"),
        ("control s", "ACTION is required"),
        ("control s paus", "There is no action `paus`. Did you mean `pause`?"),
        ("control s dance", "There are: pause, resume, cancel, adjust_parameters"),
        ("control s pause x", "`x` is no member: write key=value."),
        ("control s pause =x", "`=x` is no member"),
        ("control s pause a=1 a=2", "`a` is given twice."),
        ("control s pause a=1 --json {\"a\":1}", "`a` is given twice."),
        ("control s pause ref=1", "`ref` is set by ringcast itself."),
        ("control s pause --json [1]", "--json takes an object"),
        ("control s pause --json {", "--json takes an object"),
        ("control s pause --timeout 0", "--timeout"),
        ("worker-demo", "SESSION is required"),
        ("worker-demo s --interval 0", "--interval"),
        ("worker-demo s --steps 0", "--steps"),
        ("admin", "ACTION is required"),
        ("admin conections", "Did you mean `connections`?"),
        ("admin disconnect", "ID is missing"),
        ("admin topics w0-1-1", "`topics` takes no ID."),
        ("admin topics --count 1", "--count is for metrics."),
        ("features enabel x", "Did you mean `enable`?"),
        ("features enable", "NAME is missing"),
        ("features list x", "`list` takes no NAME."),
        ("admin topics --url ws://h", "write http://HOST:PORT"),
    ],
)  # fmt: skip
def test_wrong_usage(words, tells):
    done = cli(None, *words.split(), check=2)
    assert tells in done.stderr and done.stdout == ""


# --- control, admin, features, worker-demo -------------------------------------------------------


def answers(expected, *messages):
    """A server that expects one command, and says these things; REF in them is the command's."""

    def script(peer):
        welcome(peer)
        command = peer.hear()
        ref = command.pop("ref")
        assert command == expected
        for message in messages:
            peer.say(json.loads(json.dumps(message).replace("REF", ref)))
        assert peer.receive_frame()[0] == ws_wire.CLOSE

    return script


def test_control_sends_members_and_prints_the_answer():
    command = {"action": "adjust_parameters", "a": 0.5, "b": "x y", "c": [1], "d": "01", "e": None}
    other = {"status": "paused", "ref": "of another"}
    answer = {"status": "parameters_updated", "ref": "REF", "step": 3}
    with scripted(answers(command, other, EVENT, answer)) as (port, peers):
        words = ["a=0.5", "b=x y", "c=[1]", "d=01", "--json", ' {"e": null} ']
        done = cli(port, "control", "s/1 ü", "adjust_parameters", *words)
    assert peers[0].head.startswith("GET /ws/agent/s%2F1%20%C3%BC HTTP/1.1\r\n")
    assert json.loads(done.stdout) | {"ref": "REF"} == answer and done.stderr == ""


@pytest.mark.parametrize(
    "messages,code,out,err",
    [
        ([{"status": "timeout", "ref": "REF"}], 3, '"timeout"', ""),
        ([], 3, '{"status":"timeout"}', ""),
        ([{"status": "unknown_action", "ref": "REF"}], 0, '"unknown_action"', ""),
        ([{"type": "error", "error": {"code": "x", "message": "No."}, "ref": "REF"}], 1, "", "No."),
    ],
)
def test_what_control_ends_with(messages, code, out, err):
    with scripted(answers({"action": "pause"}, *messages)) as (port, _):
        done = cli(port, "control", "s", "pause", "--timeout", "1", check=code)
    assert out in done.stdout and err in done.stderr
    assert bool(done.stdout) == bool(out) and bool(done.stderr) == bool(err)


def test_control_tells_why_it_failed():
    with scripted(response(501, "Off."), lambda peer: peer.accept()) as (port, _):
        assert "Off. (501 Not Implemented)" in cli(port, "control", "s", "pause", check=1).stderr
        assert " connection" in cli(port, "control", "s", "pause", check=1).stderr


CONNECTIONS = [
    {"id": "w0-3-7", "transport": "websocket", "peer": "127.0.0.1",
     "name": "c\x1b", "principal": "key:a", "route": "stream",
     "seconds": 12, "topics": ["a", "b.*"], "paused": False},
    {"id": "s0-1-2", "transport": "sse", "seconds": 7, "topics": [], "paused": True},
]  # fmt: skip


def test_admin_prints_tables_or_the_answer():
    answer = {"type": "connections", "connections": CONNECTIONS, "total": 3, "ref": "REF"}
    script = answers({"type": "connections"}, answer)
    with scripted(script, script) as (port, peers):
        done = cli(port, "admin", "connections", "--token", "t")
        whole = json.loads(cli(port, "admin", "connections", "--json").stdout)
    assert peers[0].head.startswith("GET /ws/admin HTTP/1.1\r\n")
    assert peers[0].header("Authorization") == "Bearer t"
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["ID", "TRANSPORT"]
    assert done.stderr == "ringcast: Only 2 of 3 connections are listed.\n"
    assert lines[1].split() == ["s0-1-2", "sse", "-", "-", "-", "-", "7", "yes", "-"]
    assert lines[2].split()[2:] == ["key:a", "127.0.0.1", "c\\x1b", "stream", "12", "no", "a,b.*"]
    assert whole["connections"] == CONNECTIONS


@pytest.mark.parametrize(
    "words,command,answer,out",
    [
        ("disconnect w0-3-7", {"type": "disconnect", "id": "w0-3-7"}, {"type": "disconnected"},
         "w0-3-7 is disconnected.\n"),
        ("drain", {"type": "drain"}, {"type": "draining"}, "The server drains: its streams end"),
        ("sessions", {"type": "sessions"},
         {"type": "sessions", "sessions": [{"session": "S", "callers": 1, "waiting": 0}]},
         "SESSION  CALLERS  WAITING\nS              1        0\n"),
        ("topics", {"type": "topics"}, {"type": "topics", "topics": []}, "TOPIC  EVENTS  BYTES"),
    ],
)  # fmt: skip
def test_admin_actions(words, command, answer, out):
    with scripted(answers(command, answer | {"ref": "REF"})) as (port, _):
        assert cli(port, "admin", *words.split()).stdout.startswith(out)


def test_admin_tells_a_refusal():
    error = {"type": "error", "error": {"code": "x", "message": "Not here."}, "ref": "REF"}
    with scripted(answers({"type": "disconnect", "id": "x"}, error)) as (port, _):
        assert "Not here." in cli(port, "admin", "disconnect", "x", check=1).stderr


def test_metrics_line_by_line():
    figures = {"connections": 3, "subscribers": 2, "topics": 1, "events_per_s": 10.6,
               "deliveries_per_s": 21.2, "sends_per_s": 5.0, "log_bytes": 1536,
               "cpu_percent": 0.4, "rss_bytes": 20 << 20}  # fmt: skip

    def script(peer):
        welcome(peer)
        for number in range(1, 4):
            peer.event(f"e-{number}", "metrics", json.dumps(figures), "metrics_update")
        peer.receive_frame()

    with scripted(script, script) as (port, peers):
        lines = cli(port, "admin", "metrics", "--count", "3").stdout.splitlines()
        objects = cli(port, "admin", "metrics", "--count", "2", "--json").stdout.splitlines()
    assert peers[0].head.startswith("GET /ws/admin?")
    assert len(lines) == 4 and lines[0].startswith("CONNECTIONS  SUBSCRIBERS")
    assert lines[1].split() == ["3", "2", "1", "11", "21", "5", "1.5K", "0", "20.0M"]
    assert len(lines[1]) == len(lines[0])
    assert [json.loads(line) for line in objects] == [figures, figures]


def test_the_worker_obeys_and_answers():
    def script(peer):
        welcome(peer, "e-0")
        assert peer.hear() == {
            "type": "publish",
            "topic": "progress.s 1",
            "event": "step_progress",
            "data": {"step": 1, "steps": 4, "percent": 25, "threshold": None, "parameters": {}},
        }
        say = [
            ({"action": "pause"}, "paused"),
            ({"action": "adjust_quality_threshold", "value": 0.8}, "threshold_updated"),
            ({"action": "adjust_quality_threshold"}, "value_missing"),
            ({"action": "adjust_parameters", "a": [1], "b": "x"}, "parameters_updated"),
            ({"action": "dance"}, "unknown_action"),
            ({"action": "resume"}, "resumed"),
        ]
        peer.event("e-1", "control.s 1", json.dumps(say[0][0] | {"ref": "c-0"}), "command")
        heard = []
        while (message := peer.hear())["topic"] == "progress.s 1":
            heard.append(message["data"]["step"])  # on its way meanwhile
        assert message["data"] | {"step": 0} == {"ref": "c-0", "status": "paused", "step": 0}
        for number, (command, status) in list(enumerate(say))[1:]:
            data = json.dumps(command | {"ref": f"c-{number}"})
            peer.event(f"e-{number + 1}", "control.s 1", data, "command")
            answer = peer.hear()
            assert (answer["topic"], answer["event"]) == ("control.s 1", "reply")
            assert answer["data"] | {"step": 0} == {
                "ref": f"c-{number}",
                "status": status,
                "step": 0,
            }
        last = peer.hear()
        assert last["data"]["threshold"] == 0.8
        assert last["data"]["parameters"] == {"a": [1], "b": "x"}

    def later(peer):
        assert "last_event_id=e-6" in peer.head
        welcome(peer)
        while (message := peer.hear())["event"] == "step_progress":
            pass
        assert message["event"] == "completed" and message["data"]["percent"] == 100
        peer.say({"type": "published", "id": "x-1", "topic": "t", "ref": message["ref"]})
        assert peer.receive_frame()[0] == ws_wire.CLOSE

    with scripted(script, later) as (port, peers):
        done = cli(port, "worker-demo", "s 1", "--interval", "0.05", "--steps", "4")
    assert peers[0].head.startswith("GET /ws?types=command&topic=control.s%201 HTTP/1.1\r\n")
    assert 'adjust_parameters {"a":[1],"b":"x"}: parameters_updated\n' in done.stdout
    assert "Connected again." in done.stderr


def test_a_cancelled_worker_ends_when_that_is_known():
    def script(peer):
        welcome(peer)
        peer.event("e-1", "control.s", '{"action":"cancel","ref":"c-1"}', "command")
        assert peer.hear()["data"]["status"] == "cancelled"
        last = peer.hear()
        assert last["event"] == "cancelled"
        peer.say({"type": "published", "id": "x-1", "topic": "progress.s", "ref": last["ref"]})
        assert peer.receive_frame()[0] == ws_wire.CLOSE

    with scripted(script) as (port, _):
        done = cli(port, "worker-demo", "s", "--interval", "3600")
    assert "cancel: cancelled" in done.stdout

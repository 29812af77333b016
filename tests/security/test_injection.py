"""What a client writes never becomes a line of somebody else's: in streams, headers and the log."""

import json
import re
import time
import urllib.parse

import mcp_wire
import pytest
import wire
import ws_client
import ws_wire
from hostile import Stranger, log_lines

FORGED = "id: 999\ndata: forged\n\nevent: forged\ndata: forged\n\n"
TEXTS = [
    "a\rb", "a\nb", "a\r\nb", "a\n\nb", "\n", "\r", "\r\n\r\n", "\0", "a\0b", "a\u2028b\u2029c",
    "a\x85b\x0bc\x0cd\x1ce", "\ufeffdata: x", "data: x", ":comment", "id: 9", "retry: 1",
    "event: gap", FORGED, FORGED.replace("\n", "\r"), FORGED.replace("\n", "\r\n"),
    FORGED.replace("\n", "\u2028"), FORGED.replace("\n", "\0"), "a\n:b\nretry: 0\n",
    "\x1b]0;title\x07", "</script><script>alert(1)</script>", "\ud7ff\ue000\uffff", "\u202eb",
]  # fmt: skip
FIELDS = ("id", "event", "data", "topic", "retry")


def lines_of(text):
    """As the HTML standard cuts a stream into lines, which makes every line end one of \\n."""
    return re.sub("\r\n|\r", "\n", text)


def publish_each_way(port, topic, text):
    yield wire.request(port, "POST", f"/api/events/{topic}", (), text.encode()).status
    batch = json.dumps([{"topic": topic, "data": text}])
    yield wire.request(port, "POST", "/api/events", (), batch).status
    client = ws_client.Client(port)
    yield 200 if client.ask("publish", topic=topic, data=text)["type"] == "published" else 400
    client.close()


def test_data_is_one_event_whatever_it_holds(server, topic):
    other = f"{topic}.other"
    with (
        wire.subscribe(server.port, topic) as one,
        wire.subscribe(server.port, topic, other) as merged,
    ):
        socket = ws_client.Client(server.port, f"/ws?topic={topic}")
        for text in TEXTS:
            statuses = list(publish_each_way(server.port, topic, text))
            assert statuses == [200] * 3, repr(text)
            for _ in statuses:
                for stream in (one, merged):
                    event = stream.event()
                    assert (event.type, event.data) == (None, lines_of(text)), repr(text)
                    names = {line.split(b":")[0].decode() for line in event.raw.split(b"\n")[:-2]}
                    assert names <= set(FIELDS) and b"\r" not in event.raw, event.raw
                assert lines_of(socket.event()["data"]) == lines_of(text)
        socket.close()


@pytest.mark.parametrize("what", ["event", "id", "topic"])
def test_names_of_events_stay_on_their_line(server, topic, what):
    with wire.subscribe(server.port, topic) as stream:
        for text in TEXTS:
            name = f"x{text}"
            query = urllib.parse.urlencode({what: name}) if what != "topic" else ""
            path = topic if what != "topic" else urllib.parse.quote(name, safe="")
            alone = wire.request(server.port, "POST", f"/api/events/{path}?{query}", (), "plain")
            member = {"topic": topic, "data": "plain", what: name}
            body = json.dumps([member])
            batch = wire.request(server.port, "POST", "/api/events", (), body)
            for answer in (alone, batch):
                assert answer.status in (200, 400), repr(text)
                assert what == "id" or answer.status == 400 or not re.search("[\r\n\0]", text)
            wire.publish(server.port, topic, "end")
            event = stream.event()
            while event.data != "end":
                assert event.data == "plain" and event.raw.count(b"\ndata: ") == 1, event.raw
                assert event.type in (None, name), event.raw
                # What was brought as an id makes publishing idempotent; it is never the event's.
                assert re.fullmatch(r"[a-z0-9-]+", event.id), event.raw
                event = stream.event()


def head_lines(port, data):
    with Stranger(port) as attacker:
        attacker.push(data)
        head = attacker.take_until(b"\r\n\r\n")[:-4]
    assert head.startswith(b"HTTP/1.1 "), head
    return head.split(b"\r\n")


ECHOED = {
    "X-Request-Id": "/nothing",
    "Origin": "/health",
    "Access-Control-Request-Headers": "/api/topics",
    "Sec-WebSocket-Protocol": "/ws",
    "Mcp-Session-Id": "/mcp",
    "MCP-Protocol-Version": "/mcp",
    "X-Forwarded-Host": "/.well-known/oauth-protected-resource",
    "X-Forwarded-Proto": "/.well-known/oauth-protected-resource",
    "Last-Event-ID": "/events?topic=a",
    "Sec-WebSocket-Extensions": "/ws",
    "Host": "/nothing",
}
BREAKS = [
    "\r\nSet-Cookie: a=b", "\nSet-Cookie: a=b", "\rSet-Cookie: a=b", "\0", "\x0bSet-Cookie: a=b",
    "%0d%0aSet-Cookie: a=b", "\\r\\nSet-Cookie: a=b", "\u560a\u560dSet-Cookie: a=b",
    '", Set-Cookie="a', "\x85Set-Cookie: a=b", "\u2028Set-Cookie: a=b",
]  # fmt: skip


@pytest.mark.parametrize("name", ECHOED)
def test_headers_are_not_split_by_what_is_echoed(server, name):
    for text in BREAKS:
        method = "OPTIONS" if name.startswith("Access-Control") else "GET"
        fields = dict(ws_wire.HANDSHAKE) if ECHOED[name] == "/ws" else {"Host": "localhost"}
        if method == "OPTIONS":
            fields |= {"Origin": "http://localhost", "Access-Control-Request-Method": "GET"}
        value = {"Origin": "http://localhost", "Host": "localhost"}.get(name, "mcp-param-x")
        fields[name] = value + text
        lines = head_lines(server.port, wire.encode(method, ECHOED[name], fields))
        for line in lines[1:]:
            assert not line.lower().startswith(b"set-cookie"), lines
            assert re.fullmatch(rb"[A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*", line), lines


@pytest.mark.parametrize(
    "target",
    ["/nothing{}", "/api/events/a{}", "/events?topic={}", "/events?topic=a&types={}", "/ws/{}",
     "/api/stream/jobs/{}", "/messages?sessionId={}", "/ready?drain={}", "/mcp{}", "/{}?token={}"],
)  # fmt: skip
def test_headers_are_not_split_by_targets(server, target):
    for text in (
        "%0d%0aSet-Cookie:%20a=b", "%0aSet-Cookie:a=b", "%E5%98%8A%E5%98%8DSet-Cookie:a=b",
        "%00%0d%0a%0d%0a<script>", '%22,%20x=%22', "%c4%8d%c4%8aSet-Cookie:a=b",
    ):  # fmt: skip
        for method in ("GET", "POST", "OPTIONS"):
            path = target.replace("{}", text)
            lines = head_lines(server.port, wire.encode(method, path, (), "x"))
            assert not any(line.lower().startswith(b"set-cookie") for line in lines), lines


def test_a_challenge_is_not_split_by_names(start):
    """WWW-Authenticate names the scope that is missing, which the client wrote."""
    port = start("auth: {tokens: [a-token-of-sixteen-letters]}\n").port
    for name in (
        'a", error="invalid_request',
        "a\\",
        'a"',
        "a%22,b=%22",
        "a%0d%0aX: y",
        "a b",
        "é\u2028",
    ):
        path = urllib.parse.quote(name, safe="%")
        for target in (f"/api/events/{path}", f"/events?topic={path}"):
            method = "POST" if "/api" in target else "GET"
            answer = wire.request(port, method, target, (), "x")
            challenge = answer.get("WWW-Authenticate", "")
            assert answer.status in (400, 401), answer
            unquoted = re.sub(r'"(?:[^"\\]|\\.)*"', "", challenge)
            assert '"' not in unquoted and "invalid_request" not in unquoted, challenge


def everything_that_is_logged(server, text):
    """Requests that bring a text wherever the log may show it; those that are no request, too."""
    port, quoted = server.port, urllib.parse.quote(text, safe="")
    line = text.encode("utf-8", "replace")
    for data in (
        wire.encode("GET", f"/nothing/{quoted}?{quoted}={quoted}"),
        b"GET /x" + line + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: " + line + b"\r\n\r\n",
        b"GET /no HTTP/1.1\r\nHost: localhost\r\nUser-Agent: " + line + b"\r\n\r\n",
        b"GET /no HTTP/1.1\r\nHost: " + line + b"\r\n\r\n",
        b"GET /no HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: " + line + b"\r\n\r\n",
        b"GET /no HTTP/1.1\r\nHost: localhost\r\nOrigin: " + line + b"\r\n\r\n",
        line + b" /no HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PROXY TCP4 " + line + b" 1.2.3.4 1 2\r\n",
        wire.encode("GET", f"/events?topic={quoted}", {"Last-Event-ID": "x"}),
        wire.encode("POST", f"/api/events/{quoted}?event={quoted}&id={quoted}", (), text.encode()),
        wire.encode("POST", "/mcp", dict([mcp_wire.JSON, mcp_wire.ACCEPT]), line),
    ):
        with Stranger(port) as attacker:
            attacker.push(data)
            attacker.half_close()
            attacker.all_of_it(0.05)
    client = ws_client.Client(port, f"/ws/{quoted}")
    if client.welcome:
        client.say("join", room=text, name=text)
        client.say("subscribe", topic=text)
        client.send(ws_wire.close_frame(1000, line[:100]))
    client.close()


ESCAPES = [
    '"}\r\n{"level":"error","msg":"forged"}\n\\u000a',
    "\x1b[2J\x1b[31mforged\0",
    '\u2028{"msg":"forged"}\u2029\x85',
]


def test_the_log_has_the_lines_that_the_server_wrote(start):
    forms = {
        form: start(f"log: {{level: debug, format: {form}}}\nmetrics: {{interval_ms: 0}}\n")
        for form in ("json", "text")
    }
    for text in ESCAPES:
        for server in forms.values():
            everything_that_is_logged(server, text)
        time.sleep(1)  # the log holds back what comes more often than 20 times a second
    for form, server in forms.items():
        server.stop()
        with open(server.log_path, "rb") as file:
            raw = file.read()
        assert raw.count(b"/nothing/") == len(ESCAPES)
        for line in raw.rstrip(b"\n").split(b"\n"):
            # Nor what other readers take for the end of a line (C1 controls, U+2028).
            controls = rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]"
            assert not re.search(controls, line), line
            assert form == "json" or re.match(rb"\d{4}-\d\d-\d\dT[\d:.]+Z? ", line), line
    lines = log_lines(forms["json"])
    assert not any(line["msg"] == "forged" for line in lines)

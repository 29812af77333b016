"""No answer is taken for that to another request: early ones, those without a body, interim ones,
refused upgrades, and what HTTP/2 allows that HTTP/1.1 does not."""

import time

import http2
import pytest
import wire
import ws_wire
from front_door import QUIET_S, Victim, run, source
from hostile import Stranger, log_lines, statuses

HELD = 20


def hidden(name):
    """What an attacker would like to be read as a request, with an id to be found by."""
    return wire.encode("GET", "/health", {"X-Request-Id": f"smuggled-{name}"})


def unread_bodies():
    body = hidden("body") * 50
    for name, target in {
        "not found": "/nothing",
        "wrong method": "/health",
        "no length wanted": "/api/topics",
        "bad topic": "/api/events/%00",
        "too large": "/api/events/large",
        "not JSON": "/mcp",
    }.items():
        length = 99_999_999 if name == "too large" else len(body)
        head = wire.encode("POST", target, {"Content-Length": str(length)})
        yield f"{name} whole", head + body
        yield f"{name} half", head + body[: len(body) // 2]
        yield f"{name} nothing", head
        expect = {"Content-Length": str(length), "Expect": "100-continue"}
        yield f"{name} expect", wire.encode("POST", target, expect)
        yield f"{name} expect at once", wire.encode("POST", target, expect) + body
        chunks = {"Transfer-Encoding": "chunked"}
        chunk = b"%x\r\n%s\r\n" % (len(body), body)
        yield f"{name} chunks", wire.encode("POST", target, chunks) + chunk + b"0\r\n\r\n"
        yield f"{name} endless", wire.encode("POST", target, chunks) + chunk
        yield f"{name} broken", wire.encode("POST", target, chunks) + b"zz\r\n" + body


def answers_without_bodies():
    for target in ("/health", "/nothing", "/api/topics", "/events?topic=a", "/", "/mcp"):
        yield f"HEAD {target}", wire.encode("HEAD", target) + hidden("head")
        yield f"OPTIONS {target}", wire.encode("OPTIONS", target) + hidden("options")
        yield f"TRACE {target}", wire.encode("TRACE", target) + hidden("trace")
        conditional = {"If-None-Match": "*", "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
        yield f"304 {target}", wire.encode("GET", target, conditional) + hidden("conditional")
        part = {"Range": "bytes=0-1"}
        yield f"range {target}", wire.encode("GET", target, part) + hidden("range")
    notice = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    yield "202", wire.encode("POST", "/mcp", headers, notice) + hidden("202")
    for number in range(5):
        expect = {"Expect": "100-continue", "X-Request-Id": f"own-{number}"}
        yield f"100 {number}", wire.encode("POST", "/api/events/continue", expect, b"x")


def refused_upgrades():
    """A proxy that took a refusal for a 101 would pass on everything behind it unread."""
    for target in ("/ws", "/ws/", "/ws/none/of/these", "/health", "/api/topics", "/events?topic=a"):
        for name, change in {
            "version": {"Sec-WebSocket-Version": "9"},
            "no key": {"Sec-WebSocket-Key": None},
            "short key": {"Sec-WebSocket-Key": "x"},
            "protocol": {"Upgrade": "websocket2"},
            "h2c": {"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA"},
            "origin": {"Origin": "https://evil.example"},
            "host": {"Host": "evil.example"},
            "length": {"Content-Length": "5"},
        }.items():
            fields = {**dict(ws_wire.HANDSHAKE), **change}
            head = wire.encode("GET", target, {k: v for k, v in fields.items() if v is not None})
            behind = wire.encode("POST", "/api/events/forbidden.tunnel", (), "x")
            yield f"{name} {target}", head + behind
    fields = ws_wire.HANDSHAKE
    yield "post", wire.encode("POST", "/ws", fields, b"") + hidden("post")
    yield "head", wire.encode("HEAD", "/ws", fields) + hidden("head")
    yield "1.0", wire.encode("GET", "/ws", fields, version="HTTP/1.0") + hidden("1.0")


FAMILIES = {
    "unread bodies": unread_bodies,
    "answers without bodies": answers_without_bodies,
    "refused upgrades": refused_upgrades,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_stay_with_their_requests(front, family):
    attacks = dict(FAMILIES[family]())
    answers = run(front, attacks)
    refused = [name for name, data in answers.items() if 101 in statuses(data)]
    assert not refused, f"answered with 101: {refused}"
    assert sum(bool(statuses(data)) for data in answers.values()) > len(answers) / 2
    for name, data in answers.items():
        if "smuggled-body" in data.decode("latin-1"):
            raise AssertionError(f"{name}: a body was taken for a request: {data[:300]!r}")


def test_who_goes_away_leaves_no_answer_behind(front):
    """Requests whose clients are gone before the answer: it must not be the next one's."""
    victim = Victim(front.port)
    for number in range(HELD):
        attacker = Stranger(front.port, source())
        half = wire.encode("POST", "/api/events/gone", {"Content-Length": "9999"}) + b"x" * 50
        attacker.push(half if number % 2 else hidden("gone") * 20)
        if number % 4 < 2:
            attacker.socket.setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")  # SO_LINGER: a reset
        attacker.close()
        victim.ask(4)
    victim.connection.close()


def test_headers_named_in_connection_are_kept(front):
    """`Connection: X-Forwarded-For` asks each proxy to drop what names the client."""
    time.sleep(1)  # the log holds back what comes more often than 20 times a second
    address, names = source(), ("X-Forwarded-For", "X-Forwarded-Host", "Host", "Authorization")
    with Stranger(front.port, address) as attacker:
        for name in names:
            headers = {"Connection": f"close, {name}" if name == names[-1] else name}
            headers |= {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
            attacker.push(wire.encode("GET", "/nothing/hop", headers))
        assert statuses(attacker.all_of_it(QUIET_S)) == [404] * len(names)
    asked = [line for line in log_lines(front.backend) if line.get("path") == "/nothing/hop"]
    assert {line["client_ip"] for line in asked} == {address}


PLAIN = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":authority", b"localhost"),
    (b":path", b"/api/events/outer"),
]
LINE = b"POST /api/events/forbidden.h2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"


def changed(name, value):
    return [(key, value if key == name else old) for key, old in PLAIN]


TOO_FREE = {
    "line in a value": ([*PLAIN, (b"x", b"y\r\n\r\n" + LINE)], b"x"),
    "line in a name": ([*PLAIN, (b"x: y\r\n\r\n" + LINE, b"z")], b"x"),
    "LF in a value": ([*PLAIN, (b"x", b"y\ntransfer-encoding: chunked")], b"x"),
    "NUL in a value": ([*PLAIN, (b"x", b"y\0z")], b"x"),
    "CR in a value": ([*PLAIN, (b"x", b"y\rz")], b"x"),
    "colon in a name": ([*PLAIN, (b"x:y", b"z")], b"x"),
    "capitals": ([*PLAIN, (b"X", b"z")], b"x"),
    "line in the path": (changed(b":path", b"/x HTTP/1.1\r\nHost: l\r\n\r\n" + LINE), b"x"),
    "blank in the path": (changed(b":path", b"/x /api/events/forbidden.h2"), b"x"),
    "line in the method": (changed(b":method", b"GET /x HTTP/1.1\r\n\r\n" + LINE), b"x"),
    "line in the authority": (changed(b":authority", b"localhost\r\n\r\n" + LINE), b"x"),
    "line in the scheme": (changed(b":scheme", b"https\r\n\r\n" + LINE), b"x"),
    "length too short": ([*PLAIN, (b"content-length", b"1")], b"x" + LINE),
    "length too long": ([*PLAIN, (b"content-length", b"900")], b"x"),
    "length zero": ([*PLAIN, (b"content-length", b"0")], LINE),
    "two lengths": ([*PLAIN, (b"content-length", b"1"), (b"content-length", b"9")], b"x"),
    "coding": ([*PLAIN, (b"transfer-encoding", b"chunked")], b"0\r\n\r\n" + LINE),
    "connection": ([*PLAIN, (b"connection", b"upgrade"), (b"upgrade", b"websocket")], b"x"),
    "another host": ([*PLAIN, (b"host", b"evil.example")], b"x"),
    "no path": ([each for each in PLAIN if each[0] != b":path"], b"x"),
    "late pseudo-header": ([(b"x", b"y"), *PLAIN], b"x"),
    "path twice": ([*PLAIN, (b":path", b"/api/events/forbidden.h2")], b"x"),
    "absolute path": (changed(b":path", b"https://evil.example/api/events/outer"), b"x"),
    "no slash": (changed(b":path", b"api/events/outer"), b"x"),
}


def test_http2_brings_no_lines_of_http1(front):
    """Each on a connection of its own; HAProxy writes them down as HTTP/1.1 for ringcast."""
    victim = Victim(front.port)
    attackers = []
    for number, (name, (fields, body)) in enumerate(TOO_FREE.items()):
        attacker = Stranger(front.port, source(), ["h2"])
        assert attacker.socket.selected_alpn_protocol() == "h2"
        fields = [*fields, (b"x-request-id", b"smuggled-%d" % number)]
        attacker.push(http2.begin() + http2.request(1, fields, body))
        attackers.append((name, attacker))
        victim.ask(2)
    kinds = {}
    for name, attacker in attackers:
        data = attacker.all_of_it(QUIET_S if not kinds else 0.01)
        kinds[name] = {kind for kind, _, _, _ in http2.frames(data)}
        attacker.close()
        victim.ask(2)
    run(front, {"after": wire.encode("GET", "/health")})
    refused = [n for n, each in kinds.items() if each & {http2.RST_STREAM, http2.GOAWAY}]
    assert len(refused) >= 10, kinds
    victim.connection.close()


def test_refused_streams_do_not_lend_their_client(front):
    """On the way of streams the PROXY header names the client, for a whole connection."""
    time.sleep(1)  # as above
    clients = [source() for _ in range(3)] * 2
    for address in clients:
        for target in ("/events/lent", "/ws/lent/to/others"):
            with Stranger(front.port, address) as client:
                client.push(wire.encode("GET", target))
                assert client.response_head().status == 404
    wanted = [address for address in clients for _ in range(2)]

    def seen():
        lines = (line for line in log_lines(front.backend) if "/lent" in line.get("path", ""))
        return [line["client_ip"] for line in lines] == wanted

    wire.wait_for(seen, "each of them in the log")

"""What could be read two ways is refused, so that no other reader sees other requests."""

import time

import pytest

import wire
from wire import Connection, encode

BAD = {400}
UNKNOWN_CODING = {400, 501}


def post(*lines, body=b"", version="HTTP/1.1"):
    head = [f"POST /api/events/smuggled {version}", "Host: localhost", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def get(*lines):
    return "\r\n".join(["GET /health HTTP/1.1", *lines]).encode("latin-1") + b"\r\n\r\n"


CHUNKED = "Transfer-Encoding: chunked"
EMPTY = b"0\r\n\r\n"
REFUSED = {
    "CL and TE": (post("Content-Length: 5", CHUNKED, body=EMPTY), BAD),
    "TE and CL": (post(CHUNKED, "Content-Length: 5", body=EMPTY), BAD),
    "CL 0 and TE": (post("Content-Length: 0", CHUNKED, body=EMPTY), BAD),
    "two lengths": (post("Content-Length: 5", "Content-Length: 6", body=b"hello!"), BAD),
    "same length twice": (post("Content-Length: 5", "Content-Length: 5", body=b"hello"), BAD),
    "list of lengths": (post("Content-Length: 5, 5", body=b"hello"), BAD),
    "length with sign": (post("Content-Length: +5", body=b"hello"), BAD),
    "negative length": (post("Content-Length: -5", body=b"hello"), BAD),
    "hexadecimal length": (post("Content-Length: 0x5", body=b"hello"), BAD),
    "length with underscore": (post("Content-Length: 1_0", body=b"hello"), BAD),
    "length and letters": (post("Content-Length: 5a", body=b"hello"), BAD),
    "two numbers": (post("Content-Length: 5 5", body=b"hello"), BAD),
    "empty length": (post("Content-Length:", body=b"hello"), BAD),
    "overflowing length": (post("Content-Length: 18446744073709551621", body=b"hello"), {400, 413}),
    "unknown coding": (post("Transfer-Encoding: gzip", body=EMPTY), UNKNOWN_CODING),
    "identity": (post("Transfer-Encoding: identity", body=EMPTY), UNKNOWN_CODING),
    "gzip, chunked": (post("Transfer-Encoding: gzip, chunked", body=EMPTY), UNKNOWN_CODING),
    "chunked, gzip": (post("Transfer-Encoding: chunked, gzip", body=EMPTY), UNKNOWN_CODING),
    "chunked twice": (post("Transfer-Encoding: chunked, chunked", body=EMPTY), UNKNOWN_CODING),
    "chunked in two fields": (post(CHUNKED, CHUNKED, body=EMPTY), UNKNOWN_CODING),
    "two codings in two fields": (
        post(CHUNKED, "Transfer-Encoding: identity", body=EMPTY),
        UNKNOWN_CODING,
    ),
    "xchunked": (post("Transfer-Encoding: xchunked", body=EMPTY), UNKNOWN_CODING),
    "chunked with parameter": (post("Transfer-Encoding: chunked;q=1", body=EMPTY), UNKNOWN_CODING),
    "quoted chunked": (post('Transfer-Encoding: "chunked"', body=EMPTY), UNKNOWN_CODING),
    "empty coding": (post("Transfer-Encoding:", body=EMPTY), UNKNOWN_CODING),
    "vertical tab in coding": (post("Transfer-Encoding: \x0bchunked", body=EMPTY), BAD),
    "TE in HTTP/1.0": (post(CHUNKED, body=EMPTY, version="HTTP/1.0"), BAD),
    "folded coding": (post("Transfer-Encoding:\r\n chunked", body=EMPTY), BAD),
    "obs-fold": (get("Host: a", "X: a\r\n b"), BAD),
    "obs-fold with tab": (get("Host: a", "X: a\r\n\tb"), BAD),
    "blank before the first header": (get(" Host: a"), BAD),
    "space before the colon": (get("Host: a", "X : b"), BAD),
    "tab before the colon": (get("Host: a", "X\t: b"), BAD),
    "space in length's name": (post("Content-Length : 5", body=b"hello"), BAD),
    "no name": (get("Host: a", ": b"), BAD),
    "no colon": (get("Host: a", "X"), BAD),
    "space in a name": (get("Host: a", "X Y: b"), BAD),
    "parenthesis in a name": (get("Host: a", "X(: b"), BAD),
    "eighth bit in a name": (get("Host: a", "X\xe9: b"), BAD),
    "NUL in a value": (get("Host: a", "X: a\0b"), BAD),
    "NUL in a name": (get("Host: a", "X\0: b"), BAD),
    "control in a value": (get("Host: a", "X: a\x01b"), BAD),
    "delete in a value": (get("Host: a", "X: a\x7fb"), BAD),
    "bare CR in a value": (get("Host: a", "X: a\rY: b"), BAD),
    "bare LF after a header": (get("Host: a", "X: a\nY: b"), BAD),
    "bare LF after the request line": (b"GET /health HTTP/1.1\nHost: a\r\n\r\n", BAD),
    "bare LF at the end": (b"GET /health HTTP/1.1\r\nHost: a\r\n\n", BAD),
    "only LF": (b"GET /health HTTP/1.1\nHost: a\n\n", BAD),
    "bare CR as line end": (b"GET /health HTTP/1.1\rHost: a\r\r", BAD),
    "no Host": (get("X: y"), BAD),
    "two Hosts": (get("Host: a", "Host: b"), BAD),
    "same Host twice": (get("Host: a", "Host: a"), BAD),
    "blank in Host": (get("Host: a b"), BAD),
    "path in Host": (get("Host: a/b"), BAD),
    "user in Host": (get("Host: u@a"), BAD),
    "HTTP/2.0": (b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", {505}),
    "HTTP/1.2": (b"GET /health HTTP/1.2\r\nHost: a\r\n\r\n", {505}),
    "HTTP/3.1": (b"GET /health HTTP/3.1\r\nHost: a\r\n\r\n", {505}),
    "HTTP/1.10": (b"GET /health HTTP/1.10\r\nHost: a\r\n\r\n", BAD),
    "small letters": (b"GET /health http/1.1\r\nHost: a\r\n\r\n", BAD),
    "no version": (b"GET /health\r\nHost: a\r\n\r\n", BAD),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "two blanks": (b"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "two blanks before the version": (b"GET /health  HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "tab in the request line": (b"GET\t/health HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "blank at the start": (b" GET /health HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "blank at the end": (b"GET /health HTTP/1.1 \r\nHost: a\r\n\r\n", BAD),
    "blank in the target": (b"GET /hea lth HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "NUL in the target": (b"GET /health\0 HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "fragment": (b"GET /health#x HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "raw eighth bit in the target": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "no slash": (b"GET health HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "asterisk of GET": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "bad method": (b"G(T /health HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40, BAD),
}

CHUNKS = {
    "blank after the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "blank before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "tab after the size": b"5\t\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "only an extension": b";a=b\r\nhello\r\n0\r\n\r\n",
    "letters": b"xyz\r\nhello\r\n0\r\n\r\n",
    "overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "bare CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "data too long": b"5\r\nhelloX\r\n0\r\n\r\n",
    "data too short": b"6\r\nhello\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nhello\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a=\0\r\nhello\r\n0\r\n\r\n",
    "long extension": b"5;a=" + b"b" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "bare LF at the end": b"5\r\nhello\r\n0\r\n\n",
    "bad trailer": b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "folded trailer": b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
}


def assert_refused(port, data, statuses):
    """One error answer, then the end: what follows doubtful bytes is never a request."""
    with Connection(port) as connection:
        connection.send(data + encode("POST", "/api/events/smuggled", (), "smuggled"))
        begin = time.monotonic()
        wire.assert_error(connection.response(), statuses)
        assert time.monotonic() - begin < 2, "refused only after a time-out"
        assert connection.at_end(), connection.buffer
    topics = wire.request(port, "GET", "/api/topics").json()["topics"]
    assert "smuggled" not in [entry["topic"] for entry in topics]


@pytest.mark.parametrize("name", REFUSED)
def test_doubtful_heads_are_refused(server, name):
    assert_refused(server.port, *REFUSED[name])


@pytest.mark.parametrize("name", CHUNKS)
def test_doubtful_chunks_are_refused(server, name):
    assert_refused(server.port, post(CHUNKED, body=CHUNKS[name]), BAD)


def test_long_trailers_are_refused(server):
    trailers = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 90) for n in range(200))
    assert_refused(
        server.port, post(CHUNKED, body=b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n"), {400, 431}
    )


ACCEPTED = {
    "coding in capitals": post("transfer-encoding: CHUNKED", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "blanks around a value": post("Content-Length:   5  ", body=b"hello"),
    "no blank after the colon": post("Content-Length:5", body=b"hello"),
    "leading zeros": post("Content-Length: 005", body=b"hello"),
    "chunk size with zeros": post(CHUNKED, body=b"0005\r\nhello\r\n000\r\n\r\n"),
    "eighth bit in a value": get("Host: localhost", "X: \xe9"),
    "empty value": get("Host: localhost", "X:"),
    "IPv6 Host": get("Host: [::1]:8080"),
    "Host with port": get("Host: localhost:80"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_but_clear_requests_are_accepted(server, name):
    data = ACCEPTED[name].replace(b"/smuggled", b"/accepted")
    with Connection(server.port) as connection:
        connection.send(data + encode("GET", "/health"))
        assert connection.response().status == 200
        assert connection.response().status == 200

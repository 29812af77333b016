"""The real HAProxy and nginx in front, configured as their documentation starts out."""

import socket
import threading
import time

import pytest

import servers
import wire
from wire import publish, subscribe

BACKEND_DOWN = (502, 503, 504)


@pytest.fixture(params=["haproxy", "nginx"])
def proxy(request, tmp_path):
    """Starts the proxy: proxy(backend_port, **options)."""
    started = []

    def start_proxy(backend, **options):
        run = {"haproxy": servers.haproxy, "nginx": servers.nginx}[request.param]
        started.append(run(tmp_path, backend, **options))
        return started[-1]

    start_proxy.name = request.param
    yield start_proxy
    for each in started:
        each.stop()


def test_events_come_one_by_one(server, proxy, topic):
    front = proxy(server.port).port
    with subscribe(front, topic) as stream:
        assert stream.block() == b"retry: 5000\n\n", "the proxy holds back the first bytes"
        for number in range(10):
            begin = time.monotonic()
            publish(server.port, topic, str(number))
            assert stream.event(2).data == str(number)
            assert time.monotonic() - begin < 1


def test_stream_keeps_its_headers(server, proxy, topic):
    with subscribe(proxy(server.port).port, topic) as stream:
        assert stream.head.get("Content-Type", "").startswith("text/event-stream")
        assert stream.head.get("Cache-Control") == "no-cache, no-transform"


def test_replay_through_the_proxy(server, proxy, topic):
    front = proxy(server.port).port
    lines = "\n".join(f"{number} " + "x" * 900 for number in range(1000))
    response = wire.request(server.port, "POST", f"/api/events/{topic}?stream=lines", (), lines)
    assert response.status == 200, response
    with subscribe(front, topic, from_="earliest") as stream:
        events = stream.events(500)
    with subscribe(front, topic, headers={"Last-Event-ID": events[-1].id}) as stream:
        events += stream.events(500)
    assert [event.data.split()[0] for event in events] == [str(n) for n in range(1000)]


def test_publish_through_the_proxy(server, proxy, topic):
    front = proxy(server.port).port
    with subscribe(server.port, topic) as stream, wire.Connection(front) as connection:
        for data in ("small", "ü\nü", "x" * 500_000):
            publish(front, topic, data, event="e", connection=connection)
            assert stream.event()[1:4:2] == ("e", data)
        body = (
            b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"chun", b"ked"))
            + b"0\r\n\r\n"
        )
        response = connection.request(
            "POST", f"/api/events/{topic}", {"Transfer-Encoding": "chunked"}, body
        )
        assert response.status == 200 and stream.event().data == "chunked"
        assert connection.request("GET", "/api/topics").status == 200
        assert connection.request("HEAD", "/health").status == 200
        wire.assert_error(connection.request("POST", f"/api/events/{topic}", (), b"\xff"), 400)


def test_lines_through_the_proxy(server, proxy, topic):
    """HAProxy passes an endless request on as it comes; nginx collects it first."""
    front = proxy(server.port).port
    with wire.Connection(front) as connection, subscribe(front, topic) as stream:
        connection.send(
            wire.encode(
                "POST", f"/api/events/{topic}?stream=lines", {"Transfer-Encoding": "chunked"}
            )
        )
        connection.send(b"4\r\none\n\r\n")
        if proxy.name == "haproxy":
            assert stream.event().data == "one"
        connection.send(b"4\r\ntwo\n\r\n0\r\n\r\n")
        assert connection.response().json()["count"] == 2
        assert stream.data(1 if proxy.name == "haproxy" else 2)[-1] == "two"


def test_publishes_reuse_the_connection_behind_the_proxy(server, proxy, tap, topic):
    backend = tap(server.port)
    options = {"keepalive": True} if proxy.name == "nginx" else {}
    front = proxy(backend.port, **options).port
    with wire.Connection(front) as connection:
        for number in range(100):
            publish(front, topic, str(number), connection=connection)
        before = backend.accepted
        assert before <= 2, "the keep-alive of the server does not suit the proxy"
        wire.assert_error(connection.request("GET", "/nothing"), 404)
        publish(front, topic, "after an error", connection=connection)
        assert backend.accepted == before, "an error answer ended the connection"


def test_heartbeat_outlives_the_time_out_of_the_proxy(start, proxy, topic):
    server = start("sse: {heartbeat_ms: 500}\n")
    front = proxy(server.port, timeout_ms=2000).port
    with subscribe(front, topic) as stream:
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            assert stream.block(2) is not None, "the proxy ended the stream"
        publish(server.port, topic, "still there")
        assert stream.event().data == "still there"


def test_leaving_client_frees_the_subscriber(server, proxy, topic):
    front = proxy(server.port).port
    publish(server.port, topic, "x")

    def subscribers():
        topics = wire.request(server.port, "GET", "/api/topics").json()["topics"]
        return next(entry["subscribers"] for entry in topics if entry["topic"] == topic)

    with subscribe(front, topic):
        wire.wait_for(lambda: subscribers() == 1, "the subscriber")
    # HAProxy takes the client's end for half of one, until it has something to write to it.
    wire.wait_for(
        lambda: publish(server.port, topic, "x") and subscribers() == 0,
        "the subscriber to be forgotten",
        step_s=0.1,
    )


def test_many_streams_and_publishers_through_the_proxy(server, proxy, topic):
    front = proxy(server.port).port
    streams = [subscribe(front, topic) for _ in range(20)]

    def run(name):
        with wire.Connection(front) as connection:
            for number in range(40):
                publish(front, topic, f"{name} {number}", connection=connection)

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for stream in streams:
        data = stream.data(160)
        for name in "abcd":
            assert [d for d in data if d[0] == name] == [f"{name} {n}" for n in range(40)]
        stream.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_restart_of_the_backend(start, proxy, how):
    server = start()
    front = proxy(server.port).port
    with subscribe(front, "t") as stream:
        publish(front, "t", "before")
        last_id = stream.event().id
        getattr(server, how)()
        try:
            assert stream.ended() == []
        except (EOFError, ConnectionResetError, AssertionError):
            assert how == "kill", "a drained stream ends in order"
    response = wire.request(front, "POST", "/api/events/t", (), "lost")
    assert response.status in BACKEND_DOWN, response
    server.start()

    def recovered():
        try:
            return wire.request(front, "POST", "/api/events/t", (), "after").status == 200
        except (OSError, EOFError):
            return False

    wire.wait_for(recovered, "the proxy to find the server again", step_s=0.2)
    with subscribe(front, "t", headers={"Last-Event-ID": last_id}) as stream:
        gap, after = stream.events(2)
        assert gap.type == "gap" and '"epoch"' in gap.data
        assert after.data == "after"


def test_drained_stream_carries_its_retry_through_the_proxy(start, proxy):
    server = start("drain: {retry_min_ms: 700, retry_max_ms: 900}\n")
    with subscribe(proxy(server.port).port, "t") as stream:
        assert stream.block() == b"retry: 5000\n\n"
        server.terminate()
        assert stream.ended() == []
        assert 700 <= stream.retry_ms <= 900


def test_health_check_of_haproxy_follows_readiness(start, tmp_path):
    """`option httpchk GET /ready` takes the server out while it drains, before its streams end."""
    server = start("drain: {delay_ms: 3000}\n")
    spare = start()
    text = servers.HAPROXY.replace(
        "backend servers\n", "backend servers\n    option httpchk GET /ready\n"
    )
    text = text.replace(
        "{backend} maxconn 32",
        "{backend} check inter 100ms fall 1 rise 1\n"
        f"    server server2 127.0.0.1:{spare.port} check inter 100ms fall 1 rise 1 backup",
    )
    port = servers.free_port()
    path = tmp_path / "checked.cfg"
    path.write_text(text.format(port=port, backend=server.port, timeout_ms=5000))
    front = servers.Process(
        [servers.tool("haproxy", "haproxy"), "-db", "-f", path], tmp_path / "checked.log"
    )
    front.start(lambda: servers.accepts(port), "haproxy")
    try:
        publish(port, "t", "to the first")
        with subscribe(server.port, "t") as stream:
            server.signal(15)
            wire.wait_for(
                lambda: publish(port, "t", "x") and stream_is_silent(stream),
                "the spare to take over",
            )
        assert server.wait() == 0
        publish(port, "t", "to the spare")
    finally:
        front.stop()


def stream_is_silent(stream):
    """True if what was just published did not come to this stream."""
    try:
        return stream.event(0.3) is None
    except socket.timeout:
        return True

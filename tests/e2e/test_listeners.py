"""Where a server listens, and whom it takes its clients for, in raw bytes."""

import json
import os
import pathlib
import re
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import time

import pytest

import servers
import wire
import ws_client

DEBUG = "log: {level: debug}\nmetrics: {interval_ms: 0}\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
STRANGER = b"PROXY TCP4 192.0.2.43 198.51.100.1 56324 443\r\n"


def client_ips(server):
    """What the log calls the clients of requests, in order."""
    lines = (json.loads(line) for line in pathlib.Path(server.log_path).read_text().splitlines())
    requests = (line for line in lines if line["msg"].startswith("request"))
    return [line["client_ip"] for line in requests if "path" in line]


def peer_of(client, port, headers=()):
    """Whom the server takes a WebSocket's client for."""
    admin = ws_client.Client(port, "/ws/admin", headers=headers)
    admin.say("connections", ref=1)
    listed = admin.message()["connections"]
    admin.close()
    return next(each["peer"] for each in listed if each["id"] == client.id)


def requests_answered(port):
    text = wire.request(port, "GET", "/metrics").body.decode()
    counts = re.findall(r'^http_requests_total{status="\dxx"} (\d+)$', text, re.M)
    return sum(int(count) for count in counts)


def metric(port, name):
    text = wire.request(port, "GET", "/metrics").body.decode()
    return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)[1])


def switches(port, headers=(), before=b""):
    """The status for what only clients of this machine may do."""
    with wire.Connection(port) as connection:
        connection.send(before)
        body = '{"enabled":true}'
        return connection.request("POST", "/api/features/sse-streaming", headers, body).status


def binary_header(command, kind, rest):
    return SIGNATURE + bytes([command, kind]) + struct.pack(">H", len(rest)) + rest


@pytest.fixture
def folder():
    """A directory with a short name, since those of sockets are bounded."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="rc"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """A server with a second listener that requires PROXY headers, at `.proxied`."""
    port = servers.free_port()
    config = DEBUG + "limits: {header_timeout_ms: 400}\n"
    listen = ["--listen", f"127.0.0.1:{port},proxy"]
    server = servers.Server(tmp_path_factory.mktemp("proxied"), config, arguments=listen)
    server.proxied = port
    yield server.start()
    assert server.terminate() == 0, server.log()


# --- Unix sockets --------------------------------------------------------------------------------


def test_unix_socket(start, folder):
    path = folder / "a.sock"
    server = start(DEBUG, arguments=["--listen", f"unix:{path},mode=0600"])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with wire.subscribe(str(path), "u", headers={"X-Forwarded-For": "192.0.2.9"}) as stream:
        for number in range(50):  # each on a connection of its own, of any core
            wire.publish(str(path), "u", str(number))
        assert stream.data(50) == [str(number) for number in range(50)]
    client = ws_client.Client(str(path), "/ws?topic=u")
    wire.publish(server.port, "u", "over both")
    assert client.event()["data"] == "over both"
    assert switches(str(path)) == 200
    assert switches(str(path), {"X-Forwarded-For": "192.0.2.9"}) == 403
    assert {"unix:", "192.0.2.9"} <= set(client_ips(server))
    client.close()
    assert server.terminate() == 0
    assert not path.exists()


def test_unix_socket_files_of_others(start, folder):
    path = folder / "a.sock"
    listen = ["--listen", f"unix:{path}"]
    first = start(arguments=listen)
    with pytest.raises(AssertionError, match="Somebody else listens on unix:"):
        start(arguments=listen)
    assert wire.request(str(path), "GET", "/health").status == 200
    first.kill()
    assert path.exists(), "a killed server cannot clean up"
    second = start(arguments=listen)
    assert wire.request(str(path), "GET", "/health").status == 200
    # What has taken its place meanwhile is not ours to remove.
    path.unlink()
    path.write_text("precious")
    assert second.terminate() == 0
    assert path.read_text() == "precious"
    with pytest.raises(AssertionError, match="no socket; it is left alone"):
        start(arguments=listen)
    with pytest.raises(AssertionError, match="directory .* does not exist"):
        start(arguments=["--listen", f"unix:{folder}/none/a.sock"])


def test_abstract_socket(start):
    name = f"ringcast-test-{os.getpid()}"
    start(arguments=["--listen", f"unix:@{name}"])
    assert wire.request("\0" + name, "GET", "/health").status == 200


def run(*arguments):
    command = [servers.binary(), "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10)


@pytest.mark.parametrize(
    "listen, why",
    [
        ("unix:relative", "listen"),
        ("unix:/" + "x" * 107, "at most 107 bytes"),
        ("127.0.0.1:80,proxied", "127.0.0.1:80"),
        ("127.0.0.1:80,mode=0600", "mode=0600"),
        ("unix:@x,mode=0600", "mode=0600"),
        ("unix:/x,mode=9", "mode=9"),
        ("127.0.0.1:80,127.0.0.1:80,proxy", "each once"),
    ],
)
def test_addresses_that_are_wrong(listen, why):
    done = run("--listen", listen, "--check")
    assert done.returncode == 1 and why in done.stderr, done.stderr


def test_the_configuration_prints_what_it_reads(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "listen:\n  - 127.0.0.1:8080\n  - {address: '[::1]:8081', proxy_protocol: yes}\n"
        "  - {address: 'unix:/run/a.sock', mode: 0600, proxy_protocol: true}\n"
        "agent_check: 127.0.0.1:8082\nnet: {trusted_proxies: [10.0.0.0/8], forwarded: forwarded}\n"
    )
    printed = run("--config", path, "--print-config").stdout
    wanted = '["127.0.0.1:8080", "[::1]:8081,proxy", "unix:/run/a.sock,proxy,mode=0600"]'
    assert f"listen: {wanted}" in printed
    assert 'trusted_proxies: ["10.0.0.0/8"]' in printed and "forwarded: forwarded" in printed
    path.write_text(printed)
    again = run("--config", path, "--print-config").stdout
    assert [line.split("#")[0] for line in again.splitlines()] == [
        line.split("#")[0] for line in printed.splitlines()
    ]
    path.write_text("listen: [{address: '127.0.0.1:1', proxy: true}]\n")
    done = run("--config", path, "--check")
    assert "listen[0].proxy: no such key" in done.stderr and "a.yaml:1" in done.stderr
    path.write_text("net: {trusted_proxies: [10.0.0.1/8]}\n")
    assert "net.trusted_proxies" in run("--config", path, "--check").stderr


def test_only_network_addresses_are_public(start, folder):
    start(arguments=["--listen", f"unix:{folder}/a.sock", "--listen", "127.0.0.1:0,proxy"])
    with pytest.raises(AssertionError, match="allow_public"):
        start(arguments=["--listen", "0.0.0.0:0,proxy"])


# --- PROXY headers -------------------------------------------------------------------------------

V4 = socket.inet_aton("192.0.2.44") + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 1, 2)
V6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + struct.pack(">HH", 1, 2)
)


@pytest.mark.parametrize(
    "header, client, admin",
    [
        (STRANGER, "192.0.2.43", 403),
        (b"PROXY TCP6 2001:db8::8 2001:db8::1 1 2\r\n", "2001:db8::8", 403),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "127.0.0.1", 200),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1", 200),
        (binary_header(0x21, 0x11, V4), "192.0.2.44", 403),
        (binary_header(0x21, 0x21, V6), "2001:db8::7", 403),
        (binary_header(0x21, 0x31, b"/x".ljust(216, b"\0")), "unix:", 403),
        (binary_header(0x20, 0x00, b""), "127.0.0.1", 200),
    ],
    ids=["tcp4", "tcp6", "loopback", "unknown", "inet", "inet6", "unix", "local"],
)
def test_proxy_headers_name_the_client(proxied, header, client, admin):
    before = metric(proxied.port, "ringcast_proxy_headers_total")
    assert switches(proxied.proxied, (), header) == admin
    socket = ws_client.Client(proxied.proxied, before=header)
    assert peer_of(socket, proxied.port) == client
    socket.close()
    assert metric(proxied.port, "ringcast_proxy_headers_total") == before + 2


def test_a_header_in_pieces_and_many_requests_behind_it(proxied):
    header = binary_header(0x21, 0x11, V4)
    with wire.Connection(proxied.proxied) as connection:
        for byte in header:
            connection.send(bytes([byte]))
            time.sleep(0.002)
        for _ in range(3):
            assert connection.request("GET", "/health").status == 200
        # The second header is no request.
        connection.send(STRANGER)
        assert connection.response().status == 400
    with wire.Connection(proxied.proxied) as connection:
        connection.send(header + wire.encode("GET", "/health") * 2)
        assert [connection.response().status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "first, reason",
    [
        (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.43 198.51.100.1 056324 443\r\n", "malformed"),
        (b"PROXY UNKNOWN " + b"x" * 120, "too_long"),
        (binary_header(0x31, 0x11, V4), "unsupported"),
        (SIGNATURE + b"\x21\x11\xff\xff", "too_long"),
        (binary_header(0x21, 0x11, V4 + b"\x03\0\x04abcd"), "checksum"),
        (binary_header(0x21, 0x11, V4)[:-1], "timeout"),
        (b"", "timeout"),
    ],
    ids=["http", "port", "line", "version", "length", "checksum", "half", "none"],
)
def test_connections_without_a_right_header_end(proxied, first, reason):
    name = f'ringcast_proxy_headers_refused_total{{reason="{reason}"}}'
    before = metric(proxied.port, name)
    asked = requests_answered(proxied.port)
    with wire.Connection(proxied.proxied) as connection:
        connection.send(first)
        assert connection.at_end(3) and connection.buffer == b"", "it was answered"
    assert metric(proxied.port, name) == before + 1
    assert requests_answered(proxied.port) == asked + 2, "something of it was taken for a request"
    assert f'"reason":"{reason}"' in proxied.log()


def test_only_trusted_proxies_may_name_a_client(start):
    port = servers.free_port()
    config = "net: {trusted_proxies: [10.0.0.0/8]}\n"
    server = start(DEBUG + config, arguments=["--listen", f"127.0.0.1:{port},proxy"])
    with wire.Connection(port) as connection:
        connection.send(STRANGER + wire.encode("GET", "/health"))
        assert connection.at_end() and connection.buffer == b""
    name = 'ringcast_proxy_headers_refused_total{reason="untrusted"}'
    assert metric(server.port, name) == 1
    # Whose forwarded headers do not count either.
    assert switches(server.port, {"X-Forwarded-For": "192.0.2.9"}) == 200
    assert "192.0.2.9" not in client_ips(server)
    path = pathlib.Path(server.command[-1])
    path.write_text(DEBUG)
    server.signal(1)
    wire.wait_for(lambda: '"msg":"reloaded"' in server.log(), "the reload")
    assert switches(server.port, {"X-Forwarded-For": "192.0.2.9"}) == 403
    assert client_ips(server)[-1] == "192.0.2.9"


def test_who_has_sent_no_header_does_not_hold_up_the_end(start):
    port = servers.free_port()
    server = start(arguments=["--listen", f"127.0.0.1:{port},proxy"])
    with wire.Connection(port):
        begin = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - begin < 5


# --- forwarded headers ---------------------------------------------------------------------------


def test_forwarded_headers_count_for_each_request(start):
    server = start(DEBUG)
    clients = ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    with wire.Connection(server.port) as connection:
        for client in clients:
            headers = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", client)]
            assert connection.request("GET", "/health", headers).status == 200
        assert connection.request("GET", "/health").status == 200
        assert connection.request("GET", "/health", {"X-Forwarded-For": "??"}).status == 200
    assert client_ips(server)[-5:] == [*clients, "127.0.0.1", "127.0.0.1"]
    assert metric(server.port, "ringcast_forwarded_unreadable_total") == 1


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 200),
        ({"X-Forwarded-For": "127.0.0.1"}, 200),
        ({"X-Forwarded-For": "192.0.2.9"}, 403),
        ({"X-Forwarded-For": "127.0.0.1, 192.0.2.9"}, 403),
        ({"X-Forwarded-For": "somebody"}, 403),
        ({"Forwarded": "for=127.0.0.1"}, 403),
    ],
)
def test_strangers_behind_a_proxy_do_not_administer(server, headers, status):
    assert switches(server.port, headers) == status
    answer = ws_client.Client(server.port, "/ws/admin", headers=list(headers.items()))
    assert answer.head.status == (101 if status == 200 else status)
    answer.close()


def test_the_admin_sees_clients_and_not_proxies(server):
    header = [("X-Forwarded-For", "2001:db8::9")]
    client = ws_client.Client(server.port, "/ws?topic=seen", headers=header)
    assert peer_of(client, server.port) == "2001:db8::9"
    client.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_who_is_refused_before_the_body_came_is_not_relied_on_for_it(server, chunked):
    """A proxy may leave the body out once it has its answer; what it sends next is a request."""
    stranger = {"X-Forwarded-For": "192.0.2.9"}
    stranger |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "16"}
    head = wire.encode("POST", "/api/features/mcp", stranger)
    body = b"10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n" if chunked else b"x" * 16
    for size in (0, len(body) - 1):
        with wire.Connection(server.port) as connection:
            connection.send(head + body[:size])
            refused = connection.response()
            assert refused.status == 403 and refused.get("Connection") == "close"
            connection.send(wire.encode("GET", "/health"))
            assert connection.at_end() and connection.buffer == b""
    with wire.Connection(server.port) as connection:
        connection.send(head + body)
        assert connection.response().status == 403
        assert connection.request("GET", "/health").status == 200


# --- health checks -------------------------------------------------------------------------------


def ask_agent(port, send=b""):
    with wire.Connection(port, 3) as connection:
        connection.send(send)
        connection.at_end(3)
        return connection.buffer


def test_agent_check_and_readiness(start):
    agent = servers.free_port()
    config = f"agent_check: 127.0.0.1:{agent}\ndrain: {{delay_ms: 1500}}\n"
    server = start(config)
    assert ask_agent(agent) == b"ready up\n"
    assert ask_agent(agent, b"hello\n") == b"ready up\n"
    for target, status in (("/ready?drain=404", 200), ("/ready?drain=999", 400)):
        assert wire.request(server.port, "GET", target).status == status
    with wire.subscribe(server.port, "a"):
        assert metric(server.port, "ringcast_agent_checks_total") == 2
        server.signal(15)
        wire.wait_for(lambda: ask_agent(agent) == b"drain\n", "the drain to be told")
        for target, status in (("/ready", 503), ("/ready?drain=404", 404), ("/health", 200)):
            assert wire.request(server.port, "GET", target).status == status
    assert server.wait() == 0
    assert not servers.accepts(agent)


def test_the_check_haproxy_does_by_default(server):
    with wire.Connection(server.port) as connection:
        connection.send(b"OPTIONS / HTTP/1.0\r\n\r\n")
        assert connection.response_head().status in (200, 204)

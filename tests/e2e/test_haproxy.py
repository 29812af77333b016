"""The sample configurations of tools/deploy: HAProxy and nginx with TLS and HTTP/2 in front."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest
import selenium.webdriver

import deploy
import servers
import test_browser
import wire
import ws_client
from test_listeners import client_ips, metric, peer_of

SOURCES = 50
AT_ONCE = "drain.delay_ms=0"
ADMIN = [("X-API-Key", deploy.key("console"))]


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """HAProxy with its backend at `.backend`, shared by the tests of the module."""
    directory = tmp_path_factory.mktemp("front")
    # Checks come from 127.0.0.1; the tests' clients have other addresses of this machine.
    backend = deploy.Backend(directory / "one", AT_ONCE, "net.trusted_proxies=127.0.0.1").start()
    proxy = deploy.HaProxy(directory, backend)
    proxy.backend = backend
    yield proxy.start()
    proxy.stop()
    assert backend.terminate() == 0, backend.log()


def own_address():
    """An address of this machine that is not on loopback, if it has one."""
    text = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout
    return next((each for each in text.split() if ":" not in each), None)


def url(front, path):
    return f"https://127.0.0.1:{front.port}{path}"


def test_events_and_publishes(front, topic):
    with wire.subscribe(front.port, topic) as stream:
        for number in range(10):
            wire.publish(front.port, topic, str(number))
            assert stream.event(2).data == str(number)
    client = ws_client.Client(front.port, f"/ws?topic={topic}")
    client.say("publish", topic=topic, event="e", data="over WebSocket", ref=1)
    answers = {
        message["type"] if "type" in message else "event": message
        for message in (client.message(), client.message())
    }
    assert answers["event"]["data"] == "over WebSocket" and "id" in answers["published"]
    client.close()
    status, version, _ = deploy.curl(url(front, "/health"), "--http2")
    assert (status, version) == (200, "2")
    status, version, _ = deploy.curl(url(front, "/health"), "--tls-max", "1.3", "--http1.1")
    assert (status, version) == (200, "1.1")
    moved = wire.request(front.plain_port, "GET", "/health", {"Host": "a.example"})
    assert moved.status == 302 and moved.get("Location") == "https://a.example/health"
    refused = subprocess.run(
        ["curl", "-sk", "--tls-max", "1.2", url(front, "/health")], capture_output=True
    )
    assert refused.returncode == 35, "TLS 1.2 was spoken"


def test_streams_carry_the_client_in_a_proxy_header(front):
    before = metric(front.backend.port, "ringcast_proxy_headers_total")
    client = ws_client.Client(front.port, headers=[("X-Forwarded-For", "203.0.113.9")])
    assert peer_of(client, front.backend.port, ADMIN) == "127.0.0.1"
    assert metric(front.backend.port, "ringcast_proxy_headers_total") > before
    client.close()
    arguments = ["-N", "--max-time", "0.2", url(front, "/events?topic=a")]

    def seen():
        subprocess.run(["curl", "-sk", "--interface", "127.0.0.7", *arguments], capture_output=True)
        return "127.0.0.7" in client_ips(front.backend)

    # The log holds back what comes more often than 20 times a second.
    wire.wait_for(seen, "the client in the log", step_s=0.2)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_of_the_header(front, tmp_path, version):
    """HAProxy in TCP mode, which knows of no requests."""
    port = servers.free_port()
    option = {"v1": "send-proxy", "v2": "send-proxy-v2 proxy-v2-options crc32c,unique-id"}[version]
    path = tmp_path / "tcp.cfg"
    path.write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 9s\n timeout server 9s\n"
        f"listen tcp\n bind 127.0.0.1:{port}\n unique-id-format %[uuid]\n"
        f" server one 127.0.0.1:{front.backend.streams} {option}\n"
    )
    proxy = servers.Process(
        [servers.tool("haproxy", "haproxy"), "-db", "-f", path], tmp_path / "log"
    )
    proxy.start(lambda: servers.accepts(port), "haproxy")
    try:
        source = {"v1": "127.0.0.21", "v2": "127.0.0.22"}[version]

        def seen():
            status, _, _ = deploy.curl(f"http://127.0.0.1:{port}/health", source=source)
            return status == 200 and source in client_ips(front.backend)

        wire.wait_for(seen, "the client in the log", step_s=0.2)
    finally:
        proxy.stop()


def test_shared_connections_do_not_mix_clients(front):
    """`http-reuse always`: requests of different clients come over one connection."""

    def accepted():
        return metric(front.backend.port, "ringcast_accepted_total")

    deploy.curl(url(front, "/health"))
    time.sleep(1)  # the log holds back what comes more often than 20 times a second
    before, asked = accepted(), len(client_ips(front.backend))
    clients = [f"127.0.0.{30 + number % 3}" for number in range(9)]
    for client in clients:
        # What a client says of itself is not passed on.
        header = "X-Forwarded-For: 203.0.113.9"
        status, _, _ = deploy.curl(url(front, "/api/topics"), "-H", header, source=client)
        assert status == 200
    seen = client_ips(front.backend)[asked:]
    assert [each for each in seen if each.startswith("127.0.0.3")] == clients
    assert "203.0.113.9" not in seen
    assert accepted() - before < 6, "every request had a connection of its own"


def test_strangers_do_not_administer(front):
    address = own_address()
    if address is None:
        pytest.skip("this machine has only loopback")
    arguments = ["-d", '{"enabled":true}', "-H", "X-Forwarded-For: 127.0.0.1"]
    target = url(front, "/api/features/sse-streaming")
    time.sleep(1)  # as above
    for source, figures in ((address, 404), (None, 200)):
        assert deploy.curl(target, *arguments, source=source)[0] == 401
        assert deploy.curl(url(front, "/metrics"), source=source)[0] == figures
    ingest, admin = (f"X-API-Key: {deploy.key(name)}" for name in ("ingest", "console"))
    assert deploy.curl(target, *arguments, "-H", ingest, source=address)[0] == 403
    assert deploy.curl(target, *arguments, "-H", admin, source=address)[0] == 200
    wire.wait_for(lambda: address in client_ips(front.backend), "the client in the log")


def test_the_sample_wants_keys(tmp_path):
    backend = deploy.Backend(tmp_path / "one", AT_ONCE, access={}).start()
    proxy = deploy.HaProxy(tmp_path, backend).start()
    try:
        def publish(topic, *headers):
            target = f"https://127.0.0.1:{proxy.port}/api/events/{topic}"
            return deploy.curl(target, "-d", "x", *headers)[0]

        wire.wait_for(lambda: proxy.status("requests", "one") == "UP", "the server to be up")
        key = ["-H", f"X-API-Key: {deploy.key('ingest')}"]
        assert [publish(topic) for topic in ("metrics.cpu", "public.news")] == [401, 401]
        assert [publish(topic, *key) for topic in ("metrics.cpu", "other")] == [200, 403]
        with wire.subscribe(proxy.port, "public.*") as stream:
            assert publish("public.news", *key) == 200
            assert stream.event().data == "x"
        with wire.Connection(proxy.port) as connection:
            connection.send(wire.encode("GET", "/events?topic=metrics.cpu"))
            assert connection.response_head().status == 401
    finally:
        proxy.stop()
        assert backend.terminate() == 0
    command = [servers.binary(), "access", "check", deploy.SAMPLES / "access.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "2 keys" in done.stdout
    done = subprocess.run([*command, "--token", ""], capture_output=True, text=True)
    assert done.returncode == 2 and "--token: it is empty" in done.stderr


def test_soft_drain_loses_nothing(tmp_path):
    """HAProxy gives a draining server nothing new, its streams end, the next one goes on."""
    first = deploy.Backend(tmp_path / "one", "drain.delay_ms=3s", "drain.retry_max_ms=1s").start()
    spare = deploy.Backend(tmp_path / "two", AT_ONCE).start()
    proxy = deploy.HaProxy(tmp_path, first, spare).start()
    try:
        wire.wait_for(lambda: proxy.status("streams", "one") == "UP", "the first to be up")
        with wire.subscribe(proxy.port, "t") as stream:
            sent = []

            def publish_one():
                sent.append(str(len(sent)))
                wire.publish(proxy.port, "t", sent[-1])
                return proxy.status("streams", "one")

            for _ in range(20):
                publish_one()
            first.signal(15)
            away = ("NOLB", "DRAIN", "DRAIN (agent)")
            wire.wait_for(lambda: publish_one() in away, "HAProxy to notice", step_s=0.05)
            for _ in range(10):
                publish_one()
            got = [event.data for event in stream.ended(10)]
            assert stream.retry_ms <= 1000
        with wire.subscribe(proxy.port, "t", from_="earliest") as stream:
            got += stream.data(len(sent) - len(got))
        assert got == sent
        assert first.wait() == 0, first.log()
        assert (
            wire.request(spare.requests, "GET", "/api/topics").json()["topics"][0]["events"] >= 10
        )
    finally:
        proxy.stop()
        for server in (first, spare):
            server.stop()


def test_fifty_event_sources_at_once(front, tmp_path, topic):
    """Over HTTP/2 a browser opens more than the six it has over HTTP/1.1."""
    options = selenium.webdriver.ChromeOptions()
    options.binary_location = servers.tool("chromium", "chromium")
    for flag in [*test_browser.FLAGS, "--ignore-certificate-errors", f"--user-data-dir={tmp_path}"]:
        options.add_argument(flag)
    service = selenium.webdriver.chrome.service.Service(
        servers.tool("chromedriver", "chromium-driver")
    )
    driver = selenium.webdriver.Chrome(service=service, options=options)
    try:
        driver.set_page_load_timeout(20)
        driver.get(url(front, "/"))
        driver.execute_script(
            """window.got = [];
            window.streams = [...Array(arguments[1]).keys()].map((n) => {
              const source = new EventSource(`/events?topic=${arguments[0]}`);
              source.onmessage = (e) => got.push(`${n} ${e.data}`);
              return source;
            });""",
            topic,
            SOURCES,
        )
        opened = "return streams.filter((source) => source.readyState === 1).length"
        wire.wait_for(lambda: driver.execute_script(opened) == SOURCES, "all streams to open")
        for data in ("a", "b"):
            wire.publish(front.port, topic, data)
        wire.wait_for(lambda: driver.execute_script("return got.length") == 2 * SOURCES, "events")
        wanted = sorted(f"{n} {data}" for n in range(SOURCES) for data in "ab")
        assert sorted(driver.execute_script("return got")) == wanted
        protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol"
        assert driver.execute_script(protocol) == "h2"
    finally:
        driver.quit()


def test_nginx_over_a_unix_socket(tmp_path, topic):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rc"))  # names of sockets are bounded
    backend = deploy.Backend(folder / "one", AT_ONCE).start()
    port = wire.Tls(servers.free_port())
    both = deploy.certificate(tmp_path)
    changes = {
        "0.0.0.0:443": f"127.0.0.1:{port}",
        "/etc/nginx/ringcast.pem": both,
        "/run/ringcast/ringcast.sock": backend.path,
        "/run/nginx.pid": tmp_path / "nginx.pid",
        "/var/log/nginx/error.log": tmp_path / "error.log",
        "worker_processes auto;": "worker_processes 1;\ndaemon off;\nuser root;",
    }
    path = deploy.sample("nginx.conf", tmp_path, changes)
    command = [servers.tool("nginx", "nginx-light"), "-c", path, "-p", tmp_path]
    proxy = servers.Process(command, tmp_path / "nginx.out")
    try:
        proxy.start(lambda: servers.accepts(int(port)), "nginx")
        with wire.subscribe(port, topic) as stream:
            wire.publish(port, topic, "x")
            assert stream.event().data == "x"
        client = ws_client.Client(port, headers=[("X-Forwarded-For", "203.0.113.9")])
        assert peer_of(client, backend.port, ADMIN) == "127.0.0.1"
        client.close()
        target = f"https://127.0.0.1:{port}/health"
        status, version, _ = deploy.curl(target, "--http2", source="127.0.0.41")
        assert (status, version) == (200, "2")
        wire.wait_for(lambda: "127.0.0.41" in client_ips(backend), "the client in the log")
        assert re.search(r'"client_ip":"127.0.0.41"', backend.log())
    finally:
        proxy.stop()
        backend.stop()
        shutil.rmtree(folder)

"""SIGTERM under load, with a second server to go to; SIGHUP."""

import collections
import json
import pathlib
import signal
import subprocess
import threading
import time

import servers
import wire

DRAIN = (
    "drain: {timeout_ms: 15s, retry_min_ms: 100, retry_max_ms: 900}\nmetrics: {interval_ms: 0}\n"
)
TOPICS = [f"d.{n}" for n in range(4)]


# --- SIGTERM: nothing acknowledged is lost -------------------------------------------------------


class Publisher(threading.Thread):
    """Numbered events with ids; once the first server leaves, it goes on with the second."""

    def __init__(self, index, ports, stop):
        super().__init__(daemon=True)
        self.index, self.ports, self.stop = index, ports, stop
        self.acknowledged = [[] for _ in ports]  # keys, by server
        self.farewells = []  # how the first server sent it away
        self.error = None

    def run(self):
        at, number, connection = 0, 0, None
        try:
            while not self.stop.is_set():
                key, topic = f"{self.index}.{number}", TOPICS[number % len(TOPICS)]
                target = f"/api/events/{topic}?event=load&id={key}"
                try:
                    connection = connection or wire.Connection(self.ports[at])
                    response = connection.request("POST", target, (), key)
                except (OSError, EOFError, AssertionError) as error:
                    self.farewells.append(type(error).__name__)
                    at, connection = 1, None
                    continue
                if response.status == 200:
                    self.acknowledged[at].append(key)
                    number += 1
                else:
                    assert response.status == 503, response
                    self.farewells.append(503)
                    at = 1
                if (response.get("Connection") or "").lower() == "close":
                    connection.close()
                    connection = None
                time.sleep(0.001)
        except Exception as error:  # told by the test
            self.error = repr(error)


class Reader(threading.Thread):
    """A subscriber of both servers: what it gets of the first until its end, then of the second."""

    def __init__(self, ports, topics, until):
        super().__init__(daemon=True)
        self.ports, self.topics, self.until = ports, topics, until
        self.seen = [[], []]
        self.gaps = []
        self.retry_ms = None
        self.error = None
        self.stream = wire.subscribe(ports[0], *topics, from_="earliest")

    def run(self):
        try:
            with self.stream as stream:
                while (event := stream.event(60)) is not None:
                    self.seen[0].append(event.data)
                self.retry_ms = stream.retry_ms
                last_id = stream.last_id
            headers = {"Last-Event-ID": last_id} if last_id else {}
            with wire.subscribe(self.ports[1], *self.topics, headers=headers) as stream:
                ends = 0
                while ends < self.until(self.topics):
                    event = stream.event(60)
                    if event.type == "gap":
                        self.gaps.append(json.loads(event.data))
                        assert not self.seen[1], "a gap behind events"
                    elif event.type == "end":
                        ends += 1
                    else:
                        self.seen[1].append(event.data)
        except Exception as error:  # told by the test
            self.error = repr(error)


def topic_of(key):
    return TOPICS[int(key.split(".")[1]) % len(TOPICS)]


def matches(topics, key):
    return "d.*" in topics or topic_of(key) in topics


def check_reader(reader, publishers):
    assert reader.error is None, reader.error
    assert 100 <= reader.retry_ms <= 900
    named = TOPICS if "d.*" in reader.topics else reader.topics
    assert sorted(gap["topic"] for gap in reader.gaps) == sorted(named)
    assert {gap["reason"] for gap in reader.gaps} == {"epoch"}
    for server in (0, 1):
        wanted = [
            key
            for publisher in publishers
            for key in publisher.acknowledged[server]
            if matches(reader.topics, key)
        ]
        counts = collections.Counter(reader.seen[server])
        assert max(counts.values()) == 1, "an event twice"
        missing = set(wanted) - set(counts)
        assert not missing, f"server {'AB'[server]}: {len(missing)} missing, as {min(missing)}"
        last = {}  # of each publisher in each topic
        for key in reader.seen[server]:
            publisher, number = map(int, key.split("."))
            before = last.get((publisher, topic_of(key)), -1)
            assert number > before, f"{key} after {publisher}.{before}"
            last[publisher, topic_of(key)] = number
    # An event that A took and could not acknowledge was published to B again: no other is in both.
    both = set(reader.seen[0]) & set(reader.seen[1])
    unacknowledged = both - {key for p in publishers for key in p.acknowledged[0]}
    assert both == unacknowledged and len(both) <= len(publishers)


def test_sigterm_under_load_loses_nothing(start):
    first, second = start(DRAIN), start(DRAIN)
    ports = [first.port, second.port]
    stop = threading.Event()
    wishes = [("d.0",), ("d.1", "d.3"), ("d.*",), ("d.2",)]

    def ends(topics):
        return len(TOPICS) if "d.*" in topics else len(topics)

    for topic in TOPICS:
        wire.publish(second.port, topic, "0.-1", event="before")
    readers = [Reader(ports, wishes[n % len(wishes)], ends) for n in range(200)]
    publishers = [Publisher(n, ports, stop) for n in range(4)]
    for thread in publishers + readers:
        thread.start()
    time.sleep(1.5)
    begin = time.monotonic()
    first.signal(signal.SIGTERM)
    assert first.wait(20) == 0, first.log()
    assert time.monotonic() - begin < 15
    time.sleep(0.5)
    stop.set()
    for publisher in publishers:
        publisher.join(20)
        assert publisher.error is None and publisher.farewells, publisher.error
        assert all(len(keys) > 5 for keys in publisher.acknowledged)
    for topic in TOPICS:
        wire.publish(second.port, topic, "end", event="end")
    for reader in readers:
        reader.join(60)
        reader.seen[1] = [key for key in reader.seen[1] if key != "0.-1"]
        check_reader(reader, publishers)
    assert len({reader.retry_ms for reader in readers}) > 20, "the retries are not spread"


def test_drain_ends_in_time_although_a_subscriber_does_not_read(start):
    server = start("drain: {timeout_ms: 1s}\nhistory: {bytes: 64MiB}\n")
    stuck = wire.SseStream(server.port, "/events?topic=t", receive_buffer=4096)
    body = json.dumps([{"topic": "t", "data": "x" * 50_000}] * 100)
    for _ in range(10):
        assert wire.request(server.port, "POST", "/api/events", (), body).status == 200
    with wire.Connection(server.port) as slow, stuck:
        slow.send(wire.encode("POST", "/api/events/t", {"Content-Length": "100"}) + b"half")
        begin = time.monotonic()
        assert server.terminate() == 0, server.log()
        assert 0.9 < time.monotonic() - begin < 8
    assert "drain ran out of time" in server.log()


def test_second_sigterm_closes_at_once(start):
    server = start("drain: {timeout_ms: 60s, delay_ms: 60s}\n")
    with wire.subscribe(server.port, "t"):
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.running()
        assert server.terminate(10) == 0, server.log()


def test_readiness_goes_off_first_and_work_goes_on(start):
    server = start("drain: {delay_ms: 1500, timeout_ms: 10s}\n")
    stream = wire.subscribe(server.port, "t")
    with wire.Connection(server.port) as connection, wire.Connection(server.port) as idle, stream:
        assert connection.request("GET", "/ready").status == 200
        assert idle.request("GET", "/health").status == 200
        server.signal(signal.SIGTERM)
        response = None

        def not_ready():
            nonlocal response
            response = connection.request("GET", "/ready")
            return response.status == 503

        wire.wait_for(not_ready, "readiness to go off")
        assert response.json()["status"] == "draining"
        assert wire.request(server.port, "GET", "/health").status == 200  # alive, and accepting
        wire.publish(server.port, "t", "still taken", connection=connection)
        assert stream.event().data == "still taken"
        assert stream.event() is None and 500 <= stream.retry_ms <= 5000
        assert idle.at_end(), "an idle connection was kept"
        assert server.wait() == 0, server.log()


def test_keep_alive_publisher_is_sent_away(start):
    """Between the end of accepting and the end of the process: 503 and the end, or the end."""
    server = start("drain: {timeout_ms: 5s}\n")
    # A body under way keeps its connection, and with it the server, from ending.
    with wire.Connection(server.port) as holder, wire.Connection(server.port) as publisher:
        holder.send(wire.encode("POST", "/api/events/t", {"Content-Length": "4"}) + b"ha")
        head = wire.encode("POST", "/api/events/t", {"Content-Length": "2"}, None)
        publisher.send(head[:-1])  # a request under way, whose head is not complete
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        wire.wait_for(lambda: not servers.accepts(server.port), "the end of accepting")
        publisher.send(head[-1:] + b"hi")
        response = publisher.response()
        wire.assert_error(response, 503)
        assert response.get("Connection", "").lower() == "close"
        assert publisher.at_end()
        holder.send(b"lf")
        response = holder.response()
        assert response.status in (200, 503), response
        assert response.get("Connection", "").lower() == "close" and holder.at_end()
        assert server.wait() == 0, server.log()


def test_lines_of_an_endless_publisher_reach_the_streams(start):
    """What was taken before SIGTERM is delivered, and the publisher is told or cut off."""
    server = start("drain: {timeout_ms: 2s}\n")
    with wire.Connection(server.port) as connection, wire.subscribe(server.port, "t") as stream:
        connection.send(
            wire.encode("POST", "/api/events/t?stream=lines", {"Transfer-Encoding": "chunked"})
        )
        for number in range(100):
            connection.send(b"4\r\n%03d\n\r\n" % number)
        wire.wait_for(lambda: stream.event().data == "099", "the last line", step_s=0)
        server.signal(signal.SIGTERM)
        assert stream.event() is None
        begin = time.monotonic()
        assert server.wait() == 0 and time.monotonic() - begin < 10


# --- SIGHUP --------------------------------------------------------------------------------------


def config_path(server):
    return server.command[server.command.index("--config") + 1]


def reload(server, text):
    """Writes the file, sends SIGHUP, and returns the line of the log about it."""
    with open(config_path(server), "w", encoding="utf-8") as file:
        file.write(text)
    before = server.log().count('"reload')
    server.signal(signal.SIGHUP)
    wire.wait_for(lambda: server.log().count('"reload') > before, "the reload")
    lines = [line for line in server.log().splitlines() if '"reload' in line]
    return json.loads(lines[-1])


def test_reload_changes_the_heartbeat_of_open_streams(start):
    server = start("sse: {heartbeat_ms: 1h}\n")
    with wire.subscribe(server.port, "t") as stream:
        line = reload(server, "sse: {heartbeat_ms: 200}\n")
        assert line["level"] == "info" and "sse.heartbeat_ms" in line["applied"]
        assert line["needs_restart"] == ""
        assert b":\n\n" in stream.connection.take_until(b":\n\n")


def test_reload_changes_limits(start):
    server = start("limits: {max_event_bytes: 10}\n")
    with wire.Connection(server.port) as connection:
        wire.assert_error(connection.request("POST", "/api/events/t", (), "x" * 11), 413)
    line = reload(server, "limits: {max_event_bytes: 20, max_connections: 3, max_headers: 5}\n")
    for key in ("max_event_bytes", "max_connections", "max_headers"):
        assert f"limits.{key}" in line["applied"]
    wire.publish(server.port, "t", "x" * 20)
    headers = [(f"X-{n}", "y") for n in range(6)]
    wire.assert_error(wire.request(server.port, "GET", "/health", headers), 431)
    streams = []

    def full():
        try:
            streams.append(wire.subscribe(server.port, "t"))
            return False
        except (AssertionError, OSError, EOFError):
            return len(streams) == 3

    wire.wait_for(full, "three connections to be all")
    for stream in streams:
        stream.close()


def test_reload_changes_rules_of_topics(start):
    server = start("history: {events: 100}\n")

    def count(topic):
        topics = wire.request(server.port, "GET", "/api/topics").json()["topics"]
        return next((each["events"] for each in topics if each["topic"] == topic), 0)

    for number in range(50):
        for topic in ("logs.a", "jobs.a"):
            wire.publish(server.port, topic, str(number))
    assert count("logs.a") == count("jobs.a") == 50
    line = reload(server, "history: {events: 100}\ntopics: [{match: 'logs.*', events: 5}]\n")
    assert "topics" in line["applied"]
    wire.wait_for(lambda: count("logs.a") <= 5, "the rule to count")
    for number in range(50):
        wire.publish(server.port, "logs.new", str(number))
    assert count("logs.new") <= 5 and count("jobs.a") == 50


def test_reload_that_changes_the_level_of_the_log_is_in_the_log(start):
    server = start("log: {level: info}\n")
    assert reload(server, "log: {level: error}\n")["applied"] == "log.level"
    assert reload(server, "log: {level: info}\n")["applied"] == "log.level"
    assert reload(server, "log: {level: debug}\n")["applied"] == "log.level"


def test_bad_file_keeps_the_old_configuration(start):
    server = start("limits: {max_event_bytes: 10}\n")
    for text in (
        "limits: {max_event_bytes: 20, max_evnt_bytes: 1}\n",
        "limits: {max_event_bytes: lots}\n",
        "limits: [\n",
    ):
        line = reload(server, text)
        assert line["level"] == "error" and line["msg"].startswith("reload refused"), line
        assert line["error"], line
        wire.assert_error(wire.request(server.port, "POST", "/api/events/t", (), "x" * 11), 413)
    line = reload(server, "limits: {max_event_bytes: 20}\n")
    assert line["applied"] == "limits.max_event_bytes"
    wire.publish(server.port, "t", "x" * 20)


def test_what_cannot_be_reloaded_is_named(start):
    server = start("ring: {entries: 1024}\n")
    line = reload(
        server,
        "ring: {entries: 2048}\nbuffers: {recv_count: 64}\nsend: {round: 8}\nsse: {retry_ms: 7}\n",
    )
    assert line["applied"] == "sse.retry_ms", line
    assert line["needs_restart"].split(",") == ["ring.entries", "buffers.recv_count", "send.round"]
    assert wire.request(server.port, "GET", "/health").status == 200


# Another value of every setting for which doubling its default gives none.
OTHER_VALUES = {
    "hosts": "[example.org]",
    "agent_check": "['127.0.0.1:0']",
    "net.trusted_proxies": "[10.0.0.1]",
    "net.forwarded": "off",
    "cores": "[0]",
    "limits.max_headers": 50,
    "limits.log_memory_bytes": "1GiB",
    "limits.receive_bytes_per_s": "1MiB",
    "limits.send_bytes_per_s": "1MiB",
    "limits.buffer_memory_bytes": "1GiB",
    "limits.requests_per_minute_per_key": 1,
    "limits.exempt": "[10.0.0.1]",
    "history.on_lag": "close",
    "topics": "[{match: a}]",
    "mcp.mount": "/m",
    "mcp.prompts": "[/nowhere]",
    "mcp.documents": "[/nowhere]",
    "auth.tokens": "[0123456789abcdef]",
    "auth.admin_tokens": "[0123456789abcdef]",
    "cors.origins": "['https://example.org']",
    "drain.delay_ms": 1,
    "handover.socket": "/nowhere/s",
    "log.level": "debug",
    "log.format": "text",
    "ring.direct_descriptors": 1000,
}


def other_value(path, default):
    """YAML that is not the default."""
    if path in OTHER_VALUES:
        return OTHER_VALUES[path]
    if default in ("true", "false"):
        return "false" if default == "true" else "true"
    digits = default.rstrip("KMGiBmsh")
    assert digits.isdigit() and digits != "0", f"OTHER_VALUES lacks {path}"
    return str(2 * int(digits)) + default[len(digits) :]


def test_sighup_says_of_every_setting_what_it_does(tmp_path):
    table = subprocess.run(
        [servers.binary(), "serve", "--list-settings"], capture_output=True, text=True, timeout=20
    ).stdout.splitlines()[2:]
    rows = [[cell.strip().strip("`") for cell in line.split(" | ")] for line in table]
    settings = {row[0].strip("| `"): (row[2], row[-2]) for row in rows}
    access = tmp_path / "access.yaml"
    access.write_text("{}\n")
    values = {"auth.access": str(access), "listen": "['127.0.0.1:0', '127.0.0.2:0']"}
    lines, names = {}, {"applied": [], "needs restart": []}
    for path, (default, effect) in settings.items():
        section, _, key = path.rpartition(".")
        value = values.get(path) or other_value(path, default)
        lines.setdefault(section, []).append(f"{key}: {value}")
        names[effect].append(path)
    text = "\n".join(lines.pop(""))
    for section, keys in lines.items():
        text += f"\n{section}: {{{', '.join(keys)}}}"
    path = tmp_path / "ringcast.yaml"
    path.write_text("listen: ['127.0.0.1:0']\n")
    server = servers.Process([servers.binary(), "serve", "--config", path], tmp_path / "log")
    server.start(lambda: '"ready"' in server.log(), "ringcast")
    try:
        line = reload(server, text + "\n")
        assert "error" not in line, line
        assert line["applied"].split(",") == names["applied"]
        assert line["needs_restart"].split(",") == names["needs restart"]
    finally:
        assert server.terminate() == 0, server.log()


def test_missing_file_is_said_at_the_start_and_kept_out_on_reload(start, tmp_path):
    command = [servers.binary(), "serve", "--config", tmp_path / "none.yaml"]
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=20
    )
    assert done.returncode != 0 and "none.yaml" in done.stderr
    server = start("limits: {max_event_bytes: 10}\n")
    pathlib.Path(config_path(server)).rename(tmp_path / "away.yaml")
    server.signal(signal.SIGHUP)
    wire.wait_for(lambda: "reload refused" in server.log(), "the refusal")
    wire.assert_error(wire.request(server.port, "POST", "/api/events/t", (), "x" * 11), 413)

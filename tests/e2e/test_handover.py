"""A process takes over from the one that runs: sockets, histories, ids; and what is refused."""

import array
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

import servers
import wire
import ws_client

CONFIG = """
handover: {{socket: {path}, timeout_ms: 5s}}
drain: {{timeout_ms: 5s, retry_min_ms: 0, retry_max_ms: 50, streams_per_s: {pace}}}
metrics: {{interval_ms: 0}}
"""


def said(server, message):
    return server.log_lines(message)


class Relay:
    """Servers that follow each other on one port, by one configuration."""

    def __init__(self, directory, pace=1000, more="", arguments=()):
        self.directory = directory
        self.path = str(directory / "handover.sock")
        self.config = CONFIG.format(path=self.path, pace=pace) + more
        self.arguments = list(arguments)
        self.port = None
        self.started = []

    def start(self, *arguments, config=None, wait="ready"):
        """One more process; waits until it says `wait`."""
        place = self.directory / str(len(self.started))
        place.mkdir()
        arguments = [*self.arguments, *arguments]
        server = servers.Server(place, config or self.config, self.port, arguments)
        self.port = server.port
        self.started.append(server)
        return servers.Process.start(server, lambda: said(server, wait), "ringcast")

    def successor(self, **options):
        return self.start("--takeover", **options)

    def fail(self, *arguments, config=None):
        """A process that is to end by itself with an error: its last line."""
        place = self.directory / f"failing-{time.monotonic_ns()}"
        place.mkdir()
        server = servers.Server(place, config or self.config, self.port, ["--takeover", *arguments])
        done = subprocess.run(server.command, capture_output=True, text=True, timeout=20)
        assert done.returncode == 1, done
        return done.stderr.strip().splitlines()[-1]

    def stop(self):
        for server in self.started:
            server.stop()
            assert "ERROR: AddressSanitizer" not in server.log(), server.log()


@pytest.fixture
def relay(tmp_path):
    made = []

    def make(**options):
        made.append(Relay(tmp_path, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def failed_handovers(port):
    text = wire.request(port, "GET", "/metrics").body.decode()
    return int(text.split("\nringcast_handovers_failed_total ")[1].split("\n")[0])


# --- what passes on ------------------------------------------------------------------------------


def test_histories_ids_and_publishers_ids_go_on(relay):
    chain = relay()
    old = chain.start()
    topics = [f"t.{n}" for n in range(20)]
    ids = {
        (topic, n): wire.publish(old.port, topic, f"{topic} {n}\nü", event="e", id=f"k{n}")
        for n in range(30)
        for topic in topics
    }
    new = chain.successor()
    assert old.wait() == 0, old.log()
    taken = said(new, "taken over")[0]
    assert (taken["topics"], taken["events"]) == (20, 600), taken
    assert said(old, "handed over")[0]["pid"] == new.child.pid
    again = wire.publish(new.port, "t.3", "sent again", id="k7")
    assert again == ids["t.3", 7], "a publisher's id was not recognised"
    fresh = wire.publish(new.port, "t.3", "fresh", id="k30")
    assert fresh.split("-")[0] == again.split("-")[0], "another epoch"
    headers = {"Last-Event-ID": ids["t.3", 10]}
    with wire.subscribe(new.port, "t.3", headers=headers) as stream:
        events = stream.events(20)
    assert [event.id for event in events] == [ids["t.3", n] for n in range(11, 30)] + [fresh]
    assert events[0].data == "t.3 11\nü" and events[0].type == "e" and events[-1].data == "fresh"
    with wire.subscribe(new.port, "t.*", from_="earliest") as stream:
        assert len({event.id for event in stream.events(601)}) == 601


def test_streams_and_websockets_resume_at_the_successor_without_a_gap(relay):
    chain = relay()
    old = chain.start()
    stream = wire.subscribe(old.port, "s", "u.*")
    plain = wire.subscribe(old.port, "s")
    socket_ = ws_client.Client(old.port, "/ws?topic=s")
    for n in range(5):
        wire.publish(old.port, "s", str(n))
    assert [event.data for event in stream.events(5)] == list("01234")
    assert [event.data for event in plain.events(5)] == list("01234")
    last = socket_.events(5)[-1]["id"]
    new = chain.successor()
    wire.publish(new.port, "s", "5")
    wire.publish(new.port, "u.1", "6")
    assert stream.event() is None and stream.retry_ms <= 50
    assert plain.event() is None
    message = socket_.message()
    assert message["type"] == "drain" and socket_.message() is None
    assert socket_.closed_with == 1001
    with wire.subscribe(
        new.port, "s", "u.*", headers={"Last-Event-ID": stream.last_id}
    ) as resumed:
        assert [event.data for event in resumed.events(2)] == ["5", "6"]
    with wire.subscribe(new.port, "s", headers={"Last-Event-ID": plain.last_id}) as resumed:
        assert resumed.event().data == "5"
    again = ws_client.Client(new.port, f"/ws?topic=s&lastEventId={last}")
    assert again.event()["data"] == "5"
    assert old.wait() == 0


def test_gaps_stay_what_they_were(relay):
    """What had left the history, and topics that are no more, are gaps at the successor too."""
    chain = relay(more="history: {events: 3}\ntopics: [{match: 'short.*', age_ms: 300}]\n")
    old = chain.start()
    first = wire.publish(old.port, "t", "0")
    gone = wire.publish(old.port, "short.lived", "x")
    wire.publish(old.port, "short.lived", "y")
    for n in range(1, 6):
        wire.publish(old.port, "t", str(n))

    def names():
        topics = wire.request(old.port, "GET", "/api/topics").json()["topics"]
        return {each["topic"] for each in topics}

    wire.wait_for(lambda: names() == {"t"}, "the topic to be forgotten")
    new = chain.successor()
    with wire.subscribe(new.port, "t", headers={"Last-Event-ID": first}) as stream:
        gap = stream.event()
        assert gap.type == "gap" and json.loads(gap.data)["reason"] == "evicted"
        assert stream.data(3) == ["3", "4", "5"]
    with wire.subscribe(new.port, "short.lived", headers={"Last-Event-ID": gone}) as stream:
        assert json.loads(stream.event().data)["reason"] == "evicted"


def test_usr2_starts_the_successor_and_switched_features_stay(relay):
    chain = relay()
    old = chain.start()
    wire.publish(old.port, "t", "before", id="a")
    done = wire.request(old.port, "POST", "/api/features/mcp", (), '{"enabled":false}')
    assert done.status == 200, done
    old.signal(signal.SIGUSR2)
    pid = wire.wait_for(lambda: said(old, "successor started"), "the successor")[0]["pid"]
    try:
        assert old.wait() == 0, old.log()
        command = open(f"/proc/{pid}/cmdline", encoding="utf-8").read().split("\0")
        assert "--takeover" in command
        wire.publish(old.port, "t", "after")
        with wire.subscribe(old.port, "t", from_="earliest") as stream:
            assert stream.data(2) == ["before", "after"]
        assert wire.request(old.port, "POST", "/mcp", (), "{}").status == 501
        # And again: the command line has the flag already.
        os.kill(pid, signal.SIGUSR2)
        second = wire.wait_for(lambda: said(old, "successor started")[1:], "the next")[0]["pid"]
        wire.wait_for(lambda: len(said(old, "stopped")) == 2, "the end of the first")
        pid = second
    finally:
        os.kill(pid, signal.SIGTERM)
    wire.wait_for(lambda: len(said(old, "stopped")) == 3, "the end")


def test_publishers_wait_and_are_taken_once(relay):
    """Publishers that send again with their ids: every event once, nothing but 503 in between."""
    chain = relay()
    old = chain.start()
    stop, errors, sent = threading.Event(), [], []

    def publish(index):
        number, connection, again = 0, None, False
        while again or not stop.is_set():  # what may be there already is not given up
            key = f"{index}.{number}"
            try:
                connection = connection or wire.Connection(chain.port)
                response = connection.request("POST", f"/api/events/p.{index}?id={key}", (), key)
            except (OSError, EOFError, AssertionError):
                connection = None  # it went away before it answered
                again = True
                continue
            again = response.status != 200
            if response.status == 200:
                number += 1
            elif response.status != 503 or response.get("Connection") != "close":
                errors.append(response)
            if response.get("Connection") == "close":
                connection = None
        sent.append((index, number))

    threads = [threading.Thread(target=publish, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.3)
        new = chain.successor()
    time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors, errors
    for index, number in sent:
        assert number > 10
        with wire.subscribe(new.port, f"p.{index}", from_="earliest") as stream:
            assert stream.data(number) == [f"{index}.{n}" for n in range(number)]
            wire.publish(new.port, f"p.{index}", "last")
            assert stream.event().data == "last"


def test_other_addresses_and_more_cores(relay):
    """The successor's own configuration counts: what it does not listen on is closed."""
    chain = relay(arguments=["--cores", "0"])
    other, third = servers.free_port(), servers.free_port()
    old = chain.start("--listen", f"127.0.0.1:{other}")
    wire.publish(other, "t", "kept")
    chain.arguments = ["--cores", "0,1"]
    new = chain.successor(config=chain.config + f"listen: ['127.0.0.1:{chain.port}']\n")
    assert old.wait() == 0
    assert not servers.accepts(other) and not servers.accepts(third)
    # Two cores accept from one socket.
    for n in range(50):
        with wire.subscribe(new.port, "t", from_="earliest") as stream:
            assert stream.event().data == "kept"
    chain.arguments = ["--cores", "0,1"]
    last = chain.start("--takeover", "--listen", f"127.0.0.1:{third}")
    wire.publish(third, "t", "more")
    with wire.subscribe(last.port, "t", from_="earliest") as stream:
        assert stream.data(2) == ["kept", "more"]


# --- what is refused, and changes nothing --------------------------------------------------------


def test_a_successor_that_fails_leaves_the_old_one_as_it_was(relay, tmp_path):
    chain = relay(arguments=["--cores", "0,1"])
    old = chain.start()
    stream = wire.subscribe(old.port, "t")
    first = wire.publish(old.port, "t", "0", id="k")
    wire.publish(old.port, "u", "0")
    assert "limits.max_topics" in chain.fail("--set", "limits.max_topics=1")
    assert "2 cores" in chain.fail("--cores", "0")
    taken = socket.create_server(("127.0.0.1", 0))
    busy = f"127.0.0.1:{taken.getsockname()[1]}"
    assert "Somebody else listens" in chain.fail("--listen", busy)
    taken.close()
    config = chain.config.replace("handover:", "auth: {access: /nowhere}\nhandover:")
    assert "/nowhere" in chain.fail(config=config)
    none = chain.config.replace(chain.path, '""')
    assert "handover.socket" in chain.fail(config=none)
    assert failed_handovers(old.port) >= 3
    assert wire.publish(old.port, "t", "again", id="k") == first
    wire.publish(old.port, "t", "1")
    assert stream.data(2) == ["0", "1"] and old.running()
    assert wire.request(old.port, "GET", "/ready").status == 200


def frame(kind, data=b"", descriptors=0):
    return struct.pack("=IIQ", kind, descriptors, len(data)) + data


HELLO, REFUSAL, OFFER, LISTENERS, READY, HISTORY, END, TAKEN, GO, SERVING = range(1, 11)


class Conversation:
    """A process that takes over, but not to the end."""

    def __init__(self, path, version=2, cores=8):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.say(HELLO, struct.pack("=IIH", version, cores, 4) + b"test")

    def say(self, kind, data=b""):
        self.socket.sendall(frame(kind, data))

    def hear(self):
        """The type and the bytes of the next frame; descriptors are closed."""
        size = struct.calcsize("=IIQ")
        head, extra, _, _ = self.socket.recvmsg(size, socket.CMSG_LEN(253 * 4))
        for _, _, data in extra:
            for fd in array.array("i", data):
                os.close(fd)
        while len(head) < size:
            more = self.socket.recv(size - len(head))
            assert more, "the other end is gone"
            head += more
        kind, _, length = struct.unpack("=IIQ", head)
        data = b""
        while len(data) < length:
            data += self.socket.recv(length - len(data))
        return kind, data

    def hear_history(self):
        history = b""
        while True:
            kind, data = self.hear()
            if kind == END:
                return history
            assert kind == HISTORY
            history += data

    def close(self):
        self.socket.close()


def test_publishing_waits_while_a_successor_reads_and_goes_on_when_it_dies(relay):
    chain = relay(arguments=["--cores", "0,1"])
    old = chain.start()
    for n in range(20):
        wire.publish(old.port, f"t.{n}", "x")
    asking = Conversation(chain.path)
    assert asking.hear()[0] == OFFER
    wire.publish(old.port, "t.0", "not held yet")
    asking.say(READY)
    assert asking.hear_history().count(b"data: x\n") == 20
    with wire.Connection(old.port) as one, wire.Connection(old.port) as many:
        one.send(wire.encode("POST", "/api/events/t.0?id=k", {}, "waits"))
        batch = json.dumps([{"topic": f"t.{n}", "data": "waits too"} for n in range(20)])
        many.send(wire.encode("POST", "/api/events", {}, batch))
        socket_ = ws_client.Client(old.port, "/ws")
        socket_.say("publish", topic="t.1", data="and this")
        agent = ws_client.Client(old.port, "/ws/agent/s")
        agent.say(action="pause")
        with pytest.raises(TimeoutError):
            one.receive(0.3)
        with wire.subscribe(old.port, "t.0", from_="earliest") as stream:
            assert stream.data(2) == ["x", "not held yet"]  # reading does not wait
        asking.say(TAKEN)
        assert asking.hear() == (GO, b"")
        with pytest.raises(TimeoutError):
            many.receive(0.2)
        asking.close()  # it never came to serve
        assert one.response().status == 200
        assert len(many.response().json()) == 20
        assert socket_.message()["type"] == "published"
        with wire.subscribe(old.port, "control.s", from_="earliest") as stream:
            assert json.loads(stream.event().data)["action"] == "pause"
    assert failed_handovers(old.port) == 1
    new = chain.successor()
    with wire.subscribe(new.port, "t.0", from_="earliest") as stream:
        assert set(stream.data(4)) == {"x", "not held yet", "waits", "waits too"}


def test_whoever_talks_nonsense_or_nothing_is_refused(relay):
    chain = relay(more="")
    chain.config = chain.config.replace("timeout_ms: 5s}\ndrain", "timeout_ms: 300}\ndrain")
    old = chain.start()
    kind, text = (later := Conversation(chain.path, version=99)).hear()
    assert kind == REFUSAL and b"not 99" in text
    later.close()
    mute = socket.socket(socket.AF_UNIX)
    mute.connect(chain.path)
    mute.close()
    garbage = socket.socket(socket.AF_UNIX)
    garbage.connect(chain.path)
    garbage.sendall(os.urandom(64))
    garbage.close()
    before = time.monotonic()
    slow = Conversation(chain.path)
    assert slow.hear()[0] == OFFER
    slow.say(READY)
    slow.hear_history()
    wire.publish(old.port, "t", "after handover.timeout_ms")  # waited for it
    assert 0.2 < time.monotonic() - before < 3
    slow.close()
    wrong = Conversation(chain.path)
    wrong.hear()
    wrong.say(SERVING)
    wire.wait_for(lambda: failed_handovers(old.port) >= 4, "the refusals to be counted")
    assert old.running() and os.stat(chain.path).st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_is_refused(relay):
    chain = relay()
    old = chain.start()
    os.chmod(chain.path, 0o666)
    for place in (chain.directory, *chain.directory.parents):
        if place.owner() == "root" and str(place).startswith("/tmp/"):
            os.chmod(place, 0o755)
    script = (
        "import os, socket, sys\n"
        "os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(5)\n"
        "print(s.recv(4096)[16:].decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, chain.path], capture_output=True, text=True, timeout=20
    )
    assert "User 65534 may not take over" in done.stdout, done
    assert old.running()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_nobody_takes_over_from_another_user(relay):
    chain = relay()
    chain.directory.chmod(0o777)
    script = (
        "import os, socket, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.setuid(65534); s.listen()\n"
        "print('listens', flush=True); print(s.accept()[0].recv(1))\n"
    )
    command = [sys.executable, "-c", script, chain.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout.readline() == "listens\n"
        line = [servers.binary(), "serve", "--listen", f"127.0.0.1:{servers.free_port()}"]
        line += ["--set", f"handover.socket={chain.path}", "--takeover"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and "runs as user 65534, this one as user 0" in done.stderr
        assert stranger.stdout.read() == "b''\n"  # not a byte was said


def test_two_servers_at_one_handover_socket(relay):
    chain = relay()
    old = chain.start()
    line = subprocess.run(
        [servers.binary(), "serve", "--listen", f"127.0.0.1:{servers.free_port()}", "--set",
         f"handover.socket={chain.path}"],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert line.returncode == 1 and "--takeover takes over from it" in line.stderr, line
    assert old.terminate() == 0 and not os.path.exists(chain.path)
    fresh = chain.successor()
    assert said(fresh, "nobody to take over from, starts afresh")


def test_sigterm_while_handing_over_ends_the_server(relay):
    chain = relay()
    old = chain.start()
    asking = Conversation(chain.path)
    asking.hear()
    asking.say(READY)
    asking.hear_history()
    assert old.terminate() == 0, old.log()
    asking.close()


def test_endings_keep_the_pace(relay):
    """On a hand-over the pace counts, whatever drain.timeout_ms says."""
    chain = relay(pace=100, more="")
    chain.config = chain.config.replace("timeout_ms: 5s, retry", "timeout_ms: 300, retry")
    old = chain.start()
    streams = [wire.subscribe(old.port, "t") for _ in range(120)]
    ends = []

    def wait_for_end(stream):
        while stream.event(20) is not None:
            pass
        ends.append(time.monotonic())
        stream.close()

    threads = [threading.Thread(target=wait_for_end, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    chain.successor()
    for thread in threads:
        thread.join()
    assert old.wait() == 0 and "drain ran out of time" not in old.log()
    ends.sort()
    most = max(sum(begin <= end < begin + 1 for end in ends) for begin in ends)
    assert most <= 105, f"{most} streams ended within a second"
    assert 1.0 < ends[-1] - ends[0] < 5


# --- systemd -------------------------------------------------------------------------------------

ACTIVATOR = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = sys.argv[1]
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activated(servers.Process):
    """ringcast as systemd starts it: with sockets that listen already, and a place to tell."""

    def __init__(self, directory, sockets, arguments):
        self.sockets = sockets
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(directory / "notify"))
        self.told.settimeout(10)
        command = [sys.executable, "-c", ACTIVATOR, len(sockets), servers.binary(), "serve"]
        super().__init__(command + list(arguments), directory / "activated.log")

    def start(self):
        def pass_sockets():
            os.environ["NOTIFY_SOCKET"] = self.told.getsockname()
            for n, each in enumerate(self.sockets):
                os.dup2(each.fileno(), 100 + n)
            for n in range(len(self.sockets)):
                os.dup2(100 + n, 3 + n)

        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.command, stdout=log, stderr=log, preexec_fn=pass_sockets, close_fds=False
            )
        return self

    def hear(self):
        return self.told.recv(4096).decode()


def listening(port=0):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(100)
    return made


def test_socket_activation_and_what_systemd_is_told(tmp_path):
    wanted, other = listening(), listening()
    ports = [each.getsockname()[1] for each in (wanted, other)]
    own = servers.free_port()
    path = tmp_path / "handover.sock"
    server = Activated(
        tmp_path,
        [wanted, other],
        ["--listen", f"127.0.0.1:{ports[0]}", "--listen", f"127.0.0.1:{own}", "--set",
         f"handover.socket={path}", "--cores", "0,1"],
    )  # fmt: skip
    # A client that comes before the server is there waits for it.
    early = wire.Connection(ports[0])
    early.send(wire.encode("GET", "/health"))
    server.start()
    try:
        assert server.hear() == f"READY=1\nMAINPID={server.child.pid}"
        assert early.response().status == 200
        for port in (*ports, own):
            assert wire.request(port, "GET", "/health").status == 200
        inherited = {line["address"]: line["inherited"] for line in said(server, "listening")}
        assert inherited == {
            f"127.0.0.1:{ports[0]}": True,
            f"127.0.0.1:{ports[1]}": True,
            f"127.0.0.1:{own}": False,
        }
        server.signal(signal.SIGHUP)
        assert server.hear().startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert server.hear().startswith("READY=1")
        server.signal(signal.SIGUSR2)
        told = {server.hear(), server.hear()}
        pid = said(server, "successor started")[0]["pid"]
        assert told == {f"MAINPID={pid}", f"READY=1\nMAINPID={pid}"}
        assert server.wait() == 0
        os.kill(pid, signal.SIGTERM)
        assert server.hear() == "STOPPING=1"
        wire.wait_for(lambda: len(said(server, "stopped")) == 2, "the end of both")
    finally:
        server.kill()


def test_sockets_that_are_none_are_refused(tmp_path):
    plain = socket.socket()
    server = Activated(tmp_path, [plain], ["--listen", "127.0.0.1:0"]).start()
    assert server.wait() == 1 and "no socket that listens" in server.log()

"""ringload over chunked HTTP: against ringcast, the reference, and a server that does wrong."""

import json
import resource
import select
import socket
import subprocess
import threading

import pytest

import servers
from test_reference import TARGET, Reference, missing_packages

FEW = ("--subscribers", 12, "--publishers", 3, "--topics", 2)
OK = b"HTTP/1.1 200 OK\r\n"
HEAD = OK + b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


def ringload(*arguments, status=0, transport="chunked", seconds=0.4, limit=None):
    """Runs ringload; its JSON, or what it complained of."""
    program = servers.binary().parent / "ringload"
    command = [program, transport, "--warmup", 0.1, "--time", seconds, "--json", "-", *arguments]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def is_clean(result):
    wrong = ("lost", "duplicates", "out_of_order", "gaps")
    return all(result[each] == 0 for each in wrong) and result["delivered"] > 0


# --- ringcast ------------------------------------------------------------------------------------


@pytest.fixture
def url(server):
    return ("--url", server.url("").rstrip("/"))


@pytest.mark.parametrize(
    "more",
    [
        ("--window", 8),
        ("--rate", 200),
        ("--rate", 300, "--size", 20_000),
        ("--window", 64, "--pipeline", 16),
        ("--window", 8, "--sources", 3),
    ],
)
def test_everybody_gets_every_event_of_their_topic(url, more):
    result = ringload(*url, *FEW, *more, "--strict")
    assert result["transport"] == "chunked" and result["kind"] == "fan_out"
    assert result["subscribers"] == 12 and is_clean(result), result
    assert result["latency_us"]["p50"] > 0 and result["publish_us"]["p50"] is None
    assert not any("not answered" in each for each in result["warnings"]), result["warnings"]


@pytest.mark.parametrize("publishers,topics", [(1, 1), (1, 7), (4, 2), (6, 4), (5, 3)])
def test_publishers_and_topics_of_any_numbers(url, publishers, topics):
    result = ringload(
        *url, "--subscribers", 2 * topics, "--publishers", publishers, "--topics", topics,
        "--rate", 400, "--strict",
    )  # fmt: skip
    assert is_clean(result) and result["published"] > 50, result


def test_idle_and_slow_subscribers(url):
    result = ringload(*url, "--subscribers", 20, "--idle", "--slow-readers", 3)
    assert result["subscribers"] == 20 and result["slow_readers"] == 3, result


def test_a_drain_ends_responses_and_bodies(start):
    server = start()
    timer = threading.Timer(1.5, server.child.terminate)
    timer.start()
    url = ("--url", server.url("").rstrip("/"))
    said = ringload(*url, *FEW, "--rate", 100, seconds=3, status=1)
    timer.join()
    assert "answered before the body's end" in said or "closed" in said, said


# --- The reference -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    missing = missing_packages()
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)} (tools/install-deps bench)")
    stack = Reference(tmp_path_factory.mktemp("chunked")).start()
    yield stack
    stack.stop()


@pytest.fixture
def reference_target(reference, tmp_path):
    path = tmp_path / "reference.yaml"
    path.write_text(TARGET.read_text().replace("port: 8085", f"port: {reference.port}"))
    return path


def test_the_reference(reference_target):
    result = ringload("--target", reference_target, *FEW, "--rate", 50, "--strict", seconds=1)
    assert is_clean(result) and result["subscribers"] == 12, result
    assert not any("not answered" in each for each in result["warnings"]), result["warnings"]


def test_calls_of_the_reference_by_its_target(reference_target):
    result = ringload(
        "--target", reference_target, "--connections", 4, "--strict", transport="mcp", seconds=1
    )
    assert result["delivered"] > 0 and result["target"] == "reference", result
    assert result["errors"]["calls_failed"] == 0, result


# --- A server that does wrong --------------------------------------------------------------------


class StandIn:
    """Passes lines on to all subscribers; `fault` says what goes wrong."""

    def __init__(self, fault=""):
        self.fault, self.number, self.readers, self.peers = fault, 0, [], set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, peer = self.listener.accept()
            except OSError:
                return
            self.peers.add(peer[0])
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client, client.makefile("rwb") as file:
                method = file.readline().split()[0]
                while file.readline() != b"\r\n":
                    pass
                self.subscribe(client, file) if method == b"GET" else self.take(file)
        except (OSError, ValueError):
            pass

    def subscribe(self, client, file):
        if self.fault == "refuse":
            file.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\n\r\nnot for you")
            return file.flush()
        head = HEAD
        if self.fault == "events":
            head = HEAD.replace(b"application/x-ndjson", b"text/event-stream")
        if self.fault == "length":
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"
        file.write(head + b"1\r\n\n\r\n")
        file.flush()
        if self.fault == "end":
            threading.Event().wait(0.3)
            file.write(b"0\r\n\r\n")
            return file.flush()
        with self.lock:
            self.readers.append(file)
        while not select.select([client], [], [], 1)[0]:
            pass
        return None

    def take(self, file):
        if self.fault == "no publishing":
            file.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nnowhere")
            return file.flush()
        count = 0
        while size := int(file.readline(), 16):
            line = file.read(size)
            file.readline()
            count += 1
            self.pass_on(line)
            if self.fault == "answers early" and count == 5:
                break
        counted = count - 1 if self.fault == "forgets one" else count
        answer = b'{"count":%d}' % counted if self.fault != "does not count" else b"{}"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
        file.write(head + answer)
        return file.flush()

    def pass_on(self, line):
        with self.lock:
            self.number += 1
            if self.fault == "drop" and self.number % 5 == 0:
                return
            pieces = [line[:7], line[7:]] if self.fault == "pieces" else [line]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            for file in self.readers:
                file.write(chunks * (2 if self.fault == "double" else 1))
                file.flush()

    def stop(self):
        self.listener.close()


@pytest.fixture
def stand_in(tmp_path):
    made = []

    def make(fault="", more=""):
        made.append(StandIn(fault))
        path = tmp_path / f"{len(made)}.yaml"
        path.write_text(f"name: stand-in\nport: {made[-1].port}\nchunked: {{{more}}}\n")
        return made[-1], ("--target", path)

    yield make
    for each in made:
        each.stop()


SOME = ("--subscribers", 4, "--rate", 100)


@pytest.mark.parametrize("fault", ["", "pieces"])
def test_another_server(stand_in, fault):
    result = ringload(*stand_in(fault)[1], *SOME, "--strict")
    assert is_clean(result) and result["warnings"] is not None, result


@pytest.mark.parametrize("fault, figure", [("drop", "lost"), ("double", "duplicates")])
def test_what_goes_wrong_is_found(stand_in, fault, figure):
    result = ringload(*stand_in(fault)[1], *SOME, "--strict", status=3)
    assert result[figure] > 0, result


@pytest.mark.parametrize(
    "fault, complaint",
    [
        ("refuse", "403 Forbidden: not for you"),
        ("events", "the answer is an event stream instead of lines"),
        ("length", "the answer is not chunked"),
    ],
)
def test_subscribers_that_are_refused(stand_in, fault, complaint):
    assert complaint in ringload(*stand_in(fault)[1], *SOME, status=1)


def test_publishers_that_are_refused(stand_in):
    said = ringload(*stand_in("no publishing")[1], *SOME, status=1)
    assert "the answer to the publishing is 404: nowhere" in said


def test_subscribers_whose_response_ends(stand_in):
    result = ringload(*stand_in("end")[1], *SOME)
    assert result["errors"]["subscribers_lost"] == 4
    assert any("the server has ended the stream" in each for each in result["warnings"])


@pytest.mark.parametrize(
    "fault, complaint",
    [
        ("forgets one", "the server has counted "),
        ("does not count", "the answer has no `count`: {}"),
    ],
)
def test_answers_must_count_the_lines(stand_in, fault, complaint):
    result = ringload(*stand_in(fault)[1], *SOME)
    assert any(complaint in each for each in result["warnings"]), result["warnings"]
    assert any("not answered for" in each for each in result["warnings"]), result["warnings"]


def test_a_target_need_not_count(stand_in):
    _, target = stand_in("does not count", 'publish: {count: ""}')
    result = ringload(*target, *SOME, "--strict")
    assert is_clean(result) and result["errors"]["publishers_failed"] == 0, result


def test_a_body_that_is_answered_early(stand_in):
    assert "answered before the body's end" in ringload(
        *stand_in("answers early")[1], *SOME, status=1
    )


# --- Usage ---------------------------------------------------------------------------------------


def test_a_target_without_the_part(tmp_path):
    path = tmp_path / "none.yaml"
    path.write_text("name: x\nport: 9\n")
    for transport in ("chunked", "mcp"):
        said = ringload("--target", path, status=1, transport=transport)
        assert said == f"ringload: {path} has no part `{transport}`.\n"


def test_sources(stand_in):
    server, target = stand_in()
    ringload(*target, "--subscribers", 9, "--idle", "--sources", 3)
    assert server.peers == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
    for transport in ("sse", "ws", "chunked"):
        said = ringload(
            "--url", "http://[::1]:9", "--sources", 2, status=2, transport=transport
        )
        assert "--sources needs a server on an address of 127.0.0.0/8" in said
    said = ringload("--subscribers", 60_000, "--idle", "--sources", 1, status=1)
    assert "ip_local_port_range" in said and "it takes 3" in said


def test_too_few_descriptors_are_named():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

    said = ringload("--subscribers", 30_000, "--idle", status=1, limit=limit)
    assert "more than the limit of open files (256, ulimit -Hn)" in said

"""Whether what ringload says is true: against a server that is known to stop, against the server's
own counters, and beside another load program."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import time

import pytest

import mcp_stand_in
import servers
import test_ringload_ws
import wire
from loop_thread import LoopThread

STALL_S = 0.1  # in every second
TARGET = """
name: stalling
host: 127.0.0.1
port: {port}
subscribe: {{path: "/events/{{topic}}", headers: {{}}}}
publish: {{method: POST, path: "/in/{{topic}}", headers: {{}}, body: "{{payload}}"}}
"""


def ringload(*arguments):
    """Its JSON."""
    command = [servers.binary().parent / "ringload", *arguments, "--json", "-", "--quiet"]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


# --- Coordinated omission ------------------------------------------------------------------------


def let_it_stall(loop):
    """Stops all that runs on an asyncio loop for a tenth of every second."""

    def stall():
        time.sleep(STALL_S)
        loop.call_later(1 - STALL_S, stall)

    loop.call_soon_threadsafe(stall)


class Hub(LoopThread):
    """As little of an event-streaming server as ringload needs."""

    def __init__(self):
        self.topics, self.numbers = {}, itertools.count(1)

    async def open(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return [server]

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                topic = self.topics.setdefault(path.rsplit("/", 1)[1], set())
                if method == "GET":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                    topic.add(writer)
                    await reader.read()
                    topic.discard(writer)
                    break
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                data = await reader.readexactly(int(length[1]))
                event = b"id: %d\ndata: %s\n\n" % (next(self.numbers), data)
                for subscriber in topic:
                    subscriber.write(event)
                await self.answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    async def answer(self, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def hub():
    one = Hub().start()
    yield one
    one.stop()


@pytest.fixture
def ws_stand_in():
    one = test_ringload_ws.StandIn().start()
    yield one
    one.stop()


@pytest.fixture
def mcp():
    one = mcp_stand_in.McpStandIn().start()
    yield one
    one.stop()
    assert one.complaints == []


@pytest.fixture
def loads(hub, ws_stand_in, mcp, tmp_path):
    """What to run, and the loop that serves it, by name."""
    sse_target, ws_target = tmp_path / "sse.yaml", tmp_path / "ws.yaml"
    sse_target.write_text(TARGET.format(port=hub.port))
    ws_target.write_text(
        test_ringload_ws.TARGET.format(
            port=ws_stand_in.port, query="", send="", ready="", answer="published"
        )
    )
    fan_out = ("--subscribers", 3, "--publishers", 2)
    return {
        "sse": (("sse", "--target", sse_target, *fan_out), hub.loop),
        "ws": (("ws", "--target", ws_target, *fan_out), ws_stand_in.loop),
        "echo": (("ws", "--target", ws_target, "--echo", 64, "--connections", 4), ws_stand_in.loop),
        "mcp": (("mcp", "--url", mcp.url(), "--connections", 4), mcp.loop),
    }


def share_within(result, us):
    """Of the events, those that took no longer."""
    return max((share for share, upto in result["percentiles_us"] if upto <= us), default=0)


@pytest.mark.parametrize("name", ["sse", "ws", "echo", "mcp"])
def test_stalls_count_for_all_that_was_due_meanwhile(loads, name):
    command, loop = loads[name]
    let_it_stall(loop)
    result = ringload(*command, "--rate", 200, "--warmup", 0.5, "--time", 5, "--interval", 1)
    latency = result["latency_us"]
    # A tenth was due while nothing was answered, evenly from the longest wait down to none.
    assert latency["max"] >= 90_000, latency
    assert latency["p99"] >= 60_000, latency
    assert latency["p95"] >= 25_000, latency
    assert latency["p50"] < 25_000, latency
    assert share_within(result, 20_000) < 0.97, result["percentiles_us"]
    assert result["lost"] == 0 and result["errors"]["unsent"] == 0, result
    assert result["published"] == pytest.approx(1000, rel=0.05), result
    for interval in result["intervals"]:
        if interval["seconds"] > 0.99:  # each has one
            assert interval["latency_us"]["max"] >= 60_000, interval


def test_a_closed_loop_sees_one_event_of_a_stall(loads):
    command, loop = loads["sse"]
    let_it_stall(loop)
    result = ringload(*command, "--window", 1, "--warmup", 0.5, "--time", 3)
    latency = result["latency_us"]
    assert latency["max"] >= 90_000 and latency["p95"] < 60_000, latency
    assert result["published"] > 200, result


class DeliberateHub(Hub):
    """Takes 5 ms for each answer."""

    async def answer(self, writer):
        await asyncio.sleep(0.005)
        await super().answer(writer)


@pytest.fixture
def deliberate(tmp_path):
    one, target = DeliberateHub().start(), tmp_path / "deliberate.yaml"
    target.write_text(TARGET.format(port=one.port))
    yield target
    one.stop()


def test_latency_in_bursts_counts_from_when_the_burst_was_due(deliberate):
    command = ("sse", "--target", deliberate, "--subscribers", 2, "--rate", 100, "--time", 3)
    even = ringload(*command)["latency_us"]
    burst = ringload(*command, "--burst", 10)["latency_us"]
    # One publisher: the tenth of a burst waits for nine answers.
    assert burst["max"] >= 45_000 and burst["p90"] >= 35_000 and burst["p50"] >= 15_000, burst
    assert even["p50"] < 5_000, even


# --- When the kernel had it ----------------------------------------------------------------------


class Stopping:
    """Stops ringload, answers after 0.1 s, and lets it go on 0.4 s later."""

    victim = None

    async def while_stopped(self, answer):
        while self.victim is None:
            await asyncio.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.victim, signal.SIGSTOP)
            await asyncio.sleep(0.1)
            await answer()
            await asyncio.sleep(0.4)
            os.kill(self.victim, signal.SIGCONT)


class StoppingHub(Stopping, Hub):
    async def answer(self, writer):
        await self.while_stopped(lambda: Hub.answer(self, writer))


class StoppingWs(Stopping, test_ringload_ws.StandIn):
    async def echo(self, ws, _name, _query):
        async for message in ws:
            await self.while_stopped(lambda: ws.send(message))


class StoppingMcp(Stopping, mcp_stand_in.McpStandIn):
    async def call(self, query, message, writer):
        await self.while_stopped(lambda: mcp_stand_in.McpStandIn.call(self, query, message, writer))
        return True


def stopped(tmp_path, name):
    """The server, and how it is put under load."""
    target = tmp_path / "target.yaml"
    if name == "mcp":
        one = StoppingMcp().start()
        return one, ("mcp", "--url", one.url(), "--connections", 1)
    if name == "publishers":
        one = StoppingHub().start()
        target.write_text(TARGET.format(port=one.port))
        return one, ("sse", "--target", target, "--subscribers", 1)
    one = StoppingWs().start()
    text = test_ringload_ws.TARGET.format(port=one.port, query="", send="", ready="", answer="")
    target.write_text(text)
    return one, ("ws", "--target", target, "--echo", 64, "--connections", 1)


@pytest.mark.parametrize("name", ["publishers", "echo", "mcp"])
@pytest.mark.parametrize("kernel", [True, False])
def test_arrival_in_the_kernel_is_not_its_collection(tmp_path, name, kernel):
    server, command = stopped(tmp_path, name)
    command += ("--window", 1, "--warmup", 0, "--time", 2, "--json", "-", "--quiet")
    command += ("--kernel-arrivals",) * kernel
    program = [str(part) for part in (servers.binary().parent / "ringload", *command)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as child:
        server.victim = child.pid
        result = json.loads(child.communicate(timeout=60)[0])
    server.stop()
    assert result["kernel_arrivals"] is kernel
    figures = [result["publish_us"]] + [result["latency_us"]] * (name != "publishers")
    for each in figures:
        if kernel:
            assert 90_000 < each["p50"] < 400_000, result
        else:
            assert each["p50"] > 400_000, result


@pytest.mark.parametrize("transport", ["sse", "ws", "chunked"])
def test_arrival_in_the_kernel_is_no_later_than_its_collection(server, transport):
    """A server that never pauses: the last of 300 is collected long after it came."""
    command = (transport, "--url", server.url(""), "--subscribers", 300, "--rate", 50)
    command += ("--warmup", 0.2)
    collected, kernel = [], []
    for turn in range(3):  # interleaved: a machine that gets busy does so for both
        for flags, into in (((), collected), (("--kernel-arrivals",), kernel)):
            prefix = ("--topic-prefix", f"k.{transport}{turn}")
            into.append(ringload(*command, *flags, "--time", 1, *prefix)["latency_us"]["p50"])
    assert statistics.median(kernel) < statistics.median(collected), (kernel, collected)


# --- The server's own counters -------------------------------------------------------------------


def counters(server):
    text = wire.request(server.port, "GET", "/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"^([^# ]\S*) (\S+)$", text, re.M)}


PUBLISHED, DELIVERED = "messages_received_total", "messages_sent_total"
ANSWERED = 'http_requests_total{status="2xx"}'


@pytest.mark.parametrize("transport", ["sse", "ws", "chunked"])
@pytest.mark.parametrize("load", [("--rate", 400), ("--window", 8)])
def test_the_server_counts_as_much(server, transport, load):
    before = counters(server)
    few = ("--subscribers", 15, "--publishers", 3, "--topics", 3, *load)
    result = ringload(
        transport, "--url", server.url(""), *few, "--warmup", 0.5, "--time", 2, "--topic-prefix",
        f"{transport}{load[1]}",
    )  # fmt: skip
    after = counters(server)
    total = result["total"]
    assert total["published"] == pytest.approx(after[PUBLISHED] - before[PUBLISHED], rel=0.05)
    assert total["delivered"] == pytest.approx(after[DELIVERED] - before[DELIVERED], rel=0.05)
    assert result["lost"] == 0 and total["delivered"] == 5 * total["published"], result
    # What was measured is what its intervals have, and the rates are those.
    for name, rate in (("published", "events_per_s"), ("delivered", "deliveries_per_s")):
        assert 0 < result[name] == sum(each[name] for each in result["intervals"]) <= total[name]
        assert result[rate] == pytest.approx(result[name] / result["seconds"], rel=1e-3, abs=0.1)


def test_the_server_uses_as_much_cpu_as_is_said(server):
    name = "process_cpu_seconds_total"
    before = counters(server)[name]
    few = ("--subscribers", 200, "--publishers", 8, "--window", 16, "--warmup", 0, "--time", 3)
    result = ringload("sse", "--url", server.url(""), *few, "--server-pid", server.child.pid)
    used = counters(server)[name] - before
    # It also connects, drains and disconnects, which is not measured.
    assert result["server"]["cpu_s"] <= used * 1.05 + 0.02, (result["server"], used)
    assert result["server"]["cpu_s"] >= used * 0.7 - 0.05, (result["server"], used)


# --- Another load program ------------------------------------------------------------------------

WRK_SCRIPT = """
wrk.method = "POST"
wrk.body = string.rep("x", 128)
wrk.headers["Content-Type"] = "text/plain"
"""


def run_wrk(server, tmp_path, connections, seconds):
    """How many requests it says were answered."""
    script = tmp_path / "publish.lua"
    script.write_text(WRK_SCRIPT)
    command = [servers.tool("wrk", "wrk"), "-t", 1, "-c", connections, "-d", f"{seconds}s", "-s"]
    done = subprocess.run(
        [str(part) for part in (*command, script, server.url("/api/events/load.0"))],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


def test_requests_are_counted_as_wrk_and_the_server_count_them(server, tmp_path):
    """Both publish over so many connections, as fast as they are answered, to nobody."""
    connections, seconds = 16, 2
    same = ("--subscribers", 0, "--publishers", connections, "--window", connections)
    ratios = {}
    for name in ("ringload", "wrk"):
        before = counters(server)
        if name == "ringload":
            said = ringload("sse", "--url", server.url(""), *same, "--size", 128, "--warmup", 0,
                            "--time", seconds)["total"]["published"]
        else:
            said = run_wrk(server, tmp_path, connections, seconds)
        assert said > 1000, (name, said)
        after = counters(server)
        counted = after[PUBLISHED] - before[PUBLISHED]
        # One more is for the counters; whoever hangs up misses the answers under way.
        answered = after[ANSWERED] - before[ANSWERED] - 1
        assert counted - connections <= answered <= counted
        ratios[name] = said / counted
    # Requests that were under way at the end make the difference.
    assert all(ratio == pytest.approx(1, abs=0.05) for ratio in ratios.values()), ratios

"""Loads that settle and loads that do not, and what the kernel says of a server that does the one
or the other, all of it through ringload."""

import csv
import io
import json
import subprocess
import sys
import threading
import time

import pytest

import servers
from test_ringload_honest import Hub, TARGET


def run(*arguments, status=0):
    command = [servers.binary().parent / "ringload", *arguments]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def ringload(*arguments):
    """Its JSON."""
    return json.loads(run(*arguments, "--json", "-", "--quiet").stdout)


class SlowingHub(Hub):
    """Waits before it answers; `pause_s` says for how long, given the time since the first."""

    def __init__(self, pause_s):
        self.pause_s, self.first = pause_s, None
        super().__init__()

    async def answer(self, writer):
        now = time.monotonic()
        self.first = self.first or now
        until = now + self.pause_s(now - self.first)
        while time.monotonic() < until:
            pass
        await super().answer(writer)


@pytest.fixture
def slowing(tmp_path):
    """slowing(pause_s) is the target file of a server that slows down or speeds up."""
    hubs = []

    def make(pause_s):
        hubs.append(SlowingHub(pause_s).start())
        path = tmp_path / f"{len(hubs)}.yaml"
        path.write_text(TARGET.format(port=hubs[-1].port))
        return path

    yield make
    for hub in hubs:
        hub.stop()


LOAD = ("--subscribers", 2, "--window", 1, "--interval", 0.2)


# --- What was measured ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pause_s, word",
    [(lambda at: 0.01 if at < 1.2 else 0.02, "fell"),  # a step
     (lambda at: 0.03 / (1 + 2 * at), "rose")],
)  # fmt: skip
def test_a_load_that_has_not_settled_is_said_to_be_so(slowing, pause_s, word):
    result = ringload("sse", "--target", slowing(pause_s), *LOAD, "--warmup", 0, "--time", 2.4)
    assert result["steady"] is False, result["intervals"]
    said = [each for each in result["warnings"] if "while measuring" in each]
    assert len(said) == 1 and said[0].startswith(f"throughput {word} by "), said
    assert "--warmup auto" in said[0]


def test_a_load_that_has_settled(slowing):
    target = slowing(lambda _at: 0.01)
    times = ("--interval", 0.3, "--warmup", 0.2, "--time", 3)
    for _ in range(3):  # a machine with other work to do may rightly be called unsteady
        result = ringload("sse", "--target", target, *LOAD[:4], *times)
        if result["steady"]:
            break
    assert result["steady"] is True, (result["warnings"], result["intervals"])
    assert not any("while measuring" in each for each in result["warnings"])


def test_a_few_intervals_tell_nothing(slowing):
    target = slowing(lambda at: 0.005 + at / 50)
    few = ("--interval", 1, "--warmup", 0, "--time", 2)
    result = ringload("sse", "--target", target, *LOAD[:4], *few)
    assert result["steady"] is None and len(result["intervals"]) <= 3


# --- --warmup auto -------------------------------------------------------------------------------


def test_the_warm_up_lasts_until_the_load_settles(slowing):
    # It is slow at first, and has its speed after two seconds.
    target = slowing(lambda at: 0.02 + 0.1 * max(0, 2 - at))
    result = ringload("sse", "--target", target, *LOAD, "--warmup", "auto", "--time", 1)
    assert 2.5 < result["warmup_s"] < 20, result["warmup_s"]
    assert result["publish_us"]["p50"] < 40_000, result["publish_us"]
    fixed = ringload("sse", "--target", target, *LOAD, "--warmup", 0.3, "--time", 0.5)
    assert fixed["warmup_s"] == pytest.approx(0.3, abs=0.001)


def test_the_warm_up_of_a_settled_load_is_short(server):
    url = ("--url", server.url(""))
    for command in (("sse", "--subscribers", 20, "--rate", 200), ("ws", "--control", "--rate", 100),
                    ("sse", "--subscribers", 0, "--publishers", 2, "--rate", 100)):
        result = ringload(*command, *url, "--warmup", "auto", "--time", 0.5)
        assert 1.2 < result["warmup_s"] < 29, (command, result["warmup_s"])
        assert not any("settled" in each for each in result["warnings"]), result["warnings"]
        assert result["lost"] == 0 and result["published"] > 20, result


def test_the_words_of_warmup(server):
    for word in ("automatic", "-1", "", "1e9"):
        said = run("sse", "--url", server.url(""), f"--warmup={word}", status=2).stderr
        assert "warmup" in said and "auto" in said, said
    assert "auto: until three intervals of 0.5 s agree" in " ".join(
        run("sse", "--help").stdout.split())
    idle = ringload("sse", "--url", server.url(""), "--subscribers", 3, "--idle", "--warmup",
                    "auto", "--time", 0.3)
    assert idle["warmup_s"] == 0 and idle["steady"] is None


# --- Context switches and I/O calls --------------------------------------------------------------


def test_switches_and_calls_of_a_server(server, tmp_path):
    url = ("sse", "--url", server.url(""), "--subscribers", 20, "--rate", 200, "--warmup", 0.2)
    file = tmp_path / "run.json"
    pid = ("--server-pid", server.child.pid)
    text = run(*url, "--time", 1, *pid, "--json", file).stdout
    found = json.loads(file.read_text())["server"]
    # It sleeps between events, for each of which there is a request.
    assert found["context_switches"] > 100, found
    assert 0 <= found["involuntary_switches"] <= found["context_switches"], found
    assert found["io_calls"] is not None and found["io_calls"] >= 0, found
    line = next(line for line in text.splitlines() if "context switches" in line)
    assert "involuntary)" in line and "per delivery" in line and "I/O calls" in line, line
    table = run("report", file).stdout
    for title in ("server switches/s", "involuntary switches/s", "server I/O calls/s",
                  "latency p95"):
        assert title in table, table
    rows = list(csv.DictReader(io.StringIO(run("report", file, "--csv", "-").stdout, newline="")))
    per_s = found["context_switches"] / json.loads(file.read_text())["seconds"]
    assert float(rows[0]["server_context_switches_per_s"]) == pytest.approx(per_s)
    columns = list(rows[0])
    assert columns.index("p95_us") > columns.index("command"), columns
    without = ringload(*url, "--time", 0.3)["server"]
    assert all(without[name] is None for name in found), without


READER = """
import os, threading, time
def read():
    zero = os.open("/dev/zero", os.O_RDONLY)
    while True:
        os.read(zero, 1)
        time.sleep(0.01)
threading.Thread(target=read).start()
read()
"""


def test_switches_and_calls_are_as_many_as_there_are(server):
    """Of a process that reads and sleeps a known number of times, in two threads."""
    reader = subprocess.Popen([sys.executable, "-c", READER])
    try:
        time.sleep(0.5)
        result = ringload("sse", "--url", server.url(""), "--subscribers", 2, "--rate", 20,
                          "--warmup", 0, "--time", 2, "--server-pid", reader.pid)
    finally:
        reader.kill()
        reader.wait()
    found, seconds = result["server"], result["seconds"]
    assert 130 < found["io_calls"] / seconds < 202, (found, seconds)
    assert found["io_calls"] * 0.9 < found["context_switches"] < found["io_calls"] * 2, found


def test_a_server_that_ends_meanwhile_takes_nothing_away(server, tmp_path):
    sleeper = subprocess.Popen(["sleep", "1.2"])
    reaper = threading.Thread(target=sleeper.wait)
    reaper.start()
    try:
        result = ringload("sse", "--url", server.url(""), "--subscribers", 10, "--rate", 200,
                          "--warmup", 0.2, "--time", 2, "--server-pid", server.child.pid,
                          "--server-pid", sleeper.pid)
    finally:
        reaper.join()
    assert result["server"]["context_switches"] > 100, result["server"]
    assert result["server"]["io_calls"] is not None, result["server"]


# --- p95 -----------------------------------------------------------------------------------------


def test_p95_lies_between_its_neighbours(server):
    result = ringload("sse", "--url", server.url(""), "--subscribers", 20, "--rate", 200,
                      "--warmup", 0.2, "--time", 1, "--interval", 0.5)
    parts = [result, *result["intervals"]]
    for latency in [part[name] for part in parts for name in ("latency_us", "publish_us")]:
        assert list(latency) == ["p50", "p90", "p95", "p99", "p999", "max", "mean"]
        if latency["p50"] is not None:
            assert latency["p90"] <= latency["p95"] <= latency["p99"], latency

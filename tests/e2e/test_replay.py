"""Exact replay through the real server: replay_check kills subscribers at random points."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest

import servers
import wire

SEED = int(os.environ.get("RINGCAST_TEST_SEED", "0")) or int(time.time())

KEEPS_ALL = """
history: {bytes: 256MiB, events: 1000000, age_ms: 0}
metrics: {interval_ms: 0}
"""
KEEPS_LITTLE = """
history: {bytes: 128KiB, events: 2000, age_ms: 0}
"""


def check(server, *arguments, seed=SEED, timeout_s=80):
    """Starts replay_check on a server; outcome() waits for it and returns what it found."""
    program = servers.binary().parent / "replay_check"
    command = [program, "--port", server.port, "--seed", seed, "--timeout", timeout_s, *arguments]
    child = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def outcome():
        try:
            out, errors = child.communicate(timeout=timeout_s + 30)
        finally:
            child.kill()
        print(f"seed {seed}: {out}")  # shown when a test fails
        assert child.returncode == 0, f"seed {seed}: {errors}{out}\n{server.log()}"
        return json.loads(out)

    return outcome


def test_a_million_events_reach_killed_subscribers_exactly_once(start):
    server = start(KEEPS_ALL)
    result = check(server, "--subscribers", 24, "--slow", 2)()
    assert result["published"] == 1_000_000 and result["gaps"] == 0
    assert result["seen"] > 5_000_000 and result["kills_inside_block"] > 200


def test_long_replay_joins_live_events_under_load(start):
    server = start(KEEPS_ALL)
    result = check(
        server,
        *("--events", 240_000, "--rate", 60_000, "--subscribers", 48, "--slow", 6),
        *("--spread-ms", 3_500),
        seed=SEED + 1,
    )()
    assert result["gaps"] == 0


@pytest.mark.parametrize("round_", range(3))
def test_whatever_is_missed_lies_behind_a_gap(start, round_):
    server = start(KEEPS_LITTLE)
    result = check(
        server,
        *("--loss", "evicted", "--events", 300_000, "--rate", 150_000),
        *("--subscribers", 30, "--slow", 10, "--pause-ms", 80),
        seed=SEED + 2 + round_,
    )()
    assert result["gaps"] > 50 and result["missed"] > 1000


def test_subscribers_that_stay_are_told_that_they_lagged(start):
    server = start(KEEPS_LITTLE)
    result = check(
        server,
        *("--loss", "evicted", "--events", 300_000, "--rate", 100_000, "--no-kills"),
        *("--subscribers", 18, "--slow", 18),
        seed=SEED + 5,
    )()
    assert result["gaps"] > 10 and result["connections"] == 18


@pytest.mark.parametrize("cores", ["0", "0,1"])
def test_restarts_under_load_are_announced(start, cores):
    """Killed and drained in turn; every new epoch is announced and then told from its start."""
    server = start(
        KEEPS_ALL + "drain: {retry_min_ms: 10, retry_max_ms: 50, timeout_ms: 5s}\n",
        arguments=("--cores", cores),
    )
    outcome = check(
        server,
        *("--loss", "restarts", "--events", 240_000, "--rate", 40_000, "--subscribers", 24),
        seed=SEED + 6,
    )
    for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        time.sleep(1.2)
        server.signal(end)
        code = server.wait()
        assert code == (0 if end == signal.SIGTERM else -signal.SIGKILL), server.log()
        server.start()
    result = outcome()
    assert result["epochs"] == 4 and result["gaps"] >= 24


# --- What one subscriber sees of a restart -------------------------------------------------------


def first_events_after(server, stop, resume):
    """Publishes, stops the server, publishes to the next one, then resumes."""
    for number in range(30):
        wire.publish(server.port, f"r.{number % 3}", f"old {number}", event="x")
    with wire.subscribe(server.port, *resume, from_="earliest") as stream:
        stream.events(10)
        last_id = stream.last_id
    stop(server)
    server.start()
    for number in range(9):
        wire.publish(server.port, f"r.{number % 3}", f"new {number}", event="x")
    return wire.subscribe(server.port, *resume, headers={"Last-Event-ID": last_id}), last_id


@pytest.mark.parametrize("stop", [servers.Process.kill, servers.Process.terminate])
@pytest.mark.parametrize("topics", [("r.0",), ("r.0", "r.1"), ("r.*",), ("r.2", "r.*")], ids=str)
def test_first_event_after_a_restart_is_the_gap(start, stop, topics):
    stream, last_id = first_events_after(start("metrics: {interval_ms: 0}\n"), stop, topics)
    with stream:
        names = [f"r.{n}" for n in range(3) if f"r.{n}" in topics or "r.*" in topics]
        gaps = stream.events(len(names))
        assert [gap.type for gap in gaps] == ["gap"] * len(names), gaps
        notices = {json.loads(gap.data)["topic"]: json.loads(gap.data) for gap in gaps}
        assert sorted(notices) == names
        first_ids = {}
        events = stream.events(3 * len(names))
        for event in events:
            first_ids.setdefault(event.data.split()[1], event.raw.split(b"\n")[0])
        numbers = sorted(int(number) for number in first_ids)
        assert numbers == [n for n in range(9) if f"r.{n % 3}" in names]
        for name in names:
            notice = notices[name]
            assert notice["reason"] == "epoch" and notice["requested"] == last_id
            assert first_ids[name[-1]] == b"id: " + notice["earliest"].encode()


def test_gap_of_a_pattern_that_nothing_matches_yet(start):
    """The client must learn that what it had is gone, also before anything new is there."""
    server = start("metrics: {interval_ms: 0}\n")
    wire.publish(server.port, "r.1", "old")
    with wire.subscribe(server.port, "r.*", from_="earliest") as stream:
        stream.event()
        last_id = stream.last_id
    server.kill()
    server.start()
    with wire.subscribe(server.port, "r.*", headers={"Last-Event-ID": last_id}) as stream:
        wire.publish(server.port, "r.1", "new")
        gap, event = stream.events(2)
        assert gap.type == "gap" and event.data == "new"
        notice = json.loads(gap.data)
        assert notice["reason"] == "epoch" and notice["topic"] == "r.*"
        assert notice["earliest"] is None and notice["requested"] == last_id


def test_replay_of_a_history_while_it_is_evicted(start):
    """Readers of a history that is being overwritten end at its head, with gaps at most."""
    server = start("history: {bytes: 1MiB, events: 100000, age_ms: 0}\n")
    stop = threading.Event()
    line = "x" * 500

    def publish():
        batch = json.dumps([{"topic": "busy", "data": line}] * 200)
        with wire.Connection(server.port) as connection:
            while not stop.is_set():
                assert connection.request("POST", "/api/events", (), batch).status == 200

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        for _ in range(20):
            with wire.subscribe(server.port, "busy", from_="earliest") as stream:
                last = 0
                for event in stream.events(300):
                    if event.type == "gap":
                        continue
                    number = int(event.id.split("-")[1])
                    assert number > last and event.data == line
                    last = number
    finally:
        stop.set()
        thread.join()
